//! The sentence of the step, and what becomes of each card.

use super::cards::Card;
use super::configuration::{Answer, Managers, shown};
use super::driver::{self, Bound};
use super::naming::{Interface, NicName};
use super::world::Setting;
use super::{NetworkFate, NicFate};
use crate::facts::network::Connection;
use crate::simulate::{Step, StepName};

/// The step and the fates of one possibility.
pub(super) fn verdict(setting: &Setting<'_>, interfaces: &[Interface<'_>]) -> (Step, NetworkFate) {
    let Setting { scene, target, cards, bound, .. } = *setting;
    let managers = Managers::of(scene.facts, target);
    let answers: Vec<Answer> = interfaces.iter().map(|interface| managers.answer(interface)).collect();
    let mut fate = NetworkFate { nics: Vec::new(), failing_services: managers.failing(interfaces) };
    for (card, bound) in cards.iter().zip(bound) {
        let named = interfaces.iter().zip(&answers).find(|(interface, _)| std::ptr::eq(interface.card, card));
        fate.nics.push(nic_fate(card, bound, named));
    }
    (judge(bound, interfaces, &answers, &managers), fate)
}

fn nic_fate(card: &Card, bound: &Bound, named: Option<(&Interface<'_>, &Answer)>) -> NicFate {
    let mut fate = NicFate {
        modalias: card.modalias().to_owned(),
        slot: card.address.map(|address| address.to_string()),
        driver: None,
        modules: Vec::new(),
        no_driver: None,
        dropped: None,
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
    // A tunnel, or a bridge of virtual machines alone, needs no card of its own.
    let mut wanted: Vec<_> =
        managers.wanted().filter(|one| !one.is_virtual || !one.ports.is_empty()).collect();
    wanted.sort_by_key(|one| one.is_virtual);
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
fn asks_for(one: &Connection) -> String {
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
