#!/bin/sh
# Holds bootproof's predictions against every part of a lab: testdata/lab/score.sh [LAB]
# With LAB, a work area that lab.sh made, the main part is predicted from the real kernels and initrds there; without,
# from the packed inputs. The other parts' records hold their whole input. $TRUTH, $FIRMWARE_TRUTH, $LAB_MOUNTS and
# $LAB_NETWORK_TRUTH name other tables than the repository's.
cd "$(dirname "$0")/../.." || exit 2
failed=0
echo "== main"
cargo run -q --example lab -- score ${1:+"$1"} || failed=1
for part in firmware mounts network; do
    [ -e "tests/lab_$part.rs" ] || continue
    echo "== $part"
    cargo test -q --test "lab_$part" -- --nocapture || failed=1
done
exit $failed
