//! firewalld's zones and direct rules (firewalld.zone(5), firewalld.service(5), firewalld.direct(5)).

use roxmltree::{Document, Node};

use super::{Firewall, FirewallTool, PptpRule, interface};
use crate::facts::{Gather, Known, Problem, ProblemKind};
use crate::parse::iptables;
use crate::place::Span;
use crate::source::File;

/// Services of a zone that are looked up; a real one has a dozen.
const MAX_SERVICES: usize = 256;

/// Adds what the zones and direct rules of the administrator's name.
pub(super) fn add(gather: &Gather<'_>, found: &mut Firewall) {
    for file in gather.read_directory("etc/firewalld/zones", |name| name.ends_with(".xml")) {
        with_document(gather, &file, |document| zone(gather, &file, document, found));
    }
    let Some(file) = gather.read_config("etc/firewalld/direct.xml").present() else { return };
    with_document(gather, &file, |document| {
        for rule in document.descendants().filter(|node| node.has_tag_name("rule")) {
            // The text is a rule as iptables takes it.
            let chain = rule.attribute("chain").unwrap_or_default();
            let text = format!("-A {chain} {}", rule.text().unwrap_or_default());
            let at = span(document, rule).at(&file.path);
            for chain in iptables::parse(text.as_bytes()).chains {
                let names = chain.rules.iter().flat_map(|rule| &rule.interfaces);
                found.interfaces.extend(
                    names.map(|name| interface(FirewallTool::Firewalld, &name.name, &chain.name, at.clone())),
                );
            }
        }
    });
}

fn with_document(gather: &Gather<'_>, file: &File, read: impl FnOnce(&Document<'_>)) {
    let text = String::from_utf8_lossy(&file.bytes);
    match Document::parse(&text) {
        Ok(document) => read(&document),
        Err(error) => {
            let at = Span::new(error.pos().row as usize, 1, 1).at(&file.path);
            gather.note(Problem { at, kind: ProblemKind::Malformed, message: error.to_string() });
        }
    }
}

fn span(document: &Document<'_>, node: Node<'_, '_>) -> Span {
    let at = document.text_pos_at(node.range().start);
    let end = document.text_pos_at(node.range().end);
    let last = if at.row == end.row { end.col } else { at.col };
    Span::new(at.row as usize, at.col as usize, last as usize)
}

/// What a zone, a service or a rule of them lets through.
#[derive(Default)]
struct Open {
    control: bool,
    tunnel: bool,
    helper: bool,
}

/// What an element opens; of a rich rule all within.
fn opened(node: Node<'_, '_>) -> Open {
    let mut open = Open::default();
    for one in node.descendants() {
        match one.tag_name().name() {
            "port" => {
                let is_control =
                    one.attribute("port") == Some("1723") && one.attribute("protocol") == Some("tcp");
                open.control |= is_control;
            }
            "protocol" => open.tunnel |= matches!(one.attribute("value"), Some("gre" | "47")),
            "helper" => open.helper |= one.attribute("name") == Some("pptp"),
            "module" => {
                open.helper |= one.attribute("name").is_some_and(|name| name.contains("conntrack_pptp"))
            }
            _ => {}
        }
    }
    open
}

fn zone(gather: &Gather<'_>, file: &File, document: &Document<'_>, found: &mut Firewall) {
    let stem = file.path.rsplit('/').next().unwrap_or_default();
    let name = stem.strip_suffix(".xml").unwrap_or(stem);
    let root = document.root_element();
    let mut control = None;
    let mut tunnel = matches!(root.attribute("target"), Some("ACCEPT"));
    let mut helper = false;
    for child in root.children().filter(Node::is_element).take(MAX_SERVICES) {
        let at = span(document, child).at(&file.path);
        if child.has_tag_name("interface") {
            let card = child.attribute("name").unwrap_or_default();
            found.interfaces.push(interface(FirewallTool::Firewalld, card, name, at.clone()));
        }
        let open = if child.has_tag_name("service") {
            child.attribute("name").map(|service| of_service(gather, service)).unwrap_or_default()
        } else {
            opened(child)
        };
        if open.control && control.is_none() {
            control = Some(at);
        }
        tunnel |= open.tunnel;
        helper |= open.helper;
    }
    let Some(at) = control else { return };
    found.pptp.push(PptpRule {
        at,
        tool: FirewallTool::Firewalld,
        services: FirewallTool::Firewalld.services(),
        chain: name.to_owned(),
        // With the helper of a service GRE counts as related, which firewalld lets through always.
        passes_gre: Known::Known(tunnel || helper),
        passes_related: true,
        stopped_by: None,
    });
}

/// A service by its name; the administrator's hides the package's.
fn of_service(gather: &Gather<'_>, name: &str) -> Open {
    let folders = ["etc/firewalld/services", "usr/lib/firewalld/services"];
    let file = folders.iter().find_map(|folder| gather.read_config(format!("{folder}/{name}.xml")).present());
    let mut open = Open::default();
    if let Some(file) = file {
        with_document(gather, &file, |document| open = opened(document.root_element()));
    }
    // What the package brings under these names, for an input that does not hold it.
    open.tunnel |= name == "gre";
    open
}
