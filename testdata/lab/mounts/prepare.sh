#!/bin/bash
# Formats the second disk; runs in the guest, once.
exec >/dev/ttyS1 2>&1
set -x
p() { echo "/dev/vdb$1"; }
id() { echo "0da7a001-0000-4000-8000-00000000000$1"; }
mkfs.ext4 -q -L DATA -U "$(id 1)" "$(p 1)"
mkswap -U "$(id 2)" "$(p 2)"
mkfs.xfs -q -f -L XDATA -m uuid="$(id 3)" "$(p 3)"
mkfs.vfat -n VDATA -i 0DA70004 "$(p 4)"
mkfs.ext4 -q -L 'my data' -U "$(id 5)" "$(p 5)"
cryptsetup luksFormat -q --type luks2 --uuid "$(id 6)" --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$(p 6)" /lab/luks.key
cryptsetup open --key-file /lab/luks.key "$(p 6)" secret
mkfs.ext4 -q -L SECRET -U 0da7a002-0000-4000-8000-000000000006 /dev/mapper/secret
cryptsetup close secret
pvcreate -y "$(p 7)"; vgcreate vgd "$(p 7)"; lvcreate -y -n data -l 100%FREE vgd
mkfs.ext4 -q -L LVDATA -U 0da7a002-0000-4000-8000-000000000007 /dev/vgd/data
vgchange -an vgd
mdadm --create /dev/md/r1 --run --force --level=1 --raid-devices=2 --metadata=1.2 --homehost=any --name=r1 --assume-clean --uuid=0da7a003:00004000:80000000:00000008 "$(p 8)" "$(p 9)"
mkfs.ext4 -q -L MDDATA -U 0da7a002-0000-4000-8000-000000000008 /dev/md/r1
mdadm --stop /dev/md/r1
blkid -c /dev/null
mkdir -p /run/mnt; mount "$(p 3)" /run/mnt && umount /run/mnt && echo PREPARED
sync; sleep 1
echo o >/proc/sysrq-trigger
sleep 20
