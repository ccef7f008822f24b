#!/usr/bin/env python3
"""The main part of the lab: makes systems, disks and initrds, boots every case, and records what happened.

usage: run.py [--quick | --list | --inputs | --boots | --judge] [--jobs N] [--seconds S] [ID-REGEX...]
  --list    prints the cases that are not recorded yet;  --inputs  makes everything, boots nothing
  --boots   boots what is ready, makes nothing;  --judge   looks at the kept consoles again, after a change of judge.py
Each boot becomes a line of truth.jsonl here, or of $TRUTH; recorded cases are not booted again.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import disks  # noqa: E402
import initrds  # noqa: E402
import machines  # noqa: E402
import vm  # noqa: E402
from cases import CASES, QUICK  # noqa: E402
from judge import judge  # noqa: E402
from place import DISKS, INITRDS, KERNELS, LOGS, SYSTEMS, Failed  # noqa: E402
from recipes import KERNEL_OF  # noqa: E402

TRUTH = pathlib.Path(os.environ.get("TRUTH", HERE / "truth.jsonl"))
# No waiting before a reset, the same addresses at each boot, and patience with an emulated clock on a busy host.
ALWAYS = "console=ttyS0 panic=-1 nokaslr mitigations=off no_timer_check"
# Buses whose devices are other names of a device that is recorded, or what hangs on a keyboard or mouse.
OTHER_NAMES = ("acpi", "input", "serio")
# What an emulated machine says when the host has no time for it; nothing that a record should hold.
NOT_THE_SYSTEM = r"IO-APIC \+ timer doesn't work|clocksource: timekeeping watchdog.*\n.*Kernel panic"
WRITING = threading.Lock()


def boot(row):
    """Boots one case; returns its record."""
    release = initrds.release(row["kernel"])
    words = [row["cmdline"], *([] if "rw" in row["cmdline"].split() else ["ro"]), ALWAYS]
    cmdline = " ".join(word for word in words if word)
    arguments = ["-cpu", row["cpu"], "-smp", "1", "-m", row["memory"], "-kernel", KERNELS / f"vmlinuz-{release}", "-append", cmdline]
    if row["initrd"]:
        arguments += ["-initrd", INITRDS / f"{row['initrd']}.img"]
    arguments += machines.arguments(row["machine"], [DISKS / f"{name}.img" for name in row["disks"]])
    # A machine of the microvm kind cannot reset itself.
    until = [rb"LAB-DONE", rb"reboot: (machine restart|Restarting system|Power down)"]
    console = vm.boot(arguments, row["timeout"], until, log=LOGS / "boots" / f"{row['id']}.log")
    if "Linux version" not in console.text or re.search(NOT_THE_SYSTEM, console.text):
        raise Failed(f"{row['id']}: the machine did not run: {console.text.strip()[-300:]}")
    return record(row, release, cmdline, console)


def record(row, release, cmdline, console):
    outcome, kind, why = judge(console)
    made = json.loads((INITRDS / f"{row['initrd']}.json").read_text()) if row["initrd"] else {}
    found = {
        "id": row["id"], "intent": row["why"], "outcome": outcome, "cls": kind, "why": why, "seconds": console.seconds,
        "kernel": release, "kernel_key": row["kernel"], "initrd": row["initrd"], "initrd_kernel": made.get("kernel"),
        "generator": made.get("generator"), "recipe": made.get("recipe"), "cmdline": cmdline,
        "rootfs": next((disks.IMAGES[name]["root"] for name in row["disks"] if disks.IMAGES[name]["root"]), None),
        "disks": row["disks"], "machine": row["machine"], "cpu": row["cpu"], "mem": row["memory"],
    }
    if outcome == "ok":
        said = [line.split() for line in console.lines if line.startswith("LAB-")]
        found["devices"] = [
            {"path": words[1], "bus": words[2], "driver": None if words[3] == "-" else words[3], "modalias": words[4]}
            for words in sorted(said)
            if words[0] == "LAB-DEVICE" and len(words) == 5 and words[2] not in OTHER_NAMES
        ]
        found["block_devices"] = {words[1]: words[2] for words in said if words[0] == "LAB-DISK"}
        found["loaded_modules"] = [words[1] for words in said if words[0] == "LAB-MODULE"]
    return found


def recorded():
    lines = TRUTH.read_text().splitlines() if TRUTH.exists() else []
    return {row["id"]: row for row in map(json.loads, lines)}


def write(rows):
    TRUTH.write_text("".join(json.dumps(row) + "\n" for row in rows))


def judge_again():
    rows = recorded()
    for row in list(rows.values()):
        log = LOGS / "boots" / f"{row['id']}.log"
        if log.exists() and row["id"] in CASES:
            limit = CASES[row["id"]]["timeout"]
            ended = "timeout" if row["seconds"] >= limit else "halt"
            console = vm.Console(log.read_bytes(), row["seconds"], ended)
            rows[row["id"]] = record(CASES[row["id"]], row["kernel"], row["cmdline"], console)
    write(rows.values())


def ready(row):
    """Whether what the case needs was made."""
    system = KERNEL_OF[row["kernel"]][0]
    has_initrd = not row["initrd"] or (INITRDS / f"{row['initrd']}.json").exists()
    return (SYSTEMS / system / "done").exists() and has_initrd and all((DISKS / f"{name}.img").exists() for name in row["disks"])


def prepare(rows, quick):
    """Systems, disks and initrds for these cases."""
    systems = {KERNEL_OF[row["kernel"]][0] for row in rows} | {"debian12"}
    systems |= {f"{KERNEL_OF[row['kernel']][0]}-dracut" for row in rows if "dracut" in (row["initrd"] or "")}
    systems |= {"debian12+backports"} if any(row["kernel"] == "deb12b" for row in rows) else set()
    subprocess.run([sys.executable, HERE.parent / "systems.py", "tools", *sorted(systems)], check=True)
    disks.make("debian12", initrds.release("deb12c"), quick)
    (HERE / "disks.json").write_text(json.dumps(disks.describe(), indent=1) + "\n")
    initrds.make_all(sorted({row["initrd"] for row in rows if row["initrd"]}))


def boot_all(rows, jobs, until):
    def one(row):
        if time.monotonic() > until:
            return f"LATER {row['id']}"
        try:
            if not ready(row):
                return f"SKIP {row['id']}: a kernel, disk or initrd of it was not made"
            found = boot(row)
        except Failed as failed:
            return f"FAILED {failed}"
        with WRITING, open(TRUTH, "a") as file:
            file.write(json.dumps(found) + "\n")
        return f"{found['outcome']:8} {found['cls']:14} {found['seconds']:6} {found['id']}  {found['why'][:120]}"

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(one, row) for row in rows]):
            print(done.result(), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for mode in ("quick", "list", "inputs", "judge", "boots"):
        parser.add_argument(f"--{mode}", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no boot after that time")
    parser.add_argument("only", nargs="*", metavar="ID-REGEX")
    given = parser.parse_args()
    if given.judge:
        return judge_again()
    done = recorded()
    rows = [CASES[name] for name in QUICK] if given.quick else list(CASES.values())
    if given.only:  # in the order in which the patterns name them
        named = [row for pattern in given.only for row in rows if re.search(pattern, row["id"])]
        rows = list({row["id"]: row for row in named}.values())
    todo = [row for row in rows if row["id"] not in done]
    if given.list:
        print("\n".join(row["id"] for row in todo))
        return None
    if not given.boots:
        prepare(rows if given.inputs else todo, given.quick)
    if not given.inputs:
        boot_all(todo, given.jobs, time.monotonic() + given.seconds)
    return None


if __name__ == "__main__":
    main()
