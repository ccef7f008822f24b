//! The system-wide crypto policy of RHEL 8 and later, Fedora and their kin (crypto-policies(7), update-crypto-policies(8)), and
//! what it refuses.
//!
//! `config` has what is asked for, `state/current` what update-crypto-policies last put into force: a policy and subpolicies after
//! colons, each in a file of its own. Debian since 10 and Ubuntu since 20.04 have no such policies; their OpenSSL is built with
//! security level 2 (SSL_CTX_set_security_level(3)).

use schemars::JsonSchema;
use serde::Serialize;

use super::setting::{Named, Setting};
use super::system::{Family, System};
use super::{Gather, Known};
use crate::parse::lines::lines;
use crate::place::Place;

/// Folders of policies, the administrator's first.
const FOLDERS: [&str; 2] = ["etc/crypto-policies/policies", "usr/share/crypto-policies/policies"];

/// Subpolicies that one line may name.
const MAX_MODULES: usize = 32;

/// The policy.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CryptoPolicy {
    /// What is asked for: `DEFAULT:SHA1`; null where there are no such policies.
    pub configured: Option<Setting>,
    /// What is in force; null if nothing says.
    pub current: Option<Setting>,
    /// The policy that is asked for, without its subpolicies: `DEFAULT`, `FUTURE`, `FIPS`, `LEGACY`.
    pub base: Option<String>,
    /// Subpolicies that are asked for.
    pub modules: Vec<String>,
    /// Policies and subpolicies that are asked for and that no file describes. Unknown if the input holds no policies.
    pub missing: Known<Vec<Named>>,
    /// Bits that an RSA key must have; null if nothing says.
    pub min_rsa_bits: Option<u32>,
    /// Whether signatures with SHA-1 in certificates are refused; null if nothing says.
    pub refuses_sha1: Option<bool>,
    /// What sets both.
    pub at: Option<Place>,
}

/// Reads the policy.
#[must_use]
pub fn gather(gather: &Gather<'_>, system: &System) -> CryptoPolicy {
    let configured = first_line(gather, "etc/crypto-policies/config");
    let current = first_line(gather, "etc/crypto-policies/state/current");
    let Some(setting) = configured.as_ref().or(current.as_ref()) else { return without_policies(system) };
    let mut words = setting.value.split(':').map(str::trim).filter(|word| !word.is_empty());
    let base = words.next().map(str::to_owned);
    let modules: Vec<String> = words.take(MAX_MODULES).map(str::to_owned).collect();
    let (min_rsa_bits, refuses_sha1) = demands(base.as_deref(), &modules, system.major_version);
    CryptoPolicy {
        missing: missing(gather, setting, base.as_deref(), &modules),
        min_rsa_bits,
        refuses_sha1,
        at: Some(setting.at.clone()),
        base,
        modules,
        configured,
        current,
    }
}

fn without_policies(system: &System) -> CryptoPolicy {
    let level_2 = match (system.id.as_deref(), system.major_version) {
        (Some("debian"), Some(version)) => version >= 10,
        (Some("ubuntu"), Some(version)) => version >= 20,
        _ => false,
    };
    let is_debian = system.family.get() == Some(&Family::Debian);
    if !(level_2 && is_debian) {
        return CryptoPolicy::default();
    }
    CryptoPolicy {
        min_rsa_bits: Some(2048),
        refuses_sha1: Some(true),
        at: system.at.clone(),
        ..CryptoPolicy::default()
    }
}

/// What the policies of RHEL refuse in certificates (crypto-policies(7) of each release); a policy of the administrator's own says
/// nothing here.
fn demands(base: Option<&str>, modules: &[String], version: Option<u32>) -> (Option<u32>, Option<bool>) {
    let has = |name: &str| modules.iter().any(|module| module == name);
    let newer = version.is_none_or(|version| version >= 9);
    let (bits, sha1) = match base {
        Some("LEGACY") => (if newer { 2048 } else { 1024 }, false),
        Some("DEFAULT") => (2048, newer),
        Some("FIPS") => (2048, true),
        Some("FUTURE") => (3072, true),
        _ => return (None, None),
    };
    (Some(bits), Some((sha1 || has("NO-SHA1")) && !has("SHA1")))
}

fn missing(
    gather: &Gather<'_>,
    setting: &Setting,
    base: Option<&str>,
    modules: &[String],
) -> Known<Vec<Named>> {
    if !gather.tree.exists("usr/share/crypto-policies/policies") {
        return Known::unknown("`usr/share/crypto-policies/policies`");
    }
    let is_there = |name: &str| FOLDERS.iter().any(|folder| gather.tree.exists(format!("{folder}/{name}")));
    let mut missing: Vec<&str> = base.filter(|base| !is_there(&format!("{base}.pol"))).into_iter().collect();
    missing.extend(
        modules.iter().map(String::as_str).filter(|module| !is_there(&format!("modules/{module}.pmod"))),
    );
    let named = missing.into_iter().map(|name| Named { name: name.to_owned(), at: setting.at.clone() });
    Known::Known(named.collect())
}

/// The first line that is neither empty nor a comment.
fn first_line(gather: &Gather<'_>, path: &str) -> Option<Setting> {
    let file = gather.read_config(path).present()?;
    let line = lines(&file.bytes).find(|line| {
        let text = line.text.trim();
        !text.is_empty() && !text.starts_with('#')
    })?;
    let text = line.text.trim();
    let value = crate::source::escape_bytes(text.as_bytes());
    Some(Setting { value, at: line.span_of(text).at(&file.path) })
}
