//! Names of systemd's units for mounts, devices and what belongs to them (systemd `src/basic/unit-name.c`,
//! `unit_name_path_escape`; `src/shared/fstab-util.c`, `fstab_node_to_udev_node`).

use std::fmt::Write as _;

/// The unit of a path: `srv-my\x20data.mount` of `/srv/my data`.
pub(super) fn of_path(path: &str, suffix: &str) -> String {
    format!("{}{suffix}", escape(path))
}

/// The instance of a template for a path: `systemd-fsck@dev-vdb1.service`.
pub(super) fn instance(template: &str, path: &str) -> String {
    format!("{template}@{}.service", escape(path))
}

/// The unit that opens the encrypted volume `name`.
pub(super) fn cryptsetup(name: &str) -> String {
    format!("systemd-cryptsetup@{}.service", escape_word(name))
}

fn escape(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "-".to_owned() } else { escape_word(&parts.join("/")) }
}

fn escape_word(text: &str) -> String {
    let mut out = String::new();
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'/' => out.push('-'),
            b'.' if index == 0 => out.push_str("\\x2e"),
            b':' | b'_' | b'.' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            // Writing to a text cannot fail.
            _ => _ = write!(out, "\\x{byte:02x}"),
        }
    }
    out
}

/// The path of a device that fstab or crypttab names by its contents: `/dev/disk/by-uuid/...` of `UUID=...`.
pub(super) fn device_path(spec: &str) -> String {
    let tags =
        [("UUID=", "uuid"), ("LABEL=", "label"), ("PARTUUID=", "partuuid"), ("PARTLABEL=", "partlabel")];
    for (tag, folder) in tags {
        if let Some(value) = spec.strip_prefix(tag) {
            return format!("/dev/disk/by-{folder}/{}", udev_encode(unquote(value)));
        }
    }
    spec.to_owned()
}

fn unquote(value: &str) -> &str {
    let inside = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

/// `encode_devnode_name` of libudev: what is not safe in a file name becomes `\xNN`.
fn udev_encode(value: &str) -> String {
    let mut out = String::new();
    for character in value.chars() {
        if character.is_ascii_alphanumeric() || "#+-.:=@_".contains(character) || !character.is_ascii() {
            out.push(character);
        } else {
            _ = write!(out, "\\x{:02x}", u32::from(character));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_named_as_systemd_names_them() {
        assert_eq!(of_path("/srv/my data/", ".mount"), "srv-my\\x20data.mount");
        assert_eq!(of_path("/", ".mount"), "-.mount");
        assert_eq!(of_path("/.hidden/a-b", ".mount"), "\\x2ehidden-a\\x2db.mount");
        assert_eq!(
            instance("systemd-fsck", &device_path("LABEL=my data")),
            "systemd-fsck@dev-disk-by\\x2dlabel-my\\x5cx20data.service"
        );
        assert_eq!(
            of_path(&device_path("UUID=\"dead-0001\""), ".swap"),
            "dev-disk-by\\x2duuid-dead\\x2d0001.swap"
        );
        assert_eq!(cryptsetup("cr1"), "systemd-cryptsetup@cr1.service");
    }
}
