//! Where the system takes the time from: chrony, ntpd, systemd-timesyncd.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::services::Services;
use super::{Gather, Known, glob};
use crate::parse::{ini, ntp};
use crate::place::Place;

/// The sources of time.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TimeSync {
    /// Servers, pools, peers and reference clocks of all daemons.
    pub sources: Vec<TimeSource>,
    /// The daemons that the boot starts: `chronyd`, `ntpd`, `systemd-timesyncd`, ... Unknown if the services are.
    pub daemons: Known<Vec<String>>,
}

/// One source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TimeSource {
    /// `server`, `pool`, `peer` or `refclock`.
    pub kind: String,
    /// The host's name or address; the device of a reference clock: `/dev/ptp_kvm`.
    pub name: String,
    /// The daemon whose file it is: `chrony`, `ntp`, `timesyncd`.
    pub daemon: String,
    /// That daemon is started. Unknown if the services are.
    pub in_use: Known<bool>,
    /// Its line.
    pub at: Place,
}

/// Sources that are kept.
const MAX_SOURCES: usize = 500;
/// Files that are read.
const MAX_FILES: usize = 200;

/// The names of each daemon's service.
const DAEMONS: [(&str, &[&str]); 3] = [
    ("chrony", &["chronyd", "chrony"]),
    ("ntp", &["ntpd", "ntp", "ntpsec", "xntpd", "openntpd", "ntpdate"]),
    ("timesyncd", &["systemd-timesyncd"]),
];

/// Reads the daemons' files.
#[must_use]
pub fn gather(gather: &Gather<'_>, services: &Services) -> TimeSync {
    let daemons = services.in_use.as_ref().map(|names| {
        let all: BTreeSet<&str> = DAEMONS.iter().flat_map(|(_, names)| *names).copied().collect();
        names.iter().filter(|name| all.contains(name.as_str())).cloned().collect::<Vec<String>>()
    });
    let mut found = TimeSync { daemons, ..TimeSync::default() };
    for (daemon, start) in [
        ("chrony", "etc/chrony.conf"),
        ("chrony", "etc/chrony/chrony.conf"),
        ("ntp", "etc/ntp.conf"),
        ("ntp", "etc/ntpsec/ntp.conf"),
    ] {
        found.read(gather, daemon, start);
    }
    let mut files: Vec<_> = gather.read_config("etc/systemd/timesyncd.conf").present().into_iter().collect();
    files.extend(gather.read_directory("etc/systemd/timesyncd.conf.d", |name| name.ends_with(".conf")));
    for file in &files {
        for entry in ini::parse(&file.bytes) {
            if entry.section == "Time" && entry.key == "NTP" {
                for name in entry.value.split_whitespace() {
                    found.add("timesyncd", "server", name, entry.span.at(&file.path));
                }
            }
        }
    }
    found
}

impl TimeSync {
    fn read(&mut self, gather: &Gather<'_>, daemon: &str, start: &str) {
        let mut queue = vec![start.to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(path) = queue.pop() {
            if seen.len() > MAX_FILES || !seen.insert(path.clone()) {
                continue;
            }
            let Some(file) = gather.read_config(&path).present() else { continue };
            for directive in ntp::parse(&file.bytes) {
                let Some(first) = directive.arguments.first() else { continue };
                let at = directive.span.at(&file.path);
                match directive.name.as_str() {
                    kind @ ("server" | "pool" | "peer") => self.add(daemon, kind, first, at),
                    "refclock" => {
                        let device = directive.arguments.get(1).unwrap_or(first);
                        self.add(daemon, "refclock", device.split(':').next().unwrap_or(device), at);
                    }
                    "include" | "includefile" => queue.extend(glob::expand(gather, first)),
                    "confdir" => queue.extend(glob::expand(gather, &format!("{first}/*.conf"))),
                    "sourcedir" => queue.extend(glob::expand(gather, &format!("{first}/*.sources"))),
                    _ => {}
                }
            }
        }
    }

    fn add(&mut self, daemon: &str, kind: &str, name: &str, at: Place) {
        if self.sources.len() >= MAX_SOURCES {
            return;
        }
        let names = DAEMONS.iter().find(|(known, _)| *known == daemon).map_or(&[][..], |(_, names)| names);
        let in_use =
            self.daemons.as_ref().map(|running| running.iter().any(|name| names.contains(&name.as_str())));
        self.sources.push(TimeSource {
            kind: kind.to_owned(),
            name: name.to_owned(),
            daemon: daemon.to_owned(),
            in_use,
            at,
        });
    }
}
