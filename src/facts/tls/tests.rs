//! Tests of the TLS facts on small systems.

use super::*;
use crate::facts::Limits;
use crate::parse::test_elf::Library;
use crate::source::memory::Memory;

fn gathered(memory: Memory) -> Tls {
    let tree = memory.into_tree();
    let limits = Limits::default();
    let gathering = Gather::new(&tree, &limits);
    let libraries = crate::facts::libraries::gather(&gathering);
    gather(&gathering, &libraries, &Packages::default())
}

/// A system whose OpenSSL is of `version`, with these functions in its libssl.
fn openssl(soname: &str, text: &str, functions: &[&str]) -> Memory {
    let crypto = soname.replace("ssl", "crypto");
    Memory::new()
        .file(
            &format!("usr/lib64/{soname}"),
            Library::new(soname).needs(&[&crypto]).exports(functions).build(),
        )
        .file(&format!("usr/lib64/{crypto}"), Library::new(&crypto).text(text).build())
}

fn rhel5() -> Memory {
    let functions = ["SSL_new", "SSLv2_method", "SSLv3_method", "SSLv23_method", "TLSv1_method"];
    openssl("libssl.so.6", "OpenSSL 0.9.8e-fips-rhel5 01 Jul 2008", &functions)
}

fn centos7() -> Memory {
    let functions =
        ["SSL_new", "SSLv3_method", "SSLv23_method", "TLSv1_method", "TLSv1_1_method", "TLSv1_2_method"];
    openssl("libssl.so.10", "OpenSSL 1.0.2k-fips  26 Jan 2017", &functions)
}

fn debian12() -> Memory {
    let functions = [
        "SSL_new",
        "TLS_method",
        "TLSv1_method",
        "TLSv1_1_method",
        "TLSv1_2_method",
        "SSL_CTX_set_ciphersuites",
    ];
    openssl("libssl.so.3", "OpenSSL 3.0.19 27 Jan 2026", &functions)
}

fn supports(memory: Memory) -> String {
    let tls = gathered(memory);
    let library = tls.libraries.iter().find(|library| library.name == "libssl").unwrap();
    library.supports.get().unwrap().join(" ")
}

fn list(known: &Known<Vec<String>>) -> String {
    known.get().unwrap().join(" ")
}

#[test]
fn a_library_speaks_what_its_functions_say() {
    assert_eq!(supports(rhel5()), "SSLv2 SSLv3 TLSv1");
    assert_eq!(supports(centos7()), "SSLv3 TLSv1 TLSv1.1 TLSv1.2");
    assert_eq!(supports(debian12()), "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3");
}

#[test]
fn without_functions_the_version_is_asked_and_without_both_nothing_is_known() {
    assert_eq!(
        supports(openssl("libssl.so.10", "OpenSSL 1.0.1e-fips 11 Feb 2013", &[])),
        "SSLv2 SSLv3 TLSv1 TLSv1.1 TLSv1.2"
    );
    let tls = gathered(Memory::new().file("usr/lib64/libssl.so.99", Library::new("libssl.so.99").build()));
    assert!(tls.libraries[0].supports.needs().is_some());
    assert!(tls.libraries[0].version.needs().is_some());
}

#[test]
fn a_library_without_a_text_takes_the_version_of_its_libcrypto_or_of_its_symbols() {
    let tls = gathered(centos7());
    let versions: Vec<_> =
        tls.libraries.iter().map(|l| (l.name.as_str(), l.version.get().unwrap().as_str())).collect();
    assert_eq!(versions, [("libcrypto", "1.0.2k"), ("libssl", "1.0.2k")]);
    let symbols =
        Library::new("libssl.so.1.0.0").versions(&["libssl.so.1.0.0", "OPENSSL_1.0.0", "OPENSSL_1.0.1"]);
    let tls = gathered(Memory::new().file("usr/lib64/libssl.so.1.0.0", symbols.build()));
    assert_eq!(tls.libraries[0].version, Known::Known("1.0.1".to_owned()));
}

fn nginx(protocols: &str) -> String {
    format!("http {{\n  include conf.d/*.conf;\n  ssl_protocols {protocols};\n}}\n")
}

#[test]
fn nginx_that_asks_an_old_library_for_what_it_lacks_has_nothing_left() {
    let memory = rhel5()
        .file("etc/nginx/nginx.conf", nginx("TLSv1.2"))
        .file("usr/sbin/nginx", Library::program().needs(&["libssl.so.6"]).build());
    let tls = gathered(memory);
    let [demand] = tls.demands.as_slice() else { panic!("{tls:?}") };
    assert_eq!(demand.satisfied, Known::Known(false));
    assert_eq!((list(&demand.unavailable), list(&demand.left)), ("TLSv1.2".into(), String::new()));
    assert_eq!(demand.at.to_string(), "etc/nginx/nginx.conf:3");
    assert_eq!(demand.program.as_deref(), Some("usr/sbin/nginx"));
    assert_eq!(demand.library, Known::Known("usr/lib64/libssl.so.6".to_owned()));
}

#[test]
fn what_is_left_is_told_where_some_is() {
    let tls = gathered(rhel5().file("etc/nginx/nginx.conf", nginx("TLSv1 TLSv1.1 TLSv1.2")));
    let demand = &tls.demands[0];
    assert_eq!((list(&demand.unavailable), list(&demand.left)), ("TLSv1.1 TLSv1.2".into(), "TLSv1".into()));
    let tls = gathered(debian12().file("etc/nginx/nginx.conf", nginx("TLSv1.2 TLSv1.3")));
    assert_eq!(tls.demands[0].satisfied, Known::Known(true));
}

#[test]
fn included_files_are_read_once_and_circles_end() {
    let memory = debian12().file("etc/nginx/nginx.conf", nginx("TLSv1.2")).file(
        "etc/nginx/conf.d/a.conf",
        "include /etc/nginx/nginx.conf;\nserver { ssl_protocols TLSv1.3; }\n",
    );
    let places: Vec<_> = gathered(memory).demands.iter().map(|demand| demand.at.to_string()).collect();
    assert_eq!(places, ["etc/nginx/nginx.conf:3", "etc/nginx/conf.d/a.conf:2"]);
}

#[test]
fn each_service_is_read_in_its_own_words() {
    for (path, text, setting, left) in [
        ("etc/httpd/conf/httpd.conf", "SSLProtocol all -SSLv3\n", "SSLProtocol", "TLSv1 TLSv1.1 TLSv1.2"),
        (
            "etc/apache2/apache2.conf",
            "<IfModule x>\nSSLProtocol -all +TLSv1.2\n</IfModule>",
            "SSLProtocol",
            "TLSv1.2",
        ),
        (
            "etc/postfix/main.cf",
            "old = !SSLv3\nsmtpd_tls_protocols = $old,\n !TLSv1",
            "smtpd_tls_protocols",
            "TLSv1.1 TLSv1.2",
        ),
        ("etc/dovecot/dovecot.conf", "ssl_min_protocol = TLSv1.2\n", "ssl_min_protocol", "TLSv1.2"),
        ("etc/stunnel/imap.conf", "[imap]\nsslVersion = TLSv1\n", "sslVersion", "TLSv1"),
        (
            "etc/haproxy/haproxy.cfg",
            "frontend x\n bind :443 ssl crt /x ssl-min-ver TLSv1.1\n",
            "ssl-min-ver",
            "TLSv1.1 TLSv1.2",
        ),
        (
            "etc/haproxy/haproxy.cfg",
            "frontend x\n bind :443 ssl crt /x force-tlsv12\n",
            "force-tlsv12",
            "TLSv1.2",
        ),
        ("etc/vsftpd/vsftpd.conf", "ssl_enable=YES\nssl_tlsv1=NO\n", "ssl_tlsv1", "TLSv1.1 TLSv1.2"),
    ] {
        let tls = gathered(centos7().file(path, text));
        let [demand] = tls.demands.as_slice() else { panic!("{path}: {:?}", tls.demands) };
        assert_eq!((demand.setting.as_str(), list(&demand.left).as_str()), (setting, left), "{path}");
        assert_eq!(demand.satisfied, Known::Known(true), "{path}");
    }
}

#[test]
fn of_two_libraries_only_the_program_says_which() {
    let memory = || {
        let old = Library::new("libssl.so.6").text("OpenSSL 0.9.8e-fips-rhel5 01 Jul 2008");
        centos7().file("usr/lib64/libssl.so.6", old.build()).file("etc/nginx/nginx.conf", nginx("TLSv1.2"))
    };
    let tls = gathered(memory());
    assert!(tls.demands[0].satisfied.needs().is_some());
    let program = Library::program().needs(&["libssl.so.10"]).build();
    let tls = gathered(memory().file("usr/sbin/nginx", program));
    assert_eq!(tls.demands[0].satisfied, Known::Known(true));
}

#[test]
fn a_program_with_openssl_built_in_is_its_own_library() {
    let program = Library::program().text("OpenSSL 1.0.2u  20 Dec 2019").build();
    let tls =
        gathered(rhel5().file("usr/sbin/nginx", program).file("etc/nginx/nginx.conf", nginx("TLSv1.2")));
    assert_eq!(tls.demands[0].satisfied, Known::Known(true));
    assert_eq!(tls.demands[0].library, Known::Known("usr/sbin/nginx".to_owned()));
}

fn troubles(memory: Memory) -> Vec<(OpensslTroubleKind, String, Option<bool>)> {
    let tls = gathered(memory);
    tls.troubles
        .into_iter()
        .map(|trouble| (trouble.kind, trouble.names, trouble.fatal.get().copied()))
        .collect()
}

const PROVIDERS: &str = "config_diagnostics = 1\nopenssl_conf = init\n[init]\nproviders = list\nssl_conf = ssl\n[ssl]\nsystem_default = sys\n[sys]\nMinProtocol = TLSv1.2\n[list]\ndefault = default_sect\nlegacy = legacy_sect\n[default_sect]\n# activate = 1\n[legacy_sect]\n";

#[test]
fn a_healthy_openssl_cnf_has_no_trouble() {
    assert_eq!(troubles(debian12().file("etc/ssl/openssl.cnf", PROVIDERS)), []);
    let tls = gathered(debian12().file("etc/ssl/openssl.cnf", PROVIDERS));
    assert_eq!(
        (tls.demands[0].setting.as_str(), list(&tls.demands[0].left).as_str()),
        ("MinProtocol", "TLSv1.2 TLSv1.3")
    );
}

#[test]
fn what_openssl_cnf_names_and_is_not_there_is_trouble() {
    let legacy = format!("{PROVIDERS}activate = 1\n");
    let with_default = legacy.replace("# activate", "activate");
    let module = ("usr/lib64/ossl-modules/legacy.so", "");
    for (text, file, expected) in [
        (legacy.clone(), Some(module), vec![(OpensslTroubleKind::NoDefaultProvider, "legacy", Some(true))]),
        (with_default.clone(), Some(module), vec![]),
        (with_default, None, vec![(OpensslTroubleKind::MissingProvider, "legacy", Some(true))]),
        (
            "openssl_conf = init\n.include /etc/crypto-policies/x.config\n".to_owned(),
            None,
            vec![
                (OpensslTroubleKind::MissingInclude, "etc/crypto-policies/x.config", Some(false)),
                (OpensslTroubleKind::MissingSection, "init", Some(false)),
            ],
        ),
        (
            "openssl_conf = i\n[i]\nengines = e\n[e]\npkcs11 = p\n[p]\ndynamic_path = /usr/lib/engines/pkcs11.so\n".to_owned(),
            None,
            vec![(OpensslTroubleKind::MissingEngine, "/usr/lib/engines/pkcs11.so", Some(false))],
        ),
    ] {
        let mut memory = debian12().file("etc/ssl/openssl.cnf", &text);
        if let Some((path, bytes)) = file {
            memory = memory.file(path, bytes);
        }
        let expected: Vec<_> = expected.into_iter().map(|(k, n, f)| (k, n.to_owned(), f)).collect();
        assert_eq!(troubles(memory), expected, "{text}");
    }
}

#[test]
fn an_include_stops_a_library_that_does_not_know_it() {
    let found = troubles(centos7().file("etc/pki/tls/openssl.cnf", ".include /etc/ssl/x.cnf\n"));
    assert_eq!(found, [(OpensslTroubleKind::Malformed, "/etc/ssl/x.cnf".to_owned(), Some(true))]);
}
