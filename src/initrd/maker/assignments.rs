//! `KEY=value` lines of shell configuration, as the small files inside an image have them.

/// One assignment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) key: String,
    /// Without quotes. Expansions are left as they are written.
    pub(super) value: String,
    /// The line, from 1.
    pub(super) line: u32,
}

/// The assignments in `text`, one a line, also those behind `||` as SUSE's `run_all.sh` has them.
pub(super) fn assignments(text: &[u8]) -> Vec<Assignment> {
    let text = String::from_utf8_lossy(text);
    text.lines().zip(1..).filter_map(|(line, number)| assignment(line, number)).collect()
}

fn assignment(line: &str, number: u32) -> Option<Assignment> {
    let line = line.trim();
    let line = line.rsplit_once("|| ").map_or(line, |(_, behind)| behind);
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let (key, value) = line.split_once('=')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if key.is_empty() || !key.chars().all(is_name) || key.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            value.get(1..).unwrap_or_default().split(quote).next().unwrap_or_default()
        }
        _ => value.split([' ', '\t', ';']).next().unwrap_or_default(),
    };
    Some(Assignment { key: key.to_owned(), value: value.trim().to_owned(), line: number })
}

#[cfg(test)]
mod tests {
    use super::{Assignment, assignments};

    #[test]
    fn assignments_are_read_as_a_shell_does() {
        let text = b"# RESUME=none\nRESUME=UUID=1-2 # swap\n  export A='b c'\nB=\"x\"y\n[ \"$C\" ] || C='d e'\n9=x\n=y\nD=\n";
        let found: Vec<(String, String, u32)> =
            assignments(text).into_iter().map(|Assignment { key, value, line }| (key, value, line)).collect();
        let expected =
            [("RESUME", "UUID=1-2", 2), ("A", "b c", 3), ("B", "x", 4), ("C", "d e", 5), ("D", "", 8)];
        let expected = expected.map(|(key, value, line)| (key.to_owned(), value.to_owned(), line));
        assert_eq!(found, expected);
    }
}
