//! Other programs as children: arguments only, never a shell; a deadline, a limit on what they may print, and
//! nobody left over when it passes.
//!
//! Knows no program by name. Whoever calls decides what an exit status means.

use std::{ffi::OsString, path::PathBuf, process::Stdio, time::Duration};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};

/// Lines of complaint that are kept from each end.
const TOLD: usize = 4;

/// How a program ended and what it printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Exit status; a program ended by signal N counts as 128 + N, as in a shell.
    pub status: i32,
    /// Standard output, bad UTF-8 replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

/// Why there is no [`Output`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be started.
    #[error("{program} could not be started: {error}")]
    Start {
        /// Program.
        program: String,
        /// Reason of the system.
        error: std::io::Error,
    },
    /// It did not end in time and was killed with its children.
    #[error("{program} did not end within {seconds} s")]
    Deadline {
        /// Program.
        program: String,
        /// Seconds it had.
        seconds: u64,
    },
    /// It printed more than it may and was killed with its children.
    #[error("{program} printed more than {limit} bytes")]
    TooMuch {
        /// Program.
        program: String,
        /// Bytes it may print on each stream.
        limit: usize,
    },
    /// It ended with something else than 0.
    #[error("{program} failed with {status}: {told}")]
    Failed {
        /// Program.
        program: String,
        /// Exit status.
        status: i32,
        /// Lines of its standard error, as [`complaint`] chooses them.
        told: String,
    },
}

/// A program and its arguments.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    input: Vec<u8>,
    environment: Vec<(OsString, OsString)>,
    deadline: Duration,
    limit: usize,
}

impl Program {
    /// `path` is a name looked up in PATH or a whole path. It has a minute and may print a megabyte.
    pub fn new(path: impl Into<PathBuf>) -> Program {
        Program {
            path: path.into(),
            args: vec![],
            input: vec![],
            environment: vec![],
            deadline: Duration::from_secs(60),
            limit: 1 << 20,
        }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Program {
        self.args.push(arg.into());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Program {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Bytes on standard input, which is otherwise empty.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Program {
        self.input = bytes.into();
        self
    }

    /// A variable of its environment, added to ours.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Program {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// How long it may take.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Program {
        self.deadline = deadline;
        self
    }

    /// Bytes it may print on each stream.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Program {
        self.limit = bytes;
        self
    }

    /// Its name for messages: never its arguments, which can hold secrets.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// Runs it to its end, whatever its exit status. Dropped half-way, the program and its children are killed.
    ///
    /// # Errors
    /// [`Error::Start`], [`Error::Deadline`], [`Error::TooMuch`].
    pub async fn run(&self) -> Result<Output, Error> {
        let mut group = Group(self.spawn()?);
        let (stdout, stderr) = (group.0.stdout.take(), group.0.stderr.take());
        let stdin = group.0.stdin.take();
        let work = async {
            let feed = async {
                if let Some(mut stdin) = stdin {
                    // A program may end without reading all; its status tells whether that was right.
                    let _ = stdin.write_all(&self.input).await;
                }
                Ok(())
            };
            let (stdout, stderr, ()) =
                tokio::try_join!(read(stdout, self.limit), read(stderr, self.limit), feed)
                    .map_err(|TooMuch| Error::TooMuch { program: self.name(), limit: self.limit })?;
            let status = group.0.wait().await.map_err(|error| self.not_started(error))?;
            Ok(Output { status: code(status), stdout, stderr })
        };
        let outcome = match tokio::time::timeout(self.deadline, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Deadline { program: self.name(), seconds: self.deadline.as_secs() }),
        };
        if outcome.is_err() {
            group.kill();
            // The kernel ends it; without this it would stay a zombie.
            let _ = group.0.wait().await;
        }
        outcome
    }

    /// Runs it and takes everything but status 0 for a failure; answers its standard output.
    ///
    /// # Errors
    /// As [`Program::run`], and [`Error::Failed`].
    pub async fn succeed(&self) -> Result<String, Error> {
        let output = self.run().await?;
        if output.status == 0 {
            return Ok(output.stdout);
        }
        let told = complaint(&output.stderr);
        Err(Error::Failed { program: self.name(), status: output.status, told })
    }

    fn spawn(&self) -> Result<Child, Error> {
        let mut command = Command::new(&self.path);
        command
            .args(&self.args)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            // Their messages are read by us, not by people.
            .env("LC_ALL", "C")
            .stdin(if self.input.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command.spawn().map_err(|error| self.not_started(error))
    }

    fn not_started(&self, error: std::io::Error) -> Error {
        Error::Start { program: self.name(), error }
    }
}

/// What a program complained of, in one line. Some say last what went wrong, and some say it first and then what they could
/// not undo: of much, the first and the last lines are kept.
pub fn complaint(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.trim().lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.len().checked_sub(2 * TOLD) {
        None | Some(0) => lines.join("; "),
        Some(left) => {
            let (first, last) = (lines[..TOLD].join("; "), lines[TOLD + left..].join("; "));
            format!("{first}; ...; {last}")
        }
    }
}

/// Exit status as a shell counts it.
fn code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

struct TooMuch;

/// All a program prints, up to the limit.
async fn read(stream: Option<impl AsyncRead + Unpin>, limit: usize) -> Result<String, TooMuch> {
    let Some(stream) = stream else { return Ok(String::new()) };
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    // A pipe that breaks ends what was printed; the exit status tells the rest.
    let _ = stream.take(most).read_to_end(&mut bytes).await;
    if bytes.len() > limit { Err(TooMuch) } else { Ok(String::from_utf8_lossy(&bytes).into_owned()) }
}

/// A child that leads a process group of its own, killed with the group when it is dropped unfinished.
struct Group(Child);

impl Group {
    fn kill(&mut self) {
        // Without an id it has been waited for, and its number may belong to somebody else by now.
        if let Some(pid) = self.0.id().and_then(|id| i32::try_from(id).ok()) {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::new("sh").args(["-c", script])
    }

    #[tokio::test]
    async fn output_and_status_are_told() {
        let told = shell("echo out; echo err >&2; exit 3").run().await.expect("runs");
        assert_eq!(told, Output { status: 3, stdout: "out\n".into(), stderr: "err\n".into() });
        let failed = shell("echo why >&2; exit 3").succeed().await.expect_err("fails");
        assert_eq!(failed.to_string(), "sh failed with 3: why");
        assert_eq!(shell("kill -ABRT $$").run().await.expect("runs").status, 134);
    }

    #[test]
    fn of_a_long_complaint_both_ends_are_kept() {
        let lines = |n: usize| (1..=n).map(|n| format!("{n}\n")).collect::<String>();
        assert_eq!(complaint(""), "");
        assert_eq!(complaint(" why \n\n"), "why");
        assert_eq!(complaint(&lines(8)), "1; 2; 3; 4; 5; 6; 7; 8");
        assert_eq!(complaint(&lines(100)), "1; 2; 3; 4; ...; 97; 98; 99; 100");
    }

    #[tokio::test]
    async fn input_arrives_and_need_not_be_read() {
        let long = vec![b'x'; 1 << 20];
        let told = shell("wc -c").input(long.clone()).succeed().await.expect("runs");
        assert_eq!(told.trim(), (1 << 20).to_string());
        shell("exit 0").input(long).succeed().await.expect("need not read");
    }

    #[tokio::test]
    async fn who_prints_too_much_is_stopped() {
        let failed = shell("yes").limit(1000).run().await.expect_err("stopped");
        assert!(matches!(failed, Error::TooMuch { limit: 1000, .. }), "{failed}");
    }

    #[tokio::test]
    async fn who_takes_too_long_is_killed_with_its_children() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}; wait", file.display());
        let failed = shell(&script).deadline(Duration::from_millis(500)).run().await.expect_err("late");
        assert!(matches!(failed, Error::Deadline { .. }), "{failed}");
        let pid = std::fs::read_to_string(&file).expect("the child ran");
        let status = PathBuf::from(format!("/proc/{}/stat", pid.trim()));
        // Killed, it is gone or waits as a zombie for whoever inherits it.
        let gone = || std::fs::read_to_string(&status).map_or(true, |text| text.contains(") Z "));
        for _ in 0..600 {
            if gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the child of the killed program still runs");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let failed = Program::new("/nowhere/at-all").run().await.expect_err("not there");
        assert!(failed.to_string().starts_with("at-all could not be started"), "{failed}");
    }
}
