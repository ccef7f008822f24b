"""How each initrd of the lab is made, and which kernel each short name stands for."""

from disks import BTRFS, LUKS, MD, MD_LVM, ROOT  # noqa: F401 -- recipes speak of them

# short name -> system, pattern of the release
KERNEL_OF = {
    "deb12": ("debian12", r"6\.1\.\d.*-\d+-amd64"),
    "deb12c": ("debian12", r"6\.1\.\d.*-cloud-amd64"),
    "deb12b": ("debian12", r"(6\.1\d|7)\..*-cloud-amd64"),  # from backports
    "deb11": ("debian11", r"5\.10.*-\d+-amd64"),
    "deb11c": ("debian11", r"5\.10.*-cloud-amd64"),
    "deb13": ("debian13", r"6\.12.*-amd64(?<!cloud-amd64)"),
    "deb13c": ("debian13", r"6\.12.*-cloud-amd64"),
    "ub24": ("ubuntu24", r"6\.8\..*"),
    "ub22": ("ubuntu22", r"5\.15\..*"),
}

RECIPES = {}


def tools(name, kernel, modules="most", compress="zstd", **more):
    """initramfs-tools; `list`: /etc/initramfs-tools/modules, `conf`: its other files, `etc`: files of the system."""
    RECIPES[name] = dict(kind="initramfs-tools", kernel=kernel, modules=modules, compress=compress, **more)


def dracut(name, kernel, arguments="--no-hostonly", **more):
    RECIPES[name] = dict(kind="dracut", kernel=kernel, arguments=arguments, **more)


def edit(name, base, **more):
    """remove, add, rename, damage, microcode, compress: what is done to the base."""
    RECIPES[name] = dict(kind="edit", base=base, **more)


def hosted(name, kernel, machine, generator):
    """Made on that machine, for that machine: MODULES=dep, or dracut --hostonly."""
    RECIPES[name] = dict(kind="hosted", kernel=kernel, machine=machine, generator=generator)


BASE = "lib/modules/*/kernel/"
ONLY_LIST = ["ext4", "crc32c_generic", "crc32c"]  # MODULES=list brings nothing by itself, not even the file system

# --- as each distribution makes them
for key in KERNEL_OF:
    tools(f"{key}-most", key, compress={"deb11": "gzip", "deb11c": "gzip"}.get(key, "zstd"))
for key in ("deb12", "deb12c", "deb13", "deb13c", "deb11", "deb11c"):
    dracut(f"{key}-dracut", key)

# --- for one machine
for machine in ("ahci", "nvme", "virtio-blk"):
    hosted(f"deb12-dep-{machine}", "deb12", machine, "initramfs-tools")
for machine in ("ahci", "virtio-blk"):
    hosted(f"deb12-hostonly-{machine}", "deb12", machine, "dracut")
hosted("deb13-dep-ahci", "deb13", "ahci", "initramfs-tools")
hosted("deb13-dep-virtio-scsi", "deb13", "virtio-scsi", "initramfs-tools")
hosted("deb13-hostonly-nvme", "deb13", "nvme", "dracut")
hosted("deb13-hostonly-virtio-blk", "deb13", "virtio-blk", "dracut")
hosted("deb11-dep-virtio-blk", "deb11", "virtio-blk", "initramfs-tools")
hosted("ub24-dep-nvme", "ub24", "nvme", "initramfs-tools")

# --- what holds root together
CRYPTTAB = f"labcrypt UUID={LUKS} {{key}} luks,initramfs\n"
KEY_FILE = {
    "etc/crypttab": CRYPTTAB.format(key="/etc/keys/lab.key"),
    "etc/keys/lab.key": "lab" * 20,
    "etc/cryptsetup-initramfs/conf-hook": "KEYFILE_PATTERN=/etc/keys/*.key\n",
}
MDADM = f"HOMEHOST <ignore>\nARRAY /dev/md/root UUID={MD}\n"
MDADM_LVM = f"HOMEHOST <ignore>\nARRAY /dev/md/lvm UUID={MD_LVM}\n"
for key in ("deb12", "deb13", "deb13c", "ub24"):
    tools(f"{key}-luks-key", key, etc=KEY_FILE)
    tools(f"{key}-luks-ask", key, etc={"etc/crypttab": CRYPTTAB.format(key="none")})
for key in ("deb12c", "deb13", "deb13c", "ub24", "deb11"):
    tools(f"{key}-md", key, etc={"etc/mdadm/mdadm.conf": MDADM})
    tools(f"{key}-lvmmd", key, etc={"etc/mdadm/mdadm.conf": MDADM_LVM})
tools("deb13c-md-other", "deb13c", etc={"etc/mdadm/mdadm.conf": MDADM.replace(MD[:8], "0badcafe") + "AUTO -all\n"})
dracut("deb13-dracut-mdconf", "deb13", "--no-hostonly --mdadmconf", etc={"etc/mdadm/mdadm.conf": MDADM})
dracut("deb13-dracut-luks", "deb13", "--no-hostonly --include /etc/keys/lab.key /etc/keys/lab.key", etc=KEY_FILE)
MULTIPATH = "defaults {\n    user_friendly_names yes\n    find_multipaths {how}\n}\n"
WWID = "/0QEMU_QEMU_HARDDISK_lab/\n"
for how in ("yes", "no", "strict", "smart", "greedy"):
    text = MULTIPATH.replace("{how}", how)
    tools(f"deb13c-multipath-{how}", "deb13c", multipath=True, etc={"etc/multipath.conf": text})
tools("deb13-multipath", "deb13", multipath=True)
tools("deb12-multipath-no", "deb12", multipath=True, etc={"etc/multipath.conf": MULTIPATH.replace("{how}", "no")})
dracut(
    "deb13-dracut-multipath-no", "deb13", "--no-hostonly --add multipath",
    etc={"etc/multipath.conf": MULTIPATH.replace("{how}", "no")},
)
edit("deb13c-no-lvm", "deb13c-most", remove=["sbin/lvm"])
edit("deb13c-lvm-filter", "deb13c-most", add={"etc/lvm/lvm.conf": 'devices {\n    global_filter = [ "a|^/dev/sd|", "r|.*|" ]\n}\n'})
edit("deb13c-no-raid1", "deb13c-md", remove=[BASE + "drivers/md/raid1.ko*"])
edit("deb13-no-dm-crypt", "deb13-luks-key", remove=[BASE + "drivers/md/dm-crypt.ko*"])
edit("deb13-no-dm-mod", "deb13-most", remove=[BASE + "drivers/md/dm-mod.ko*"])

# --- module lists
for name, modules in {
    "virtio-blk": ["virtio_blk", "virtio_pci"],
    "virtio-nopci": ["virtio_blk"],
    "virtio-scsi": ["virtio_scsi", "virtio_pci", "sd_mod"],
    "virtio-scsi-nosd": ["virtio_scsi", "virtio_pci"],
    "ahci": ["ahci", "sd_mod"],
    "nvme": ["nvme"],
    "ide": ["ata_piix", "sd_mod"],
    "pvscsi": ["vmw_pvscsi", "sd_mod"],
    "mptsas": ["mptsas", "sd_mod"],
}.items():
    tools(f"deb13-list-{name}", "deb13", "list", "gzip", list=modules + ONLY_LIST)
tools("deb11-list-virtio-blk", "deb11", "list", "gzip", list=["virtio_blk", "virtio_pci", *ONLY_LIST])
tools("deb11-list-ahci", "deb11", "list", "xz", list=["ahci", "sd_mod", *ONLY_LIST])
dracut("deb13-dracut-omit-ahci", "deb13", "--no-hostonly --omit-drivers ahci")
dracut("deb13-dracut-omit-sd", "deb13", "--no-hostonly --omit-drivers sd_mod")
dracut("deb13-dracut-only-nvme", "deb13", "--no-hostonly --drivers nvme --filesystems ext4")
dracut("deb13c-dracut-nosystemd", "deb13c", "--no-hostonly --omit systemd --omit systemd-initrd --omit dracut-systemd")
dracut("deb13c-dracut-baked", "deb13c", f"--no-hostonly --kernel-cmdline root=UUID={ROOT}")
dracut("deb13c-dracut-baked-wrong", "deb13c", "--no-hostonly --kernel-cmdline root=/dev/sda9")
dracut("deb11-dracut-lvm-only", "deb11", "--no-hostonly --omit mdraid")

# --- changed by hand
edit("deb13-no-sd", "deb13-most", remove=[BASE + "drivers/scsi/sd_mod.ko*"])
edit("deb13-no-ahci", "deb13-most", remove=[BASE + "drivers/ata/ahci.ko*"])
edit("deb13-no-libahci", "deb13-most", remove=[BASE + "drivers/ata/libahci.ko*"])
edit("deb13-no-alias", "deb13-most", remove=["lib/modules/*/modules.alias.bin", "lib/modules/*/modules.alias"])
edit("deb13-no-alias-bin", "deb13-most", remove=["lib/modules/*/modules.alias.bin"])
edit("deb13-no-dep", "deb13-most", remove=["lib/modules/*/modules.dep", "lib/modules/*/modules.dep.bin"])
edit("deb13-no-dep-text", "deb13-most", remove=["lib/modules/*/modules.dep"])
edit("deb13-no-ext4", "deb13-most", remove=[BASE + "fs/ext4/ext4.ko*"])
edit("deb13-no-jbd2", "deb13-most", remove=[BASE + "fs/jbd2/jbd2.ko*"])
edit("deb13-no-udev", "deb13-most", remove=["lib/systemd/systemd-udevd"])
edit("deb13-no-busybox", "deb13-most", remove=["bin/busybox"])
edit("deb13-no-init", "deb13-most", remove=["init"])
edit("deb13-no-xfs-crc", "deb13-most", remove=[BASE + "lib/libcrc32c.ko*"])
edit("deb13-blacklist-ahci", "deb13-most", add={"etc/modprobe.d/lab.conf": "blacklist ahci\n"})
edit("deb13-install-false", "deb13-most", add={"etc/modprobe.d/lab.conf": "install ahci /bin/false\n"})
edit("deb13-install-dep-false", "deb13-most", add={"etc/modprobe.d/lab.conf": "install libata /bin/false\n"})
edit("deb13-softdep-gone", "deb13-most", add={"etc/modprobe.d/lab.conf": "softdep ahci pre: no_such_module\n"})
edit("deb13-other-release", "deb13-most", rename={"usr/lib/modules/RELEASE": "usr/lib/modules/6.12.1-other-amd64"})
for how in ("truncated", "corrupt", "garbage-before", "garbage-behind", "zeros-behind", "empty"):
    edit(f"deb13c-{how}", "deb13c-most", damage=how, compress="gzip")
for compress in ("xz", "xz-crc64", "lzma", "bzip2", "lz4", "lz4-frame", "lzop", "none"):
    edit(f"deb13c-{compress}", "deb13c-most", compress=compress)
edit("deb11c-zstd", "deb11c-most", compress="zstd")
edit("deb13c-microcode", "deb13c-most", compress="zstd", microcode=True)
edit("deb13-dracut-no-udev", "deb13-dracut", remove=["lib/systemd/systemd-udevd", "bin/udevadm"])
edit("deb13-dracut-no-virtio-blk", "deb13-dracut", remove=[BASE + "drivers/block/virtio_blk.ko*"])
edit("deb13-dracut-no-ext4", "deb13-dracut", remove=[BASE + "fs/ext4/ext4.ko*"])
edit("deb13-dracut-no-dm-mod", "deb13-dracut", remove=[BASE + "drivers/md/dm-mod.ko*"])
edit("ub24-no-virtio-scsi", "ub24-most", remove=[BASE + "drivers/scsi/virtio_scsi.ko*"])
