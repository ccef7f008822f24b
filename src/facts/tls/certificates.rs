//! The certificates that services are told to show, and those that the administrator trusts.
//!
//! Only what a crypto policy asks of them is kept: the size of the key and the hash of the signature.

use schemars::JsonSchema;
use serde::Serialize;

use super::includes::relative_to;
use super::services::{apache_files, dovecot_files, nginx_files};
use crate::facts::{Found, Gather};
use crate::parse::apache;
use crate::parse::certificate;
use crate::parse::haproxy;
use crate::parse::key_value::{self, Dialect};
use crate::parse::nginx;
use crate::place::{Place, Span};

/// Certificates that are kept; a host of many sites has some thousand.
const MAX_CERTIFICATES: usize = 10_000;

/// Where administrators put authorities that they trust (update-ca-trust(8), update-ca-certificates(8)).
const ANCHORS: [&str; 3] =
    ["etc/pki/ca-trust/source/anchors", "usr/local/share/ca-certificates", "etc/pki/trust/anchors"];

/// A certificate that a service shows or the system trusts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UsedCertificate {
    /// The setting that names it; the file itself for one that the system trusts.
    pub at: Place,
    /// Who uses it: `nginx`, `apache`, `postfix`, `dovecot`, `stunnel`, `haproxy`, `trust` for the system's own authorities.
    pub service: String,
    /// The file, relative to the root, and the line that it starts in.
    pub file: Place,
    /// Its subject: `CN=www.example.com`.
    pub subject: String,
    /// Bits of its RSA key; null for keys of another kind.
    pub rsa_bits: Option<u32>,
    /// The hash of its signature where it is weak (`sha1`, `md5`); null if it is not, or if the certificate signed itself, so
    /// that nobody checks the signature.
    pub weak_hash: Option<String>,
}

/// Reads the certificates that configurations name.
pub(super) fn read(gather: &Gather<'_>) -> Vec<UsedCertificate> {
    let mut found = Vec::new();
    for (service, at, path) in named(gather) {
        let Found::Present(file) = gather.read_config(&path) else { continue };
        let shown = certificate::parse(&file.bytes).into_iter().map(|leaf| UsedCertificate {
            at: at.clone(),
            service: service.to_owned(),
            file: Span::line(leaf.line).at(&file.path),
            subject: leaf.subject,
            rsa_bits: leaf.rsa_bits,
            weak_hash: leaf.weak_hash.filter(|_| !leaf.is_self_signed).map(str::to_owned),
        });
        found.extend(shown);
        if found.len() >= MAX_CERTIFICATES {
            break;
        }
    }
    found.truncate(MAX_CERTIFICATES);
    found
}

type Named = (&'static str, Place, String);

/// The files that settings name, each with its service and place.
fn named(gather: &Gather<'_>) -> Vec<Named> {
    let mut found: Vec<Named> = Vec::new();
    nginx_files(gather, &mut |file, prefix| {
        let directives = nginx::parse(&file.bytes).directives.into_iter();
        for directive in directives.filter(|one| one.name == "ssl_certificate") {
            let Some(path) = directive.arguments.first() else { continue };
            found.push(("nginx", directive.span.at(&file.path), relative_to(prefix, path)));
        }
    });
    apache_files(gather, &mut |file, root| {
        let directives = apache::parse(&file.bytes).into_iter();
        for directive in directives.filter(|one| one.is("SSLCertificateFile")) {
            let Some(path) = directive.arguments.first() else { continue };
            found.push(("apache", directive.span.at(&file.path), relative_to(root, path)));
        }
    });
    dovecot_files(gather, &mut |file| {
        for setting in key_value::parse(&file.bytes, Dialect::Dovecot) {
            // Up to 2.3 `ssl_cert = </path`; from 2.4 `ssl_server_cert_file = /path`.
            let path = match setting.key.as_str() {
                "ssl_cert" => setting.value.strip_prefix('<'),
                "ssl_server_cert_file" => Some(setting.value.as_str()),
                _ => continue,
            };
            let Some(path) = path else { continue };
            found.push(("dovecot", setting.span.at(&file.path), path.trim().to_owned()));
        }
    });
    if let Some(file) = gather.read_config("etc/postfix/main.cf").present() {
        let settings = key_value::parse(&file.bytes, Dialect::Postfix);
        let names = key_value::by_name(&settings);
        for setting in &settings {
            if matches!(
                setting.key.as_str(),
                "smtpd_tls_cert_file" | "smtp_tls_cert_file" | "smtpd_tls_chain_files"
            ) {
                let path = key_value::expanded(&setting.value, &names);
                found.push(("postfix", setting.span.at(&file.path), path));
            }
        }
    }
    for file in gather.read_directory("etc/stunnel", |name| name.ends_with(".conf")) {
        let settings = key_value::parse(&file.bytes, Dialect::Stunnel).into_iter();
        let certificates = settings.filter(|setting| setting.key.eq_ignore_ascii_case("cert"));
        found.extend(certificates.map(|one| ("stunnel", one.span.at(&file.path), one.value)));
    }
    if let Some(file) = gather.read_config("etc/haproxy/haproxy.cfg").present() {
        for line in haproxy::parse(&file.bytes) {
            for pair in line.words.windows(2) {
                let [key, path] = pair else { continue };
                if key.text == "crt" {
                    found.push(("haproxy", path.span.at(&file.path), path.text.clone()));
                }
            }
        }
    }
    for folder in ANCHORS {
        let names = gather.found(gather.tree.list(folder)).present().unwrap_or_default();
        for name in names.iter().filter_map(|name| name.to_str()).take(MAX_CERTIFICATES) {
            let path = format!("{folder}/{name}");
            found.push(("trust", Place::file(path.as_str()), path));
        }
    }
    found
}
