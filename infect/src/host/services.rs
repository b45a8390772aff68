//! Small files of the host's services: name, name servers, clocks, root's password, keys. A password hash is never shown.

use super::malformed::{Malformed, Result, lines, text, word};
use super::role::Secret;
use serde::Serialize;

/// Where the name is.
pub const HOSTNAME: &str = "/etc/hostname";
/// Name servers.
pub const RESOLV: &str = "/etc/resolv.conf";
/// Time servers.
pub const CHRONY: &str = "/etc/chrony.conf";
/// The hook that takes time servers from DHCP.
pub const CHRONY_DHCP: &str = "/etc/dhcp/dhclient.d/chrony.sh";
/// Password hashes.
pub const SHADOW: &str = "/etc/shadow";
/// Accounts.
pub const PASSWD: &str = "/etc/passwd";
/// Root's keys.
pub const AUTHORIZED_KEYS: &str = "/root/.ssh/authorized_keys";
/// The iSCSI initiator's name.
pub const INITIATOR: &str = "/etc/iscsi/initiatorname.iscsi";
/// Identity of the installation.
pub const MACHINE_ID: &str = "/etc/machine-id";

/// Reads the host's name.
///
/// # Errors
/// What can be no name.
pub fn hostname(file: &str, bytes: &[u8]) -> Result<String> {
    let name = word(file, bytes, "a host name")?;
    let good = |part: &str| {
        !part.is_empty()
            && part.len() < 64
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    if !name.split('.').all(good) {
        return Err(Malformed::at(file, 1, "a host name", &name));
    }
    Ok(name)
}

/// Name servers and search domains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Resolver {
    /// Servers.
    pub servers: Vec<String>,
    /// Domains.
    pub domains: Vec<String>,
}

/// Reads `resolv.conf`.
///
/// # Errors
/// A name server that is no address.
pub fn resolv(file: &str, bytes: &[u8]) -> Result<Resolver> {
    let mut out = Resolver::default();
    for (number, line) in lines(text(file, bytes)?).filter(|(_, line)| !line.starts_with(';')) {
        let mut fields = line.split_whitespace();
        match fields.next() {
            Some("nameserver") => {
                let address = fields.next().unwrap_or("");
                if address.split('%').next().unwrap_or("").parse::<std::net::IpAddr>().is_err() {
                    return Err(Malformed::at(file, number, "nameserver ADDRESS", line));
                }
                out.servers.push(address.to_owned());
            }
            Some("search" | "domain") => out.domains = fields.map(str::to_owned).collect(),
            _ => {}
        }
    }
    Ok(out)
}

/// Where time comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Time {
    /// Servers and pools.
    pub servers: Vec<String>,
    /// Only the vendor's defaults?
    pub default: bool,
}

/// Reads `chrony.conf`.
///
/// # Errors
/// A server without a name.
pub fn chrony(file: &str, bytes: &[u8]) -> Result<Time> {
    let mut out = Time::default();
    let comment = |line: &str| line.starts_with(['!', ';', '%']);
    for (number, line) in lines(text(file, bytes)?).filter(|(_, line)| !comment(line)) {
        let mut fields = line.split_whitespace();
        if matches!(fields.next(), Some("server" | "pool" | "peer")) {
            let server = fields.next().ok_or_else(|| Malformed::at(file, number, "server NAME", line))?;
            out.servers.push(server.to_owned());
        }
    }
    let vendor =
        |name: &String| name.ends_with(".centos.pool.ntp.org") || name.ends_with(".xenserver.pool.ntp.org");
    out.default = !out.servers.is_empty() && out.servers.iter().all(vendor);
    Ok(out)
}

/// Root's password as the system keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RootPassword {
    /// The hash.
    pub hash: Secret,
    /// How it was made: `6` is SHA-512.
    pub scheme: String,
    /// No password fits?
    pub locked: bool,
}

/// Root's hash, from `shadow`, or `passwd` where that still holds it.
///
/// # Errors
/// When there is no line of root.
pub fn root_password(file: &str, bytes: &[u8]) -> Result<RootPassword> {
    let expected = "root:HASH:…";
    let content = std::str::from_utf8(bytes).map_err(|_| Malformed::hidden(file, 1, expected))?;
    for line in content.lines() {
        let mut fields = line.split(':');
        if fields.next() == Some("root") {
            let hash = fields.next().unwrap_or("");
            let locked = hash.is_empty() || hash.starts_with(['!', '*']);
            let scheme = hash
                .trim_start_matches('!')
                .strip_prefix('$')
                .and_then(|h| h.split('$').next())
                .unwrap_or("");
            return Ok(RootPassword { hash: Secret::new(hash), scheme: scheme.to_owned(), locked });
        }
    }
    Err(Malformed::hidden(file, content.lines().count().max(1), expected))
}

/// Root's keys, one a line, comments left out.
///
/// # Errors
/// A line without a kind of key.
pub fn authorized_keys(file: &str, bytes: &[u8]) -> Result<Vec<String>> {
    let kinds = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"];
    lines(text(file, bytes)?)
        .map(|(number, line)| {
            let known = line.split_whitespace().any(|field| kinds.iter().any(|kind| field.starts_with(kind)));
            if known { Ok(line.to_owned()) } else { Err(Malformed::at(file, number, "a public key", line)) }
        })
        .collect()
}

/// The initiator's name.
///
/// # Errors
/// When there is none.
pub fn initiator(file: &str, bytes: &[u8]) -> Result<String> {
    let mut last = 1;
    for (number, line) in lines(text(file, bytes)?) {
        last = number;
        if let Some(name) = line.strip_prefix("InitiatorName=") {
            let name = name.trim();
            if ["iqn.", "eui.", "naa."].iter().any(|kind| name.starts_with(kind)) {
                return Ok(name.to_owned());
            }
            return Err(Malformed::at(file, number, "InitiatorName=iqn.…", line));
        }
    }
    Err(Malformed::at(file, last, "InitiatorName=iqn.…", ""))
}

/// The installation's identity.
///
/// # Errors
/// What is not 32 hexadecimal digits.
pub fn machine_id(file: &str, bytes: &[u8]) -> Result<String> {
    let id = word(file, bytes, "32 hexadecimal digits")?;
    if id.len() != 32 || !id.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(Malformed::at(file, 1, "32 hexadecimal digits", &id));
    }
    Ok(id)
}

/// Accounts people may log in with, beside root.
///
/// # Errors
/// A line of other than seven fields.
pub fn people(file: &str, bytes: &[u8]) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for (number, line) in lines(text(file, bytes)?) {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, _, _, _, shell] = fields[..] else {
            return Err(Malformed::at(file, number, "name:password:uid:gid:comment:home:shell", line));
        };
        let uid: u32 = uid.parse().map_err(|_| Malformed::at(file, number, "a number as uid", uid))?;
        let login = !["/sbin/nologin", "/usr/sbin/nologin", "/bin/false"].contains(&shell);
        if (1000..65_000).contains(&uid) && login {
            out.push(name.to_owned());
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_host() {
        assert_eq!(hostname("f", b"xcp-one\n").unwrap(), "xcp-one");
        assert!(hostname("f", b"a;b").is_err() && hostname("f", b"").is_err());
        let read =
            resolv("f", b"search a.net b.net\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\noptions x\n")
                .unwrap();
        assert_eq!((read.servers.len(), read.domains.len()), (2, 2));
        assert_eq!(resolv("f", b"\nnameserver here\n").unwrap_err().line, 2);
        let time = chrony("f", b"! c\nserver 0.centos.pool.ntp.org iburst\npool 1.xenserver.pool.ntp.org\n")
            .unwrap();
        assert!(time.default && time.servers.len() == 2);
        assert!(!chrony("f", b"server ntp.example iburst\n").unwrap().default);
        assert_eq!(chrony("f", b"x\nserver\n").unwrap_err().line, 2);
        assert_eq!(
            initiator("f", b"# c\nInitiatorName=iqn.2025-01.net.example:x\n").unwrap(),
            "iqn.2025-01.net.example:x"
        );
        assert!(initiator("f", b"InitiatorName=x\n").is_err() && initiator("f", b"").is_err());
        assert!(
            machine_id("f", b"0123456789abcdef0123456789abcdef\n").is_ok() && machine_id("f", b"12").is_err()
        );
        let passwd = b"root:x:0:0:root:/root:/bin/bash\nadm:x:1001:1001::/home/adm:/bin/bash\nd:x:1002:1::/:/sbin/nologin\n";
        assert_eq!(people("f", passwd).unwrap(), ["adm"]);
        assert_eq!(people("f", b"root:x:0\n").unwrap_err().line, 1);
    }

    #[test]
    fn keys_and_hashes() {
        assert_eq!(authorized_keys("f", b"# c\nfrom=\"x\" ssh-ed25519 AAAA me\n\n").unwrap().len(), 1);
        assert_eq!(authorized_keys("f", b"ssh-rsa A\nnonsense\n").unwrap_err().line, 2);
        let root = root_password("f", b"bin:*:1\nroot:$6$salt$hash:20000:0:99999:7:::\n").unwrap();
        assert_eq!((root.scheme.as_str(), root.locked, root.hash.expose()), ("6", false, "$6$salt$hash"));
        assert!(!format!("{root:?}").contains("salt"));
        assert!(root_password("f", b"root:!!:1").unwrap().locked);
        assert!(root_password("f", b"nobody:*:1").is_err());
    }
}
