//! Finds the settings of the services that name protocols.

use super::includes::{directory_of, relative_to, walk};
use super::{Consequence, Wish};
use crate::facts::{Gather, Problem, ProblemKind};
use crate::parse::apache::{self, Directive};
use crate::parse::haproxy;
use crate::parse::key_value::{self, Dialect, Setting};
use crate::parse::nginx;
use crate::parse::tls::{self, Choice, Protocol};
use crate::place::Place;
use crate::source::File;

/// The settings of all services, in the order of files and lines.
pub(super) fn read(gather: &Gather<'_>) -> Vec<Wish> {
    let mut wishes = Vec::new();
    read_nginx(gather, &mut wishes);
    read_apache(gather, &mut wishes);
    read_postfix(gather, &mut wishes);
    read_dovecot(gather, &mut wishes);
    read_stunnel(gather, &mut wishes);
    read_haproxy(gather, &mut wishes);
    read_vsftpd(gather, &mut wishes);
    wishes
}

/// Calls `read` with each file of nginx's configuration, and the folder that its paths start from.
pub(super) fn nginx_files(gather: &Gather<'_>, read: &mut dyn FnMut(&File, &str)) {
    // Packages, then what its own `configure` and the Passenger installer choose.
    for prefix in ["etc/nginx", "usr/local/nginx/conf", "opt/nginx/conf"] {
        let includes = |file: &File| {
            let config = nginx::parse(&file.bytes);
            let asked = config.directives.into_iter().filter(|directive| directive.name == "include");
            asked.filter_map(|d| d.arguments.first().map(|path| relative_to(prefix, path))).collect()
        };
        walk(gather, &format!("{prefix}/nginx.conf"), &includes, &mut |file| read(file, prefix));
    }
}

/// nginx takes every protocol's name whatever it was built with, and sets the options that the library has
/// (`ngx_ssl_create`): a protocol that is missing is missing in silence.
fn read_nginx(gather: &Gather<'_>, wishes: &mut Vec<Wish>) {
    nginx_files(gather, &mut |file, _| {
        let config = nginx::parse(&file.bytes);
        for mistake in config.mistakes {
            let at = mistake.span.at(&file.path);
            gather.note(Problem { at, kind: ProblemKind::Malformed, message: mistake.message });
        }
        for directive in config.directives.into_iter().filter(|d| d.name == "ssl_protocols") {
            wishes.push(Wish {
                at: directive.span.at(&file.path),
                service: "nginx",
                choice: tls::listed(directive.arguments.iter().map(String::as_str)),
                value: directive.arguments.join(" "),
                setting: directive.name,
                consequence: Consequence::PassedOver,
            });
        }
    });
}

/// Calls `read` with each file of Apache's configuration, and its `ServerRoot`, which paths start from.
pub(super) fn apache_files(gather: &Gather<'_>, read: &mut dyn FnMut(&File, &str)) {
    for (start, default_root) in [
        ("etc/httpd/conf/httpd.conf", "/etc/httpd"),
        ("etc/apache2/apache2.conf", "/etc/apache2"),
        ("etc/apache2/httpd.conf", "/etc/apache2"),
    ] {
        let Some(file) = gather.read(start).present() else { continue };
        let root = apache::parse(&file.bytes).into_iter().rfind(|directive| directive.is("ServerRoot"));
        let root = root.and_then(|directive| directive.arguments.into_iter().next());
        let root = root.unwrap_or_else(|| default_root.to_owned());
        let includes = |file: &File| {
            let directives = apache::parse(&file.bytes).into_iter();
            let asked =
                directives.filter(|directive| directive.is("Include") || directive.is("IncludeOptional"));
            asked.filter_map(|d| d.arguments.first().map(|path| relative_to(&root, path))).collect()
        };
        walk(gather, start, &includes, &mut |file| read(file, &root));
    }
}

/// mod_ssl ends with "SSLProtocol: Illegal protocol" for what its OpenSSL did not have when it was built
/// (`ssl_cmd_protocol_parse`).
fn read_apache(gather: &Gather<'_>, wishes: &mut Vec<Wish>) {
    apache_files(gather, &mut |file, _| {
        for directive in apache::parse(&file.bytes).into_iter().filter(|d| d.is("SSLProtocol")) {
            wishes.push(apache_wish(file, directive));
        }
    });
}

fn apache_wish(file: &File, directive: Directive) -> Wish {
    Wish {
        at: directive.span.at(&file.path),
        service: "apache",
        choice: tls::apache(directive.arguments.iter().map(String::as_str)),
        value: directive.arguments.join(" "),
        setting: directive.name,
        consequence: Consequence::DoesNotStart,
    }
}

/// Postfix keeps the names of protocols that its OpenSSL lacks with an empty mask (`tls_misc.c`).
fn read_postfix(gather: &Gather<'_>, wishes: &mut Vec<Wish>) {
    let Some(file) = gather.read("etc/postfix/main.cf").present() else { return };
    let settings = key_value::parse(&file.bytes, Dialect::Postfix);
    let names = key_value::by_name(&settings);
    for setting in &settings {
        let key = setting.key.as_str();
        let server = matches!(key, "smtpd_tls_protocols" | "smtpd_tls_mandatory_protocols");
        let client = matches!(key, "smtp_tls_protocols" | "smtp_tls_mandatory_protocols");
        // A setting that stands twice counts as it stands last.
        let counts = names.get(key).is_some_and(|value| std::ptr::eq(*value, setting.value.as_str()));
        if (server || client) && counts && !setting.value.is_empty() {
            let value = key_value::expanded(&setting.value, &names);
            wishes.push(wish(&file, setting, "postfix", tls::exclusions(&value), Consequence::PassedOver));
        }
    }
}

/// Calls `read` with each file of Dovecot's configuration.
pub(in crate::facts) fn dovecot_files(gather: &Gather<'_>, read: &mut dyn FnMut(&File)) {
    for start in ["etc/dovecot/dovecot.conf", "etc/dovecot.conf"] {
        let includes = |file: &File| {
            let settings = key_value::parse(&file.bytes, Dialect::Dovecot).into_iter();
            let asked = settings.filter(|setting| matches!(setting.key.as_str(), "include" | "include_try"));
            asked.map(|setting| relative_to(directory_of(&file.path), &setting.value)).collect()
        };
        walk(gather, start, &includes, read);
    }
}

/// Dovecot's login processes end with a fatal error for a protocol that it was built without.
fn read_dovecot(gather: &Gather<'_>, wishes: &mut Vec<Wish>) {
    dovecot_files(gather, &mut |file| {
        for setting in key_value::parse(&file.bytes, Dialect::Dovecot) {
            let choice = match setting.key.as_str() {
                "ssl_protocols" => tls::exclusions(&setting.value),
                "ssl_min_protocol" if setting.value == "ANY" => continue,
                "ssl_min_protocol" if setting.value == "LATEST" => Choice::at_least(Protocol::Tls13),
                "ssl_min_protocol" => least(&setting.value),
                _ => continue,
            };
            wishes.push(wish(file, &setting, "dovecot", choice, Consequence::TurnsTlsOff));
        }
    });
}

/// stunnel ends with "Incorrect version of TLS protocol" (`options.c`).
fn read_stunnel(gather: &Gather<'_>, wishes: &mut Vec<Wish>) {
    for file in gather.read_directory("etc/stunnel", |name| name.ends_with(".conf")) {
        for setting in key_value::parse(&file.bytes, Dialect::Stunnel) {
            let choice = match setting.key.to_ascii_lowercase().as_str() {
                "sslversion" if setting.value.eq_ignore_ascii_case("all") => continue,
                "sslversion" => tls::listed(std::iter::once(setting.value.as_str())),
                "sslversionmin" if setting.value.eq_ignore_ascii_case("all") => continue,
                "sslversionmin" => least(&setting.value),
                _ => continue,
            };
            wishes.push(wish(&file, &setting, "stunnel", choice, Consequence::DoesNotStart));
        }
    }
}

/// HAProxy ends with "library does not support protocol" (`ssl_sock.c`, `bind_parse_tls_method_options`).
fn read_haproxy(gather: &Gather<'_>, wishes: &mut Vec<Wish>) {
    let mut files: Vec<File> = gather.read("etc/haproxy/haproxy.cfg").present().into_iter().collect();
    files.extend(gather.read_directory("etc/haproxy/conf.d", |name| name.ends_with(".cfg")));
    for file in files {
        for line in haproxy::parse(&file.bytes) {
            let first = line.words.first().map_or("", |word| word.text.as_str());
            if !matches!(
                first,
                "bind"
                    | "server"
                    | "default-server"
                    | "ssl-default-bind-options"
                    | "ssl-default-server-options"
            ) {
                continue;
            }
            let mut words = line.words.iter().skip(1);
            while let Some(word) = words.next() {
                let (choice, value, end) = match word.text.as_str() {
                    "ssl-min-ver" => {
                        let Some(value) = words.next() else { continue };
                        (least(&value.text), value.text.clone(), value.span.end)
                    }
                    text => match text.strip_prefix("force-").and_then(|name| name.parse().ok()) {
                        Some(protocol) => (only(protocol), String::new(), word.span.end),
                        None => continue,
                    },
                };
                let span = crate::place::Span { end, ..word.span };
                wishes.push(Wish {
                    at: span.at(&file.path),
                    service: "haproxy",
                    setting: word.text.clone(),
                    value,
                    choice,
                    consequence: Consequence::DoesNotStart,
                });
            }
        }
    }
}

/// vsftpd sets options for what the library has (`ssl.c`); a name that vsftpd itself is too old for ends in "500
/// OOPS: unrecognised variable in config file".
fn read_vsftpd(gather: &Gather<'_>, wishes: &mut Vec<Wish>) {
    let mut files: Vec<File> = gather.read("etc/vsftpd.conf").present().into_iter().collect();
    files.extend(gather.read_directory("etc/vsftpd", |name| name.ends_with(".conf")));
    for file in files {
        let settings = key_value::parse(&file.bytes, Dialect::Vsftpd);
        let is_on = |key: &str| {
            let value = settings.iter().rfind(|setting| setting.key == key);
            value.map(|s| matches!(s.value.to_ascii_uppercase().as_str(), "YES" | "TRUE" | "1"))
        };
        if is_on("ssl_enable") != Some(true) {
            continue;
        }
        let protocols = [
            ("ssl_sslv2", Protocol::Ssl2, false),
            ("ssl_sslv3", Protocol::Ssl3, false),
            ("ssl_tlsv1", Protocol::Tls10, true),
            ("ssl_tlsv1_1", Protocol::Tls11, true),
            ("ssl_tlsv1_2", Protocol::Tls12, true),
        ];
        let on = protocols.iter().filter(|(key, _, default)| is_on(key).unwrap_or(*default));
        let enabled: Vec<Protocol> = on.map(|(_, protocol, _)| *protocol).collect();
        for (key, protocol, _) in protocols {
            let Some(setting) = settings.iter().rfind(|setting| setting.key == key) else { continue };
            let named = if is_on(key) == Some(true) { vec![protocol] } else { Vec::new() };
            let choice =
                Choice { named, mentioned: vec![protocol], enabled: enabled.clone(), unknown: Vec::new() };
            wishes.push(wish(&file, setting, "vsftpd", choice, Consequence::PassedOver));
        }
    }
}

fn least(value: &str) -> Choice {
    value.parse().map_or_else(|()| Choice::not_understood(value), Choice::at_least)
}

fn only(protocol: Protocol) -> Choice {
    tls::listed(std::iter::once(protocol.name()))
}

fn wish(
    file: &File,
    setting: &Setting,
    service: &'static str,
    choice: Choice,
    consequence: Consequence,
) -> Wish {
    let at: Place = setting.span.at(&file.path);
    Wish { at, service, setting: setting.key.clone(), value: setting.value.clone(), choice, consequence }
}
