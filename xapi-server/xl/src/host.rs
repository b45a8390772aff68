//! [`HostControl`] of a Xen host, through `xl` and the system's own programs.

use async_trait::async_trait;
use xapi_backend::{
    host::{CrashDump, Devices, Ends, HostControl, PowerAction},
    program::{Error, Program},
};
use xapi_facts::{Root, crash, pci, usb};
use xapi_schema::{Failure, Result};

use crate::Xl;

/// What `xl info` prints, by its own names.
pub type Info = xapi_facts::Told;

/// Where systemd says that it runs.
const SYSTEMD: &str = "run/systemd/system";
/// Logs of systems without a journal.
const LOGS: &[&str] = &["var/log/syslog", "var/log/messages"];
/// Bytes of such a log that are shown.
const SHOWN: usize = 200_000;

/// Reads what `xl info` prints.
pub fn info(text: &str) -> Info {
    let pair = |line: &str| {
        let (key, value) = line.split_once(':')?;
        Some((key.trim().to_string(), value.trim().to_string()))
    };
    text.lines().filter_map(pair).collect()
}

/// This host.
#[derive(Debug, Clone, Default)]
pub struct Host {
    xl: Xl,
    root: Root,
}

impl Host {
    /// A host asked through this program, with its files below `root`.
    pub fn new(xl: Xl, root: Root) -> Host {
        Host { xl, root }
    }

    /// What `xl info` says.
    ///
    /// # Errors
    /// Those of xl.
    pub async fn info(&self) -> Result<Info> {
        Ok(info(&self.xl.quick(&["info"]).await?))
    }

    /// Runs what may take long, on a thread of its own.
    async fn aside<T: Send + 'static>(&self, work: impl FnOnce(&Root) -> T + Send + 'static) -> Result<T> {
        let root = self.root.clone();
        tokio::task::spawn_blocking(move || work(&root)).await.map_err(|e| Failure::internal(e.to_string()))
    }
}

/// How a system is told to switch off or start again: programs and arguments, of which the first that is there counts.
fn commands(systemd: bool, action: PowerAction) -> Vec<(&'static str, Vec<&'static str>)> {
    let (verb, flag) = match action {
        PowerAction::Shutdown => ("poweroff", "-P"),
        PowerAction::Reboot => ("reboot", "-r"),
    };
    // It answers once the work is queued, and what runs is ended in order.
    let systemctl = systemd.then(|| ("systemctl", vec!["--no-block", verb]));
    systemctl.into_iter().chain([("shutdown", vec![flag, "now"]), (verb, vec![])]).collect()
}

#[async_trait]
impl HostControl for Host {
    async fn power(&self, action: PowerAction) -> Result<Ends> {
        let mut told = Vec::new();
        for (program, args) in commands(self.root.has(SYSTEMD), action) {
            match Program::new(program).args(args).succeed().await {
                Ok(_) => return Ok(Ends::Machine),
                Err(error @ Error::Start { .. }) => told.push(error.to_string()),
                Err(error) => return Err(Failure::internal(error.to_string())),
            }
        }
        Err(Failure::internal(told.join("; ")))
    }

    async fn dmesg(&self, clear: bool) -> Result<String> {
        self.xl.quick(if clear { &["dmesg", "-c"] } else { &["dmesg"] }).await
    }

    async fn log(&self) -> Result<String> {
        let journal =
            Program::new("journalctl").args(["-n", "1000", "--no-pager"]).limit(4 << 20).succeed().await;
        match journal {
            Ok(lines) => Ok(lines),
            Err(Error::Start { .. }) => self.aside(end_of_log).await?,
            Err(error) => Err(Failure::internal(error.to_string())),
        }
    }

    async fn debug_keys(&self, keys: &str) -> Result<()> {
        self.xl.quick(&["debug-keys", keys]).await.map(|_| ())
    }

    async fn memory_free(&self) -> Result<i64> {
        let info = self.info().await?;
        let mib: i64 = info.get("free_memory").and_then(|mib| mib.parse().ok()).unwrap_or(0);
        Ok(mib << 20)
    }

    async fn devices(&self) -> Result<Option<Devices>> {
        self.aside(|root| Some(Devices { pci: pci::read(root), usb: usb::read(root) })).await
    }

    async fn crash_dumps(&self) -> Result<Option<Vec<CrashDump>>> {
        self.aside(|root| Some(crash::read(root))).await
    }

    async fn remove_crash_dump(&self, name: &str) -> Result<()> {
        let name = name.to_string();
        let done = self.aside(move |root| crash::remove(root, &name)).await?;
        done.map_err(|e| Failure::internal(e.to_string()))
    }
}

/// The end of the first log there is, from the beginning of a line.
fn end_of_log(root: &Root) -> Result<String> {
    use std::io::{Read, Seek, SeekFrom};
    let Some(path) = LOGS.iter().find(|path| root.has(path)) else {
        return Err(Failure::internal("this system keeps no log that is known here"));
    };
    let read = || {
        let mut file = std::fs::File::open(root.path(path))?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(SHOWN as u64)))?;
        let mut bytes = Vec::new();
        file.take(SHOWN as u64).read_to_end(&mut bytes)?;
        std::io::Result::Ok((length > SHOWN as u64, bytes))
    };
    let (cut, bytes) = read().map_err(|e| Failure::internal(format!("{path}: {e}")))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(match text.split_once('\n').filter(|_| cut) {
        Some((_, rest)) => rest.to_string(),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_facts_are_read() {
        let info = info(
            "host                   : bed-b\ntotal_memory           : 2047\nxen_caps               : xen-3.0-x86_64 hvm-3.0-x86_32 \nversion                : #1 SMP: x\nend",
        );
        assert_eq!(info["total_memory"], "2047");
        assert_eq!(info["xen_caps"], "xen-3.0-x86_64 hvm-3.0-x86_32");
        assert_eq!(info["version"], "#1 SMP: x");
    }

    #[test]
    fn the_system_is_told_in_its_own_way() {
        let with = commands(true, PowerAction::Reboot);
        assert_eq!(with[0], ("systemctl", vec!["--no-block", "reboot"]));
        let without = commands(false, PowerAction::Shutdown);
        assert_eq!(without[0], ("shutdown", vec!["-P", "now"]));
        assert_eq!(without[1], ("poweroff", vec![]));
    }

    #[test]
    fn of_a_long_log_the_end_is_shown() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("var/log")).expect("made");
        let lines: String = (0..40_000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(dir.path().join("var/log/syslog"), lines).expect("written");
        let text = end_of_log(&Root::at(dir.path())).expect("read");
        assert!(text.starts_with("line ") && text.ends_with("line 39999\n") && text.len() <= SHOWN);
    }
}
