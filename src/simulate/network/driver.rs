//! Which drivers bind a card: in the initrd if that has them, else once the root is there and udev looks at all
//! devices again (systemd-udev-trigger.service; modprobe(8), modprobe.d(5)).

use crate::initrd::ModuleName;
use crate::simulate::drivers::Binding;
use crate::simulate::scene::Scene;

/// Drivers that others are preferred to: older ones for the same cards, and those that decline what is not theirs.
const SECOND: [&str; 7] = ["de4x5", "eepro100", "uli526x", "dmfe", "vmxnet", "pcnet_cs", "r8168"];

/// When a card's last driver binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum When {
    /// At once: all are built into the kernel.
    Kernel,
    /// In the initrd.
    Initrd,
    /// Once the root is mounted.
    Root,
}

/// What becomes of a card.
#[derive(Debug, Clone)]
pub(super) enum Bound {
    /// These drivers bind, from the bus down.
    By(Vec<ModuleName>, When),
    /// None does.
    None {
        /// Those that bind on the way.
        drivers: Vec<ModuleName>,
        /// Why, with the device at which the way ends.
        why: String,
        /// The module that would have to be loaded.
        module: Option<ModuleName>,
    },
    /// That is not known.
    Unknown(String),
}

/// Follows the way to a card.
pub(super) fn bind(scene: &Scene<'_>, modaliases: &[String]) -> Bound {
    let mut drivers = Vec::new();
    let mut when = When::Kernel;
    for modalias in modaliases {
        match one(scene, modalias) {
            Ok((driver, then)) => {
                drivers.push(driver);
                when = when.max(then);
            }
            Err(Failure::Unknown(needs)) => return Bound::Unknown(needs),
            Err(Failure::None { why, module }) => return Bound::None { drivers, why, module },
        }
    }
    Bound::By(drivers, when)
}

enum Failure {
    None { why: String, module: Option<ModuleName> },
    Unknown(String),
}

fn one(scene: &Scene<'_>, modalias: &str) -> Result<(ModuleName, When), Failure> {
    if scene.drivers.declines(modalias) {
        let release = scene.drivers.release();
        let why = format!(
            "virtio_pci of kernel {release} is from before virtio 1.0 and does not take `{modalias}`"
        );
        return Err(Failure::None { why, module: None });
    }
    let candidates = match scene.drivers.in_root(modalias) {
        Ok(driver) => return Ok((driver, When::Kernel)),
        Err(candidates) => candidates,
    };
    if let Binding::Bound { driver, builtin } = scene.drivers.bind(modalias) {
        return Ok((driver, if builtin { When::Kernel } else { When::Initrd }));
    }
    let mut allowed = Vec::new();
    let mut forbidden = None;
    for module in candidates {
        match forbids(scene, &module) {
            None => allowed.push(module),
            Some(by) => {
                forbidden.get_or_insert((module, by));
            }
        }
    }
    allowed.sort_by_key(|module| (is_second(modalias, module), module.clone()));
    if let Some(driver) = allowed.into_iter().next() {
        return Ok((driver, When::Root));
    }
    if let Some((module, by)) = forbidden {
        return Err(Failure::None { why: format!("{by} keeps {module} from loading"), module: Some(module) });
    }
    let release = scene.drivers.release();
    let tables = scene.facts.module_tables.get(release);
    if !tables.is_some_and(|tables| tables.has_tree) {
        return Err(Failure::Unknown(format!("`lib/modules/{release}/modules.alias`")));
    }
    if let Err(needs) = scene.drivers.builtin_known() {
        return Err(Failure::Unknown(needs));
    }
    Err(Failure::None { why: format!("kernel {release} has no driver for `{modalias}`"), module: None })
}

/// 8139too leaves the newer chip, which QEMU has, to 8139cp, and 8139cp the older ones to 8139too.
fn is_second(modalias: &str, module: &ModuleName) -> bool {
    match module.as_str() {
        "8139too" => modalias.contains("sv00001AF4"),
        "8139cp" => !modalias.contains("sv00001AF4"),
        other => SECOND.contains(&other),
    }
}

/// What keeps a module from being loaded for a device, or at all.
fn forbids(scene: &Scene<'_>, module: &ModuleName) -> Option<String> {
    let same = |name: &str| ModuleName::new(name) == *module;
    let modprobe = &scene.facts.modprobe;
    let lines = modprobe.blacklists.iter().chain(modprobe.installs.iter().filter(|line| line.is_disabling));
    let by_file = lines.into_iter().find(|line| same(&line.module)).map(|line| format!("`{}`", line.at));
    by_file.or_else(|| {
        let listed = scene.cmdline?.blacklist.iter().filter(|entry| entry.param != "rd.driver.blacklist");
        let found = listed.into_iter().find(|entry| same(&entry.module))?;
        Some(format!("`{}=` on the kernel command line", found.param))
    })
}

/// The name that sysfs shows for the driver of the card's own bus device, which is not always that of its module.
pub(super) fn shown(module: &ModuleName) -> String {
    match module.as_str() {
        "virtio_pci" => "virtio-pci",
        "virtio_mmio" => "virtio-mmio",
        "ne2k_pci" => "ne2k-pci",
        "xen_netfront" => "vif",
        "platform_pci" | "xen_platform_pci" => "xen-platform-pci",
        "sis190" => "sis190",
        other => other,
    }
    .to_owned()
}
