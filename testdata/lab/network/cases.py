"""The boots of this part: cards, command line, and the files that a case puts over the build's /etc."""

WANTED = "etc/systemd/system/multi-user.target.wants/"
IFUPDOWN = {WANTED + "networking.service": "-> /lib/systemd/system/networking.service"}
NETWORKD = {
    WANTED + "systemd-networkd.service": "-> /lib/systemd/system/systemd-networkd.service",
    "etc/systemd/system/network-online.target.wants/systemd-networkd-wait-online.service": "-> /lib/systemd/system/systemd-networkd-wait-online.service",
    WANTED + "network-online.target": "-> /lib/systemd/system/network-online.target",
    # Two minutes otherwise.
    "etc/systemd/system/systemd-networkd-wait-online.service.d/lab.conf": "[Service]\nExecStart=\nExecStart=/lib/systemd/systemd-networkd-wait-online --timeout=15\n",
}
NM = {WANTED + "NetworkManager.service": "-> /lib/systemd/system/NetworkManager.service"}
PROFILE = "etc/NetworkManager/system-connections/"
RULES = "etc/udev/rules.d/70-persistent-net.rules"
LO = "auto lo\niface lo inet loopback\n\n"

ONE = ["virtio-net-pci,addr=03,@1"]
TWO = ["virtio-net-pci,addr=03,@1", "virtio-net-pci,addr=04,@2"]
MIXED = ["virtio-net-pci,addr=03,@1", "e1000,addr=04,@2"]
CASES = []


def case(name, intent, devices, files=None, cmdline="", machine="pc", initrd="list", settings=(), initrd_files=None, modes=None):
    CASES.append({
        "id": name, "intent": intent, "machine": machine, "cmdline": cmdline, "initrd": initrd, "initrd_files": initrd_files or {},
        "config_files": files or {}, "file_modes": modes or {}, "qemu_devices": devices, "qemu_settings": list(settings), "source_nics": [],
    })


def dhcp(name, start="auto"):
    return {"etc/network/interfaces": f"{LO}{start} {name}\niface {name} inet dhcp\n"}


def rule(mac, name, more=""):
    return f'SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{{address}}=="{mac}", ATTR{{dev_id}}=="0x0", ATTR{{type}}=="1", {more}NAME="{name}"\n'


def keyfile(name, *more):
    return {PROFILE + f"{name}.nmconnection": f"[connection]\nid={name}\ntype=ethernet\n" + "".join(more) + "\n[ipv4]\nmethod=auto\n"}


# Names: slots on pc, bridges and root ports on q35, functions, indexes that the firmware gives.
case("names-pc-slots", "three cards on hotplug slots of bus 0", MIXED + ["e1000e,addr=0a,@3"])
case("names-pc-bridge", "two bridges, whose buses have the same slot numbers as bus 0 and as each other", ONE + [
    "pci-bridge,id=b1,chassis_nr=1,addr=05", "pci-bridge,id=b2,chassis_nr=2,addr=06",
    "virtio-net-pci,bus=b1,addr=01,@2", "virtio-net-pci,bus=b2,addr=01,@3", "virtio-net-pci,bus=b1,addr=05,@4", "virtio-net-pci,bus=b2,addr=09,@5"])
case("names-pc-functions", "a card of two functions, and one whose second function is no card", [
    "virtio-net-pci,addr=07.0,multifunction=on,@1", "virtio-net-pci,addr=07.1,@2", "e1000,addr=08.0,multifunction=on,@3", "virtio-rng-pci,addr=08.1"])
case("names-pc-index", "the firmware gives the first card an index (acpi-index)", ["virtio-net-pci,addr=03,acpi-index=7,@1", "virtio-net-pci,addr=04,@2"])
case("names-q35-root-bus", "cards on the root bus, which has no slots", ["virtio-net-pci,bus=pcie.0,addr=03,@1", "e1000e,bus=pcie.0,addr=04,@2"], machine="q35")
case("names-q35-ports", "cards behind root ports with slot numbers", [
    "pcie-root-port,id=r1,bus=pcie.0,addr=02.0,multifunction=on,chassis=1,slot=5", "pcie-root-port,id=r2,bus=pcie.0,addr=02.1,chassis=2,slot=6",
    "virtio-net-pci,bus=r1,@1", "e1000e,bus=r2,@2"], machine="q35")
case("names-q35-functions", "a card of two functions behind a root port", [
    "pcie-root-port,id=r1,bus=pcie.0,addr=02,chassis=1,slot=5", "virtio-net-pci,bus=r1,addr=00.0,multifunction=on,@1", "virtio-net-pci,bus=r1,addr=00.1,@2"], machine="q35")
case("names-q35-index", "a card with an index behind a root port", [
    "pcie-root-port,id=r1,bus=pcie.0,addr=02,chassis=1,slot=5", "virtio-net-pci,bus=r1,acpi-index=3,@1"], machine="q35")
case("names-q35-bridge", "a PCI bridge behind a root port, which has slots of its own", [
    "pcie-root-port,id=r1,bus=pcie.0,addr=02,chassis=1,slot=5", "pcie-pci-bridge,id=b1,bus=r1", "e1000,bus=b1,addr=03,@1", "rtl8139,bus=b1,addr=04,@2"], machine="q35")
case("names-native-hotplug", "root ports with PCIe's own hotplug, whose slot numbers count", [
    "pcie-root-port,id=r1,bus=pcie.0,addr=02,chassis=1,slot=160", "pcie-root-port,id=r2,bus=pcie.0,addr=03,chassis=2,slot=192",
    "vmxnet3,bus=r1,@1", "vmxnet3,bus=r2,@2"], machine="q35", settings=["ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"])
case("names-scheme-v238", "an older naming scheme on the command line, a card behind a bridge in a slot", ONE + [
    "pci-bridge,id=b1,chassis_nr=1,addr=05", "virtio-net-pci,bus=b1,addr=03,@2"], cmdline="net.naming-scheme=v238")
case("names-scheme-v245", "a scheme that names cards after the slot of their bridge", ONE + [
    "pci-bridge,id=b1,chassis_nr=1,addr=05", "virtio-net-pci,bus=b1,addr=03,@2"], cmdline="net.naming-scheme=v245")

# The kernel's names, and what else gives names.
case("ifnames0-one-driver", "net.ifnames=0, three cards of one driver", TWO + ["virtio-net-pci,addr=05,@3"], cmdline="net.ifnames=0")
case("ifnames0-two-drivers", "net.ifnames=0, two drivers", MIXED, cmdline="net.ifnames=0")
case("biosdevname1", "biosdevname=1 without biosdevname", ONE, cmdline="biosdevname=1")
case("rules-mac", "a persistent rule by MAC for one of two cards", TWO, {RULES: rule("52:54:00:aa:00:02", "lan0")})
case("rules-eth-taken", "a rule gives the second card the name of the first, net.ifnames=0", TWO, {RULES: rule("52:54:00:aa:00:02", "eth0", 'KERNEL=="eth*", ')}, cmdline="net.ifnames=0")
case("rules-kernel-in-root", "the initrd has named the card already: KERNEL==\"eth*\" does not match", ONE, {RULES: rule("52:54:00:aa:00:01", "lan0", 'KERNEL=="eth*", ')}, initrd="most")
case("rules-before-link", "a rule and a .link name the same card", ONE, {
    RULES: rule("52:54:00:aa:00:01", "byrule"), "etc/systemd/network/10-a.link": "[Match]\nMACAddress=52:54:00:aa:00:01\n[Link]\nName=bylink\n"})
case("link-mac", ".link by MAC, net.ifnames=0", TWO, {"etc/systemd/network/10-a.link": "[Match]\nMACAddress=52:54:00:aa:00:01\n[Link]\nName=lan0\n"}, cmdline="net.ifnames=0")
case("link-path", ".link by Path", TWO, {"etc/systemd/network/10-a.link": "[Match]\nPath=pci-0000:00:04.0\n[Link]\nName=dmz0\n"})
case("link-original", ".link by OriginalName, one card", ONE, {"etc/systemd/network/10-a.link": "[Match]\nOriginalName=eth0\n[Link]\nName=wan0\n"})
case("link-order", "two .link files match: the first by name wins", ONE, {
    "etc/systemd/network/20-b.link": "[Match]\nDriver=virtio_net\n[Link]\nName=second\n", "etc/systemd/network/10-a.link": "[Match]\nType=ether\n[Link]\nName=first\n"})
case("link-masked-default", "99-default.link is masked", TWO, {"etc/systemd/network/99-default.link": "-> /dev/null"})
case("link-policy-mac", "a .link with NamePolicy=mac", ONE, {"etc/systemd/network/10-a.link": "[Match]\nOriginalName=*\n[Link]\nNamePolicy=mac\n"})
case("link-policy-path", "a .link with NamePolicy=path and a drop-in", ONE, {
    "etc/systemd/network/99-default.link.d/a.conf": "[Link]\nNamePolicy=path\n"})
case("link-default-policy-first", "a .link whose policy and Name both could", ONE, {"etc/systemd/network/10-a.link": "[Match]\nDriver=virtio_net\n[Link]\nNamePolicy=onboard slot\nName=never0\n"})
case("initrd-most", "the initrd holds every driver: names are given there", MIXED, initrd="most")
case("initrd-link-alone", "a .link in the initrd alone, which the root's default keeps", MIXED, initrd="most",
     initrd_files={"etc/systemd/network/10-a.link": "[Match]\nMACAddress=52:54:00:aa:00:01\n[Link]\nName=early0\n"})
case("initrd-rule-alone", "a udev rule in the initrd alone", MIXED, initrd="most", initrd_files={RULES: rule("52:54:00:aa:00:02", "early1")})
case("initrd-link-both", "the initrd's .link gives one name, the root's another", ONE,
     {"etc/systemd/network/10-a.link": "[Match]\nMACAddress=52:54:00:aa:00:01\n[Link]\nName=late0\n"}, initrd="most",
     initrd_files={"etc/systemd/network/10-a.link": "[Match]\nMACAddress=52:54:00:aa:00:01\n[Link]\nName=early0\n"})
case("driver-blacklisted", "the card's driver is blacklisted in the root", MIXED, {"etc/modprobe.d/x.conf": "blacklist virtio_net\n"})

# ifupdown
case("ifup-right", "auto, DHCP, the right name", ONE, dhcp("ens3"))
case("ifup-eth0", "auto eth0, the name it had before", ONE, dhcp("eth0"))
case("ifup-eth0-ifnames0", "auto eth0 with net.ifnames=0", ONE, dhcp("eth0"), cmdline="net.ifnames=0")
case("ifup-hotplug-right", "allow-hotplug, the right name", ONE, dhcp("ens3", "allow-hotplug"))
case("ifup-hotplug-gone", "allow-hotplug, a name that does not come", ONE, dhcp("ens192", "allow-hotplug"))
case("ifup-one-of-two", "two names, one of them does not come", TWO, {"etc/network/interfaces": LO + "auto ens3\niface ens3 inet dhcp\n\nauto ens192\niface ens192 inet static\n    address 192.0.2.9/24\n"})
case("ifup-bond", "a bond whose one port is gone", ONE, {"etc/network/interfaces": LO + "auto bond0\niface bond0 inet dhcp\n    bond-slaves ens3 ens192\n    bond-mode active-backup\n    bond-miimon 100\n"})
case("ifup-bridge-gone", "a bridge whose only port is gone", ONE, {"etc/network/interfaces": LO + "auto br0\niface br0 inet static\n    address 192.0.2.9/24\n    bridge_ports ens192\n    bridge_maxwait 3\n"})
case("ifup-sourced", "the stanza is in a sourced file", ONE, {"etc/network/interfaces": LO + "source /etc/network/interfaces.d/*\n", "etc/network/interfaces.d/lan": "auto ens3\niface ens3 inet dhcp\n"})
case("ifup-altname-dhcp", "auto, DHCP, by the card's other name", ONE, dhcp("enp0s3"))
case("ifup-altname-static", "auto, static, by the card's other name", ONE, {"etc/network/interfaces": LO + "auto enp0s3\niface enp0s3 inet static\n    address 192.0.2.9/24\n"})
case("ifup-vlan-gone", "a VLAN on a name that does not come", ONE, {"etc/network/interfaces": LO + "auto ens192.7\niface ens192.7 inet static\n    address 192.0.2.9/24\n"})

# networkd
case("networkd-name", "Name=en*", ONE, {**NETWORKD, "etc/systemd/network/20-a.network": "[Match]\nName=en*\n[Network]\nDHCP=yes\n"})
case("networkd-unreadable", "Name=en*, in a file that systemd-network may not read", ONE,
     {**NETWORKD, "etc/systemd/network/20-a.network": "[Match]\nName=en*\n[Network]\nDHCP=yes\n"}, modes={"etc/systemd/network/20-a.network": "600"})
case("networkd-gone", "Name=ens192", ONE, {**NETWORKD, "etc/systemd/network/20-a.network": "[Match]\nName=ens192\n[Network]\nDHCP=yes\n"})
case("networkd-altname", "Name= is the card's other name", ONE, {**NETWORKD, "etc/systemd/network/20-a.network": "[Match]\nName=enp0s3\n[Network]\nDHCP=yes\n"})
case("networkd-altname-ifnames0", "net.ifnames=0, Name= is the name after the slot", ONE, {**NETWORKD, "etc/systemd/network/20-a.network": "[Match]\nName=ens3\n[Network]\nDHCP=yes\n"}, cmdline="net.ifnames=0")
case("networkd-driver", "Driver=virtio_net", MIXED, {**NETWORKD, "etc/systemd/network/20-a.network": "[Match]\nDriver=virtio_net\n[Network]\nDHCP=yes\n"})
case("networkd-mac", "MACAddress=, one right", TWO, {**NETWORKD, "etc/systemd/network/20-a.network": "[Match]\nMACAddress=52:54:00:aa:00:02\n[Network]\nDHCP=yes\n"})
case("networkd-off", "the file matches, but networkd is not enabled", ONE, {"etc/systemd/network/20-a.network": "[Match]\nName=ens3\n[Network]\nDHCP=yes\n"})

# NetworkManager
case("nm-default", "no profile at all", ONE, NM)
case("nm-no-auto-default", "no profile, and no automatic one", ONE, {**NM, "etc/NetworkManager/conf.d/a.conf": "[main]\nno-auto-default=*\n"})
case("nm-name-right", "interface-name is right", ONE, {**NM, **keyfile("lan", "interface-name=ens3\n")})
case("nm-name-gone", "interface-name is gone, no automatic profile", ONE, {**NM, **keyfile("lan", "interface-name=ens192\n"), "etc/NetworkManager/conf.d/a.conf": "[main]\nno-auto-default=*\n"})
case("nm-name-gone-default", "interface-name is gone, but an automatic profile comes", ONE, {**NM, **keyfile("lan", "interface-name=ens192\n")})
case("nm-altname", "interface-name is the card's other name", ONE, {**NM, **keyfile("lan", "interface-name=enp0s3\n"), "etc/NetworkManager/conf.d/a.conf": "[main]\nno-auto-default=*\n"})
case("nm-mac-right", "mac-address is right", TWO, {**NM, **keyfile("lan", "[ethernet]\nmac-address=52:54:00:AA:00:02\n"), "etc/NetworkManager/conf.d/a.conf": "[main]\nno-auto-default=*\n"})
case("nm-mac-gone", "mac-address is another card's", ONE, {**NM, **keyfile("lan", "[ethernet]\nmac-address=00:50:56:00:00:01\n"), "etc/NetworkManager/conf.d/a.conf": "[main]\nno-auto-default=*\n"})
case("nm-unmanaged-by-interfaces", "the name stands in /etc/network/interfaces, which NetworkManager leaves alone", ONE, {**NM, "etc/network/interfaces": LO + "iface ens3 inet dhcp\n"})
case("nm-any", "a profile for any card", MIXED, {**NM, **keyfile("any")})

# netplan
NETPLAN = {**NETWORKD}
del NETPLAN[WANTED + "systemd-networkd.service"]
case("netplan-name", "an id that is the name", ONE, {**NETPLAN, "etc/netplan/a.yaml": "network:\n  version: 2\n  ethernets:\n    ens3:\n      dhcp4: true\n"})
case("netplan-gone", "an id that is another name", ONE, {**NETPLAN, "etc/netplan/a.yaml": "network:\n  version: 2\n  ethernets:\n    ens192:\n      dhcp4: true\n"})
case("netplan-set-name", "match by MAC and set-name", ONE, {**NETPLAN, "etc/netplan/a.yaml": "network:\n  version: 2\n  ethernets:\n    lan:\n      match: {macaddress: '52:54:00:aa:00:01'}\n      set-name: lan0\n      dhcp4: true\n"})
case("netplan-mac-gone", "match by another card's MAC", ONE, {**NETPLAN, "etc/netplan/a.yaml": "network:\n  version: 2\n  ethernets:\n    lan:\n      match: {macaddress: '00:50:56:00:00:01'}\n      set-name: lan0\n      dhcp4: true\n"})
case("netplan-driver", "match by a name with a wildcard", MIXED, {**NETPLAN, "etc/netplan/a.yaml": "network:\n  version: 2\n  ethernets:\n    any:\n      match: {name: 'en*'}\n      dhcp4: true\n      optional: true\n"})
