# The text after `#` is what each step is for. Set BOOTPROOF_COPIES to keep the copies of initrds elsewhere than in /boot.

set -eu
LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
export LC_ALL PATH

say() { printf '%s\n' "$*"; }

stop() {
	printf 'fix.sh: %s\n' "$*" >&2
	say 'fix.sh: stopped here; mend that and run the script again, it goes on where it is needed' >&2
	exit 1
}

case ${1:-/} in
-*) say 'usage: sh fix.sh [ROOT]    ROOT: where the system is mounted, left out on the system itself'; exit 2 ;;
esac
root=$(cd "${1:-/}" && pwd -P) || stop "there is no directory ${1:-/}"
root=${root%/}
[ -d "$root/etc" ] || stop "$root holds no system: there is no $root/etc"
# A user may show what would be done to a copy; only root mounts and builds.
work=$(mktemp -d "${TMPDIR:-/tmp}/bootproof.XXXXXX") || stop 'cannot make a temporary directory'
mounted=

# Takes back what was mounted, and nothing else.
leave() {
	code=$?
	trap - EXIT
	for folder in $mounted; do
		umount "$root/$folder" 2>/dev/null || umount -l "$root/$folder" 2>/dev/null ||
			say "fix.sh: $root/$folder is still mounted; unmount it before the disk is taken away" >&2
	done
	rm -rf "$work"
	exit "$code"
}
trap leave EXIT
trap 'exit 1' HUP INT TERM

# shellcheck disable=SC2012 # names the folder itself, and find(1) of busybox prints no inodes
inode() { ls -di "$1/." 2>/dev/null | awk '{ print $1 }'; }

# Puts the kernel's file systems into ROOT, as the tools in it expect them; those that are there already stay.
enter() {
	[ -n "$root" ] || return 0
	for folder in proc sys dev run; do
		if [ ! -d "$root/$folder" ] || [ ! -d "/$folder" ]; then continue; fi
		[ "$(inode "$root/$folder")" != "$(inode "/$folder")" ] || continue
		mount --bind "/$folder" "$root/$folder" || stop "cannot mount /$folder on $root/$folder; run this as root"
		mounted="$folder $mounted"
	done
}

# Runs a command in the system.
inside() {
	if [ -n "$root" ]; then chroot "$root" /bin/sh -euc "$1"; else /bin/sh -euc "$1"; fi
}

# Keeps a file as it was before the first run.
keep() {
	copy="$root/var/lib/bootproof/before/$1"
	if [ -e "$copy" ] || [ -h "$copy" ]; then return 0; fi
	mkdir -p "$(dirname "$copy")"
	cp -pP "$root/$1" "$copy" || stop "cannot keep a copy of /$1 in /var/lib/bootproof/before"
}

# Applies the unified diff in $work/diff to the lines of a file, without fuzz. With back=1 it takes it back.
cat >"$work/apply" <<'AWK'
FNR == NR { diff[++rows] = $0; next }
{ line[++count] = $0 }
END {
	minus = back ? "+" : "-"; plus = back ? "-" : "+"
	at = 1; open = 0
	for (row = 1; row <= rows; row++) {
		text = diff[row]
		if (row < 3) continue
		mark = substr(text, 1, 1)
		if (mark == "@") {
			split(text, word, " ")
			split(substr(word[back ? 3 : 2], 2), number, ",")
			start = number[1] + 0
			if (word[back ? 3 : 2] ~ /,0$/) start++
			if (start < at || start > count + 1) exit 1
			while (at < start) out[++made] = line[at++]
		} else if (mark == "\\") {
			if (last != plus) { if (at != count + 1 || !unended) exit 1 }
			if (last != minus) open = made
		} else {
			rest = substr(text, 2)
			if (mark != plus) {
				if (at > count || line[at] != rest) exit 1
				at++
			}
			if (mark != minus) out[++made] = rest
			last = mark
		}
	}
	touched = at > count
	while (at <= count) { out[++made] = line[at++]; touched = 0 }
	if (!touched && unended) open = made
	for (row = 1; row <= made; row++) printf "%s%s", out[row], (row == open && row == made) ? "" : "\n"
}
AWK

unended() {
	if [ -s "$1" ] && [ -n "$(tail -c 1 "$1")" ]; then echo 1; else echo 0; fi
}

fits() { awk -v back="$2" -v unended="$(unended "$1")" -f "$work/apply" "$work/diff" "$1" >"$work/$3" 2>/dev/null; }

# Edits a file as the diff on stdin says; a diff that is applied already is recognised.
edit() {
	file="$root/$1"
	cat >"$work/diff"
	made=$(sed -n '1s/^--- \/dev\/null$/new/p' "$work/diff")
	gone=$(sed -n '2s/^+++ \/dev\/null$/gone/p' "$work/diff")
	if [ ! -e "$file" ]; then
		if [ -n "$gone" ]; then say_once "as it should be: /$1 is gone"; return 0; fi
		[ -n "$made" ] || stop "/$1 is not there any more; run bootproof fix again"
		: >"$work/empty"
		fits "$work/empty" 0 new || stop "the script is damaged at /$1"
		[ "$mode" = act ] || return 0
		mkdir -p "$(dirname "$file")"
		cat "$work/new" >"$file" || stop "cannot write /$1"
		say "made: /$1"
		return 0
	fi
	forward=no backward=no
	fits "$file" 0 new && forward=yes
	fits "$file" 1 old && backward=yes
	if [ $backward = yes ] && { [ $forward = no ] || sed 1,2d "$work/diff" | grep -q '^+'; }; then
		say_once "as it should be: /$1"
		return 0
	fi
	{ [ $forward = yes ] && [ -z "$made" ]; } ||
		stop "/$1 is not as it was when bootproof read it; run bootproof fix again, or apply the patch with patch -p1"
	[ "$mode" = act ] || return 0
	keep "$1"
	if [ -n "$gone" ]; then
		rm -f "$file" || stop "cannot remove /$1"
		say "removed: /$1"
	else
		cat "$work/new" >"$file" || stop "cannot write /$1; the file as it was is in /var/lib/bootproof/before"
		say "edited: /$1"
	fi
}

say_once() { [ "$mode" = check ] || say "$1"; }

# Writes a piece of a line otherwise, where the whole line must not stand in a script: file, line, old, new.
swap() {
	file="$root/$1"
	[ -f "$file" ] || stop "/$1 is not there any more; run bootproof fix again"
	OLD=$3 NEW=$4 awk -v wanted="$2" -v unended="$(unended "$file")" '
		{ text[NR] = $0 }
		END {
			old = ENVIRON["OLD"]; new = ENVIRON["NEW"]
			at = index(text[wanted], old)
			if (at) text[wanted] = substr(text[wanted], 1, at - 1) new substr(text[wanted], at + length(old))
			else if (!index(text[wanted], new)) exit 3
			for (row = 1; row <= NR; row++) printf "%s%s", text[row], (row == NR && unended) ? "" : "\n"
		}' "$file" >"$work/new" || stop "line $2 of /$1 is not as it was when bootproof read it; run bootproof fix again"
	if cmp -s "$work/new" "$file"; then say_once "as it should be: /$1"; return 0; fi
	[ "$mode" = act ] || return 0
	keep "$1"
	cat "$work/new" >"$file" || stop "cannot write /$1; the file as it was is in /var/lib/bootproof/before"
	say "edited: /$1"
}

# Removes a file.
drop() {
	if [ ! -e "$root/$1" ] && [ ! -h "$root/$1" ]; then say_once "as it should be: /$1 is gone"; return 0; fi
	[ "$mode" = act ] || return 0
	keep "$1"
	rm -f "$root/$1" || stop "cannot remove /$1"
	say "removed: /$1"
}

# Where the copy of an image goes: beside the kernels, out of the way of what looks for images there.
copy_of() { printf '%s/%s' "${BOOTPROOF_COPIES:-$root/boot/before-bootproof}" "${1##*/}"; }

needed=0
# Counts the room that the copy and the new image of one initrd take.
room_for() {
	[ -f "$root/$1" ] || return 0
	size=$(($(wc -c <"$root/$1") / 1024 + 1))
	[ -e "$(copy_of "$1")" ] || needed=$((needed + size))
	[ "${largest:-0}" -ge "$size" ] || largest=$size
}

check_room() {
	folder=${BOOTPROOF_COPIES:-$root/boot}
	[ -d "$folder" ] || return 0
	free=$(df -Pk "$folder" | awk 'NR == 2 { print $4 }')
	needed=$((needed + ${largest:-0} + ${largest:-0} / 4))
	[ "$free" -ge "$needed" ] ||
		stop "$folder has $free KiB free, and copies and new initrds need $needed; remove kernels that are not needed, or set BOOTPROOF_COPIES=/some/folder"
}

# Whether a driver is in the list of an image's files, or built into the kernel.
has_driver() {
	name=$(printf '%s' "$2" | sed 's/[_-]/[_-]/g')
	grep -Eq "(^|/|[[:space:]])$name\.ko" "$work/list" && return 0
	builtin="$root/lib/modules/$1/modules.builtin"
	[ -f "$builtin" ] && grep -Eq "/$name\.ko" "$builtin"
}

put_back() {
	[ ! -f "$(copy_of "$1")" ] || cp -p "$(copy_of "$1")" "$root/$1" || say "fix.sh: the old image is $(copy_of "$1")" >&2
}

# Builds an initrd anew: image, release, command, program, what lists it, drivers that it must have.
rebuild() {
	if [ "$mode" = check ]; then
		[ -d "$root/lib/modules/$2" ] || [ -d "$root/usr/lib/modules/$2" ] ||
			stop "there are no modules of kernel $2 in $root/lib/modules, which /$1 is for"
		there="$root/$1"
		[ "$7" = old ] || there=$(dirname "$there")
		[ -e "$there" ] || stop "/$1 is not there; mount the system's /boot on $root/boot first"
		inside "command -v $4 >/dev/null" || stop "there is no $4 in the system, which builds /$1"
		room_for "$1"
		return 0
	fi
	copy=$(copy_of "$1")
	if [ -f "$root/$1" ] && [ ! -e "$copy" ]; then
		mkdir -p "$(dirname "$copy")"
		cp -p "$root/$1" "$copy" || { rm -f "$copy"; stop "cannot keep a copy of /$1 as $copy"; }
	fi
	say "building: /$1"
	if ! inside "$3"; then
		put_back "$1"
		stop "building /$1 failed ($3); the old image is in its place"
	fi
	if [ ! -s "$root/$1" ]; then
		put_back "$1"
		stop "$3 made no /$1; the old image is in its place"
	fi
	if ! inside "$5" >"$work/list" 2>/dev/null || [ ! -s "$work/list" ]; then
		[ -z "$6" ] || say "fix.sh: cannot list what is in /$1; see yourself that it has: $6" >&2
		return 0
	fi
	for driver in $6; do
		if ! has_driver "$2" "$driver"; then
			put_back "$1"
			stop "the new /$1 lacks $driver, which kernel $2 may not have at all; the old image is in its place"
		fi
	done
	[ -z "$6" ] || say "has now: $6"
}

run() {
	[ "$mode" = act ] || return 0
	say "running: $1"
	inside "$1" || stop "this failed: $1"
}
