"""The cases: a whole system, what is wrong with it, and the machine that it is to boot on."""

from disks import BTRFS, LUKS, MD, ROOT
from recipes import CRYPTTAB, KEY_FILE, MDADM, ONLY_LIST

CASES = {}
DEB12, DEB12_DRACUT, DEB13, DEB13_DRACUT, UBUNTU = "debian12", "debian12-dracut", "debian13", "debian13-dracut", "ubuntu24"
TOOLS, DRACUT = "etc/initramfs-tools", "etc/dracut.conf.d"
GONE = "5eed9999-1ab0-4000-8000-000000000001"  # a UUID that no disk has
BY_NAME = "GRUB_DISABLE_LINUX_UUID=true\n"  # root= by the name of its device


def case(name, system, cause, machine="virtio-blk", disks=("plain",), **more):
    """`more`: files (before the initrd is made), later (after it; None takes a file away), cmdline, grub (what
    /etc/default/grub says beside it), image (an initrd of the lab's), damage, device (root's device as GRUB knows it),
    seen_as (the disk's name when blkid looked), spec and fstab, type, kernel, timeout; mounts: a system of the part `mounts`
    with these lines in fstab."""
    if name in CASES:
        raise ValueError(f"two cases are called {name}")
    CASES[name] = dict(id=name, system=system, cause=cause, machine=machine, disks=list(disks), **more)


def only(*modules):
    """MODULES=list with these, and what every root of the lab needs."""
    return {f"{TOOLS}/conf.d/modules": "MODULES=list\n", f"{TOOLS}/modules": "\n".join([*modules, *ONLY_LIST, ""])}


def dracut(text):
    return {f"{DRACUT}/lab.conf": f"{text}\n"}


DEP, HOST_ONLY = {f"{TOOLS}/conf.d/modules": "MODULES=dep\n"}, dracut('hostonly="yes"')
ON_LVM = dict(disks=["lvm"], spec="/dev/mapper/vglab-root", device="/dev/mapper/vglab-root", grub=BY_NAME)
ON_MD = dict(disks=["md1", "md2"], device="/dev/md127")
ON_LUKS = dict(disks=["luks"], spec="/dev/mapper/labcrypt", device="/dev/mapper/labcrypt", grub=BY_NAME)
SDA = dict(seen_as="/dev/sda", grub=BY_NAME)

# --- drivers that the initrd does not have
case("list-virtio-on-ahci", DEB12, "MODULES=list without the controller's driver", "ahci", files=only("virtio_blk", "virtio_pci"))
case("list-ahci-on-virtio", DEB12, "MODULES=list without the controller's driver", files=only("ahci", "sd_mod"), seen_as="/dev/sda")
case("list-nvme-on-virtio", DEB13, "MODULES=list without the controller's driver", files=only("nvme"), seen_as="/dev/nvme0n1")
case("list-ide-on-virtio-scsi", DEB13, "MODULES=list without the controller's driver", "virtio-scsi", files=only("ata_piix", "sd_mod"))
case("list-without-bus", DEB12, "MODULES=list without the bus of the controller", files=only("virtio_blk"))
case("list-without-sd", DEB13, "MODULES=list without the driver of SCSI disks", "virtio-scsi", files=only("virtio_scsi", "virtio_pci"))
case("dep-ahci-on-virtio", DEB12, "MODULES=dep, made on AHCI", files=DEP, image="deb12-dep-ahci", seen_as="/dev/sda")
case("dep-nvme-on-virtio-scsi", DEB12, "MODULES=dep, made on NVMe", "virtio-scsi", files=DEP, image="deb12-dep-nvme", seen_as="/dev/nvme0n1")
case("dep-virtio-on-pvscsi", DEB12, "MODULES=dep, made on virtio", "pvscsi", files=DEP, image="deb12-dep-virtio-blk")
case("hostonly-virtio-on-nvme", DEB12_DRACUT, "hostonly, made on virtio", "nvme", files=HOST_ONLY, image="deb12-hostonly-virtio-blk")
case("hostonly-ahci-on-nvme", DEB12_DRACUT, "hostonly, made on AHCI", "nvme", files=HOST_ONLY, image="deb12-hostonly-ahci", seen_as="/dev/sda")
case("omits-virtio-blk", DEB12_DRACUT, "omit_drivers has the controller's driver", files=dracut('omit_drivers+=" virtio_blk "'))
case("omits-ahci-sd", DEB13_DRACUT, "omit_drivers has the controller's driver", "ahci", files=dracut('omit_drivers+=" ahci sd_mod "'))
case("drivers-virtio-alone", DEB12_DRACUT, "drivers= has another controller's driver alone", "nvme", files=dracut('drivers+=" virtio_blk ext4 "'))
case("omits-ext4", DEB13_DRACUT, "omit_drivers has the file system's driver", files=dracut('omit_drivers+=" ext4 "'))
case("list-virtio-ubuntu", UBUNTU, "MODULES=list without the controller's driver", "pvscsi", files=only("virtio_scsi", "nvme"))

# --- drivers that may not load
BLACKLISTED = {"etc/modprobe.d/lab.conf": "# crashed once\nblacklist ahci\n"}
case("blacklist-ahci", DEB12, "modprobe.d forbids the driver", "ahci", files=BLACKLISTED)
case("install-false", DEB13, "modprobe.d forbids the driver", files={"etc/modprobe.d/lab.conf": "install virtio_blk /bin/false\n"})
case("cmdline-blacklist", DEB13, "modprobe.blacklist= on the command line", "ahci", cmdline="modprobe.blacklist=ahci")
case("cmdline-rd-blacklist", DEB13_DRACUT, "rd.driver.blacklist= on the command line", cmdline="rd.driver.blacklist=virtio_blk")

# --- names that change
case("root-sda-on-virtio", DEB12, "root= by a kernel name", device="/dev/sda1", **SDA)
case("root-xvda-on-virtio", DEB13, "root= by a kernel name", device="/dev/xvda1", seen_as="/dev/xvda", grub=BY_NAME)
case("root-sda-dracut", DEB12_DRACUT, "root= by a kernel name", device="/dev/sda1", **SDA)
case("root-vda-on-nvme", DEB13_DRACUT, "root= by a kernel name", "nvme", device="/dev/vda1", grub=BY_NAME)
case(
    "root-by-path", DEB13, "root= by the place of a controller", cmdline="root=/dev/disk/by-path/pci-0000:00:1f.2-ata-1-part1",
    seen_as="/dev/sda",
)
case(
    "usr-sda2", DEB12, "/usr by a kernel name in fstab", disks=["usr"], seen_as="/dev/sda", fstab_on_disk=True,
    fstab=f"UUID={ROOT} / ext4 defaults 0 1\n/dev/sda2 /usr ext4 defaults 0 2\n",
)

# --- resume
case("resume-gone", DEB12_DRACUT, "resume= names what is not there", cmdline=f"resume=UUID={GONE}")
case("resume-sda2", DEB13_DRACUT, "resume= by a kernel name", cmdline="resume=/dev/sda2", seen_as="/dev/sda")
case("resume-conf", DEB12, "conf.d/resume names what is not there (boots after waiting)", files={f"{TOOLS}/conf.d/resume": f"RESUME=UUID={GONE}\n"})

# --- what holds root together
case("omits-lvm", DEB12_DRACUT, "omit_dracutmodules has lvm", files=dracut('omit_dracutmodules+=" lvm "'), **ON_LVM)
MD_NAMED = f"rd.md.uuid={MD}"
case("omits-mdraid", DEB13_DRACUT, "omit_dracutmodules has mdraid", files=dracut('omit_dracutmodules+=" mdraid "'), cmdline=MD_NAMED, **ON_MD)
FILTER = {"etc/lvm/lvm.conf": 'devices {\n    global_filter = [ "a|^/dev/sd|", "r|.*|" ]\n}\n'}
case("lvm-filter", DEB12, "lvm.conf lets sd disks through alone", files=FILTER, seen_as="/dev/sda", **ON_LVM)
case("lvm-filter-dracut", DEB13_DRACUT, "lvm.conf lets sd disks through alone", files={**FILTER, **dracut('lvmconf="yes"')}, seen_as="/dev/sda", **ON_LVM)
case("lvm-filter-ubuntu", UBUNTU, "lvm.conf lets sd disks through alone", files=FILTER, seen_as="/dev/sda", **ON_LVM)
case("mdadm-other", DEB13, "mdadm.conf names another array alone", files={"etc/mdadm/mdadm.conf": MDADM.replace(MD[:8], "0badcafe") + "AUTO -all\n"}, **ON_MD)
case("rd-lvm-other", DEB12_DRACUT, "rd.lvm.lv= names another volume alone", cmdline="rd.lvm.lv=vgold/root", **ON_LVM)
case("rd-lvm-off", DEB13_DRACUT, "rd.lvm=0", cmdline="rd.lvm=0", **ON_LVM)
case("rd-md-off", DEB12_DRACUT, "rd.md=0", cmdline=f"rd.md=0 {MD_NAMED}", **ON_MD)
case("rd-md-other", DEB13_DRACUT, "rd.md.uuid= names another array alone", cmdline="rd.md.uuid=0badcafe:0:0:0", **ON_MD)
case(
    "omits-crypt", DEB12_DRACUT, "omit_dracutmodules has crypt",
    files={**KEY_FILE, **dracut('omit_dracutmodules+=" crypt "\ninstall_items+=" /etc/keys/lab.key "')},
    cmdline=f"rd.luks.name={LUKS}=labcrypt rd.luks.key={LUKS}=/etc/keys/lab.key", **ON_LUKS,
)

# --- images
case("truncated", DEB13, "the initrd is cut off", damage="truncated")
case("empty", DEB12, "the initrd is empty", damage="empty")
case("corrupt-dracut", DEB12_DRACUT, "the initrd is damaged", damage="corrupt")
case("garbage-before", DEB13, "the initrd is damaged", damage="garbage-before")
case("truncated-ubuntu", UBUNTU, "the initrd is cut off", "ahci", damage="truncated")
case("xz-crc64", DEB13_DRACUT, "the kernel cannot unpack the initrd", files=dracut('compress="xz --check=crc64"'))
case("missing", DEB12, "the initrd is not there", later={"boot/initrd.img-RELEASE": None})
case("missing-dracut", DEB13_DRACUT, "the initrd is not there", later={"boot/initrd.img-RELEASE": None})
case("no-init", DEB13, "the initrd has no init", image="deb13-no-init")
case("other-kernel", DEB12, "the initrd is another kernel's", image="deb12c-most")

# --- command lines
case("rootfstype", DEB12, "rootfstype= is not what root is", cmdline="rootfstype=xfs")
case("init-gone", DEB13, "init= names what is not there", cmdline="init=/bin/nothing")
case("break", DEB13, "break= was left", cmdline="break=mount", timeout=90)
case("rd-break", DEB12_DRACUT, "rd.break was left", cmdline="rd.break", timeout=90)
case(
    "no-subvolume", DEB13, "the boot entry names no subvolume", disks=["btrfs"], type="btrfs", spec=f"UUID={BTRFS}",
    fstab=f"UUID={BTRFS} / btrfs defaults,subvol=@ 0 0\n",
)

# --- kernels
case("cloud-on-ahci", DEB12, "a kernel without the controller's driver", "ahci", kernel="cloud")

# --- a whole system, to multi-user: what fstab names
TWO_DISKS = dict(machine="two-disks", disks=["root", "data"])
case("fstab-sdb1", "mounts", "fstab by a kernel name", mounts=["/dev/sdb1 /srv/d ext4 defaults 0 2"], seen_as="/dev/sd", **TWO_DISKS)
case(
    "fstab-swap-xfs", "mounts", "fstab by kernel names", mounts=["/dev/sdb2 none swap sw 0 0", "/dev/sdb3 /srv/x xfs defaults 0 0"],
    seen_as="/dev/sd", **TWO_DISKS,
)
case(
    "fstab-by-path", "mounts", "fstab by the place of a controller", seen_as="/dev/sd", **TWO_DISKS,
    mounts=["/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:1:0-part1 /srv/d ext4 defaults 0 2"],
)
case("fstab-xvdb", "mounts", "fstab by a kernel name of Xen", mounts=["/dev/xvdb4 /srv/v vfat defaults 0 0"], seen_as="/dev/xvd", **TWO_DISKS)

assert CRYPTTAB
