#!/bin/sh
# Builds the disk of this part once, boots every case that truth.jsonl lacks, and records it.
#   LAB=DIR testdata/lab/network/run.sh [ID-REGEX]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ -e "${LAB:?set LAB to the work area of the lab}/network/done" ] || "$here/build.sh"
python3 "$here/record.py" "$@"
