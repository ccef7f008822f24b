//! The fleet as one page that stays usable with ten thousand hosts.
//!
//! What the page says of waves and rules is there without its script, and so are the first hosts. The script
//! (`reports/fleet.js`) makes of the data in the page a table with search, and makes only the rows that are seen. Text of
//! the hosts reaches the page as text alone: escaped by the template, and set as text by the script.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use super::view::{Overview, RowView, overview, percent_encoded, row};
use crate::fleet::{Fleet, Hit, HostBoot, Name, Standing, Wave};
use crate::report::page::{self, Page};
use crate::simulate::{Outcome, StepName};

const PAGE: Page = Page {
    template: "fleet.html",
    parts: &[
        ("fleet.html", include_str!("../../../reports/fleet.html")),
        ("fleet-parts.html", include_str!("../../../reports/fleet-parts.html")),
    ],
    style: include_str!("../../../reports/fleet.css"),
    script: include_str!("../../../reports/fleet.js"),
};

/// Hosts that are listed without the script.
const PLAIN_HOSTS: usize = 100;

#[derive(Serialize)]
struct View {
    #[serde(flatten)]
    overview: Overview,
    rows: Vec<RowView>,
    more_rows: usize,
    data: String,
}

/// The whole page, to be written into `folder`, from where it links to the pages of the hosts.
///
/// # Errors
/// A mistake in the built-in template, which the tests exclude.
pub fn render(fleet: &Fleet, folder: &Path) -> tera::TeraResult<String> {
    let data = serde_json::to_string(&Data::of(fleet, folder)).map_err(tera::Error::message)?;
    let view = View {
        overview: overview(fleet),
        rows: fleet.hosts.iter().take(PLAIN_HOSTS).map(|host| row(fleet, host)).collect(),
        more_rows: fleet.hosts.len().saturating_sub(PLAIN_HOSTS),
        data: inert(&data),
    };
    page::render(&PAGE, &view)
}

/// JSON that ends no script element (`</script`, `<!--`) and has no line break that only JavaScript has.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// The hosts as the script reads them. Lists that several hosts have, as clones do, are there once.
#[derive(Serialize)]
struct Data<'a> {
    targets: Vec<&'a str>,
    steps: [&'static str; STEPS.len()],
    waves: [&'static str; 4],
    #[serde(rename = "waveKeys")]
    wave_keys: [&'static str; 4],
    /// Whether findings make a verdict.
    gated: bool,
    /// Id and title of each rule.
    rules: Vec<(&'a str, &'a str)>,
    systems: Vec<&'a str>,
    entries: Vec<&'a str>,
    findings: Vec<Vec<HitData>>,
    /// Lists with an item for each target: what [`code`] makes of the standing, and the entry; null where the host was
    /// not asked.
    cells: Vec<Vec<Option<CellData>>>,
    /// Lists of boots that do not decide: target, entry, what [`code`] makes of the boot.
    others: Vec<Vec<(usize, usize, u16)>>,
    hosts: Vec<HostData<'a>>,
}

/// Rule, target from 1 or 0, flags, entry from 1 or 0, number of places.
type HitData = (usize, usize, u8, usize, u32);

/// What [`code`] makes of a standing, and the entry that decides.
type CellData = (u16, Option<usize>);

/// Name, report, system or -1, whether its name needs the report beside it, cells, findings, others, page.
#[derive(Serialize)]
struct HostData<'a>(&'a str, &'a str, i64, u8, usize, usize, usize, Option<String>);

const STEPS: [StepName; 11] = [
    StepName::Firmware,
    StepName::Loader,
    StepName::Kernel,
    StepName::Initrd,
    StepName::DiskDriver,
    StepName::StorageStack,
    StepName::RootDevice,
    StepName::RootFilesystem,
    StepName::Init,
    StepName::Mounts,
    StepName::Network,
];

impl<'a> Data<'a> {
    fn of(fleet: &'a Fleet, folder: &Path) -> Self {
        let targets: HashMap<Name, usize> =
            fleet.plans.iter().enumerate().map(|(at, plan)| (plan.target, at)).collect();
        let rules: HashMap<Name, usize> =
            fleet.rules.iter().enumerate().map(|(at, hits)| (hits.rule, at)).collect();
        let mut systems = Table::default();
        let mut entries = Table::default();
        let (mut findings, mut cells, mut others) = (Table::default(), Table::default(), Table::default());
        let from = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let at = |map: &HashMap<Name, usize>, name| map.get(&name).copied().unwrap_or_default();
        let mut hosts = Vec::with_capacity(fleet.hosts.len());
        for host in &fleet.hosts {
            let mut hit = |hit: &Hit| {
                let target = hit.target.map_or(0, |target| at(&targets, target).saturating_add(1));
                let entry = hit.entry.map_or(0, |entry| entries.at(entry).saturating_add(1));
                (at(&rules, hit.rule), target, flags(hit), entry, hit.times)
            };
            let found: Vec<_> = host.findings.iter().map(&mut hit).collect();
            let mut cell =
                |standing: &Standing| (code(standing), standing.entry.map(|entry| entries.at(entry)));
            let row: Vec<_> = fleet.plans.iter().map(|plan| host.on(plan.target).map(&mut cell)).collect();
            let boot = |boot: &HostBoot| {
                (
                    at(&targets, boot.target),
                    entries.at(boot.entry),
                    outcome_code(Some(boot.outcome), boot.failed_at),
                )
            };
            let beside: Vec<_> = host.other_boots().map(boot).collect();
            let system = host.distribution.map(|name| systems.at(name));
            hosts.push(HostData(
                &host.name,
                &host.report,
                system.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1),
                u8::from(host.is_twin || !host.is_named),
                cells.at(row),
                findings.at(found),
                others.at(beside),
                host.page.as_deref().and_then(|page| link(&from, page)),
            ));
        }
        Self {
            targets: fleet.plans.iter().map(|plan| fleet.names.text(plan.target)).collect(),
            steps: STEPS.map(StepName::name),
            waves: Wave::ALL.map(Wave::title),
            wave_keys: Wave::ALL.map(Wave::name),
            gated: fleet.gate.is_some(),
            rules: fleet
                .rules
                .iter()
                .map(|hits| (fleet.names.text(hits.rule), hits.title.as_str()))
                .collect(),
            systems: fleet.names.texts(&systems.items),
            entries: fleet.names.texts(&entries.items),
            findings: findings.items,
            cells: cells.items,
            others: others.items,
            hosts,
        }
    }
}

/// Values, each once, in the order in which they were first asked for.
struct Table<T> {
    places: HashMap<T, usize>,
    items: Vec<T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { places: HashMap::new(), items: Vec::new() }
    }
}

impl<T: Clone + Eq + Hash> Table<T> {
    /// The place of `item`.
    fn at(&mut self, item: T) -> usize {
        if let Some(place) = self.places.get(&item) {
            return *place;
        }
        let place = self.items.len();
        self.items.push(item.clone());
        self.places.insert(item, place);
        place
    }
}

/// Severity in three bits, then whether it is waived and whether it can be applied.
fn flags(hit: &Hit) -> u8 {
    hit.severity as u8 | u8::from(hit.is_waived) << 3 | u8::from(hit.can_be_applied) << 4
}

/// Outcome in two bits, the step at which it stops from 1 in four.
fn outcome_code(outcome: Option<Outcome>, failed_at: Option<StepName>) -> u16 {
    let outcome = match outcome {
        Some(Outcome::Boots) => 0,
        Some(Outcome::Fails) => 1,
        Some(Outcome::Unknown) => 2,
        None => 3,
    };
    outcome | failed_at.map_or(0, |step| (step as u16).saturating_add(1)) << 2
}

/// What [`outcome_code`] makes of it; the wave in two bits more, the worst finding from 1 in three, whether it fails.
fn code(standing: &Standing) -> u16 {
    outcome_code(standing.outcome, standing.failed_at)
        | (standing.wave as u16) << 6
        | standing.worst.map_or(0, |worst| (worst as u16).saturating_add(1)) << 8
        | u16::from(standing.fails) << 11
}

/// The address of `page` from the folder `from`, which begins with a dot: it never is an address of another kind.
fn link(from: &Path, page: &Path) -> Option<String> {
    let page = std::path::absolute(page).ok()?;
    let shared = from.components().zip(page.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().count().saturating_sub(shared);
    let down: PathBuf = page.components().skip(shared).collect();
    let mut link = if up == 0 { ".".to_owned() } else { vec![".."; up].join("/") };
    for component in down.components() {
        let Component::Normal(name) = component else { return None };
        link.push('/');
        link.push_str(&percent_encoded(name.to_str()?));
    }
    Some(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_from_folder_to_page_and_is_never_a_command() {
        for (from, page, expected) in [
            ("/a", "/a/web1.html", "./web1.html"),
            ("/a/out", "/a/in/web 1.html", "../in/web%201.html"),
            ("/a", "/a/javascript:alert(1).html", "./javascript%3Aalert%281%29.html"),
            ("/", "/a/ü\"#?.html", "./a/%C3%BC%22%23%3F.html"),
        ] {
            assert_eq!(link(Path::new(from), Path::new(page)).as_deref(), Some(expected));
        }
    }

    #[test]
    fn data_does_not_end_its_element() {
        let json = serde_json::to_string("</script><!--\u{2028}\u{2029}").unwrap();
        let inert = inert(&json);
        assert!(inert.is_ascii() && !inert.contains('<'), "{inert}");
        assert_eq!(serde_json::from_str::<String>(&inert).unwrap(), "</script><!--\u{2028}\u{2029}");
    }

    #[test]
    fn steps_are_numbered_as_the_script_counts_them() {
        for (number, step) in STEPS.into_iter().enumerate() {
            assert_eq!(
                outcome_code(Some(Outcome::Fails), Some(step)) >> 2,
                u16::try_from(number + 1).unwrap()
            );
        }
    }
}
