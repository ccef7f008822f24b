#!/usr/bin/env python3
"""Runs one virtual machine under a timeout and keeps what its serial console says.

As a library: `boot(["-kernel", ...], timeout=120, until=[rb"login:"])` returns a `Console`.
As a program: vm.py [--timeout S] [--until REGEX]... [--log FILE] [--send REGEX=TEXT]... -- QEMU-ARGUMENTS
              prints the console without its escapes; exit 0 the machine ended or a marker came, 3 time was up.

QEMU is the host's `qemu-system-x86_64`, or the one below $QEMU_ROOT (a chroot's path; it is run with that chroot's
loader and libraries, so files are named as on the host and nothing is mounted). It runs in software emulation unless
$ACCEL says otherwise. $LAB_LOCK names a file that is locked while a machine runs: one at a time among all scripts. Time is counted from
the moment that the machine starts.
"""

import argparse
import ctypes
import fcntl
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ESCAPES = re.compile(rb"\x1b\[[0-9;?=]*[a-zA-Z]|\x1b[()][A-B0-9]|\x1b[c78=>]|\r|\x00")
# No display, no network, and a machine that resets is one that ended.
QUIET = ["-nographic", "-vga", "none", "-no-reboot", "-monitor", "none", "-nic", "none"]


class Console:
    """What a machine said: `text` without escapes, `seconds` it ran, `ended` (halt | marker | timeout)."""

    def __init__(self, raw, seconds, ended):
        self.raw, self.seconds, self.ended = raw, seconds, ended
        self.text = ESCAPES.sub(b"", raw).decode(errors="replace")

    @property
    def lines(self):
        return self.text.split("\n")

    @property
    def timed_out(self):
        return self.ended == "timeout"

    def first(self, pattern):
        """The first line in which the pattern is found, else an empty string."""
        return next((line.strip() for line in self.lines if re.search(pattern, line)), "")


def qemu_root():
    """The folder below which QEMU is: $QEMU_ROOT, else the lab's own chroot if it is there; none for the host's."""
    named = os.environ.get("QEMU_ROOT")
    own = pathlib.Path(os.environ.get("LAB", "/nonexistent"), "systems/tools")
    if not named and not (own / "usr/bin/qemu-system-x86_64").exists():
        return None
    return pathlib.Path(named or own).resolve()


def qemu():
    """The beginning of the command line: which QEMU, and with which libraries and firmware files."""
    root = qemu_root()
    if not root:
        return ["qemu-system-x86_64"]
    libraries = root / "usr/lib/x86_64-linux-gnu"
    firmware = [word for name in ("qemu", "seabios", "OVMF") for word in ("-L", root / "usr/share" / name)]
    loader = root / "usr/lib64/ld-linux-x86-64.so.2"
    program = root / "usr/bin/qemu-system-x86_64"
    return [loader, "--library-path", f"{libraries}:{libraries}/pulseaudio", program, *firmware]


def boot(arguments, timeout=120, until=(), log=None, quiet=True, send=()):
    """Starts QEMU and waits until it ends, one of the byte patterns `until` was printed, or the time is up.

    `log`: where the raw console is kept. `quiet=False` leaves out the arguments of QUIET, for machines with a network.
    `send`: pairs of (byte pattern, bytes): typed on the console once the pattern was printed, each once, in order.
    """
    command = [*qemu(), "-accel", os.environ.get("ACCEL", "tcg"), *(QUIET if quiet else []), *arguments]
    environment = dict(os.environ)
    if root := qemu_root():
        environment["QEMU_MODULE_DIR"] = f"{root}/usr/lib/x86_64-linux-gnu/qemu"
    lock = open(os.environ["LAB_LOCK"], "w") if os.environ.get("LAB_LOCK") else None
    if lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        machine = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, env=environment, preexec_fn=_end_with_parent,
        )
        try:
            ended = _wait(machine, output.fileno(), started + timeout, until, list(send))
        finally:
            machine.kill()
            machine.wait()
            seconds = round(time.monotonic() - started, 1)
            if lock:
                lock.close()
        output.seek(0)
        raw = output.read()
    if log:
        pathlib.Path(log).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(log).write_bytes(raw)
    return Console(raw, seconds, ended)


def _end_with_parent():
    """A machine does not outlive the script that started it, however that ends (PR_SET_PDEATHSIG of prctl(2))."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _wait(machine, output, deadline, until, send):
    patterns = [re.compile(pattern) for pattern in until]
    while machine.poll() is None:
        time.sleep(0.2)
        said = os.pread(output, os.fstat(output).st_size, 0) if patterns or send else b""
        if any(pattern.search(said) for pattern in patterns):
            return "marker"
        if send and re.search(send[0][0], said):
            machine.stdin.write(send.pop(0)[1])
            machine.stdin.flush()
        if time.monotonic() > deadline:
            return "timeout"
    return "halt"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("--until", action="append", default=[], metavar="REGEX")
    parser.add_argument("--send", action="append", default=[], metavar="REGEX=TEXT")
    parser.add_argument("--log")
    parser.add_argument("qemu", nargs="+", metavar="QEMU-ARGUMENT")
    given = parser.parse_args()
    send = [tuple(part.encode() for part in pair.split("=", 1)) for pair in given.send]
    console = boot(given.qemu, given.timeout, [word.encode() for word in given.until], given.log, send=send)
    sys.stdout.write(console.text)
    sys.exit(3 if console.timed_out else 0)


if __name__ == "__main__":
    main()
