# Reads `MODE UID GID SIZE MTIME ./PATH` of all names but links. Writes the list of names as members of the archive, and
# to stdout the files to pack: their class, then the line.
BEGIN {
    setup()
    ARCHIVE = "tr \"\\377\" \"\\000\" >&5"
    list("@CONFIGURATION@", CONFIGURATION)
    list("@IMAGES@", IMAGES)
    list("@SCRIPTS@", SCRIPTS)
    list("@PROGRAMS@", PROGRAMS)
    list("@DRIVERS@", DRIVERS)
    list("@SECRET_NAMES@", SECRET_NAMES)
    STARTS = split("@SECRET_STARTS@", SECRET_STARTS, " ")
    ENDINGS = split("@SECRET_ENDINGS@", SECRET_ENDINGS, " ")
    LIMIT["C"] = @CONFIGURATION_LIMIT@
    LIMIT["I"] = @IMAGE_LIMIT@
    LIMIT["P"] = @PROGRAM_LIMIT@
    LIMIT["M"] = @MODULE_LIMIT@
}
# Folders go into the table; beginnings of names are tried one by one.
function list(text, table,   words, count, i) {
    count = split(text, words, " ")
    for (i = 1; i <= count; i++) {
        table[words[i]] = 1
        if (words[i] !~ "/$") table["begin", ++table["begins"]] = words[i]
    }
}
# Whether the path lies in a folder of the table, or begins as one of its names.
function inside(path, table,   at, up, i) {
    for (at = index(path, "/"); at; ) {
        if (substr(path, 1, at) in table) return 1
        up = index(substr(path, at + 1), "/")
        at = up ? at + up : 0
    }
    for (i = 1; i <= table["begins"]; i++) if (index(path, table["begin", i]) == 1) return 1
    return 0
}
function ends(text, end) {
    return length(text) >= length(end) && substr(text, length(text) - length(end) + 1) == end
}
function is_secret(base,   i) {
    if (base in SECRET_NAMES) return 1
    if (index(tolower(base), "@SECRET_PART@") && base !~ "[.](@UNITS@)$") return 1
    for (i = 1; i <= STARTS; i++) if (index(base, SECRET_STARTS[i]) == 1) return 1
    for (i = 1; i <= ENDINGS; i++) if (ends(base, SECRET_ENDINGS[i])) return 1
    return 0
}
# What is true of a folder and all files right in it.
function study(folder) {
    FOLDER = folder
    IS_IMAGE = inside(folder, IMAGES)
    IS_CONFIGURATION = inside(folder, CONFIGURATION)
    IS_SCRIPT = inside(folder, SCRIPTS)
    PLAIN = folder
    sub("^usr/", "", PLAIN)
    IN_MODULES = index(PLAIN, "lib/modules/") == 1
    sub("^local/", "", PLAIN)
    IN_LIBRARY = PLAIN ~ "^lib(64|32|exec)?/" || folder ~ "^opt/"
    IS_DEEP = split(PLAIN, PARTS, "/") > 4
    IN_PROGRAMS = PLAIN ~ "^(bin|sbin|libexec|lib|nginx)/"
}
# A module is packed where nothing else tells of it: where modules.alias is missing, where it did not come with its
# kernel, and where its version is asked for.
function wants_module(path, base,   release, name, line, order) {
    release = path
    match(release, "lib/modules/[^/]*/")
    release = substr(release, 1, RSTART + RLENGTH - 1)
    if (!(release in HAS_ALIASES)) {
        HAS_ALIASES[release] = (getline line < ("./" release "modules.alias")) > 0
        order = "./" release "modules.order"
        while ((getline line < order) > 0) {
            LISTED[release, without_ending(line)] = 1
            HAS_ORDER[release] = 1
        }
        close(order)
        close("./" release "modules.alias")
    }
    name = without_ending(base)
    if (!HAS_ALIASES[release] || name in DRIVERS) return 1
    return release in HAS_ORDER && !((release, without_ending(substr(path, length(release) + 1))) in LISTED)
}
function without_ending(path) {
    if (!sub("[.]ko([.][a-z0-9]*)?$", "", path)) sub("[.]o$", "", path)
    return path
}
function class(path, base,   is_named) {
    if (IS_IMAGE || index(path, "var/lib/dpkg/status") == 1) return "I"
    if (index(path, "var/lib/apt/lists/") == 1) return base ~ "(_Packages|_Release|_InRelease)$" ? "I" : ""
    if (base ~ "[.]xml$" && path ~ "tomcat" && path ~ "/conf/") return "C"
    if (IN_MODULES) {
        if (base ~ "[.]ko([.](gz|xz|zst))?$") return wants_module(path, base) ? "M" : ""
        return split(FOLDER, PARTS, "/") == split("usr/lib/modules/R/", PARTS, "/") - (FOLDER !~ "^usr/") ? "I" : ""
    }
    is_named = base ~ "^ld[.-]" || base ~ "[.]so"
    if (is_named && IN_LIBRARY && !IS_DEEP && (FOLDER !~ "^opt/" || base ~ "^lib")) return "P"
    if (IS_CONFIGURATION || inside(path, CONFIGURATION)) return base in PROGRAMS || ends(FOLDER, "/systemd/") ? "P" : "C"
    if (base ~ "[.]lic$" || base == "listener.ora" || base == "tnsnames.ora") return "C"
    return IN_PROGRAMS && base in PROGRAMS ? "P" : ""
}
function choose(path, size,   base, found, at) {
    base = path
    sub("^.*/", "", base)
    at = substr(path, 1, length(path) - length(base))
    if (at != FOLDER || !STUDIED++) study(at)
    if (path ~ "^run/(log|user|credentials|cryptsetup|secrets)/" || path ~ "^var/lib/cloud/.*/(user-data|vendor-data|obj[.]pkl|scripts/)") return ""
    if (path ~ "^etc/shadow-?$") return path == "etc/shadow" ? "C" : ""
    found = class(path, base)
    if (found) return size <= LIMIT[found] && (found == "P" || found == "M" || !is_secret(base)) ? found : ""
    if (IS_SCRIPT && size <= 262144) return is_secret(base) ? "" : "C"
    return path !~ "/" && size <= 1048576 && !is_secret(base) ? "C" : ""
}
function flush_names(   name, i) {
    if (!NAMES) return
    name = sprintf("bootproof-collect/names/%05d", ++CHUNKS)
    print header(name, 292, 0, 0, NAMES_SIZE, 0) | ARCHIVE
    for (i = 1; i <= NAMES; i++) print NAME[i] | ARCHIVE
    print padding(NAMES_SIZE) | ARCHIVE
    NAMES = NAMES_SIZE = 0
}
{
    path = $0
    if (!sub("^[0-9a-f]+ [0-9]+ [0-9]+ [0-9]+ -?[0-9]+ [.]/", "", path)) next
    gsub(NUL, "?", path)
    line = $1 " " $2 " " $4 " " $5 " " path "\n"
    NAME[++NAMES] = line
    NAMES_SIZE += length(line)
    if (NAMES_SIZE > 400000) flush_names()
    if (length($1) == 4 && $1 ~ "^8") {
        found = choose(path, $4 + 0)
        if (found) print found " " $0 "\n"
    }
}
END {
    flush_names()
    close(ARCHIVE)
}
