//! A viewer that looks once: says hello, asks for everything and leaves. Types nothing and changes nothing.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Most pixels a screen may have.
const MOST: usize = 1 << 26;
const VERSION: &[u8] = b"RFB 003.008\n";
/// Nobody asks who looks: the server is this host's.
const NO_PASSWORD: u8 = 1;
const RAW: i32 = 0;
const SIZE: i32 = -223;

/// What a screen shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// Red, green and blue of each pixel, row by row.
    pub rgb: Vec<u8>,
}

/// A picture in the making.
struct Canvas {
    picture: Picture,
    seen: Vec<bool>,
    missing: usize,
}

impl Canvas {
    fn new(width: u16, height: u16) -> io::Result<Canvas> {
        let pixels = usize::from(width) * usize::from(height);
        if pixels == 0 || pixels > MOST {
            return Err(odd(format!("a screen of {width} by {height}")));
        }
        let picture = Picture { width, height, rgb: vec![0; 3 * pixels] };
        Ok(Canvas { picture, seen: vec![false; pixels], missing: pixels })
    }

    /// A row of a rectangle, four bytes a pixel: blue, green, red, nothing.
    fn put(&mut self, x: usize, y: usize, row: &[u8]) {
        let first = y * usize::from(self.picture.width) + x;
        for (at, pixel) in row.chunks_exact(4).enumerate().map(|(n, pixel)| (first + n, pixel)) {
            self.picture.rgb[3 * at..3 * at + 3].copy_from_slice(&[pixel[2], pixel[1], pixel[0]]);
            if !std::mem::replace(&mut self.seen[at], true) {
                self.missing -= 1;
            }
        }
    }
}

fn odd(what: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the screen's server says something odd: {what}"))
}

/// Looks at a screen.
///
/// # Errors
/// A server that hangs up, asks for a password or says something odd.
pub async fn look<S: AsyncRead + AsyncWrite + Unpin>(mut server: S) -> io::Result<Picture> {
    let mut version = [0; 12];
    server.read_exact(&mut version).await?;
    if !version.starts_with(b"RFB 003.") {
        return Err(odd(String::from_utf8_lossy(&version)));
    }
    server.write_all(VERSION).await?;
    let kinds = server.read_u8().await?;
    let mut kinds = vec![0; usize::from(kinds)];
    server.read_exact(&mut kinds).await?;
    if !kinds.contains(&NO_PASSWORD) {
        return Err(odd("it wants to know who looks"));
    }
    server.write_u8(NO_PASSWORD).await?;
    if server.read_u32().await? != 0 {
        return Err(odd("it lets nobody in"));
    }
    // Others may go on looking.
    server.write_u8(1).await?;
    let mut canvas = Canvas::new(server.read_u16().await?, server.read_u16().await?)?;
    pass(&mut server, 16).await?;
    let name = server.read_u32().await?;
    pass(&mut server, name.into()).await?;
    // 32 bits a pixel, little-endian, 24 of them colours: red, green, blue from the top.
    let format = [0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
    server.write_all(&format).await?;
    let mut encodings = vec![2, 0, 0, 2];
    encodings.extend(RAW.to_be_bytes());
    encodings.extend(SIZE.to_be_bytes());
    server.write_all(&encodings).await?;
    ask(&mut server, &canvas.picture).await?;
    while canvas.missing > 0 {
        match server.read_u8().await? {
            0 => {
                if update(&mut server, &mut canvas).await? || canvas.missing > 0 {
                    ask(&mut server, &canvas.picture).await?;
                }
            }
            // Colours of a map we did not ask for, a bell, somebody's clipboard.
            1 => {
                pass(&mut server, 3).await?;
                let colours = server.read_u16().await?;
                pass(&mut server, 6 * u64::from(colours)).await?;
            }
            2 => {}
            3 => {
                pass(&mut server, 3).await?;
                let text = server.read_u32().await?;
                pass(&mut server, text.into()).await?;
            }
            other => return Err(odd(format!("message {other}"))),
        }
    }
    Ok(canvas.picture)
}

/// Asks for the whole screen.
async fn ask<S: AsyncWrite + Unpin>(server: &mut S, of: &Picture) -> io::Result<()> {
    let mut request = vec![3, 0, 0, 0, 0, 0];
    request.extend(of.width.to_be_bytes());
    request.extend(of.height.to_be_bytes());
    server.write_all(&request).await?;
    server.flush().await
}

/// Takes an update; true when the screen has another size now.
async fn update<S: AsyncRead + Unpin>(server: &mut S, canvas: &mut Canvas) -> io::Result<bool> {
    pass(server, 1).await?;
    let mut resized = false;
    for _ in 0..server.read_u16().await? {
        let (x, y) = (server.read_u16().await?, server.read_u16().await?);
        let (width, height) = (server.read_u16().await?, server.read_u16().await?);
        match server.read_i32().await? {
            SIZE => {
                *canvas = Canvas::new(width, height)?;
                resized = true;
            }
            RAW => {
                let (right, bottom) = (u32::from(x) + u32::from(width), u32::from(y) + u32::from(height));
                if right > canvas.picture.width.into() || bottom > canvas.picture.height.into() {
                    return Err(odd("a rectangle beside the screen"));
                }
                let mut row = vec![0; 4 * usize::from(width)];
                for down in 0..height {
                    server.read_exact(&mut row).await?;
                    canvas.put(x.into(), usize::from(y + down), &row);
                }
            }
            other => return Err(odd(format!("the encoding {other}"))),
        }
    }
    Ok(resized)
}

/// Bytes that say nothing to us.
async fn pass<S: AsyncRead + Unpin>(server: &mut S, bytes: u64) -> io::Result<()> {
    match tokio::io::copy(&mut server.take(bytes), &mut tokio::io::sink()).await? {
        copied if copied == bytes => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that shows two pixels, after it was two others, and whatever `then` says.
    async fn server(mut wire: tokio::io::DuplexStream, then: Vec<u8>) -> io::Result<()> {
        wire.write_all(VERSION).await?;
        pass(&mut wire, 12).await?;
        wire.write_all(&[2, 2, 1]).await?;
        pass(&mut wire, 1).await?;
        wire.write_all(&[0; 4]).await?;
        pass(&mut wire, 1).await?;
        wire.write_all(&[0, 1, 0, 1]).await?;
        wire.write_all(&[0; 16]).await?;
        wire.write_all(&[0, 0, 0, 2, b'h', b'i']).await?;
        pass(&mut wire, 20 + 12 + 10).await?;
        // A bell, a clipboard, another size.
        wire.write_all(&[2, 3, 0, 0, 0, 0, 0, 0, 1, b'x']).await?;
        wire.write_all(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 255, 255, 255, 33]).await?;
        pass(&mut wire, 10).await?;
        wire.write_all(&then).await?;
        wire.shutdown().await
    }

    async fn shown(then: &[u8]) -> io::Result<Picture> {
        let (near, far) = tokio::io::duplex(4096);
        let served = tokio::spawn(server(far, then.to_vec()));
        let picture = look(near).await;
        served.abort();
        picture
    }

    #[tokio::test]
    async fn a_screen_is_seen_as_it_is() {
        let update =
            [&[0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0][..], &[3, 2, 1, 0, 6, 5, 4, 0]].concat();
        let picture = shown(&update).await.expect("a picture");
        assert_eq!(picture, Picture { width: 2, height: 1, rgb: vec![1, 2, 3, 4, 5, 6] });
    }

    #[tokio::test]
    async fn oddities_are_no_pictures() {
        for then in [
            // Beside the screen, an encoding nobody asked for, an unknown message, half a row, no size.
            &[0, 0, 0, 1, 0, 1, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0][..],
            &[0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 5],
            &[9],
            &[0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 1],
            &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 33],
        ] {
            assert!(shown(then).await.is_err(), "{then:?}");
        }
    }
}
