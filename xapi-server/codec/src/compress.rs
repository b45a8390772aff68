//! Compression of answers for clients that accept it.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder, write::ZlibEncoder};

use crate::Body;

/// A content coding both sides know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// gzip.
    Gzip,
    /// deflate in its zlib wrapping.
    Deflate,
}

impl Coding {
    /// The best coding an `Accept-Encoding` header allows.
    pub fn accepted(header: &str) -> Option<Coding> {
        let offered = |name: &str| {
            header.split(',').any(|part| {
                let mut words = part.split(';').map(str::trim);
                let refused = |q: &str| q.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()) == Some(0.0);
                words.next().is_some_and(|word| word.eq_ignore_ascii_case(name)) && !words.any(refused)
            })
        };
        [(Coding::Gzip, "gzip"), (Coding::Deflate, "deflate")]
            .into_iter()
            .find(|(_, name)| offered(name))
            .map(|(c, _)| c)
    }

    /// The name for `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
        }
    }
}

/// The same text, smaller. Fastest level: the texts repeat themselves so much that more effort gains little.
///
/// # Errors
/// None in practice: the target is memory.
pub fn compress(body: &Body, coding: Coding) -> std::io::Result<Body> {
    fn fill<W: Write>(mut encoder: W, body: &Body) -> std::io::Result<W> {
        body.0.iter().try_for_each(|piece| encoder.write_all(piece))?;
        Ok(encoder)
    }
    let bytes = match coding {
        Coding::Gzip => fill(GzEncoder::new(Vec::new(), Compression::fast()), body)?.finish()?,
        Coding::Deflate => fill(ZlibEncoder::new(Vec::new(), Compression::fast()), body)?.finish()?,
    };
    Ok(Body(vec![Bytes::from(bytes)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_clients_accept() {
        assert_eq!(Coding::accepted("gzip, deflate, br"), Some(Coding::Gzip));
        assert_eq!(Coding::accepted("deflate"), Some(Coding::Deflate));
        assert_eq!(Coding::accepted("gzip;q=0, deflate;q=0.5"), Some(Coding::Deflate));
        assert_eq!(Coding::accepted("identity"), None);
    }

    #[test]
    fn comes_back_whole() {
        use std::io::Read;
        let body = Body(vec![Bytes::from_static(b"hello "), Bytes::from_static(b"world")]);
        let mut text = String::new();
        let small = compress(&body, Coding::Gzip).unwrap().into_vec();
        flate2::read::GzDecoder::new(&small[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello world");
    }
}
