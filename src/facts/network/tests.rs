//! The facts of the network, file by file and together.

use super::*;
use crate::facts::Limits;
use crate::source::memory::Memory;

fn gathered(memory: Memory) -> Network {
    let tree = memory.into_tree();
    let limits = Limits::default();
    gather(&Gather::new(&tree, &limits))
}

fn scripts() -> Memory {
    Memory::new().file("etc/sysconfig/network-scripts/network-functions", "").file(
        "etc/rc.d/init.d/functions",
        "__sed_discard_ignored_files='/\\(~\\|\\.bak\\|\\.orig\\|\\.rpmnew\\|\\.rpmorig\\|\\.rpmsave\\)$/d'\n",
    )
}

#[test]
fn an_ifcfg_file_is_read_with_the_place_of_each_setting() {
    let network = gathered(scripts().file(
        "etc/sysconfig/network-scripts/ifcfg-eth0",
        "DEVICE=\"eth0\"\nHWADDR=00:00:5E:00:53:01\nONBOOT=yes\nBOOTPROTO=none\nMTU=9000\n",
    ));
    let [ifcfg] = network.ifcfgs.as_slice() else { panic!("{network:?}") };
    assert_eq!(ifcfg.name, "eth0");
    assert_eq!(ifcfg.interface.as_deref(), Some("eth0"));
    let hwaddr = ifcfg.hwaddr.as_ref().unwrap();
    assert_eq!(hwaddr.value, "00:00:5e:00:53:01");
    assert_eq!(hwaddr.at.to_string(), "etc/sysconfig/network-scripts/ifcfg-eth0:2");
    assert!(ifcfg.starts_at_boot && !ifcfg.ignored && !ifcfg.alias && !ifcfg.loopback);
    assert!(network.network_scripts && !network.networkmanager);
}

#[test]
fn backups_aliases_and_the_loopback_are_told_apart() {
    let mut memory = scripts();
    for name in ["eth0", "eth0.bak", "eth0~", "eth0.old", "eth0.rpmsave", "eth0:1", "eth0-range0", "lo"] {
        let path = format!("etc/sysconfig/network-scripts/ifcfg-{name}");
        memory = memory.file(&path, "DEVICE=eth0\nONBOOT=yes\n");
    }
    let network = gathered(memory);
    let named = |keep: fn(&Ifcfg) -> bool| {
        network.ifcfgs.iter().filter(|i| keep(i)).map(|i| i.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(named(|i| i.ignored), ["eth0.bak", "eth0.rpmsave", "eth0~"]);
    assert_eq!(named(|i| i.ignored_by_scripts), ["eth0.bak", "eth0.rpmsave", "eth0~"]);
    assert_eq!(named(|i| i.ignored_by_networkmanager), ["eth0.bak", "eth0~"]);
    assert_eq!(named(|i| i.alias), ["eth0-range0", "eth0:1"]);
    assert_eq!(named(|i| i.loopback), ["lo"]);
    assert_eq!(named(|i| !i.duplicates.is_empty()), ["eth0", "eth0.old"]);
}

#[test]
fn networkmanager_reads_what_the_scripts_pass_over() {
    let network = gathered(
        scripts()
            .file("usr/sbin/NetworkManager", "")
            .file("etc/sysconfig/network-scripts/ifcfg-eth0", "DEVICE=eth0\n")
            .file("etc/sysconfig/network-scripts/ifcfg-eth0.rpmsave", "DEVICE=eth0\n"),
    );
    assert!(network.ifcfgs.iter().all(|ifcfg| !ifcfg.ignored && ifcfg.duplicates.len() == 1));
}

#[test]
fn profiles_that_do_not_start_at_boot_are_no_duplicates() {
    let network = gathered(
        scripts()
            .file("etc/sysconfig/network-scripts/ifcfg-eth0", "DEVICE=eth0\nONBOOT=yes\n")
            .file("etc/sysconfig/network-scripts/ifcfg-eth0-lab", "DEVICE=eth0\nONBOOT=no\n"),
    );
    assert!(network.ifcfgs.iter().all(|ifcfg| ifcfg.duplicates.is_empty()));
}

#[test]
fn suse_names_pin_addresses_and_the_network_file_of_red_hat_is_no_directory() {
    let network = gathered(
        Memory::new()
            .file(
                "etc/sysconfig/network/ifcfg-eth-id-00:00:5e:00:53:01",
                "BOOTPROTO='static'\nSTARTMODE='auto'\nLLADDR=00:00:5E:00:53:99\n",
            )
            .file("etc/sysconfig/network/routes", "default 192.0.2.1 - -\n"),
    );
    let [ifcfg] = network.ifcfgs.as_slice() else { panic!("{network:?}") };
    assert_eq!(ifcfg.hwaddr.as_ref().unwrap().value, "00:00:5e:00:53:01");
    assert_eq!(ifcfg.macaddr.as_ref().unwrap().value, "00:00:5e:00:53:99");
    assert!(ifcfg.starts_at_boot && !ifcfg.alias);
    assert_eq!(network.routes.len(), 1);
    let tree = Memory::new().file("etc/sysconfig/network", "NETWORKING=yes\n").into_tree();
    let limits = Limits::default();
    let gathering = Gather::new(&tree, &limits);
    let network = gather(&gathering);
    assert!(network.name_generator.needs().is_some());
    let Network { name_generator, naming, services, networkmanager_reads_ifcfg, .. } = Network::default();
    let rest = Network { name_generator, naming, services, networkmanager_reads_ifcfg, ..network };
    assert_eq!(rest, Network::default());
    assert_eq!(gathering.into_problems(), []);
}

#[test]
fn routes_know_whether_their_interface_is_configured() {
    let network = gathered(
        scripts()
            .file("etc/sysconfig/network-scripts/ifcfg-lan", "DEVICE=eth0\n")
            .file("etc/sysconfig/network-scripts/route-eth0", "198.51.100.0/24 via 192.0.2.1\n")
            .file("etc/sysconfig/network-scripts/route-eth1", "203.0.113.0/24 dev eth1\n")
            .file("etc/sysconfig/network-scripts/rule-eth0.bak", "from 192.0.2.1 table 1\n"),
    );
    let rows: Vec<_> = network.routes.iter().map(|r| (r.name.as_str(), r.has_ifcfg)).collect();
    assert_eq!(rows, [("eth0", true), ("eth1", false)]);
}

#[test]
fn persistent_names_find_conflicts_their_ifcfg_and_the_generator() {
    let rule = |mac: &str, name: &str| {
        format!(
            "SUBSYSTEM==\"net\", ATTR{{address}}==\"00:00:5E:00:53:{mac}\", KERNEL==\"eth*\", NAME=\"{name}\"\n"
        )
    };
    let rules = rule("01", "eth0") + &rule("02", "eth0") + &rule("03", "eth1");
    let network = gathered(
        scripts()
            .file("etc/udev/rules.d/70-persistent-net.rules", rules)
            .link("etc/udev/rules.d/60-net.rules", "/dev/null")
            .file("lib/udev/rules.d/75-persistent-net-generator.rules", "# generate\n")
            .file("etc/sysconfig/network-scripts/ifcfg-eth0", "DEVICE=eth0\n"),
    );
    let names = &network.persistent_names;
    assert_eq!(names[0].mac.as_deref(), Some("00:00:5e:00:53:01"));
    assert_eq!(names[0].conflicts, [names[1].at.clone()]);
    assert!(names[2].conflicts.is_empty() && names[2].ifcfg.is_none() && names[0].ifcfg.is_some());
    assert!(matches!(network.name_generator, Known::Known(Some(_))));
}

#[test]
fn profiles_of_all_managers_say_which_card_they_are_for() {
    let network = gathered(
        Memory::new()
            .file(
                "etc/systemd/network/10-lan.link",
                "[Match]\nMACAddress=00:00:5E:00:53:01\n[Link]\nName=lan0\n",
            )
            .file("etc/systemd/network/20-any.network", "[Match]\nName=en*\n")
            .file("etc/systemd/network/30.network", "[Match]\nName=ens192\n")
            .file(
                "etc/NetworkManager/system-connections/lan.nmconnection",
                "[connection]\ntype=ethernet\nautoconnect=false\n[ethernet]\nmac-address=00:00:5E:00:53:02\n",
            )
            .file(
                "etc/NetworkManager/system-connections/br0.nmconnection",
                "[connection]\ntype=bridge\ninterface-name=br0\n",
            )
            .file("etc/netplan/50.yaml", "network:\n  ethernets:\n    enp3s0: {dhcp4: true}\n")
            .file("etc/network/interfaces", "source interfaces.d/*\nauto lo eno1\niface lo inet loopback\n")
            .file("etc/network/interfaces.d/lan", "iface eno1 inet dhcp\niface eno1 inet6 auto\n"),
    );
    let text = |setting: &Option<Setting>| setting.as_ref().map_or(String::new(), |s| s.value.clone());
    let rows: Vec<_> = network
        .profiles
        .iter()
        .map(|p| {
            format!(
                "{}|{}|{}|{}|{}",
                p.at,
                text(&p.interface),
                text(&p.mac),
                text(&p.renames_to),
                p.starts_at_boot
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            "etc/systemd/network/10-lan.link:2||00:00:5e:00:53:01|lan0|false",
            "etc/systemd/network/30.network:2|ens192|||true",
            "etc/NetworkManager/system-connections/lan.nmconnection:5||00:00:5e:00:53:02||false",
            "etc/netplan/50.yaml:3|enp3s0|||true",
            "etc/network/interfaces.d/lan:1|eno1|||true",
        ]
    );
    assert!(network.profiles.iter().filter(|p| p.interface.is_some()).all(|p| p.interface_by_slot));
}

/// Name, addresses, gateways, servers, MTU, mode of the bond, what it is a port of, whether it asks DHCP.
fn row(one: &Connection) -> String {
    let all = |list: &[Setting]| list.iter().map(|set| set.value.as_str()).collect::<Vec<_>>().join(",");
    let set = |set: &Option<Setting>| set.as_ref().map_or("-", |set| set.value.as_str()).to_owned();
    let settings = &one.settings;
    format!(
        "{} [{}] [{}] [{}] {} {} {} {}",
        one.name,
        all(&settings.addresses),
        all(&settings.gateways),
        all(&settings.nameservers),
        set(&settings.mtu),
        set(&settings.bond_mode),
        set(&settings.port_of),
        settings.dhcp.is_some()
    )
}

#[test]
fn addresses_and_options_of_all_managers_are_read_alike() {
    let network = gathered(
        scripts()
            .file(
                "etc/systemd/network/20-lan.network",
                "[Match]\nName=ens3\n[Network]\nAddress=192.0.2.10/24\nAddress=0.0.0.0/28\nDNS=192.0.2.3\n[Route]\nGateway=192.0.2.1\n[Link]\nMTUBytes=9000\n",
            )
            .file("etc/systemd/network/30-b.netdev", "[NetDev]\nName=bond9\nKind=bond\n[Bond]\nMode=802.3ad\n")
            .file("etc/systemd/network/30-b.network", "[Match]\nName=bond9\n[Network]\nDHCP=yes\n")
            .file(
                "etc/NetworkManager/system-connections/a.nmconnection",
                "[connection]\nid=a\ntype=ethernet\ninterface-name=eth7\ncontroller=bond8\nport-type=bond\n[ethernet]\nmtu=1400\n[ipv4]\nmethod=manual\naddress1=198.51.100.10/24,198.51.100.1\ndns=198.51.100.3;\n",
            )
            .file(
                "etc/network/interfaces",
                "iface eth5 inet static\n  address 203.0.113.10/24\n  gateway 203.0.113.1\n  dns-nameservers 203.0.113.3 203.0.113.4\n",
            )
            .file(
                "etc/sysconfig/network-scripts/ifcfg-bond0",
                "DEVICE=bond0\nIPADDR=192.0.2.20\nGATEWAY=192.0.2.1\nDNS1=192.0.2.3\nBONDING_OPTS='mode=4 miimon=100'\n",
            )
            .file("etc/sysconfig/network-scripts/ifcfg-eth0", "DEVICE=eth0\nMASTER=bond0\nSLAVE=yes\n"),
    );
    let rows: Vec<String> = network.connections.iter().map(row).collect();
    assert_eq!(
        rows,
        [
            "20-lan.network [192.0.2.10/24] [192.0.2.1] [192.0.2.3] 9000 - - false",
            "30-b.network [] [] [] - 802.3ad - true",
            "a [198.51.100.10/24] [198.51.100.1] [198.51.100.3] 1400 - bond8 false",
            "eth5 [203.0.113.10/24] [203.0.113.1] [203.0.113.3,203.0.113.4] - - - false",
            "bond0 [192.0.2.20] [192.0.2.1] [192.0.2.3] - 4 - false",
            "eth0 [] [] [] - - bond0 false",
        ]
    );
    let exists: Vec<_> = network.connections.iter().map(|one| one.settings.port_of_exists).collect();
    assert_eq!(exists, [None, None, Some(false), None, None, Some(true)]);
    let bond = network.connections.iter().find(|one| one.name == "bond0").unwrap();
    assert_eq!((bond.ports.join(" "), bond.card_ports.join(" ")), ("eth0".to_owned(), "eth0".to_owned()));
    assert_eq!(network.address_count, 4);
}

#[test]
fn options_of_the_hardware_are_listed_whoever_sets_them() {
    let network = gathered(
        scripts()
            .file(
                "etc/sysconfig/network-scripts/ifcfg-eth0",
                "DEVICE=eth0\nETHTOOL_OPTS='-K ${DEVICE} tso off'\n",
            )
            .file(
                "etc/systemd/network/10-a.link",
                "[Match]\nDriver=ixgbe\n[Link]\nRxBufferSize=4096\nName=a0\n",
            )
            .file("etc/rc.local", "# ethtool -s eth0\n/sbin/ethtool -G eth0 rx 4096\n")
            .file("etc/default/irqbalance", "IRQBALANCE_BANNED_CPUS=ff\n"),
    );
    let rows: Vec<_> = network.tuning.iter().map(|one| format!("{} {:?}", one.at, one.by)).collect();
    assert_eq!(
        rows,
        [
            "etc/sysconfig/network-scripts/ifcfg-eth0:2 Connection",
            "etc/systemd/network/10-a.link:4 Link",
            "etc/rc.local:2 Command",
            "etc/default/irqbalance:1 Irqbalance",
        ]
    );
}

#[test]
fn names_after_slots_are_told_from_others() {
    for name in ["ens192", "enp3s0f0", "eno1", "em1", "p1p1", "enx00005e005301"] {
        assert!(is_by_slot(name), "{name}");
    }
    for name in ["eth0", "lan0", "bond0", "ppp0", "pp", "empty", "ens", "wlan0"] {
        assert!(!is_by_slot(name), "{name}");
    }
}

#[test]
fn a_masked_generator_is_none() {
    let network = gathered(
        Memory::new()
            .file("lib/udev/rules.d/75-persistent-net-generator.rules", "# generate\n")
            .link("etc/udev/rules.d/75-persistent-net-generator.rules", "/dev/null"),
    );
    assert_eq!(network.name_generator, Known::Known(None));
}
