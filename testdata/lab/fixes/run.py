#!/usr/bin/env python3
"""Shows that fixes cure: each case's system is checked and booted as it is, mended by `bootproof fix`, checked and booted again.

usage: run.py [--list | --before | --after | --table] [--again] [--jobs N] [ID-REGEX...]
  --before  makes the systems, checks and boots them as they are, no more;  --after  mends what is made, makes nothing
  --again   mends and records again what is recorded;  --table  prints truth.jsonl as a table
$BOOTPROOF names the program (target/debug/bootproof). Each case becomes a line of truth.jsonl here, or of $FIXES_TRUTH.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "main"), str(HERE.parent)]

import initrds  # noqa: E402
import machines  # noqa: E402
import mounted  # noqa: E402
import system  # noqa: E402
import vm  # noqa: E402
from faults import CASES  # noqa: E402
from judge import judge  # noqa: E402
from place import DISKS, Failed, LOGS, shell  # noqa: E402

TRUTH = pathlib.Path(os.environ.get("FIXES_TRUTH", HERE / "truth.jsonl"))
BOOTPROOF = os.environ.get("BOOTPROOF", HERE.parents[2] / "target/debug/bootproof")
ALWAYS = "console=ttyS0 panic=-1 nokaslr mitigations=off no_timer_check"
# dracut asks nobody, and gives up after some seconds.
IMPATIENT = "rd.shell=0 rd.emergency=reboot rd.retry=20"
SEVERE = ("blocker", "high")
# The platform that each machine is; what none of the built-in ones is, is written down here.
TARGETS = {"virtio-blk": "kvm", "virtio-scsi": "kvm-virtio-scsi", "ahci": "kvm-sata", "pvscsi": "vmware", "nvme": HERE / "nvme.yaml", "two-disks": HERE / "two-disks.yaml"}


def bootproof(*words, codes=(0, 1)):
    done = subprocess.run([BOOTPROOF, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode not in codes:
        raise Failed(f"bootproof {' '.join(map(str, words))}: {done.returncode}\n{done.stderr[-1500:]}")
    return done


def check(case, root):
    """What is predicted for the default entry, and which findings stand in the way."""
    target = TARGETS[case["machine"]]
    report = json.loads(bootproof("check", root, "--target", target, "--format", "json").stdout)
    default = next((boot for boot in report["boots"] if boot["default"]), None) or report["boots"][0]
    severe = sorted({found["rule"] for found in report["findings"] if found["severity"] in SEVERE})
    return {"predicted": default["outcome"], "failed_at": default["failed_at"], "findings": severe, "verdict": report["verdict"]}


def disks_of(case, root):
    """The disks' images; the root disk gets the system's fstab where the initrd reads that."""
    images = [DISKS / f"{name}.img" for name in case["disks"]]
    if case.get("fstab_on_disk"):
        own = system.path(case, "disk.img")
        shell(f"cp --sparse=always {images[0]} {own}")
        # The file system begins with the partition, at 1 MiB.
        for command in ("rm /etc/fstab", f"write {root}/etc/fstab /etc/fstab"):
            shell(f"debugfs -w -R '{command}' '{own}?offset=1048576' 2>&1")
        images[0] = own
    return images


def boot(case, root, stage):
    """Boots what the system's first entry says, from the case's disks."""
    if "mounts" in case:
        return mounted.boot(case, root)
    kernel, initrd, cmdline = system.entry(root)
    more = [IMPATIENT] if case["system"].endswith("-dracut") else []
    arguments = ["-cpu", "max", "-smp", "1", "-m", "1024", "-kernel", kernel, "-append", " ".join([cmdline, *more, ALWAYS])]
    if initrd and initrd.exists() and initrd.stat().st_size:
        arguments += ["-initrd", initrd]
    arguments += machines.arguments(case["machine"], disks_of(case, root))
    until = [rb"LAB-DONE", rb"reboot: (machine restart|Restarting system|Power down)"]
    # What is mended ends by itself, however busy the host is.
    patience = case.get("timeout", 150) if stage == "before" else 900
    console = vm.boot(arguments, patience, until, log=LOGS / "fixes" / f"{case['id']}-{stage}.log")
    if "Linux version" not in console.text:
        raise Failed(f"{case['id']}: the machine did not run: {console.text.strip()[-300:]}")
    outcome, kind, why = judge(console)
    return {"cmdline": cmdline, "boot": outcome, "cls": kind, "why": why, "seconds": console.seconds}


def make(case):
    """Makes the system of a case, unless it is there, and boots it as it is, unless that was done."""
    if "image" in case:
        initrds.make(case["image"])
    made = system.path(case, "made")
    if not made.exists():
        (mounted if "mounts" in case else system).make(case)
        made.touch()


def before(case):
    """What the system does as it is."""
    kept = system.path(case, "before.json")
    if not kept.exists():
        root = system.path(case, "before")
        kept.write_text(json.dumps({**check(case, root), **boot(case, root, "before")}))
    was = json.loads(kept.read_text())
    told = f"predicted {was['predicted']} {was['failed_at']} {was['findings']}"
    print(f"{was['boot']:8} {was['cls']:14} {was['seconds']:6} {case['id']}  {told}", flush=True)
    return was


def mend(case):
    """Runs `bootproof fix` and does what it says to a copy of the system: the copy, and what was done to it."""
    root, copy, folder = (system.path(case, name) for name in ("before", "after", "plan"))
    shutil.rmtree(folder, ignore_errors=True)
    untouched = system.digest(root)
    done = bootproof("fix", root, "--target", TARGETS[case["machine"]], "--output", folder, "--format", "json", codes=(0,))
    if system.digest(root) != untouched:
        raise Failed(f"{case['id']}: `bootproof fix` changed the system")
    plan = json.loads(done.stdout)
    shared = [change["path"] for change in plan["files"] if change["path"].startswith("usr/")]
    if shared:
        raise Failed(f"{case['id']}: would change {shared}, which the copy shares with other systems")
    system.copy(root, copy)
    for patch in sorted(folder.glob("*.patch")):
        for how in ("--dry-run", ""):
            shell(f"cd {copy} && patch -p1 {how} <{patch}")
    system.run_script(copy, folder / "fix.sh", log=f"fixes-{case['id']}.log")
    return copy, {
        "patched": [change["path"] for change in plan["files"] if change["patch"]],
        "built": [step["command"] for step in plan["rebuilds"]],
        "ran": [step["command"] for step in plan["commands"]],
        "by_hand": sorted({rule for step in plan["by_hand"] for rule in step["rules"]}),
    }


def again(case, root):
    """Whether the script, run a second time, leaves every setting as it is."""
    settled = system.settings(root)
    system.run_script(root, system.path(case, "plan") / "fix.sh", log=f"fixes-{case['id']}.log")
    return "the same" if system.settings(root) == settled else "other"


def after(case):
    """Mends the system and says what it does then."""
    started = time.monotonic()
    root, fix = mend(case)
    found = {"mended_in": round(time.monotonic() - started, 1), **check(case, root), **boot(case, root, "after")}
    fix["again"] = again(case, root)
    system.remove(root)
    return fix, found


def record(case, was, fix, now):
    keys = ("predicted", "failed_at", "findings", "cmdline", "boot", "cls", "why", "seconds")
    return {
        "id": case["id"], "cause": case["cause"], "system": case["system"],
        "kernel": mounted.release() if "mounts" in case else system.release(case),
        "generator": "dracut" if case["system"].endswith("-dracut") else "initramfs-tools",
        "machine": case["machine"], "disks": case["disks"],
        "before": {key: was[key] for key in keys}, "fix": fix, "after": {key: now[key] for key in keys},
        "cured": now["boot"] == "ok" and now["predicted"] == "boots" and not now["findings"] and fix["again"] == "the same",
    }


def recorded():
    lines = TRUTH.read_text().splitlines() if TRUTH.exists() else []
    return {row["id"]: row for row in map(json.loads, lines)}


def write(row):
    rows = {**recorded(), row["id"]: row}
    ordered = [rows[name] for name in CASES if name in rows]
    TRUTH.write_text("".join(json.dumps(row) + "\n" for row in ordered))


def table():
    """The record as a Markdown table."""
    print("| case | cause | on | as it was | mended by | then | again |\n|---|---|---|---|---|---|---|")
    for row in recorded().values():
        was, now = row["before"], row["after"]
        mended = [f"`{what}`" for what in [*row["fix"]["patched"], *row["fix"]["built"], *row["fix"]["ran"]]]
        print(
            f"| {row['id']} | {row['cause']} | {row['system']}, {row['machine']} | {was['cls']} | {'; '.join(mended)} | "
            f"{now['boot']}, {', '.join(now['findings']) or 'clean'}, {now['seconds']:.0f} s | {row['fix']['again']} |"
        )


def cure(case):
    """Mends the system of a case and records it."""
    row = record(case, before(case), *after(case))
    write(row)
    now = row["after"]
    word = "CURED" if row["cured"] else "NOT"
    print(f"{word:8} {now['boot']:8} {now['seconds']:6} {case['id']}  {now['findings']} {row['fix']['again']}", flush=True)


def in_turn(cases, jobs, *steps):
    """Each case through the steps: a step of one case while others go through the step before; `jobs` cases in a step that
    boots."""
    def attempt(step, case, earlier):
        if earlier and not earlier.result():
            return False
        try:
            step(case)
        except Failed as failed:
            print(f"FAILED {case['id']}: {failed}", flush=True)
            return False
        return True

    pools = [concurrent.futures.ThreadPoolExecutor(1 if step is make else jobs) for step in steps]
    for case in cases:
        earlier = None
        for pool, step in zip(pools, steps):
            earlier = pool.submit(attempt, step, case, earlier)
    for pool in pools:
        pool.shutdown()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for mode in ("list", "before", "after", "again", "table"):
        parser.add_argument(f"--{mode}", action="store_true")
    parser.add_argument("--jobs", type=int, default=1, help="machines at a time")
    parser.add_argument("only", nargs="*", metavar="ID-REGEX")
    given = parser.parse_args()
    if given.table:
        return table()
    done = {} if given.again or given.before else recorded()
    named = [case for pattern in given.only or [""] for case in CASES.values() if re.search(pattern, case["id"])]
    cases = list({case["id"]: case for case in named if case["id"] not in done}.values())
    if given.list:
        return print("\n".join(f"{case['id']:28} {case['system']:16} {case['machine']:12} {case['cause']}" for case in cases))
    system.keep_apart()
    if given.before:
        in_turn(cases, given.jobs, make, before)
    elif given.after:
        in_turn([case for case in cases if system.path(case, "before.json").exists()], given.jobs, cure)
    else:
        in_turn(cases, given.jobs, make, before, cure)
    return None


if __name__ == "__main__":
    main()
