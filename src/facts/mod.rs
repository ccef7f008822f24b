//! What the system says of itself, each fact with its place.
//!
//! One file a subject. A subject asks the tree for files and the readers in [`crate::parse`] for values, and
//! decides nothing: policy is in the rules. What the input does not hold is [`Known::Unknown`], never assumed.
//! Facts serialize to the JSON that `bootproof facts` prints and that rules read under the same names; large tables
//! that only the simulation needs are skipped there.

pub mod access;
pub mod added_drivers;
pub mod agents;
pub mod asked;
pub mod attributes;
pub mod beancounters;
pub mod block_devices;
pub mod boot;
pub mod boot_disks;
pub mod clock;
pub mod cloud_init;
pub mod cluster;
pub mod command_line;
pub mod consoles;
pub mod crypto_policy;
pub mod crypttab;
pub mod daemons;
pub mod departing;
pub mod device_caches;
pub mod directory;
pub mod disk_sizes;
pub mod dovecot;
pub mod dracut;
pub mod esp;
pub mod file_systems;
pub mod fips;
pub mod firewall;
pub mod foreign_modules;
pub mod fstab;
mod gather;
mod glob;
pub mod grub;
pub mod hardware;
pub mod host_bound;
pub mod identity;
pub mod import_support;
pub mod init;
pub mod initramfs_tools;
pub mod initrds;
pub mod kdump;
pub mod kernels;
pub mod libraries;
pub mod luks;
pub mod lvm;
pub mod mainframe;
pub mod md;
pub mod memory;
pub mod mentions;
pub mod mkinitrd;
pub mod modprobe;
pub mod module_tables;
pub mod mongodb;
pub mod mounting;
pub mod multipath;
pub mod named;
pub mod near;
pub mod network;
pub mod nfs;
pub mod nfs_locks;
pub mod nvram;
pub mod old_lookups;
pub mod oracle_asm;
pub mod packages;
pub mod ppp;
pub mod read_only_mounts;
pub mod repositories;
pub mod rescue;
pub mod resolver;
pub mod room;
pub mod root_links;
pub mod san;
pub mod selinux;
pub mod services;
pub mod setting;
pub mod space;
pub mod sysctl;
pub mod system;
pub mod time_sync;
pub mod tls;
pub mod tomcat;
pub mod udev;
pub mod unfinished;
pub mod vendor_multipath;
pub mod volumes;
pub mod zfs;

use schemars::JsonSchema;
use serde::Serialize;

pub use crate::known::Known;
pub use gather::{Found, Gather, Problem, ProblemKind};

use crate::source::Tree;

/// Everything that was read of one system.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Facts {
    /// The distribution and machine.
    pub system: system::System,
    /// Installed packages.
    pub packages: packages::Packages,
    /// Installed kernels.
    pub kernels: Vec<kernels::Kernel>,
    /// Boot loader configuration.
    pub boot: boot::BootConfig,
    /// GRUB as it is installed in the system's folder.
    pub grub: grub::GrubInstall,
    /// The EFI system partition and the loaders on it.
    pub esp: esp::Esp,
    /// The firmware's boot entries. Unknown if the input does not list them.
    pub nvram: Known<nvram::Nvram>,
    /// Partition tables and first sectors of the disks, as far as the input says.
    pub boot_disks: Vec<boot_disks::BootDisk>,
    /// Features of file systems, as far as the input says.
    pub file_systems: Vec<file_systems::FileSystem>,
    /// How much room the mounted file systems have.
    pub space: space::Space,
    /// Drivers in use that a later release of the distribution drops.
    pub departing: Vec<departing::Departing>,
    /// Disk drivers from elsewhere than the kernel's package that some boot entries have and others lack.
    pub added_drivers: Vec<added_drivers::AddedDriver>,
    /// The disks that the system has now, where the input says.
    pub hardware: hardware::Hardware,
    /// The programs that the kernel or an initrd may start first.
    pub init: init::Init,
    /// The initrd images.
    pub initrds: Vec<initrds::Initrd>,
    /// The module tables of each kernel by release, for the simulation.
    #[serde(skip)]
    pub module_tables: std::collections::BTreeMap<String, module_tables::ModuleTables>,
    /// modprobe's configuration.
    pub modprobe: modprobe::Modprobe,
    /// Which file systems, swaps and volumes the machine has, as far as the input says.
    pub block_devices: block_devices::BlockDevices,
    /// Volume groups and their logical volumes, as far as the input says.
    pub volumes: Vec<volumes::VolumeGroup>,
    /// What is mounted at boot.
    pub fstab: fstab::Fstab,
    /// How the root system mounts it.
    pub mounting: mounting::Mounting,
    /// What is opened at boot.
    pub crypttab: crypttab::Crypttab,
    /// LUKS headers, as far as collected outputs say.
    pub luks: Vec<luks::LuksHeader>,
    /// LVM's configuration and what is known of its volumes.
    pub lvm: lvm::Lvm,
    /// mdadm's configuration.
    pub md: md::Md,
    /// dm-multipath's configuration, tables and state.
    pub multipath: multipath::Multipath,
    /// Storage vendors' own multipathing.
    pub vendor_multipath: Vec<vendor_multipath::VendorMultipath>,
    /// ZFS's list of pools to import.
    pub zfs: zfs::Zfs,
    /// Disks of mainframes and virtual Fibre Channel adapters.
    pub mainframe: mainframe::Mainframe,
    /// Lists of devices that tools keep from one boot to the next.
    pub device_caches: Vec<device_caches::DeviceCache>,
    /// Where crash dumps go, if not into a folder of the root.
    pub kdump_targets: Vec<kdump::DumpTarget>,
    /// The high-availability cluster that the machine is a node of, and DRBD's disks.
    pub cluster: cluster::Cluster,
    /// Oracle ASMLib's settings; null if it is not there.
    pub oracle_asm: Option<oracle_asm::OracleAsm>,
    /// Disks that configuration and scripts name in files which no other subject reads.
    pub mentions: Vec<mentions::Mention>,
    /// dracut's configuration, all files put together.
    pub dracut: dracut::Dracut,
    /// initramfs-tools' configuration.
    pub initramfs_tools: initramfs_tools::InitramfsTools,
    /// The settings of the older image builders.
    pub mkinitrd: mkinitrd::Mkinitrd,
    /// The programs that build an initrd and are there: `dracut`, `update-initramfs`, `mkinitrd`, `mkinitcpio`, `make-initrd`, `booster`.
    /// Unknown if the input holds neither programs nor a list of packages.
    pub initrd_builders: Known<Vec<String>>,
    /// Whether the root is ready for a rebuild of its initrd from outside.
    pub rescue: rescue::Rescue,
    /// ifcfg-* files, routes, persistent interface names.
    pub network: network::Network,
    /// How names of hosts are looked up.
    pub resolver: resolver::Resolver,
    /// cloud-init.
    pub cloud_init: cloud_init::CloudInit,
    /// The host's own packet filter.
    pub firewall: firewall::Firewall,
    /// What applications are tied to of this host: licences, listeners.
    pub host_bound: Vec<host_bound::HostBound>,
    /// Disks over a network.
    pub san: san::San,
    /// udev's rules.
    pub udev: udev::Udev,
    /// Services, and what starts them at boot.
    pub services: services::Services,
    /// Programs that belong to one platform, vendor or product.
    pub agents: agents::Agents,
    /// Who gets in: sshd, accounts, sudo.
    pub access: access::Access,
    /// Terminals with a login, and displays.
    pub consoles: consoles::Consoles,
    /// Settings of daemons that can stop the machine.
    pub daemons: daemons::Daemons,
    /// Where accounts come from.
    pub directory: directory::Directory,
    /// What makes the system itself.
    pub host_identity: identity::Identity,
    /// Whether the locks of NFSv3 work, and automounter maps that a server holds.
    pub nfs_locks: nfs_locks::NfsLocks,
    /// Where packages come from.
    pub repositories: repositories::Repositories,
    /// Where the time comes from.
    pub time_sync: time_sync::TimeSync,
    /// Kernel settings of sysctl.d and sysctl.conf.
    pub sysctl: sysctl::Sysctl,
    /// NFS, as client and server.
    pub nfs: nfs::Nfs,
    /// Dial-up and pptp tunnels.
    pub ppp: ppp::Ppp,
    /// Shared libraries of the programs that matter.
    pub libraries: libraries::Libraries,
    /// TLS libraries, and what services ask of them.
    pub tls: tls::Tls,
    /// Whether the hardware clock has local time.
    pub clock: clock::Clock,
    /// `chattr +i` and `+a` on files that a change of the system writes.
    pub file_attributes: Vec<attributes::FileAttributes>,
    /// Symbolic links where tools that work from outside expect files and folders.
    pub root_links: Vec<root_links::RootLink>,
    /// SELinux, as configured, and its labels.
    pub selinux: selinux::Selinux,
    /// Checksums of kernels that boot in FIPS mode.
    pub fips: Vec<fips::KernelChecksum>,
    /// The system-wide crypto policy.
    pub crypto_policy: crypto_policy::CryptoPolicy,
    /// Kernel modules that did not come with the kernels.
    pub foreign_modules: foreign_modules::ForeignModules,
    /// Space and inodes that the file systems of fstab have left.
    pub room: Known<Vec<room::Room>>,
    /// File systems that are mounted read-only though fstab does not ask for it.
    pub read_only_mounts: Vec<read_only_mounts::ReadOnlyMount>,
    /// What the kernel says of damaged file systems.
    pub file_system_complaints: Vec<file_systems::Complaint>,
    /// Work of the storage stack that has not ended: merges, moves, rebuilds.
    pub unfinished: Vec<unfinished::Unfinished>,
    /// How large the disks are.
    pub disk_sizes: Known<Vec<disk_sizes::DiskSize>>,
    /// What an OpenVZ kernel counts for its containers.
    pub beancounters: Vec<beancounters::Beancounter>,
    /// What the importers of platforms say of the system.
    pub import_support: Vec<import_support::ImportSupport>,
    /// Memory, and what is set aside of it at boot.
    pub memory: memory::Memory,
    /// MongoDB's data and journal.
    pub mongodb: Vec<mongodb::Mongod>,
    /// Links in Dovecot's mail folders that lead to what is no mail.
    pub dovecot_links: Vec<dovecot::MailLink>,
    /// BIND and its sockets; null if it is not configured.
    pub bind: Option<named::Named>,
    /// Programs that look up IPv4 addresses alone, where the machine has only IPv6 ones.
    pub old_lookups: Vec<old_lookups::OldLookup>,
    /// Tomcat's data sources.
    pub tomcat: Vec<tomcat::DataSource>,
    /// What was asked for although nothing in the system names it.
    #[serde(skip)]
    pub asked: asked::AskedFiles,
    /// Files that are there but could not be read or understood.
    pub problems: Vec<Problem>,
}

impl Facts {
    /// Reads all subjects of `tree`, independent ones in parallel.
    #[must_use]
    pub fn gather(tree: &Tree, limits: &Limits) -> Self {
        Self::gather_with(tree, limits, &asked::Asked::default())
    }

    /// Reads all subjects of `tree`, and the files that are `asked` for.
    #[must_use]
    pub fn gather_with(tree: &Tree, limits: &Limits, asked: &asked::Asked) -> Self {
        let gather = Gather::new(tree, limits);
        gather.note_damage();
        let kernels = kernels::gather(&gather);
        let mut boot = boot::gather(&gather, &kernels);
        let block_devices = block_devices::gather(&gather);
        let volumes = volumes::gather(&gather, &block_devices);
        boot.resolve(&block_devices, &volumes);
        let asked = asked::gather(&gather, asked);
        // Unpacking the images takes longer than all the rest together, so the rest is read beside it.
        let (mut initrds, mut facts) = rayon::join(
            || initrds::gather(&gather, &boot, &asked.initrds),
            || Self::gather_rest(&gather, &kernels, &boot, block_devices),
        );
        let machine =
            initrds::Machine { fstab: &facts.fstab, devices: &facts.block_devices, volumes: &volumes };
        initrds::resolve(&mut initrds, machine);
        facts.departing = departing::find(&facts.system, &facts.hardware, &facts.modprobe, &initrds);
        facts.added_drivers = added_drivers::find(&gather, &kernels, &boot, &initrds);
        facts.space.add_initrds(&gather, &initrds);
        facts.agents.add_initrds(&initrds);
        facts.volumes = volumes;
        facts.kernels = kernels;
        for kernel in &mut facts.kernels {
            if let Some(tables) = facts.module_tables.get(&kernel.release) {
                kernel.built_in = tables.known_builtin();
            }
        }
        facts.boot = boot;
        facts.initrds = initrds;
        facts.asked = asked;
        facts.problems = gather.into_problems();
        facts
    }

    /// All subjects but the kernels, the boot entries and the initrds, which the caller adds.
    fn gather_rest(
        gather: &Gather<'_>,
        kernels: &[kernels::Kernel],
        boot: &boot::BootConfig,
        block_devices: block_devices::BlockDevices,
    ) -> Self {
        let system = system::gather(gather);
        let packages = packages::gather(gather, &system);
        let configs = kernels.iter().map(|kernel| (kernel.release.as_str(), kernel.config.as_deref()));
        let module_tables = module_tables::gather(gather, configs);
        let modprobe = modprobe::gather(gather);
        let mut fstab = fstab::gather(gather, &block_devices);
        let crypttab = crypttab::gather(gather, &block_devices);
        let lvm2 = packages.find("lvm2").map(|package| package.map(|package| package.version.to_string()));
        let mut lvm = lvm::gather(gather, lvm2);
        lvm::compare_disks(&mut lvm, &block_devices);
        fstab::compare_disks(&mut fstab, &block_devices, &lvm.volume_groups);
        let systemd =
            packages.find("systemd").map(|package| package.map(|package| package.version.to_string()));
        let mounting = mounting::gather(gather, &system, systemd);
        let services = services::gather(gather, mounting.init, system.family.get().copied());
        let sysctl = sysctl::gather(gather, mounting.init);
        let mut md = md::gather(gather);
        md::compare(&mut md, &block_devices, system.hostname.as_deref());
        let multipath = multipath::gather(
            gather,
            multipath::Around { fstab: &fstab, devices: &block_devices, lvm: &lvm, boot, system: &system },
        );
        let vendor_multipath = vendor_multipath::gather(
            gather,
            &vendor_multipath::Around {
                packages: &packages,
                fstab: &fstab,
                boot,
                lvm: &lvm,
                modprobe: &modprobe,
            },
        );
        let cluster = cluster::gather(gather, system.hostname.as_deref());
        let dracut = dracut::gather(gather);
        let initramfs_tools = initramfs_tools::gather(gather, &fstab, &block_devices);
        let mkinitrd = mkinitrd::gather(gather, &modprobe);
        let rescue = rescue::gather(gather, &fstab, kernels);
        let nfs = nfs::gather(gather, &fstab);
        let mut network = network::gather(gather);
        network.driver_versions = network::driver_versions(gather, &module_tables);
        let ppp = ppp::gather(gather, &network);
        let resolver = resolver::gather(gather, system.hostname.as_deref(), &network);
        let san = san::gather(gather, &network);
        let firewall = firewall::gather(gather, &network);
        let mut grub = grub::gather(gather);
        grub.version = grub::version(&packages);
        let esp = esp::gather(gather, &fstab);
        let nvram = nvram::gather(gather, &esp);
        let libraries = libraries::gather(gather);
        let tls = tls::gather(gather, &libraries, &packages);
        let file_systems = file_systems::gather(gather);
        let boot_disks = boot_disks::gather(gather);
        let space = space::gather(gather, &fstab);
        let default =
            boot.entries.iter().find(|entry| entry.default).and_then(|entry| entry.release.as_deref());
        let agents = agents::gather(gather, &packages, &services);
        Self {
            grub,
            esp,
            nvram,
            initrd_builders: mkinitrd::builders(gather, &packages),
            import_support: import_support::gather(&system),
            memory: memory::gather(gather, boot, &sysctl, &services),
            mongodb: mongodb::gather(gather, &fstab),
            dovecot_links: dovecot::gather(gather),
            tomcat: tomcat::gather(gather),
            bind: named::gather(gather, &services, &packages, network.address_count),
            old_lookups: old_lookups::gather(gather, &services, &network),
            clock: clock::gather(gather, fstab.by_systemd),
            file_attributes: attributes::gather(gather),
            root_links: root_links::gather(gather, &fstab),
            selinux: selinux::gather(gather),
            fips: fips::gather(gather, boot),
            crypto_policy: crypto_policy::gather(gather, &system),
            foreign_modules: foreign_modules::gather(gather, kernels, default, &packages),
            room: room::gather(&space, &fstab, &file_systems),
            space,
            read_only_mounts: read_only_mounts::gather(gather, &fstab),
            file_system_complaints: file_systems::complaints(gather),
            unfinished: unfinished::gather(gather),
            disk_sizes: disk_sizes::gather(gather, &boot_disks),
            beancounters: beancounters::gather(gather),
            boot_disks,
            file_systems,
            hardware: hardware::gather(gather),
            init: init::gather(gather, boot, &fstab),
            luks: luks::gather(gather),
            zfs: zfs::gather(gather),
            mainframe: mainframe::gather(gather),
            device_caches: device_caches::gather(gather),
            kdump_targets: kdump::gather(gather, &block_devices),
            cluster,
            oracle_asm: oracle_asm::gather(gather),
            mentions: mentions::gather(gather, &block_devices),
            system,
            packages,
            module_tables,
            modprobe,
            block_devices,
            fstab,
            mounting,
            crypttab,
            lvm,
            md,
            multipath,
            vendor_multipath,
            dracut,
            initramfs_tools,
            mkinitrd,
            rescue,
            network,
            resolver,
            cloud_init: cloud_init::gather(gather),
            firewall,
            host_bound: host_bound::gather(gather),
            san,
            udev: udev::gather(gather),
            agents,
            access: access::gather(gather, &services),
            consoles: consoles::gather(gather, &services),
            daemons: daemons::gather(gather),
            directory: directory::gather(gather, &services),
            host_identity: identity::gather(gather, &services),
            nfs_locks: nfs_locks::gather(gather, &services),
            repositories: repositories::gather(gather),
            time_sync: time_sync::gather(gather, &services),
            services,
            sysctl,
            nfs,
            ppp,
            libraries,
            tls,
            ..Self::default()
        }
    }
}

/// Bounds on what is read, so that hostile input cannot exhaust memory or time.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes that one initrd may unpack to; raised by `--max-initrd-size`.
    pub initrd_unpacked: u64,
}

impl Default for Limits {
    fn default() -> Self {
        // The largest real initrds (all firmware, nvidia modules) unpack to about 1 GiB.
        Self { initrd_unpacked: 4 << 30 }
    }
}
