"""Where the lab keeps what, and how it runs commands: shared by every part.

Everything is made below $LAB; nothing outside it changes, except that `lab.sh` installs packages on the host.
"""

import ctypes
import functools
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys

LAB = pathlib.Path(os.environ.get("LAB") or sys.exit("set LAB to the work area, a folder with 15 GB free"))
HERE = pathlib.Path(__file__).resolve().parent
SYSTEMS = LAB / "systems"  # chroots of distributions
DISKS = LAB / "disks"  # raw disk images
KERNELS = LAB / "kernels"  # vmlinuz-*, config-*
INITRDS = LAB / "initrds"  # NAME.img and NAME.json
LOGS = LAB / "logs"
CACHE = LAB / "cache"
TOOLS = SYSTEMS / "tools"  # the chroot whose QEMU is used unless $QEMU_ROOT names another

ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "INITRD": "No",  # kernel packages make none: the initrds are the experiment
}


class Failed(Exception):
    """A command of the lab that failed, with the end of what it printed."""


def shell(command, log=None, **options):
    """Runs a bash command; returns what it printed; raises Failed when it fails. `log` keeps the output."""
    return run(["bash", "-euc", "set -o pipefail; " + command], command, log, **options)


def in_system(name, command, log=None):
    """Runs a shell command in the chroot of system `name`."""
    root = SYSTEMS / name
    mount_into(root)
    words = [f"{key}={value}" for key, value in ENVIRONMENT.items()]
    arguments = ["chroot", root, "/usr/bin/env", "-i", *words, "sh", "-ec", command]
    return run(arguments, command, log, stdin=subprocess.DEVNULL)


def run(arguments, command, log, **options):
    """Runs a program; `command` is what the log and a failure call it."""
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    text = done.stdout.decode(errors="replace")
    if log:
        LOGS.mkdir(parents=True, exist_ok=True)
        with open(LOGS / log, "a") as file:
            file.write(f"$ {command}\n{text}\n")
    if done.returncode:
        raise Failed(f"{command[:300]}\n{text[-2000:]}")
    return text


def mount_into(root):
    """Gives a chroot its /proc, /sys and /dev, once, where nobody but this process and its children sees them."""
    keep_mounts_private()
    mounted = {line.split()[1] for line in open("/proc/mounts")}
    for source, kind, where in (("proc", "proc", "proc"), ("sys", "sysfs", "sys"), ("dev", "tmpfs", "dev")):
        if str(root / where) not in mounted:
            subprocess.run(["mount", "-t", kind, source, root / where], check=True)
            if where == "dev":
                make_devices(root / where)


CLONE_NEWNS = 0x00020000  # sched.h
DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}  # minors of major 1, admin-guide/devices.txt


@functools.cache
def keep_mounts_private():
    """Leaves the host's mount namespace, so that no mount outlives the lab, however it ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "cannot make a mount namespace")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def make_devices(folder):
    """Fills a chroot's /dev. It is not the host's: who deletes a chroot must not delete the host's /dev with it."""
    for name, minor in DEVICES.items():
        os.mknod(folder / name, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        os.chmod(folder / name, 0o666)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (folder / name).symlink_to(f"/proc/self/fd/{number}")
    (folder / "fd").symlink_to("/proc/self/fd")


def mirror(suite):
    """The archive that has `suite`: the one that this machine's apt uses, or its neighbour for Ubuntu."""
    places = [pathlib.Path("/etc/apt/sources.list"), *sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*"))]
    text = "\n".join(place.read_text() for place in places if place.is_file())
    found = re.findall(r"^(?:URIs:|deb)\s.*?(https?://\S+?/debian)/?(?=\s|$)", text, re.M)
    debian = found[0] if found else "http://deb.debian.org/debian"
    return debian.removesuffix("debian") + "ubuntu" if suite in ("jammy", "noble") else debian


def fresh(folder):
    """An empty folder at that path."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
