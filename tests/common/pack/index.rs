//! The binary index of `modules.dep` or `modules.alias` as depmod(8) writes it beside the text (libkmod-index.c). Each
//! byte of a key is a node of its own, where depmod puts what keys share into one: larger, and read the same.

const MAGIC: u32 = 0xB007_F457;
const VERSION: u32 = 0x0002_0001;
const HAS_VALUES: u32 = 0x4000_0000;
const HAS_CHILDREN: u32 = 0x2000_0000;

/// The index of these keys and values.
pub fn index(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes: Vec<u8> = [MAGIC, VERSION, 0].iter().flat_map(|number| number.to_be_bytes()).collect();
    let mut sorted: Vec<(&[u8], &str)> =
        entries.iter().map(|(key, value)| (key.as_bytes(), *value)).collect();
    sorted.sort_unstable();
    let root = node(&mut bytes, &sorted);
    bytes[8..12].copy_from_slice(&root.to_be_bytes());
    bytes
}

/// `modules.dep.bin` for the text of a `modules.dep`: the module's name, and its line.
pub fn dependency_index(text: &str) -> Vec<u8> {
    let lines = text.lines().filter_map(|line| {
        let file = line.split(':').next()?.rsplit('/').next()?;
        Some((file.split(".ko").next()?.replace('-', "_"), line))
    });
    let lines: Vec<(String, &str)> = lines.collect();
    index(&lines.iter().map(|(name, line)| (name.as_str(), *line)).collect::<Vec<_>>())
}

/// `modules.alias.bin` for the text of a `modules.alias`.
pub fn alias_index(text: &str) -> Vec<u8> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("alias ")?.rsplit_once(' '));
    let lines: Vec<(String, &str)> = lines.map(|(alias, name)| (alias.replace('-', "_"), name)).collect();
    index(&lines.iter().map(|(alias, name)| (alias.as_str(), *name)).collect::<Vec<_>>())
}

fn node(bytes: &mut Vec<u8>, entries: &[(&[u8], &str)]) -> u32 {
    let values: Vec<&str> =
        entries.iter().filter(|(key, _)| key.is_empty()).map(|(_, value)| *value).collect();
    let rest: Vec<(&[u8], &str)> = entries.iter().filter(|(key, _)| !key.is_empty()).copied().collect();
    let mut children = Vec::new();
    let (first, last) = (rest.first().map_or(0, |(key, _)| key[0]), rest.last().map_or(0, |(key, _)| key[0]));
    if !rest.is_empty() {
        for byte in first..=last {
            let with_byte = rest.iter().filter(|(key, _)| key[0] == byte);
            let below: Vec<(&[u8], &str)> = with_byte.map(|(key, value)| (&key[1..], *value)).collect();
            children.push(if below.is_empty() { 0 } else { node(bytes, &below) });
        }
    }
    let mut offset = u32::try_from(bytes.len()).unwrap();
    if !children.is_empty() {
        offset |= HAS_CHILDREN;
        bytes.extend([first, last]);
        children.iter().for_each(|child| bytes.extend(child.to_be_bytes()));
    }
    if !values.is_empty() {
        offset |= HAS_VALUES;
        bytes.extend(u32::try_from(values.len()).unwrap().to_be_bytes());
        for value in values {
            bytes.extend(0_u32.to_be_bytes());
            bytes.extend(value.bytes().chain([0]));
        }
    }
    offset
}
