//! GRUB's environment block, and `etc/default/grub`.

use std::sync::Arc;

use super::{GrubDefaults, GrubEnvironment};
use crate::facts::command_line::{CommandLine, Piece, PlacedValue};
use crate::facts::{Found, Gather, Problem, ProblemKind};
use crate::parse::grubenv::{self, EnvironmentBlock, Trouble};
use crate::parse::lines::{Field, lines};
use crate::place::{Place, Span};
use crate::source::LookupError;

/// Where GRUB keeps its environment block; the first that is there counts.
const PATHS: [&str; 2] = ["boot/grub2/grubenv", "boot/grub/grubenv"];

/// The environment block as read, for scripts that load it.
pub(super) struct Environment {
    pub(super) path: Arc<str>,
    pub(super) block: EnvironmentBlock,
}

/// The environment block at `path`. A dangling link counts as absent, as for GRUB.
pub(super) fn read(gather: &Gather<'_>, path: &str) -> Found<Environment> {
    gather
        .read(path)
        .map(|file| Environment { path: Arc::clone(&file.path), block: grubenv::parse(&file.bytes) })
}

/// The system's environment block as a fact.
pub(super) fn gather(gather: &Gather<'_>) -> Option<GrubEnvironment> {
    for path in PATHS {
        match read(gather, path) {
            Found::Present(environment) => return Some(fact(gather, &environment)),
            Found::Unreadable { .. } => return None,
            Found::Absent if is_dangling(gather, path) => return Some(dangling(path)),
            Found::Absent => {}
        }
    }
    None
}

fn is_dangling(gather: &Gather<'_>, path: &str) -> bool {
    !matches!(gather.tree.symlink_metadata(path), Err(LookupError::Absent { .. }))
}

fn dangling(path: &str) -> GrubEnvironment {
    GrubEnvironment {
        at: Place::file(path),
        is_corrupt: false,
        is_dangling: true,
        trouble: Some("it is a link to a file that is not there".to_owned()),
        saved_entry: None,
        next_entry: None,
        kernelopts: None,
    }
}

fn fact(gather: &Gather<'_>, environment: &Environment) -> GrubEnvironment {
    let Environment { path, block } = environment;
    let at = Place::file(Arc::clone(path));
    if let Some(trouble) = block.trouble {
        let message = format!("GRUB's environment block is damaged: {}", trouble.phrase());
        gather.note(Problem { at: at.clone(), kind: ProblemKind::Malformed, message });
    }
    let value = |name: &str| {
        let variable = block.variables.iter().find(|variable| variable.name == name);
        let variable = variable.filter(|variable| !variable.value.is_empty());
        variable.map(|variable| PlacedValue { value: variable.value.clone(), at: variable.span.at(path) })
    };
    let kernelopts = value("kernelopts");
    GrubEnvironment {
        at,
        is_corrupt: matches!(
            block.trouble,
            Some(Trouble::Empty | Trouble::NoSignature | Trouble::Unfinished)
        ),
        is_dangling: false,
        trouble: block.trouble.map(Trouble::phrase),
        saved_entry: value("saved_entry"),
        next_entry: value("next_entry"),
        kernelopts: kernelopts
            .map(|PlacedValue { value, at }| CommandLine::of_pieces(&[Piece { text: value, at }])),
    }
}

/// `etc/default/grub`, the shell script that grub-mkconfig sources, and after it the files of `etc/default/grub.d`
/// (Debian): their plain assignments.
pub(super) fn defaults(gather: &Gather<'_>) -> Option<GrubDefaults> {
    let main = gather.read("etc/default/grub").present()?;
    let mut defaults = GrubDefaults {
        at: Place::file(Arc::clone(&main.path)),
        default: None,
        cmdline: None,
        cmdline_default: None,
        more: Vec::new(),
        is_computed: false,
        timeout: None,
        timeout_style: None,
        hidden_timeout: None,
        terminal: None,
        serial_command: None,
        theme: None,
        disable_os_prober: None,
    };
    let mut terminal = None;
    let more = gather.read_directory("etc/default/grub.d", |name| name.ends_with(".cfg"));
    for file in std::iter::once(main).chain(more) {
        for line in lines(&file.bytes) {
            let text = line.text.trim_start();
            let Some((name, value)) = text.strip_prefix("GRUB_").and_then(|rest| rest.split_once('=')) else {
                continue;
            };
            let field = unquoted(line.number, line.text.len() - value.len(), value);
            let piece = Piece::of_field(&field, &file.path);
            match name {
                "CMDLINE_LINUX" | "CMDLINE_LINUX_DEFAULT" => defaults.set_cmdline(name, piece),
                "TERMINAL" => terminal = Some(PlacedValue { value: field.text, at: piece.at }),
                _ => defaults.set(name, PlacedValue { value: field.text, at: piece.at }),
            }
        }
    }
    // grub-mkconfig(8): GRUB_TERMINAL overrides both the input and the output.
    defaults.terminal = terminal.or(defaults.terminal);
    Some(defaults)
}

impl GrubDefaults {
    /// A setting of one value; the last one counts.
    fn set(&mut self, name: &str, value: PlacedValue) {
        let setting = match name {
            "DEFAULT" => &mut self.default,
            "TIMEOUT" => &mut self.timeout,
            "TIMEOUT_STYLE" => &mut self.timeout_style,
            "HIDDEN_TIMEOUT" => &mut self.hidden_timeout,
            "TERMINAL_OUTPUT" => &mut self.terminal,
            "SERIAL_COMMAND" => &mut self.serial_command,
            "THEME" => &mut self.theme,
            "DISABLE_OS_PROBER" => &mut self.disable_os_prober,
            _ => return,
        };
        *setting = Some(value);
    }

    /// A command line: set anew, or added to what is there (`GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX x"`).
    fn set_cmdline(&mut self, name: &str, piece: Piece) {
        let own = [format!("${{GRUB_{name}}}"), format!("$GRUB_{name}")];
        let adds = own.iter().any(|own| piece.text.contains(own.as_str()));
        let rest = own.iter().fold(piece.text.clone(), |text, own| text.replace(own.as_str(), ""));
        self.is_computed |= rest.contains(['$', '`']);
        let line = CommandLine::of_pieces(&[piece]);
        if adds {
            self.more.push(line);
            return;
        }
        // What is set anew after something was added throws that away, too.
        self.is_computed |= !self.more.is_empty();
        match name {
            "CMDLINE_LINUX" => self.cmdline = Some(line),
            _ => self.cmdline_default = Some(line),
        }
    }
}

/// What the running kernel was started with. In a chroot `/proc` is the rescue system's, so only a report's copy counts, or that of a
/// running system, which has no other root.
pub(super) fn running(gather: &Gather<'_>) -> Option<CommandLine> {
    if !gather.tree.is_live() && !gather.tree.exists("sos_commands") {
        return None;
    }
    let file = gather.read("proc/cmdline").present()?;
    let pieces: Vec<Piece> =
        lines(&file.bytes).map(|line| Piece::of_field(&line.field(&line.text), &file.path)).collect();
    Some(super::raw::joined(&pieces))
}

/// A shell value's text: between its quotes, or up to the first blank.
fn unquoted(line: usize, start: usize, value: &str) -> Field {
    let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
    let (text, start) = match quote {
        Some(quote) => {
            let inner = value.get(1..).unwrap_or_default();
            (inner.split(quote).next().unwrap_or(inner), start + 1)
        }
        None => (value.split([' ', '\t', '#', ';']).next().unwrap_or(value), start),
    };
    Field { text: text.to_owned(), span: Span::new(line, start + 1, start + 1 + text.len()) }
}

/// `etc/kernel/cmdline` (usr/lib/kernel/cmdline as shipped): lines that do not start with `#`, joined.
pub(super) fn kernel_cmdline(gather: &Gather<'_>) -> Option<CommandLine> {
    let file = gather.read("etc/kernel/cmdline").present()?;
    let kept = lines(&file.bytes).filter(|line| !line.text.trim_start().starts_with('#'));
    let pieces = kept.map(|line| Piece::of_field(&line.field(&line.text), &file.path));
    Some(super::raw::joined(&pieces.collect::<Vec<_>>()))
}
