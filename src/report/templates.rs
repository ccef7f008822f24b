//! The templates under `reports/`, built into the program, and the filters that they use.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde::Serialize;
use tera::{Context, Kwargs, State, Tera, TeraResult, Value};

use super::escape;

/// What a template writes as `{{ cut }}`: from here on, a part may be left out of a report that is too long. No text of
/// a view has a control character.
pub(super) const CUT: char = '\u{1e}';

/// Fills the template `name`, of which `parts` are the pieces that it includes, with `view`.
pub(super) fn fill(name: &str, parts: &[(&str, &str)], view: &impl Serialize) -> TeraResult<String> {
    let mut context = Context::from_serialize(view)?;
    context.insert("cut", &CUT);
    fill_with(name, parts, &context)
}

/// Fills the template `name` with what `context` holds.
pub(super) fn fill_with(name: &str, parts: &[(&str, &str)], context: &Context) -> TeraResult<String> {
    let mut tera = Tera::new();
    tera.register_filter("sentence", sentence);
    tera.register_filter("prose", prose);
    tera.register_filter("reference", reference);
    tera.register_filter("mark", mark);
    tera.register_filter("state", state);
    tera.register_filter("drawn", drawn);
    tera.register_filter("unified", unified);
    tera.register_filter("md_diff", |text: &str, _: Kwargs, _: &State| escape::markdown_diff(text));
    tera.register_filter("logged", logged);
    tera.register_filter("md", |text: &str, _: Kwargs, _: &State| escape::markdown_sentence(text));
    tera.register_filter("md_text", |text: &str, _: Kwargs, _: &State| escape::markdown_text(text));
    tera.register_filter("md_prose", |text: &str, _: Kwargs, _: &State| escape::markdown_prose(text));
    tera.register_filter("md_code", |text: &str, _: Kwargs, _: &State| escape::markdown_code(text));
    tera.register_filter("md_block", |text: &str, _: Kwargs, _: &State| escape::markdown_block(text));
    tera.autoescape_on(vec![".html"]);
    tera.add_raw_templates(parts.iter().copied())?;
    tera.render(name, context)
}

/// A sentence with backquotes, as HTML.
fn sentence(text: &str, _: Kwargs, _: &State) -> Value {
    Value::safe_string(&escape::html_sentence(text))
}

/// A text in Markdown, as HTML. Its own HTML is shown as text, pictures as their words, and links that do
/// not lead to the web as theirs: the text may hold names from the audited system.
fn prose(text: &str, _: Kwargs, _: &State) -> Value {
    let mut links = Vec::new();
    let events =
        Parser::new_ext(text, Options::ENABLE_TABLES).filter_map(|event| harmless(event, &mut links));
    let mut html = String::with_capacity(text.len().saturating_mul(2));
    pulldown_cmark::html::push_html(&mut html, events);
    Value::safe_string(&html)
}

/// A source, as HTML: a link if it is an address on the web.
fn reference(text: &str, _: Kwargs, _: &State) -> Value {
    let shown = escape::html_sentence(text);
    let is_web = ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme));
    if !is_web || text.contains(char::is_whitespace) {
        return Value::safe_string(&shown);
    }
    let address = escape::html_text(text);
    Value::safe_string(&format!("<a href=\"{address}\" rel=\"noreferrer\">{address}</a>"))
}

/// A cell of the matrix as a sign, for where there is no colour to be had.
fn mark(cell: &Value, _: Kwargs, _: &State) -> &'static str {
    match cell.get_from_path("outcome").and_then(Value::as_str) {
        Some("boots") => "✅",
        Some("fails") => "❌",
        Some(_) => "❓",
        None => "",
    }
}

/// A step's state as a sign and in words.
fn state(step: &Value, _: Kwargs, _: &State) -> &'static str {
    match step.get_from_path("state").and_then(Value::as_str) {
        Some("ok") => "✅ ok",
        Some("fails") => "❌ fails",
        Some("unknown") => "❓ unknown",
        Some("would-work") => "would work",
        Some("would-fail") => "would fail",
        _ => "not reached",
    }
}

/// A place's line, numbered, with the carets below it.
fn drawn(place: &Value, _: Kwargs, _: &State) -> String {
    let text = |path: &'static str| place.get_from_path(path).and_then(Value::as_str).unwrap_or_default();
    let number =
        place.get_from_path("line").and_then(Value::as_u64).map(|line| line.to_string()).unwrap_or_default();
    let gutter = " ".repeat(number.len());
    let [before, marked, after, carets] =
        ["snippet.before", "snippet.marked", "snippet.after", "snippet.carets"].map(text);
    format!("{number} | {before}{marked}{after}\n{gutter} | {carets}")
}

/// The lines of a difference as one text.
fn unified(file: &Value, _: Kwargs, _: &State) -> String {
    let lines = file.get_from_path("lines").and_then(Value::as_array).unwrap_or_default();
    let lines = lines.iter().filter_map(|line| line.get_from_path("text").and_then(Value::as_str));
    lines.collect::<Vec<_>>().join("\n")
}

/// A line of a log with its number.
fn logged(shown: &Value, _: Kwargs, _: &State) -> String {
    let text = shown.get_from_path("text").and_then(Value::as_str).unwrap_or_default();
    let number = shown.get_from_path("line").and_then(Value::as_u64).unwrap_or_default();
    format!("{number} | {text}")
}

/// What is shown of `event`; `links` holds, for each link that is open, whether it is one that is kept.
fn harmless<'a>(event: Event<'a>, links: &mut Vec<bool>) -> Option<Event<'a>> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::HtmlBlock | Tag::Image { .. }) | Event::End(TagEnd::HtmlBlock | TagEnd::Image) => {
            None
        }
        Event::Start(Tag::Link { ref dest_url, .. }) => {
            let is_web = dest_url.starts_with("https://") || dest_url.starts_with("http://");
            links.push(is_web);
            is_web.then_some(event)
        }
        Event::End(TagEnd::Link) => links.pop().unwrap_or_default().then_some(event),
        // The page has its own headings; one inside a finding would break their order.
        Event::Start(Tag::Heading { .. }) => Some(Event::Start(Tag::Paragraph)),
        Event::End(TagEnd::Heading(_)) => Some(Event::End(TagEnd::Paragraph)),
        other => Some(other),
    }
}
