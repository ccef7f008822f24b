//! What a dracut image says of itself.
//!
//! dracut leaves `usr/lib/dracut/modules.txt` and `build-parameter.txt` (what `lsinitrd` prints), a file named
//! `dracut-VERSION`, and `usr/lib/initrd-release`; the dracut 004 of RHEL 6 leaves `dracut-VERSION` at the root and
//! its library alone. The command line that is baked in lies in `etc/cmdline.d/*.conf` and `etc/cmdline`
//! (`getcmdline` in its dracut-lib.sh).

use super::{Assignment, BakedArgument, Maker, ScriptModule, assignments};
use crate::initrd::{EntryKind, Image, ModuleName};
use crate::source::escape_bytes;

const LIBRARIES: [&str; 2] = ["usr/lib/dracut", "lib/dracut"];

/// Whether dracut made `image`.
pub(super) fn made(image: &Image) -> bool {
    let library = [
        "usr/lib/dracut-lib.sh",
        "lib/dracut-lib.sh",
        "usr/lib/dracut/modules.txt",
        "lib/dracut/modules.txt",
    ];
    library.iter().any(|path| image.has(path)) || version_file(image, "").is_some()
}

/// Fills in what the image says.
pub(super) fn describe(image: &Image, maker: &mut Maker) {
    let read = |name: &str| {
        let paths = LIBRARIES.iter().map(|library| format!("{library}/{name}"));
        paths.into_iter().find_map(|path| image.text(path)).map(String::from_utf8_lossy)
    };
    maker.version = LIBRARIES
        .iter()
        .chain(&[""])
        .find_map(|directory| version_file(image, directory))
        .or_else(|| release_version(image));
    maker.arguments = read("build-parameter.txt").map(|text| text.trim().to_owned());
    maker.modules =
        read("modules.txt").map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default();
    baked(image, &mut maker.cmdline);
    maker.hostonly = hostonly(maker, read("hostonly-files").is_some_and(|text| !text.trim().is_empty()));
    // `rd.driver.pre` is loaded before udev starts, `rd.driver.post` when it has settled.
    for key in ["rd.driver.pre=", "rd.driver.post="] {
        for baked in &maker.cmdline {
            let names = baked.argument.strip_prefix(key).unwrap_or_default();
            maker.loads.extend(names.split(',').filter(|name| !name.is_empty()).map(|name| ScriptModule {
                name: ModuleName::new(name),
                path: baked.path.clone(),
                line: baked.line,
                with_dependencies: true,
            }));
        }
    }
}

/// The version in the name of the file `dracut-VERSION` in `directory`.
fn version_file(image: &Image, directory: &str) -> Option<String> {
    let entries = image.list(directory);
    let files = entries.iter().filter(|entry| entry.kind() == EntryKind::File);
    files.filter_map(|entry| entry.path().rsplit(|byte| *byte == b'/').next()).find_map(|name| {
        let version = name.strip_prefix(b"dracut-")?;
        version.first().is_some_and(u8::is_ascii_digit).then(|| escape_bytes(version))
    })
}

/// `DRACUT_VERSION` of `initrd-release`.
fn release_version(image: &Image) -> Option<String> {
    let text = ["usr/lib/initrd-release", "etc/initrd-release"].iter().find_map(|path| image.text(path))?;
    let found = assignments(text).into_iter().find(|assignment| assignment.key == "DRACUT_VERSION");
    found.map(|Assignment { value, .. }| value)
}

/// Reads the command line that is baked in.
fn baked(image: &Image, cmdline: &mut Vec<BakedArgument>) {
    let below = image.list("etc/cmdline.d").into_iter().map(|entry| entry.path().to_vec());
    let below = below.filter(|path| path.ends_with(b".conf"));
    for path in std::iter::once(b"etc/cmdline".to_vec()).chain(below) {
        let text = String::from_utf8_lossy(image.text(&path).unwrap_or_default());
        for (line, number) in text.lines().zip(1..) {
            cmdline.extend(line.split_whitespace().map(|argument| BakedArgument {
                argument: argument.to_owned(),
                path: escape_bytes(&path),
                line: number,
            }));
        }
    }
}

/// Whether the image was made for one machine: as its arguments say, or else by files that only a host-only image
/// has. Without any of these its configuration decided, which the image does not keep.
fn hostonly(maker: &Maker, has_hostonly_files: bool) -> Option<bool> {
    let arguments = maker.arguments.as_deref().unwrap_or_default().split_whitespace();
    let mut said =
        arguments.rev().map(|argument| argument.trim_matches(['\'', '"'])).filter_map(|argument| {
            match argument {
                "-H" | "--hostonly" | "--host-only" => Some(true),
                "-N" | "--no-hostonly" | "--no-host-only" => Some(false),
                _ => None,
            }
        });
    // What dracut's modules write from the running machine; `base.conf`, `00-btrfs.conf` and the like are always there.
    let from_machine = |baked: &BakedArgument| {
        let key = baked.argument.split('=').next().unwrap_or_default();
        let devices = ["root", "resume", "rd.lvm.", "rd.md.uuid", "rd.luks.", "rd.dm.uuid"];
        devices.iter().any(|device| key.starts_with(device))
    };
    said.next().or_else(|| (has_hostonly_files || maker.cmdline.iter().any(from_machine)).then_some(true))
}
