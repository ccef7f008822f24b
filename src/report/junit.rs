//! The report for CI servers: JUnit XML, in the form of Jenkins' schema (`junit-10.xsd` of its xUnit plugin), which GitLab
//! and the others read as well.
//!
//! A test suite for each target, and one for what no target matters to. In it one case for each boot entry and one for
//! each rule: failed if a finding or a boot is for the gate to stop, skipped if it could not be decided or if all that
//! was found is waived or known, else passed. What is found below the gate is the output of a case that passes.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report as Log, TestCase, TestCaseStatus, TestSuite};

use super::Run;
use super::escape::{shown, shown_lines};
use super::view::{located, state, told};
use crate::finding::{Finding, Severity};
use crate::rules::Subject;
use crate::simulate::{Boot, Outcome, State};

/// The suite of rules to which targets do not matter.
const SYSTEM: &str = "system";

/// The whole report.
///
/// # Errors
/// None that is known; writing XML to memory has no failing case, but its writer cannot know that.
pub fn render(run: &Run<'_>) -> Result<String, quick_junit::SerializeError> {
    let mut log = Log::new(xml(&format!("{} {}", run.report.tool.name, shown(&run.report.system.source))));
    let cases = Cases::of(run);
    for target in &run.report.targets {
        let boots = run.report.boots.iter().enumerate().filter(|(_, boot)| boot.target == target.name);
        let boots = boots.map(|(index, boot)| boot_case(boot, run.report.is_stopped_by(index)));
        log.add_test_suite(suite(&target.name, boots.chain(cases.of_target(run, Some(&target.name)))));
    }
    log.add_test_suite(suite(SYSTEM, cases.of_target(run, None)));
    log.to_string()
}

fn suite(name: &str, cases: impl Iterator<Item = TestCase>) -> TestSuite {
    let mut suite = TestSuite::new(xml(&shown(name)));
    for mut case in cases {
        case.set_classname(xml(&format!("bootproof.{}", shown(name))));
        suite.add_test_case(case);
    }
    let is_skipped = |case: &&TestCase| matches!(case.status, TestCaseStatus::Skipped { .. });
    let skipped = suite.test_cases.iter().filter(is_skipped).count();
    // The library counts them as disabled, which in Jenkins' schema are cases that nobody asked for.
    suite.disabled = 0;
    suite.extra.insert("skipped".into(), skipped.to_string().into());
    suite
}

/// A rule on a target, or on none.
type Key<'a> = (Option<&'a str>, &'a str);

/// What is known of each case.
struct Cases<'a> {
    findings: BTreeMap<Key<'a>, Vec<&'a Finding>>,
    needs: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Cases<'a> {
    fn of(run: &Run<'a>) -> Self {
        let (mut findings, mut needs) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for finding in &run.report.findings {
            findings.entry((finding.target.as_deref(), finding.rule.as_str())).or_default().push(finding);
        }
        for item in &run.report.not_evaluated {
            needs.entry(item.rule.as_str()).or_default().push(item.needs.as_str());
        }
        Self { findings, needs }
    }

    /// The cases of the rules that were applied, and of whatever else found something.
    fn of_target(&'a self, run: &'a Run<'a>, target: Option<&'a str>) -> impl Iterator<Item = TestCase> + 'a {
        let mut ids: Vec<&str> = run
            .rules
            .rules()
            .iter()
            .filter(|rule| rule.on == Subject::System && rule.targets.is_some() == target.is_some())
            .filter(|rule| target.is_none_or(|name| is_asked(run, rule, name)))
            .map(|rule| rule.id.as_str())
            .collect();
        ids.extend(self.findings.keys().filter(|(on, _)| *on == target).map(|(_, id)| *id));
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(move |id| {
            let findings = self.findings.get(&(target, id)).map(Vec::as_slice).unwrap_or_default();
            let needs = self.needs.get(id).map(Vec::as_slice).unwrap_or_default();
            rule_case(id, findings, needs, run.gate)
        })
    }
}

fn is_asked(run: &Run<'_>, rule: &crate::rules::Rule, target: &str) -> bool {
    run.targets.iter().any(|asked| asked.name == target && rule.is_for(asked))
}

fn rule_case(id: &str, findings: &[&Finding], needs: &[&str], gate: Option<Severity>) -> TestCase {
    let stops = |finding: &&&Finding| finding.counts() && gate.is_some_and(|gate| finding.severity <= gate);
    let (failing, others): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|finding| stops(finding));
    let waits =
        (!needs.is_empty()).then(|| format!("not evaluated; this would settle it: {}", needs.join("; ")));
    let (status, rest) = match (failing.as_slice(), waits) {
        ([first, ..], waits) => {
            let mut status = failure(first.severity.name(), &first.message, failing.len());
            status.set_description(xml(&bodies(&failing)));
            (status, [waits, said(&others)])
        }
        ([], Some(waits)) => (skipped(&waits), [None, said(&others)]),
        ([], None) if !others.is_empty() && others.iter().all(|finding| !finding.counts()) => {
            (skipped(&set_aside(&others)), [None, said(&others)])
        }
        ([], None) => (TestCaseStatus::success(), [None, said(&others)]),
    };
    let mut case = TestCase::new(xml(&shown(id)), status);
    let output: Vec<String> = rest.into_iter().flatten().collect();
    if !output.is_empty() {
        case.set_system_out(xml(&output.join("\n\n")));
    }
    case
}

/// How an entry boots there. Only the entry that the loader picks by itself is for the gate to stop.
fn boot_case(boot: &Boot, stops: bool) -> TestCase {
    let open = boot.steps.iter().find(|step| step.state == State::Unknown);
    let failed = boot.steps.iter().find(|step| Some(step.step) == boot.failed_at);
    let told = match (boot.outcome, failed.or(open)) {
        (Outcome::Boots, _) | (_, None) => String::new(),
        (_, Some(step)) => format!("{}: {}", step.step.name(), shown(&step.detail)),
    };
    let status = match boot.outcome {
        Outcome::Fails if stops => failure("boot", &format!("does not boot: stops at {told}"), 1),
        Outcome::Unknown => skipped(&format!("cannot be told: {told}")),
        Outcome::Fails | Outcome::Boots => TestCaseStatus::success(),
    };
    let mut case = TestCase::new(xml(&format!("boot: {}", shown(&boot.entry))), status);
    if boot.outcome == Outcome::Fails && !stops {
        case.set_system_out(xml(&format!("does not boot: stops at {told}")));
    }
    case
}

fn failure(kind: &str, message: &str, count: usize) -> TestCaseStatus {
    let more = if count > 1 { format!(" (and {} more)", count.saturating_sub(1)) } else { String::new() };
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(kind).set_message(xml(&format!("{}{more}", shown(message))));
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(xml(&shown(message)));
    status
}

/// Why findings do not count, each reason once.
fn set_aside(findings: &[&Finding]) -> String {
    let mut reasons: Vec<String> = findings.iter().map(|finding| state(finding)).collect();
    reasons.sort();
    reasons.dedup();
    reasons.join("; ")
}

fn said(findings: &[&Finding]) -> Option<String> {
    (!findings.is_empty()).then(|| bodies(findings))
}

fn bodies(findings: &[&Finding]) -> String {
    findings.iter().map(|finding| body(finding)).collect::<Vec<_>>().join("\n\n")
}

/// What is wrong, where, and what to do.
fn body(finding: &Finding) -> String {
    let mut lines = vec![
        format!("{} at {}", finding.severity.name(), located(&finding.at)),
        format!("  {}", shown(&finding.message)),
    ];
    lines.extend(finding.snippet.as_ref().map(|line| format!("  line: {}", shown(line.trim()))));
    lines.extend(finding.entry.as_ref().map(|entry| format!("  boot entry: {}", shown(entry))));
    lines.extend((!finding.counts()).then(|| format!("  {}", state(finding))));
    for fix in &finding.fix {
        lines.push(format!("  fix: {}", shown_lines(&told(fix)).replace('\n', "\n       ")));
    }
    lines.join("\n")
}

/// Text that XML 1.0 can hold: control characters are escaped when it is shown, and the two noncharacters that its `Char`
/// production leaves out are replaced here.
fn xml(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

#[cfg(test)]
mod tests;
