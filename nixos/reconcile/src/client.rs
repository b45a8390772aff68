//! The wire: JSON-RPC to a XAPI over its local socket, over TLS or in the clear, and files into its handlers. Knows
//! nothing of manifests.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{Request, body::Frame, header};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::trust::{self, Trust};

/// Who logs in. The server lets the local superuser of this name change what is declared.
pub const ORIGINATOR: &str = "xennix-reconcile";

/// An error of the API.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.join(": "))]
pub struct Failure(pub Vec<String>);

impl Failure {
    /// Its code.
    pub fn code(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}

/// Where a server is.
#[derive(Debug, Clone)]
pub enum Address {
    /// Its local socket.
    Socket(PathBuf),
    /// Host and port in the clear.
    Plain(String),
    /// Host and port over TLS, and whom to trust there.
    Tls(String, Arc<ClientConfig>),
}

impl Address {
    /// Reads `http://HOST[:PORT]`, or `https://HOST[:PORT]` with whom to trust.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(url: &str, trust: Option<Trust>) -> Result<Address> {
        let with_port = |host: &str, port: u16| {
            let host = host.trim_end_matches('/');
            // Colons in brackets belong to an address.
            let told = host.rsplit_once(':').is_some_and(|(_, last)| last.parse::<u16>().is_ok());
            if told { host.to_string() } else { format!("{host}:{port}") }
        };
        match (url.split_once("://"), trust) {
            (Some(("http", host)), None) => Ok(Address::Plain(with_port(host, 80))),
            (Some(("http", _)), Some(_)) => {
                bail!("{url}: a certificate is shown over https:// only")
            }
            (Some(("https", host)), Some(trust)) => Ok(Address::Tls(with_port(host, 443), trust.config()?)),
            (Some(("https", _)), None) => {
                bail!("{url}: say whom to trust with --ca-file or --fingerprint")
            }
            _ => bail!("{url}: an address begins with https:// or http://; use --socket on the host itself"),
        }
    }

    fn host(&self) -> &str {
        match self {
            Address::Socket(_) => "localhost",
            Address::Plain(host) | Address::Tls(host, _) => host,
        }
    }

    async fn connect(&self) -> Result<Box<dyn Stream>> {
        Ok(match self {
            Address::Socket(path) => Box::new(
                tokio::net::UnixStream::connect(path).await.with_context(|| path.display().to_string())?,
            ),
            Address::Plain(host) => {
                Box::new(tokio::net::TcpStream::connect(host).await.with_context(|| host.clone())?)
            }
            Address::Tls(host, config) => {
                let stream = tokio::net::TcpStream::connect(host).await.with_context(|| host.clone())?;
                let bare = host.rsplit_once(':').map_or(host.as_str(), |(bare, _)| bare);
                let bare = bare.trim_start_matches('[').trim_end_matches(']').to_string();
                let name = ServerName::try_from(bare).with_context(|| host.clone())?;
                match TlsConnector::from(config.clone()).connect(name, stream).await {
                    Ok(stream) => Box::new(stream),
                    Err(error) => match trust::explained(&error) {
                        Some(why) => return Err(anyhow::Error::new(why).context(host.clone())),
                        None => return Err(error).with_context(|| format!("{host}: TLS")),
                    },
                }
            }
        })
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A session.
#[derive(Debug)]
pub struct Client {
    address: Address,
    session: String,
}

impl Client {
    /// Logs in.
    ///
    /// # Errors
    /// No connection, or a [`Failure`].
    pub async fn log_in(address: Address, user: &str, password: &str) -> Result<Client> {
        Client::log_in_as(address, user, password, ORIGINATOR).await
    }

    /// Logs in under another name than [`ORIGINATOR`], as any client.
    ///
    /// # Errors
    /// As [`Client::log_in`].
    pub async fn log_in_as(address: Address, user: &str, password: &str, originator: &str) -> Result<Client> {
        let mut client = Client { address, session: String::new() };
        let answer = client
            .send(
                "session.login_with_password",
                vec![json!(user), json!(password), json!("1.0"), json!(originator)],
            )
            .await?;
        client.session = answer.as_str().unwrap_or_default().into();
        Ok(client)
    }

    /// Its reference.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Logs out; a session that is gone is fine.
    pub async fn log_out(self) {
        let _ = self.send("session.logout", vec![json!(self.session)]).await;
    }

    /// Calls a method of this session.
    ///
    /// # Errors
    /// No connection, or a [`Failure`].
    pub async fn call(&self, method: &str, args: impl IntoIterator<Item = Value>) -> Result<Value> {
        let args = std::iter::once(json!(self.session)).chain(args).collect();
        self.send(method, args).await
    }

    async fn send(&self, method: &str, params: Vec<Value>) -> Result<Value> {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let body =
            Full::new(Bytes::from(serde_json::to_vec(&call)?)).map_err(|never| match never {}).boxed_unsync();
        let request = Request::post("/jsonrpc")
            .header(header::HOST, self.address.host())
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)?;
        let (status, bytes) = self.exchange(request).await.with_context(|| method.to_string())?;
        if status != 200 {
            bail!("{method}: HTTP status {status}");
        }
        let mut answer: Value = serde_json::from_slice(&bytes).with_context(|| method.to_string())?;
        if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
            let code = error.get("message").map_or_else(|| error.to_string(), text);
            let params = error.get("data").and_then(Value::as_array).into_iter().flatten().map(text);
            return Err(Failure(std::iter::once(code).chain(params).collect()).into());
        }
        Ok(answer.get_mut("result").map(Value::take).unwrap_or_default())
    }

    /// Writes a file's bytes into a disk.
    ///
    /// # Errors
    /// An unreadable file, no connection, or a refusal.
    pub async fn fill(&self, vdi: &str, path: &Path) -> Result<()> {
        let file = tokio::fs::File::open(path).await.with_context(|| path.display().to_string())?;
        let length = file.metadata().await?.len();
        // Of a file that grows meanwhile only what was there at first.
        let chunks = futures_util::stream::try_unfold(file.take(length), |mut file| async move {
            let mut chunk = vec![0; 1 << 18];
            let read = file.read(&mut chunk).await?;
            chunk.truncate(read);
            Ok::<_, std::io::Error>((read > 0).then(|| (Frame::data(Bytes::from(chunk)), file)))
        });
        let body: UnsyncBoxBody<Bytes, std::io::Error> = BodyExt::boxed_unsync(StreamBody::new(chunks));
        let target = format!("/import_raw_vdi?session_id={}&vdi={vdi}&format=raw", self.session);
        let request = Request::put(target)
            .header(header::HOST, self.address.host())
            .header(header::CONTENT_LENGTH, length)
            .body(body)?;
        let (status, answer) = self.exchange(request).await.context("import_raw_vdi")?;
        if status != 200 {
            bail!("import_raw_vdi: HTTP status {status}: {}", String::from_utf8_lossy(&answer));
        }
        Ok(())
    }

    /// One connection for each request: the server may restart in between.
    async fn exchange(&self, request: Request<UnsyncBoxBody<Bytes, std::io::Error>>) -> Result<(u16, Bytes)> {
        let stream = TokioIo::new(self.address.connect().await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        let driver = tokio::spawn(connection);
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await?.to_bytes();
        driver.abort();
        Ok((status, bytes))
    }
}
