"""Makes the disks of a case: partition table, boot code, file systems and what is on them. Nothing is mounted."""

import os
import pathlib
import shlex
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from place import CACHE, LAB, SYSTEMS, fresh, shell  # noqa: E402

MIB = 1 << 20
ROOT_UUID = "5afe0000-b007-4000-8000-000000000001"
BOOT_UUID = "5afe0000-b007-4000-8000-000000000002"
GONE_UUID = "dead0000-b007-4000-8000-00000000dead"
ESP_GUID, DATA_GUID, BIOS_GUID = (
    "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
    "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
    "21686148-6449-6E6F-744E-656564454649",
)
GRUB = SYSTEMS / "debian12-grub"  # grub, shim, mtools and file system tools
WORK = GRUB / "lab"  # what the tools of that system read and write
# Modules of a grub of our own making that starts from an EFI partition: what Debian's signed one has, as far as needed.
EFI_MODULES = (
    "part_gpt part_msdos fat ext2 xfs normal configfile search search_fs_uuid search_label search_fs_file linux echo test "
    "gzio boot minicmd loadenv regexp password all_video serial terminal"
)
BIOS_MODULES = ["biosdisk", "part_msdos", "part_gpt", "ext2"]


def kernel():
    """The release of the kernel that is booted."""
    return sorted(path.name for path in (SYSTEMS / "debian12/lib/modules").iterdir() if "cloud" not in path.name)[-1]


DRIVERS = (
    "crc32c_generic ext4 virtio_pci virtio_blk virtio_scsi sd_mod ata_piix ahci nvme sym53c8xx mptsas mptspi megaraid_sas vmw_pvscsi "
    "am53c974 xhci_pci ehci_pci usb_storage uas sdhci_pci mmc_block ufshcd_pci"
)
INIT = f"""#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /mnt
/bin/busybox mount -t proc proc /proc; /bin/busybox mount -t sysfs sysfs /sys; /bin/busybox mount -t devtmpfs dev /dev
root=$(/bin/busybox sed -n 's/.*root=UUID=\\([^ ]*\\).*/\\1/p' /proc/cmdline)
for m in {DRIVERS}; do
  /bin/busybox modprobe $m 2>/dev/null
  device=$(/bin/busybox findfs UUID=$root 2>/dev/null) && break
done
for i in 1 2 3 4 5 6; do
  [ -z "$device" ] || break
  /bin/busybox sleep 1
  device=$(/bin/busybox findfs UUID=$root 2>/dev/null)
done
if [ -n "$device" ] && /bin/busybox mount -t ext4 -o ro "$device" /mnt && [ -e /mnt/etc/fstab ]; then
  echo "LAB-ROOT-OK $device"
else
  echo "LAB-NO-ROOT UUID=$root"
fi
/bin/busybox reboot -f
"""


def initrd():
    """A small initrd that knows every controller of the lab and looks for the root file system; made once."""
    image = CACHE / f"initrd.img-{kernel()}"
    if image.exists():
        return image
    tree, modules = fresh(CACHE / "initrd"), SYSTEMS / "debian12/lib/modules" / kernel()
    (tree / "bin").mkdir()
    shutil.copy(GRUB / "bin/busybox", tree / "bin/busybox")
    (tree / "init").write_text(INIT)
    (tree / "init").chmod(0o755)
    names = shell(f"for m in {DRIVERS}; do modprobe -d {modules.parent.parent.parent} -S {kernel()} --show-depends $m; done")
    for path in {line.split()[1] for line in names.split("\n") if line.startswith("insmod ")}:
        relative = path[path.index("lib/modules/") :]
        (tree / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tree / relative)
    folder = tree / "lib/modules" / kernel()
    for name in ("modules.builtin", "modules.order", "modules.builtin.modinfo"):
        shutil.copy(modules / name, folder / name)
    shell(f"depmod -b {tree} {kernel()} && cd {tree} && find . | cpio -o -H newc --quiet | zstd -q -3 -f -o {image}")
    return image


def in_grub(command):
    """Runs a command with the tools of GRUB's system, which need no /proc and no /dev."""
    return shell(f"chroot {GRUB} /bin/bash -euc {shlex.quote(command)}", log="firmware.log")


def put(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def program(token):
    """The bytes of a program on the EFI partition by the name that a case gives it; other texts are themselves."""
    signed = {
        "shim": "usr/lib/shim/shimx64.efi.signed",
        "fb": "usr/lib/shim/fbx64.efi.signed",
        "mm": "usr/lib/shim/mmx64.efi.signed",
        "csv": "usr/lib/shim/BOOTX64.CSV",
        "grub": "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed",
        "sdboot": "usr/lib/systemd/boot/efi/systemd-bootx64.efi",
    }
    if token in signed:
        return (GRUB / signed[token]).read_bytes()
    if token in ("kernel", "initrd"):
        return (SYSTEMS / f"debian12/boot/vmlinuz-{kernel()}" if token == "kernel" else initrd()).read_bytes()
    if token == "mygrub":
        in_grub(f"mkdir -p /lab; grub-mkimage -O x86_64-efi -p /EFI/debian -o /lab/mygrub.efi {EFI_MODULES}")
        return (WORK / "mygrub.efi").read_bytes()
    if token == "grub32":
        return b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<HH", 0x14C, 0) + bytes(512)
    if token == "empty":
        return b""
    if token == "half-grub":
        whole = program("mygrub")
        return whole[: len(whole) // 2]
    return token.encode()


def boot_tree(case, folder, prefix):
    """Fills `folder` with what /boot holds; `prefix` is where the folder of grub is in it."""
    options = case["options"]
    shutil.copy(SYSTEMS / f"debian12/boot/vmlinuz-{kernel()}", folder / f"vmlinuz-{kernel()}")
    shutil.copy(initrd(), folder / f"initrd.img-{kernel()}")
    damage = options.get("kernel_file")
    image = folder / f"vmlinuz-{kernel()}"
    if damage == "empty":
        image.write_bytes(b"")
    elif damage == "half":
        image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    elif damage == "text":
        image.write_text("this is no kernel\n" * 4096)
    elif damage == "unsigned":
        shutil.copy(image, WORK / "vmlinuz")
        in_grub("sbattach --remove /lab/vmlinuz")
        shutil.copy(WORK / "vmlinuz", image)
    grub = folder / prefix
    if case["firmware"] == "bios" and options.get("moddir", True):
        shutil.copytree(GRUB / "usr/lib/grub/i386-pc", grub / "i386-pc", ignore=shutil.ignore_patterns("*.image", "*.exec"))
        shutil.copy(core(case), grub / "i386-pc/core.img")
    grub.mkdir(parents=True, exist_ok=True)
    if case["grub_cfg"] is not None:
        put(grub / "grub.cfg", case["grub_cfg"])
    if case["grubenv"] is not None:
        put(grub / "grubenv", case["grubenv"])
    if options.get("bootlink"):
        (folder / "boot").symlink_to(".")


def core(case):
    """The core image of a BIOS case, as grub-mkimage makes it."""
    options = case["options"]
    config = "-c /lab/load.cfg" if options.get("load_cfg") else ""
    put(WORK / "load.cfg", options.get("load_cfg") or "")
    modules = " ".join(options.get("coremods") or BIOS_MODULES + (["xfs"] if case["boot_fs"] == "xfs" else []))
    more = "search_fs_uuid" if options.get("load_cfg") else ""
    prefix = options.get("prefix") or ("(,{}{})/{}".format(
        "gpt" if case["table"] == "gpt" else "msdos", number(case), "grub" if case["boot_fs"] else "boot/grub"))
    in_grub(f"grub-mkimage -O i386-pc {config} -p '{prefix}' -o /lab/core.img {modules} {more}")
    return WORK / "core.img"


def number(case):
    """The number of the partition that holds grub's folder, on the disk that boots."""
    for disk in case["disks"]:
        for part in disk["parts"]:
            if part["role"] == ("boot" if case["boot_fs"] else "root"):
                return part["num"]
    return 1


def table(disk, sector):
    lines = [f"label: {'dos' if disk['table'] == 'mbr' else 'gpt'}", f"label-id: {disk['id']}"]
    for part in disk["parts"]:
        start, size = part["start"] * MIB // sector, part["size"] * MIB // sector
        more = f", uuid={part['uuid']}" if disk["table"] == "gpt" else ", bootable" if part.get("active") else ""
        lines.append(f"{part['num']} : start={start}, size={size}, type={part['type']}{more}")
    return "\n".join(lines) + "\n"


def boot_code(case, image, disk):
    """Writes what grub-bios-setup writes: boot.img into the first sector, core.img behind it or into its partition."""
    options = case["options"]
    kind = options.get("bootcode", "grub")
    with open(image, "r+b") as file:
        sector0 = bytearray(file.read(512))
        if kind == "syslinux":
            code = (GRUB / "usr/lib/syslinux/mbr/mbr.bin").read_bytes()
            sector0[: len(code)] = code
        elif kind == "grub":
            boot, image_ = (GRUB / "usr/lib/grub/i386-pc/boot.img").read_bytes(), bytearray(core(case).read_bytes())
            at = next((part["start"] * 2048 for part in disk["parts"] if part["role"] == "bios"), 34 if disk["table"] == "gpt" else 1)
            sector0[:440] = boot[:440]
            struct.pack_into("<Q", sector0, 0x5C, at)
            struct.pack_into("<QHH", image_, 500, at + 1, (len(image_) + 511) // 512 - 1, 0x820)
            if options.get("core") == "half":
                image_ = image_[: len(image_) // 2]
            if options.get("core", True):
                file.seek(at * 512)
                file.write(image_)
        if options.get("signature") is False:
            sector0[510:] = b"\0\0"
        file.seek(0)
        file.write(sector0)


def file_system(kind, options, size, uuid, folder, image):
    """An image of `size` MiB with `folder` on it."""
    with open(image, "wb") as file:
        file.truncate(size * MIB)
    inside = "/lab/" + str(image.relative_to(WORK)), "/lab/" + str(folder.relative_to(WORK))
    words = " ".join(options)
    if kind in ("ext2", "ext3", "ext4"):
        in_grub(f"mkfs.{kind} -q -F -U {uuid} {words} -d {inside[1]} {inside[0]}")
    elif kind == "xfs":
        proto = "/lab/proto"
        put(WORK / "proto", protofile(folder, inside[1]))
        in_grub(f"mkfs.xfs -q -f -m uuid={uuid} {words} -p {proto} {inside[0]}")
    elif kind == "btrfs":
        in_grub(f"mkfs.btrfs -q -f -U {uuid} {words} --rootdir {inside[1]} {inside[0]}")
    elif kind == "vfat":
        in_grub(f"mkfs.vfat -i 5AFEE5F0 {words} {inside[0]} >/dev/null; cd {inside[1]}; for f in *; do [ ! -e \"$f\" ] || mcopy -s -i {inside[0]} \"$f\" ::; done")


def protofile(folder, inside):
    """mkfs.xfs(8)'s description of a tree."""
    lines = ["/", "0 0", "d--755 0 0"]

    def walk(path, depth):
        for child in sorted(path.iterdir()):
            pad = " " * depth
            if child.is_symlink():
                lines.append(f"{pad}{child.name} l--777 0 0 {os.readlink(child)}")
            elif child.is_dir():
                lines.append(f"{pad}{child.name} d--755 0 0")
                walk(child, depth + 1)
                lines.append(f"{pad}$")
            else:
                lines.append(f"{pad}{child.name} ---644 0 0 {inside}/{child.relative_to(folder)}")

    walk(folder, 1)
    return "\n".join(lines + ["$", ""])


def make(case):
    """The images of a case's disks, in order."""
    fresh(WORK)
    sector = case["options"].get("sector", 512)
    made = []
    for index, disk in enumerate(case["disks"]):
        image = WORK / f"disk{index}.img"
        with open(image, "wb") as file:
            file.truncate((disk["size"] + 1) * MIB)
        # An MBR counts in sectors of whatever size, so the numbers alone make it one for larger sectors.
        subprocess.run(["sfdisk", "-q", "--no-reread", "--no-tell-kernel", image], input=table(disk, sector).encode(), check=True)
        for part in disk["parts"]:
            if not (content := part_content(case, part)):
                continue
            kind, options, uuid, folder = content
            piece = WORK / f"part{index}-{part['num']}.img"
            file_system(kind, options, part["size"], uuid, folder, piece)
            shell(f"dd if={piece} of={image} bs=1M seek={part['start']} conv=notrunc,sparse status=none; rm {piece}")
        if case["firmware"] == "bios" and disk.get("code", index == 0):
            boot_code(case, image, disk)
        made.append(image)
    return made


def part_content(case, part):
    """File system, its options, its UUID and the folder with what is on it; none for a part that stays empty."""
    folder = fresh(WORK / f"tree-{part['role']}")
    if part["role"] == "root":
        put(folder / "etc/fstab", f"UUID={ROOT_UUID} / ext4 defaults 0 1\n")
        if not case["boot_fs"]:
            (folder / "boot").mkdir()
            boot_tree(case, folder / "boot", "grub")
        return "ext4", [], ROOT_UUID, folder
    if part["role"] == "boot":
        boot_tree(case, folder, "grub")
        return case["boot_fs"], case["boot_fs_opts"], BOOT_UUID, folder
    if part["role"] == "esp":
        kind = case["options"].get("espfs", "vfat")
        for name, token in (case["esp"] or {}).items():
            put(folder / name, program(token))
        return (kind, [] if kind == "vfat" else [], ROOT_UUID.replace("1", "e"), folder) if kind else None
    return None


__all__ = ["BOOT_UUID", "GONE_UUID", "LAB", "ROOT_UUID", "kernel", "make"]
