//! One connection to xenstore: requests matched with answers, events put aside.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::UnixStream,
    sync::{mpsc, oneshot},
};

use super::{
    Error, Result, lock,
    wire::{self, Header, Kind},
};

type Waiting = Mutex<HashMap<u32, oneshot::Sender<Result<Vec<u8>>>>>;

/// Events kept for a watcher that is slow. Xen limits what one guest can cause; beyond this they are dropped,
/// because a watcher looks at everything anyway.
const EVENTS: usize = 4_096;

/// A connection.
pub struct Link {
    writer: tokio::sync::Mutex<Box<dyn AsyncWrite + Send + Unpin>>,
    waiting: Arc<Waiting>,
    events: tokio::sync::Mutex<mpsc::Receiver<(String, String)>>,
    dead: Arc<AtomicBool>,
    next: AtomicU32,
    /// It takes any bytes, not messages.
    streams: bool,
    reader: tokio::task::JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Link {
    /// Connects to the first place there is. One that is there and does not take us is the daemon being away, and is no
    /// reason to go on to the next: the kernel's device leads to the same daemon, and a request nobody answers there, left
    /// by who asked it, holds up the control domain's own conversation with xenstore for good (Linux 6.12).
    pub async fn open(places: &[PathBuf]) -> Result<Arc<Link>> {
        for place in places {
            match dial(place).await {
                Ok(((reader, writer), streams)) => return Ok(Link::over(reader, writer, streams)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::Gone(format!("{}: {error}", place.display()))),
            }
        }
        let names: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        Err(Error::Gone(format!("there is none of {}", names.join(", "))))
    }

    fn over(
        reader: Box<dyn AsyncRead + Send + Unpin>,
        writer: Box<dyn AsyncWrite + Send + Unpin>,
        streams: bool,
    ) -> Arc<Link> {
        let waiting: Arc<Waiting> = Arc::default();
        let dead = Arc::new(AtomicBool::new(false));
        let (sender, events) = mpsc::channel(EVENTS);
        let reader = tokio::spawn(listen(reader, waiting.clone(), sender, dead.clone()));
        Arc::new(Link {
            writer: tokio::sync::Mutex::new(writer),
            waiting,
            events: tokio::sync::Mutex::new(events),
            dead,
            next: AtomicU32::new(1),
            streams,
            reader,
        })
    }

    /// The daemon is gone.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// The next event: path and token; `None` at the end of the connection.
    pub async fn event(&self) -> Option<(String, String)> {
        self.events.lock().await.recv().await
    }

    /// Sends a request and waits for its answer.
    pub async fn request(
        &self,
        kind: Kind,
        transaction: u32,
        texts: &[&str],
        raw: &[u8],
        deadline: Duration,
    ) -> Result<Vec<u8>> {
        let request = Request { kind, texts: texts.to_vec(), raw };
        let answers = self.requests(transaction, &[request], deadline).await;
        answers.into_iter().next().unwrap_or_else(|| Err(ended()))
    }

    /// Sends requests one behind the other, and waits for the answer of each: the daemon takes a connection's requests in order.
    /// Over a socket they are one piece; the kernel's device takes one message at a time, and throws away what follows it.
    pub async fn requests(
        &self,
        transaction: u32,
        requests: &[Request<'_>],
        deadline: Duration,
    ) -> Vec<Result<Vec<u8>>> {
        let (mut pieces, mut numbers, mut answers) = (Vec::<Vec<u8>>::new(), Vec::new(), Vec::new());
        for request in requests {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let message =
                wire::message(request.kind as u32, number, transaction, &request.texts, request.raw);
            if message.len() > Header::SIZE + wire::LONGEST {
                let about = request.texts.first().unwrap_or(&"").to_string();
                return requests.iter().map(|_| Err(Error::Senseless(about.clone()))).collect();
            }
            match pieces.last_mut().filter(|_| self.streams) {
                Some(piece) => piece.extend(message),
                None => pieces.push(message),
            }
            numbers.push(number);
        }
        for number in &numbers {
            let (sender, receiver) = oneshot::channel();
            lock(&self.waiting).insert(*number, sender);
            answers.push(receiver);
        }
        let work = async {
            // A message written by half would garble all that follow.
            let written = async {
                let mut writer = self.writer.lock().await;
                for piece in &pieces {
                    writer.write_all(piece).await?;
                    writer.flush().await?;
                }
                Ok::<(), std::io::Error>(())
            };
            if let Err(error) = written.await {
                self.dead.store(true, Ordering::Release);
                let gone = Error::Gone(error.to_string());
                return requests.iter().map(|_| Err(gone.clone())).collect();
            }
            if self.is_dead() {
                return requests.iter().map(|_| Err(ended())).collect();
            }
            join_all(answers.into_iter().map(async |answer| answer.await.unwrap_or_else(|_| Err(ended()))))
                .await
        };
        let outcome = tokio::time::timeout(deadline, work).await;
        for number in &numbers {
            lock(&self.waiting).remove(number);
        }
        outcome.unwrap_or_else(|_| {
            self.dead.store(true, Ordering::Release);
            self.reader.abort();
            lock(&self.waiting).clear();
            requests.iter().map(|_| Err(Error::Late(deadline.as_secs()))).collect()
        })
    }
}

/// One request of several.
pub struct Request<'a> {
    pub kind: Kind,
    pub texts: Vec<&'a str>,
    pub raw: &'a [u8],
}

fn ended() -> Error {
    Error::Gone("the connection ended".into())
}

type Halves = (Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>);

/// Both directions, and whether they are streams of bytes.
async fn dial(place: &Path) -> std::io::Result<(Halves, bool)> {
    use std::os::unix::fs::FileTypeExt;
    if tokio::fs::metadata(place).await?.file_type().is_char_device() {
        // The device is one conversation for both handles, and its reads wait in a thread of their own.
        let file = std::fs::OpenOptions::new().read(true).write(true).open(place)?;
        let other = file.try_clone()?;
        let halves: Halves =
            (Box::new(tokio::fs::File::from_std(file)), Box::new(tokio::fs::File::from_std(other)));
        return Ok((halves, false));
    }
    let (reader, writer) = UnixStream::connect(place).await?.into_split();
    Ok(((Box::new(reader), Box::new(writer)), true))
}

async fn listen(
    reader: Box<dyn AsyncRead + Send + Unpin>,
    waiting: Arc<Waiting>,
    events: mpsc::Sender<(String, String)>,
    dead: Arc<AtomicBool>,
) {
    // Answers to what was sent at once come at once.
    let mut reader = BufReader::new(reader);
    let _ = talk(&mut reader, &waiting, &events).await;
    dead.store(true, Ordering::Release);
    // Who still waits learns by the loss of the sender.
    lock(&waiting).clear();
}

async fn talk(
    reader: &mut (dyn AsyncRead + Send + Unpin),
    waiting: &Waiting,
    events: &mpsc::Sender<(String, String)>,
) -> std::io::Result<()> {
    loop {
        let mut head = [0; Header::SIZE];
        reader.read_exact(&mut head).await?;
        let header = Header::parse(&head);
        // Answers of some daemons may be a little longer than requests; far longer is no xenstore.
        if header.length as usize > 4 * wire::LONGEST {
            return Err(std::io::Error::other("a message that is too long"));
        }
        let mut body = vec![0; header.length as usize];
        reader.read_exact(&mut body).await?;
        if header.kind == Kind::WatchEvent as u32 {
            let mut texts = wire::texts(&body).into_iter();
            if let (Some(path), Some(token)) = (texts.next(), texts.next()) {
                let _ = events.try_send((path, token));
            }
        } else if let Some(sender) = lock(waiting).remove(&header.request) {
            let answer = if header.kind == Kind::Error as u32 {
                Err(Error::Refused(wire::texts(&body).into_iter().next().unwrap_or_default()))
            } else {
                Ok(body)
            };
            let _ = sender.send(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes each write.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<usize>>>);

    impl AsyncWrite for Written {
        fn poll_write(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            bytes: &[u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            lock(&self.0).push(bytes.len());
            std::task::Poll::Ready(Ok(bytes.len()))
        }
        fn poll_flush(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::task::Poll::Ready(Ok(()))
        }
        fn poll_shutdown(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::task::Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_device_is_given_one_message_at_a_time() {
        for (streams, pieces) in [(false, 3), (true, 1)] {
            let written = Written::default();
            let (reader, _kept) = tokio::io::duplex(64);
            let link = Link::over(Box::new(reader), Box::new(written.clone()), streams);
            let request = || Request { kind: Kind::Write, texts: vec!["/a"], raw: b"1" };
            let answers =
                link.requests(0, &[request(), request(), request()], Duration::from_millis(50)).await;
            assert!(answers.iter().all(|answer| matches!(answer, Err(Error::Late(_)))));
            assert_eq!(lock(&written.0).len(), pieces);
        }
    }
}
