//! The command line.

use std::process::ExitCode;

/// Runs the command and returns its exit code: 0 nothing at or above `--fail-on`, 1 findings, 2 it could not work.
#[must_use]
pub fn run() -> ExitCode {
    ExitCode::from(2)
}
