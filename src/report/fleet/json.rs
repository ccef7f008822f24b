//! The fleet for programs. Its shape is a contract: `bootproof schema fleet` describes it.
//!
//! Hosts are told once and meant by their `id` elsewhere, so that the report grows with what was found and not with its
//! square; it is written as it is made.

use std::io;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::finding::Severity;
use crate::fleet::{
    Example, ExampleFix, Fleet, Hit, Host, HostId, Name, RuleHits, SCHEMA, Standing, TargetPlan, Wave,
};
use crate::report::json::write_compact;
use crate::report::{Tool, Verdict};
use crate::simulate::{Outcome, StepName};

/// Writes the report on one line.
///
/// # Errors
/// What `out` says.
pub fn write(fleet: &Fleet, mut out: impl io::Write) -> io::Result<()> {
    write_compact(&mut out, &FleetReport::of(fleet))?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Many hosts: who can go where, and what has to be mended for it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FleetReport<'a> {
    /// `bootproof-fleet/1`.
    schema: &'static str,
    /// Name and version of the program.
    tool: Tool,
    /// From which severity on a finding holds a host back (`--fail-on`; with `none` it is `high`).
    gate: Severity,
    /// Whether any host has something at or above the gate or does not boot; `pass` with `--fail-on none`.
    verdict: Verdict,
    /// The numbers.
    summary: FleetSummary,
    /// The migration to each target; the one that most hosts were asked about comes first.
    targets: Vec<FleetTarget<'a>>,
    /// What was found, by rule, worst first.
    rules: Vec<FleetRule<'a>>,
    /// The hosts, by name.
    #[schemars(with = "Vec<FleetHost>")]
    hosts: Hosts<'a>,
    /// What the reader should know of hosts that are counted.
    notes: &'a [String],
    /// Files that are no host of this fleet.
    not_counted: Vec<FleetSkipped<'a>>,
}

/// The numbers.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetSummary {
    /// Hosts that are counted.
    hosts: usize,
    /// Those that have something at or above the gate or do not boot, on whatever target.
    failing: usize,
    /// Files that should be a host and could not be read.
    lost: usize,
}

/// The migration to one target.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetTarget<'a> {
    /// The short name: `kvm`.
    target: &'a str,
    /// The name in words.
    title: &'a str,
    /// Hosts whose reports are about it.
    hosts: usize,
    /// Hosts that boot there and have nothing at or above the gate.
    ready_now: &'a [HostId],
    /// Hosts all of whose findings at or above the gate have a step that can be applied, by the rules to mend.
    after_fixes: Vec<FleetSet<'a>>,
    /// Hosts that have a finding with advice alone, or a failing boot that no finding explains.
    blocked: Vec<FleetBlocked<'a>>,
    /// Hosts whose boot is unknown.
    cannot_be_told: &'a [HostId],
    /// What to mend first, so that many hosts are ready soon.
    first: Vec<FleetMending<'a>>,
}

/// Hosts that need the same.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetSet<'a> {
    /// The rules to mend.
    rules: Vec<&'a str>,
    /// The hosts.
    hosts: &'a [HostId],
}

/// Hosts that are blocked by the same.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetBlocked<'a> {
    /// The rules for which there is advice alone.
    rules: Vec<&'a str>,
    /// The step at which they stop without a finding that explains it.
    unexplained: Option<StepName>,
    /// The hosts.
    hosts: &'a [HostId],
}

/// A step of what to mend first.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetMending<'a> {
    /// The rules to mend after those of the steps before.
    rules: Vec<&'a str>,
    /// Those of them for which there is advice alone.
    by_hand: Vec<&'a str>,
    /// How many hosts are ready then.
    ready: usize,
}

/// What one rule found.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetRule<'a> {
    /// The rule's id.
    rule: &'a str,
    /// What it is about.
    title: &'a str,
    /// The worst that it found.
    severity: Severity,
    /// Whether each of its findings has a step that can be applied as it is.
    can_be_applied: bool,
    /// The hosts that it hits.
    hosts: &'a [HostId],
    /// The hosts on each target; `target` is null for findings to which it does not matter.
    on: Vec<FleetOn<'a>>,
    /// The hosts on which all its findings are waived.
    waived: &'a [HostId],
    /// What it says on one of them.
    example: FleetExample<'a>,
}

/// Hosts that a rule hits on one target.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetOn<'a> {
    /// The target.
    target: Option<&'a str>,
    /// The hosts.
    hosts: &'a [HostId],
}

/// What a rule says on one host.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetExample<'a> {
    /// That host's report.
    report: &'a str,
    /// What is wrong there.
    message: &'a str,
    /// What mends it there, in words and lines.
    fix: Vec<&'a str>,
}

/// One host.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetHost<'a> {
    /// Its place in the list, from 0.
    id: HostId,
    /// The host name; that of the report's file where the system has none.
    name: &'a str,
    /// Whether the system has a name.
    named: bool,
    /// The path of its report.
    report: &'a str,
    /// What was looked at.
    source: &'a str,
    /// The distribution, for people.
    distribution: Option<&'a str>,
    /// The machine that its programs are for.
    architecture: Option<&'a str>,
    /// Whether it has something at or above the gate or does not boot on one of its targets.
    verdict: Verdict,
    /// How it stands on each target of its report.
    targets: Vec<FleetStanding<'a>>,
    /// How the entries fare that do not decide.
    other_entries: Vec<FleetEntry<'a>>,
    /// What was found, worst first.
    findings: Vec<FleetFinding<'a>>,
    /// Number of rules that could not be decided.
    not_evaluated: usize,
}

/// How a host stands on a target.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetStanding<'a> {
    /// The target.
    target: &'a str,
    /// The boot entry that decides; null if there is none.
    entry: Option<&'a str>,
    /// Whether it boots; null if there is no entry.
    outcome: Option<Outcome>,
    /// The first step that fails.
    failed_at: Option<StepName>,
    /// The worst finding that is not waived.
    worst: Option<Severity>,
    /// When it can go there.
    wave: Wave,
    /// The rules that hold it back.
    obstacles: Vec<&'a str>,
}

/// How a boot entry that does not decide fares on a target.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetEntry<'a> {
    /// The entry.
    entry: &'a str,
    /// The target.
    target: &'a str,
    /// Whether it boots.
    outcome: Outcome,
    /// The first step that fails.
    failed_at: Option<StepName>,
}

/// One rule's finding on a host; findings that differ in their place alone are one.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetFinding<'a> {
    /// The rule's id.
    rule: &'a str,
    /// How bad it is.
    severity: Severity,
    /// The target; null where it does not matter.
    target: Option<&'a str>,
    /// The boot entry; null where it is not a matter of one.
    entry: Option<&'a str>,
    /// Whether a waiver accepts it.
    waived: bool,
    /// Whether a step of its remedy can be applied as it is.
    can_be_applied: bool,
    /// In how many places.
    times: u32,
}

/// A file that is no host of this fleet.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetSkipped<'a> {
    /// The file, with line and column where it has one.
    path: &'a str,
    /// Why it is not counted.
    because: &'a str,
    /// Whether a host is missing because of it.
    lost: bool,
}

/// The hosts of a fleet, each made when it is written.
#[derive(Debug)]
struct Hosts<'a>(&'a Fleet);

impl Serialize for Hosts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_seq(self.0.hosts.iter().enumerate().map(|(id, host)| FleetHost::of(self.0, id, host)))
    }
}

impl<'a> FleetReport<'a> {
    fn of(fleet: &'a Fleet) -> Self {
        let failing = fleet.failing();
        let skipped = fleet.not_counted.iter().map(|file| FleetSkipped {
            path: &file.path,
            because: &file.because,
            lost: file.is_loss,
        });
        Self {
            schema: SCHEMA,
            tool: Tool::this(),
            gate: fleet.wave_gate(),
            verdict: verdict(failing > 0),
            summary: FleetSummary {
                hosts: fleet.hosts.len(),
                failing,
                lost: fleet.not_counted.iter().filter(|file| file.is_loss).count(),
            },
            targets: fleet.plans.iter().map(|plan| FleetTarget::of(fleet, plan)).collect(),
            rules: fleet.rules.iter().map(|hits| FleetRule::of(fleet, hits)).collect(),
            hosts: Hosts(fleet),
            notes: &fleet.notes,
            not_counted: skipped.collect(),
        }
    }
}

fn verdict(fails: bool) -> Verdict {
    if fails { Verdict::Fail } else { Verdict::Pass }
}

impl<'a> FleetTarget<'a> {
    fn of(fleet: &'a Fleet, plan: &'a TargetPlan) -> Self {
        let texts = |rules: &'a [Name]| fleet.names.texts(rules);
        let set = |set: &'a crate::fleet::FixSet| FleetSet { rules: texts(&set.rules), hosts: &set.hosts };
        let blocked = |blocked: &'a crate::fleet::Blocked| FleetBlocked {
            rules: texts(&blocked.by_hand),
            unexplained: blocked.unexplained,
            hosts: &blocked.hosts,
        };
        let mending = |step: &'a crate::fleet::Mending| FleetMending {
            rules: texts(&step.rules),
            by_hand: texts(&step.by_hand),
            ready: step.ready,
        };
        Self {
            target: fleet.names.text(plan.target),
            title: &plan.title,
            hosts: plan.hosts,
            ready_now: &plan.ready,
            after_fixes: plan.fix_sets.iter().map(set).collect(),
            blocked: plan.blocked.iter().map(blocked).collect(),
            cannot_be_told: &plan.untold,
            first: plan.first.iter().map(mending).collect(),
        }
    }
}

impl<'a> FleetRule<'a> {
    fn of(fleet: &'a Fleet, hits: &'a RuleHits) -> Self {
        let on = |(target, hosts): &'a (Option<Name>, Vec<HostId>)| FleetOn {
            target: fleet.names.optional(*target),
            hosts,
        };
        let Example { report, message, fix } = &hits.example;
        let step = |step: &'a ExampleFix| match step {
            ExampleFix::Copy(text) | ExampleFix::Say(text) => text.as_str(),
        };
        Self {
            rule: fleet.names.text(hits.rule),
            title: &hits.title,
            severity: hits.severity,
            can_be_applied: hits.can_be_applied,
            hosts: &hits.hosts,
            on: hits.on.iter().map(on).collect(),
            waived: &hits.waived,
            example: FleetExample { report, message, fix: fix.iter().map(step).collect() },
        }
    }
}

impl<'a> FleetHost<'a> {
    fn of(fleet: &'a Fleet, id: HostId, host: &'a Host) -> Self {
        let names = &fleet.names;
        let finding = |hit: &Hit| FleetFinding {
            rule: names.text(hit.rule),
            severity: hit.severity,
            target: names.optional(hit.target),
            entry: names.optional(hit.entry),
            waived: hit.is_waived,
            can_be_applied: hit.can_be_applied,
            times: hit.times,
        };
        let entry = |boot: &crate::fleet::HostBoot| FleetEntry {
            entry: names.text(boot.entry),
            target: names.text(boot.target),
            outcome: boot.outcome,
            failed_at: boot.failed_at,
        };
        Self {
            id,
            name: &host.name,
            named: host.is_named,
            report: &host.report,
            source: &host.source,
            distribution: names.optional(host.distribution),
            architecture: names.optional(host.architecture),
            verdict: verdict(fleet.fails(host)),
            targets: host.standings.iter().map(|standing| FleetStanding::of(fleet, standing)).collect(),
            other_entries: host.other_boots().map(entry).collect(),
            findings: host.findings.iter().map(finding).collect(),
            not_evaluated: host.not_evaluated,
        }
    }
}

impl<'a> FleetStanding<'a> {
    fn of(fleet: &'a Fleet, standing: &'a Standing) -> Self {
        Self {
            target: fleet.names.text(standing.target),
            entry: fleet.names.optional(standing.entry),
            outcome: standing.outcome,
            failed_at: standing.failed_at,
            worst: standing.worst,
            wave: standing.wave,
            obstacles: fleet.names.texts(&standing.obstacles),
        }
    }
}
