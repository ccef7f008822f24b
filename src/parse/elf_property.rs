//! The processor level that an x86-64 library asks for: the property `GNU_PROPERTY_X86_ISA_1_NEEDED` in its notes (x86-64 psABI,
//! "Program Property"). glibc compares it with the processor before anything runs (`sysdeps/x86/dl-isa-level.h`).

use goblin::elf::Elf;

/// The type of a note with properties, `NT_GNU_PROPERTY_TYPE_0`.
const PROPERTIES: u32 = 5;
/// `GNU_PROPERTY_X86_ISA_1_NEEDED`.
const ISA_NEEDED: u32 = 0xc000_8002;

/// The level, 1 to 4; none if the file does not say one, or is no ELF file.
#[must_use]
pub fn x86_level(bytes: &[u8]) -> Option<u32> {
    let elf = Elf::parse(bytes).ok()?;
    let headers = elf.iter_note_headers(bytes).into_iter().flatten();
    let sections = elf.iter_note_sections(bytes, Some(".note.gnu.property")).into_iter().flatten();
    let notes = headers.chain(sections).filter_map(Result::ok);
    let found = notes.filter(|note| note.n_type == PROPERTIES && note.name.trim_end_matches('\0') == "GNU");
    found.filter_map(|note| needed(note.desc)).max()
}

/// The highest bit of the property: bit 0 is the baseline. Properties are type, size, and data padded to eight bytes.
fn needed(mut properties: &[u8]) -> Option<u32> {
    let number = |bytes: &[u8]| Some(u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?));
    while properties.len() >= 8 {
        let kind = number(properties)?;
        let size = usize::try_from(number(properties.get(4..)?)?).ok()?;
        if kind == ISA_NEEDED {
            let bits = number(properties.get(8..)?)?;
            return (bits != 0).then(|| (u32::BITS - bits.leading_zeros()).min(4));
        }
        properties = properties.get(size.checked_add(8)?.checked_next_multiple_of(8)?..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn property(kind: u32, data: u32) -> Vec<u8> {
        [kind.to_le_bytes(), 4u32.to_le_bytes(), data.to_le_bytes(), [0; 4]].concat()
    }

    #[test]
    fn the_highest_bit_is_the_level() {
        let used = property(0xc001_0002, 0x7f);
        assert_eq!(needed(&[used.clone(), property(ISA_NEEDED, 0b11)].concat()), Some(2));
        assert_eq!(needed(&property(ISA_NEEDED, 0b111)), Some(3));
        assert_eq!(needed(&used), None);
        assert_eq!(x86_level(b"#!/bin/sh\n"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = needed(&bytes);
            prop_assert_eq!(x86_level(&bytes), None);
        }
    }
}
