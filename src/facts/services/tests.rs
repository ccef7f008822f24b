use super::*;
use crate::facts::Limits;
use crate::source::memory::Memory;

fn read(memory: Memory, init: InitSystem) -> Services {
    let (tree, limits) = (memory.into_tree(), Limits::default());
    gather(&Gather::new(&tree, &limits), init, None)
}

const UNITS: &str = "usr/lib/systemd/system";

/// The targets that each systemd has.
fn whole() -> Memory {
    Memory::new()
        .file(&format!("{UNITS}/graphical.target"), "[Unit]\nRequires=multi-user.target\n")
        .file(&format!("{UNITS}/multi-user.target"), "[Unit]\nRequires=basic.target\n")
        .file(
            &format!("{UNITS}/basic.target"),
            "[Unit]\nRequires=sysinit.target\nWants=sockets.target timers.target\n",
        )
        .file(&format!("{UNITS}/sysinit.target"), "[Unit]\nWants=local-fs.target\n")
        .file(&format!("{UNITS}/local-fs.target"), "[Unit]\n")
        .file(&format!("{UNITS}/rescue.target"), "[Unit]\n")
        .file(&format!("{UNITS}/sockets.target"), "[Unit]\n")
        .file(&format!("{UNITS}/timers.target"), "[Unit]\n")
        .file(&format!("{UNITS}/getty@.service"), "[Service]\nExecStart=-/sbin/agetty %I\n")
        .link(&format!("{UNITS}/default.target"), "graphical.target")
        .link(&format!("{UNITS}/runlevel3.target"), "multi-user.target")
}

fn enabled(services: &Services, name: &str) -> Option<String> {
    services.find(name).get().unwrap().and_then(|unit| unit.enabled_by.as_ref()).map(ToString::to_string)
}

#[test]
fn what_the_default_target_pulls_in_is_enabled() {
    let services = read(
        whole()
            .file(&format!("{UNITS}/ssh.service"), "[Unit]\nDescription=Secure shell\nWants=ssh-keys.service\n[Service]\nExecStart=/usr/sbin/sshd -D\n")
            .file(&format!("{UNITS}/ssh-keys.service"), "[Service]\nExecStart=/usr/bin/true\n")
            .file(&format!("{UNITS}/cups.service"), "[Service]\nExecStart=/usr/sbin/cupsd\n")
            .file(&format!("{UNITS}/cups.socket"), "[Socket]\nListenStream=631\n")
            .file(&format!("{UNITS}/bluetooth.service"), "[Service]\nExecStart=/usr/sbin/bluetoothd\n")
            .link("etc/systemd/system/multi-user.target.wants/ssh.service", "/usr/lib/systemd/system/ssh.service")
            .link("etc/systemd/system/sshd.service", "/usr/lib/systemd/system/ssh.service")
            .link("etc/systemd/system/sockets.target.wants/cups.socket", "/usr/lib/systemd/system/cups.socket")
            .link("etc/systemd/system/bluetooth.target.wants/bluetooth.service", "/usr/lib/systemd/system/bluetooth.service")
            .link("etc/systemd/system/getty.target.wants/getty@tty1.service", "/usr/lib/systemd/system/getty@.service")
            .file(&format!("{UNITS}/getty.target"), "[Unit]\n")
            .link(&format!("{UNITS}/multi-user.target.wants/getty.target"), "../getty.target"),
        InitSystem::Systemd,
    );
    assert_eq!(
        enabled(&services, "sshd").as_deref(),
        Some("etc/systemd/system/multi-user.target.wants/ssh.service")
    );
    assert_eq!(enabled(&services, "ssh-keys").as_deref(), Some("usr/lib/systemd/system/ssh.service:3"));
    assert!(enabled(&services, "getty@tty1").is_some());
    assert_eq!(enabled(&services, "bluetooth"), None, "nothing reaches its target");
    let units = services.units.get().unwrap();
    let cups = units.iter().find(|unit| unit.name == "cups").unwrap();
    assert_eq!((cups.enabled, cups.in_use, cups.activated_by.as_deref()), (false, true, Some("cups.socket")));
    let ssh = units.iter().find(|unit| unit.name == "ssh").unwrap();
    assert_eq!((ssh.exec.as_deref(), ssh.arguments.join(" ").as_str()), (Some("/usr/sbin/sshd"), "-D"));
    assert_eq!((ssh.aliases.join(" ").as_str(), ssh.description.as_deref()), ("sshd", Some("Secure shell")));
    let target = services.default_target.get().unwrap().as_ref().unwrap();
    assert_eq!(
        (target.name.as_str(), target.at.to_string().as_str()),
        ("graphical.target", "usr/lib/systemd/system/default.target")
    );
}

#[test]
fn masks_and_links_to_nothing_start_nothing() {
    let services = read(
        whole()
            .link("etc/systemd/system/default.target", "/lib/systemd/system/runlevel3.target")
            .link(
                "etc/systemd/system/multi-user.target.wants/gone.service",
                "/usr/lib/systemd/system/gone.service",
            )
            .link("etc/systemd/system/multi-user.target.wants/old.service", "/etc/init.d/old")
            .file("etc/init.d/old", "#!/bin/sh\n")
            .link("etc/systemd/system/dm.service", "/usr/lib/systemd/system/gdm.service")
            .file(&format!("{UNITS}/a.service"), "[Service]\nExecStart=/bin/a\n")
            .link("etc/systemd/system/multi-user.target.wants/a.service", "../a.service")
            .link("etc/systemd/system/a.service", "/dev/null"),
        InitSystem::Systemd,
    );
    assert_eq!((enabled(&services, "gone"), enabled(&services, "a")), (None, None));
    let a = services.find("a");
    assert!(a.get().unwrap().unwrap().masked);
    let broken: Vec<_> =
        services.broken_links.iter().map(|link| (link.unit.as_str(), link.wanted_by.as_deref())).collect();
    assert_eq!(broken, [("gdm.service", None), ("gone.service", Some("multi-user.target"))]);
    assert_eq!(services.default_target.get().unwrap().as_ref().unwrap().name, "multi-user.target");
}

#[test]
fn drop_ins_add_to_a_unit_and_presets_have_their_say() {
    let services = read(
        whole()
            .file(&format!("{UNITS}/db.service"), "[Unit]\nAfter=a.service\n[Service]\nExecStart=/old\nLimitNOFILE=1024\n")
            .file("etc/systemd/system/db.service.d/x.conf", "[Unit]\nAfter=dev-sdb1.device\n[Service]\nExecStart=\nExecStart=/new --password=x\nLimitNOFILE=64000\n")
            .file("usr/lib/systemd/system-preset/90-default.preset", "enable ssh*\ndisable *\n"),
        InitSystem::Systemd,
    );
    let units = services.units.get().unwrap();
    let db = units.iter().find(|unit| unit.name == "db").unwrap();
    assert_eq!((db.exec.as_deref(), db.arguments.join(" ").as_str()), (Some("/new"), "--password=****"));
    assert_eq!(db.settings["LimitNOFILE"].value, "64000");
    assert_eq!(db.settings["After"].value, "a.service dev-sdb1.device");
    assert_eq!(db.preset, Some(false));
    let [device] = services.devices.as_slice() else { panic!("{:?}", services.devices) };
    assert_eq!((device.device.value(), device.is_required, device.enabled), ("sdb1", false, false));
    assert_eq!(device.at.to_string(), "etc/systemd/system/db.service.d/x.conf:2");
}

#[test]
fn an_input_without_systemds_own_units_takes_links_at_their_word() {
    let services = read(
        Memory::new()
            .link(
                "etc/systemd/system/multi-user.target.wants/nginx.service",
                "/usr/lib/systemd/system/nginx.service",
            )
            .link(
                "etc/systemd/system/printer.target.wants/cups.service",
                "/usr/lib/systemd/system/cups.service",
            ),
        InitSystem::Systemd,
    );
    assert!(enabled(&services, "nginx").is_some());
    assert_eq!(enabled(&services, "cups"), None);
    let nginx = services.find("nginx");
    assert!(nginx.get().unwrap().unwrap().installed.needs().is_some());
    assert!(services.default_target.needs().is_some());
    assert!(services.broken_links.is_empty());
    assert!(read(Memory::new(), InitSystem::Other).units.needs().is_some());
}

#[test]
fn scripts_run_by_links_of_the_runlevel() {
    let memory = || {
        Memory::new()
            .file("etc/inittab", "id:3:initdefault:\n1:2345:respawn:/sbin/mingetty tty1\n")
            .file("etc/init.d/sshd", "#!/bin/sh\n# chkconfig: 2345 55 25\n# description: OpenSSH server\n")
            .file("etc/init.d/cups", "#!/bin/sh\n")
            .file("etc/init.d/functions", "x\n")
            .link("etc/rc.d/rc3.d/S55sshd", "../init.d/sshd")
            .link("etc/rc.d/rc5.d/S56cups", "../init.d/cups")
            .link("etc/rc.d/rc3.d/K56cups", "../init.d/cups")
    };
    let services = read(memory(), InitSystem::SysV);
    assert_eq!(enabled(&services, "sshd").as_deref(), Some("etc/rc.d/rc3.d/S55sshd"));
    assert_eq!(enabled(&services, "cups"), None);
    assert_eq!(enabled(&services, "1").as_deref(), Some("etc/inittab:2"));
    assert_eq!(services.runlevel.as_ref().map(|level| level.value.as_str()), Some("3"));
    let sshd = services.find("sshd");
    assert_eq!(sshd.get().unwrap().unwrap().description.as_deref(), Some("OpenSSH server"));
    assert_eq!(services.find("functions").get().unwrap(), &None);
    // The same under systemd: its generator takes all runlevels, and a unit of the name hides the script.
    let systemd = read(memory().file(&format!("{UNITS}/sshd.service"), "[Service]\n"), InitSystem::Systemd);
    assert_eq!(enabled(&systemd, "sshd"), None);
    assert!(enabled(&systemd, "cups").is_some());
}

#[test]
fn jobs_of_upstart_and_services_of_xinetd() {
    let services = read(
        Memory::new()
            .file("etc/init/rc-sysinit.conf", "start on filesystem\nenv DEFAULT_RUNLEVEL=2\n")
            .file("etc/init/ssh.conf", "start on runlevel [2345]\nexec /usr/sbin/sshd -D\n")
            .file("etc/init/cron.conf", "start on runlevel [2345]\nexec cron\n")
            .file("etc/init/cron.override", "manual\n")
            .file("etc/init.d/xinetd", "#!/bin/sh\n")
            .link("etc/rc2.d/S20xinetd", "../init.d/xinetd")
            .file("etc/xinetd.d/tftp", "service tftp\n{\n disable = no\n server = /usr/sbin/in.tftpd\n}\n")
            .file("etc/xinetd.d/rsync", "service rsync\n{\n disable = yes\n}\n"),
        InitSystem::SysV,
    );
    assert_eq!(enabled(&services, "ssh").as_deref(), Some("etc/init/ssh.conf:1"));
    assert_eq!(enabled(&services, "cron"), None);
    assert_eq!(enabled(&services, "tftp").as_deref(), Some("etc/xinetd.d/tftp:1"));
    assert_eq!(enabled(&services, "rsync"), None);
    assert_eq!(services.runlevel.as_ref().map(|level| level.value.as_str()), Some("2"));
}

#[test]
fn what_a_report_wrote_down_counts_for_what_it_has_no_files_of() {
    let services = read(
        Memory::new()
            .file(
                "sos_commands/systemd/systemctl_list-unit-files",
                "UNIT FILE STATE VENDOR PRESET\nsshd.service enabled enabled\ncups.service disabled enabled\nx.service masked -\n",
            )
            .file("chkconfig", "vmtools 0:off 1:off 2:on 3:on 4:on 5:on 6:off\n"),
        InitSystem::Systemd,
    );
    assert!(enabled(&services, "sshd").is_some() && enabled(&services, "vmtools").is_some());
    assert_eq!(enabled(&services, "cups"), None);
    let cups = services.find("cups");
    assert_eq!(cups.get().unwrap().unwrap().preset, Some(true));
}

#[test]
fn secrets_among_arguments_are_left_out() {
    let shown = without_secrets("-u x --password y --token=z --pass-file /p ldap://a:b@c -v".split(' '));
    assert_eq!(shown.join(" "), "-u x --password **** --token=**** --pass-file **** **** -v");
}
