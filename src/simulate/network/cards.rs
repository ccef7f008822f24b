//! The target's network cards, and where they sit.

use crate::target::{Device, Target};

/// A PCI address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    pub(super) domain: u32,
    pub(super) bus: u32,
    pub(super) device: u32,
    pub(super) function: u32,
}

impl Address {
    /// Reads `0000:00:03.0`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (rest, function) = text.split_once('.')?;
        let mut parts = rest.rsplit(':');
        let number = |text: &str| u32::from_str_radix(text, 16).ok(); // none: not an address
        let device = number(parts.next()?)?;
        let bus = number(parts.next()?)?;
        let domain = parts.next().map_or(Some(0), number)?;
        Some(Self { domain, bus, device, function: function.parse().ok()? })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{}", self.domain, self.bus, self.device, self.function)
    }
}

/// What a card hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bus {
    Pci,
    Usb,
    Vmbus,
    Xen,
    Other,
}

/// A network card of the target.
#[derive(Debug, Clone)]
pub(super) struct Card {
    /// The modaliases on the way to it, from the bus down.
    pub(super) modaliases: Vec<String>,
    /// What it hangs on.
    pub(super) bus: Bus,
    /// The PCI function that it is, or that it sits on.
    pub(super) address: Option<Address>,
    /// The slots of the PCI bridges above it, nearest first, as far as the target nests them.
    pub(super) bridges: Vec<Option<Address>>,
    /// Whether another function is in the same place.
    pub(super) multifunction: bool,
    /// `slot_number` of the device, else of one above it with that device's place.
    pub(super) slot_number: Option<u32>,
    /// Whether that is the number of a bridge above it.
    pub(super) slot_is_of_bridge: bool,
    /// `onboard_index`.
    pub(super) onboard_index: Option<u32>,
    /// Its address, if the target says.
    pub(super) mac: Option<String>,
}

impl Card {
    /// The modalias that says what the card is: the PCI function's, else the last.
    pub(super) fn modalias(&self) -> &str {
        let pci = self.modaliases.iter().rev().find(|modalias| modalias.starts_with("pci:"));
        pci.or(self.modaliases.last()).map_or("", String::as_str)
    }
}

/// What a virtio card announces as its child.
pub(in crate::simulate) const VIRTIO_NET: &str = "virtio:d00000001v00001AF4";

/// The cards: devices with a `nic`; where none is marked, PCI functions of the class for network cards. Beside marked ones
/// such a function is another way to the same card, as on Azure.
pub(super) fn cards(target: &Target) -> Vec<Card> {
    let mut found = target.nic_chains();
    if found.is_empty() {
        let mut way = Vec::new();
        for device in &target.devices {
            walk(device, &mut way, &mut found);
        }
    }
    let all = addresses(target);
    let mut cards: Vec<Card> = found.into_iter().map(|way| card(&way, &all)).collect();
    // The order in which the kernel finds them: by address; those of other buses stay as they are listed.
    cards.sort_by_key(|card| card.address);
    cards
}

fn walk<'t>(device: &'t Device, way: &mut Vec<&'t Device>, found: &mut Vec<Vec<&'t Device>>) {
    way.push(device);
    if is_network(&device.modalias) {
        found.push(way.clone());
    }
    for child in &device.children {
        walk(child, way, found);
    }
    way.pop();
}

fn is_network(modalias: &str) -> bool {
    modalias.starts_with("pci:") && (modalias.contains("bc02sc") || modalias.contains("bc0dsc"))
}

pub(super) fn is_bridge(modalias: &str) -> bool {
    modalias.starts_with("pci:") && modalias.contains("bc06sc04")
}

/// Every PCI function of the target.
pub(super) fn addresses(target: &Target) -> Vec<(Address, String)> {
    let mut found = Vec::new();
    let mut todo: Vec<&Device> = target.devices.iter().collect();
    while let Some(device) = todo.pop() {
        if let Some(address) = device.slot.as_deref().and_then(Address::parse) {
            found.push((address, device.modalias.clone()));
        }
        todo.extend(&device.children);
    }
    found.sort();
    found
}

fn card(way: &[&Device], all: &[(Address, String)]) -> Card {
    let mut modaliases: Vec<String> = way.iter().map(|device| device.modalias.clone()).collect();
    let virtio = modaliases.last().is_some_and(|modalias| modalias.starts_with("pci:v00001AF4d"));
    if virtio && way.last().is_some_and(|device| device.children.is_empty()) {
        modaliases.push(VIRTIO_NET.to_owned());
    }
    let pci: Vec<&&Device> = way.iter().rev().filter(|device| device.modalias.starts_with("pci:")).collect();
    let own = pci.iter().position(|device| !is_bridge(&device.modalias));
    let function = own.and_then(|index| pci.get(index));
    let address = function.and_then(|device| Address::parse(device.slot.as_deref()?));
    let above = own.map_or(&[][..], |index| pci.get(index + 1..).unwrap_or_default());
    let own_number = function.and_then(|device| device.slot_number);
    let of_bridge = above.iter().find_map(|device| device.slot_number);
    let marked = |read: fn(&Device) -> Option<String>| way.iter().rev().find_map(|device| read(device));
    Card {
        bus: bus(&modaliases),
        multifunction: address.is_some_and(|address| {
            let same = |other: &Address| {
                (other.domain, other.bus, other.device) == (address.domain, address.bus, address.device)
            };
            address.function > 0 || all.iter().any(|(other, _)| same(other) && *other != address)
        }),
        address,
        bridges: above.iter().map(|device| Address::parse(device.slot.as_deref()?)).collect(),
        slot_number: own_number.or(of_bridge),
        slot_is_of_bridge: own_number.is_none() && of_bridge.is_some(),
        onboard_index: function.and_then(|device| device.onboard_index),
        mac: marked(|device| device.mac.clone()).map(|mac| mac.to_ascii_lowercase()),
        modaliases,
    }
}

fn bus(modaliases: &[String]) -> Bus {
    let is = |start: &str| modaliases.iter().any(|modalias| modalias.starts_with(start));
    match () {
        () if is("vmbus:") => Bus::Vmbus,
        () if is("xen:") => Bus::Xen,
        () if is("usb:") => Bus::Usb,
        () if is("pci:") => Bus::Pci,
        () => Bus::Other,
    }
}
