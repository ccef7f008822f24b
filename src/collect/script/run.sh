
manifest() {
    printf '%s\n' 'bootproof-collect 1' 'version @VERSION@' "date $(date '+%Y-%m-%dT%H:%M:%S%z')" \
        "uname $(uname -a)" "user $(id -u)" "root $root"
    [ "$root" = / ] || return 0
    for name in lsblk blkid pvs vgs lvs multipath lspci sfdisk parted mdadm dmsetup efibootmgr df ip ethtool udevadm \
        cryptsetup dumpe2fs; do
        command -v "$name" >/dev/null 2>&1 || printf 'missing %s\n' "$name"
    done
}

main() {
    case ${1:-/} in
        -h | --help) usage; return 0 ;;
        -*) say "there is no option $1; --help says more"; return 2 ;;
    esac
    [ $# -le 1 ] || { say "one root at a time"; return 2; }
    root=${1:-/}
    cd "$root" 2>/dev/null || { say "cannot go into $root"; return 2; }
    [ -d etc ] || [ -d usr ] || [ -d boot ] || { say "$root holds no Linux system"; return 2; }
    if [ -t 1 ]; then say "stdout is a terminal: send the tar to a file or a pipe"; return 2; fi
    for name in awk find grep head sed stat tr wc xargs; do
        command -v "$name" >/dev/null 2>&1 || { say "$name is missing on this system"; return 2; }
    done
    exec 5>&1 1>&2
    timeout=old
    [ "$(timeout 5 echo yes 2>/dev/null)" = yes ] && timeout=new
    NOW=$(date +%s)
    export NOW
    [ "$(id -u)" = 0 ] || say "not root: what only root may read is missing, and counts as unknown"

    manifest | member bootproof-collect/manifest
    mounted=$(mounts)
    folders=$(starts)
    packed=$(names | awk "$header_awk$select_awk")
    gaps | member bootproof-collect/gaps
    virtual_files | awk "$header_awk$members_awk"
    if [ "$root" = / ]; then
        [ -d sys/kernel ] && firmware_variables
        commands
    fi
    suspects=$(suspects)
    programs=
    programs=$(split_by_secret masked | awk "$header_awk$members_awk")
    pack
    return 0
}

main "$@"
