//! Loading target files: the built-in ones and a user's own.

use std::path::Path;

use thiserror::Error;

use super::{DEFAULT_TARGETS, SAME, Target};

/// Name and text of each built-in target, in the order in which `targets` and `--target all` list them.
const BUILT_IN: [(&str, &str); 22] = [
    ("kvm", include_str!("../../rules/targets/kvm.yaml")),
    ("kvm-virtio-scsi", include_str!("../../rules/targets/kvm-virtio-scsi.yaml")),
    ("kvm-sata", include_str!("../../rules/targets/kvm-sata.yaml")),
    ("proxmox", include_str!("../../rules/targets/proxmox.yaml")),
    ("openstack", include_str!("../../rules/targets/openstack.yaml")),
    ("nutanix", include_str!("../../rules/targets/nutanix.yaml")),
    ("vmware", include_str!("../../rules/targets/vmware.yaml")),
    ("vmware-lsi", include_str!("../../rules/targets/vmware-lsi.yaml")),
    ("vmware-sas", include_str!("../../rules/targets/vmware-sas.yaml")),
    ("vmware-nvme", include_str!("../../rules/targets/vmware-nvme.yaml")),
    ("hyperv-gen1", include_str!("../../rules/targets/hyperv-gen1.yaml")),
    ("hyperv-gen2", include_str!("../../rules/targets/hyperv-gen2.yaml")),
    ("azure", include_str!("../../rules/targets/azure.yaml")),
    ("azure-nvme", include_str!("../../rules/targets/azure-nvme.yaml")),
    ("xen-hvm", include_str!("../../rules/targets/xen-hvm.yaml")),
    ("xen-pv", include_str!("../../rules/targets/xen-pv.yaml")),
    ("aws-xen", include_str!("../../rules/targets/aws-xen.yaml")),
    ("aws-nitro", include_str!("../../rules/targets/aws-nitro.yaml")),
    ("gcp", include_str!("../../rules/targets/gcp.yaml")),
    ("gcp-nvme", include_str!("../../rules/targets/gcp-nvme.yaml")),
    ("oracle-cloud", include_str!("../../rules/targets/oracle-cloud.yaml")),
    ("virtualbox", include_str!("../../rules/targets/virtualbox.yaml")),
];

/// Bytes of a target file that are read at most; a real one has a few kilobytes.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Levels of `children` that are followed; real buses nest four deep (host, hub, interface, disk).
const MAX_DEPTH: usize = 16;

/// Why a target cannot be used.
#[derive(Debug, Error)]
pub enum TargetError {
    /// Neither a built-in name nor a file.
    #[error("there is no target `{name}`, built in or as a file; built in are: {}", built_in_list())]
    NotFound {
        /// What was asked for.
        name: String,
    },
    /// The file cannot be read.
    #[error("target file `{path}` cannot be read: {reason}")]
    Unreadable {
        /// The file as given.
        path: String,
        /// The reason.
        reason: String,
    },
    /// The file is not a target.
    #[error("target file `{path}`: {reason}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong, with line and column where the reader knows them.
        reason: String,
    },
}

fn built_in_list() -> String {
    built_in_names().collect::<Vec<_>>().join(", ")
}

/// The names of the built-in targets, `same` first.
pub fn built_in_names() -> impl Iterator<Item = &'static str> {
    std::iter::once(SAME).chain(BUILT_IN.iter().map(|(name, _)| *name))
}

/// The built-in target called `name`.
///
/// # Errors
/// [`TargetError::NotFound`]; [`TargetError::Malformed`] cannot happen for a released binary, as a test reads all.
pub fn built_in(name: &str) -> Result<Target, TargetError> {
    if name == SAME {
        return Ok(Target::same());
    }
    match BUILT_IN.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => parse(text.as_bytes(), &format!("rules/targets/{name}.yaml")),
        None => Err(TargetError::NotFound { name: name.to_owned() }),
    }
}

/// The target file of a built-in target, or the user's own, as it stands: what a user's own file can start from.
///
/// # Errors
/// Any [`TargetError`]; `same` is no file.
pub fn text(name: &str) -> Result<String, TargetError> {
    if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return Ok((*text).to_owned());
    }
    if name == SAME {
        let reason = "it stands for the hardware that the system has now and is no file".to_owned();
        return Err(TargetError::Malformed { path: SAME.to_owned(), reason });
    }
    let bytes = read_file(name)?;
    parse(&bytes, name)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads the text of a target file; `path` is for messages.
///
/// # Errors
/// [`TargetError::Malformed`] with line and column.
pub fn parse(bytes: &[u8], path: &str) -> Result<Target, TargetError> {
    let malformed = |reason: String| TargetError::Malformed { path: path.to_owned(), reason };
    let text = std::str::from_utf8(bytes).map_err(|error| malformed(format!("not UTF-8: {error}")))?;
    let target: Target = serde_saphyr::from_str(text).map_err(|error| malformed(error.to_string()))?;
    if target.name.is_empty() || target.name.contains(char::is_whitespace) || target.name.contains('/') {
        return Err(malformed("`name` must be one word without a slash".to_owned()));
    }
    if target.name != SAME && target.disk_chains().is_empty() {
        return Err(malformed("no device has a `disk`: there is nothing to boot from".to_owned()));
    }
    if target.disk_chains().iter().chain(&target.nic_chains()).any(|chain| chain.len() > MAX_DEPTH) {
        return Err(malformed(format!("devices nest more than {MAX_DEPTH} deep")));
    }
    Ok(target)
}

/// The targets that `--target` asks for: names, files, `all`; none asked for gives the default set. Each once.
///
/// # Errors
/// Any [`TargetError`] of the first name or file that cannot be used.
pub fn select(wanted: &[String]) -> Result<Vec<Target>, TargetError> {
    let mut targets: Vec<Target> = Vec::new();
    let defaults: Vec<String> = DEFAULT_TARGETS.iter().map(ToString::to_string).collect();
    for name in if wanted.is_empty() { &defaults } else { wanted } {
        let more = if name == "all" {
            built_in_names().map(built_in).collect::<Result<Vec<_>, _>>()?
        } else {
            vec![one(name)?]
        };
        for target in more {
            if !targets.iter().any(|known| known.name == target.name) {
                targets.push(target);
            }
        }
    }
    Ok(targets)
}

fn one(name: &str) -> Result<Target, TargetError> {
    match built_in(name) {
        Err(TargetError::NotFound { .. }) => {}
        answer => return answer,
    }
    parse(&read_file(name)?, name)
}

fn read_file(name: &str) -> Result<Vec<u8>, TargetError> {
    let path = Path::new(name);
    // A target file is the user's own and no part of the audited system: its folder is opened as a tree of its own.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let looks_like_file = name.contains('/') || path.extension().is_some();
    let Some(file_name) = path.file_name().filter(|_| looks_like_file) else {
        return Err(TargetError::NotFound { name: name.to_owned() });
    };
    let unreadable = |reason: String| TargetError::Unreadable { path: name.to_owned(), reason };
    let directory =
        crate::source::directory::Directory::open(folder).map_err(|error| unreadable(error.to_string()))?;
    let tree = crate::source::Tree::new(directory, folder.display().to_string());
    let file = tree.read_limited(file_name, FILE_LIMIT).map_err(|error| unreadable(error.to_string()))?;
    Ok(file.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_target_reads_and_is_called_as_its_file() {
        for name in built_in_names() {
            let target = built_in(name).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(target.name, name);
            assert!(name == SAME || target.firmware.is_some(), "{name} says no firmware");
            assert!(name == SAME || !target.nic_chains().is_empty(), "{name} has no network interface");
            assert!(!target.classes.is_empty(), "{name} belongs to no class");
        }
    }

    #[test]
    fn unknown_names_and_typos_are_told_with_the_choice() {
        let error = select(&["kwm".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`kwm`") && error.contains("kvm-virtio-scsi"), "{error}");
        let error = select(&["/no-such-folder/x.yaml".to_owned()]).unwrap_err().to_string();
        assert!(
            error.starts_with("target file `/no-such-folder/x.yaml` cannot be read: cannot open"),
            "{error}"
        );
        let error = parse(b"name: x\ntitle: X\nfirmwear: bios\n", "x.yaml").unwrap_err().to_string();
        assert!(error.contains("firmwear") && error.contains('3'), "{error}");
        let error = parse(b"name: x\ntitle: X\n", "x.yaml").unwrap_err().to_string();
        assert!(error.contains("`disk`"), "{error}");
    }

    #[test]
    fn the_default_set_and_all_have_each_target_once() {
        let names = |targets: &[Target]| targets.iter().map(|t| t.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&select(&[]).unwrap()), DEFAULT_TARGETS);
        let all = names(&select(&["kvm".to_owned(), "all".to_owned()]).unwrap());
        assert_eq!(all.len(), built_in_names().count());
        assert_eq!(all.first().map(String::as_str), Some("kvm"));
    }
}
