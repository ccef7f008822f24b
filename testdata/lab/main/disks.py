"""The root disks. Plain ext4 ones are made with `mke2fs -d`; what needs the kernel is made in a small machine.

One image file is one disk. Each holds the tiny root that `tree` writes, or is one of the disks that hold it together.
"""

import os
import shutil
import subprocess

import vm
from place import CACHE, DISKS, HERE, INITRDS, KERNELS, LOGS, SYSTEMS, Failed, fresh, in_system, shell

ROOT = "5eed0001-1ab0-4000-8000-000000000001"  # the UUID of nearly every root file system
USR = "5eed0002-1ab0-4000-8000-000000000002"
DATA = "5eed0003-1ab0-4000-8000-000000000003"
BTRFS = "5eed0004-1ab0-4000-8000-000000000004"
LUKS = "5eed0005-1ab0-4000-8000-000000000005"
MD = "5eed0006:1ab04000:80000000:00000006"
MD_LVM = "5eed0007:1ab04000:80000000:00000007"
MBR = "label: dos\nlabel-id: 0x5eed1ab0\nstart=2048, type=83\n"
GPT = f"label: gpt\nstart=2048, size=192512, uuid={ROOT}, name=labroot\n"
TWO = "label: dos\nlabel-id: 0x5eed1ab0\nstart=2048, size=122880, type=83\nstart=133120, size=122880, type=83\n"
BLANK = "label: dos\nlabel-id: 0x5eed0b1a\nstart=2048, type=83\n"

OS_RELEASE = "ID=lab\nNAME=Lab\n"
FSTAB = f"UUID={ROOT} / ext4 defaults 0 1\n"
# The roots: name -> files of its own. Every image names the one that it holds.
ROOTS = {
    "plain": {"etc/fstab": FSTAB},
    "kernelname": {"etc/fstab": "/dev/sda1 / ext4 defaults 0 1\n"},
    "noinit": {"etc/fstab": FSTAB, "sbin/init": None},
    "xfs": {"etc/fstab": f"UUID={ROOT} / xfs defaults 0 0\n"},
    "btrfs": {"etc/fstab": f"UUID={BTRFS} / btrfs defaults,subvol=@ 0 0\n"},
    "lvm": {"etc/fstab": "/dev/mapper/vglab-root / ext4 defaults 0 1\n"},
    "lvmmd": {"etc/fstab": "/dev/mapper/vgmd-root / ext4 defaults 0 1\n"},
    "luks": {
        "etc/fstab": "/dev/mapper/labcrypt / ext4 defaults 0 1\n",
        "etc/crypttab": f"labcrypt UUID={LUKS} /etc/keys/lab.key luks,initramfs\n",
    },
    "usr": {"etc/fstab": f"{FSTAB}UUID={USR} /usr ext4 defaults 0 2\n"},
}
# image -> the root in it; blkid's view of it: (suffix of the device's name or a whole name, its tags)
ROOT_TAGS = {"UUID": ROOT, "LABEL": "labroot", "TYPE": "ext4", "PARTUUID": "5eed1ab0-01"}


def _tags(**tags):
    return tags


IMAGES = {
    "plain": dict(root="plain", blkid=[("1", ROOT_TAGS)]),
    "kernelname": dict(root="kernelname", blkid=[("1", ROOT_TAGS)]),
    "noinit": dict(root="noinit", blkid=[("1", ROOT_TAGS)]),
    "gpt": dict(root="plain", blkid=[("1", {**ROOT_TAGS, "PARTUUID": ROOT, "PARTLABEL": "labroot"})]),
    "whole": dict(root="plain", blkid=[("", {key: ROOT_TAGS[key] for key in ("UUID", "LABEL", "TYPE")})]),
    "usr": dict(root="usr", blkid=[("1", ROOT_TAGS), ("2", _tags(UUID=USR, TYPE="ext4", PARTUUID="5eed1ab0-02"))]),
    "data": dict(root=None, blkid=[("1", _tags(UUID=DATA, LABEL="labdata", TYPE="ext4", PARTUUID="5eed0b1a-01"))]),
    "xfs": dict(root="xfs", blkid=[("1", {**ROOT_TAGS, "TYPE": "xfs"})]),
    "btrfs": dict(root="btrfs", blkid=[("1", {**ROOT_TAGS, "UUID": BTRFS, "TYPE": "btrfs"})]),
    "lvm": dict(
        root="lvm",
        blkid=[
            ("1", _tags(UUID="5eedpv-0000-0000-0000-0000-0000-000001", TYPE="LVM2_member", PARTUUID="5eed1ab0-01")),
            ("/dev/mapper/vglab-root", _tags(UUID=ROOT, LABEL="labroot", TYPE="ext4")),
        ],
    ),
    "lvm1": dict(root="lvm", blkid=[]),
    "lvm2": dict(root=None, blkid=[]),
    "md1": dict(root="plain", blkid=[]),
    "md2": dict(root=None, blkid=[]),
    "lvmmd1": dict(root="lvmmd", blkid=[]),
    "lvmmd2": dict(root=None, blkid=[]),
    "luks": dict(
        root="luks",
        blkid=[
            ("1", _tags(UUID=LUKS, TYPE="crypto_LUKS", PARTUUID="5eed1ab0-01")),
            ("/dev/mapper/labcrypt", _tags(UUID=ROOT, LABEL="labroot", TYPE="ext4")),
        ],
    ),
}
_PV = dict(TYPE="LVM2_member", PARTUUID="5eed1ab0-01")
_VOLUME = _tags(UUID=ROOT, LABEL="labroot", TYPE="ext4")


def _as_blkid(uuid):
    """mdadm's way to write a UUID, as blkid(8) writes it."""
    digits = uuid.replace(":", "")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


_MEMBER = dict(TYPE="linux_raid_member", PARTUUID="5eed1ab0-01")
IMAGES["lvm1"]["blkid"] = [("1", {"UUID": "5eedpv-0000-0000-0000-0000-0000-000002", **_PV}), ("/dev/mapper/vgtwo-root", _VOLUME)]
IMAGES["lvm2"]["blkid"] = [("1", {"UUID": "5eedpv-0000-0000-0000-0000-0000-000003", **_PV})]
IMAGES["md1"]["blkid"] = [("1", {"UUID": _as_blkid(MD), **_MEMBER}), ("/dev/md127", _VOLUME)]
IMAGES["md2"]["blkid"] = [("1", {"UUID": _as_blkid(MD), **_MEMBER})]
IMAGES["lvmmd1"]["blkid"] = [
    ("1", {"UUID": _as_blkid(MD_LVM), **_MEMBER}),
    ("/dev/md127", {"UUID": "5eedpv-0000-0000-0000-0000-0000-000004", "TYPE": "LVM2_member"}),
    ("/dev/mapper/vgmd-root", _VOLUME),
]
IMAGES["lvmmd2"]["blkid"] = [("1", {"UUID": _as_blkid(MD_LVM), **_MEMBER})]
ROOTS["lvmtwo"] = {"etc/fstab": "/dev/mapper/vgtwo-root / ext4 defaults 0 1\n"}
IMAGES["lvm1"]["root"] = "lvmtwo"

IN_MACHINE = ["xfs", "btrfs", "lvm", "lvm1", "lvm2", "md1", "md2", "lvmmd1", "lvmmd2", "luks"]
KEY = b"lab" * 20  # the key file of the LUKS disk


def tree(name):
    """The folder with the files of that root."""
    folder = fresh(CACHE / "roots" / name)
    for empty in ("sbin", "bin", "proc", "sys", "dev", "run", "tmp", "etc", "usr", "var", "root"):
        (folder / empty).mkdir()
    files = {"etc/os-release": OS_RELEASE, "etc/hostname": "lab\n", "etc/machine-id": "", **ROOTS[name]}
    if files.pop("sbin/init", "") is not None:
        shutil.copy(program(), folder / "sbin/init")
    for path, text in files.items():
        (folder / path).write_text(text)
    return folder


def program():
    """The lab's init, compiled once."""
    out = CACHE / "init"
    if not out.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        shell(f"gcc -static -Os -o {out} {HERE}/main/init.c && strip {out}")
    return out


def blank(name, size, table):
    image = DISKS / f"{name}.img"
    image.unlink(missing_ok=True)
    shell(f"truncate -s {size} {image}")
    if table:
        subprocess.run(["sfdisk", "-q", image], input=table.encode(), check=True)
    return image


def ext4(name, table=MBR, size="96M", start="1048576", space="94M", source="plain", uuid=ROOT, label="labroot"):
    """An ext4 file system at byte `start`, filled without being mounted. Old kernels need to read it, too."""
    image = blank(name, size, table)
    features = "^metadata_csum_seed,^orphan_file"
    shell(f"mke2fs -q -F -t ext4 -O {features} -d {tree(source)} -L {label} -U {uuid} -E offset={start} {image} {space}")
    return image


def plain_images():
    for name in ("plain", "kernelname", "noinit"):
        ext4(name, source=name, size="128M")  # an SD card has a power of two as its size
    ext4("gpt", table=GPT)
    ext4("whole", table=None, size="64M", start="0", space="64M")
    image = ext4("usr", table=TWO, size="160M", space="60M", source="usr")
    empty = fresh(CACHE / "roots/empty")
    for target, start, uuid, label in ((image, "68157440", USR, "labusr"),):
        shell(f"mke2fs -q -F -t ext4 -d {empty} -L {label} -U {uuid} -E offset={start} {target} 60M")
    image = blank("data", "128M", BLANK)
    shell(f"mke2fs -q -F -t ext4 -d {empty} -L labdata -U {DATA} -E offset=1048576 {image} 94M")


# Runs in the machine, as a script of initramfs-tools: it formats the disks by their serial numbers and fills them.
BUILDER = f"""#!/bin/sh
[ "$1" != prereqs ] || exit 0
exec >/dev/ttyS0 2>&1; set -x
for m in virtio_pci virtio_blk xfs btrfs ext4 raid1 dm_mod dm_crypt; do modprobe $m; done
udevadm trigger --action=add; udevadm settle; mkdir -p /mnt
part() {{ echo /dev/disk/by-id/virtio-$1-part1; }}
fill() {{ mount -t "$2" -o "${{4:-rw}}" "$1" /mnt && tar -C /mnt -xf "/lab/$3.tar" && umount /mnt && echo "FILLED $3"; }}
format() {{ /sbin/mke2fs.lab -q -F -t ext4 -O ^metadata_csum_seed,^orphan_file -L labroot -U {ROOT} "$1" && fill "$1" ext4 "$2"; }}
mkfs.xfs -q -f -L labroot -m uuid={ROOT},bigtime=0,inobtcount=0 -i nrext64=0 "$(part xfs)"; fill "$(part xfs)" xfs xfs
mkfs.btrfs -q -f -L labroot -U {BTRFS} "$(part btrfs)"
mount -t btrfs "$(part btrfs)" /mnt; btrfs subvolume create /mnt/@; umount /mnt; fill "$(part btrfs)" btrfs btrfs subvol=@
quiet='devices {{ global_filter=["a|.*|"] obtain_device_list_from_udev=0 }} activation {{ udev_sync=0 udev_rules=0 }}'
group() {{ # group ROOT GROUP DEVICE...: one logical volume over all of them
    root=$1 group=$2; shift 2
    for device; do lvm pvcreate --config "$quiet" -ff -y "$device"; done
    lvm vgcreate --config "$quiet" "$group" "$@"
    lvm lvcreate --config "$quiet" -y -Wn -Zn -i $# -n root -L 96M "$group"
    lvm vgmknodes "$group"; sleep 1; format "/dev/mapper/$group-root" "$root"
    lvm vgchange --config "$quiet" -an "$group"
}}
group lvm vglab "$(part lvm)"
group lvmtwo vgtwo "$(part lvm1)" "$(part lvm2)"
array() {{ mdadm --create "$1" --run --force --level=1 --raid-devices=2 --metadata=1.2 --uuid="$2" --homehost=any --name="$3" --assume-clean "$4" "$5"; }}
array /dev/md10 {MD} root "$(part md1)" "$(part md2)"; format /dev/md10 plain; mdadm --stop /dev/md10
array /dev/md11 {MD_LVM} lvm "$(part lvmmd1)" "$(part lvmmd2)"; group lvmmd vgmd /dev/md11; mdadm --stop /dev/md11
cryptsetup luksFormat -q --type luks2 --uuid {LUKS} --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$(part luks)" /lab/key
cryptsetup open --key-file /lab/key "$(part luks)" labcrypt; format /dev/mapper/labcrypt luks; cryptsetup close labcrypt
sync; echo BUILDER-DONE; echo o >/proc/sysrq-trigger; sleep 30
"""
HOOK = """#!/bin/sh
[ "$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
for program in mkfs.xfs mkfs.btrfs btrfs mdadm lvm dmsetup cryptsetup; do copy_exec "$(command -v $program)" /sbin; done
copy_exec /sbin/mke2fs /sbin/mke2fs.lab # busybox has an applet of that name
for module in virtio_blk virtio_pci xfs btrfs ext4 raid1 dm_mod dm_crypt xts aes_generic aesni_intel sha256_generic \\
    ecb cbc essiv algif_skcipher af_alg crc32c_generic crc32c_intel; do manual_add_modules $module; done
mkdir -p "$DESTDIR/lab"; cp /lab-builder/* "$DESTDIR/lab/"
"""


def builder_initrd(system, release):
    """An initrd that does the formatting."""
    root = SYSTEMS / system
    conf = root / "lab-conf"
    shutil.rmtree(conf, ignore_errors=True)
    shutil.copytree(root / "etc/initramfs-tools", conf, symlinks=True)
    settings = (conf / "initramfs.conf").read_text()
    (conf / "initramfs.conf").write_text(f"{settings}\nMODULES=list\nCOMPRESS=lz4\n")
    for path, text in (("hooks/zz-lab", HOOK), ("scripts/init-premount/zz-lab", BUILDER)):
        (conf / path).parent.mkdir(parents=True, exist_ok=True)
        (conf / path).write_text(text)
        (conf / path).chmod(0o755)
    stock = fresh(root / "lab-builder")
    for name in ROOTS:
        shell(f"tar -C {tree(name)} -cf {stock}/{name}.tar .")
    (stock / "key").write_bytes(KEY)
    in_system(system, f"mkinitramfs -d /lab-conf -o /lab-builder.img {release}", log="builder.log")
    INITRDS.mkdir(parents=True, exist_ok=True)
    shutil.move(root / "lab-builder.img", INITRDS / "builder.img")


def machine_images(system, release):
    for name in IN_MACHINE:
        blank(name, "400M" if name in ("xfs",) else "200M", MBR)
    builder_initrd(system, release)
    arguments = ["-cpu", "max", "-machine", "pc", "-m", "1024", "-kernel", KERNELS / f"vmlinuz-{release}"]
    arguments += ["-initrd", INITRDS / "builder.img", "-append", "console=ttyS0 panic=-1 mitigations=off nokaslr quiet"]
    for name in IN_MACHINE:
        arguments += ["-drive", f"file={DISKS}/{name}.img,format=raw,if=none,id={name}"]
        arguments += ["-device", f"virtio-blk-pci,drive={name},serial={name}"]
    console = vm.boot(arguments, timeout=400, until=[rb"reboot: Power down"], log=LOGS / "builder-console.log")
    filled = {line.split()[1] for line in console.lines if line.startswith("FILLED ")}
    missing = {IMAGES[name]["root"] for name in IN_MACHINE} - {None} - filled
    if missing:
        raise Failed(f"the builder did not fill {', '.join(sorted(missing))}; see {LOGS}/builder-console.log")


def describe():
    """What stands on the disks, for the programs that predict: the roots' texts, and what blkid(8) would say."""
    plain = {"etc/os-release": OS_RELEASE, "etc/hostname": "lab\n", "etc/machine-id": "", "sbin/init": "the lab's init\n"}
    roots = {name: {path: text for path, text in {**plain, **files}.items() if text is not None} for name, files in ROOTS.items()}
    images = {name: {"blkid": image["blkid"]} for name, image in IMAGES.items()}
    return {"roots": roots, "images": images}


def make(system, release, quick):
    """All images; only the plain ones in quick mode."""
    DISKS.mkdir(parents=True, exist_ok=True)
    if not (DISKS / "plain.done").exists():
        plain_images()
        (DISKS / "plain.done").touch()
    if not quick and not (DISKS / "machine.done").exists():
        machine_images(system, release)
        (DISKS / "machine.done").touch()
    os.sync()
