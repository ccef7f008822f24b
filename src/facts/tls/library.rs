//! Reads the libssl and libcrypto files, and works out what each can speak.
//!
//! History of the protocols in OpenSSL (CHANGES): TLS 1.1 and 1.2 came with 1.0.1, TLS 1.3 with 1.1.1; SSL 2 left with
//! 1.1.0, which also builds without SSL 3 unless asked. The file itself decides: up to 1.0.2 a protocol that was
//! built in has a function of its own (`TLSv1_2_method`), later ones have `TLS_method` for all, and TLS 1.3 brought
//! `SSL_CTX_set_ciphersuites`. Where a file names no function, the version is asked.

use std::collections::BTreeSet;

use super::{ProtocolSupport, TlsFlavour, TlsLibrary};
use crate::facts::libraries::{Libraries, read_at};
use crate::facts::packages::Packages;
use crate::facts::{Gather, Known, Problem, ProblemKind};
use crate::parse::elf_lib::{self, defined_symbols, openssl_text};
use crate::parse::tls::Protocol;
use crate::place::Place;
use crate::source::display_path;

/// TLS libraries read at most; a system has two or four.
const MAX_LIBRARIES: usize = 64;

/// What is read of a library's file beside what the facts say.
struct Contents {
    needed: Vec<String>,
    functions: BTreeSet<String>,
}

/// Reads the libssl and libcrypto files on the linker's path, and the programs that have none but OpenSSL built in.
pub(super) fn read(gather: &Gather<'_>, libraries: &Libraries, packages: &Packages) -> Vec<TlsLibrary> {
    let mut found: Vec<(TlsLibrary, Contents)> = Vec::new();
    let mut seen = BTreeSet::new();
    for directory in &libraries.search_path {
        let names = gather.tree.list(&directory.path).unwrap_or_default();
        for name in names.iter().filter_map(|name| name.to_str()) {
            let kind = ["libssl", "libcrypto"]
                .into_iter()
                .find(|kind| name.strip_prefix(kind).is_some_and(|rest| rest.starts_with(".so")));
            let Some(kind) = kind else { continue };
            let path = format!("{}/{name}", directory.path);
            let Ok(resolved) = gather.tree.resolve(&path) else { continue };
            if found.len() < MAX_LIBRARIES && seen.insert(resolved.clone()) {
                found.extend(read_library(gather, &display_path(&resolved), kind, packages));
            }
        }
    }
    for program in libraries.programs.iter().filter(|program| program.libssl.is_none()) {
        let services = ["nginx", "haproxy", "stunnel", "vsftpd", "apache", "mod_ssl", "curl"];
        if services.contains(&program.name.as_str()) {
            let built_in = read_library(gather, &program.path, &program.name, packages);
            found.extend(built_in.filter(|(library, _)| library.version_string.is_some()));
        }
    }
    complete(found)
}

/// The newest of the libraries called `name`, by version.
pub(super) fn newest(found: &[TlsLibrary], name: &str) -> Known<String> {
    let all = found.iter().filter(|library| library.name == name);
    let versions = all.filter_map(|library| library.version.get());
    match versions.max_by_key(|version| parts(version)) {
        Some(version) => Known::Known(version.clone()),
        None => Known::unknown(format!("the {name} shared library")),
    }
}

fn read_library(
    gather: &Gather<'_>,
    path: &str,
    name: &str,
    packages: &Packages,
) -> Option<(TlsLibrary, Contents)> {
    let (content, _) = gather.found(gather.tree.open(path)).present()?;
    let mut read_at = read_at(content);
    let object = match elf_lib::read(&mut read_at) {
        Ok(object) => object,
        Err(elf_lib::ElfError::NotElf) => return None, // a linker script
        Err(error) => {
            let message = format!("it cannot be read as a library: {error}");
            gather.note(Problem { at: Place::file(path), kind: ProblemKind::Malformed, message });
            return None;
        }
    };
    let version_string = openssl_text(&object, &mut read_at);
    let wanted = |name: &String| {
        Protocol::ALL.iter().any(|p| *name == function_of(*p)) || GENERAL.contains(&name.as_str())
    };
    let functions = match name {
        "libcrypto" => BTreeSet::new(),
        _ => defined_symbols(&object, &mut read_at).into_iter().filter(wanted).collect(),
    };
    let library = TlsLibrary {
        at: Place::file(path),
        path: path.to_owned(),
        name: name.to_owned(),
        flavour: flavour(version_string.as_deref()),
        version: Known::unknown(format!("the version of `{path}`")),
        version_string,
        symbol_versions: object.defined_versions.clone(),
        package: package_of(path, name, object.soname.as_deref(), packages),
        soname: object.soname.clone(),
        supports: Known::Known(Vec::new()),
        protocols: Vec::new(),
    };
    Some((library, Contents { needed: object.needed, functions }))
}

fn flavour(text: Option<&str>) -> TlsFlavour {
    match text {
        Some(text) if text.contains("BoringSSL") => TlsFlavour::BoringSsl,
        Some(text) if text.starts_with("LibreSSL") => TlsFlavour::LibreSsl,
        Some(_) => TlsFlavour::OpenSsl,
        None => TlsFlavour::Unknown,
    }
}

/// Fills in versions (a libssl without a text of its own has the version of the libcrypto that it needs) and what
/// follows from them.
fn complete(found: Vec<(TlsLibrary, Contents)>) -> Vec<TlsLibrary> {
    let texts: Vec<(Option<String>, Option<String>)> =
        found.iter().map(|(library, _)| (library.soname.clone(), library.version_string.clone())).collect();
    let finished = found.into_iter().map(|(mut library, contents)| {
        if library.version_string.is_none() && library.name == "libssl" {
            let needed =
                |soname: &Option<String>| soname.as_ref().is_some_and(|s| contents.needed.contains(s));
            let crypto = texts.iter().find(|(soname, text)| needed(soname) && text.is_some());
            library.version_string = crypto.and_then(|(_, text)| text.clone());
            library.flavour = flavour(library.version_string.as_deref());
        }
        let said = library.version_string.as_deref().and_then(version_in);
        if let Some(version) = said.or_else(|| least_version(&library)) {
            library.version = Known::Known(version);
        }
        if library.name != "libcrypto" {
            (library.supports, library.protocols) = protocols(&library, &contents.functions);
        }
        library
    });
    finished.collect()
}

/// `1.0.1e` of `OpenSSL 1.0.1e-fips 11 Feb 2013`.
fn version_in(text: &str) -> Option<String> {
    let version = text.split_whitespace().nth(1)?.split('-').next()?;
    Some(version.to_owned())
}

/// The least version that the file proves: the newest of its symbol versions, else what its SONAME stands for.
fn least_version(library: &TlsLibrary) -> Option<String> {
    let symbols = library.symbol_versions.iter().filter_map(|version| {
        let number = version.strip_prefix("OPENSSL_")?.replace('_', ".");
        number.starts_with(|first: char| first.is_ascii_digit()).then_some(number)
    });
    let newest = symbols.max_by_key(|version| parts(version));
    let soname = library.soname.as_deref().and_then(|soname| soname.split_once(".so.")).map(|(_, n)| n);
    newest.or_else(|| match soname? {
        // Red Hat counts on its own: libssl.so.4 was RHEL 4's 0.9.7a, 6 RHEL 5's 0.9.8e, 10 is 1.0 in RHEL 6 and 7.
        "4" => Some("0.9.7".to_owned()),
        "6" => Some("0.9.8".to_owned()),
        "10" => Some("1.0.0".to_owned()),
        "1.1" => Some("1.1.0".to_owned()),
        "3" => Some("3.0.0".to_owned()),
        number if number.starts_with("0.9.") || number.starts_with("1.0.") => Some(number.to_owned()),
        _ => None,
    })
}

/// A version as something that compares: 1.0.1e is after 1.0.1 and before 1.0.2.
pub(super) fn parts(version: &str) -> (u32, u32, u32, String) {
    let mut numbers = version.splitn(3, '.');
    let mut number = || numbers.next().map(|part| part.split_at(digits(part)));
    let value = |part: Option<(&str, &str)>| part.and_then(|(digits, _)| digits.parse().ok()).unwrap_or(0);
    let (major, minor) = (value(number()), value(number()));
    let patch = number();
    (major, minor, value(patch), patch.map_or_else(String::new, |(_, letters)| letters.to_owned()))
}

fn digits(part: &str) -> usize {
    part.find(|character: char| !character.is_ascii_digit()).unwrap_or(part.len())
}

fn at_least(version: &Known<String>, major: u32, minor: u32, patch: u32) -> Option<bool> {
    let (a, b, c, _) = parts(version.get()?);
    Some((a, b, c) >= (major, minor, patch))
}

fn protocols(
    library: &TlsLibrary,
    functions: &BTreeSet<String>,
) -> (Known<Vec<String>>, Vec<ProtocolSupport>) {
    let answers: Vec<Option<ProtocolSupport>> = Protocol::ALL
        .into_iter()
        .map(|protocol| {
            let (supported, reason) = support(protocol, library, functions)?;
            Some(ProtocolSupport { protocol: protocol.name().to_owned(), supported, reason })
        })
        .collect();
    let Some(answers) = answers.into_iter().collect::<Option<Vec<_>>>() else {
        return (Known::unknown(format!("the version of `{}`", library.path)), Vec::new());
    };
    let supported = answers.iter().filter(|answer| answer.supported);
    (Known::Known(supported.map(|answer| answer.protocol.clone()).collect()), answers)
}

/// Functions that every libssl of some age has: one that has none of them tells nothing by lacking others.
const GENERAL: [&str; 3] = ["TLS_method", "SSLv23_method", "TLSv1_method"];

/// The function that a library has if it speaks the protocol.
fn function_of(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Ssl2 => "SSLv2_method",
        Protocol::Ssl3 => "SSLv3_method",
        Protocol::Tls10 => "TLSv1_method",
        Protocol::Tls11 => "TLSv1_1_method",
        Protocol::Tls12 => "TLSv1_2_method",
        Protocol::Tls13 => "SSL_CTX_set_ciphersuites",
    }
}

/// Whether the library has `protocol`, and how that is known; none when neither functions nor version tell.
fn support(protocol: Protocol, library: &TlsLibrary, functions: &BTreeSet<String>) -> Option<(bool, String)> {
    let function = function_of(protocol);
    let flexible = functions.contains("TLS_method");
    if GENERAL.iter().any(|name| functions.contains(*name)) {
        let has = functions.contains(function);
        if flexible && protocol == Protocol::Tls12 {
            return Some((true, "it has `TLS_method`, which speaks TLS 1.2".to_owned()));
        }
        if library.flavour == TlsFlavour::LibreSsl && protocol == Protocol::Tls13 {
            return by_version(protocol, library);
        }
        let verb = if has { "has" } else { "has no" };
        return Some((has, format!("it {verb} `{function}`")));
    }
    by_version(protocol, library)
}

fn by_version(protocol: Protocol, library: &TlsLibrary) -> Option<(bool, String)> {
    let version = library.version.get()?;
    let since = |major, minor, patch| at_least(&library.version, major, minor, patch);
    let (has, history) = match (library.flavour, protocol) {
        (TlsFlavour::LibreSsl, Protocol::Ssl2 | Protocol::Ssl3) => (false, "LibreSSL has no SSL 2 and 3"),
        (TlsFlavour::LibreSsl, Protocol::Tls13) => (since(3, 2, 0)?, "LibreSSL has TLS 1.3 since 3.2.0"),
        (TlsFlavour::LibreSsl, Protocol::Tls10 | Protocol::Tls11) => {
            (!since(3, 8, 0)?, "LibreSSL has no TLS 1.0 and 1.1 since 3.8")
        }
        (TlsFlavour::LibreSsl, Protocol::Tls12) => (true, "LibreSSL has TLS 1.2"),
        (_, Protocol::Ssl2) => (!since(1, 1, 0)?, "OpenSSL has no SSL 2 since 1.1.0"),
        (_, Protocol::Ssl3) => (!since(1, 1, 0)?, "OpenSSL is built without SSL 3 since 1.1.0"),
        (_, Protocol::Tls10) => (true, "every OpenSSL has TLS 1.0"),
        (_, Protocol::Tls11 | Protocol::Tls12) => {
            (since(1, 0, 1)?, "OpenSSL has TLS 1.1 and 1.2 since 1.0.1")
        }
        (_, Protocol::Tls13) => (since(1, 1, 1)?, "OpenSSL has TLS 1.3 since 1.1.1"),
    };
    Some((has, format!("it is {version}, and {history}")))
}

/// The package that brings the file, by the names that the distributions give it. What is outside `/lib` and
/// `/usr/lib` is of no package of theirs.
fn package_of(path: &str, name: &str, soname: Option<&str>, packages: &Packages) -> Known<Option<String>> {
    if !["lib", "usr/lib"].iter().any(|start| path.starts_with(start)) {
        return Known::Known(None);
    }
    let number = soname.and_then(|soname| soname.split_once(".so.")).map_or("", |(_, number)| number);
    let underscored = number.replace('.', "_");
    let names = [
        format!("{name}{number}t64"),
        format!("{name}{number}"),
        format!("libssl{number}t64"),
        format!("libssl{number}"),
        format!("libopenssl{underscored}"),
        format!("compat-openssl{}", number.replace('.', "")),
        "openssl-libs".to_owned(),
        "libopenssl3".to_owned(),
        "openssl".to_owned(),
    ];
    packages.versions.as_ref().map(|versions| {
        let installed = names.iter().find_map(|name| Some((name, versions.get(name.as_str())?)));
        installed.map(|(name, version)| format!("{name}-{version}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number_and_letter() {
        let mut versions = ["1.0.2k", "3.0.2", "1.0.1e", "0.9.8zh", "1.0.1", "1.1.1", "0.9.8e", "3.0.19"];
        versions.sort_by_key(|version| parts(version));
        assert_eq!(versions, ["0.9.8e", "0.9.8zh", "1.0.1", "1.0.1e", "1.0.2k", "1.1.1", "3.0.2", "3.0.19"]);
        assert_eq!(version_in("OpenSSL 0.9.8e-fips-rhel5 01 Jul 2008").as_deref(), Some("0.9.8e"));
    }
}
