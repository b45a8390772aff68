//! Who a server over TLS has to prove to be: the one with a certificate that is in a file or has a known fingerprint,
//! or one an authority in a file vouches for. Never trusts what it was not told about.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use sha2::{Digest, Sha256};

/// What is told of the server's certificate.
#[derive(Debug, Clone)]
pub enum Trust {
    /// SHA-256 of the certificate.
    Fingerprint([u8; 32]),
    /// Certificates: the server's own, or those of authorities.
    Certificates(Vec<CertificateDer<'static>>),
}

impl Trust {
    /// Reads a fingerprint: 64 hexadecimal digits, with or without colons.
    ///
    /// # Errors
    /// Anything else.
    pub fn fingerprint(text: &str) -> Result<Trust> {
        let digits: String = text.chars().filter(|c| *c != ':').collect();
        let byte = |at: usize| digits.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
        let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
        match bytes.and_then(|bytes| bytes.try_into().ok()) {
            Some(bytes) => Ok(Trust::Fingerprint(bytes)),
            None => bail!("{text:?} is no fingerprint: SHA-256 has 64 hexadecimal digits"),
        }
    }

    /// Reads certificates in PEM.
    ///
    /// # Errors
    /// An unreadable file, or one without certificates.
    pub fn file(path: &Path) -> Result<Trust> {
        let told = || path.display().to_string();
        let text = std::fs::read(path).with_context(told)?;
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let found = found.with_context(told)?;
        if found.is_empty() {
            bail!("{} holds no certificate", path.display());
        }
        Ok(Trust::Certificates(found))
    }

    /// Settings of connections that trust nobody else.
    ///
    /// # Errors
    /// A certificate that is none.
    pub fn config(self) -> Result<Arc<ClientConfig>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Arc::new(Verifier::new(self, &provider)?);
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

/// A certificate that is not the one that was told. More patience will not change it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Untrusted(pub String);

/// A fingerprint as servers announce it.
fn shown(certificate: &CertificateDer<'_>) -> String {
    colons(&Sha256::digest(certificate))
}

fn colons(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    authorities: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn new(trust: Trust, provider: &Arc<CryptoProvider>) -> Result<Verifier> {
        let authorities = match &trust {
            Trust::Fingerprint(_) => None,
            Trust::Certificates(all) => {
                let mut roots = RootCertStore::empty();
                for one in all {
                    roots.add(one.clone()).context("a certificate of the file")?;
                }
                Some(WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build()?)
            }
        };
        let algorithms = provider.signature_verification_algorithms;
        Ok(Verifier { trust, authorities, algorithms })
    }
}

fn refused(text: String) -> rustls::Error {
    CertificateError::Other(OtherError(Arc::new(Untrusted(text)))).into()
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        staple: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let has = || format!("its certificate has the fingerprint {}", shown(own));
        match &self.trust {
            Trust::Fingerprint(wanted) if Sha256::digest(own).as_slice() == wanted => {
                Ok(ServerCertVerified::assertion())
            }
            Trust::Fingerprint(wanted) => Err(refused(format!("{}, not {}", has(), colons(wanted)))),
            // Its very certificate: what name it was made for does not matter then.
            Trust::Certificates(all) if all.iter().any(|one| one == own) => {
                Ok(ServerCertVerified::assertion())
            }
            Trust::Certificates(_) => match &self.authorities {
                Some(authorities) => {
                    authorities.verify_server_cert(own, between, name, staple, now).map_err(|why| {
                        let why = match why {
                            rustls::Error::InvalidCertificate(why) => why.to_string(),
                            other => other.to_string(),
                        };
                        refused(format!("{}, which the given file does not vouch for: {why}", has()))
                    })
                }
                None => Err(refused(has())),
            },
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// What a refused handshake says, where the certificate was the reason.
pub fn explained(error: &std::io::Error) -> Option<Untrusted> {
    let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::InvalidCertificate(why) = inner else { return None };
    Some(match why {
        CertificateError::Other(OtherError(other)) => Untrusted(other.to_string()),
        other => Untrusted(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn fingerprints_are_read_as_they_are_announced() {
        let bytes: Vec<u8> = (0..32).collect();
        let with = colons(&bytes);
        for text in [with.clone(), with.replace(':', ""), with.to_lowercase()] {
            let Trust::Fingerprint(read) = Trust::fingerprint(&text).unwrap() else { panic!("{text}") };
            assert_eq!(read[..], bytes[..], "{text}");
        }
        for text in ["", "00", "zz", &with[3..], &format!("{with}:00"), "é"] {
            assert!(Trust::fingerprint(text).is_err(), "{text}");
        }
    }
}
