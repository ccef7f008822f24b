"""The boots of the mounts part: what stands in fstab, crypttab and beside them, and why it is interesting.

The data disk (build.sh, prepare.sh) is vdb: 1 ext4, 2 swap, 3 XFS, 4 FAT, 5 ext4 with a blank in its label, 6 LUKS, 7 a
physical volume of vgd with data, 8 and 9 the RAID 1 r1. What `gone(N)` names is on no disk.
"""

ROOT = "UUID=b0070001-0000-4000-8000-000000000001 / ext4 errors=remount-ro 0 1\n"
SHORT = {"etc/systemd/system.conf.d/timeout.conf": "[Manager]\nDefaultDeviceTimeoutSec=15s\n"}
CASES = []


def disk(number):
    return f"UUID=0da7a001-0000-4000-8000-00000000000{number}"


def inner(number):
    return f"UUID=0da7a002-0000-4000-8000-00000000000{number}"


def gone(number):
    return f"UUID=deadbeef-0000-4000-8000-00000000000{number}"


def case(name, intent, *fstab, crypttab="", files=None, cmdline="", root=ROOT, timeout=200, short=True):
    """A boot; with `short` devices are waited for 15 seconds and not 90, and the settings file that says so is recorded."""
    other = {**(SHORT if short else {}), **(files or {})}
    text = root + "".join(line if line.endswith("\n") else line + "\n" for line in fstab)
    row = dict(id=name, intent=intent, fstab=text, crypttab=crypttab, other_files=other, cmdline=cmdline, timeout=timeout)
    CASES.append(row)


case(
    "all-there", "everything that the disks have, a file system of each kind",
    f"{disk(1)} /srv/data ext4 defaults 0 2", f"{disk(3)} /srv/x xfs defaults 0 2", "LABEL=VDATA /srv/v vfat umask=077 0 2",
    r"LABEL=my\040data /srv/my\040data auto noexec,nosuid 0 2", f"{disk(2)} none swap sw 0 0",
    "tmpfs /srv/tmp tmpfs size=10m 0 0", "/usr/share /srv/share none bind 0 0", "proc /proc proc defaults 0 0",
)
case("root-alone", "no line but the root's")
case("no-root-line", "no line for the root: it stays read-only, as the command line says", f"{disk(1)} /srv/d ext4 defaults 0 2", root="")
case("root-stale-kernel-name", "the root's line has a kernel name that is gone", root="/dev/sda1 / ext4 errors=remount-ro 0 1\n")
case("root-stale-uuid", "the root's line has a UUID that is gone", root=f"{gone(1)} / ext4 errors=remount-ro 0 1\n")
case("root-bad-option", "the root's line has an option that ext4 does not know", root="UUID=b0070001-0000-4000-8000-000000000001 / ext4 frobnicate 0 1\n")
case("missing-90s", "a UUID that is gone, and the real waiting time", f"{gone(1)} /srv/d ext4 defaults 0 2", short=False, timeout=240, cmdline="lab.watch=220")
case("missing-swap-90s", "swap that is gone, and the real waiting time", f"{gone(2)} none swap sw 0 0", short=False, timeout=240, cmdline="lab.watch=220")
case("missing-no-pass", "a UUID that is gone, not checked", f"{gone(1)} /srv/d ext4 defaults 0 0")
case("missing-partuuid", "a PARTUUID that is gone", "PARTUUID=deadbeef-02 /srv/d ext4 defaults 0 0")
case("missing-label-noauto", "a label that is gone, noauto", "LABEL=nowhere /srv/d ext4 noauto 0 2")
case("missing-nofail-settled", "a UUID that is gone, nofail; looked at after the waiting time", f"{gone(1)} /srv/d ext4 nofail 0 2", cmdline="lab.settle=14")
case("stale-name-nofail", "a kernel name of other hardware, nofail", "/dev/sdb1 /srv/d ext4 defaults,nofail 0 2", f"{disk(1)} /srv/e ext4 defaults 0 2")
case("stale-name-netdev", "a kernel name of other hardware, _netdev: remote-fs.target fails, the boot goes on", "/dev/sdb1 /srv/d ext4 _netdev 0 2")
case("kernel-name-there", "kernel names that this hardware has", "/dev/vdb1 /srv/d ext4 defaults 0 2", "/dev/vdb2 none swap sw 0 0")
case("kernel-name-third-disk", "a kernel name of a third disk of the right kind", "/dev/vdc1 /srv/d ext4 defaults 0 2")
case("parent-nofail-gone", "a mount below one that is gone but nofail", f"{gone(1)} /srv/a ext4 nofail 0 2", f"{disk(1)} /srv/a/b ext4 defaults 0 2")
case("parent-gone-child-nofail", "a nofail mount below one that is gone and nofail", f"{gone(1)} /srv/a ext4 nofail 0 2", f"{disk(1)} /srv/a/b ext4 nofail 0 2", cmdline="lab.settle=14")
case("same-folder-twice", "two lines with the same mount point", f"{disk(1)} /srv/d ext4 defaults 0 2", f"{disk(3)} /srv/d xfs defaults 0 0")
case("order-reversed", "the folder above is mounted by a later line", f"{disk(1)} /srv/a/b ext4 defaults 0 2", f"{disk(3)} /srv/a xfs defaults 0 0")
case("wrong-type", "ext4 that is said to be xfs", f"{disk(1)} /srv/d xfs defaults 0 0")
case("wrong-type-pass", "xfs that is said to be ext4, with a check", f"{disk(3)} /srv/d ext4 defaults 0 2")
case("auto-type", "types that mount finds out, a list of types", f"{disk(1)} /srv/d auto defaults 0 2", f"{disk(3)} /srv/x ext4,xfs defaults 0 0")
case("swap-mounted", "swap that is mounted as a file system", f"{disk(2)} /srv/d ext4 defaults 0 0")
case("swap-on-ext4", "a file system that is used as swap", f"{disk(1)} none swap sw 0 0")
case("swap-file-missing", "a swap file that is not there", "/swapfile none swap sw 0 0")
case("swap-nofail-missing", "swap that is gone, nofail", f"{gone(2)} none swap nofail 0 0", cmdline="lab.settle=14")
case("bad-option", "an option that ext4 does not know", f"{disk(1)} /srv/d ext4 frobnicate 0 2")
case("xfs-option-on-ext4", "an option of another file system", f"{disk(1)} /srv/d ext4 logbsize=256k 0 2")
case("option-of-old", "options that mount or systemd read themselves, and `_rnetdev`, which they no longer do", f"{disk(1)} /srv/d ext4 rw,user,exec,dev,suid,relatime,lazytime,x-gvfs-show,x-systemd.mount-timeout=30,comment=data,group,_rnetdev 0 2")
case("options-not-the-drivers", "options that mount or systemd read themselves", f"{disk(1)} /srv/d ext4 rw,user,exec,dev,suid,relatime,lazytime,x-gvfs-show,x-systemd.mount-timeout=30,comment=data,group 0 2")
case("vfat-no-codepage", "a character set whose module is not there", f"LABEL=VDATA /srv/v vfat iocharset=klingon 0 0")
case("unknown-type-nofail", "a type that no module has, nofail", f"{disk(1)} /srv/d reiser5 nofail 0 0", cmdline="lab.settle=3")
case("helper-missing", "cifs without mount.cifs, and a fuse type without its program", "//192.0.2.9/share /srv/c cifs guest 0 0")
case("fuse-helper-missing", "a fuse type without its program", "sshfs#user@192.0.2.9:/ /srv/f fuse defaults 0 0")
case("nfs-nofail", "NFS without a network, nofail", "192.0.2.7:/export /srv/n nfs nofail 0 0", cmdline="lab.settle=3")
case("mountpoint-is-a-file", "a mount point that is a file", f"{disk(1)} /etc/hostname ext4 defaults 0 0")
case("mountpoint-odd", "no absolute mount point, or none at all", f"{disk(1)} srv/d ext4 defaults 0 2", f"{disk(3)} none xfs defaults 0 0", f"{disk(4)} /srv/v vfat defaults 0 0")
case("mountpoint-link", "a mount point that is a link", f"{disk(1)} /lab-link/d ext4 defaults 0 2", files={"lab-link": "-> srv"})
case("bind-source-missing", "a bind mount whose source is not there is made", "/srv/no/such /srv/d none bind 0 0", "/srv/none-either /srv/e none rbind,ro 0 0")
case("bind-of-gone", "a bind mount from a folder that is not mounted", f"{gone(1)} /srv/a ext4 nofail 0 2", "/srv/a/sub /srv/b none bind 0 0")
case("loop-file-missing", "a loop mount whose file is not there", "/srv/image.iso /srv/i iso9660 loop,ro 0 0")
case("tmpfs-bad-size", "tmpfs with a size that is none", "tmpfs /srv/t tmpfs size=many 0 0")
case("short-lines", "lines of one, two and three fields", f"{disk(1)}", f"{disk(3)} /srv/x", f"{disk(4)} /srv/v vfat", f"{disk(5)} /srv/m ext4 ro")
case("blank-in-options", "a blank between the options", f"{disk(1)} /srv/d ext4 defaults, noatime 0 2", f"{disk(3)} /srv/x xfs defaults 0 0")
case("blank-in-label", "a blank in a label, not escaped", "LABEL=my data /srv/m ext4 defaults 0 0", f"{disk(3)} /srv/x xfs defaults 0 0")
case("quoted-label", "quotes around a label", 'LABEL="my\\040data" /srv/m ext4 defaults 0 0', 'UUID="0da7a001-0000-4000-8000-000000000001" /srv/d ext4 defaults 0 0')
case("crlf", "lines that end in CR LF, with numbers and without", f"{disk(1)} /srv/d ext4 defaults 0 2\r\n", f"{disk(3)} /srv/x xfs noatime\r\n")
case("automount-gone", "a device that is gone, mounted on first use", f"{gone(1)} /srv/d ext4 x-systemd.automount 0 2")
case("timeout-zero", "a device that is gone, waited for without limit", f"{gone(1)} /srv/d ext4 x-systemd.device-timeout=0 0 2", cmdline="lab.watch=55")
case("requires-mounts-for", "a mount that needs one that is gone", f"{gone(1)} /srv/a ext4 nofail 0 2", f"{disk(1)} /srv/d ext4 x-systemd.requires-mounts-for=/srv/a 0 2")
case("required-by", "a mount that only multi-user.target needs, gone", f"{gone(1)} /srv/d ext4 x-systemd.required-by=multi-user.target 0 2", cmdline="lab.watch=55")
case("wanted-by", "a mount that only multi-user.target wants, gone", f"{gone(1)} /srv/d ext4 x-systemd.wanted-by=multi-user.target 0 2")
case("masked", "a line whose unit is masked", f"{gone(1)} /srv/d ext4 defaults 0 2", files={"etc/systemd/system/srv-d.mount": "-> /dev/null"})
UNIT = "[Unit]\n[Mount]\nWhat=/dev/disk/by-uuid/%s\nWhere=/srv/u\nType=ext4\n[Install]\nWantedBy=multi-user.target\n"
case("unit-wanted-gone", "a mount unit whose device is gone, wanted by multi-user.target", files={
    "etc/systemd/system/srv-u.mount": UNIT % gone(1)[5:], "etc/systemd/system/multi-user.target.wants/srv-u.mount": "-> ../srv-u.mount"})
case("unit-required-gone", "a mount unit whose device is gone, required by local-fs.target", files={
    "etc/systemd/system/srv-u.mount": UNIT % gone(1)[5:], "etc/systemd/system/local-fs.target.requires/srv-u.mount": "-> ../srv-u.mount"})
case("unit-there", "a mount unit and a swap unit whose devices are there", files={
    "etc/systemd/system/srv-u.mount": UNIT % disk(1)[5:], "etc/systemd/system/local-fs.target.wants/srv-u.mount": "-> ../srv-u.mount",
    "etc/systemd/system/dev-vdb2.swap": "[Swap]\nWhat=/dev/vdb2\n", "etc/systemd/system/swap.target.wants/dev-vdb2.swap": "-> ../dev-vdb2.swap"})
KEY = f"secret {disk(6)} /lab/luks.key luks"
case("luks-key-file", "LUKS with a key file, and its file system", "/dev/mapper/secret /srv/s ext4 defaults 0 2", crypttab=KEY + "\n")
case("luks-inner-uuid", "LUKS with a key file, its file system by UUID", f"{inner(6)} /srv/s ext4 defaults 0 2", crypttab=KEY + "\n", short=False)
case("luks-noauto", "LUKS that is opened because a mount needs it", "/dev/mapper/secret /srv/s ext4 defaults 0 2", crypttab=KEY + ",noauto\n")
case("luks-passphrase", "LUKS that asks for a passphrase: the boot waits for somebody", "/dev/mapper/secret /srv/s ext4 defaults 0 2", crypttab=f"secret {disk(6)} none luks\n", cmdline="lab.watch=55")
case("luks-key-missing", "LUKS whose key file is not there: it asks for a passphrase", "/dev/mapper/secret /srv/s ext4 defaults 0 2", crypttab=f"secret {disk(6)} /etc/keys/none luks\n", cmdline="lab.watch=55")
case("luks-gone-mount", "LUKS whose device is gone, and a mount that needs it", "/dev/mapper/secret /srv/s ext4 defaults 0 2", crypttab=f"secret {gone(6)} none luks\n")
case("luks-gone-mount-nofail", "LUKS whose device is gone, and a mount that does not insist", "/dev/mapper/secret /srv/s ext4 nofail 0 2", crypttab=f"secret {gone(6)} none luks,nofail\n", cmdline="lab.settle=14")
case("luks-not-in-crypttab", "a mapper name that nothing makes", "/dev/mapper/secret /srv/s ext4 defaults 0 2")
case("luks-on-ext4", "a line of crypttab whose device is no LUKS", crypttab=f"secret {disk(1)} /lab/luks.key luks\n")
case("crypt-swap", "swap with a new key at each boot", "/dev/mapper/cs none swap sw 0 0", crypttab="cs PARTUUID=0da7a000-0000-4000-8000-000000000002 /dev/urandom swap,cipher=aes-xts-plain64,size=256\n", short=False)
case("lvm", "logical volumes by their three names", "/dev/vgd/data /srv/l ext4 defaults 0 2", short=False)
case("lvm-mapper-uuid", "a logical volume by its UUID", f"{inner(7)} /srv/l ext4 defaults 0 2", short=False)
case("lvm-gone", "a logical volume that is not there", "/dev/mapper/vgd-nope /srv/l ext4 defaults 0 2")
case("md", "an array by the UUID of its file system", f"{inner(8)} /srv/r ext4 defaults 0 2", short=False)
case("md-stale-number", "an array by a number that it does not get", "/dev/md0 /srv/r ext4 defaults 0 2")
case("default-timeout", "the waiting time of services does not count for devices", f"{gone(1)} /srv/d ext4 defaults 0 2", cmdline="systemd.default_timeout_start_sec=20 lab.watch=55", short=False)
case("fstab-off", "fstab is switched off on the command line", f"{gone(1)} /srv/d ext4 defaults 0 2", cmdline="fstab=no")
