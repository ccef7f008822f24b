//! bootproof predicts, from outside, what a Linux system will do when it boots on other hardware or after a
//! change, and says what breaks, where (file and line), why, and how to mend it.
//!
//! ```text
//! SYSTEM (directory, live /, tar, sosreport)
//!   │  source/    a read-only file tree; links resolve inside the root
//!   ▼
//! bytes
//!   │  parse/     pure readers, one a format: bytes -> typed value with spans; no I/O, no policy
//!   │  initrd/    the image reader: codecs, cpio, kernel modules, what kind of initrd it is
//!   │  facts/     asks the tree for files, the readers for values; one file a subject
//!   ▼
//! Facts           what the system says of itself, each with its place (path, line)
//!   │  simulate/  Facts x Target -> Boots: how far each entry gets on each platform, from the firmware to the network
//!   ▼
//! Facts + Boots
//!   │  rules/     YAML rules, CEL conditions, Tera messages -> Findings
//!   ▼
//!   │  waivers/, baseline   which of them are accepted or known, so that a gate does not count them
//!   ▼
//! Report          one value; report/ renders it: text, HTML, Markdown, JSON, SARIF, JUnit XML
//! ```
//!
//! Two systems, or one before and after a change, go this way twice; `changes/` then says what differs, as facts for the
//! rules on changes, and `diff/` makes the report of it.
//!
//! The JSON reports of many systems come together in [`fleet`].
//!
//! A log of a boot that failed goes through [`triage`]: lines -> signatures -> causes in order, joined with the above
//! where the system's files are at hand.
//!
//! Each layer knows only the one above it in this picture: `parse` knows no file tree, `facts` no target,
//! `simulate` no rule, and a rule no file. Nothing here writes to the system it looks at or runs a program of it.

pub mod agents;
pub mod baseline;
pub mod changes;
pub mod cli;
pub mod collect;
pub mod cpu_level;
pub mod diff;
pub mod drivers;
pub mod dropped;
pub mod facts;
pub mod finding;
pub mod fix;
pub mod fleet;
pub mod initrd;
pub mod known;
pub mod mistake;
mod parameters;
pub mod parse;
pub mod place;
pub mod rebuild;
pub mod report;
pub mod rules;
mod secrets;
pub mod simulate;
pub mod source;
pub mod target;
pub mod triage;
pub mod waivers;
