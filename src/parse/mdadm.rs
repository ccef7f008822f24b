//! mdadm.conf(5): arrays by UUID or name, and what is assembled by itself.
//!
//! As mdadm's `config.c` reads it: a line that begins with a blank continues the one before, `#` at the start of a
//! word begins a comment, words may be quoted, and keywords may be shortened to three letters in any case.

use super::text::{Word, lines, words};
use crate::place::Span;

/// What was read of an mdadm.conf. mail addresses and programs are of no interest to a boot and are passed over.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Mdadm {
    /// The `ARRAY` lines.
    pub arrays: Vec<Array>,
    /// The words of `HOMEHOST`, the last one counting.
    pub homehost: Option<(String, Span)>,
    /// The words of `AUTO` lines, in order.
    pub auto: Vec<String>,
    /// Keywords that mdadm does not know.
    pub unknown: Vec<(String, Span)>,
}

/// An `ARRAY` line. Values as written.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Array {
    /// From the keyword to the last word of the last line.
    pub span: Span,
    /// The device: `/dev/md0`, `/dev/md/root`, `<ignore>`; none if the line names none.
    pub device: Option<String>,
    /// `uuid=`.
    pub uuid: Option<String>,
    /// `name=`, which has the host before a colon.
    pub name: Option<String>,
    /// `metadata=`.
    pub metadata: Option<String>,
    /// `level=`.
    pub level: Option<String>,
    /// `devices=`, one by one.
    pub devices: Vec<String>,
    /// `super-minor=`.
    pub super_minor: Option<String>,
    /// `container=`, for firmware RAID.
    pub container: Option<String>,
}

const KEYWORDS: [&str; 14] = [
    "device",
    "array",
    "mailaddr",
    "mailfrom",
    "program",
    "create",
    "homehost",
    "homecluster",
    "auto",
    "policy",
    "part-policy",
    "sysfs",
    "monitordelay",
    "encryption_no_verify",
];

/// Reads an mdadm.conf.
#[must_use]
pub fn parse(bytes: &[u8]) -> Mdadm {
    let mut out = Mdadm::default();
    let mut keyword = None;
    for line in lines(bytes) {
        let continues = line.bytes.first().is_some_and(|first| matches!(first, b' ' | b'\t'));
        let mut fields = words(line.bytes).take_while(|word| !word.bytes.starts_with(b"#")).peekable();
        if fields.peek().is_none() {
            continue;
        }
        if !continues || keyword.is_none() {
            let Some(first) = fields.next() else { continue };
            keyword = start(&first, line.number, &mut out);
        }
        for word in fields {
            take(keyword, &word, line.number, &mut out);
        }
    }
    out
}

/// The keyword that `word` stands for; starts an array for `ARRAY`.
fn start(word: &Word<'_>, number: usize, out: &mut Mdadm) -> Option<&'static str> {
    let text = word.text().to_ascii_lowercase();
    let keyword = KEYWORDS.into_iter().find(|keyword| text.len() >= 3 && keyword.starts_with(&text));
    match keyword {
        Some("array") => out.arrays.push(Array { span: word.span(number), ..Array::default() }),
        None => out.unknown.push((word.text(), word.span(number))),
        _ => {}
    }
    Some(keyword.unwrap_or("unknown"))
}

fn take(keyword: Option<&str>, word: &Word<'_>, number: usize, out: &mut Mdadm) {
    let text = word.text().replace(['"', '\''], "");
    match keyword {
        Some("homehost") => out.homehost = Some((text, word.span(number))),
        Some("auto") => out.auto.push(text),
        Some("array") => {
            let Some(array) = out.arrays.last_mut() else { return };
            let span = word.span(number);
            if span.line == array.span.line {
                array.span.end = span.end;
            }
            array.set(text);
        }
        _ => {}
    }
}

impl Array {
    fn set(&mut self, word: String) {
        let Some((key, value)) = word.split_once('=') else {
            self.device.get_or_insert(word);
            return;
        };
        let field = match key.to_ascii_lowercase().as_str() {
            "uuid" => &mut self.uuid,
            "name" => &mut self.name,
            "metadata" => &mut self.metadata,
            "level" => &mut self.level,
            "super-minor" => &mut self.super_minor,
            "container" => &mut self.container,
            "devices" => {
                self.devices = value.split(',').map(str::to_owned).collect();
                return;
            }
            _ => return,
        };
        *field = Some(value.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_continue_and_keywords_may_be_short() {
        let text = b"# mdadm.conf\nDEVICE partitions\nHOMEHOST <system>\nMAILADDR root\nAUTO +imsm +1.x -all\n\
            arr /dev/md/root level=raid1 num-devices=2\n   UUID=3aaa0122:29827cfa:5331ad66:ca767371 # comment\n\
            \tname=db1:root devices=/dev/sda1,/dev/sdb1\nARRAY <ignore> UUID=1:2:3:4\nFOO bar\n";
        let got = parse(text);
        assert_eq!(got.arrays.len(), 2);
        let root = &got.arrays[0];
        assert_eq!(root.device.as_deref(), Some("/dev/md/root"));
        assert_eq!(root.uuid.as_deref(), Some("3aaa0122:29827cfa:5331ad66:ca767371"));
        assert_eq!(root.name.as_deref(), Some("db1:root"));
        assert_eq!(root.devices, ["/dev/sda1", "/dev/sdb1"]);
        assert_eq!(root.span, Span::new(6, 1, 43));
        assert_eq!(got.arrays[1].device.as_deref(), Some("<ignore>"));
        assert_eq!(got.homehost.map(|(host, _)| host).as_deref(), Some("<system>"));
        assert_eq!(got.auto, ["+imsm", "+1.x", "-all"]);
        assert_eq!(got.unknown, [("FOO".to_owned(), Span::new(10, 1, 4))]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).arrays.len() <= bytes.len());
        }

        #[test]
        fn arrays_keep_their_order(uuids in proptest::collection::vec("[0-9a-f:]{1,20}", 0..6)) {
            let text: String = uuids.iter().map(|uuid| format!("ARRAY /dev/md0\n metadata=1.2\n\n UUID={uuid}\n")).collect();
            let got: Vec<_> = parse(text.as_bytes()).arrays.into_iter().filter_map(|a| a.uuid).collect();
            prop_assert_eq!(got, uuids);
        }
    }
}
