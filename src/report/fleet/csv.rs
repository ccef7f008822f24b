//! The fleet for a spreadsheet: one row a host and target.
//!
//! A cell that begins with `=`, `+`, `-`, `@`, a tab or a line break would be a formula in a spreadsheet, and some of it
//! comes from the hosts (host names, titles of boot entries): an apostrophe before it makes it text ("CSV Injection" of
//! the OWASP Foundation).

use std::borrow::Cow;
use std::io;

use ::csv::Writer;

use super::view::outcome;
use crate::finding::Severity;
use crate::fleet::{Fleet, Host, Standing};

/// The names of the columns.
const COLUMNS: [&str; 19] = [
    "host",
    "report",
    "source",
    "distribution",
    "architecture",
    "target",
    "entry",
    "outcome",
    "failed_at",
    "wave",
    "verdict",
    "worst",
    "blocker",
    "high",
    "medium",
    "low",
    "info",
    "waived",
    "to_mend",
];

/// Writes the table.
///
/// # Errors
/// What `out` says.
pub fn write(fleet: &Fleet, out: impl io::Write) -> io::Result<()> {
    let mut table = Writer::from_writer(out);
    table.write_record(COLUMNS)?;
    for host in &fleet.hosts {
        for standing in &host.standings {
            let cells = cells(fleet, host, standing);
            table.write_record(cells.iter().map(|cell| harmless(cell).into_owned()))?;
        }
        if host.standings.is_empty() {
            let known = [&host.name, &host.report, &host.source].map(|cell| harmless(cell).into_owned());
            let row =
                known.into_iter().chain(std::iter::repeat_n(String::new(), COLUMNS.len().saturating_sub(3)));
            table.write_record(row)?;
        }
    }
    table.flush()
}

fn cells(fleet: &Fleet, host: &Host, standing: &Standing) -> [String; COLUMNS.len()] {
    let names = &fleet.names;
    let text = |name| names.optional(name).unwrap_or_default().to_owned();
    let on = || host.findings.iter().filter(|hit| hit.concerns(standing.target));
    let sum = |hits: &mut dyn Iterator<Item = &crate::fleet::Hit>| -> String {
        hits.map(|hit| u64::from(hit.times)).sum::<u64>().to_string()
    };
    let of = |severity| sum(&mut on().filter(|hit| !hit.is_waived && hit.severity == severity));
    let [blocker, high, medium, low, info] = Severity::ALL.map(of);
    [
        host.name.clone(),
        host.report.clone(),
        host.source.clone(),
        text(host.distribution),
        text(host.architecture),
        names.text(standing.target).to_owned(),
        text(standing.entry),
        standing.outcome.map_or("", outcome).to_owned(),
        standing.failed_at.map_or("", crate::simulate::StepName::name).to_owned(),
        standing.wave.name().to_owned(),
        if fleet.gate.is_some() && standing.fails { "fail" } else { "pass" }.to_owned(),
        standing.worst.map_or("", Severity::name).to_owned(),
        blocker,
        high,
        medium,
        low,
        info,
        sum(&mut on().filter(|hit| hit.is_waived)),
        names.texts(&standing.obstacles).join(" "),
    ]
}

/// `cell` so that no spreadsheet calculates it.
fn harmless(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_calculate_is_text() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"] {
            assert_eq!(harmless(cell), format!("'{cell}"));
        }
        for cell in ["", "web1", "a=b", "0", "'=1"] {
            assert_eq!(harmless(cell), cell);
        }
    }
}
