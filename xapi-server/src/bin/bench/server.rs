//! The daemon under measurement: started, asked what it costs, ended.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use nix::{
    sys::signal::{Signal, kill},
    time::clock_getcpuclockid,
    unistd::Pid,
};
use serde_json::json;

use crate::client::{Client, text};

/// Password of root on servers that are measured.
pub const PASSWORD: &str = "bench-only";

/// A daemon at work; ends with this value.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: String,
    /// A session of the pool.
    pub session: String,
    /// Secret that makes sessions without a password.
    pub secret: String,
    /// From the start of the process to the first answer.
    pub started_in: Duration,
}

impl Server {
    /// Starts a daemon on the state in `place` and logs in.
    pub fn start(xapi: &Path, place: &Path) -> Result<Server> {
        let begun = Instant::now();
        let mut child = Command::new(xapi)
            .arg("--state-dir")
            .arg(place.join("state"))
            .args(["--http", "127.0.0.1:0", "--https", "none"])
            .arg("--root-password-file")
            .arg(place.join("password"))
            .stdout(Stdio::piped())
            .spawn()
            .context("the daemon could not be started")?;
        let out = child.stdout.take().context("no output")?;
        let mut server = Server {
            child,
            address: String::new(),
            session: String::new(),
            secret: String::new(),
            started_in: Duration::ZERO,
        };
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let address = lines
            .find_map(|line| Some(line.trim().strip_prefix("http ")?.trim().strip_prefix("http://")?.into()));
        // Somebody has to take what else it says, or it would write into a closed pipe.
        std::thread::spawn(move || lines.for_each(drop));
        server.address = address.context("the daemon ended without an address")?;
        server.secret = fs::read_to_string(place.join("state/pool-secret"))?.trim().to_string();
        let login = json!(["OpaqueRef:NULL", server.secret]);
        server.session = text(server.client()?.json("session.slave_login", &login)?)?;
        server.started_in = begun.elapsed();
        Ok(server)
    }

    /// A new connection to it.
    pub fn client(&self) -> Result<Client> {
        Client::connect(&self.address)
    }

    /// Time the kernel has charged it, to the nanosecond; threads that ended count too.
    pub fn cpu(&self) -> Result<Duration> {
        // A thread is charged when it leaves the core; it does right after its answer.
        std::thread::sleep(Duration::from_millis(3));
        let clock = clock_getcpuclockid(Pid::from_raw(self.child.id() as i32))?;
        Ok(clock.now()?.into())
    }

    /// Memory it holds, and the most it ever held, MB.
    pub fn resident(&self) -> Result<(f64, f64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            kb.map(|kb| kb / 1024.0).ok_or_else(|| anyhow!("no {name}"))
        };
        Ok((of("VmRSS:")?, of("VmHWM:")?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}
