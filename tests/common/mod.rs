//! What several test programs share.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "no test program uses all of it")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "what helps tests may stop them, and reads the files of this repository"
)]

pub mod fixture;
pub mod pack;
