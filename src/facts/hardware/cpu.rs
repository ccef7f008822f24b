//! The processor, as `/proc/cpuinfo` describes it, or `lscpu` in a report.

use schemars::JsonSchema;
use serde::Serialize;

use crate::cpu_level;
use crate::facts::Gather;
use crate::parse::lines::lines;
use crate::place::Place;

/// The processor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Cpu {
    /// What it calls itself.
    pub model: Option<String>,
    /// Its x86-64 level: 1 to 4 (x86-64 psABI).
    pub level: u32,
    /// The flags that it lacks for the next level.
    pub lacks: Vec<String>,
    /// Whether it has pages of 1 GiB (`pdpe1gb`).
    pub has_gigabyte_pages: bool,
    /// The line with its flags.
    pub at: Place,
}

/// Where a processor's flags are listed.
const FILES: [&str; 3] = ["proc/cpuinfo", "sos_commands/processor/lscpu", "sos_commands/hardware/lscpu"];

/// Reads the first processor that is described; none if no file does, or it is no x86.
pub(super) fn gather(gather: &Gather<'_>) -> Option<Cpu> {
    FILES.iter().find_map(|path| {
        let file = gather.read_config(path).present()?;
        let mut model = None;
        for line in lines(&file.bytes) {
            let Some((key, value)) = line.text.split_once(':') else { continue };
            match key.trim() {
                "model name" | "Model name" if model.is_none() => model = Some(value.trim().to_owned()),
                "flags" | "Flags" => {
                    let flags: Vec<&str> = value.split_whitespace().collect();
                    // Processors without SSE2 are no x86-64; other architectures call theirs `Features`.
                    if !flags.contains(&"sse2") {
                        return None;
                    }
                    let level = cpu_level::of_flags(&flags);
                    return Some(Cpu {
                        model,
                        level,
                        lacks: cpu_level::missing(&flags, level + 1),
                        has_gigabyte_pages: flags.contains(&"pdpe1gb"),
                        at: line.span_of(key.trim()).at(&file.path),
                    });
                }
                _ => {}
            }
        }
        None
    })
}
