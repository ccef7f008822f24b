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
#[cfg(test)]
mod tests;
mod verdict;
mod world;

use schemars::JsonSchema;
use serde::Serialize;

pub(super) use self::cards::VIRTIO_NET;

use self::cards::Card;
use self::driver::Bound;
use self::world::Setting;
use super::scene::Scene;
use super::{State, Step, StepName};
use crate::dropped::{self, Dropped};
use crate::facts::Facts;
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
    /// Where the kernel has no driver: the release of the distribution that dropped it, if that is known; left out else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<Dropped>,
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
    let setting = Setting::new(scene, target, &cards, &bound);
    let world = |macs: &Vec<Option<String>>| {
        let (step, fate) = verdict::verdict(&setting, &world::interfaces(&setting, macs));
        World { step, fate }
    };
    let mut worlds: Vec<World> = addresses(scene.facts, target, &cards).iter().map(world).collect();
    worlds.dedup();
    for nic in worlds.iter_mut().flat_map(|world| &mut world.fate.nics) {
        if nic.no_driver.is_some() && nic.missing_module.is_none() {
            nic.dropped = dropped::why_missing(&nic.modalias, &scene.facts.system);
        }
    }
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
