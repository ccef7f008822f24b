//! Where a result points: URIs, regions, and what is to be written there instead.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_sarif::sarif::{
    ArtifactChange, ArtifactContent, ArtifactLocation, Fix as SarifFix, PhysicalLocation, Region, Replacement,
};

use super::{described, message};
use crate::finding::{Finding, Fix};
use crate::place::Place;
use crate::report::Root;

/// All that RFC 3986 does not let stand as it is in a path: everything but its unreserved characters and the slash.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The root of the repository, as code scanning calls it.
const REPOSITORY: &str = "%SRCROOT%";
/// The root of the system, where that is not in the repository.
const SYSTEM: &str = "SYSTEM";

/// Bytes of a line that findings have whole. Longer ones were cut, so that a column is none of theirs.
const LONGEST_LINE: usize = 4096;

/// Makes locations.
pub(super) struct Places<'a> {
    root: &'a Root,
}

impl<'a> Places<'a> {
    pub(super) fn of(root: &'a Root) -> Self {
        Self { root }
    }

    /// What the base ids stand for.
    pub(super) fn bases(&self) -> BTreeMap<String, ArtifactLocation> {
        let repository = described("The working directory, which is the root of the repository");
        let mut bases = BTreeMap::from([(REPOSITORY.to_owned(), repository)]);
        let mut system = described("The root of the system that was looked at");
        match self.root {
            Root::Below(_) => return bases,
            Root::Elsewhere(path) => system.uri = Some(directory_uri(path)),
            Root::Packed => {}
        }
        bases.insert(SYSTEM.to_owned(), system);
        bases
    }

    /// A file of the system.
    pub(super) fn in_system(&self, path: &str) -> ArtifactLocation {
        match self.root {
            Root::Below(directory) if directory.is_empty() => relative(path, REPOSITORY),
            Root::Below(directory) => relative(&format!("{directory}/{path}"), REPOSITORY),
            Root::Elsewhere(_) | Root::Packed => relative(path, SYSTEM),
        }
    }

    /// A file that the user named.
    pub(super) fn of_user(path: &str) -> ArtifactLocation {
        match path.strip_prefix('/') {
            Some(_) => ArtifactLocation::builder().uri(file_uri(path)).build(),
            None => relative(path.trim_start_matches("./"), REPOSITORY),
        }
    }

    /// Where a finding is, with its line.
    pub(super) fn physical(&self, finding: &Finding, artifact: ArtifactLocation) -> PhysicalLocation {
        let mut location = PhysicalLocation::builder().artifact_location(artifact).build();
        let line = finding.snippet.as_deref().filter(|line| line.len() <= LONGEST_LINE);
        location.region = region(&finding.at, line);
        let is_part = location.region.as_ref().is_some_and(|region| region.start_column.is_some());
        if let (Some(number), Some(line), true) = (finding.at.line, line, is_part) {
            let whole = Region::builder().start_line(i64::from(number)).snippet(content(line)).build();
            location.context_region = Some(whole);
        }
        location
    }

    /// The edit that a step of a remedy is; none if it is no edit of lines.
    pub(super) fn edit(&self, fix: &Fix) -> Option<SarifFix> {
        let (what, path, replacement) = match fix {
            Fix::Replace { at, with: Some(text) } => {
                let line = Region::builder().start_line(i64::from(at.line?)).start_column(1).build();
                ("Write the line otherwise", &*at.path, replacement(line, Some(text.trim_end_matches('\n'))))
            }
            Fix::Replace { at, with: None } => {
                ("Delete the line", &*at.path, replacement(whole_line(i64::from(at.line?)), None))
            }
            Fix::Append { path, text } => {
                // How many lines the file has is not known here, nor whether it is there: its start always is.
                let start = Region::builder().start_line(1).start_column(1).end_line(1).end_column(1).build();
                let text = format!("{}\n", text.trim_end_matches('\n'));
                ("Add the lines", path.as_str(), replacement(start, Some(&text)))
            }
            _ => return None,
        };
        let change = ArtifactChange::builder()
            .artifact_location(self.in_system(path))
            .replacements(vec![replacement])
            .build();
        Some(SarifFix::builder().description(message(what)).artifact_changes(vec![change]).build())
    }
}

/// A line with its end, which an absent `endColumn` would leave out (section 3.30.2).
fn whole_line(line: i64) -> Region {
    Region::builder().start_line(line).start_column(1).end_line(line.saturating_add(1)).end_column(1).build()
}

fn replacement(region: Region, text: Option<&str>) -> Replacement {
    let mut replacement = Replacement::builder().deleted_region(region).build();
    replacement.inserted_content = text.map(content);
    replacement
}

fn content(text: &str) -> ArtifactContent {
    ArtifactContent::builder().text(text).build()
}

/// The stretch that is meant; none for a file as a whole.
pub(super) fn region(at: &Place, line: Option<&str>) -> Option<Region> {
    let mut region = Region::builder().start_line(i64::from(at.line?)).build();
    let start = at.column.filter(|column| *column > 0);
    let end = at.end.filter(|end| start.is_some_and(|start| *end > start));
    // A point at the start of a line stands for the line.
    if let Some(start) = start.filter(|start| *start > 1 || end.is_some()) {
        region.start_column = Some(utf16_column(line, start));
        region.end_column = end.map(|end| utf16_column(line, end));
    }
    let offset = |column: Option<u32>| column.and_then(|column| usize::try_from(column).ok()?.checked_sub(1));
    let text = line.map(|line| match (region.start_column, offset(start), offset(end)) {
        (None, _, _) => line,
        (Some(_), Some(start), Some(end)) => line.get(start..end).unwrap_or_default(),
        (Some(_), start, _) => line.get(start.unwrap_or_default()..).unwrap_or_default(),
    });
    region.snippet = text.filter(|text| !text.is_empty()).map(content);
    Some(region)
}

/// A column in UTF-16 code units, which is how editors count, of one in bytes.
fn utf16_column(line: Option<&str>, column: u32) -> i64 {
    let bytes = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
    let units = line.and_then(|line| line.get(..bytes)).map(|before| before.encode_utf16().count());
    units
        .and_then(|units| i64::try_from(units).ok())
        .map_or(i64::from(column), |units| units.saturating_add(1))
}

fn relative(path: &str, base: &str) -> ArtifactLocation {
    ArtifactLocation::builder().uri(encoded(path)).uri_base_id(base).build()
}

fn encoded(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

fn file_uri(path: &str) -> String {
    format!("file://{}", encoded(path))
}

/// A base has to end in a slash (section 3.14.14).
fn directory_uri(path: &str) -> String {
    let uri = file_uri(path);
    if uri.ends_with('/') { uri } else { format!("{uri}/") }
}
