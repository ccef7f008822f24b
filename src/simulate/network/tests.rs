//! Systems in words, and what becomes of their network.

use crate::facts::{Facts, Limits};
use crate::simulate::{Boot, GivenEntry, State, simulate_entry};
use crate::source::memory::Memory;
use crate::target::{built_in, parse};

const RELEASE: &str = "6.1.0-1-amd64";
const ALIASES: &str = "alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci\n\
    alias virtio:d00000001v* virtio_net\n\
    alias pci:v000015ADd000007B0sv*sd*bc*sc*i* vmxnet3\n\
    alias pci:v00008086d0000100Esv*sd*bc*sc*i* e1000\n\
    alias acpi*:VMBUS:* hv_vmbus\n\
    alias vmbus:635161f83edfc546913ff2d2f965ed0e hv_netvsc\n\
    alias pci:v00005853d00000001sv*sd*bc*sc*i* xen_platform_pci\n\
    alias xen:vif xen_netfront\n\
    alias pci:v00001D0Fd0000EC20sv*sd*bc*sc*i* ena\n";

/// A system with all drivers; `files` are lines of `PATH: TEXT`, where `\n` stands for a line's end and `->` for a link.
fn system(release: &str, files: &[&str]) -> Memory {
    let (id, version) = release.split_once(' ').unwrap();
    let mut memory = Memory::new()
        .file("etc/os-release", format!("ID={id}\nVERSION_ID=\"{version}\"\n"))
        .file(&format!("boot/vmlinuz-{RELEASE}"), "")
        .file(&format!("lib/modules/{RELEASE}/modules.alias"), ALIASES)
        .file(&format!("lib/modules/{RELEASE}/modules.builtin"), "kernel/fs/ext4/ext4.ko\n")
        .file(&format!("lib/modules/{RELEASE}/modules.dep"), "");
    for line in files {
        let (path, text) = line.split_once(": ").unwrap();
        memory = match text.strip_prefix("-> ") {
            Some(to) => memory.link(path, to),
            None => memory.file(path, text.replace("\\n", "\n")),
        };
    }
    memory
}

fn boot(memory: Memory, target: &str, cmdline: &str) -> Boot {
    let facts = Facts::gather(&memory.into_tree(), &Limits::default());
    let target = if target.contains('\n') { parse(target.as_bytes(), "t.yaml") } else { built_in(target) };
    let given = GivenEntry { kernel: RELEASE.to_owned(), initrd: None, cmdline: cmdline.to_owned() };
    let boots = simulate_entry(&facts, &given.to_entry(&facts), &[target.unwrap()]);
    boots.into_iter().next().unwrap()
}

/// The name of the first card (`?` when unknown), the state, and the sentence.
fn outcome(release: &str, files: &[&str], target: &str, cmdline: &str) -> (String, State, String) {
    let boot = boot(system(release, files), target, cmdline);
    let step = boot.steps.last().unwrap();
    let name = boot.network.nics.first().and_then(|nic| nic.name.clone());
    (name.unwrap_or_else(|| "?".to_owned()), step.state, step.detail.clone())
}

const IFUPDOWN: &str = "etc/systemd/system/multi-user.target.wants/networking.service: -> /lib/systemd/system/networking.service";
const NM: &str = "etc/systemd/system/multi-user.target.wants/NetworkManager.service: -> /usr/lib/systemd/system/NetworkManager.service";
const NETWORKD: &str = "etc/systemd/system/multi-user.target.wants/systemd-networkd.service: -> /usr/lib/systemd/system/systemd-networkd.service";
const SCRIPTS: &str = "etc/rc.d/rc3.d/S10network: -> ../init.d/network";
const WICKED: &str = "etc/systemd/system/network.service: -> /usr/lib/systemd/system/wicked.service";
const CRON: &str =
    "etc/systemd/system/multi-user.target.wants/cron.service: -> /lib/systemd/system/cron.service";
const NO_AUTO: &str = "etc/NetworkManager/conf.d/00-server.conf: [main]\\nno-auto-default=*\\n";
const INTERFACES: &str =
    "etc/network/interfaces: auto lo\\niface lo inet loopback\\nauto NAME\\niface NAME inet dhcp\\n";

#[test]
fn cards_are_called_after_the_platforms_slots() {
    for (release, target, cmdline, name) in [
        ("debian 12", "kvm", "", "ens3"),
        ("debian 12", "kvm", "net.ifnames=0", "eth0"),
        ("debian 12", "kvm-sata", "", "enp1s0"),
        ("debian 12", "proxmox", "", "ens18"),
        ("debian 12", "vmware", "", "ens192"),
        ("debian 12", "hyperv-gen2", "", "eth0"),
        ("debian 12", "azure", "", "eth0"),
        ("debian 12", "xen-hvm", "", "enX0"),
        ("debian 11", "xen-hvm", "", "eth0"),
        ("debian 12", "aws-nitro", "", "ens5"),
        ("debian 12", "virtualbox", "", "enp0s3"),
        ("debian 8", "vmware", "", "eth0"),
        ("ubuntu 14.04", "vmware", "", "eth0"),
        ("ubuntu 24.04", "vmware", "", "ens192"),
        ("centos 6.10", "vmware", "", "eth0"),
        ("rhel 7.9", "vmware", "", "ens192"),
        ("rhel 7.9", "vmware", "net.ifnames=0 biosdevname=0", "eth0"),
        ("rocky 9.3", "kvm", "", "ens3"),
    ] {
        let (found, ..) = outcome(release, &[CRON], target, cmdline);
        assert_eq!(found, name, "{release} on {target} {cmdline}");
    }
}

#[test]
fn a_network_that_names_other_cards_fails() {
    let wicked = "etc/sysconfig/network/ifcfg-eth0: BOOTPROTO='dhcp'\\nSTARTMODE='auto'\\n";
    let udev = "usr/lib/udev/rules.d/75-persistent-net-generator.rules: # generate\\n";
    let interfaces = |name: &str| INTERFACES.replace("NAME", name);
    let eth0 = interfaces("eth0");
    let ens192 = interfaces("ens192");
    let ifcfg = |name: &str| {
        format!("etc/sysconfig/network-scripts/ifcfg-{name}: DEVICE={name}\\nONBOOT=yes\\nBOOTPROTO=dhcp\\n")
    };
    let (ifcfg_eth0, ifcfg_ens192) = (ifcfg("eth0"), ifcfg("ens192"));
    let keyfile = "etc/NetworkManager/system-connections/lan.nmconnection: [connection]\\nid=lan\\ntype=ethernet\\ninterface-name=ens192\\n";
    let any =
        "etc/NetworkManager/system-connections/lan.nmconnection: [connection]\\nid=lan\\ntype=ethernet\\n";
    let netplan = "etc/netplan/a.yaml: network:\\n  ethernets:\\n    ens160: {dhcp4: true}\\n";
    let generator = "usr/lib/systemd/system-generators/netplan: -> ../../../libexec/netplan/generate";
    let network = "etc/systemd/network/20-a.network: [Match]\\nName=eth*\\n[Network]\\nDHCP=yes\\n";
    for (release, files, target, cmdline, state, said) in [
        (
            "debian 12",
            &[IFUPDOWN, &eth0][..],
            "kvm",
            "",
            State::Fails,
            "nothing brings up ens3 (virtio_net): `etc/network/interfaces:4` is for eth0",
        ),
        ("debian 12", &[&eth0], "kvm", "", State::Fails, "ens3"),
        ("debian 12", &[CRON, &eth0], "kvm", "", State::Ok, "no network is configured"),
        (
            "debian 12",
            &[IFUPDOWN, &eth0],
            "kvm",
            "net.ifnames=0",
            State::Ok,
            "eth0 (virtio_net) is brought up by etc/network/interfaces:4",
        ),
        ("debian 12", &[IFUPDOWN, &eth0], "hyperv-gen2", "", State::Ok, "eth0 (hv_netvsc)"),
        ("debian 12", &[IFUPDOWN, &ens192], "vmware", "", State::Ok, "ens192 (vmxnet3)"),
        ("debian 12", &[IFUPDOWN, &ens192], "azure", "", State::Fails, "eth0 (hv_netvsc)"),
        ("debian 12", &[NETWORKD, network], "kvm", "", State::Fails, "is for eth*"),
        ("debian 12", &[NETWORKD, network], "azure", "", State::Ok, "eth0"),
        ("debian 12", &[NM, keyfile], "kvm", "", State::Ok, "makes up a profile"),
        ("debian 12", &[NM, keyfile, NO_AUTO], "kvm", "", State::Fails, "lan.nmconnection:4` is for ens192"),
        ("debian 12", &[NM, any, NO_AUTO], "kvm", "", State::Ok, "ens3"),
        ("ubuntu 24.04", &[CRON, netplan, generator], "kvm", "", State::Fails, "is for ens160"),
        ("ubuntu 24.04", &[CRON, netplan, generator], "same", "", State::Ok, "stay the same"),
        ("rhel 9.3", &[NM, &ifcfg_ens192, NO_AUTO], "kvm", "", State::Fails, "ens192"),
        ("rhel 10.0", &[NM, &ifcfg_ens192, NO_AUTO], "vmware", "", State::Ok, "no network is configured"),
        ("rhel 7.9", &[SCRIPTS, &ifcfg_eth0], "vmware", "", State::Fails, "ens192 (vmxnet3)"),
        ("centos 6.10", &[SCRIPTS, &ifcfg_eth0], "kvm", "", State::Ok, "eth0"),
        ("sles 15.4", &[WICKED, wicked, udev], "kvm", "", State::Ok, "eth0"),
        ("rhel 9.3", &[&ifcfg_ens192], "kvm", "", State::Unknown, "etc/systemd/system"),
    ] {
        let (name, found, detail) = outcome(release, files, target, cmdline);
        assert_eq!(found, state, "{release} {files:?} on {target} {cmdline}: {name}, {detail}");
        assert!(detail.contains(said), "{release} {files:?} on {target} {cmdline}: {detail}");
    }
}

#[test]
fn what_hangs_on_an_address_is_known_only_where_the_target_tells_it() {
    let rule = "etc/udev/rules.d/70-persistent-net.rules: SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{address}==\"00:50:56:00:00:01\", ATTR{type}==\"1\", KERNEL==\"eth*\", NAME=\"lan0\"\\n";
    let lan0 = INTERFACES.replace("NAME", "lan0");
    let files = &[IFUPDOWN, rule, &lan0][..];
    let (name, state, detail) = outcome("debian 12", files, "kvm", "");
    assert_eq!((name.as_str(), state), ("?", State::Unknown), "{detail}");
    assert!(detail.contains("keeps its address on kvm"), "{detail}");
    let (name, state, detail) = outcome("debian 12", files, "aws-nitro", "");
    assert_eq!((name.as_str(), state), ("ens5", State::Fails), "{detail}");
    let card = "name: box\ntitle: box\ndevices:\n  - {modalias: \"pci:v000015ADd000007B0sv000015ADsd000007B0bc02sc00i00\", slot: \"0000:03:00.0\", nic: eth0, mac: \"00:50:56:00:00:01\"}\n  - {modalias: \"scsi:t-0x00\", disk: sda}\n";
    let (name, state, detail) = outcome("debian 12", files, card, "");
    assert_eq!((name.as_str(), state), ("lan0", State::Ok), "{detail}");
    let other = card.replace("00:01\"}", "00:02\"}");
    let (name, state, _) = outcome("debian 12", files, &other, "");
    assert_eq!((name.as_str(), state), ("enp3s0", State::Fails));
}

#[test]
fn an_older_udev_gives_a_new_card_the_next_number() {
    let rule = "etc/udev/rules.d/70-persistent-net.rules: SUBSYSTEM==\"net\", ATTR{address}==\"00:50:56:00:00:01\", KERNEL==\"eth*\", NAME=\"eth0\"\\n";
    let udev = "lib/udev/rules.d/75-persistent-net-generator.rules: # generate\\n";
    let ifcfg = "etc/sysconfig/network-scripts/ifcfg-eth0: DEVICE=eth0\\nONBOOT=yes\\n";
    let (name, state, detail) = outcome("centos 6.10", &[SCRIPTS, rule, udev, ifcfg], "aws-nitro", "");
    assert_eq!((name.as_str(), state), ("eth1", State::Fails), "{detail}");
    let spares =
        "lib/udev/rules.d/75-persistent-net-generator.rules: ENV{MATCHADDR}==\"52:54:00:*\", GOTO=\"end\"\\n";
    let (name, ..) = outcome("debian 7", &[SCRIPTS, rule, spares], "openstack", "");
    assert_eq!(name, "eth0");
}

#[test]
fn a_card_without_a_driver_is_no_network() {
    let eth0 = INTERFACES.replace("NAME", "ens5");
    let blacklist = "etc/modprobe.d/x.conf: blacklist ena\\n";
    let (_, state, detail) = outcome("debian 12", &[IFUPDOWN, &eth0, blacklist], "aws-nitro", "");
    assert_eq!(state, State::Fails);
    assert_eq!(detail, "no driver binds the network card: `etc/modprobe.d/x.conf:1` keeps ena from loading");
    let (_, state, detail) = outcome("debian 12", &[IFUPDOWN, &eth0], "gcp-nvme", "");
    assert_eq!(state, State::Fails);
    assert!(detail.contains("has no driver for `pci:v00001AE0d00000042"), "{detail}");
    let (_, state, detail) = outcome("debian 12", &[CRON], "gcp-nvme", "");
    assert_eq!((state, detail.as_str()), (State::Ok, "no network is configured"));
}

#[test]
fn names_that_are_taken_are_not_given() {
    let two = "name: box\ntitle: box\ndevices:\n  - {modalias: \"pci:v000015ADd000007B0sv000015ADsd000007B0bc02sc00i00\", slot: \"0000:03:00.0\", nic: a, mac: \"00:00:5e:00:53:01\"}\n  - {modalias: \"pci:v000015ADd000007B0sv000015ADsd000007B0bc02sc00i00\", slot: \"0000:0b:00.0\", nic: b, mac: \"00:00:5e:00:53:02\"}\n  - {modalias: \"scsi:t-0x00\", disk: sda}\n";
    let rule = |mac: &str, name: &str| {
        format!("SUBSYSTEM==\"net\", ATTR{{address}}==\"00:00:5e:00:53:{mac}\", NAME=\"{name}\"\\n")
    };
    let names = |rules: String, release: &str, cmdline: &str| {
        let rules = format!("etc/udev/rules.d/70-persistent-net.rules: {rules}");
        let boot = boot(system(release, &[CRON, &rules]), two, cmdline);
        let names = boot
            .network
            .nics
            .iter()
            .map(|nic| nic.name.clone().unwrap_or_else(|| nic.possible_names.join("|")));
        names.collect::<Vec<_>>()
    };
    let swap = || rule("01", "eth1") + &rule("02", "eth0");
    assert_eq!(
        names(swap(), "debian 12", "net.ifnames=0"),
        ["eth0", "eth1"],
        "each has what the other wants"
    );
    assert_eq!(names(swap(), "centos 6.10", ""), ["eth1", "eth0"], "udev waited for the name");
    assert_eq!(
        names(rule("0?", "lan0"), "debian 12", ""),
        ["eth0|lan0", "eth1|lan0"],
        "which is first is a race"
    );
    assert_eq!(names(rule("02", "eth0"), "debian 12", "net.ifnames=0"), ["eth0", "eth1"]);
    assert_eq!(names(rule("02", "eth0"), "debian 12", ""), ["enp3s0", "eth1|eth0"]);
}

#[test]
fn alternative_names_count_where_the_kernel_or_networkd_is_asked() {
    let network = |name: &str| {
        format!("etc/systemd/network/20-a.network: [Match]\\nName={name}\\n[Network]\\nDHCP=yes\\n")
    };
    for (release, cmdline, name, state) in [
        ("debian 12", "", "enp0s3", State::Ok),
        ("debian 12", "net.ifnames=0", "ens3", State::Ok),
        ("debian 10", "", "enp0s3", State::Fails),
        ("debian 12", "", "enp0s4", State::Fails),
    ] {
        let (_, found, detail) = outcome(release, &[NETWORKD, &network(name)], "kvm", cmdline);
        assert_eq!(found, state, "{release} {cmdline} {name}: {detail}");
    }
    let other = INTERFACES.replace("NAME", "enp0s3");
    let (_, state, detail) = outcome("debian 12", &[IFUPDOWN, &other], "kvm", "");
    assert_eq!(state, State::Ok, "{detail}");
    let plugged = other.replace("auto enp0s3", "allow-hotplug enp0s3");
    let (_, state, detail) = outcome("debian 12", &[IFUPDOWN, &plugged], "kvm", "");
    assert_eq!(state, State::Fails, "{detail}");
}
