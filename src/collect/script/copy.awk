# Writes commands of a shell that write members: links from lines as `stat -c %N` has them, and files from lines as those
# that were selected.
BEGIN {
    setup()
    for (code = 1; code < 256; code++) OCTAL[sprintf("%c", code)] = sprintf("\\%03o", code)
    OCTAL[NUL] = "\\000"
}
function write(text,   i) {
    print "printf \047"
    for (i = 1; i <= length(text); i++) print OCTAL[substr(text, i, 1)]
    print "\047\n"
}
function quoted(text) {
    gsub("\047", "\047\\\047\047", text)
    return "\047" text "\047"
}
/^\047/ {
    at = index($0, "\047 -> \047")
    if (at) write(link(substr($0, 2, at - 2), substr($0, at + 6, length($0) - at - 6)))
    next
}
{
    path = $0
    if (index(path, LINE_BREAK) || !sub("^[^.]*[.]/", "./", path)) next
    write(header(path, number_of($2) % 4096, $3, $4, $5 + 0, $6))
    size = int(($5 + 511) / 512) * 512
    # A file that has grown or shrunk meanwhile must not shift what follows.
    if (size) print "{ cat " quoted(path) "; cat /dev/zero; } 2>/dev/null | head -c " sprintf("%.0f", size) "\n"
}
END { write(zeros(512) zeros(512)) }
