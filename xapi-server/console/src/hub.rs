//! One reader of a guest's text, any number of viewers. Never waits for a viewer: who is too slow misses something.
//!
//! A guest that says much is read no faster than [`BURST`] in [`PACE`], so that no guest takes a processor with its
//! console; its own buffers make it wait then.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{broadcast, mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

use crate::{Line, Screen, keys::Modes, screen::Picture};

/// Bytes read at a time.
const PIECE: usize = 8 << 10;
/// Bytes after which a guest that never stops talking is left alone for a moment.
const BURST: usize = 64 << 10;
/// That moment.
const PACE: Duration = Duration::from_millis(10);
/// Pieces a viewer may be behind.
const BEHIND: usize = 256;
/// Pieces of typing that wait for a guest.
const TYPING: usize = 64;

/// What all viewers of a line share. The line is closed when the last of them has gone.
pub struct Hub {
    shared: Arc<Shared>,
    typing: mpsc::Sender<Bytes>,
    tasks: [JoinHandle<()>; 2],
}

struct Shared {
    screen: Arc<Mutex<Screen>>,
    said: broadcast::Sender<Bytes>,
    /// Counts changes of the screen.
    changed: watch::Sender<u64>,
    ended: watch::Sender<bool>,
}

fn lock(screen: &Mutex<Screen>) -> std::sync::MutexGuard<'_, Screen> {
    screen.lock().unwrap_or_else(|e| e.into_inner())
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Somebody who sees a line's text.
pub struct Viewer {
    said: broadcast::Receiver<Bytes>,
    ended: watch::Receiver<bool>,
}

impl Viewer {
    /// The next bytes; `None` once the line has ended.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            tokio::select! {
                biased;
                said = self.said.recv() => match said {
                    Ok(bytes) => return Some(bytes),
                    Err(broadcast::error::RecvError::Lagged(missed)) => {
                        tracing::debug!(missed, "a viewer of a console is too slow");
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
                () = over(&mut self.ended) => return self.said.try_recv().ok(),
            }
        }
    }
}

impl Hub {
    /// Begins to read a line onto a screen, which may show something from before.
    pub fn open(line: Line, screen: Arc<Mutex<Screen>>) -> Hub {
        let shared = Arc::new(Shared {
            screen,
            said: broadcast::channel(BEHIND).0,
            changed: watch::channel(0).0,
            ended: watch::channel(false).0,
        });
        let (typing, typed) = mpsc::channel(TYPING);
        let line = Arc::new(line);
        let reader = tokio::spawn(read(line.clone(), shared.clone(), typing.clone()));
        let writer = tokio::spawn(write(line, shared.clone(), typed));
        Hub { shared, typing, tasks: [reader, writer] }
    }

    /// What was said so far, and a view of what comes.
    pub fn view(&self) -> (Vec<u8>, Viewer) {
        // Nothing is said while the screen is held.
        let screen = lock(&self.shared.screen);
        let viewer = Viewer { said: self.shared.said.subscribe(), ended: self.shared.ended.subscribe() };
        (screen.transcript(), viewer)
    }

    /// Types something; waits while the guest does not take it. False when there is nobody to type to any more.
    pub async fn type_in(&self, bytes: Bytes) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let mut ended = self.shared.ended.subscribe();
        tokio::select! {
            biased;
            () = over(&mut ended) => false,
            sent = self.typing.send(bytes) => sent.is_ok(),
        }
    }

    /// How it looks now.
    pub fn picture(&self) -> Picture {
        lock(&self.shared.screen).picture()
    }

    /// What programs have asked of the keyboard.
    pub fn modes(&self) -> Modes {
        lock(&self.shared.screen).modes()
    }

    /// Changes the size of the screen, in characters, for everybody.
    pub fn resize(&self, columns: usize, rows: usize) -> (usize, usize) {
        let size = lock(&self.shared.screen).resize(columns, rows);
        self.shared.changed.send_modify(|n| *n += 1);
        size
    }

    /// Told at each change of the screen.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// Told when the line ends.
    pub fn ends(&self) -> watch::Receiver<bool> {
        self.shared.ended.subscribe()
    }

    /// The line has ended.
    pub fn has_ended(&self) -> bool {
        *self.shared.ended.borrow()
    }
}

/// Waits for the end of a line.
pub async fn over(ended: &mut watch::Receiver<bool>) {
    // Nobody who could tell is the end, too.
    let _ = ended.wait_for(|ended| *ended).await;
}

async fn read(line: Arc<Line>, shared: Arc<Shared>, typing: mpsc::Sender<Bytes>) {
    let mut buffer = vec![0; PIECE];
    let (mut since, mut burst) = (Instant::now(), 0);
    loop {
        let held = lock(&shared.screen).held_until();
        let read = tokio::select! {
            read = line.read(&mut buffer) => read,
            () = wait_until(held) => {
                lock(&shared.screen).settle();
                shared.changed.send_modify(|n| *n += 1);
                continue;
            }
        };
        let n = match read {
            Ok(n @ 1..) => n,
            Ok(_) => break,
            Err(error) => {
                tracing::debug!(%error, "a console has ended");
                break;
            }
        };
        let answer = {
            let mut screen = lock(&shared.screen);
            // Nobody watching is fine.
            let _ = shared.said.send(Bytes::copy_from_slice(&buffer[..n]));
            screen.feed(&buffer[..n])
        };
        shared.changed.send_modify(|n| *n += 1);
        // A terminal that looks on answers by itself.
        if !answer.is_empty() && shared.said.receiver_count() == 0 {
            // A guest that asks and does not listen gets no answer.
            let _ = typing.try_send(answer.into());
        }
        if since.elapsed() > PACE {
            (since, burst) = (Instant::now(), 0);
        }
        burst += n;
        if burst >= BURST {
            sleep(PACE).await;
        }
    }
    shared.ended.send_replace(true);
}

async fn wait_until(moment: Option<std::time::Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

async fn write(line: Arc<Line>, shared: Arc<Shared>, mut typed: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = typed.recv().await {
        if let Err(error) = line.write_all(&bytes).await {
            tracing::debug!(%error, "nobody is at the other end of a console");
            break;
        }
    }
    shared.ended.send_replace(true);
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn hub() -> (Hub, Line) {
        let (near, far) = UnixStream::pair().unwrap();
        (Hub::open(Line::new(near.into()).unwrap(), Arc::default()), Line::new(far.into()).unwrap())
    }

    #[tokio::test]
    async fn everybody_sees_and_everybody_types() {
        let (hub, guest) = hub();
        let (told, mut first) = hub.view();
        assert!(told.is_empty());
        guest.write_all(b"login: ").await.unwrap();
        assert_eq!(first.next().await.unwrap(), "login: ");
        let (told, mut second) = hub.view();
        assert_eq!(told, b"login: ");
        assert!(hub.type_in("root\r".into()).await);
        let mut buffer = [0; 16];
        assert_eq!(guest.read(&mut buffer).await.unwrap(), 5);
        guest.write_all(b"root\r\n").await.unwrap();
        assert_eq!(first.next().await.unwrap(), "root\r\n");
        assert_eq!(second.next().await.unwrap(), "root\r\n");
        drop(second);
        drop(guest);
        assert_eq!(first.next().await, None);
        assert!(hub.has_ended() && !hub.type_in("x".into()).await);
    }

    #[tokio::test]
    async fn questions_are_answered_where_no_terminal_does() {
        let (hub, guest) = hub();
        let mut changes = hub.changes();
        let (_, viewer) = hub.view();
        guest.write_all(b"\r\n\x1b[6n").await.unwrap();
        changes.changed().await.unwrap();
        drop(viewer);
        guest.write_all(b"x\x1b[6n").await.unwrap();
        let mut buffer = [0; 16];
        let n = guest.read(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..n], b"\x1b[2;2R");
    }

    #[tokio::test]
    async fn a_viewer_that_does_not_look_stops_nobody() {
        let (hub, guest) = hub();
        let (_, mut lazy) = hub.view();
        let piece = vec![b'x'; PIECE];
        for _ in 0..BEHIND * 3 {
            guest.write_all(&piece).await.unwrap();
        }
        guest.write_all(b"\r\nend").await.unwrap();
        drop(guest);
        let mut last = Bytes::new();
        while let Some(bytes) = lazy.next().await {
            last = bytes;
        }
        assert!(last.ends_with(b"\r\nend"));
    }

    #[tokio::test]
    async fn the_line_closes_with_the_last_viewer() {
        let (hub, guest) = hub();
        drop(hub);
        assert_eq!(guest.read(&mut [0; 8]).await.unwrap(), 0);
    }
}
