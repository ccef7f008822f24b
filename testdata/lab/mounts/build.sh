#!/bin/bash
# Builds what record.py boots: a small Debian 12 with systemd on one disk, and a second disk with a bit of everything.
#   LAB=DIR ./build.sh
# Needs root, debootstrap, a Debian mirror (the one apt uses), about 2 GB in DIR, and the chroots that ../systems.py makes in
# DIR/systems: `debian12` (a kernel with initramfs-tools; $KERNEL_ROOT names another) and `tools` (QEMU). No loop devices, no KVM.
set -eu
LAB=${LAB:?set LAB to the work area of the lab}
HERE=$(cd "$(dirname "$0")" && pwd)
OUT=$LAB/mounts; BW=${KERNEL_ROOT:-$LAB/systems/debian12}
[ -n "${KERNEL_ROOT:-}" ] || python3 "$HERE/../systems.py" tools debian12
KV=$(ls "$BW/lib/modules" | grep -v cloud | head -1)
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
  awk '$1=="URIs:"{print $2} $1=="deb"{for(i=2;i<=NF;i++) if($i ~ /^https?:/){print $i;break}}' | grep -E '/debian/?$' | head -1)
mkdir -p "$OUT"
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

# --- the root: minbase, systemd, udev and the tools that mount things; no kernel, its modules are copied
R=$OUT/root
if [ ! -e "$R/.done" ]; then
  rm -rf --one-file-system "$R"
  debootstrap --variant=minbase --include=systemd,systemd-sysv,udev,kmod,util-linux,mount,e2fsprogs,xfsprogs,dosfstools,cryptsetup-bin,lvm2,mdadm,nfs-common,dbus,quota \
    bookworm "$R" "$mirror" >"$OUT/debootstrap.log" 2>&1
  touch "$R/.done"
fi
rm -rf "$R"/usr/share/{doc,man,locale} "$R"/var/cache/apt/* "$R"/var/lib/apt/lists/*
mkdir -p "$R/lib/modules/$KV/kernel" "$R/lab"
for part in fs crypto lib arch block net/sunrpc net/core net/dns_resolver net/packet net/ipv6 drivers/md drivers/block drivers/scsi drivers/cdrom drivers/ata drivers/virtio drivers/dax; do
  [ -d "$BW/lib/modules/$KV/kernel/$part" ] || continue
  mkdir -p "$R/lib/modules/$KV/kernel/${part%/*}"
  cp -a "$BW/lib/modules/$KV/kernel/$part" "$R/lib/modules/$KV/kernel/${part%/*}/"
done
cp "$BW/lib/modules/$KV"/modules.{order,builtin,builtin.modinfo} "$R/lib/modules/$KV/"
chroot "$R" depmod "$KV"

# --- what records: lab.target comes after multi-user; emergency mode runs the recorder and no shell; a watch for what hangs
install -m755 "$HERE/dump.sh" "$R/lab/dump.sh"
S=$R/etc/systemd/system
mkdir -p "$S/emergency.service.d" "$S/rescue.service.d" "$S/sysinit.target.wants"
cat >"$S/lab.target" <<'U'
[Unit]
Requires=multi-user.target
After=multi-user.target
Wants=lab-dump.service
AllowIsolate=yes
U
cat >"$S/lab-dump.service" <<'U'
[Unit]
Requires=multi-user.target
After=multi-user.target
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/lab/dump.sh multi-user
U
cat >"$S/lab-watch.service" <<'U'
[Unit]
DefaultDependencies=no
IgnoreOnIsolate=yes
[Service]
ExecStart=/lab/dump.sh watch
U
ln -sf ../lab-watch.service "$S/sysinit.target.wants/lab-watch.service"
for u in emergency rescue; do
  printf '[Service]\nExecStartPre=\nExecStart=\nExecStart=/lab/dump.sh %s\nStandardInput=null\n' $u >"$S/$u.service.d/lab.conf"
done
for u in serial-getty@ttyS0 getty@tty1 apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer e2scrub_reap systemd-timesyncd systemd-update-utmp-runlevel systemd-update-utmp mdmonitor.service rpcbind.socket rpcbind nfs-client.target systemd-fsckd.socket; do
  case $u in *.timer | *.service | *.socket | *.target) ln -sf /dev/null "$S/$u" ;; *) ln -sf /dev/null "$S/$u.service" ;; esac
done
echo mountlab >"$R/etc/hostname"; echo 0123456789abcdef0123456789abcdef >"$R/etc/machine-id"
head -c 64 /dev/zero | tr '\0' k >"$R/lab/luks.key"; chmod 600 "$R/lab/luks.key"
printf 'UUID=b0070001-0000-4000-8000-000000000001 / ext4 errors=remount-ro 0 1\n' >"$R/etc/fstab"
rm -f "$R/etc/crypttab" "$R/etc/mdadm/mdadm.conf"

# --- the disks; the second is formatted by a guest, which has all the tools
disk() { rm -f "$1"; truncate -s "$2" "$1"; printf '%b' "$3" | sfdisk -q "$1"; }
size=$(( $(du -sm "$R" | cut -f1) + 200 ))
disk "$OUT/root.img" $((size + 2))M 'label: dos\nlabel-id: 0x1ab0b007\nstart=2048, type=83\n'
mke2fs -q -F -t ext4 -O ^metadata_csum_seed,^orphan_file -d "$R" -L ROOTFS -U b0070001-0000-4000-8000-000000000001 -E offset=1048576 "$OUT/root.img" ${size}M
parts='label: gpt\nlabel-id: 0DA7A000-0000-4000-8000-000000000000\n'; n=0
for part in data:64M swap:32M xdata:320M vdata:32M mydata:32M luks:48M pv:48M mda:32M mdb:32M; do
  n=$((n + 1)); parts+="size=${part#*:}, name=${part%:*}, uuid=0DA7A000-0000-4000-8000-00000000000$n\n"
done
disk "$OUT/data.img" 720M "$parts"

# --- the initrd: copies /lab/overlay, which record.py appends as an archive, over the root before init starts
C=$OUT/initramfs; rm -rf "$C"; cp -a "$BW/etc/initramfs-tools" "$C"
mkdir -p "$C/scripts/local-bottom"
sed -i 's/^MODULES=.*/MODULES=list/; s/^COMPRESS=.*/COMPRESS=gzip/' "$C/initramfs.conf"
printf '%s\n' virtio_pci virtio_blk ext4 crc32c_generic >"$C/modules"
cat >"$C/scripts/local-bottom/lab" <<'I'
#!/bin/sh
[ "$1" = prereqs ] && exit 0
[ -d /lab/overlay ] || exit 0
mount -o remount,rw "$rootmnt" && cp -a /lab/overlay/. "$rootmnt/" && mount -o remount,ro "$rootmnt"
I
chmod +x "$C/scripts/local-bottom/lab"
rm -rf "$BW/mounts-lab"; cp -a "$C" "$BW/mounts-lab"
chroot "$BW" mkinitramfs -d /mounts-lab -o /mounts-lab/initrd.img "$KV" >"$OUT/initramfs.log" 2>&1
cp "$BW/mounts-lab/initrd.img" "$OUT/initrd.img"; rm -rf "$BW/mounts-lab"
cp "$BW/boot/vmlinuz-$KV" "$OUT/vmlinuz"; echo "$KV" >"$OUT/release"
python3 "$HERE/record.py" --prepare
echo "built in $OUT"
