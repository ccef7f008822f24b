//! The binary indexes that depmod(8) writes and libkmod reads: `modules.dep.bin`, `modules.alias.bin`.
//!
//! A trie in a file (libkmod/libkmod-index.c, "Index file structure"): a magic number, a version, the offset of the
//! root; a node has the rest of its keys' common part, a table of children by their first byte, and values. The upper
//! four bits of a node's offset say which of these it has. All numbers are big-endian.

use super::modules::alias_matches;

/// `INDEX_MAGIC` and the major number of `INDEX_VERSION`.
const MAGIC: u32 = 0xB007_F457;
const MAJOR: u32 = 2;

const HAS_PREFIX: u32 = 0x8000_0000;
const HAS_VALUES: u32 = 0x4000_0000;
const HAS_CHILDREN: u32 = 0x2000_0000;
const OFFSET: u32 = 0x0FFF_FFFF;

/// Nodes that one walk looks at; the index of a full distribution kernel has some 60,000.
const MAX_NODES: usize = 2_000_000;

/// Bytes of a key; depmod's longest have some 200.
const MAX_KEY: usize = 4096;

/// An index that starts as one does.
#[derive(Debug, Clone, Copy)]
pub struct ModuleIndex<'a> {
    bytes: &'a [u8],
    root: u32,
}

/// A node's parts.
struct Node<'a> {
    prefix: &'a [u8],
    first: u8,
    children: &'a [u8],
    /// Where the values start, and how many there are.
    values: (usize, u32),
}

impl<'a> ModuleIndex<'a> {
    /// The index in `bytes`.
    ///
    /// # Errors
    /// Why libkmod does not read it, in a few words.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, &'static str> {
        if number(bytes, 0).ok_or("it is cut off in its header")? != MAGIC {
            return Err("it does not start as an index of modules does");
        }
        if number(bytes, 4).ok_or("it is cut off in its header")? >> 16 != MAJOR {
            return Err("it has another version than libkmod reads");
        }
        let root = number(bytes, 8).ok_or("it is cut off in its header")?;
        let index = Self { bytes, root };
        if root & OFFSET != 0 && index.node(root).is_none() {
            return Err("it is cut off");
        }
        Ok(index)
    }

    /// The values of the keys that match each of `names` as patterns, in the order of the keys: index into `names`,
    /// and the value. This is `index_mm_searchwild` for all names in one walk.
    #[must_use]
    pub fn search_wild(&self, names: &[&str]) -> Vec<(usize, &'a str)> {
        let mut found = Vec::new();
        let literal = |key: &[u8]| literal_prefix(key).len();
        self.walk(
            &mut |key| {
                let prefix = key.get(..literal(key)).unwrap_or_default();
                names.iter().any(|name| shares_prefix(prefix, name.as_bytes()))
            },
            &mut |key, value| {
                let matched =
                    names.iter().enumerate().filter(|(_, name)| alias_matches(key, name.as_bytes()));
                found.extend(matched.map(|(index, _)| (index, value)));
            },
        );
        found
    }

    /// All keys with their values.
    #[must_use]
    pub fn entries(&self) -> Vec<(Vec<u8>, &'a str)> {
        let mut found = Vec::new();
        self.walk(&mut |_| true, &mut |key, value| found.push((key.to_vec(), value)));
        found
    }

    /// Visits each key and value below the nodes whose key so far passes `enter`.
    fn walk(&self, enter: &mut dyn FnMut(&[u8]) -> bool, visit: &mut dyn FnMut(&[u8], &'a str)) {
        let mut key = Vec::new();
        let mut budget = MAX_NODES;
        // The nodes still to visit, with the length of the key before them and the byte that leads to them.
        let mut todo: Vec<(u32, usize, Option<u8>)> = vec![(self.root, 0, None)];
        while let Some((at, length, byte)) = todo.pop() {
            if at & OFFSET == 0 || budget == 0 {
                continue;
            }
            budget -= 1;
            let Some(node) = self.node(at) else { continue };
            key.truncate(length);
            key.extend(byte);
            key.extend_from_slice(node.prefix);
            if key.len() > MAX_KEY || !enter(&key) {
                continue;
            }
            let mut value_at = node.values.0;
            for _ in 0..node.values.1 {
                let Some(value) = value_at.checked_add(4).and_then(|at| text(self.bytes, at)) else { break };
                value_at = value_at.saturating_add(4 + value.len() + 1);
                if let Ok(value) = std::str::from_utf8(value) {
                    visit(&key, value);
                }
            }
            let (offsets, _) = node.children.as_chunks::<4>();
            let children = offsets.iter().zip(node.first..=u8::MAX).rev();
            todo.extend(children.map(|(offset, byte)| (u32::from_be_bytes(*offset), key.len(), Some(byte))));
        }
    }

    fn node(&self, offset: u32) -> Option<Node<'a>> {
        let mut at = usize::try_from(offset & OFFSET).ok()?;
        let mut prefix: &[u8] = &[];
        if offset & HAS_PREFIX != 0 {
            prefix = text(self.bytes, at)?;
            at = at.checked_add(prefix.len() + 1)?;
        }
        let (mut first, mut children): (u8, &[u8]) = (0, &[]);
        if offset & HAS_CHILDREN != 0 {
            first = *self.bytes.get(at)?;
            let last = *self.bytes.get(at.checked_add(1)?)?;
            let count = usize::from(last.checked_sub(first)?) + 1;
            at = at.checked_add(2)?;
            children = self.bytes.get(at..at.checked_add(count * 4)?)?;
            at = at.checked_add(count * 4)?;
        }
        let mut values = (at, 0);
        if offset & HAS_VALUES != 0 {
            values = (at.checked_add(4)?, number(self.bytes, at)?);
        }
        Some(Node { prefix, first, children, values })
    }
}

/// The part of a key before anything that is a pattern.
fn literal_prefix(key: &[u8]) -> &[u8] {
    let end = key.iter().position(|byte| matches!(byte, b'*' | b'?' | b'[' | b'-' | b'_'));
    key.get(..end.unwrap_or(key.len())).unwrap_or_default()
}

/// Whether a name can still match keys that begin with `prefix`.
fn shares_prefix(prefix: &[u8], name: &[u8]) -> bool {
    name.starts_with(prefix)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let (number, _) = bytes.get(at..)?.split_first_chunk::<4>()?;
    Some(u32::from_be_bytes(*number))
}

/// The text at `at`, without its closing NUL.
fn text(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?;
    rest.get(..memchr::memchr(0, rest)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::test_index::index;
    use super::*;

    /// As depmod writes it: `virtio:d00000002v*` and `virtio:d00000008v*` share a prefix, and one key has two values.
    fn with_prefixes() -> Vec<u8> {
        let mut bytes: Vec<u8> = [MAGIC, 0x0002_0001, 0].iter().flat_map(|n| n.to_be_bytes()).collect();
        let mut leaf = |values: &[&str]| {
            let at = u32::try_from(bytes.len()).unwrap() | HAS_PREFIX | HAS_VALUES;
            bytes.extend(b"v*\0");
            bytes.extend(u32::try_from(values.len()).unwrap().to_be_bytes());
            for value in values {
                bytes.extend([0, 0, 0, 1]);
                bytes.extend(value.bytes().chain([0]));
            }
            at
        };
        let (two, eight) = (leaf(&["virtio_blk"]), leaf(&["virtio_scsi", "other"]));
        let root = u32::try_from(bytes.len()).unwrap() | HAS_PREFIX | HAS_CHILDREN;
        bytes.extend(b"virtio:d0000000\0");
        bytes.extend(b"28");
        for child in [two, 0, 0, 0, 0, 0, eight] {
            bytes.extend(child.to_be_bytes());
        }
        bytes[8..12].copy_from_slice(&root.to_be_bytes());
        bytes
    }

    #[test]
    fn keys_are_patterns_for_the_names() {
        let bytes = with_prefixes();
        let index = ModuleIndex::parse(&bytes).unwrap();
        let names = ["virtio:d00000008v00001AF4", "virtio:d00000002v00001AF4", "pci:v00001AF4"];
        let found = index.search_wild(&names);
        assert_eq!(found, [(1, "virtio_blk"), (0, "virtio_scsi"), (0, "other")]);
        let keys: Vec<_> = index.entries().into_iter().map(|(key, _)| key).collect();
        assert_eq!(
            keys,
            [b"virtio:d00000002v*".to_vec(), b"virtio:d00000008v*".to_vec(), b"virtio:d00000008v*".to_vec()]
        );
    }

    #[test]
    fn dashes_and_underscores_are_the_same() {
        let bytes = index(&[("platform:virtio_mmio", "a"), ("fs-xfs", "xfs"), ("x", "y")]);
        let read = ModuleIndex::parse(&bytes).unwrap();
        assert_eq!(read.search_wild(&["platform:virtio-mmio", "fs-xfs"]), [(1, "xfs"), (0, "a")]);
    }

    #[test]
    fn what_libkmod_does_not_read_is_told() {
        let good = with_prefixes();
        assert!(ModuleIndex::parse(&good[..10]).unwrap_err().contains("header"));
        let mut other = good.clone();
        other[0] = 0;
        assert!(ModuleIndex::parse(&other).unwrap_err().contains("does not start"));
        other = good.clone();
        other[5] = 9;
        assert!(ModuleIndex::parse(&other).unwrap_err().contains("version"));
        assert!(ModuleIndex::parse(&good[..20]).unwrap_err().contains("cut off"));
        // depmod of an empty tree writes a root that is nowhere.
        let empty: Vec<u8> = [MAGIC, 0x0002_0001, 0].iter().flat_map(|n| n.to_be_bytes()).collect();
        assert_eq!(ModuleIndex::parse(&empty).unwrap().entries(), []);
    }

    #[test]
    fn an_index_that_leads_back_to_itself_ends() {
        let mut bytes: Vec<u8> =
            [MAGIC, 0x0002_0001, 12 | HAS_CHILDREN].iter().flat_map(|n| n.to_be_bytes()).collect();
        bytes.extend(b"aa");
        bytes.extend((12 | HAS_CHILDREN).to_be_bytes());
        assert_eq!(ModuleIndex::parse(&bytes).unwrap().entries(), []);
    }

    proptest! {
        #[test]
        fn any_bytes_end(mut bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for (at, byte) in MAGIC.to_be_bytes().into_iter().chain([0, 2, 0, 1]).enumerate() {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            if let Ok(index) = ModuleIndex::parse(&bytes) {
                let _ = index.search_wild(&["virtio:d00000002v00001AF4"]);
                let _ = index.entries();
            }
        }

        #[test]
        fn every_key_that_was_put_in_is_found(keys in proptest::collection::btree_set("[a-c]{1,6}", 1..12)) {
            let entries: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), key.as_str())).collect();
            let bytes = index(&entries);
            let read = ModuleIndex::parse(&bytes).unwrap();
            for key in &keys {
                prop_assert_eq!(read.search_wild(&[key.as_str()]), [(0, key.as_str())]);
            }
        }
    }
}
