//! Which files of a system are worth keeping in memory while it streams past.
//!
//! A tar on stdin, or a compressed one, is read once from its start to its end. What bootproof asks for later has to
//! be kept on the way; everything else stays as a name with its metadata. The predicate is wider than what is read
//! today, and an error on its narrow side costs time or an answer ("not kept from the stream"), never a wrong one.
//! Budgets keep a hostile or huge archive from filling the memory: each class has its own, so that boot images
//! cannot crowd out the configuration that comes after them.

/// Why a file is kept, and so how much of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Text: configuration, tables, what `/proc` and sosreport say.
    Configuration,
    /// Kernels, initrds and package databases.
    Image,
    /// Programs and shared libraries, read for what they link to.
    Program,
    /// Kernel modules, read only where modules.alias and modules.dep do not say enough.
    Module,
}

impl Interest {
    /// All classes, in the order of [`Interest::index`].
    pub(crate) const COUNT: usize = 4;

    /// Position of this class in an array of budgets.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Configuration => 0,
            Self::Image => 1,
            Self::Program => 2,
            Self::Module => 3,
        }
    }

    /// Bytes of the largest single file that is kept.
    pub(crate) fn file_limit(self) -> u64 {
        match self {
            // `TEXT_LIMIT`: more is not read of a configuration file either.
            Self::Configuration => super::TEXT_LIMIT,
            // An initrd with all firmware and graphics drivers has some 300 MiB, an rpm database as much.
            Self::Image => 384 << 20,
            // libcrypto and haproxy have 3 to 6 MiB, ICU's tables, which libxml2 links to, 30.
            Self::Program => 40 << 20,
            // Storage and network drivers have less than 2 MiB; the larger ones drive graphics cards.
            Self::Module => 2 << 20,
        }
    }

    /// Bytes of all files of the class that are kept. Together 1 GiB at the most; a usual server takes a tenth.
    pub(crate) fn total_limit(self) -> u64 {
        match self {
            // /etc of a large server has 30 MiB; /proc and sos_commands of a sosreport 100 MiB.
            Self::Configuration => 192 << 20,
            // Five kernels with initrds of 80 MiB and a package database.
            Self::Image => 576 << 20,
            // All shared libraries of a server come to 100 to 150 MiB.
            Self::Program => 192 << 20,
            Self::Module => 64 << 20,
        }
    }
}

/// Directories above the root in the archive that are looked through: as many as the search for the root does.
const MAX_PREFIX: usize = 4;

/// Bytes of a file in the root itself that is kept.
const ROOT_FILE_LIMIT: u64 = 1 << 20;

/// Whether, and why, the file of that name and size is kept. The name is as in the archive: the root may be some
/// directories below its start, and is not known yet.
pub(crate) fn interest(name: &[u8], len: u64) -> Option<Interest> {
    let mut rest = name;
    for above in 0..=MAX_PREFIX {
        while let Some(stripped) = rest.strip_prefix(b"/").or_else(|| rest.strip_prefix(b"./")) {
            rest = stripped;
        }
        if let Some(found) = below_root(rest) {
            return (len <= found.file_limit()).then_some(found);
        }
        if len <= SCRIPT_LIMIT && SCRIPTS.iter().any(|folder| rest.starts_with(folder)) {
            return Some(Interest::Configuration);
        }
        // Files in the root itself: `.dockerenv`, a sosreport's `installed-rpms`.
        if above <= 1 && len <= ROOT_FILE_LIMIT && !rest.contains(&b'/') {
            return Some(Interest::Configuration);
        }
        let slash = memchr::memchr(b'/', rest)?;
        rest = rest.get(slash + 1..)?;
    }
    None
}

/// Directories that are kept whole, as configuration.
pub(crate) const CONFIGURATION: [&[u8]; 54] = [
    b"bootproof-collect/",
    b"etc/",
    b"run/",
    b"proc/",
    b"sys/",
    b"sos_commands/",
    b"sos_strings/",
    b"lib/dracut/",
    b"lib/modprobe.d/",
    b"lib/modules-load.d/",
    b"lib/sysctl.d/",
    b"lib/systemd/",
    b"lib/netplan/",
    b"lib/udev/rules.d/",
    b"lib/lsb/",
    b"lib/mkinitrd/",
    b"lib/kernel/",
    b"usr/lib/dracut/",
    b"usr/lib/initramfs-tools/",
    b"usr/lib/kernel/",
    b"usr/lib/modprobe.d/",
    b"usr/lib/modules-load.d/",
    b"usr/lib/ostree",
    b"usr/lib/sysctl.d/",
    b"usr/lib/systemd/",
    b"usr/lib/NetworkManager/",
    b"usr/lib/firewalld/",
    b"usr/lib/tmpfiles.d/",
    b"usr/lib/udev/rules.d/",
    b"usr/lib/ssl/",
    b"usr/lib64/ssl/",
    b"usr/local/lib/modprobe.d/",
    b"usr/share/dracut/",
    b"usr/share/initramfs-tools/",
    b"usr/share/nginx/",
    b"usr/share/apache2/",
    b"usr/share/mkinitrd/",
    b"usr/share/mkinitramfs/",
    b"usr/share/crypto-policies/",
    b"usr/share/postfix/",
    b"usr/share/dovecot/",
    b"usr/local/etc/",
    b"usr/local/nginx/conf/",
    b"usr/local/openssl/",
    b"usr/local/ssl/",
    b"opt/nginx/conf/",
    b"var/lib/heartbeat/crm/",
    b"var/lib/cloud/",
    b"var/lib/iscsi/",
    b"var/lib/lldpad/",
    b"var/lib/mdadm/",
    b"var/lib/multipath/",
    b"var/lib/pacemaker/cib/",
    b"var/spool/cron/",
];

/// Folders of the administrator's own scripts, among which there may be large programs.
pub(crate) const SCRIPTS: [&[u8]; 3] = [b"usr/local/bin/", b"usr/local/sbin/", b"root/bin/"];

/// Bytes of a script that is kept.
const SCRIPT_LIMIT: u64 = 256 * 1024;

/// Directories of the administrator's own packages, and of SUSE's vendor settings, kept as configuration.
pub(crate) const LOCAL: [&[u8]; 5] = [
    b"usr/etc/",
    b"usr/local/lib/sysctl.d/",
    b"usr/local/lib/systemd/",
    b"usr/local/lib/tmpfiles.d/",
    b"usr/local/flexlm/",
];

/// Directories whose files are all kept, as images.
pub(crate) const IMAGES: [&[u8]; 7] = [
    b"boot/",
    b"efi/",
    b"var/lib/rpm/",
    b"usr/lib/sysimage/rpm/",
    b"var/lib/dpkg/status",
    b"usr/lib/ostree-boot/",
    b"var/lib/kdump/",
];

/// Single files and beginnings of names that are kept, as configuration.
pub(crate) const FILES: [&[u8]; 14] = [
    b"usr/lib/os-release",
    b"lib/os-release",
    b"usr/lib/locale/C.utf8/LC_CTYPE",
    b"var/lib/dpkg/",
    b"var/lib/os-prober/",
    b"var/lib/initramfs-tools/",
    b"usr/lib/fedora-release",
    b"usr/lib/issue",
    b"usr/local/share/ca-certificates/",
    b"var/lib/dkms/",
    b"var/lib/shim-signed/",
    b"var/log/audit/audit.log",
    b"var/log/dmesg",
    b"var/named/chroot/etc/",
];

/// Programs that are looked at: what a system cannot do without, and services that speak TLS.
pub(crate) const PROGRAMS: [&[u8]; 63] = [
    b"NetworkManager",
    b"agetty",
    b"apache2",
    b"ash",
    b"bash",
    b"busybox",
    b"cron",
    b"crond",
    b"cryptsetup",
    b"curl",
    b"dash",
    b"dbus-daemon",
    b"dhclient",
    b"dmeventd",
    b"dovecot",
    b"dracut",
    b"getty",
    b"haproxy",
    b"httpd",
    b"httpd.event",
    b"httpd.worker",
    b"imap-login",
    b"init",
    b"initctl",
    b"iscsid",
    b"lldpad",
    b"login",
    b"lvm",
    b"lvm.static",
    b"master",
    b"mdadm",
    b"mingetty",
    b"mkinitramfs",
    b"mkinitrd",
    b"mount",
    b"multipath",
    b"multipathd",
    b"nash",
    b"nginx",
    b"openssl",
    b"pop3-login",
    b"postfix",
    b"pppd",
    b"pptp",
    b"python",
    b"rsyslogd",
    b"sh",
    b"smtp",
    b"smtpd",
    b"ssh",
    b"sshd",
    b"sshd-session",
    b"stunnel",
    b"stunnel4",
    b"su",
    b"sudo",
    b"systemctl",
    b"systemd",
    b"systemd-cryptsetup",
    b"systemd-udevd",
    b"udevd",
    b"update-initramfs",
    b"vsftpd",
];

fn below_root(path: &[u8]) -> Option<Interest> {
    if IMAGES.iter().any(|start| path.starts_with(start)) {
        return Some(Interest::Image);
    }
    // apt's lists of packages and the origins of its archives; descriptions and contents are not read.
    if path.starts_with(b"var/lib/apt/lists/") {
        let wanted = [&b"_Packages"[..], b"_Release", b"_InRelease"].iter().any(|end| path.ends_with(end));
        return wanted.then_some(Interest::Image);
    }
    // Tomcat as its project packs it has its configuration beside its programs.
    let has = |part: &[u8]| memchr::memmem::find(path, part).is_some();
    if path.ends_with(b".xml") && has(b"tomcat") && has(b"/conf/") {
        return Some(Interest::Configuration);
    }
    let base = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let directory = path.get(..path.len().saturating_sub(base.len())).unwrap_or_default();
    if let Some(inside) = strip_usr(path).strip_prefix(b"lib/modules/") {
        return module_tree(inside, base);
    }
    if is_shared_library(directory, base) {
        return Some(Interest::Program);
    }
    if CONFIGURATION.iter().chain(&LOCAL).chain(&FILES).any(|start| path.starts_with(start)) {
        // systemd's programs are among its units.
        let program = PROGRAMS.contains(&base) || directory.ends_with(b"/systemd/");
        return Some(if program { Interest::Program } else { Interest::Configuration });
    }
    // Licences and listeners stand wherever their vendors put them.
    if base.ends_with(b".lic") || matches!(base, b"listener.ora" | b"tnsnames.ora") {
        return Some(Interest::Configuration);
    }
    if is_program_directory(directory) && PROGRAMS.contains(&base) {
        return Some(Interest::Program);
    }
    None
}

fn strip_usr(path: &[u8]) -> &[u8] {
    path.strip_prefix(b"usr/").unwrap_or(path)
}

fn module_tree(inside: &[u8], base: &[u8]) -> Option<Interest> {
    let depth = inside.iter().filter(|byte| **byte == b'/').count();
    match base {
        base if [&b".ko"[..], b".ko.gz", b".ko.xz", b".ko.zst"].iter().any(|end| base.ends_with(end)) => {
            Some(Interest::Module)
        }
        // modules.alias, modules.dep and their like; kernels and initrds of Fedora and ostree beside them.
        base if depth == 1 && base.starts_with(b"modules.") => Some(Interest::Image),
        _ if depth == 1 => Some(Interest::Image),
        _ => None,
    }
}

/// `lib`, `lib64`, `lib32`, `libexec`, with or without `usr` and a Debian triplet, and where programs keep their own.
fn is_shared_library(directory: &[u8], base: &[u8]) -> bool {
    let named =
        base.starts_with(b"ld-") || base.starts_with(b"ld.") || memchr::memmem::find(base, b".so").is_some();
    let inside = strip_usr(directory);
    let inside = inside.strip_prefix(b"local/").unwrap_or(inside);
    let library =
        [&b"lib/"[..], b"lib64/", b"lib32/", b"libexec/"].iter().any(|start| inside.starts_with(start));
    // Not the plug-ins of desktops and interpreters: two levels below `lib` at the most.
    // Software outside the distribution, which ld.so.conf names.
    let optional = directory.starts_with(b"opt/") && base.starts_with(b"lib");
    named && (library || optional) && inside.iter().filter(|byte| **byte == b'/').count() <= 3
}

fn is_program_directory(directory: &[u8]) -> bool {
    let inside = strip_usr(directory);
    let inside = inside.strip_prefix(b"local/").unwrap_or(inside);
    [&b"bin/"[..], b"sbin/", b"libexec/", b"lib/", b"nginx/"].iter().any(|start| inside.starts_with(start))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use super::*;
    use crate::facts::{Facts, Limits};
    use crate::source::directory::Directory;
    use crate::source::{Backend, Content, LookupError, Node, Tree};

    #[test]
    fn what_is_read_is_kept_wherever_the_root_is() {
        for (name, wanted) in [
            ("etc/fstab", Some(Interest::Configuration)),
            ("./etc/fstab", Some(Interest::Configuration)),
            ("/etc/fstab", Some(Interest::Configuration)),
            ("sosreport-web1-2024/etc/fstab", Some(Interest::Configuration)),
            ("backup/2024/web1/rootfs/etc/fstab", Some(Interest::Configuration)),
            ("a/b/c/d/e/etc/fstab", None),
            ("boot/initrd.img-6.1.0-18-amd64", Some(Interest::Image)),
            ("boot/efi/EFI/debian/grub.cfg", Some(Interest::Image)),
            ("usr/lib/modules/6.1.0-18-amd64/modules.alias", Some(Interest::Image)),
            ("lib/modules/6.1.0-18-amd64/kernel/drivers/ata/ahci.ko.xz", Some(Interest::Module)),
            ("lib/modules/6.1.0-18-amd64/build", Some(Interest::Image)),
            ("lib/modules/6.1.0-18-amd64/vdso/vdso64.debug", None),
            ("var/lib/rpm/Packages", Some(Interest::Image)),
            ("var/lib/dpkg/status", Some(Interest::Image)),
            ("var/lib/dpkg/info/libssl3.list", Some(Interest::Configuration)),
            ("usr/lib/x86_64-linux-gnu/libssl.so.3", Some(Interest::Program)),
            ("lib64/ld-linux-x86-64.so.2", Some(Interest::Program)),
            ("usr/sbin/nginx", Some(Interest::Program)),
            ("usr/lib/systemd/systemd", Some(Interest::Program)),
            ("usr/lib/systemd/system/nginx.service", Some(Interest::Configuration)),
            (".dockerenv", Some(Interest::Configuration)),
            ("usr/share/doc/bash/README", None),
            ("home/user/video.mkv", None),
            ("usr/bin/perl", None),
            ("opt/apache-tomcat-9.0.85/conf/context.xml", Some(Interest::Configuration)),
            ("opt/apache-tomcat-9.0.85/webapps/docs/index.xml", None),
            ("var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_InRelease", Some(Interest::Image)),
            ("var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_main_i18n_Translation-en", None),
        ] {
            assert_eq!(interest(name.as_bytes(), 1000), wanted, "{name}");
        }
    }

    #[test]
    fn a_file_beyond_its_limit_is_not_kept() {
        assert_eq!(interest(b"etc/fstab", 200 << 20), None);
        assert_eq!(interest(b"boot/initrd.img", 200 << 20), Some(Interest::Image));
        assert_eq!(interest(b"boot/initrd.img", 1 << 40), None);
    }

    #[test]
    fn the_budgets_stay_within_a_gibibyte() {
        let classes = [Interest::Configuration, Interest::Image, Interest::Program, Interest::Module];
        assert_eq!(classes.len(), Interest::COUNT);
        assert!(classes.iter().enumerate().all(|(at, class)| class.index() == at));
        assert!(classes.iter().map(|class| class.total_limit()).sum::<u64>() <= 1 << 30);
        assert!(classes.iter().all(|class| class.file_limit() <= class.total_limit()));
    }

    /// A directory that remembers what was opened.
    struct Recorder(Directory, Arc<Mutex<Vec<PathBuf>>>);

    impl Backend for Recorder {
        fn node(&self, path: &Path) -> Result<Node, LookupError> {
            self.0.node(path)
        }

        fn list(&self, path: &Path) -> Result<Vec<OsString>, LookupError> {
            self.0.list(path)
        }

        fn open(&self, path: &Path) -> Result<Box<dyn Content>, LookupError> {
            self.1.lock().unwrap().push(path.to_path_buf());
            self.0.open(path)
        }
    }

    /// Whoever reads a file that is not kept makes a compressed archive be unpacked again, or loses it on a stream:
    /// its path belongs into the tables above.
    #[test]
    fn all_that_is_read_of_the_demo_systems_is_kept() {
        let systems = Path::new("testdata/systems");
        for name in ["centos6-san-server", "debian12-vm", "rhel9-lvm-devicesfile"] {
            let directory = Directory::open(&systems.join(name)).unwrap();
            let opened = Arc::new(Mutex::new(Vec::new()));
            let tree = Tree::new(Recorder(directory, Arc::clone(&opened)), name);
            let facts = Facts::gather(&tree, &Limits::default());
            assert!(facts.system.id.is_some(), "{name}");
            let opened = opened.lock().unwrap();
            assert!(opened.len() > 10, "{name}: {opened:?}");
            let lost: Vec<&PathBuf> = opened
                .iter()
                .filter(|path| interest(path.as_os_str().as_bytes(), 100_000).is_none())
                .collect();
            assert_eq!(lost, Vec::<&PathBuf>::new(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_directory_above_changes_nothing(name in "(etc|boot|usr/lib/systemd|var/lib/rpm)/[a-z]{1,9}") {
            let below = format!("host/{name}");
            prop_assert_eq!(interest(name.as_bytes(), 1), interest(below.as_bytes(), 1));
        }

        #[test]
        fn any_name_ends(name in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(interest(&name, u64::MAX).is_none());
        }
    }
}
