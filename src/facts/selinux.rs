//! SELinux: what its configuration asks for, whether the policy is there, and whether the files have their labels.
//!
//! libselinux reads `/etc/selinux/config` (`selinux_config(5)`); `/.autorelabel` makes the next boot label everything anew
//! (`selinux-autorelabel` of policycoreutils). Labels are read from the file system where the system is a mounted
//! directory, else from what `restorecon -n` or the audit log in the input says.

use schemars::JsonSchema;
use serde::Serialize;

use super::setting::Setting;
use super::{Found, Gather, Known};
use crate::parse::lines::lines;
use crate::parse::shell_vars;
use crate::place::Place;

/// Files that are on every system and have a label of their own: what is looked at for labels.
const SAMPLES: [&str; 14] = [
    "etc/passwd",
    "etc/group",
    "etc/fstab",
    "etc/shadow",
    "etc/hosts",
    "etc/hostname",
    "etc/resolv.conf",
    "etc/ssh/sshd_config",
    "etc/sudoers",
    "etc/default/grub",
    "etc/sysconfig/network",
    "etc/selinux/config",
    "usr/bin/bash",
    "usr/sbin/sshd",
];

/// Types that a file gets which was written without SELinux (`unlabeled_t`; `file_t` before RHEL 7).
const WITHOUT_LABEL: [&str; 2] = [":unlabeled_t", ":file_t"];

/// Denials and relabellings that are kept.
const MAX_UNLABELED: usize = 100;

/// Bytes of an audit log that are looked through; auditd rotates at 8 MiB.
const AUDIT_LIMIT: u64 = 16 << 20;

/// SELinux as configured, and its labels.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Selinux {
    /// `SELINUX=`: `enforcing`, `permissive`, `disabled`; null if nothing sets it.
    pub mode: Option<Setting>,
    /// `SELINUXTYPE=`: `targeted`; null if nothing sets it.
    pub policy: Option<Setting>,
    /// Whether the policy that is set is installed: `etc/selinux/<type>/policy/policy.<version>`.
    pub policy_installed: Known<bool>,
    /// Whether the next boot labels all files: `/.autorelabel`.
    pub autorelabel: bool,
    /// Files that have no label, as far as the input says.
    pub unlabeled: Vec<Unlabeled>,
}

/// A file that has no label, or the label of a file without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unlabeled {
    /// What says so: the file, or the line of a report or log.
    pub at: Place,
    /// The file's path relative to the root; as far as the log says it.
    pub path: String,
}

/// Reads the configuration and looks for labels.
#[must_use]
pub fn gather(gather: &Gather<'_>) -> Selinux {
    let Some(file) = gather.read_config("etc/selinux/config").present() else {
        return Selinux { policy_installed: Known::unknown("`etc/selinux/config`"), ..Selinux::default() };
    };
    let found = shell_vars::parse(&file.bytes);
    let setting = |name: &str| found.last(name).map(|one| Setting::new(one, &file.path));
    let policy = setting("SELINUXTYPE");
    let mode = setting("SELINUX").map(|one| Setting { value: one.value.trim().to_ascii_lowercase(), ..one });
    let policy_installed = match &policy {
        Some(policy) => policy_installed(gather, &policy.value),
        None => Known::Known(false),
    };
    Selinux {
        unlabeled: unlabeled(gather),
        autorelabel: gather.tree.exists(".autorelabel"),
        mode,
        policy,
        policy_installed,
    }
}

/// A report brings the configuration without the policy: where nothing at all is beside it, nobody can say.
fn policy_installed(gather: &Gather<'_>, policy: &str) -> Known<bool> {
    let folder = format!("etc/selinux/{policy}");
    let names = match gather.found(gather.tree.list(format!("{folder}/policy"))) {
        Found::Present(names) => names,
        Found::Absent if gather.tree.is_report() => {
            return Known::unknown(format!("`{folder}/policy`"));
        }
        Found::Absent => Vec::new(),
        Found::Unreadable { needs } => return Known::Unknown { needs },
    };
    Known::Known(names.iter().any(|name| name.to_str().is_some_and(|name| name.starts_with("policy."))))
}

fn unlabeled(gather: &Gather<'_>) -> Vec<Unlabeled> {
    let mut found = on_disk(gather);
    let folders = ["sos_commands/selinux", "sos_commands/security"];
    let reports = |name: &str| name.starts_with("restorecon") || name.starts_with("fixfiles");
    for file in folders.iter().flat_map(|folder| gather.read_directory(folder, reports)) {
        for line in lines(&file.bytes) {
            let words: Vec<&str> = line.text.split_whitespace().collect();
            // `Would relabel /etc/fstab from OLD to NEW`; older: `restorecon reset /etc/fstab context OLD->NEW`.
            let (path, old) = match words.as_slice() {
                ["Would", "relabel", path, "from", old, ..] => (path, *old),
                ["restorecon" | "/sbin/restorecon" | "fixfiles", "reset", path, "context", change, ..] => {
                    (path, change.split("->").next().unwrap_or_default())
                }
                _ => continue,
            };
            if WITHOUT_LABEL.iter().any(|label| old.contains(label)) {
                let path_shown = path.trim_start_matches('/').to_owned();
                found.push(Unlabeled { at: line.span_of(path).at(&file.path), path: path_shown });
            }
        }
    }
    found.extend(denied(gather));
    found.truncate(MAX_UNLABELED);
    found
}

/// Samples without a label where others have one: a tree without any was copied without its labels, and says nothing.
fn on_disk(gather: &Gather<'_>) -> Vec<Unlabeled> {
    let asked: Vec<(&str, Option<String>)> =
        SAMPLES.iter().filter_map(|path| Some((*path, gather.tree.attributes(path)?.label))).collect();
    if asked.iter().all(|(_, label)| label.is_none()) {
        return Vec::new();
    }
    let without = asked.into_iter().filter(|(_, label)| match label {
        None => true,
        Some(label) => WITHOUT_LABEL.iter().any(|one| label.contains(one)),
    });
    without.map(|(path, _)| Unlabeled { at: Place::file(path), path: path.to_owned() }).collect()
}

/// Denials of access to files without a label: `type=AVC ... name="fstab" ... tcontext=system_u:object_r:unlabeled_t:s0
/// tclass=file`.
fn denied(gather: &Gather<'_>) -> Vec<Unlabeled> {
    let Ok(file) = gather.tree.read_limited("var/log/audit/audit.log", AUDIT_LIMIT) else {
        return Vec::new();
    };
    let mut found: Vec<Unlabeled> = Vec::new();
    for line in lines(&file.bytes).filter(|line| line.text.starts_with("type=AVC ")) {
        let field = |name: &str| line.text.split_whitespace().find_map(|word| word.strip_prefix(name));
        let is_file = matches!(field("tclass="), Some("file" | "dir" | "lnk_file"));
        let target = field("tcontext=").unwrap_or_default();
        if !is_file || !WITHOUT_LABEL.iter().any(|label| target.contains(label)) {
            continue;
        }
        let Some(name) = field("path=").or_else(|| field("name=")) else { continue };
        let path = name.trim_matches('"').trim_start_matches('/').to_owned();
        if !found.iter().any(|one| one.path == path) && found.len() < MAX_UNLABELED {
            found.push(Unlabeled { at: line.span_of(name).at(&file.path), path });
        }
    }
    found
}
