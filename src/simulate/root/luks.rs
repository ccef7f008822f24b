//! Encrypted volumes: whether the initrd opens the one that holds root, and who gives it the key.

use super::{Check, Root, Trouble};
use crate::initrd::Kind;
use crate::parse::crypttab;
use crate::parse::device_spec::DeviceSpec;
use crate::simulate::devices::{Machine, Resolution};
use crate::simulate::drivers::Drivers;

/// An entry of the image's own table of encrypted volumes.
struct Opened {
    /// The name that the volume gets.
    name: String,
    /// What holds its header; none where only a UUID is asked for that the input has no device of.
    source: Option<String>,
    /// Whether a key file, a script or a chip gives the key, so that nobody is asked.
    has_key: bool,
}

impl<'a> Root<'a> {
    pub(super) fn luks(
        &self,
        what: &str,
        name: &str,
        uuid: Option<&str>,
        machine: &Machine<'a>,
        drivers: &Drivers<'_>,
    ) -> Check {
        let is = format!("{what} is the LUKS volume {name}");
        if self.view.main().and_then(|initrd| initrd.has_cryptsetup.get().copied()) != Some(true) {
            return Err(Trouble::fails(format!("{is}, but the initrd has no cryptsetup")));
        }
        let opened = match self.kind() {
            Kind::Dracut => self.dracut_luks(&is, name, uuid)?,
            Kind::InitramfsTools => self.initramfs_tools_luks(&is, name)?,
            Kind::MkinitrdNash => self.nash_luks(&is)?,
            Kind::MkinitrdSuse => {
                self.wants_script(&is, "luks")?;
                Opened { name: name.to_owned(), source: None, has_key: false }
            }
            Kind::Mkinitcpio => {
                self.wants_hook(&is, &["encrypt", "sd-encrypt"])?;
                Opened { name: name.to_owned(), source: None, has_key: false }
            }
            Kind::Other => Opened { name: name.to_owned(), source: None, has_key: false },
        };
        self.modules(&is, &["dm_crypt"], drivers)?;
        if opened.name != name {
            let detail = format!("{is}, but the initrd opens it under another name, {}", opened.name);
            return Err(Trouble::fails(detail));
        }
        if let Some(source) = &opened.source
            && let Resolution::Missing { why } = machine.resolve(&DeviceSpec::parse(source))
        {
            return Err(Trouble::fails(format!("{is} on {source}, which {why}")));
        }
        if opened.has_key {
            return Ok(format!("the initrd has cryptsetup, dm_crypt and a key for the LUKS volume {name}"));
        }
        Err(Trouble::unknown(format!(
            "{is}: somebody has to type the passphrase at the console, unless another key slot opens it (`cryptsetup \
             luksDump` shows them)"
        )))
    }

    /// dracut: `rd.luks.uuid=`, `rd.luks.name=`, the image's crypttab, or `rd.auto` (dracut.cmdline(7),
    /// systemd-cryptsetup-generator(8)).
    fn dracut_luks(&self, is: &str, name: &str, uuid: Option<&str>) -> Result<Opened, Trouble> {
        let switches = ["rd.luks", "luks"];
        if switches.iter().any(|switch| !self.arguments.is_on(switch, true))
            || self.arguments.has("rd_NO_LUKS")
        {
            let detail = format!("{is}, and `rd.luks=0` switches encrypted volumes off in the initrd");
            return Err(Trouble::fails_at(detail, self.place_of(&["rd.luks", "luks", "rd_NO_LUKS"])));
        }
        let has_key = self.arguments.has("rd.luks.key") || self.arguments.has("luks.key");
        let named = self.arguments.all(&["rd.luks.name", "luks.name"]);
        let plain = |uuid: &str| super::md::digits(uuid.strip_prefix("luks-").unwrap_or(uuid));
        let is_own = |given: &str| uuid.is_none_or(|uuid| plain(uuid).starts_with(&plain(given)));
        let by_name =
            named.iter().find_map(|(value, _)| value.split_once('=').filter(|(given, _)| is_own(given)));
        if let Some((_, own)) = by_name {
            return Ok(Opened { name: own.to_owned(), source: None, has_key });
        }
        if let Some(opened) = self.image_table("etc/crypttab", name, has_key) {
            return Ok(opened);
        }
        let given = self.arguments.all(&["rd.luks.uuid", "luks.uuid", "rd_LUKS_UUID"]);
        if let Some((value, _)) = given.iter().find(|(value, _)| is_own(value)) {
            let value = value.strip_prefix("luks-").unwrap_or(value);
            return Ok(Opened { name: format!("luks-{}", uuid.unwrap_or(value)), source: None, has_key });
        }
        // Versions 102 and 103 opened every volume unless told otherwise (dracut-ng, "fix(crypt): unlock encrypted devices
        // by default during boot", and its revert).
        let opens_all = matches!(self.dracut_version(), Some(102 | 103));
        if given.is_empty() && self.arguments.is_on("rd.auto", opens_all) {
            let name = uuid.map_or_else(|| name.to_owned(), |uuid| format!("luks-{uuid}"));
            return Ok(Opened { name, source: None, has_key });
        }
        let detail = if given.is_empty() {
            format!(
                "{is}, and nothing tells the initrd to open it: neither `rd.luks.uuid=` nor a crypttab inside it"
            )
        } else {
            let values: Vec<&str> = given.iter().map(|(value, _)| *value).collect();
            format!("{is}, but `rd.luks.uuid=` names {} alone, which is another one", values.join(", "))
        };
        Err(Trouble::fails_at(detail, self.place_of(&["rd.luks.uuid", "luks.uuid", "rd_LUKS_UUID"])))
    }

    /// initramfs-tools: `cryptroot/crypttab` in the image, `conf/conf.d/cryptroot` in older ones, or `cryptopts=` on the
    /// command line (cryptsetup's `scripts/local-top/cryptroot`).
    fn initramfs_tools_luks(&self, is: &str, name: &str) -> Result<Opened, Trouble> {
        let options: Vec<(&str, _)> = self.arguments.all(&["cryptopts"]);
        let field = |text: &str, key: &str| {
            text.split(',').find_map(|part| part.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned)
        };
        let lists = |text: &str| {
            let own = field(text, "target").unwrap_or_else(|| "cryptroot".to_owned());
            (own == name).then(|| Opened {
                name: own,
                source: field(text, "source"),
                has_key: field(text, "key").is_some_and(|key| key != "none")
                    || field(text, "keyscript").is_some(),
            })
        };
        if let Some(opened) = options.iter().find_map(|(text, _)| lists(text)) {
            return Ok(opened);
        }
        if let Some(opened) = self.image_table("cryptroot/crypttab", name, false) {
            return Ok(opened);
        }
        let old = String::from_utf8_lossy(self.view.text("conf/conf.d/cryptroot").unwrap_or_default());
        if let Some(opened) = old.lines().find_map(lists) {
            return Ok(opened);
        }
        let detail = format!(
            "{is}, and the initrd's own table of encrypted volumes does not have it: it is never opened"
        );
        Err(Trouble::fails(detail))
    }

    /// nash: `cryptsetup luksOpen` in `init`.
    fn nash_luks(&self, is: &str) -> Result<Opened, Trouble> {
        let script = self.script();
        let line = script.lines().find(|line| line.contains("luksOpen"));
        let name = line.and_then(|line| line.split_whitespace().last());
        match name {
            Some(name) => Ok(Opened { name: name.to_owned(), source: None, has_key: false }),
            None => {
                Err(Trouble::fails(format!("{is}, but the initrd's script has no `cryptsetup luksOpen`")))
            }
        }
    }

    /// The entry of a crypttab in the image. A key is there if it names a file of the image, a script or a chip.
    fn image_table(&self, path: &str, name: &str, has_key: bool) -> Option<Opened> {
        let table = crypttab::parse(self.view.text(path)?);
        let entry = table.entries.into_iter().find(|entry| entry.name == name)?;
        let key_there = |file: &String| self.view.has_any(&[file.trim_start_matches('/')]);
        let by_option = entry.options.iter().any(|option| {
            ["keyscript=", "tpm2-device=", "fido2-device="].iter().any(|start| option.starts_with(start))
        });
        Some(Opened {
            has_key: has_key || by_option || entry.key_file.as_ref().is_some_and(key_there),
            name: entry.name,
            source: Some(entry.device),
        })
    }
}
