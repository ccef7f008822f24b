//! The step `network`: which driver binds each card, how it is called, and which configuration brings it up.
//!
//! Whether a card keeps its address (MAC) on another machine is often not known: a hypervisor may be told to keep it,
//! and a cloud gives a new one. The step is therefore worked out for each possibility; where they differ, it is
//! unknown.

mod cards;
mod configuration;
mod driver;
mod naming;
mod predictable;

use schemars::JsonSchema;
use serde::Serialize;

pub(super) use self::cards::VIRTIO_NET;

use self::cards::Card;
use self::configuration::{Answer, Managers, shown};
use self::driver::{Bound, When};
use self::naming::{Interface, Namer, NicName};
use self::predictable::{Scheme, Slots};
use super::scene::Scene;
use super::{State, Step, StepName};
use crate::facts::Facts;
use crate::facts::network::links;
use crate::facts::network::{Link, NameRule};
use crate::facts::system::Family;
use crate::initrd::ModuleName;
use crate::place::Place;
use crate::target::Target;

/// Addresses that files name of which each is tried for a card; more than a few are of a machine with many cards.
const MAX_WORLDS: usize = 8;

/// Platforms that give a machine new addresses, whatever it had.
const NEW_ADDRESSES: [&str; 4] = ["aws", "azure", "gcp", "oracle"];

/// What becomes of the network on a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NetworkFate {
    /// The cards, in the order in which the kernel finds them.
    pub nics: Vec<NicFate>,
    /// Services that fail at boot for want of an interface: `networking.service`.
    pub failing_services: Vec<String>,
}

/// What becomes of one network card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NicFate {
    /// What it announces itself as.
    pub modalias: String,
    /// Its PCI address, if it is on PCI and the target says.
    pub slot: Option<String>,
    /// The driver of that device, as sysfs shows it: `virtio-pci`, `e1000`; null if none binds or nobody knows.
    pub driver: Option<String>,
    /// The modules that bind on the way to the interface.
    pub modules: Vec<ModuleName>,
    /// Why no driver binds; null if one does or nobody knows.
    pub no_driver: Option<String>,
    /// The module that would have to be loaded; null if there is none.
    pub missing_module: Option<ModuleName>,
    /// What the interface is called in the end; null if there is none or nobody knows.
    pub name: Option<String>,
    /// What it may be called, where nobody knows which.
    pub possible_names: Vec<String>,
    /// Why it is called so, or why that is not known.
    pub why: String,
    /// The name after the index that the firmware gives it (`ID_NET_NAME_ONBOARD`).
    pub onboard_name: Option<String>,
    /// The name after its hotplug slot (`ID_NET_NAME_SLOT`).
    pub slot_name: Option<String>,
    /// The name after its address on the bus (`ID_NET_NAME_PATH`).
    pub path_name: Option<String>,
    /// Whether something brings it up at boot; null if nobody knows.
    pub configured: Option<bool>,
    /// What brings it up.
    pub configured_by: Option<Place>,
}

/// What one possibility comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct World {
    step: Step,
    fate: NetworkFate,
}

/// The step on `target`, and what becomes of each card.
pub(super) fn step(scene: &Scene<'_>, target: &Target) -> (Step, NetworkFate) {
    let ok = |detail: &str| (Step::ok(StepName::Network, detail, None), NetworkFate::default());
    let cards = cards::cards(target);
    if cards.is_empty() {
        return ok(if target.is_same() {
            "the cards stay the same, and with them their names"
        } else {
            "the target has no network card"
        });
    }
    let bound: Vec<Bound> = cards.iter().map(|card| driver::bind(scene, &card.modaliases)).collect();
    let mut worlds: Vec<World> = addresses(scene.facts, target, &cards)
        .iter()
        .map(|macs| world(scene, target, &cards, &bound, macs))
        .collect();
    worlds.dedup();
    let Some(first) = worlds.first() else { return ok("the target has no network card") };
    if worlds.len() == 1 {
        return (first.step.clone(), first.fate.clone());
    }
    (joined(target, &worlds), joined_fate(&worlds))
}

/// The step where the possibilities differ: what all say, else unknown.
fn joined(target: &Target, worlds: &[World]) -> Step {
    let states: Vec<State> = worlds.iter().map(|world| world.step.state).collect();
    let with = |state: State| worlds.iter().find(|world| world.step.state == state).map(|world| &world.step);
    if let Some(unknown) = with(State::Unknown) {
        return unknown.clone();
    }
    match (with(State::Ok), with(State::Fails)) {
        (Some(_), Some(fails)) => {
            let detail = format!(
                "whether the card keeps its address on {} decides, and is not known (`mac` in a target file says); if it \
                 does not, {}",
                target.name, fails.detail
            );
            Some(Step::unknown(StepName::Network, detail, fails.at.clone()))
        }
        // All are of one state, and the first possibility is as likely as the others.
        _ if states.first() == Some(&State::Fails) => with(State::Fails).cloned(),
        _ => with(State::Ok).cloned(),
    }
    .unwrap_or_else(|| Step::unknown(StepName::Network, "nothing is known of the network", None))
}

/// Names that are the same in all possibilities, and else what they may be.
fn joined_fate(worlds: &[World]) -> NetworkFate {
    let mut fate = worlds.first().map(|world| world.fate.clone()).unwrap_or_default();
    for (index, nic) in fate.nics.iter_mut().enumerate() {
        let all = || worlds.iter().filter_map(|world| world.fate.nics.get(index));
        if all().any(|other| other.name != nic.name || other.possible_names != nic.possible_names) {
            let mut names: Vec<String> =
                all().flat_map(|other| other.name.iter().chain(&other.possible_names).cloned()).collect();
            names.sort();
            names.dedup();
            nic.name = None;
            nic.possible_names = names;
            "whether the card keeps its address is not known".clone_into(&mut nic.why);
        }
        if all().any(|other| other.configured != nic.configured) {
            nic.configured = None;
            nic.configured_by = None;
        }
    }
    fate.failing_services
        .retain(|service| worlds.iter().all(|world| world.fate.failing_services.contains(service)));
    fate
}

/// The addresses that the cards may have: what the target says; else new ones, and those that files name.
fn addresses(facts: &Facts, target: &Target, cards: &[Card]) -> Vec<Vec<Option<String>>> {
    let said: Vec<Option<String>> = cards.iter().map(|card| card.mac.clone()).collect();
    let new_ones = target.classes.iter().any(|class| NEW_ADDRESSES.contains(&class.as_str()));
    let mut worlds = vec![said.clone()];
    if new_ones || said.iter().all(Option::is_some) {
        return worlds;
    }
    let named = named_addresses(facts);
    if cards.len() == 1 {
        worlds.extend(named.iter().take(MAX_WORLDS).map(|mac| vec![Some(mac.clone())]));
    } else if !named.is_empty() {
        let mut left = named.into_iter();
        worlds.push(said.into_iter().map(|mac| mac.or_else(|| left.next())).collect());
    }
    worlds
}

/// The addresses that rules, `.link` files and configuration ask for, in order, each once.
fn named_addresses(facts: &Facts) -> Vec<String> {
    let network = &facts.network;
    let conditions = network.naming.rules.iter().flat_map(|rule| &rule.conditions);
    let of_rules = conditions.filter(|condition| condition.key.ends_with("{address}") && !condition.negated);
    let of_rules = of_rules.flat_map(|condition| condition.value.split('|'));
    let of_links = network.naming.links.iter().flat_map(|link| &link.matches.macs).map(String::as_str);
    let of_connections = network.connections.iter().flat_map(|one| &one.matches.macs).map(String::as_str);
    let mut found: Vec<String> = Vec::new();
    for mac in of_rules.chain(of_links).chain(of_connections) {
        let mac = mac.to_ascii_lowercase();
        if !mac.contains(['*', '?', '[']) && !found.contains(&mac) {
            found.push(mac);
        }
    }
    found
}

fn world(
    scene: &Scene<'_>,
    target: &Target,
    cards: &[Card],
    bound: &[Bound],
    macs: &[Option<String>],
) -> World {
    let scheme = Scheme::of(scene.facts, scene.cmdline);
    let slots = Slots::of(target, cards);
    let mut interfaces = Vec::new();
    let mut groups: [Vec<usize>; 3] = Default::default();
    let mut xen = 0;
    for ((card, bound), mac) in cards.iter().zip(bound).zip(macs) {
        let Bound::By(drivers, when) = bound else { continue };
        let mut card_names =
            scheme.map(|scheme| predictable::names(card, scheme, &slots, xen)).unwrap_or_default();
        xen += u32::from(card.bus == cards::Bus::Xen);
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
    let texts = InitrdTexts::of(scene);
    if scene.view.autoload().is_ok() && texts.applies_links {
        texts.namer(scene, scheme).apply(&mut interfaces, &early);
    }
    let present: Vec<usize> = early.into_iter().chain(root).collect();
    root_namer(scene, target, scheme).apply(&mut interfaces, &present);
    verdict(scene, target, cards, bound, &interfaces)
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
        let mut files: std::collections::BTreeMap<String, (String, &[u8])> =
            std::collections::BTreeMap::new();
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

/// The step and the fates of one possibility.
fn verdict(
    scene: &Scene<'_>,
    target: &Target,
    cards: &[Card],
    bound: &[Bound],
    interfaces: &[Interface<'_>],
) -> World {
    let managers = Managers::of(scene.facts, target);
    let answers: Vec<Answer> = interfaces.iter().map(|interface| managers.answer(interface)).collect();
    let mut fate = NetworkFate { nics: Vec::new(), failing_services: managers.failing(interfaces) };
    for (card, bound) in cards.iter().zip(bound) {
        let named = interfaces.iter().zip(&answers).find(|(interface, _)| std::ptr::eq(interface.card, card));
        fate.nics.push(nic_fate(card, bound, named));
    }
    World { step: judge(bound, interfaces, &answers, &managers), fate }
}

fn nic_fate(card: &Card, bound: &Bound, named: Option<(&Interface<'_>, &Answer)>) -> NicFate {
    let mut fate = NicFate {
        modalias: card.modalias().to_owned(),
        slot: card.address.map(|address| address.to_string()),
        driver: None,
        modules: Vec::new(),
        no_driver: None,
        missing_module: None,
        name: None,
        possible_names: Vec::new(),
        why: String::new(),
        onboard_name: None,
        slot_name: None,
        path_name: None,
        configured: None,
        configured_by: None,
    };
    // The driver of the card's own device: virtio-pci of a virtio card, whose interface virtio_net makes.
    let position = card.modaliases.iter().position(|modalias| modalias == card.modalias());
    match bound {
        Bound::By(drivers, _) => {
            fate.driver = position.and_then(|index| drivers.get(index)).map(driver::shown);
            fate.modules.clone_from(drivers);
        }
        Bound::None { drivers, why, module } => {
            fate.driver = position.and_then(|index| drivers.get(index)).map(driver::shown);
            fate.modules.clone_from(drivers);
            fate.no_driver = Some(why.clone());
            fate.missing_module.clone_from(module);
            fate.configured = Some(false);
            why.clone_into(&mut fate.why);
        }
        Bound::Unknown(needs) => fate.why = format!("whether a driver binds it is not known without {needs}"),
    }
    if let Some((interface, answer)) = named {
        fate.name = interface.name.known().map(str::to_owned);
        if let NicName::OneOf(names) = &interface.name {
            fate.possible_names.clone_from(names);
        }
        fate.why.clone_from(&interface.why);
        fate.onboard_name.clone_from(&interface.names.onboard);
        fate.slot_name.clone_from(&interface.names.slot);
        fate.path_name.clone_from(&interface.names.path);
        (fate.configured, fate.configured_by) = match answer {
            Answer::By { at, .. } => (Some(true), at.clone()),
            Answer::Nothing => (Some(false), None),
            Answer::Unknown(_) => (None, None),
        };
    }
    fate
}

/// The sentence, and its state.
fn judge(bound: &[Bound], interfaces: &[Interface<'_>], answers: &[Answer], managers: &Managers<'_>) -> Step {
    let wanted: Vec<_> = managers.wanted().collect();
    let described = |interface: &Interface<'_>| {
        let driver = interface.drivers.last().map_or("", String::as_str);
        format!("{} ({driver})", shown(&interface.name))
    };
    let up: Vec<String> = interfaces
        .iter()
        .zip(answers)
        .filter_map(|(interface, answer)| match answer {
            Answer::By { what, .. } => Some(format!("{} is brought up by {what}", described(interface))),
            _ => None,
        })
        .collect();
    if !up.is_empty() {
        let at = answers.iter().find_map(|answer| match answer {
            Answer::By { at, .. } => at.clone(),
            _ => None,
        });
        return Step::ok(StepName::Network, up.join("; "), at);
    }
    if let Some(needs) = bound.iter().find_map(|bound| match bound {
        Bound::Unknown(needs) => Some(needs),
        _ => None,
    }) {
        let detail = format!("whether a driver binds the network card is not known without {needs}");
        return if wanted.is_empty() {
            Step::ok(StepName::Network, "no network is configured", None)
        } else {
            Step::unknown(StepName::Network, detail, None)
        };
    }
    let racing = interfaces.iter().find(|interface| interface.name.known().is_none());
    let all = interfaces.iter().map(described).collect::<Vec<_>>().join(", ");
    if wanted.is_empty() {
        return match racing {
            Some(interface) => Step::unknown(
                StepName::Network,
                format!(
                    "no network is configured, and which card is {} is not known: {}",
                    shown(&interface.name),
                    interface.why
                ),
                interface.named_by.clone(),
            ),
            None if interfaces.is_empty() => Step::ok(StepName::Network, "no network is configured", None),
            None => Step::ok(StepName::Network, format!("no network is configured; there is {all}"), None),
        };
    }
    if interfaces.is_empty() {
        let why = bound.iter().find_map(|bound| match bound {
            Bound::None { why, .. } => Some(why.as_str()),
            _ => None,
        });
        let detail = format!("no driver binds the network card: {}", why.unwrap_or("there is none"));
        return Step::fails(StepName::Network, detail, wanted.first().map(|one| one.at.clone()));
    }
    if let Some(why) = answers.iter().find_map(|answer| match answer {
        Answer::Unknown(why) => Some(why),
        _ => None,
    }) {
        return Step::unknown(
            StepName::Network,
            why.clone(),
            racing.and_then(|racing| racing.named_by.clone()),
        );
    }
    if let Err(needs) = managers.nothing_else() {
        let detail = format!(
            "nothing that is read here brings up {all}; whether another service does is not known without {needs}"
        );
        return Step::unknown(StepName::Network, detail, None);
    }
    let first = wanted.first();
    let names = first.map(|one| asks_for(one)).unwrap_or_default();
    let detail = format!("nothing brings up {all}: {names}");
    Step::fails(StepName::Network, detail, first.map(|one| one.at.clone()))
}

/// What a connection is for, in words.
fn asks_for(one: &crate::facts::network::Connection) -> String {
    let matches = &one.matches;
    let (what, list) = match () {
        () if !one.ports.is_empty() => ("lies on", &one.ports),
        () if !matches.macs.is_empty() => ("is for the card with the address", &matches.macs),
        () if !matches.paths.is_empty() => ("is for the card at", &matches.paths),
        () if !matches.names.is_empty() => ("is for", &matches.names),
        () => ("is for a card of the driver", &matches.drivers),
    };
    format!("`{}` {what} {}, which is not there", one.at, list.join(", "))
}
