//! The report as one page: no network, light and dark, on paper too.

use super::page::{self, Page};
use super::view::View;
use super::{Part, Report};

const PAGE: Page = Page {
    template: "report.html",
    parts: &[
        ("report.html", include_str!("../../reports/report.html")),
        ("boots.html", include_str!("../../reports/boots.html")),
        ("chains.html", include_str!("../../reports/chains.html")),
        ("said.html", include_str!("../../reports/said.html")),
    ],
    style: "",
    script: "",
};

/// The whole page.
///
/// # Errors
/// A mistake in the built-in templates, which the tests exclude.
pub fn render(report: &Report, part: Part) -> tera::TeraResult<String> {
    page::render(&PAGE, &View::of(report, part))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_report_as_a_page() {
        insta::assert_snapshot!(page::without_style_and_script(
            &render(&sample::san_server(), Part::Whole).unwrap()
        ));
    }

    #[test]
    fn the_boots_alone_as_a_page() {
        let page = render(&sample::many(), Part::Boots).unwrap();
        assert!(!page.contains("Findings") && !page.contains("Nothing found"));
        insta::assert_snapshot!(page::without_style_and_script(&page));
    }

    #[test]
    fn the_page_loads_nothing_and_runs_nothing_but_its_own_script() {
        let page = page::without_style_and_script(&render(&sample::san_server(), Part::Whole).unwrap());
        for forbidden in
            ["<script ", "<iframe", "<object", "<form", " src=", "@import", "url(", "javascript:", " onclick"]
        {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn every_link_inside_the_page_leads_somewhere_and_ids_are_unique() {
        for report in
            [sample::san_server(), sample::many(), sample::healthy(), sample::with_everywhere("<&\"' \n")]
        {
            let page = page::without_style_and_script(&render(&report, Part::Whole).unwrap());
            let values = |name: &str| -> Vec<String> {
                let quoted = page.split(name).skip(1).filter_map(|rest| rest.split('"').next());
                quoted.map(ToOwned::to_owned).collect()
            };
            let ids = values(" id=\"");
            let unique: std::collections::BTreeSet<_> = ids.iter().collect();
            assert_eq!(unique.len(), ids.len(), "{ids:?}");
            for link in
                values(" href=\"#").into_iter().chain(values(" for=\"")).chain(values("aria-labelledby=\""))
            {
                assert!(ids.contains(&link), "{link}");
            }
        }
    }

    #[test]
    fn tags_are_balanced() {
        for report in [
            sample::san_server(),
            sample::many(),
            sample::healthy(),
            sample::with_everywhere("</article></main>"),
        ] {
            let page = page::without_style_and_script(&render(&report, Part::Whole).unwrap());
            let mut open: Vec<&str> = Vec::new();
            for tag in page.split('<').skip(1) {
                let name = tag.split([' ', '>', '\n']).next().unwrap();
                let is_void = ["!doctype", "meta", "link", "input"].contains(&name)
                    || tag.split('>').next().unwrap().ends_with('/');
                match name.strip_prefix('/') {
                    Some(closed) => assert_eq!(open.pop(), Some(closed)),
                    None if is_void => {}
                    None => open.push(name),
                }
            }
            assert_eq!(open, [""; 0]);
        }
    }
}
