//! What a start has to show before it is confirmed.

use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::Command,
    time::Duration,
};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Checks {
    /// Units that must be active.
    pub units: Vec<String>,
    /// Local socket on which the toolstack must answer.
    pub socket: Option<PathBuf>,
    /// Address that must accept a connection.
    pub reach: Option<String>,
    /// The program `systemctl`.
    pub systemctl: PathBuf,
}

impl Checks {
    /// What is not as it should be; empty when all is well.
    pub fn complaints(&self) -> Vec<String> {
        let mut all = Vec::new();
        for unit in &self.units {
            let active = Command::new(&self.systemctl).args(["is-active", "--quiet", unit]).status();
            if !active.is_ok_and(|status| status.success()) {
                all.push(format!("{unit} is not active"));
            }
        }
        if let Some(socket) = &self.socket
            && let Err(why) = answers(socket)
        {
            all.push(format!("the toolstack does not answer on {}: {why}", socket.display()));
        }
        if let Some(address) = &self.reach
            && let Err(why) = reaches(address)
        {
            all.push(format!("{address} can't be reached: {why}"));
        }
        all
    }
}

fn reaches(address: &str) -> std::io::Result<()> {
    let mut last = std::io::Error::other("it has no address");
    for one in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&one, PATIENCE) {
            Ok(_) => return Ok(()),
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// One call that needs no session.
fn answers(socket: &PathBuf) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"system.isAlive:boot","params":["yes"]}"#;
    write!(
        stream,
        "POST /jsonrpc HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while answer.len() < 65_536 {
        let read = stream.read(&mut chunk)?;
        answer.extend_from_slice(&chunk[..read]);
        if String::from_utf8_lossy(&answer).contains("\"result\"") {
            return Ok(());
        }
        if read == 0 {
            break;
        }
    }
    Err(std::io::Error::other("it answered something else"))
}
