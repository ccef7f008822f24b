//! NVMe over Fabrics: by which names the host asks for its disks, and where it looks for them (nvme-cli's
//! nvme-connect-all(1), nvme-gen-hostnqn(1)).

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::Gather;
use crate::facts::setting::Setting;
use crate::place::{Place, Span};

/// NVMe over Fabrics.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Nvme {
    /// The name in `etc/nvme/hostnqn`.
    pub hostnqn: Option<Setting>,
    /// The id in `etc/nvme/hostid`.
    pub hostid: Option<Setting>,
    /// Whether the name and the id hold the same UUID; null where one is missing, or the name has none.
    pub ids_agree: Option<bool>,
    /// What the host connects to: lines of `etc/nvme/discovery.conf`, and `config.json`.
    pub connects: Vec<Place>,
}

/// Reads nvme-cli's configuration.
pub(super) fn read(gather: &Gather<'_>) -> Nvme {
    let first = |path: &str| {
        let file = gather.read_config(path).present()?;
        let text = String::from_utf8_lossy(&file.bytes).into_owned();
        let (index, line) = text.lines().enumerate().find(|(_, line)| !line.trim().is_empty())?;
        let at = Span::line(index + 1).at(&file.path);
        Some(Setting { value: line.trim().to_owned(), at })
    };
    let (hostnqn, hostid) = (first("etc/nvme/hostnqn"), first("etc/nvme/hostid"));
    let uuid = hostnqn.as_ref().and_then(|name| name.value.rsplit_once("uuid:")).map(|(_, uuid)| uuid);
    let ids_agree = uuid.zip(hostid.as_ref()).map(|(uuid, hostid)| uuid.eq_ignore_ascii_case(&hostid.value));
    let mut connects = Vec::new();
    if let Some(file) = gather.read_config("etc/nvme/discovery.conf").present() {
        let text = String::from_utf8_lossy(&file.bytes).into_owned();
        // The template that packages bring has comments alone.
        let lines = text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with('-'));
        connects.extend(lines.map(|(index, _)| Span::line(index + 1).at(&file.path)));
    }
    if let Some(file) = gather.read_config("etc/nvme/config.json").present()
        && memchr::memmem::find(&file.bytes, b"traddr").is_some()
    {
        connects.push(Place::file(Arc::clone(&file.path)));
    }
    Nvme { ids_agree, hostnqn, hostid, connects }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn name_and_id_are_compared() {
        let tree = Memory::new()
            .file("etc/nvme/hostnqn", "nqn.2014-08.org.nvmexpress:uuid:0A1B\n")
            .file("etc/nvme/hostid", "0a1b\n")
            .file("etc/nvme/discovery.conf", "# x\n--transport=tcp --traddr=192.0.2.30\n")
            .into_tree();
        let limits = Limits::default();
        let nvme = read(&Gather::new(&tree, &limits));
        assert_eq!((nvme.ids_agree, nvme.connects.len()), (Some(true), 1));
    }
}
