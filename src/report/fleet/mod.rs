//! The report on many hosts and its renderers. Renderers never decide.

pub mod csv;
pub mod html;
pub mod json;
pub mod markdown;
#[cfg(test)]
mod tests;
pub mod text;
mod view;
