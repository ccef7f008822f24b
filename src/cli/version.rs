//! What `--version` prints: enough to tell which build a report came from, and nothing that differs between two
//! builds of one commit. `build.rs` notes what the compiler does not tell the program.

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use x509_cert::der::DateTime;

use crate::rules::RuleSet;
use crate::target;

/// The version, then a line for each fact of the build.
pub(super) fn long() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(facts);
    &TEXT
}

fn facts() -> String {
    let linked = if cfg!(target_feature = "crt-static") { "static" } else { "dynamic" };
    let target = option_env!("BOOTPROOF_BUILD_TARGET").unwrap_or("unknown");
    let facts = [
        ("commit", option_env!("BOOTPROOF_BUILD_COMMIT").unwrap_or("unknown").to_owned()),
        ("date", date().unwrap_or_else(|| "unknown".to_owned())),
        ("target", format!("{target}, {linked}")),
        ("rustc", option_env!("BOOTPROOF_BUILD_RUSTC").unwrap_or("unknown").to_owned()),
        ("rules", RuleSet::built_in_count().to_string()),
        ("targets", target::built_in_names().count().to_string()),
    ];
    let mut text = env!("CARGO_PKG_VERSION").to_owned();
    for (name, value) in facts {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{name:<8} {value}");
    }
    text
}

/// The day of the sources, `2026-11-20`: that of the commit, or of `SOURCE_DATE_EPOCH`.
pub(super) fn date() -> Option<String> {
    day(option_env!("BOOTPROOF_BUILD_EPOCH")?)
}

/// The day (UTC) of a number of seconds since 1970.
fn day(epoch: &str) -> Option<String> {
    let since_1970 = Duration::from_secs(epoch.parse().ok()?);
    let moment = DateTime::from_unix_duration(since_1970).ok()?.to_string();
    moment.split_once('T').map(|(day, _)| day.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_that_of_utc() {
        for (epoch, expected) in [
            ("0", Some("1970-01-01")),
            ("1795219199", Some("2026-11-20")),
            ("1795219200", Some("2026-11-21")),
            ("-1", None),
            ("yesterday", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(day(epoch).as_deref(), expected, "{epoch}");
        }
    }
}
