//! What the audited system says is shown and never acted upon, in every format.

use unicode_width::UnicodeWidthStr as _;

use super::page::without_style_and_script;
use super::{Part, Report, html, json, markdown, sample, text};

/// Names and lines that a hostile system may hold.
const HOSTILE: [&str; 9] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{9b}31mred",
    "a | b `c` ``` d",
    "one\ntwo\r\n# three\n```\n<b>",
    "[click](javascript:alert(1)) ![x](http://example.com/x.png) @team #1",
    "{{ 7 * 191 }} {% raw %}",
    "left \u{202e}right\u{200b}",
];

fn all(report: &Report) -> [(&'static str, String); 7] {
    [
        ("text", text::render(report, text::Colour::Plain)),
        ("boots", text::render_boots(report, text::Colour::Plain)),
        ("markdown", markdown::render(report, Part::Whole).unwrap()),
        ("html", html::render(report, Part::Whole).unwrap()),
        ("boots in markdown", markdown::render(report, Part::Boots).unwrap()),
        ("boots in html", html::render(report, Part::Boots).unwrap()),
        ("json", json::render(report).unwrap()),
    ]
}

#[test]
fn no_format_lets_a_control_character_through() {
    for hostile in HOSTILE {
        for (format, text) in all(&sample::with_everywhere(hostile)) {
            let control = text.chars().find(|c| c.is_control() && *c != '\n');
            assert_eq!(control, None, "{format}: {hostile:?}");
            let deceptive = text.contains(['\u{202e}', '\u{200b}']);
            assert!(!deceptive, "{format}: {hostile:?}");
        }
    }
}

#[test]
fn colours_come_from_bootproof_alone() {
    for hostile in HOSTILE {
        let report = sample::with_everywhere(hostile);
        let styled =
            text::render(&report, text::Colour::Styled) + &text::render_boots(&report, text::Colour::Styled);
        for sequence in styled.split('\u{1b}').skip(1) {
            let end = sequence.find(|c: char| c.is_ascii_alphabetic());
            assert_eq!(end.and_then(|end| sequence.get(end..=end)), Some("m"), "{hostile:?}");
        }
        assert!(!styled.contains(['\u{7}', '\u{9b}']), "{hostile:?}");
    }
}

#[test]
fn chains_and_matrix_fit_80_columns_whatever_the_names() {
    let long = ["x".repeat(500), "word ".repeat(200), "\u{5bbd}".repeat(300), "\u{1b}".repeat(100)];
    for hostile in HOSTILE.into_iter().chain(long.iter().map(String::as_str)) {
        let text = text::render_boots(&sample::with_everywhere(hostile), text::Colour::Plain);
        let widest = text.lines().max_by_key(|line| line.width()).unwrap();
        assert!(widest.width() <= 80, "{hostile:?}: {widest}");
    }
    let text = text::render_boots(&sample::many(), text::Colour::Plain);
    assert!(text.lines().all(|line| line.width() <= 80));
}

#[test]
fn html_has_no_tag_or_attribute_from_the_system() {
    let tags = |page: &str| page.matches('<').count();
    let harmless = tags(&html::render(&sample::with_everywhere("harmless"), Part::Whole).unwrap());
    let harmless_boots = tags(&html::render(&sample::with_everywhere("harmless"), Part::Boots).unwrap());
    for hostile in HOSTILE.into_iter().filter(|hostile| !hostile.contains(['`', '[', '\n'])) {
        let page = html::render(&sample::with_everywhere(hostile), Part::Whole).unwrap();
        assert_eq!(tags(&page), harmless, "{hostile:?}");
        let page = html::render(&sample::with_everywhere(hostile), Part::Boots).unwrap();
        assert_eq!(tags(&page), harmless_boots, "{hostile:?}");
    }
    for hostile in HOSTILE {
        let page = html::render(&sample::with_everywhere(hostile), Part::Whole).unwrap();
        let page = without_style_and_script(&page);
        for forbidden in ["<script>a", "<img", "href=\"javascript", "1337"] {
            assert!(!page.contains(forbidden), "{forbidden} from {hostile:?}");
        }
    }
}

#[test]
fn markdown_has_no_markup_from_the_system() {
    for hostile in HOSTILE {
        let page = markdown::render(&sample::with_everywhere(hostile), Part::Whole).unwrap();
        let (mut html, mut links, mut images, mut tables) = (Vec::new(), 0, 0, 0);
        for event in pulldown_cmark::Parser::new_ext(&page, pulldown_cmark::Options::ENABLE_TABLES) {
            match event {
                pulldown_cmark::Event::Html(tag) | pulldown_cmark::Event::InlineHtml(tag) => html.push(tag),
                pulldown_cmark::Event::Start(pulldown_cmark::Tag::Link { .. }) => links += 1,
                pulldown_cmark::Event::Start(pulldown_cmark::Tag::Image { .. }) => images += 1,
                pulldown_cmark::Event::Start(pulldown_cmark::Tag::TableCell) => tables += 1,
                _ => {}
            }
        }
        let is_summary = |tag: &str| {
            let inside =
                tag.strip_prefix("<details><summary>").and_then(|tag| tag.strip_suffix("</summary>\n"));
            inside.is_some_and(|text| !text.replace("<code>", "").replace("</code>", "").contains(['<', '>']))
        };
        let ours = |tag: &str| tag == "</details>\n" || is_summary(tag);
        assert!(html.iter().all(|tag| ours(tag)), "{html:?} from {hostile:?}");
        // The reason of a rule is Markdown by the hand of its author, so only there links may stand.
        assert!(links <= 1 && images <= 1, "{hostile:?}: {links} links, {images} images");
        assert_eq!(tables, 10, "{hostile:?}");
    }
}

#[test]
fn the_same_report_is_rendered_the_same() {
    let (first, second) = (all(&sample::san_server()), all(&sample::san_server()));
    assert_eq!(first, second);
}

#[test]
fn text_without_paths_and_commands_fits_80_columns() {
    let report = sample::san_server();
    let text = text::render(&report, text::Colour::Plain);
    for line in text.lines().filter(|line| !line.contains("dracut --force") && !line.contains("UUID=")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn many_findings_of_one_rule_stay_one_block() {
    let mut report = sample::san_server();
    let finding = report.findings.iter().find(|finding| finding.rule == "fstab-kernel-name").unwrap().clone();
    report.findings = (0..20_000_u32)
        .map(|line| {
            let mut finding = finding.clone();
            finding.at.line = Some(line / 2);
            finding.target = Some(if line % 2 == 0 { "kvm" } else { "vmware" }.to_owned());
            finding.fingerprint = line.to_string();
            finding
        })
        .collect();
    for (format, text) in [
        ("text", text::render(&report, text::Colour::Plain)),
        ("markdown", markdown::render(&report, Part::Whole).unwrap()),
        ("html", html::render(&report, Part::Whole).unwrap()),
    ] {
        assert!(text.len() < 2_000_000, "{format}");
        let more = if format == "markdown" { 10_000 - 20 } else { 10_000 - 500 };
        assert!(text.contains(&format!("{more} more")), "{format}");
    }
}
