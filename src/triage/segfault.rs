//! Decodes the line that the kernel writes when a program's access to memory fails (arch/x86/mm/fault.c,
//! `show_signal_msg`): `mongod[812]: segfault at 0 ip 00007f.. sp 00007f.. error 4 in libc.so.6[7f0000000000+1c0000]`.
//!
//! `error` is the processor's page-fault code (Intel SDM volume 3, 4.7; `enum x86_pf_error_code`): bit 0 set is a
//! protection fault and clear no page; bit 1 write and not read; bit 2 user mode; bit 3 a reserved bit was set; bit 4
//! an instruction fetch; bit 5 a protection key; bit 15 SGX.

use std::collections::BTreeMap;

/// The names that it adds.
pub(super) const NAMES: [&str; 4] = ["access", "reason", "mode", "offset"];

/// Addresses below this are those of a null pointer and a field of what it should point to: no program may map them
/// (`vm.mmap_min_addr`).
const NULL_PAGE: u64 = 0x1_0000;

/// What the captures `address`, `ip`, `error` and `base` mean.
pub(super) fn decode(captures: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let number = |name: &str| {
        captures.get(name).and_then(|text| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok())
    };
    let mut decoded = BTreeMap::new();
    let mut add = |name: &str, text: String| decoded.insert(name.to_owned(), text);
    if let Some(error) = number("error") {
        let bit = |bit: u32| error >> bit & 1 == 1;
        let access = match (bit(4), bit(1)) {
            (true, _) => "jumped to",
            (false, true) => "wrote to",
            (false, false) => "read from",
        };
        add("access", access.to_owned());
        add("mode", if bit(2) { "in user mode" } else { "in kernel mode" }.to_owned());
        let address = number("address").unwrap_or(u64::MAX);
        let reason = if bit(3) {
            "its page table has a reserved bit set, which is a kernel or hardware fault"
        } else if bit(5) {
            "a protection key forbids it"
        } else if bit(0) {
            "the page is there but does not allow it"
        } else if address == 0 {
            "that is a null pointer"
        } else if address < NULL_PAGE {
            "that is a field of a null pointer"
        } else {
            "nothing is mapped there"
        };
        add("reason", reason.to_owned());
    }
    if let (Some(ip), Some(base)) = (number("ip"), number("base"))
        && let Some(offset) = ip.checked_sub(base)
    {
        add("offset", format!("0x{offset:x}"));
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(address: &str, ip: &str, error: &str, base: &str) -> String {
        let captures = [("address", address), ("ip", ip), ("error", error), ("base", base)];
        let captures = captures.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let decoded = decode(&captures);
        NAMES.map(|name| decoded.get(name).cloned().unwrap_or_default()).join("; ")
    }

    #[test]
    fn each_bit_of_the_error_has_its_words() {
        for (address, ip, error, base, words) in [
            ("0", "7f12b5a3", "4", "7f12b000", "read from; that is a null pointer; in user mode; 0x5a3"),
            (
                "18",
                "400123",
                "6",
                "400000",
                "wrote to; that is a field of a null pointer; in user mode; 0x123",
            ),
            (
                "7fff0000",
                "400123",
                "7",
                "400000",
                "wrote to; the page is there but does not allow it; in user mode; 0x123",
            ),
            (
                "7fff0000",
                "7fff0000",
                "14",
                "400000",
                "jumped to; nothing is mapped there; in user mode; 0x7fbf0000",
            ),
            (
                "7fff0000",
                "7fff0000",
                "15",
                "",
                "jumped to; the page is there but does not allow it; in user mode; ",
            ),
            (
                "7fff0000",
                "400123",
                "0",
                "400000",
                "read from; nothing is mapped there; in kernel mode; 0x123",
            ),
            (
                "7fff0000",
                "400123",
                "c",
                "500000",
                "read from; its page table has a reserved bit set, which is a kernel or hardware fault; in user mode; ",
            ),
            ("zz", "400123", "4", "400000", "read from; nothing is mapped there; in user mode; 0x123"),
        ] {
            assert_eq!(decoded(address, ip, error, base), words, "{address} {error}");
        }
    }
}
