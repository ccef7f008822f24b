//! What the gate lets through: waivers, and the findings of a baseline.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use clap::Args;
use toml::value::Date;
use x509_cert::der::DateTime;

use super::warn;
use crate::baseline::Baseline;
use crate::source::escape_bytes;
use crate::waivers::{Names, Waivers};

/// The file of waivers that is read if none is named.
const DEFAULT_FILE: &str = "bootproof.toml";
/// Bytes of a file of waivers; a thousand waivers have a tenth of it.
const SIZE_LIMIT: u64 = 1 << 20;
/// The day to go by instead of today's, in seconds since 1970 (<https://reproducible-builds.org/specs/source-date-epoch/>).
const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Which findings are accepted.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WaiverArgs {
    /// A file of waivers (TOML): findings that are accepted, with a reason and a last day. They are shown, and do not
    /// fail the gate.
    ///
    /// Left out: `bootproof.toml` in the working directory, if it is there and that directory is not in the system
    /// which is looked at.
    #[arg(long, value_name = "FILE")]
    pub(crate) waivers: Option<PathBuf>,
}

impl WaiverArgs {
    /// The waivers for a run on `systems`.
    pub(super) fn read(&self, systems: &[&Path], names: &Names<'_>) -> anyhow::Result<Waivers> {
        let default = Path::new(DEFAULT_FILE);
        let path = match &self.waivers {
            Some(path) => path.as_path(),
            None if !default.is_file() => return Ok(Waivers::default()),
            None if systems.iter().any(|system| is_here_in(system)) => {
                warn(&format!(
                    "`{DEFAULT_FILE}` is not read, since it is in the system that is looked at; name it with \
                     `--waivers` if it is yours"
                ));
                return Ok(Waivers::default());
            }
            None => default,
        };
        let shown = escape_bytes(path.as_os_str().as_encoded_bytes());
        let text = read(path).with_context(|| format!("cannot read the waivers `{shown}`"))?;
        Waivers::parse(&shown, &text, names)
            .map_err(|mistakes| super::rules::mistakes_in("the waivers", &mistakes))
    }
}

/// The baseline at `path`.
pub(super) fn baseline(path: &Path) -> anyhow::Result<Baseline> {
    Baseline::read(path).context("cannot use the baseline")
}

/// Today, in UTC.
pub(super) fn today() -> anyhow::Result<Date> {
    let since_1970 = match std::env::var(EPOCH) {
        Ok(seconds) => {
            let seconds = seconds
                .trim()
                .parse::<u64>()
                .with_context(|| format!("{EPOCH} is no number of seconds: `{seconds}`"))?;
            Duration::from_secs(seconds)
        }
        Err(_) => SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .context("the clock of this machine is before 1970, so that no waiver's last day can be told")?,
    };
    match DateTime::from_unix_duration(since_1970) {
        Ok(day) => Ok(Date { year: day.year(), month: day.month(), day: day.day() }),
        Err(_) => bail!("the clock or {EPOCH} is after the year 9999"),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the waivers are the user's own file, no part of the audited system"
)]
fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(SIZE_LIMIT.saturating_add(1)).read_to_string(&mut text)?;
    if text.len() as u64 > SIZE_LIMIT {
        bail!("it has more than {} MiB, and is no file of waivers", SIZE_LIMIT >> 20);
    }
    Ok(text)
}

/// Whether the working directory is in the directory `system`, so that the files here are what is to be judged.
#[expect(clippy::disallowed_methods, reason = "compares two directories; nothing in them is read")]
fn is_here_in(system: &Path) -> bool {
    let whole = |path: &Path| std::fs::canonicalize(path);
    match (whole(Path::new(".")), whole(system)) {
        (Ok(here), Ok(system)) => here.starts_with(system),
        // No directory that one could be in: an archive, or stdin.
        _ => false,
    }
}
