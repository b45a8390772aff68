//! A console over a WebSocket (RFC 6455): what the handshake says, and bytes to messages and back. Binary messages,
//! or base64 in text for clients that offer only that.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{Role, WebSocketConfig},
    },
};
use xapi_http::Wire;

/// What the key of a client is hashed with.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Longest message of a client.
const LONGEST: usize = 1 << 20;
/// Bytes of one message to a client.
const PIECE: usize = 16 << 10;
/// Bytes on their way.
const ON_THE_WAY: usize = 64 << 10;
/// Longest a client is waited for that was told goodbye.
const FAREWELL: Duration = Duration::from_secs(5);

/// How bytes are put into messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Binary,
    Base64,
}

/// A handshake that may be answered.
#[derive(Debug)]
pub struct Accepted {
    pub form: Form,
    /// The headers of the answer.
    pub headers: Vec<(&'static str, String)>,
}

/// Reads a handshake; `None` when it is none.
pub fn accept(headers: &xapi_http::HeaderMap) -> Option<Accepted> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let lists = |name: &str, word: &str| {
        text(name).is_some_and(|list| list.split(',').any(|one| one.trim().eq_ignore_ascii_case(word)))
    };
    let key = text("sec-websocket-key").map(str::trim).filter(|key| !key.is_empty())?;
    if !lists("upgrade", "websocket") {
        return None;
    }
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut answer = vec![
        ("upgrade", "websocket".to_string()),
        ("connection", "Upgrade".to_string()),
        ("sec-websocket-accept", STANDARD.encode(digest)),
    ];
    // Naming one that was not offered would make browsers hang up.
    let offered = |word: &str| lists("sec-websocket-protocol", word);
    let form = if offered("base64") && !offered("binary") { Form::Base64 } else { Form::Binary };
    if form == Form::Base64 || offered("binary") {
        let name = if form == Form::Base64 { "base64" } else { "binary" };
        answer.push(("sec-websocket-protocol", name.to_string()));
    }
    Some(Accepted { form, headers: answer })
}

/// The bytes of a WebSocket as a stream.
pub fn bridge(wire: Wire, form: Form) -> DuplexStream {
    let (near, far) = tokio::io::duplex(ON_THE_WAY);
    tokio::spawn(pump(wire, form, far));
    near
}

async fn pump(wire: Wire, form: Form, stream: DuplexStream) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST))
        .read_buffer_size(PIECE);
    let socket = WebSocketStream::from_raw_socket(wire, Role::Server, Some(config)).await;
    let (mut to_client, mut from_client) = socket.split();
    let (mut from, mut to) = tokio::io::split(stream);
    let up = async {
        while let Some(Ok(message)) = from_client.next().await {
            let bytes = match message {
                Message::Close(_) => break,
                Message::Binary(bytes) => bytes.to_vec(),
                Message::Text(text) if form == Form::Base64 => match STANDARD.decode(text.as_bytes()) {
                    Ok(bytes) => bytes,
                    Err(_) => break,
                },
                Message::Text(text) => text.as_bytes().to_vec(),
                _ => continue,
            };
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
    };
    let down = async {
        let mut buffer = vec![0; PIECE];
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            let message = match form {
                Form::Binary => Message::binary(buffer[..n].to_vec()),
                Form::Base64 => Message::text(STANDARD.encode(&buffer[..n])),
            };
            if to_client.send(message).await.is_err() {
                break;
            }
        }
    };
    tokio::select! { () = up => {}, () = down => {} }
    let _ = tokio::time::timeout(FAREWELL, to_client.close()).await;
    // The two halves are of one socket; a client that is still sending gets to read the goodbye.
    if let Ok(mut socket) = to_client.reunite(from_client) {
        socket.get_mut().linger().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(more: &[(&'static str, &str)]) -> Option<Accepted> {
        let mut headers = xapi_http::HeaderMap::new();
        for (name, value) in more {
            headers.append(*name, value.parse().unwrap());
        }
        accept(&headers)
    }

    #[test]
    fn handshakes() {
        let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let upgrade = ("upgrade", "WebSocket");
        let accepted = handshake(&[key, upgrade]).unwrap();
        // The example of the specification.
        assert_eq!(accepted.headers[2].1, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!((accepted.form, accepted.headers.len()), (Form::Binary, 3));
        let named = |list| {
            let accepted = handshake(&[key, upgrade, ("sec-websocket-protocol", list)]).unwrap();
            (accepted.form, accepted.headers.get(3).map(|(_, name)| name.clone()))
        };
        assert_eq!(named("binary"), (Form::Binary, Some("binary".into())));
        assert_eq!(named("base64, binary"), (Form::Binary, Some("binary".into())));
        assert_eq!(named("base64"), (Form::Base64, Some("base64".into())));
        assert_eq!(named("chat"), (Form::Binary, None));
        assert!(handshake(&[upgrade]).is_none() && handshake(&[key]).is_none());
    }
}
