//! A line to a guest: a terminal of the host, or anything else bytes go through. Never decides who may use it.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{fd::OwnedFd, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{FcntlArg, Flock, FlockArg, OFlag, fcntl},
    sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr},
};
use tokio::net::unix::pipe::{Receiver, Sender};

/// Bytes both ways; the file behind it does not block.
pub struct Line {
    from: Receiver,
    to: Sender,
    /// Kept for as long as the line is open.
    _lock: Option<Lock>,
}

/// Says to other programs that somebody reads this terminal already.
struct Lock {
    path: PathBuf,
    _file: Flock<File>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Still held here, so nobody else's file goes.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Line {
    /// A line over an open file; a terminal must be raw already.
    ///
    /// # Errors
    /// A file that can't be waited for.
    pub fn new(fd: OwnedFd) -> io::Result<Line> {
        Line::over(File::from(fd), None)
    }

    /// Named after pipes, these read and write whatever can be waited for.
    fn over(file: File, lock: Option<Lock>) -> io::Result<Line> {
        let flags = OFlag::from_bits_truncate(fcntl(&file, FcntlArg::F_GETFL)?);
        fcntl(&file, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        let (from, to) = (file.try_clone()?, file);
        Ok(Line {
            from: Receiver::from_file_unchecked(from)?,
            to: Sender::from_file_unchecked(to)?,
            _lock: lock,
        })
    }

    /// Reads what is there, or waits for something; 0 at the end.
    ///
    /// # Errors
    /// The far end is gone.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.from.readable().await?;
            match self.from.try_read(buffer) {
                Err(error) if again(&error) => {}
                done => return done,
            }
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// The far end is gone.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.to.writable().await?;
            match self.to.try_write(bytes) {
                Err(error) if again(&error) => {}
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                done => bytes = &bytes[done?..],
            }
        }
        Ok(())
    }
}

fn again(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Opens a terminal of the host as a line. `lock` is the file other readers of it lock: two readers would each get
/// half of what the guest says.
///
/// # Errors
/// `ResourceBusy` when another program reads it; a terminal that is not there.
pub fn open_terminal(path: &Path, lock: Option<&Path>) -> io::Result<Line> {
    let lock = lock.map(take).transpose()?;
    let flags = (OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits();
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    // Otherwise what the guest says would be echoed to it.
    let mut settings = tcgetattr(&file)?;
    cfmakeraw(&mut settings);
    tcsetattr(&file, SetArg::TCSANOW, &settings)?;
    Line::over(file, lock)
}

fn take(path: &Path) -> io::Result<Lock> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(held) => Ok(Lock { path: path.to_path_buf(), _file: held }),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(io::ErrorKind::ResourceBusy.into()),
        Err((_, errno)) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn bytes_go_both_ways_until_the_end() {
        let (near, far) = UnixStream::pair().unwrap();
        let line = Line::new(near.into()).unwrap();
        let other = Line::new(far.into()).unwrap();
        let much = vec![7u8; 1 << 20];
        let (sent, got) = tokio::join!(other.write_all(&much), async {
            let mut got = Vec::new();
            let mut buffer = [0; 4096];
            while got.len() < much.len() {
                let n = line.read(&mut buffer).await.unwrap();
                got.extend_from_slice(&buffer[..n]);
            }
            got
        });
        sent.unwrap();
        assert_eq!(got, much);
        drop(other);
        assert_eq!(line.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_terminal_is_raw_and_has_one_reader() {
        let pty = nix::pty::openpty(None, None).unwrap();
        let name = nix::unistd::ttyname(&pty.slave).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join("lock");
        let line = open_terminal(&name, Some(&lock)).unwrap();
        let busy = open_terminal(&name, Some(&lock)).err().unwrap();
        assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
        let guest = Line::new(pty.master).unwrap();
        guest.write_all(b"login: \x03\r\n").await.unwrap();
        let mut buffer = [0; 64];
        let n = line.read(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..n], b"login: \x03\r\n");
        line.write_all(b"x\r").await.unwrap();
        let n = guest.read(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..n], b"x\r");
        drop(line);
        assert!(!lock.exists());
        open_terminal(&name, Some(&lock)).unwrap();
    }
}
