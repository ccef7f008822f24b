//! A change of a file as a unified diff that patch(1) takes, byte for byte, and without the lines around it that hold a secret.
//!
//! The format is that of GNU diff (diffutils manual, "Detailed Description of Unified Format"). patch(1) takes a hunk with less
//! context behind than before for the end of the file, so the context is cut on both sides alike.

use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

/// Lines around a change, as diff(1) has them, and fewer where one of them may not be shown.
const CONTEXT: [usize; 4] = [3, 2, 1, 0];

/// The diff from `old` to `new` of the file at `path`, relative to the root; none stands for a file that is not there. No line
/// for which `is_secret` holds (an index of `old`) is in it; none if one of those is changed.
pub(super) fn unified(
    path: &[u8],
    old: Option<&[u8]>,
    new: Option<&[u8]>,
    is_secret: impl Fn(usize) -> bool,
) -> Option<Vec<u8>> {
    let (before, after) = (lines(old.unwrap_or_default()), lines(new.unwrap_or_default()));
    let ops = capture_diff_slices(Algorithm::Patience, &before, &after);
    let shown = |radius: usize| {
        let groups = group_diff_ops(ops.clone(), radius);
        let leaks = groups.iter().flatten().any(|op| op.old_range().any(&is_secret));
        (!leaks).then_some(groups)
    };
    let groups = CONTEXT.into_iter().find_map(shown)?;
    let mut out = Vec::new();
    header(&mut out, b"--- ", b"a/", old.map(|_| path));
    header(&mut out, b"+++ ", b"b/", new.map(|_| path));
    for group in &groups {
        hunk(&mut out, group, &before, &after);
    }
    Some(out)
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// `--- a/etc/fstab`. A name with a blank ends in a tab, as git(1) has it, one with anything stranger stands in quotes.
fn header(out: &mut Vec<u8>, mark: &[u8], side: &[u8], path: Option<&[u8]>) {
    out.extend_from_slice(mark);
    match path {
        None => out.extend_from_slice(b"/dev/null"),
        Some(path) => {
            let strange = |byte: &u8| *byte < b' ' || *byte >= 0x7f || matches!(byte, b'"' | b'\\');
            let is_strange = path.iter().any(strange);
            if is_strange {
                out.push(b'"');
            }
            out.extend_from_slice(side);
            for byte in path {
                if strange(byte) {
                    out.extend_from_slice(format!("\\{byte:03o}").as_bytes());
                } else {
                    out.push(*byte);
                }
            }
            if is_strange {
                out.push(b'"');
            } else if path.contains(&b' ') {
                out.push(b'\t');
            }
        }
    }
    out.push(b'\n');
}

fn hunk(out: &mut Vec<u8>, group: &[DiffOp], before: &[&[u8]], after: &[&[u8]]) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
    let old = first.old_range().start..last.old_range().end;
    let new = first.new_range().start..last.new_range().end;
    out.extend_from_slice(format!("@@ -{} +{} @@\n", stretch(&old), stretch(&new)).as_bytes());
    for op in group {
        let is_same = matches!(op, DiffOp::Equal { .. });
        let mark = if is_same { b' ' } else { b'-' };
        before.get(op.old_range()).unwrap_or_default().iter().for_each(|text| line(out, mark, text));
        if !is_same {
            after.get(op.new_range()).unwrap_or_default().iter().for_each(|text| line(out, b'+', text));
        }
    }
}

/// `3,7`; `3` for one line; of no lines, the one before.
fn stretch(range: &std::ops::Range<usize>) -> String {
    match range.len() {
        0 => format!("{},0", range.start),
        1 => (range.start + 1).to_string(),
        length => format!("{},{length}", range.start + 1),
    }
}

fn line(out: &mut Vec<u8>, mark: u8, text: &[u8]) {
    out.push(mark);
    out.extend_from_slice(text);
    if !text.ends_with(b"\n") {
        out.extend_from_slice(b"\n\\ No newline at end of file\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(path: &str, old: Option<&str>, new: Option<&str>) -> String {
        let bytes = unified(path.as_bytes(), old.map(str::as_bytes), new.map(str::as_bytes), |_| false);
        String::from_utf8(bytes.unwrap()).unwrap()
    }

    #[test]
    fn diffs_read_as_diff_u_writes_them() {
        let edited = diff("etc/fstab", Some("a\nb\nc\nd\ne\n"), Some("a\nb\nc\nd\nE\n"));
        assert_eq!(edited, "--- a/etc/fstab\n+++ b/etc/fstab\n@@ -2,4 +2,4 @@\n b\n c\n d\n-e\n+E\n");
        let made = diff("etc/x", None, Some("a\nb\n"));
        assert_eq!(made, "--- /dev/null\n+++ b/etc/x\n@@ -0,0 +1,2 @@\n+a\n+b\n");
        let gone = diff("etc/x", Some("a\n"), None);
        assert_eq!(gone, "--- a/etc/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
        let unended = diff("x", Some("a\r\nb"), Some("a\r\nc\r\n"));
        assert!(unended.ends_with(" a\r\n-b\n\\ No newline at end of file\n+c\r\n"), "{unended}");
    }

    #[test]
    fn names_that_would_be_misread_are_quoted() {
        assert!(diff("etc/a b", Some("a\n"), Some("b\n")).starts_with("--- a/etc/a b\t\n+++ b/etc/a b\t\n"));
        let hostile = unified(b"etc/a\n+++ \xff", Some(b"a\n"), Some(b"b\n"), |_| false).unwrap();
        assert!(hostile.starts_with(b"--- \"a/etc/a\\012+++ \\377\"\n"));
    }

    #[test]
    fn lines_with_secrets_are_neither_context_nor_changed() {
        let old = "password x\na\nb\nc\nd\n";
        let new = old.replace("b\n", "B\n");
        let without = |line: usize| line == 0;
        let bytes = unified(b"x", Some(old.as_bytes()), Some(new.as_bytes()), without).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), "--- a/x\n+++ b/x\n@@ -2,3 +2,3 @@\n a\n-b\n+B\n c\n");
        let changed = old.replace('x', "y");
        assert_eq!(unified(b"x", Some(old.as_bytes()), Some(changed.as_bytes()), without), None);
    }
}
