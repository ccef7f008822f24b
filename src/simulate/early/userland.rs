//! Whether the program that the kernel starts in the initrd can run.

use super::super::initrd_view::InitrdView;
use super::super::{Step, StepName};
use crate::place::Place;

/// The failing step, if the initrd's init cannot run: the kernel then tries `/sbin/init` and a shell in the initrd
/// itself and gives up (init/main.c, `kernel_init`); the root file system is never asked.
pub(in crate::simulate) fn cannot_start(view: &InitrdView<'_>, at: Option<Place>) -> Option<Step> {
    let reason = view.init().err()?;
    let detail = format!("the initrd's own init does not run: {reason}");
    Some(Step::fails(StepName::Init, detail, at))
}
