//! The rules that results refer to, with the help that code scanning shows beside them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serde_sarif::sarif::{
    MultiformatMessageString, PropertyBag, ReportingConfiguration, ReportingDescriptor,
    ReportingDescriptorReference,
};

use super::plain;
use super::results::level;
use crate::finding::Severity;
use crate::report::prose::first_paragraph;
use crate::report::view::{Group, View};
use crate::report::{Part, Run, templates};
use crate::rules::Rule;

/// Tags of one rule that GitHub takes.
const MOST_TAGS: usize = 20;

const HELP: [(&str, &str); 2] = [
    ("help.md", include_str!("../../../reports/help.md")),
    ("fix.md", include_str!("../../../reports/fix.md")),
];

/// The rules that found something or could not be decided.
pub(super) struct Rules<'a> {
    index: BTreeMap<&'a str, i64>,
    pub(super) descriptors: Vec<ReportingDescriptor>,
}

impl<'a> Rules<'a> {
    pub(super) fn of(run: &Run<'a>) -> tera::TeraResult<Self> {
        let view = View::of(run.report, Part::Whole);
        let mut ids: Vec<&'a str> = run.report.findings.iter().map(|finding| finding.rule.as_str()).collect();
        ids.extend(run.report.not_evaluated.iter().map(|item| item.rule.as_str()));
        ids.sort_unstable();
        ids.dedup();
        let descriptor = |id: &&str| {
            let rule = run.rules.get(id);
            let group = view.groups.iter().find(|group| group.rule == *id);
            descriptor(id, rule, group)
        };
        let descriptors = ids.iter().map(descriptor).collect::<tera::TeraResult<Vec<_>>>()?;
        Ok(Self { index: ids.into_iter().zip(0..).collect(), descriptors })
    }

    pub(super) fn index(&self, id: &str) -> Option<i64> {
        self.index.get(id).copied()
    }

    pub(super) fn reference(&self, id: &str) -> ReportingDescriptorReference {
        let mut reference = ReportingDescriptorReference::builder().id(plain(id)).build();
        reference.index = self.index(id);
        reference
    }
}

/// A rule as it is written down, and as it is told of this system.
fn descriptor(id: &str, rule: Option<&Rule>, group: Option<&Group>) -> tera::TeraResult<ReportingDescriptor> {
    let mut made = ReportingDescriptor::builder().id(plain(id)).name(pascal_case(id)).build();
    let title = rule.map(|rule| rule.title.as_str()).or(group.map(|group| group.title.as_str()));
    let why = group.map(|group| group.why.as_str()).or(rule.map(|rule| rule.why.as_str()));
    made.short_description = title.map(text_alone);
    made.full_description = why.map(|why| text_alone(&first_paragraph(why)));
    made.help = match (group, rule) {
        (Some(group), _) => Some(help(group)?),
        (None, Some(rule)) => Some(text_alone(&rule.why)),
        (None, None) => None,
    };
    let worst = rule.and_then(|rule| rule.severities.first().copied()).or(group.map(|group| group.severity));
    if let Some(worst) = worst {
        let configuration = ReportingConfiguration::builder().level(json!(level(worst))).build();
        made.default_configuration = Some(configuration);
    }
    made.properties = Some(tags(rule, group, worst));
    Ok(made)
}

/// What GitHub sorts and filters by. `precision` and `security-severity` are left out: nobody has measured the one, and
/// the other is for vulnerabilities.
fn tags(rule: Option<&Rule>, group: Option<&Group>, worst: Option<Severity>) -> PropertyBag {
    let subject = rule.and_then(|rule| rule.path.rsplit('/').nth(1));
    let decides = rule.map(|rule| &rule.decides).or(group.map(|group| &group.decides));
    let tags = subject.into_iter().chain(worst.map(Severity::name)).map(ToOwned::to_owned);
    let tags: Vec<String> = tags.chain(decides.into_iter().flatten().cloned()).take(MOST_TAGS).collect();
    let problem = worst.map(|worst| match worst {
        Severity::Blocker | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "recommendation",
    });
    let fields: BTreeMap<String, Value> =
        problem.map(|problem| ("problem.severity".to_owned(), json!(problem))).into_iter().collect();
    PropertyBag::builder().tags(tags).additional_properties(fields).build()
}

/// Why it matters and what to do on this system.
fn help(group: &Group) -> tera::TeraResult<MultiformatMessageString> {
    let markdown = templates::fill("help.md", &HELP, group)?;
    let steps: Vec<String> = group.fixes.iter().map(|remedy| remedy.step.told()).collect();
    let mut text = format!("{}\n\n{}", group.title, group.why);
    if !steps.is_empty() {
        text.push_str(&format!("\n\nHow to mend it:\n{}", steps.join("\n")));
    }
    Ok(MultiformatMessageString::builder().text(plain(&text)).markdown(markdown.trim()).build())
}

pub(super) fn text_alone(text: &str) -> MultiformatMessageString {
    MultiformatMessageString::builder().text(plain(text)).build()
}

/// `fstab-kernel-name` as `FstabKernelName`, which the standard asks of a name (section 3.49.7).
fn pascal_case(id: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
        first + letters.as_str()
    };
    plain(&id.split('-').map(word).collect::<String>())
}
