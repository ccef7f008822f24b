
# What the kernel says in /proc and /sys: files without a size, read one by one.
virtual_files() {
    [ -d proc/self ] || return 0
    for path in @PROC_FILES@; do
        [ -r "proc/$path" ] && printf 'V ./proc/%s\n' "$path"
    done
    [ -d sys/kernel ] || return 0
    {
        find ./sys/devices \( -path ./sys/devices/system -o -name power -o -name tracing \) -prune -o -type f \
            \( @SYS_NAMES@ -o -path '*/dm/name' -o -path '*/dm/uuid' \) -print
        find ./sys/block ./sys/class/net ./sys/class/fc_host ./sys/bus/pci/slots ./sys/class/dmi -type f \
            \( @SYS_NAMES@ -o -path '*/dm/name' -o -path '*/dm/uuid' \) -print
    } 2>/dev/null | sed 's/^/V /'
}

virtual_links() {
    [ -d sys/kernel ] && [ -d proc/self ] || return 0
    find ./sys/block ./sys/bus/pci/devices ./sys/class/net ./sys/class/nvme ./sys/class/fc_host ./sys/class/dmi -type l \
        -print 2>/dev/null
    find ./sys/devices \( -name driver -o -path '*/slaves/*' \) -type l -print 2>/dev/null
}

# Variables of the firmware are no text.
firmware_variables() {
    for path in sys/firmware/efi/efivars/SecureBoot-* sys/firmware/efi/efivars/Boot[0-9A-F]*-* \
        sys/firmware/efi/efivars/Boot[CON]*-*; do
        [ -r "$path" ] || continue
        size=$(wc -c <"$path" 2>/dev/null) || continue
        [ "${size:-0}" -gt 4 ] && [ "$size" -lt 65536 ] && raw_member "$path" "$path" "$size"
    done
}

# Runs a command for no longer than its patience: a dead path of multipath answers never. `timeout` is younger than
# RHEL 5.
patiently() {
    case $timeout in
        new) timeout "$patience" "$@" </dev/null 2>/dev/null 5>&- ;;
        *)
            "$@" </dev/null 2>/dev/null 5>&- &
            child=$!
            (
                waited=0
                while [ "$waited" -lt "$patience" ] && kill -0 "$child" 2>/dev/null; do
                    sleep 1
                    waited=$((waited + 1))
                done
                kill "$child" 2>/dev/null
            ) >/dev/null 2>&1 5>&- &
            wait "$child"
            ;;
    esac
}

# Records the output of a command as the member $1, named as sos names it.
record() {
    path=sos_commands/$1
    shift
    command -v "$1" >/dev/null 2>&1 || return 0
    patiently "$@" | member "$path"
}

# LVM locks, caches and hints its way through /run and /etc unless it is told not to, in words that differ by version:
# it ends with 3 where it does not know an option (EINVALID_CMD_LINE in its tools/errors.h).
record_lvm() {
    command -v "$1" >/dev/null 2>&1 || return 0
    path=sos_commands/lvm2/$1_$2
    for options in "--readonly --nolocking --nohints" "--readonly --config devices{write_cache_state=0}" \
        "--config global{locking_type=0}devices{write_cache_state=0}"; do
        # shellcheck disable=SC2086 # the options are words
        output=$(patiently "$1" $options $3)
        [ $? = 3 ] || break
    done
    [ -z "$output" ] || printf '%s\n' "$output" | member "$path"
}

sos_name() { printf '%s' "$1" | sed 's/\//./g'; }

device_mapper() {
    record_lvm pvs -a_-v "-a -v"
    record_lvm vgs -v "-v"
    record_lvm lvs -a_-o_+devices "-a -o +devices"
    record devicemapper/dmsetup_info_-c dmsetup info -c
    if command -v dmsetup >/dev/null 2>&1; then
        # A table of dm-crypt has the key in it where the tool is old or asked for it.
        patiently dmsetup table | sed 's/\( crypt [^ ]* \)[^ ]*/\1@MASK@/' | member sos_commands/devicemapper/dmsetup_table
    fi
    # -B: the bindings are not written to.
    record multipath/multipath_-ll multipath -B -ll
}

commands() {
    record kernel/uname_-a uname -a
    record general/hostname hostname
    record kernel/dmesg dmesg
    record block/lsblk lsblk
    record block/lsblk_-f_-a_-l lsblk -f -a -l
    record block/lsblk_-O_-P lsblk -O -P
    record block/blkid_-c_.dev.null blkid -c /dev/null
    record md/mdadm_--detail_--scan mdadm --detail --scan
    # Their tools make that node where it is missing; without it there is nothing to say.
    [ -e /dev/mapper/control ] && device_mapper
    record pci/lspci_-nnk lspci -nnk
    record pci/lspci_-nnvv lspci -nnvv
    record boot/efibootmgr_-v efibootmgr -v
    record filesys/mount_-l mount -l
    record filesys/df_-al_-x_autofs df -al -x autofs
    record filesys/df_-ali_-x_autofs df -ali -x autofs
    record filesys/lsattr lsattr -d @ATTRIBUTE_FILES@
    record devices/udevadm_info_--export-db udevadm info --export-db
    record networking/ip_addr ip addr
    record networking/ip_route_show_table_all ip route show table all
    [ -d /run/systemd/system ] && record systemd/systemctl_list-unit-files systemctl --no-pager list-unit-files
    [ -d /run/systemd/system ] || record services/chkconfig_--list chkconfig --list
    for link in sys/class/net/*; do
        name=${link##*/}
        [ -e "$link/device" ] && record "networking/ethtool_-i_$name" ethtool -i "$name"
    done
    disks
}

disks() {
    count=0
    for folder in sys/block/*; do
        name=${folder##*/}
        case $name in loop* | ram* | zram* | dm-* | md* | nbd* | drbd* | fd* | sr* | zd* | '*') continue ;; esac
        count=$((count + 1))
        [ "$count" -le 64 ] || break
        disk=/dev/$(printf '%s' "$name" | sed 's/!/\//g')
        [ -r "$disk" ] || continue
        record "block/sfdisk_-d_$(sos_name "$disk")" sfdisk -d "$disk"
        record "block/parted_-s_$(sos_name "$disk")_unit_s_print" parted -s "$disk" unit s print
        sectors=0
        read -r sectors <"$folder/size" 2>/dev/null
        # The boot sector, and where GRUB embeds itself; of 32 disks at the most.
        [ "${sectors:-0}" -ge 2048 ] && [ "$count" -le 32 ] &&
            raw_member "sos_commands/boot/dd_if=$(sos_name "$disk")_count=2048" "$disk" 1048576
    done
    blkid -c /dev/null 2>/dev/null </dev/null | while read -r device pairs; do
        device=${device%:}
        [ -r "$device" ] || continue
        name=$(sos_name "$device")
        case $pairs in
            *'TYPE="ext'[234]*) record "filesys/dumpe2fs_-h_$name" dumpe2fs -h "$device" ;;
            *'TYPE="crypto_LUKS"'*)
                dump=$(patiently cryptsetup --disable-locks luksDump "$device")
                # Before version 2 there were neither locks nor the option.
                [ -n "$dump" ] || dump=$(patiently cryptsetup luksDump "$device")
                [ -z "$dump" ] || printf '%s\n' "$dump" | member "sos_commands/block/cryptsetup_luksDump_$name" ;;
        esac
    done
    while read -r _ folder kind _; do
        [ "$kind" = xfs ] && record "xfs/xfs_info_$(sos_name "$folder")" xfs_info "$folder"
    done </proc/mounts
}
