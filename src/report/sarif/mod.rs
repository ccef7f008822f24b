//! The report for code scanning: SARIF 2.1.0 (OASIS standard, "Static Analysis Results Interchange Format Version 2.1.0
//! Plus Errata 01"), with what GitHub asks of it ("SARIF support for code scanning" in its documentation).
//!
//! One finding is one result. Rules appear if they found something or could not be decided. What the rules could not
//! decide is a notification, since a result would claim a place; how the boots go is a property of the run.

mod places;
mod results;
mod rules;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serde_sarif::sarif::{
    ArtifactLocation, Invocation, Message, Notification, PropertyBag, ReportingDescriptor,
    ReportingDescriptorReference, Run as SarifRun, RunAutomationDetails, Sarif, Tool, ToolComponent,
};

use super::escape::shown;
use super::view::system_words;
use super::{Run, json as json_report};
use places::Places;
use rules::Rules;

/// The schema that the file follows, where OASIS keeps it.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The notification that says that a rule could not be decided.
const NOT_EVALUATED: &str = "not-evaluated";

/// The whole report.
///
/// # Errors
/// A mistake in the built-in template, which the tests exclude.
pub fn render(run: &Run<'_>) -> anyhow::Result<String> {
    let rules = Rules::of(run)?;
    let places = Places::of(&run.root);
    let results: Vec<_> =
        run.report.findings.iter().map(|finding| results::result(run, &rules, &places, finding)).collect();
    let driver = ToolComponent::builder()
        .name(run.report.tool.name)
        .version(run.report.tool.version)
        .semantic_version(run.report.tool.version)
        .notifications(vec![not_evaluated_descriptor()])
        .rules(rules.descriptors.clone())
        .build();
    let sarif_run = SarifRun::builder()
        .tool(Tool::builder().driver(driver).build())
        .automation_details(RunAutomationDetails::builder().id(category(run)).build())
        .original_uri_base_ids(places.bases())
        .invocations(vec![invocation(run, &rules)])
        .column_kind(json!("utf16CodeUnits"))
        .results(results)
        .properties(properties(summary(run)))
        .build();
    let log = Sarif::builder().version(json!("2.1.0")).schema(SCHEMA).runs(vec![sarif_run]).build();
    Ok(json_report::render_any(&log)?)
}

/// What tells apart the reports on several systems in one repository: code scanning keeps the newest of each category,
/// which is the part before the last slash.
fn category(run: &Run<'_>) -> String {
    format!("{}/{}/", run.report.tool.name, shown(&run.report.system.source))
}

fn invocation(run: &Run<'_>, rules: &Rules<'_>) -> Invocation {
    let notifications = run.report.not_evaluated.iter().map(|item| {
        let text = format!("`{}` could not be decided: {} would settle it", item.rule, item.needs);
        Notification::builder()
            .message(message(&text))
            .level(json!("note"))
            .descriptor(ReportingDescriptorReference::builder().id(NOT_EVALUATED).index(0).build())
            .associated_rule(rules.reference(&item.rule))
            .build()
    });
    Invocation::builder()
        .execution_successful(true)
        .tool_execution_notifications(notifications.collect::<Vec<_>>())
        .build()
}

fn not_evaluated_descriptor() -> ReportingDescriptor {
    ReportingDescriptor::builder()
        .id(NOT_EVALUATED)
        .name("NotEvaluated")
        .short_description(rules::text_alone("A rule could not be decided"))
        .help(rules::text_alone(
            "Give bootproof what the message names: another file, or a sosreport that holds the output of the command.",
        ))
        .full_description(rules::text_alone(
            "The input does not hold what the rule needs. The rule is open, not passed; the message names what would \
             settle it.",
        ))
        .build()
}

/// What the run says as a whole.
fn summary(run: &Run<'_>) -> BTreeMap<String, Value> {
    let report = run.report;
    let boots = report.boots.iter().map(|boot| {
        json!({
            "bootEntry": boot.entry,
            "default": boot.default,
            "target": boot.target,
            "outcome": boot.outcome,
            "failedAt": boot.failed_at,
        })
    });
    let fields = [
        ("source", json!(shown(&report.system.source))),
        ("system", json!(shown(&system_words(&report.system.system)))),
        ("targets", json!(report.targets)),
        ("boots", Value::Array(boots.collect())),
        ("summary", json!(report.summary)),
        ("waived", json!(report.waived)),
        ("baseline", json!(report.baseline)),
        ("verdict", json!(report.verdict)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn properties(fields: BTreeMap<String, Value>) -> PropertyBag {
    PropertyBag::builder().additional_properties(fields).build()
}

/// A plain text message. Section 3.11.6 of the standard makes `[text](target)` in it a link; what the system says is
/// none.
fn message(text: &str) -> Message {
    Message::builder().text(plain(text)).build()
}

fn plain(text: &str) -> String {
    super::escape::shown_lines(text).replace("](", "] (")
}

/// An artifact that nothing is known of but its description.
fn described(text: &str) -> ArtifactLocation {
    ArtifactLocation::builder().description(message(text)).build()
}

#[cfg(test)]
mod tests;
