//! The signatures: `rules/console/*.yaml`, checked when they are loaded.

use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;

use super::literal;
use super::log::LogNames;
use super::scan::Search;
use super::segfault;
use crate::rules::RuleError;
use crate::rules::phrase::{Condition, Draft, Phrases, Templates, mistake, unreadable};

include!(concat!(env!("OUT_DIR"), "/built_in_signatures.rs"));

/// The step of the boot that a signature is about: those of the boot simulation, and what runs afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// BIOS or UEFI finds a loader.
    Firmware,
    /// The loader finds its files.
    Loader,
    /// The kernel starts.
    Kernel,
    /// The initrd is unpacked and runs.
    Initrd,
    /// A driver binds the boot disk's controller.
    DiskDriver,
    /// Partitions, dm, LVM, md, LUKS and multipath turn disks into the root volume.
    StorageStack,
    /// `root=` names something that exists.
    RootDevice,
    /// The root file system is mounted.
    RootFilesystem,
    /// An init runs.
    Init,
    /// The mounts of fstab.
    Mounts,
    /// The network comes up.
    Network,
    /// What runs when the system is up.
    Service,
}

/// Whether a signature is a reason or a consequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Something that has to be mended.
    Cause,
    /// Something that follows from a cause.
    Symptom,
}

/// One signature. The file is named after its id: `rules/console/<id>.yaml`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A log signature of bootproof")]
pub(super) struct SignatureFile {
    /// Kebab-case; names what happened. The same as the file's name.
    #[schemars(with = "String", regex(pattern = r"^[a-z0-9]+(-[a-z0-9]+)*$"))]
    id: Spanned<String>,
    /// What happened, in a few words; no full stop.
    #[schemars(with = "String")]
    title: Spanned<String>,
    /// The step of the boot that it is about.
    step: Step,
    /// Whether it is a reason or a consequence.
    role: Role,
    /// Whether the boot ends here.
    #[serde(default)]
    stops: bool,
    /// Entries of the failure-mode catalogue and the field notes that it decides.
    #[serde(default)]
    decides: Vec<String>,
    /// Regular expressions: each line in which one of them matches shows it. Their named captures are names. Left out:
    /// it is concluded from `when` alone, once something that it `explains` was found.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    lines: Vec<Spanned<String>>,
    /// Regular expressions of lines that came before, in this order.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    after: Vec<Spanned<String>>,
    /// Regular expressions: a line in which one matches does not show it.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    unless: Vec<Spanned<String>>,
    /// Regular expressions of lines that must be nowhere in the same boot.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    without: Vec<Spanned<String>>,
    /// Captures that keep findings apart: one for each value. Left out: one for all lines.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    per: Vec<Spanned<String>>,
    /// How many lines there have to be.
    #[serde(default = "one")]
    at_least: u64,
    /// What is worked out from the captures: `segfault` decodes the kernel's line.
    #[serde(default)]
    decode: Option<Decode>,
    /// CEL over `log` and the captures: whether it is so.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    when: Option<Spanned<String>>,
    /// CEL: numbers of the lines that show a conclusion.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    show: Option<Spanned<String>>,
    /// Tera: what it means here, in one sentence.
    #[schemars(with = "String")]
    means: Spanned<String>,
    /// Tera: what the log does not say, and what would settle it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    unsaid: Option<Spanned<String>>,
    /// Ids of the signatures that follow from this one.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    explains: Vec<Spanned<String>>,
    /// Ids: where one of these is found, this is not it.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    not_with: Vec<Spanned<String>>,
    /// Ids of the rules that tell it beforehand.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    rules: Vec<Spanned<String>>,
    /// How to mend it, step by step; a consequence needs none.
    #[serde(default)]
    fix: Vec<FixStep>,
    /// Sources: man pages, documents, files of the kernel.
    #[serde(default)]
    refs: Vec<String>,
}

/// What is worked out from captures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Decode {
    /// `address`, `ip`, `error`, `base` of a line that the kernel writes for a fault of a program: gives `access`,
    /// `reason`, `mode` and `offset`.
    Segfault,
}

/// One step of a remedy: either `command` or `advice`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FixStep {
    /// CEL: whether the step applies. Left out: always.
    #[serde(default, rename = "if")]
    #[schemars(with = "Option<String>")]
    condition: Option<Spanned<String>>,
    /// Tera: a shell command.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    command: Option<Spanned<String>>,
    /// Tera: something to do that is none, in a sentence.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    advice: Option<Spanned<String>>,
}

fn one() -> u64 {
    1
}

/// A signature that passed all checks.
#[derive(Debug)]
pub struct Signature {
    /// Kebab-case; names what happened.
    pub id: String,
    /// What happened, in a few words.
    pub title: String,
    /// The step of the boot.
    pub step: Step,
    /// Reason or consequence.
    pub role: Role,
    /// Whether the boot ends here.
    pub stops: bool,
    /// Entries of the catalogue that it decides.
    pub decides: Vec<String>,
    /// Ids of what follows from it.
    pub explains: Vec<String>,
    /// Ids of the rules that tell it beforehand.
    pub rules: Vec<String>,
    /// Sources.
    pub refs: Vec<String>,
    pub(super) lines: Vec<Regex>,
    pub(super) after: Vec<Regex>,
    pub(super) unless: Vec<Regex>,
    pub(super) without: Vec<Regex>,
    pub(super) per: Vec<String>,
    pub(super) at_least: u64,
    pub(super) decode: Option<Decode>,
    pub(super) when: Option<Condition>,
    pub(super) show: Option<Condition>,
    pub(super) not_with: Vec<String>,
    pub(super) has_unsaid: bool,
    pub(super) fix: Vec<Remedy>,
    pub(super) templates: Templates,
    /// All names of captures, so that those of lines that have others are null.
    pub(super) captures: Vec<String>,
}

/// A step of the remedy.
#[derive(Debug)]
pub(super) struct Remedy {
    pub(super) condition: Option<Condition>,
    pub(super) template: String,
    pub(super) is_command: bool,
}

impl Signature {
    /// Whether it is concluded and not read.
    pub(super) fn is_inferred(&self) -> bool {
        self.lines.is_empty()
    }
}

/// Signatures that passed all checks.
pub struct Signatures {
    pub(super) list: Vec<Signature>,
    pub(super) phrases: Phrases,
    pub(super) search: Search,
}

impl std::fmt::Debug for Signatures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.list.iter().map(|signature| &signature.id)).finish()
    }
}

impl Signatures {
    /// Those that come with the program, and those in the folders `own`.
    ///
    /// # Errors
    /// Every mistake in every file.
    pub fn load(own: &[&Path]) -> Result<Self, Vec<RuleError>> {
        let phrases = Phrases::new::<LogNames>().map_err(|error| vec![error])?;
        let mut files: Vec<(String, String)> =
            BUILT_IN.iter().map(|(path, source)| ((*path).to_owned(), (*source).to_owned())).collect();
        for directory in own {
            read_own(directory, &mut files)?;
        }
        Self::of(&files, phrases)
    }

    /// Those of one folder alone, `DIR/console/*.yaml`: for tests of signatures that are being written.
    ///
    /// # Errors
    /// Every mistake in every file.
    pub fn of_folder(directory: &Path) -> Result<Self, Vec<RuleError>> {
        let phrases = Phrases::new::<LogNames>().map_err(|error| vec![error])?;
        let mut files = Vec::new();
        read_own(directory, &mut files)?;
        Self::of(&files, phrases)
    }

    fn of(files: &[(String, String)], phrases: Phrases) -> Result<Self, Vec<RuleError>> {
        let mut errors = Vec::new();
        let mut list: Vec<Signature> = Vec::new();
        let mut paths: BTreeMap<String, usize> = BTreeMap::new();
        for (index, (path, source)) in files.iter().enumerate() {
            match load(path, source, &phrases) {
                Ok(signature) => {
                    if let Some(known) =
                        paths.insert(signature.id.clone(), index).and_then(|known| files.get(known))
                    {
                        let message = format!("there is already a signature `{}`: {}", signature.id, known.0);
                        errors.push(mistake(path, source, &signature.id, message, None));
                    }
                    list.push(signature);
                }
                Err(mistakes) => errors.extend(mistakes),
            }
        }
        if errors.is_empty() {
            for signature in &list {
                let Some((path, source)) = paths.get(&signature.id).and_then(|index| files.get(*index))
                else {
                    continue;
                };
                for id in
                    signature.explains.iter().chain(&signature.not_with).filter(|id| !paths.contains_key(*id))
                {
                    errors.push(mistake(path, source, id, format!("there is no signature `{id}`"), None));
                }
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        list.sort_by(|a, b| a.step.cmp(&b.step).then_with(|| a.id.cmp(&b.id)));
        let search = Search::new(&list).map_err(|error| vec![unreadable("the signatures", &error)])?;
        Ok(Self { list, phrases, search })
    }

    /// The signatures, by step and id.
    #[must_use]
    pub fn list(&self) -> &[Signature] {
        &self.list
    }
}

/// The JSON schema of a signature file, for editors.
#[must_use]
pub fn schema() -> Schema {
    schemars::schema_for!(SignatureFile)
}

/// Reads the signatures among a user's own rules: `DIR/console/*.yaml`.
#[expect(clippy::disallowed_methods, reason = "the user's own signatures are no part of the audited system")]
fn read_own(directory: &Path, files: &mut Vec<(String, String)>) -> Result<(), Vec<RuleError>> {
    let directory = directory.join("console");
    if !directory.is_dir() {
        return Ok(());
    }
    let unreadable =
        |path: &Path, error: &dyn std::fmt::Display| vec![unreadable(&path.display().to_string(), error)];
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&directory).map_err(|error| unreadable(&directory, &error))? {
        let path = entry.map_err(|error| unreadable(&directory, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    for path in paths {
        let source = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        files.push((path.display().to_string(), source));
    }
    Ok(())
}

/// Names that every signature has beside `log` and its captures.
pub(super) const NUMBERS: [&str; 3] = ["count", "line", "seconds"];
/// The same, texts.
pub(super) const TEXTS: [&str; 2] = ["rate", "clock"];

fn load(path: &str, source: &str, phrases: &Phrases) -> Result<Signature, Vec<RuleError>> {
    let stem =
        Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut draft = Draft::new(path, source, phrases);
    let Some(file) = draft.read::<SignatureFile>() else {
        return Err(draft.finish().err().unwrap_or_default());
    };
    draft.identity(&file.id, &stem);
    for name in NUMBERS {
        draft.declare_number(name);
    }
    for name in TEXTS {
        draft.declare_text(name);
    }
    let lines = expressions(&mut draft, &file.lines);
    let after = expressions(&mut draft, &file.after);
    let mut captures: Vec<String> = Vec::new();
    for expression in lines.iter().chain(&after) {
        captures.extend(expression.capture_names().flatten().map(ToOwned::to_owned));
    }
    captures.sort();
    captures.dedup();
    let decoded = if file.decode == Some(Decode::Segfault) { &segfault::NAMES[..] } else { &[] };
    for name in captures.iter().map(String::as_str).chain(decoded.iter().copied()) {
        draft.declare_text(name);
    }
    // What is concluded knows what was captured where its consequence shows.
    if file.lines.is_empty() {
        draft.declare_text("device");
    }
    check(&mut draft, &file);
    let fix =
        file.fix.iter().enumerate().map(|(index, step)| remedy(&mut draft, &file.id, step, index)).collect();
    let when = file.when.as_ref().and_then(|when| draft.condition(when));
    let show = file.show.as_ref().and_then(|show| draft.numbers(show));
    draft.template("means", &file.means);
    if let Some(unsaid) = &file.unsaid {
        draft.template("unsaid", unsaid);
    }
    let unless = compiled(&mut draft, &file.unless);
    let without = expressions(&mut draft, &file.without);
    let values = |list: Vec<Spanned<String>>| list.into_iter().map(|text| text.value).collect::<Vec<_>>();
    Ok(Signature {
        id: file.id.value,
        title: file.title.value,
        step: file.step,
        role: file.role,
        stops: file.stops,
        decides: file.decides,
        explains: values(file.explains),
        rules: values(file.rules),
        refs: file.refs,
        lines,
        after,
        unless,
        without,
        per: values(file.per),
        at_least: file.at_least,
        decode: file.decode,
        when,
        show,
        not_with: values(file.not_with),
        has_unsaid: file.unsaid.is_some(),
        fix,
        templates: draft.finish()?,
        captures,
    })
}

/// What the parts have to have to do with each other.
fn check(draft: &mut Draft<'_>, file: &SignatureFile) {
    if file.title.value.trim().is_empty() {
        draft.error(&file.title, "a title is needed here", None);
    }
    if file.lines.is_empty() && (file.when.is_none() || file.explains.is_empty()) {
        let help = "give `lines`, or `when` and `explains`".to_owned();
        draft.error(&file.id, "nothing says when this is so", Some(help));
    }
    if file.role == Role::Cause && file.fix.is_empty() {
        draft.error(&file.id, "a cause says how it is mended: `fix`", None);
    }
    for name in &file.per {
        if !draft.is_declared(&name.value) {
            draft.error(name, format!("no line captures a `{}`", name.value), None);
        }
    }
}

fn remedy(draft: &mut Draft<'_>, id: &Spanned<String>, step: &FixStep, index: usize) -> Remedy {
    let template = format!("fix/{index}");
    let condition = step.condition.as_ref().and_then(|condition| draft.condition(condition));
    match (&step.command, &step.advice) {
        (Some(command), None) => draft.command(&template, command),
        (None, Some(advice)) => draft.template(&template, advice),
        _ => {
            let number = index.saturating_add(1);
            draft.error(
                id,
                format!("step {number} of `fix` is not exactly one of `command` and `advice`"),
                None,
            );
        }
    }
    Remedy { condition, template, is_command: step.command.is_some() }
}

/// Compiles expressions that are searched for; each needs fixed text, so that a long log can be searched for that.
fn expressions(draft: &mut Draft<'_>, texts: &[Spanned<String>]) -> Vec<Regex> {
    let expressions = compiled(draft, texts);
    for text in texts {
        if Regex::new(&text.value).is_ok() && literal::required(&text.value).is_none() {
            let message = format!(
                "holds no fixed text of {} characters, so that every line of a log would be tried",
                literal::SHORTEST
            );
            draft.error(text, message, Some("write the words out, as the program does".to_owned()));
        }
    }
    expressions
}

fn compiled(draft: &mut Draft<'_>, texts: &[Spanned<String>]) -> Vec<Regex> {
    let mut compiled = Vec::new();
    for text in texts {
        match Regex::new(&text.value) {
            Ok(expression) => compiled.push(expression),
            Err(error) => {
                let message = match &error {
                    regex::Error::Syntax(text) => {
                        text.lines().last().unwrap_or_default().replace("error: ", "")
                    }
                    other => other.to_string(),
                };
                draft.error(text, format!("is no regular expression: {message}"), None);
            }
        }
    }
    compiled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(source: &str) -> Vec<String> {
        let phrases = Phrases::new::<LogNames>().unwrap();
        match Signatures::of(&[("rules/console/x.yaml".to_owned(), source.to_owned())], phrases) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn the_built_in_ones_are_right() {
        if let Err(errors) = Signatures::load(&[]) {
            panic!("{errors:#?}");
        }
    }

    #[test]
    fn mistakes_are_told_with_line_and_column() {
        let head = "id: x\ntitle: T\nstep: kernel\nrole: symptom\n";
        for (body, told) in [
            ("lines: ['Kernel (panic']\nmeans: m\n", "x.yaml:5:9: is no regular expression: unclosed group"),
            ("lines: ['\\S+: \\d+']\nmeans: m\n", "x.yaml:5:9: holds no fixed text of 4 characters"),
            ("lines: ['Kernel panic']\nmeans: 'is {{ devise }}'\n", "x.yaml:6:15: there is no `devise`"),
            (
                "lines: ['Kernel panic']\nwhen: log.diskz == null\nmeans: m\n",
                "x.yaml:6:11: `Log` has no field `diskz`",
            ),
            ("lines: ['Kernel panic']\nmeans: m\nper: [device]\n", "x.yaml:7:7: no line captures a `device`"),
            (
                "lines: ['Kernel panic']\nmeans: m\nexplains: [gone-id]\n",
                "x.yaml:7:12: there is no signature `gone-id`",
            ),
            ("means: m\n", "x.yaml:1:5: nothing says when this is so"),
            ("lines: ['Kernel panic']\nmeans: m\nrank: 3\n", "unknown field"),
        ] {
            let told_us = mistakes(&format!("{head}{body}")).join("\n");
            assert!(told_us.contains(told), "{body}: {told_us}");
        }
        assert_eq!(mistakes(&format!("{head}lines: ['Kernel panic']\nmeans: m\n")), [""; 0]);
    }
}
