//! Memory images: what `xl save` writes goes through us into a volume, and back to `xl restore`, without a file
//! in between. A header written last tells a whole image from one that was cut short.

use std::{process::Stdio, sync::Arc, time::Duration};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::timeout,
};
use xapi_backend::{program::complaint, storage::Storage};
use xapi_schema::{Failure, Result, errors};

use crate::tool::Xl;

/// First bytes of an image.
const MAGIC: &[u8; 16] = b"XENNIX-MEMORY-1\n";
/// Bytes the header takes.
const HEADER: u64 = 4_096;
/// Bytes moved at once.
const CHUNK: usize = 1 << 20;
/// Bytes of xl's complaints that are kept.
const TOLD: u64 = 16 << 10;

/// A volume: SR and location.
pub type Place<'a> = (&'a str, &'a str);

struct Running {
    child: Child,
    told: tokio::task::JoinHandle<String>,
}

impl Running {
    /// Starts xl; `SIGPIPE` is ignored, so that it undoes what it began when we go away.
    fn start(xl: &Xl, args: &[&str], stdin: Stdio, stdout: Stdio) -> Result<Running> {
        let mut child = Command::new("env")
            .arg("--ignore-signal=PIPE")
            .arg(&xl.program)
            .args(args)
            .envs(xl.variables.iter().map(|(name, value)| (name, value)))
            .env("LC_ALL", "C")
            .stdin(stdin)
            .stdout(stdout)
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|e| Failure::internal(format!("xl could not be started: {e}")))?;
        let stderr = child.stderr.take();
        let told = tokio::spawn(async move {
            let mut text = Vec::new();
            if let Some(mut stderr) = stderr {
                let _ = (&mut stderr).take(TOLD).read_to_end(&mut text).await;
                // It must not stop because nobody reads on.
                let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
            }
            String::from_utf8_lossy(&text).into_owned()
        });
        Ok(Running { child, told })
    }

    fn kill(&self) {
        if let Some(pid) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            // A group that is gone is what was wanted.
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    /// Waits for its end; kills it when it does not come.
    async fn finish(mut self, what: &str, patience: Duration) -> Result<()> {
        let status = match timeout(patience, self.child.wait()).await {
            Ok(status) => status.map_err(|e| Failure::internal(format!("xl {what}: {e}")))?,
            Err(_) => {
                self.kill();
                let _ = self.child.wait().await;
                return Err(Failure::internal(format!(
                    "xl {what} did not end within {} s",
                    patience.as_secs()
                )));
            }
        };
        if status.success() {
            return Ok(());
        }
        let told = complaint(&self.told.await.unwrap_or_default());
        Err(Failure::internal(format!("xl {what} failed with {status}: {told}")))
    }
}

/// Writes the memory of a domain into a volume and leaves the domain paused, for as long as the image is not sealed it
/// is all there is of the guest. After an error the guest runs on.
///
/// # Errors
/// Those of xl and of the storage.
pub async fn save(xl: &Xl, storage: &Arc<dyn Storage>, domid: u32, to: Place<'_>) -> Result<u64> {
    let number = domid.to_string();
    // Until the end there shall be no valid header, whatever the volume held before.
    storage.write(to.0, to.1, 0, vec![0; HEADER as usize]).await?;
    let args = ["save", "-p", &number, "/proc/self/fd/1"];
    let mut running = Running::start(xl, &args, Stdio::null(), Stdio::piped())?;
    let stdout = running.child.stdout.take();
    let moved = match stdout {
        Some(stdout) => store(storage, stdout, to, xl.stall).await,
        None => Err(Failure::internal("xl save has no output")),
    };
    match moved {
        // The pipe is closed now, so xl learns that nobody takes the image and lets the guest go on.
        Err(failure) => {
            if let Err(end) = running.finish("save", xl.stall).await {
                tracing::info!(%end, "a memory image was not completed");
            }
            Err(failure)
        }
        Ok(length) => {
            running.finish("save", xl.stall).await?;
            if length == 0 {
                return Err(Failure::internal("xl save wrote nothing"));
            }
            seal(storage, to, length).await?;
            Ok(length)
        }
    }
}

async fn store(
    storage: &Arc<dyn Storage>,
    mut stdout: tokio::process::ChildStdout,
    to: Place<'_>,
    stall: Duration,
) -> Result<u64> {
    let mut length = 0u64;
    loop {
        let mut chunk = vec![0; CHUNK];
        let mut filled = 0;
        while filled < CHUNK {
            let read = timeout(stall, stdout.read(&mut chunk[filled..])).await;
            let read = read.map_err(|_| Failure::internal("xl save stands still"))?;
            match read.map_err(|e| Failure::internal(format!("xl save: {e}")))? {
                0 => break,
                more => filled += more,
            }
        }
        if filled == 0 {
            return Ok(length);
        }
        chunk.truncate(filled);
        storage.write(to.0, to.1, HEADER + length, chunk).await?;
        length += filled as u64;
    }
}

async fn seal(storage: &Arc<dyn Storage>, to: Place<'_>, length: u64) -> Result<()> {
    storage.flush(to.0, to.1).await?;
    let mut header = vec![0; HEADER as usize];
    header[..16].copy_from_slice(MAGIC);
    header[16..24].copy_from_slice(&length.to_le_bytes());
    storage.write(to.0, to.1, 0, header).await?;
    storage.flush(to.0, to.1).await
}

/// Bytes of the image in a volume, if it is whole.
///
/// # Errors
/// Those of the storage.
pub async fn length(storage: &Arc<dyn Storage>, of: Place<'_>) -> Result<Option<u64>> {
    let header = storage.read(of.0, of.1, 0, HEADER as usize).await?;
    if header.get(..16) != Some(MAGIC.as_slice()) {
        return Ok(None);
    }
    Ok(header.get(16..24).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes))
}

/// Makes an image one that nobody can resume from: the guest is about to go on, and memory that is older than its disks
/// would ruin them. One that is gone, or on storage that is, is fine.
///
/// # Errors
/// Those of the storage.
pub async fn spend(storage: &Arc<dyn Storage>, of: Place<'_>) -> Result<()> {
    let spent = match storage.write(of.0, of.1, 0, vec![0; HEADER as usize]).await {
        Ok(()) => storage.flush(of.0, of.1).await,
        failed => failed,
    };
    let Err(failure) = spent else { return Ok(()) };
    match length(storage, of).await {
        Ok(None) => Ok(()),
        Err(gone) if gone.is(&errors::VDI_MISSING) || gone.is(&errors::SR_NOT_ATTACHED) => Ok(()),
        _ => Err(failure),
    }
}

/// Builds a domain from an image, paused.
///
/// # Errors
/// An image that is none or was cut short, those of xl and of the storage.
pub async fn restore(xl: &Xl, storage: &Arc<dyn Storage>, config: &str, from: Place<'_>) -> Result<()> {
    let Some(length) = length(storage, from).await? else {
        return Err(Failure::internal("the disk holds no whole memory image of this toolstack"));
    };
    let args = ["restore", "-e", "-p", config, "/proc/self/fd/0"];
    let mut running = Running::start(xl, &args, Stdio::piped(), Stdio::null())?;
    let fed = match running.child.stdin.take() {
        Some(stdin) => feed(storage, stdin, from, length, xl.stall).await,
        None => Err(Failure::internal("xl restore has no input")),
    };
    if let Err(failure) = &fed {
        tracing::warn!(%failure, "a memory image could not be read to its end");
    }
    // What xl says weighs more: it may have ended first, which breaks the pipe.
    running.finish("restore", xl.slow).await.and(fed)
}

async fn feed(
    storage: &Arc<dyn Storage>,
    mut stdin: tokio::process::ChildStdin,
    from: Place<'_>,
    length: u64,
    stall: Duration,
) -> Result<()> {
    let mut done = 0;
    while done < length {
        let wanted = usize::try_from((length - done).min(CHUNK as u64)).unwrap_or(CHUNK);
        let chunk = storage.read(from.0, from.1, HEADER + done, wanted).await?;
        if chunk.is_empty() {
            return Err(Failure::internal("the memory image is shorter than it says"));
        }
        let written = timeout(stall, stdin.write_all(&chunk)).await;
        let written = written.map_err(|_| Failure::internal("xl restore stands still"))?;
        written.map_err(|e| Failure::internal(format!("xl restore: {e}")))?;
        done += chunk.len() as u64;
    }
    Ok(())
}
