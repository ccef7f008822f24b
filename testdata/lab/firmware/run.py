#!/usr/bin/env python3
"""Boots every case from power-on and records what happened, one JSON object a line, in truth.jsonl.

usage: run.py [--list | --again] [ID-REGEX...]     recorded cases are skipped unless --again is given
"""

import json
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import vm  # noqa: E402
from cases import CASES  # noqa: E402
from disks import WORK, kernel, make  # noqa: E402
from place import LOGS, Failed  # noqa: E402

TRUTH = HERE / "truth.jsonl"
OVMF = pathlib.Path(os.environ.get("OVMF") or f"{vm.qemu_root() or ''}/usr/share/OVMF")
SCSI = ("virtio-scsi", "pvscsi", "lsi53c895a", "megasas", "mptsas1068", "am53c974")
# (pattern of the console, class, pattern of the line that tells)
CLASSES = [
    (r"LAB-ROOT-OK", "ok", r"LAB-ROOT-OK"),
    (r"LAB-NO-ROOT", "no-root", r"LAB-NO-ROOT"),
    (r"Kernel panic", "panic", r"Kernel panic"),
    (r"Enter username", "waits", r"Enter username"),
    (r"grub rescue>", "grub-rescue", r"error: "),
    (r"error: (?!no such device: /\.disk)|you need to load the kernel|Boot Failed|Failed to (open|execute)", "grub-error", r"error: |Failed to"),
    (r"grub>|Minimal BASH-like", "grub-error", r"Minimal BASH-like|grub>"),
    (r"automatically in|Use the .* keys to select|highlighted entry", "waits", r"Use the|keys to select"),
    (r"Reboot Into Firmware Interface", "waits", r"Reboot Into Firmware Interface"),
    (r"Linux version", "hang", r"Linux version"),
    (r"Security Violation|Access Denied|Shell>|Interactive Shell|EFI Internal Shell", "firmware-shell", r"Denied|Violation|failed to load|Internal Shell"),
    (r"Boot Manager Menu|boot device|No bootable|not a bootable|Missing operating system|Operating system load|Boot failed", "no-boot-device", r"No bootable|not a bootable|Missing|Boot failed|Boot Manager|Operating"),
    (r"GRUB", "hang", r"GRUB"),
]
# After these nothing more is to be expected.
END = [rb"LAB-[A-Z-]+[^\n]*\n", rb"Kernel panic", rb"grub rescue>", rb"Enter username", rb"Shell> ", rb"No bootable device", rb"load the kernel first",
       rb"Press any key to enter the Boot Manager Menu", rb"Missing operating system", rb"grub> "]


def machine(case, images):
    """The arguments that make the machine: firmware, controller, disks."""
    options = case["options"]
    uefi, model = case["firmware"] == "uefi", options.get("ctl", "virtio-blk")
    words = ["-m", "768", "-smp", "1", "-cpu", "max", "-machine", ("q35" if uefi else "pc") + (",smm=on" if case["secure_boot"] else "")]
    if uefi:
        code = OVMF / ("OVMF_CODE_4M.secboot.fd" if case["secure_boot"] else "OVMF_CODE_4M.fd")
        store = WORK / "vars.fd"
        store.write_bytes((OVMF / ("OVMF_VARS_4M.ms.fd" if case["secure_boot"] else "OVMF_VARS_4M.fd")).read_bytes())
        words += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}", "-drive", f"if=pflash,unit=1,format=raw,file={store}"]
        words += ["-global", "driver=cfi.pflash01,property=secure,value=on"] if case["secure_boot"] else []
    for index, image in enumerate(images):
        words += ["-drive", f"file={image},format=raw,if=none,id=d{index}"]
    return words + devices(case, model, len(images))


def devices(case, model, count):
    first = case["boot_disk_first"] or 0
    size = case["options"].get("logical", case["options"].get("sector", 512))
    sectors = f",logical_block_size={size},physical_block_size={size}" if size != 512 else ""
    order = [f"bootindex={(index - first) % count + 1}" for index in range(count)]
    words = []
    if model in SCSI:
        words += ["-device", {"virtio-scsi": "virtio-scsi-pci"}.get(model, model) + ",id=hba"]
    fixed = {"ahci": ["-device", "ich9-ahci,id=ahci"], "usb-storage": ["-device", "qemu-xhci,id=xhci"], "sdhci": ["-device", "sdhci-pci"], "ufs": ["-device", "ufs,id=ufs0"]}
    words += fixed.get(model, [])
    for index in range(count):
        drive = f"drive=d{index}"
        wwn = f",wwn={0x5000C50015EA7100 + index:#x}" if model == "mptsas1068" else ""
        device = {
            "virtio-blk": f"virtio-blk-pci,{drive}{sectors}", "virtio-blk-modern": f"virtio-blk-pci,{drive},disable-legacy=on{sectors}",
            "nvme": f"nvme,{drive},serial=lab{index}{sectors}", "ide": f"ide-hd,bus=ide.{index},{drive}", "ahci": f"ide-hd,bus=ahci.{index},{drive}",
            "usb-storage": f"usb-storage,bus=xhci.0,{drive}", "sdhci": f"sd-card,{drive}", "ufs": f"ufs-lu,bus=ufs0,{drive},lun={index}",
        }.get(model, f"scsi-hd,bus=hba.0,{drive},scsi-id={index}{wwn}")
        words += ["-device", device if model in ("sdhci", "ufs") else f"{device},{order[index]}"]
    return words


def judge(console):
    """Class, and the lines of the console that decide."""
    for pattern, name, line in CLASSES:
        if re.search(pattern, console.text):
            found = [text.strip() for text in console.lines if re.search(line, text)]
            found = [text for text in found if "/.disk/" not in text and "menu" not in text.lower() or name == "waits"]
            unique = list(dict.fromkeys(re.sub(r"^\[ *[\d.]+\] ?", "", text)[:200] for text in found))
            return name, "; ".join(unique[:4]) or console.lines[-1].strip()
    last = [text.strip() for text in console.lines if text.strip()]
    return "no-boot-device", "last line: " + (last[-1][:200] if last else "nothing")


def record(case):
    images = make(case)
    console = vm.boot(machine(case, images), timeout=case["options"].get("timeout", 75), until=END, log=LOGS / "firmware" / f"{case['id']}.log")
    if "qemu-system" in console.text and "Could not" in console.text or "is not a valid device" in console.text:
        raise Failed(console.text[-400:])
    name, why = judge(console)
    return dict(case, outcome="ok" if name == "ok" else "fail", cls=name, why=why, seconds=console.seconds, kernel=kernel())


def main():
    words = sys.argv[1:]
    patterns = [word for word in words if not word.startswith("--")]
    known = [json.loads(line) for line in TRUTH.read_text().splitlines()] if TRUTH.exists() else []
    wanted = [case for case in CASES if not patterns or any(re.search(pattern, case["id"]) for pattern in patterns)]
    if "--again" in words:
        known = [line for line in known if line["id"] not in {case["id"] for case in wanted}]
    wanted = [case for case in wanted if case["id"] not in {line["id"] for line in known}]
    if "--list" in words:
        print("\n".join(case["id"] for case in wanted))
        return
    order = {case["id"]: index for index, case in enumerate(CASES)}
    for case in wanted:
        try:
            done = record(case)
        except Failed as failed:
            print(f"FAILED {case['id']}: {failed}", flush=True)
            continue
        known.append(done)
        known.sort(key=lambda line: order.get(line["id"], len(order)))
        TRUTH.write_text("".join(json.dumps(line) + "\n" for line in known))
        print(f"{done['outcome']:5} {done['cls']:15} {done['seconds']:5} {done['id']}  {done['why'][:140]}", flush=True)


if __name__ == "__main__":
    main()
