//! The `bootproof` command: hands the arguments to the library and its exit code to the shell.

use std::process::ExitCode;

fn main() -> ExitCode {
    bootproof::cli::run()
}
