//! X.509 certificates in PEM: what a crypto policy asks of them, the size of the key and the hash of the signature.
//!
//! DER is read by the `x509-cert` crate (RFC 5280). A file may hold several certificates and a private key; of the latter
//! nothing is read.

use x509_cert::Certificate;
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{Decode, DecodePem, Reader, SliceReader};

/// Certificates of a file; a bundle of all authorities has 150.
const MAX_CERTIFICATES: usize = 1000;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// RSA keys and signatures (RFC 8017), and SHA-1 with DSA and ECDSA.
const RSA: &str = "1.2.840.113549.1.1.1";
const MD5: [&str; 2] = ["1.2.840.113549.1.1.4", "1.2.840.113549.1.1.2"];
const SHA1: [&str; 4] = ["1.2.840.113549.1.1.5", "1.3.14.3.2.29", "1.2.840.10040.4.3", "1.2.840.10045.4.1"];

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The line that it starts in.
    pub line: usize,
    /// Its subject: `CN=www.example.com`.
    pub subject: String,
    /// Bits of an RSA key; none for keys of another kind.
    pub rsa_bits: Option<u32>,
    /// The hash of its signature where it is weak: `sha1`, `md5`.
    pub weak_hash: Option<&'static str>,
    /// Whether it signed itself, so that nobody checks the signature.
    pub is_self_signed: bool,
}

/// The certificates in a PEM file; what cannot be read is passed over.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Leaf> {
    let mut found = Vec::new();
    for start in memchr::memmem::find_iter(bytes, BEGIN).take(MAX_CERTIFICATES) {
        let rest = bytes.get(start..).unwrap_or_default();
        let Some(end) = memchr::memmem::find(rest, END) else { break };
        let Some(block) = rest.get(..end + END.len()) else { break };
        let line = 1 + memchr::memchr_iter(b'\n', bytes.get(..start).unwrap_or_default()).count();
        // A block that is no certificate is the business of the program that reads it.
        let Ok(certificate) = Certificate::from_pem(block) else { continue };
        found.push(leaf(&certificate, line));
    }
    found
}

fn leaf(certificate: &Certificate, line: usize) -> Leaf {
    let body = certificate.tbs_certificate();
    let algorithm = certificate.signature_algorithm().oid.to_string();
    let key = body.subject_public_key_info();
    let is_rsa = key.algorithm.oid.to_string() == RSA;
    let weak_hash = match algorithm.as_str() {
        oid if MD5.contains(&oid) => Some("md5"),
        oid if SHA1.contains(&oid) => Some("sha1"),
        _ => None,
    };
    Leaf {
        line,
        subject: crate::source::escape_bytes(body.subject().to_string().as_bytes()),
        rsa_bits: if is_rsa { key.subject_public_key.as_bytes().and_then(modulus_bits) } else { None },
        weak_hash,
        is_self_signed: body.subject() == body.issuer(),
    }
}

/// Bits of the modulus of an RSA key: `SEQUENCE { modulus INTEGER, publicExponent INTEGER }`.
fn modulus_bits(key: &[u8]) -> Option<u32> {
    let modulus = |reader: &mut SliceReader<'_>| {
        reader.sequence(|inner| {
            let modulus = UintRef::decode(inner)?.as_bytes().to_vec();
            UintRef::decode(inner)?;
            Ok::<_, x509_cert::der::Error>(modulus)
        })
    };
    let modulus = modulus(&mut SliceReader::new(key).ok()?).ok()?; // a key that is none has no size
    let first = modulus.first()?;
    u32::try_from(modulus.len()).ok()?.checked_mul(8)?.checked_sub(first.leading_zeros())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made with `openssl req -x509 -newkey rsa:1024 -sha1 -subj /CN=old.example.com`.
    const WEAK: &str = include_str!("../../testdata/certificates/rsa1024-sha1.pem");

    #[test]
    fn a_weak_certificate_is_told() {
        let text = format!("# comment\n{WEAK}");
        let [leaf] = parse(text.as_bytes()).try_into().unwrap();
        let expected = Leaf {
            line: 2,
            subject: "CN=old.example.com".to_owned(),
            rsa_bits: Some(1024),
            weak_hash: Some("sha1"),
            is_self_signed: true,
        };
        assert_eq!(leaf, expected);
    }

    proptest! {
        #[test]
        fn any_block_ends(body in "[A-Za-z0-9+/=\n]{0,300}") {
            let text = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
            prop_assert!(parse(text.as_bytes()).len() <= 1);
        }
    }
}
