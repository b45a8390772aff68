//! An emulator that speaks with the TPM of a guest as qemu does, and a guest behind it that changes a password.

#![allow(dead_code, clippy::unwrap_used)] // each test file uses its part

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use xapi_xl::tpm::Programs;

/// Hands its end of a data channel over, starts the TPM, then does what the guest does: changes the owner's password from the
/// first word to the second. Prints the TPM's answer, and stays connected until its standard input ends.
const GUEST: &str = r#"
import socket, struct, sys
old, new = sys.argv[2].encode(), sys.argv[3].encode()
control = socket.socket(socket.AF_UNIX)
control.connect(sys.argv[1])
data, other = socket.socketpair()
def done(answer):
    assert struct.unpack('>I', answer)[0] == 0, answer
socket.send_fds(control, [struct.pack('>I', 16)], [other.fileno()]); done(control.recv(4)); other.close()
control.send(struct.pack('>II', 2, 0)); done(control.recv(4))
def ask(command):
    data.send(command)
    return struct.unpack('>I', data.recv(4096)[6:10])[0]
assert ask(bytes.fromhex('80010000000c000001440000')) == 0
session = struct.pack('>IHBH', 0x40000009, 0, 0, len(old)) + old
body = struct.pack('>II', 0x40000001, len(session)) + session + struct.pack('>H', len(new)) + new
answer = ask(struct.pack('>HII', 0x8002, 10 + len(body), 0x129) + body)
print('changed' if answer == 0 else 'refused' if answer & 0xbf == 0xa2 else hex(answer), flush=True)
sys.stdin.read()
"#;

/// The programs these tests need; nothing where they may be absent and are.
pub fn programs(dir: &Path) -> Option<Programs> {
    let there = |program: &str| {
        let asked =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    if !there("swtpm") || !there("python3") {
        assert!(std::env::var_os("CI").is_none(), "swtpm and python3 are needed here");
        eprintln!("skipped: swtpm or python3 is not installed");
        return None;
    }
    Some(Programs {
        emulator: Some(emulator(dir, "    emulator   TPM emulator backend driver")),
        ..Programs::default()
    })
}

/// An emulator that prints this when it is asked for kinds of TPM.
pub fn emulator(dir: &Path, kinds: &str) -> PathBuf {
    let path = dir.join("emulator");
    std::fs::write(&path, format!("#!/bin/sh\n[ \"$*\" = '-tpmdev help' ] && echo '{kinds}' >&2\nexit 1\n"))
        .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The socket in the configuration xl was given.
pub fn socket(config: &str) -> PathBuf {
    let path = config.split_once("socket,id=tpm-socket,path=").expect("there is a TPM").1;
    path.split('"').next().unwrap().into()
}

/// A guest that runs.
pub struct Guest(Child);

impl Guest {
    /// Changes the password of the owner of its TPM: `changed`, or `refused` for one that is not the owner's.
    pub fn changes(socket: &Path, from: &str, to: &str) -> (Guest, String) {
        let mut child = Command::new("python3")
            .args(["-c", GUEST, socket.to_str().unwrap(), from, to])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = String::new();
        let out = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut told).unwrap();
        (Guest(child), told.trim().to_string())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Processes of TPMs of this directory.
pub fn running(dir: &Path) -> Vec<i32> {
    let word = format!("path={}", dir.display());
    let is = |pid: &i32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words);
        words.split('\0').next().is_some_and(|program| program.ends_with("swtpm")) && words.contains(&word)
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is).collect()
}

/// What a test that failed would leave behind.
pub struct Ended(pub PathBuf);

impl Drop for Ended {
    fn drop(&mut self) {
        for pid in running(&self.0) {
            let _ = Command::new("kill").arg(pid.to_string()).status();
        }
    }
}
