//! `bootproof explain`: what a rule means and what to do about it, as a manual page tells it.

use std::fmt::Write as _;
use std::process::ExitCode;

use anstyle::Style;
use anyhow::bail;
use clap::Args;
use clap_complete::ArgValueCompleter;

use super::args::RuleArgs;
use super::{complete, output, rules};
use crate::finding::Severity;
use crate::report::prose::wrapped;
use crate::rules::{Remedy, RemedyStep, Rule, Subject};

/// Explains a rule: what it finds, why it matters, how to mend it, where that is documented.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bootproof explain initrd-missing-disk-driver")]
pub(crate) struct ExplainArgs {
    /// The rule's id, as the report names it, or an id of the failure-mode catalogue (`B01`).
    #[arg(value_name = "RULE", add = ArgValueCompleter::new(complete::rules))]
    pub(crate) rule: String,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
}

/// Columns of the page.
const WIDTH: usize = 80;
/// Columns before the text of a section.
const INDENT: usize = 4;
const HEADING: Style = Style::new().bold();

/// Runs the subcommand.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let set = rules::load(&args.rules.rules)?;
    let wanted = args.rule.as_str();
    let decides = |rule: &&Rule| rule.decides.iter().any(|entry| entry.eq_ignore_ascii_case(wanted));
    let found: Vec<&Rule> = match set.get(wanted) {
        Some(rule) => vec![rule],
        None => set.rules().iter().filter(decides).collect(),
    };
    if found.is_empty() {
        let near = set.suggest(wanted).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        bail!("there is no rule `{wanted}`{near} (`bootproof rules` lists them)");
    }
    let pages: Vec<String> = found.into_iter().map(page).collect();
    output::print(&pages.join("\n"))?;
    Ok(ExitCode::from(super::NOTHING_FOUND))
}

/// The rule's manual page.
fn page(rule: &Rule) -> String {
    let mut out = String::new();
    heading(&mut out, "NAME");
    paragraph(&mut out, &format!("{} - {}", rule.id, rule.title), INDENT);
    let message = filled(&rule.message);
    // A message that is nothing but a value says nothing without a system.
    if message.contains(' ') {
        heading(&mut out, "WHAT IT FINDS");
        markdown(&mut out, &message, INDENT);
    }
    heading(&mut out, "ABOUT THE RULE");
    facts(&mut out, rule);
    heading(&mut out, "WHY IT MATTERS");
    markdown(&mut out, &rule.why, INDENT);
    if let Some(see) = &rule.see {
        heading(&mut out, "HOW TO SEE IT YOURSELF");
        markdown(&mut out, see, INDENT);
    }
    heading(&mut out, "HOW TO MEND IT");
    for (number, step) in (1..).zip(&rule.remedy) {
        remedy(&mut out, number, step);
    }
    if !rule.refs.is_empty() {
        heading(&mut out, "SOURCES");
        for source in &rule.refs {
            let lines = wrapped(source, WIDTH - 2 * INDENT);
            for (index, line) in lines.iter().enumerate() {
                let indent = if index == 0 { INDENT } else { 2 * INDENT };
                let _ = writeln!(out, "{:indent$}{line}", "");
            }
        }
    }
    // Sections end with an empty line; the page does not.
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// `a`, `a or b`, `a, b or c`.
fn alternatives(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        names => names.concat(),
    }
}

fn facts(out: &mut String, rule: &Rule) {
    let severities: Vec<&str> = rule.severities.iter().copied().map(Severity::name).collect();
    let targets = match &rule.targets {
        None => "does not depend on the target".to_owned(),
        Some(targets) if targets.iter().any(|target| target == "all") => "all".to_owned(),
        Some(targets) if targets.iter().any(|target| target == "others") => {
            "all but the hardware it has now".to_owned()
        }
        Some(targets) => targets.join(", "),
    };
    let mut rows = vec![("Severity", alternatives(&severities)), ("Targets", targets)];
    if rule.on == Subject::Change {
        rows.push(("Looks at", "a change: what `bootproof diff BEFORE AFTER` compares".to_owned()));
    }
    if !rule.decides.is_empty() {
        rows.push(("Decides", rule.decides.join(", ")));
    }
    rows.push(("Rule", rule.path.clone()));
    for (name, value) in rows {
        let _ = writeln!(out, "{:INDENT$}{name:<10}{value}", "");
    }
    out.push('\n');
}

fn remedy(out: &mut String, number: usize, step: &RemedyStep) {
    let (text, body) = match &step.remedy {
        Remedy::Advice(text) => (filled(text), None),
        Remedy::Command(command) => ("Run".to_owned(), Some(filled(command))),
        Remedy::Replace(Some(line)) => ("Write the line as".to_owned(), Some(filled(line))),
        Remedy::Replace(None) => ("Delete the line.".to_owned(), None),
        Remedy::Part(part) => ("Write, in that place of the line".to_owned(), Some(filled(part))),
        Remedy::Append { path, text } => (format!("Add to `/{}`", filled(path)), Some(filled(text))),
        Remedy::Remove(path) => (format!("Remove `/{}`.", filled(path)), None),
        Remedy::Cmdline { remove, add } => (parameters(remove.as_deref(), add.as_deref()), None),
        Remedy::Rebuild { initrd, drivers } => {
            let with = drivers
                .as_ref()
                .map_or_else(String::new, |drivers| format!(" with the modules of `{drivers}`"));
            (format!("Build the initrd `{initrd}` anew{with}."), None)
        }
    };
    let text = match &step.condition {
        Some(condition) => {
            let condition = condition.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("If `{condition}`: {text}")
        }
        None => text,
    };
    for (index, line) in wrapped(&text, WIDTH - INDENT - 3).iter().enumerate() {
        let mark = if index == 0 { format!("{number}.") } else { String::new() };
        let _ = writeln!(out, "{:INDENT$}{mark:<3}{line}", "");
    }
    if let Some(body) = body {
        out.push('\n');
        for line in body.trim().lines() {
            let _ = writeln!(out, "{:INDENT$}       {}", "", line.trim_end());
        }
    }
    out.push('\n');
}

/// What is done to the kernel's parameters.
fn parameters(remove: Option<&str>, add: Option<&str>) -> String {
    match (remove, add) {
        (Some(old), Some(new)) => format!("Change the kernel parameters `{old}` to `{new}`."),
        (Some(old), None) => format!("Take the kernel parameters `{old}` away."),
        (None, new) => format!("Add the kernel parameters `{}`.", new.unwrap_or_default()),
    }
}

fn heading(out: &mut String, text: &str) {
    let _ = writeln!(out, "{HEADING}{text}{HEADING:#}");
}

fn paragraph(out: &mut String, text: &str, indent: usize) {
    for line in wrapped(text, WIDTH - indent) {
        let _ = writeln!(out, "{:indent$}{line}", "");
    }
    out.push('\n');
}

/// Markdown as it reads in a terminal: paragraphs and list items are wrapped, code and tables stay as they are.
fn markdown(out: &mut String, text: &str, indent: usize) {
    let mut block: Vec<&str> = Vec::new();
    let mut fenced = false;
    for line in text.trim().lines().chain([""]) {
        let fence = line.trim_start().starts_with("```");
        let verbatim = fenced || line.starts_with("    ") || line.starts_with('|');
        if fence || verbatim || line.trim().is_empty() || is_item(line) {
            flush(out, &mut block, indent);
        }
        if fence {
            fenced = !fenced;
        } else if verbatim {
            let _ = writeln!(out, "{:indent$}{}", "", line.trim_end());
        } else if line.trim().is_empty() {
            if !out.ends_with("\n\n") {
                out.push('\n');
            }
        } else {
            block.push(line.trim());
        }
    }
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with("- ")
        || line.starts_with("* ")
        || (number.len() < line.len() && number.starts_with(". "))
}

fn flush(out: &mut String, block: &mut Vec<&str>, indent: usize) {
    let text = std::mem::take(block).join(" ");
    let hang = if is_item(&text) { text.find(' ').map_or(0, |space| space + 1) } else { 0 };
    let (mark, rest) = text.split_at(hang);
    for (index, line) in wrapped(rest, WIDTH - indent - hang).iter().enumerate() {
        let mark = if index == 0 { mark } else { "" };
        let _ = writeln!(out, "{:indent$}{mark:hang$}{line}", "");
    }
}

/// A template as a text: `<release>` stands for `{{ it.release }}`, and what is only decided for a system goes.
fn filled(template: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(open) = rest.find("{{").into_iter().chain(rest.find("{%")).chain(rest.find("{#")).min() {
        let (before, tag) = rest.split_at(open);
        out.push_str(before);
        let close = match tag.as_bytes().get(1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            _ => "#}",
        };
        let Some(end) = tag.find(close) else {
            rest = tag;
            break;
        };
        if close == "}}" {
            let inside = tag.get(2..end).unwrap_or_default();
            let path = inside.split('|').next().unwrap_or_default().trim();
            let name = path.rsplit('.').next().unwrap_or(path);
            // Writing to a string cannot fail.
            let _ = write!(
                out,
                "<{}>",
                if path.starts_with("target.") && name == "name" { "target" } else { name }
            );
        }
        rest = tag.get(end + close.len()..).unwrap_or_default();
        let inside = tag.get(2..end).unwrap_or_default();
        if close == "%}" && matches!(keyword(inside), "else" | "elif") {
            rest = after_endif(rest);
        }
    }
    out.push_str(rest);
    out.trim().to_owned()
}

/// The first word inside a tag.
fn keyword(inside: &str) -> &str {
    inside.trim_start_matches('-').split_whitespace().next().unwrap_or_default()
}

/// What follows the `{% endif %}` that ends the branch which `text` begins with: of several ways to say it, a page
/// needs the first.
fn after_endif(text: &str) -> &str {
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(open) = rest.find("{%") {
        let tag = rest.get(open + 2..).unwrap_or_default();
        let Some(end) = tag.find("%}") else { break };
        let word = keyword(tag.get(..end).unwrap_or_default());
        rest = tag.get(end + 2..).unwrap_or_default();
        match (word, depth) {
            ("if", _) => depth += 1,
            ("endif", 0) => return rest,
            ("endif", _) => depth -= 1,
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_read_with_placeholders() {
        let cases = [
            ("dracut -f /boot/initramfs-{{ it.release }}.img", "dracut -f /boot/initramfs-<release>.img"),
            ("on {{ target.name }}{% if it.x %}, y{% endif %}{# z #}", "on <target>, y"),
            ("{{ names | join(sep=\", \") }}", "<names>"),
            ("{% if a %}one{% elif b %}{% if c %}x{% endif %}two{% else %}three{% endif %}, end", "one, end"),
            ("no {{ end", "no {{ end"),
        ];
        for (template, text) in cases {
            assert_eq!(filled(template), text);
        }
    }

    #[test]
    fn markdown_is_wrapped_but_code_is_not() {
        let mut out = String::new();
        let long = "word ".repeat(20);
        markdown(&mut out, &format!("{long}\n\n- {long}\n- b\n\n```\n{}\n```\n", "x".repeat(90)), 4);
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines.iter().all(|line| line.len() <= 80 || line.contains("xxx")));
        assert!(lines.iter().any(|line| line.starts_with("    - word")));
        assert!(lines.iter().any(|line| line.starts_with("      word")));
        assert!(out.contains(&"x".repeat(90)));
    }

    #[test]
    fn every_page_fits_80_columns_but_for_what_cannot_be_broken() {
        let rules = crate::rules::RuleSet::built_in().unwrap();
        for rule in rules.rules() {
            let page = anstream::adapter::strip_str(&page(rule)).to_string();
            for line in page.lines().filter(|line| line.chars().count() > WIDTH) {
                let unbreakable = line.starts_with("           ") || line.trim().split(' ').count() <= 2;
                assert!(unbreakable || line.starts_with("        "), "{}: {line}", rule.id);
            }
        }
    }
}
