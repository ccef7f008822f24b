//! Disks of IBM mainframes that have to be switched on before the kernel sees them, and virtual Fibre Channel adapters.
//!
//! `/etc/zfcp.conf` and `/etc/dasd.conf` (zfcpconf.sh(8), dasdconf.sh(8) of s390utils); `rd.zfcp=` and `rd.dasd=` of dracut.cmdline(7) stand in the
//! boot entries; virtual adapters (NPIV) show in `/sys/class/fc_host/*/port_type`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::setting::Named;
use crate::parse::lines::lines;
use crate::place::Place;

/// Lines and adapters that are taken at most.
const MAX_ITEMS: usize = 1000;
/// Bytes of a file of sysfs.
const SYSFS_LIMIT: u64 = 4096;

/// What is set up for such hardware.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mainframe {
    /// Lines of `/etc/zfcp.conf`: adapter, port and LUN.
    pub zfcp: Vec<Named>,
    /// Lines of `/etc/dasd.conf`.
    pub dasd: Vec<Named>,
    /// Virtual Fibre Channel adapters (NPIV) that the machine has now.
    pub virtual_adapters: Vec<Named>,
}

/// Reads the files.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Mainframe {
    Mainframe {
        zfcp: listed(gather, "etc/zfcp.conf"),
        dasd: listed(gather, "etc/dasd.conf"),
        virtual_adapters: virtual_adapters(gather),
    }
}

fn listed(gather: &Gather<'_>, path: &str) -> Vec<Named> {
    let Some(file) = gather.read_config(path).present() else { return Vec::new() };
    let found = lines(&file.bytes).filter_map(|line| {
        let text = line.text.split('#').next().unwrap_or_default().trim();
        (!text.is_empty()).then(|| Named { name: text.to_owned(), at: line.span_of(text).at(&file.path) })
    });
    found.take(MAX_ITEMS).collect()
}

fn virtual_adapters(gather: &Gather<'_>) -> Vec<Named> {
    let root = "sys/class/fc_host";
    let names = gather.tree.list(root).unwrap_or_default();
    let mut names: Vec<String> = names.into_iter().filter_map(|name| name.into_string().ok()).collect();
    names.sort();
    let found = names.into_iter().take(MAX_ITEMS).filter_map(|name| {
        let path = format!("{root}/{name}/port_type");
        let file = gather.tree.read_limited(&path, SYSFS_LIMIT).ok()?;
        String::from_utf8_lossy(&file.bytes).contains("NPIV").then(|| Named { name, at: Place::file(path) })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn lines_and_adapters_are_read() {
        let tree = Memory::new()
            .file("etc/zfcp.conf", "# x\n0.0.4000 0x5005076300c213e9 0x5022000000000000\n")
            .file("sys/class/fc_host/host5/port_type", "NPIV VPORT\n")
            .file("sys/class/fc_host/host1/port_type", "NPort (fabric via point-to-point)\n")
            .into_tree();
        let found = gather(&Gather::new(&tree, &Limits::default()));
        assert_eq!((found.zfcp[0].at.line, found.virtual_adapters[0].name.as_str()), (Some(2), "host5"));
        assert_eq!((found.zfcp.len(), found.virtual_adapters.len(), found.dasd.len()), (1, 1, 0));
    }
}
