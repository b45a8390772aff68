//! Which files of the host matter later: what the new system takes over, and what only a way back needs.

use super::tree::{Kind, Tree};
use std::io;

/// What the new system takes over, files and whole directories.
pub const HANDED_OVER: &[&str] = &[
    "/etc/hostname",
    "/etc/iscsi",
    "/etc/krb5.keytab",
    "/etc/machine-id",
    "/etc/mdadm.conf",
    "/etc/multipath/conf.d",
    "/etc/multipath/wwids",
    "/etc/ssh",
    "/etc/stunnel/certs",
    "/etc/stunnel/certs-pool",
    "/etc/stunnel/xapi-pool-ca-bundle.pem",
    "/etc/stunnel/xapi-stunnel-ca-bundle.pem",
    "/etc/sysconfig/network-scripts/interface-rename-data",
    "/etc/trusted-certs",
    "/etc/xensource-inventory",
    "/etc/xensource/db.conf",
    "/etc/xensource/network.conf",
    "/etc/xensource/pool.conf",
    "/etc/xensource/ptoken",
    "/etc/xensource/static-vdis",
    "/etc/xensource/xapi-pool-tls.pem",
    "/etc/xensource/xapi-ssl.pem",
    "/root/.ssh",
    "/var/lib/iscsi",
    "/var/lib/xcp/blobs",
    "/var/lib/xcp/local.db",
    "/var/lib/xcp/networkd.db",
    "/var/lib/xcp/verify_certificates",
    "/var/xapi/verify-certificates",
];

/// What only a way back, or a question asked later, needs.
pub const KEPT: &[&str] = &[
    "/boot/efi",
    "/boot/grub",
    "/etc/adjtime",
    "/etc/chrony.conf",
    "/etc/cron.d",
    "/etc/cron.daily",
    "/etc/cron.hourly",
    "/etc/cron.monthly",
    "/etc/cron.weekly",
    "/etc/crontab",
    "/etc/firstboot.d/data",
    "/etc/fstab",
    "/etc/group",
    "/etc/hosts",
    "/etc/krb5.conf",
    "/etc/locale.conf",
    "/etc/localtime",
    "/etc/logrotate.d",
    "/etc/lvm",
    "/etc/multipath.conf",
    "/etc/nagios/nrpe.cfg",
    "/etc/nrpe.d",
    "/etc/passwd",
    "/etc/resolv.conf",
    "/etc/shadow",
    "/etc/snmp",
    "/etc/sysconfig",
    "/etc/sysctl.d",
    "/etc/vconsole.conf",
    "/etc/xapi.d",
    "/etc/xensource",
    "/etc/yum.repos.d",
    "/var/lib/dhclient",
    "/var/lib/samba",
    "/var/lib/xcp/dhcp-leases.db",
    "/var/lib/xcp/state.db",
    "/var/lib/xcp/state.db.generation",
    "/var/lib/xcp/guest",
    "/var/lib/varstored",
    "/var/spool/cron",
];

/// A file to carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it is on the host.
    pub path: String,
    /// Where it leads, when it is a link.
    pub link: Option<String>,
    /// Its permission bits.
    pub mode: u32,
}

/// As deep as directories are looked into.
const DEEPEST: usize = 24;

/// Every file and link under the given paths, sorted, each once. Links are told, not followed.
///
/// # Errors
/// The system's error.
pub fn walk(tree: &dyn Tree, paths: &[&str]) -> io::Result<Vec<Found>> {
    let mut out = Vec::new();
    for path in paths {
        visit(tree, path, 0, &mut out)?;
    }
    out.sort_by(|a, b| a.path.cmp(&b.path));
    out.dedup_by(|a, b| a.path == b.path);
    Ok(out)
}

fn visit(tree: &dyn Tree, path: &str, depth: usize, out: &mut Vec<Found>) -> io::Result<()> {
    if let Some(target) = tree.link(path)? {
        out.push(Found { path: path.to_owned(), link: Some(target), mode: 0o777 });
        return Ok(());
    }
    match tree.stat(path)? {
        Some(stat) if stat.kind == Kind::File => {
            out.push(Found { path: path.to_owned(), link: None, mode: stat.mode })
        }
        Some(stat) if stat.kind == Kind::Directory => {
            if depth >= DEEPEST {
                return Err(io::Error::other(format!("{path}: directories too deep in each other")));
            }
            for name in tree.list(path)? {
                visit(tree, &format!("{path}/{name}"), depth + 1, out)?;
            }
        }
        _ => {}
    }
    Ok(())
}
