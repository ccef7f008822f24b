//! What text, Markdown and the page show of a fleet, counted and put into words once.

use serde::Serialize;

use crate::fleet::{
    Blocked, ExampleFix, FixSet, Fleet, Host, HostId, Mending, Name, RuleHits, Standing, TargetPlan, Wave,
};
use crate::report::prose::{counted, listed};
use crate::simulate::Outcome;

/// Hosts that are named where a list of all would be too long.
const NAMED: usize = 12;
/// Targets that the headline counts.
const IN_HEADLINE: usize = 3;
/// Sets of rules that are shown for a target; the JSON report has all.
const SETS: usize = 12;

/// The whole fleet but for the list of its hosts.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    pub(super) version: &'static str,
    pub(super) headline: String,
    pub(super) verdict: &'static str,
    pub(super) tally: String,
    pub(super) next: String,
    pub(super) gate: &'static str,
    pub(super) hosts: usize,
    pub(super) waves: Vec<WaveName>,
    pub(super) targets: Vec<TargetView>,
    pub(super) rules: Vec<RuleView>,
    pub(super) notes: Vec<String>,
    pub(super) not_counted: Vec<SkippedView>,
    pub(super) losses: usize,
}

/// A wave under its name.
#[derive(Debug, Serialize)]
pub(super) struct WaveName {
    pub(super) key: &'static str,
    pub(super) title: &'static str,
}

/// A stretch of a bar, in hundredths of a percent of its length.
#[derive(Debug, Clone, Serialize)]
pub(super) struct BarPart {
    pub(super) key: &'static str,
    pub(super) start: usize,
    pub(super) share: usize,
}

/// The migration to one target.
#[derive(Debug, Serialize)]
pub(super) struct TargetView {
    pub(super) name: String,
    pub(super) title: String,
    /// `target=kvm`, as it stands in an address.
    pub(super) query: String,
    /// Whether there is anything to mend or to find out.
    pub(super) has_plan: bool,
    pub(super) now_ready: usize,
    pub(super) now: Vec<BarPart>,
    pub(super) hosts: usize,
    pub(super) waves: Vec<WaveView>,
    pub(super) first: Vec<MendingView>,
    pub(super) fix_sets: Vec<SetView>,
    pub(super) more_sets: usize,
    pub(super) more_set_hosts: usize,
    pub(super) blocked: Vec<SetView>,
    pub(super) more_blocked: usize,
    pub(super) more_blocked_hosts: usize,
}

/// The hosts of one wave.
#[derive(Debug, Serialize)]
pub(super) struct WaveView {
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    pub(super) count: usize,
    pub(super) start: usize,
    pub(super) share: usize,
}

/// A step of what to mend first.
#[derive(Debug, Serialize)]
pub(super) struct MendingView {
    pub(super) rules: Vec<NeedView>,
    pub(super) ready: usize,
    pub(super) bar: Vec<BarPart>,
}

/// A rule that has to be mended.
#[derive(Debug, Serialize)]
pub(super) struct NeedView {
    pub(super) rule: String,
    pub(super) title: String,
    pub(super) by_hand: bool,
}

/// Hosts that need or are blocked by the same.
#[derive(Debug, Serialize)]
pub(super) struct SetView {
    pub(super) rules: Vec<NeedView>,
    /// The step at which they stop without a finding that explains it.
    pub(super) unexplained: Option<&'static str>,
    pub(super) count: usize,
    pub(super) names: Vec<String>,
    pub(super) more: usize,
}

/// What one rule found.
#[derive(Debug, Serialize)]
pub(super) struct RuleView {
    pub(super) rule: String,
    pub(super) title: String,
    pub(super) severity: &'static str,
    pub(super) by_hand: bool,
    /// `rule=fstab-kernel-name`, as it stands in an address.
    pub(super) query: String,
    pub(super) bar: Vec<BarPart>,
    pub(super) count: usize,
    pub(super) waived: usize,
    pub(super) on: Vec<OnView>,
    pub(super) names: Vec<String>,
    pub(super) more: usize,
    pub(super) example: ExampleView,
}

/// Hosts that a rule hits on one target.
#[derive(Debug, Serialize)]
pub(super) struct OnView {
    /// Null where the target does not matter.
    pub(super) target: Option<String>,
    pub(super) count: usize,
}

/// What a rule says on one host.
#[derive(Debug, Serialize)]
pub(super) struct ExampleView {
    pub(super) host: String,
    pub(super) message: String,
    pub(super) fix: Vec<StepView>,
}

/// One step of a remedy.
#[derive(Debug, Serialize)]
pub(super) struct StepView {
    pub(super) copy: bool,
    pub(super) text: String,
}

/// A file that is not counted.
#[derive(Debug, Serialize)]
pub(super) struct SkippedView {
    pub(super) path: String,
    pub(super) because: String,
    pub(super) loss: bool,
}

/// A host as a row of a table.
#[derive(Debug, Serialize)]
pub(super) struct RowView {
    pub(super) name: String,
    /// Set where the name alone does not tell it.
    pub(super) report: Option<String>,
    pub(super) distribution: String,
    pub(super) cells: Vec<CellView>,
    pub(super) worst: &'static str,
    pub(super) verdict: &'static str,
}

/// A host on a target.
#[derive(Debug, Serialize)]
pub(super) struct CellView {
    /// Null where the host's report is not about the target.
    pub(super) outcome: Option<&'static str>,
    pub(super) label: String,
    pub(super) wave: &'static str,
    pub(super) wave_title: &'static str,
}

/// The overview of `fleet`.
pub(super) fn overview(fleet: &Fleet) -> Overview {
    let failing = fleet.failing();
    let losses = fleet.not_counted.iter().filter(|file| file.is_loss).count();
    let gate = fleet.wave_gate().name();
    let mut tally = match fleet.gate {
        Some(_) if failing == 0 => format!("nothing at or above `{gate}` on any host"),
        Some(_) => format!(
            "{} of {} at or above `{gate}`, or do not boot",
            failing,
            counted(fleet.hosts.len(), "host")
        ),
        None => "findings do not count (`--fail-on none`)".to_owned(),
    };
    if losses > 0 {
        tally.push_str(&format!("; {} could not be read", counted(losses, "file")));
    }
    Overview {
        version: env!("CARGO_PKG_VERSION"),
        headline: headline(fleet),
        verdict: if failing > 0 { "fail" } else { "pass" },
        tally,
        next: next(fleet),
        gate,
        hosts: fleet.hosts.len(),
        waves: Wave::ALL.map(|wave| WaveName { key: wave.name(), title: wave.title() }).into(),
        targets: fleet.plans.iter().map(|plan| target(fleet, plan)).collect(),
        rules: fleet.rules.iter().map(|rule| rule_view(fleet, rule)).collect(),
        notes: fleet.notes.clone(),
        not_counted: fleet
            .not_counted
            .iter()
            .map(|file| SkippedView {
                path: file.path.clone(),
                because: file.because.clone(),
                loss: file.is_loss,
            })
            .collect(),
        losses,
    }
}

/// Host `id` as a row, with a cell for each target.
pub(super) fn row(fleet: &Fleet, host: &Host) -> RowView {
    RowView {
        name: host.name.clone(),
        report: (host.is_twin || !host.is_named).then(|| host.report.clone()),
        distribution: fleet.names.optional(host.distribution).unwrap_or("unknown").to_owned(),
        cells: fleet.plans.iter().map(|plan| cell(host.on(plan.target))).collect(),
        worst: host.worst().map_or("", crate::finding::Severity::name),
        verdict: verdict(fleet, host),
    }
}

/// `fail` or `pass`.
pub(super) fn verdict(fleet: &Fleet, host: &Host) -> &'static str {
    if fleet.fails(host) { "fail" } else { "pass" }
}

/// `text` as it stands in an address (RFC 3986, 2.3: all but unreserved characters is encoded).
pub(super) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// An outcome as reports write it.
pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Boots => "boots",
        Outcome::Fails => "fails",
        Outcome::Unknown => "unknown",
    }
}

fn cell(standing: Option<&Standing>) -> CellView {
    let Some(standing) = standing else {
        return CellView { outcome: None, label: String::new(), wave: "", wave_title: "" };
    };
    let label = match (standing.outcome, standing.failed_at) {
        (None, _) => "no entry".to_owned(),
        (Some(Outcome::Boots), _) => "boots".to_owned(),
        (Some(Outcome::Unknown), _) => "unknown".to_owned(),
        (Some(Outcome::Fails), Some(step)) => format!("fails: {}", step.name()),
        (Some(Outcome::Fails), None) => "fails".to_owned(),
    };
    CellView {
        outcome: Some(standing.outcome.map_or("unknown", outcome)),
        label,
        wave: standing.wave.name(),
        wave_title: standing.wave.title(),
    }
}

fn headline(fleet: &Fleet) -> String {
    let hosts = counted(fleet.hosts.len(), "host");
    let ready =
        |plan: &TargetPlan| format!("{} ready for {}", plan.ready.len(), fleet.names.text(plan.target));
    match fleet.plans.as_slice() {
        [] => format!("{hosts}, and no target in any report"),
        [only] => format!(
            "{} of {} ready for {}",
            only.ready.len(),
            counted(only.hosts, "host"),
            fleet.names.text(only.target)
        ),
        plans => {
            let counts: Vec<String> = plans.iter().take(IN_HEADLINE).map(ready).collect();
            format!("{hosts}: {}", listed(&counts))
        }
    }
}

/// What to do first, on the first target where mending helps.
fn next(fleet: &Fleet) -> String {
    let helped = fleet.plans.iter().find_map(|plan| Some((plan, plan.first.last()?)));
    let Some((plan, last)) = helped else {
        let all_ready = fleet.plans.iter().all(|plan| plan.ready.len() == plan.hosts);
        return if all_ready {
            "nothing has to be mended".to_owned()
        } else {
            "look at the hosts that are blocked or cannot be told; their own reports say what is missing"
                .to_owned()
        };
    };
    let rules: Vec<String> = plan
        .first
        .iter()
        .flat_map(|step| &step.rules)
        .map(|rule| format!("`{}`", fleet.names.text(*rule)))
        .collect();
    format!(
        "mend {} and {} of {} are ready for {}",
        listed(&rules),
        last.ready,
        counted(plan.hosts, "host"),
        fleet.names.text(plan.target)
    )
}

fn share(part: usize, whole: usize) -> usize {
    part.saturating_mul(10_000).checked_div(whole).unwrap_or_default()
}

/// `part` of `whole`, which has `before` it in the bar.
fn bar_part(key: &'static str, before: usize, part: usize, whole: usize) -> BarPart {
    let start = share(before, whole);
    BarPart { key, start, share: share(before.saturating_add(part), whole).saturating_sub(start) }
}

fn target(fleet: &Fleet, plan: &TargetPlan) -> TargetView {
    let name = fleet.names.text(plan.target);
    let mut before = 0_usize;
    let waves = Wave::ALL.map(|wave| {
        let count = plan.count(wave);
        let BarPart { key, start, share } = bar_part(wave.name(), before, count, plan.hosts);
        before = before.saturating_add(count);
        WaveView { key, title: wave.title(), count, start, share }
    });
    let set = |set: &FixSet| set_view(fleet, &set.rules, &[], None, &set.hosts);
    let blocked = |blocked: &Blocked| {
        let unexplained = blocked.unexplained.map(crate::simulate::StepName::name);
        set_view(fleet, &blocked.by_hand, &blocked.by_hand, unexplained, &blocked.hosts)
    };
    let ready = plan.ready.len();
    let now = bar_part(Wave::ReadyNow.name(), 0, ready, plan.hosts);
    let mending = |step: &Mending| MendingView {
        rules: needs(fleet, &step.rules, &step.by_hand),
        ready: step.ready,
        bar: vec![
            now.clone(),
            bar_part(Wave::AfterFixes.name(), ready, step.ready.saturating_sub(ready), plan.hosts),
        ],
    };
    TargetView {
        name: name.to_owned(),
        title: plan.title.clone(),
        query: format!("target={}", percent_encoded(name)),
        has_plan: !(plan.first.is_empty() && plan.fix_sets.is_empty() && plan.blocked.is_empty()),
        now_ready: ready,
        hosts: plan.hosts,
        waves: waves.into(),
        first: plan.first.iter().map(mending).collect(),
        now: vec![now.clone()],
        fix_sets: plan.fix_sets.iter().take(SETS).map(set).collect(),
        more_sets: plan.fix_sets.len().saturating_sub(SETS),
        more_set_hosts: plan.fix_sets.iter().skip(SETS).map(|set| set.hosts.len()).sum(),
        blocked: plan.blocked.iter().take(SETS).map(blocked).collect(),
        more_blocked: plan.blocked.len().saturating_sub(SETS),
        more_blocked_hosts: plan.blocked.iter().skip(SETS).map(|blocked| blocked.hosts.len()).sum(),
    }
}

fn needs(fleet: &Fleet, rules: &[Name], by_hand: &[Name]) -> Vec<NeedView> {
    let title = |rule: &Name| fleet.rules.iter().find(|hits| hits.rule == *rule);
    let need = |rule: &Name| NeedView {
        rule: fleet.names.text(*rule).to_owned(),
        title: title(rule).map(|hits| hits.title.clone()).unwrap_or_default(),
        by_hand: by_hand.contains(rule),
    };
    rules.iter().map(need).collect()
}

fn set_view(
    fleet: &Fleet,
    rules: &[Name],
    by_hand: &[Name],
    unexplained: Option<&'static str>,
    hosts: &[HostId],
) -> SetView {
    SetView {
        rules: needs(fleet, rules, by_hand),
        unexplained,
        count: hosts.len(),
        names: names(fleet, hosts),
        more: hosts.len().saturating_sub(NAMED),
    }
}

/// The names of the first of `hosts`; with the report's path where the name alone does not tell them.
fn names(fleet: &Fleet, hosts: &[HostId]) -> Vec<String> {
    hosts.iter().take(NAMED).filter_map(|id| fleet.hosts.get(*id)).map(told_apart).collect()
}

/// The host's name, with the report's path where that is needed.
fn told_apart(host: &Host) -> String {
    if host.is_twin { format!("{} ({})", host.name, host.report) } else { host.name.clone() }
}

fn rule_view(fleet: &Fleet, hits: &RuleHits) -> RuleView {
    let step = |step: &ExampleFix| match step {
        ExampleFix::Copy(text) => StepView { copy: true, text: text.clone() },
        ExampleFix::Say(text) => StepView { copy: false, text: text.clone() },
    };
    let mut on: Vec<OnView> = hits
        .on
        .iter()
        .map(|(target, hosts)| OnView {
            target: fleet.names.optional(*target).map(ToOwned::to_owned),
            count: hosts.len(),
        })
        .collect();
    on.sort_by_key(|on| std::cmp::Reverse(on.count));
    RuleView {
        rule: fleet.names.text(hits.rule).to_owned(),
        title: hits.title.clone(),
        severity: hits.severity.name(),
        by_hand: !hits.can_be_applied,
        query: format!("rule={}", percent_encoded(fleet.names.text(hits.rule))),
        bar: vec![bar_part("hits", 0, hits.hosts.len(), fleet.hosts.len())],
        count: hits.hosts.len(),
        waived: hits.waived.len(),
        on,
        names: names(fleet, &hits.hosts),
        more: hits.hosts.len().saturating_sub(NAMED),
        example: ExampleView {
            host: hits.example.report.clone(),
            message: hits.example.message.clone(),
            fix: hits.example.fix.iter().map(step).collect(),
        },
    }
}
