#!/bin/sh
# Makes what is missing, mends every case that truth.jsonl lacks, and records what came of it.
#   LAB=DIR testdata/lab/fixes/run.sh [--jobs N] [ID-REGEX...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${LAB:?set LAB to the work area of the lab}"
python3 "$here/../systems.py" tools debian12 debian12-dracut debian13 debian13-dracut ubuntu24
# The disks of the main part, and those of the part that mounts.
[ -e "$LAB/disks/machine.done" ] || python3 "$here/../main/run.py" --inputs deb12c-most--virtio-blk
[ -e "$LAB/mounts/data.done" ] || "$here/../mounts/build.sh"
python3 "$here/run.py" "$@"
