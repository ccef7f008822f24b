//! Hosts of a target by what they need, and which rules to mend first.

use std::collections::{BTreeMap, BTreeSet};

use super::{Host, HostId, Name, Standing, Wave};
use crate::simulate::StepName;

/// Rules that are proposed to be mended first.
const FIRST_RULES: usize = 5;
/// Sets of rules that are tried at each step; rarer ones free fewer hosts.
const CANDIDATES: usize = 200;

/// The migration to one target.
#[derive(Debug)]
pub struct TargetPlan {
    /// The target.
    pub target: Name,
    /// The name in words.
    pub title: String,
    /// Hosts whose reports are about it.
    pub hosts: usize,
    /// Hosts that can go as they are.
    pub ready: Vec<HostId>,
    /// Hosts that need fixes, by the rules that have to be mended; what most hosts need comes first.
    pub fix_sets: Vec<FixSet>,
    /// Hosts that are blocked, by what blocks them.
    pub blocked: Vec<Blocked>,
    /// Hosts of which the report does not say.
    pub untold: Vec<HostId>,
    /// What to mend first.
    pub first: Vec<Mending>,
}

/// Hosts that need the same rules mended.
#[derive(Debug)]
pub struct FixSet {
    /// The rules.
    pub rules: Vec<Name>,
    /// The hosts.
    pub hosts: Vec<HostId>,
}

/// Hosts that are blocked by the same.
#[derive(Debug)]
pub struct Blocked {
    /// The rules for which there is advice alone.
    pub by_hand: Vec<Name>,
    /// The step at which the boot fails without a finding that explains it.
    pub unexplained: Option<StepName>,
    /// The hosts.
    pub hosts: Vec<HostId>,
}

/// A step of what to mend first.
#[derive(Debug, PartialEq, Eq)]
pub struct Mending {
    /// The rules to mend.
    pub rules: Vec<Name>,
    /// Those for which there is advice alone.
    pub by_hand: Vec<Name>,
    /// Hosts that are ready then, with those of the steps before and those that are ready now.
    pub ready: usize,
}

impl TargetPlan {
    /// The number of hosts of a wave.
    #[must_use]
    pub fn count(&self, wave: Wave) -> usize {
        match wave {
            Wave::ReadyNow => self.ready.len(),
            Wave::AfterFixes => self.fix_sets.iter().map(|set| set.hosts.len()).sum(),
            Wave::Blocked => self.blocked.iter().map(|blocked| blocked.hosts.len()).sum(),
            Wave::CannotBeTold => self.untold.len(),
        }
    }

    /// The plan for `target`.
    pub(super) fn of<'h>(hosts: &'h [Host], target: Name, title: String) -> Self {
        let on = |(id, host): (HostId, &'h Host)| host.on(target).map(|standing| (id, standing));
        let all: Vec<(HostId, &Standing)> = hosts.iter().enumerate().filter_map(on).collect();
        let of = |wave| all.iter().filter(move |(_, standing)| standing.wave == wave);
        let ready: Vec<HostId> = of(Wave::ReadyNow).map(|(id, _)| *id).collect();
        let mut sets: BTreeMap<&[Name], Vec<HostId>> = BTreeMap::new();
        for (id, standing) in of(Wave::AfterFixes) {
            sets.entry(&standing.obstacles).or_default().push(*id);
        }
        let mut blocks: BTreeMap<(&[Name], Option<StepName>), Vec<HostId>> = BTreeMap::new();
        for (id, standing) in of(Wave::Blocked) {
            let unexplained = standing.failed_at.filter(|_| standing.is_unexplained);
            blocks.entry((&standing.by_hand, unexplained)).or_default().push(*id);
        }
        let fix_sets = sets.into_iter().map(|(rules, hosts)| FixSet { rules: rules.to_vec(), hosts });
        let blocked = blocks.into_iter().map(|((by_hand, unexplained), hosts)| Blocked {
            by_hand: by_hand.to_vec(),
            unexplained,
            hosts,
        });
        let mut plan = Self {
            target,
            title,
            hosts: all.len(),
            first: first(&all, ready.len()),
            ready,
            fix_sets: fix_sets.collect(),
            blocked: blocked.collect(),
            untold: of(Wave::CannotBeTold).map(|(id, _)| *id).collect(),
        };
        // Both sorts are stable: what is equal keeps the order of its rules' names.
        plan.fix_sets.sort_by_key(|set| (std::cmp::Reverse(set.hosts.len()), set.rules.len()));
        plan.blocked.sort_by_key(|blocked| std::cmp::Reverse(blocked.hosts.len()));
        plan
    }
}

/// Which rules to mend first, up to [`FIRST_RULES`] of them, so that many hosts become ready soon.
///
/// To find the best is the densest-subhypergraph problem, for which no fast way is known. This is the greedy one: of
/// the sets of rules that hosts need, take the one that frees most hosts for each rule added, and again. What has
/// advice alone is among them, since somebody can follow it; hosts whose boot is unknown or fails without an
/// explanation are not, since mending is not known to help them.
fn first(all: &[(HostId, &Standing)], ready_now: usize) -> Vec<Mending> {
    let mendable = || all.iter().filter(|(_, standing)| standing.is_mendable()).map(|(_, standing)| standing);
    let mut needs: BTreeMap<Vec<Name>, usize> = BTreeMap::new();
    for standing in mendable().filter(|standing| standing.obstacles.len() <= FIRST_RULES) {
        let hosts = needs.entry(standing.obstacles.to_vec()).or_default();
        *hosts = hosts.saturating_add(1);
    }
    let by_hand: BTreeSet<Name> = mendable().flat_map(|standing| standing.by_hand.iter().copied()).collect();
    let mut ready = ready_now;
    let mut left = FIRST_RULES;
    let mut steps = Vec::new();
    while let Some((rules, freed)) = best(&needs, left) {
        ready = ready.saturating_add(freed);
        left = left.saturating_sub(rules.len());
        needs = without(needs, &rules, left);
        let by_hand = rules.iter().copied().filter(|rule| by_hand.contains(rule)).collect();
        steps.push(Mending { rules, by_hand, ready });
    }
    steps
}

/// The set of at most `left` rules that frees most hosts for each of its rules, and how many.
fn best(needs: &BTreeMap<Vec<Name>, usize>, left: usize) -> Option<(Vec<Name>, usize)> {
    let mut candidates: Vec<(&Vec<Name>, usize)> =
        needs.iter().filter(|(rules, _)| rules.len() <= left).map(|(rules, hosts)| (rules, *hosts)).collect();
    candidates.sort_by_key(|(_, hosts)| std::cmp::Reverse(*hosts));
    let freed = |by: &[Name]| -> usize {
        let is_covered = |rules: &[Name]| rules.iter().all(|rule| by.contains(rule));
        needs.iter().filter(|(rules, _)| is_covered(rules)).map(|(_, hosts)| *hosts).sum()
    };
    let tried = candidates.into_iter().take(CANDIDATES).map(|(rules, _)| (rules, freed(rules)));
    // Compared as fractions. The first of equals wins: the set that more hosts need exactly.
    tried
        .reduce(|best, other| {
            let value = |(_, freed): (&Vec<Name>, usize), length: usize| freed.saturating_mul(length);
            if value(other, best.0.len()) > value(best, other.0.len()) { other } else { best }
        })
        .map(|(rules, freed)| (rules.clone(), freed))
}

/// What is still needed once `mended` is, as far as `left` further rules can do it.
fn without(needs: BTreeMap<Vec<Name>, usize>, mended: &[Name], left: usize) -> BTreeMap<Vec<Name>, usize> {
    let mut still: BTreeMap<Vec<Name>, usize> = BTreeMap::new();
    for (mut rules, hosts) in needs {
        rules.retain(|rule| !mended.contains(rule));
        if !rules.is_empty() && rules.len() <= left {
            let sum = still.entry(rules).or_default();
            *sum = sum.saturating_add(hosts);
        }
    }
    still
}
