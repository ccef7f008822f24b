"""Initrds for one machine, made on that machine: a whole system boots on it and runs its generator there.

`MODULES=dep` and `dracut --hostonly` look at the devices below /sys and at what is mounted; a chroot would show them
this machine's. The system's disk is a copy of its chroot.
"""

import shutil

import machines
import vm
from place import CACHE, DISKS, INITRDS, KERNELS, LOGS, SYSTEMS, Failed, shell

LABEL = "labhost"
GENERATE = {
    "initramfs-tools": """
cp -a /etc/initramfs-tools /tmp/conf
sed -i 's/^MODULES=.*/MODULES=dep/; s/^COMPRESS=.*/COMPRESS=gzip/' /tmp/conf/initramfs.conf
mkinitramfs -d /tmp/conf -o /lab-out.img RELEASE""",
    "dracut": "dracut --hostonly --no-hostonly-cmdline --gzip --force --no-early-microcode --nostrip /lab-out.img RELEASE",
}
INIT = """#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev 2>/dev/null; mount -t tmpfs run /run
mount -o remount,rw /; mkdir -p /dev/pts /tmp; exec >/dev/ttyS0 2>&1 </dev/null
/lib/systemd/systemd-udevd --daemon; udevadm trigger --action=add; udevadm settle -t 60
GENERATE
ls -l /lab-out.img && echo LAB-GENERATED
sync; mount -o remount,ro /; echo o >/proc/sysrq-trigger; sleep 60
"""


def make(name, recipe, system, release, starter):
    """`starter`: an initrd of that kernel that boots on any machine."""
    image = DISKS / f"hosted-{name}.img"
    tree = CACHE / f"hosted-{name}"
    shutil.rmtree(tree, ignore_errors=True)
    left_out = "--exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/include --exclude=./var/cache/*"
    other = f"--exclude=./boot/initrd* --exclude=./usr/lib/modules/[!{release[0]}]*"
    shell(f"mkdir -p {tree}; tar -C {SYSTEMS / system} --one-file-system {left_out} {other} -cf - . | tar -C {tree} -xpf -")
    (tree / "etc/fstab").write_text(f"LABEL={LABEL} / ext4 defaults 0 1\n")
    generator = "dracut" if system.endswith("-dracut") else "initramfs-tools"
    script = tree / "lab-init"
    script.write_text(INIT.replace("GENERATE", GENERATE[generator].replace("RELEASE", release)))
    script.chmod(0o755)
    image.unlink(missing_ok=True)
    shell(f"truncate -s 1400M {image}; mke2fs -q -F -t ext4 -m 0 -L {LABEL} -d {tree} {image}; rm -rf {tree}")
    arguments = ["-cpu", "max", "-m", "1024", "-kernel", KERNELS / f"vmlinuz-{release}", "-initrd", starter]
    arguments += machines.arguments(recipe["machine"], [image], snapshot=False)
    arguments += ["-append", f"root=LABEL={LABEL} ro init=/lab-init console=ttyS0 panic=-1 mitigations=off nokaslr"]
    log = LOGS / f"hosted-{name}.log"
    console = vm.boot(arguments, timeout=500, until=[rb"reboot: Power down"], log=log)
    out = INITRDS / f"{name}.img"
    shell(f"debugfs -R 'dump /lab-out.img {out}' {image} 2>/dev/null; rm -f {image}")
    if "LAB-GENERATED" not in console.text or not out.stat().st_size:
        raise Failed(f"{name} was not generated, see {log}")
    return {"generator": generator, "kernel": release, "log": ""}
