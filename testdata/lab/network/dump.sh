#!/bin/bash
# Writes to the second serial port how the interfaces are called, who drives them and what is up, and powers off.
exec </dev/null >/dev/ttyS1 2>/dev/null
stty raw -echo <&1
settings=" $(cat /proc/cmdline) "
value() { case $settings in *" $1="*) v=${settings#* "$1"=}; echo "${v%% *}" ;; *) echo "$2" ;; esac; }
sleep "$(value lab.settle 3)"
udevadm settle -t 20
section() { echo "@@@ $1"; }
section reached; systemctl is-active --quiet multi-user.target && echo multi-user
section seconds; cut -d' ' -f1 /proc/uptime
section nics
for nic in /sys/class/net/*; do
  name=${nic##*/}
  [ "$name" != lo ] && [ -d "$nic" ] || continue
  echo "## $name"
  path=$(readlink -f "$nic"); echo "devpath=$path"
  at=$(readlink -f "$nic/device" 2>/dev/null)
  while [ -n "$at" ] && [ "$(basename "$(readlink -f "$at/subsystem")")" != pci ] && [ "$at" != /sys ] && [ "$at" != / ]; do at=$(dirname "$at"); done
  case $at in /sys/devices/*) echo "pci=$(basename "$at")"; echo "modalias=$(cat "$at/modalias")"; echo "driver=$(basename "$(readlink -f "$at/driver")")" ;; esac
  for key in address operstate flags name_assign_type; do echo "$key=$(cat "$nic/$key")"; done
  udevadm info -q property -p "$path" | grep -E '^(INTERFACE|ID_|TAGS|SYSTEMD_ALIAS)'
  udevadm test-builtin net_id "$path" 2>/dev/null | grep -E '^ID_NET_NAME_(SLOT|PATH|ONBOARD|MAC)=' | sed 's/^/now_/'
done
section slots; for s in /sys/bus/pci/slots/*; do [ -e "$s" ] && echo "${s##*/} $(cat "$s/address")"; done
section acpi
for d in /sys/bus/pci/devices/*; do
  for key in acpi_index index label firmware_node/sun; do [ -e "$d/$key" ] && echo "${d##*/} $key $(cat "$d/$key")"; done
done
section net_units
for u in networking systemd-networkd systemd-networkd-wait-online NetworkManager NetworkManager-wait-online; do
  echo "$u $(systemctl show -p ActiveState,SubState,Result "$u" | tr '\n' ' ')"
done
section nm; nmcli -t -f NAME,TYPE,DEVICE,STATE connection show; nmcli -t -f DEVICE,TYPE,STATE,CONNECTION device
section addr; ip -br addr; ip -br link
section failed_units; systemctl list-units --failed --plain --no-legend --no-pager | awk '{print $1}'
section jobs_waiting; systemctl list-jobs --no-legend --no-pager --full
section evidence
journalctl -b --no-pager -o short-monotonic | grep -E 'renamed from|File exists|Failed to rename|ifup\[|ifup:|networking.service|wait-online|systemd-networkd\[|NetworkManager\[.*(policy|device|connection)|dhclient|link_config|net_setup|\.link' | cut -c1-220 | head -60
section devices
for d in /sys/bus/pci/devices/*; do driver=$(readlink "$d/driver"); echo "$(basename "$d") $(cat "$d/modalias") ${driver##*/}"; done
section end
sync
echo o >/proc/sysrq-trigger
sleep 20
