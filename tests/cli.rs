//! The command as pipelines and people meet it: exit codes, streams, formats, messages.
#![expect(clippy::disallowed_methods, reason = "makes and reads files of its own, and starts bootproof")]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Output, Stdio};

use assert_cmd::cargo::cargo_bin;
use tempfile::TempDir;

const DEMO: &str = "testdata/systems/centos6-san-server";

fn bootproof(arguments: &[&str]) -> Output {
    std::process::Command::new(cargo_bin!("bootproof"))
        .args(arguments)
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A root with next to nothing in it.
fn bare_root() -> TempDir {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    fs::write(root.path().join("etc/os-release"), "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n")
        .unwrap();
    root
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn what_is_typed_wrong_ends_with_2_and_says_so_on_stderr() {
    let root = bare_root();
    let root = text(root.path());
    for (arguments, said) in [
        (&["chekc"][..], "chekc"),
        (&["check", "--no-such-option"], "--no-such-option"),
        (&["check", root, "--fail-on", "terrible"], "terrible"),
        (&["check", root, "--format", "pdf"], "pdf"),
        (&["check", root, "--output", "report.pdf"], "`report.pdf`"),
        (&["check", root, "--target", "no-such-platform"], "no-such-platform"),
        (&["check", root, "--rules", "no/such/rules"], "no/such/rules"),
        (&["check", root, "--max-initrd-size", "big"], "`big`"),
        (&["check", "/no/such/root"], "/no/such/root"),
        (&["check", "Cargo.toml"], "Cargo.toml"),
        (&["boot", root, "--initrd", "none"], "--kernel"),
        (&["facts", "/no/such/root"], "/no/such/root"),
        (&["explain", "no-such-rule"], "no-such-rule"),
        (&["targets", "no-such-platform"], "no-such-platform"),
        (&["initrd", "list", "/no/such/image"], "/no/such/image"),
        (&["schema", "moon"], "moon"),
    ] {
        let output = bootproof(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn help_and_version_go_to_stdout_and_end_with_0() {
    for arguments in
        [&["--help"][..], &["-h"], &["--version"], &["check", "--help"], &["initrd", "list", "-h"]]
    {
        let output = bootproof(arguments);
        assert_eq!(code(&output), 0, "{arguments:?}");
        assert!(stdout(&output).contains("bootproof"), "{arguments:?}");
        assert!(stdout(&output).lines().all(|line| line.chars().count() <= 80), "{arguments:?}");
        assert_eq!(stderr(&output), "", "{arguments:?}");
    }
    assert_eq!(code(&bootproof(&[])), 2);
}

#[test]
fn a_root_without_a_boot_loader_is_checked_as_far_as_it_goes() {
    let root = bare_root();
    let output = bootproof(&["check", text(root.path()), "--target", "kvm"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).contains("No boot entry was found"), "{}", stdout(&output));
}

#[test]
fn a_folder_without_a_system_is_an_error_and_not_a_clean_bill() {
    let empty = TempDir::new().unwrap();
    let output = bootproof(&["check", text(empty.path())]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains(text(empty.path())), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
}

#[test]
fn the_gate_decides_the_exit_code() {
    for (gate, expected) in [("blocker", 1), ("high", 1), ("info", 1), ("none", 0)] {
        let output = bootproof(&["check", DEMO, "--target", "kvm", "--fail-on", gate]);
        assert_eq!(code(&output), expected, "{gate}: {}", stderr(&output));
    }
    assert_eq!(code(&bootproof(&["check", DEMO, "--target", "kvm"])), 1);
}

#[test]
fn each_format_is_what_it_says() {
    let report = |format: &str| stdout(&bootproof(&["check", DEMO, "--target", "kvm", "--format", format]));
    assert!(report("text").starts_with("bootproof "));
    assert!(report("markdown").starts_with("# bootproof: "));
    assert!(report("html").starts_with("<!doctype html>"));
    let json: serde_json::Value = serde_json::from_str(&report("json")).unwrap();
    assert_eq!(json["schema"], "bootproof-report/1");
    assert_eq!(json["verdict"], "fail");
    assert_eq!(json["targets"][0]["name"], "kvm");
    assert_eq!(json["system"]["source"], DEMO);
}

#[test]
fn boot_prints_the_same_object_with_its_boots_alone() {
    let output = bootproof(&["boot", DEMO, "--target", "kvm", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(json["schema"], "bootproof-report/1");
    assert_eq!(json["findings"], serde_json::json!([]));
    let names: Vec<&str> =
        json["boots"][0]["steps"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
    assert!(names.contains(&"disk-driver"), "{names:?}");
}

#[test]
fn report_files_take_their_format_from_their_extension() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let names = ["r.html", "r.json", "r.md", "r.txt"];
    let mut arguments = vec!["check", DEMO, "--target", "kvm"];
    let paths: Vec<String> = names.iter().map(|name| path(name)).collect();
    arguments.extend(paths.iter().flat_map(|path| ["--output", path]));
    let output = bootproof(&arguments);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let starts = ["<!doctype html>", "{", "# bootproof", "bootproof "];
    for (path, start) in paths.iter().zip(starts) {
        let written = fs::read_to_string(path).unwrap();
        assert!(written.starts_with(start), "{path}");
        assert!(!written.contains('\x1b'), "{path}");
    }
    // Nothing else is left beside them.
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), names.len());
}

#[test]
fn a_report_that_cannot_be_written_ends_with_2_and_names_the_file() {
    let output = bootproof(&["check", DEMO, "--target", "kvm", "--output", "/no/such/folder/r.html"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("/no/such/folder/r.html"), "{}", stderr(&output));
}

#[test]
fn two_runs_say_the_same() {
    for format in ["text", "json", "markdown", "html"] {
        let run = || bootproof(&["check", DEMO, "--target", "all", "--format", format]).stdout;
        assert!(run() == run(), "{format}");
    }
}

#[test]
fn colour_is_for_terminals_or_for_who_asks() {
    let has_colour = |arguments: &[&str]| stdout(&bootproof(arguments)).contains('\x1b');
    assert!(!has_colour(&["check", DEMO, "--target", "kvm"]));
    assert!(has_colour(&["check", DEMO, "--target", "kvm", "--color", "always"]));
    assert!(!has_colour(&["check", DEMO, "--target", "kvm", "--color", "never"]));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = std::process::Command::new(cargo_bin!("bootproof"))
        .args(["schema", "facts"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
    assert_eq!(said, "");
}

#[test]
fn a_tar_on_stdin_says_what_the_directory_says() {
    let mut builder = tar::Builder::new(Vec::new());
    builder.follow_symlinks(false);
    builder.append_dir_all(".", DEMO).unwrap();
    let directory = TempDir::new().unwrap();
    let archive = directory.path().join("demo.tar");
    fs::write(&archive, builder.into_inner().unwrap()).unwrap();
    let findings = |output: Output| {
        let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
        json["findings"].clone()
    };
    let arguments = ["--target", "kvm", "--format", "json"];
    let piped = std::process::Command::new(cargo_bin!("bootproof"))
        .args(["check", "-"])
        .args(arguments)
        .stdin(fs::File::open(&archive).unwrap())
        .output()
        .unwrap();
    let of_directory =
        findings(bootproof(&["check", DEMO, arguments[0], arguments[1], arguments[2], arguments[3]]));
    assert_eq!(findings(piped), of_directory);
}

#[test]
fn the_demo_says_what_breaks_where_and_how_to_mend_it() {
    let text = stdout(&bootproof(&["check", DEMO, "--target", "kvm"]));
    for said in [
        "blocker[initrd-missing-disk-driver]: ",
        "--> boot/initramfs-2.6.32-754.el6.x86_64.img",
        "on: kvm",
        "why: ",
        "fix: dracut -f --add-drivers",
        "Does not boot on kvm.",
        "Verdict: fail",
        "Next: mend ",
    ] {
        assert!(text.contains(said), "{said}");
    }
    // Paths, commands and lines of files are not broken; all else fits.
    for line in text.lines().filter(|line| !line.contains('/')) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

/// The boots of the demo with kernel, initrd and command line given by hand.
fn given(arguments: &[&str]) -> serde_json::Value {
    let output = bootproof(&[&["boot", DEMO, "--target", "kvm", "--format", "json"], arguments].concat());
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let boots = json.get("boots").and_then(serde_json::Value::as_array).unwrap();
    assert_eq!(boots.len(), 1, "{arguments:?}");
    boots.first().unwrap().clone()
}

fn step<'a>(boot: &'a serde_json::Value, name: &str) -> (&'a str, &'a str) {
    let steps = boot["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["step"] == name).unwrap();
    (step["state"].as_str().unwrap(), step["detail"].as_str().unwrap())
}

const RELEASE: &str = "2.6.32-642.el6.x86_64";
const IMAGE: &str = "boot/initramfs-2.6.32-642.el6.x86_64.img";
const ROOT: &str = "root=/dev/mapper/VolGroup00-LogVol00";

#[test]
fn a_kernel_is_given_by_its_release_or_its_path() {
    for kernel in [RELEASE, "boot/vmlinuz-2.6.32-642.el6.x86_64", "/boot/vmlinuz-2.6.32-642.el6.x86_64"] {
        let boot = given(&["--kernel", kernel, "--initrd", IMAGE, "--cmdline", ROOT]);
        assert_eq!(boot["kernel"], "boot/vmlinuz-2.6.32-642.el6.x86_64", "{kernel}");
        assert_eq!(boot["release"], RELEASE, "{kernel}");
        assert_eq!(boot["initrd"], IMAGE, "{kernel}");
        assert_eq!(step(&boot, "kernel").0, "ok", "{kernel}");
        assert_eq!(step(&boot, "initrd").0, "ok", "{kernel}");
    }
    // Its own initrd, unless another is named.
    let boot = given(&["--kernel", RELEASE, "--cmdline", ROOT]);
    assert_eq!(boot["initrd"], IMAGE);
    let boot = given(&["--kernel", RELEASE, "--initrd", "none", "--cmdline", ROOT]);
    assert_eq!(boot["initrd"], serde_json::Value::Null);
    assert_eq!(boot["outcome"], "fails");
}

#[test]
fn what_is_given_and_not_there_stops_the_boot_by_name() {
    for (arguments, at, said) in [
        (&["--kernel", "9.9.9", "--initrd", IMAGE][..], "kernel", "`9.9.9`"),
        (&["--kernel", "/boot/no-such-kernel", "--initrd", IMAGE], "kernel", "`boot/no-such-kernel`"),
        (&["--kernel", "/etc", "--initrd", IMAGE], "kernel", "`etc`"),
        (&["--kernel", RELEASE, "--initrd", "/boot/no-such-initrd"], "initrd", "`boot/no-such-initrd`"),
        (&["--kernel", RELEASE, "--initrd", "/etc"], "initrd", "`etc`"),
        (&["--kernel", RELEASE, "--initrd", "/etc/fstab"], "initrd", "`etc/fstab`"),
    ] {
        let boot = given(&[arguments, &["--cmdline", ROOT]].concat());
        assert_eq!(boot["outcome"], "fails", "{arguments:?}");
        assert_eq!(boot["failed_at"], at, "{arguments:?}: {boot}");
        assert!(step(&boot, at).1.contains(said), "{arguments:?}: {}", step(&boot, at).1);
    }
}

#[test]
fn an_initrd_outside_boot_is_read_when_it_is_asked_for() {
    let root = bare_root();
    let put = |path: &str, from: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(Path::new(DEMO).join(from), path).unwrap();
    };
    put("opt/test/kernel", "boot/vmlinuz-2.6.32-642.el6.x86_64");
    put("opt/test/image", IMAGE);
    let output = bootproof(&[
        "boot",
        text(root.path()),
        "-t",
        "kvm",
        "-f",
        "json",
        "--kernel",
        "/opt/test/kernel",
        "--initrd",
        "/opt/test/image",
        "--cmdline",
        ROOT,
    ]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let boot = &json["boots"][0];
    assert_eq!(boot["release"], RELEASE);
    assert_eq!(step(boot, "kernel").0, "ok", "{boot}");
    assert_eq!(step(boot, "initrd").0, "ok", "{boot}");
}

#[test]
fn a_given_command_line_without_root_does_not_boot() {
    for line in ["", "ro quiet"] {
        let boot = given(&["--kernel", RELEASE, "--initrd", IMAGE, "--cmdline", line]);
        assert_ne!(boot["outcome"], "boots", "{line:?}: {boot}");
        let (state, said) = step(&boot, "root-device");
        assert!(state != "ok" && said.contains("root"), "{line:?}: {state}: {said}");
    }
}

#[test]
fn a_machine_is_written_as_a_target_and_booted_on() {
    let machine = TempDir::new().unwrap();
    let card = "sys/devices/pci0000:00/0000:00:03.0/virtio0";
    for (path, content) in [
        (
            "sys/devices/pci0000:00/0000:00:04.0/modalias",
            "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02\n",
        ),
        ("sys/devices/pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1/size", "1\n"),
        (
            "sys/devices/pci0000:00/0000:00:03.0/modalias",
            "pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00\n",
        ),
        (&format!("{card}/modalias"), "virtio:d00000001v00001AF4\n"),
        (&format!("{card}/net/eth0/address"), "52:54:00:00:00:01\n"),
        ("sys/bus/pci/slots/3/address", "0000:00:03\n"),
        ("proc/meminfo", "MemTotal: 2097152 kB\n"),
    ] {
        let path = machine.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    for (link, to) in [
        ("sys/block/nvme0n1", "../devices/pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1"),
        ("sys/class/net/eth0", "../../devices/pci0000:00/0000:00:03.0/virtio0/net/eth0"),
    ] {
        let link = machine.path().join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(to, link).unwrap();
    }
    let written = bootproof(&["targets", "--from-sysfs", text(machine.path())]);
    assert_eq!(code(&written), 0, "{}", stderr(&written));
    let yaml = stdout(&written);
    for part in ["memory_mib: 2048", "slot_number: 3", "disk: \"nvme0n1\"", "mac: \"52:54:00:00:00:01\""] {
        assert!(yaml.contains(part), "{part} in {yaml}");
    }
    let file = machine.path().join("box.yaml");
    fs::write(&file, yaml).unwrap();
    let root = bare_root();
    let booted = bootproof(&["boot", text(root.path()), "--target", text(&file), "--format", "json"]);
    assert!(code(&booted) < 2, "{}", stderr(&booted));
    let nothing = bootproof(&["targets", "--from-sysfs", text(root.path())]);
    assert_eq!(code(&nothing), 2);
    assert!(stderr(&nothing).contains("holds no `sys/devices`"), "{}", stderr(&nothing));
}

/// The small systems, and a terminal's width.
const SYSTEMS: [&str; 3] = [DEMO, "testdata/systems/debian12-vm", "testdata/systems/rhel9-lvm-devicesfile"];
const COLUMNS: usize = 80;

#[test]
fn chains_and_matrix_of_every_system_on_every_target_fit_80_columns() {
    for system in SYSTEMS {
        let output = bootproof(&["boot", system]);
        let text = stdout(&output);
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{system}: {line}");
        }
        // Plain ASCII: it has to be readable on a serial console.
        assert!(text.is_ascii(), "{system}");
        for target in ["same", "kvm", "vmware-lsi", "aws-nitro", "virtualbox"] {
            assert!(text.contains(&format!("\n  {target} ")), "{system}: {target}");
        }
    }
}

#[test]
fn boot_asks_about_all_targets_and_prints_only_the_boots_in_each_format() {
    let run = |format: &str| stdout(&bootproof(&["boot", DEMO, "--format", format]));
    let json: serde_json::Value = serde_json::from_str(&run("json")).unwrap();
    let targets = json["targets"].as_array().unwrap().len();
    assert_eq!(json["boots"].as_array().unwrap().len(), 2 * targets);
    assert!(targets > 20);
    for boot in json["boots"].as_array().unwrap() {
        let failing = boot["steps"].as_array().unwrap().iter().find(|step| step["state"] == "fails");
        assert_eq!(boot["failed_at"], failing.map_or(serde_json::Value::Null, |step| step["step"].clone()));
        assert_eq!(boot["outcome"] == "fails", failing.is_some());
    }
    for format in ["text", "markdown", "html"] {
        let text = run(format);
        assert!(text.contains("stops at disk-driver") && text.contains("oracle-cloud"), "{format}");
        assert!(!text.contains("Nothing found") && !text.contains("Findings"), "{format}");
    }
    let page = run("html");
    assert!(page.contains("href=\"#boot.1\"") && page.contains("id=\"boot.1\""));
}

#[test]
fn boot_ends_with_1_if_a_default_entry_is_known_not_to_come_up() {
    assert_eq!(code(&bootproof(&["boot", DEMO, "--target", "kvm"])), 1);
    let unknown = ["boot", "testdata/systems/debian12-vm", "--target", "same"];
    assert_eq!(code(&bootproof(&unknown)), 0);
}

#[test]
fn titles_of_entries_are_shown_and_never_acted_upon() {
    let root = bare_root();
    fs::create_dir_all(root.path().join("boot/grub")).unwrap();
    let menu = "menuentry '\x1b[31m<script>alert(1)</script> | [x](http://example.com)' {\n linux /vmlinuz-6.1.0 \
                root=/dev/sda1\n}\n";
    fs::write(root.path().join("boot/grub/grub.cfg"), menu).unwrap();
    for format in ["text", "markdown", "html", "json"] {
        let said = stdout(&bootproof(&["boot", text(root.path()), "-t", "kvm", "--format", format]));
        assert!(!said.contains('\x1b'), "{format}");
        assert!(said.contains("alert(1)"), "{format}: {said}");
        let scripts = said.matches("<script").count();
        match format {
            "markdown" => assert_eq!(scripts, 0),
            // The page's own.
            "html" => assert_eq!(scripts, 1),
            _ => {}
        }
        assert!(format != "markdown" || !said.contains("[x](http"), "{format}");
    }
}
