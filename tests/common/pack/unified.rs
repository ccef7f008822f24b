//! Unified kernel images: an EFI program with these sections and no code.

/// An image of these sections, each on a boundary of 512 bytes.
pub fn unified(sections: &[(&str, &[u8])]) -> Vec<u8> {
    const PE: usize = 0x80;
    const OPTIONAL: usize = 0xf0;
    let table = PE + 24 + OPTIONAL;
    let mut bytes = vec![0; (table + sections.len() * 40).next_multiple_of(512)];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"MZ");
    put(0x3c, &u32::try_from(PE).unwrap().to_le_bytes());
    put(PE, b"PE\0\0\x64\x86");
    put(PE + 6, &u16::try_from(sections.len()).unwrap().to_le_bytes());
    put(PE + 20, &u16::try_from(OPTIONAL).unwrap().to_le_bytes());
    put(PE + 24, &0x20b_u16.to_le_bytes()); // PE32+
    let mut contents: Vec<u8> = Vec::new();
    let start = (table + sections.len() * 40).next_multiple_of(512);
    for (index, (name, content)) in sections.iter().enumerate() {
        let at = table + index * 40;
        let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
        put(at, name.as_bytes());
        put(at + 8, &number(content.len()));
        put(at + 16, &number(content.len().next_multiple_of(512)));
        put(at + 20, &number(start + contents.len()));
        contents.extend(*content);
        contents.resize(contents.len().next_multiple_of(512), 0);
    }
    bytes.extend(contents);
    bytes
}
