//! mongod.conf: YAML since MongoDB 2.6, `key = value` lines before.
//!
//! Of it: where the data is, and how often the journal is written (`storage.journal.commitIntervalMs`, before
//! `journalCommitInterval`).

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::key_value::{self, Dialect};
use crate::place::Span;

/// What was read.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct MongodConf {
    /// The folder of the data, and where it is named.
    pub data: Option<(String, Span)>,
    /// Whether the journal is switched off.
    pub no_journal: bool,
    /// Milliseconds between two writes of the journal, where set.
    pub interval: Option<(u64, Span)>,
}

#[derive(Deserialize)]
struct File {
    storage: Option<Storage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Storage {
    db_path: Option<Spanned<String>>,
    journal: Option<Journal>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Journal {
    enabled: Option<bool>,
    commit_interval_ms: Option<Spanned<u64>>,
}

/// Reads a file of either kind; none if it is neither.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<MongodConf> {
    let text = String::from_utf8_lossy(bytes);
    let is_old = text.lines().map(str::trim).any(|line| line.starts_with("dbpath") && line.contains('='));
    if is_old {
        return Some(old(bytes));
    }
    let file: Option<File> = serde_saphyr::from_str(&text).ok()?; // the program itself says what is wrong with it
    let storage = file.and_then(|file| file.storage);
    let span = |line: u64, column: u64| {
        Span::new(usize::try_from(line).unwrap_or(1), usize::try_from(column).unwrap_or(1), 0)
    };
    let Some(Storage { db_path, journal }) = storage else { return Some(MongodConf::default()) };
    let interval = journal.as_ref().and_then(|journal| journal.commit_interval_ms.as_ref());
    Some(MongodConf {
        data: db_path.map(|path| (path.value, span(path.referenced.line(), path.referenced.column()))),
        no_journal: journal.as_ref().is_some_and(|journal| journal.enabled == Some(false)),
        interval: interval.map(|one| (one.value, span(one.referenced.line(), one.referenced.column()))),
    })
}

fn old(bytes: &[u8]) -> MongodConf {
    let settings = key_value::parse(bytes, Dialect::Stunnel);
    let last = |key: &str| settings.iter().rfind(|setting| setting.key == key);
    let is_on = |key: &str| last(key).is_some_and(|setting| setting.value == "true");
    MongodConf {
        data: last("dbpath").map(|setting| (setting.value.clone(), setting.span)),
        no_journal: is_on("nojournal") || last("journal").is_some_and(|setting| setting.value == "false"),
        interval: last("journalCommitInterval")
            .and_then(|setting| Some((setting.value.parse().ok()?, setting.span))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_kinds_are_read() {
        let new =
            parse(b"# mongod.conf\nstorage:\n  dbPath: /var/lib/mongodb\n  journal:\n    enabled: true\n")
                .unwrap();
        assert_eq!(
            new.data.as_ref().map(|(path, span)| (path.as_str(), span.line)),
            Some(("/var/lib/mongodb", 3))
        );
        assert_eq!((new.no_journal, new.interval), (false, None));
        let old = parse(b"dbpath = /data/db\njournalCommitInterval = 300\n").unwrap();
        assert_eq!(old.data.map(|(path, _)| path).as_deref(), Some("/data/db"));
        assert_eq!(old.interval.map(|(number, span)| (number, span.line)), Some((300, 2)));
    }

    proptest! {
        #[test]
        fn any_text_ends(text in "(storage:\n)?[ -~\n]{0,200}") {
            let read = parse(text.as_bytes());
            prop_assert!(read.is_none_or(|read| read.data.is_none_or(|(path, _)| path.len() <= text.len())));
        }
    }
}
