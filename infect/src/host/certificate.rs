//! Certificates with or without their keys, as PEM files hold them. A key is only noticed, never shown.

use super::malformed::{Malformed, Result, text};
use base64::Engine;
use serde::Serialize;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// Certificate and key for users.
pub const HOST: &str = "/etc/xensource/xapi-ssl.pem";
/// Certificate and key between hosts.
pub const POOL: &str = "/etc/xensource/xapi-pool-tls.pem";
/// Directories of trusted certificates.
pub const TRUSTED: [&str; 2] = ["/etc/stunnel/certs", "/etc/stunnel/certs-pool"];

/// A PEM file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pem {
    /// Certificates in order.
    pub certificates: Vec<Certificate>,
    /// Is a private key in it?
    pub key: bool,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Who it is for.
    pub subject: String,
    /// Who made it.
    pub issuer: String,
    /// Valid from, seconds since 1970.
    pub not_before: i64,
    /// Valid until.
    pub not_after: i64,
    /// `RSA`, `EC` or another kind of key.
    pub kind: String,
    /// Bits of an RSA key's modulus, of an EC key's field.
    pub bits: u64,
    /// SHA-256 of the certificate.
    pub sha256: String,
}

/// Reads a PEM file.
///
/// # Errors
/// A block that does not end, is no base64, or no certificate where it says so; a file without any block.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Pem> {
    let mut out = Pem::default();
    let mut open: Option<(usize, String, String)> = None;
    let mut last = 1;
    // The file may hold a key: nothing of it is ever quoted.
    let source = text(file, bytes).map_err(|e| Malformed::hidden(file, e.line, "PEM text"))?;
    for (index, line) in source.lines().enumerate() {
        let (number, line) = (index + 1, line.trim());
        last = number;
        if let Some(kind) = line.strip_prefix("-----BEGIN ").and_then(|l| l.strip_suffix("-----")) {
            if open.is_some() {
                return Err(Malformed::hidden(file, number, "-----END before the next block"));
            }
            open = Some((number, kind.to_owned(), String::new()));
        } else if let Some(kind) = line.strip_prefix("-----END ").and_then(|l| l.strip_suffix("-----")) {
            match open.take() {
                Some((started, began, content)) if began == kind => {
                    take(&mut out, file, started, kind, &content)?
                }
                _ => return Err(Malformed::hidden(file, number, format!("-----BEGIN {kind}-----"))),
            }
        } else if let Some((_, _, content)) = &mut open {
            content.push_str(line);
        }
    }
    if let Some((started, kind, _)) = open {
        return Err(Malformed::hidden(file, started, format!("-----END {kind}-----")));
    }
    if out.certificates.is_empty() && !out.key {
        return Err(Malformed::hidden(file, last, "a certificate or a key"));
    }
    Ok(out)
}

fn take(out: &mut Pem, file: &str, line: usize, kind: &str, content: &str) -> Result<()> {
    if kind.ends_with("PRIVATE KEY") {
        out.key = true;
        return Ok(());
    }
    if kind != "CERTIFICATE" {
        return Ok(());
    }
    let der = base64::engine::general_purpose::STANDARD
        .decode(content)
        .map_err(|_| Malformed::hidden(file, line, "base64 in the certificate"))?;
    let (_, cert) =
        X509Certificate::from_der(&der).map_err(|_| Malformed::hidden(file, line, "an X.509 certificate"))?;
    let (kind, bits) = match cert.public_key().parsed() {
        Ok(PublicKey::RSA(rsa)) => ("RSA", rsa.key_size() as u64),
        Ok(PublicKey::EC(point)) => ("EC", point.key_size() as u64),
        _ => ("other", 0),
    };
    out.certificates.push(Certificate {
        subject: cert.subject().to_string(),
        issuer: cert.issuer().to_string(),
        not_before: cert.validity().not_before.timestamp(),
        not_after: cert.validity().not_after.timestamp(),
        kind: kind.to_owned(),
        bits,
        sha256: hex(&Sha256::digest(&der)),
    });
    Ok(())
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let cert =
            rcgen::CertificateParams::new(vec!["xcp-one".to_owned()]).unwrap().self_signed(&key).unwrap();
        (cert.pem(), key.serialize_pem())
    }

    #[test]
    fn certificate_and_key() {
        let (cert, key) = made();
        let read = parse("f", format!("{key}{cert}").as_bytes()).unwrap();
        assert!(read.key);
        assert_eq!((read.certificates[0].kind.as_str(), read.certificates[0].bits), ("EC", 256));
        assert_eq!(read.certificates[0].sha256.len(), 64);
    }

    #[test]
    fn nothing_of_a_key_is_quoted() {
        let (cert, key) = made();
        for (text, line) in [
            (key.replace("-----END PRIVATE KEY-----", ""), 1),
            (format!("{key}{}", cert.replace("-----END CERTIFICATE-----", "")), key.lines().count() + 1),
            (cert.replace("MII", "!!!"), 1),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".to_owned(), 1),
            ("just words".to_owned(), 1),
        ] {
            let e = parse("f", text.as_bytes()).unwrap_err();
            assert_eq!(e.line, line, "{e}");
            assert!(e.found.contains("not shown"));
        }
    }
}
