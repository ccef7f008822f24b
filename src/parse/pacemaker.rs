//! Fencing in cluster configurations: Pacemaker's cib.xml (`<primitive class="stonith" type="...">`) and cman's cluster.conf
//! (`<fencedevice agent="...">`).
//!
//! Taken are the agent, its name and the address that it talks to. Passwords, logins and keys are passed over.

use roxmltree::{Document, Node};

use super::Mistake;
use crate::place::Span;

/// Devices that are read at most; a cluster has some two a node.
const MAX_DEVICES: usize = 1024;

/// Names under which agents take the address of what they talk to.
const ADDRESSES: [&str; 8] =
    ["ip", "ipaddr", "ilo_hostname", "hostname", "host", "ipport_addr", "hmc_ipaddr", "vcenter"];

/// A device that shuts down a node that has gone wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FenceDevice {
    /// Its name in the cluster.
    pub id: String,
    /// The agent: `fence_ipmilan`, `external/sbd`.
    pub agent: String,
    /// What it talks to; none if it needs no address.
    pub address: Option<String>,
    /// The element.
    pub span: Span,
}

/// What a configuration says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The names of the nodes.
    pub nodes: Vec<String>,
    /// The fencing devices.
    pub fences: Vec<FenceDevice>,
    /// `stonith-enabled`, and where it is set; none if it is not, which counts as true.
    pub stonith_enabled: Option<(String, Span)>,
}

/// Reads cib.xml or cluster.conf.
///
/// # Errors
/// Where and why the text is no XML.
pub fn parse(text: &str) -> Result<Cluster, Mistake> {
    let document = Document::parse(text).map_err(|error| {
        let at = error.pos();
        Mistake {
            span: Span::new(at.row as usize, at.col as usize, at.col as usize),
            message: error.to_string(),
        }
    })?;
    let mut cluster = Cluster::default();
    for node in document.root().descendants().filter(Node::is_element) {
        match node.tag_name().name() {
            "node" | "clusternode" => {
                let name = node.attribute("uname").or_else(|| node.attribute("name"));
                if let (Some(name), true) = (name, cluster.nodes.len() < MAX_DEVICES) {
                    cluster.nodes.push(name.to_owned());
                }
            }
            "primitive" if node.attribute("class") == Some("stonith") => {
                push(&mut cluster, &node, node.attribute("type"))
            }
            "fencedevice" => push(&mut cluster, &node, node.attribute("agent")),
            "nvpair" if node.attribute("name") == Some("stonith-enabled") => {
                let value = node.attribute("value").unwrap_or_default().to_owned();
                cluster.stonith_enabled = Some((value, span(&node)));
            }
            _ => {}
        }
    }
    cluster.nodes.sort();
    cluster.nodes.dedup();
    Ok(cluster)
}

fn push(cluster: &mut Cluster, node: &Node<'_, '_>, agent: Option<&str>) {
    let Some(agent) = agent.filter(|_| cluster.fences.len() < MAX_DEVICES) else { return };
    let id = node.attribute("id").or_else(|| node.attribute("name")).unwrap_or(agent);
    cluster.fences.push(FenceDevice {
        id: id.to_owned(),
        agent: agent.to_owned(),
        address: address(node),
        span: span(node),
    });
}

fn address(node: &Node<'_, '_>) -> Option<String> {
    let own = ADDRESSES.iter().find_map(|name| node.attribute(*name));
    let mut pairs = node.descendants().filter(|pair| pair.has_tag_name("nvpair"));
    own.or_else(|| {
        pairs
            .find(|pair| pair.attribute("name").is_some_and(|name| ADDRESSES.contains(&name)))
            .and_then(|pair| pair.attribute("value"))
    })
    .map(str::to_owned)
}

fn span(node: &Node<'_, '_>) -> Span {
    let range = node.range();
    let start = node.document().text_pos_at(range.start);
    let text = node.document().input_text();
    let first = text.get(range).unwrap_or_default();
    let length = first.find('\n').unwrap_or(first.len());
    Span::new(start.row as usize, start.col as usize, start.col as usize + length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fences_of_pacemaker_are_read_without_their_secrets() {
        let text = "<cib><configuration><crm_config><cluster_property_set id=\"o\"><nvpair id=\"s\" name=\"stonith-enabled\" value=\"false\"/></cluster_property_set></crm_config>\n\
            <nodes><node id=\"1\" uname=\"alice\"/></nodes><resources>\n\
            <primitive id=\"f1\" class=\"stonith\" type=\"fence_ipmilan\"><instance_attributes id=\"a\">\n\
            <nvpair id=\"b\" name=\"ip\" value=\"192.0.2.9\"/><nvpair id=\"c\" name=\"password\" value=\"hunter2\"/></instance_attributes></primitive>\n\
            <primitive id=\"ip\" class=\"ocf\" type=\"IPaddr2\"/></resources></configuration></cib>";
        let cluster = parse(text).unwrap();
        assert_eq!(cluster.nodes, ["alice"]);
        assert_eq!(cluster.stonith_enabled.as_ref().map(|(value, _)| value.as_str()), Some("false"));
        let [fence] = cluster.fences.as_slice() else { panic!("{cluster:?}") };
        assert_eq!(
            (fence.agent.as_str(), fence.address.as_deref(), fence.span.line),
            ("fence_ipmilan", Some("192.0.2.9"), 3)
        );
        assert!(!format!("{cluster:?}").contains("hunter2"));
    }

    #[test]
    fn fences_of_cman_are_read() {
        let text = "<?xml version=\"1.0\"?>\n<cluster name=\"c\"><clusternodes><clusternode name=\"a\" nodeid=\"1\"/></clusternodes>\n\
            <fencedevices><fencedevice agent=\"fence_ilo\" hostname=\"ilo-a\" login=\"x\" name=\"f\" passwd=\"y\"/></fencedevices></cluster>";
        let cluster = parse(text).unwrap();
        assert_eq!(
            (cluster.fences[0].agent.as_str(), cluster.fences[0].address.as_deref()),
            ("fence_ilo", Some("ilo-a"))
        );
        assert_eq!(parse("<cib>").unwrap_err().span.line, 1);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "([a-z]{1,8}|[<>/=\"' \n])*") {
            prop_assert!(parse(&text).map_or(true, |cluster| cluster.fences.len() <= MAX_DEVICES));
        }
    }
}
