//! The levels of x86-64 processors by the flags of `/proc/cpuinfo` (x86-64 psABI, "Micro-Architecture Levels").

/// What each level adds to the one below it, with the names of /proc/cpuinfo (`pni` is SSE3, `abm` has LZCNT).
const LEVELS: [&[&str]; 3] = [
    &["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"],
    &["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"],
    &["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"],
];

/// The level of a processor with these flags: 1 to 4.
#[must_use]
pub fn of_flags<S: AsRef<str>>(flags: &[S]) -> u32 {
    let has = |wanted: &&str| flags.iter().any(|own| own.as_ref() == *wanted);
    let above = LEVELS.iter().take_while(|level| level.iter().all(&has)).count();
    1 + u32::try_from(above).unwrap_or_default()
}

/// What a processor with these flags lacks for `level`.
#[must_use]
pub fn missing<S: AsRef<str>>(flags: &[S], level: u32) -> Vec<String> {
    let wanted = LEVELS.iter().take(usize::try_from(level.saturating_sub(1)).unwrap_or_default());
    let lacks = |flag: &&&str| !flags.iter().any(|own| own.as_ref() == **flag);
    wanted.flat_map(|level| level.iter()).filter(lacks).map(|flag| (*flag).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_needs_all_below_it() {
        let flags = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        // QEMU's qemu64 as /proc/cpuinfo shows it.
        let qemu64 = flags("fpu cx8 sse sse2 pni cx16 lahf_lm svm");
        assert_eq!((of_flags(&qemu64), missing(&qemu64, 2)), (1, flags("popcnt sse4_1 sse4_2 ssse3")));
        let nehalem = flags("pni ssse3 cx16 sse4_1 sse4_2 popcnt lahf_lm");
        assert_eq!(of_flags(&nehalem), 2);
        let odd = flags("avx avx2 bmi1 bmi2 f16c fma abm movbe xsave");
        assert_eq!(of_flags(&odd), 1);
        let haswell: Vec<String> = nehalem.into_iter().chain(odd).collect();
        assert_eq!((of_flags(&haswell), missing(&haswell, 3)), (3, Vec::new()));
    }
}
