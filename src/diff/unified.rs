//! Two texts as `diff -u` tells them apart, secrets masked and what a terminal would act on escaped.

use std::time::Duration;

use similar::{Algorithm, TextDiff};

use crate::secrets::Masker;
use crate::source::escape_bytes;

/// Lines of one difference that are shown.
const MOST_LINES: usize = 400;
/// Characters of a line that are shown.
const LINE_LENGTH: usize = 400;
/// Lines around a difference.
const CONTEXT: usize = 3;
/// A difference that takes longer is told more coarsely: two hostile files must not hold the program.
const PATIENCE: Duration = Duration::from_millis(200);
/// Bytes at the start in which a NUL says that a file is no text, as diff(1) has it.
const TEXT_START: usize = 8192;

/// What two files differ in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// This, in unified form.
    Text(String),
    /// One is no text.
    Binary,
    /// Only in what is masked.
    SecretsOnly,
    /// Only in how lines end, or whether the last one does.
    LineEndsOnly,
}

/// Compares two files by their bytes; none stands for a file that is not there.
pub(super) fn of(path: &str, before: Option<&[u8]>, after: Option<&[u8]>) -> Difference {
    let (old, new) = (before.unwrap_or_default(), after.unwrap_or_default());
    let is_binary = |bytes: &[u8]| memchr::memchr(0, bytes.get(..TEXT_START).unwrap_or(bytes)).is_some();
    if is_binary(old) || is_binary(new) {
        return Difference::Binary;
    }
    let masker = Masker::of(path);
    let old_lines = masker.lines(&String::from_utf8_lossy(old));
    let new_lines = masker.lines(&String::from_utf8_lossy(new));
    if old_lines == new_lines && before.is_some() && after.is_some() {
        let ends = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().collect::<Vec<_>>().join("\n");
        return if ends(old) == ends(new) { Difference::LineEndsOnly } else { Difference::SecretsOnly };
    }
    let (old_text, new_text) = (joined(&old_lines), joined(&new_lines));
    let mut config = TextDiff::configure();
    let config = config.algorithm(Algorithm::Patience).timeout(PATIENCE);
    let diff = config.diff_lines(&old_text, &new_text);
    let name = |there: bool, side: &str| match there {
        true => format!("{side}/{}", escape_bytes(path.as_bytes())),
        false => "/dev/null".to_owned(),
    };
    let text = diff
        .unified_diff()
        .context_radius(CONTEXT)
        .header(&name(before.is_some(), "before"), &name(after.is_some(), "after"))
        .to_string();
    Difference::Text(bounded(&text))
}

/// The difference in unified form; none if there is nothing in it to show.
pub(crate) fn text(path: &str, before: Option<&[u8]>, after: Option<&[u8]>) -> Option<String> {
    match of(path, before, after) {
        Difference::Text(text) => Some(text),
        Difference::Binary | Difference::SecretsOnly | Difference::LineEndsOnly => None,
    }
}

/// Each line escaped by itself and ended.
fn joined(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        let cut: String = line.chars().take(LINE_LENGTH).collect();
        // A tab is what it looks like; the rest of what moves the cursor is shown.
        let shown: Vec<String> = cut.split('\t').map(|part| escape_bytes(part.as_bytes())).collect();
        text.push_str(&shown.join("\t"));
        if cut.len() < line.len() {
            text.push('…');
        }
        text.push('\n');
    }
    text
}

fn bounded(text: &str) -> String {
    let lines = text.lines().count();
    if lines <= MOST_LINES {
        return text.to_owned();
    }
    let mut cut: String = text.lines().take(MOST_LINES).flat_map(|line| [line, "\n"]).collect();
    cut.push_str(&format!("\\ {} more lines\n", lines - MOST_LINES));
    cut
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(path: &str, before: &str, after: &str) -> String {
        match of(path, Some(before.as_bytes()), Some(after.as_bytes())) {
            Difference::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_difference_reads_as_diff_u_writes_it() {
        let told = text("etc/fstab", "a\nb\nc\n", "a\nB\nc\n");
        assert_eq!(told, "--- before/etc/fstab\n+++ after/etc/fstab\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
        let new = of("etc/hosts", None, Some(b"127.0.0.1 localhost\n"));
        let expected = "--- /dev/null\n+++ after/etc/hosts\n@@ -0,0 +1 @@\n+127.0.0.1 localhost\n";
        assert_eq!(new, Difference::Text(expected.to_owned()));
    }

    #[test]
    fn secrets_are_masked_on_both_sides() {
        let told = text("etc/ppp/peers/x", "debug\npassword one\n", "nodebug\npassword two\n");
        assert!(told.contains(" password ********") && !told.contains("one") && !told.contains("two"));
        let only = of("etc/app.conf", Some(b"password=one\n"), Some(b"password=two\n"));
        assert_eq!(only, Difference::SecretsOnly);
    }

    #[test]
    fn what_is_no_text_and_what_only_ends_otherwise_is_said() {
        assert_eq!(of("etc/x", Some(b"a\0b"), Some(b"c")), Difference::Binary);
        assert_eq!(of("etc/x", Some(b"a\r\n"), Some(b"a")), Difference::LineEndsOnly);
    }

    #[test]
    fn long_and_hostile_texts_are_bounded_and_escaped() {
        let many: String = (0..5000).map(|number| format!("line {number}\n")).collect();
        let told = text("etc/x", "", &many);
        assert_eq!(told.lines().count(), MOST_LINES + 1);
        assert!(told.ends_with("more lines\n"));
        let hostile = text("etc/x", "a\n", "\x1b[31mred\u{202e}\n");
        assert!(!hostile.contains('\x1b') && !hostile.contains('\u{202e}'));
    }

    proptest! {
        #[test]
        fn any_two_files_can_be_told_apart(
            a in proptest::collection::vec(any::<u8>(), 0..400),
            b in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            if let Difference::Text(text) = of("etc/x", Some(&a), Some(&b)) {
                prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
            }
        }
    }
}
