//! Arguments that several subcommands share.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};
use clap_complete::ArgValueCompleter;

use super::complete;
use super::progress::Progress;
use crate::facts::asked::Asked;
use crate::facts::{Facts, Limits};
use crate::finding::Severity;
use crate::source::Tree;

/// Which system to look at.
#[derive(Debug, Clone, Args)]
pub(crate) struct SystemArgs {
    /// The system: `/`, a directory with a root file system, a tar (plain, gz, bz2, xz, zst), or `-` for a tar on
    /// stdin.
    #[arg(value_name = "SYSTEM", default_value = "/")]
    pub(crate) system: PathBuf,

    /// Bytes that one initrd may unpack to before it is called a bomb; suffixes K, M, G.
    #[arg(long, value_name = "SIZE", default_value = "4G", value_parser = parse_size, display_order = 80)]
    pub(crate) max_initrd_size: u64,
}

/// Bytes that one initrd may unpack to unless something else is said: more than any initrd has.
const INITRD_UNPACKED: u64 = 4 << 30;

impl SystemArgs {
    /// The system at `path`, read with the usual bounds.
    pub(super) fn of(path: &Path) -> Self {
        Self { system: path.to_owned(), max_initrd_size: INITRD_UNPACKED }
    }

    /// Opens the system and reads all that it says of itself.
    pub(super) fn read(&self, progress: &Progress) -> anyhow::Result<(Tree, Facts)> {
        self.read_with(progress, &Asked::default())
    }

    /// Opens the system and reads all that it says of itself, and the files that are `asked` for.
    pub(super) fn read_with(&self, progress: &Progress, asked: &Asked) -> anyhow::Result<(Tree, Facts)> {
        progress.stage(format!("opening {}", self.system.display()));
        let tree = progress.watch(Tree::open_system(&self.system)?);
        let facts = Facts::gather_with(&tree, &self.limits(), asked);
        Ok((tree, facts))
    }

    /// The bounds on what is read.
    pub(crate) fn limits(&self) -> Limits {
        Limits { initrd_unpacked: self.max_initrd_size }
    }
}

/// Which platforms to ask about.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TargetArgs {
    /// A platform: a built-in name (see `bootproof targets`), a target file, or `all`. Repeatable.
    ///
    /// Without it: the hardware the system has now (`same`) and a set of usual platforms.
    #[arg(long = "target", short = 't', value_name = "NAME|FILE", add = ArgValueCompleter::new(complete::targets))]
    pub(crate) targets: Vec<String>,
}

/// Which rules to apply beside the built-in ones.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RuleArgs {
    /// A directory of your own rules, added to the built-in ones. Repeatable.
    #[arg(long = "rules", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) rules: Vec<PathBuf>,
}

/// How and where a report is written.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ReportArgs {
    /// The form of the report on stdout [default: text].
    #[arg(long, short = 'f', value_name = "FORMAT", value_enum)]
    pub(crate) format: Option<Format>,

    /// Write a report to FILE, in the format of its extension: .html, .json, .sarif, .xml (JUnit), .md or .txt.
    /// Repeatable: one run writes as many as are asked for.
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) output: Vec<PathBuf>,

    /// Print nothing but what `--format` asks for: the exit code and the files speak. Errors still go to stderr.
    #[arg(long, short = 'q')]
    pub(crate) quiet: bool,
}

/// The forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For reading in a terminal.
    Text,
    /// For programs; the shape is stable (`bootproof schema report`).
    Json,
    /// For tickets and merge requests.
    #[value(alias = "md")]
    Markdown,
    /// One self-contained page.
    #[value(alias = "htm")]
    Html,
    /// For code scanning, at GitHub and elsewhere: SARIF 2.1.0.
    Sarif,
    /// For CI servers: JUnit XML, one test case a rule and target.
    Junit,
}

impl Format {
    /// The formats of every report.
    pub(crate) const COMMON: [Self; 4] = [Self::Text, Self::Json, Self::Markdown, Self::Html];
    /// All formats.
    pub(crate) const ALL: [Self; 6] =
        [Self::Text, Self::Json, Self::Markdown, Self::Html, Self::Sarif, Self::Junit];

    /// What it is called.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "JSON",
            Self::Markdown => "Markdown",
            Self::Html => "HTML",
            Self::Sarif => "SARIF",
            Self::Junit => "JUnit XML",
        }
    }
}

/// The forms of what is no report: a list, a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ListFormat {
    /// For reading.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// From which severity on findings make the exit code 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Will not boot or will not be reachable.
    Blocker,
    /// A service or data is lost, or the boot hangs.
    High,
    /// Works by luck.
    Medium,
    /// Untidy.
    Low,
    /// Any finding at all.
    Info,
    /// Never: findings do not change the exit code.
    None,
}

impl FailOn {
    /// The gate's severity; none for a gate that is always open.
    pub(crate) fn severity(self) -> Option<Severity> {
        match self {
            Self::Blocker => Some(Severity::Blocker),
            Self::High => Some(Severity::High),
            Self::Medium => Some(Severity::Medium),
            Self::Low => Some(Severity::Low),
            Self::Info => Some(Severity::Info),
            Self::None => None,
        }
    }
}

/// When output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorWhen {
    /// Makes it so for everything that is printed from here on.
    pub(crate) fn apply(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Reads a size: a number of bytes, or one with K, M, G or T (powers of 1024; `KiB` and `KB` mean the same).
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let number: u64 = number.parse().map_err(|_| format!("`{text}` is no size; write it like 512M or 8G"))?;
    let shift = match unit.to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(format!("`{unit}` is no unit of size; use K, M, G or T")),
    };
    number.checked_mul(1 << shift).ok_or_else(|| format!("`{text}` is larger than any initrd can be"))
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes_are_read_in_powers_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("4k", 4096),
            ("4KiB", 4096),
            ("512M", 512 << 20),
            ("8G", 8 << 30),
            ("1TB", 1 << 40),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_an_example() {
        for text in ["", "G", "-1", "1.5G", "12 parsecs", "99999999999999999999", "18446744073709551615T"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
