//! modprobe.d(5), as kmod's `kmod_config_parse` reads it (libkmod/libkmod-config.c), and the older modprobe.conf of
//! module-init-tools, which has `include` and `alias X off` too.

use super::Mistake;
use super::lines::lines;
use crate::place::Span;

/// A configuration file's lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModprobeFile {
    /// What it says, in order.
    pub directives: Vec<Directive>,
    /// Lines that modprobe ignores with a warning.
    pub mistakes: Vec<Mistake>,
}

/// One line, continuation lines joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// What it says.
    pub kind: DirectiveKind,
    /// The first line of it.
    pub span: Span,
}

/// What a line says. Module names have dashes as underscores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectiveKind {
    /// `alias ALIAS MODULE`.
    Alias {
        /// The name or pattern.
        alias: String,
        /// The module, or `off`.
        module: String,
    },
    /// `blacklist MODULE`.
    Blacklist(String),
    /// `install MODULE COMMAND`.
    Install(String, String),
    /// `remove MODULE COMMAND`.
    Remove(String, String),
    /// `options MODULE PARAMETERS`.
    Options(String, String),
    /// `softdep MODULE pre: A B post: C`.
    Softdep {
        /// The module.
        module: String,
        /// Before it.
        pre: Vec<String>,
        /// After it.
        post: Vec<String>,
    },
    /// `weakdep MODULE A B`: modules that may be asked for later.
    Weakdep {
        /// The module.
        module: String,
        /// The modules.
        weak: Vec<String>,
    },
    /// `include PATH` of module-init-tools.
    Include(String),
}

/// Reads a configuration file.
#[must_use]
pub fn parse(bytes: &[u8]) -> ModprobeFile {
    let mut file = ModprobeFile::default();
    let mut joined = String::new();
    let mut start = None;
    for line in lines(bytes) {
        let span = *start.get_or_insert_with(|| line.span_of(line.text.trim()));
        if let Some(text) = line.text.strip_suffix('\\') {
            joined.push_str(text);
            continue;
        }
        joined.push_str(&line.text);
        file.take(&joined, span);
        joined.clear();
        start = None;
    }
    if let Some(span) = start {
        file.take(&joined, span);
    }
    file
}

/// Whether the command of an `install` line does nothing, and so keeps the module from ever loading: `/bin/true`,
/// `/bin/false`, `:`, `echo ...`, in whatever folder the program is.
#[must_use]
pub fn does_nothing(command: &str) -> bool {
    let words = command.split(';').next().unwrap_or_default();
    let program = words.split_whitespace().next().unwrap_or_default();
    matches!(program.rsplit('/').next(), Some("true" | "false" | ":" | "echo" | "exit"))
        && !command.contains("modprobe")
        && !command.contains("insmod")
}

impl ModprobeFile {
    fn take(&mut self, text: &str, span: Span) {
        let text = text.trim_matches([' ', '\t']);
        if text.is_empty() || text.starts_with('#') {
            return;
        }
        match directive(text) {
            Some(kind) => self.directives.push(Directive { kind, span }),
            None => {
                let command = text.split([' ', '\t']).next().unwrap_or_default();
                let message =
                    format!("modprobe ignores a line that starts with `{}`", command.escape_debug());
                self.mistakes.push(Mistake { span, message });
            }
        }
    }
}

fn directive(text: &str) -> Option<DirectiveKind> {
    let (command, rest) = cut_word(text);
    let (first, rest) = cut_word(rest);
    if first.is_empty() {
        return None;
    }
    let module = normalize(first);
    let value = rest.trim_end().to_owned();
    let kind = match command {
        "alias" => {
            let (target, _) = cut_word(rest);
            if target.is_empty() {
                return None;
            }
            return Some(DirectiveKind::Alias { alias: module, module: normalize(target) });
        }
        "blacklist" => return Some(DirectiveKind::Blacklist(module)),
        "include" | "config" => return Some(DirectiveKind::Include(first.to_owned())),
        "install" => DirectiveKind::Install(module, value),
        "remove" => DirectiveKind::Remove(module, value),
        "options" => DirectiveKind::Options(module, value),
        "softdep" => softdep(module, rest),
        "weakdep" => {
            DirectiveKind::Weakdep { module, weak: rest.split_whitespace().map(normalize).collect() }
        }
        _ => return None,
    };
    if rest.is_empty() { None } else { Some(kind) }
}

fn softdep(module: String, rest: &str) -> DirectiveKind {
    let (mut pre, mut post) = (Vec::new(), Vec::new());
    let mut list: Option<&mut Vec<String>> = None;
    for word in rest.split_whitespace() {
        match word {
            "pre:" => list = Some(&mut pre),
            "post:" => list = Some(&mut post),
            // Names before the first `pre:` or `post:` belong to no list (kmod_config_add_softdep).
            name => {
                if let Some(list) = list.as_mut() {
                    list.push(normalize(name));
                }
            }
        }
    }
    DirectiveKind::Softdep { module, pre, post }
}

fn cut_word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches([' ', '\t']);
    text.split_once([' ', '\t'])
        .map_or((text, ""), |(word, rest)| (word, rest.trim_start_matches([' ', '\t'])))
}

/// Dashes become underscores, except inside brackets of a pattern (kmod's `underscores`).
fn normalize(name: &str) -> String {
    let mut is_in_brackets = false;
    let change = |character| {
        match character {
            '[' => is_in_brackets = true,
            ']' => is_in_brackets = false,
            '-' if !is_in_brackets => return '_',
            _ => {}
        }
        character
    };
    name.chars().map(change).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<DirectiveKind> {
        parse(text.as_bytes()).directives.into_iter().map(|directive| directive.kind).collect()
    }

    #[test]
    fn every_directive_is_read() {
        use DirectiveKind::*;
        let text = "# comment\n\nblacklist floppy\nalias eth0 virtio-net\nalias net-pf-10 off\n\
            options bonding mode=1 miimon=100\ninstall vfat /bin/true\nremove sd-mod /sbin/modprobe -r --ignore-remove sd-mod\n\
            softdep nvme pre: crc32c post: nvme-tcp\n";
        let expected = [
            Blacklist("floppy".into()),
            Alias { alias: "eth0".into(), module: "virtio_net".into() },
            Alias { alias: "net_pf_10".into(), module: "off".into() },
            Options("bonding".into(), "mode=1 miimon=100".into()),
            Install("vfat".into(), "/bin/true".into()),
            Remove("sd_mod".into(), "/sbin/modprobe -r --ignore-remove sd-mod".into()),
            Softdep { module: "nvme".into(), pre: vec!["crc32c".into()], post: vec!["nvme_tcp".into()] },
        ];
        assert_eq!(kinds(text), expected);
    }

    #[test]
    fn continued_lines_keep_the_place_of_their_start() {
        let file = parse(b"blacklist a\noptions snd \\\n  index=1 \\\n  id=x\nblacklist b\n");
        let lines: Vec<_> = file.directives.iter().map(|directive| directive.span.line).collect();
        assert_eq!(lines, [1, 2, 5]);
        assert_eq!(
            file.directives.get(1).unwrap().kind,
            DirectiveKind::Options("snd".into(), "index=1   id=x".into())
        );
    }

    #[test]
    fn lines_that_modprobe_ignores_are_mistakes() {
        let file = parse(b"blacklst floppy\ninstall vfat\nalias a\n");
        assert_eq!(file.directives, []);
        assert_eq!(file.mistakes.len(), 3);
    }

    #[test]
    fn patterns_keep_dashes_in_brackets() {
        assert_eq!(normalize("char-major-10-[0-9]*"), "char_major_10_[0-9]*");
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let file = parse(&bytes);
            prop_assert!(file.directives.len() + file.mistakes.len() <= bytes.len() + 1);
        }

        #[test]
        fn a_blacklisted_module_is_found(module in "[a-z][a-z0-9_-]{0,12}") {
            let expected = DirectiveKind::Blacklist(module.replace('-', "_"));
            prop_assert_eq!(kinds(&format!("blacklist\t {module} \n")), [expected]);
        }
    }
}
