//! One finding as one result.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serde_sarif::sarif::{
    Location, LogicalLocation, PhysicalLocation, Region, Result as SarifResult, ResultLevel, Suppression,
};

use super::places::Places;
use super::rules::Rules;
use super::{message, plain, properties};
use crate::finding::{Finding, Severity, Waived};
use crate::report::Run;
use crate::report::escape::shown;
use crate::report::view::told;

/// The name of our fingerprint; the number goes up if it is made in another way.
const FINGERPRINT: &str = "bootproof/v1";
/// The one name that GitHub looks at.
const GITHUB_FINGERPRINT: &str = "primaryLocationLineHash";

/// The result for `finding`.
pub(super) fn result(
    run: &Run<'_>,
    rules: &Rules<'_>,
    places: &Places<'_>,
    finding: &Finding,
) -> SarifResult {
    let names = [FINGERPRINT, GITHUB_FINGERPRINT];
    let fingerprints: BTreeMap<String, String> =
        names.map(|name| (name.to_owned(), shown(&finding.fingerprint))).into();
    let mut result = SarifResult::builder()
        .rule_id(shown(&finding.rule))
        .level(level(finding.severity))
        .message(message(&text(finding)))
        .locations(vec![location(places, finding)])
        .partial_fingerprints(fingerprints)
        .properties(properties(own(finding)))
        .build();
    result.rule_index = rules.index(&finding.rule);
    let fixes: Vec<_> = finding.fix.iter().filter_map(|fix| places.edit(fix)).collect();
    result.fixes = Some(fixes).filter(|fixes| !fixes.is_empty());
    result.suppressions = finding.waived.as_ref().map(|waived| vec![suppression(waived)]);
    result.baseline_state = run.report.baseline.as_ref().map(|_| {
        let state = if finding.known { "unchanged" } else { "new" };
        json!(state)
    });
    result
}

/// The level that code scanning shows.
pub(super) fn level(severity: Severity) -> ResultLevel {
    match severity {
        Severity::Blocker | Severity::High => ResultLevel::Error,
        Severity::Medium => ResultLevel::Warning,
        Severity::Low | Severity::Info => ResultLevel::Note,
    }
}

/// What is wrong, for whom, and what to do: viewers show no more than this beside the line.
fn text(finding: &Finding) -> String {
    let mut text = finding.message.trim_end_matches('.').to_owned();
    text.push('.');
    if let Some(target) = &finding.target {
        text.push_str(&format!(" Target: {target}."));
    }
    if let Some(entry) = &finding.entry {
        text.push_str(&format!(" Boot entry: {entry}."));
    }
    for fix in &finding.fix {
        text.push_str(&format!("\nFix: {}", told(fix)));
    }
    text
}

fn location(places: &Places<'_>, finding: &Finding) -> Location {
    let artifact = if crate::waivers::is_about_waivers(&finding.rule) {
        Places::of_user(&finding.at.path)
    } else {
        places.in_system(&finding.at.path)
    };
    let mut location = Location::builder().physical_location(places.physical(finding, artifact)).build();
    let logical = logical_locations(finding);
    location.logical_locations = Some(logical).filter(|logical| !logical.is_empty());
    location
}

/// The platform and the boot entry: both are places in what was simulated, if not in a file.
fn logical_locations(finding: &Finding) -> Vec<LogicalLocation> {
    let target = finding.target.as_deref().map(shown);
    let entry = finding.entry.as_deref().map(shown);
    let made = |kind: &str, name: &str, full: String| {
        LogicalLocation::builder().kind(kind).name(name).fully_qualified_name(full).build()
    };
    let of_target = target.as_ref().map(|target| made("target", target, target.clone()));
    let of_entry = entry.as_ref().map(|entry| {
        let parts = [target.as_deref(), Some(entry.as_str())];
        made("bootEntry", entry, parts.into_iter().flatten().collect::<Vec<_>>().join("/"))
    });
    of_target.into_iter().chain(of_entry).collect()
}

/// What SARIF has no name for.
fn own(finding: &Finding) -> BTreeMap<String, Value> {
    let remedy: Vec<String> = finding.fix.iter().map(told).collect();
    let fields = [
        ("severity", Some(json!(finding.severity))),
        ("target", finding.target.as_ref().map(|target| json!(target))),
        ("bootEntry", finding.entry.as_ref().map(|entry| json!(entry))),
        ("decides", Some(json!(finding.decides)).filter(|_| !finding.decides.is_empty())),
        ("remedy", Some(json!(remedy)).filter(|_| !remedy.is_empty())),
        (
            "waivedUntil",
            finding.waived.as_ref().and_then(|waived| waived.expires.as_ref()).map(|day| json!(day)),
        ),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// A waiver stands in a file of its own, which makes it external (section 3.35.2).
fn suppression(waived: &Waived) -> Suppression {
    let mut physical =
        PhysicalLocation::builder().artifact_location(Places::of_user(&waived.at.path)).build();
    physical.region = waived.at.line.map(|line| Region::builder().start_line(i64::from(line)).build());
    Suppression::builder()
        .kind(json!("external"))
        .status(json!("accepted"))
        .justification(plain(&waived.reason))
        .location(Location::builder().physical_location(physical).build())
        .build()
}
