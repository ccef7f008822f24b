//! Takes a line of a console, dmesg, journal or pasted text down to what the program said: without colours, cursor
//! movement, serial noise, timestamps, levels and the names of host and program.
//!
//! Escape sequences are those of ECMA-48 (CSI, OSC, DCS) as GRUB, systemd and OVMF write them; what moves the cursor to
//! another line begins a new one. Prefixes are those of printk (`[    1.234567]`, `<4>`, `[T1]`), dmesg -T, syslog
//! (RFC 3164), ISO timestamps, and journalctl's `short`, `short-precise`, `short-monotonic` and `json`.

use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

/// What one program said in one line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Said {
    /// The words.
    pub(super) text: String,
    /// Seconds since the kernel started, where the line says so.
    pub(super) seconds: Option<f64>,
    /// The wall clock as the line writes it, where it does.
    pub(super) clock: Option<String>,
    /// The program, with its process id: `systemd[1]`.
    pub(super) program: Option<String>,
    /// The boot that a journal in JSON says that it is from.
    pub(super) boot: Option<String>,
}

/// A built-in expression; that it is right is tested.
fn expression(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

/// A kernel timestamp at the start, and the caller that CONFIG_PRINTK_CALLER adds.
static KERNEL_TIME: LazyLock<Option<Regex>> =
    LazyLock::new(|| expression(r"^\[ *(\d{1,9}\.\d{1,9})\](?:\[ *[TC]\d+\])? ?"));
/// A kernel timestamp in the middle of a line, where the kernel spoke into a program's line.
static KERNEL_TIME_INSIDE: LazyLock<Option<Regex>> =
    LazyLock::new(|| expression(r"\[ {0,6}\d{1,7}\.\d{6}\](?: |$)"));
static LEVEL: LazyLock<Option<Regex>> = LazyLock::new(|| expression(r"^<\d{1,3}>"));
/// Wall clocks: ISO 8601, syslog, dmesg -T.
static CLOCK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    expression(concat!(
        r"^(?:\[?(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?:Z|[+-]\d{2}:?\d{2}| UTC)?)\]?:? ",
        r"|((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d{2}:\d{2}:\d{2}(?:\.\d+)?) ",
        r"|\[((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \w{3} [ \d]\d \d{2}:\d{2}:\d{2} \d{4})\] ?)",
    ))
});
/// Host and program after a timestamp.
static HOST_AND_PROGRAM: LazyLock<Option<Regex>> =
    LazyLock::new(|| expression(r"^[\w.-]+ ([\w./@:-]+?(?:\[\d+\])?): ?"));
/// A program that says its process id, or the kernel.
static PROGRAM: LazyLock<Option<Regex>> =
    LazyLock::new(|| expression(r"^((?:[\w./@-]+|\([\w./@-]+\))\[\d+\]|kernel): ?"));
/// Marks of quoting in mails and tickets.
static QUOTED: LazyLock<Option<Regex>> = LazyLock::new(|| expression(r"^(?:[>|] ?)+"));

/// The record of `journalctl -o json` as far as it matters here.
#[derive(Deserialize)]
struct JournalRecord {
    /// Null where it was too large for journalctl to print.
    #[serde(rename = "MESSAGE")]
    message: Option<Message>,
    #[serde(rename = "SYSLOG_IDENTIFIER")]
    identifier: Option<String>,
    #[serde(rename = "_PID")]
    pid: Option<String>,
    #[serde(rename = "__MONOTONIC_TIMESTAMP")]
    monotonic: Option<String>,
    #[serde(rename = "_BOOT_ID")]
    boot: Option<String>,
}

/// A message is a text, or numbers of bytes where it is no UTF-8.
#[derive(Deserialize)]
#[serde(untagged)]
enum Message {
    Text(String),
    Bytes(Vec<u8>),
}

/// Whether `line` has to go through [`visible`] before its words can be looked for.
pub(super) fn is_plain(line: &[u8]) -> bool {
    line.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == b'\t')
}

/// The lines that a reader of the screen saw where the log has one: without escape sequences and control characters.
pub(super) fn visible(line: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(line);
    let mut lines = Vec::new();
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(first) = rest.chars().next() {
        let (length, effect) = escape(rest).unwrap_or_else(|| (first.len_utf8(), plain(first)));
        match effect {
            Effect::Shown(character) => shown.push(character),
            Effect::Nothing => {}
            Effect::Back => {
                shown.pop();
            }
            Effect::NewLine if shown.trim().is_empty() => shown.clear(),
            Effect::NewLine => lines.push(std::mem::take(&mut shown)),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    if !shown.trim().is_empty() {
        lines.push(shown);
    }
    lines
}

/// What a piece of the stream does to the screen.
enum Effect {
    Shown(char),
    Nothing,
    Back,
    NewLine,
}

fn plain(character: char) -> Effect {
    match character {
        '\t' => Effect::Shown('\t'),
        '\r' | '\n' => Effect::NewLine,
        '\u{8}' => Effect::Back,
        other if other.is_control() => Effect::Nothing,
        other => Effect::Shown(other),
    }
}

/// The escape sequence that `text` starts with: its length and what it does.
fn escape(text: &str) -> Option<(usize, Effect)> {
    // As the terminal got it, and as `cat -v` and rsyslog write it down.
    for introducer in ["\u{1b}", "^[", "#033"] {
        let Some(rest) = text.strip_prefix(introducer) else { continue };
        let Some(second) = rest.chars().next() else {
            return (introducer == "\u{1b}").then_some((introducer.len(), Effect::Nothing));
        };
        let head = introducer.len();
        match second {
            '[' => {
                return control_sequence(rest).map(|(length, effect)| (head.saturating_add(length), effect));
            }
            ']' | 'P' | '^' | '_' if introducer == "\u{1b}" => {
                let end = rest.find(['\u{7}', '\u{1b}', '\n']).unwrap_or(rest.len());
                let stop =
                    if rest.get(end..).is_some_and(|rest| rest.starts_with("\u{1b}\\")) { 2 } else { 1 };
                return Some((
                    head.saturating_add(end.saturating_add(stop).min(rest.len())),
                    Effect::Nothing,
                ));
            }
            // Index, next line, reverse index: the cursor goes to another line.
            'D' | 'E' | 'M' if introducer == "\u{1b}" => {
                return Some((head.saturating_add(1), Effect::NewLine));
            }
            _ if introducer == "\u{1b}" => {
                return Some((head.saturating_add(second.len_utf8()), Effect::Nothing));
            }
            _ => {}
        }
    }
    // A colour whose escape character was lost on the way: `[0;32m`.
    let colour = text.strip_prefix('[')?;
    let digits = colour.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    let is_colour = digits > 0 && colour.get(digits..).is_some_and(|rest| rest.starts_with('m'));
    is_colour.then_some((digits.saturating_add(2), Effect::Nothing))
}

/// A CSI sequence from its `[` on.
fn control_sequence(text: &str) -> Option<(usize, Effect)> {
    let end = text.char_indices().skip(1).find(|(_, c)| !matches!(c, '\u{20}'..='\u{3f}'))?;
    let (at, last) = end;
    let effect = match last {
        'A' | 'B' | 'E' | 'F' | 'H' | 'f' | 'J' | 'd' => Effect::NewLine,
        // Moves to the right leave a gap.
        'C' | 'G' => Effect::Shown(' '),
        '@'..='~' => Effect::Nothing,
        _ => return Some((1, Effect::Nothing)),
    };
    Some((at.saturating_add(last.len_utf8()), effect))
}

/// Cuts `line` where the kernel spoke into what a program was writing.
pub(super) fn voices(line: &str) -> Vec<&str> {
    let Some(inside) = KERNEL_TIME_INSIDE.as_ref() else { return vec![line] };
    let mut voices = Vec::new();
    let mut start = 0;
    for found in inside.find_iter(line).filter(|found| found.start() > 0) {
        let before = line.get(start..found.start()).unwrap_or_default();
        // journalctl and syslog put their own prefix before the kernel's timestamp: that is one voice.
        let is_prefix = start == 0 && (before.trim_end().ends_with(':') || before.trim().starts_with('<'));
        if !is_prefix && !before.trim().is_empty() {
            voices.push(before);
            start = found.start();
        }
    }
    voices.extend(line.get(start..));
    voices
}

/// What the line says without what loggers put before it.
pub(super) fn said(line: &str) -> Said {
    if line.starts_with('{')
        && let Some(said) = journal_record(line)
    {
        return said;
    }
    without_prefixes(line)
}

/// The words of a line that is a program's own.
fn without_prefixes(line: &str) -> Said {
    let mut said = Said::default();
    let mut rest = strip(&QUOTED, line.trim_end()).1;
    let mut after_time = false;
    loop {
        let before = rest.len();
        rest = strip(&LEVEL, rest).1;
        if let (Some(time), after) = strip(&KERNEL_TIME, rest) {
            said.seconds = time.parse().ok();
            (rest, after_time) = (after, true);
        }
        if let (Some(clock), after) = strip(&CLOCK, rest) {
            said.clock = Some(clock.to_owned());
            (rest, after_time) = (after, true);
        }
        if let (Some(program), after) = strip(&PROGRAM, rest)
            && !is_about_program(after)
        {
            said.program = Some(program.to_owned());
            rest = after;
        } else if after_time
            && said.program.is_none()
            && let (Some(program), after) = strip(&HOST_AND_PROGRAM, rest)
            && (said.clock.is_some() || program.ends_with(']') || program == "kernel")
        {
            said.program = Some(program.to_owned());
            rest = after;
        }
        if rest.len() == before {
            break;
        }
    }
    said.text = rest.trim_end().to_owned();
    said
}

/// Whether the kernel says something about a program, which it names as loggers name the one that speaks:
/// `mongod[812]: segfault at ...`.
fn is_about_program(rest: &str) -> bool {
    ["segfault at ", "general protection ", "trap ", "unhandled signal "]
        .iter()
        .any(|start| rest.starts_with(start))
}

/// What is captured at the start, and what follows.
fn strip<'a>(expression: &LazyLock<Option<Regex>>, text: &'a str) -> (Option<&'a str>, &'a str) {
    let Some(captures) = expression.as_ref().and_then(|expression| expression.captures(text)) else {
        return (None, text);
    };
    let end = captures.get(0).map_or(0, |whole| whole.end());
    let group = captures.iter().skip(1).flatten().next().or(captures.get(0));
    (group.map(|group| group.as_str()), text.get(end..).unwrap_or_default())
}

fn journal_record(line: &str) -> Option<Said> {
    // What is no record of a journal is a line like any other.
    let record: JournalRecord = serde_json::from_str(line).ok()?;
    let text = match record.message {
        Some(Message::Text(text)) => text,
        Some(Message::Bytes(bytes)) => visible(&bytes).join(" "),
        None => String::new(),
    };
    let seconds = record.monotonic.and_then(|micros| micros.parse::<f64>().ok()).map(|micros| micros / 1e6);
    let program = record.identifier.map(|name| match record.pid {
        Some(pid) => format!("{name}[{pid}]"),
        None => name,
    });
    let said = without_prefixes(&visible(text.as_bytes()).join(" "));
    Some(Said {
        seconds: said.seconds.or(seconds),
        program: said.program.or(program),
        boot: record.boot,
        ..said
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(raw: &[u8]) -> Vec<String> {
        let texts: Vec<String> = visible(raw);
        texts.iter().flat_map(|line| voices(line)).map(|voice| said(voice).text).collect()
    }

    #[test]
    fn every_kind_of_prefix_goes() {
        for (raw, text) in [
            ("[    1.234567] Run /init as init process", "Run /init as init process"),
            ("<6>[    1.234567] Run /init", "Run /init"),
            ("[    1.234567][    T1] Run /init", "Run /init"),
            ("Nov 20 04:50:50 db1 kernel: [    1.234567] Run /init", "Run /init"),
            ("Nov 20 04:50:50 db1 kernel: Run /init", "Run /init"),
            ("Nov  2 04:50:50.123456 db1 systemd[1]: Mounted /srv.", "Mounted /srv."),
            ("[    5.669582] db1 systemd[1]: Mounted /srv.", "Mounted /srv."),
            ("[    5.669582] db1 kernel: Run /init", "Run /init"),
            ("2026-11-20T04:50:50+00:00 db1 pppd[321]: Modem hangup", "Modem hangup"),
            ("2026-11-20 04:50:50,123 Modem hangup", "Modem hangup"),
            ("[Fri Nov 20 04:50:50 2026] Run /init", "Run /init"),
            ("dracut-initqueue[304]: Warning: Could not boot.", "Warning: Could not boot."),
            ("> [    1.234567] Run /init", "Run /init"),
            ("Nov 20 04:50:50 db1 kernel: mongod[812]: segfault at 0", "mongod[812]: segfault at 0"),
            ("mount: mounting /dev/vda1 on /root failed", "mount: mounting /dev/vda1 on /root failed"),
            ("[  OK  ] Mounted /srv.", "[  OK  ] Mounted /srv."),
            ("sd 0:0:0:0: [sda] Attached SCSI disk", "sd 0:0:0:0: [sda] Attached SCSI disk"),
        ] {
            assert_eq!(said(raw).text, text, "{raw}");
        }
    }

    #[test]
    fn times_and_programs_are_kept() {
        let line = said("Nov 20 04:50:50 db1 kernel: [    1.500000] Run /init");
        assert_eq!((line.seconds, line.program.as_deref()), (Some(1.5), Some("kernel")));
        let line = said(
            r#"{"MESSAGE":"Modem hangup","SYSLOG_IDENTIFIER":"pppd","_PID":"7","__MONOTONIC_TIMESTAMP":"2500000","_BOOT_ID":"ab"}"#,
        );
        assert_eq!(line.text, "Modem hangup");
        assert_eq!(
            (line.seconds, line.program.as_deref(), line.boot.as_deref()),
            (Some(2.5), Some("pppd[7]"), Some("ab"))
        );
        let bytes = said(r#"{"MESSAGE":[82,117,110,27,91,109,33]}"#);
        assert_eq!(bytes.text, "Run!");
    }

    #[test]
    fn colours_and_cursor_movement_go() {
        for (raw, shown) in [
            (&b"\x1b[0;1;31mFAILED\x1b[0m] Failed"[..], vec!["FAILED] Failed"]),
            (b"\x1bM\r\x1b[K[ \x1b[0;31m*\x1b[0m ] Job dev-vda1.device", vec!["[ * ] Job dev-vda1.device"]),
            (
                b"\x1b[2J\x1b[01;01HGNU GRUB  version 2.06\x1b[5;1Herror: no such device: ab.",
                vec!["GNU GRUB  version 2.06", "error: no such device: ab."],
            ),
            (b"\x1b]0;title\x07Run /init\0\0", vec!["Run /init"]),
            (b"^[[0;32m  OK  ^[[0m] Mounted", vec!["  OK  ] Mounted"]),
            (b"#033[0mMounted [0;1;39m/srv[0m", vec!["Mounted /srv"]),
            (b"fsck: 10%\rfsck: 20%\r\n", vec!["fsck: 10%", "fsck: 20%"]),
            (b"abd\x08c \xff\xfe", vec!["abc \u{fffd}\u{fffd}"]),
            (b"trailing \x1b", vec!["trailing "]),
        ] {
            assert_eq!(visible(raw), shown, "{}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn the_kernel_speaking_into_a_line_makes_two() {
        assert_eq!(
            lines(b"Begin: Loading essential drivers ... [    3.424473] SCSI subsystem initialized"),
            ["Begin: Loading essential drivers ...", "SCSI subsystem initialized"]
        );
        assert_eq!(
            lines(b"Probing EDD... o[    0.000000] Linux version 6.1"),
            ["Probing EDD... o", "Linux version 6.1"]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_give_lines_without_control_characters(raw in prop::collection::vec(any::<u8>(), 0..400)) {
            for line in visible(&raw) {
                prop_assert!(!line.chars().any(|c| c.is_control() && c != '\t'));
                for voice in voices(&line) {
                    prop_assert!(said(voice).text.len() <= line.len());
                }
            }
        }
    }
}
