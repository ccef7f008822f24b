//! Parameters that stop the initrd at a shell: a machine that boots by itself waits there for somebody.

use super::Root;
use crate::initrd::Kind;
use crate::simulate::{Cause, Step, StepName};

/// Points at which initramfs-tools stops (its `init`, `maybe_break`), and the step before which they come.
const INITRAMFS_TOOLS: [(&str, StepName); 7] = [
    ("top", StepName::RootDevice),
    ("modules", StepName::RootDevice),
    ("premount", StepName::RootDevice),
    ("mount", StepName::RootDevice),
    ("mountroot", StepName::RootDevice),
    ("bottom", StepName::Init),
    ("init", StepName::Init),
];

/// Points at which dracut stops (dracut.cmdline(7), `rd.break`).
const DRACUT: [(&str, StepName); 9] = [
    ("cmdline", StepName::RootDevice),
    ("pre-udev", StepName::RootDevice),
    ("pre-trigger", StepName::RootDevice),
    ("initqueue", StepName::RootDevice),
    ("pre-mount", StepName::RootFilesystem),
    ("mount", StepName::RootFilesystem),
    ("pre-pivot", StepName::Init),
    ("cleanup", StepName::Init),
    ("", StepName::Init),
];

impl Root<'_> {
    /// The failing `step`, if a parameter stops the initrd there.
    pub(in crate::simulate) fn stop_at(&self, step: StepName) -> Option<Step> {
        let (argument, points, default) = match self.kind() {
            Kind::InitramfsTools => (self.arguments.last("break")?, INITRAMFS_TOOLS.as_slice(), "premount"),
            Kind::Dracut => {
                let argument = self.arguments.last("rd.break").or(self.arguments.last("rdbreak"))?;
                (argument, DRACUT.as_slice(), "")
            }
            _ => return None,
        };
        let value = argument.value.as_deref().unwrap_or(default);
        let stops = |point: &str| points.iter().any(|(name, at)| *name == point && *at == step);
        if !value.split(',').any(stops) {
            return None;
        }
        let shown = match &argument.value {
            Some(value) => format!("{}={value}", argument.key),
            None => argument.key.clone(),
        };
        // initramfs-tools' `panic` gives no shell where `panic=` is set.
        let what = if self.kind() == Kind::InitramfsTools && self.arguments.has("panic") {
            "ends the boot in the initrd: with `panic=` it reboots instead of giving a shell"
        } else {
            "stops the initrd at a shell, where it waits for somebody"
        };
        let detail = format!("`{shown}` on the command line {what}");
        Some(Step::fails(step, detail, Some(argument.at.clone())).because(Cause::StopsAtShell))
    }
}
