//! Reaching a server: its own socket, TCP, or TLS without a look at the certificate.

use std::{io, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::Options;
use crate::run::Stream;

/// The daemon's own socket.
const SOCKET: &str = "/var/lib/xcp/xapi";

/// Where a request goes: the configured server, or the host of an absolute address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub server: String,
    pub port: Option<u16>,
    pub tls: bool,
    /// The server has named the port: no shortcut on the same machine.
    pub exact: bool,
}

impl Target {
    /// The configured server.
    pub fn of(options: &Options) -> Target {
        Target { server: options.server.clone(), port: options.port, tls: options.tls, exact: false }
    }

    /// The target and path of what the server names: a path, or `https://host/path`.
    pub fn locate(options: &Options, path: &str) -> (Target, String) {
        let (tls, rest) = match (path.strip_prefix("https://"), path.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return (Target::of(options), path.to_owned()),
        };
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = if path.is_empty() { "/" } else { path };
        let (server, port) = match host.rsplit_once(':') {
            Some((name, port)) if !host.ends_with(']') => (name, port.parse().ok()),
            _ => (host, None),
        };
        (Target { server: server.into(), port, tls, exact: port.is_some() }, path.to_owned())
    }
}

/// Opens a connection.
pub(super) async fn connect(target: &Target) -> Result<Box<dyn Stream>, String> {
    let local = target.server == "127.0.0.1" && !target.exact;
    if local && let Ok(stream) = UnixStream::connect(SOCKET).await {
        return Ok(Box::new(stream));
    }
    let tls = target.tls && !local;
    let port = target.port.unwrap_or(if tls { 443 } else { 80 });
    let name = target.server.trim_start_matches('[').trim_end_matches(']').to_owned();
    let stream = TcpStream::connect((name.as_str(), port)).await.map_err(|e| failed(&e, &name))?;
    let _ = stream.set_nodelay(true);
    if !tls {
        return Ok(Box::new(stream));
    }
    let server_name = ServerName::try_from(name.clone()).map_err(|e| format!("Error: {e}: {name}"))?;
    let connector = TlsConnector::from(Arc::new(config().map_err(|e| format!("Error: {e}"))?));
    let stream = connector.connect(server_name, stream).await.map_err(|e| failed(&e, &name))?;
    Ok(Box::new(stream))
}

fn failed(error: &io::Error, name: &str) -> String {
    format!("Error: {error} (calling connect {name})")
}

fn config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    Ok(config)
}

/// Accepts every certificate: hosts sign their own, and the original looks at none.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
