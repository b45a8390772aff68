//! A guest's side of a disk: NBD over a local socket, as an emulator speaks it. Only what a test needs.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The export every disk server has.
const EXPORT: &[u8] = b"disk";
/// How long a server that died may take to be there again.
const PATIENCE: Duration = Duration::from_secs(120);

/// An open disk. A connection that breaks is made anew, and what was not answered is asked again, as an emulator that
/// was told to reconnect does.
#[derive(Debug)]
pub struct Disk {
    socket: PathBuf,
    stream: Option<UnixStream>,
    cookie: u64,
    /// How often the connection broke.
    pub broken: u64,
}

impl Disk {
    /// The disk at a socket.
    pub fn at(socket: &Path) -> Disk {
        Disk { socket: socket.to_path_buf(), stream: None, cookie: 0, broken: 0 }
    }

    /// Reads.
    ///
    /// # Errors
    /// The disk's own, or it did not come back.
    pub fn read(&mut self, offset: u64, length: u32) -> io::Result<Vec<u8>> {
        self.ask(0, offset, length, &[])
    }

    /// Writes; acknowledged on return.
    ///
    /// # Errors
    /// As [`Disk::read`].
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.ask(1, offset, bytes.len() as u32, bytes).map(drop)
    }

    /// Makes everything acknowledged durable.
    ///
    /// # Errors
    /// As [`Disk::read`].
    pub fn flush(&mut self) -> io::Result<()> {
        self.ask(3, 0, 0, &[]).map(drop)
    }

    fn ask(&mut self, command: u16, offset: u64, length: u32, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.try_ask(command, offset, length, bytes) {
                Ok(answer) => return answer,
                Err(error) if Instant::now() > end => return Err(error),
                Err(_) => {
                    self.broken += u64::from(self.stream.take().is_some());
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }

    /// The outer error is the connection's, the inner one the disk's.
    fn try_ask(
        &mut self,
        command: u16,
        offset: u64,
        length: u32,
        bytes: &[u8],
    ) -> io::Result<io::Result<Vec<u8>>> {
        if self.stream.is_none() {
            self.stream = Some(connect(&self.socket)?);
        }
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        self.cookie += 1;
        let mut request = Vec::with_capacity(28 + bytes.len());
        request.extend(0x2560_9513u32.to_be_bytes());
        request.extend(0u16.to_be_bytes());
        request.extend(command.to_be_bytes());
        request.extend(self.cookie.to_be_bytes());
        request.extend(offset.to_be_bytes());
        request.extend(length.to_be_bytes());
        request.extend(bytes);
        stream.write_all(&request)?;
        let mut head = [0; 16];
        stream.read_exact(&mut head)?;
        if head[..4] != 0x6744_6698u32.to_be_bytes() || head[8..] != self.cookie.to_be_bytes() {
            return Err(io::Error::other("an answer to nothing"));
        }
        let error = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        if error != 0 {
            return Ok(Err(io::Error::from_raw_os_error(error as i32)));
        }
        let mut data = vec![0; if command == 0 { length as usize } else { 0 }];
        stream.read_exact(&mut data)?;
        Ok(Ok(data))
    }
}

fn connect(socket: &Path) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut hello = [0; 18];
    stream.read_exact(&mut hello)?;
    if &hello[..16] != b"NBDMAGICIHAVEOPT" {
        return Err(io::Error::other("no server of disks"));
    }
    let mut say = Vec::from(3u32.to_be_bytes());
    // The oldest way to choose an export: no answer but its size and flags.
    say.extend(b"IHAVEOPT");
    say.extend(1u32.to_be_bytes());
    say.extend((EXPORT.len() as u32).to_be_bytes());
    say.extend(EXPORT);
    stream.write_all(&say)?;
    let mut export = [0; 10];
    stream.read_exact(&mut export)?;
    Ok(stream)
}
