//! What several test programs share.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "no test program uses all of it")]

pub mod fixture;
pub mod pack;
