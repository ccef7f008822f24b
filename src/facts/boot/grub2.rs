//! Carries `grub.cfg` out as far as the input decides it, and collects the menu.
//!
//! A condition that the input does not decide (firmware, a key pressed) has all its branches carried out; a variable
//! that they leave different is unknown after it. Loops are not carried out.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::files::{BootFiles, Look};
use super::menu::{Action, Node};
use super::raw::Written;
use super::values::{Value, Variables, expand};
use super::{GrubFiles, GrubSearch, Stub, bls, condition, environment};
use crate::facts::command_line::{Piece, PlacedValue};
use crate::facts::{Found, Gather, Problem, ProblemKind};
use crate::parse::grub_cfg::{self, If, Menu, Statement, Word};
use crate::place::{Place, Span};

/// Statements carried out at most; a menu of a thousand entries needs some ten thousand.
const MAX_STEPS: u32 = 200_000;
/// Bytes that one command may expand to; the kernel takes a command line of 4,096 at most.
const MAX_COMMAND: usize = 64 * 1024;
/// Bytes of an expanded command that count as a step.
const BYTES_PER_STEP: usize = 256;
/// Nesting of functions and included files; the shells of distributions nest two deep.
const MAX_NESTING: u32 = 16;
/// Entries in all menus together.
const MAX_ENTRIES: usize = 4096;

/// What an entry's commands have asked for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) kernel: Option<Written>,
    pub(super) arguments: Vec<Value>,
    pub(super) initrds: Vec<Written>,
    pub(super) hypervisor: Option<Written>,
    pub(super) searched: Option<(String, Place)>,
    /// The device to look on, as last set or searched.
    pub(super) grub: GrubFiles,
}

/// Carries a script out.
pub(super) struct Runner<'a> {
    gather: &'a Gather<'a>,
    files: &'a BootFiles<'a>,
    pub(super) variables: Variables,
    functions: BTreeMap<String, Rc<[Statement]>>,
    menu: Vec<Node>,
    asked: Asked,
    path: Arc<str>,
    steps: u32,
    is_over_limit: bool,
    nesting: u32,
    entries: usize,
    /// How the configuration leads to another one.
    stub: Option<Stub>,
    /// A loop or an unknown command that may make entries was met.
    may_lack_entries: bool,
}

impl<'a> Runner<'a> {
    pub(super) fn new(gather: &'a Gather<'a>, files: &'a BootFiles<'a>) -> Self {
        Self {
            gather,
            files,
            variables: Variables::default(),
            functions: BTreeMap::new(),
            menu: Vec::new(),
            asked: Asked::default(),
            path: "".into(),
            steps: 0,
            is_over_limit: false,
            nesting: 0,
            entries: 0,
            stub: None,
            may_lack_entries: false,
        }
    }

    /// Carries out the configuration at `path`, and returns its menu; none if it cannot be read.
    pub(super) fn run_config(&mut self, path: &str) -> Option<Vec<Node>> {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for name in ["prefix", "config_directory"] {
            self.variables.insert(name.to_owned(), Value::known(format!("/{folder}"), Place::file(path)));
        }
        self.include(path)?;
        Some(std::mem::take(&mut self.menu))
    }

    /// Sets the variables of the environment block, and the default that it remembers, for entries that no script lists.
    pub(super) fn load_saved(&mut self) {
        for folder in ["/boot/grub2", "/boot/grub"] {
            self.variables.insert("prefix".to_owned(), Value::known(folder, Place::file("boot")));
            if self.load_environment(&[]) != Some(false) {
                break;
            }
        }
        if let Some(saved) = self.variables.get("saved_entry").cloned() {
            self.variables.insert("default".to_owned(), saved);
        }
    }

    /// The menu that a submenu's commands make.
    pub(super) fn run_submenu(&mut self, path: &Arc<str>, body: &[Statement]) -> Vec<Node> {
        let before = self.variables.clone();
        self.within(path, |runner| runner.run(body));
        self.variables = before;
        std::mem::take(&mut self.menu)
    }

    /// What an entry's commands ask for.
    pub(super) fn run_entry(&mut self, path: &Arc<str>, body: &[Statement]) -> Asked {
        let before = self.variables.clone();
        let (searched, grub) = (self.asked.searched.take(), std::mem::take(&mut self.asked.grub));
        let start = Asked { searched, grub, ..Asked::default() };
        self.asked = Asked { searched: start.searched.clone(), grub: start.grub.clone(), ..Asked::default() };
        self.within(path, |runner| runner.run(body));
        self.variables = before;
        std::mem::replace(&mut self.asked, start)
    }

    /// Whether every line of the menu is known: no loop and nothing unreadable was met.
    pub(super) fn knows_menu(&self) -> bool {
        !self.may_lack_entries && !self.is_over_limit
    }

    /// How the configuration leads to another one, if it does.
    pub(super) fn take_stub(&mut self) -> Option<Stub> {
        self.stub.take()
    }

    fn within<T>(&mut self, path: &Arc<str>, run: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.path, Arc::clone(path));
        let result = run(self);
        self.path = outer;
        result
    }

    fn include(&mut self, path: &str) -> Option<()> {
        if self.nesting >= MAX_NESTING {
            let message = format!("scripts include each other more than {MAX_NESTING} deep");
            self.gather.note(Problem { at: Place::file(path), kind: ProblemKind::OverLimit, message });
            return None;
        }
        let file = self.gather.read(path).present()?;
        let (statements, mistakes) = grub_cfg::parse(&file.bytes);
        for mistake in mistakes {
            let at = mistake.span.at(&file.path);
            self.gather.note(Problem { at, kind: ProblemKind::Malformed, message: mistake.message });
        }
        self.nesting += 1;
        self.within(&file.path, |runner| runner.run(&statements));
        self.nesting -= 1;
        Some(())
    }

    /// Carries statements out; the last one's result, none if the input does not say.
    fn run(&mut self, statements: &[Statement]) -> Option<bool> {
        let mut result = Some(true);
        for statement in statements {
            self.spend(1);
            if self.steps > MAX_STEPS {
                if !std::mem::replace(&mut self.is_over_limit, true) {
                    let at = Place::file(Arc::clone(&self.path));
                    let message = format!("the script has more than {MAX_STEPS} steps; the rest is not read");
                    self.gather.note(Problem { at, kind: ProblemKind::OverLimit, message });
                }
                return None;
            }
            result = match statement {
                Statement::Command(words) => self.command(words),
                Statement::If(decision) => self.decide(&decision.branches, decision),
                Statement::Loop(_) => {
                    self.may_lack_entries = true;
                    None
                }
                Statement::Function { name, body } => {
                    self.functions.insert(name.clone(), body.as_slice().into());
                    Some(true)
                }
                Statement::Menu(menu) => self.add(menu),
            };
        }
        result
    }

    fn decide(&mut self, branches: &[(Vec<Statement>, Vec<Statement>)], decision: &If) -> Option<bool> {
        let Some(((condition, body), rest)) = branches.split_first() else {
            return self.run(&decision.otherwise);
        };
        match self.run(condition) {
            Some(true) => self.run(body),
            Some(false) => self.decide(rest, decision),
            None => {
                let before = self.variables.clone();
                self.run(body);
                let taken = std::mem::replace(&mut self.variables, before);
                self.decide(rest, decision);
                let needs = format!("the outcome of a condition in `{}`", self.path);
                self.variables.merge(&taken, &needs, &Place::file(Arc::clone(&self.path)));
                // Comparing costs as much as there are variables.
                self.steps =
                    self.steps.saturating_add(u32::try_from(self.variables.len()).unwrap_or(u32::MAX));
                None
            }
        }
    }

    fn add(&mut self, menu: &Menu) -> Option<bool> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return None;
        }
        let fields = self.fields(&menu.words);
        let Some((title, id, is_restricted)) = title_and_id(&fields) else {
            self.may_lack_entries = true;
            return None;
        };
        let body: Rc<[Statement]> = menu.body.as_slice().into();
        let path = Arc::clone(&self.path);
        let action = if menu.is_submenu { Action::Submenu(path, body) } else { Action::Script(path, body) };
        self.menu.push(Node {
            id: id.unwrap_or_else(|| title.clone()),
            title,
            at: menu.span.at(&self.path),
            is_restricted,
            action,
        });
        Some(true)
    }

    /// The fields that a command's words become, as far as they fit into [`MAX_COMMAND`].
    fn fields(&mut self, words: &[Word]) -> Vec<Value> {
        let mut fields = Vec::new();
        let mut length = 0;
        for word in words {
            let more = expand(word, &self.path, &self.variables);
            // A stretch costs memory even if it is short.
            length += more.iter().map(|field| field.len() + 16 * field.pieces.len()).sum::<usize>();
            if length > MAX_COMMAND {
                break;
            }
            fields.extend(more);
        }
        self.spend(length / BYTES_PER_STEP);
        fields
    }

    fn spend(&mut self, steps: usize) {
        self.steps = self.steps.saturating_add(u32::try_from(steps).unwrap_or(u32::MAX));
    }

    fn command(&mut self, words: &[Word]) -> Option<bool> {
        let fields = self.fields(words);
        let (first, arguments) = fields.split_first()?;
        let name = first.known_text()?;
        match name.as_str() {
            "set" => self.assign(arguments.first()?),
            "unset" => {
                for argument in arguments {
                    self.variables.remove(&argument.text());
                }
                Some(true)
            }
            "[" | "test" => {
                let arguments = match arguments.split_last() {
                    Some((last, rest)) if name == "[" && last.text() == "]" => rest,
                    _ => arguments,
                };
                condition::evaluate(arguments, self.files)
            }
            "!" => self.command(words.get(1..)?).map(|result| !result),
            "true" | "export" | "insmod" | "echo" => Some(true),
            "false" => Some(false),
            "load_env" => self.load_environment(arguments),
            "source" | "." | "configfile" | "extract_entries_source" => {
                self.note_stub(&name);
                let Look::File(path, _) = self.files.look(&arguments.first()?.text()) else { return None };
                self.include(&path).map(|()| true)
            }
            "blscfg" | "bls_import" => {
                let mut nodes = bls::nodes(self.gather, &self.variables);
                for node in &mut nodes {
                    if let Action::Bls(raw) = &mut node.action {
                        raw.grub = Some(GrubFiles { command: "linux".to_owned(), ..self.asked.grub.clone() });
                    }
                }
                self.menu.extend(nodes);
                Some(true)
            }
            _ if name.starts_with("search") => self.search(&name, arguments),
            _ if self.functions.contains_key(&name) => self.call(&name, arguments),
            _ if name.contains('=') => self.assign(first),
            _ => self.load(&name, arguments),
        }
    }

    fn assign(&mut self, field: &Value) -> Option<bool> {
        let text = field.text();
        let (name, _) = text.split_once('=')?;
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            return None;
        }
        let value = field.without_start(name.len() + 1);
        if name == "root" {
            let known = value.known_text().zip(value.place());
            self.asked.grub.root = known.map(|(value, at)| PlacedValue { value, at });
            self.asked.grub.search = None;
        }
        self.variables.insert(name.to_owned(), value);
        Some(true)
    }

    /// Remembers how a configuration on the EFI system partition leads to another one.
    fn note_stub(&mut self, command: &str) {
        let is_on_efi = self.path.starts_with("boot/efi/") || self.path.starts_with("efi/");
        if is_on_efi && self.nesting == 1 && self.stub.is_none() {
            let prefix = self.variables.get("prefix").map(Value::text).unwrap_or_default();
            let grub = GrubFiles { command: command.to_owned(), kernel: prefix, ..self.asked.grub.clone() };
            self.stub = Some(Stub { at: Place::file(Arc::clone(&self.path)), grub });
        }
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Option<bool> {
        if self.nesting >= MAX_NESTING {
            return None;
        }
        let body = self.functions.get(name).map(Rc::clone)?;
        for (index, argument) in arguments.iter().enumerate().take(9) {
            self.variables.insert((index + 1).to_string(), argument.clone());
        }
        self.nesting += 1;
        let result = self.run(&body);
        self.nesting -= 1;
        result
    }

    /// `load_env [-f FILE] [VARIABLE...]`.
    fn load_environment(&mut self, arguments: &[Value]) -> Option<bool> {
        let mut wanted: Vec<String> = arguments.iter().map(Value::text).collect();
        wanted.retain(|argument| !matches!(argument.as_str(), "-s" | "--skip-sig"));
        let file = match wanted.iter().position(|argument| matches!(argument.as_str(), "-f" | "--file")) {
            Some(index) => {
                let mut removed = wanted.drain(index..(index + 2).min(wanted.len()));
                removed.next_back()
            }
            None => Some(format!("{}/grubenv", self.variables.get("prefix")?.text())),
        };
        let (path, found) = match self.files.look(&file?) {
            Look::File(path, _) => {
                let found = environment::read(self.gather, &path);
                (path, found)
            }
            Look::Unreadable(path, needs) => (path, Found::Unreadable { needs }),
            Look::Absent => return Some(false),
        };
        let environment = match found {
            Found::Present(environment) => environment,
            Found::Absent => return Some(false),
            Found::Unreadable { needs } => {
                for name in ["saved_entry", "next_entry", "kernelopts", "tuned_params", "tuned_initrd"] {
                    self.variables.insert(name, Value::unknown(needs.clone(), Place::file(path.as_str())));
                }
                return None;
            }
        };
        for variable in environment.block.variables {
            if wanted.is_empty() || wanted.contains(&variable.name) {
                let at = variable.span.at(&environment.path);
                self.variables.insert(variable.name, Value::known(variable.value, at));
            }
        }
        Some(true)
    }

    /// `search --fs-uuid --set=root UUID` and `search.fs_uuid UUID root`.
    fn search(&mut self, command: &str, arguments: &[Value]) -> Option<bool> {
        let texts: Vec<String> = arguments.iter().map(Value::text).collect();
        let is_uuid = command == "search.fs_uuid"
            || texts.iter().any(|text| matches!(text.as_str(), "--fs-uuid" | "-u"));
        let mut variable = None;
        let mut sought = Vec::new();
        let mut options = texts.iter().zip(arguments).peekable();
        while let Some((text, argument)) = options.next() {
            match text.as_str() {
                "--set" => variable = options.next().map(|(text, _)| text.clone()),
                "--hint" => drop(options.next()),
                _ if text.starts_with("--set=") => variable = text.strip_prefix("--set=").map(str::to_owned),
                _ if text.starts_with('-') => {}
                _ => sought.push((text, argument)),
            }
        }
        if command.starts_with("search.") {
            variable = sought.get(1).map(|(text, _)| (*text).clone());
        }
        let (text, argument) = sought.first()?;
        let at = argument.place().unwrap_or_else(|| Span::line(1).at(&self.path));
        if is_uuid && argument.needs.is_none() {
            self.asked.searched = Some(((*text).clone(), at.clone()));
        }
        let variable = variable.unwrap_or_else(|| "root".to_owned());
        if variable == "root" {
            let has = |names: [&str; 2]| texts.iter().any(|text| names.contains(&text.as_str()));
            let by = match command {
                _ if is_uuid => "uuid",
                "search.fs_label" => "label",
                "search.file" | "search.fs_file" => "file",
                _ if has(["--label", "-l"]) => "label",
                _ => "file",
            };
            let known = argument.needs.is_none();
            self.asked.grub.search =
                known.then(|| GrubSearch { by: by.to_owned(), value: (*text).clone(), at: at.clone() });
        }
        let found = Value::unknown("the device that GRUB finds", at);
        self.variables.insert(variable, found);
        None
    }

    /// Commands that load kernel and initrds. Others have a result that only the running GRUB knows.
    fn load(&mut self, name: &str, arguments: &[Value]) -> Option<bool> {
        let written = |value: &Value| {
            let at = value.place().unwrap_or_else(|| Place::file(Arc::clone(&self.path)));
            Written { path: value.text(), at }
        };
        match name {
            "linux" | "linux16" | "linuxefi" | "kernel" | "xen_linux" => {
                let (kernel, rest) = arguments.split_first()?;
                self.asked.kernel = Some(written(kernel));
                self.asked.arguments = rest.to_vec();
                name.clone_into(&mut self.asked.grub.command);
            }
            "initrd" | "initrd16" | "initrdefi" | "xen_initrd" => {
                let files = arguments.iter().filter(|argument| !argument.text().starts_with("newc:"));
                self.asked.initrds = files.map(written).collect();
            }
            "multiboot" | "multiboot2" | "xen_hypervisor" => {
                self.asked.hypervisor = Some(written(arguments.first()?));
                self.asked.kernel = None;
                self.asked.initrds = Vec::new();
            }
            "module" | "module2" | "xen_module" => {
                let mut arguments = arguments.iter().filter(|argument| !argument.text().starts_with("--"));
                let file = written(arguments.next()?);
                if self.asked.kernel.is_none() {
                    self.asked.kernel = Some(file);
                    // Xen's own convention: a placeholder stands where the file's name would.
                    let rest = arguments.filter(|argument| argument.text() != "placeholder");
                    self.asked.arguments = rest.cloned().collect();
                } else {
                    self.asked.initrds.push(file);
                }
            }
            _ => return None,
        }
        Some(true)
    }
}

/// Title, `--id`, and whether only users may choose it, of a menu entry's words: options and their values may stand before
/// the title. Unless `--unrestricted` stands there, an entry is for users alone (grub-core/commands/menuentry.c).
fn title_and_id(fields: &[Value]) -> Option<(String, Option<String>, bool)> {
    let mut title = None;
    let mut id = None;
    let mut is_restricted = true;
    let mut fields = fields.iter().map(Value::text);
    while let Some(field) = fields.next() {
        match field.as_str() {
            "--id" => id = fields.next(),
            "--class" | "--users" | "--hotkey" | "--source" => drop(fields.next()),
            "--unrestricted" => is_restricted = false,
            _ if field.starts_with("--id=") => id = field.strip_prefix("--id=").map(str::to_owned),
            _ if field.starts_with("--") => {}
            _ if title.is_none() => title = Some(field),
            _ => {}
        }
    }
    title.map(|title| (title, id, is_restricted))
}

/// The pieces of the command line that GRUB hands to the kernel: a field with blanks is put into quotes, quotes and
/// backslashes get a backslash (grub-core/lib/cmdline.c). `Err` says what would settle an unknown part.
pub(super) fn command_line(arguments: &[Value]) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    for argument in arguments {
        if let Some(needs) = &argument.needs {
            return Err(needs.clone());
        }
        let has_blank = argument.text().contains(' ');
        let quote = |at: &Place| Piece { text: "\"".to_owned(), at: at.clone() };
        let Some(at) = argument.at() else { continue };
        if has_blank {
            pieces.push(quote(at));
        }
        pieces.extend(
            argument.pieces.iter().map(|piece| Piece { text: escaped(&piece.text), at: piece.at.clone() }),
        );
        if has_blank {
            pieces.push(quote(at));
        }
        pieces.push(Piece { text: " ".to_owned(), at: at.clone() });
    }
    Ok(pieces)
}

fn escaped(text: &str) -> String {
    if !text.contains(['\\', '\'', '"']) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for (index, character) in text.char_indices() {
        let is_code = text.get(index + 1..index + 4).is_some_and(|code| {
            code.strip_prefix('x').is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
        });
        if matches!(character, '\'' | '"') || (character == '\\' && !is_code) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
