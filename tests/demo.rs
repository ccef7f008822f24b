//! The systems under `testdata/systems` through the program itself: what it says, how it ends, and what it keeps quiet.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use assert_cmd::Command;
use serde_json::Value;

fn bootproof(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("bootproof").unwrap();
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    command
}

/// The report of `check` as JSON, and the exit code.
fn report(system: &str, target: &str) -> (Value, i32) {
    let path = format!("testdata/systems/{system}");
    let output = bootproof(&["check", &path, "--target", target, "--format", "json"]).output().unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (report, output.status.code().unwrap())
}

fn findings(report: &Value) -> Vec<&Value> {
    report["findings"].as_array().unwrap().iter().collect()
}

/// Whether a finding decides this entry of the catalogue at this place.
fn tells(report: &Value, entry: &str, path: &str, line: Option<u64>) -> bool {
    findings(report).iter().any(|finding| {
        finding["decides"].as_array().unwrap().iter().any(|id| id == entry)
            && finding["at"]["path"] == path
            && (line.is_none() || finding["at"]["line"].as_u64() == line)
    })
}

#[test]
fn the_san_server_is_told_all_that_breaks_under_kvm() {
    let (report, code) = report("centos6-san-server", "kvm");
    assert_eq!((code, report["verdict"].as_str()), (1, Some("fail")));
    let default = report["boots"].as_array().unwrap().iter().find(|boot| boot["default"] == true).unwrap();
    assert_eq!((&default["outcome"], &default["failed_at"]), (&"fails".into(), &"disk-driver".into()));
    assert_eq!(default["kernel"], "boot/vmlinuz-2.6.32-754.el6.x86_64");

    let image = "boot/initramfs-2.6.32-754.el6.x86_64.img";
    let expected = [
        ("A01", image, None),
        ("N1", image, None),
        ("A29", image, None),
        ("D02", "etc/lvm/lvm.conf", Some(9)),
        ("C02", "boot/grub/grub.conf", Some(16)),
        ("B01", "etc/fstab", Some(11)),
        ("E02", "etc/sysconfig/network-scripts/ifcfg-eth0", Some(2)),
        ("E03", "etc/udev/rules.d/70-persistent-net.rules", Some(8)),
        ("N10", "etc/sysconfig/network-scripts/ifcfg-branch-pptp", None),
        ("N8", "etc/nginx/conf.d/shop.conf", Some(7)),
    ];
    let missing: Vec<_> =
        expected.iter().filter(|(id, path, line)| !tells(&report, id, path, *line)).collect();
    assert!(missing.is_empty(), "not told: {missing:?}");
}

#[test]
fn a_healthy_machine_passes_on_each_platform() {
    for target in ["same", "kvm", "kvm-sata", "proxmox", "vmware", "vmware-lsi", "aws-nitro", "virtualbox"] {
        let (report, code) = report("debian12-vm", target);
        let alarms: Vec<_> = findings(&report)
            .iter()
            .filter(|f| f["severity"] == "blocker" || f["severity"] == "high")
            .map(|f| f["message"].to_string())
            .collect();
        assert_eq!((code, alarms), (0, Vec::new()), "{target}");
        // What hardware it has now, nothing in these files says.
        let expected = if target == "same" { "unknown" } else { "boots" };
        let outcomes = report["boots"].as_array().unwrap().iter().map(|boot| &boot["outcome"]);
        assert!(outcomes.clone().all(|outcome| outcome == expected), "{target}");
    }
}

#[test]
fn the_vmware_machine_is_fine_where_it_is() {
    let (report, code) = report("rhel9-lvm-devicesfile", "same");
    assert_eq!(code, 0, "{:#}", report["findings"]);
}

#[test]
fn the_vmware_machine_does_not_move_to_kvm() {
    let (report, code) = report("rhel9-lvm-devicesfile", "kvm");
    assert_eq!(code, 1);
    assert!(tells(&report, "A01", "boot/initramfs-5.14.0-284.11.1.el9_2.x86_64.img", None));
    assert!(tells(&report, "D01", "etc/lvm/devices/system.devices", None));
}

#[test]
fn no_output_shows_a_secret() {
    let secret = "never-shown-in-a-report";
    let system = "testdata/systems/centos6-san-server";
    let mut commands = vec![vec!["facts", system]];
    for format in ["text", "json", "markdown", "html"] {
        commands.push(vec!["check", system, "--target", "kvm", "--format", format]);
    }
    for arguments in commands {
        let output = bootproof(&arguments).output().unwrap();
        assert!(!output.stdout.is_empty(), "{arguments:?}");
        let said = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&said).contains(secret), "{arguments:?} shows the secret");
    }
}
