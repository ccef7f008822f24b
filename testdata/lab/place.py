"""Where the lab keeps what, and how it runs commands: shared by every part.

Everything is made below $LAB; nothing outside it changes, except that `lab.sh` installs packages on the host.
"""

import os
import pathlib
import re
import shutil
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
    done = subprocess.run(
        ["bash", "-euc", "set -o pipefail; " + command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
    )
    text = done.stdout.decode(errors="replace")
    if log:
        LOGS.mkdir(parents=True, exist_ok=True)
        with open(LOGS / log, "a") as file:
            file.write(f"$ {command}\n{text}\n")
    if done.returncode:
        raise Failed(f"{command[:300]}\n{text[-2000:]}")
    return text


def mount_into(root):
    """Gives a chroot its /proc, /sys and /dev, once."""
    mounted = {line.split()[1] for line in open("/proc/mounts")}
    for source, kind, where in (("proc", "proc", "proc"), ("sys", "sysfs", "sys"), ("dev", "devtmpfs", "dev")):
        if str(root / where) not in mounted:
            subprocess.run(["mount", "-t", kind, source, root / where], check=True)


def unmount_all():
    """Takes every mount below $LAB away again."""
    mounted = [line.split()[1] for line in open("/proc/mounts") if line.split()[1].startswith(f"{LAB.resolve()}/")]
    for where in sorted(mounted, reverse=True):
        subprocess.run(["umount", "-l", where], check=False)


def in_system(name, command, log=None):
    """Runs a shell command in the chroot of system `name`."""
    root = SYSTEMS / name
    mount_into(root)
    words = [f"{key}={value}" for key, value in ENVIRONMENT.items()]
    done = subprocess.run(
        ["chroot", root, "/usr/bin/env", "-i", *words, "sh", "-ec", command],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )
    text = done.stdout.decode(errors="replace")
    if log:
        LOGS.mkdir(parents=True, exist_ok=True)
        with open(LOGS / log, "a") as file:
            file.write(f"$ {command}\n{text}\n")
    if done.returncode:
        raise Failed(f"in {name}: {command[:300]}\n{text[-2000:]}")
    return text


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
