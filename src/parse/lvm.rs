//! LVM's configuration grammar: lvm.conf(5), its profiles, and the metadata backups in `/etc/lvm/backup`.
//!
//! As libdm-config.c reads it: sections in braces, values that are numbers, strings (`"..."` with escapes, `'...'`
//! without), bare words or arrays of these; `section/key = value` is the same as a section; a key that is set again
//! takes the later value. Shipped files keep their built-in defaults as comments (`# key = value`), which are read
//! too, apart.

use super::Mistake;
use super::cursor::{Cursor, lossy};
use crate::place::Span;

/// Sections inside sections that are followed; VG metadata has four.
const MAX_DEPTH: usize = 32;

/// What was read of such a file: the settings by path, in order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LvmConfig {
    /// What is set.
    pub settings: Vec<Setting>,
    /// Where the first token stands that does not fit. LVM then refuses the whole file.
    pub mistakes: Vec<Mistake>,
}

/// `key = value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Section and key: `devices/filter`.
    pub path: String,
    /// The value; a single value is a list of one.
    pub values: Vec<String>,
    /// The value was written as an array.
    pub is_array: bool,
    /// It is only a comment that tells the built-in value.
    pub is_default: bool,
    /// From the key to the end of the value (of its first line, if it has several).
    pub span: Span,
}

impl LvmConfig {
    /// The setting of `path` that counts: the last.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Setting> {
        self.settings.iter().rev().find(|setting| !setting.is_default && setting.path == path)
    }

    /// The built-in value of `path`, if the file tells it in a comment.
    #[must_use]
    pub fn default_of(&self, path: &str) -> Option<&Setting> {
        self.settings.iter().rev().find(|setting| setting.is_default && setting.path == path)
    }
}

impl Setting {
    /// A single value.
    #[must_use]
    pub fn value(&self) -> &str {
        self.values.first().map_or("", String::as_str)
    }
}

/// Reads a configuration or a metadata backup.
#[must_use]
pub fn parse(bytes: &[u8]) -> LvmConfig {
    let mut reader = Reader { cursor: Cursor::new(bytes), out: LvmConfig::default(), path: Vec::new() };
    if let Err(mistake) = reader.read() {
        reader.out.mistakes.push(mistake);
    }
    reader.out
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    out: LvmConfig,
    path: Vec<String>,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), Mistake> {
        loop {
            self.skip_blank();
            let start = self.cursor.mark();
            let Some(byte) = self.cursor.peek() else {
                let open = self.path.pop();
                let Some(open) = open else { return Ok(()) };
                let span = self.cursor.span_from(start);
                return Err(Mistake { span, message: format!("the section `{open}` is never closed") });
            };
            if byte == b'}' {
                self.cursor.bump();
                if self.path.pop().is_none() {
                    let span = self.cursor.span_from(start);
                    return Err(Mistake { span, message: "`}` closes no section".to_owned() });
                }
                continue;
            }
            let key = self.key()?;
            self.skip_blank();
            match self.cursor.peek() {
                Some(b'{') => {
                    self.cursor.bump();
                    if self.path.len() >= MAX_DEPTH {
                        let span = self.cursor.span_from(start);
                        return Err(Mistake {
                            span,
                            message: format!("more than {MAX_DEPTH} sections inside each other"),
                        });
                    }
                    self.path.push(key);
                }
                Some(b'=') => {
                    self.cursor.bump();
                    let (values, is_array) = self.value()?;
                    let span = self.cursor.span_from(start);
                    let path = self.joined(&key);
                    self.out.settings.push(Setting { path, values, is_array, is_default: false, span });
                }
                _ => {
                    let span = self.cursor.span_from(start);
                    return Err(Mistake { span, message: format!("neither `=` nor `{{` follows `{key}`") });
                }
            }
        }
    }

    fn joined(&self, key: &str) -> String {
        let mut path = self.path.join("/");
        if !path.is_empty() {
            path.push('/');
        }
        path + key
    }

    /// Blanks and comments; a comment in the form of a setting is the built-in value.
    fn skip_blank(&mut self) {
        loop {
            self.cursor.skip_while(|byte| byte.is_ascii_whitespace() || byte == 0x0b);
            if self.cursor.peek() != Some(b'#') {
                return;
            }
            let start = self.cursor.mark();
            let mut comment = Vec::new();
            while let Some(byte) = self.cursor.peek().filter(|byte| *byte != b'\n') {
                // A default fits on a short line; the rest of a long comment is passed over.
                if comment.len() < 512 {
                    comment.push(byte);
                }
                self.cursor.bump();
            }
            let span = self.cursor.span_from(start);
            if let Some((key, values)) = commented(&comment) {
                let path = self.joined(&key);
                let is_array = values.len() != 1;
                self.out.settings.push(Setting { path, values, is_array, is_default: true, span });
            }
        }
    }

    fn key(&mut self) -> Result<String, Mistake> {
        let start = self.cursor.mark();
        let key = match self.cursor.peek() {
            Some(quote @ (b'"' | b'\'')) => self.string(quote)?,
            _ => {
                let mut key = Vec::new();
                while let Some(byte) = self.cursor.peek() {
                    if byte.is_ascii_whitespace() || matches!(byte, b'#' | b'=' | b'{' | b'}' | 0) {
                        break;
                    }
                    key.push(byte);
                    self.cursor.bump();
                }
                lossy(&key)
            }
        };
        if key.is_empty() {
            self.cursor.bump();
            return Err(Mistake {
                span: self.cursor.span_from(start),
                message: "a name is missing here".to_owned(),
            });
        }
        Ok(key)
    }

    fn value(&mut self) -> Result<(Vec<String>, bool), Mistake> {
        self.skip_blank();
        if self.cursor.peek() != Some(b'[') {
            return Ok((vec![self.scalar()?], false));
        }
        self.cursor.bump();
        let mut values = Vec::new();
        loop {
            self.skip_blank();
            match self.cursor.peek() {
                Some(b']') => {
                    self.cursor.bump();
                    return Ok((values, true));
                }
                Some(b',') => {
                    self.cursor.bump();
                }
                _ => values.push(self.scalar()?),
            }
        }
    }

    fn scalar(&mut self) -> Result<String, Mistake> {
        let start = self.cursor.mark();
        if let Some(quote @ (b'"' | b'\'')) = self.cursor.peek() {
            return self.string(quote);
        }
        let mut word = Vec::new();
        while let Some(byte) = self.cursor.peek() {
            if byte.is_ascii_whitespace()
                || matches!(byte, b'#' | b'=' | b'{' | b'}' | b',' | b'[' | b']' | 0)
            {
                break;
            }
            word.push(byte);
            self.cursor.bump();
        }
        if word.is_empty() {
            self.cursor.bump();
            let message = "a value is missing here".to_owned();
            return Err(Mistake { span: self.cursor.span_from(start), message });
        }
        Ok(lossy(&word))
    }

    fn string(&mut self, quote: u8) -> Result<String, Mistake> {
        let start = self.cursor.mark();
        self.cursor.bump();
        let opening = self.cursor.span_from(start);
        let mut text = Vec::new();
        while let Some(byte) = self.cursor.bump() {
            if byte == quote {
                return Ok(lossy(&text));
            }
            let escapes = quote == b'"' && byte == b'\\' && matches!(self.cursor.peek(), Some(b'"' | b'\\'));
            match self.cursor.peek().filter(|_| escapes) {
                Some(escaped) => {
                    text.push(escaped);
                    self.cursor.bump();
                }
                None => text.push(byte),
            }
        }
        Err(Mistake { span: opening, message: "the quote that opens here is never closed".to_owned() })
    }
}

/// `# key = value`: the key is one word in small letters, the value a whole one.
fn commented(comment: &[u8]) -> Option<(String, Vec<String>)> {
    let text = comment.iter().position(|byte| *byte != b'#').and_then(|start| comment.get(start..))?;
    let equals = memchr::memchr(b'=', text)?;
    let key = std::str::from_utf8(text.get(..equals)?).ok()?.trim();
    if key.is_empty()
        || !key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    {
        return None;
    }
    let cursor = Cursor::new(text.get(equals + 1..)?);
    let mut reader = Reader { cursor, out: LvmConfig::default(), path: Vec::new() };
    let (values, _) = reader.value().ok()?;
    reader.cursor.skip_while(|byte| byte.is_ascii_whitespace());
    reader.cursor.peek().is_none().then(|| (key.to_owned(), values))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str, path: &str) -> Option<Vec<String>> {
        parse(text.as_bytes()).get(path).map(|setting| setting.values.clone())
    }

    #[test]
    fn sections_and_paths_name_the_same_setting() {
        let text = "devices {\n  filter = [ \"a|^/dev/sda|\", 'r|.*|' ] # x\n  scan=\"/dev\"\n}\nglobal/locking_type = 1\nlog { level=-1 }\n";
        let config = parse(text.as_bytes());
        assert_eq!(config.mistakes, []);
        assert_eq!(values(text, "devices/filter"), Some(vec!["a|^/dev/sda|".into(), "r|.*|".into()]));
        assert_eq!(values(text, "global/locking_type"), Some(vec!["1".into()]));
        assert_eq!(values(text, "log/level"), Some(vec!["-1".into()]));
        assert_eq!(
            config.get("devices/filter").map(|s| (s.span, s.is_array)),
            Some((Span::new(2, 3, 39), true))
        );
        assert_eq!(values("a/b=1 a { b = 2 }", "a/b"), Some(vec!["2".into()]));
        assert_eq!(values("e=[]", "e"), Some(vec![]));
        assert_eq!(values("e=\"a\\\"b\\\\c\\d\"", "e"), Some(vec!["a\"b\\c\\d".into()]));
    }

    #[test]
    fn built_in_values_are_read_from_comments_and_kept_apart() {
        let text = "devices {\n\t# Configuration option devices/use_devicesfile.\n\t# This is text = of no setting here\n\
                    \t# use_devicesfile = 1\n\t# filter = [ \"a|.*|\" ]\n}\n";
        let config = parse(text.as_bytes());
        assert_eq!(config.get("devices/use_devicesfile"), None);
        assert_eq!(config.default_of("devices/use_devicesfile").map(Setting::value), Some("1"));
        assert_eq!(config.default_of("devices/filter").map(|s| s.span.line), Some(5));
        assert_eq!(config.settings.len(), 2);
    }

    #[test]
    fn the_first_thing_that_does_not_fit_is_a_mistake() {
        for (text, line, column) in [
            ("devices {\n filter = \n}\n", 3, 1),
            ("devices {\n", 2, 1),
            ("}\n", 1, 1),
            ("a\nb = 1\n", 1, 1),
            ("a = \"x\n", 1, 5),
            ("a = [ 1, \n", 2, 1),
        ] {
            let mistakes = parse(text.as_bytes()).mistakes;
            assert_eq!(
                mistakes.iter().map(|m| (m.span.line, m.span.column)).collect::<Vec<_>>(),
                [(line, column)],
                "{text}"
            );
        }
    }

    #[test]
    fn deep_nesting_ends() {
        assert_eq!(parse("a{".repeat(100_000).as_bytes()).mistakes.len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).settings.len() <= bytes.len());
        }

        #[test]
        fn likely_tokens_are_read(tokens in proptest::collection::vec("[a-z]{1,3}|=|\\{|\\}|\\[|\\]|,|\"[a-z]*\"|#[ -~]*\n", 0..40)) {
            prop_assert!(parse(tokens.join(" ").as_bytes()).mistakes.len() <= 1);
        }

        #[test]
        fn settings_read_back(section in "[a-z]{1,6}", key in "[a-z_]{1,6}", values in proptest::collection::vec("[ -~]{0,10}", 0..5)) {
            let quoted: Vec<_> = values.iter().map(|v| format!("\"{}\"", v.replace('\\', "\\\\").replace('"', "\\\""))).collect();
            let text = format!("{section} {{\n\t{key} = [ {} ]\n}}\n", quoted.join(", "));
            let config = parse(text.as_bytes());
            prop_assert_eq!(&config.mistakes, &[]);
            prop_assert_eq!(config.get(&format!("{section}/{key}")).map(|s| s.values.clone()), Some(values));
        }
    }
}
