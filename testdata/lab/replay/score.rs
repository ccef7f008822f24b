//! Compares predictions with what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bootproof::simulate::{Boot, DeviceBinding, Outcome, State};

use rayon::prelude::*;

use super::case::{Case, Machines};
use super::predict::{Disks, Inputs, Prediction, predict};

/// The steps that a class of the console leaves open: it shows that the boot stopped, not always where it went wrong.
const STEPS: [(&str, &[&str]); 8] = [
    ("no-device", &["disk-driver", "storage-stack", "root-device"]),
    ("mount-failed", &["root-filesystem", "root-device", "storage-stack"]),
    ("no-init", &["init", "root-filesystem"]),
    ("init-killed", &["init", "initrd", "root-filesystem"]),
    ("unpack-failed", &["initrd", "kernel"]),
    ("kernel-no-root", &["initrd", "disk-driver", "root-device", "root-filesystem", "storage-stack"]),
    ("switch-root-failed", &["init", "root-filesystem", "mounts"]),
    ("emergency", &["init", "mounts", "root-filesystem", "initrd", "root-device"]),
];

/// Classes where somebody has to type, or the machine is too small: an unknown that says so is a right answer.
const OPEN: [&str; 5] = ["hang", "passphrase", "shell", "oom", "panic"];

/// How a prediction compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Right,
    /// The prediction says that the input does not decide.
    Unknown,
    Wrong,
}

/// Whether the prediction is what happened.
pub fn verdict(case: &Case, boot: &Boot) -> Verdict {
    let allowed = STEPS.iter().find(|(class, _)| *class == case.cls).map(|(_, steps)| *steps);
    match boot.outcome {
        Outcome::Unknown if OPEN.contains(&case.cls.as_str()) => Verdict::Right,
        Outcome::Unknown => Verdict::Unknown,
        Outcome::Boots if case.booted() => Verdict::Right,
        Outcome::Fails if !case.booted() => {
            let step = boot.failed_at.unwrap().name();
            if allowed.is_none_or(|steps| steps.contains(&step)) { Verdict::Right } else { Verdict::Wrong }
        }
        _ => Verdict::Wrong,
    }
}

/// What was predicted, in a word: `boots`, `unknown` or the failing step.
pub fn word(boot: &Boot) -> String {
    match (boot.outcome, boot.failed_at) {
        (Outcome::Boots, _) => "boots".to_owned(),
        (Outcome::Unknown, _) => "unknown".to_owned(),
        (Outcome::Fails, step) => step.unwrap().name().to_owned(),
    }
}

/// The sentence of the step that decides.
pub fn reason(boot: &Boot) -> &str {
    let state = match boot.outcome {
        Outcome::Boots => return "",
        Outcome::Fails => State::Fails,
        Outcome::Unknown => State::Unknown,
    };
    boot.steps.iter().find(|step| step.state == state).map_or("", |step| &step.detail)
}

/// Predicted against real, each pair counted.
#[derive(Debug, Default)]
pub struct Confusion(BTreeMap<(String, String), usize>);

impl Confusion {
    pub fn add(&mut self, real: &str, predicted: &str) {
        *self.0.entry((real.to_owned(), predicted.to_owned())).or_default() += 1;
    }

    /// The table: a line for each class that happened, a column for each prediction.
    pub fn draw(&self) -> String {
        let columns: BTreeSet<&str> = self.0.keys().map(|(_, predicted)| predicted.as_str()).collect();
        let rows: BTreeSet<&str> = self.0.keys().map(|(real, _)| real.as_str()).collect();
        let mut table = format!("{:20}", "real \\ predicted");
        for column in &columns {
            write!(table, " {column:>15}").unwrap();
        }
        for row in rows {
            write!(table, "\n{row:20}").unwrap();
            for column in &columns {
                let count = self.0.get(&(row.to_owned(), (*column).to_owned())).copied().unwrap_or_default();
                write!(table, " {:>15}", if count > 0 { count.to_string() } else { ".".to_owned() }).unwrap();
            }
        }
        table
    }
}

/// How two sets agree: what was predicted and really so, only predicted, only real.
#[derive(Debug, Default, Clone)]
pub struct Agreement {
    pub both: usize,
    /// With the cases that show it.
    pub only_predicted: BTreeMap<String, Vec<String>>,
    pub only_real: BTreeMap<String, Vec<String>>,
}

impl Agreement {
    pub fn add(&mut self, case: &Case, predicted: &BTreeSet<String>, real: &BTreeSet<String>) {
        self.both += predicted.intersection(real).count();
        for name in predicted.difference(real) {
            self.only_predicted.entry(name.clone()).or_default().push(case.id.clone());
        }
        for name in real.difference(predicted) {
            self.only_real.entry(name.clone()).or_default().push(case.id.clone());
        }
    }

    pub fn precision(&self) -> f64 {
        share(self.both, self.only_predicted.values().map(Vec::len).sum())
    }

    pub fn recall(&self) -> f64 {
        share(self.both, self.only_real.values().map(Vec::len).sum())
    }

    pub fn draw(&self, what: &str) -> String {
        let names = |found: &BTreeMap<String, Vec<String>>| {
            let line = |(name, cases): (&String, &Vec<String>)| format!("\n    {name}: {}", cases.join(" "));
            let lines: String = found.iter().map(line).collect();
            if lines.is_empty() { "none".to_owned() } else { lines }
        };
        format!(
            "{what}: precision {:.1} %, recall {:.1} %\n  only predicted: {}\n  only real: {}",
            100.0 * self.precision(),
            100.0 * self.recall(),
            names(&self.only_predicted),
            names(&self.only_real)
        )
    }
}

fn share(hits: usize, misses: usize) -> f64 {
    if hits + misses == 0 { 1.0 } else { hits as f64 / (hits + misses) as f64 }
}

/// What scoring all cases gave.
#[derive(Debug, Default)]
pub struct Report {
    pub cases: usize,
    pub right: usize,
    /// Case, what was said, what was so.
    pub wrong: Vec<(String, String, String)>,
    pub unknown: Vec<(String, String)>,
    pub confusion: Confusion,
    /// Drivers of the devices on the way to the disk, of the boots that came up.
    pub way: Agreement,
    /// Drivers of all devices on buses where modules answer to modaliases.
    pub devices: Agreement,
    /// Modules that the devices on the way to the disk bring, against all that were loaded.
    pub modules: Agreement,
}

impl Report {
    /// Nothing wrong, at most 3 % unknown, and the drivers on the way to the disk just those that really bound.
    pub fn is_right(&self) -> bool {
        let exact =
            |agreement: &Agreement| agreement.only_predicted.is_empty() && agreement.only_real.is_empty();
        self.wrong.is_empty()
            && self.unknown.len() * 100 <= self.cases * 3
            && exact(&self.way)
            && self.modules.only_predicted.is_empty()
    }
}

/// Buses whose drivers udev loads by modalias; on others (platform, the keyboard's) they are built in or probe.
const BUSES: [&str; 6] = ["pci", "virtio", "scsi", "usb", "mmc", "sdio"];

impl Report {
    /// Predicted and real drivers of a boot that came up; a device is told by its modalias.
    fn compare_drivers(&mut self, case: &Case, bindings: &[DeviceBinding]) {
        // usbcore's driver of hubs is called after them.
        let pair = |modalias: &str, driver: &str| {
            format!("{} of {modalias}", driver.replace('-', "_").replace("usbcore", "hub"))
        };
        let on_bus = |modalias: &str| BUSES.iter().any(|bus| modalias.split(':').next() == Some(bus));
        let driven = |binding: &&DeviceBinding| binding.driver_name.is_some() && on_bus(&binding.modalias);
        let predicted = |on_way: bool| -> BTreeSet<String> {
            let bindings = bindings.iter().filter(driven).filter(|binding| !on_way || binding.on_boot_path);
            bindings.map(|binding| pair(&binding.modalias, binding.driver_name.as_deref().unwrap())).collect()
        };
        let way: BTreeSet<&str> = bindings
            .iter()
            .filter(|binding| binding.on_boot_path)
            .map(|binding| binding.modalias.as_str())
            .collect();
        let devices = case.devices.iter().filter(|device| on_bus(&device.modalias));
        let real = |on_way: bool| -> BTreeSet<String> {
            let devices = devices.clone().filter(|device| !on_way || way.contains(device.modalias.as_str()));
            devices.filter_map(|device| Some(pair(&device.modalias, device.driver.as_deref()?))).collect()
        };
        self.way.add(case, &predicted(true), &real(true));
        self.devices.add(case, &predicted(false), &real(false));
        let brought =
            bindings.iter().filter(|binding| binding.on_boot_path).flat_map(|binding| &binding.modules);
        let brought: BTreeSet<String> = brought.map(ToString::to_string).collect();
        let loaded: BTreeSet<String> = case.loaded_modules.iter().cloned().collect();
        self.modules.add(case, &brought, &loaded.intersection(&brought).cloned().collect());
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (id, said, was) in &self.wrong {
            writeln!(out, "WRONG    {id}\n    said {said}\n    was  {was}")?;
        }
        for (id, said) in &self.unknown {
            writeln!(out, "UNKNOWN  {id}\n    {said}")?;
        }
        writeln!(out, "{}", self.confusion.draw())?;
        writeln!(out, "{}", self.way.draw("drivers on the way to the disk"))?;
        writeln!(out, "{}", self.devices.draw("drivers of all devices"))?;
        writeln!(out, "{}", self.modules.draw("modules that the way to the disk brings"))?;
        let Self { cases, right, wrong, unknown, .. } = self;
        write!(out, "{cases} boots: {right} right, {} wrong, {} unknown", wrong.len(), unknown.len())
    }
}

/// Predicts every case and compares.
pub fn score(cases: &[Case], inputs: &(dyn Fn(&Case) -> Inputs + Sync)) -> Report {
    let disks = Disks::load(&super::main_part().join("disks.json"));
    let machines = Machines::new(cases);
    let one = |case: &Case| predict(case, &inputs(case), &disks, &machines.target(case));
    let predictions: Vec<Prediction> = cases.par_iter().map(one).collect();
    let mut report = Report { cases: cases.len(), ..Report::default() };
    for (case, prediction) in cases.iter().zip(&predictions) {
        let boot = &prediction.boot;
        if case.booted() {
            report.compare_drivers(case, &prediction.bindings);
        }
        report.confusion.add(&case.cls, &word(boot));
        match verdict(case, boot) {
            Verdict::Right => report.right += 1,
            Verdict::Unknown => report.unknown.push((case.id.clone(), reason(boot).to_owned())),
            Verdict::Wrong => report.wrong.push((
                case.id.clone(),
                format!("{}: {}", word(boot), reason(boot)),
                format!("{}: {}", case.cls, case.why),
            )),
        }
    }
    report
}
