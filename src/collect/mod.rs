//! The script that `bootproof collect` prints: POSIX sh that packs what bootproof reads of a system into a tar.
//!
//! What to pack and what to mask it has from the same tables as the reader of tars (`crate::source::interest`) and the
//! masks of what is shown (`crate::secrets`); this module puts them into the texts under `script/`. Shells and tools that
//! it has to run with: dash, busybox, bash 3.1; coreutils 5.97, findutils 4.2, tar 1.15 of RHEL 5, and any awk. What a
//! collection holds beside the system's files, `crate::source::collected` reads.

mod ere;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use thiserror::Error;

use crate::facts::attributes;
use crate::facts::network::drivers::DRIVERS;
use crate::secrets::{MASK, table};
use crate::source::interest::{self, Interest};
use ere::Ere;

/// The parts of the script, in their order.
const PARTS: [&str; 3] =
    [include_str!("script/pack.sh"), include_str!("script/live.sh"), include_str!("script/run.sh")];
const HEADER: &str = include_str!("script/header.awk");
const SELECT: &str = include_str!("script/select.awk");
const COPY: &str = include_str!("script/copy.awk");
const MEMBERS: &str = include_str!("script/members.awk");

/// Names below one folder of data that are listed. More than anyone asks for, and few enough to be read in seconds.
const MOST_NAMES: usize = 100_000;

/// What facts read of `/proc`.
const PROC_FILES: [&str; 12] = [
    "cmdline",
    "cpuinfo",
    "meminfo",
    "mdstat",
    "modules",
    "mounts",
    "self/mounts",
    "partitions",
    "user_beancounters",
    "version",
    "vz/version",
    "bc/version",
];

/// What facts and targets read of `/sys`, by the last part of their paths.
const SYS_NAMES: [&str; 13] = [
    "modalias",
    "vendor",
    "device",
    "class",
    "acpi_index",
    "index",
    "address",
    "size",
    "logical_block_size",
    "port_type",
    "partition",
    "sys_vendor",
    "product_name",
];

/// A pattern of a secret that POSIX's regular expressions cannot say: a mistake in the tables, which a test finds.
#[derive(Debug, Error)]
#[error("the pattern `{0}` of a secret cannot be said in POSIX's regular expressions")]
pub struct UnknownPattern(&'static str);

/// The script.
///
/// # Errors
/// [`UnknownPattern`].
pub fn script() -> Result<String, UnknownPattern> {
    let groups = groups()?;
    let suspects: Vec<String> = groups.iter().flat_map(|(_, group)| group).map(Ere::suspect).collect();
    let any = suspects.join("|").replace('/', "\\/");
    let members = MEMBERS
        .replace("@PATTERNS@", &patterns(&groups))
        .replace("@SUSPECT@", &any)
        .replace("@PPP_SECRETS@", &table::PPP_SECRETS.join(" "))
        .replace("@DIALLING_FOLDERS@", &table::DIALLING_FOLDERS.join("|"))
        .replace("@NETWORK_FOLDERS@", &table::NETWORK_FOLDERS.join("|"));
    let of_keys = ["-----begin .*private key", "-----begin .*static key"].map(str::to_owned);
    let for_grep: Vec<String> =
        suspects.iter().chain(&of_keys).map(|ere| format!("-e '{}'", quoted_text(ere))).collect();
    let script = PARTS
        .concat()
        .replace("@HEADER_AWK@", &quoted_text(HEADER))
        .replace("@SELECT_AWK@", &quoted_text(&selection()))
        .replace("@COPY_AWK@", &quoted_text(COPY))
        .replace("@MEMBERS_AWK@", &quoted_text(&members))
        .replace("@SUSPECTS@", &for_grep.join(" "))
        .replace("@PPP_PATTERN@", &table::PPP_SECRETS.join("|"))
        .replace("@PROC_FILES@", &PROC_FILES.join(" "))
        .replace("@SYS_NAMES@", &SYS_NAMES.map(|name| format!("-name {name}")).join(" -o "))
        .replace("@ATTRIBUTE_FILES@", &attributes::FILES.map(|path| format!("/{path}")).join(" "))
        .replace("@MOST_NAMES@", &MOST_NAMES.to_string())
        .replace("@MASK@", MASK)
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"));
    Ok(script)
}

/// The tables of what is packed, in the text that selects it.
fn selection() -> String {
    let words = |words: &[&[u8]]| {
        let words: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(word)).collect();
        words.join(" ")
    };
    let configuration = [&interest::CONFIGURATION[..], &interest::LOCAL, &interest::FILES].concat();
    let limit = |class: Interest| class.file_limit().to_string();
    SELECT
        .replace("@CONFIGURATION@", &words(&configuration))
        .replace("@IMAGES@", &words(&interest::IMAGES))
        .replace("@SCRIPTS@", &words(&interest::SCRIPTS))
        .replace("@PROGRAMS@", &words(&interest::PROGRAMS))
        .replace("@DRIVERS@", &DRIVERS.join(" "))
        .replace("@SECRET_NAMES@", &table::SECRET_NAMES.join(" "))
        .replace("@SECRET_STARTS@", &table::SECRET_STARTS.join(" "))
        .replace("@SECRET_ENDINGS@", &table::SECRET_ENDINGS.join(" "))
        .replace("@SECRET_PART@", table::SECRET_PART)
        .replace("@UNITS@", &table::UNITS.join("|"))
        .replace("@CONFIGURATION_LIMIT@", &limit(Interest::Configuration))
        .replace("@IMAGE_LIMIT@", &limit(Interest::Image))
        .replace("@PROGRAM_LIMIT@", &limit(Interest::Program))
        .replace("@MODULE_LIMIT@", &limit(Interest::Module))
}

type Group = (&'static str, Vec<Ere>);

/// The patterns of secrets under the names that the script calls them by.
fn groups() -> Result<[Group; 4], UnknownPattern> {
    let of = |patterns: &[table::Pattern]| -> Result<Vec<Ere>, UnknownPattern> {
        patterns.iter().map(|own| Ere::of(own).ok_or(UnknownPattern(own.kept))).collect()
    };
    Ok([
        ("dialling", of(&table::DIALLING)?),
        ("connection", of(&table::CONNECTION)?),
        ("name", of(&table::BY_NAME)?),
        ("shape", of(&table::BY_SHAPE)?),
    ])
}

/// The calls that put the patterns into awk's tables.
fn patterns(groups: &[Group]) -> String {
    let mut text = String::new();
    for (name, group) in groups {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    group(\"{name}\")");
        for own in group {
            let _ = writeln!(
                text,
                "    pattern({}, {}, {}, {})",
                awk_string(&own.kept),
                awk_string(&own.secret),
                awk_string(own.after),
                u8::from(own.any_case)
            );
        }
        let _ = writeln!(text, "    end_group(\"{name}\")");
    }
    text
}

fn awk_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A text as it stands between single quotes of the shell.
fn quoted_text(text: &str) -> String {
    text.replace('\'', r"'\''")
}
