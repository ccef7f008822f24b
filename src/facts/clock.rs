//! Whether the system takes the hardware clock for local time or for UTC.
//!
//! adjtime(5) has it in its third line, which systemd and hwclock(8) go by. Before systemd the start scripts had settings of
//! their own: `etc/sysconfig/clock` (`UTC=` of RHEL 3 to 5, `HWCLOCK=` of SUSE), `etc/default/rcS` (`UTC=` of Debian up to 7),
//! `etc/conf.d/hwclock` (`clock=` of Gentoo).

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::setting::Setting;
use crate::parse::lines::lines;
use crate::parse::shell_vars;
use crate::source::{NodeKind, display_path};

/// Settings of start scripts: the file, the variable, and the values that mean local time.
const SCRIPTS: [(&str, &str, &[&str]); 4] = [
    ("etc/sysconfig/clock", "UTC", &["false", "no", "0"]),
    ("etc/sysconfig/clock", "HWCLOCK", &["--localtime", "-l"]),
    ("etc/default/rcS", "UTC", &["no"]),
    ("etc/conf.d/hwclock", "clock", &["local"]),
];

/// How the system reads the hardware clock.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Clock {
    /// The setting that makes local time of it; null if it is UTC, which is also the default.
    pub local: Option<Setting>,
    /// The time zone, where a file names it: `Europe/Berlin`.
    pub zone: Option<String>,
}

/// Reads the settings; `by_systemd` is whether systemd starts the system, for which adjtime alone counts.
#[must_use]
pub fn gather(gather: &Gather<'_>, by_systemd: bool) -> Clock {
    let script = if by_systemd { None } else { SCRIPTS.iter().find_map(|one| script(gather, *one)) };
    let local = match script {
        Some((setting, is_local)) => is_local.then_some(setting),
        None => adjtime(gather),
    };
    Clock { local, zone: zone(gather) }
}

/// The setting of a start script, and whether it means local time.
fn script(gather: &Gather<'_>, (path, name, local): (&str, &str, &[&str])) -> Option<(Setting, bool)> {
    let file = gather.read_config(path).present()?;
    let found = shell_vars::parse(&file.bytes);
    let setting = Setting::new(found.last(name)?, &file.path);
    let is_local = local.iter().any(|value| setting.value.trim().eq_ignore_ascii_case(value));
    Some((setting, is_local))
}

fn adjtime(gather: &Gather<'_>) -> Option<Setting> {
    let file = gather.read_config("etc/adjtime").present()?;
    let line = lines(&file.bytes).nth(2)?;
    let word = line.text.trim();
    (word == "LOCAL").then(|| Setting { value: word.to_owned(), at: line.span_of(word).at(&file.path) })
}

/// `/etc/localtime` is a link below `/usr/share/zoneinfo`; older systems write the name down beside a copy.
fn zone(gather: &Gather<'_>) -> Option<String> {
    if let Ok(node) = gather.tree.symlink_metadata("etc/localtime")
        && let NodeKind::Link(target) = node.kind
    {
        let target = display_path(&target);
        let (_, name) = target.split_once("zoneinfo/")?;
        return Some(name.to_owned());
    }
    if let Some(file) = gather.read_config("etc/timezone").present() {
        let line = lines(&file.bytes).next()?;
        return Some(crate::source::escape_bytes(line.text.trim().as_bytes()));
    }
    let file = gather.read_config("etc/sysconfig/clock").present()?;
    let found = shell_vars::parse(&file.bytes);
    found.value("ZONE").or_else(|| found.value("TIMEZONE"))
}
