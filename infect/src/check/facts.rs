//! Everything the catalogue is judged by, gathered before. Programs are asked only on the running host, only to tell;
//! one that is not there leaves its fact unknown.

use crate::audit::Audit;
use crate::host::tree::Tree;
use crate::host::{Host, Malformed, malformed};
use crate::pool::{Pool, Row};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the catalogue is judged by.
pub struct Facts<'a> {
    /// The host.
    pub host: &'a Host,
    /// Its files.
    pub tree: &'a dyn Tree,
    /// The pool's database.
    pub pool: Option<&'a Pool>,
    /// Why there is none.
    pub pool_error: Option<String>,
    /// What the file beside the database says its generation is.
    pub generation: Option<u64>,
    /// Drivers of the kernel to come.
    pub aliases: Option<&'a Aliases>,
    /// Images of local repositories.
    pub audits: &'a [Audit],
    /// What only the running host knows.
    pub live: &'a Live,
    /// Are all hosts of the pool to be converted together?
    pub whole_pool: bool,
    /// Now, seconds since 1970.
    pub now: i64,
}

impl<'a> Facts<'a> {
    /// The host's own row.
    pub fn row(&self) -> Option<&'a Row> {
        self.pool?.by_uuid("host", self.host.inventory.as_ref()?.host_uuid())
    }
}

/// What only the running host knows; nothing of it on a copy.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// Seconds the clock is off.
    pub clock_offset: Option<f64>,
    /// Volumes and images that are open.
    pub open: Option<Vec<String>>,
    /// Repositories whose garbage is being collected.
    pub collecting: Option<Vec<String>>,
    /// Rules somebody put into switches.
    pub flows: Option<usize>,
    /// Does the coordinator answer?
    pub coordinator: Option<bool>,
}

/// Longest a program may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a program prints; `None` when it is not there, fails or takes too long.
pub fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .env("LC_ALL", "C")
        .spawn()
        .ok()?;
    let mut out = child.stdout.take()?;
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut out, &mut text).map(|_| text)
    });
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(20)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    };
    let text = reader.join().ok()?.ok()?;
    status.success().then(|| String::from_utf8_lossy(&text).into_owned())
}

impl Live {
    /// Asks the running host.
    pub fn gather(host: &Host) -> Live {
        let offset = ask("chronyc", &["-c", "tracking"])
            .and_then(|text| text.trim().split(',').nth(4).and_then(|field| field.parse::<f64>().ok()));
        let open = ask("dmsetup", &["info", "-c", "--noheadings", "-o", "name,open"]).map(|text| {
            let busy = |line: &str| {
                line.rsplit_once(':')
                    .filter(|(_, count)| count.trim() != "0")
                    .map(|(name, _)| name.to_owned())
            };
            let sr = |name: &String| name.starts_with("VG_XenStorage") && !name.ends_with("-MGT");
            text.lines().filter_map(busy).filter(sr).collect::<Vec<_>>()
        });
        let taps = ask("tap-ctl", &["list"]).map(|text| {
            text.lines()
                .filter_map(|line| line.split("args=").nth(1))
                .filter(|a| a.contains(':'))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        });
        let open = match (open, taps) {
            (None, None) => None,
            (a, b) => Some(a.into_iter().chain(b).flatten().collect()),
        };
        let collecting = ask(
            "systemctl",
            &["list-units", "--no-legend", "--plain", "--state=active,activating", "SMGC@*"],
        )
        .map(|text| {
            text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
        });
        let flows = ask("ovs-vsctl", &["list-br"]).map(|bridges| {
            // A switch nobody programmed has the one rule it was born with.
            bridges
                .lines()
                .filter_map(|bridge| ask("ovs-ofctl", &["dump-flows", bridge]))
                .map(|rules| {
                    rules.lines().filter(|l| l.contains("actions=") && !l.contains("actions=NORMAL")).count()
                })
                .sum()
        });
        let coordinator = match &host.role {
            Some(crate::host::role::Role::Member(address)) => {
                use std::net::ToSocketAddrs;
                let place = (address.as_str(), 443).to_socket_addrs().ok().and_then(|mut all| all.next());
                Some(place.is_some_and(|place| {
                    std::net::TcpStream::connect_timeout(&place, Duration::from_secs(5)).is_ok()
                }))
            }
            _ => None,
        };
        Live { clock_offset: offset, open, collecting, flows, coordinator }
    }
}

/// Drivers of a kernel, by what they match: its `modules.alias`.
#[derive(Debug, Clone, Default)]
pub struct Aliases(Vec<(String, String)>);

impl Aliases {
    /// Reads `modules.alias`.
    ///
    /// # Errors
    /// A line that is no alias.
    pub fn parse(file: &str, bytes: &[u8]) -> malformed::Result<Aliases> {
        let mut out = Vec::new();
        for (number, line) in malformed::lines(malformed::text(file, bytes)?) {
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["alias", pattern, module] => out.push((pattern.to_owned(), module.to_owned())),
                _ => return Err(Malformed::at(file, number, "alias PATTERN MODULE", line)),
            }
        }
        Ok(Aliases(out))
    }

    /// The drivers that match.
    pub fn drivers(&self, modalias: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(pattern, _)| matches(pattern.as_bytes(), modalias.as_bytes()))
            .map(|(_, module)| module.as_str())
            .collect()
    }
}

/// `*`, `?` and plain letters, without looking back further than the last star.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == b'?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            p = at + 1;
            t = from + 1;
            star = Some((at, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_match_as_the_kernel_does() {
        let read = Aliases::parse("f", b"# c\nalias pci:v00008086d000010D3sv*sd*bc*sc*i* e1000e\nalias pci:v*d*sv*sd*bc01sc06i01* ahci\n").unwrap();
        assert_eq!(read.drivers("pci:v00008086d000010D3sv00008086sd0000A01Fbc02sc00i00"), ["e1000e"]);
        assert_eq!(read.drivers("pci:v00001234d00000001sv00000000sd00000000bc01sc06i01"), ["ahci"]);
        assert!(read.drivers("pci:v00001234d00000001sv0sd0bc02sc00i00").is_empty());
        assert_eq!(Aliases::parse("f", b"alias x\n").unwrap_err().line, 1);
    }

    #[test]
    fn absent_programs_are_unknown() {
        assert_eq!(ask("no-such-program-anywhere", &[]), None);
        assert_eq!(ask("false", &[]), None);
        assert_eq!(ask("echo", &["a"]).as_deref(), Some("a\n"));
    }
}
