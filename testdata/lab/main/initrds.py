"""The initrds: made by each distribution's own generator, or an existing one unpacked, changed and packed again.

NAME.img gets a NAME.json beside it: the recipe, the kernel it was made for, and what made it.
"""

import concurrent.futures
import json
import os
import re
import shutil

import hosted
from place import CACHE, INITRDS, KERNELS, SYSTEMS, Failed, fresh, in_system, shell
from recipes import KERNEL_OF, RECIPES

PACK = {
    "gzip": "gzip -1n",
    "xz": "xz -1 --check=crc32",
    "xz-crc64": "xz -1 --check=crc64",
    "lzma": "lzma -1",
    "bzip2": "bzip2 -1",
    "lz4": "lz4 -l -2 -c -q",
    "lz4-frame": "lz4 -c -q",
    "zstd": "zstd -q -3",
    "lzop": "lzop -1",
    "none": "cat",
}
UNPACK = {
    b"\x1f\x8b": "gzip -dc", b"\xfd7zXZ": "xz -dc", b"\x28\xb5\x2f\xfd": "zstd -dcq", b"\x02\x21\x4c\x18": "lz4 -dcq",
    b"BZh": "bzip2 -dc", b"\x5d\x00\x00": "xz --format=lzma -dc", b"\x89LZO": "lzop -dc",
}
ARCHIVE = "find . -print0 | LC_ALL=C sort -z | cpio -0 -o -H newc --quiet -R 0:0"
MULTIPATH = "usr/share/lab-multipath"  # where the hook and scripts of multipath-tools-boot wait to be wanted


def release(key):
    """The release of the kernel that a short name stands for."""
    system, pattern = KERNEL_OF[key]
    found = sorted(name for name in os.listdir(SYSTEMS / system / "usr/lib/modules") if re.fullmatch(pattern, name))
    if not found:
        raise Failed(f"{system} has no kernel {pattern}")
    return found[-1]


def settle(system):
    """Takes multipath's parts of the initrd out of every recipe's way but those that ask for them."""
    root = SYSTEMS / system
    for path in (root / "usr/share/initramfs-tools").glob("**/multipath"):
        target = root / MULTIPATH / path.relative_to(root / "usr/share/initramfs-tools")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)


class Overlay:
    """Files put into a chroot for the time that a generator runs."""

    def __init__(self, root, files):
        self.root, self.files, self.saved = root, files, {}

    def __enter__(self):
        for path, text in self.files.items():
            target = self.root / path
            self.saved[path] = (target.read_bytes(), target.stat().st_mode) if target.exists() else None
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode() if isinstance(text, str) else text)
            target.chmod(0o600 if path.endswith(".key") else 0o644)

    def __exit__(self, *_):
        for path, saved in self.saved.items():
            (self.root / path).unlink()
            if saved:
                (self.root / path).write_bytes(saved[0])
                (self.root / path).chmod(saved[1])


def initramfs_tools(name, recipe):
    system = recipe.get("system") or KERNEL_OF[recipe["kernel"]][0]
    root = SYSTEMS / system
    settle(system)
    conf = root / f"lab-{name}"
    shutil.rmtree(conf, ignore_errors=True)
    shutil.copytree(root / "etc/initramfs-tools", conf, symlinks=True)
    settings = re.sub(r"(?m)^\s*(MODULES|COMPRESS)=.*", "", (conf / "initramfs.conf").read_text())
    settings += f"\nMODULES={recipe['modules']}\nCOMPRESS={recipe['compress']}\n"
    (conf / "initramfs.conf").write_text(settings)
    (conf / "modules").write_text("".join(f"{module}\n" for module in recipe.get("list", ())))
    (conf / "conf.d").mkdir(exist_ok=True)
    for path, text in recipe.get("conf", {}).items():
        (conf / path).write_text(text)
    if recipe.get("multipath"):
        shell(f"cp -a {root}/{MULTIPATH}/. {conf}/")
    with Overlay(root, recipe.get("etc", {})):
        log = in_system(system, f"mkinitramfs -d /lab-{name} -o /lab-{name}.img {release(recipe['kernel'])}")
    shutil.move(root / f"lab-{name}.img", INITRDS / f"{name}.img")
    shutil.rmtree(conf)
    return {"generator": "initramfs-tools", "kernel": release(recipe["kernel"]), "log": log}


def dracut(name, recipe):
    system = f"{KERNEL_OF[recipe['kernel']][0]}-dracut"
    made_for = release(recipe["kernel"])
    command = f"dracut --force --gzip --no-early-microcode {recipe['arguments']} /lab-{name}.img {made_for}"
    with Overlay(SYSTEMS / system, recipe.get("etc", {})):
        log = in_system(system, command)
    shutil.move(SYSTEMS / system / f"lab-{name}.img", INITRDS / f"{name}.img")
    return {"generator": "dracut", "kernel": made_for, "log": log}


def unpacked(name):
    """The unpacked tree of an initrd, made once. Those of the generators are one archive, perhaps after a plain one."""
    folder = CACHE / "unpacked" / name
    if not (folder / "done").exists():
        tree = fresh(folder) / "tree"
        tree.mkdir()
        data = (INITRDS / f"{name}.img").read_bytes()
        start = 0
        while data[start : start + 6] == b"070701":  # a plain archive: skip its entries, unpack it with the rest
            plain = start
            while True:
                size, length = int(data[start + 54 : start + 62], 16), int(data[start + 94 : start + 102], 16)
                entry = data[start + 110 : start + 109 + length]
                start = (((start + 110 + length + 3) & ~3) + size + 3) & ~3
                if entry == b"TRAILER!!!":
                    break
            shell(f"cd {tree} && cpio -idm --quiet --no-absolute-filenames", input=data[plain:start])
            while start < len(data) and data[start] == 0:
                start += 1
        tool = next((tool for magic, tool in UNPACK.items() if data.startswith(magic, start)), None)
        if tool:
            shell(f"cd {tree} && {tool} | cpio -idm --quiet --no-absolute-filenames", input=data[start:])
        (folder / "done").touch()
    return folder / "tree"


def write_archive(tree, image, compress, append=False):
    shell(f"cd {tree} && {ARCHIVE} | {PACK[compress]} {'>>' if append else '>'} {image}")


def edit(name, recipe):
    """A copy of another initrd with files taken out, changed or added. Paths are glob patterns without `usr/`."""
    base = json.loads((INITRDS / f"{recipe['base']}.json").read_text())
    tree = CACHE / "unpacked" / f"edit-{name}"
    shutil.rmtree(tree, ignore_errors=True)
    shell(f"cp -al {unpacked(recipe['base'])} {tree}")
    for pattern in recipe.get("remove", ()):
        found = [path for start in ("", "usr/") for path in tree.glob(start + pattern)]
        if not found:
            raise Failed(f"{name}: `{pattern}` is not in {recipe['base']}")
        for path in found:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    for path, text in recipe.get("add", {}).items():
        target = tree / path.replace("RELEASE", base["kernel"])
        target.parent.mkdir(parents=True, exist_ok=True)
        before = target.read_text() if target.exists() else ""
        target.unlink(missing_ok=True)  # it is a hard link of the base's
        target.write_text(before + text)
    for old, new in recipe.get("rename", {}).items():
        shutil.move(tree / old.replace("RELEASE", base["kernel"]), tree / new.replace("RELEASE", base["kernel"]))
    image = INITRDS / f"{name}.img"
    image.unlink(missing_ok=True)
    if recipe.get("microcode"):
        early = fresh(CACHE / "unpacked" / f"early-{name}")
        (early / "kernel/x86/microcode").mkdir(parents=True)
        (early / "kernel/x86/microcode/GenuineIntel.bin").write_bytes(bytes(4096))
        write_archive(early, image, "none")
    write_archive(tree, image, recipe.get("compress", "lz4"), append=True)
    shutil.rmtree(tree)
    damage(image, recipe.get("damage"))
    return {"generator": base["generator"], "kernel": base["kernel"], "log": ""}


def damage(image, how):
    """Breaks an image, or puts something before or behind it."""
    data = bytearray(image.read_bytes())
    third = len(data) // 3
    if how == "truncated":
        del data[2 * third :]
    elif how == "corrupt":
        data[third : third + 4096] = bytes(at * 37 & 0xFF for at in range(4096))
    elif how == "garbage-before":
        data[:0] = b"this is no archive\n" * 40
    elif how == "garbage-behind":
        data += b"\0" * (-len(data) % 4) + b"this is no archive\n" * 40
    elif how == "zeros-behind":
        data += bytes(8192)
    elif how == "empty":
        data.clear()
    image.write_bytes(data)


def of_one_machine(name, recipe):
    key = recipe["kernel"]
    system = KERNEL_OF[key][0] + ("-dracut" if recipe["generator"] == "dracut" else "")
    make(f"{key}-most")
    return hosted.make(name, recipe, system, release(key), INITRDS / f"{key}-most.img")


MAKERS = {"hosted": of_one_machine, "initramfs-tools": initramfs_tools, "dracut": dracut, "edit": edit}


def make(name):
    if (INITRDS / f"{name}.json").exists():
        return f"have {name}"
    recipe = RECIPES[name]
    if recipe.get("base"):
        make(recipe["base"])
    done = MAKERS[recipe["kind"]](name, recipe)
    done["log"] = done["log"][-1500:]
    if recipe.get("made_for"):  # an initrd of another kernel than the one that its recipe's name says
        done["kernel"] = release(recipe["made_for"])
    (INITRDS / f"{name}.json").write_text(json.dumps({"name": name, "recipe": recipe, **done}, indent=1))
    return f"made {name}, {(INITRDS / f'{name}.img').stat().st_size >> 20} MB"


def wanted(names):
    """Whose system is there. Edits follow their bases; one after the other, for a system has one configuration."""
    have = [name for name in names if "base" in RECIPES[name] or (SYSTEMS / KERNEL_OF[RECIPES[name]["kernel"]][0] / "done").exists()]
    return sorted(have, key=lambda name: "base" in RECIPES[name])


def make_all(names, threads=2):
    INITRDS.mkdir(parents=True, exist_ok=True)
    KERNELS.mkdir(parents=True, exist_ok=True)
    queues = {}  # recipes that share a chroot wait for each other
    for name in wanted(names):
        recipe = RECIPES[name]
        root = recipe
        while "base" in root:
            root = RECIPES[root["base"]]
        queues.setdefault((KERNEL_OF[root["kernel"]][0], root["kind"]), []).append(name)

    def one(queue):
        said = []
        for name in queue:
            try:
                said.append(make(name))
            except Failed as failed:
                said.append(f"FAILED {name}: {str(failed)[-800:]}")
            print(said[-1], flush=True)
        return said

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return [line for lines in pool.map(one, queues.values()) for line in lines]
