//! Waivers: findings that somebody accepts, with a reason and, if they say so, until a day.
//!
//! ```toml
//! [[waiver]]
//! rule = "fstab-kernel-name"
//! path = "etc/fstab"            # a glob, on the path of the finding
//! target = "kvm"
//! reason = "The data disks are replaced with the move"
//! expires = 2027-06-30          # the last day, in UTC
//! ```
//!
//! What is waived stays in every report and counts for no gate. A waiver that has expired, or that accepts nothing, is a
//! finding itself; what these two are about is written down like any rule (`waiver-*.yaml`), and decided here, since no
//! fact of a system is concerned.

mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use globset::GlobMatcher;
use toml::value::Date;

use crate::finding::{Finding, Fix, Waived};
use crate::mistake::Mistake;
use crate::place::Place;
use crate::report::NotEvaluated;
use crate::rules::fingerprint::{self, Fingerprint};
use crate::rules::{Remedy, Rule, RuleSet, Subject};
use crate::target::Target;

/// A waiver whose last day has passed.
pub(crate) const EXPIRED: &str = "waiver-expired";
/// A waiver that accepts nothing.
pub(crate) const UNUSED: &str = "waiver-unused";

/// Whether the rule called `id` is about waivers, so that its findings are in the user's own files.
#[must_use]
pub fn is_about_waivers(id: &str) -> bool {
    [EXPIRED, UNUSED].contains(&id)
}

/// What a file of waivers may name.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The rules that there are.
    pub rules: &'a RuleSet,
    /// The targets that were asked for, which are known beside the built-in ones.
    pub targets: &'a [Target],
}

/// The waivers of one file, in its order.
#[derive(Debug, Default)]
pub struct Waivers {
    waivers: Vec<Waiver>,
    text: String,
}

/// What one waiver accepts.
#[derive(Debug)]
struct Waiver {
    rule: String,
    path: Option<GlobMatcher>,
    target: Option<String>,
    entry: Option<String>,
    fingerprint: Option<String>,
    reason: String,
    expires: Option<Date>,
    at: Place,
}

/// What became of the waivers when they were held against findings.
#[derive(Debug)]
pub struct Usage {
    /// For each waiver the number of findings that it is for.
    matched: Vec<usize>,
    today: Date,
}

impl Waivers {
    /// The waivers in `text`, the contents of the file at `path`.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn parse(path: &str, text: &str, names: &Names<'_>) -> Result<Self, Vec<Mistake>> {
        Ok(Self { waivers: read::parse(path, text, names)?, text: text.to_owned() })
    }

    /// Marks those of `findings` that a waiver accepts on the day `today`. Of several, the first in the file does.
    pub fn apply<'f>(&self, findings: impl IntoIterator<Item = &'f mut Finding>, today: Date) -> Usage {
        let mut matched = vec![0_usize; self.waivers.len()];
        for finding in findings {
            for (waiver, count) in self.waivers.iter().zip(&mut matched) {
                if !waiver.is_for(finding) {
                    continue;
                }
                *count = count.saturating_add(1);
                if finding.waived.is_none() && !waiver.is_over(today) {
                    finding.waived = Some(waiver.waived());
                }
            }
        }
        Usage { matched, today }
    }

    /// What is to be said of the waivers themselves: those that are over, and those that were for nothing although what
    /// they are for was looked at.
    #[must_use]
    pub fn findings(&self, usage: &Usage, names: &Names<'_>, not_evaluated: &[NotEvaluated]) -> Vec<Finding> {
        let open: BTreeSet<&str> = not_evaluated.iter().map(|item| item.rule.as_str()).collect();
        let mut fingerprints = Fingerprint::default();
        let mut findings = Vec::new();
        for (waiver, count) in self.waivers.iter().zip(&usage.matched) {
            let (id, message) = if waiver.is_over(usage.today) {
                (EXPIRED, waiver.says_it_is_over(*count))
            } else if *count == 0 && waiver.is_asked(names, &open) {
                (UNUSED, format!("nothing is found that this waiver accepts: {}", waiver.words()))
            } else {
                continue;
            };
            let made = names.rules.get(id).map(|rule| self.finding(rule, waiver, message));
            findings.extend(made.map(|finding| fingerprints.stamp(finding)));
        }
        findings
    }

    fn finding(&self, rule: &Rule, waiver: &Waiver, message: String) -> Finding {
        let line = waiver.at.line.and_then(|line| usize::try_from(line).ok()?.checked_sub(1));
        let advice = rule.remedy.iter().filter_map(|step| match &step.remedy {
            Remedy::Advice(text) => Some(Fix::Advice { text: text.clone() }),
            _ => None,
        });
        Finding {
            rule: rule.id.clone(),
            decides: Vec::new(),
            severity: rule.severities.first().copied().unwrap_or(crate::finding::Severity::Medium),
            target: None,
            entry: None,
            title: rule.title.clone(),
            message,
            at: waiver.at.clone(),
            snippet: line.and_then(|line| self.text.lines().nth(line)).map(ToOwned::to_owned),
            why: rule.why.trim().to_owned(),
            fix: advice.collect(),
            refs: rule.refs.clone(),
            fingerprint: String::new(),
            waived: None,
            known: false,
        }
    }
}

impl Waiver {
    fn is_for(&self, finding: &Finding) -> bool {
        let is_same = |own: &Option<String>, other: Option<&str>| {
            own.as_deref().is_none_or(|own| other.is_some_and(|other| own == other))
        };
        let print = finding.fingerprint.as_str();
        self.rule == finding.rule
            && is_same(&self.target, finding.target.as_deref())
            && is_same(&self.entry, finding.entry.as_deref())
            && self.path.as_ref().is_none_or(|path| path.is_match(finding.at.path.as_ref()))
            && self.fingerprint.as_deref().is_none_or(|own| own == print || own == fingerprint::base(print))
    }

    /// The last day still counts.
    fn is_over(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| last < today)
    }

    fn waived(&self) -> Waived {
        Waived {
            reason: self.reason.trim().to_owned(),
            expires: self.expires.map(|day| day.to_string()),
            at: self.at.clone(),
        }
    }

    /// Whether this run looked at what the waiver is for.
    fn is_asked(&self, names: &Names<'_>, open: &BTreeSet<&str>) -> bool {
        let Some(rule) = names.rules.get(&self.rule) else { return false };
        let is_meant = |target: &&Target| {
            rule.is_for(target) && self.target.as_ref().is_none_or(|own| *own == target.name)
        };
        let on_any = rule.targets.is_none() || names.targets.iter().any(|target| is_meant(&target));
        rule.on == Subject::System && on_any && !open.contains(self.rule.as_str())
    }

    fn says_it_is_over(&self, count: usize) -> String {
        let day = self.expires.map(|day| day.to_string()).unwrap_or_default();
        let now = match count {
            0 => "nothing is left that it would accept".to_owned(),
            1 => "one finding counts again".to_owned(),
            many => format!("{many} findings count again"),
        };
        format!("the last day of this waiver for {} was {day}: {now}", self.words())
    }

    /// `` `fstab-kernel-name` in `etc/fstab` on kvm ``
    fn words(&self) -> String {
        let mut words = format!("`{}`", self.rule);
        if let Some(path) = &self.path {
            words.push_str(&format!(" in `{}`", path.glob()));
        }
        if let Some(target) = &self.target {
            words.push_str(&format!(" on {target}"));
        }
        if let Some(entry) = &self.entry {
            words.push_str(&format!(" for the boot entry `{entry}`"));
        }
        if let Some(print) = &self.fingerprint {
            words.push_str(&format!(" with the fingerprint `{print}`"));
        }
        words
    }
}
