//! Reads a report back that `bootproof check --format json` or `boot --format json` wrote: as much of it as a baseline
//! and a fleet need.
//!
//! The shape is [`SCHEMA`]'s, which later versions only add to: what is not known here is skipped, and what an older
//! version did not write yet counts as not set. Steps, reasons and snippets, most of the bytes, are skipped where they
//! stand, and names are borrowed from the file's bytes, so that a report costs little more than the reading of it.
//!
//! A file that cannot be read back is one of the kinds that [`Fault`] tells apart; none of them is a panic or an empty
//! report.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;
use std::path::Path;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::SCHEMA;
use crate::finding::Severity;
use crate::simulate::{Outcome, StepName};
use crate::source::escape_bytes;

/// Bytes of one report that are read at most. One on all targets, of a system with twenty kernels, has some five
/// million.
pub const SIZE_LIMIT: u64 = 64 << 20;

/// Characters of what a file says that are repeated in a message.
const QUOTED: usize = 200;

/// What is read back of a report.
#[derive(Debug, Deserialize)]
pub struct SavedReport<'a> {
    #[serde(borrow)]
    schema: Text<'a>,
    /// The system that was looked at.
    pub system: SavedSystem<'a>,
    /// The targets, in the order asked for.
    pub targets: Vec<SavedTarget<'a>>,
    /// One item for each boot entry and target.
    pub boots: Vec<SavedBoot<'a>>,
    /// What the rules found.
    pub findings: Vec<SavedFinding<'a>>,
    /// Rules that could not be decided; only their number is kept.
    pub not_evaluated: Vec<IgnoredAny>,
}

/// What is read back of the system.
#[derive(Debug, Deserialize)]
pub struct SavedSystem<'a> {
    /// The path as it was given on the command line.
    #[serde(borrow)]
    pub source: Text<'a>,
    /// The host name, if it has one.
    #[serde(default)]
    pub hostname: Option<Text<'a>>,
    /// `ID` of os-release(5).
    #[serde(default)]
    pub id: Option<Text<'a>>,
    /// The distribution for people.
    #[serde(default)]
    pub pretty_name: Option<Text<'a>>,
    /// The machine that its programs are for; none where the report says that this is unknown.
    #[serde(default, deserialize_with = "known")]
    pub architecture: Option<Text<'a>>,
}

/// What is read back of a target.
#[derive(Debug, Deserialize)]
pub struct SavedTarget<'a> {
    /// The short name: `kvm`.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// The name in words.
    pub title: Text<'a>,
}

/// What is read back of a boot.
#[derive(Debug, Deserialize)]
pub struct SavedBoot<'a> {
    /// The entry's title.
    #[serde(borrow)]
    pub entry: Text<'a>,
    /// Whether the loader picks this entry by itself.
    pub default: bool,
    /// Whether it is for emergencies.
    #[serde(default)]
    pub is_rescue: bool,
    /// The target's name.
    pub target: Text<'a>,
    /// Whether it boots.
    pub outcome: Outcome,
    /// The first step that fails; null if none does.
    pub failed_at: Option<StepName>,
}

/// What is read back of a finding.
#[derive(Debug, Deserialize)]
pub struct SavedFinding<'a> {
    /// The rule's id.
    #[serde(borrow)]
    pub rule: Text<'a>,
    /// How bad it is.
    pub severity: Severity,
    /// The target it breaks on; null where the target does not matter.
    pub target: Option<Text<'a>>,
    /// The boot entry concerned; null where it is not a matter of one entry.
    pub entry: Option<Text<'a>>,
    /// What the rule is about.
    pub title: Text<'a>,
    /// What is wrong there.
    pub message: Text<'a>,
    /// The remedy's steps.
    pub fix: Vec<SavedFix<'a>>,
    /// Stable over line shifts.
    pub fingerprint: Text<'a>,
    /// Set if a waiver accepts it; what the waiver says is not kept.
    #[serde(default)]
    pub waived: Option<IgnoredAny>,
}

/// What is read back of one step of a remedy.
#[derive(Debug, Deserialize)]
pub struct SavedFix<'a> {
    /// `command`, `replace`, `append`, `remove`, `rebuild`, `advice`, or what a later version adds.
    #[serde(borrow)]
    pub kind: Text<'a>,
    /// The shell command of a `command` or a `rebuild`.
    #[serde(default)]
    pub command: Option<Text<'a>>,
    /// The sentence of an `advice`, the lines of an `append`.
    #[serde(default)]
    pub text: Option<Text<'a>>,
    /// The file of an `append` or a `remove`.
    #[serde(default)]
    pub path: Option<Text<'a>>,
    /// The line of a `replace`.
    #[serde(default)]
    pub at: Option<SavedPlace<'a>>,
    /// What that line should be; null: nothing.
    #[serde(default)]
    pub with: Option<Text<'a>>,
}

/// What is read back of a place.
#[derive(Debug, Deserialize)]
pub struct SavedPlace<'a> {
    /// Path relative to the root of the system.
    #[serde(borrow)]
    pub path: Text<'a>,
    /// The line, from 1.
    pub line: Option<u32>,
}

/// A text of a report, borrowed from its bytes unless it has escapes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrowing)
    }
}

/// A text that a report may say to be unknown (`{"unknown": "what would settle it"}`).
fn known<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Text<'a>>, D::Error> {
    struct Knowing;
    impl<'de> Visitor<'de> for Knowing {
        type Value = Option<Text<'de>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text, or what would settle it")
        }

        fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok(Some(Text(Cow::Borrowed(text))))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Some(Text(Cow::Owned(text.to_owned()))))
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(None)
        }
    }
    deserializer.deserialize_any(Knowing)
}

/// Why a file is not read back, and which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}{}: {fault}", fault.place())]
pub struct ReadError {
    /// The file as the user named it, or below the folder that the user named; safe to show.
    pub path: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a file that is no report to be read back. Lines and columns start at 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file cannot be opened or read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// More than [`SIZE_LIMIT`].
    #[error("is larger than any report: more than {} MiB", SIZE_LIMIT >> 20)]
    TooLarge,
    /// Nothing is in it.
    #[error("is empty: the program that should have written it was stopped, or its disk is full")]
    Empty,
    /// It ends too early.
    #[error("the report ends here in its middle: it was cut off when it was written or copied")]
    Truncated {
        /// The last line.
        line: usize,
        /// Where that ends.
        column: usize,
    },
    /// It is no JSON.
    #[error("is no JSON: {reason}")]
    NotJson {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// It is JSON of something else.
    #[error("is JSON, but no report: it does not begin with `\"schema\": \"{SCHEMA}\"`")]
    NotAReport,
    /// Another command of bootproof wrote it.
    #[error("was written by `bootproof {0}`; what is needed is the JSON report of `bootproof check`")]
    OfAnotherCommand(String),
    /// A version of bootproof wrote it whose reports have another shape.
    #[error("has the shape `{schema}`{}; this bootproof reads `{SCHEMA}`", by(writer.as_deref()))]
    OtherVersion {
        /// What it says that it is.
        schema: String,
        /// The version of bootproof that wrote it.
        writer: Option<String>,
    },
    /// It stands for a host that could not be checked, as `{"schema": "bootproof-report/1", "error": "unreachable"}`: what
    /// gathers reports (the Ansible role `preflight`) leaves the reason where the report would have been.
    #[error("the host was not checked: {0}")]
    NotChecked(String),
    /// It says that it is a report and is not as reports are.
    #[error("is not as `{SCHEMA}` says: {reason}")]
    Malformed {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// What does not fit.
        reason: String,
    },
}

fn by(writer: Option<&str>) -> String {
    writer.map(|version| format!(", written by bootproof {version}")).unwrap_or_default()
}

impl Fault {
    /// `:3:14` where the fault has a place, as it stands after a path.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Truncated { line, column }
            | Self::NotJson { line, column, .. }
            | Self::Malformed { line, column, .. } => format!(":{line}:{column}"),
            _ => String::new(),
        }
    }

    fn of(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column().max(1));
        let reason = quoted(without_place(&error.to_string()));
        match error.classify() {
            Category::Eof => Self::Truncated { line, column },
            Category::Syntax => Self::NotJson { line, column, reason },
            Category::Data => Self::Malformed { line, column, reason },
            Category::Io => Self::Unreadable(reason),
        }
    }
}

/// The report in the file at `path`, whose bytes go into `buffer`.
///
/// # Errors
/// [`ReadError`], which names the file.
pub fn read<'a>(path: &Path, buffer: &'a mut Vec<u8>) -> Result<SavedReport<'a>, ReadError> {
    load(path, buffer).and_then(|bytes| parse(bytes).map_err(|fault| ReadError { path: shown(path), fault }))
}

/// The bytes of the report in the file at `path`, which go into `buffer`.
///
/// # Errors
/// [`ReadError`], which names the file.
pub fn load<'a>(path: &Path, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], ReadError> {
    let fill = open(path).and_then(|file| read_limited(file, buffer));
    fill.map(|()| buffer.as_slice()).map_err(|fault| ReadError { path: shown(path), fault })
}

/// The path of a report as messages name it.
#[must_use]
pub fn shown(path: &Path) -> String {
    escape_bytes(path.as_os_str().as_encoded_bytes())
}

/// The report that `bytes` are.
///
/// # Errors
/// What is wrong with them.
pub fn parse(bytes: &[u8]) -> Result<SavedReport<'_>, Fault> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Fault::Empty);
    }
    match serde_json::from_slice::<SavedReport<'_>>(bytes) {
        Ok(report) if *report.schema == *SCHEMA => Ok(report),
        Ok(_) => Err(other_shape(bytes).unwrap_or(Fault::NotAReport)),
        Err(error) if error.classify() == Category::Data => {
            Err(other_shape(bytes).unwrap_or_else(|| Fault::of(&error)))
        }
        Err(error) => Err(Fault::of(&error)),
    }
}

/// Reads the reports that follow each other in `input`, which is what `cat *.json` gives, and hands the bytes of each to
/// `take`. What comes after one that is no JSON is not read: there is no telling where the next one begins.
pub fn read_stream(input: impl Read, mut take: impl FnMut(Result<&[u8], Fault>)) {
    let left = Cell::new(SIZE_LIMIT);
    let input = Limited { inner: io::BufReader::new(input), left: &left };
    for document in serde_json::Deserializer::from_reader(input).into_iter::<Box<RawValue>>() {
        match document {
            Ok(document) => take(Ok(document.get().as_bytes())),
            Err(_) if left.get() == 0 => take(Err(Fault::TooLarge)),
            Err(error) => take(Err(Fault::of(&error))),
        }
        left.set(SIZE_LIMIT);
    }
}

/// A reader that ends when what is `left` has been read.
struct Limited<'l, R> {
    inner: R,
    left: &'l Cell<u64>,
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.by_ref().take(self.left.get()).read(buffer)?;
        self.left.set(self.left.get().saturating_sub(read as u64));
        Ok(read)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a report that the user names is no part of the audited system"
)]
fn open(path: &Path) -> Result<File, Fault> {
    File::open(path).map_err(|error| Fault::Unreadable(error.to_string()))
}

fn read_limited(file: File, buffer: &mut Vec<u8>) -> Result<(), Fault> {
    buffer.clear();
    let read = file.take(SIZE_LIMIT.saturating_add(1)).read_to_end(buffer);
    match read {
        Ok(bytes) if bytes as u64 > SIZE_LIMIT => Err(Fault::TooLarge),
        Ok(_) => Ok(()),
        Err(error) => Err(Fault::Unreadable(error.to_string())),
    }
}

/// What a file says of itself before anything else of it is believed.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    schema: Text<'a>,
    #[serde(default)]
    tool: Option<HeadTool<'a>>,
    #[serde(default)]
    error: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct HeadTool<'a> {
    #[serde(borrow)]
    version: Text<'a>,
}

/// What JSON is that is no report of this version; none if it says that it is one, and of a host that was checked.
fn other_shape(bytes: &[u8]) -> Option<Fault> {
    let Ok(head) = serde_json::from_slice::<Head<'_>>(bytes) else { return Some(Fault::NotAReport) };
    match head.schema.split_once('/') {
        _ if *head.schema == *SCHEMA => head.error.map(|error| Fault::NotChecked(quoted(&error))),
        Some(("bootproof-report", _)) => Some(Fault::OtherVersion {
            schema: quoted(&head.schema),
            writer: head.tool.map(|tool| quoted(&tool.version)),
        }),
        Some((name, _)) => Some(match name.strip_prefix("bootproof-") {
            Some(command) => Fault::OfAnotherCommand(quoted(command)),
            None => Fault::NotAReport,
        }),
        None => Some(Fault::NotAReport),
    }
}

/// What a file says, fit for a message.
fn quoted(text: &str) -> String {
    kept(text, QUOTED)
}

/// At most `longest` characters of what a report says, safe to show; `…` stands for the rest.
pub(crate) fn kept(text: &str, longest: usize) -> String {
    let end = text.char_indices().nth(longest).map(|(end, _)| end);
    let mut kept = escape_bytes(text.get(..end.unwrap_or(text.len())).unwrap_or_default().as_bytes());
    if end.is_some() {
        kept.push('…');
    }
    kept
}

/// The parser's message without the place at its end, which stands before it.
fn without_place(message: &str) -> &str {
    message.rfind(" at line ").and_then(|at| message.get(..at)).unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{json, sample};
    use super::*;

    fn written() -> String {
        json::render(&sample::san_server()).unwrap()
    }

    #[test]
    fn a_report_comes_back_as_it_was_written() {
        let (report, text) = (sample::san_server(), written());
        let saved = parse(text.as_bytes()).unwrap();
        assert_eq!(saved.system.hostname.as_deref(), report.system.system.hostname.as_deref());
        assert_eq!(saved.system.pretty_name.as_deref(), report.system.system.pretty_name.as_deref());
        assert_eq!(
            saved.system.architecture.as_deref(),
            report.system.system.architecture.get().map(String::as_str)
        );
        let names: Vec<String> = saved.targets.iter().map(|target| target.name.to_string()).collect();
        let expected: Vec<String> = report.targets.iter().map(|target| target.name.clone()).collect();
        assert_eq!(names, expected);
        assert_eq!(saved.not_evaluated.len(), report.not_evaluated.len());
        for (saved, boot) in saved.boots.iter().zip(&report.boots) {
            assert_eq!((&*saved.entry, &*saved.target), (&*boot.entry, &*boot.target));
            assert_eq!((saved.default, saved.is_rescue), (boot.default, boot.is_rescue));
            assert_eq!((saved.outcome, saved.failed_at), (boot.outcome, boot.failed_at));
        }
        assert_eq!(saved.findings.len(), report.findings.len());
        for (saved, finding) in saved.findings.iter().zip(&report.findings) {
            assert_eq!((&*saved.rule, &*saved.fingerprint), (&*finding.rule, &*finding.fingerprint));
            assert_eq!(saved.target.as_deref(), finding.target.as_deref());
            assert_eq!(saved.severity, finding.severity);
            assert_eq!(saved.fix.len(), finding.fix.len());
            assert!(saved.waived.is_none());
        }
    }

    #[test]
    fn fields_may_stand_in_any_order_and_new_ones_are_skipped() {
        let mut value: serde_json::Value = serde_json::from_str(&written()).unwrap();
        value["a_new_list"] = serde_json::json!([{"x": [1, 2, {"y": null}]}]);
        value["findings"][0]["waived"] = serde_json::json!({"reason": "replaced in June"});
        value["findings"][0]["fix"] = serde_json::json!([{"kind": "of-the-future", "shape": {}}]);
        value["system"]["architecture"] = serde_json::json!({"unknown": "a program"});
        // A map of serde_json is sorted by name: `boots` comes before `schema`.
        let text = value.to_string();
        let saved = parse(text.as_bytes()).unwrap();
        assert!(saved.findings[0].waived.is_some());
        assert_eq!(&*saved.findings[0].fix[0].kind, "of-the-future");
        assert_eq!(saved.system.architecture, None);
    }

    #[test]
    fn what_is_no_report_of_this_version_is_told_apart() {
        let other =
            |schema: &str| serde_json::json!({"schema": schema, "tool": {"version": "9.1"}}).to_string();
        for (text, expected) in [
            ("", "x.json: is empty"),
            (" \n", "x.json: is empty"),
            ("hello", "x.json:1:1: is no JSON: expected value"),
            ("{\"schema\": nil}", "x.json:1:13: is no JSON: expected ident"),
            ("[]", "x.json: is JSON, but no report"),
            ("{}", "x.json: is JSON, but no report"),
            ("{\"schema\": 7}", "x.json: is JSON, but no report"),
            (&other("someone-else/1"), "x.json: is JSON, but no report"),
            (&other("bootproof-diff/1"), "x.json: was written by `bootproof diff`"),
            (
                &other("bootproof-report/2"),
                "x.json: has the shape `bootproof-report/2`, written by bootproof 9.1; this bootproof reads \
                 `bootproof-report/1`",
            ),
            (
                &other("bootproof-report/1"),
                "x.json:1:56: is not as `bootproof-report/1` says: missing field `system`",
            ),
            (
                "{\"schema\": \"bootproof-report/1\", \"error\": \"no route to \u{7f}host\"}",
                "x.json: the host was not checked: no route to \\u{7f}host",
            ),
            (&other("bootproof-\u{1b}[31m/1"), "x.json: was written by `bootproof \\u{1b}[31m`"),
        ] {
            let fault = parse(text.as_bytes()).unwrap_err();
            let said = ReadError { path: "x.json".to_owned(), fault }.to_string();
            assert!(said.starts_with(expected), "{text}: {said}");
        }
    }

    #[test]
    fn a_report_that_was_cut_off_is_said_to_be_wherever_it_ends() {
        let text = written();
        let whole = text.trim_end();
        for end in (1..whole.len()).step_by(97).filter(|end| whole.is_char_boundary(*end)) {
            let fault = parse(&whole.as_bytes()[..end]).unwrap_err();
            assert!(matches!(fault, Fault::Truncated { .. }), "{end}: {fault}");
        }
        let fault = parse(&whole.as_bytes()[..whole.len() / 2]).unwrap_err();
        let lines = whole[..whole.len() / 2].lines().count();
        assert!(fault.place().starts_with(&format!(":{lines}:")), "{} of {lines}", fault.place());
    }

    #[test]
    fn two_reports_in_one_file_are_not_taken_for_the_first() {
        let fault = parse(format!("{}{}", written(), written()).as_bytes()).unwrap_err();
        assert!(fault.to_string().contains("trailing characters"), "{fault}");
    }

    #[test]
    fn reports_that_follow_each_other_on_a_stream_are_read_one_by_one() {
        let mut found = Vec::new();
        let input = format!("{}\n{}[]{{", written(), written());
        read_stream(input.as_bytes(), |document| {
            found.push(document.and_then(|bytes| parse(bytes).map(|report| report.findings.len())));
        });
        let findings = sample::san_server().findings.len();
        assert_eq!(found[..3], [Ok(findings), Ok(findings), Err(Fault::NotAReport)]);
        assert!(matches!(found[3], Err(Fault::Truncated { .. })));
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn a_file_that_never_ends_is_not_read_whole() {
        let mut buffer = Vec::new();
        let error = read(Path::new("/dev/zero"), &mut buffer).unwrap_err();
        assert_eq!(error.fault, Fault::TooLarge);
        let left = Cell::new(10);
        let mut few = Vec::new();
        Limited { inner: io::repeat(b'x'), left: &left }.read_to_end(&mut few).unwrap();
        assert_eq!((few.len(), left.get()), (10, 0));
    }

    #[test]
    fn what_cannot_be_opened_is_named() {
        let mut buffer = Vec::new();
        for path in ["/no/such/report.json", "/"] {
            let error = read(Path::new(path), &mut buffer).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{path}: cannot be read: ")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let fault = parse(&bytes).unwrap_err();
            prop_assert!(!fault.to_string().chars().any(char::is_control));
        }

        #[test]
        fn no_damage_is_too_odd(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = written().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Err(fault) = parse(&bytes) {
                prop_assert!(!fault.to_string().chars().any(char::is_control));
            }
        }
    }
}
