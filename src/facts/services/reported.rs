//! What sosreport wrote down of services: `systemctl list-unit-files` and `chkconfig --list`. Used for the services that
//! the report has no files of.

use std::collections::BTreeSet;

use super::{Service, ServiceKind};
use crate::facts::Gather;
use crate::parse::lines::lines;

/// Lines that are read.
const MAX_LINES: usize = 2000;

/// Adds services that only the reports know.
pub(super) fn add(gather: &Gather<'_>, units: &mut Vec<Service>) {
    let known: BTreeSet<String> =
        units.iter().flat_map(|unit| std::iter::once(&unit.name).chain(&unit.aliases)).cloned().collect();
    if let Some(file) = gather.read("sos_commands/systemd/systemctl_list-unit-files").present() {
        for line in lines(&file.bytes).take(MAX_LINES) {
            let mut words = line.text.split_whitespace();
            let (Some(unit), Some(state)) = (words.next(), words.next()) else { continue };
            let name = unit.strip_suffix(".service").unwrap_or(unit);
            if !unit.contains('.') || known.contains(name) {
                continue;
            }
            let at = line.span_of(line.text.trim()).at(&file.path);
            let mut service = Service::new(name, ServiceKind::Systemd, at.clone());
            match state {
                "enabled" | "enabled-runtime" | "generated" => service.enable(at),
                "masked" | "masked-runtime" => service.masked = true,
                "alias" => continue,
                _ => {}
            }
            service.preset = words.next().and_then(|word| match word {
                "enabled" => Some(true),
                "disabled" => Some(false),
                _ => None,
            });
            units.push(service);
        }
    }
    let chkconfig = ["sos_commands/services/chkconfig_--list", "chkconfig"];
    let Some(file) = chkconfig.iter().find_map(|path| gather.read(path).present()) else { return };
    for line in lines(&file.bytes).take(MAX_LINES) {
        let Some((name, levels)) = line.first_word() else { continue };
        if known.contains(name) || !levels.contains("3:") {
            continue;
        }
        let at = line.span_of(line.text.trim()).at(&file.path);
        let mut service = Service::new(name, ServiceKind::Sysv, at.clone());
        if ["2:on", "3:on", "5:on"].iter().any(|level| levels.contains(level)) {
            service.enable(at);
        }
        units.push(service);
    }
}
