//! The frame of every HTML page: one file that loads nothing. Style and script stand in it, and its
//! Content-Security-Policy names both by their hash, so that a browser applies and runs nothing else, wherever text of
//! the audited system may have ended up.
//!
//! Content Security Policy Level 3, 2.3.1 (`hash-source`): the hash is taken of the element's text as it stands.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tera::{Context, TeraResult};

use super::templates;

/// What all pages are made of.
const PARTS: [(&str, &str); 6] = [
    ("page.html", include_str!("../../reports/page.html")),
    ("parts.html", include_str!("../../reports/parts.html")),
    ("findings.html", include_str!("../../reports/findings.html")),
    ("filters.html", include_str!("../../reports/filters.html")),
    ("place.html", include_str!("../../reports/place.html")),
    ("set-aside.html", include_str!("../../reports/set-aside.html")),
];
const STYLE: &str = include_str!("../../reports/report.css");
const SCRIPT: &str = include_str!("../../reports/report.js");

/// A kind of page.
pub(super) struct Page {
    /// The template that extends `page.html`.
    pub(super) template: &'static str,
    /// It, and the pieces that it includes beside those of all pages.
    pub(super) parts: &'static [(&'static str, &'static str)],
    /// Its own style, after that of all pages.
    pub(super) style: &'static str,
    /// Its own script, after that of all pages.
    pub(super) script: &'static str,
}

/// The page with what `view` says.
pub(super) fn render(page: &Page, view: &impl Serialize) -> TeraResult<String> {
    let style = [STYLE, page.style].concat();
    let script = [SCRIPT, page.script].concat();
    let mut context = Context::from_serialize(view)?;
    context.insert("style_hash", &hash_source(&style));
    context.insert("script_hash", &hash_source(&script));
    context.insert("style", &style);
    context.insert("script", &script);
    let parts: Vec<_> = PARTS.iter().chain(page.parts).copied().collect();
    templates::fill_with(page.template, &parts, &context)
}

/// The name of an element's text in a policy, without the quotes around it.
fn hash_source(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// A page without what stands between its tags `style` and `script`, and without their hashes.
#[cfg(test)]
pub(super) fn without_style_and_script(page: &str) -> String {
    let mut rest = page.to_owned();
    for (start, end) in
        [("<style>", "</style>"), ("<script>", "</script>"), ("style-src '", "'"), ("script-src '", "'")]
    {
        let (before, after) = rest.split_once(start).unwrap();
        let (_, after) = after.split_once(end).unwrap();
        rest = format!("{before}{start}…{end}{after}");
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification, 8.3.
    #[test]
    fn a_script_is_named_as_the_specification_names_it() {
        assert_eq!(
            hash_source("alert('Hello, world.');"),
            "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
        );
    }

    #[test]
    fn nothing_in_style_and_script_ends_its_element() {
        for text in [STYLE, SCRIPT] {
            assert!(!text.contains("</") && !text.contains("<!--"));
        }
    }
}
