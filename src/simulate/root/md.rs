//! Software arrays: whether the initrd assembles the one that holds root.

use super::{Check, Root, Trouble};
use crate::initrd::Kind;
use crate::parse::mdadm;
use crate::simulate::drivers::Drivers;

/// The first version of dracut that assembles no array unless told to (its commit "add rd.auto parameter and switch off
/// automatic assembly").
const ASKS_SINCE: u32 = 24;

/// Levels and the personality that each needs.
const PERSONALITIES: [(&str, &str); 9] = [
    ("raid0", "raid0"),
    ("raid1", "raid1"),
    ("raid10", "raid10"),
    ("raid4", "raid456"),
    ("raid5", "raid456"),
    ("raid6", "raid456"),
    ("linear", "linear"),
    ("mirror", "raid1"),
    ("stripe", "raid0"),
];

impl Root<'_> {
    pub(super) fn md(&self, what: &str, name: &str, uuid: Option<&str>, drivers: &Drivers<'_>) -> Check {
        let is = format!("{what} is the array {name}");
        let has_mdadm = self.view.main().and_then(|initrd| initrd.has_mdadm.get().copied()) == Some(true);
        match self.kind() {
            Kind::MkinitrdNash => {
                // The kernel assembles by itself what nash's `raidautorun` asks it to.
                let script = self.script();
                if !has_mdadm && !script.contains("raidautorun") {
                    let detail =
                        format!("{is}, but the initrd's script has neither `raidautorun` nor `mdadm`");
                    return Err(Trouble::fails(detail));
                }
            }
            _ if !has_mdadm => return Err(Trouble::fails(format!("{is}, but the initrd has no mdadm"))),
            Kind::Dracut => self.dracut_md(&is, uuid)?,
            Kind::MkinitrdSuse => self.wants_script(&is, "md")?,
            Kind::Mkinitcpio => self.wants_hook(&is, &["mdadm_udev", "mdadm", "systemd"])?,
            Kind::InitramfsTools | Kind::Other => {}
        }
        self.may_be_assembled(&is, uuid)?;
        self.modules(&is, &["md_mod"], drivers)?;
        self.personality(&is, name, drivers)?;
        Ok(format!("the initrd has mdadm and md for the array {name}"))
    }

    /// `AUTO -all` in the image's mdadm.conf: mdadm assembles what an ARRAY line names, and nothing else
    /// (mdadm.conf(5); the first word of the line that fits an array decides).
    fn may_be_assembled(&self, is: &str, uuid: Option<&str>) -> Result<(), Trouble> {
        let paths = ["etc/mdadm/mdadm.conf", "etc/mdadm.conf"];
        let Some((path, text)) = paths.iter().find_map(|path| Some((path, self.view.text(path)?))) else {
            return Ok(());
        };
        let conf = mdadm::parse(text);
        if conf.auto.first().is_none_or(|word| word != "-all") {
            return Ok(());
        }
        let mut named = conf.arrays.iter().filter_map(|array| array.uuid.as_deref());
        let Some(uuid) = uuid else {
            return Err(Trouble::unknown(format!(
                "{is}, and `{path}` in the initrd has `AUTO -all`: whether one of its ARRAY lines is for this array is not \
                 known without the output of `mdadm --detail`"
            )));
        };
        if named.any(|known| digits(known) == uuid) {
            return Ok(());
        }
        Err(Trouble::fails(format!(
            "{is}, and mdadm does not assemble it: `{path}` in the initrd has `AUTO -all` and no ARRAY line with its UUID"
        )))
    }

    /// dracut's `parse-md.sh`: arrays are assembled that `rd.md.uuid=` names, or all with `rd.auto`.
    fn dracut_md(&self, is: &str, uuid: Option<&str>) -> Result<(), Trouble> {
        let at = || self.place_of(&["rd.md", "rd_NO_MD", "rd.md.uuid", "rd_MD_UUID"]);
        if !self.arguments.is_on("rd.md", true) || self.arguments.has("rd_NO_MD") {
            let detail = format!("{is}, and `rd.md=0` switches arrays off in the initrd");
            return Err(Trouble::fails_at(detail, at()));
        }
        let named = self.arguments.all(&["rd.md.uuid", "rd_MD_UUID"]);
        if named.is_empty() {
            let asks = self.dracut_version().is_none_or(|version| version >= ASKS_SINCE);
            if asks && !self.arguments.is_on("rd.auto", false) {
                let detail = format!(
                    "{is}, and dracut assembles no array unless `rd.md.uuid=` names it or `rd.auto` is given"
                );
                return Err(Trouble::fails(detail));
            }
            return Ok(());
        }
        let Some(uuid) = uuid else { return Ok(()) };
        if named.iter().any(|(value, _)| digits(value) == uuid) {
            return Ok(());
        }
        let values: Vec<&str> = named.iter().map(|(value, _)| *value).collect();
        let values = values.join(", ");
        if self.is_from_cache(uuid) {
            let detail = format!(
                "{is}, whose members have the UUID {uuid} as blkid's cache has it, but `rd.md.uuid=` names {values} alone: \
                 which is right is not known without the output of `mdadm --examine`"
            );
            return Err(Trouble::unknown_at(detail, at()));
        }
        let detail = format!("{is}, but `rd.md.uuid=` names {values} alone, which is another one");
        Err(Trouble::fails_at(detail, at()))
    }

    /// Whether nothing but blkid's cache says the UUID of the array's members. The cache keeps what it once read until
    /// somebody asks for the device (blkid(8), libblkid(3)), and `mdadm --update=uuid` tells it nothing.
    fn is_from_cache(&self, uuid: &str) -> bool {
        let has_it = |known: Option<&String>| known.is_some_and(|known| digits(known) == uuid);
        let mut members =
            self.facts.block_devices.devices.iter().filter(|d| has_it(d.uuid.as_ref())).peekable();
        members.peek().is_some() && members.all(|member| member.at.path.ends_with("blkid.tab"))
    }

    /// The number in front of dracut's version: 59 of `059-4`, 4 of `004-411.el6`.
    pub(super) fn dracut_version(&self) -> Option<u32> {
        let version = self.view.main()?.version.get()?.as_deref()?;
        let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    }

    /// The module of the array's level.
    fn personality(&self, is: &str, name: &str, drivers: &Drivers<'_>) -> Result<(), Trouble> {
        let short = name.trim_start_matches("md/");
        let running = self.facts.md.running.iter().find(|array| array.name == name);
        let listed = self.facts.md.arrays.iter().find(|array| {
            array
                .device
                .as_deref()
                .is_some_and(|device| device.trim_start_matches("/dev/").trim_start_matches("md/") == short)
        });
        let level = running.and_then(|array| array.level.as_deref());
        let level = level.or_else(|| listed.and_then(|array| array.level.as_deref()));
        if let Some(level) = level {
            let module = PERSONALITIES.iter().find(|(known, _)| *known == level).map(|(_, module)| *module);
            return module
                .map_or(Ok(()), |module| self.modules(&format!("{is} ({level})"), &[module], drivers));
        }
        // Of what level it is nobody says. An image that names a personality in its own list and lacks it is not as it
        // was built; most arrays that hold a root are mirrors.
        let loads = self.view.main().and_then(|initrd| initrd.loads.get()).into_iter().flatten();
        let lists_mirror = loads.into_iter().any(|module| module.name.as_str() == "raid1");
        let personalities = ["raid1", "raid0", "raid10", "raid456"];
        let has_one = personalities.iter().any(|module| drivers.has_module(&(*module).into()).is_ok());
        if lists_mirror || !has_one {
            let is = format!("{is}, of a level that nothing in the input says");
            return self.modules(&is, &["raid1"], drivers);
        }
        Ok(())
    }
}

/// The hexadecimal digits of a UUID, whatever stands between them (mdadm's `parse_uuid`).
pub(super) fn digits(uuid: &str) -> String {
    uuid.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_lowercase()).collect()
}
