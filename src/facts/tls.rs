//! What TLS the libraries can speak, and what the services ask of them.
//!
//! A library is judged by its file: its symbol versions and the version string in its data; distributions backport,
//! so the package's version stands beside it and decides nothing.

mod certificates;
mod includes;
mod library;
mod openssl;
mod services;

use schemars::JsonSchema;
use serde::Serialize;

pub use certificates::UsedCertificate;
pub(super) use services::dovecot_files;

use super::libraries::Libraries;
use super::packages::Packages;
use super::{Gather, Known};
use crate::parse::tls::{Choice, Protocol};
use crate::place::Place;

/// TLS libraries and what is asked of them.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tls {
    /// Each libssl and libcrypto on the linker's path, each file once; and programs that have OpenSSL built in.
    pub libraries: Vec<TlsLibrary>,
    /// Each setting of a service that names protocols.
    pub demands: Vec<TlsDemand>,
    /// Each certificate that a service is told to show, and the authorities that the administrator trusts.
    pub certificates: Vec<UsedCertificate>,
    /// The system's openssl.cnf files.
    pub configurations: Vec<OpensslConfiguration>,
    /// What these files name that is not there or not understood.
    pub troubles: Vec<OpensslTrouble>,
}

/// Who wrote the library.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TlsFlavour {
    /// OpenSSL.
    OpenSsl,
    /// LibreSSL.
    LibreSsl,
    /// BoringSSL.
    BoringSsl,
    /// Its file does not say.
    #[default]
    Unknown,
}

/// One libssl or libcrypto.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TlsLibrary {
    /// The file, links followed.
    pub at: Place,
    /// Its path, relative to the root, links followed.
    pub path: String,
    /// `DT_SONAME`.
    pub soname: Option<String>,
    /// `libssl`, `libcrypto`, or the program's name when it has OpenSSL built in.
    pub name: String,
    /// Who wrote it.
    pub flavour: TlsFlavour,
    /// The version string in its data: `OpenSSL 1.0.1e-fips 11 Feb 2013`.
    pub version_string: Option<String>,
    /// The version: `1.0.1e`. From the string, else the least that its symbol versions and SONAME prove.
    pub version: Known<String>,
    /// The symbol versions that it defines: `OPENSSL_1_0_1`.
    pub symbol_versions: Vec<String>,
    /// Name and version-release of the package that owns the file.
    pub package: Known<Option<String>>,
    /// The protocols that it can speak: `SSLv2` ... `TLSv1.3`; none for libcrypto.
    pub supports: Known<Vec<String>>,
    /// For each protocol, why.
    pub protocols: Vec<ProtocolSupport>,
}

/// Whether a library can speak a protocol, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProtocolSupport {
    /// `SSLv2`, `SSLv3`, `TLSv1`, `TLSv1.1`, `TLSv1.2` or `TLSv1.3`.
    pub protocol: String,
    /// Whether it can.
    pub supported: bool,
    /// How that is known: "the library defines TLSv1_2_method".
    pub reason: String,
}

/// A setting of a service that names protocols.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TlsDemand {
    /// The setting.
    pub at: Place,
    /// `nginx`, `apache`, `postfix`, `dovecot`, `stunnel`, `haproxy`, `vsftpd` or `openssl`.
    pub service: String,
    /// The directive: `ssl_protocols`.
    pub setting: String,
    /// Its value as written.
    pub value: String,
    /// The protocols that it leaves on, oldest first.
    pub protocols: Vec<String>,
    /// Whether the setting names protocols (`TLSv1.2 TLSv1.3`) and so asks for them, or only leaves out some of
    /// what the library has (`!SSLv2`, `-SSLv3`).
    pub named: bool,
    /// The program of the service; null when it is not where packages put it.
    pub program: Option<String>,
    /// The libssl that the service is linked to, or the system's; relative to the root.
    pub library: Known<String>,
    /// The package of that libssl, with its version and release: distributions backport.
    pub library_package: Known<Option<String>>,
    /// Version of that libssl.
    pub library_version: Known<String>,
    /// Whether the library can speak every protocol that the setting names.
    pub satisfied: Known<bool>,
    /// The named protocols that the library cannot speak.
    pub unavailable: Known<Vec<String>>,
    /// The protocols that are left: left on by the setting, and spoken by the library.
    pub left: Known<Vec<String>>,
    /// Words that name no protocol.
    pub unknown_words: Vec<String>,
    /// What the service does about a name that it or its library does not know.
    pub consequence: Consequence,
}

/// What a service does with a protocol that its library lacks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Consequence {
    /// It goes on with what is left and says nothing.
    #[default]
    PassedOver,
    /// It does not start.
    DoesNotStart,
    /// It starts, and refuses TLS.
    TurnsTlsOff,
}

/// An openssl.cnf, read with what it includes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OpensslConfiguration {
    /// The file.
    pub at: Place,
    /// Version of the libcrypto that reads it.
    pub library_version: Known<String>,
}

/// What is wrong with a line of openssl.cnf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OpensslTroubleKind {
    /// `.include` names a file that is not there.
    MissingInclude,
    /// A provider's module is not there.
    MissingProvider,
    /// An engine's shared object is not there.
    MissingEngine,
    /// A section that is referred to is not there.
    MissingSection,
    /// The line is not of the format.
    Malformed,
    /// Providers are activated without the default one, so most algorithms are gone.
    NoDefaultProvider,
}

/// One trouble in openssl.cnf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OpensslTrouble {
    /// The line.
    pub at: Place,
    /// What is wrong.
    pub kind: OpensslTroubleKind,
    /// What it names: the file, the provider, the engine, the section.
    pub names: String,
    /// Whether this library, of this version, gives up on the whole configuration for it.
    pub fatal: Known<bool>,
    /// A sentence on what follows.
    pub effect: String,
}

/// Reads libraries and the services' settings.
#[must_use]
pub fn gather(gather: &Gather<'_>, libraries: &Libraries, packages: &Packages) -> Tls {
    let found = library::read(gather, libraries, packages);
    let mut wishes = services::read(gather);
    let crypto = library::newest(&found, "libcrypto");
    let (configurations, troubles) = openssl::read(gather, &crypto, &mut wishes);
    let demands = wishes.into_iter().map(|wish| judge(wish, &found, libraries)).collect();
    let certificates = certificates::read(gather);
    Tls { libraries: found, demands, certificates, configurations, troubles }
}

/// A setting that was read, before it is set against a library.
struct Wish {
    at: Place,
    service: &'static str,
    setting: String,
    value: String,
    choice: Choice,
    consequence: Consequence,
}

/// The programs whose libssl serves a service, the likeliest first.
fn programs_of(service: &str) -> &'static [&'static str] {
    match service {
        "nginx" => &["nginx"],
        "apache" => &["mod_ssl", "apache"],
        "postfix" => &["postfix"],
        "dovecot" => &["dovecot-ssl", "dovecot"],
        "stunnel" => &["stunnel"],
        "haproxy" => &["haproxy"],
        "vsftpd" => &["vsftpd"],
        _ => &["openssl"],
    }
}

fn judge(wish: Wish, found: &[TlsLibrary], libraries: &Libraries) -> TlsDemand {
    let names = programs_of(wish.service);
    let mut programs =
        names.iter().flat_map(|name| libraries.programs.iter().filter(move |p| p.name == *name));
    let first = programs.clone().next();
    let built_in = programs.clone().find_map(|program| found.iter().find(|lib| lib.path == program.path));
    let linked = programs.find_map(|program| {
        let path = program.libssl.as_ref()?;
        found.iter().find(|library| library.path == *path)
    });
    let library = match linked.or(built_in) {
        Some(library) => Known::Known(library),
        None => only_libssl(found, names.first().copied().unwrap_or_default()),
    };
    let supports = match &library {
        Known::Known(library) => library.supports.clone(),
        Known::Unknown { needs } => Known::unknown(needs.clone()),
    };
    let asked = match wish.consequence {
        // Of what it was built without, the name alone is an error, be it to turn it off.
        Consequence::DoesNotStart if wish.service == "apache" => wish
            .choice
            .mentioned
            .iter()
            .filter(|protocol| wish.choice.named.contains(protocol) || **protocol >= Protocol::Tls11)
            .copied()
            .collect(),
        _ => wish.choice.named.clone(),
    };
    let text = |protocols: &[Protocol]| protocols.iter().map(|p| p.name().to_owned()).collect::<Vec<_>>();
    let lacking = |supports: Vec<String>| -> Vec<String> {
        text(&asked).into_iter().filter(|protocol| !supports.contains(protocol)).collect()
    };
    let left = |supports: Vec<String>| -> Vec<String> {
        text(&wish.choice.enabled).into_iter().filter(|protocol| supports.contains(protocol)).collect()
    };
    let unavailable = supports.clone().map(lacking);
    TlsDemand {
        satisfied: unavailable.clone().map(|lacking| lacking.is_empty()),
        unavailable,
        left: supports.map(left),
        library_version: match &library {
            Known::Known(library) => library.version.clone(),
            Known::Unknown { needs } => Known::unknown(needs.clone()),
        },
        library_package: match &library {
            Known::Known(library) => library.package.clone(),
            Known::Unknown { needs } => Known::unknown(needs.clone()),
        },
        library: library.map(|library| library.path.clone()),
        protocols: text(&wish.choice.enabled),
        named: !wish.choice.named.is_empty(),
        program: first.map(|program| program.path.clone()),
        unknown_words: wish.choice.unknown,
        at: wish.at,
        service: wish.service.to_owned(),
        setting: wish.setting,
        value: wish.value,
        consequence: wish.consequence,
    }
}

/// The system's libssl, when there is but one: with several, only the program can say which it loads.
fn only_libssl<'a>(found: &'a [TlsLibrary], program: &str) -> Known<&'a TlsLibrary> {
    let mut all = found.iter().filter(|library| library.name == "libssl");
    match (all.next(), all.next()) {
        (Some(library), None) => Known::Known(library),
        (None, _) => Known::unknown("the libssl shared library"),
        _ => Known::unknown(format!("the program of `{program}`, which says which libssl it loads")),
    }
}

#[cfg(test)]
mod tests;
