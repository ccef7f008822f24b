//! What rules cost: as a share of a whole check, and with a thousand more of them.
//!
//! Prints ratios of medians, taken in turns in one run, and fails when one is above its limit. The system is
//! `BOOTPROOF_BENCH_SYSTEM`, a directory, or one of `testdata/systems`.

#![expect(clippy::disallowed_methods, reason = "makes rule files of its own")]
#![expect(clippy::expect_used, reason = "a bench that cannot start should stop")]
#![expect(clippy::print_stdout, reason = "prints what it measured")]

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bootproof::facts::{Facts, Limits};
use bootproof::rules::{Input, RuleSet};
use bootproof::simulate::{Boot, simulate};
use bootproof::source::Tree;
use bootproof::target::{Target, select};

include!(concat!(env!("OUT_DIR"), "/built_in_rules.rs"));

const ROUNDS: usize = 15;
/// Evaluating all rules, as a share of the whole check of a full server. The systems of the repository are too small for
/// it: there is little to read in them, and no fewer rules.
const SHARE_LIMIT: f64 = 0.10;
/// Loading and evaluating a thousand more rules.
const THOUSAND_LIMIT: Duration = Duration::from_secs(1);

struct System {
    tree: Tree,
    facts: Facts,
    targets: Vec<Target>,
    boots: Vec<Boot>,
}

impl System {
    fn read(path: &Path) -> Self {
        let tree = Tree::open_system(path).expect("the system can be opened");
        let targets = select(&[]).expect("the built-in targets are sound");
        let facts = Facts::gather(&tree, &Limits::default());
        let boots = simulate(&facts, &targets);
        Self { tree, facts, targets, boots }
    }

    fn input(&self) -> Input<'_> {
        Input { facts: &self.facts, targets: &self.targets, boots: &self.boots, tree: &self.tree }
    }
}

fn main() -> ExitCode {
    let given = std::env::var_os("BOOTPROOF_BENCH_SYSTEM");
    let is_server = given.is_some();
    let path = given.map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/systems/centos6-san-server"),
        PathBuf::from,
    );
    let system = System::read(&path);
    let rules = RuleSet::built_in().expect("the built-in rules are sound");
    let extra = thousand();

    let (mut reading, mut evaluating, mut loading, mut more) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        reading.push(timed(|| black_box(System::read(&path)).boots.len()));
        loading.push(timed(|| RuleSet::built_in().map(|rules| rules.rules().len()).unwrap_or_default()));
        evaluating.push(timed(|| rules.evaluate(&system.input()).findings.len()));
        more.push(timed(|| {
            let mut rules = RuleSet::empty().expect("the language is sound");
            rules.load_dir(extra.path()).expect("copies of sound rules are sound");
            rules.evaluate(&system.input()).findings.len()
        }));
    }
    let [reading, evaluating, loading, more] = [reading, evaluating, loading, more].map(median);
    let share = evaluating.as_secs_f64() / (reading + loading + evaluating).as_secs_f64();
    println!("reading and simulating {}: {reading:?}", path.display());
    println!("loading {} rules: {loading:?}", rules.rules().len());
    println!(
        "evaluating them: {evaluating:?}, {share:.3} of the whole check (limit {SHARE_LIMIT} on a full server)"
    );
    println!("loading and evaluating 1000 more: {more:?} (limit {THOUSAND_LIMIT:?})");
    ExitCode::from(u8::from((is_server && share > SHARE_LIMIT) || more > THOUSAND_LIMIT))
}

/// A folder with a thousand rules: the built-in ones, over and over, under other names.
fn thousand() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("there is room for rules");
    for (number, source) in (0..1000).zip(BUILT_IN.iter().map(|(_, source)| source).cycle()) {
        let id = source.lines().find(|line| line.starts_with("id:")).expect("a rule has an id");
        let name = format!("copy-{number}");
        let text = source.replacen(id, &format!("id: {name}"), 1);
        fs::write(folder.path().join(format!("{name}.yaml")), text).expect("a rule can be written");
    }
    folder
}

fn timed(work: impl FnOnce() -> usize) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
