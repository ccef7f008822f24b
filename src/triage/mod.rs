//! Console triage: what a console, dmesg or journal says, in causal order.
//!
//! ```text
//! LOG (bytes)
//!   │  lines      a stream of lines of bounded length, unwrapped
//!   │  clean      colours, cursor movement, timestamps and loggers' prefixes go
//!   │  scan       one search for the fixed texts of all signatures (literal); expressions only on what holds one
//!   │  watch      fills in what the log says of the boot as a whole (log), and sees where the next boot begins
//!   ▼
//! Hits + Log, a boot
//!   │  signature  rules/console/*.yaml: lines, conditions on the log, meaning, what it explains, remedy
//!   │  chain      conditions hold; cause before consequence
//!   ▼
//! Triage          with the system at hand (system): what its files say of the same boot
//! ```
//!
//! A log shows what was said. What nobody said, such as a driver that is not in the initrd, is concluded from what is
//! missing, marked as a conclusion, and goes with what the log does not say.

mod chain;
mod clean;
mod lines;
mod literal;
mod log;
mod scan;
mod segfault;
mod signature;
mod system;
mod watch;

use std::collections::BTreeMap;
use std::io::Read;

use anyhow::Context as _;
use schemars::JsonSchema;
use serde::Serialize;

pub use log::{CommandLine, Controller, Disk, Gap, Initrd, Kernel, Log, Mounted, Parameter, Root};
pub use signature::{Role, Signature, Signatures, Step, schema};
pub use system::{Counterpart, SimulatedStep, TellingFinding, Told, join, target_of};

use crate::finding::Fix;
use crate::report::Tool;

/// Version of the report's shape; goes up when a field changes its meaning or goes away.
pub const SCHEMA: &str = "bootproof-triage/1";

/// What a log comes to.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Triage {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Name and version of the program.
    pub tool: Tool,
    /// The log, as given on the command line.
    pub source: String,
    /// Lines that were read.
    pub lines: u64,
    /// Whether the log is longer than what was read.
    pub is_cut: bool,
    /// The boots in it, in order.
    pub boots: Vec<BootSummary>,
    /// Boots at the beginning that were too many to be kept.
    pub boots_dropped: usize,
    /// Which of `boots` the rest is about, from 0: the last one in which something went wrong.
    pub boot: usize,
    /// What the log says of that boot as a whole.
    pub log: Log,
    /// What went wrong, what stopped the boot first: each a cause and what followed from it.
    pub chains: Vec<Chain>,
    /// What the system's files say of the same boot, where a system was given.
    pub system: Option<Counterpart>,
    /// Mistakes of signatures that showed only with this log.
    pub mistakes: Vec<String>,
}

/// A boot of the log in short.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BootSummary {
    /// Its first line.
    pub from_line: u64,
    /// Its last line.
    pub to_line: u64,
    /// The kernel's release.
    pub kernel: Option<String>,
    /// Whether it reached a login or its usual target.
    pub came_up: bool,
    /// The title of its first cause, or of its first symptom.
    pub what: Option<String>,
}

/// A cause and what followed from it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Chain {
    /// What has to be mended; null where the log has only the consequences.
    pub cause: Option<Event>,
    /// What followed, in the order of the log.
    pub followed: Vec<Event>,
    /// Whether the boot ended here.
    pub stops: bool,
    /// Causes that would have the consequences, where the log does not have the cause.
    pub possible: Vec<Possible>,
    /// What the system's files say about it, where a system was given.
    pub from_system: Option<Told>,
}

/// A signature that was found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Event {
    /// The signature's id.
    pub signature: String,
    /// What happened, in a few words.
    pub title: String,
    /// The step of the boot.
    pub step: Step,
    /// Reason or consequence.
    pub role: Role,
    /// Whether it is concluded from what is not in the log, and not read from a line.
    pub is_inferred: bool,
    /// Whether the boot ended here.
    pub stops: bool,
    /// What it means here, in one sentence.
    pub means: String,
    /// What the log does not say, and what would settle it.
    pub unsaid: Option<String>,
    /// How many lines show it.
    pub count: u64,
    /// The lines that show it, the first few of them.
    pub lines: Vec<Evidence>,
    /// The values that the lines hold, by name.
    pub captures: BTreeMap<String, String>,
    /// Entries of the catalogue that it decides.
    pub decides: Vec<String>,
    /// Ids of the rules that tell it beforehand.
    pub rules: Vec<String>,
    /// How to mend it.
    pub fix: Vec<Fix>,
    /// Sources.
    pub refs: Vec<String>,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Evidence {
    /// Its number, from 1.
    pub line: u64,
    /// Its text, without escape sequences.
    pub text: String,
}

/// A cause that the log neither shows nor rules out.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Possible {
    /// The signature's id.
    pub signature: String,
    /// What it would be, in a few words.
    pub title: String,
    /// The step of the boot.
    pub step: Step,
    /// Ids of the rules that would tell from the system's files.
    pub rules: Vec<String>,
}

impl Triage {
    /// Whether anything is wrong.
    #[must_use]
    pub fn found_something(&self) -> bool {
        !self.chains.is_empty()
    }

    /// The cause to tell first.
    #[must_use]
    pub fn first_cause(&self) -> Option<&Event> {
        self.chains.first().and_then(|chain| chain.cause.as_ref())
    }
}

/// Reads the log `input`, which is called `source`.
///
/// # Errors
/// The log cannot be read.
pub fn triage(input: impl Read, source: &str, signatures: &Signatures) -> anyhow::Result<Triage> {
    let mut scan = scan::Scan::new(signatures);
    let extent = lines::each(input, |number, line| scan.line(number, line))
        .with_context(|| format!("cannot read the log `{source}`"))?;
    let (boots, boots_dropped) = scan.finish();
    let mut logs = Vec::new();
    for mut boot in boots {
        let last = boot.watch.log.to_line;
        let log = std::mem::take(&mut boot.watch).finish(last);
        let verdict = chain::of(&boot, &log, signatures);
        logs.push((log, verdict));
    }
    let has_cause = |(_, verdict): &(Log, chain::Verdict)| {
        verdict.chains.iter().any(|chain| chain.stops || chain.cause.is_some())
    };
    let chosen = logs
        .iter()
        .rposition(has_cause)
        .or_else(|| logs.iter().rposition(|(_, verdict)| !verdict.chains.is_empty()))
        .unwrap_or_else(|| logs.len().saturating_sub(1));
    let summaries = logs.iter().map(|(log, verdict)| summary(log, verdict)).collect();
    let (log, verdict) = logs
        .into_iter()
        .nth(chosen)
        .unwrap_or_else(|| (Log::default(), chain::Verdict { chains: Vec::new(), mistakes: Vec::new() }));
    Ok(Triage {
        schema: SCHEMA,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        source: source.to_owned(),
        lines: extent.lines,
        is_cut: extent.is_cut,
        boots: summaries,
        boots_dropped,
        boot: chosen,
        log,
        chains: verdict.chains,
        system: None,
        mistakes: verdict.mistakes,
    })
}

fn summary(log: &Log, verdict: &chain::Verdict) -> BootSummary {
    let first = verdict.chains.first();
    let event = first.and_then(|chain| chain.cause.as_ref().or(chain.followed.first()));
    BootSummary {
        from_line: log.from_line,
        to_line: log.to_line,
        kernel: log.kernel.as_ref().map(|kernel| kernel.release.clone()),
        came_up: log.came_up,
        what: event.map(|event| event.title.clone()),
    }
}
