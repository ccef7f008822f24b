"""A whole system for each case: a copy of a distribution's chroot with the case's configuration, its initrd and its boot
entry made by its own programs; and the copies and chroots that the fix is tried in.

A copy shares the files below /usr with its chroot (hard links; the packages' programs replace files and do not write
into them) and has its own of everything else.
"""

import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

import initrds
from disks import BTRFS, IMAGES, ROOT
from place import ENVIRONMENT, INITRDS, LAB, SYSTEMS, Failed, keep_mounts_private, make_devices, run, shell

WORK = LAB / "fixes"

# What the lab's chroots have against services and initrds of the packages' own making; a real system has none of it.
LAB_ONLY = (
    "usr/sbin/policy-rc.d", "etc/apt/apt.conf.d/99lab", "etc/dpkg/dpkg.cfg.d/lab", "etc/kernel-img.conf",
    "etc/initramfs-tools/update-initramfs.conf", "done",
)

# grub-mkconfig asks grub-probe what the root file system is. There is no such disk where a chroot is all there is, so
# this answers what the program would on the case's machine. `ANSWERS` is a file of lines `target answer`.
GRUB_PROBE = """#!/bin/sh
# stands for grub-probe, which would need the machine's disk
for word; do case $word in
    --target=*) target=${word#--target=} ;;
    -t) next=1 ;;
    *) [ -z "$next" ] || { target=$word; next=; } ;;
esac; done
sed -n "s|^$target ||p" /lab-probe
"""
# GRUB's own paths begin at the file system's root, and that of a copy lies deep in this machine's.
GRUB_MKRELPATH = """#!/bin/sh
for path; do :; done
echo "$path"
"""
DEFAULT_GRUB = """GRUB_DEFAULT=0
GRUB_TIMEOUT=5
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_CMDLINE_LINUX="{cmdline}"
"""


def path(case, what):
    return WORK / case["id"] / what


def copy(source, target):
    """A copy of a system, made in a second."""
    remove(target)
    target.mkdir(parents=True)
    shell(f"cd {source} && tar --one-file-system --exclude=./usr -cf - . | tar -C {target} -xpf -; cp -al {source}/usr {target}/usr")


def remove(folder):
    """Deletes a copy, which must not have anything mounted in it."""
    held = [line.split()[1] for line in open("/proc/mounts") if line.split()[1].startswith(f"{folder}/")]
    if held:
        raise Failed(f"{folder} still holds mounts: {', '.join(held)}")
    shutil.rmtree(folder, ignore_errors=True)


def keep_apart():
    """Takes this process and its children into a mount namespace of their own, with a /dev that knows the lab's root file
    system and no disk of this machine. To be called before there are threads."""
    keep_mounts_private()
    subprocess.run(["mount", "-t", "tmpfs", "dev", "/dev"], check=True)
    make_devices(pathlib.Path("/dev"))
    links = pathlib.Path("/dev/disk/by-uuid")
    links.mkdir(parents=True)
    for uuid in (ROOT, BTRFS):  # grub-mkconfig looks whether the name is there
        (links / uuid).symlink_to("../../null")


@contextlib.contextmanager
def entered(root, what=("proc", "sys", "dev")):
    """The folder as a root of its own, so that `/` is known to those who ask for it, with the kernel's file systems."""
    done = []
    try:
        for source, where in [(root, root), *((f"/{name}", root / name) for name in what)]:
            subprocess.run(["mount", "--bind", source, where], check=True)
            done.append(where)
        yield
    finally:
        for where in reversed(done):
            subprocess.run(["umount", "-l", where], check=True)


def inside(root, command, log=None):
    """Runs a shell command in the system; returns what it printed."""
    words = [f"{key}={value}" for key, value in ENVIRONMENT.items() if key != "INITRD"]
    with entered(root):
        arguments = ["chroot", root, "/usr/bin/env", "-i", *words, "sh", "-ec", command]
        return run(arguments, command, log, stdin=subprocess.DEVNULL)


def run_script(root, script, log):
    """Runs a script of `bootproof fix` on the system, as one would from a rescue system; returns what it printed."""
    with entered(root, ()):
        return run(["sh", script, root], f"sh {script} {root}", log, stdin=subprocess.DEVNULL)


def release(case):
    """The release of the case's kernel: the newest of the system that is of its kind."""
    cloud = case.get("kernel") == "cloud"
    folders = os.listdir(SYSTEMS / case["system"] / "usr/lib/modules")
    return sorted(name for name in folders if ("cloud" in name) == cloud)[-1]


def make(case):
    """The system of a case, as it is before anything is mended."""
    root = path(case, "before")
    copy(SYSTEMS / case["system"], root)
    keep = release(case)
    for name in LAB_ONLY:
        (root / name).unlink(missing_ok=True)
    for folder in ("boot", "usr/lib/modules"):
        for entry in (root / folder).iterdir():
            if re.search(r"\d", entry.name) and not entry.name.endswith(keep):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    without_multipath(root)
    describe(case, root, keep)
    # gzip, which dracut takes by itself, takes half a minute for each image.
    quick = {"etc/dracut.conf.d/compress.conf": 'compress="zstd"\n'} if case["system"].endswith("-dracut") else {}
    for name, text in {**quick, **case.get("files", {})}.items():
        write(root / name, text)
    build(case, root, keep)
    inside(root, "update-grub", log=f"fixes-{case['id']}.log")
    finish(case, root, keep)
    return root


def without_multipath(root):
    """Nothing here has several paths: multipath's parts belong to machines that do."""
    for found in [*root.glob("etc/systemd/system/*.wants/multipathd.service"), *root.glob("usr/share/initramfs-tools/**/multipath"), *root.glob("usr/lib/dracut/modules.d/90multipath")]:
        shutil.rmtree(found) if found.is_dir() else found.unlink()


def write(file, text):
    """A file of the copy alone, whoever it was shared with."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    file.chmod(0o600 if file.suffix == ".key" else 0o644)


def describe(case, root, keep):
    """fstab, the boot loader's settings, what blkid has seen, and what grub-probe is to answer."""
    disk = case.get("seen_as", "/dev/vda")
    spec = case.get("spec", f"UUID={ROOT}")
    write(root / "etc/fstab", case.get("fstab", f"{spec} / {case.get('type', 'ext4')} defaults 0 1\n"))
    write(root / "etc/hostname", "lab\n")
    write(root / "etc/hosts", "127.0.0.1 localhost\n127.0.1.1 lab\n")
    write(root / "etc/resolv.conf", "nameserver 192.0.2.53\n")
    write(root / "etc/machine-id", "5eed1ab05eed1ab05eed1ab05eed1ab0\n")
    write(root / "etc/default/grub", DEFAULT_GRUB.format(cmdline=case.get("cmdline", "")) + case.get("grub", ""))
    network(root)
    write(root / "run/blkid/blkid.tab", blkid(case["disks"], disk))
    partition = f"{disk}p1" if disk[-1].isdigit() else f"{disk}1"
    layers = {"lvm": "lvm", "md1": "mdraid1x", "luks": "cryptodisk luks2"}
    uuid = BTRFS if case["disks"] == ["btrfs"] else ROOT
    answers = {
        "device": case.get("device", partition), "fs_uuid": uuid, "fs": {"xfs": "xfs", "btrfs": "btrfs"}.get(case["disks"][0], "ext2"),
        "partmap": "msdos", "abstraction": layers.get(case["disks"][0], ""), "drive": "(hd0)", "disk": disk,
        "compatibility_hint": "hd0,msdos1", "hints_string": "", "partuuid": "5eed1ab0-01", "fs_label": "labroot",
    }
    write(root / "lab-probe", "".join(f"{key} {value}\n" for key, value in answers.items() if value))
    for program, text in (("usr/sbin/grub-probe", GRUB_PROBE), ("usr/bin/grub-mkrelpath", GRUB_MKRELPATH)):
        write(root / program, text)
        (root / program).chmod(0o755)
    (root / "boot/grub").mkdir(parents=True, exist_ok=True)


def network(root):
    """A network that comes up: what a case is about is not that."""
    write(root / "etc/systemd/network/lan.network", "[Match]\nType=ether\n[Network]\nDHCP=yes\n")
    wants = root / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
    wants.parent.mkdir(parents=True, exist_ok=True)
    wants.unlink(missing_ok=True)
    wants.symlink_to("/lib/systemd/system/systemd-networkd.service")


def blkid_line(device, tags):
    """A line of blkid's cache."""
    words = "".join(f' {key}="{value}"' for key, value in tags.items())
    return f'<device DEVNO="0x0001" TIME="1"{words}>{device}</device>\n'


def blkid(disks, first):
    """What blkid(8) has written down about these disks."""
    stem, letter = first[:-1], ord(first[-1])
    lines = []
    for number, name in enumerate(disks):
        for suffix, tags in IMAGES[name]["blkid"]:
            device = suffix if suffix.startswith("/") else f"{stem}{chr(letter + number)}{suffix}"
            if first[-1].isdigit() and not suffix.startswith("/"):  # nvme0n1p1
                device = f"{first}p{suffix}" if suffix else first
            line = blkid_line(device, tags)
            if line not in lines:
                lines.append(line)
    return "".join(lines)


def build(case, root, keep):
    """The initrd: one that the lab has made (`image`), or what the system makes with the case's configuration."""
    image = root / f"boot/initrd.img-{keep}"
    if "image" in case:
        shutil.copy(INITRDS / f"{case['image']}.img", image)
    elif case["system"].endswith("-dracut"):
        inside(root, f"dracut --force /boot/initrd.img-{keep} {keep}", log=f"fixes-{case['id']}.log")
    else:
        inside(root, f"update-initramfs -c -k {keep}", log=f"fixes-{case['id']}.log")


def finish(case, root, keep):
    """What happened to the system after its initrd was made."""
    image = root / f"boot/initrd.img-{keep}"
    for name, text in case.get("later", {}).items():
        name = name.replace("RELEASE", keep)
        if text is None:
            (root / name).unlink()
        else:
            write(root / name, text)
    if "damage" in case:
        initrds.damage(image, case["damage"])


def entry(root):
    """Kernel, initrd and command line of the first entry in grub.cfg, as GRUB would start them."""
    text = (root / "boot/grub/grub.cfg").read_text()
    found = re.search(r"^\s*linux\s+(\S+)([^\n]*)\n(?:(?!\s*(?:initrd|\})).*\n)*(?:\s*initrd\s+(\S+))?", text, re.M)
    if not found:
        raise Failed(f"{root}/boot/grub/grub.cfg has no entry")
    initrd = found[3] and root / found[3].lstrip("/")
    return root / found[1].lstrip("/"), initrd, found[2].strip()


def digest(root):
    """A hash of every file's name, kind, size, mode and time, to see whether anything was touched."""
    total = hashlib.sha256()
    for folder, names, files in sorted(os.walk(root)):
        names.sort()
        for name in sorted(files):
            file = os.path.join(folder, name)
            status = os.lstat(file)
            total.update(f"{os.path.relpath(file, root)} {status.st_mode} {status.st_size} {status.st_mtime_ns}\n".encode())
    return total.hexdigest()


def settings(root):
    """The contents of all that a fix may change but the initrds, by name."""
    files = [file for folder in ("etc", "boot") for file in (root / folder).rglob("*")]
    plain = [file for file in files if file.is_file() and not file.is_symlink() and not file.name.startswith(("initrd", "vmlinuz"))]
    return {str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest() for file in plain}
