//! `lspci -nn`, with or without `-v` and `-k`: the devices on the PCI bus with their numbers (pciutils, lspci(8)).
//!
//! ```text
//! 03:00.0 Serial Attached SCSI controller [0107]: Broadcom / LSI SAS1068E [1000:0058] (rev 08)
//!     Subsystem: Dell SAS 6/iR Integrated [1028:1f10]
//!     Kernel driver in use: mptsas
//! ```
//! Without `-nn` there are no numbers, and such lines are passed over: names do not say which driver takes a device.

use super::lines::{Line, lines};
use crate::place::Span;

/// Devices that are read; the largest machines have some hundred.
const MAX_DEVICES: usize = 4096;

/// A device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PciDevice {
    /// Its address: `03:00.0` or `0000:03:00.0`.
    pub slot: String,
    /// Its class and subclass: `0x0107`.
    pub class: u16,
    /// Who made it.
    pub vendor: u16,
    /// Which of the maker's devices.
    pub device: u16,
    /// The maker and number of the board, where they are listed.
    pub subsystem: Option<(u16, u16)>,
    /// What `lspci` calls it.
    pub name: String,
    /// The driver that has bound it, where that is listed.
    pub driver: Option<String>,
    /// The line.
    pub span: Span,
}

/// Reads the list. Lines of another form are passed over.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<PciDevice> {
    let mut found: Vec<PciDevice> = Vec::new();
    for line in lines(bytes) {
        if !line.text.starts_with([' ', '\t']) {
            if found.len() >= MAX_DEVICES {
                break;
            }
            found.extend(head(&line));
            continue;
        }
        let (Some(device), Some((key, value))) = (found.last_mut(), line.text.trim().split_once(':')) else {
            continue;
        };
        match key {
            "Subsystem" => device.subsystem = numbers(value),
            "Kernel driver in use" => device.driver = Some(value.trim().replace('-', "_")),
            _ => {}
        }
    }
    found
}

/// `SLOT CLASS-NAME [CLASS]: NAME [VENDOR:DEVICE] (rev XX)`.
fn head(line: &Line<'_>) -> Option<PciDevice> {
    let (slot, rest) = line.text.split_once(' ')?;
    if !slot.contains(':') || !slot.contains('.') {
        return None;
    }
    let (class, name) = rest.split_once("]: ")?;
    let class = class.rsplit_once('[')?.1;
    let (vendor, device) = numbers(name)?;
    let shown = name.rsplit_once(" [").map_or(name, |(shown, _)| shown);
    Some(PciDevice {
        slot: slot.to_owned(),
        class: u16::from_str_radix(class, 16).ok()?,
        vendor,
        device,
        name: shown.trim().to_owned(),
        span: line.span_of(&line.text),
        ..PciDevice::default()
    })
}

/// The last `[1000:0058]` of a text.
fn numbers(text: &str) -> Option<(u16, u16)> {
    let inside = |part: &str| {
        let (vendor, device) = part.split_once(']')?.0.split_once(':')?;
        Some((u16::from_str_radix(vendor, 16).ok()?, u16::from_str_radix(device, 16).ok()?))
    };
    text.rsplit('[').find_map(inside)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = "00:00.0 Host bridge [0600]: Intel Corporation 5520 I/O Hub to ESI Port [8086:3406] (rev 13)\n\
        03:00.0 Serial Attached SCSI controller [0107]: Broadcom / LSI SAS1068E PCI-Express Fusion-MPT SAS [1000:0058] (rev 08)\n\
        \tSubsystem: Dell SAS 6/iR Integrated RAID Controller [1028:1f10]\n\
        \tKernel driver in use: mptsas\n\
        \tKernel modules: mptsas\n\
        0000:04:00.0 Ethernet controller [0200]: VMware VMXNET3 Ethernet Controller [15ad:07b0]\n\
        05:00.0 Ethernet controller: no numbers\n";

    #[test]
    fn devices_have_numbers_board_and_driver() {
        let found = parse(LIST.as_bytes());
        assert_eq!(found.len(), 3);
        let sas = &found[1];
        assert_eq!((sas.class, sas.vendor, sas.device), (0x0107, 0x1000, 0x0058));
        assert_eq!((sas.subsystem, sas.driver.as_deref()), (Some((0x1028, 0x1f10)), Some("mptsas")));
        assert_eq!(
            (sas.name.as_str(), sas.span.line),
            ("Broadcom / LSI SAS1068E PCI-Express Fusion-MPT SAS", 2)
        );
        assert_eq!((found[2].slot.as_str(), found[2].driver.as_deref()), ("0000:04:00.0", None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }
    }
}
