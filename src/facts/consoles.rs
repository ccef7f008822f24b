//! Consoles and displays: who offers a login on which terminal, where root may log in, and which driver X is told to use.
//!
//! Sources: inittab(5), init(5) of upstart, systemd-getty-generator(8), securetty(5), xorg.conf(5).

use schemars::JsonSchema;
use serde::Serialize;

use super::services::{ServiceKind, Services};
use super::setting::Named;
use super::{Gather, Known};
use crate::parse::lines::lines;
use crate::parse::xorg;
use crate::place::Place;

/// Terminals and displays.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Consoles {
    /// Programs that offer a login on a terminal at boot.
    pub gettys: Vec<Getty>,
    /// Terminals where root may log in; null if there is no `etc/securetty` (then on all), or nothing asks it.
    pub securetty: Option<Vec<Named>>,
    /// Devices of X with a driver of the administrator's choice.
    pub displays: Vec<Display>,
    /// A display manager is started at boot. Unknown if the services are.
    pub has_display_manager: Known<bool>,
}

/// A login on a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Getty {
    /// The terminal: `tty1`, `ttyS0`, `hvc0`.
    pub terminal: String,
    /// Who starts it.
    pub kind: ServiceKind,
    /// The line or link that says so.
    pub at: Place,
}

/// A `Device` section of X.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Display {
    /// The driver, in lower case.
    pub driver: String,
    /// `BusID`, where given.
    pub bus_id: Option<String>,
    /// The line with the driver.
    pub at: Place,
}

/// Lines that are kept, each.
const MAX_LINES: usize = 500;

/// Reads everything.
#[must_use]
pub fn gather(gather: &Gather<'_>, services: &Services) -> Consoles {
    let managers = ["display-manager", "gdm", "gdm3", "lightdm", "sddm", "kdm", "xdm", "prefdm", "lxdm"];
    let has_display_manager =
        services.in_use.as_ref().map(|names| names.iter().any(|name| managers.contains(&name.as_str())));
    Consoles {
        gettys: gettys(services),
        securetty: securetty(gather),
        displays: displays(gather),
        has_display_manager,
    }
}

fn gettys(services: &Services) -> Vec<Getty> {
    let mut found = Vec::new();
    for unit in services.units.get().into_iter().flatten().filter(|unit| unit.enabled) {
        let at = unit.enabled_by.clone().unwrap_or_else(|| unit.at.clone());
        let terminal = match unit.kind {
            ServiceKind::Systemd => match unit.name.split_once('@') {
                Some(("getty" | "serial-getty" | "autovt" | "agetty" | "mgetty", terminal)) => {
                    Some(terminal.to_owned())
                }
                _ => None,
            },
            _ => {
                let program =
                    unit.exec.as_deref().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
                let is_terminal = |word: &&String| {
                    ["tty", "hvc", "xvc", "console"]
                        .iter()
                        .any(|start| word.trim_start_matches("/dev/").starts_with(start))
                };
                let terminal = unit.arguments.iter().find(is_terminal);
                terminal
                    .filter(|_| program.ends_with("getty"))
                    .map(|word| word.trim_start_matches("/dev/").to_owned())
            }
        };
        if let Some(terminal) = terminal.filter(|terminal| !terminal.is_empty() && !terminal.contains('%')) {
            found.push(Getty { terminal, kind: unit.kind, at });
        }
    }
    found.truncate(MAX_LINES);
    found
}

/// The list, where PAM asks it: `pam_securetty` in `login` or what it includes.
fn securetty(gather: &Gather<'_>) -> Option<Vec<Named>> {
    let asks = ["etc/pam.d/login", "etc/pam.d/remote", "etc/pam.conf"].iter().any(|path| {
        let file = gather.read_config(path).present();
        file.is_some_and(|file| {
            lines(&file.bytes).any(|line| {
                let text = line.text.trim_start();
                !text.starts_with('#') && text.contains("pam_securetty")
            })
        })
    });
    let file = gather.read_config("etc/securetty").present().filter(|_| asks)?;
    let named = lines(&file.bytes).filter_map(|line| {
        let word = line.text.split('#').next().unwrap_or_default().trim();
        (!word.is_empty()).then(|| Named { name: word.to_owned(), at: line.span_of(word).at(&file.path) })
    });
    Some(named.take(MAX_LINES).collect())
}

/// xorg.conf and its folders; those below `usr/share` are the packages' own and name no card.
fn displays(gather: &Gather<'_>) -> Vec<Display> {
    let main = ["etc/X11/xorg.conf", "etc/X11/XF86Config", "etc/X11/XF86Config-4"];
    let mut files: Vec<_> =
        main.iter().filter_map(|path| gather.read_config(path).present()).take(1).collect();
    files.extend(gather.read_directory("etc/X11/xorg.conf.d", |name| name.ends_with(".conf")));
    let mut found = Vec::new();
    for file in &files {
        for section in xorg::parse(&file.bytes).into_iter().filter(|section| section.name == "device") {
            let Some(driver) = section.get("driver") else { continue };
            found.push(Display {
                driver: driver.text.to_ascii_lowercase(),
                bus_id: section.get("busid").map(|field| field.text.clone()),
                at: driver.span.at(&file.path),
            });
        }
    }
    found.truncate(MAX_LINES);
    found
}
