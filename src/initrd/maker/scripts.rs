//! What an image's scripts load by name, and which root they mount.

use super::{Assignment, BakedArgument, Maker, ScriptModule, assignments};
use crate::initrd::{Image, ModuleName};

/// Modules that one line may name; real loops have a few dozen.
const MAX_NAMES: usize = 256;

/// Reads the `insmod` and `modprobe` lines of an init script, and the root that nash's `mkrootdev` makes.
///
/// RHEL's nash (its mkinitrd up to RHEL 5) knows `insmod /lib/mptbase.ko` and nothing of dependencies: the lines
/// stand in the order that works. `mkrootdev -t ext3 -o defaults,ro /dev/VolGroup00/LogVol00` names the root, unless
/// the command line does (nash.c, `mkrootdevCommand`). A busybox script uses `modprobe`, too, and loops.
pub(super) fn nash(image: &Image, maker: &mut Maker) {
    for path in ["init", "linuxrc", "sbin/init"] {
        let Some(text) = image.text(path) else { continue };
        let text = String::from_utf8_lossy(text);
        for (line, number) in text.lines().zip(1..) {
            for Loaded { name, with_dependencies } in loaded_by(line) {
                let path = path.to_owned();
                maker.loads.push(ScriptModule { name, path, line: number, with_dependencies });
            }
            let baked = |argument| BakedArgument { argument, path: path.to_owned(), line: number };
            maker.cmdline.extend(root_of(line).into_iter().flatten().map(baked));
        }
        return;
    }
}

/// The root of a `mkrootdev` line as arguments of a command line.
fn root_of(line: &str) -> Option<Vec<String>> {
    let mut words = line.split_whitespace();
    if words.next()? != "mkrootdev" {
        return None;
    }
    let (mut fstype, mut device) = (None, None);
    while let Some(word) = words.next() {
        match word {
            "-t" => fstype = words.next(),
            "-o" => {
                words.next();
            }
            word => device = Some(word),
        }
    }
    // RHEL 4 has `mkrootdev /dev/root`, which is what `root=` of the command line names.
    let device = device.filter(|device| *device != "/dev/root" && !device.contains('$'))?;
    let is_whole = device.starts_with('/') || device.contains('=');
    let root = if is_whole { format!("root={device}") } else { format!("root=/dev/{device}") };
    Some([Some(root), fstype.map(|fstype| format!("rootfstype={fstype}"))].into_iter().flatten().collect())
}

/// A module that a command loads.
#[derive(Debug, PartialEq, Eq)]
struct Loaded {
    name: ModuleName,
    with_dependencies: bool,
}

/// The modules that a line of a script loads. Of variables only that of a loop in the same line is known.
fn loaded_by(line: &str) -> Vec<Loaded> {
    let line = line.split(" #").next().unwrap_or(line);
    let mut loaded = Vec::new();
    let mut variable: Option<(String, Vec<&str>)> = None;
    for command in line.split([';', '|', '&']) {
        let mut words = command.split_whitespace().peekable();
        while words.next_if(|word| KEYWORDS.contains(word)).is_some() {}
        let Some(program) = words.next() else { continue };
        let with_dependencies = match program.rsplit('/').next() {
            Some("for") => {
                let name = words.next().unwrap_or_default().to_owned();
                variable = Some((name, words.skip(1).take(MAX_NAMES).collect()));
                continue;
            }
            Some("insmod") => false,
            Some("modprobe") => true,
            _ => continue,
        };
        let words: Vec<&str> = words.collect();
        // What follows the first name are the module's parameters, unless all are to be loaded.
        let is_list = words.iter().any(|word| is_option(word, 'a'));
        let names = words.iter().filter(|word| !word.starts_with('-'));
        for word in names.take(if is_list { MAX_NAMES } else { 1 }) {
            let name = word.trim_matches(['"', '\'']);
            let looped = variable.as_ref().filter(|(variable, _)| names_variable(name, variable));
            let values = looped.map_or_else(|| vec![name], |(_, values)| values.clone());
            let names = values.into_iter().filter_map(module_of);
            loaded.extend(names.take(MAX_NAMES).map(|name| Loaded { name, with_dependencies }));
        }
    }
    loaded
}

/// Words before a command that are none themselves.
const KEYWORDS: [&str; 7] = ["if", "then", "else", "do", "!", "{", "exec"];

/// Whether the word is a group of short options with `option` among them, or `--all` for `-a`.
fn is_option(word: &str, option: char) -> bool {
    word == "--all" || (word.starts_with('-') && !word.starts_with("--") && word.contains(option))
}

fn names_variable(word: &str, variable: &str) -> bool {
    let name = word.strip_prefix('$').map(|name| name.trim_start_matches('{').trim_end_matches('}'));
    name == Some(variable)
}

/// The module that a word of a script names: by its file, or as it is.
fn module_of(word: &str) -> Option<ModuleName> {
    let name = word.rsplit('/').next()?;
    if name.is_empty() || name.contains(['$', '=', '(', ')', '`', '<', '>', '*']) {
        return None;
    }
    // RHEL 4's and older kernels' modules end in `.o`.
    Some(ModuleName::of_path(name.as_bytes()).unwrap_or_else(|| ModuleName::new(name.trim_end_matches(".o"))))
}

/// SUSE's mkinitrd: `run_all.sh` sets `RESOLVED_INITRD_MODULES` and the `*_modules` of each script, and calls
/// `load_modules`, which runs modprobe, after each. Its own `config/*.sh` hold the same where `run_all.sh` is not.
/// `rootdev` there is the root unless the command line names one, `resumedev` the swap.
pub(super) fn suse(image: &Image, maker: &mut Maker) {
    let paths: Vec<String> = if image.text("run_all.sh").is_some() {
        vec!["run_all.sh".to_owned()]
    } else {
        let entries = image.list("config").into_iter();
        entries.map(|entry| String::from_utf8_lossy(entry.path()).into_owned()).collect()
    };
    for path in paths {
        for Assignment { key, value, line } in assignments(image.text(&path).unwrap_or_default()) {
            let of_modules =
                key == "RESOLVED_INITRD_MODULES" || key.ends_with("_modules") || key == "modules";
            let names = value.split_whitespace().filter(|name| of_modules && !name.contains('$'));
            maker.loads.extend(names.map(|name| ScriptModule {
                name: ModuleName::new(name),
                path: path.clone(),
                line,
                with_dependencies: true,
            }));
            let argument = match key.as_str() {
                "rootdev" => Some("root"),
                "rootfstype" => Some("rootfstype"),
                "resumedev" => Some("resume"),
                _ => None,
            };
            if let Some(name) = argument.filter(|_| !value.is_empty() && !value.contains('$')) {
                let argument = format!("{name}={value}");
                maker.cmdline.push(BakedArgument { argument, path: path.clone(), line });
            }
            maker.settings.insert(key, value);
        }
    }
    let scripts = image.list("boot").into_iter().filter_map(|entry| entry.path().strip_prefix(b"boot/"));
    maker.modules = scripts.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<(String, bool)> {
        loaded_by(line).into_iter().map(|l| (l.name.to_string(), l.with_dependencies)).collect()
    }

    #[test]
    fn lines_of_nash_and_busybox_are_read() {
        let cases: [(&str, &[(&str, bool)]); 13] = [
            ("insmod /lib/virtio-blk.ko", &[("virtio_blk", false)]),
            ("insmod /lib/jbd.o", &[("jbd", false)]),
            ("  /sbin/modprobe -q ext4", &[("ext4", true)]),
            ("modprobe -a sd_mod ahci # disks", &[("sd_mod", true), ("ahci", true)]),
            ("modprobe -qab sd_mod ahci", &[("sd_mod", true), ("ahci", true)]),
            ("modprobe loop max_loop=8", &[("loop", true)]),
            ("[ -e /x ] && modprobe xfs || modprobe ext3", &[("xfs", true), ("ext3", true)]),
            (
                "if modprobe virtio_pci; then modprobe virtio_blk; fi",
                &[("virtio_pci", true), ("virtio_blk", true)],
            ),
            (
                "for m in virtio_pci virtio_blk; do modprobe $m; done",
                &[("virtio_pci", true), ("virtio_blk", true)],
            ),
            ("for m in a; do insmod /lib/${m}.ko; done", &[]),
            ("modprobe $module", &[]),
            ("echo \"Loading x.ko module\"", &[]),
            ("# modprobe ext4", &[]),
        ];
        for (line, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|(name, with)| ((*name).to_owned(), *with)).collect();
            assert_eq!(names(line), expected, "{line}");
        }
    }

    #[test]
    fn the_root_that_nash_makes_is_an_argument() {
        let root = |line| root_of(line).unwrap_or_default().join(" ");
        let lvm = "mkrootdev -t ext3 -o defaults,ro /dev/VolGroup00/LogVol00";
        assert_eq!(root(lvm), "root=/dev/VolGroup00/LogVol00 rootfstype=ext3");
        assert_eq!(root("mkrootdev -t ext3 -o defaults,ro sda2"), "root=/dev/sda2 rootfstype=ext3");
        assert_eq!(root("mkrootdev LABEL=/"), "root=LABEL=/");
        assert_eq!(root("mkrootdev /dev/root"), "");
    }
}
