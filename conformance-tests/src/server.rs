//! The daemon under test: a fresh state directory, a free port, the simulated backend. Killed when dropped.
//! It never reads or writes anything outside its own temporary directory.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, OnceLock, mpsc},
    time::Duration,
};

/// The root password of every server started here.
pub const ROOT_PASSWORD: &str = "xenroot";

/// How long a start may take before the test gives up; not an expectation about speed.
const START_LIMIT: Duration = Duration::from_secs(60);

/// What a server starts from.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// First-boot file; the machine's own facts without one.
    pub first_boot: Option<PathBuf>,
    /// Files put into the state directory before the start: name and content.
    pub files: Vec<(String, String)>,
    /// Whether to listen on TLS as well.
    pub tls: bool,
    /// Whether to serve disks over NBD.
    pub nbd: bool,
    /// A state directory that is there already, instead of a fresh one.
    pub state_dir: Option<PathBuf>,
    /// Disks on what the machine really has, those that are open written down in this directory.
    pub real_disks: Option<PathBuf>,
    /// More arguments of the daemon.
    pub arguments: Vec<String>,
}

impl Options {
    /// The identity of the recorded server.
    pub fn golden() -> Options {
        Options { first_boot: Some(crate_dir().join("first-boot-golden.toml")), ..Options::default() }
    }
}

/// A running daemon.
#[derive(Debug)]
pub struct Server {
    child: Child,
    http: SocketAddr,
    https: Option<SocketAddr>,
    options: Options,
    dir: tempfile::TempDir,
}

impl Server {
    /// Starts one.
    ///
    /// # Errors
    /// What the daemon wrote before it ended, or what kept it from starting.
    pub fn start(options: &Options) -> Result<Server, String> {
        let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
        let state = match &options.state_dir {
            Some(state) => state.clone(),
            None => dir.path().join("state"),
        };
        std::fs::create_dir_all(&state).map_err(|e| e.to_string())?;
        std::fs::write(dir.path().join("password"), ROOT_PASSWORD).map_err(|e| e.to_string())?;
        for (name, content) in &options.files {
            std::fs::write(state.join(name), content).map_err(|e| format!("{name}: {e}"))?;
        }
        let (child, http, https) = spawn(dir.path(), options)?;
        Ok(Server { child, http, https, options: options.clone(), dir })
    }

    /// Kills it as a power cut would, and starts it again on what it left on the disk.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn restart(&mut self) -> Result<(), String> {
        let _ = self.child.kill();
        let _ = self.child.wait();
        (self.child, self.http, self.https) = spawn(self.dir.path(), &self.options)?;
        Ok(())
    }

    /// Number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Address in the clear.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Address over TLS, when asked for.
    pub fn https(&self) -> Option<SocketAddr> {
        self.https
    }

    /// `http://address`.
    pub fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Its local socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("state/xapi.sock")
    }

    /// A directory that goes away with the server; its state is in `state`.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Started = (Child, SocketAddr, Option<SocketAddr>);

/// Starts the daemon on what is in a directory.
fn spawn(dir: &Path, options: &Options) -> Result<Started, String> {
    let binary = binary()?;
    let mut command = Command::new(&binary);
    command
        .arg("--state-dir")
        .arg(options.state_dir.clone().unwrap_or_else(|| dir.join("state")))
        .args(["--http", "127.0.0.1:0"])
        .args(["--https", if options.tls { "127.0.0.1:0" } else { "none" }])
        .args(["--nbd", if options.nbd { "127.0.0.1:0" } else { "none" }])
        .args(["--backend", "sim"])
        .args(&options.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // A password that was changed meanwhile stays what it is.
    if !dir.join("started").exists() {
        command.arg("--root-password-file").arg(dir.join("password"));
    }
    if let Some(file) = &options.first_boot {
        command.arg("--first-boot").arg(file);
    }
    if let Some(run) = &options.real_disks {
        command.args(["--storage", "native", "--run-dir"]).arg(run);
    }
    if aloud() {
        command.args(["--log", "info"]);
    }
    let mut child = command.spawn().map_err(|e| format!("{}: {e}", binary.display()))?;
    match listening(&mut child, options.tls) {
        Ok((http, https)) => {
            std::fs::write(dir.join("started"), "").map_err(|e| e.to_string())?;
            Ok((child, http, https))
        }
        Err(why) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(why)
        }
    }
}

/// Whether what daemons log is shown: `XENNIX_ALOUD` is set.
fn aloud() -> bool {
    std::env::var_os("XENNIX_ALOUD").is_some()
}

/// Reads the announcement until the addresses are known, then keeps both pipes empty.
fn listening(child: &mut Child, tls: bool) -> Result<(SocketAddr, Option<SocketAddr>), String> {
    let (sender, receiver) = mpsc::channel();
    let stdout = child.stdout.take().ok_or("no stdout")?;
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let stderr = child.stderr.take().ok_or("no stderr")?;
    let complaints = std::sync::Arc::new(Mutex::new(String::new()));
    let kept = complaints.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if aloud() {
                eprintln!("xapi: {line}");
            }
            let mut kept = kept.lock().unwrap_or_else(|e| e.into_inner());
            kept.push_str(&line);
            kept.push('\n');
        }
    });
    let (mut http, mut https) = (None, None);
    while http.is_none() || (tls && https.is_none()) {
        let line = receiver.recv_timeout(START_LIMIT).map_err(|_| {
            let text = complaints.lock().unwrap_or_else(|e| e.into_inner()).clone();
            format!("the daemon did not say where it listens; it wrote:\n{text}")
        })?;
        if let Some((name, url)) = line.trim().split_once(' ') {
            let address = url.trim().split_once("://").and_then(|(_, address)| address.parse().ok());
            match name {
                "http" => http = address,
                "https" => https = address,
                _ => {}
            }
        }
    }
    http.map(|http| (http, https)).ok_or_else(|| "no address".into())
}

/// Directory of this crate.
pub fn crate_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Directory cargo builds into, of which the running test is a part.
///
/// # Errors
/// When the running program is not in such a directory.
pub fn target_dir() -> Result<PathBuf, String> {
    profile_dir()?.parent().map(Path::to_path_buf).ok_or_else(|| "no target directory".into())
}

fn profile_dir() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    let dir = own.parent().ok_or("no directory")?;
    let dir = if dir.file_name().is_some_and(|name| name == "deps") { dir.parent() } else { Some(dir) };
    dir.map(Path::to_path_buf).ok_or_else(|| "no profile directory".into())
}

/// The daemon's program, for tests that start it themselves.
///
/// # Errors
/// What the build complained about.
pub fn xapi() -> Result<PathBuf, String> {
    binary()
}

/// The daemon: `XENNIX_XAPI`, or the one of this build. Cargo is asked each time so that no stale one runs.
fn binary() -> Result<PathBuf, String> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND
        .get_or_init(|| match std::env::var_os("XENNIX_XAPI") {
            Some(path) => Ok(path.into()),
            None => build("xapi"),
        })
        .clone()
}

/// The command line client: `XENNIX_XE`, or the one of this build.
///
/// # Errors
/// What the build complained about.
pub fn xe() -> Result<PathBuf, String> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND
        .get_or_init(|| match std::env::var_os("XENNIX_XE") {
            Some(path) => Ok(path.into()),
            None => build("xe"),
        })
        .clone()
}

/// The program that carries pools over: `XENNIX_INFECT`, or the one of this build.
///
/// # Errors
/// What the build complained about.
pub fn infect() -> Result<PathBuf, String> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND
        .get_or_init(|| match std::env::var_os("XENNIX_INFECT") {
            Some(path) => Ok(path.into()),
            None => build("infect"),
        })
        .clone()
}

/// Builds a program of the workspace as the running test was built. All programs are built together, and with one test:
/// asked for one by one, or without any test, they would choose other features of the libraries they share, and
/// everything would be built once more.
fn build(name: &str) -> Result<PathBuf, String> {
    let profile = profile_dir()?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate_dir()).args(["build", "--quiet", "--workspace", "--bins", "--test", "guide"]);
    command.arg("--target-dir").arg(target_dir()?);
    match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => {}
        Some(profile) => {
            command.args(["--profile", profile]);
        }
    }
    let mut child = command.stderr(Stdio::piped()).spawn().map_err(|e| format!("cargo: {e}"))?;
    let mut complaint = String::new();
    if let Some(stderr) = child.stderr.as_mut() {
        let _ = stderr.read_to_string(&mut complaint);
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    if status.success() {
        Ok(profile.join(name))
    } else {
        Err(format!("the programs were not built:\n{}", first_lines(&complaint)))
    }
}

fn first_lines(text: &str) -> String {
    text.lines().take(30).collect::<Vec<_>>().join("\n")
}
