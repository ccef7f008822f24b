# Members of a tar archive: header, checksum, padding, as GNU tar writes them ("Basic Tar Format" in its manual). Not
# every awk prints a NUL, so that a byte 255 stands for it until `tr` makes it one.
function setup(   i) {
    for (i = 1; i < 255; i++) CODE[sprintf("%c", i)] = i
    NUL = sprintf("%c", 255)
    NULS = NUL
    while (length(NULS) < 512) NULS = NULS NULS
    LINE_BREAK = sprintf("%c", 1)
    ORS = ""
}
function zeros(count) { return substr(NULS, 1, count) }
function field(text, width) { return text zeros(width - length(text)) }
function octal(number, width) {
    if (number < 0) number = 0
    return sprintf("%0" width "o", number) NUL
}
function sum_of(text,   i, sum) {
    for (i = 1; i <= length(text); i++) sum += CODE[substr(text, i, 1)]
    return sum
}
function padding(size) { return zeros((512 - size % 512) % 512) }
function block(path, type, mode, uid, gid, size, mtime, target,   numbers, sum) {
    if (uid > 2097151) uid = 2097151
    if (gid > 2097151) gid = 2097151
    numbers = octal(mode, 7) octal(uid, 7) octal(gid, 7) octal(size, 11) octal(mtime, 11)
    sum = sum_of(path) + sum_of(numbers) + 256 + CODE[type] + sum_of(target) + sum_of("ustar  ")
    return field(path, 100) numbers sprintf("%06o", sum) NUL " " type field(target, 100) "ustar  " NUL zeros(247)
}
# A name beyond its field goes before the header: type L, or K for what a link leads to.
function beyond(name, type,   size) {
    size = length(name) + 1
    return size > 101 ? block("././@LongLink", type, 0, 0, 0, size, 0) name NUL padding(size) : ""
}
function header(path, mode, uid, gid, size, mtime) {
    return beyond(path, "L") block(substr(path, 1, 100), "0", mode, uid, gid, size, mtime)
}
function link(path, target) {
    return beyond(target, "K") beyond(path, "L") block(substr(path, 1, 100), "2", 511, 0, 0, 0, 0, substr(target, 1, 100))
}
function number_of(hex,   i, number) {
    for (i = 1; i <= length(hex); i++) number = number * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
    return number
}
