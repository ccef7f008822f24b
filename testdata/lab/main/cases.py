"""The boots: which kernel and initrd on which machine with which disks and command line, and what it is about."""

import re

from disks import BTRFS, LUKS, MD, ROOT, USR
from machines import MACHINES

BY_UUID = f"root=UUID={ROOT}"
# dracut asks nobody, and gives up after some seconds.
DRACUT = "rd.shell=0 rd.emergency=reboot rd.retry=8"
CASES = {}
QUICK = []


def case(kernel, initrd, machine="virtio-blk", cmdline=BY_UUID, disks=("plain",), name="", why="", **more):
    """`initrd` without its kernel's name in front; `more`: cpu, memory, timeout, quick."""
    known = initrd if not initrd or initrd.startswith(("deb", "ub")) else f"{kernel}-{initrd}"
    parts = [initrd and known or f"{kernel}-no-initrd", machine, name]
    identity = "--".join(part for part in parts if part)
    if identity in CASES:
        raise ValueError(f"two cases are called {identity}")
    if re.search("dracut|hostonly", known or ""):
        cmdline = f"{cmdline} {DRACUT}"
    if more.pop("quick", False):
        QUICK.append(identity)
    defaults = dict(cpu="max", memory=768, timeout=300)
    CASES[identity] = dict(
        id=identity, why=why, kernel=kernel, initrd=known or None, machine=machine, cmdline=cmdline,
        disks=list(disks), **{**defaults, **more},
    )


def each(kernel, initrd, machines, **more):
    for machine in machines.split():
        case(kernel, initrd, machine, **more)


# --- quick: Debian 12 alone
case("deb12c", "most", quick=True)
case("deb12c", "most", "ahci", quick=True, why="the cloud kernel has no AHCI")
case("deb12", "most", "ahci", quick=True)
case("deb12", "most", "nvme", quick=True)
case("deb12", "most", "virtio-scsi", quick=True)
case("deb12", "most", cmdline="root=/dev/sda1", name="sda1", quick=True, why="a name of another controller's disk")
case("deb12", "most", cmdline=BY_UUID.replace("5eed0001", "5eed9999"), name="uuid-wrong", quick=True)
case("deb12", "", cmdline="root=/dev/vda1", quick=True, why="no initrd, and the driver is a module")

# --- each distribution's kernel on each controller
each("deb13", "most", "virtio-blk virtio-scsi nvme ahci ide pvscsi mptsas megasas uas sdhci lsi53c895a usb-xhci ufs am53c974")
each("deb13", "dracut", "virtio-blk virtio-scsi nvme ahci uas sdhci mptsas")
each("deb13c", "most", "virtio-blk nvme ahci pvscsi ide virtio-scsi")
each("deb13c", "dracut", "virtio-blk ahci virtio-scsi nvme")
each("deb11", "most", "virtio-blk virtio-scsi nvme ahci ide pvscsi mptsas megasas usb-ehci sdhci lsi53c895a")
each("deb11c", "most", "virtio-blk ahci nvme")
each("deb11", "dracut", "virtio-blk ahci pvscsi nvme")
each("ub24", "most", "virtio-blk virtio-scsi nvme ahci ide pvscsi mptsas megasas sdhci usb-xhci lsi53c895a uas")
each("ub22", "most", "virtio-blk ahci nvme pvscsi")
each("deb12b", "most", "virtio-blk nvme ahci virtio-scsi")
case("deb13", "most", "virtio-blk", cpu="qemu64", name="qemu64")

# --- initrds made for one machine, there and elsewhere
each("deb13", "dep-ahci", "ahci q35-ahci virtio-blk nvme")
each("deb13", "dep-virtio-scsi", "virtio-scsi virtio-blk pvscsi")
each("deb13", "hostonly-nvme", "nvme virtio-blk", timeout=200)
each("deb13", "hostonly-virtio-blk", "virtio-blk virtio-blk-modern ahci", timeout=200)
each("deb11", "dep-virtio-blk", "virtio-blk virtio-scsi ahci")
each("ub24", "dep-nvme", "nvme virtio-blk pvscsi")

# --- what holds root together
LVM, TWO, ON_MD = "root=/dev/mapper/vglab-root", "root=/dev/mapper/vgtwo-root", "root=/dev/mapper/vgmd-root"
case("deb13", "most", cmdline=LVM, disks=["lvm"], name="lvm")
case("deb13", "most", "ahci", cmdline=LVM, disks=["lvm"], name="lvm")
case("deb13", "dracut", cmdline=LVM + " rd.lvm.lv=vglab/root", disks=["lvm"], name="lvm")
case("deb13", "dracut", cmdline=LVM, disks=["lvm"], name="lvm-not-named")
case("deb13", "dracut", cmdline=LVM + " rd.lvm=0", disks=["lvm"], name="lvm-off", timeout=200)
case("deb13", "dracut", cmdline=LVM + " rd.lvm.vg=other", disks=["lvm"], name="lvm-other-group", timeout=200)
case("deb13c", "most", cmdline=TWO, disks=["lvm1", "lvm2"], name="lvm-two-disks")
case("deb13c", "most", cmdline=TWO, disks=["lvm1"], name="lvm-half")
case("deb13c", "no-lvm", cmdline=LVM, disks=["lvm"])
case("deb13c", "lvm-filter", cmdline=LVM, disks=["lvm"], why="the filter lets sd through, the disk is vda")
case("deb13", "no-dm-mod", cmdline=LVM, disks=["lvm"])
case("ub24", "most", cmdline=LVM, disks=["lvm"], name="lvm")
case("deb11", "most", cmdline=LVM, disks=["lvm"], name="lvm")
case("deb11", "dracut", cmdline=LVM + " rd.lvm.lv=vglab/root", disks=["lvm"], name="lvm")
case("deb13c", "md", disks=["md1", "md2"])
case("deb13c", "md", disks=["md1"], name="half")
case("deb13c", "md-other", disks=["md1", "md2"], why="mdadm.conf names another array only")
case("deb13c", "most", disks=["md1", "md2"], name="md-no-conf")
case("deb13c", "no-raid1", disks=["md1", "md2"])
case("deb13", "dracut", disks=["md1", "md2"], name="md")
case("deb13", "dracut-mdconf", disks=["md1", "md2"])
case("deb13", "dracut", cmdline=BY_UUID + " rd.md=0", disks=["md1", "md2"], name="md-off", timeout=200)
case("deb13", "dracut", cmdline=BY_UUID + f" rd.md.uuid={MD}", disks=["md1", "md2"], name="md-uuid")
case("deb13", "dracut", cmdline=BY_UUID + " rd.md.uuid=0badcafe:0:0:0", disks=["md1", "md2"], name="md-uuid-wrong", timeout=200)
case("deb13", "lvmmd", cmdline=ON_MD, disks=["lvmmd1", "lvmmd2"])
case("deb13", "dracut", cmdline=ON_MD + " rd.lvm.lv=vgmd/root", disks=["lvmmd1", "lvmmd2"], name="lvmmd")
case("deb12c", "lvmmd", cmdline=ON_MD, disks=["lvmmd1", "lvmmd2"])
case("ub24", "lvmmd", cmdline=ON_MD, disks=["lvmmd1", "lvmmd2"])
case("ub24", "md", disks=["md1", "md2"])
case("deb11", "md", disks=["md1", "md2"])
OPENED = "root=/dev/mapper/labcrypt"
for kernel in ("deb12", "deb13", "ub24"):
    case(kernel, "luks-key", cmdline=OPENED, disks=["luks"])
case("deb13", "luks-key", "ahci", cmdline=OPENED, disks=["luks"])
case("deb13", "luks-ask", cmdline=OPENED, disks=["luks"], timeout=120, why="somebody has to type")
case("deb13", "most", cmdline=OPENED, disks=["luks"], name="luks-no-cryptsetup")
case("deb13", "no-dm-crypt", cmdline=OPENED, disks=["luks"])
case(
    "deb13", "dracut-luks", disks=["luks"],
    cmdline=OPENED + f" rd.luks.name={LUKS}=labcrypt rd.luks.key={LUKS}=/etc/keys/lab.key",
)
for how in ("yes", "no", "strict", "smart", "greedy"):
    case("deb13c", f"multipath-{how}", "virtio-scsi", why=f"one path, find_multipaths {how}")
case("deb13c", "multipath-no", "virtio-blk", why="virtio disks have no serial number here")
case("deb13c", "multipath-no", "virtio-scsi", cmdline="root=/dev/sda1", name="sda1")
case("deb13", "multipath", "virtio-scsi", why="no configuration: strict")
case("deb12", "multipath-no", "virtio-scsi")
case("deb13", "dracut-multipath-no", "virtio-scsi")
case("deb13", "most", disks=["data", "plain"], name="second")
case("deb13", "most", cmdline="root=/dev/vda1", disks=["data", "plain"], name="second-vda1")
case("deb13", "most", cmdline="root=/dev/vdb1", disks=["data", "plain"], name="second-vdb1")
case("deb13", "most", "ahci", cmdline="root=/dev/sdb1", disks=["data", "plain"], name="second-sdb1")
case("deb13", "most", "nvme", cmdline="root=/dev/nvme1n1p1", disks=["data", "plain"], name="second-nvme1n1p1")
case("deb13", "dracut", disks=["data", "plain"], name="second")

# --- file systems and roots
BY_BTRFS = f"root=UUID={BTRFS}"
case("deb13", "most", cmdline=BY_BTRFS + " rootflags=subvol=@", disks=["btrfs"], name="btrfs")
case("deb13", "most", cmdline=BY_BTRFS, disks=["btrfs"], name="btrfs-no-subvolume", timeout=200)
case("deb13", "most", disks=["xfs"], name="xfs")
case("deb13", "no-xfs-crc", disks=["xfs"])
case("deb13", "dracut", disks=["xfs"], name="xfs")
case("deb11", "most", disks=["xfs"], name="xfs")
case("ub24", "most", disks=["xfs"], name="xfs")
case("deb13", "most", disks=["usr"], name="usr")
case("deb13", "most", disks=["noinit"], name="noinit", timeout=200)
case("deb13", "most", cmdline="root=LABEL=labroot", disks=["gpt"], name="label")
case("deb13", "most", cmdline=f"root=PARTUUID={ROOT}", disks=["gpt"], name="partuuid")
case("deb13", "most", cmdline="root=PARTLABEL=labroot", disks=["gpt"], name="partlabel")
case("deb13", "most", cmdline="root=/dev/vda", disks=["whole"], name="whole")
case("deb13", "most", "virtio-blk-4k", why="a table made for sectors of 512 bytes")

# --- command lines
case("deb13", "most", "ahci", cmdline=BY_UUID + " modprobe.blacklist=ahci", name="blacklist-ahci")
case("deb13", "most", cmdline=BY_UUID + " modprobe.blacklist=virtio_blk", name="blacklist-virtio-blk")
case("deb13", "dracut", "ahci", cmdline=BY_UUID + " rd.driver.blacklist=ahci", name="rd-blacklist", timeout=200)
case("deb13", "most", "ahci", cmdline=BY_UUID + " rd.driver.blacklist=ahci", name="rd-blacklist-of-dracut")
case("deb13", "most", cmdline="root=/dev/sda1", name="sda1")
case("deb13", "most", cmdline="root=/dev/xvda1", name="xvda1")
case("deb13", "most", cmdline="root=0801", name="number-sda1")
case("deb13", "most", cmdline="root=fe01", name="number-vda1")
case("deb13", "most", cmdline="", name="no-root")
case("deb13", "most", cmdline=BY_UUID + " break=mount", name="break", timeout=120)
case("deb13", "most", cmdline=BY_UUID + " init=/bin/nothing", name="init-wrong", timeout=200)
case("deb13", "most", cmdline=BY_UUID + " rootfstype=xfs", name="rootfstype-wrong", timeout=200)
case("deb13", "most", cmdline=BY_UUID + " resume=UUID=5eed9999-1ab0-4000-8000-000000000001", name="resume-missing")
case("deb13", "most", cmdline="root=/dev/disk/by-uuid/" + ROOT, name="by-uuid")
case("deb13", "most", "ahci", cmdline="root=/dev/disk/by-id/ata-QEMU_HARDDISK_QM00001-part1", name="by-id")
case("deb13", "most", cmdline="root=/dev/disk/by-path/pci-0000:00:02.0-part1", name="by-path")
case("deb13", "dracut", cmdline="root=LABEL=labroot", name="label")
case("deb13", "dracut", cmdline="root=/dev/vda1", name="vda1")
case("deb13", "dracut", cmdline="root=/dev/sda1", name="sda1", timeout=200)
case("deb13", "dracut", cmdline="root=UUID=5eed9999-1ab0-4000-8000-000000000001", name="uuid-wrong", timeout=200)
case("deb13", "dracut", cmdline="root=gpt-auto", name="gpt-auto", timeout=200)
case("deb13", "dracut", cmdline="", name="no-root", timeout=200)

# --- initrds
case("deb13", "list-virtio-blk")
case("deb13", "list-virtio-blk", "ahci")
case("deb13", "list-virtio-nopci", why="the bus of the disk's device is not there")
case("deb13", "list-virtio-scsi", "virtio-scsi")
case("deb13", "list-virtio-scsi-nosd", "virtio-scsi")
case("deb13", "list-ahci", "ahci")
case("deb13", "list-nvme", "nvme")
case("deb13", "list-ide", "ide")
case("deb13", "list-pvscsi", "pvscsi")
case("deb13", "list-mptsas", "mptsas")
case("deb11", "list-virtio-blk")
case("deb11", "list-ahci", "ahci")
case("deb13", "dracut-omit-ahci", "ahci", timeout=200)
case("deb13", "dracut-omit-sd", "ahci", timeout=200)
case("deb13", "dracut-only-nvme", "nvme")
case("deb13", "dracut-only-nvme", "virtio-blk", timeout=200)
case("deb13c", "dracut-nosystemd")
case("deb13c", "dracut-baked", cmdline="")
case("deb13c", "dracut-baked-wrong", name="overridden")
for name in "no-sd no-ahci no-libahci no-alias no-alias-bin no-dep no-dep-text no-ext4 no-jbd2 no-udev no-busybox no-init".split():
    case("deb13", name, "ahci")
for name in "blacklist-ahci install-false install-dep-false softdep-gone other-release".split():
    case("deb13", name, "ahci")
for name in "truncated corrupt garbage-before garbage-behind zeros-behind empty xz xz-crc64 lzma bzip2 lz4 lz4-frame lzop none microcode".split():
    case("deb13c", name)
case("deb11c", "zstd", why="no zstd in this kernel's configuration")
case("deb13", "dracut-no-udev", timeout=200)
case("deb13", "dracut-no-virtio-blk", timeout=200)
case("deb13", "dracut-no-ext4", timeout=200)
case("deb13", "dracut-no-dm-mod", cmdline=LVM + " rd.lvm.lv=vglab/root", disks=["lvm"], timeout=200)
case("ub24", "no-virtio-scsi", "virtio-scsi")
case("deb12", "deb13-most", name="initrd-of-deb13", why="an initrd made for another kernel")
case("deb13", "", cmdline="root=/dev/vda1")
case("ub24", "", cmdline="root=/dev/sda1", machine="ahci", why="Ubuntu has AHCI and ext4 built in")
case("ub24", "", cmdline="root=/dev/vda1", machine="virtio-blk", name="vda1", why="Ubuntu has virtio-blk built in")
case("ub24", "", cmdline=BY_UUID, machine="ahci", name="uuid", why="without an initrd nobody knows UUIDs")
case("ub24", "", cmdline="root=PARTUUID=5eed1ab0-01", machine="nvme", name="partuuid")

assert all(row["machine"] in MACHINES for row in CASES.values())
assert USR and BTRFS
