# Writes members of the archive without the secrets in them. Reads either the text of one member, whose name is in
# MEMBER, or lines of files: `C MODE UID GID SIZE MTIME ./PATH`, and `V ./PATH` for those of the kernel, which have no
# size. To stdout go, behind a dash, programs that look as if they held secrets and are to be packed as they are.
BEGIN {
    setup()
    ARCHIVE = "tr \"\\377\" \"\\000\" >&5"
    MASK = "@MASK@"
    ZERO = sprintf("%c", 0)
@PATTERNS@
    IS_TEXT = ENVIRON["MEMBER"] != ""
    if (IS_TEXT) begin_file(ENVIRON["MEMBER"])
}
function pattern(kept, secret, after, any_case) {
    KEPT[++PATTERNS] = kept
    SECRET[PATTERNS] = secret
    AFTER[PATTERNS] = after
    ANY_CASE[PATTERNS] = any_case
}
function group(name) { FIRST[name] = PATTERNS + 1 }
function end_group(name) { LAST[name] = PATTERNS }
# Whether the line may hold a secret at all.
function is_suspect(line) {
    return tolower(line) ~ /@SUSPECT@/
}
function hidden(name, line,   i) {
    for (i = FIRST[name]; i <= LAST[name]; i++) line = hidden_by(i, line)
    return line
}
function hidden_by(i, rest,   out, probe, low, start, len, kept) {
    out = ""
    probe = rest
    while (1) {
        low = ANY_CASE[i] ? tolower(probe) : probe
        if (!match(low, KEPT[i] SECRET[i] AFTER[i])) break
        start = RSTART
        len = RLENGTH
        kept = kept_of(i, substr(low, start, len))
        out = out substr(probe, 1, start - 1 + kept) MASK AFTER[i]
        # What follows is not at the start of the line.
        probe = LINE_BREAK substr(probe, start + len)
    }
    out = out probe
    gsub(LINE_BREAK, "", out)
    return out
}
# How much of what matched stays.
function kept_of(i, text,   kept, secret) {
    if (KEPT[i] == "" || !match(text, "^" KEPT[i])) return 0
    for (kept = RLENGTH; kept > 0; kept--) {
        secret = substr(text, kept + 1, length(text) - kept - length(AFTER[i]))
        if (secret ~ ("^" SECRET[i] "$") && substr(text, 1, kept) ~ ("^" KEPT[i] "$")) return kept
    }
    return 0
}
# Client, server, secret, addresses (pppd(8)): masks the third of these, quoted or not.
function third_word(line,   at, words, rest, quote, len) {
    if (line ~ "^[ \t]*#") return line
    at = 1
    while (match(substr(line, at), "[^ \t]")) {
        at += RSTART - 1
        rest = substr(line, at)
        quote = substr(rest, 1, 1)
        len = 0
        if (quote == "\"" || quote == "\047") len = index(substr(rest, 2), quote) ? index(substr(rest, 2), quote) + 1 : length(rest)
        else len = match(rest, "[ \t]") ? RSTART - 1 : length(rest)
        if (++words == 3) return substr(line, 1, at - 1) MASK substr(line, at + len)
        at += len
    }
    return line
}
# Whether an account has a password stays known (shadow(5)); which, does not.
function account(line,   fields, count, i, out) {
    count = split(line, fields, ":")
    if (fields[2] ~ "^[!*]") { match(fields[2], "^[!*]+"); fields[2] = substr(fields[2], 1, RLENGTH) }
    else if (fields[2] != "" && fields[2] != "x") fields[2] = "hidden"
    out = fields[1]
    for (i = 2; i <= count; i++) out = out ":" fields[i]
    return out
}
function begin_file(path,   base) {
    PATH = path
    sub("^[.]/", "", PATH)
    base = PATH
    sub("^.*/", "", base)
    KIND = "other"
    if (index(" @PPP_SECRETS@ ", " " base " ")) KIND = "ppp"
    else if (PATH == "etc/shadow") KIND = "shadow"
    else if (base == "nsswitch.conf" || PATH ~ "^etc/pam[.](d/|conf$)") KIND = "innocent"
    IS_DIALLING = PATH ~ "^(@DIALLING_FOLDERS@)"
    IS_NETWORK = PATH ~ "^(@NETWORK_FOLDERS@)"
    IN_KEY = LINES = READ = SIZE = IS_BINARY = 0
}
function masked(line) {
    if (IN_KEY && line !~ "-----END ") return MASK
    IN_KEY = line ~ "-----BEGIN " && line ~ "(PRIVATE KEY|Static key)"
    if (KIND == "shadow") return account(line)
    if (KIND == "ppp") line = third_word(line)
    if (!is_suspect(line)) return line
    if (KIND != "innocent") {
        if (IS_DIALLING) line = hidden("dialling", line)
        if (IS_NETWORK) line = hidden("connection", line)
        line = hidden("name", line)
    }
    return hidden("shape", line)
}
function add(line) {
    READ += length(line) + 1
    # Awks that know a NUL do not all match behind it; the others stop at it, and so read less than there is.
    if (length(ZERO) == 1 && index(line, ZERO)) IS_BINARY = 1
    if (index(line, NUL)) gsub(NUL, "?", line)
    if (index(line, LINE_BREAK)) gsub(LINE_BREAK, "?", line)
    LINE[++LINES] = masked(line)
    SIZE += length(LINE[LINES]) + 1
}
# Writes the file. The last line may have had no line break.
function finish(mode, uid, gid, mtime, has_end,   i) {
    if (!has_end) SIZE--
    print header(PATH, mode, uid, gid, SIZE, mtime) | ARCHIVE
    for (i = 1; i < LINES; i++) print LINE[i] "\n" | ARCHIVE
    if (LINES) print LINE[LINES] (has_end ? "\n" : "") padding(SIZE) | ARCHIVE
}
IS_TEXT { add($0); next }
{
    path = $0
    sub("^[^.]*[.]/", "./", path)
    gsub(LINE_BREAK, "\n", path)
    begin_file(path)
    while ((getline line < path) > 0) add(line)
    close(path)
    if ($1 == "V") {
        if (LINES) finish(292, 0, 0, 0, 1)
    }
    # Something else has been read than text: it changed, or a NUL is in it.
    else if (!IS_BINARY && (READ == $5 || READ == $5 + 1)) finish(number_of($2) % 4096, $3, $4, $6, READ == $5)
    else if (PATH ~ "^(usr|lib[0-9]*|boot|efi)/") print "-" path "\n"
    else if (READ || $5 > 0) print "collect: " path ": no text, left out since it may hold a secret\n" | "cat >&2"
}
END {
    if (IS_TEXT && LINES) finish(420, 0, 0, ENVIRON["NOW"] + 0, 1)
    close(ARCHIVE)
}
