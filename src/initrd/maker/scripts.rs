//! Modules that an image's scripts load by name.

use super::{Assignment, Maker, ScriptModule, assignments};
use crate::initrd::{Image, ModuleName};

/// Reads the `insmod` and `modprobe` lines of an init script.
///
/// RHEL's nash (its mkinitrd up to RHEL 5) knows `insmod /lib/mptbase.ko` and nothing of dependencies: the lines
/// stand in the order that works. A busybox script uses `modprobe`, too.
pub(super) fn nash(image: &Image, loads: &mut Vec<ScriptModule>) {
    for path in ["init", "linuxrc", "sbin/init"] {
        let Some(text) = image.text(path) else { continue };
        let text = String::from_utf8_lossy(text);
        for (line, number) in text.lines().zip(1..) {
            if let Some((name, with_dependencies)) = loaded_by(line) {
                loads.push(ScriptModule { name, path: path.to_owned(), line: number, with_dependencies });
            }
        }
        return;
    }
}

/// The module that a line of a script loads, if it does. Lines with variables name none.
fn loaded_by(line: &str) -> Option<(ModuleName, bool)> {
    let mut words = line.split_whitespace();
    let command = words.next()?;
    let with_dependencies = match command.rsplit('/').next()? {
        "insmod" => false,
        "modprobe" => true,
        _ => return None,
    };
    let module = words.find(|word| !word.starts_with('-'))?.trim_matches(['"', '\'', ';']);
    if module.contains('$') {
        return None;
    }
    let name = match ModuleName::of_path(module.as_bytes()) {
        Some(name) => name,
        // RHEL 4's and older kernels' modules end in `.o`.
        None => ModuleName::new(module.rsplit('/').next()?.trim_end_matches(".o")),
    };
    Some((name, with_dependencies))
}

/// SUSE's mkinitrd: `run_all.sh` sets `RESOLVED_INITRD_MODULES` and the `*_modules` of each script, and calls
/// `load_modules`, which runs modprobe, after each. Its own `config/*.sh` hold the same where `run_all.sh` is not.
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
            maker.settings.insert(key, value);
        }
    }
    let scripts = image.list("boot").into_iter().filter_map(|entry| entry.path().strip_prefix(b"boot/"));
    maker.modules = scripts.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
}
