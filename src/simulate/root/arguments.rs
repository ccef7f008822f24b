//! The parameters that an initrd goes by: those of the kernel command line, and before them those that dracut has
//! baked into it (dracut-lib.sh, `getcmdline`).

use crate::facts::command_line::CommandLine;
use crate::place::Place;
use crate::simulate::initrd_view::InitrdView;

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulate) struct Argument {
    /// The name as written: `rd.lvm.lv`.
    pub(in crate::simulate) key: String,
    /// What is behind the `=`; none if there is none.
    pub(in crate::simulate) value: Option<String>,
    /// Where it stands.
    pub(in crate::simulate) at: Place,
}

/// All parameters, those that count more behind the others.
#[derive(Debug, Clone, Default)]
pub(in crate::simulate) struct Arguments(Vec<Argument>);

impl Arguments {
    pub(super) fn new(cmdline: Option<&CommandLine>, view: &InitrdView<'_>) -> Self {
        let baked = view.main().and_then(|initrd| initrd.cmdline.get()).into_iter().flatten();
        let baked = baked.map(|baked| Argument {
            key: baked.key.clone(),
            value: baked.value.clone(),
            at: baked.at.clone(),
        });
        let given = cmdline.map(|line| line.params.as_slice()).unwrap_or_default().iter();
        let given = given.map(|param| Argument {
            key: param.name.clone(),
            value: param.value.clone(),
            at: param.at.clone(),
        });
        Self(baked.chain(given).collect())
    }

    /// The last parameter `key`.
    pub(in crate::simulate) fn last(&self, key: &str) -> Option<&Argument> {
        self.0.iter().rev().find(|argument| argument.key == key)
    }

    /// The value of the last parameter `key` that has one.
    pub(in crate::simulate) fn value(&self, key: &str) -> Option<&str> {
        self.last(key).and_then(|argument| argument.value.as_deref())
    }

    /// Every parameter with one of these names that has a value.
    pub(in crate::simulate) fn all(&self, keys: &[&str]) -> Vec<(&str, &Place)> {
        let wanted = self.0.iter().filter(|argument| keys.contains(&argument.key.as_str()));
        let values = wanted.filter_map(|argument| Some((argument.value.as_deref()?, &argument.at)));
        values.filter(|(value, _)| !value.is_empty()).collect()
    }

    /// Whether a switch is on (dracut-lib.sh, `getargbool`): `0`, `no` and `off` are off, anything else is on.
    pub(in crate::simulate) fn is_on(&self, key: &str, default: bool) -> bool {
        match self.last(key).map(|argument| argument.value.as_deref()) {
            Some(Some("0" | "no" | "off")) => false,
            Some(_) => true,
            None => default,
        }
    }

    /// Whether the parameter is there at all.
    pub(in crate::simulate) fn has(&self, key: &str) -> bool {
        self.last(key).is_some()
    }
}
