//! DNS servers of the host, written where the system looks for them: to systemd-resolved per interface when it
//! runs, else to `resolv.conf`.

use std::path::Path;

use xapi_backend::program::{Error, Program};
use xapi_schema::Result;

use crate::{failed, replace};

/// First line of a file of ours, so that people know who writes it.
const MARK: &str = "# Written by XenNix from the DNS servers of the management interface.\n";

/// The text of `resolv.conf`.
fn text(servers: &[String]) -> String {
    let lines: String = servers.iter().map(|server| format!("nameserver {server}\n")).collect();
    format!("{MARK}{lines}")
}

/// Makes `servers` those of the host, learnt on `interface`. An empty list changes nothing: without any server
/// the old ones are better.
///
/// # Errors
/// INTERNAL_ERROR when neither way works.
pub async fn set(file: &Path, interface: &str, servers: &[String]) -> Result<()> {
    if servers.is_empty() {
        return Ok(());
    }
    let managed =
        std::fs::read_link(file).is_ok_and(|target| target.to_string_lossy().contains("systemd/resolve"));
    if managed {
        let told = Program::new("resolvectl").args(["dns", interface]).args(servers).succeed().await;
        match told {
            Ok(_) => return Ok(()),
            Err(Error::Start { .. }) => {}
            Err(error) => return Err(failed("the DNS servers", error)),
        }
    }
    replace(file, &text(servers)).map_err(|error| failed("the DNS servers", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn servers_are_written_and_never_lost_to_an_empty_list() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("resolv.conf");
        set(&file, "xenbr0", &["192.0.2.1".into(), "192.0.2.2".into()]).await.expect("written");
        set(&file, "xenbr0", &[]).await.expect("kept");
        let told = std::fs::read_to_string(&file).expect("there");
        assert!(told.ends_with("nameserver 192.0.2.1\nnameserver 192.0.2.2\n"), "{told}");
    }
}
