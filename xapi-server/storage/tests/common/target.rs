//! An iSCSI target of this machine with two LUNs, and its initiator, for a bed's dom0: tgt and open-iscsi.

use std::process::Command;

/// The target.
pub const IQN: &str = "iqn.2026-01.org.example:disk";
/// Who may log in, and with what.
pub const CHAP: [(&str, &str); 2] = [("chapuser", "u"), ("chappassword", "secret1234567")];

/// Runs a line of shell, which has to succeed; what it printed.
pub fn shell(line: &str) -> String {
    let told = Command::new("sh").args(["-c", line]).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success(), "{line}: {text}");
    text
}

/// Does a line of shell succeed?
pub fn holds(line: &str) -> bool {
    Command::new("sh").args(["-c", line]).output().unwrap().status.success()
}

/// Waits until a line of shell succeeds.
pub fn eventually(line: &str) {
    for _ in 0..600 {
        if holds(line) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    panic!("never: {line}");
}

/// A daemon of the system's, ended with this value.
pub struct Daemon(std::process::Child);

impl Daemon {
    pub fn new(program: &str, args: &[&str]) -> Daemon {
        Daemon(Command::new(program).args(args).spawn().unwrap())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.0.id() as i32), signal).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The target, serving LUNs 1 and 2.
pub fn target() -> Daemon {
    let target = Daemon::new("tgtd", &["-f", "--iscsi", "portal=127.0.0.1:3260"]);
    eventually("tgtadm --lld iscsi --mode sys --op show");
    shell("mkdir -p /data/luns /run/lock/iscsi; for n in 1 2; do truncate -s 1500M /data/luns/$n; done");
    shell(&format!("tgtadm --lld iscsi --mode target --op new --tid 1 -T {IQN}"));
    for n in 1..=2 {
        shell(&format!("tgtadm --lld iscsi --mode logicalunit --op new --tid 1 --lun {n} -b /data/luns/{n}"));
    }
    let [(_, user), (_, password)] = CHAP;
    shell(&format!("tgtadm --lld iscsi --mode account --op new --user {user} --password {password}"));
    shell(&format!("tgtadm --lld iscsi --mode account --op bind --tid 1 --user {user}"));
    shell("tgtadm --lld iscsi --mode target --op bind --tid 1 -I ALL");
    target
}

/// The initiator, once it finds the target.
pub fn initiator() -> Daemon {
    let initiator = Daemon::new("iscsid", &["-f"]);
    eventually("iscsiadm -m discovery -t st -o nonpersistent -p 127.0.0.1");
    initiator
}

/// Is this host logged in to the target?
pub fn session() -> bool {
    holds("iscsiadm -m session")
}

/// What a configuration says of a LUN of the target, and more.
pub fn config(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let all = [&[("target", "127.0.0.1")][..], more].concat();
    all.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

/// What stands between tags of a name.
pub fn pick(xml: &str, tag: &str) -> Vec<String> {
    let begins = format!("<{tag}>");
    let parts = xml.split(begins.as_str()).skip(1);
    parts.map(|p| p.split("</").next().unwrap().trim().to_owned()).collect()
}
