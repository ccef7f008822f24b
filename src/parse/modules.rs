//! The tables that depmod(8) writes into `/lib/modules/RELEASE`: aliases, dependencies, soft dependencies, builtins.
//!
//! A kernel has 25,000 aliases, of which a boot asks a dozen, so tables are searched where they stand and not built
//! into maps. Formats: modules.dep(5), modprobe.d(5) (`alias` and `softdep` lines), Documentation/kbuild/kbuild.rst
//! (`modules.builtin`, `modules.builtin.modinfo`).

/// Whether `pattern` matches `name` as libkmod has it: fnmatch(3) without flags, dash and underscore the same
/// (libkmod-util.c, `alias_normalize`; libkmod-index.c, `fnmatch`).
///
/// Ends after at most `pattern.len() * name.len()` steps: only the last `*` is ever gone back to.
#[must_use]
pub fn alias_matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&byte) = name.get(n) {
        let step = match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, n));
                p += 1;
                continue;
            }
            Some(b'?') => Some(1),
            Some(b'[') => bracket_matches(pattern.get(p..).unwrap_or_default(), byte),
            Some(&other) if folded(other) == folded(byte) => Some(1),
            _ => None,
        };
        match (step, retry) {
            (Some(step), _) => {
                p += step;
                n += 1;
            }
            (None, Some((star, from))) => {
                retry = Some((star, from + 1));
                p = star + 1;
                n = from + 1;
            }
            (None, None) => return false,
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

fn folded(byte: u8) -> u8 {
    if byte == b'-' { b'_' } else { byte }
}

/// Length of the bracket expression at the start of `pattern`, if it matches `byte`. An unclosed one matches nothing.
fn bracket_matches(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = if negated { 2 } else { 1 };
    let mut at = start;
    let mut hit = false;
    loop {
        match (pattern.get(at)?, pattern.get(at + 1), pattern.get(at + 2)) {
            (b']', _, _) if at > start => break,
            (low, Some(b'-'), Some(high)) if *high != b']' => {
                hit |= (*low..=*high).contains(&byte);
                at += 3;
            }
            (one, _, _) => {
                hit |= *one == byte;
                at += 1;
            }
        }
    }
    (hit != negated).then_some(at + 1)
}

/// The bytes of `pattern` before anything that is not taken as it stands.
fn literal_prefix(pattern: &[u8]) -> &[u8] {
    let end = pattern.iter().position(|byte| matches!(byte, b'*' | b'?' | b'[' | b'-' | b'_'));
    pattern.get(..end.unwrap_or(pattern.len())).unwrap_or_default()
}

/// Names to be looked up in tables of patterns, sorted: a pattern is held only against those that begin as it does.
#[derive(Debug)]
pub struct Names<'a>(Vec<(&'a str, usize)>);

impl<'a> Names<'a> {
    /// The names in any order.
    #[must_use]
    pub fn new(names: &[&'a str]) -> Self {
        let mut sorted: Vec<(&str, usize)> =
            names.iter().enumerate().map(|(index, name)| (*name, index)).collect();
        sorted.sort_unstable();
        Self(sorted)
    }

    /// The indices of the names that `pattern` matches.
    pub fn matching<'s>(&'s self, pattern: &'s [u8]) -> impl Iterator<Item = usize> + 's {
        let prefix = literal_prefix(pattern);
        let start = self.0.partition_point(|(name, _)| name.as_bytes() < prefix);
        let begin_alike = self.0.get(start..).unwrap_or_default().iter();
        let begin_alike = begin_alike.take_while(move |(name, _)| name.as_bytes().starts_with(prefix));
        let matching = begin_alike.filter(move |(name, _)| alias_matches(pattern, name.as_bytes()));
        matching.map(|(_, index)| *index)
    }
}

/// The `alias PATTERN MODULE` lines of `table` (a `modules.alias`) that match one of `names`: index into `names`, and
/// the module, in the order of the table.
#[must_use]
pub fn matching_aliases<'a>(table: &'a [u8], names: &[&str]) -> Vec<(usize, &'a str)> {
    let names = Names::new(names);
    let mut found = Vec::new();
    for line in lines(table) {
        let Some((pattern, module)) = line.strip_prefix(b"alias ").and_then(split_word) else { continue };
        let before = found.len();
        found.extend(names.matching(pattern).map(|index| (index, "")));
        if found.len() == before {
            continue;
        }
        match std::str::from_utf8(module.trim_ascii()) {
            Ok(module) => found.iter_mut().skip(before).for_each(|(_, name)| *name = module),
            Err(_) => found.truncate(before),
        }
    }
    found
}

/// A line of `modules.dep`: the module's path and those of the modules it needs, relative to the folder of the table
/// (absolute in tables of module-init-tools).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependencies<'a> {
    /// The module's own path.
    pub path: &'a str,
    needs: &'a str,
}

impl<'a> Dependencies<'a> {
    /// The paths of the modules it needs: the whole closure, nearest first (modules.dep(5)).
    pub fn needs(&self) -> impl Iterator<Item = &'a str> {
        self.needs.split_ascii_whitespace()
    }
}

/// The lines of a `modules.dep`.
pub fn dependencies(table: &[u8]) -> impl Iterator<Item = Dependencies<'_>> {
    lines(table).filter_map(|line| {
        let line = std::str::from_utf8(line).ok()?;
        let (path, needs) = line.split_once(':')?;
        Some(Dependencies { path: path.trim(), needs })
    })
}

/// The module names and soft dependencies of a `modules.softdep`: `softdep NAME pre: A B post: C`.
pub fn soft_dependencies(table: &[u8]) -> impl Iterator<Item = (&str, Vec<&str>)> {
    lines(table).filter_map(|line| {
        let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
        if words.next() != Some("softdep") {
            return None;
        }
        let name = words.next()?;
        let before = words.skip_while(|word| *word != "pre:").skip(1).take_while(|word| *word != "post:");
        Some((name, before.collect()))
    })
}

/// The paths in a `modules.builtin`, or any other table of one path a line.
pub fn builtin_paths(table: &[u8]) -> impl Iterator<Item = &str> {
    lines(table).filter_map(|line| std::str::from_utf8(line).ok())
}

/// The `NAME.alias=PATTERN` strings of a `modules.builtin.modinfo`: name and pattern.
pub fn builtin_aliases(table: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    table.split(|byte| *byte == 0).filter_map(|string| {
        let (name, rest) = std::str::from_utf8(string).ok()?.split_once('.')?;
        Some((name, rest.strip_prefix("alias=")?))
    })
}

/// The lines that say something: trimmed, neither empty nor comments.
fn lines(table: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = table;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = rest.get(..end).unwrap_or_default().trim_ascii();
            rest = rest.get(end + 1..).unwrap_or_default();
            if !line.is_empty() && !line.starts_with(b"#") {
                return Some(line);
            }
        }
        None
    })
}

fn split_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b' ', text)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_fnmatch_has_it() {
        let virtio = "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00";
        let table = [
            ("pci:v00001AF4d*sv*sd*bc*sc*i*", virtio, true),
            ("pci:v00001AF4d00001001sv*sd*bc*sc*i*", virtio, true),
            ("pci:v00001AF5d*sv*sd*bc*sc*i*", virtio, false),
            ("pci:v*d*sv*sd*bc01sc06i01*", "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01", true),
            ("pci:v*d*sv*sd*bc01sc06i01*", "pci:v00008086d00007010sv00001AF4sd00001100bc01sc01i80", false),
            ("scsi:t-0x00*", "scsi:t-0x00", true),
            ("scsi:t-0x07*", "scsi:t-0x00", false),
            ("acpi*:VMBUS:*", "acpi:VMBUS:", true),
            ("virtio:d00000002v*", "virtio:d00000002v00001AF4", true),
            ("usb:v13FDp3940d0[0-2]*dc*", "usb:v13FDp3940d0100dc00", true),
            ("usb:v13FDp3940d0[0-2]*dc*", "usb:v13FDp3940d0300dc00", false),
            ("usb:v13FDp3940d0[!0-2]*", "usb:v13FDp3940d0300", true),
            ("mdio:00??", "mdio:0010", true),
            ("mdio:00??", "mdio:001", false),
            ("fs-ext4", "fs-ext4", true),
            ("crypto-crc32c", "crypto_crc32c", true),
            ("a[", "a[", false),
            ("", "", true),
            ("*", "", true),
        ];
        for (pattern, name, expected) in table {
            assert_eq!(alias_matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} ~ {name}");
        }
    }

    #[test]
    fn tables_of_a_real_kernel_read() {
        let alias =
            b"# Aliases extracted from modules themselves.\nalias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci\n\
            alias virtio:d00000002v* virtio_blk\nalias virtio:d00000001v* virtio_net\n";
        let names = ["virtio:d00000002v00001AF4", "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00"];
        assert_eq!(matching_aliases(alias, &names), [(1, "virtio_pci"), (0, "virtio_blk")]);

        let dep = b"kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio_ring.ko kernel/drivers/virtio/virtio.ko\n\
            kernel/lib/crc16.ko:\n";
        let read: Vec<_> = dependencies(dep).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].path, "kernel/drivers/block/virtio_blk.ko");
        assert_eq!(
            read[0].needs().collect::<Vec<_>>(),
            ["kernel/drivers/virtio/virtio_ring.ko", "kernel/drivers/virtio/virtio.ko"]
        );
        assert_eq!(read[1].needs().count(), 0);

        let soft = b"softdep ext4 pre: crypto-crc32c\nsoftdep nvme pre: a b post: c\nsoftdep uas post: d\n";
        let read: Vec<_> = soft_dependencies(soft).collect();
        assert_eq!(read, [("ext4", vec!["crypto-crc32c"]), ("nvme", vec!["a", "b"]), ("uas", Vec::new())]);

        let modinfo = b"tracefs.alias=fs-tracefs\0sd_mod.license=GPL\0sd_mod.alias=scsi:t-0x00*\0";
        let read: Vec<_> = builtin_aliases(modinfo).collect();
        assert_eq!(read, [("tracefs", "fs-tracefs"), ("sd_mod", "scsi:t-0x00*")]);
        assert_eq!(
            builtin_paths(b"kernel/fs/ext4/ext4.ko\r\n\n").collect::<Vec<_>>(),
            ["kernel/fs/ext4/ext4.ko"]
        );
    }

    proptest! {
        #[test]
        fn looking_up_many_names_finds_what_each_alone_would(
            pattern in "[ab_-]{0,3}[*?a-]{0,2}[ab]{0,2}", names in proptest::collection::vec("[ab_-]{0,6}", 0..12),
        ) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut found: Vec<usize> = Names::new(&names).matching(pattern.as_bytes()).collect();
            found.sort_unstable();
            let each = (0..names.len()).filter(|index| alias_matches(pattern.as_bytes(), names[*index].as_bytes()));
            prop_assert_eq!(found, each.collect::<Vec<_>>());
        }
    }

    proptest! {
        #[test]
        fn any_pattern_against_any_name_ends(pattern in "[a*?\\[\\]!-]{0,24}", name in "[a-c_-]{0,64}") {
            let _ = alias_matches(pattern.as_bytes(), name.as_bytes());
        }

        #[test]
        fn a_name_without_special_characters_matches_itself_and_its_own_prefix_with_a_star(
            name in "[a-zA-Z0-9:_-]{1,40}", cut in 0usize..40
        ) {
            prop_assert!(alias_matches(name.as_bytes(), name.as_bytes()));
            let cut = cut.min(name.len());
            let pattern = format!("{}*", &name[..cut]);
            prop_assert!(alias_matches(pattern.as_bytes(), name.as_bytes()));
        }

        #[test]
        fn tables_of_arbitrary_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = matching_aliases(&bytes, &["pci:v00001AF4d00001001"]);
            dependencies(&bytes).for_each(|line| { line.needs().count(); });
            soft_dependencies(&bytes).count();
            builtin_aliases(&bytes).count();
            builtin_paths(&bytes).count();
        }
    }
}
