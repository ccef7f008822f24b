#!/bin/sh
# Packs what bootproof @VERSION@ reads of a Linux system into a tar on stdout, without the secrets in it. Written by
# `bootproof collect`; `sh collect.sh --help` says more. It writes nothing but stdout and stderr: no temporary files, and
# no here-documents, which some shells make files of.

# shellcheck disable=SC2016 # awk has dollars of its own

LC_ALL=C
export LC_ALL
umask 077
PATH=$PATH:/usr/sbin:/sbin:/usr/bin:/bin
nl='
'
# Names of one top folder that are listed; below those that make the system up all are.
most_names=@MOST_NAMES@
# Seconds that a command of the system may take.
patience=60

header_awk='
@HEADER_AWK@'
select_awk='
@SELECT_AWK@'
copy_awk='
@COPY_AWK@'
members_awk='
@MEMBERS_AWK@'

say() { printf 'collect: %s\n' "$*" >&2; }

usage() {
    printf '%s\n' \
        'Packs what bootproof reads of a Linux system into a tar on stdout.' \
        '' \
        'Usage:  sh collect.sh [ROOT] >host.tar' \
        '        ssh host sh -s <collect.sh | bootproof check - --target kvm' \
        '        ssh host "sh -s | gzip" <collect.sh >host.tar.gz' \
        '' \
        'ROOT is where the root of the system is mounted; without it, the running system, of which it also asks' \
        'lsblk, blkid, lvs, multipath, lspci and their like. Reads only, and writes no file. As another user than' \
        'root it packs what that user may read and says what is missing; bootproof calls that unknown.' \
        'Passwords and keys are left out or masked. Images of initrds are packed whole: a key in one goes along.'
}

# Passes a text on stdin through the masks into a member called $1; no text, no member.
member() { MEMBER=$1 awk "$header_awk$members_awk"; }

# Packs the file $2, which may hold any bytes, as $1: so many bytes of it as $3 says.
raw_member() {
    NAME=$1 SIZE=$3 awk "$header_awk"'BEGIN { setup(); print header(ENVIRON["NAME"], 292, 0, 0, ENVIRON["SIZE"] + 0, 0) }' |
        tr '\377' '\000' >&5
    { dd if="$2" bs=512 2>/dev/null; cat /dev/zero; } 2>/dev/null |
        head -c $((($3 + 511) / 512 * 512)) >&5
}

# `FOLDER TYPE` of what is mounted below the root, by paths relative to it.
mounts() {
    [ -r /proc/mounts ] || return 0
    base=$(pwd -P)
    [ "$base" = / ] && base=
    while read -r _ folder kind _; do
        folder=$(printf '%b' "$(printf '%s' "$folder" | sed 's/\\\([0-7]\)/\\0\1/g')")
        case $folder in
            "$base"/?*) printf '%s %s\n' "$kind" "${folder#"$base"/}" ;;
        esac
    done </proc/mounts
}

# The folders to look through, one a line: those of the system, then, behind an empty line, the others.
starts() {
    for name in * .[!.]*; do
        case $nl$mounted$nl in
            *" $name$nl"*) continue ;; # on its own, below
        esac
        [ -e "./$name" ] || [ -h "./$name" ] || continue
        printf './%s\n' "$name"
    done
    printf '%s\n' "$mounted" | while read -r kind folder; do
        case $folder in
            "" | var/lib/docker/* | var/lib/containers/* | var/lib/containerd/* | var/lib/kubelet/*) continue ;;
        esac
        case $kind in
            ext[234] | ext4dev | xfs | btrfs | reiserfs | jfs | f2fs | vfat | msdos | zfs | ubifs | bcachefs | nilfs2 | \
                gfs2 | ocfs2 | vxfs | simfs | ploop | virtiofs | erofs) printf './%s\n' "$folder" ;;
            tmpfs | devtmpfs | ramfs)
                case $folder in run | dev | var/run) printf './%s\n' "$folder" ;; esac ;;
            overlay | overlayfs | aufs)
                case $folder in etc | usr | var | boot) printf './%s\n' "$folder" ;; esac ;;
        esac
    done
}

is_of_system() {
    case $1/ in
        ./etc/* | ./boot/* | ./efi/* | ./usr/* | ./lib/* | ./lib32/* | ./lib64/* | ./libx32/* | ./bin/* | ./sbin/* | \
            ./var/* | ./root/* | ./opt/* | ./run/* | ./dev/* | ./proc/* | ./sys/* | ./sos_commands/*) return 0 ;;
    esac
    return 1
}

# Runs find in the folders to look through, with the given tests. File systems that are mounted elsewhere are left to
# their own start, and what containers are made of to nobody.
search() {
    printf '%s\n' "$folders" | while IFS= read -r start; do
        if is_of_system "$start"; then
            find "$start" -xdev \( -path ./var/lib/docker -o -path ./var/lib/containers -o -path ./var/lib/containerd \
                -o -path ./var/lib/kubelet \) -prune -o "$@"
        else
            find "$start" -xdev "$@" | head -n "$most_names"
        fi
    done
}

# `MODE UID GID SIZE MTIME ./PATH` of all but links. Names with a line break have a byte 1 for it.
names() {
    search ! -type l ! -path "*$nl*" -print 2>/dev/null | tr '\n' '\000' |
        xargs -0 stat -c '%f %u %g %s %Y %n' 2>/dev/null
    stat -c '%f %u %g %s %Y %n' ./proc ./sys ./sys/class ./sys/block ./sys/firmware/efi ./sys/firmware/acpi 2>/dev/null
    search -type f -path "*$nl*" -print0 2>/dev/null | tr '\n\000' '\001\n' | while IFS= read -r name; do
        path=$(printf '%s.' "$name" | tr '\001' '\n')
        numbers=$(stat -c '%f %u %g %s %Y' "${path%.}" 2>/dev/null) && printf '%s %s\n' "$numbers" "$name"
    done
}

# Folders that this user may not read, and what was not looked into.
gaps() {
    search -type d -print 2>&1 >/dev/null |
        sed -n "s/^find: [\`']*\\.\\/\\(.*\\): Permission denied\$/unreadable \\1/p" | sed "s/'\$//"
    printf '%s\n' "$mounted" | while read -r kind folder; do
        case $kind in
            nfs | nfs4 | cifs | smb3 | smbfs | ncpfs | ceph | glusterfs | lustre | afs | gpfs | 9p | fuse | fuse.*)
                printf 'remote %s\n' "$folder" ;;
        esac
    done
    for folder in var/lib/docker var/lib/containers var/lib/containerd var/lib/kubelet; do
        [ -d "$folder" ] && printf 'left %s\n' "$folder"
    done
    printf '%s\n' "$folders" | while IFS= read -r start; do
        is_of_system "$start" && continue
        count=$(find "$start" -xdev ! -type l ! -path "*$nl*" -print 2>/dev/null | head -n "$most_names" | wc -l)
        [ "$count" -lt "$most_names" ] || printf 'partial %s\n' "${start#./}"
    done
}

# Of those files that may be text, the ones with a line that looks like a secret.
suspects() {
    printf '%s\n' "$packed" | awk '
        index($0, sprintf("%c", 1)) { next }
        $1 == "C" || ($1 == "I" && $5 < 1048576 && $7 ~ "^./(boot|efi)/") { sub("^[^.]*[.]/", "./"); print }' |
        awk '!/^[.]\/var\/lib\/(dpkg|apt)\//' | tr '\n' '\000' | xargs -0 grep -l -i -E @SUSPECTS@ /dev/null 2>/dev/null
}

# Splits the files to pack: $1 is "masked" for the lines of those that are masked, "plain" for the lines of the others.
split_by_secret() {
    printf '%s\n' "$suspects" ${programs:+"$programs"} "" "$packed" | awk -v want="$1" '
        BEGIN { line_break = sprintf("%c", 1) }
        !all && /^-/ { delete suspect[substr($0, 2)]; next }
        !all { if ($0 == "") all = 1; else suspect[$0] = 1; next }
        {
            path = $0
            if (!sub("^[^.]*[.]/", "./", path)) next
            masks = $1 == "C" && (index(path, line_break) || path == "./etc/shadow" || path ~ "/(@PPP_PATTERN@)$")
            masks = masks || path in suspect
            if (masks && want == "masked") print "C " substr($0, 3)
            if (!masks && want == "plain") print
        }'
}

# The links, each followed by what it leads to.
links() {
    { search -type l ! -path "*$nl*" -print 2>/dev/null; virtual_links; } | tr '\n' '\000' | xargs -0 stat -c '%N' 2>/dev/null
}

# The rest goes through tar itself, whose end is the end of the archive. The tar of busybox takes no list of names: there
# awk writes the headers, as commands of a shell that copies the contents.
pack() {
    case $(tar --version 2>/dev/null) in
        *"GNU tar"*)
            { split_by_secret plain | sed 's/^[^.]*[.]/./' | tr '\n' '\000'
                search -type l -print0 2>/dev/null
                virtual_links | tr '\n' '\000'; } | tar -c --no-recursion --null -T - -f - >&5 ;;
        *) { links; split_by_secret plain; } | awk "$header_awk$copy_awk" | sh >&5 ;;
    esac
}
