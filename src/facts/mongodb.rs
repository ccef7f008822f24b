//! MongoDB: where its data and journal are, and how often the journal is written.

use schemars::JsonSchema;
use serde::Serialize;

use super::fstab::Fstab;
use super::setting::Setting;
use super::{Gather, Known};
use crate::parse::mongod_conf;
use crate::place::Place;

/// Where packages and administrators put the configuration.
const FILES: [&str; 3] = ["etc/mongod.conf", "etc/mongodb.conf", "etc/mongo/mongod.conf"];

/// Where packages keep the data if nothing says: mongod's own default.
const DEFAULT_DATA: &str = "/data/db";

/// A mongod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mongod {
    /// The setting of its data, else the configuration.
    pub at: Place,
    /// The folder of its data and journal.
    pub data: String,
    /// Whether it keeps a journal.
    pub has_journal: bool,
    /// Milliseconds between two writes of the journal; null if nothing sets them.
    pub interval: Option<Setting>,
    /// Where the file system is mounted that the data is on, by fstab.
    pub mountpoint: Known<String>,
}

/// Reads the configurations that are there.
#[must_use]
pub fn gather(gather: &Gather<'_>, fstab: &Fstab) -> Vec<Mongod> {
    let found = FILES.iter().filter_map(|path| {
        let file = gather.read_config(path).present()?;
        let read = mongod_conf::parse(&file.bytes)?;
        let (data, at) = match read.data {
            Some((data, span)) => (data, span.at(&file.path)),
            None => (DEFAULT_DATA.to_owned(), Place::file(std::sync::Arc::clone(&file.path))),
        };
        Some(Mongod {
            at,
            mountpoint: fstab.mountpoint_of(&data),
            data,
            has_journal: !read.no_journal,
            interval: read
                .interval
                .map(|(number, span)| Setting { value: number.to_string(), at: span.at(&file.path) }),
        })
    });
    found.collect()
}
