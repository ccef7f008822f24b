#!/bin/sh
# Makes the rpm databases of this folder, one for each format that rpm has had, all with the same packages.
# Needs: rpm and rpmbuild (4.16 or later), sqlite3, db5.3_load (Berkeley DB's utilities), python3, zstd.
# rpm itself makes the SQLite database. It only reads the older formats, so that those are written from the headers in
# that one: what rpm keeps of a package is its number and its header in all of them. The same on every run, but for the
# twenty bytes of an id that Berkeley DB gives each file.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

export SOURCE_DATE_EPOCH=1700000000
spec() { # name epoch version release arch vendor lines
    {
        echo "Name: $1"
        [ "$2" = - ] || echo "Epoch: $2"
        printf 'Version: %s\nRelease: %s\nSummary: A package\nLicense: MIT\nVendor: %s\n' "$3" "$4" "$6"
        echo "%description"
        i=0
        while [ $i -lt "$7" ]; do echo "Line $i of a description that fills pages of the database."; i=$((i + 1)); done
        echo "%files"
    } > "$1.spec"
    rpmbuild -bb --quiet --target "$5" --define "_topdir $work" --define "_rpmdir $work/rpms" \
        --define "_buildhost localhost" --define "use_source_date_epoch_as_buildtime 1" "$1.spec" 2> /dev/null
}
spec openssl - 1.0.1e 58.el6_10 x86_64 Example 400
spec kernel - 2.6.32 696.el6 x86_64 Example 3
spec bind 32 9.8.2 0.68.rc1.el6 x86_64 Example 100
spec tzdata - 2018e 3.el6 noarch Example 3
spec gpg-pubkey - c105b9de 4e0fd3a3 noarch Example 1

install() { # rpm files
    rpm --root "$work/root" --define "_db_backend sqlite" --define "_dbpath /db" \
        -i --justdb --nodeps --noscripts --ignorearch --ignoreos --nosignature "$@" 2> /dev/null
}
rpm --root "$work/root" --define "_db_backend sqlite" --define "_dbpath /db" --initdb
install rpms/*/*.rpm
rm rpms/*/*.rpm
export SOURCE_DATE_EPOCH=1700000100
spec kernel - 2.6.32 754.el6 x86_64 Example 3
install rpms/*/*.rpm
sqlite3 root/db/rpmdb.sqlite 'PRAGMA journal_mode=DELETE; VACUUM' > /dev/null
cp root/db/rpmdb.sqlite .
headers() { sqlite3 rpmdb.sqlite "SELECT hnum || ' ' || lower(hex(blob)) FROM Packages ORDER BY hnum"; }

# Berkeley DB: entry 0 holds the largest number, as rpm writes it.
dump() { # byte order of the file
    printf 'VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize=4096\ndb_lorder=%s\nHEADER=END\n' "$1"
    printf ' 00000000\n 06000000\n'
    headers | while read -r number header; do printf ' %02x000000\n %s\n' "$number" "$header"; done
    echo DATA=END
}
dump 1234 | db5.3_load Packages
dump 4321 | db5.3_load Packages.big-endian

# NDB, after lib/backend/ndb/rpmpkg.c: a page of slots, then the headers in blocks of 16 bytes.
headers | python3 -c '
import struct, sys, zlib
slots, blobs = [], b""
for line in sys.stdin:
    number, header = line.split()
    number, header = int(number), bytes.fromhex(header)
    body = struct.pack("<4sIII", b"BlbS", number, 1700000000, len(header)) + header
    body += b"\0" * (-(len(body) + 12) % 16)
    body += struct.pack("<II4s", zlib.adler32(body), len(header), b"BlbE")
    slots.append((number, (4096 + len(blobs)) // 16, len(body) // 16))
    blobs += body
page = struct.pack("<4sIIII", b"RpmP", 0, len(slots), 1, len(slots) + 1).ljust(32, b"\0")
for slot in slots:
    page += struct.pack("<4sIII", b"Slot", *slot)
while len(page) < 4096:
    page += struct.pack("<4sIII", b"Slot", 0, 0, 0)
open("Packages.db", "wb").write(page + blobs)
'
for file in rpmdb.sqlite Packages.db Packages Packages.big-endian; do
    zstd -q -19 -f "$file" -o "$here/$file.zst"
done
