//! Uploads that end with the connection: an old way to send what has no known length, which the HTTP library takes
//! for an empty body. Only the head is read here.

use std::io;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method, Request, Response,
    header::{HeaderName, HeaderValue},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, WriteHalf};

use crate::{
    Answer, AnswerBody, Service, Wire,
    connection::{self, Lent},
    request::Origin,
    upload::RequestBody,
};

/// How such requests begin.
pub const UPLOAD: &[u8] = b"PUT ";
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

/// The request of a head that says nothing of a length; `None` for every other one.
pub fn endless(head: &[u8]) -> Option<Request<()>> {
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
    if map.contains_key("content-length")
        || map.contains_key("transfer-encoding")
        || map.contains_key("upgrade")
    {
        return None;
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(parsed.method?.as_bytes()).ok()?;
    *request.uri_mut() = parsed.path?.parse().ok()?;
    *request.headers_mut() = map;
    Some(request)
}

/// Answers such a request; the connection ends with it.
pub async fn serve<S: Service>(
    service: &S,
    origin: Origin,
    request: Request<()>,
    wire: Wire,
) -> io::Result<()> {
    let lent = Lent::new(wire);
    let (read, mut write) = tokio::io::split(lent.clone());
    let request = request.map(|()| RequestBody::rest(read));
    let answer: Answer = connection::answer_upload(service, origin, request).await;
    let outcome = send(&mut write, answer.into_response(false)).await;
    write.shutdown().await?;
    drop(write);
    lent.linger().await;
    outcome
}

async fn send(write: &mut WriteHalf<Lent>, response: Response<AnswerBody>) -> io::Result<()> {
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
