//! The step `init`: is there an init on the root file system, and does it run.
//!
//! Who starts it decides what is tried: the kernel without an initrd (init/main.c), initramfs-tools' `validate_init`
//! (which goes on with the usual names if the one asked for is missing), dracut's own `init`, or systemd in the initrd,
//! which refuses a root without an os-release (systemd's `switch-root.c`, `path_is_os_tree`).

use super::devices::{Machine, Resolution};
use super::scene::Scene;
use super::{Cause, DiskFate, Step, StepName};
use crate::facts::Known;
use crate::facts::init::{FALLBACKS, InitProgram, ProgramKind};
use crate::initrd::Kind;
use crate::place::Place;
use crate::target::Target;

const STEP: StepName = StepName::Init;

/// The kernel since which a missing `init=` is the end (its commit "init: fix unhandled init= when CONFIG_INIT_FALLBACK"
/// of 4.0 made what was an option the only way).
const NO_FALLBACK_SINCE: (u32, u32) = (4, 0);

/// What systemd tries after the switch, itself first (systemd's main.c, after `switch_root`).
const BY_SYSTEMD: [&str; 4] = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/sbin/init", "/bin/sh"];

/// What dracut's own init tries (its `99base/init.sh`).
const BY_DRACUT: [&str; 1] = ["/sbin/init"];

/// What is known of one program that may be started.
enum Candidate<'a> {
    /// It runs, as far as can be seen.
    Runs(&'a InitProgram),
    /// It is there but does not run: why, and where.
    Broken(String, Place),
    /// It is not there: what the link that leads nowhere says, if there is one.
    Missing(Option<String>),
    /// The input does not say.
    Unknown(String),
}

/// The step on `target`; none where it does not take part.
pub(super) fn step(scene: &Scene<'_>, target: &Target, disk: &DiskFate) -> Option<Step> {
    if let Some(stop) = scene.root.stop_at(STEP) {
        return Some(stop);
    }
    if let Some(step) = another_root(scene, target, disk) {
        return Some(step);
    }
    Some(start(scene))
}

/// Where `root=` leads to another device than the one whose `/etc/fstab` was read, what is on it is not known.
fn another_root(scene: &Scene<'_>, target: &Target, disk: &DiskFate) -> Option<Step> {
    let machine = Machine::new(scene.facts, target, disk);
    let (spec, mount) = (scene.root.spec()?, scene.root.fstab()?);
    let booted = scene.root.mounted_device(spec, &machine)?;
    // fstab may still have the name of the machine as it is now.
    let read = scene.facts.block_devices.devices.iter().find(|device| device.is_named(&mount.device))?;
    let same = booted.name == read.name || (booted.uuid.is_some() && booted.uuid == read.uuid);
    if same || booted.name.is_none() || read.name.is_none() {
        return None;
    }
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    let detail = format!(
        "root={} is what is called /dev/{} now, and `etc/fstab` has root on {} (/dev/{}): whether there is an init on the \
         other one is not known without its contents",
        spec.raw,
        name(&booted.name),
        mount.spec,
        name(&read.name)
    );
    Some(Step::unknown(STEP, detail, Some(mount.at.clone())))
}

fn start(scene: &Scene<'_>) -> Step {
    let given = scene.root.arguments().last("init").filter(|argument| argument.value.is_some());
    let asked = given.and_then(|argument| argument.value.as_deref()).filter(|path| !path.is_empty());
    let at = given.map(|argument| argument.at.clone());
    let has_initrd = scene.root.has_initrd();
    if has_initrd && scene.view.main().is_none() {
        // What starts init is not known; that the usual one is there suffices for all of them.
        return usual(scene, asked, true, &FALLBACKS, at);
    }
    match scene.root.kind() {
        Kind::Dracut | Kind::Mkinitcpio | Kind::Other if has_initrd && scene.root.has_systemd() => {
            by_systemd(scene, asked, at)
        }
        Kind::Dracut if has_initrd => usual(scene, asked, true, &BY_DRACUT, at),
        _ if has_initrd => usual(scene, asked, true, &FALLBACKS, at),
        _ => {
            let falls_back = scene.kernel.is_none_or(|kernel| version(&kernel.release) < NO_FALLBACK_SINCE);
            usual(scene, asked, falls_back, &FALLBACKS, at)
        }
    }
}

/// systemd in the initrd: os-release, then the init that is asked for, or `/sbin/init`, or a shell.
fn by_systemd(scene: &Scene<'_>, asked: Option<&str>, at: Option<Place>) -> Step {
    let init = &scene.facts.init;
    match &init.has_os_release {
        Known::Known(false) if init.holds_programs => {
            let detail = "systemd in the initrd refuses to switch to a root that has neither `etc/os-release` nor \
                          `usr/lib/os-release`";
            return Step::fails(STEP, detail, None).because(Cause::NoOsRelease);
        }
        Known::Known(_) => {}
        Known::Unknown { needs } => {
            let detail =
                format!("whether systemd in the initrd takes this for a system is not known without {needs}");
            return Step::unknown(STEP, detail, None);
        }
    }
    usual(scene, asked, false, &BY_SYSTEMD, at)
}

/// The init that is asked for; if `falls_back` or none is, the first of `paths` that is there.
fn usual(
    scene: &Scene<'_>,
    asked: Option<&str>,
    falls_back: bool,
    paths: &[&str],
    at: Option<Place>,
) -> Step {
    let mut note = String::new();
    if let Some(path) = asked {
        match candidate(scene, path) {
            Candidate::Runs(program) => return runs(scene, program, ""),
            Candidate::Broken(why, place) => {
                return Step::fails(STEP, format!("init={path} {why}"), Some(place))
                    .because(Cause::InitParameter);
            }
            Candidate::Unknown(needs) => {
                let detail = format!("whether init={path} runs is not known without {needs}");
                return Step::unknown(STEP, detail, at);
            }
            Candidate::Missing(_) if !falls_back => {
                return Step::fails(
                    STEP,
                    format!("init={path} does not exist, and nothing else is tried"),
                    at,
                )
                .because(Cause::InitParameter);
            }
            Candidate::Missing(_) => note = format!("init={path} does not exist; "),
        }
    }
    let mut dangling = None;
    for path in paths.iter().copied() {
        match candidate(scene, path) {
            Candidate::Runs(program) => return runs(scene, program, &note),
            Candidate::Broken(why, place) => {
                return Step::fails(STEP, format!("{note}{path} {why}"), Some(place));
            }
            Candidate::Unknown(needs) => {
                let detail = format!("{note}whether there is an init is not known without {needs}");
                return Step::unknown(STEP, detail, None);
            }
            Candidate::Missing(link) => dangling = dangling.or(link),
        }
    }
    let link = dangling.map(|link| format!(" ({link})")).unwrap_or_default();
    let detail = format!("{note}the root file system has no init: none of {}{link}", paths.join(", "));
    let at = scene.facts.init.dangling.first().map(|link| link.at.clone()).or(at);
    Step::fails(STEP, detail, at)
}

fn runs(scene: &Scene<'_>, program: &InitProgram, note: &str) -> Step {
    let path = &program.path;
    let mut detail = if program.at.path.as_ref() == path.trim_start_matches('/') {
        format!("{note}{path} is started")
    } else {
        format!("{note}{path} is started, which is `{}`", program.at.path)
    };
    if let Some(mode) = rescue(scene) {
        detail = format!("{detail}; {mode} on the command line makes it stop for somebody at the console");
    }
    Step::ok(STEP, detail, Some(program.at.clone()))
}

/// The parameter that asks for less than the whole system (systemd(1), init(8)).
fn rescue<'s>(scene: &'s Scene<'_>) -> Option<&'s str> {
    let params = scene.cmdline?.params.iter();
    let mut asks = params.filter(|param| match (param.name.as_str(), param.value.as_deref()) {
        ("systemd.unit", Some(unit)) => matches!(unit, "rescue.target" | "emergency.target"),
        ("single" | "s" | "S" | "1" | "emergency" | "rescue" | "-b", None) => true,
        _ => false,
    });
    asks.next().map(|param| param.value.as_deref().unwrap_or(&param.name))
}

fn candidate<'a>(scene: &Scene<'a>, path: &str) -> Candidate<'a> {
    let init = &scene.facts.init;
    let program = match init.find(path) {
        Known::Known(Some(program)) => program,
        Known::Known(None) => {
            let link = init.dangling.iter().find(|link| link.path == path);
            return Candidate::Missing(
                link.map(|link| format!("{path} is a link to {}, which is not there", link.target)),
            );
        }
        Known::Unknown { needs } => return Candidate::Unknown(needs),
    };
    let broken = |why: String| Candidate::Broken(why, program.at.clone());
    match program.kind {
        ProgramKind::NoFile => return Candidate::Missing(None),
        ProgramKind::Unreadable => return Candidate::Unknown(format!("a readable `{}`", program.at.path)),
        _ if !program.executable => return Candidate::Missing(Some(format!("{path} is not executable"))),
        ProgramKind::Other => {
            return broken("is no program: it starts neither with an ELF header nor with `#!`".to_owned());
        }
        ProgramKind::Elf | ProgramKind::Script => {}
    }
    if let (Some(machine), Some(arch)) =
        (&program.machine, scene.kernel.and_then(|kernel| kernel.arch.as_deref()))
        && !starts(arch, machine)
    {
        return broken(format!("is a program for {machine}, which a kernel for {arch} does not start"));
    }
    match &program.interpreter {
        Some(interpreter) if !program.interpreter_found && !scene.facts.init.lacks_usr => {
            broken(format!("needs {interpreter}, which is not there"))
        }
        Some(interpreter) if !program.interpreter_found => Candidate::Unknown(format!(
            "the file system of `/usr`, which the input lacks: {path} needs {interpreter}"
        )),
        _ => Candidate::Runs(program),
    }
}

/// Whether a kernel for `arch` starts programs for `machine`: 64-bit kernels of distributions start their 32-bit
/// sisters, too.
fn starts(arch: &str, machine: &str) -> bool {
    let family = |name: &str| match name {
        "i386" | "i486" | "i586" | "i686" => "i686".to_owned(),
        other => other.to_owned(),
    };
    let (arch, machine) = (family(arch), family(machine));
    arch == machine
        || matches!(
            (arch.as_str(), machine.as_str()),
            ("x86_64", "i686") | ("aarch64", "armv7l") | ("ppc64", "ppc")
        )
}

/// Major and minor number of a release.
fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
}

impl super::root::Root<'_> {
    /// What is known of the device that gets mounted as root.
    fn mounted_device<'m>(
        &self,
        spec: &crate::parse::device_spec::DeviceSpec,
        machine: &Machine<'m>,
    ) -> Option<&'m crate::facts::block_devices::BlockDevice> {
        match machine.resolve(spec) {
            Resolution::Exists { device, .. } => device,
            _ => None,
        }
    }
}
