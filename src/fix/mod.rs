//! The remedies of all findings of one system as one plan: which files change and how, which initrds are built anew, which
//! commands run, and what is left to a person.
//!
//! ```text
//! Findings ──  plan     each step to where it belongs, each once; several findings may change one file, even one line
//!   files      drafts of the files, by their real paths        parameters  a kernel parameter in every place that has it
//!   commands   what a script may run by itself                 draft       one file as lines and the changes of them
//!   ▼
//! Plan     ──  patch    unified diffs      script  the shell script      summary  both in words
//! ```
//!
//! Nothing of the system is written, and none of its programs is run. What cannot be done without a person is said, not tried.

mod commands;
mod draft;
mod files;
mod parameters;
mod patch;
mod script;
mod summary;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use self::files::{Files, NotEdited};
use crate::facts::Facts;
use crate::facts::initrds::Initrd;
use crate::finding::{Finding, Fix};
use crate::rebuild::{Builder, Rebuild, Setting};
use crate::report::{SystemSummary, TargetSummary, Tool};
use crate::rules::Input;
use crate::simulate::Boot;

pub use files::{FileChange, FileKind, Swap};
pub use script::script;
pub use summary::{PAGE_START, markdown, text};

/// Version of the plan's shape.
pub const SCHEMA: &str = "bootproof-fix/1";

/// What mends a system, in the order in which it is done.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Plan {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Name and version of the program.
    pub tool: Tool,
    /// The system that is to be mended.
    pub system: SystemSummary,
    /// The targets that it is mended for.
    pub targets: Vec<TargetSummary>,
    /// Files that change, by path.
    pub files: Vec<FileChange>,
    /// Initrds that are built anew.
    pub rebuilds: Vec<RebuildStep>,
    /// Commands that the script runs at the end.
    pub commands: Vec<CommandStep>,
    /// What a person has to do or to decide.
    pub by_hand: Vec<HandStep>,
}

/// An initrd to build anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RebuildStep {
    /// Its path, relative to the root.
    pub initrd: String,
    /// The kernel release that it is for.
    pub release: String,
    /// Modules that it has to have.
    pub drivers: Vec<String>,
    /// What builds it.
    pub command: String,
    /// The rules whose findings it mends; empty where it follows from a change of what goes into it.
    pub cures: Vec<String>,
    /// Its size in bytes as it is; null if it is not there.
    pub size: Option<u64>,
    /// The program that builds it.
    #[serde(skip)]
    pub builder: Builder,
}

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CommandStep {
    /// One line or several.
    pub command: String,
    /// The rules whose findings it mends.
    pub cures: Vec<String>,
}

/// Something that is left to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HandStep {
    /// A sentence; null where the command says it all.
    pub text: Option<String>,
    /// A command, to look at before it is run.
    pub command: Option<String>,
    /// The rules whose findings ask for it.
    pub rules: Vec<String>,
}

/// Collects the steps of findings.
struct Planner<'a> {
    facts: &'a Facts,
    files: Files<'a>,
    rebuilds: Vec<Rebuild>,
    /// Rules by the initrd that they want built anew.
    rebuilt_for: BTreeMap<String, Vec<String>>,
    commands: Vec<CommandStep>,
    by_hand: Vec<HandStep>,
}

/// The plan that mends `findings` of the system in `input`.
#[must_use]
pub fn plan(input: &Input<'_>, findings: &[Finding]) -> Plan {
    let Input { facts, targets, boots, tree } = *input;
    let mut planner = Planner {
        facts,
        files: Files::of(tree),
        rebuilds: Vec::new(),
        rebuilt_for: BTreeMap::new(),
        commands: Vec::new(),
        by_hand: Vec::new(),
    };
    for finding in findings {
        for fix in &finding.fix {
            planner.step(&finding.rule, fix);
        }
    }
    planner.complete(boots);
    let size = |path: &str| facts.initrds.iter().find(|image| image.path == path).map(|image| image.size);
    let Planner { files, rebuilds, mut rebuilt_for, commands, mut by_hand, .. } = planner;
    let (files, refused) = files.finished();
    for (text, rule) in refused {
        hand(&mut by_hand, Some(text), None, &rule);
    }
    let step = |rebuild: Rebuild| RebuildStep {
        command: rebuild.command(),
        cures: rebuilt_for.remove(&rebuild.initrd).unwrap_or_default(),
        size: size(&rebuild.initrd),
        initrd: rebuild.initrd,
        release: rebuild.release,
        drivers: rebuild.drivers,
        builder: rebuild.builder,
    };
    Plan {
        schema: SCHEMA,
        tool: Tool::this(),
        system: SystemSummary { source: tree.origin().to_owned(), system: facts.system.clone() },
        targets: targets.iter().map(TargetSummary::from).collect(),
        files,
        rebuilds: rebuilds.into_iter().map(step).collect(),
        commands,
        by_hand,
    }
}

impl Planner<'_> {
    /// Puts one step of the rule's remedy to where it belongs.
    fn step(&mut self, rule: &str, fix: &Fix) {
        let done = match fix {
            Fix::Replace { at, with } => self.files.replace(at, with.as_deref(), rule),
            Fix::Append { path, text } => self.files.append(path, text, rule),
            Fix::Remove { path } => self.files.remove(path, rule),
            Fix::Cmdline { remove, add, command } => {
                if parameters::change(&mut self.files, self.facts, remove, add, rule) {
                    Ok(())
                } else {
                    Err(NotEdited(command.clone()))
                }
            }
            Fix::Rebuild { initrd, drivers, .. } => {
                self.rebuild(initrd, drivers, Some(rule));
                Ok(())
            }
            Fix::Command { command } => {
                self.command(command, rule);
                Ok(())
            }
            Fix::Advice { text } => {
                hand(&mut self.by_hand, Some(text.clone()), None, rule);
                Ok(())
            }
        };
        if let Err(NotEdited(reason)) = done {
            let command = fix.as_command();
            hand(&mut self.by_hand, (command.as_deref() != Some(&reason)).then_some(reason), command, rule);
        }
    }

    fn command(&mut self, command: &str, rule: &str) {
        if !commands::may_run_unattended(command) {
            return hand(&mut self.by_hand, None, Some(command.to_owned()), rule);
        }
        match self.commands.iter_mut().find(|known| known.command == command) {
            Some(known) => note(&mut known.cures, rule),
            None => {
                self.commands.push(CommandStep { command: command.to_owned(), cures: vec![rule.to_owned()] })
            }
        }
    }

    /// Builds the initrd anew, once for all who ask, with the drivers of all.
    fn rebuild(&mut self, initrd: &str, drivers: &[String], rule: Option<&str>) {
        let Some(wanted) = Rebuild::of(self.facts, initrd, drivers) else { return };
        if !self.has_modules(&wanted.release) {
            if let Some(rule) = rule {
                let text = format!(
                    "Build `/{initrd}` anew once the modules of kernel {} are there.",
                    wanted.release
                );
                hand(&mut self.by_hand, Some(text), None, rule);
            }
            return;
        }
        match self.rebuilds.iter_mut().find(|known| known.initrd == wanted.initrd) {
            Some(known) => known.add(&wanted.drivers),
            None => self.rebuilds.push(wanted),
        }
        if let Some(rule) = rule {
            note(self.rebuilt_for.entry(initrd.to_owned()).or_default(), rule);
        }
    }

    /// Whether an initrd can be built for the kernel, as far as the input says.
    fn has_modules(&self, release: &str) -> bool {
        let kernels = &self.facts.kernels;
        match kernels.iter().find(|kernel| kernel.release == release) {
            Some(kernel) => kernel.has_modules.get() != Some(&false),
            None => kernels.iter().all(|kernel| kernel.has_modules.get().is_none()),
        }
    }

    /// Has the builder put the drivers into the images to come, too.
    fn settings(&mut self) {
        let builders: Vec<Builder> = self.rebuilds.iter().map(|rebuild| rebuild.builder).collect();
        let mut done: Vec<Builder> = Vec::new();
        for builder in builders {
            if done.contains(&builder) {
                continue;
            }
            done.push(builder);
            let of_builder = self.rebuilds.iter().filter(|rebuild| rebuild.builder == builder);
            let mut drivers: Vec<String> = Vec::new();
            let mut rules: Vec<String> = Vec::new();
            for rebuild in of_builder {
                rebuild.drivers.iter().for_each(|driver| note(&mut drivers, driver));
                let asked = self.rebuilt_for.get(&rebuild.initrd).into_iter().flatten();
                asked.for_each(|rule| note(&mut rules, rule));
            }
            for setting in builder.settings(self.facts, &drivers) {
                for rule in &rules {
                    let done = match &setting {
                        Setting::Append { path, text } => self.files.append(path, text, rule),
                        Setting::Words { path, variable, words } => {
                            self.files.words(path, variable, words, rule)
                        }
                    };
                    if let Err(NotEdited(reason)) = done {
                        hand(&mut self.by_hand, Some(reason), None, rule);
                    }
                }
            }
        }
    }

    /// Adds what follows from what was asked for: further initrds, the drivers that they must not lose, and the settings.
    fn complete(&mut self, boots: &[Boot]) {
        let asked =
            |rebuilds: &[Rebuild]| rebuilds.iter().map(|rebuild| 1 + rebuild.drivers.len()).sum::<usize>();
        loop {
            let before = asked(&self.rebuilds);
            self.follow_edits();
            self.keep_drivers(boots);
            if asked(&self.rebuilds) == before {
                break;
            }
        }
        self.settings();
    }

    /// Builds anew what an edit makes out of date: images with a copy of a file that changes, and all images of a builder
    /// whose settings change.
    fn follow_edits(&mut self) {
        let changed = self.files.changed();
        let is_setting = |path: &String| BUILDER_SETTINGS.iter().any(|start| path.starts_with(start));
        let all =
            changed.iter().any(is_setting) || self.rebuilds.iter().any(|rebuild| !rebuild.drivers.is_empty());
        let has_copy = |image: &Initrd| {
            let copies = image.copies.get().map(Vec::as_slice).unwrap_or_default();
            copies.iter().any(|copy| changed.iter().any(|path| *path == *copy.at.path || *path == copy.path))
        };
        let stale = self.facts.initrds.iter().filter(|image| !image.is_kdump && !image.is_rescue);
        let stale: Vec<String> =
            stale.filter(|image| all || has_copy(image)).map(|image| image.path.clone()).collect();
        for initrd in stale {
            self.rebuild(&initrd, &[], None);
        }
    }

    /// Asks for the drivers of the targets' disks in images whose builder goes by the hardware that it runs on, which may be
    /// the old one or that of a rescue system.
    fn keep_drivers(&mut self, boots: &[Boot]) {
        for rebuild in &mut self.rebuilds {
            let image = self.facts.initrds.iter().find(|image| image.path == rebuild.initrd);
            let modules = image.and_then(|image| image.modules.get()).map(Vec::as_slice).unwrap_or_default();
            let is_general = image.is_some_and(|image| image.hostonly.get() == Some(&Some(false)));
            let is_of_image = |boot: &&Boot| boot.initrd.as_deref() == Some(rebuild.initrd.as_str());
            let wanted = boots.iter().filter(|_| !is_general).filter(is_of_image).flat_map(|boot| {
                // What the image has not as a module is built into the kernel.
                let kept = boot.disk.drivers.iter().filter(|driver| modules.contains(driver));
                boot.disk.missing.iter().chain(kept).map(ToString::to_string)
            });
            let wanted: Vec<String> = wanted.collect();
            rebuild.add(&wanted);
        }
    }
}

/// What the builders of initrds go by, beside what they copy.
const BUILDER_SETTINGS: [&str; 8] = [
    "etc/crypttab",
    "etc/dracut.conf",
    "etc/initramfs-tools/",
    "etc/mkinitcpio",
    "etc/modprobe.conf",
    "etc/modprobe.d/",
    "etc/sysconfig/kernel",
    "etc/sysconfig/mkinitrd",
];

/// Adds what is left to a person, once.
fn hand(steps: &mut Vec<HandStep>, text: Option<String>, command: Option<String>, rule: &str) {
    match steps.iter_mut().find(|known| known.text == text && known.command == command) {
        Some(known) => note(&mut known.rules, rule),
        None => steps.push(HandStep { text, command, rules: vec![rule.to_owned()] }),
    }
}

/// Adds a name to a list that has each once.
fn note(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

impl Plan {
    /// Whether there is nothing at all to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
            && self.rebuilds.is_empty()
            && self.commands.is_empty()
            && self.by_hand.is_empty()
    }

    /// Whether the script has anything to do.
    #[must_use]
    pub fn is_script_needed(&self) -> bool {
        !(self.files.is_empty() && self.rebuilds.is_empty() && self.commands.is_empty())
    }
}
