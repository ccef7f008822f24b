"""The cases: what is on the disks, what the loader is told, and which machine boots them."""

from disks import BIOS_GUID, BOOT_UUID, DATA_GUID, ESP_GUID, GONE_UUID, ROOT_UUID, kernel

K = kernel()
CMDLINE = f"root=UUID={ROOT_UUID} ro console=ttyS0 panic=-1 mitigations=off nokaslr"
ENV_SIGNATURE = "# GRUB Environment Block\n"


def env(text):
    return ENV_SIGNATURE + text + "#" * (1024 - len(ENV_SIGNATURE) - len(text))


def entry(title="Linux", ident="linux", prefix="/boot", root="hd0,msdos1", search=f"--fs-uuid --set=root {ROOT_UUID}", release=K,
          initrd=K, options="", linux="linux", load="initrd", cmdline=CMDLINE, insmod="part_msdos part_gpt ext2"):
    lines = [f"menuentry '{title}' --id '{ident}' {options} {{"]
    lines += [f"\tinsmod {name}" for name in insmod.split()]
    lines += [f"\tset root='{root}'"] if root else []
    lines += [f"\tsearch --no-floppy {search}"] if search else []
    lines += [f"\t{linux} {prefix}/vmlinuz-{release} {cmdline}"]
    lines += [f"\t{load} {prefix}/initrd.img-{initrd}"] if initrd else []
    return "\n".join(lines + ["}", ""])


HEAD = "set default=0\nset timeout_style=menu\nset timeout=0\n"
SAVED = "if [ -s $prefix/grubenv ]; then\n  load_env\nfi\nset default=\"${saved_entry}\"\nset timeout=0\n"
NEXT = 'if [ -s $prefix/grubenv ]; then\n  load_env\nfi\nif [ "${next_entry}" ]; then\n  set default="${next_entry}"\nelse\n  set default=0\nfi\nset timeout=0\n'
OLD = entry("Old kernel", "old", release="5.10.0-99-amd64", initrd="5.10.0-99-amd64")
GPT_ENTRY = entry(root="hd0,gpt2")


def guid(number):
    return f"5AFE0000-0000-4000-8000-{number:012d}"


def part(role, num, start, size, kind, disk=0, **more):
    return dict(role=role, num=num, start=start, size=size, type=kind, uuid=guid(disk * 10 + num), active=False) | more


def mbr(*parts, **more):
    return dict(table="mbr", id=f"0x5afe{more.get('disk', 0):04x}", size=sum(p["size"] for p in parts) + 1, parts=list(parts), **more)


def gpt(*parts, **more):
    return dict(table="gpt", id=guid(900 + more.get("disk", 0)), size=sum(p["size"] for p in parts) + 2, parts=list(parts), **more)


ROOT = part("root", 1, 1, 80, "83", active=True)
MBR = [mbr(ROOT)]
BOOTED = [mbr(part("boot", 1, 1, 60, "83", active=True), part("root", 2, 61, 40, "83"))]
XFS_BOOT = [mbr(part("boot", 1, 1, 320, "83", active=True), part("root", 2, 321, 40, "83"))]
EFI = [gpt(part("esp", 1, 1, 64, ESP_GUID), part("root", 2, 65, 80, DATA_GUID))]
STUB = f"search.fs_uuid {ROOT_UUID} root \nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n"
GOOD_ESP = {"EFI/BOOT/BOOTX64.EFI": "shim", "EFI/BOOT/grubx64.efi": "grub", "EFI/BOOT/mmx64.efi": "mm", "EFI/debian/grub.cfg": STUB}
OWN_ESP = {"EFI/BOOT/BOOTX64.EFI": "mygrub", "EFI/debian/grub.cfg": STUB}

CASES = []


def case(ident, intent, firmware="bios", disks=None, cfg="", esp=None, grubenv=None, secure_boot=False, boot_fs=None, boot_fs_opts=(), first=None, **options):
    disks = disks or (EFI if firmware == "uefi" else BOOTED if boot_fs else MBR)
    if cfg == "":
        default = GPT_ENTRY if disks[0]["table"] == "gpt" else entry()
        boot = entry(prefix="", search=f"--fs-uuid --set=root {BOOT_UUID}", insmod="part_msdos ext2 xfs")
        cfg = HEAD + (boot if boot_fs else default)
    esp = GOOD_ESP if firmware == "uefi" and esp is None else esp
    CASES.append(dict(id=ident, intent=intent, firmware=firmware, secure_boot=secure_boot, table=disks[0]["table"], disks=disks, boot_disk_first=first,
                      esp=esp, grub_cfg=cfg, grubenv=grubenv, boot_fs=boot_fs, boot_fs_opts=list(boot_fs_opts), options=options))


# BIOS: what the first sectors hold
case("mbr-grub", "GRUB in the MBR and behind it")
case("mbr-no-signature", "GRUB in the MBR, but without the bytes 55 AA at its end", signature=False)
case("mbr-plain-no-active", "a boot code that starts the active partition, and none is active", disks=[mbr(part("root", 1, 1, 80, "83"))], bootcode="syslinux")
case("mbr-plain-active-empty", "a boot code that starts the active partition, which has no boot sector", bootcode="syslinux")
case("mbr-core-half", "only the first half of core.img behind the MBR", core="half")
case("gpt-core-partition", "GPT with core.img in a BIOS boot partition", disks=[gpt(part("bios", 1, 1, 1, BIOS_GUID), part("root", 2, 2, 80, DATA_GUID))])
case("gpt-core-partition-empty", "GPT whose BIOS boot partition is empty", disks=[gpt(part("bios", 1, 1, 1, BIOS_GUID), part("root", 2, 2, 80, DATA_GUID))], core=False)
case("gpt-core-between", "GPT, core.img behind the partition table where nothing protects it", disks=[gpt(part("root", 1, 1, 80, DATA_GUID))],
     cfg=HEAD + entry(root="hd0,gpt1"))
case("core-no-partmap", "core.img knows MBR tables alone, the disk has a GPT", disks=[gpt(part("bios", 1, 1, 1, BIOS_GUID), part("root", 2, 2, 80, DATA_GUID))],
     coremods=["biosdisk", "part_msdos", "ext2"])
case("core-uuid-gone", "core.img searches a file system that was made anew", load_cfg=f"search.fs_uuid {GONE_UUID} root \nset prefix=($root)'/boot/grub'\n")
case("core-uuid-right", "core.img searches the file system of /boot, which is on the second disk",
     disks=[mbr(part("data", 1, 1, 8, "83")), mbr(part("root", 1, 1, 80, "83", disk=1), disk=1)],
     load_cfg=f"search.fs_uuid {ROOT_UUID} root \nset prefix=($root)'/boot/grub'\n", cfg=HEAD + entry(root="hd1,msdos1"), sparedisk=True)
case("core-prefix-other-partition", "core.img's prefix names the partition that /boot was on before", disks=[mbr(part("data", 1, 1, 8, "83"), part("root", 2, 9, 80, "83"))],
     prefix="(,msdos1)/boot/grub", cfg=HEAD + entry(root="hd0,msdos2"))

# UEFI: what the firmware finds
case("uefi-shim", "shim, GRUB and its stub", "uefi")
case("uefi-own-grub", "an unsigned GRUB as the fallback loader", "uefi", esp=OWN_ESP)
case("uefi-vendor-only", "a loader in the vendor's folder alone, empty NVRAM", "uefi",
     esp={"EFI/debian/shimx64.efi": "shim", "EFI/debian/grubx64.efi": "grub", "EFI/debian/grub.cfg": STUB})
case("uefi-32-bit-only", "a fallback loader for 32-bit firmware alone", "uefi", esp={"EFI/BOOT/BOOTIA32.EFI": "grub32", "EFI/debian/grub.cfg": STUB})
case("uefi-wrong-machine", "a 32-bit program under the name of the 64-bit fallback loader", "uefi", esp={"EFI/BOOT/BOOTX64.EFI": "grub32", "EFI/debian/grub.cfg": STUB})
case("uefi-loader-empty", "a fallback loader without a byte", "uefi", esp={**GOOD_ESP, "EFI/BOOT/BOOTX64.EFI": "empty"})
case("uefi-loader-half", "a fallback loader that breaks off", "uefi", esp={"EFI/BOOT/BOOTX64.EFI": "half-grub", "EFI/debian/grub.cfg": STUB})
case("uefi-esp-linux-type", "GPT, the FAT partition has the type of Linux data", "uefi", disks=[gpt(part("esp", 1, 1, 64, DATA_GUID), part("root", 2, 65, 80, DATA_GUID))])
case("uefi-mbr-fat-type", "MBR, the FAT partition has type 0c", "uefi", disks=[mbr(part("esp", 1, 1, 64, "c"), part("root", 2, 65, 80, "83"))],
     cfg=HEAD + entry(root="hd0,msdos2"))
case("uefi-fb-no-csv", "shim and fbx64.efi as fallback, but no BOOTX64.CSV", "uefi",
     esp={"EFI/BOOT/BOOTX64.EFI": "shim", "EFI/BOOT/fbx64.efi": "fb", "EFI/debian/shimx64.efi": "shim", "EFI/debian/grubx64.efi": "grub", "EFI/debian/grub.cfg": STUB})
case("uefi-no-stub", "no grub.cfg on the EFI partition", "uefi", esp={name: token for name, token in GOOD_ESP.items() if not name.endswith("cfg")})
case("uefi-stub-uuid-gone", "the stub searches a file system that was made anew", "uefi", esp={**GOOD_ESP, "EFI/debian/grub.cfg": STUB.replace(ROOT_UUID, GONE_UUID)})
case("uefi-sdboot", "systemd-boot with an entry, kernel and initrd on the EFI partition", "uefi", cfg=None, esp={
    "EFI/BOOT/BOOTX64.EFI": "sdboot", "loader/loader.conf": "timeout 0\n", "linux/vmlinuz": "kernel", "linux/initrd": "initrd",
    "loader/entries/debian.conf": f"title Debian\nversion {K}\nlinux /linux/vmlinuz\ninitrd /linux/initrd\noptions {CMDLINE}\n"})
case("uefi-sdboot-no-entries", "systemd-boot without an entry", "uefi", cfg=None, esp={"EFI/BOOT/BOOTX64.EFI": "sdboot", "loader/loader.conf": "timeout 0\n"})
case("uefi-sdboot-kernel-gone", "systemd-boot with an entry whose kernel is not there", "uefi", cfg=None, esp={
    "EFI/BOOT/BOOTX64.EFI": "sdboot", "loader/loader.conf": "timeout 0\n",
    "loader/entries/debian.conf": f"title Debian\nversion {K}\nlinux /linux/vmlinuz\ninitrd /linux/initrd\noptions {CMDLINE}\n"})
case("uefi-linux16", "linux16 and initrd16 under UEFI", "uefi", cfg=HEAD + entry(root="hd0,gpt2", linux="linux16", load="initrd16"))

# Secure Boot
case("sb-chain", "shim, GRUB and kernel, all signed", "uefi", secure_boot=True)
case("sb-unsigned-loader", "an unsigned GRUB as the fallback loader", "uefi", secure_boot=True, esp=OWN_ESP)
case("sb-grub-without-shim", "Debian's signed GRUB as the fallback loader, without shim", "uefi", secure_boot=True,
     esp={"EFI/BOOT/BOOTX64.EFI": "grub", "EFI/debian/grub.cfg": STUB})
case("sb-unsigned-grub", "shim starts a GRUB without a signature", "uefi", secure_boot=True, esp={**GOOD_ESP, "EFI/BOOT/grubx64.efi": "mygrub"})
case("sb-unsigned-kernel", "the kernel has no signature", "uefi", secure_boot=True, kernel_file="unsigned")

# What GRUB is told
case("cfg-gone", "no grub.cfg", cfg=None)
case("cfg-empty", "an empty grub.cfg", cfg="")
CASES[-1]["grub_cfg"] = ""
case("cfg-no-entries", "a grub.cfg without an entry", cfg=HEAD)
case("cfg-password", "superusers, and an entry that is not --unrestricted", cfg='set superusers="root"\npassword root x\n' + HEAD + entry())
case("cfg-users-unrestricted", "superusers, the default entry is --unrestricted", cfg='set superusers="root"\npassword root x\n' + HEAD + entry(options="--unrestricted"))
case("cfg-submenu-password", "the default lies in a submenu that asks for a user", cfg='set superusers="root"\npassword root x\n'
     + HEAD.replace("default=0", "'default=0>0'") + "submenu 'More' --id more {\n" + entry(options="--unrestricted") + "}\n")
case("cfg-waits-forever", "timeout=-1", cfg=HEAD.replace("timeout=0", "timeout=-1") + entry())
case("cfg-no-timeout", "timeout is never set", cfg="set default=0\n" + entry())
case("cfg-search-gone-root-right", "the searched UUID is gone, `set root` names the right partition", cfg=HEAD + entry(search=f"--fs-uuid --set=root {GONE_UUID}"))
case("cfg-search-gone-root-wrong", "the searched UUID is gone, `set root` names a partition that is not there",
     cfg=HEAD + entry(root="hd0,msdos3", search=f"--fs-uuid --set=root {GONE_UUID}"))
case("cfg-root-second-disk", "`set root` names a second disk, which is not there", cfg=HEAD + entry(root="hd1,msdos1", search=""))
case("cfg-root-gpt-name", "`set root` names a GPT partition on a disk with an MBR", cfg=HEAD + entry(root="hd0,gpt1", search=""))
case("cfg-search-label", "search --label for a label that is not there, `set root` names the wrong partition", cfg=HEAD + entry(root="hd0,msdos2", search="--label --set=root gone"))
case("cfg-search-file", "search --file finds the kernel", cfg=HEAD + entry(root="hd0,msdos4", search=f"--file --set=root /boot/vmlinuz-{K}"))
case("cfg-no-root-at-all", "no `set root`, no search: the prefix's device", cfg=HEAD + entry(root="", search=""))
case("cfg-linuxefi", "linuxefi and initrdefi under BIOS", cfg=HEAD + entry(linux="linuxefi", load="initrdefi"))
case("cfg-unclosed", "an entry without its closing brace", cfg=(HEAD + entry()).rstrip("}\n") + "\n")
case("cfg-kernel-empty", "a kernel file without a byte", kernel_file="empty")
case("cfg-kernel-half", "a kernel file that breaks off", kernel_file="half")
case("cfg-kernel-text", "a kernel file that is none", kernel_file="text")
case("env-saved-gone", "saved_entry names an entry that is gone", cfg=SAVED + entry() + OLD, grubenv=env("saved_entry=gone\n"))
case("env-saved-old", "saved_entry names an entry whose kernel is gone", cfg=SAVED + entry() + OLD, grubenv=env("saved_entry=old\n"))
case("env-empty-file", "grubenv without a byte", cfg=SAVED + entry() + OLD, grubenv="")
case("env-no-signature", "grubenv without its signature, naming the entry whose kernel is gone", cfg=SAVED + entry() + OLD, grubenv="saved_entry=old\n" + "#" * 1008)
case("env-short", "grubenv of 60 bytes, naming the entry whose kernel is gone", cfg=SAVED + entry() + OLD, grubenv=ENV_SIGNATURE + "saved_entry=old\n" + "#" * 19)
case("env-next", "next_entry names an entry whose kernel is gone", cfg=NEXT + entry() + OLD, grubenv=env("next_entry=old\n"))

# File systems of /boot
case("fs-xfs-nrext64", "/boot on XFS with nrext64", boot_fs="xfs", boot_fs_opts=["-i", "nrext64=1"], disks=XFS_BOOT)
case("fs-xfs-plain", "/boot on XFS without nrext64", boot_fs="xfs", boot_fs_opts=["-i", "nrext64=0"], disks=XFS_BOOT)
case("fs-ext4-csum-seed", "/boot on ext4 with metadata_csum_seed", boot_fs="ext4", boot_fs_opts=["-O", "metadata_csum_seed"])
case("fs-ext4-casefold", "/boot on ext4 with casefold", boot_fs="ext4", boot_fs_opts=["-O", "casefold"])
case("fs-ext4-large-dir", "/boot on ext4 with large_dir", boot_fs="ext4", boot_fs_opts=["-O", "large_dir"])
case("fs-ext4-ea-inode", "/boot on ext4 with ea_inode", boot_fs="ext4", boot_fs_opts=["-O", "ea_inode"])
case("fs-ext2", "/boot on ext2", boot_fs="ext2")

# Which controllers the firmware reads
for model in ("ide", "ahci", "nvme", "virtio-scsi", "pvscsi", "lsi53c895a", "megasas", "mptsas1068", "am53c974", "usb-storage", "sdhci", "virtio-blk-modern", "ufs"):
    case(f"ctl-bios-{model}", f"boot disk on {model}", ctl=model)
    case(f"ctl-uefi-{model}", f"boot disk on {model}", "uefi", ctl=model)
case("sector-bios-nvme", "NVMe with sectors of 4,096 bytes, table made for them", ctl="nvme", sector=4096)
case("sector-uefi-virtio", "virtio-blk with sectors of 4,096 bytes, table made for 512", "uefi", ctl="virtio-blk", logical=4096)
case("sector-uefi-virtio-own", "virtio-blk with sectors of 4,096 bytes, table made for them", "uefi", ctl="virtio-blk", sector=4096, logical=4096,
     disks=[mbr(part("esp", 1, 1, 64, "ef"), part("root", 2, 65, 80, "83"))], cfg=HEAD + entry(root="hd0,msdos2"))
