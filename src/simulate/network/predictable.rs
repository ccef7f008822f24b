//! The names that udev's `net_id` makes of where a card sits (systemd's src/udev/udev-builtin-net_id.c,
//! systemd.net-naming-scheme(7)).

use super::cards::{Address, Bus, Card, addresses, is_bridge};
use crate::facts::Facts;
use crate::facts::command_line::CommandLine;
use crate::facts::system::Family;
use crate::target::Target;

/// A naming scheme: the release of systemd that it is from, and where it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scheme {
    /// The release of systemd that runs.
    pub(super) systemd: u32,
    /// The release that the scheme is called after.
    pub(super) version: u32,
    /// A bridge's slot number is not used for what is behind it (v247; SLE 15 SP3, RHEL 8.4).
    bridge_no_slot: bool,
}

/// What `net_id` says of one card, without the prefix for names that are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) onboard: Option<String>,
    pub(super) slot: Option<String>,
    pub(super) path: Option<String>,
    pub(super) mac: Option<String>,
    /// The target does not say where the card sits, so that names of it are unknown.
    pub(super) place_unknown: bool,
}

/// The first scheme, for which the release does not matter.
const FIRST: u32 = 238;

impl Scheme {
    /// The scheme that is in force; none if nothing says which systemd runs.
    pub(super) fn of(facts: &Facts, cmdline: Option<&CommandLine>) -> Option<Self> {
        let systemd = systemd(facts)?;
        let asked =
            cmdline.and_then(|line| line.value("net.naming-scheme").or(line.value("net.naming_scheme")));
        let asked = asked.and_then(|name| name.strip_prefix('v')?.parse().ok());
        let version: u32 = asked.unwrap_or_else(|| default_version(facts, systemd));
        let sle = facts.system.family.get() == Some(&Family::Suse) && systemd >= 234;
        let rhel8 = facts.system.id.as_deref() != Some("fedora")
            && facts.system.family.get() == Some(&Family::Rhel)
            && facts.system.major_version == Some(8);
        Some(Self { systemd, version, bridge_no_slot: version >= 247 || (asked.is_none() && (sle || rhel8)) })
    }

    /// Whether a card that userspace has renamed may be renamed again (v240).
    pub(super) fn allows_rerenames(self) -> bool {
        self.version >= 240
    }

    /// v251 to v254 used a bridge's slot for cards with several functions.
    fn bridge_slot_for_functions(self) -> bool {
        (251..255).contains(&self.version)
    }

    /// Whether a card without a slot is named after that of a bridge above it (v239).
    fn looks_at_parents(self) -> bool {
        self.version >= 239
    }
}

/// RHEL 8 keeps its scheme at v239, SLE 15 at v238; the others take the newest that they have.
fn default_version(facts: &Facts, systemd: u32) -> u32 {
    match (facts.system.family.get(), facts.system.major_version) {
        (Some(Family::Rhel), Some(8)) if facts.system.id.as_deref() != Some("fedora") => 239,
        (Some(Family::Suse), Some(15)) => FIRST,
        _ => systemd,
    }
}

/// The release of systemd: of its package, its library, or what the distribution's release came with.
pub(super) fn systemd(facts: &Facts) -> Option<u32> {
    let package = ["systemd", "udev"].iter().find_map(|name| {
        let found = facts.packages.find(name);
        let version = found.get()?.as_ref()?.version.to_string();
        version.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
    });
    package.or(facts.network.naming.systemd.get().copied()).or_else(|| by_distribution(facts))
}

/// What distributions came with (their package archives). Before systemd took udev in, releases were below 183.
fn by_distribution(facts: &Facts) -> Option<u32> {
    let system = &facts.system;
    let minor = || system.version_id.as_deref()?.split_once('.')?.1.parse::<u32>().ok();
    let id = system.id.as_deref()?;
    let version = system.major_version?;
    let by_release = |table: &[(u32, u32)]| {
        let found = table.iter().rev().find(|(release, _)| *release <= version);
        found.map(|(_, systemd)| *systemd)
    };
    match id {
        "debian" | "raspbian" | "devuan" => by_release(&[
            (4, 105),
            (5, 125),
            (6, 164),
            (7, 175),
            (8, 215),
            (9, 232),
            (10, 241),
            (11, 247),
            (12, 252),
            (13, 257),
        ]),
        "ubuntu" => match (version, minor()) {
            (14, _) => Some(204),
            (15, Some(4)) => Some(219),
            _ => by_release(&[
                (8, 117),
                (10, 151),
                (12, 175),
                (15, 225),
                (16, 229),
                (18, 237),
                (20, 245),
                (22, 249),
                (24, 255),
                (25, 257),
            ]),
        },
        "fedora" => by_release(&[
            (19, 204),
            (21, 216),
            (28, 238),
            (30, 241),
            (32, 245),
            (34, 248),
            (36, 250),
            (37, 251),
            (38, 253),
            (39, 254),
            (40, 255),
            (41, 256),
            (42, 257),
        ]),
        "amzn" => match version {
            2 => Some(219),
            2016..=2018 => Some(173),
            2023 => Some(252),
            _ => None,
        },
        "rhel" | "centos" | "ol" | "rocky" | "almalinux" | "scientific" => {
            by_release(&[(5, 95), (6, 147), (7, 219), (8, 239), (9, 252), (10, 257)])
        }
        "sles" | "sled" | "sles_sap" => match (version, minor()) {
            (15, Some(4..=5)) => Some(249),
            (15, Some(6..)) => Some(254),
            (12, None | Some(0..=1)) => Some(210),
            _ => by_release(&[(10, 85), (11, 147), (12, 228), (15, 234)]),
        },
        _ => None,
    }
}

/// Where QEMU's firmware puts hotplug slots when the target does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chipset {
    /// i440FX: each place of the root bus that holds no bridge, and each place behind a PCI bridge.
    I440fx,
    /// q35 with ACPI hotplug (QEMU 6.1): each place behind a port or bridge, none on the root bus.
    Q35,
    /// Not QEMU: the target's word alone counts.
    Other,
}

/// Host bridges of QEMU's machines, with its subsystem vendor.
const I440FX: &str = "pci:v00008086d00001237sv00001AF4";
const Q35: &str = "pci:v00008086d000029C0sv00001AF4";

/// The slots of a target.
pub(super) struct Slots {
    chipset: Chipset,
    functions: Vec<(Address, String)>,
}

impl Slots {
    pub(super) fn of(target: &Target, cards: &[Card]) -> Self {
        let functions = addresses(target);
        let has = |start: &str| functions.iter().any(|(_, modalias)| modalias.starts_with(start));
        let chipset = match () {
            () if cards.iter().any(|card| card.slot_number.is_some()) => Chipset::Other,
            () if has(I440FX) => Chipset::I440fx,
            () if has(Q35) => Chipset::Q35,
            () => Chipset::Other,
        };
        Self { chipset, functions }
    }

    /// Whether QEMU numbers a slot at that place of a bus: its device number.
    fn is_slot(&self, bus: u32, device: u32) -> bool {
        if bus > 0 {
            return self.chipset != Chipset::Other;
        }
        let here = |(address, _): &&(Address, String)| address.bus == 0 && address.device == device;
        let holds_bridge = self.functions.iter().filter(here).any(|(_, modalias)| is_bridge(modalias));
        self.chipset == Chipset::I440fx && device > 1 && !holds_bridge
    }

    /// The number of the slot that `/sys/bus/pci/slots` has for the place: the kernel gives a number to the first
    /// that asks for it and calls others `N-2` (drivers/pci/slot.c, `make_slot_name`), which udev passes over.
    fn number(&self, address: Address) -> Option<u32> {
        let number = address.device;
        if number == 0 || !self.is_slot(address.bus, number) {
            return None;
        }
        // Behind a port is one place, behind a bridge are 32: a bus with anything but place 0 is a bridge's.
        let has_all = |bus: u32| {
            let on_bus = |(other, _): &&(Address, String)| other.bus == bus && other.device > 0;
            self.chipset == Chipset::I440fx || self.functions.iter().any(|function| on_bus(&function))
        };
        let buses = self.functions.iter().map(|(other, _)| other.bus).filter(|bus| *bus < address.bus);
        let mut taken =
            buses.chain((self.chipset == Chipset::I440fx).then_some(0).filter(|_| address.bus > 0));
        let is_taken = taken.any(|bus| has_all(bus) && self.is_slot(bus, number));
        (!is_taken).then_some(number)
    }
}

/// What `net_id` says of the card.
///
/// `order` counts the cards of Xen: the number is that of the device in xenstore, the first card's is 0.
pub(super) fn names(card: &Card, scheme: Scheme, slots: &Slots, order: u32) -> Names {
    let mut names = Names::default();
    match card.bus {
        Bus::Pci => of_pci(card, scheme, slots, &mut names),
        Bus::Xen if scheme.version >= 250 => names.slot = Some(format!("enX{order}")),
        Bus::Usb => names.place_unknown = true,
        _ => {}
    }
    names
}

fn of_pci(card: &Card, scheme: Scheme, slots: &Slots, names: &mut Names) {
    if let Some(index) = card.onboard_index
        && (index > 0 || scheme.version >= 240)
        && (index < 16384 || scheme.version >= 249 && index < 65536)
    {
        names.onboard = Some(format!("eno{index}"));
    }
    let Some(address) = card.address else {
        names.place_unknown = true;
        return;
    };
    let domain = if address.domain > 0 { format!("P{}", address.domain) } else { String::new() };
    let function = if card.multifunction { format!("f{}", address.function) } else { String::new() };
    names.path = Some(format!("en{domain}p{}s{}{function}", address.bus, address.device));
    let number = slot_number(card, address, scheme, slots);
    names.slot = number.map(|number| format!("en{domain}s{number}{function}"));
}

fn slot_number(card: &Card, address: Address, scheme: Scheme, slots: &Slots) -> Option<u32> {
    let of_bridge = |number: u32| {
        let usable = !scheme.bridge_no_slot || (scheme.bridge_slot_for_functions() && card.multifunction);
        (usable && scheme.looks_at_parents()).then_some(number)
    };
    if let Some(number) = card.slot_number {
        let number = Some(number).filter(|number| *number > 0);
        return if card.slot_is_of_bridge { number.and_then(of_bridge) } else { number };
    }
    // v257 reads the number that ACPI gives the device itself, where no other slot can have taken it.
    if scheme.version >= 257 && slots.is_slot(address.bus, address.device) && address.device > 0 {
        return Some(address.device);
    }
    // QEMU makes no slot for a bridge, so that there is none above either.
    slots.number(address)
}
