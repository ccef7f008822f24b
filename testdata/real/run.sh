#!/bin/bash
# First compares what bootproof lists of each image with what cpio and lsinitramfs listed. Then runs it on the systems
# that build.sh made, against every platform, and prints what it says. Beside each stands what a plain look into the
# initrd says: are the modules that this platform's disk needs in it (or built in)? Where the two differ, where a
# machine that boots has a finding of high or blocker, and where one that does not has no blocker, the line is marked
# and this ends with 1.
#
#   REAL=/some/folder testdata/real/run.sh [SYSTEM]...       BOOTPROOF=path/of/the/binary
set -eu
REAL=${REAL:?set REAL to the folder that build.sh filled}
cd "$(dirname "$0")/../.."
if [ -z "${BOOTPROOF:-}" ]; then cargo build --release --quiet; BOOTPROOF=target/release/bootproof; fi
export BOOTPROOF REAL
exec python3 - "$@" <<'PYTHON'
import collections, json, os, re, subprocess, sys

bootproof, trees = os.environ["BOOTPROOF"], os.path.join(os.environ["REAL"], "trees")

# What it takes to see the disk, by module name. Where a platform has an emulated IDE disk beside its own one, the kernel
# takes the former away: Xen's is unplugged (arch/x86/xen/platform-pci-unplug.c), and ata_piix leaves Hyper-V's to
# hv_storvsc (drivers/ata/ata_piix.c, piix_ignore_devices_quirk).
NEEDED = {
    "kvm": "virtio_pci virtio_blk",
    "kvm-virtio-scsi": "virtio_pci virtio_scsi sd_mod",
    "kvm-sata": "ahci sd_mod",
    "proxmox": "virtio_pci virtio_scsi sd_mod",
    "openstack": "virtio_pci virtio_blk",
    "nutanix": "virtio_pci virtio_scsi sd_mod",
    "vmware": "vmw_pvscsi sd_mod",
    "vmware-lsi": "mptspi sd_mod",
    "vmware-sas": "mptsas sd_mod",
    "vmware-nvme": "nvme",
    "hyperv-gen1": "hv_storvsc sd_mod",
    "hyperv-gen2": "hv_storvsc sd_mod",
    "azure": "hv_storvsc sd_mod",
    "azure-nvme": "nvme",
    "xen-hvm": "xen_blkfront",
    "xen-pv": "xen_blkfront",
    "aws-xen": "xen_blkfront",
    "aws-nitro": "nvme",
    "gcp": "virtio_pci virtio_scsi sd_mod",
    "gcp-nvme": "nvme",
    "oracle-cloud": "virtio_pci virtio_scsi sd_mod",
    "virtualbox": "ahci sd_mod",
}


def present(tree):
    """The names of the modules in the (one) initrd and in the kernel itself."""
    boot = os.path.join(tree, "boot")
    initrd = next(os.path.join(boot, name) for name in sorted(os.listdir(boot)) if name.startswith(("initrd.img-", "initramfs-")))
    listing = subprocess.run(["lsinitramfs", initrd], capture_output=True, text=True, check=True).stdout
    modules = os.path.join(tree, "usr/lib/modules")
    if not os.path.isdir(modules):
        modules = os.path.join(tree, "lib/modules")
    (release,) = os.listdir(modules)
    builtin = open(os.path.join(modules, release, "modules.builtin")).read()
    return {name.replace("-", "_") for name in re.findall(r"([^/\n]+)\.ko", listing + builtin)}


surprises = 0
images = os.path.join(os.environ["REAL"], "images")
for name in sorted(name for name in os.listdir(images) if name.endswith(".img")):
    image = os.path.join(images, name)
    listed = subprocess.run([bootproof, "initrd", "list", image], capture_output=True).stdout
    verdicts = []
    for other in ("cpio-t", "lsinitramfs"):
        theirs = open(f"{image}.{other}", "rb").read() if os.path.exists(f"{image}.{other}") else b""
        verdicts.append(f"{'as' if listed == theirs else 'NOT as'} {other} lists it")
        surprises += listed != theirs
    print(f"{name:34} {len(listed.splitlines()):5} names, {', '.join(verdicts)}")

for system in sys.argv[1:] or sorted(name for name in os.listdir(trees) if os.path.exists(f"{trees}/{name}.done")):
    tree = os.path.join(trees, system)
    modules = present(tree)
    print(f"\n{system}\n  {'target':16} {'default entry':28} {'by its initrd':14} blocker high medium low info")
    for target, needed in NEEDED.items():
        run = subprocess.run([bootproof, "check", tree, "--target", target, "--format", "json"], capture_output=True, text=True)
        if run.returncode not in (0, 1):
            print(f"  {target:16} exit {run.returncode}: {run.stderr.strip()}")
            surprises += 1
            continue
        report = json.loads(run.stdout)
        boot = next((b for b in report["boots"] if b["default"]), None)
        outcome = "no entry" if boot is None else boot["outcome"] + (f" at {boot['failed_at']}" if boot.get("failed_at") else "")
        missing = [n for n in needed.split() if n not in modules]
        expected = f"no {missing[0]}" if missing else "driver there"
        found = collections.Counter(f["severity"] for f in report["findings"])
        boots = outcome == "boots"
        # These systems were installed for BIOS, and these platforms have UEFI alone.
        if target in ("hyperv-gen2", "azure-nvme"):
            expected = "no loader"
        agrees = outcome == "fails at firmware" if expected == "no loader" else (outcome == "fails at disk-driver") == bool(missing)
        noisy = boots and (found["blocker"] or found["high"])
        silent = outcome.startswith("fails") and not found["blocker"]
        mark = "" if agrees and not noisy and not silent else "   <-- " + ("differs" if not agrees else "noisy" if noisy else "no blocker")
        surprises += bool(mark)
        counts = "".join(f"{found[s]:{w}}" for s, w in (("blocker", 7), ("high", 5), ("medium", 7), ("low", 4), ("info", 5)))
        print(f"  {target:16} {outcome:28} {expected:14} {counts}{mark}")
        if noisy or not agrees or os.environ.get("VERBOSE"):
            for f in report["findings"]:
                if f["severity"] in ("blocker", "high") or os.environ.get("VERBOSE"):
                    print(f"      {f['severity']}: {f['rule']}: {f['message']}")
print(f"\n{surprises} surprises")
sys.exit(1 if surprises else 0)
PYTHON
