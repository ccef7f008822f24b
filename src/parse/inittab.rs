//! inittab(5) of sysvinit: `id:runlevels:action:process`.
//!
//! Upstart and systemd read no more of it than `initdefault`; who asks has to know which init it is.

use super::lines::{Field, lines};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The first field, unique in the file.
    pub id: Field,
    /// The letters of the runlevels; empty means all (`0` to `6`).
    pub runlevels: String,
    /// `respawn`, `once`, `wait`, `off`, `initdefault`, `sysinit`, ...
    pub action: String,
    /// The program and its arguments, without the `+` that keeps init from writing utmp.
    pub process: Field,
}

impl Entry {
    /// Whether init starts it in `runlevel`, the ones of the boot counted.
    #[must_use]
    pub fn runs_in(&self, runlevel: char) -> bool {
        match self.action.as_str() {
            "sysinit" | "boot" | "bootwait" => true,
            "respawn" | "once" | "wait" => self.runlevels.is_empty() || self.runlevels.contains(runlevel),
            _ => false,
        }
    }
}

/// Reads a file; lines that lack a field are passed over, as init does.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for line in lines(bytes) {
        let text = line.text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let mut fields = text.splitn(4, ':');
        let (Some(id), Some(runlevels), Some(action)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let process = fields.next().unwrap_or_default().trim_start_matches('+').trim();
        entries.push(Entry {
            id: line.field(id),
            runlevels: runlevels.to_owned(),
            action: action.to_owned(),
            process: line.field(process),
        });
    }
    entries
}

/// The runlevel that the boot leads to: the digits of the first `initdefault`, of which init takes the highest.
#[must_use]
pub fn default_runlevel(entries: &[Entry]) -> Option<(char, &Entry)> {
    let entry = entries.iter().find(|entry| entry.action == "initdefault")?;
    let level = entry.runlevels.chars().filter(|level| matches!(level, '0'..='9' | 'S' | 's')).max()?;
    Some((level.to_ascii_uppercase(), entry))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_say_who_runs_when() {
        let text = "# Default\nid:3:initdefault:\nsi::sysinit:/etc/rc.d/rc.sysinit\n\
                    1:2345:respawn:/sbin/mingetty tty1\nco:2345:off:+/sbin/agetty xvc0 9600\nbroken:3\n";
        let entries = parse(text.as_bytes());
        let rows: Vec<_> = entries
            .iter()
            .map(|e| (e.id.span.line, e.id.text.as_str(), e.process.text.as_str(), e.runs_in('3')))
            .collect();
        assert_eq!(
            rows,
            [
                (2, "id", "", false),
                (3, "si", "/etc/rc.d/rc.sysinit", true),
                (4, "1", "/sbin/mingetty tty1", true),
                (5, "co", "/sbin/agetty xvc0 9600", false),
            ]
        );
        assert_eq!(default_runlevel(&entries).map(|(level, _)| level), Some('3'));
        assert_eq!(default_runlevel(&parse(b"id:s:initdefault:")).map(|(level, _)| level), Some('S'));
        assert_eq!(default_runlevel(&parse(b"1:2:respawn:x")), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let entries = parse(&bytes);
            prop_assert!(entries.len() <= bytes.len());
            let _ = default_runlevel(&entries);
        }
    }
}
