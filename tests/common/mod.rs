//! What several test programs share.

pub mod fixture;
pub mod pack;
