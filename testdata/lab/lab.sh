#!/bin/sh
# Builds the boot lab, boots every case and records what happened, on a Debian 12 machine as root:
#   LAB=DIR testdata/lab/lab.sh            everything: every part, every case
#   LAB=DIR testdata/lab/lab.sh --quick    about eight boots of the main part, from nothing
#   LAB=DIR testdata/lab/lab.sh PART...    only these parts: main firmware mounts network fixes
# It can be stopped and started again: what is in $LAB is not made twice, what is recorded is not booted twice.
set -eu
# What is mounted in the chroots must not outlive the lab, not even when it is killed.
[ -n "${LAB_PRIVATE:-}" ] || exec env LAB_PRIVATE=1 unshare --mount --propagation private "$0" "$@"
: "${LAB:?set LAB to the work area, a folder with 15 GB free}"
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$LAB"
LAB=$(cd "$LAB" && pwd)
export LAB

needed="debootstrap curl python3 gcc libc6-dev fdisk e2fsprogs cpio zstd lz4 xz-utils bzip2 lzop"
missing=$(for p in $needed; do dpkg -s "$p" >/dev/null 2>&1 || echo "$p"; done)
if [ -n "$missing" ]; then
    apt-get update
    # shellcheck disable=SC2086 -- a list of words
    apt-get install -y --no-install-recommends $missing
fi

quick=
[ "${1:-}" != --quick ] || { quick=--quick; shift; set -- main; }
[ $# -gt 0 ] || set -- main firmware mounts network fixes
for part in "$@"; do
    if [ "$part" = main ]; then
        # shellcheck disable=SC2086 -- no argument at all when it is not the quick mode
        python3 "$here/main/run.py" $quick
    else
        # Each part has one script of its own; it uses vm.py, place.py and systems.py of this folder.
        "$here/$part/run.sh"
    fi
done
