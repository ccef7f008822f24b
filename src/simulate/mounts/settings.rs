//! What the command line and systemd's configuration say of all mounts: kernel-command-line(7),
//! systemd-fstab-generator(8), systemd-cryptsetup-generator(8), systemd-system.conf(5).

use std::time::Duration;

use crate::facts::command_line::CommandLine;
use crate::facts::mounting::Mounting;
use crate::parse::time_span::{self, TimeSpan};

/// How long systemd waits for a device where nothing else is said (`DEFAULT_TIMEOUT_SEC`).
const DEFAULT_TIMEOUT: TimeSpan = TimeSpan::Finite(Duration::from_secs(90));

/// systemd from which devices have a setting of their own, `DefaultDeviceTimeoutSec=`.
const OWN_DEVICE_TIMEOUT: u32 = 252;

/// The settings of one boot.
#[derive(Debug)]
pub(super) struct Settings<'a> {
    cmdline: Option<&'a CommandLine>,
    pub(super) reads_fstab: bool,
    pub(super) reads_crypttab: bool,
    pub(super) starts_swap: bool,
    /// How long a device is waited for.
    pub(super) device_timeout: TimeSpan,
}

impl<'a> Settings<'a> {
    pub(super) fn new(cmdline: Option<&'a CommandLine>, mounting: &Mounting) -> Self {
        let is_on = |name: &str| {
            let param = cmdline.and_then(|line| line.param(name));
            param.is_none_or(|param| {
                !matches!(param.value.as_deref(), Some("0" | "no" | "false" | "off" | "n"))
            })
        };
        Self {
            cmdline,
            reads_fstab: is_on("fstab"),
            reads_crypttab: is_on("luks") && is_on("luks.crypttab"),
            starts_swap: is_on("systemd.swap"),
            device_timeout: device_timeout(cmdline, mounting),
        }
    }

    /// Whether the kernel mounts root writable (`rw`); the last of `ro` and `rw` counts.
    pub(super) fn root_is_writable(&self) -> bool {
        let params = self.cmdline.map(|line| line.params.as_slice()).unwrap_or_default();
        let last = params.iter().rev().find(|param| matches!(param.name.as_str(), "ro" | "rw"));
        last.is_some_and(|param| param.name == "rw")
    }
}

fn device_timeout(cmdline: Option<&CommandLine>, mounting: &Mounting) -> TimeSpan {
    let read = |text: &str| match time_span::parse(text)? {
        TimeSpan::Finite(duration) if duration.is_zero() => Some(TimeSpan::Infinite),
        span => Some(span),
    };
    let given = |name: &str| cmdline.and_then(|line| line.value(name)).and_then(read);
    let set = |setting: Option<&crate::facts::setting::Setting>| setting.and_then(|own| read(&own.value));
    let own = given("systemd.default_device_timeout_sec").or_else(|| set(mounting.device_timeout.as_ref()));
    let as_services = mounting.systemd_version.is_some_and(|version| version < OWN_DEVICE_TIMEOUT);
    let older =
        || given("systemd.default_timeout_start_sec").or_else(|| set(mounting.start_timeout.as_ref()));
    own.or_else(|| as_services.then(older).flatten()).unwrap_or(DEFAULT_TIMEOUT)
}
