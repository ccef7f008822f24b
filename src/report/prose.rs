//! Turns lists and numbers into sentences, and sentences into lines.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(names: &[impl AsRef<str>]) -> String {
    match names {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// `1 problem`, `3 problems`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// The first paragraph of a Markdown text, on one line.
pub(super) fn first_paragraph(markdown: &str) -> String {
    let lines = markdown.trim().lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

/// The first sentences of `text` that are together no longer than `longest` characters; at least one.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    let mut end = 0;
    for (index, _) in text.match_indices(". ") {
        if end > 0 && text.get(..index).is_some_and(|start| start.chars().count() > longest) {
            break;
        }
        end = index.saturating_add(1);
    }
    let whole = end == 0 || text.chars().count() <= longest;
    if whole { text.to_owned() } else { text.get(..end).unwrap_or(text).to_owned() }
}

/// Breaks `text` between words into lines of at most `width` columns. A word that is longer has a line of its own,
/// and what stands in backquotes is one word, so that paths and commands can still be copied.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words(text, width) {
        if !line.is_empty() && line.width().saturating_add(1).saturating_add(word.width()) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Breaks `text` as [`wrapped`] does, and words that are longer than `width` wherever the line is full: what is drawn
/// must not run over its frame.
pub(super) fn broken(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for line in wrapped(text, width) {
        let mut piece = String::new();
        let mut columns = 0_usize;
        for character in line.chars() {
            let more = character.width().unwrap_or_default();
            if columns.saturating_add(more) > width {
                lines.push(std::mem::take(&mut piece));
                columns = 0;
            }
            piece.push(character);
            columns = columns.saturating_add(more);
        }
        lines.push(piece);
    }
    lines
}

/// The words of `text`. A stretch in backquotes is one word if it fits in a line and no backquote is left over.
fn words(text: &str, width: usize) -> Vec<&str> {
    let paired = text.matches('`').count().is_multiple_of(2);
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let mut quoted = false;
        let is_end = |c: char| {
            quoted ^= c == '`' && paired;
            c.is_whitespace() && !quoted
        };
        let end = rest.find(is_end).unwrap_or(rest.len());
        let first = rest.find(char::is_whitespace).unwrap_or(rest.len());
        if first < end && rest.get(..end).is_some_and(|word| word.width() > width) {
            // The stretch has to be broken, so its other backquote must not open a new one.
            words.extend(rest.split_whitespace());
            return words;
        }
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// `text` with spaces after it up to `width` columns.
pub(super) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// `text` cut to `width` columns, `…` standing for the rest.
pub(crate) fn clipped(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    for character in text.chars() {
        if format!("{out}{character}").width() >= width {
            break;
        }
        out.push(character);
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_in_a_sentence() {
        assert_eq!(listed(&["kvm"]), "kvm");
        assert_eq!(listed(&["kvm", "azure"]), "kvm and azure");
        assert_eq!(listed(&["kvm", "azure", "gcp"]), "kvm, azure and gcp");
        assert_eq!(listed(&[""; 0]), "");
    }

    #[test]
    fn a_long_text_ends_with_a_whole_sentence() {
        assert_eq!(shortened("One two. Three four. Five six.", 20), "One two. Three four.");
        assert_eq!(shortened("One two. Three.", 20), "One two. Three.");
        assert_eq!(shortened("One two three. Four.", 5), "One two three.");
        assert_eq!(shortened("One two three", 5), "One two three");
    }

    #[test]
    fn lines_break_between_words_only() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a /very/long/path b", 5), ["a", "/very/long/path", "b"]);
        assert_eq!(wrapped("  ", 5), [""; 0]);
        assert_eq!(wrapped("run `a b` now", 7), ["run", "`a b`", "now"]);
        assert_eq!(wrapped("run `a b c d` now", 7), ["run `a", "b c d`", "now"]);
        assert_eq!(wrapped("a ` b", 3), ["a `", "b"]);
    }

    #[test]
    fn what_is_drawn_never_runs_over_its_frame() {
        assert_eq!(broken("a /very/long/path b", 5), ["a", "/very", "/long", "/path", "b"]);
        assert_eq!(broken("one two", 7), ["one two"]);
        assert_eq!(broken("", 5), [""; 0]);
    }

    #[test]
    fn clipping_keeps_the_width() {
        assert_eq!(clipped("kernel", 6), "kernel");
        assert_eq!(clipped("kernels", 6), "kerne…");
        assert_eq!(padded("ab", 4), "ab  ");
    }

    #[test]
    fn the_first_paragraph_ends_at_an_empty_line() {
        assert_eq!(first_paragraph("\none\n  two\n\nthree"), "one two");
    }
}
