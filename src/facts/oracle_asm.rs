//! Oracle ASMLib: where it looks for its disks, `/etc/sysconfig/oracleasm` (oracleasm(8)).

use schemars::JsonSchema;
use serde::Serialize;

use super::Gather;
use super::setting::Setting;
use crate::parse::shell_vars;
use crate::place::Place;

/// ASMLib's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OracleAsm {
    /// The file.
    pub at: Place,
    /// `ORACLEASM_ENABLED=true`: it starts at boot.
    pub enabled: bool,
    /// `ORACLEASM_SCANORDER`: beginnings of the names of devices that are looked at first.
    pub scan_order: Option<Setting>,
    /// Its words.
    pub order: Vec<String>,
    /// `ORACLEASM_SCANEXCLUDE`: beginnings of names that are passed over.
    pub scan_exclude: Option<Setting>,
    /// Its words.
    pub excluded: Vec<String>,
}

/// Reads the file; on some systems it is a link to `oracleasm-_dev_oracleasm`.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Option<OracleAsm> {
    let file = gather.read_config("etc/sysconfig/oracleasm").present()?;
    let vars = shell_vars::parse(&file.bytes);
    let setting = |name: &str| {
        vars.last(name).filter(|set| !set.value.trim().is_empty()).map(|set| Setting::new(set, &file.path))
    };
    let words = |set: &Option<Setting>| -> Vec<String> {
        set.iter().flat_map(|set| set.value.split_whitespace()).map(str::to_owned).collect()
    };
    let (scan_order, scan_exclude) = (setting("ORACLEASM_SCANORDER"), setting("ORACLEASM_SCANEXCLUDE"));
    Some(OracleAsm {
        enabled: vars.value("ORACLEASM_ENABLED").is_some_and(|value| value == "true"),
        order: words(&scan_order),
        excluded: words(&scan_exclude),
        scan_order,
        scan_exclude,
        at: Place::file(file.path),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Limits;
    use crate::source::memory::Memory;

    #[test]
    fn the_words_of_both_lists_are_read() {
        let text =
            "ORACLEASM_ENABLED=true\nORACLEASM_SCANORDER=\"dm emcpower\"\nORACLEASM_SCANEXCLUDE=\"sd\"\n";
        let tree = Memory::new().file("etc/sysconfig/oracleasm", text).into_tree();
        let asm = gather(&Gather::new(&tree, &Limits::default())).unwrap();
        assert!(asm.enabled);
        assert_eq!((asm.order.join("+"), asm.excluded.join("+")), ("dm+emcpower".into(), "sd".into()));
        assert_eq!(asm.scan_order.unwrap().at.line, Some(2));
    }
}
