//! The host's certificate and the TLS settings: 1.2 and 1.3, forward secrecy only, an RSA key because old
//! clients expect one.

use std::{
    fs,
    io::{self, Write},
    net::IpAddr,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize, SanType};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;

/// A certificate with its key, as PEM in one file.
#[derive(Debug, Clone)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    pem: String,
}

impl Identity {
    /// Reads the file, or makes a self-signed certificate for these names when there is none.
    ///
    /// # Errors
    /// When the file can't be read or written, or holds something else.
    pub fn load_or_make(path: &Path, host: &str, address: Option<IpAddr>) -> io::Result<Identity> {
        match fs::read_to_string(path) {
            Ok(pem) => Identity::from_pem(pem),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let pem = make(host, address).map_err(io::Error::other)?;
                write_private(path, &pem)?;
                Identity::from_pem(pem)
            }
            Err(error) => Err(error),
        }
    }

    fn from_pem(pem: String) -> io::Result<Identity> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(io::Error::other)?;
        Ok(Identity { certificate, pem })
    }

    /// The certificate without its key, as PEM.
    pub fn certificate(&self) -> &str {
        const END: &str = "-----END CERTIFICATE-----\n";
        let start = self.pem.find("-----BEGIN CERTIFICATE-----");
        let end = self.pem.find(END).map(|at| at + END.len());
        start.zip(end).and_then(|(start, end)| self.pem.get(start..end)).unwrap_or_default()
    }

    /// SHA-256 of the certificate, upper-case hex pairs with colons.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.certificate);
        digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }

    /// Settings for a listener.
    ///
    /// # Errors
    /// When key and certificate do not fit.
    pub fn acceptor(&self) -> io::Result<TlsAcceptor> {
        self.config().map(TlsAcceptor::from)
    }

    /// The name a client should check: the first exact one in the certificate, else the first with a wildcard.
    pub fn subject(&self) -> Option<String> {
        let parsed = webpki::EndEntityCert::try_from(&self.certificate).ok()?;
        let names: Vec<&str> = parsed.valid_dns_names().collect();
        let exact = names.iter().find(|name| !name.contains('*'));
        exact.or(names.first()).map(|name| name.to_string())
    }

    /// Settings for a server without HTTP.
    ///
    /// # Errors
    /// As [`Identity::acceptor`].
    pub fn config(&self) -> io::Result<Arc<ServerConfig>> {
        let key = PrivateKeyDer::from_pem_slice(self.pem.as_bytes()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .map_err(io::Error::other)?;
        Ok(Arc::new(config))
    }
}

/// A self-signed certificate and its key.
fn make(host: &str, address: Option<IpAddr>) -> Result<String, rcgen::Error> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let mut params = CertificateParams::new(vec![host.to_string()])?;
    params.distinguished_name.push(DnType::CommonName, host);
    params.subject_alt_names.extend(address.map(SanType::IpAddress));
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}{}", certificate.pem(), key.serialize_pem()))
}

/// Written whole or not at all, readable by its owner only.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&part, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("xapi-ssl.pem");
        let made = Identity::load_or_make(&path, "host.example", Some([10, 0, 0, 1].into())).unwrap();
        let kept = Identity::load_or_make(&path, "other.example", None).unwrap();
        assert_eq!(made.fingerprint(), kept.fingerprint());
        assert_eq!(made.fingerprint().len(), 95);
        assert!(made.certificate().ends_with("CERTIFICATE-----\n") && !made.certificate().contains("KEY"));
        made.acceptor().unwrap();
        assert_eq!(made.subject().as_deref(), Some("host.example"));
        assert!(fs::read_to_string(&path).unwrap().replace("\r\n", "\n").starts_with(made.certificate()));
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
