//! Reports made by hand, for the tests of the renderers.

use crate::facts::system::System;
use crate::finding::{Finding, Fix, Severity, Waived};
use crate::known::Known;
use crate::place::{Place, Span};
use crate::report::{BaselineSummary, NotEvaluated, Parts, Report, Summary, SystemSummary, TargetSummary};
use crate::simulate::{Boot, Outcome, State, Step, StepName};

/// A server with a SAN root on its way to three platforms.
pub(super) fn san_server() -> Report {
    let targets = [
        ("same", "The hardware that it has now"),
        ("kvm", "KVM/QEMU with virtio disk and NIC"),
        ("vmware", "VMware with PVSCSI disk and VMXNET3 NIC"),
    ];
    let targets = targets.map(|(name, title)| TargetSummary { name: name.into(), title: title.into() });
    let boots = targets.iter().flat_map(|target| {
        [("CentOS (2.6.32-754.el6.x86_64)", true), ("CentOS (2.6.32-696.el6.x86_64)", false)]
            .map(|(entry, default)| boot(entry, default, &target.name))
    });
    let parts = Parts {
        system: SystemSummary {
            source: "testdata/systems/centos6-san-server".into(),
            system: System {
                id: Some("centos".into()),
                pretty_name: Some("CentOS release 6.10 (Final)".into()),
                architecture: Known::Known("x86_64".into()),
                hostname: Some("db1.example.com".into()),
                ..System::default()
            },
        },
        boots: boots.collect(),
        targets: targets.to_vec(),
        findings: findings(),
        not_evaluated: vec![
            NotEvaluated { rule: "crypttab-key-missing".into(), needs: "a readable `etc/crypttab`".into() },
            NotEvaluated { rule: "fstab-uuid-unknown".into(), needs: "the output of `blkid`".into() },
            NotEvaluated { rule: "root-uuid-unknown".into(), needs: "the output of `blkid`".into() },
        ],
    };
    Report::build(parts, Some(Severity::High))
}

/// The same server, with the missing driver waived and the TLS version known from a baseline.
pub(super) fn set_aside() -> Report {
    let mut report = san_server();
    for finding in &mut report.findings {
        match finding.rule.as_str() {
            "initrd-lacks-disk-driver" => {
                finding.waived = Some(Waived {
                    reason: "replaced in June".into(),
                    expires: Some("2027-06-30".into()),
                    at: Span::line(3).at(&"bootproof.toml".into()),
                });
            }
            "tls-version-not-supported" => finding.known = true,
            _ => {}
        }
    }
    report.summary = Summary::of(&report.findings);
    report.waived = 2;
    report.baseline = Some(BaselineSummary { report: "before.json".into(), known: 1, gone: 3 });
    report
}

/// Nothing found, boots everywhere.
pub(super) fn healthy() -> Report {
    let parts = Parts {
        system: SystemSummary { source: "/mnt/sysimage".into(), system: System::default() },
        targets: vec![TargetSummary { name: "kvm".into(), title: "KVM/QEMU".into() }],
        boots: vec![boot("Debian GNU/Linux", true, "same")]
            .into_iter()
            .map(|b| Boot { target: "kvm".into(), ..b })
            .collect(),
        findings: vec![],
        not_evaluated: vec![],
    };
    Report::build(parts, Some(Severity::High))
}

/// Three kernels, each with a recovery entry, on 22 targets: every outcome, and steps on which targets hear different
/// things.
pub(super) fn many() -> Report {
    let titles = ["6.1.0-18-amd64", "6.1.0-17-amd64", "5.10.0-28-amd64"]
        .into_iter()
        .flat_map(|release| [release.to_owned(), format!("{release} (recovery mode)")]);
    let names: Vec<String> =
        crate::target::built_in_names().filter(|name| *name != "same").map(Into::into).collect();
    let mut boots = Vec::new();
    for (index, title) in titles.enumerate() {
        for (target, name) in names.iter().enumerate() {
            let mut boot = boot(title.trim_end_matches(" (recovery mode)"), index == 0, "same");
            boot.entry = format!("Debian GNU/Linux, with Linux {title}");
            boot.entry_id = index.to_string();
            boot.target.clone_from(name);
            let (step, state) = match (target + 5 * (index / 2)) % 7 {
                0..=2 => (StepName::Network, State::Ok),
                3 => (StepName::Network, State::Fails),
                4 => (StepName::Network, State::Unknown),
                5 => (StepName::RootFilesystem, State::Fails),
                _ => (StepName::RootDevice, State::Unknown),
            };
            for own in &mut boot.steps {
                if own.step == StepName::DiskDriver {
                    own.detail = format!(
                        "the disk appears as {}, bound by its driver",
                        ["sda", "vda", "nvme0n1"][target % 3]
                    );
                }
                if own.step == step && state != State::Ok {
                    own.state = state;
                    own.detail = format!("what is said of {} on {name}", step.name());
                }
            }
            boot.failed_at = (state == State::Fails).then_some(step);
            boot.outcome = match (state, step) {
                (State::Fails, _) => Outcome::Fails,
                (State::Unknown, StepName::RootDevice) => Outcome::Unknown,
                _ => Outcome::Boots,
            };
            boots.push(boot);
        }
    }
    let targets = names.iter().map(|name| TargetSummary { name: name.clone(), title: name.to_uppercase() });
    let parts = Parts {
        system: SystemSummary { source: "/mnt/sysimage".into(), system: System::default() },
        targets: targets.collect(),
        boots,
        findings: vec![],
        not_evaluated: vec![],
    };
    Report::build(parts, Some(Severity::High))
}

/// Every string that can come from the audited system holds `hostile`.
pub(super) fn with_everywhere(hostile: &str) -> Report {
    let mut boots = vec![boot(hostile, true, "kvm")];
    for boot in &mut boots {
        boot.kernel = Some(hostile.into());
        boot.initrd = Some(hostile.into());
        for step in &mut boot.steps {
            step.detail = hostile.into();
            step.at = Some(Place::file(hostile));
        }
    }
    let finding = |at: Place, snippet: Option<&str>| Finding {
        rule: "user-rule".into(),
        decides: vec![hostile.into()],
        severity: Severity::High,
        target: Some("kvm".into()),
        entry: Some(hostile.into()),
        title: hostile.into(),
        message: format!("`{hostile}` and {hostile}"),
        at,
        snippet: snippet.map(Into::into),
        why: format!("Because of {hostile}"),
        fix: vec![
            Fix::Command { command: format!("echo {hostile}") },
            Fix::Replace { at: Place::file(hostile), with: Some(hostile.into()) },
            Fix::Advice { text: hostile.into() },
        ],
        refs: vec![hostile.into()],
        fingerprint: hostile.into(),
        waived: None,
        known: false,
    };
    let parts = Parts {
        system: SystemSummary {
            source: hostile.into(),
            system: System {
                pretty_name: Some(hostile.into()),
                hostname: Some(hostile.into()),
                ..System::default()
            },
        },
        targets: vec![TargetSummary { name: "kvm".into(), title: hostile.into() }],
        boots,
        findings: vec![
            finding(Span::new(3, 2, 5).at(&hostile.into()), Some(hostile)),
            finding(Place::file(hostile), None),
        ],
        not_evaluated: vec![NotEvaluated { rule: hostile.into(), needs: hostile.into() }],
    };
    Report::build(parts, Some(Severity::High))
}

const STEPS: [(StepName, &str); 11] = [
    (StepName::Firmware, "BIOS runs the boot loader in the MBR."),
    (StepName::Loader, "GRUB legacy reads `boot/grub/grub.conf`."),
    (StepName::Kernel, "The kernel is there and has a 64-bit entry point."),
    (StepName::Initrd, "The initrd unpacks: 1 archive, gzip, 86 modules."),
    (StepName::DiskDriver, "`lpfc` binds the HBA."),
    (StepName::StorageStack, "`multipathd` makes `mpatha`, LVM makes `vg_san/lv_root`."),
    (StepName::RootDevice, "`root=/dev/mapper/vg_san-lv_root` exists."),
    (StepName::RootFilesystem, "ext4 mounts it."),
    (StepName::Init, "`sbin/init` is there."),
    (StepName::Mounts, "All of fstab is mounted."),
    (StepName::Network, "`eth0` comes up."),
];

fn boot(entry: &str, default: bool, target: &str) -> Boot {
    let release = entry.trim_start_matches("CentOS (").trim_end_matches(')');
    let fails = match target {
        "kvm" => Some(StepName::DiskDriver),
        _ => None,
    };
    let unknown = (target == "vmware").then_some(StepName::StorageStack);
    let initrd: std::sync::Arc<str> = format!("boot/initramfs-{release}.img").into();
    let step = |(name, detail): (StepName, &str)| {
        let after = fails.is_some_and(|failed| name > failed) || unknown.is_some_and(|first| name > first);
        let (state, detail, at) = if fails == Some(name) {
            let detail = "Nothing in the initrd drives `pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00`, \
                          the controller of the boot disk; `virtio_blk` would.";
            (State::Fails, detail, Some(Place::file(initrd.clone())))
        } else if unknown == Some(name) {
            (
                State::Unknown,
                "Whether LVM takes the disk, `etc/lvm/lvm.conf` would say; it cannot be read.",
                None,
            )
        } else if after {
            (State::Unknown, "The boot does not get here.", None)
        } else {
            (State::Ok, detail, None)
        };
        Step { step: name, state, detail: detail.into(), at, cause: None }
    };
    Boot {
        entry: entry.into(),
        entry_id: entry.into(),
        at: Place::file("boot/grub/grub.conf"),
        evidence: Place::file("boot/grub/grub.conf"),
        default,
        is_rescue: false,
        release: Some(release.into()),
        mounts: None,
        disk: crate::simulate::DiskFate::default(),
        network: crate::simulate::NetworkFate::default(),
        kernel: Some(format!("boot/vmlinuz-{release}")),
        initrd: Some(initrd.to_string()),
        target: target.into(),
        outcome: match (fails, unknown) {
            (Some(_), _) => Outcome::Fails,
            (None, Some(_)) => Outcome::Unknown,
            (None, None) => Outcome::Boots,
        },
        failed_at: fails,
        steps: STEPS.into_iter().map(step).collect(),
    }
}

fn findings() -> Vec<Finding> {
    let base = Finding {
        rule: String::new(),
        decides: vec![],
        severity: Severity::High,
        target: None,
        entry: None,
        title: String::new(),
        message: String::new(),
        at: Place::file("etc/fstab"),
        snippet: None,
        why: String::new(),
        fix: vec![],
        refs: vec![],
        fingerprint: String::new(),
        waived: None,
        known: false,
    };
    let mut findings = Vec::new();
    for (line, release, entry) in [
        (19, "2.6.32-754.el6.x86_64", "CentOS (2.6.32-754.el6.x86_64)"),
        (23, "2.6.32-696.el6.x86_64", "CentOS (2.6.32-696.el6.x86_64)"),
    ] {
        findings.push(Finding {
            rule: "initrd-lacks-disk-driver".into(),
            decides: vec!["A01".into(), "N1".into()],
            severity: Severity::Blocker,
            target: Some("kvm".into()),
            entry: Some(entry.into()),
            title: "The initrd has no driver for the boot disk".into(),
            message: format!("`boot/initramfs-{release}.img` holds no module for the virtio disk of kvm; `virtio_blk` is what binds it"),
            at: Span::new(line, 9, 9 + 22 + release.len()).at(&"boot/grub/grub.conf".into()),
            snippet: Some(format!("        initrd /initramfs-{release}.img")),
            why: "The kernel finds its root disk with the drivers that the initrd brings. An initrd made in hostonly \
                  mode has those of the machine that it was made on, and no others.\n\n\
                  On other hardware the boot ends in a dracut shell, or in `Kernel panic - not syncing: VFS: Unable \
                  to mount root fs`."
                .into(),
            fix: vec![
                Fix::Command { command: format!("dracut --force --add-drivers \"virtio_pci virtio_blk\" /boot/initramfs-{release}.img {release}") },
                Fix::Advice { text: "Do this on the source system before it is copied, or in a rescue chroot of the copy.".into() },
            ],
            refs: vec!["dracut(8)".into(), "https://www.kernel.org/doc/html/latest/driver-api/virtio/virtio.html".into()],
            fingerprint: format!("a1b2c3{line}"),
            ..base.clone()
        });
    }
    let lines = [
        "/dev/sda1  /boot    ext4  defaults  1 2",
        "/dev/sda3  swap     swap  defaults  0 0",
        "/dev/sdb1  /srv/a   ext4  defaults  1 2",
        "/dev/sdb2  /srv/b   ext4  defaults  1 2",
        "/dev/sdc1  /srv/c   ext4  defaults  1 2",
        "/dev/sdc2  /srv/d   ext4  defaults  1 2",
    ];
    for (index, text) in lines.into_iter().enumerate() {
        for (target, prefix) in [("kvm", "vd"), ("vmware", "sd")] {
            let letter = char::from(b'a' + u8::try_from(index / 2).unwrap());
            findings.push(Finding {
                rule: "fstab-kernel-name".into(),
                decides: vec!["B01".into()],
                target: Some(target.into()),
                title: "A mount names its disk by a name that changes".into(),
                message: match target {
                    "kvm" => format!("becomes /dev/{prefix}{letter} there"),
                    _ => "keeps its name only as long as disks are found in this order".into(),
                },
                at: Span::new(index + 8, 1, 10).at(&"etc/fstab".into()),
                snippet: Some(text.into()),
                why: "Names like `/dev/sda1` come from the driver and the order of discovery.".into(),
                fix: vec![Fix::Replace {
                    at: Span::line(index + 8).at(&"etc/fstab".into()),
                    with: Some(text.replace("/dev/sd", "UUID=3e6be9de-8139-4c6f-9106-a43f08d8230")),
                }],
                refs: vec!["fstab(5)".into()],
                fingerprint: format!("d4e5f6{index}{target}"),
                ..base.clone()
            });
        }
    }
    findings.push(Finding {
        rule: "tls-version-not-supported".into(),
        decides: vec!["N10".into()],
        severity: Severity::High,
        title: "A service asks for a TLS version that its library cannot speak".into(),
        message: "OpenSSL 1.0.0 knows no TLSv1.2".into(),
        at: Span::new(12, 28, 35).at(&"etc/nginx/nginx.conf".into()),
        snippet: Some("    ssl_protocols  TLSv1.1 TLSv1.2;".into()),
        why: "TLS 1.1 and 1.2 came with OpenSSL 1.0.1. nginx refuses to start.".into(),
        fix: vec![Fix::Command {
            command: "yum install openssl-1.0.1e-58.el6_10\nservice nginx restart".into(),
        }],
        fingerprint: "778899".into(),
        ..base.clone()
    });
    findings.push(Finding {
        rule: "resume-device-missing".into(),
        decides: vec!["A16".into()],
        severity: Severity::Medium,
        target: Some("kvm".into()),
        title: "`resume=` names a device that is not there".into(),
        message: "`/dev/sda3` does not exist on kvm; the initrd waits for it".into(),
        at: Span::new(18, 104, 121).at(&"boot/grub/grub.conf".into()),
        snippet: Some(
            "        kernel /vmlinuz-2.6.32-754.el6.x86_64 ro root=/dev/mapper/vg_san-lv_root rd_LVM_LV=vg_san/lv_root \
             resume=/dev/sda3 rd_NO_LUKS LANG=en_US.UTF-8 SYSFONT=latarcyrheb-sun16 crashkernel=auto KEYBOARDTYPE=pc"
                .into(),
        ),
        why: "dracut waits for the device before it goes on.".into(),
        fix: vec![Fix::Advice { text: "Take `resume=/dev/sda3` from the line, or name the swap by its UUID.".into() }],
        fingerprint: "aabbcc".into(),
        ..base.clone()
    });
    findings.push(Finding {
        rule: "ppp-peer-name-wrong".into(),
        severity: Severity::Low,
        title: "A pppd peer has a name that no secret is for".into(),
        message: "no line of `etc/ppp/chap-secrets` is for `vpnuser`".into(),
        at: Place::file("etc/ppp/peers/office"),
        fingerprint: "ddeeff".into(),
        ..base
    });
    findings
}
