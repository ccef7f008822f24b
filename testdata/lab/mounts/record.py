#!/usr/bin/env python3
"""Boots every case of cases.py and records in truth.jsonl what became of it: run.sh calls it.

usage: record.py [--prepare | --list] [ID-REGEX]
A case is the build's root disk with other files in /etc, which an archive behind the initrd brings along. The guest
writes what it has come to to its second serial port (dump.sh). Cases that are recorded are not booted again.
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
from cases import CASES, ROOT  # noqa: E402

BUILT = pathlib.Path(os.environ["LAB"]).resolve() / "mounts"
TRUTH = HERE / "truth.jsonl"
COMMON = (
    "root=UUID=b0070001-0000-4000-8000-000000000001 ro console=ttyS0 panic=-1 nokaslr mitigations=off quiet loglevel=4 "
    "systemd.unit=lab.target systemd.show_status=0 audit=0 random.trust_cpu=on"
)
LISTS = ("failed_units", "jobs_waiting", "mounted", "swaps", "mount_units", "generated", "evidence", "disks", "modaliases")


def archive(files, to):
    """The initrd of a case: the built one and behind it an archive of `files`, which its script copies to the root."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            file = pathlib.Path(folder, "lab/overlay", path)
            file.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                file.symlink_to(text[3:])
            else:
                file.write_text(text, newline="")
                file.chmod(0o755 if path.endswith(".sh") else 0o644)
        packed = subprocess.run(
            "find . | cpio -o -H newc --quiet | gzip -1", shell=True, cwd=folder, stdout=subprocess.PIPE, check=True
        ).stdout
    initrd = (BUILT / "initrd.img").read_bytes()
    to.write_bytes(initrd + b"\0" * (-len(initrd) % 4) + packed)


def boot(name, files, more, seconds, written=()):
    """One boot; what the guest wrote, and its console. Only the disks named in `written` keep what is written to them."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        archive(files, folder / "initrd.img")
        arguments = ["-machine", "pc", "-cpu", "max", "-smp", "1", "-m", "768", "-serial", "stdio", "-serial", f"file:{folder}/out"]
        arguments += ["-kernel", BUILT / "vmlinuz", "-initrd", folder / "initrd.img", "-append", f"{COMMON} {more}".strip()]
        for index, disk in enumerate(("root", "data")):
            snapshot = "off" if disk in written else "on"
            arguments += ["-drive", f"file={BUILT}/{disk}.img,format=raw,if=none,id=d{index},snapshot={snapshot}"]
            arguments += ["-device", f"virtio-blk-pci,drive=d{index}"]
        console = vm.boot(arguments, timeout=seconds, log=BUILT / "logs" / f"{name}.log")
        said = (folder / "out").read_text(errors="replace") if (folder / "out").exists() else ""
    return said, console


def sections(said):
    found = {}
    for line in said.replace("\r", "").split("\n"):
        if line.startswith("@@@ "):
            current = found.setdefault(line[4:], [])
        elif found and line:
            current.append(line)
    return found


def record(case):
    # /usr is older than these, so that nothing is brought up to date at boot.
    etc = {"etc/.updated": "", "var/.updated": "", "etc/fstab": case["fstab"], "etc/crypttab": case["crypttab"], **case["other_files"]}
    said, console = boot(case["id"], etc, case["cmdline"], case["timeout"])
    found = sections(said)
    if "end" not in found:
        return None, f"nothing recorded ({console.ended}): {console.lines[-2:]}"
    row = {key: case[key] for key in ("id", "intent", "fstab", "crypttab", "other_files")}
    row |= {key: found.get(key, []) for key in LISTS}
    row["cmdline"] = f"{COMMON} {case['cmdline']}".strip()
    row["reached"] = found["reached"][0]
    row["seconds"], row["wall"] = float(found["seconds"][0]), console.seconds
    row["root_mode"] = found["root_mode"][0]
    failed = [re.search(r"Dependency failed for (\S+)( - .*)?$", line) for line in row["evidence"]]
    row["dependency_failed"] = sorted({match[1].removesuffix(".") for match in failed if match})
    return row, f"{row['reached']:10} {row['seconds']:6}  {row['failed_units']} {row['dependency_failed']}"


def main():
    wanted = [word for word in sys.argv[1:] if not word.startswith("--")]
    if "--list" in sys.argv:
        return print("\n".join(f"{case['id']:28} {case['intent']}" for case in CASES))
    if "--prepare" in sys.argv:
        unit = "[Unit]\nDefaultDependencies=no\nAfter=multi-user.target\n[Service]\nExecStart=/lab/prepare.sh\n"
        files = {"etc/fstab": ROOT, "etc/systemd/system/lab-dump.service": unit, "lab/prepare.sh": (HERE / "prepare.sh").read_text()}
        said, console = boot("prepare", files, "lab.watch=400", 420, written=["data"])
        (BUILT / "prepare.log").write_text(said)
        if "PREPARED" not in said:
            sys.exit(f"the data disk was not made ({console.ended}), see {BUILT}/prepare.log")
        return (BUILT / "data.done").touch()
    done = {json.loads(line)["id"] for line in TRUTH.read_text().splitlines()} if TRUTH.exists() else set()
    for case in CASES:
        if case["id"] in done or (wanted and not any(re.search(word, case["id"]) for word in wanted)):
            continue
        row, told = record(case)
        print(f"{case['id']:28} {told}", flush=True)
        if row:
            with TRUTH.open("a") as truth:
                truth.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
