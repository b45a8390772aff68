//! Answers: status, headers in the order clients were recorded to get them, body.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    HeaderMap, Response, StatusCode, Version,
    body::Frame,
    ext::ReasonPhrase,
    header::{HeaderName, HeaderValue},
};
use tokio::sync::mpsc;
use xapi_codec::Body;

/// The body of an answer.
pub type AnswerBody = BoxBody<Bytes, std::io::Error>;

/// An answer to a request.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers besides length and connection.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: AnswerBody,
    /// Length of the body when it is known.
    pub length: Option<usize>,
    /// The connection ends with this answer.
    pub close: bool,
    /// Transfers are answered in the form of HTTP/1.0: the end of the connection is the end of the body.
    pub transfer: bool,
    /// What follows on the connection is no HTTP any more.
    pub takes_over: bool,
}

impl Answer {
    /// Text of a known length.
    pub fn text(status: u16, content_type: &str, text: impl Into<Bytes>) -> Answer {
        let bytes: Bytes = text.into();
        Answer {
            status,
            headers: vec![("content-type", content_type.to_string())],
            length: Some(bytes.len()),
            body: if bytes.is_empty() {
                nothing()
            } else {
                Full::new(bytes).map_err(|never| match never {}).boxed()
            },
            close: false,
            transfer: false,
            takes_over: false,
        }
    }

    /// The connection belongs to whoever waits for [`Upgrade::taken`](crate::Upgrade::taken): after a `CONNECT`, or,
    /// with headers that say so, after an upgrade.
    pub fn take_over(upgrade: Option<Vec<(&'static str, String)>>) -> Answer {
        let status = if upgrade.is_some() { 101 } else { 200 };
        Answer { headers: upgrade.unwrap_or_default(), takes_over: true, ..Answer::text(status, "", "") }
    }

    /// A transfer: what comes out of `pieces` until it ends; an error breaks the connection off.
    pub fn transfer(
        headers: Vec<(&'static str, String)>,
        pieces: mpsc::Receiver<io::Result<Bytes>>,
    ) -> Answer {
        Answer {
            status: 200,
            headers,
            body: BodyExt::boxed(StreamBody::new(Pieces(pieces))),
            length: None,
            close: true,
            transfer: true,
            takes_over: false,
        }
    }

    /// Pieces of a known length.
    pub(crate) fn pieces(content_type: &str, body: Body) -> Answer {
        let length = body.len();
        let frames = body.0.into_iter().map(|piece| Ok(Frame::data(piece)));
        let stream = StreamBody::new(Iter(frames));
        Answer {
            status: 200,
            headers: vec![("content-type", content_type.to_string())],
            body: BodyExt::boxed(stream),
            length: Some(length),
            close: false,
            transfer: false,
            takes_over: false,
        }
    }

    pub(crate) fn into_response(self, keep_alive: bool) -> Response<AnswerBody> {
        let mut headers = HeaderMap::new();
        let mut put = |name: &str, value: &str| {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
            {
                headers.append(name, value);
            }
        };
        if self.takes_over {
            self.headers.iter().for_each(|(name, value)| put(name, value));
            let mut response = Response::new(self.body);
            *response.headers_mut() = headers;
            *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
            return response;
        }
        if self.transfer {
            put("connection", "close");
            put("cache-control", "no-cache, no-store");
            self.headers.iter().for_each(|(name, value)| put(name, value));
            let mut response = Response::new(self.body);
            *response.headers_mut() = headers;
            *response.version_mut() = Version::HTTP_10;
            return response;
        }
        if let Some(length) = self.length {
            put("content-length", &length.to_string());
        }
        // Pages that end a connection carry their type before it, answers that keep it after it.
        let first = self.headers.iter().filter(|(name, _)| self.close && *name == "content-type");
        first.for_each(|(name, value)| put(name, value));
        put("connection", if keep_alive && !self.close { "keep-alive" } else { "close" });
        put("cache-control", "no-cache, no-store");
        let rest = self.headers.iter().filter(|(name, _)| !self.close || *name != "content-type");
        rest.for_each(|(name, value)| put(name, value));
        let mut response = Response::new(self.body);
        *response.headers_mut() = headers;
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(reason) = reason(self.status) {
            response.extensions_mut().insert(ReasonPhrase::from_static(reason));
        }
        response
    }
}

/// What comes out of a channel.
struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl futures_core::Stream for Pieces {
    type Item = io::Result<Frame<Bytes>>;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// No bytes, as a stream: for a body known to be empty the HTTP library would put the length elsewhere.
fn nothing() -> AnswerBody {
    BodyExt::boxed(StreamBody::new(Iter(std::iter::empty::<Result<Frame<Bytes>, std::io::Error>>())))
}

/// A stream over ready frames.
struct Iter<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Iter<I> {
    type Item = I::Item;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<I::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

/// Reason phrases that differ from the usual ones.
fn reason(status: u16) -> Option<&'static [u8]> {
    match status {
        401 => Some(b"Unauthorised"),
        500 => Some(b"Internal Error"),
        501 => Some(b"Method not implemented"),
        _ => None,
    }
}

/// The page for a refusal; the connection ends with it.
pub fn page(status: u16, detail: &str) -> Answer {
    let escape = |text: &str| {
        let named = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&apos;")];
        named.iter().fold(text.to_string(), |text, (c, name)| text.replace(*c, name))
    };
    let (title, text) = match status {
        401 => ("401 unauthorised", "The credentials were not accepted.".to_string()),
        403 => ("403 forbidden", "There is nothing here for you.".to_string()),
        400 => ("400 bad request", escape(detail)),
        404 => ("404 not found", escape(detail)),
        408 => ("408 request timeout", "The request took too long to arrive.".to_string()),
        431 => ("431 request header fields too large", "The request's headers are too long.".to_string()),
        501 => ("501 method not implemented", format!("{} is not supported.", escape(detail))),
        503 => ("503 service unavailable", escape(detail)),
        _ => (
            "500 internal server error",
            format!("The request could not be answered.<br/>{}", escape(detail)),
        ),
    };
    let html = format!("<html><body><h1>HTTP {title}</h1>{text}</body></html>");
    Answer { close: true, ..Answer::text(status, "text/html", html) }
}
