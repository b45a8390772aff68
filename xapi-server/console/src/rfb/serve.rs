//! A text console as a screen: the server's side of one viewer.
//!
//! Updates are sent only when asked for and no oftener than a screen is refreshed, so a slow viewer makes nothing
//! pile up. The clipboard of a viewer stays with it: some send it without being asked, and a terminal would type it.

use std::{io, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep_until, timeout},
};

use super::{
    encode::{self, Style},
    message::{self, Message, PixelFormat},
};
use crate::{
    Hub, font,
    hub::over,
    keys::Keyboard,
    paint::{changes, paint},
    screen::Picture,
};

/// Longest a viewer may take to say hello, and to take what it is sent.
const PATIENCE: Duration = Duration::from_secs(60);
/// Least time between two updates.
const REFRESH: Duration = Duration::from_millis(30);

/// Serves a viewer until it leaves or the line ends.
///
/// # Errors
/// A viewer that breaks the protocol, or hung up.
pub async fn serve<S>(stream: S, hub: Arc<Hub>, name: &str) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut session = Session {
        stream,
        hub,
        got: BytesMut::new(),
        style: Style { format: PixelFormat::OFFERED, hextile: false },
        resizable: None,
        wanted: None,
        shown: None,
        size: (0, 0),
        tell_size: false,
        keyboard: Keyboard::default(),
    };
    timeout(PATIENCE, session.hello(name)).await??;
    session.run().await
}

struct Session<S> {
    stream: S,
    hub: Arc<Hub>,
    got: BytesMut,
    style: Style,
    /// How the viewer can be told of another size, if it can.
    resizable: Option<i32>,
    /// An update was asked for: only changes, or everything.
    wanted: Option<bool>,
    /// What the viewer shows.
    shown: Option<Picture>,
    /// Pixels the viewer believes in.
    size: (usize, usize),
    /// The viewer has to hear about the size even if it is the same.
    tell_size: bool,
    keyboard: Keyboard,
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the viewer {what}"))
}

fn pixels(picture: &Picture) -> (usize, usize) {
    (picture.columns * font::WIDTH, picture.rows * font::HEIGHT)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn hello(&mut self, name: &str) -> io::Result<()> {
        self.stream.write_all(b"RFB 003.008\n").await?;
        self.stream.flush().await?;
        let mut version = [0; 12];
        self.stream.read_exact(&mut version).await?;
        let minor = match &version {
            [b'R', b'F', b'B', b' ', b'0', b'0', b'3', b'.', rest @ .., b'\n'] => {
                std::str::from_utf8(rest).ok().and_then(|text| text.parse::<u16>().ok())
            }
            _ => None,
        };
        // Who may look was decided before: no password.
        match minor.ok_or_else(|| broken("speaks something else"))? {
            0..7 => self.stream.write_all(&1u32.to_be_bytes()).await?,
            minor => {
                self.stream.write_all(&[1, 1]).await?;
                self.stream.flush().await?;
                if self.stream.read_u8().await? != 1 {
                    return Err(broken("wants another way to log in"));
                }
                if minor >= 8 {
                    self.stream.write_all(&0u32.to_be_bytes()).await?;
                }
            }
        }
        self.stream.flush().await?;
        let _others_may_look = self.stream.read_u8().await?;
        self.size = pixels(&self.hub.picture());
        let mut init = Vec::new();
        for number in [self.size.0, self.size.1] {
            init.extend_from_slice(&(number as u16).to_be_bytes());
        }
        init.extend_from_slice(&PixelFormat::OFFERED.bytes());
        init.extend_from_slice(&(name.len() as u32).to_be_bytes());
        init.extend_from_slice(name.as_bytes());
        self.send(&init).await
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let sending = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        timeout(PATIENCE, sending).await?
    }

    async fn run(&mut self) -> io::Result<()> {
        let (mut changed, mut ends) = (self.hub.changes(), self.hub.ends());
        let mut next = Instant::now();
        // The first picture is a change.
        changed.mark_changed();
        loop {
            let due = self.wanted.is_some();
            tokio::select! {
                read = self.stream.read_buf(&mut self.got) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    self.obey().await?;
                }
                () = refreshed(&mut changed, next), if due => {
                    changed.mark_unchanged();
                    self.update().await?;
                    next = Instant::now() + REFRESH;
                }
                () = over(&mut ends) => return Ok(()),
            }
            if self.wanted == Some(false) || (self.wanted.is_some() && self.tell_size) {
                changed.mark_changed();
            }
        }
    }

    async fn obey(&mut self) -> io::Result<()> {
        let mut typed = Vec::new();
        loop {
            match message::next(&mut self.got) {
                Ok(None) => break,
                Ok(Some(message)) => self.heard(message, &mut typed).await?,
                Err(message::Nonsense(kind)) => return Err(broken(&format!("said {kind}"))),
            }
        }
        if !self.hub.type_in(Bytes::from(typed)).await {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }

    async fn heard(&mut self, message: Message, typed: &mut Vec<u8>) -> io::Result<()> {
        match message {
            Message::SetPixelFormat(format) => {
                self.style.format = format;
                self.shown = None;
                if let Some(table) = self.style.table() {
                    self.send(&table).await?;
                }
            }
            Message::SetEncodings(wanted) => {
                self.style.hextile = wanted.contains(&encode::HEXTILE);
                let sizes = [encode::EXTENDED_DESKTOP_SIZE, encode::DESKTOP_SIZE];
                self.resizable = sizes.into_iter().find(|size| wanted.contains(size));
                self.tell_size = self.resizable == Some(encode::EXTENDED_DESKTOP_SIZE);
            }
            Message::Update { incremental } => {
                self.wanted = Some(self.wanted.unwrap_or(true) && incremental);
            }
            Message::Key { symbol, down } => {
                typed.extend(self.keyboard.key(symbol, down, self.hub.modes()));
            }
            Message::SetDesktopSize { width, height } => {
                self.hub.resize(usize::from(width) / font::WIDTH, usize::from(height) / font::HEIGHT);
                self.tell_size = self.resizable == Some(encode::EXTENDED_DESKTOP_SIZE);
            }
            Message::Pointer | Message::CutText | Message::Other => {}
        }
        Ok(())
    }

    /// Sends what is different from what the viewer shows; nothing when nothing is.
    async fn update(&mut self) -> io::Result<()> {
        let picture = self.hub.picture();
        if self.wanted == Some(false) {
            self.shown = None;
        }
        let (mut count, mut out) = (0u16, vec![0, 0, 0, 0]);
        let size = pixels(&picture);
        if let Some(kind) = self.resizable
            && (size != self.size || self.tell_size)
        {
            let extended = kind == encode::EXTENDED_DESKTOP_SIZE;
            encode::head(0, 0, size.0, size.1, kind, &mut out);
            if extended {
                // One screen, as large as all of it.
                out.extend_from_slice(&[1, 0, 0, 0]);
                out.extend_from_slice(&1u32.to_be_bytes());
                for number in [0, 0, size.0, size.1] {
                    out.extend_from_slice(&(number as u16).to_be_bytes());
                }
                out.extend_from_slice(&0u32.to_be_bytes());
            }
            count += 1;
            if size != self.size {
                (self.size, self.shown) = (size, None);
            }
            self.tell_size = false;
        }
        let whole = (0..picture.rows).map(|row| (row, 0, picture.columns));
        let parts: Vec<(usize, usize, usize)> = match &self.shown {
            Some(shown) if (shown.columns, shown.rows) == (picture.columns, picture.rows) => {
                changes(shown, &picture).into_iter().map(|c| (c.row, c.from, c.to)).collect()
            }
            _ => whole.collect(),
        };
        let (columns, rows) = (self.size.0 / font::WIDTH, self.size.1 / font::HEIGHT);
        for (row, from, to) in parts {
            // A viewer that can't be told of a larger screen sees the corner it has.
            let to = to.min(columns);
            if row < rows && from < to {
                let looks = &picture.looks[row * picture.columns..][from..to];
                self.style.rectangle(from * font::WIDTH, row * font::HEIGHT, &paint(looks), &mut out);
                count += 1;
            }
        }
        self.shown = Some(picture);
        if count > 0 {
            out[2..4].copy_from_slice(&count.to_be_bytes());
            self.wanted = None;
            self.send(&out).await?;
        }
        Ok(())
    }
}

/// Waits for a change, and for the moment it may be shown.
async fn refreshed(changed: &mut tokio::sync::watch::Receiver<u64>, next: Instant) {
    // Once nobody can change it any more, the end of the line is told of elsewhere.
    if changed.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    // A wait that is broken off must not have used the change up.
    changed.mark_changed();
    sleep_until(next).await;
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use tokio::io::DuplexStream;

    use super::*;
    use crate::{Line, paint::Pixels, rfb::encode::tests::decode, screen::Rgb8};

    /// A viewer that understands hextiles and sizes.
    struct Client {
        stream: DuplexStream,
        size: (usize, usize),
        shown: Vec<Rgb8>,
    }

    impl Client {
        async fn take(&mut self, n: usize) -> Vec<u8> {
            let mut bytes = vec![0; n];
            self.stream.read_exact(&mut bytes).await.unwrap();
            bytes
        }

        async fn short(&mut self) -> usize {
            usize::from(self.stream.read_u16().await.unwrap())
        }

        async fn hello(stream: DuplexStream, version: &[u8]) -> Client {
            let mut client = Client { stream, size: (0, 0), shown: vec![] };
            assert_eq!(client.take(12).await, b"RFB 003.008\n");
            client.stream.write_all(version).await.unwrap();
            match version[10] {
                b'3' => assert_eq!(client.take(4).await, [0, 0, 0, 1]),
                _ => {
                    assert_eq!(client.take(2).await, [1, 1]);
                    client.stream.write_all(&[1]).await.unwrap();
                }
            }
            if version[10] == b'8' {
                assert_eq!(client.take(4).await, [0; 4]);
            }
            client.stream.write_all(&[1]).await.unwrap();
            client.size = (client.short().await, client.short().await);
            assert_eq!(client.take(16).await, PixelFormat::OFFERED.bytes());
            assert_eq!(client.take(4).await, [0, 0, 0, 5]);
            assert_eq!(client.take(5).await, b"guest");
            client.shown = vec![[9; 3]; client.size.0 * client.size.1];
            client
        }

        async fn ask(&mut self, incremental: bool) {
            let ask = [3, u8::from(incremental), 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
            self.stream.write_all(&ask).await.unwrap();
        }

        /// Takes one update; answers how many rectangles it had.
        async fn update(&mut self) -> usize {
            assert_eq!(self.take(2).await[0], 0);
            let count = self.short().await;
            for _ in 0..count {
                let (x, y) = (self.short().await, self.short().await);
                let (width, height) = (self.short().await, self.short().await);
                match self.stream.read_i32().await.unwrap() {
                    encode::RAW => {
                        let bytes = self.take(width * height * 4).await;
                        let data = bytes.chunks(4).map(|b| [b[2], b[1], b[0]]).collect();
                        self.put(x, y, Pixels { width, height, data });
                    }
                    encode::HEXTILE => {
                        // Its length shows only when it is read: more is taken until it is whole.
                        let mut bytes = Vec::new();
                        let data = loop {
                            match decode(width, height, &bytes) {
                                Some((data, used)) => {
                                    assert_eq!(used, bytes.len());
                                    break data;
                                }
                                None => bytes.push(self.stream.read_u8().await.unwrap()),
                            }
                        };
                        self.put(x, y, Pixels { width, height, data });
                    }
                    encode::EXTENDED_DESKTOP_SIZE => {
                        let screens = self.take(4).await[0];
                        self.take(16 * usize::from(screens)).await;
                        self.size = (width, height);
                        self.shown = vec![[9; 3]; width * height];
                    }
                    other => panic!("{other}"),
                }
            }
            count
        }

        fn put(&mut self, x: usize, y: usize, pixels: Pixels) {
            for (n, pixel) in pixels.data.iter().enumerate() {
                self.shown[(y + n / pixels.width) * self.size.0 + x + n % pixels.width] = *pixel;
            }
        }

        fn shows(&self, picture: &Picture) -> bool {
            let rows = picture.looks.chunks(picture.columns).flat_map(|row| paint(row).data);
            self.size == pixels(picture) && rows.eq(self.shown.iter().copied())
        }
    }

    fn served() -> (Arc<Hub>, Line, DuplexStream) {
        let (near, far) = UnixStream::pair().unwrap();
        let hub = Arc::new(Hub::open(Line::new(near.into()).unwrap(), Arc::default()));
        let (client, server) = tokio::io::duplex(1 << 16);
        let serving = hub.clone();
        tokio::spawn(async move { serve(server, serving, "guest").await });
        (hub, Line::new(far.into()).unwrap(), client)
    }

    async fn said(hub: &Hub, guest: &Line, bytes: &[u8]) {
        let mut changes = hub.changes();
        guest.write_all(bytes).await.unwrap();
        changes.changed().await.unwrap();
    }

    #[tokio::test]
    async fn pictures_keys_and_sizes() {
        let (hub, guest, stream) = served();
        said(&hub, &guest, b"Debian \x1b[32mok\x1b[0m\r\nlogin: ").await;
        let mut client = Client::hello(stream, b"RFB 003.008\n").await;
        assert_eq!(client.size, (640, 400));
        client.ask(false).await;
        client.update().await;
        assert!(client.shows(&hub.picture()));
        // Only what changes is sent, and only when something does.
        client.ask(true).await;
        client.stream.write_all(&[4, 1, 0, 0, 0, 0, 0, b'x', 4, 0, 0, 0, 0, 0, 0, b'x']).await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(guest.read(&mut buffer).await.unwrap(), 1);
        guest.write_all(&buffer[..1]).await.unwrap();
        assert_eq!(client.update().await, 1);
        assert!(client.shows(&hub.picture()));
        // The viewer asks for another size and gets the next that fits.
        client.stream.write_all(&[2, 0, 0, 1]).await.unwrap();
        client.stream.write_all(&encode::EXTENDED_DESKTOP_SIZE.to_be_bytes()).await.unwrap();
        client.ask(true).await;
        client.update().await;
        client.ask(true).await;
        let mut ask = vec![251, 0, 4, 4, 3, 3, 1, 0];
        ask.extend([0; 16]);
        client.stream.write_all(&ask).await.unwrap();
        client.update().await;
        assert_eq!(client.size, (1024, 768));
        assert!(client.shows(&hub.picture()));
        // The guest ends.
        drop(guest);
        assert_eq!(client.stream.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn hextiles_and_old_viewers() {
        for version in [b"RFB 003.003\n", b"RFB 003.007\n", b"RFB 003.008\n"] {
            let (hub, guest, stream) = served();
            said(&hub, &guest, b"\x1b[?25lx").await;
            let mut client = Client::hello(stream, version).await;
            client.stream.write_all(&[2, 0, 0, 1, 0, 0, 0, 5]).await.unwrap();
            client.ask(false).await;
            client.update().await;
            assert!(client.shows(&hub.picture()));
        }
    }

    #[tokio::test]
    async fn strangers_are_sent_away() {
        for nonsense in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"RFB 003.008\n\x02", b"RFB 003.008\n\x01\x01\xfe"] {
            let (_hub, _guest, mut stream) = served();
            stream.write_all(nonsense).await.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
        }
    }
}
