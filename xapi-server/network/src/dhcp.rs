//! DHCP on an interface by whichever client the system has. One client per interface, found again by its pid
//! file after a restart of ours.
//!
//! Never leaves two clients on one interface, and never ends one it did not start.

use std::path::{Path, PathBuf};

use xapi_backend::program::{Error, Program};
use xapi_schema::Result;

use crate::failed;

/// Clients in the order they are tried, with the arguments that send them to the background after the first
/// lease or the first wait.
fn clients(interface: &str, pid: &Path, lease: &Path) -> Vec<Program> {
    let (pid, lease) = (pid.as_os_str().to_os_string(), lease.as_os_str().to_os_string());
    vec![
        Program::new("udhcpc")
            .args(["-b", "-S", "-t", "3", "-T", "3", "-i", interface, "-p"])
            .arg(pid.clone()),
        Program::new("dhclient").args(["-4", "-nw", "-pf"]).arg(pid).arg("-lf").arg(lease).arg(interface),
        Program::new("dhcpcd").args(["-4", "-b", "-q", "-A", interface]),
    ]
}

fn pid_file(run: &Path, interface: &str) -> PathBuf {
    run.join(format!("dhcp-{interface}.pid"))
}

/// Starts a client unless one of ours runs.
///
/// # Errors
/// INTERNAL_ERROR when there is no client or it fails.
pub async fn start(run: &Path, interface: &str) -> Result<()> {
    if running(run, interface).is_some() {
        return Ok(());
    }
    std::fs::create_dir_all(run).map_err(|error| failed("DHCP", error))?;
    let pid = pid_file(run, interface);
    for client in clients(interface, &pid, &run.join(format!("dhcp-{interface}.lease"))) {
        match client.succeed().await {
            Ok(_) => {
                let name = client_file(run, interface);
                return std::fs::write(name, client.name()).map_err(|error| failed("DHCP", error));
            }
            Err(Error::Start { .. }) => {}
            Err(error) => return Err(failed("DHCP", error)),
        }
    }
    Err(failed("DHCP", "none of udhcpc, dhclient and dhcpcd is installed"))
}

/// Remembers which client serves an interface: one of them keeps no pid file where we say.
fn client_file(run: &Path, interface: &str) -> PathBuf {
    run.join(format!("dhcp-{interface}.client"))
}

/// Process of the client we started on an interface, if it still is one on this interface.
fn running(run: &Path, interface: &str) -> Option<i32> {
    let pid: i32 = std::fs::read_to_string(pid_file(run, interface)).ok()?.trim().parse().ok()?;
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    // The number may belong to somebody else by now.
    arguments.split(|byte| *byte == 0).any(|argument| argument == interface.as_bytes()).then_some(pid)
}

/// Ends the client of an interface.
///
/// # Errors
/// INTERNAL_ERROR when it cannot be ended.
pub async fn stop(run: &Path, interface: &str) -> Result<()> {
    let Ok(client) = std::fs::read_to_string(client_file(run, interface)) else { return Ok(()) };
    let end = match (client.as_str(), running(run, interface)) {
        ("dhcpcd", _) => Some(Program::new("dhcpcd").args(["-4", "-x", interface])),
        (_, Some(pid)) => Some(Program::new("kill").arg(pid.to_string())),
        (_, None) => None,
    };
    if let Some(end) = end {
        end.succeed().await.map_err(|error| failed("the DHCP client", error))?;
    }
    for file in [pid_file(run, interface), client_file(run, interface)] {
        let _ = std::fs::remove_file(file);
    }
    Ok(())
}
