#!/bin/sh
# The part `firmware`: makes the systems that it needs, then boots what is not recorded yet.
#   LAB=DIR testdata/lab/firmware/run.sh [ID-REGEX...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python3 "$here/../systems.py" tools debian12 debian12-grub
python3 "$here/run.py" "$@"
