//! Kernel images: the header of a bzImage that names its release, and nothing behind it.

/// Where the setup header's magic `HdrS` stands (`Documentation/arch/x86/boot.rst`, "The Real-Mode Kernel Header").
const MAGIC: usize = 0x202;
const VERSION_POINTER: usize = 0x20e;
const SETUP_SECTORS: u8 = 4;

/// A bzImage for x86 whose version text starts with `release`, as `file(1)` shows it.
pub fn bzimage(release: &str) -> Vec<u8> {
    let text = format!("{release} (builder@example.com) #1 SMP\0");
    let text_at = 0x400;
    let mut image = vec![0; 512 * (usize::from(SETUP_SECTORS) + 1)];
    put(&mut image, 0x1f1, &[SETUP_SECTORS]);
    put(&mut image, 0x1fe, &0xaa55_u16.to_le_bytes());
    put(&mut image, 0x200, &[0xeb, 0x66]); // the jump over the header
    put(&mut image, MAGIC, b"HdrS");
    put(&mut image, 0x206, &0x020a_u16.to_le_bytes()); // boot protocol 2.10
    put(&mut image, VERSION_POINTER, &u16::try_from(text_at - 0x200).unwrap().to_le_bytes());
    put(&mut image, 0x211, &[1]); // loaded high
    put(&mut image, text_at, text.as_bytes());
    image
}

fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    image.get_mut(at..at + bytes.len()).unwrap().copy_from_slice(bytes);
}
