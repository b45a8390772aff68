//! Commands an earlier toolstack began and did not see end: `xl` goes on when the toolstack is killed. The next one
//! waits for them, so that it finds domains and devices as they will stay. Never touches what is not its own: a child
//! is known by a variable it was given.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::{Pid, getpgid},
};
use tokio::sync::watch;

/// Given to every child; its value is the directory of what is kept of domains.
pub const VARIABLE: &str = "XENNIX_XL";
/// How long a command may go on; libxl gives each of its steps 40 s at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// Processes of the name `program` that were given `dir`.
fn children(program: &str, dir: &Path) -> Vec<i32> {
    let mark = [VARIABLE.as_bytes(), b"=", dir.as_os_str().as_encoded_bytes()].concat();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let own = format!("PPid:\t{}", std::process::id());
    let ours = |number: &i32| {
        // What this process began, it sees the end of itself.
        let status = std::fs::read_to_string(format!("/proc/{number}/status")).unwrap_or_default();
        if status.lines().any(|line| line == own) {
            return false;
        }
        // The emulator inherits the variable, too, and shall live.
        let name = std::fs::read_to_string(format!("/proc/{number}/comm")).unwrap_or_default();
        name.trim_end() == program
            && std::fs::read(format!("/proc/{number}/environ"))
                .is_ok_and(|all| all.split(|byte| *byte == 0).any(|one| one == mark))
    };
    numbers.filter(ours).collect()
}

/// Becomes true when none is left. A thread of its own waits: it must not hold up the end of the toolstack either.
pub fn ended(program: &Path, dir: &Path) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    let (program, dir) = (program.to_path_buf(), dir.to_path_buf());
    std::thread::spawn(move || {
        wait(&program, &dir);
        sender.send_replace(true);
    });
    receiver
}

/// Returns when none is left; ends those that take too long.
fn wait(program: &Path, dir: &Path) {
    // The kernel keeps 15 bytes of a name.
    let name: String = program.file_name().unwrap_or_default().to_string_lossy().chars().take(15).collect();
    let begun = Instant::now();
    let mut told = false;
    loop {
        let left = children(&name, dir);
        if left.is_empty() {
            return;
        }
        if !told {
            tracing::info!(?left, "waiting for what an earlier toolstack began");
            told = true;
        }
        if begun.elapsed() > PATIENCE {
            tracing::warn!(?left, "what an earlier toolstack began does not end and is killed");
            for number in left {
                // Each leads a group of its own; one that is gone is what was wanted.
                if let Ok(group) = getpgid(Some(Pid::from_raw(number)))
                    && group.as_raw() == number
                {
                    let _ = killpg(group, Signal::SIGKILL);
                }
            }
            return;
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A program whose parent has ended.
    fn orphan(mark: &Path) -> i32 {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "sleep 1000 >/dev/null 2>&1 & echo $!"]).env(VARIABLE, mark);
        String::from_utf8(shell.output().unwrap().stdout).unwrap().trim().parse().unwrap()
    }

    fn kill(number: i32) {
        nix::sys::signal::kill(Pid::from_raw(number), Signal::SIGKILL).unwrap();
    }

    #[test]
    fn only_marked_orphans_of_the_name_are_waited_for() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (mine, others) = (orphan(dir.path()), orphan(other.path()));
        let mut own =
            std::process::Command::new("sleep").arg("1000").env(VARIABLE, dir.path()).spawn().unwrap();
        let begun = Instant::now();
        // Its name is that of the shell until it has become the program.
        while children("sleep", dir.path()) != [mine] {
            assert!(begun.elapsed() < Duration::from_secs(60), "the child is never found");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(children("xl", dir.path()).is_empty());
        kill(mine);
        wait(Path::new("/usr/bin/sleep"), dir.path());
        // What is not of an earlier one lives on.
        assert!(own.try_wait().unwrap().is_none());
        kill(others);
        own.kill().unwrap();
        own.wait().unwrap();
    }
}
