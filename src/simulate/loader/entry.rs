//! An entry's files as GRUB sees them.

use super::Stop;
use super::readable;
use super::volumes::{Place as Found, Volumes};
use crate::facts::Known;
use crate::facts::boot::{GrubFiles, Volume};
use crate::simulate::Cause;
use crate::simulate::firmware::Started;
use crate::simulate::scene::Scene;
use crate::target::Target;

/// Why GRUB does not find what the entry names.
pub(super) fn stop(scene: &Scene<'_>, target: &Target, started: &Started<'_>) -> Option<Stop> {
    let entry = scene.entry;
    let grub = entry.grub.as_ref()?;
    if entry.id.starts_with("osprober-") {
        return None;
    }
    let volumes = Volumes::new(scene.facts, target);
    let at = Some(entry.kernel_at.clone());
    let (place, missing) = volumes.of(grub);
    let unread = match place {
        Found::Is(volume) => readable::trouble(scene.facts, &volumes, volume),
        _ => None,
    };
    if unread.is_some() {
        return unread;
    }
    let after = missing.map_or_else(String::new, |why| format!("; {why}"));
    match place {
        Found::Nothing(why) => {
            let at = grub.root.as_ref().map(|root| root.at.clone()).or(at);
            let detail = format!("GRUB finds no file system for the entry's files: {why}{after}");
            return Some(Stop::new(detail, at).because(Cause::PathLeadsNowhere));
        }
        Found::Is(volume) => {
            if let Some(path) = astray(scene, &volumes, grub, volume) {
                let detail = format!(
                    "GRUB looks for `{path}` on the file system of {}, where that path leads to nothing{after}",
                    name(volume)
                );
                return Some(Stop::new(detail, at).because(Cause::PathLeadsNowhere));
            }
        }
        Found::Untold => {}
    }
    let is_checked = matches!(started, Started::Uefi { is_checked: true, .. });
    (is_checked && grub.kernel_is_signed == Some(false)).then(|| {
        let detail = format!(
            "with Secure Boot GRUB does not start the kernel `{}`, which is not signed",
            entry.kernel
        );
        Stop::new(detail, at)
    })
}

/// The first path that leads nowhere on `volume`, although the file is elsewhere in the system.
fn astray<'a>(
    scene: &Scene<'_>,
    volumes: &Volumes<'_>,
    grub: &'a GrubFiles,
    volume: Volume,
) -> Option<&'a str> {
    let entry = scene.entry;
    let mount = volumes.mount(volume);
    // In btrfs paths go through subvolumes, which the mounted system does not show.
    if mount.is_some_and(|mount| mount.fstype == "btrfs") || grub.kernel.starts_with("/@") {
        return None;
    }
    let is_there = |on: &[Volume], path: &str| {
        // Below a root whose `/boot` is another file system, the folder `boot` is another one, too.
        let is_hidden =
            volume == Volume::Root && volumes.has_boot() && path.trim_start_matches('/').starts_with("boot/");
        on.contains(&volume) && !is_hidden
    };
    if entry.kernel_exists == Known::Known(true) && !is_there(&grub.kernel_on, &grub.kernel) {
        return Some(&grub.kernel);
    }
    let all_exist = entry.initrds.iter().all(|file| file.exists == Known::Known(true));
    let first = grub.initrds.first()?;
    (all_exist && !is_there(&grub.initrds_on, first)).then_some(first.as_str())
}

fn name(volume: Volume) -> &'static str {
    match volume {
        Volume::Root => "`/`",
        Volume::Boot => "`/boot`",
        Volume::Esp => "the EFI system partition",
    }
}
