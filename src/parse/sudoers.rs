//! Whether sudoers(5) is in order, as far as its shape says: joined lines, the kinds of lines, balanced quotes, and the
//! `=` that each rule needs. sudo refuses to work at all with a file that it cannot parse (before 1.9.3; newer ones pass
//! over the line).

use super::Mistake;
use super::lines::lines;
use crate::place::Span;

/// An `#include`, `#includedir`, `@include` or `@includedir`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// The path.
    pub path: String,
    /// It is a folder.
    pub is_folder: bool,
    /// The line.
    pub span: Span,
}

/// A rule that grants something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// To whom: `root`, `%wheel`, `ALL`.
    pub who: String,
    /// The line.
    pub span: Span,
}

/// What a file holds.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct File {
    /// Other files.
    pub includes: Vec<Include>,
    /// Its rules.
    pub grants: Vec<Grant>,
    /// What sudo cannot parse.
    pub mistakes: Vec<Mistake>,
}

/// Bytes of a line that is joined from several.
const MAX_LINE: usize = 64 * 1024;

/// Reads a file.
#[must_use]
pub fn parse(bytes: &[u8]) -> File {
    let mut file = File::default();
    let mut open: Option<(String, Span)> = None;
    for line in lines(bytes) {
        let part = line.text.trim_end();
        let (text, span) = match open.take() {
            Some((mut text, span)) => {
                if text.len() < MAX_LINE {
                    text.push(' ');
                    text.push_str(part.trim());
                }
                (text, span)
            }
            None => (part.trim().to_owned(), line.span_of(part.trim())),
        };
        match text.strip_suffix('\\') {
            Some(start) if !text.starts_with('#') => open = Some((start.to_owned(), span)),
            _ => file.add(&text, span),
        }
    }
    if let Some((_, span)) = open {
        file.mistakes
            .push(Mistake { span, message: "the file ends with a line that is continued".to_owned() });
    }
    file
}

impl File {
    fn add(&mut self, text: &str, span: Span) {
        for (word, is_folder) in [("includedir", true), ("include", false)] {
            let rest = text.strip_prefix(['#', '@']).and_then(|rest| rest.strip_prefix(word));
            if let Some(path) = rest.filter(|rest| rest.starts_with([' ', '\t'])) {
                let path = path.trim().trim_matches('"').to_owned();
                self.includes.push(Include { path, is_folder, span });
                return;
            }
        }
        // `#1000` is a user's number.
        let is_number =
            text.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if text.is_empty() || (text.starts_with('#') && !is_number) {
            return;
        }
        let plain = without_comment(text);
        let mut complain = |message: &str| self.mistakes.push(Mistake { span, message: message.to_owned() });
        if plain.matches('"').count() % 2 == 1 {
            complain("a quote is not closed");
            return;
        }
        let word = plain.split([' ', '\t', '=']).next().unwrap_or_default();
        if word.starts_with("Defaults") {
            if plain.trim() == word && word == "Defaults" {
                complain("`Defaults` sets nothing");
            }
            return;
        }
        if matches!(word, "User_Alias" | "Runas_Alias" | "Host_Alias" | "Cmnd_Alias" | "Cmd_Alias") {
            let name = plain.get(word.len()..).unwrap_or_default().trim_start();
            if !name.starts_with(|c: char| c.is_ascii_uppercase()) || !name.contains('=') {
                complain("an alias needs a name of capital letters and `=`");
            }
            return;
        }
        if !plain.contains('=') {
            complain("a rule needs `user host = command`");
            return;
        }
        let left = plain.split('=').next().unwrap_or_default();
        if left.split_whitespace().count() < 2 {
            complain("a rule needs a user and a host before `=`");
            return;
        }
        if plain.split_once('=').is_some_and(|(_, right)| right.trim().is_empty()) {
            complain("a rule needs a command after `=`");
            return;
        }
        self.grants.push(Grant { who: word.to_owned(), span });
    }
}

/// The line up to a `#` that no backslash or quote protects; a number after it may be a user's.
fn without_comment(text: &str) -> &str {
    let mut quoted = false;
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '#' if !quoted => {
                let rest = text.get(at + 1..).unwrap_or_default();
                if !rest.starts_with(|c: char| c.is_ascii_digit()) {
                    return text.get(..at).unwrap_or(text);
                }
            }
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_files_have_no_mistakes() {
        let text = "#\n# x\nDefaults\tenv_reset, \\\n  mail_badpass\nDefaults secure_path=\"/sbin:/bin\"\nDefaults:%sudo !lecture\n\
                    Host_Alias WEB = a, b # two\nCmnd_Alias SERVICES = /sbin/service, \\\n /sbin/chkconfig\nroot\tALL=(ALL:ALL) ALL\n\
                    %wheel ALL=(ALL) NOPASSWD: ALL\n#1000 ALL=ALL\nuser ALL=(#0) /bin/x\nALICE,bob WEB=SERVICES:WEB=ALL\n\
                    @includedir /etc/sudoers.d\n#include /etc/sudoers.local\n";
        let file = parse(text.as_bytes());
        assert_eq!(file.mistakes, []);
        assert_eq!(
            file.includes.iter().map(|i| (i.path.as_str(), i.is_folder)).collect::<Vec<_>>(),
            [("/etc/sudoers.d", true), ("/etc/sudoers.local", false)]
        );
        let who: Vec<_> = file.grants.iter().map(|grant| grant.who.as_str()).collect();
        assert_eq!(who, ["root", "%wheel", "#1000", "user", "ALICE,bob"]);
    }

    #[test]
    fn broken_lines_are_named() {
        for (text, wanted) in [
            ("alice ALL ALL\n", "`user host = command`"),
            ("alice=(ALL) ALL\n", "a user and a host"),
            ("alice ALL=\n", "a command after"),
            ("Defaults secure_path=\"/sbin\n", "quote"),
            ("User_Alias admins = a\n", "capital"),
            ("root ALL=(ALL) ALL, \\", "continued"),
        ] {
            let file = parse(text.as_bytes());
            assert!(file.mistakes.iter().any(|m| m.message.contains(wanted)), "{text}: {file:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let file = parse(&bytes);
            prop_assert!(file.grants.len() + file.mistakes.len() <= bytes.len() + 1);
        }
    }
}
