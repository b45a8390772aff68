//! Where consoles are: a socket qemu listens on, a terminal xenconsoled or qemu made, a login for the control domain.
//! Opens nothing of a guest.

use std::{io, net::Ipv4Addr, path::Path, process::Stdio, time::Duration};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    pty::{Winsize, openpty},
};
use tokio::process::Command;
use xapi_backend::hypervisor::{ConsoleKind, ConsolePlace};
use xapi_schema::{Failure, Result};

use crate::shared::Shared;

/// How long a terminal may take to appear: it is made a moment after the domain.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOKS: Duration = Duration::from_millis(100);
/// What programs that read a domain's terminal lock, followed by the domain's number.
const LOCK: &str = "/var/lock/xenconsole.";
/// Where the program may be that asks who is there.
const LOGIN: &[&str] = &["/run/current-system/sw/bin/login", "/bin/login", "/usr/bin/login"];
/// Where to look for what it needs.
const PATH: &str = "/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The size a text console has.
const SIZE: Winsize = Winsize { ws_row: 25, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };

/// Where a console of a domain is.
pub async fn place(shared: &Shared, uuid: &str, kind: ConsoleKind) -> Result<Option<ConsolePlace>> {
    let Some(domid) = shared.find(uuid).await? else { return Ok(None) };
    let domain = format!("/local/domain/{domid}");
    match kind {
        ConsoleKind::Graphical => {
            if let Some(screen) = shared.screens.of(uuid) {
                return Ok(Some(ConsolePlace::Socket(screen)));
            }
            // Who was started by an earlier version has a port.
            let port = shared.store.find(&format!("{domain}/console/vnc-port")).await?;
            let port = port.and_then(|port| port.parse::<u16>().ok()).filter(|port| *port != 0);
            Ok(port.map(|port| ConsolePlace::Tcp((Ipv4Addr::LOCALHOST, port).into())))
        }
        ConsoleKind::Text => {
            let node = if shared.is_hvm(uuid)? { "serial/0/tty" } else { "console/tty" };
            let node = format!("{domain}/{node}");
            let mut left = PATIENCE;
            let path = loop {
                let tty = shared.store.find(&node).await?;
                // Both are written by programs of this host; the guest may read them only.
                if let Some(tty) = tty.filter(|tty| is_terminal(tty)) {
                    break tty;
                }
                if left.is_zero() {
                    return Ok(None);
                }
                tokio::time::sleep(LOOKS).await;
                left = left.saturating_sub(LOOKS);
            };
            let lock = Some(format!("{LOCK}{domid}").into());
            Ok(Some(ConsolePlace::Terminal { path: path.into(), lock }))
        }
    }
}

fn is_terminal(path: &str) -> bool {
    path.strip_prefix("/dev/pts/").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Lets the system ask who is there, on a terminal of its own. Who hangs up ends it.
pub fn login() -> Result<Option<ConsolePlace>> {
    let Some(program) = LOGIN.iter().find(|path| Path::new(path).exists()) else { return Ok(None) };
    let started = start(Command::new("setsid").args(["--ctty", program]));
    started.map(Some).map_err(|error| Failure::internal(format!("{program}: {error}")))
}

fn start(command: &mut Command) -> io::Result<ConsolePlace> {
    let pty = openpty(&SIZE, None)?;
    // The terminal ends when we let go of it, so what is started must not have our end open.
    fcntl(&pty.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    let (input, output) = (pty.slave.try_clone()?, pty.slave.try_clone()?);
    let mut child = command
        .env_clear()
        .env("PATH", PATH)
        .env("TERM", "xterm-256color")
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(pty.slave))
        .spawn()?;
    tokio::spawn(async move {
        if let Err(error) = child.wait().await {
            tracing::warn!(%error, "a login could not be waited for");
        }
    });
    Ok(ConsolePlace::Line(pty.master))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_terminals_are_opened() {
        assert!(is_terminal("/dev/pts/12"));
        for other in ["", "/dev/pts/", "/dev/pts/../sda", "/dev/pts/1/2", "/dev/sda", "pty"] {
            assert!(!is_terminal(other), "{other}");
        }
    }

    #[tokio::test]
    async fn a_login_has_a_terminal_and_ends_with_it() {
        let script =
            "test -t 0 && tty >/dev/tty && stty size && read line && echo \"<$line>\" && read forever";
        let place = start(Command::new("setsid").args(["--ctty", "sh", "-c", script])).unwrap();
        let ConsolePlace::Line(master) = place else { panic!("{place:?}") };
        let line = xapi_console::Line::new(master).unwrap();
        let mut said = String::new();
        let mut buffer = [0; 256];
        line.write_all(b"hello\r").await.unwrap();
        while !said.contains("<hello>") {
            let n = line.read(&mut buffer).await.unwrap();
            said.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
        assert!(said.contains("/dev/pts/") && said.contains("25 80"), "{said}");
    }
}
