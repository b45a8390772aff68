//! DHCP on an interface by whichever client the system has. One client per interface, found again by its pid
//! file after a restart of ours.
//!
//! Never leaves two clients on one interface, and never ends one it did not start.

use std::path::{Path, PathBuf};

use xapi_backend::program::{Error, Program};
use xapi_schema::Result;

use crate::failed;

/// Options a client asks for when only the address is wanted.
const ADDRESS_ONLY: &str = "request subnet-mask, broadcast-address;\n";

/// Clients in the order they are tried, with the arguments that send them to the background after the first
/// lease or the first wait.
fn clients(run: &Path, interface: &str, whole: bool) -> Vec<Program> {
    let (pid, lease) = (pid_file(run, interface), run.join(format!("dhcp-{interface}.lease")));
    let (pid, lease) = (pid.into_os_string(), lease.into_os_string());
    let udhcpc = Program::new("udhcpc").args(["-b", "-S", "-t", "3", "-T", "3", "-i", interface]);
    let dhclient = Program::new("dhclient").args(["-4", "-nw", "-pf"]).arg(pid.clone()).arg("-lf").arg(lease);
    let dhcpcd = Program::new("dhcpcd").args(["-4", "-b", "-q", "-A"]);
    let (udhcpc, dhclient, dhcpcd) = if whole {
        (udhcpc, dhclient, dhcpcd)
    } else {
        (
            udhcpc.args(["-o", "-O", "subnet", "-O", "broadcast"]),
            dhclient.arg("-cf").arg(settings_file(run, interface).into_os_string()),
            dhcpcd.args(["-G", "-C", "resolv.conf"]),
        )
    };
    vec![udhcpc.arg("-p").arg(pid), dhclient.arg(interface), dhcpcd.arg(interface)]
}

fn settings_file(run: &Path, interface: &str) -> PathBuf {
    run.join(format!("dhcp-{interface}.conf"))
}

fn pid_file(run: &Path, interface: &str) -> PathBuf {
    run.join(format!("dhcp-{interface}.pid"))
}

/// Does a client of ours run that asks for this: the address with the way out and the name servers, or the address
/// alone?
pub fn serves(run: &Path, interface: &str, whole: bool) -> bool {
    running(run, interface).is_some() && settings_file(run, interface).exists() != whole
}

/// Starts a client unless one runs that [`serves`].
///
/// # Errors
/// INTERNAL_ERROR when there is no client or it fails.
pub async fn start(run: &Path, interface: &str, whole: bool) -> Result<()> {
    if serves(run, interface, whole) {
        return Ok(());
    }
    if running(run, interface).is_some() {
        stop(run, interface).await?;
    }
    let settings = settings_file(run, interface);
    std::fs::create_dir_all(run).map_err(|error| failed("DHCP", error))?;
    let noted = if whole {
        std::fs::remove_file(&settings).or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })
    } else {
        std::fs::write(&settings, ADDRESS_ONLY)
    };
    noted.map_err(|error| failed("DHCP", error))?;
    for client in clients(run, interface, whole) {
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
    for file in [pid_file(run, interface), client_file(run, interface), settings_file(run, interface)] {
        let _ = std::fs::remove_file(file);
    }
    Ok(())
}
