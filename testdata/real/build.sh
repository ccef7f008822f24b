#!/bin/bash
# Builds whole Debian 12 systems to try bootproof on, under $REAL. README.md beside
# this file says what it needs. Every step is skipped when its result is there, so a
# run that was interrupted goes on where it stopped.
#
#   REAL=/some/folder testdata/real/build.sh [SYSTEM|images]...     (default: all)
set -eu
REAL=${REAL:?set REAL to a work folder with 15 GB free}
here=$(cd "$(dirname "$0")" && pwd)
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
TREES=$REAL/trees WORK=$REAL/work LOGS=$REAL/logs
mkdir -p "$TREES" "$WORK/archives" "$LOGS" "$REAL/images"
renice -n 10 $$ >/dev/null

ROOT_UUID=6f1f6d0e-5c58-4d5c-9d0a-2f3b1f6f7a10
SWAP_UUID=c0b0a3d2-1f64-4f0e-8a55-7d1d8f2b9e21
ROOT_START=2048 ROOT_MIB=4000          # of the disk: sector of the first partition, its size
SWAP_START=$((ROOT_START + ROOT_MIB * 2048)) SWAP_MIB=64

# SYSTEM, what it is made from, the disk's controller; whether its initrd can be made in the tree or has to be made
# on the running machine because it depends on the hardware; the commands that make it.
systems() { cat <<'T'
deb12-most                 initramfs virtio-blk tree  update-initramfs -c -k all
deb12-cloud                cloud     virtio-blk tree  update-initramfs -c -k all
deb12-dracut               dracut    virtio-blk tree  echo 'hostonly="no"' >/etc/dracut.conf.d/90-hostonly.conf; dracut --force --kver $KVER
deb12-dep                  initramfs virtio-blk guest echo MODULES=dep >/etc/initramfs-tools/conf.d/driver-policy; update-initramfs -c -k all
deb12-dep-ahci             initramfs ahci       guest echo MODULES=dep >/etc/initramfs-tools/conf.d/driver-policy; update-initramfs -c -k all
deb12-dracut-hostonly      dracut    virtio-blk guest echo 'hostonly="yes"' >/etc/dracut.conf.d/90-hostonly.conf; dracut --force --kver $KVER
deb12-dracut-hostonly-ahci dracut    ahci       guest echo 'hostonly="yes"' >/etc/dracut.conf.d/90-hostonly.conf; dracut --force --kver $KVER
deb12-dep-pvscsi           initramfs pvscsi     guest echo MODULES=dep >/etc/initramfs-tools/conf.d/driver-policy; update-initramfs -c -k all
T
}

say() { echo "$(date +%H:%M:%S) $*"; }

# Debian's archive, as apt on this machine is told to reach it.
mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    awk '$1 == "URIs:" { print $2 } $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) { print $i; break } }' |
    grep -m1 -E '/debian/?$' || echo http://deb.debian.org/debian
}

enter() { # enter TREE COMMAND...: run a command inside a tree
  local tree=$1; shift
  local m
  for m in proc sys dev; do
    mountpoint -q "$tree/$m" || mount --rbind "/$m" "$tree/$m"
    mount --make-rslave "$tree/$m"
  done
  mkdir -p "$tree/var/cache/apt/archives"
  mountpoint -q "$tree/var/cache/apt/archives" || mount --bind "$WORK/archives" "$tree/var/cache/apt/archives"
  chroot "$tree" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"
}
leave() { # leave TREE: undo the mounts of `enter`
  local m
  for m in proc sys dev var/cache/apt/archives real; do
    if mountpoint -q "$1/$m"; then umount -R -l "$1/$m"; fi
  done
}
leave_all() { local t; for t in "$WORK"/*/ "$TREES"/*/; do leave "${t%/}"; done; }
trap leave_all EXIT

packages() { # packages TREE PACKAGE...
  local tree=$1; shift
  enter "$tree" apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold -o APT::Keep-Downloaded-Packages=true "$@"
}

# A minimal Debian with what a small server has.
base() {
  local t=$WORK/base
  [ -e "$t.done" ] && return 0
  say "base: debootstrap"
  leave "$t"; rm -rf --one-file-system "$t"; mkdir -p "$t/etc/dpkg/dpkg.cfg.d" "$t/etc/apt/apt.conf.d"
  # Nothing here has to survive a power cut, and nobody reads the manuals.
  cat >"$t/etc/dpkg/dpkg.cfg.d/quick" <<'C'
force-unsafe-io
path-exclude /usr/share/doc/*
path-exclude /usr/share/man/*
path-exclude /usr/share/locale/*
C
  echo 'APT::Sandbox::User "root"; Acquire::Languages "none";' >"$t/etc/apt/apt.conf.d/99quick"
  debootstrap --variant=minbase --cache-dir="$WORK/archives" bookworm "$t" "$(mirror)" >"$LOGS/base.log" 2>&1
  cp /etc/resolv.conf "$t/etc/resolv.conf"
  printf '#!/bin/sh\nexit 101\n' >"$t/usr/sbin/policy-rc.d"; chmod 755 "$t/usr/sbin/policy-rc.d"
  echo "deb $(mirror) bookworm main contrib non-free non-free-firmware" >"$t/etc/apt/sources.list"
  enter "$t" apt-get update >>"$LOGS/base.log" 2>&1
  echo 'grub-pc grub-pc/install_devices_empty boolean true' | enter "$t" debconf-set-selections
  packages "$t" systemd-sysv udev dbus kmod e2fsprogs ifupdown isc-dhcp-client iproute2 openssh-server nginx-light \
    grub-pc zstd lz4 xz-utils lzma bzip2 lzop cpio busybox lvm2 >>"$LOGS/base.log" 2>&1
  configure "$t"
  leave "$t"; touch "$t.done"
}

# The files that an installer writes.
configure() {
  local t=$1
  echo web1 >"$t/etc/hostname"
  printf '127.0.0.1\tlocalhost\n127.0.1.1\tweb1.example.com\tweb1\n' >"$t/etc/hosts"
  cat >"$t/etc/fstab" <<C
# /etc/fstab: static file system information.
#
# Use 'blkid' to print the universally unique identifier for a
# device; this may be used with UUID= as a more robust way to name devices
# that works even if disks are added and removed. See fstab(5).
#
# <file system> <mount point>   <type>  <options>       <dump>  <pass>
# / was on /dev/vda1 during installation
UUID=$ROOT_UUID /               ext4    errors=remount-ro 0       1
# swap was on /dev/vda2 during installation
UUID=$SWAP_UUID none            swap    sw              0       0
C
  cat >"$t/etc/default/grub" <<'C'
# If you change this file, run 'update-grub' afterwards to update
# /boot/grub/grub.cfg.
GRUB_DEFAULT=0
GRUB_TIMEOUT=5
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX=""
C
  mkdir -p "$t/etc/systemd/network" "$t/etc/systemd/system/multi-user.target.wants"
  # As Debian's cloud images have it: whatever the card is called.
  printf '[Match]\nName=en*\nName=eth*\n\n[Network]\nDHCP=yes\n' >"$t/etc/systemd/network/70-dhcp.network"
  ln -sf /lib/systemd/system/systemd-networkd.service "$t/etc/systemd/system/multi-user.target.wants/"
}

# Firmware and microcode such as a server with non-free-firmware has: makes the initrd
# of MODULES=most one of 50 to 70 MB.
FIRMWARE="intel-microcode amd64-microcode firmware-linux firmware-misc-nonfree firmware-bnx2 firmware-bnx2x firmware-qlogic firmware-realtek"

stage() { # stage NAME: base + kernel + the program that makes its initrd
  local t=$WORK/$1
  [ -e "$t.done" ] && return 0
  base
  say "$1: packages"
  leave "$t"; rm -rf --one-file-system "$t"; cp -a --reflink=auto "$WORK/base" "$t"
  # The initrds are made later, in a guest on the right hardware.
  mkdir -p "$t/etc/initramfs-tools"; echo 'update_initramfs=no' >"$t/etc/initramfs-tools/update-initramfs.conf"
  case $1 in
    initramfs) packages "$t" initramfs-tools linux-image-amd64 $FIRMWARE ;;
    cloud) packages "$t" initramfs-tools linux-image-cloud-amd64 ;;
    dracut) rm -r "$t/etc/initramfs-tools"; packages "$t" dracut dracut-core linux-image-amd64 $FIRMWARE ;;
  esac >"$LOGS/stage-$1.log" 2>&1
  if [ -e "$t/etc/initramfs-tools" ]; then echo 'update_initramfs=yes' >"$t/etc/initramfs-tools/update-initramfs.conf"; fi
  leave "$t"; touch "$t.done"; say "$1: ready"
}

# QEMU and the disk tools, in a tree of their own: the machine stays as it is.
tools() {
  local t=$WORK/tools
  if [ ! -e "$t.done" ]; then
    base
    say "tools: packages"
    leave "$t"; rm -rf --one-file-system "$t"; cp -a --reflink=auto "$WORK/base" "$t"
    packages "$t" qemu-system-x86 seabios fdisk e2fsprogs util-linux >"$LOGS/tools.log" 2>&1
    touch "$t.done"
  fi
  mkdir -p "$t/real"; mountpoint -q "$t/real" || mount --bind "$REAL" "$t/real"
}

kernel_of() { basename "$(ls -d "$1"/usr/lib/modules/*/kernel "$1"/lib/modules/*/kernel 2>/dev/null | head -1 | xargs dirname)"; }

# An initrd with which each stage's tree starts in the guest.
starter() {
  local t=$WORK/$1 out=$WORK/starter-$1.img kver
  [ -s "$out" ] && return 0
  kver=$(kernel_of "$t")
  say "$1: starter initrd"
  case $1 in
    dracut) enter "$t" dracut --force --no-hostonly --no-hostonly-cmdline --lz4 --no-early-microcode /tmp/starter.img "$kver" ;;
    *) enter "$t" sh -c "cp -a /etc/initramfs-tools /tmp/conf; sed -i 's/^COMPRESS=.*/COMPRESS=lz4/' /tmp/conf/initramfs.conf; mkinitramfs -d /tmp/conf -o /tmp/starter.img $kver; rm -r /tmp/conf" ;;
  esac >"$LOGS/starter-$1.log" 2>&1
  mv "$t/tmp/starter.img" "$out"; leave "$t"
}

# What runs in the guest as its init: everything that depends on the hardware.
guest_script() { # guest_script COMMANDS
  cat <<G
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev 2>/dev/null
umask 022; mkdir -p /dev/pts /dev/shm; mount -t tmpfs -o mode=755 run /run; mount -t tmpfs tmp /tmp
exec >/dev/ttyS0 2>&1 </dev/null
mount -o remount,rw /
/lib/systemd/systemd-udevd --daemon; udevadm trigger --action=add; udevadm settle -t 60
echo GUEST-START; set -x
uname -r; lsblk -f
swapon -a
KVER=\$(uname -r)
$1
grub-install \$(lsblk -npo PKNAME \$(findmnt -no SOURCE /))
update-grub
blkid >/dev/null                     # fills /run/blkid/blkid.tab
mkdir -p /out; find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u >/out/modaliases
ls -l /boot
tar -C / -cf /out/result.tar boot run/blkid etc/initramfs-tools etc/dracut.conf.d out/modaliases var/lib/initramfs-tools
set +x
swapoff -a; sync; mount -o remount,ro /; echo GUEST-DONE
echo o >/proc/sysrq-trigger; sleep 60
G
}

# A disk with the tree on it: MBR, one ext4 partition, one swap.
disk() { # disk TREE IMAGE
  local tree=$1 img=$2
  rm -f "$img"; truncate -s $(((SWAP_START / 2048 + SWAP_MIB + 1) * 1024 * 1024)) "$img"
  enter "$WORK/tools" sh -euc "cd /real
    printf 'label: dos\nlabel-id: 0x5b7a91c4\nstart=$ROOT_START, size=$((ROOT_MIB * 2048)), type=83, bootable\nstart=$SWAP_START, size=$((SWAP_MIB * 2048)), type=82\n' | sfdisk -q ${img#"$REAL"/}
    mke2fs -q -F -t ext4 -m 0 -U $ROOT_UUID -E offset=$((ROOT_START * 512)),lazy_itable_init=1 -d ${tree#"$REAL"/} ${img#"$REAL"/} ${ROOT_MIB}M
    truncate -s ${SWAP_MIB}M swap.tmp; mkswap -q -U $SWAP_UUID swap.tmp
    dd if=swap.tmp of=${img#"$REAL"/} bs=1M seek=$((SWAP_START / 2048)) conv=notrunc,sparse status=none; rm swap.tmp"
}

controller() { # QEMU's arguments for a disk behind a controller
  case $1 in
    virtio-blk) echo "-device virtio-blk-pci,drive=d0" ;;
    virtio-scsi) echo "-device virtio-scsi-pci,id=s -device scsi-hd,bus=s.0,drive=d0" ;;
    ahci) echo "-device ich9-ahci,id=s -device ide-hd,bus=s.0,drive=d0" ;;
    nvme) echo "-device nvme,serial=r1,drive=d0" ;;
    pvscsi) echo "-device pvscsi,id=s -device scsi-hd,bus=s.0,drive=d0" ;;
  esac
}

system() { # system NAME BASE CONTROLLER tree|guest COMMANDS
  local name=$1 stage=$2 ctl=$3 where=$4 commands=$5
  local t=$TREES/$name img=$WORK/$name.img kver
  [ -e "$t.done" ] && return 0
  stage "$stage"; tools; starter "$stage"
  kver=$(kernel_of "$WORK/$stage")
  leave "$t"; rm -rf --one-file-system "$t"; cp -a --reflink=auto "$WORK/$stage" "$t"
  if [ "$where" = tree ]; then
    say "$name: initrd"
    enter "$t" sh -exc "KVER=$kver; $commands" >"$LOGS/tree-$name.log" 2>&1
    leave "$t"; commands=:
  fi
  say "$name: guest on $ctl"
  guest_script "$commands" >"$t/guest-init"; chmod 755 "$t/guest-init"
  disk "$t" "$img"; rm "$t/guest-init"
  cp "$t/boot/vmlinuz-$kver" "$WORK/vmlinuz-$stage"
  timeout 1800 chroot "$WORK/tools" qemu-system-x86_64 -accel "${ACCEL:-tcg}" -cpu max -machine pc -smp 1 -m 1800 -nographic -no-reboot \
    -monitor none -nic none -kernel "/real/work/vmlinuz-$stage" -initrd "/real/work/starter-$stage.img" \
    -drive "file=/real/work/$name.img,format=raw,if=none,id=d0,cache=unsafe" $(controller "$ctl") \
    -append "root=UUID=$ROOT_UUID rw init=/guest-init console=ttyS0 panic=-1 rd.retry=90 mitigations=off nokaslr" </dev/null >"$LOGS/guest-$name.log" 2>&1 || true
  rm -f "$WORK/result.tar"
  enter "$WORK/tools" debugfs -R "dump /out/result.tar /real/work/result.tar" "/real/work/$name.img?offset=$((ROOT_START * 512))" 2>/dev/null
  if [ ! -s "$WORK/result.tar" ]; then say "$name: FAILED, see $LOGS/guest-$name.log"; return 1; fi
  tar -C "$t" -xf "$WORK/result.tar"; mv "$t/out/modaliases" "$t.modaliases"; rmdir "$t/out"
  rm -f "$img" "$WORK/result.tar" "$t/usr/sbin/policy-rc.d"
  # Of the installed machine: no network settings of this one, no keys.
  printf 'nameserver 192.0.2.53\n' >"$t/etc/resolv.conf"; rm -f "$t"/etc/ssh/ssh_host_*
  touch "$t.done"; say "$name: ready ($(ls -lh "$t"/boot/initrd.img-* "$t"/boot/initramfs-* 2>/dev/null | awk '{print $5, $9}' | tr '\n' ' '))"
}

# The offset of each archive in an initrd and the command that unpacks it.
parts() {
  perl -e '
    open F, "<:raw", $ARGV[0] or die; local $/; my $b = <F>; my $i = 0;
    while ($i < length $b) {
      if (substr($b, $i, 1) eq "\0") { $i++; next }
      my $s = $i; my $m = substr($b, $i, 6);
      if ($m eq "070701" || $m eq "070702") {
        while (1) { my $fs = hex substr($b,$i+54,8); my $ns = hex substr($b,$i+94,8); my $n = substr($b,$i+110,$ns-1);
          $i = $s + (($i-$s+110+$ns+3) & ~3); $i = $s + (($i-$s+$fs+3) & ~3); last if $n eq "TRAILER!!!" }
        print "$s cat\n"; next }
      my %k = ("\x1f\x8b" => "gzip -dc", "\xfd7zXZ" => "xz -dc", "\x28\xb5\x2f\xfd" => "zstd -dcq", "\x02\x21\x4c\x18" => "lz4 -dcq",
        "BZh" => "bzip2 -dc", "\x5d\0\0" => "xz --format=lzma -dc", "\x89LZO" => "lzop -dc");
      for (keys %k) { if (substr($b, $s, length) eq $_) { print "$s $k{$_}\n"; exit } }
      exit }' "$1"
}
names() { # beside an image: the names as cpio and as lsinitramfs give them
  local img=$1 off cmd
  parts "$img" | while read -r off cmd; do
    tail -c +$((off + 1)) "$img" | enter "$WORK/initramfs" sh -c "$cmd 2>/dev/null | cpio -t --quiet 2>/dev/null" || true
  done >"$img.cpio-t"
  cp "$img" "$WORK/initramfs/tmp/list.img"; enter "$WORK/initramfs" lsinitramfs /tmp/list.img >"$img.lsinitramfs" 2>/dev/null || true
  rm "$WORK/initramfs/tmp/list.img"
}

# The same initrd in each compression, with name lists made by the usual programs.
images() {
  local c t kver out
  stage initramfs; t=$WORK/initramfs; kver=$(kernel_of "$t")
  for c in gzip bzip2 lzma xz lz4 lzop zstd; do
    out=$REAL/images/initramfs-most-$c.img
    [ -s "$out.cpio-t" ] && continue
    say "image $out"
    enter "$t" mkinitramfs -c "$c" -o "/tmp/$c.img" "$kver" >"$LOGS/image-$c.log" 2>&1
    mv "$t/tmp/$c.img" "$out"; names "$out"
  done
  out=$REAL/images/initramfs-most-none.img
  if [ ! -s "$out.cpio-t" ]; then        # mkinitramfs always compresses: take its archives apart
    say "image $out"
    parts "$REAL/images/initramfs-most-lz4.img" | while read -r off cmd; do
      if [ "$cmd" = cat ]; then continue; fi
      head -c "$off" "$REAL/images/initramfs-most-lz4.img"
      tail -c +$((off + 1)) "$REAL/images/initramfs-most-lz4.img" | enter "$t" sh -c "$cmd 2>/dev/null"
    done >"$out"
    names "$out"
  fi
  leave "$t"
  stage dracut; t=$WORK/dracut
  for c in gzip bzip2 lzma xz lzo lz4 zstd no-compress; do
    out=$REAL/images/dracut-early-$c.img
    [ -s "$out.cpio-t" ] && continue
    say "image $out"
    enter "$t" dracut --force --no-hostonly --early-microcode "--$c" "/tmp/$c.img" "$kver" >"$LOGS/image-dracut-$c.log" 2>&1
    mv "$t/tmp/$c.img" "$out"; names "$out"
  done
  leave "$t"
}

wanted=("$@"); [ $# -gt 0 ] || wanted=($(systems | awk '{ print $1 }') images)
failed=0
for w in "${wanted[@]}"; do
  if [ "$w" = images ]; then images; continue; fi
  line=$(systems | awk -v n="$w" '$1 == n'); [ -n "$line" ] || { echo "no such system: $w" >&2; exit 2; }
  read -r name stage ctl where commands <<<"$line"
  # (a function left of `||` would run on after an error)
  set +e; ( set -e; trap - EXIT; system "$name" "$stage" "$ctl" "$where" "$commands" ); rc=$?; set -e
  [ $rc = 0 ] || failed=1
done
exit $failed
