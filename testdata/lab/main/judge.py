"""What a console says about a boot: its outcome, a finer class, and the sentence that shows it.

outcome  ok        the lab's init ran from the right disk
         no-root   the initrd gave up;  panic  the kernel did;  timeout  somebody still waited when time was up
class    what the console allows to say about the step: see README.md
"""

import re

STAMP = re.compile(r"^\[ *[\d.]+\] ?")
PANIC = r"Kernel panic - not syncing"
UNPACKING = (
    r"[Ii]nitramfs unpacking failed|invalid magic at start|junk (within|in) compressed|"
    r"XZ-compressed data is corrupt|[Dd]ecompress.*(fail|error)|Decoding failed"
)
# What is worth quoting, in this order.
TELLING = [
    UNPACKING, r"VFS: Cannot open root device", r"version magic|disagrees about version|Unknown symbol",
    r"[Uu]nknown filesystem type|wrong fs type|Cannot load crc32c", r"mounting .* failed", r"ALERT!", r"No init found",
    r"No root device specified", r"Failed to execute /init", r"Timed out waiting for device",
    r"Dependency failed for.*(sysroot|usr)", r"Failed to mount.*sysroot", r"Please (enter|unlock)",
    r"does not seem to be an OS tree|not a valid OS tree", r"dracut.*(FATAL|Warning|Refusing)", r"Could not boot",
]
MOUNT_FAILED = r"mounting .* on .* failed|Failed to mount .* as root|mount: .*(wrong fs type|unknown filesystem)|Failed to mount /sysroot|mount: /sysroot|FAILED.*Failed to mount.*sysroot"
NO_DEVICE = r"does not exist|Gave up waiting|dracut-initqueue.*timeout|Timed out waiting for device|Warning: /dev/.*not exist"
GIVEN_UP = NO_DEVICE + r"|ALERT!|No root device specified|Could not boot|FATAL|[Ee]mergency"
NO_INIT = r"No init found|Cannot find init|No working init|OS tree|Requested init .* failed|can't execute"


def judge(console):
    lines = [STAMP.sub("", line.strip()) for line in console.lines if "ommand line:" not in line]
    text = "\n".join(lines)

    def first(pattern):
        return next((line for line in lines if re.search(pattern, line)), "")[:240]

    quoted = []
    for pattern in TELLING:
        if (line := first(pattern)) and line not in quoted:
            quoted.append(line)
    why = " | ".join(quoted)[:480]
    if "LAB-ROOT" in text:
        return "ok", "ok", first(r"^LAB-MOUNT") or "init ran"
    if panic := first(PANIC):
        return "panic", _panic_class(panic, text), f"{panic} | {why}"[:480]
    if re.search(r"Out of memory and no killable|System is deadlocked on memory", text):
        return "panic", "oom", "out of memory"
    if console.timed_out:
        return "timeout", *_waiting(lines, first, why)
    if re.search(NO_INIT, text) and not re.search(r"ALERT!.*does not exist", text):
        return "no-root", "no-init", why
    if switch := first(r"Failed to start.*(initrd-switch-root|Switch Root)|Failed to switch root"):
        return "no-root", "switch-root-failed", f"{switch} | {why}"[:480]
    if re.search(MOUNT_FAILED, text):
        return "no-root", "mount-failed", why
    if re.search(GIVEN_UP, text):
        return "no-root", "no-device" if re.search(NO_DEVICE, text) else "emergency", why
    return "panic", "reset", "ended without a word: " + " / ".join([line for line in lines if line][-2:])


def _panic_class(panic, text):
    if re.search(UNPACKING, text) and "Attempted to kill init" not in panic:
        return "unpack-failed"
    if "memory" in panic.lower():
        return "oom"
    if "unable to mount root" in panic.lower():
        return "kernel-no-root"
    if "No working init" in panic or "Requested init" in panic:
        return "no-init"
    return "init-killed" if "kill init" in panic else "panic"


def _waiting(lines, first, why):
    """The class of a boot that was still waiting, and what for."""
    if prompt := first(r"Please (enter|unlock)"):
        return "passphrase", prompt
    if any(re.search(r"(A start|Job|Expecting).*(job is running for /dev|dev-)", line) for line in lines):
        return "no-device", f"systemd still waits for the root device: {first(r'job is running for')}"
    if line := first(r"Failed to execute /init|No init found"):
        return "no-init", f"{line} (and hung)"
    if line := first(r"\(initramfs\)|Spawning shell|Entering emergency|rd\.break|dracut:.*#"):
        return "shell", line
    return "hang", (why or "last: " + " / ".join([line for line in lines if line][-2:]))[:480]
