//! Reads the files under `etc/ppp/peers` with what they include.

use std::path::Path;

use super::{LinkName, MissingFile, Peer};
use crate::facts::{Found, Gather, Known, Problem, ProblemKind};
use crate::parse::ppp::{self as options, PppOption};
use crate::place::Place;
use crate::source::{NodeKind, display_path, escape_bytes};

const PEERS: &str = "etc/ppp/peers";

/// Files that one peer may read, itself counted: pppd has no limit, and would run out of memory on a circle.
const MAX_FILES: usize = 32;

/// Peers are files of this directory; `call` may also name one in a directory below, which is rare and followed
/// only as an include.
pub(super) fn read(gather: &Gather<'_>) -> Vec<Peer> {
    use std::os::unix::ffi::OsStrExt;
    let names = gather.found(gather.tree.list(PEERS)).present().unwrap_or_default();
    let files = names.iter().filter_map(|name| {
        let path = Path::new(PEERS).join(name);
        let node = gather.tree.metadata(&path).ok()?;
        (node.kind == NodeKind::File).then(|| read_peer(gather, &path, &escape_bytes(name.as_bytes())))
    });
    files.collect()
}

fn read_peer(gather: &Gather<'_>, path: &Path, name: &str) -> Peer {
    let mut peer = Peer {
        at: Place::file(display_path(path)),
        name: name.to_owned(),
        pptp: false,
        dials: None,
        plugins: Vec::new(),
        local_name: None,
        remote_name: None,
        asks_secrets: true,
        ifcfg_exists: false,
        started_by: Vec::new(),
        near_ifcfg: None,
        secret_exists: Known::Known(None),
        near_secret: None,
        missing_files: Vec::new(),
    };
    let mut reader = Reader { gather, peer: &mut peer, user: None, seen: Vec::new() };
    // pppd reads /etc/ppp/options before its command line; there need not be one.
    reader.read("etc/ppp/options", None);
    reader.read(&display_path(path), None);
    if let Some(user) = reader.user.take() {
        peer.local_name = Some(user);
    }
    peer
}

struct Reader<'a, 'b> {
    gather: &'a Gather<'b>,
    peer: &'a mut Peer,
    /// `user` counts before `name`, whichever comes first (`auth_withpeer_*` in auth.c).
    user: Option<LinkName>,
    seen: Vec<String>,
}

impl Reader<'_, '_> {
    /// Applies the options of one file; `asked` is the option that asked for it.
    fn read(&mut self, path: &str, asked: Option<Place>) {
        if self.seen.iter().any(|seen| seen == path) {
            return;
        }
        if self.seen.len() >= MAX_FILES {
            let message = format!("more than {MAX_FILES} options files are included; `{path}` is not read");
            self.gather.note(Problem {
                at: asked.unwrap_or_else(|| Place::file(path)),
                kind: ProblemKind::OverLimit,
                message,
            });
            return;
        }
        self.seen.push(path.to_owned());
        let file = match self.gather.read(path) {
            Found::Present(file) => file,
            Found::Absent => {
                if let Some(at) = asked {
                    self.peer.missing_files.push(MissingFile { path: path.to_owned(), at });
                }
                return;
            }
            Found::Unreadable { .. } => return,
        };
        let read = options::parse_options(&file.bytes);
        for mistake in read.mistakes {
            let at = mistake.span.at(&file.path);
            self.gather.note(Problem { at, kind: ProblemKind::Malformed, message: mistake.message });
        }
        for option in &read.options {
            let at = option.span.at(&file.path);
            self.apply(option, &at);
            if let Some(include) = option.include() {
                let path = match include.call {
                    true => display_path(&Path::new(PEERS).join(&include.path)),
                    false => display_path(Path::new(&include.path)),
                };
                self.read(&path, Some(at));
            }
        }
    }

    fn apply(&mut self, option: &PppOption, at: &Place) {
        let argument = option.argument.as_deref().unwrap_or_default();
        let named = || Some(LinkName { value: argument.to_owned(), at: at.clone() });
        match option.name.as_str() {
            "name" => self.peer.local_name = named(),
            "user" => self.user = named(),
            "remotename" => self.peer.remote_name = named(),
            "password" | "passwordfd" | "passprompt" | "cert" | "pkcs12" => self.peer.asks_secrets = false,
            "plugin" => {
                self.peer.pptp |= argument.rsplit('/').next() == Some("pptp.so");
                self.peer.asks_secrets &= is_link_plugin(argument);
                self.peer.plugins.push(argument.to_owned());
            }
            "pptp_server" => self.peer.dials = Some(argument.to_owned()),
            "pty" => {
                let mut words = argument.split_whitespace();
                let program = words.next().unwrap_or_default();
                if program.rsplit('/').next() == Some("pptp") {
                    self.peer.pptp = true;
                    self.peer.dials = words.find(|word| !word.starts_with('-')).map(str::to_owned);
                }
            }
            // A word that is no option is the tty, the interface of pppoe, a speed or an address.
            device if option.argument.is_none() && is_device(device) => {
                self.peer.dials.get_or_insert_with(|| device.to_owned());
            }
            _ => {}
        }
    }
}

/// Plugins that carry the link and leave the secret to pppd; others may bring the secret with them.
fn is_link_plugin(argument: &str) -> bool {
    const NAMES: [&str; 7] =
        ["rp-pppoe.so", "pppoe.so", "pppoatm.so", "pptp.so", "pppol2tp.so", "openl2tp.so", "minconn.so"];
    argument.rsplit('/').next().is_some_and(|name| NAMES.contains(&name))
}

/// A tty, or an interface as `plugin rp-pppoe.so eth1` names it (with or without `nic-`).
fn is_device(word: &str) -> bool {
    let name = word.strip_prefix("nic-").unwrap_or(word);
    let starts = ["/dev/", "tty", "eth", "en", "em", "wlan"];
    starts.iter().any(|start| name.starts_with(start)) && name.chars().any(|c| c.is_ascii_digit())
}

/// Notes which peers `etc/network/interfaces` starts (interfaces(5), method ppp: `provider NAME`; the default is
/// the peer called `provider`).
pub(super) fn note_providers(gather: &Gather<'_>, peers: &mut [Peer]) {
    let mut files: Vec<_> = gather.read("etc/network/interfaces").present().into_iter().collect();
    files.extend(gather.read_directory("etc/network/interfaces.d", |name| !name.starts_with('.')));
    for file in files {
        for (index, line) in file.bytes.split(|byte| *byte == b'\n').enumerate() {
            let text = String::from_utf8_lossy(line);
            let mut words = text.split_whitespace();
            let name = match (words.next(), words.next(), words.next(), words.next()) {
                (Some("provider"), Some(name), None, None) => name,
                _ => continue,
            };
            let span = crate::place::Span::line(index + 1);
            for peer in peers.iter_mut().filter(|peer| peer.name == name) {
                peer.started_by.push(span.at(&file.path));
            }
        }
    }
}
