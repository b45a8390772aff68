//! The way to other machines: a look whether somebody listens, and downloads by URL. Follows a few redirects, trusts
//! what the system trusts, and never sends more than a request.

use std::{io, sync::Arc, time::Duration};

use base64::Engine;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response, Uri, body::Incoming, client::conn::http1, header::LOCATION};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_rustls::TlsConnector;
use xapi_ops::{BoxFuture, Outside, Pieces};
use xapi_schema::{Failure, Result, errors};

/// Most redirects that are followed.
const REDIRECTS: usize = 5;
/// Longest a connection may take to come about, and a server to begin its answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest silence in the middle of a download.
const SILENCE: Duration = Duration::from_secs(10 * 60);
/// Pieces read ahead.
const AHEAD: usize = 4;

/// The network this host is on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Network;

impl Outside for Network {
    fn listens(&self, machine: &str, port: u16, patience: Duration) -> BoxFuture<bool> {
        let machine = machine.to_string();
        Box::pin(async move {
            let connected =
                tokio::time::timeout(patience, TcpStream::connect((machine.as_str(), port))).await;
            matches!(connected, Ok(Ok(_)))
        })
    }

    fn fetch(&self, url: &str) -> BoxFuture<Result<Pieces>> {
        let url = url.to_string();
        Box::pin(async move {
            let mut at = parse(&url)?;
            for _ in 0..=REDIRECTS {
                let answer = match tokio::time::timeout(PATIENCE, ask(&at)).await {
                    Ok(answer) => answer?,
                    Err(_) => return Err(refused(format!("{} does not answer", shown(&at)))),
                };
                let status = answer.status();
                if status.is_redirection() {
                    let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
                    at = onward(&at, to.unwrap_or_default())?;
                    continue;
                }
                if !status.is_success() {
                    return Err(refused(format!("{} answers {status}", shown(&at))));
                }
                return Ok(pieces(answer));
            }
            Err(refused(format!("more than {REDIRECTS} redirects")))
        })
    }
}

fn refused(text: String) -> Failure {
    errors::IMPORT_ERROR.with([text])
}

/// A URL without what is secret in it.
fn shown(url: &Uri) -> String {
    format!("{}://{}{}", url.scheme_str().unwrap_or(""), url.host().unwrap_or(""), url.path())
}

fn parse(text: &str) -> Result<Uri> {
    let url: Uri = text.parse().map_err(|_| refused("this is no URL".into()))?;
    match (url.scheme_str(), url.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(url),
        _ => Err(refused("only http and https URLs can be fetched".into())),
    }
}

/// Where a redirect leads: a URL, or a path on the same server. Never from TLS into the clear.
fn onward(from: &Uri, to: &str) -> Result<Uri> {
    let to = match to.strip_prefix('/') {
        Some(_) if !to.starts_with("//") => {
            let host = from.authority().map(ToString::to_string).unwrap_or_default();
            parse(&format!("{}://{host}{to}", from.scheme_str().unwrap_or("http")))?
        }
        _ => parse(to)?,
    };
    if from.scheme_str() == Some("https") && to.scheme_str() != Some("https") {
        return Err(refused("the server leads out of TLS".into()));
    }
    Ok(to)
}

/// Name and password in front of a host, as `Authorization` carries them.
fn credentials(url: &Uri) -> Option<String> {
    let (given, _) = url.authority()?.as_str().rsplit_once('@')?;
    let plain = percent_decoded(given);
    Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(plain)))
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).and_then(|two| u8::from_str_radix(two, 16).ok());
        match hex.filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

async fn ask(url: &Uri) -> Result<Response<Incoming>> {
    let failed = |error: &dyn std::fmt::Display| refused(format!("{}: {error}", shown(url)));
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']).to_string();
    let secure = url.scheme_str() == Some("https");
    let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|e| failed(&e))?;
    let mut request = Request::get(url.path_and_query().map_or("/", |path| path.as_str()));
    let named = url.authority().map_or("", |all| all.as_str().rsplit('@').next().unwrap_or_default());
    request = request.header("host", named).header("connection", "close").header("user-agent", "xapi");
    if let Some(credentials) = credentials(url) {
        request = request.header("authorization", credentials);
    }
    let request = request.body(Empty::new()).map_err(|e| failed(&e))?;
    let answer = if secure {
        let name = ServerName::try_from(host).map_err(|e| failed(&e))?;
        let stream = connector()?.connect(name, stream).await.map_err(|e| failed(&e))?;
        send(TokioIo::new(stream), request).await
    } else {
        send(TokioIo::new(stream), request).await
    };
    answer.map_err(|e| failed(&e))
}

async fn send<S>(stream: S, request: Request<Empty<Bytes>>) -> hyper::Result<Response<Incoming>>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(stream).await?;
    // It ends with the body.
    tokio::spawn(connection);
    sender.send_request(request).await
}

/// TLS that trusts what the system trusts.
fn connector() -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "certificates of the system");
    }
    roots.add_parsable_certificates(found.certs);
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The body of an answer, as it comes.
fn pieces(answer: Response<Incoming>) -> Pieces {
    let (sender, pieces) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let mut body = answer.into_body();
        loop {
            let frame = match tokio::time::timeout(SILENCE, body.frame()).await {
                Ok(None) => return,
                Ok(Some(Ok(frame))) => Ok(frame),
                Ok(Some(Err(error))) => {
                    tracing::info!(%error, "a download ended early");
                    Err(io::Error::other(errors::IMPORT_ERROR_PREMATURE_EOF.bare()))
                }
                Err(_) => Err(io::Error::other(refused("the server has been silent for too long".into()))),
            };
            let last = frame.is_err();
            let piece = frame.map(|frame| frame.into_data().unwrap_or_default());
            if sender.send(piece).await.is_err() || last {
                return;
            }
        }
    });
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart_and_redirects_put_together() {
        for senseless in ["", "/x", "file:///etc/passwd", "ftp://a/b", "http://"] {
            assert!(parse(senseless).is_err(), "{senseless:?}");
        }
        let url = parse("https://ann%40x:p%3aw@host:8443/a.xva?b=c").expect("a URL");
        assert_eq!(credentials(&url).as_deref(), Some("Basic YW5uQHg6cDp3"));
        assert_eq!(shown(&url), "https://host/a.xva");
        assert_eq!(
            onward(&url, "/other?x").expect("a path").to_string(),
            "https://ann%40x:p%3aw@host:8443/other?x"
        );
        assert!(onward(&url, "http://host/a").is_err(), "out of TLS");
        assert!(onward(&url, "").is_err() && onward(&url, "//elsewhere/a").is_err());
        let plain = parse("http://host/a").expect("a URL");
        assert_eq!(credentials(&plain), None);
        assert_eq!(onward(&plain, "https://other/b").expect("a URL").to_string(), "https://other/b");
    }
}
