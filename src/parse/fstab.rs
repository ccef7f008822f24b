//! fstab(5): which file systems are mounted where at boot.
//!
//! Reads a line as libmount does (util-linux `libmount/src/tab_parse.c`: `mnt_parse_table_line`, `lib/mangle.c`):
//! three fields are needed, options may be missing, dump and pass default to 0, octal escapes stand for bytes. What
//! glibc's getmntent(3), and with it systemd-fstab-generator, makes of a line differently is said in the flaws.

use schemars::JsonSchema;
use serde::Serialize;

use crate::place::Span;

use super::text::{Line, Word, lines, words};

/// What was read of an fstab.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Fstab {
    /// The lines that libmount understands, in order.
    pub entries: Vec<Entry>,
    /// What is not as fstab(5) wants it, in order of lines.
    pub flaws: Vec<Flaw>,
}

/// A field of a line with its escapes resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The text, escapes resolved; bytes that are not UTF-8 are U+FFFD.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// One mount or swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From the first field to the end of the last.
    pub span: Span,
    /// The line as written.
    pub line: String,
    /// `fs_spec`: what is mounted, as written.
    pub spec: Field,
    /// `fs_file`: where; `none` or `swap` for swap.
    pub mountpoint: Field,
    /// `fs_vfstype`: the type, `auto`, `none`, or several with commas between.
    pub fstype: Field,
    /// `fs_mntops`; null when the line ends before it.
    pub options: Option<Field>,
    /// `fs_freq`.
    pub dump: i64,
    /// `fs_passno`: the turn in which fsck checks it; 0 for never.
    pub passno: i64,
    /// Where the number for fsck stands; null when the line ends before it.
    pub passno_span: Option<Span>,
}

impl Entry {
    /// The options one by one, commas inside quotes kept (libmount `optstr.c` lets SELinux contexts quote them).
    #[must_use]
    pub fn option_list(&self) -> Vec<String> {
        let text = self.options.as_ref().map_or("", |field| field.text.as_str());
        let mut list = vec![String::new()];
        let mut quoted = false;
        for character in text.chars() {
            match character {
                '"' => quoted = !quoted,
                ',' if !quoted => {
                    list.push(String::new());
                    continue;
                }
                _ => {}
            }
            if let Some(last) = list.last_mut() {
                last.push(character);
            }
        }
        list.retain(|option| !option.is_empty());
        list
    }
}

/// What kind of thing is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FlawKind {
    /// Fewer than three fields: libmount and swapon skip the line.
    MissingFields,
    /// dump or pass is not a number: libmount skips the line, systemd takes 0.
    BadNumber,
    /// More than six fields; the rest is ignored.
    ExtraFields,
    /// The line ends in CR LF: systemd takes the CR as part of the last field.
    CarriageReturn,
    /// A backslash that starts no octal escape.
    BadEscape,
    /// A NUL byte: everything from there to the end of the line is lost.
    Nul,
    /// The mount point is no absolute path: systemd skips the line.
    RelativeMountpoint,
    /// The type looks like a path or options: a blank stands where none belongs.
    ShiftedFields,
    /// The options look as if a blank split them.
    SplitOptions,
    /// The last line has no line end; appending to the file glues two lines together.
    NoFinalNewline,
}

/// Something in a line that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Where.
    pub span: Span,
    /// What kind.
    pub kind: FlawKind,
    /// mount(8) or systemd skips the line, or mounts something else than is meant.
    pub breaks_line: bool,
    /// A sentence: what is there, and what comes of it.
    pub message: String,
}

impl FlawKind {
    /// Whether the line then does not do what it says.
    fn breaks_line(self) -> bool {
        !matches!(self, Self::ExtraFields | Self::BadEscape | Self::NoFinalNewline)
    }
}

/// Reads an fstab.
#[must_use]
pub fn parse(bytes: &[u8]) -> Fstab {
    let mut fstab = Fstab::default();
    for line in lines(bytes) {
        parse_line(line, &mut fstab);
    }
    fstab
}

fn parse_line(line: Line<'_>, fstab: &mut Fstab) {
    let number = line.number;
    let mut bytes = line.bytes;
    // A number is read up to a CR; a type or options are not.
    let ends_in_number = words(bytes).count() > 4;
    let mut flaw = |span, kind: FlawKind, message: String| {
        let breaks_line = kind.breaks_line() && !(kind == FlawKind::CarriageReturn && ends_in_number);
        fstab.flaws.push(Flaw { span, kind, breaks_line, message });
    };
    if let Some(nul) = bytes.iter().position(|byte| *byte == 0) {
        let message = "a NUL byte: mount(8) does not see what follows it in this line".to_owned();
        flaw(Span::new(number, nul + 1, nul + 2), FlawKind::Nul, message);
        bytes = bytes.get(..nul).unwrap_or_default();
    }
    let mut fields = words(bytes);
    let Some(spec) = fields.next() else { return };
    if spec.bytes.starts_with(b"#") {
        return;
    }
    let rest: Vec<Word<'_>> = fields.collect();
    let end = rest.last().unwrap_or(&spec).end();
    let span = Span::new(number, spec.start + 1, end + 1);
    if line.carriage_return {
        let last = rest.last().unwrap_or(&spec).text();
        let message = format!("the line ends in CR LF: systemd reads the last field as `{last}\\r`");
        let span = Span::new(number, bytes.len() + 1, bytes.len() + 2);
        flaw(span, FlawKind::CarriageReturn, message);
    } else if !line.ended {
        let message = "the last line has no line end: a line appended to this file is glued to it".to_owned();
        flaw(Span::new(number, end + 1, end + 1), FlawKind::NoFinalNewline, message);
    }
    let (Some(mountpoint), Some(fstype)) = (rest.first(), rest.get(1)) else {
        let count = rest.len() + 1;
        let message = format!(
            "only {count} of the fields device, mount point, type, options: mount(8) skips this line"
        );
        flaw(span, FlawKind::MissingFields, message);
        return;
    };
    for word in std::iter::once(&spec).chain(rest.iter().take(3)) {
        if let Some(offset) = bad_escape(word.bytes) {
            let start = word.start + offset;
            let message =
                "a backslash that starts no octal escape (`\\040` is a blank) is taken as it is".to_owned();
            flaw(Span::new(number, start + 1, start + 2), FlawKind::BadEscape, message);
        }
    }
    let mut entry = Entry {
        span,
        line: String::from_utf8_lossy(bytes).into_owned(),
        spec: field(&spec, number),
        mountpoint: field(mountpoint, number),
        fstype: field(fstype, number),
        options: rest.get(2).map(|word| field(word, number)),
        dump: 0,
        passno: 0,
        passno_span: None,
    };
    if check_layout(&entry, &mut flaw) {
        return;
    }
    let understood = read_numbers(&mut entry, rest.get(3..).unwrap_or_default(), number, &mut flaw);
    if understood {
        fstab.entries.push(entry);
    }
}

/// Reads dump and pass; false when libmount gives up on the line.
fn read_numbers(
    entry: &mut Entry,
    words: &[Word<'_>],
    number: usize,
    flaw: &mut impl FnMut(Span, FlawKind, String),
) -> bool {
    let names = ["dump (field 5)", "pass (field 6)"];
    for (index, (word, name)) in words.iter().zip(names).enumerate() {
        let text = word.text();
        let Ok(value) = text.parse::<i32>() else {
            let span = word.span(number);
            if looks_like_options(&text) {
                let message = format!(
                    "`{text}` stands where {name} belongs: a blank splits the options, and mount(8) skips this line"
                );
                flaw(span, FlawKind::SplitOptions, message);
            } else {
                let message =
                    format!("{name} is `{text}`, no number: mount(8) skips this line, systemd takes 0");
                flaw(span, FlawKind::BadNumber, message);
            }
            return false;
        };
        if index == 0 {
            entry.dump = i64::from(value);
        } else {
            entry.passno = i64::from(value);
            entry.passno_span = Some(word.span(number));
        }
    }
    if let Some(extra) = words.get(2).filter(|word| !word.bytes.starts_with(b"#")) {
        let message = format!("`{}` is a seventh field: it is ignored", extra.text());
        flaw(extra.span(number), FlawKind::ExtraFields, message);
    }
    true
}

/// What is grammatical and yet cannot be meant; true if the fields are shifted, so that none is what it seems.
fn check_layout(entry: &Entry, flaw: &mut impl FnMut(Span, FlawKind, String)) -> bool {
    let fstype = entry.fstype.text.as_str();
    let mountpoint = entry.mountpoint.text.as_str();
    if fstype.contains('/') || (fstype.contains('=') && !fstype.contains("fuse")) {
        let message = format!(
            "`{fstype}` is no file system type: a blank in a path is written `\\040`, or a field is missing"
        );
        flaw(entry.fstype.span, FlawKind::ShiftedFields, message);
        return true;
    }
    if fstype != "swap" && !mountpoint.starts_with('/') && !matches!(mountpoint, "none" | "swap") {
        let message = format!("the mount point `{mountpoint}` is no absolute path: systemd skips this line");
        flaw(entry.mountpoint.span, FlawKind::RelativeMountpoint, message);
    }
    false
}

/// `noatime` after `defaults, ` and the like: letters first, or an option's `=` or `,`.
fn looks_like_options(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic()) || text.contains([',', '='])
}

fn field(word: &Word<'_>, number: usize) -> Field {
    let bytes = unescape(word.bytes);
    Field { text: String::from_utf8_lossy(&bytes).into_owned(), span: word.span(number) }
}

/// The value of `\ooo` at the start of `bytes`, and the rest.
fn octal(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let [b'\\', a @ b'0'..=b'7', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] = bytes else { return None };
    // As in lib/mangle.c, the value wraps: `\777` is 0xff.
    let value = ((a & 7) << 6) | ((b & 7) << 3) | (c & 7);
    Some((value, rest))
}

/// Octal escapes resolved, everything else as it is.
fn unescape(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    while let [first, rest @ ..] = bytes {
        if let Some((value, rest)) = octal(bytes) {
            out.push(value);
            bytes = rest;
        } else {
            out.push(*first);
            bytes = rest;
        }
    }
    out
}

/// Offset of the first backslash that starts no octal escape. `\\` is let pass: glibc takes it as one backslash.
fn bad_escape(bytes: &[u8]) -> Option<usize> {
    let mut offset = 0;
    while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
        if octal(rest).is_some() {
            offset += 4;
        } else if rest.starts_with(b"\\\\") {
            offset += 2;
        } else if rest.starts_with(b"\\") {
            return Some(offset);
        } else {
            offset += 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries(text: &str) -> Vec<(String, String, String, Vec<String>, i64, i64)> {
        let row = |e: &Entry| {
            let options = e.option_list();
            (e.spec.text.clone(), e.mountpoint.text.clone(), e.fstype.text.clone(), options, e.dump, e.passno)
        };
        parse(text.as_bytes()).entries.iter().map(row).collect()
    }

    fn flaws(text: &str) -> Vec<(FlawKind, u32, u32)> {
        parse(text.as_bytes()).flaws.iter().map(|f| (f.kind, f.span.line, f.span.column)).collect()
    }

    #[test]
    fn six_four_and_three_fields_are_lines() {
        let text = "# comment\n\n UUID=1  /\text4 defaults,noatime 1 1\n/dev/sdb1 /data xfs nofail\n\
                    tmpfs /tmp tmpfs\n";
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            entries(text),
            [
                ("UUID=1".into(), "/".into(), "ext4".into(), owned(&["defaults", "noatime"]), 1, 1),
                ("/dev/sdb1".into(), "/data".into(), "xfs".into(), owned(&["nofail"]), 0, 0),
                ("tmpfs".into(), "/tmp".into(), "tmpfs".into(), vec![], 0, 0),
            ]
        );
        assert_eq!(flaws(text), []);
    }

    #[test]
    fn spans_cover_the_fields() {
        let fstab = parse(b"\n  LABEL=a  /x ext3 ro 0 2\n");
        let entry = &fstab.entries[0];
        assert_eq!(entry.span, Span::new(2, 3, 26));
        assert_eq!(entry.spec.span, Span::new(2, 3, 10));
        assert_eq!(entry.passno_span, Some(Span::new(2, 25, 26)));
    }

    #[test]
    fn octal_escapes_stand_for_bytes() {
        let got = entries("//h/a\\040b /m\\011n\\134 cifs x=\\0401,\\777 0 0\n");
        assert_eq!(got[0].0, "//h/a b");
        assert_eq!(got[0].1, "/m\tn\\");
        assert_eq!(got[0].3, ["x= 1", "\u{fffd}"]);
        assert_eq!(entries("a\\04 /\\40 ext4\n")[0].0, "a\\04");
    }

    #[test]
    fn options_split_at_commas_outside_quotes() {
        let got = entries("a / ext4 defaults,,context=\"system_u:object_r:x:s0:c1,c2\",ro 0 0\n");
        assert_eq!(got[0].3, ["defaults", "context=\"system_u:object_r:x:s0:c1,c2\"", "ro"]);
    }

    #[test]
    fn what_mount_skips_is_a_flaw_and_no_entry() {
        for (text, flaw) in [
            ("/dev/sda1\n", (FlawKind::MissingFields, 1, 1)),
            ("x y z o\n/dev/sda1 /a\n", (FlawKind::MissingFields, 2, 1)),
            ("UUID=1 / ext4 defaults x 1\n", (FlawKind::SplitOptions, 1, 24)),
            ("UUID=1 / ext4 defaults 0 1x\n", (FlawKind::BadNumber, 1, 26)),
            ("UUID=1 / ext4 defaults, noatime 0 1\n", (FlawKind::SplitOptions, 1, 25)),
            ("UUID=1 / ext4 defaults 99999999999 1\n", (FlawKind::BadNumber, 1, 24)),
        ] {
            let fstab = parse(text.as_bytes());
            let last = fstab.flaws.last().map(|f| (f.kind, f.span.line, f.span.column));
            assert_eq!(last, Some(flaw), "{text}");
            assert!(fstab.entries.iter().all(|e| e.span.line != flaw.1), "{text}");
        }
    }

    #[test]
    fn odd_lines_are_flaws_and_still_entries() {
        for (text, flaw) in [
            ("UUID=1 / ext4 defaults 0 1 2\n", Some((FlawKind::ExtraFields, 1, 28))),
            ("UUID=1 / ext4 defaults 0 1 # root\n", None),
            ("UUID=1 / ext4 defaults\r\n", Some((FlawKind::CarriageReturn, 1, 23))),
            ("UUID=1 /my\\ disk ext4 ro 0 0\n", Some((FlawKind::BadEscape, 1, 11))),
            ("UUID=1 data ext4 ro 0 0\n", Some((FlawKind::RelativeMountpoint, 1, 8))),
            ("//srv/a b /mnt cifs 0 0\n", Some((FlawKind::ShiftedFields, 1, 11))),
            ("UUID=1 / ext4 ro 0 0", Some((FlawKind::NoFinalNewline, 1, 21))),
            ("UUID=1 swap swap sw 0 0\nUUID=2 none swap sw\n", None),
        ] {
            let first = parse(text.as_bytes()).flaws.first().map(|f| (f.kind, f.span.line, f.span.column));
            assert_eq!(first, flaw, "{text}");
        }
        assert_eq!(parse(b"UUID=1 / ext4 ro\0 0 0\n").flaws[0].kind, FlawKind::Nul);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let fstab = parse(&bytes);
            prop_assert!(fstab.entries.len() <= bytes.iter().filter(|b| **b == b'\n').count() + 1);
        }

        #[test]
        fn a_mangled_line_reads_back(
            fields in proptest::collection::vec("[^\\x00\r\n#/=]{1,12}", 2),
            options in "[a-z]{1,8}", passno in 0..3_i64,
        ) {
            // setmntent(3)'s counterpart addmntent(3) writes blanks, line ends and backslashes as octal escapes.
            let mangle = |s: &str| s.bytes().map(|b| match b {
                b' ' | b'\t' | b'\\' => format!("\\{b:03o}").into_bytes(),
                _ => vec![b],
            }).collect::<Vec<_>>().concat();
            let mut line = mangle(&fields[0]);
            line.extend(b"\t/");
            line.extend(mangle(&fields[1]));
            line.extend(format!("\text4 {options} 0 {passno}\n").bytes());
            let fstab = parse(&line);
            prop_assert_eq!(&fstab.flaws, &[]);
            prop_assert_eq!(&fstab.entries[0].spec.text, &fields[0]);
            prop_assert_eq!(&fstab.entries[0].mountpoint.text, &format!("/{}", fields[1]));
            prop_assert_eq!(fstab.entries[0].passno, passno);
        }
    }
}
