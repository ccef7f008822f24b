#!/bin/bash
# dump.sh multi-user|emergency|rescue|watch: writes to the second serial port what the boot has come to, and powers off.
exec </dev/null >/dev/ttyS1 2>/dev/null
stty raw -echo <&1
reached=$1
settings=" $(cat /proc/cmdline) "
value() { case $settings in *" $1="*) v=${settings#* "$1"=}; echo "${v%% *}" ;; *) echo "$2" ;; esac; }
if [ "$reached" = watch ]; then
  sleep "$(value lab.watch 200)"
  reached=hang
else
  sleep "$(value lab.settle 1)"
fi
mkdir /run/lab-dumped || exit 0
section() { echo "@@@ $1"; }
section reached; echo "$reached"
section seconds; cut -d' ' -f1 /proc/uptime
section failed_units; systemctl list-units --failed --plain --no-legend --no-pager | awk '{print $1}'
section jobs_waiting; systemctl list-jobs --no-legend --no-pager --full | grep -v lab-dump | tr -s ' '
section mounted; awk '$2 !~ "^/(proc|sys|dev|run)(/|$)"' /proc/mounts
section swaps; tail -n +2 /proc/swaps | tr -s ' \t' ' '
section mount_units; systemctl list-units --all --plain --no-legend --no-pager --full -t mount,swap,automount | grep -v ' not-found ' | tr -s ' ' |
  grep -vE '^(dev-hugepages|dev-mqueue|proc-sys|sys-|run-|dev-disk-by.x2d(partlabel|partuuid|path|diskseq))'
section generated
cd /run/systemd/generator 2>/dev/null && for f in *.mount *.swap *.automount systemd-cryptsetup@*; do
  [ -f "$f" ] && { echo "## $f"; grep -vE '^(#|$|Documentation|SourcePath)' "$f"; }
done
find . -mindepth 2 -type l -printf '%P -> %l\n' | sort
section evidence
journalctl -b --no-pager -o short-monotonic 2>/dev/null | grep -E 'timed out|Timed out|Dependency failed|failed with result|Failed with result|mount\[|systemd-fstab|cryptsetup|Mounting /|Mounted (srv|home|usr|boot|opt|var)|fsck|swapon|remount-fs|emergency|Emergency|not a valid|Failed to mount|Activat|ordering cycle|not found|Duplicate' |
  grep -vE 'systemd-udevd|Starting|kernel: device-mapper|Listening|Created slice|fsckd|Expecting' | sed 's/ mountlab / /' | head -40
section disks; blkid -c /dev/null
section modaliases
for d in /sys/bus/pci/devices/*; do
  driver=$(readlink "$d/driver"); echo "$(basename "$d") $(cat "$d/modalias") ${driver##*/}"
done
section root_mode; awk '$2 == "/" {print substr($4, 1, 2)}' /proc/mounts | tail -1
section end
sync
[ "$(value lab.prepare no)" = no ] || sleep 1
echo o >/proc/sysrq-trigger
sleep 20
