//! Reads the reports, one at a time a thread, and keeps a compact record of each.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::files::{Found, ReportFile};
use super::names::{Gathered, Renaming};
use super::{
    Example, ExampleFix, Fleet, Hit, Host, HostBoot, HostId, Name, NotCounted, RuleHits, Standing, TargetPlan,
};
use crate::finding::Severity;
use crate::report::read::{
    self, Fault, ReadError, SavedFinding, SavedFix, SavedReport, SavedSystem, kept, shown,
};

/// Characters of a host's name that are kept: more than a host name may have (hostname(7): 253).
const LONGEST_NAME: usize = 256;
/// Characters of a path, a message or a command that are kept.
const LONGEST_TEXT: usize = 2000;
/// Steps of a remedy that an example has.
const EXAMPLE_STEPS: usize = 8;
/// Hosts of one name that a note lists.
const NAMED_IN_A_NOTE: usize = 5;

/// Reads the files that were `found`, and `stdin` if it was asked for. Hosts are held back by findings of severity
/// `gate` and worse.
#[must_use]
pub fn gather(found: Found, stdin: impl Read, gate: Option<Severity>) -> Fleet {
    let shared = Shared::default();
    let from_file = |buffer: &mut Vec<u8>, file: &ReportFile| shared.file(file, buffer);
    let mut records: Vec<Result<Record, NotCounted>> =
        found.files.par_iter().map_init(Vec::new, from_file).collect();
    if found.stdin {
        let mut number = 0_usize;
        read::read_stream(stdin, |document| {
            number = number.saturating_add(1);
            let path = format!("stdin, report {number}");
            let record = document
                .and_then(|bytes| Ok((read::parse(bytes)?, digest(bytes))))
                .map(|(report, digest)| shared.record(&report, path.clone(), None, digest));
            records
                .push(record.map_err(|fault| ReadError { path, fault }).map_err(|error| lost(&error, true)));
        });
        if number == 0 {
            let error = ReadError { path: "stdin".to_owned(), fault: Fault::Empty };
            records.push(Err(lost(&error, true)));
        }
    }
    let (hosts, not_counted) = sort_out(records, found.not_counted);
    shared.finish(hosts, not_counted, gate)
}

/// A host, and what tells a copy of its report.
struct Record {
    host: Host,
    digest: u64,
}

/// What the threads fill together.
#[derive(Default)]
struct Shared(Mutex<Common>);

#[derive(Default)]
struct Common {
    names: Gathered,
    /// The titles of the targets.
    targets: HashMap<Name, String>,
    rules: HashMap<Name, Seen>,
}

/// What was seen of a rule: its title, and what it says in the report with the first path.
struct Seen {
    title: String,
    example: Example,
}

impl Shared {
    fn file(&self, file: &ReportFile, buffer: &mut Vec<u8>) -> Result<Record, NotCounted> {
        let path = &file.path;
        let loaded = read::load(path, buffer).map_err(|error| lost(&error, file.is_named))?;
        let digest = digest(loaded);
        let report = read::parse(loaded)
            .map_err(|fault| lost(&ReadError { path: shown(path), fault }, file.is_named))?;
        Ok(self.record(&report, shown(path), page_beside(path), digest))
    }

    fn record(&self, report: &SavedReport<'_>, path: String, page: Option<PathBuf>, digest: u64) -> Record {
        let mut common = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let common = &mut *common;
        for target in &report.targets {
            let name = common.names.name(&target.name);
            common.targets.entry(name).or_insert_with(|| kept(&target.title, LONGEST_TEXT));
        }
        let boots = report.boots.iter().map(|boot| HostBoot {
            entry: common.names.name(&boot.entry),
            target: common.names.name(&boot.target),
            is_default: boot.default,
            is_rescue: boot.is_rescue,
            outcome: boot.outcome,
            failed_at: boot.failed_at,
        });
        let boots: Box<[HostBoot]> = boots.collect();
        let targets = report.targets.iter().map(|target| common.names.name(&target.name));
        let mut targets: Vec<Name> = targets.chain(boots.iter().map(|boot| boot.target)).collect();
        targets.sort_unstable();
        targets.dedup();
        let findings = common.hits(&report.findings, &path);
        let SavedSystem { source, hostname, id, pretty_name, architecture } = &report.system;
        let hostname = hostname.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let distribution = pretty_name.as_deref().or(id.as_deref());
        let host = Host {
            name: hostname.map_or_else(|| stem(&path), |name| kept(name, LONGEST_NAME)),
            is_named: hostname.is_some(),
            is_twin: false,
            report: path,
            page,
            source: kept(source, LONGEST_TEXT),
            distribution: distribution.map(|text| common.names.name(text)),
            architecture: architecture.as_deref().map(|text| common.names.name(text)),
            targets: targets.into_boxed_slice(),
            boots,
            findings,
            not_evaluated: report.not_evaluated.len(),
            standings: Box::default(),
        };
        Record { host, digest }
    }

    /// The fleet of `hosts`, with all names in order.
    fn finish(self, mut hosts: Vec<Host>, not_counted: Vec<NotCounted>, gate: Option<Severity>) -> Fleet {
        let common = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (names, renaming) = common.names.sorted();
        let wave_gate = gate.unwrap_or(Severity::High);
        hosts.par_iter_mut().for_each(|host| rename(host, &renaming, wave_gate));
        let titles: BTreeMap<Name, String> =
            common.targets.into_iter().map(|(name, title)| (renaming.of(name), title)).collect();
        let seen: BTreeMap<Name, Seen> =
            common.rules.into_iter().map(|(name, seen)| (renaming.of(name), seen)).collect();
        let mut targets: Vec<Name> = hosts.iter().flat_map(|host| host.targets.iter().copied()).collect();
        targets.sort_unstable();
        targets.dedup();
        let plan =
            |target: Name| TargetPlan::of(&hosts, target, titles.get(&target).cloned().unwrap_or_default());
        let mut plans: Vec<TargetPlan> = targets.into_par_iter().map(plan).collect();
        plans.sort_by_key(|plan| std::cmp::Reverse(plan.hosts));
        let rules = rules(&hosts, seen);
        let notes = notes(&hosts);
        Fleet { gate, names, hosts, plans, rules, not_counted, notes }
    }
}

impl Common {
    /// The findings, those alike counted, worst first.
    fn hits(&mut self, findings: &[SavedFinding<'_>], path: &str) -> Box<[Hit]> {
        let mut hits: BTreeMap<Hit, u32> = BTreeMap::new();
        for finding in findings {
            let rule = self.names.name(&finding.rule);
            let hit = Hit {
                severity: finding.severity,
                rule,
                target: finding.target.as_deref().map(|target| self.names.name(target)),
                entry: finding.entry.as_deref().map(|entry| self.names.name(entry)),
                is_waived: finding.waived.is_some(),
                can_be_applied: finding.fix.iter().any(can_be_applied),
                times: 0,
            };
            let times = hits.entry(hit).or_default();
            *times = times.saturating_add(1);
            let is_first = self.rules.get(&rule).is_none_or(|seen| *path < *seen.example.report);
            if is_first {
                self.rules.insert(
                    rule,
                    Seen { title: kept(&finding.title, LONGEST_TEXT), example: example(finding, path) },
                );
            }
        }
        hits.into_iter().map(|(hit, times)| Hit { times, ..hit }).collect()
    }
}

/// Whether a step says what to do so that a program could do it. Kinds that a later version adds are not known to.
fn can_be_applied(step: &SavedFix<'_>) -> bool {
    matches!(&*step.kind, "command" | "replace" | "append" | "remove" | "rebuild" | "cmdline")
}

fn example(finding: &SavedFinding<'_>, path: &str) -> Example {
    Example {
        report: path.to_owned(),
        message: kept(&finding.message, LONGEST_TEXT),
        fix: finding.fix.iter().take(EXAMPLE_STEPS).flat_map(example_step).collect(),
    }
}

fn example_step(step: &SavedFix<'_>) -> Vec<ExampleFix> {
    let lines = |text: &str| {
        let lines: Vec<String> = text.lines().map(|line| kept(line, LONGEST_TEXT)).collect();
        ExampleFix::Copy(lines.join("\n"))
    };
    let file = |path: &str| format!("`{}`", kept(path, LONGEST_TEXT));
    if let Some(command) = &step.command {
        return vec![lines(command)];
    }
    if let Some(at) = &step.at {
        let place =
            at.line.map_or_else(|| file(&at.path), |line| format!("line {line} of {}", file(&at.path)));
        return match &step.with {
            Some(with) => vec![ExampleFix::Say(format!("Write {place} as")), lines(with)],
            None => vec![ExampleFix::Say(format!("Delete {place}."))],
        };
    }
    match (&step.path, &step.text) {
        (Some(path), Some(text)) => vec![ExampleFix::Say(format!("Add to {}", file(path))), lines(text)],
        (Some(path), None) => vec![ExampleFix::Say(format!("Remove {}.", file(path)))],
        (None, Some(text)) => vec![ExampleFix::Say(kept(text, LONGEST_TEXT))],
        (None, None) => Vec::new(),
    }
}

/// Tells a copy of a report from another one, together with the host's name.
fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// The page that `check --output host.html --output host.json` writes beside the report.
fn page_beside(path: &Path) -> Option<PathBuf> {
    let page = path.with_extension("html");
    page.is_file().then_some(page)
}

/// The file name without its ending, as far as `path` is one.
fn stem(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".json").unwrap_or(name).to_owned()
}

/// What becomes of a file that is no report. In a folder there may be JSON of other programs.
fn lost(error: &ReadError, is_named: bool) -> NotCounted {
    let place = error.fault.place();
    let path = format!("{}{place}", error.path);
    let is_other = matches!(error.fault, Fault::NotAReport | Fault::OfAnotherCommand(_));
    NotCounted { path, because: error.fault.to_string(), is_loss: is_named || !is_other }
}

/// The hosts in order, without copies of one report; and what is not counted, in order.
fn sort_out(
    records: Vec<Result<Record, NotCounted>>,
    mut not_counted: Vec<NotCounted>,
) -> (Vec<Host>, Vec<NotCounted>) {
    let mut kept: Vec<Record> = Vec::with_capacity(records.len());
    for record in records {
        match record {
            Ok(record) => kept.push(record),
            Err(file) => not_counted.push(file),
        }
    }
    kept.sort_by(|a, b| (&a.host.name, &a.host.report).cmp(&(&b.host.name, &b.host.report)));
    let mut hosts: Vec<Host> = Vec::with_capacity(kept.len());
    let mut digests: HashMap<u64, HostId> = HashMap::new();
    for Record { host, digest } in kept {
        // A system without a name may have twins with the same report; one with a name has not.
        let copy = digests.get(&digest).and_then(|first| hosts.get(*first));
        if let Some(first) = copy.filter(|first| host.is_named && first.name == host.name) {
            let because = format!("is byte for byte the report `{}`, which is counted", first.report);
            not_counted.push(NotCounted { path: host.report, because, is_loss: false });
            continue;
        }
        digests.entry(digest).or_insert(hosts.len());
        hosts.push(host);
    }
    let twins: Vec<bool> = twins(&hosts);
    for (host, is_twin) in hosts.iter_mut().zip(twins) {
        host.is_twin = is_twin;
    }
    not_counted.sort_by(|a, b| (!a.is_loss, &a.path).cmp(&(!b.is_loss, &b.path)));
    (hosts, not_counted)
}

/// Whether each host has the name of its neighbour; they are sorted by name.
fn twins(hosts: &[Host]) -> Vec<bool> {
    let name = |index: Option<usize>| index.and_then(|index| hosts.get(index)).map(|host| &host.name);
    let is_twin = |(index, host): (usize, &Host)| {
        [index.checked_sub(1), index.checked_add(1)].into_iter().any(|other| name(other) == Some(&host.name))
    };
    hosts.iter().enumerate().map(is_twin).collect()
}

fn rename(host: &mut Host, renaming: &Renaming, gate: Severity) {
    renaming.apply_if_any(&mut host.distribution);
    renaming.apply_if_any(&mut host.architecture);
    for boot in &mut host.boots {
        renaming.apply(&mut boot.entry);
        renaming.apply(&mut boot.target);
    }
    for hit in &mut host.findings {
        renaming.apply(&mut hit.rule);
        renaming.apply_if_any(&mut hit.target);
        renaming.apply_if_any(&mut hit.entry);
    }
    host.findings.sort_unstable();
    for target in &mut host.targets {
        renaming.apply(target);
    }
    host.targets.sort_unstable();
    host.standings = host.targets.iter().map(|target| Standing::of(host, *target, gate)).collect();
}

/// What was found, by rule.
fn rules(hosts: &[Host], mut seen: BTreeMap<Name, Seen>) -> Vec<RuleHits> {
    let mut rules: BTreeMap<Name, RuleHits> = BTreeMap::new();
    for (id, host) in hosts.iter().enumerate() {
        let mut on: BTreeMap<Name, Vec<&Hit>> = BTreeMap::new();
        for hit in &host.findings {
            on.entry(hit.rule).or_default().push(hit);
        }
        for (rule, hits) in on {
            let hits_of_rule = rules.entry(rule).or_insert_with(|| {
                let Seen { title, example } =
                    seen.remove(&rule).unwrap_or(Seen { title: String::new(), example: Example::default() });
                RuleHits {
                    rule,
                    title,
                    severity: Severity::Info,
                    can_be_applied: true,
                    hosts: Vec::new(),
                    on: Vec::new(),
                    waived: Vec::new(),
                    example,
                }
            });
            hits_of_rule.add(id, &hits);
        }
    }
    let mut rules: Vec<RuleHits> = rules.into_values().collect();
    rules.sort_by_key(|rule| (rule.severity, std::cmp::Reverse(rule.hosts.len())));
    rules
}

impl RuleHits {
    /// Adds what the rule found on one host.
    fn add(&mut self, host: HostId, hits: &[&Hit]) {
        self.hosts.push(host);
        if hits.iter().all(|hit| hit.is_waived) {
            self.waived.push(host);
        }
        for hit in hits {
            self.severity = self.severity.min(hit.severity);
            self.can_be_applied &= hit.can_be_applied;
            let at = self.on.binary_search_by_key(&hit.target, |(target, _)| *target);
            let at = at.unwrap_or_else(|at| {
                self.on.insert(at, (hit.target, Vec::new()));
                at
            });
            if let Some((_, hosts)) = self.on.get_mut(at).filter(|(_, hosts)| hosts.last() != Some(&host)) {
                hosts.push(host);
            }
        }
    }
}

/// What the reader should know of hosts that are counted.
fn notes(hosts: &[Host]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for host in hosts.iter().filter(|host| host.is_twin) {
        names.entry(&host.name).or_default().push(&host.report);
    }
    for (name, reports) in names {
        let listed: Vec<String> =
            reports.iter().take(NAMED_IN_A_NOTE).map(|report| format!("`{report}`")).collect();
        let more = reports.len().saturating_sub(listed.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        notes.push(format!(
            "{} hosts have the name `{name}` and are told apart by their reports: {}{more}",
            reports.len(),
            listed.join(", ")
        ));
    }
    let mut note = |hosts: Vec<&Host>, what: &str| {
        let listed: Vec<String> =
            hosts.iter().take(NAMED_IN_A_NOTE).map(|host| format!("`{}`", host.report)).collect();
        let more = hosts.len().saturating_sub(listed.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        if !hosts.is_empty() {
            notes.push(format!("{} {what}: {}{more}", hosts.len(), listed.join(", ")));
        }
    };
    note(
        hosts.iter().filter(|host| !host.is_named).collect(),
        "reports are of a system without a host name and go by their file's name",
    );
    let is_of_boot = |host: &&Host| host.findings.is_empty() && host.not_evaluated == 0;
    note(
        hosts.iter().filter(is_of_boot).collect(),
        "reports hold boots and not one finding or open rule: if `bootproof boot` wrote them, no rule was applied, \
         and their wave follows from the boots alone",
    );
    notes
}
