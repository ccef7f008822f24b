//! Apache's httpd.conf: one directive a line, sections in angle brackets (httpd `server/config.c`, `util.c`
//! `ap_getword_conf`). A backslash at the end of a line joins the next. Includes are left to the caller.

use super::cursor::lossy;
use crate::place::Span;

/// Bytes of one directive that httpd reads (`VARBUF_MAX_LEN`, 16 MiB, is more than any of ours; this bounds joins).
const MAX_LINE: usize = 1024 * 1024;

/// Depth of sections that are told apart; httpd's own are three or four deep.
const MAX_DEPTH: usize = 64;

/// One directive or section start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// Its name as written, without the `<` of a section.
    pub name: String,
    /// Its arguments, quotes removed.
    pub arguments: Vec<String>,
    /// From the name to the end of the line (of its first line).
    pub span: Span,
    /// Index of the section's start around it; none at the top of the file.
    pub parent: Option<usize>,
}

impl Directive {
    /// Whether it is the directive `name`, whose case does not matter.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// Reads a file.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Directive> {
    let mut directives = Vec::new();
    let mut sections: Vec<(usize, String)> = Vec::new();
    let mut lines = bytes.split(|byte| *byte == b'\n').enumerate();
    while let Some((index, first)) = lines.next() {
        let mut line = trim_end(first).to_vec();
        let own = line.len();
        while line.last() == Some(&b'\\') && line.len() < MAX_LINE {
            line.pop();
            match lines.next() {
                Some((_, next)) => line.extend(trim_end(next)),
                None => break,
            }
        }
        let text = lossy(&line);
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if let Some(section) = trimmed.strip_prefix("</") {
            let name = section.trim_end_matches('>').trim();
            if let Some(at) = sections.iter().rposition(|(_, open)| open.eq_ignore_ascii_case(name)) {
                sections.truncate(at);
            }
            continue;
        }
        let column = text.len() - text.trim_start().len() + 1;
        let span = Span::new(index + 1, column, own.max(column) + 1);
        let section = trimmed.strip_prefix('<').map(|rest| rest.trim_end_matches('>'));
        let mut words = words(section.unwrap_or(trimmed));
        if words.is_empty() {
            continue;
        }
        let name = words.remove(0);
        if section.is_some() && sections.len() < MAX_DEPTH {
            sections.push((directives.len(), name.clone()));
            let parent = sections.iter().rev().nth(1).map(|(index, _)| *index);
            directives.push(Directive { name, arguments: words, span, parent });
            continue;
        }
        let parent = sections.last().map(|(index, _)| *index);
        directives.push(Directive { name, arguments: words, span, parent });
    }
    directives
}

fn trim_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Words as `ap_getword_conf` takes them: blanks between, quotes around, a backslash before a quote or backslash.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        while rest.next_if(|character| character.is_whitespace()).is_some() {}
        let Some(first) = rest.peek().copied() else { return words };
        let quote = matches!(first, '"' | '\'').then_some(first);
        if quote.is_some() {
            rest.next();
        }
        let mut word = String::new();
        while let Some(character) = rest.peek().copied() {
            if quote.map_or(character.is_whitespace(), |quote| character == quote) {
                break;
            }
            rest.next();
            match rest.peek().copied() {
                Some(escaped)
                    if character == '\\'
                        && quote.is_some()
                        && (Some(escaped) == quote || escaped == '\\') =>
                {
                    word.push(escaped);
                    rest.next();
                }
                _ => word.push(character),
            }
        }
        if quote.is_some() {
            rest.next();
        }
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn directives_sections_quotes_and_joined_lines() {
        let text = "ServerRoot \"/etc/httpd\"\r\n# SSLProtocol all\n<IfModule mod_ssl.c>\n  SSLProtocol all \\\n    -SSLv3\n  <VirtualHost *:443>\n  SSLEngine on\n  </virtualhost>\n</IfModule>\nInclude 'a \\'b'\n";
        let directives = parse(text.as_bytes());
        let section =
            |d: &Directive| d.parent.map(|at| directives[at].arguments.join(" ")).unwrap_or_default();
        let row =
            |d: &Directive| format!("{}:{}|{}|{}", d.span.line, section(d), d.name, d.arguments.join(","));
        let rows: Vec<_> = directives.iter().map(row).collect();
        assert_eq!(
            rows,
            [
                "1:|ServerRoot|/etc/httpd",
                "3:|IfModule|mod_ssl.c",
                "4:mod_ssl.c|SSLProtocol|all,-SSLv3",
                "6:mod_ssl.c|VirtualHost|*:443",
                "7:*:443|SSLEngine|on",
                "10:|Include|a 'b",
            ]
        );
    }

    #[test]
    fn a_directive_knows_its_place() {
        let directives = parse(b"  SSLProtocol TLSv1.2\n");
        assert_eq!(directives[0].span, Span::new(1, 3, 22));
        assert!(directives[0].is("sslprotocol"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).len() <= bytes.len() + 1);
        }

        #[test]
        fn plain_words_come_back(words in proptest::collection::vec("[a-zA-Z0-9.+-]{1,10}", 1..5)) {
            let line = words.join(" \t");
            let directives = parse(line.as_bytes());
            prop_assert_eq!(&directives[0].name, &words[0]);
            prop_assert_eq!(&directives[0].arguments, &words[1..].to_vec());
        }
    }
}
