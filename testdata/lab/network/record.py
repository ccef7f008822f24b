#!/usr/bin/env python3
"""Boots every case of cases.py and records in truth.jsonl what became of its interfaces: run.sh calls it.

usage: record.py [--list] [ID-REGEX...]
A case is the build's root disk with other files in /etc, which an archive behind the initrd brings along, and a set of
network cards. The guest writes what it has come to to its second serial port (dump.sh). What is recorded is not booted again.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
import vm  # noqa: E402 -- from the folder above
from cases import CASES  # noqa: E402

BUILT = pathlib.Path(os.environ["LAB"]).resolve() / "network"
TRUTH = HERE / "truth.jsonl"
COMMON = (
    "root=UUID=b0070002-0000-4000-8000-000000000001 ro console=ttyS0 panic=-1 nokaslr mitigations=off quiet loglevel=4 "
    "systemd.unit=lab.target systemd.show_status=0 systemd.default_timeout_start_sec=90 audit=0 random.trust_cpu=on rcupdate.rcu_cpu_stall_suppress=1"
)
LISTS = ("slots", "acpi", "net_units", "nm", "addr", "failed_units", "jobs_waiting", "evidence", "devices")


def archive(case, to):
    """The initrd of a case: the built one and behind it an archive of its files for the initrd and for the root."""
    for_root = {f"lab/overlay/{path}": text for path, text in case["config_files"].items()}
    with tempfile.TemporaryDirectory() as folder:
        for path, text in {**case["initrd_files"], **for_root}.items():
            file = pathlib.Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                file.symlink_to(text[3:])
            else:
                file.write_text(text, newline="")
                mode = case.get("file_modes", {}).get(path.removeprefix("lab/overlay/"))
                # NetworkManager passes over profiles that others may read.
                file.chmod(int(mode, 8) if mode else 0o600 if "system-connections" in path else 0o644)
        packed = subprocess.run(
            "find . | cpio -o -H newc --quiet | gzip -1", shell=True, cwd=folder, stdout=subprocess.PIPE, check=True
        ).stdout
    initrd = (BUILT / f"initrd-{case['initrd']}.img").read_bytes()
    to.write_bytes(initrd + b"\0" * (-len(initrd) % 4) + packed)


def cards(devices):
    """QEMU's arguments: `@N` is the N-th card, with a back end of its own; those without are bridges and ports."""
    words = []
    for device in devices:
        if found := re.search(r",@(\d+)$", device):
            number = int(found[1])
            words += ["-netdev", f"user,id=n{number}"]
            device = f"{device[:found.start()]},netdev=n{number},mac=52:54:00:aa:00:{number:02x},romfile="
        words += ["-device", device]
    return words


def boot(case):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        archive(case, folder / "initrd.img")
        arguments = ["-nographic", "-vga", "none", "-no-reboot", "-monitor", "none", "-nic", "none"]
        arguments += ["-machine", case["machine"], "-cpu", "max", "-smp", "1", "-m", "768"]
        arguments += ["-serial", "stdio", "-serial", f"file:{folder}/out"]
        arguments += ["-kernel", BUILT / "vmlinuz", "-initrd", folder / "initrd.img", "-append", f"{COMMON} {case['cmdline']}".strip()]
        arguments += ["-drive", f"file={BUILT}/root.img,format=raw,if=none,id=d0,snapshot=on"]
        arguments += ["-device", "virtio-blk-pci,drive=d0," + ("addr=1e" if case["machine"] == "pc" else "bus=pcie.0,addr=10")]
        arguments += cards(case["qemu_devices"])
        arguments += [word for setting in case["qemu_settings"] for word in ("-global", setting)]
        console = vm.boot(arguments, timeout=600, log=BUILT / "logs" / f"{case['id']}.log", quiet=False)
        written = (folder / "out").read_text(errors="replace") if (folder / "out").exists() else ""
    return written, console


def sections(text):
    found, name = {}, None
    for line in text.replace("\r", "").split("\n"):
        if line.startswith("@@@ "):
            name = line[4:]
            found[name] = []
        elif name and line.strip():
            found[name].append(line.rstrip())
    return found


def nics(lines):
    """One object for each interface; a name that udev's database lacks but net_id gives now is taken from there."""
    found = []
    for line in lines:
        if line.startswith("## "):
            found.append({"name": line[3:]})
        elif "=" in line and found:
            key, value = line.split("=", 1)
            nic, key = found[-1], key.lower()
            if key == "address":
                key = "mac"
            if key.startswith("now_"):
                nic.setdefault(key[4:], value)
            else:
                nic[key] = value
    return found


def record(case):
    written, console = boot(case)
    found = sections(written)
    if "end" not in found:
        print(f"NO ANSWER {case['id']} ({console.ended}, {console.seconds} s): {console.text.strip()[-300:]}", flush=True)
        return
    row = dict(case)
    row["cmdline"] = f"{COMMON} {case['cmdline']}".strip()
    row["reached"] = (found.get("reached") or ["timeout"])[0]
    row["nics"] = nics(found.get("nics", []))
    row.update({name: found.get(name, []) for name in LISTS})
    row["seconds"] = float((found.get("seconds") or ["0"])[0])
    row["wall"] = console.seconds
    with open(TRUTH, "a") as file:
        file.write(json.dumps(row) + "\n")
    names = " ".join(f"{nic['name']}:{nic.get('driver', '?')}:{nic.get('operstate')}" for nic in row["nics"])
    print(f"{case['id']:28} {row['seconds']:6} {names}  failed {row['failed_units']}", flush=True)


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    wanted = [case for word in words or [""] for case in CASES if re.search(word, case["id"])]
    for case in wanted:
        done = {json.loads(line)["id"] for line in open(TRUTH)} if TRUTH.exists() else set()
        if "--list" in sys.argv:
            print(case["id"], "--", case["intent"])
        elif case["id"] not in done:
            record(case)


if __name__ == "__main__":
    main()
