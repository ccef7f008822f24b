#!/usr/bin/env python3
"""Makes the distributions whose kernels, initrd generators and programs the lab uses, as chroots.

usage: systems.py NAME...        systems that exist are left alone; one that the mirror lacks is skipped
"""

import shutil
import subprocess
import sys

from place import Failed, KERNELS, LOGS, SYSTEMS, fresh, in_system, mirror, shell

STORAGE = "lvm2 mdadm cryptsetup multipath-tools thin-provisioning-tools xfsprogs btrfs-progs e2fsprogs dosfstools"
PACKERS = "zstd lz4 xz-utils bzip2 lzop kmod udev busybox cpio"
WHOLE = "systemd-sysv dbus grub2-common"  # what makes a system of them that could boot by itself
INITRAMFS = f"initramfs-tools cryptsetup-initramfs multipath-tools-boot {STORAGE} {PACKERS} {WHOLE}"

# name -> suite, packages; `like` copies a system that is there already and adds packages, `into` adds them to it
TABLE = {
    "tools": dict(suite="trixie", packages="qemu-system-x86 seabios ovmf"),
    "debian12": dict(suite="bookworm", packages=f"linux-image-amd64 linux-image-cloud-amd64 {INITRAMFS}"),
    "debian12+backports": dict(into="debian12", suite="bookworm-backports", packages="linux-image-cloud-amd64"),
    "debian12-grub": dict(
        suite="bookworm",
        packages="grub-pc-bin grub-efi-amd64-bin grub-efi-amd64-signed shim-signed grub-common grub2-common systemd-boot-efi syslinux-common "
        "sbsigntool mtools dosfstools e2fsprogs xfsprogs btrfs-progs busybox-static",
    ),
    "debian12-dracut": dict(like="debian12", packages="dracut"),
    "debian11": dict(suite="bullseye", packages=f"linux-image-amd64 linux-image-cloud-amd64 {INITRAMFS}"),
    "debian11-dracut": dict(like="debian11", packages="dracut"),
    "debian13": dict(suite="trixie", packages=f"linux-image-amd64 linux-image-cloud-amd64 {INITRAMFS}"),
    "debian13-dracut": dict(like="debian13", packages="dracut"),
    "ubuntu24": dict(suite="noble", packages=f"linux-image-virtual {INITRAMFS}"),
    "ubuntu22": dict(suite="jammy", packages=f"linux-image-virtual {INITRAMFS}"),
}
UBUNTU = ("jammy", "noble")


def has_suite(suite):
    url = f"{mirror(suite)}/dists/{suite}/InRelease"
    return subprocess.run(["curl", "-fsI", "-o", "/dev/null", url], check=False).returncode == 0


def settings(root, suite):
    """Keeps the packages quick and quiet: no services, no documentation, and no initrd of their own making."""
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    excluded = "".join(f"path-exclude /usr/share/{name}/*\n" for name in ("doc", "locale", "info"))
    (root / "etc/dpkg/dpkg.cfg.d/lab").write_text(f"force-unsafe-io\nforce-confold\n{excluded}")
    (root / "etc/apt/apt.conf.d/99lab").write_text('APT::Install-Recommends "0"; APT::Sandbox::User "root";\n')
    (root / "etc/kernel-img.conf").write_text("do_initrd = no\nlink_in_boot = no\ndo_symlinks = no\n")
    (root / "etc/initramfs-tools").mkdir(parents=True, exist_ok=True)
    (root / "etc/initramfs-tools/update-initramfs.conf").write_text("update_initramfs=no\n")
    for name in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    if suite in UBUNTU:
        (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] {mirror(suite)} {suite} main universe\n")


def bootstrap(name, suite):
    root = fresh(SYSTEMS / name)
    # A Debian host has no key of Ubuntu's archive; debootstrap knows its older suites' script by another name.
    ubuntu = ("--components=main,universe --no-check-gpg", "/usr/share/debootstrap/scripts/gutsy")
    options, script = ubuntu if suite in UBUNTU else ("", "")
    shell(f"debootstrap --variant=minbase {options} {suite} {root} {mirror(suite)} {script}", log=f"{name}.log")
    settings(root, suite)


def copy(name, like):
    """A copy whose kernel modules are hard links: they are most of a system."""
    source, root = SYSTEMS / like, fresh(SYSTEMS / name)
    shell(f"cd {source} && tar --one-file-system --exclude=./usr/lib/modules --exclude=./done -cf - . | tar -C {root} -xpf -")
    shell(f"cp -al {source}/usr/lib/modules {root}/usr/lib/modules")


def add(name, row):
    """Packages of another suite, into a system that is there."""
    root, suite = SYSTEMS / row["into"], row["suite"]
    (root / "etc/apt/sources.list.d/lab.list").write_text(f"deb {mirror(suite)} {suite} main\n")
    in_system(row["into"], f"apt-get update && apt-get install -y -t {suite} {row['packages']}", log=f"{name}.log")


def make(name):
    row = TABLE[name]
    root = SYSTEMS / row.get("into", name)
    done = root / f"done-{name}" if "into" in row else root / "done"
    if done.exists():
        return f"have {name}"
    if "suite" in row and not has_suite(row["suite"]):
        return f"SKIP {name}: the mirror has no {row['suite']}"
    base = row.get("like") or row.get("into")
    if base and not (SYSTEMS / base / "done").exists():
        return f"SKIP {name}: there is no {base}"
    if "into" in row:
        add(name, row)
    else:
        if "like" in row:
            copy(name, row["like"])
        else:
            bootstrap(name, row["suite"])
        in_system(name, "apt-get update", log=f"{name}.log")
        in_system(name, f"apt-get install -y {row['packages']}", log=f"{name}.log")
    shell(f"rm -f {root}/var/cache/apt/archives/*.deb; rm -rf {root}/var/lib/apt/lists/*")
    KERNELS.mkdir(parents=True, exist_ok=True)
    shell(f"for f in {root}/boot/vmlinuz-* {root}/boot/config-*; do [ ! -e $f ] || cp -n $f {KERNELS}/; done")
    done.touch()
    return f"made {name}"


if __name__ == "__main__":
    for wanted in sys.argv[1:] or TABLE:
        try:
            print(make(wanted), flush=True)
        except Failed as failed:
            print(f"FAILED {wanted}, see {LOGS}/{wanted}.log: {failed}", flush=True)
