#!/bin/sh
# Builds the disks of this part once, boots every case that truth.jsonl lacks, and records it.
#   LAB=DIR testdata/lab/mounts/run.sh [ID-REGEX]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ -e "${LAB:?set LAB to the work area of the lab}/mounts/data.done" ] || "$here/build.sh"
python3 "$here/record.py" "$@"
