//! LVM's devices file (lvmdevices(8)): `/etc/lvm/devices/system.devices`, the list of devices that LVM may use.
//!
//! As lvm2's `lib/device/device_id.c` (`device_ids_read`) reads it: header lines, then lines of `KEY=value` words,
//! of which IDTYPE and IDNAME are needed.

use super::Mistake;
use super::text::{lines, words};
use crate::place::Span;

/// What was read of a devices file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct DevicesFile {
    /// The devices.
    pub devices: Vec<Device>,
    /// `PRODUCT_UUID=`: the DMI product UUID of the machine it was made on (lvm2 since 2.03.23).
    pub product_uuid: Option<(String, Span)>,
    /// `HOSTNAME=`, where there was no product UUID.
    pub hostname: Option<(String, Span)>,
    /// `VERSION=`.
    pub version: Option<String>,
    /// Lines that LVM passes over.
    pub mistakes: Vec<Mistake>,
}

/// A device that LVM may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The line.
    pub span: Span,
    /// What IDNAME is: `sys_wwid`, `sys_serial`, `mpath_uuid`, `crypt_uuid`, `md_uuid`, `loop_file`, `devname`...
    pub idtype: String,
    /// The identity itself: `naa.6000...`, `t10.ATA_...`, `/dev/sda2`. `.` stands for none.
    pub idname: String,
    /// The name at the time of writing, a mere hint.
    pub devname: Option<String>,
    /// The physical volume's UUID, without dashes.
    pub pvid: Option<String>,
    /// The partition's number.
    pub part: Option<String>,
}

/// Reads a devices file.
#[must_use]
pub fn parse(bytes: &[u8]) -> DevicesFile {
    let mut out = DevicesFile::default();
    for line in lines(bytes) {
        let fields: Vec<_> = words(line.bytes).collect();
        let Some(first) = fields.first().filter(|_| !line.bytes.starts_with(b"#")) else { continue };
        let end = fields.last().map_or(0, super::text::Word::end);
        let span = Span::new(line.number, first.start + 1, end + 1);
        let field = |key: &str| {
            let value =
                fields.iter().find_map(|word| word.bytes.strip_prefix(key.as_bytes())?.strip_prefix(b"="));
            value.map(|value| String::from_utf8_lossy(value).into_owned()).filter(|value| value != ".")
        };
        if let Some(uuid) = field("PRODUCT_UUID") {
            out.product_uuid = Some((uuid, span));
        } else if let Some(hostname) = field("HOSTNAME") {
            out.hostname = Some((hostname, span));
        } else if let Some(version) = field("VERSION") {
            out.version = Some(version);
        } else if let (Some(idtype), Some(idname)) = (field("IDTYPE"), fields_idname(&fields)) {
            let (devname, pvid, part) = (field("DEVNAME"), field("PVID"), field("PART"));
            out.devices.push(Device { span, idtype, idname, devname, pvid, part });
        } else if !["SYSTEMID", "REFRESH_UNTIL"].iter().any(|key| first.bytes.starts_with(key.as_bytes())) {
            let message = "a device needs IDTYPE and IDNAME: LVM passes this line over".to_owned();
            out.mistakes.push(Mistake { span, message });
        }
    }
    out
}

/// IDNAME may be `.`, which says that the device had no identity.
fn fields_idname(fields: &[super::text::Word<'_>]) -> Option<String> {
    let name = fields.iter().find_map(|word| word.bytes.strip_prefix(b"IDNAME="))?;
    Some(String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn devices_have_an_identity_a_hint_and_a_volume() {
        let text =
            b"# LVM uses devices listed in this file.\n# HASH=1405\nPRODUCT_UUID=0c1f-22\nVERSION=1.1.3\n\
            IDTYPE=sys_wwid IDNAME=naa.6000c29 DEVNAME=/dev/sda2 PVID=f3aqQO PART=2\n\
            IDTYPE=devname IDNAME=. DEVNAME=. PVID=g4brRP\nIDNAME=x\n";
        let got = parse(text);
        assert_eq!(got.devices.len(), 2);
        assert_eq!(got.devices[0].part.as_deref(), Some("2"));
        assert_eq!(got.devices[0].idname, "naa.6000c29");
        assert_eq!(got.devices[0].span.line, 5);
        assert_eq!((got.devices[1].idname.as_str(), got.devices[1].devname.as_deref()), (".", None));
        assert_eq!(got.product_uuid.map(|(uuid, _)| uuid).as_deref(), Some("0c1f-22"));
        assert_eq!(got.version.as_deref(), Some("1.1.3"));
        assert_eq!(got.mistakes.len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(parse(&bytes).devices.len() <= bytes.len());
        }

        #[test]
        fn a_device_reads_back(idname in "[a-zA-Z0-9._-]{2,30}", pvid in "[A-Za-z0-9]{32}", part in 1..99_u8) {
            let text = format!("IDTYPE=sys_wwid IDNAME={idname} DEVNAME=/dev/sda PVID={pvid} PART={part}\n");
            let device = &parse(text.as_bytes()).devices[0];
            prop_assert_eq!(&device.idname, &idname);
            prop_assert_eq!(device.pvid.as_ref(), Some(&pvid));
            prop_assert_eq!(device.part.clone(), Some(part.to_string()));
        }
    }
}
