//! Requests the HTTP library would not understand; only their head is read here. Uploads that end with the connection:
//! an old way to send what has no known length, which it takes for an empty body. `CONNECT` in the form of HTTP/1.0
//! with a path, whose answer clients know byte by byte.

use std::io;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method, Request, Response,
    header::{HeaderName, HeaderValue},
};
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::oneshot,
};

use crate::{
    Answer, AnswerBody, Service, Upgrade, Wire,
    connection::{self, Lent},
    request::Origin,
    upload::RequestBody,
};

/// How such requests begin.
pub const UPLOAD: &[u8] = b"PUT ";
pub const CONNECT: &[u8] = b"CONNECT ";
/// What a client is told whose connection is taken over.
const CONNECTED: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: no-cache, no-store\r\n\r\n";
/// Most headers of a request.
const HEADERS: usize = 100;

/// Reads a head byte by byte up to its empty line; stops at `most` bytes or where the client does.
pub async fn read_head(wire: &mut Wire, head: &mut Vec<u8>, most: usize) -> io::Result<()> {
    while head.len() < most && !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        match wire.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The request of a `CONNECT` to a path of ours; `None` for every other one.
pub fn connect(head: &[u8]) -> Option<Request<()>> {
    let request = parse(head)?;
    (request.method() == Method::CONNECT && request.uri().path().starts_with('/')).then_some(request)
}

/// The request of an upload that says nothing of a length; `None` for every other one.
pub fn endless(head: &[u8]) -> Option<Request<()>> {
    let request = parse(head)?;
    let framed = ["content-length", "transfer-encoding", "upgrade"];
    let endless =
        request.method() == Method::PUT && framed.iter().all(|name| !request.headers().contains_key(*name));
    endless.then_some(request)
}

fn parse(head: &[u8]) -> Option<Request<()>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    if !parsed.parse(head).ok()?.is_complete() {
        return None;
    }
    let mut map = HeaderMap::new();
    for header in parsed.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        map.append(name, HeaderValue::from_bytes(header.value).ok()?);
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(parsed.method?.as_bytes()).ok()?;
    *request.uri_mut() = parsed.path?.parse().ok()?;
    *request.headers_mut() = map;
    Some(request)
}

/// Answers a `CONNECT`: whoever it is for gets the connection.
pub async fn serve_connect<S: Service>(
    service: &S,
    origin: Origin,
    request: Request<()>,
    mut wire: Wire,
) -> io::Result<()> {
    let (hand, taken) = oneshot::channel();
    let request = request.map(|()| RequestBody::empty());
    let answer = connection::answer_bare(service, origin, request, Upgrade::Bare(taken)).await;
    if answer.takes_over {
        wire.write_all(CONNECTED).await?;
        wire.flush().await?;
        // Nobody taking it closes it.
        let _ = hand.send(wire);
        return Ok(());
    }
    let outcome = send(&mut wire, answer.into_response(false)).await;
    wire.shutdown().await?;
    outcome
}

/// Answers an upload; the connection ends with it.
pub async fn serve<S: Service>(
    service: &S,
    origin: Origin,
    request: Request<()>,
    wire: Wire,
) -> io::Result<()> {
    let lent = Lent::new(wire);
    let (read, mut write) = tokio::io::split(lent.clone());
    let request = request.map(|()| RequestBody::rest(read));
    let (_, never) = oneshot::channel();
    let answer: Answer = connection::answer_bare(service, origin, request, Upgrade::Bare(never)).await;
    let outcome = send(&mut write, answer.into_response(false)).await;
    write.shutdown().await?;
    drop(write);
    lent.linger().await;
    outcome
}

async fn send(write: &mut (impl AsyncWrite + Unpin), response: Response<AnswerBody>) -> io::Result<()> {
    let (parts, mut body) = response.into_parts();
    let reason = parts.extensions.get::<hyper::ext::ReasonPhrase>();
    let reason = match reason {
        Some(own) => String::from_utf8_lossy(own.as_bytes()).into_owned(),
        None => parts.status.canonical_reason().unwrap_or_default().to_string(),
    };
    let mut head = format!("{:?} {} {reason}\r\n", parts.version, parts.status.as_u16()).into_bytes();
    for (name, value) in &parts.headers {
        head.extend(name.as_str().as_bytes());
        head.extend(b": ");
        head.extend(value.as_bytes());
        head.extend(b"\r\n");
    }
    head.extend(b"\r\n");
    write.write_all(&head).await?;
    write.flush().await?;
    while let Some(frame) = body.frame().await {
        let bytes: Bytes = frame?.into_data().unwrap_or_default();
        write.write_all(&bytes).await?;
        write.flush().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_to_our_paths_only() {
        let request = connect(b"CONNECT /console?ref=a&session_id=b HTTP/1.0\r\n\r\n").expect("one");
        assert_eq!(request.uri().query(), Some("ref=a&session_id=b"));
        for other in
            ["CONNECT host:443 HTTP/1.1\r\n\r\n", "GET /console HTTP/1.1\r\n\r\n", "CONNECT /console"]
        {
            assert!(connect(other.as_bytes()).is_none(), "{other}");
        }
    }

    #[test]
    fn only_uploads_without_any_length_are_endless() {
        let request = endless(b"PUT /import?a=b HTTP/1.0\r\nCookie: session_id=x\r\n\r\n").expect("one");
        assert_eq!(request.uri().path(), "/import");
        assert_eq!(request.headers()["cookie"], "session_id=x");
        for other in [
            "PUT / HTTP/1.0\r\nContent-Length: 3\r\n\r\n",
            "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "PUT / HTTP/1.0\r\nhalf",
            "PUT",
        ] {
            assert!(endless(other.as_bytes()).is_none(), "{other}");
        }
    }
}
