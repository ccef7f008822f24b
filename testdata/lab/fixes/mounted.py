"""The systems whose fstab is wrong: those of the part `mounts`, which boot all the way to multi-user or to emergency mode.

The root disk is built once (../mounts/build.sh); the files of a case, before and after, come along behind the initrd.
"""

import sys

import system
from place import HERE, LAB, shell

sys.path.append(str(HERE / "mounts"))
import record  # noqa: E402 -- needs $LAB, as place.py does

BUILT = LAB / "mounts"
ROOT = "b0070001-0000-4000-8000-000000000001"
DATA = "0da7a001-0000-4000-8000-00000000000{}"
# The data disk's partitions: number -> tags, as blkid(8) gives them.
PARTITIONS = {
    1: dict(UUID=DATA.format(1), LABEL="DATA", TYPE="ext4"),
    2: dict(UUID=DATA.format(2), TYPE="swap"),
    3: dict(UUID=DATA.format(3), LABEL="XDATA", TYPE="xfs"),
    4: dict(UUID="0DA7-0004", LABEL="VDATA", TYPE="vfat"),
}
GRUB = """menuentry 'Debian GNU/Linux' {{
	linux /boot/vmlinuz-{release} root=UUID=%s ro
	initrd /boot/initrd.img-{release}
}}
""" % ROOT
# A busy host may take long until the disks are there; those that never come are waited for as long.
TIMEOUT = {"etc/systemd/system.conf.d/timeout.conf": "[Manager]\nDefaultDeviceTimeoutSec=60s\n"}
MENDED = ("etc/fstab", "etc/crypttab")


def release():
    return (BUILT / "release").read_text().strip()


def make(case):
    """The system with the case's fstab, as it was on the machine where its disks had other names."""
    root, name = system.path(case, "before"), release()
    system.copy(BUILT / "root", root)
    (root / "boot/grub").mkdir(parents=True)
    for file, target in (("vmlinuz", f"vmlinuz-{name}"), ("initrd.img", f"initrd.img-{name}")):
        shell(f"cp {BUILT / file} {root}/boot/{target}")
    system.write(root / "boot/grub/grub.cfg", GRUB.format(release=name))
    system.write(root / "etc/fstab", f"UUID={ROOT} / ext4 errors=remount-ro 0 1\n" + "".join(f"{line}\n" for line in case["mounts"]))
    system.write(root / "etc/machine-id", "5eed1ab05eed1ab05eed1ab05eed1ab0\n")
    system.network(root)
    lines = [(f"{case['seen_as']}a1", dict(UUID=ROOT, LABEL="ROOTFS", TYPE="ext4"))]
    lines += [(f"{case['seen_as']}b{number}", tags) for number, tags in PARTITIONS.items()]
    system.write(root / "run/blkid/blkid.tab", "".join(system.blkid_line(device, tags) for device, tags in lines))


def boot(case, root):
    """Boots with the files of `root`; says how far it came, in the words of the other cases."""
    files = {"etc/.updated": "", "var/.updated": "", **TIMEOUT}
    files |= {name: (root / name).read_text() for name in MENDED if (root / name).exists()}
    said, console = record.boot(f"fixes-{case['id']}", files, "lab.settle=3", case.get("timeout", 400))
    found = record.sections(said)
    reached = found.get("reached", ["nothing"])[0]
    failed = ", ".join(found.get("failed_units", [])[:4])
    told = [line for line in found.get("evidence", []) if "Timed out waiting" in line or "Dependency failed" in line]
    return {
        "cmdline": f"root=UUID={ROOT} ro", "boot": "ok" if reached == "multi-user" and not failed else reached, "cls": reached,
        "why": failed or " | ".join(told[:2]) or ", ".join(line.split()[1] for line in found.get("mounted", []) if " /srv/" in line), "seconds": console.seconds,
    }
