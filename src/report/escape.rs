//! Makes text of the audited system harmless before it is shown: names, lines and messages may hold terminal
//! escapes, markup or line breaks, and a report must not act on them.
//!
//! Everything passes [`shown`] or [`shown_lines`] when the view is made, so that no renderer meets a control
//! character; what is special to one format is escaped by that format's functions below.

use std::ops::Range;

use crate::source::escape_bytes;

/// Text for one line: control characters, line breaks among them, and characters that reorder or hide the text
/// around them are written as escapes. A tab stays what it looks like, a gap.
pub(super) fn shown(text: &str) -> String {
    escape_bytes(text.trim_end_matches(['\r', '\n']).replace('\t', " ").as_bytes())
}

/// Text of several lines, each as [`shown`] would have it; tabs stay, since commands may mean them.
pub(super) fn shown_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.trim_end().lines().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        for (part_index, part) in line.split('\t').enumerate() {
            if part_index > 0 {
                out.push('\t');
            }
            out.push_str(&escape_bytes(part.as_bytes()));
        }
    }
    out
}

/// A line as [`shown`] would have it, cut to at most `longest` characters around the stretch `marked` (byte offsets
/// in `line`), and that stretch in the result. `…` stands for what was cut off.
pub(super) fn shown_marked(line: &str, marked: Range<usize>, longest: usize) -> (String, Range<usize>) {
    let start = floor_char_boundary(line, marked.start);
    let end = floor_char_boundary(line, marked.end.max(marked.start)).max(start);
    let (before, rest) = line.split_at_checked(start).unwrap_or((line, ""));
    let (inside, after) = rest.split_at_checked(end.saturating_sub(start)).unwrap_or((rest, ""));

    let inside_kept = first_characters(inside, longest);
    let spare = longest.saturating_sub(inside_kept.chars().count());
    let before_kept = last_characters(before, spare / 2);
    let after_kept = first_characters(after, spare.saturating_sub(before_kept.chars().count()));

    let cut = |shortened: bool| if shortened { "…" } else { "" };
    let mut out = format!("{}{}", cut(before_kept.len() < before.len()), shown(before_kept));
    let mark_start = out.len();
    out.push_str(&shown(inside_kept));
    let mark_end = out.len();
    out.push_str(&shown(after_kept));
    out.push_str(cut(after_kept.len() < after.len() || inside_kept.len() < inside.len()));
    (out, mark_start..mark_end)
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index = index.saturating_sub(1);
    }
    index
}

fn first_characters(text: &str, count: usize) -> &str {
    let end = text.char_indices().nth(count).map_or(text.len(), |(index, _)| index);
    text.get(..end).unwrap_or(text)
}

fn last_characters(text: &str, count: usize) -> &str {
    let skip = text.chars().count().saturating_sub(count);
    let start = text.char_indices().nth(skip).map_or(text.len(), |(index, _)| index);
    text.get(start..).unwrap_or_default()
}

/// A piece of a sentence: prose, or what stands in backquotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Words.
    Prose(&'a str),
    /// A name, path or command.
    Code(&'a str),
}

/// Splits a sentence at its backquotes. With an odd number of them there is no telling what they enclose, and all
/// of it is prose.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    if text.matches('`').count() % 2 == 1 {
        return vec![Piece::Prose(text)];
    }
    let piece = |(index, part)| if index % 2 == 0 { Piece::Prose(part) } else { Piece::Code(part) };
    let is_empty = |piece: &Piece<'_>| matches!(piece, Piece::Prose("") | Piece::Code(""));
    text.split('`').enumerate().map(piece).filter(|piece| !is_empty(piece)).collect()
}

/// A sentence as HTML: backquoted stretches become `<code>`, everything else is text.
pub(super) fn html_sentence(text: &str) -> String {
    let render = |piece: &Piece<'_>| match piece {
        Piece::Prose(text) => html_text(text),
        Piece::Code(text) => format!("<code>{}</code>", html_text(text)),
    };
    pieces(text).iter().map(render).collect()
}

/// Text for HTML, in an element or a quoted attribute.
pub(super) fn html_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A sentence as Markdown (CommonMark with GitHub's tables): backquoted stretches stay code, and nothing else in it
/// is markup, in a table cell either.
pub(super) fn markdown_sentence(text: &str) -> String {
    let render = |piece: &Piece<'_>| match piece {
        Piece::Prose(text) => markdown_text(text),
        Piece::Code(text) => markdown_code(text),
    };
    pieces(text).iter().map(render).collect()
}

/// Text for Markdown in which nothing is markup.
pub(super) fn markdown_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // Entities, because a backslash before these is not understood everywhere.
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '$' => {
                out.push('\\');
                out.push(character);
            }
            // Mentions of people and teams, which would notify them.
            '@' => out.push_str("&#64;"),
            other => out.push(other),
        }
    }
    out
}

/// Markdown whose tags are text: what stands in code is left as it is, since nothing is markup there.
pub(super) fn markdown_prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open_fence = 0;
    let mut rest = text;
    while let Some(start) = rest.find(['`', '<']) {
        let (before, found) = rest.split_at_checked(start).unwrap_or((rest, ""));
        out.push_str(before);
        let fence = found.len().saturating_sub(found.trim_start_matches('`').len());
        if fence == 0 {
            out.push_str(if open_fence == 0 { "&lt;" } else { "<" });
        } else {
            out.push_str(&"`".repeat(fence));
            open_fence = match open_fence {
                0 => fence,
                open if open == fence => 0,
                open => open,
            };
        }
        rest = found.get(fence.max(1)..).unwrap_or_default();
    }
    out.push_str(rest);
    // A fence that nothing closes would make code of the rest of the page.
    if open_fence == 0 { out } else { text.replace('<', "&lt;").replace('`', "\\`") }
}

/// A code span for Markdown, with a fence longer than any in `text`; fit for a table cell.
pub(super) fn markdown_code(text: &str) -> String {
    let fence = "`".repeat(longest_run_of_backquotes(text).saturating_add(1));
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", text.replace('|', "\\|"))
}

/// A fenced code block for Markdown that `text` cannot end.
pub(super) fn markdown_block(text: &str) -> String {
    fenced("text", text)
}

/// A fenced block of a difference, which forges colour.
pub(super) fn markdown_diff(text: &str) -> String {
    fenced("diff", text)
}

fn fenced(language: &str, text: &str) -> String {
    let fence = "`".repeat(longest_run_of_backquotes(text).saturating_add(1).max(3));
    format!("{fence}{language}\n{text}\n{fence}")
}

fn longest_run_of_backquotes(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_and_line_breaks_become_visible() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a\tb", "a b"),
            ("red \x1b[31m", "red \\u{1b}[31m"),
            ("two\nlines", "two\\nlines"),
            ("ends\r\n", "ends"),
            ("left \u{202e} right", "left \\u{202e} right"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn a_command_keeps_its_lines_and_tabs() {
        assert_eq!(shown_lines("a\tb\x07\r\nc\n"), "a\tb\\u{7}\nc");
    }

    #[test]
    fn the_mark_moves_with_the_escapes_before_it() {
        let line = "x\x1by /dev/sda1 z";
        let (text, mark) = shown_marked(line, 4..13, 100);
        assert_eq!(text, "x\\u{1b}y /dev/sda1 z");
        assert_eq!(text.get(mark), Some("/dev/sda1"));
    }

    #[test]
    fn a_long_line_is_cut_around_its_mark() {
        let line = format!("{}MARK{}", "a".repeat(500), "b".repeat(500));
        let (text, mark) = shown_marked(&line, 500..504, 24);
        assert_eq!(text, "…aaaaaaaaaaMARKbbbbbbbbbb…");
        assert_eq!(text.get(mark), Some("MARK"));
    }

    #[test]
    fn backquotes_are_code_when_they_pair_up() {
        assert_eq!(pieces("a `b` c"), [Piece::Prose("a "), Piece::Code("b"), Piece::Prose(" c")]);
        assert_eq!(pieces("a `b"), [Piece::Prose("a `b")]);
    }

    #[test]
    fn markup_is_only_text() {
        assert_eq!(html_sentence("<b> `<i>`"), "&lt;b&gt; <code>&lt;i&gt;</code>");
        assert_eq!(markdown_sentence("*a* | `b|c`"), "\\*a\\* \\| `b\\|c`");
        assert_eq!(markdown_code("a`b"), "``a`b``");
        assert_eq!(markdown_prose("<b> `<i>` ``a`<u>``"), "&lt;b> `<i>` ``a`<u>``");
        assert_eq!(markdown_prose("` <b>"), "\\` &lt;b>");
        assert_eq!(markdown_block("```\nx"), "````text\n```\nx\n````");
    }

    proptest! {
        #[test]
        fn marking_never_panics_and_never_shows_a_control_character(
            line in any::<String>(), start in 0usize..300, length in 0usize..300, longest in 0usize..80,
        ) {
            let (text, mark) = shown_marked(&line, start..start.saturating_add(length), longest);
            prop_assert!(text.get(mark).is_some());
            prop_assert!(!text.chars().any(char::is_control));
        }

        #[test]
        fn a_sentence_never_brings_its_own_tags(text in any::<String>()) {
            let html = html_sentence(&shown(&text));
            let without = html.replace("<code>", "").replace("</code>", "");
            prop_assert!(!without.contains(['<', '>', '"']));
        }
    }
}
