//! Names the target's cards: what appears when, and what names it then.

use std::collections::BTreeMap;

use super::cards::{Bus, Card};
use super::driver::{Bound, When};
use super::naming::{self, Interface, Namer};
use super::predictable::{self, Scheme, Slots};
use crate::facts::Facts;
use crate::facts::network::{Link, NameRule, links};
use crate::facts::system::Family;
use crate::simulate::scene::Scene;
use crate::target::Target;

/// What does not differ between the possibilities.
pub(super) struct Setting<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) target: &'a Target,
    pub(super) cards: &'a [Card],
    pub(super) bound: &'a [Bound],
    scheme: Option<Scheme>,
    slots: Slots,
    texts: InitrdTexts,
}

impl<'a> Setting<'a> {
    pub(super) fn new(
        scene: &'a Scene<'a>,
        target: &'a Target,
        cards: &'a [Card],
        bound: &'a [Bound],
    ) -> Self {
        let early = bound.iter().any(|bound| matches!(bound, Bound::By(_, When::Kernel | When::Initrd)));
        Self {
            scene,
            target,
            cards,
            bound,
            scheme: Scheme::of(scene.facts, scene.cmdline),
            slots: Slots::of(target, cards),
            texts: if early { InitrdTexts::of(scene) } else { InitrdTexts::default() },
        }
    }
}

/// How the cards are called in the end, with these addresses.
pub(super) fn interfaces<'a>(setting: &Setting<'a>, macs: &[Option<String>]) -> Vec<Interface<'a>> {
    let Setting { scene, target, cards, bound, scheme, ref slots, ref texts } = *setting;
    let mut interfaces = Vec::new();
    let mut groups: [Vec<usize>; 3] = Default::default();
    let mut xen = 0;
    for ((card, bound), mac) in cards.iter().zip(bound).zip(macs) {
        let Bound::By(drivers, when) = bound else { continue };
        let mut card_names =
            scheme.map(|scheme| predictable::names(card, scheme, slots, xen)).unwrap_or_default();
        xen += u32::from(card.bus == Bus::Xen);
        card_names.mac = mac.as_ref().map(|mac| format!("enx{}", mac.replace(':', "")));
        let group = match when {
            When::Kernel => 0,
            When::Initrd => 1,
            When::Root => 2,
        };
        if let Some(group) = groups.get_mut(group) {
            group.push(interfaces.len());
        }
        let drivers = drivers.iter().map(ToString::to_string).collect();
        interfaces.push(Interface::new(card, drivers, card_names, mac.clone()));
    }
    naming::kernel_names(&mut interfaces, &groups);
    let [kernel, initrd, root] = groups;
    let early: Vec<usize> = kernel.into_iter().chain(initrd).collect();
    if scene.view.autoload().is_ok() && texts.applies_links {
        texts.namer(scene, scheme).apply(&mut interfaces, &early);
    }
    let present: Vec<usize> = early.into_iter().chain(root).collect();
    root_namer(scene, target, scheme).apply(&mut interfaces, &present);
    interfaces
}

/// What names cards in the initrd.
#[derive(Default)]
struct InitrdTexts {
    links: Vec<Link>,
    rules: Vec<NameRule>,
    applies_links: bool,
}

impl InitrdTexts {
    fn of(scene: &Scene<'_>) -> Self {
        let mut files: BTreeMap<String, (String, &[u8])> = BTreeMap::new();
        for folder in ["etc/systemd/network/", "usr/lib/systemd/network/", "lib/systemd/network/"] {
            for (path, text) in scene.view.texts_below(folder) {
                let path = crate::source::escape_bytes(path);
                let name = path.strip_prefix(folder).unwrap_or(&path).to_owned();
                if name.ends_with(".link") {
                    files.entry(name).or_insert((path, text));
                }
            }
        }
        let rules = scene
            .view
            .texts_below("etc/udev/rules.d/")
            .flat_map(|(path, text)| links::parse_rules(&crate::source::escape_bytes(path), text));
        let rules_files = ["80-net-setup-link.rules", "80-net-name-slot.rules"].iter().any(|name| {
            let paths = [format!("usr/lib/udev/rules.d/{name}"), format!("lib/udev/rules.d/{name}")];
            paths.iter().any(|path| scene.view.has_any(&[path]))
        });
        Self {
            rules: rules.collect(),
            links: files.into_values().filter_map(|(path, text)| links::parse_link(&path, text)).collect(),
            applies_links: rules_files,
        }
    }

    fn namer(&self, scene: &Scene<'_>, scheme: Option<Scheme>) -> Namer<'_> {
        Namer {
            rules: self.rules.iter().collect(),
            links: self.links.iter().collect(),
            applies_links: Some(true),
            ifnames: ifnames(scene),
            scheme,
            generator: None,
            biosdevname: false,
            by_hwaddr: Vec::new(),
        }
    }
}

/// What names cards once the root is there.
fn root_namer<'a>(scene: &Scene<'a>, target: &Target, scheme: Option<Scheme>) -> Namer<'a> {
    let network = &scene.facts.network;
    let naming = &network.naming;
    let applies_links = match naming.setup_link.get() {
        Some(found) => Some(found.is_some()),
        None => scheme_by_distribution(scene.facts),
    };
    let ignored = naming
        .generator_ignores
        .iter()
        .any(|pattern| maker_of(target).is_some_and(|own| pattern.starts_with(own)));
    let generator = network.name_generator.get().is_some_and(Option::is_some) && !ignored;
    let names = || naming.rules.iter().map(|rule| rule.name.clone()).collect();
    let by_hwaddr = network.ifcfgs.iter().filter(|ifcfg| !ifcfg.ignored).filter_map(|ifcfg| {
        let (mac, device) = (ifcfg.hwaddr.as_ref()?, ifcfg.device.as_ref()?);
        Some((mac.value.clone(), device.value.clone(), device.at.clone()))
    });
    Namer {
        rules: naming.rules.iter().collect(),
        links: naming.links.iter().collect(),
        applies_links,
        ifnames: ifnames(scene),
        scheme,
        generator: generator.then(names),
        // It leaves virtual machines alone, and is asked for on all other machines but Dell's (71-biosdevname.rules).
        biosdevname: naming.biosdevname && target.classes.is_empty() && asks_for_biosdevname(scene),
        by_hwaddr: if naming.renames_by_hwaddr.is_some() { by_hwaddr.collect() } else { Vec::new() },
    }
}

/// The beginning of the addresses that a hypervisor gives (IEEE's list of makers).
fn maker_of(target: &Target) -> Option<&'static str> {
    let table = [
        ("kvm", "52:54:00"),
        ("virtio", "52:54:00"),
        ("vmware", "00:50:56"),
        ("hyperv", "00:15:5d"),
        ("xen", "00:16:3e"),
    ];
    let found = table.iter().find(|(class, _)| target.classes.iter().any(|other| other == class));
    found.map(|(_, maker)| *maker)
}

fn asks_for_biosdevname(scene: &Scene<'_>) -> bool {
    scene.cmdline.and_then(|line| line.value("biosdevname")) == Some("1")
}

/// `net.ifnames=0` switches policies off (systemd.link(5)).
fn ifnames(scene: &Scene<'_>) -> bool {
    let value = scene.cmdline.and_then(|line| line.value("net.ifnames"));
    !value.is_some_and(|value| matches!(value, "0" | "no" | "false" | "off"))
}

/// Whether the distribution came with predictable names, where udev's own rules are not in the input.
fn scheme_by_distribution(facts: &Facts) -> Option<bool> {
    let version = facts.system.major_version?;
    let id = facts.system.id.as_deref()?;
    match (id, facts.system.family.get()?) {
        ("ubuntu", _) => Some(version >= 16),
        ("fedora", _) => Some(version >= 19),
        ("amzn", _) => Some(matches!(version, 2 | 2023)),
        (_, Family::Debian) => Some(version >= 9),
        (_, Family::Rhel) => Some(version >= 7),
        // SUSE names cards as the kernel does as long as its generator of rules is there.
        _ => None,
    }
}
