//! Bytes between a client and a console, until one of them leaves, the guest moves or stops, or nobody has done
//! anything for too long.

use std::{
    io,
    sync::Mutex,
    time::{Duration, Instant},
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use xapi_console::rfb::Activity;
use xapi_ops::Xapi;
use xapi_schema::{
    Ref,
    classes::{Console, Vm, vm},
};
use xapi_store::Read;

use super::lines::Far;

/// Bytes taken at a time.
const PIECE: usize = 16 << 10;
/// Longest a side that leaves is waited for.
const FAREWELL: Duration = Duration::from_secs(5);

/// Waits until a console is gone, or its VM from this host.
pub async fn left(xapi: &Xapi, this: &Ref<Console>, guest: &Ref<Vm>) {
    let mut changes = xapi.store.subscribe();
    loop {
        {
            let snapshot = xapi.store.snapshot();
            let here = snapshot.get(guest, vm::resident_on).is_ok_and(|home| home == xapi.host);
            if !here || !snapshot.exists(this) {
                return;
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Relays; both sides are closed afterwards.
pub async fn run<S>(near: S, far: Far, idle: Option<Duration>, over: impl Future<Output = ()>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut from_near, mut to_near) = tokio::io::split(near);
    let (mut from_far, mut to_far) = tokio::io::split(far.stream);
    let last = Mutex::new(Instant::now());
    let mut activity = far.rfb.then(Activity::default);
    let mut active = |bytes: &[u8]| activity.as_mut().is_none_or(|activity| activity.saw(bytes));
    let up = async {
        let mut buffer = vec![0; PIECE];
        loop {
            let n = from_near.read(&mut buffer).await?;
            if n == 0 {
                return io::Result::Ok(());
            }
            if idle.is_some() && active(&buffer[..n]) {
                *lock(&last) = Instant::now();
            }
            to_far.write_all(&buffer[..n]).await?;
            to_far.flush().await?;
        }
    };
    let down = async {
        let mut buffer = vec![0; PIECE];
        loop {
            let n = from_far.read(&mut buffer).await?;
            if n == 0 {
                return io::Result::Ok(());
            }
            to_near.write_all(&buffer[..n]).await?;
            to_near.flush().await?;
        }
    };
    let silence = async {
        let Some(idle) = idle else { return std::future::pending().await };
        loop {
            let left = idle.saturating_sub(lock(&last).elapsed());
            if left.is_zero() {
                return tracing::info!("a console was closed because nobody uses it");
            }
            tokio::time::sleep(left).await;
        }
    };
    tokio::select! {
        done = up => report(done),
        done = down => report(done),
        () = silence => {}
        () = over => {}
    }
    let farewell = async {
        let _ = to_near.shutdown().await;
        let _ = to_far.shutdown().await;
    };
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
}

fn lock(last: &Mutex<Instant>) -> std::sync::MutexGuard<'_, Instant> {
    last.lock().unwrap_or_else(|e| e.into_inner())
}

/// Viewers hang up in every possible way; that is no news.
fn report(done: io::Result<()>) {
    if let Err(error) = done {
        tracing::debug!(%error, "a console was hung up");
    }
}
