//! Tomcat's data sources, and whether the classes that make them are among its libraries.
//!
//! Without `factory=` Tomcat takes its own copy of Commons DBCP (`ResourceFactory.java`,
//! `org.apache.naming.factory.Constants.DBCP_DATASOURCE_FACTORY`), which is in `tomcat-dbcp.jar`; packages and administrators leave that jar
//! out, and the start ends with `NamingException: Could not create resource factory instance`.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::glob::expand;
use super::{Gather, Problem, ProblemKind};
use crate::parse::tomcat;
use crate::place::Place;

/// Installations: the folders of configuration and of libraries, as packages and the archive of the project have them.
const HOMES: [(&str, &[&str]); 6] = [
    (
        "etc/tomcat*",
        &["usr/share/tomcat*/lib", "usr/share/java/tomcat*", "var/lib/tomcat*/lib", "usr/share/java"],
    ),
    ("opt/*tomcat*/conf", &["opt/*tomcat*/lib"]),
    ("usr/local/*tomcat*/conf", &["usr/local/*tomcat*/lib"]),
    ("srv/*tomcat*/conf", &["srv/*tomcat*/lib"]),
    (
        "var/lib/tomcat*/conf",
        &["usr/share/tomcat*/lib", "usr/share/java/tomcat*", "var/lib/tomcat*/lib", "usr/share/java"],
    ),
    ("usr/share/tomcat*/conf", &["usr/share/tomcat*/lib", "usr/share/java/tomcat*", "usr/share/java"]),
];

/// Configurations in a folder.
const FILES: [&str; 3] = ["server.xml", "context.xml", "Catalina/*/*.xml"];

/// Names of libraries that are kept.
const MAX_JARS: usize = 20_000;

/// A data source of Tomcat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DataSource {
    /// The resource.
    pub at: Place,
    /// Its name: `jdbc/billing`.
    pub name: String,
    /// The class that makes it, where it is named; null if Tomcat takes its own.
    pub factory: Option<String>,
    /// The library that has that class, as its name begins: `tomcat-dbcp`; null for a class that is not known.
    pub library: Option<String>,
    /// Whether a library of that name is there.
    pub has_library: bool,
    /// The folders of libraries that were looked into.
    pub folders: Vec<String>,
}

/// Reads all installations.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Vec<DataSource> {
    let mut found: Vec<DataSource> = Vec::new();
    let mut seen = BTreeSet::new();
    for (configuration, libraries) in HOMES {
        let paths = FILES.iter().flat_map(|file| expand(gather, &format!("{configuration}/{file}")));
        let paths: Vec<String> = paths.filter(|path| gather.tree.exists(path)).collect();
        if paths.is_empty() {
            continue;
        }
        let folders: Vec<String> = libraries.iter().flat_map(|folder| expand(gather, folder)).collect();
        let jars = jars(gather, &folders);
        for path in paths {
            // Debian's `/var/lib/tomcat9/conf` is a link to `/etc/tomcat9`.
            let Some(file) = gather.read_config(&path).present() else { continue };
            if !seen.insert(file.resolved.clone()) {
                continue;
            }
            match tomcat::parse(&String::from_utf8_lossy(&file.bytes)) {
                Ok(sources) => found.extend(sources.into_iter().map(|source| {
                    let library = library_of(source.factory.as_deref());
                    DataSource {
                        at: source.span.at(&file.path),
                        name: source.name,
                        has_library: library.is_none_or(|library| jars.iter().any(|jar| is_of(jar, library))),
                        library: library.map(str::to_owned),
                        factory: source.factory,
                        folders: folders.clone(),
                    }
                })),
                Err(mistake) => gather.note(Problem {
                    at: mistake.span.at(&file.path),
                    kind: ProblemKind::Malformed,
                    message: mistake.message,
                }),
            }
        }
    }
    found
}

fn jars(gather: &Gather<'_>, folders: &[String]) -> Vec<String> {
    // A dangling link is no library.
    let there = folders.iter().flat_map(|folder| {
        let names = gather.tree.list(folder).unwrap_or_default().into_iter();
        let names = names.filter_map(|name| name.into_string().ok()).filter(|name| name.ends_with(".jar"));
        names.filter(move |name| gather.tree.exists(format!("{folder}/{name}")))
    });
    there.take(MAX_JARS).collect()
}

/// The library that a factory's class is in; none for classes of drivers and pools, whose libraries have any name.
fn library_of(factory: Option<&str>) -> Option<&'static str> {
    match factory {
        None => Some("tomcat-dbcp"),
        Some(class) if class.starts_with("org.apache.tomcat.dbcp.") => Some("tomcat-dbcp"),
        Some(class) if class.starts_with("org.apache.tomcat.jdbc.pool.") => Some("tomcat-jdbc"),
        Some(class) if class.starts_with("org.apache.commons.dbcp2.") => Some("commons-dbcp2"),
        Some(class) if class.starts_with("org.apache.commons.dbcp.") => Some("commons-dbcp"),
        Some(_) => None,
    }
}

/// `tomcat-dbcp.jar`, `tomcat9-dbcp.jar`, `tomcat-dbcp-9.0.70.jar`, `naming-factory-dbcp.jar` (Tomcat 5), and for Tomcat's own factory also
/// the Commons DBCP that Debian builds it with.
fn is_of(jar: &str, library: &str) -> bool {
    let (start, end) = library.split_once('-').unwrap_or((library, ""));
    let is_named = jar.starts_with(start) && jar.contains(&format!("-{end}"));
    is_named || (library == "tomcat-dbcp" && jar.contains("dbcp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_known_by_their_names() {
        for (jar, library, expected) in [
            ("tomcat-dbcp.jar", "tomcat-dbcp", true),
            ("tomcat9-dbcp-9.0.70.jar", "tomcat-dbcp", true),
            ("commons-dbcp-1.4.jar", "tomcat-dbcp", true),
            ("tomcat-jdbc.jar", "tomcat-dbcp", false),
            ("tomcat-jdbc.jar", "tomcat-jdbc", true),
            ("commons-dbcp2.jar", "commons-dbcp2", true),
            ("tomcat-juli.jar", "tomcat-jdbc", false),
        ] {
            assert_eq!(is_of(jar, library), expected, "{jar} {library}");
        }
    }
}
