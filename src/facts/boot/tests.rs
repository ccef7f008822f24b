//! Boot configurations as distributions write them, read from trees in memory.

use super::*;
use crate::facts::{Limits, kernels};
use crate::source::memory::Memory;

fn read(memory: Memory) -> BootConfig {
    let tree = memory.into_tree();
    let limits = Limits::default();
    let gathered = Gather::new(&tree, &limits);
    let kernels = kernels::gather(&gathered);
    gather(&gathered, &kernels)
}

fn text(entry: &BootEntry) -> &str {
    &entry.cmdline.get().unwrap().text
}

fn initrds(entry: &BootEntry) -> Vec<&str> {
    entry.initrds.iter().map(|initrd| initrd.path.as_str()).collect()
}

fn environment(variables: &str) -> Vec<u8> {
    let mut bytes = format!("# GRUB Environment Block\n{variables}").into_bytes();
    bytes.resize(1024, b'#');
    bytes
}

fn default(config: &BootConfig) -> Option<&str> {
    config.default_entry.get().unwrap().as_deref()
}

const DEBIAN: &str = r#"
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="0"
fi
if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
export menuentry_id_option
function load_video {
  if [ x$feature_all_video_module = xy ]; then
    insmod all_video
  else
    insmod efi_gop
  fi
}
function gfxmode {
	set gfxpayload="${1}"
}
set linux_gfx_mode=
export linux_gfx_mode
menuentry 'Debian GNU/Linux' --class debian --class os $menuentry_id_option 'gnulinux-simple-0a1b' {
	load_video
	insmod gzio
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	set root='hd0,msdos1'
	if [ x$feature_platform_search_hint = xy ]; then
	  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,msdos1  0a1b-2c3d
	else
	  search --no-floppy --fs-uuid --set=root 0a1b-2c3d
	fi
	echo	'Loading Linux 6.1.0-18-amd64 ...'
	linux	/boot/vmlinuz-6.1.0-18-amd64 root=UUID=0a1b-2c3d ro  quiet
	echo	'Loading initial ramdisk ...'
	initrd	/boot/initrd.img-6.1.0-18-amd64
}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-0a1b' {
	menuentry 'Debian GNU/Linux, with Linux 6.1.0-18-amd64' $menuentry_id_option 'gnulinux-6.1.0-18-amd64-advanced-0a1b' {
		linux	/boot/vmlinuz-6.1.0-18-amd64 root=UUID=0a1b-2c3d ro  quiet
		initrd	/boot/initrd.img-6.1.0-18-amd64
	}
	menuentry 'Debian GNU/Linux, with Linux 6.1.0-18-amd64 (recovery mode)' {
		linux	/boot/vmlinuz-6.1.0-18-amd64 root=UUID=0a1b-2c3d ro single
		initrd	/boot/initrd.img-6.1.0-18-amd64
	}
}
menuentry "Memory test (memtest86+)" {
	linux16	/boot/memtest86+.bin
}
if [ -f  ${config_directory}/custom.cfg ]; then
  source ${config_directory}/custom.cfg
elif [ -z "${config_directory}" -a -f  $prefix/custom.cfg ]; then
  source $prefix/custom.cfg
fi
"#;

fn debian() -> Memory {
    Memory::new()
        .file("boot/grub/grub.cfg", DEBIAN)
        .file("boot/grub/grubenv", environment(""))
        .file("boot/vmlinuz-6.1.0-18-amd64", "")
        .file("boot/initrd.img-6.1.0-18-amd64", "")
}

#[test]
fn debian_has_its_entries_in_menus() {
    let config = read(debian());
    let ids: Vec<_> =
        config.entries.iter().map(|entry| (entry.id.as_str(), entry.default, entry.is_rescue)).collect();
    assert_eq!(
        ids,
        [
            ("gnulinux-simple-0a1b", true, false),
            ("gnulinux-6.1.0-18-amd64-advanced-0a1b", false, false),
            ("Debian GNU/Linux, with Linux 6.1.0-18-amd64 (recovery mode)", false, true),
        ]
    );
    let entry = config.entries.first().unwrap();
    assert_eq!(
        (entry.kernel.as_str(), &entry.kernel_exists),
        ("boot/vmlinuz-6.1.0-18-amd64", &Known::Known(true))
    );
    assert_eq!(initrds(entry), ["boot/initrd.img-6.1.0-18-amd64"]);
    assert_eq!(text(entry), "root=UUID=0a1b-2c3d ro quiet");
    assert_eq!(entry.release.as_deref(), Some("6.1.0-18-amd64"));
    let root = entry.cmdline.get().unwrap().root.as_ref().unwrap();
    assert_eq!(
        (root.device.kind(), root.at.line, root.at.column, root.at.end),
        ("uuid", Some(43), Some(37), Some(56))
    );
    assert_eq!(entry.searched.as_ref().unwrap().device.value(), "0a1b-2c3d");
    assert_eq!(config.loaders.iter().map(|loader| loader.is_used).collect::<Vec<_>>(), [true]);
}

#[test]
fn a_next_entry_of_the_environment_block_is_the_default() {
    let path = "gnulinux-advanced-0a1b>gnulinux-6.1.0-18-amd64-advanced-0a1b";
    let tree = debian().file("boot/grub/grubenv", environment(&format!("next_entry={path}\n")));
    assert_eq!(default(&read(tree)), Some("gnulinux-6.1.0-18-amd64-advanced-0a1b"));
}

#[test]
fn an_included_file_adds_entries() {
    let custom = "menuentry mine {\n linux (hd0,1)/vmlinuz-6.1.0-18-amd64 root=/dev/sda2\n}\n";
    let config = read(debian().file("boot/grub/custom.cfg", custom));
    let entry = config.entries.last().unwrap();
    assert_eq!((entry.id.as_str(), entry.at.path.as_ref()), ("mine", "boot/grub/custom.cfg"));
    assert_eq!((entry.kernel.as_str(), entry.initrds.len()), ("boot/vmlinuz-6.1.0-18-amd64", 0));
}

#[test]
fn files_of_systems_on_other_partitions_are_unknown() {
    let other = "menuentry 'Other (on /dev/sdb1)' --id 'osprober-gnulinux-simple-0a1b' {\n linux /boot/vmlinuz-5.4 ro\n}\n";
    let config = read(debian().file("boot/grub/custom.cfg", other));
    assert!(config.entries.last().unwrap().kernel_exists.needs().is_some());
}

#[test]
fn a_missing_initrd_is_known_to_be_missing() {
    let tree = Memory::new().file("boot/grub/grub.cfg", DEBIAN).file("boot/vmlinuz-6.1.0-18-amd64", "");
    let config = read(tree);
    assert_eq!(config.entries.first().unwrap().initrds.first().unwrap().exists, Known::Known(false));
}

#[test]
fn files_of_a_boot_folder_without_kernels_are_unknown() {
    let config = read(Memory::new().file("boot/grub/grub.cfg", DEBIAN));
    assert!(config.entries.first().unwrap().kernel_exists.needs().is_some());
}

const RHEL8_CFG: &str = r#"
set pager=1
if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
else
   set default="${saved_entry}"
fi
search --no-floppy --fs-uuid --set=boot 1111-2222
if [ -z "${kernelopts}" ]; then
  set kernelopts="root=/dev/mapper/rhel-root ro crashkernel=auto "
fi
insmod blscfg
blscfg
menuentry 'System setup' $menuentry_id_option 'uefi-firmware' {
	fwsetup
}
set tuned_params=""
set tuned_initrd=""
"#;

const ID: &str = "0123456789abcdef0123456789abcdef";

fn bls(release: &str, initrd: &str) -> String {
    format!(
        "title Red Hat Enterprise Linux ({release}) 8.10\nversion {release}\nlinux /vmlinuz-{release}\n\
         initrd {initrd} $tuned_initrd\noptions $kernelopts $tuned_params\ngrub_users $grub_users\n"
    )
}

fn rhel8() -> Memory {
    let old = "4.18.0-80.el8.x86_64";
    let new = "4.18.0-553.el8_10.x86_64";
    let rescue = format!("0-rescue-{ID}");
    Memory::new()
        .file("boot/grub2/grub.cfg", RHEL8_CFG)
        .file(
            "boot/efi/EFI/redhat/grubenv",
            environment(&format!(
                "saved_entry={ID}-{new}\nkernelopts=root=/dev/mapper/rhel-root ro resume=/dev/sda3\n"
            )),
        )
        .link("boot/grub2/grubenv", "../efi/EFI/redhat/grubenv")
        .file(&format!("boot/loader/entries/{ID}-{old}.conf"), bls(old, &format!("/initramfs-{old}.img")))
        .file(&format!("boot/loader/entries/{ID}-{new}.conf"), bls(new, &format!("/initramfs-{new}.img")))
        .file(
            &format!("boot/loader/entries/{ID}-0-rescue.conf"),
            bls(&rescue, &format!("/initramfs-{rescue}.img")),
        )
        .file(&format!("boot/vmlinuz-{old}"), "")
        .file(&format!("boot/vmlinuz-{new}"), "")
        .file(&format!("boot/vmlinuz-{rescue}"), "")
        .file(&format!("boot/initramfs-{new}.img"), "")
}

#[test]
fn rhel_8_has_its_command_line_in_the_environment_block() {
    let config = read(rhel8());
    let releases: Vec<_> = config.entries.iter().map(|entry| entry.release.as_deref()).collect();
    assert_eq!(releases, [Some("4.18.0-553.el8_10.x86_64"), Some("4.18.0-80.el8.x86_64"), None]);
    let entry = config.default_boot_entry().unwrap();
    assert_eq!(entry.id, format!("{ID}-4.18.0-553.el8_10.x86_64"));
    assert_eq!(text(entry), "root=/dev/mapper/rhel-root ro resume=/dev/sda3");
    let resume = entry.cmdline.get().unwrap().resume.as_ref().unwrap();
    assert_eq!((resume.at.to_string().as_str(), resume.at.column), ("boot/grub2/grubenv:3", Some(42)));
    assert_eq!(initrds(entry), ["boot/initramfs-4.18.0-553.el8_10.x86_64.img"]);
    assert!(config.entries.last().unwrap().is_rescue);
    assert_eq!(config.grubenv.as_ref().unwrap().trouble, None);
    assert!(config.loaders.iter().all(|loader| loader.is_used));
}

#[test]
fn without_kernelopts_the_fallback_of_grub_cfg_counts() {
    let config = read(rhel8().file("boot/efi/EFI/redhat/grubenv", environment("")));
    let entry = config.default_boot_entry().unwrap();
    assert_eq!(text(entry), "root=/dev/mapper/rhel-root ro crashkernel=auto");
    assert_eq!(entry.id, format!("{ID}-4.18.0-553.el8_10.x86_64"));
}

#[test]
fn a_saved_entry_that_is_gone_is_told() {
    let config = read(rhel8().file("boot/efi/EFI/redhat/grubenv", environment("saved_entry=gone\n")));
    let stale = config.stale_default.as_ref().unwrap();
    assert_eq!((stale.value.as_str(), stale.at.to_string().as_str()), ("gone", "boot/grub2/grubenv:2"));
    assert!(config.entries.first().unwrap().default);
}

#[test]
fn a_dangling_grubenv_is_told() {
    let tree = Memory::new()
        .file("boot/grub2/grub.cfg", RHEL8_CFG)
        .link("boot/grub2/grubenv", "../efi/EFI/redhat/grubenv");
    assert!(read(tree).grubenv.unwrap().is_dangling);
}

#[test]
fn rhel_9_has_its_command_line_in_the_entry() {
    let release = "5.14.0-427.el9.x86_64";
    let entry = format!(
        "title Red Hat Enterprise Linux ({release}) 9.4 (Plow)\nversion {release}\nlinux /boot/vmlinuz-{release}\n\
         initrd /boot/microcode.img\ninitrd /boot/initramfs-{release}.img $tuned_initrd\n\
         options root=UUID=0a1b-2c3d ro rd.lvm.lv=rhel/root $tuned_params\n"
    );
    let path = format!("boot/loader/entries/{ID}-{release}.conf");
    let tree = Memory::new()
        .file("boot/grub2/grub.cfg", RHEL8_CFG)
        .file("boot/grub2/grubenv", environment(&format!("saved_entry={ID}-{release}\n")))
        .file(&path, entry)
        .file(&format!("boot/vmlinuz-{release}"), "");
    let config = read(tree);
    let entry = config.default_boot_entry().unwrap();
    assert_eq!(text(entry), "root=UUID=0a1b-2c3d ro rd.lvm.lv=rhel/root");
    assert_eq!(initrds(entry), ["boot/microcode.img", "boot/initramfs-5.14.0-427.el9.x86_64.img"]);
    let volume = entry.cmdline.get().unwrap().rd_lvm_lv.first().unwrap();
    assert_eq!((volume.lv.as_str(), volume.at.line, volume.at.column), ("root", Some(6), Some(32)));
    assert_eq!(entry.source, EntrySource::Bls);
}

#[test]
fn rhel_7_with_efi_has_its_menu_on_the_efi_partition() {
    let cfg = "set default=\"${saved_entry}\"\n\
        menuentry 'CentOS Linux (3.10.0-1160.el7.x86_64) 7 (Core)' --class centos --unrestricted $menuentry_id_option 'x' {\n\
        \tlinuxefi /vmlinuz-3.10.0-1160.el7.x86_64 root=/dev/mapper/centos-root ro\n\
        \tinitrdefi /initramfs-3.10.0-1160.el7.x86_64.img\n}\n";
    let tree = Memory::new()
        .file("boot/efi/EFI/centos/grub.cfg", format!("load_env\n{cfg}"))
        .file(
            "boot/efi/EFI/centos/grubenv",
            environment("saved_entry=CentOS Linux (3.10.0-1160.el7.x86_64) 7 (Core)\n"),
        )
        .file("boot/vmlinuz-3.10.0-1160.el7.x86_64", "");
    let config = read(tree);
    let entry = config.default_boot_entry().unwrap();
    assert_eq!(entry.kernel, "boot/vmlinuz-3.10.0-1160.el7.x86_64");
    assert_eq!(config.stale_default, None);
    assert_eq!(initrds(entry), ["boot/initramfs-3.10.0-1160.el7.x86_64.img"]);
}

#[test]
fn an_efi_stub_leads_to_the_real_menu() {
    let stub =
        "search.fs_uuid 0a1b-2c3d root \nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n";
    let config = read(debian().file("boot/efi/EFI/debian/grub.cfg", stub));
    assert_eq!(config.entries.len(), 3);
    let used: Vec<_> =
        config.loaders.iter().map(|loader| (loader.at.path.as_ref(), loader.is_used)).collect();
    assert_eq!(used, [("boot/efi/EFI/debian/grub.cfg", true), ("boot/grub/grub.cfg", false)]);
}

#[test]
fn centos_6_has_grub_conf_under_three_names() {
    let menu = "default=1\ntimeout=5\n\
        title CentOS (2.6.32-754.el6.x86_64)\n\troot (hd0,0)\n\
        \tkernel /vmlinuz-2.6.32-754.el6.x86_64 ro root=/dev/mapper/vg-root rd_LVM_LV=vg/root\n\
        \tinitrd /initramfs-2.6.32-754.el6.x86_64.img\n\
        title CentOS (2.6.32-71.el6.x86_64)\n\troot (hd0,0)\n\
        \tkernel /vmlinuz-2.6.32-71.el6.x86_64 ro root=/dev/sda2 resume=/dev/sda3\n\
        \tinitrd /initramfs-2.6.32-71.el6.x86_64.img\n";
    let tree = Memory::new()
        .file("boot/grub/grub.conf", menu)
        .link("boot/grub/menu.lst", "./grub.conf")
        .link("etc/grub.conf", "../boot/grub/grub.conf")
        .file("boot/vmlinuz-2.6.32-754.el6.x86_64", "")
        .file("boot/vmlinuz-2.6.32-71.el6.x86_64", "")
        .file("boot/initramfs-2.6.32-71.el6.x86_64.img", "");
    let config = read(tree);
    assert_eq!(config.loaders.len(), 1);
    let entry = config.default_boot_entry().unwrap();
    assert_eq!((entry.id.as_str(), entry.source), ("1", EntrySource::GrubLegacy));
    let root = entry.cmdline.get().unwrap().root.as_ref().unwrap();
    assert_eq!((root.at.line, root.at.column, root.at.end), (Some(9), Some(42), Some(56)));
    assert_eq!(entry.initrds.first().unwrap().exists, Known::Known(true));
}

#[test]
fn sles_11_names_its_kernel_by_a_link() {
    let menu = "default 0\ntimeout 8\n##YaST - generic_mbr\ngfxmenu (hd0,1)/boot/message\n\n\
        ###Don't change this comment - YaST2 identifier: Original name: linux###\n\
        title SUSE Linux Enterprise Server 11 SP4\n    root (hd0,1)\n\
        \u{20}   kernel /boot/vmlinuz root=/dev/disk/by-id/scsi-3600508b1-part2 resume=/dev/sda1 splash=silent\n\
        \u{20}   initrd /boot/initrd\n";
    let tree = Memory::new()
        .file("boot/grub/menu.lst", menu)
        .file("boot/vmlinuz-3.0.101-63-default", "")
        .file("boot/initrd-3.0.101-63-default", "")
        .link("boot/vmlinuz", "vmlinuz-3.0.101-63-default")
        .link("boot/initrd", "initrd-3.0.101-63-default");
    let config = read(tree);
    let entry = config.default_boot_entry().unwrap();
    assert_eq!(
        (entry.kernel.as_str(), entry.release.as_deref()),
        ("boot/vmlinuz", Some("3.0.101-63-default"))
    );
    assert_eq!(entry.cmdline.get().unwrap().root.as_ref().unwrap().device.kind(), "by-id");
}

#[test]
fn without_a_loader_each_kernel_is_an_entry_with_an_unknown_command_line() {
    let tree = Memory::new()
        .file("boot/vmlinuz-6.1.0-18-amd64", "")
        .file("boot/initrd.img-6.1.0-18-amd64", "")
        .directory("lib/modules/6.1.0-18-amd64");
    let config = read(tree);
    let [entry] = config.entries.as_slice() else { panic!("{config:?}") };
    assert_eq!(entry.source, EntrySource::NoneListed);
    assert_eq!(initrds(entry), ["boot/initrd.img-6.1.0-18-amd64"]);
    assert!(entry.cmdline.needs().is_some() && config.default_entry.needs().is_some());
}

#[test]
fn a_branch_that_firmware_decides_leaves_its_variables_unknown() {
    let cfg = "if [ \"$grub_platform\" = \"efi\" ]; then\n set opts=root=/dev/sda2\nelse\n set opts=root=/dev/vda2\nfi\n\
        set same=ro\nmenuentry a {\n linux /vmlinuz-1 $same\n}\nmenuentry b {\n linux /vmlinuz-1 $opts\n}\n";
    let config = read(Memory::new().file("boot/grub/grub.cfg", cfg).file("boot/vmlinuz-1", ""));
    let needs: Vec<_> = config.entries.iter().map(|entry| entry.cmdline.needs().is_some()).collect();
    assert_eq!(needs, [false, true]);
}

#[test]
fn an_environment_block_that_cannot_be_read_leaves_its_variables_unknown() {
    let tree = rhel8().link("boot/efi/EFI/redhat/grubenv", "grubenv");
    let config = read(tree.clone());
    let entry = config.entries.first().unwrap();
    assert_eq!(entry.cmdline.needs(), Some("a readable `boot/grub2/grubenv`"));
    assert!(config.default_entry.needs().is_some() && !entry.default);
    let config = read(tree.link("boot/grub2/grub.cfg", "grub.cfg"));
    assert_eq!(config.entries.len(), 3);
    assert!(config.entries.first().unwrap().cmdline.needs().is_some());
    assert!(config.loaders.first().unwrap().unreadable.is_some());
}

#[test]
fn a_configuration_that_cannot_be_read_leaves_command_lines_unknown() {
    let tree =
        debian().file("lib/modules/6.1.0-18-amd64/modules.dep", "").link("boot/grub/grub.cfg", "grub.cfg");
    let config = read(tree);
    let [entry] = config.entries.as_slice() else { panic!("{config:?}") };
    assert_eq!(entry.cmdline.needs(), Some("a readable `boot/grub/grub.cfg`"));
    assert_eq!(config.default_entry.needs(), Some("a readable `boot/grub/grub.cfg`"));
}

#[test]
fn hostile_scripts_end() {
    let scripts = [
        "source /boot/grub/grub.cfg\nmenuentry a { linux /vmlinuz }\n".to_owned(),
        "function f {\n f\n f\n}\nf\nf\n".to_owned(),
        "function a { b; b; b; b }\nfunction b { c; c; c; c }\nfunction c { a; a; a }\na\n".to_owned(),
        format!("set a=xxxxxxxx\n{}", "set a=$a$a$a$a\n".repeat(500)),
        "if unknown; then x=1; fi\n".repeat(2000),
        format!("set a={}\n{}", "x ".repeat(4000), format!("echo {}\n", "$a".repeat(2000)).repeat(100)),
        format!("set a={}\n{}", "x".repeat(8000), format!("echo {}\n", "$a ".repeat(2000)).repeat(100)),
    ];
    for script in scripts {
        let config = read(Memory::new().file("boot/grub/grub.cfg", &script));
        assert!(config.entries.len() < 100_000, "{script}");
    }
}

#[test]
fn etc_default_grub_is_read() {
    let text = "GRUB_DEFAULT=saved\n# GRUB_CMDLINE_LINUX=\"old\"\nGRUB_CMDLINE_LINUX=\"root=/dev/sda2 quiet\"\n\
                GRUB_CMDLINE_LINUX_DEFAULT='splash'\n";
    let config =
        read(Memory::new().file("etc/default/grub", text).file("etc/kernel/cmdline", "root=UUID=0a1b ro\n"));
    let defaults = config.etc_default_grub.unwrap();
    assert_eq!(defaults.default.unwrap().value, "saved");
    let root = defaults.cmdline.unwrap().root.unwrap();
    assert_eq!((root.at.line, root.at.column), (Some(3), Some(21)));
    assert_eq!(defaults.cmdline_default.unwrap().text, "splash");
    assert_eq!(config.kernel_cmdline.unwrap().root.unwrap().device.value(), "0a1b");
}
