#!/bin/bash
# Builds what record.py boots: a small Debian 12 with every network manager, two initrds, one disk.
#   LAB=DIR ./build.sh
# Needs root, debootstrap, a Debian mirror (the one that apt uses) and about 3 GB in DIR. No loop devices, no KVM.
set -eu
LAB=${LAB:?set LAB to the work area of the lab}
HERE=$(cd "$(dirname "$0")" && pwd)
OUT=$LAB/network
R=$OUT/root
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
mkdir -p "$OUT"
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
  awk '$1=="URIs:"{print $2} $1=="deb"{for(i=2;i<=NF;i++) if($i ~ /^https?:/){print $i;break}}' | grep -E '/debian/?$' | head -1)
run() { chroot "$R" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"; }

# --- the root: every manager is installed, ifupdown alone is enabled; a case enables others by links
if [ ! -e "$R/.done" ]; then
  rm -rf --one-file-system "$R"
  debootstrap --variant=minbase bookworm "$R" "$mirror" >"$OUT/build.log" 2>&1
  cp /etc/resolv.conf /etc/hosts "$R/etc/"
  printf '#!/bin/sh\nexit 101\n' >"$R/usr/sbin/policy-rc.d"; chmod +x "$R/usr/sbin/policy-rc.d"
  echo force-unsafe-io >"$R/etc/dpkg/dpkg.cfg.d/lab"
  printf 'path-exclude /usr/share/%s/*\n' doc man locale info >>"$R/etc/dpkg/dpkg.cfg.d/lab"
  echo 'APT::Install-Recommends "0"; APT::Sandbox::User "root";' >"$R/etc/apt/apt.conf.d/99lab"
  mkdir -p "$R/etc/initramfs-tools"; echo 'update_initramfs=no' >"$R/etc/initramfs-tools/update-initramfs.conf"
  mount -t proc proc "$R/proc"
  run apt-get update >>"$OUT/build.log" 2>&1
  run apt-get install -y systemd-sysv udev kmod iproute2 ifupdown isc-dhcp-client network-manager netplan.io ifenslave vlan bridge-utils \
    dbus linux-image-amd64 initramfs-tools busybox >>"$OUT/build.log" 2>&1
  umount "$R/proc"
  rm -f "$R/usr/sbin/policy-rc.d"; rm -rf "$R"/var/cache/apt/* "$R"/var/lib/apt/lists/* "$R"/usr/share/{doc,man,locale,info} "$R"/boot/initrd*
  touch "$R/.done"
fi
KV=$(ls "$R/lib/modules" | head -1)
echo lab >"$R/etc/hostname"; : >"$R/etc/machine-id"; rm -f "$R/etc/resolv.conf"
printf 'UUID=b0070002-0000-4000-8000-000000000001 / ext4 defaults 0 1\n' >"$R/etc/fstab"
printf 'auto lo\niface lo inet loopback\n' >"$R/etc/network/interfaces"
rm -f "$R"/etc/systemd/system/*.wants/{NetworkManager*,*.timer,e2scrub*,remote-fs*,systemd-pstore*}
rm -f "$R/etc/systemd/system/dbus-org.freedesktop.nm-dispatcher.service" "$R"/etc/cron.*/*

# --- what records: lab.target comes after multi-user, its service writes to the second serial port and powers off
mkdir -p "$R/lab"; install -m755 "$HERE/dump.sh" "$R/lab/dump.sh"
cat >"$R/etc/systemd/system/lab.target" <<'U'
[Unit]
Requires=multi-user.target
After=multi-user.target
Wants=lab-dump.service
AllowIsolate=yes
U
cat >"$R/etc/systemd/system/lab-dump.service" <<'U'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/lab/dump.sh
U

# --- the initrds: one with the disk's drivers alone, one with every driver; both copy a case's files over the root
conf() { # conf DIR MODULES
  rm -rf "$1"; cp -a "$R/etc/initramfs-tools" "$1"; rm -f "$1/update-initramfs.conf"
  sed -i "s/^MODULES=.*/MODULES=$2/; s/^COMPRESS=.*/COMPRESS=gzip/" "$1/initramfs.conf"
  printf 'virtio_pci\nvirtio_blk\next4\ncrc32c_generic\n' >"$1/modules"
  mkdir -p "$1/scripts/local-bottom"
  cat >"$1/scripts/local-bottom/lab" <<'S'
#!/bin/sh
[ "$1" = prereqs ] && exit 0
[ -d /lab/overlay ] || exit 0
mount -o remount,rw "$rootmnt" && cp -a /lab/overlay/. "$rootmnt/" && mount -o remount,ro "$rootmnt"
S
  chmod +x "$1/scripts/local-bottom/lab"
}
mount -t proc proc "$R/proc"
for kind in list most; do
  conf "$R/labconf" "$kind"
  run mkinitramfs -d /labconf -o "/lab/initrd-$kind.img" "$KV" >>"$OUT/build.log" 2>&1
  mv "$R/lab/initrd-$kind.img" "$OUT/"
done
umount "$R/proc"
rm -rf "$R/labconf"
cp "$R/boot/vmlinuz-$KV" "$OUT/vmlinuz"

# --- the disk: no partition table, ext4 on the whole of it
rm -f "$OUT/root.img"; truncate -s 1800M "$OUT/root.img"
mke2fs -q -F -t ext4 -L ROOT -U b0070002-0000-4000-8000-000000000001 -d "$R" "$OUT/root.img"
touch "$OUT/done"
