//! Settings: flags, then a TOML file with the same keys, then what suits a fresh machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Parser;
use serde::Deserialize;

/// The XenNix toolstack daemon.
#[derive(Debug, Default, Parser, Deserialize)]
#[command(name = "xapi", version)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Flags {
    /// TOML file with the same keys as these flags
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Directory of the state; made if it is not there
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Directory of what is open, emptied by a reboot: below /run for root, else in the state directory
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Address to listen on in the clear, or `none`
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// Address to listen on over TLS, or `none`
    #[arg(long, value_name = "ADDR")]
    https: Option<String>,
    /// Address to serve disks to backup programs on, over NBD, or `none`
    #[arg(long, value_name = "ADDR")]
    nbd: Option<String>,
    /// Local socket
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// What to stand on: auto, sim or xl
    #[arg(long, value_name = "KIND")]
    backend: Option<String>,
    /// Who makes the bridges of a real host: existing (others do), kernel, networkd or openvswitch
    #[arg(long, value_name = "KIND")]
    network: Option<String>,
    /// Where disks are: auto (as the backend), sim, or native for this machine's real devices
    #[arg(long, value_name = "KIND")]
    storage: Option<String>,
    /// How guests reach native disks: auto (the best this host has), ublk, kernel-nbd, nbd-socket or tapdisk
    #[arg(long, value_name = "KIND")]
    data_path: Option<String>,
    /// Directory of storage drivers that are programs, beside native storage, or `none`
    #[arg(long, value_name = "DIR")]
    drivers: Option<PathBuf>,
    /// Who checks root's password: file, or pam where it was built in
    #[arg(long, value_name = "KIND")]
    auth: Option<String>,
    /// File holding the root password to set
    #[arg(long, value_name = "FILE")]
    root_password_file: Option<PathBuf>,
    /// Print the hash of a password read from standard input, for `users.json`, and end
    #[arg(long)]
    #[serde(skip)]
    pub hash_password: bool,
    /// Say what this machine lacks to be a host with these settings, and end: 0 nothing needed, 1 something
    #[arg(long)]
    #[serde(skip)]
    pub check: bool,
    /// With --check: print JSON
    #[arg(long, requires = "check")]
    #[serde(skip)]
    pub json: bool,
    /// Seed of a new state directory: identity, hardware, templates
    #[arg(long, value_name = "FILE")]
    first_boot: Option<PathBuf>,
    /// What to log, such as `info` or `warn,audit=info`
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

/// Settings with nothing left open.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory of the state.
    pub state_dir: PathBuf,
    /// Directory of what is open, where somebody chose one.
    pub run_dir: Option<PathBuf>,
    /// Address in the clear.
    pub http: Option<String>,
    /// Address over TLS.
    pub https: Option<String>,
    /// Address of disks for backup programs.
    pub nbd: Option<String>,
    /// Local socket.
    pub socket: Option<PathBuf>,
    /// What it stands on.
    pub backend: &'static str,
    /// Who makes the bridges of a real host.
    pub network: &'static str,
    /// Where disks are: `sim` or `native`.
    pub storage: &'static str,
    /// How guests reach native disks, where somebody chose.
    pub data_path: Option<xapi_datapath::Kind>,
    /// Directory of storage drivers that are programs.
    pub drivers: Option<PathBuf>,
    /// Root's password is the system's own.
    pub pam: bool,
    /// File holding the root password to set.
    pub root_password_file: Option<PathBuf>,
    /// Seed of a new state directory.
    pub first_boot: Option<PathBuf>,
    /// What to log.
    pub log: String,
}

impl Config {
    /// Flags win over the file, the file over defaults.
    ///
    /// # Errors
    /// An unreadable file, an unknown key, a backend that is not there.
    pub fn resolve(flags: Flags) -> Result<Config> {
        let file = match &flags.config {
            Some(path) => read(path)?,
            None => Flags::default(),
        };
        let state_dir = flags.state_dir.or(file.state_dir).map_or_else(default_state_dir, Ok)?;
        let backend = match flags.backend.or(file.backend).as_deref() {
            None | Some("auto") if xapi_xl::is_control_domain() => "xl",
            None | Some("auto" | "sim") => "sim",
            Some("xl") if xapi_xl::is_control_domain() => "xl",
            Some("xl") => bail!("the xl backend needs the control domain of a Xen host, which this is not"),
            Some(other) => bail!("there is no backend {other:?}: use auto, sim or xl"),
        };
        let network = match flags.network.or(file.network).as_deref() {
            None | Some("existing") => "existing",
            Some("kernel") => "kernel",
            Some("networkd") => "networkd",
            Some("openvswitch") => "openvswitch",
            Some(other) => {
                bail!("there is no network {other:?}: use existing, kernel, networkd or openvswitch")
            }
        };
        let storage = match flags.storage.or(file.storage).as_deref() {
            None | Some("auto") if backend == "sim" => "sim",
            Some("sim") => "sim",
            None | Some("auto" | "native") => "native",
            Some(other) => bail!("there is no storage {other:?}: use auto, sim or native"),
        };
        let data_path = match flags.data_path.or(file.data_path).as_deref() {
            None | Some("auto") => None,
            Some(name) => Some(xapi_datapath::Kind::of_name(name).with_context(|| {
                let known = xapi_datapath::Kind::ALL.map(xapi_datapath::Kind::name).join(", ");
                format!("there is no data path {name:?}: use auto, {known}")
            })?),
        };
        let drivers = match flags.drivers.or(file.drivers) {
            Some(none) if none.as_os_str() == "none" => None,
            // Where the original has them.
            None if storage == "native" => Some(PathBuf::from("/opt/xensource/sm")),
            given => given,
        };
        let pam = match flags.auth.or(file.auth).as_deref() {
            None | Some("file") => false,
            Some("pam") if cfg!(feature = "pam") => true,
            Some("pam") => bail!("this xapi was built without PAM: build it with --features pam"),
            Some(other) => bail!("there is no way {other:?} to check passwords: use file or pam"),
        };
        Ok(Config {
            pam,
            run_dir: flags.run_dir.or(file.run_dir),
            http: Some(flags.http.or(file.http).unwrap_or_else(|| "127.0.0.1:8080".into())),
            https: Some(flags.https.or(file.https).unwrap_or_else(|| "127.0.0.1:8443".into())),
            nbd: flags.nbd.or(file.nbd),
            socket: Some(flags.socket.or(file.socket).unwrap_or_else(|| state_dir.join("xapi.sock"))),
            root_password_file: flags.root_password_file.or(file.root_password_file),
            first_boot: flags.first_boot.or(file.first_boot),
            log: flags.log.or(file.log).unwrap_or_else(|| "warn".into()),
            backend,
            network,
            storage,
            data_path,
            drivers,
            state_dir,
        })
    }
}

fn read(path: &Path) -> Result<Flags> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

/// A directory the user owns.
fn default_state_dir() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("XDG_STATE_HOME") {
        return Ok(PathBuf::from(dir).join("xennix"));
    }
    match std::env::var_os("HOME") {
        Some(home) => Ok(PathBuf::from(home).join(".local/state/xennix")),
        None => bail!("neither --state-dir nor HOME says where the state should live"),
    }
}
