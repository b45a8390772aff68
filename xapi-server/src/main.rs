//! `xapi`: the toolstack daemon. Reads its settings, puts the parts together, says how to reach it, serves.

mod agent;
mod audit;
mod backends;
mod bridges;
mod check;
mod cli;
mod config;
mod drivers;
mod handlers;
mod hash;
mod machine;
mod memory;
mod nbd;
mod outside;
#[cfg(feature = "pam")]
mod pam;
mod passwords;
mod seed;
mod service;
mod state;
mod storage;

use std::{net::ToSocketAddrs, process::ExitCode, sync::Arc};

use anyhow::{Context, Result};
use clap::Parser;
use xapi_http::{Listeners, tls::Identity};
use xapi_ops::{Clock, NbdService, Settings, SystemClock, Xapi, first_boot, session::PasswordCheck};
use xapi_store::Store;

use crate::{config::Config, passwords::PasswordFile, service::Api};

/// File of the audit lines in the state directory.
const AUDIT_LOG: &str = "audit.log";
/// How long work that began may go on after the end was asked for.
const LAST_WORK: std::time::Duration = std::time::Duration::from_secs(10);

fn main() -> Result<ExitCode> {
    let flags = config::Flags::parse();
    if flags.hash_password {
        return print_hash().map(|()| ExitCode::SUCCESS);
    }
    let (checks, json) = (flags.check, flags.json);
    let config = Config::resolve(flags)?;
    if checks {
        return check::run(&config, json);
    }
    state::make(&config.state_dir)?;
    log(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(run(config));
    // Work that waits for a device which never answers would be waited for; nothing that was acknowledged goes with it.
    runtime.shutdown_timeout(LAST_WORK);
    if outcome? {
        agent::replace()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// For users of the `file` directory, whose hashes an administrator writes down.
fn print_hash() -> Result<()> {
    let mut password = String::new();
    std::io::stdin().read_line(&mut password)?;
    println!("{}", hash::hash(password.trim_end_matches(['\r', '\n']))?);
    Ok(())
}

/// What happens goes to standard error; what was asked goes to the audit log.
fn log(config: &Config) -> Result<()> {
    use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};
    let file = audit::AuditFile::open(&config.state_dir.join(AUDIT_LOG))?;
    let audit = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(std::sync::Mutex::new(file))
        .with_filter(EnvFilter::new("off,audit=info"));
    let events = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_filter(EnvFilter::new(&config.log));
    tracing_subscriber::registry().with(audit).with(events).init();
    Ok(())
}

/// Serves until told to end; true when a new daemon shall take its place.
async fn run(config: Config) -> Result<bool> {
    let _lock = state::lock(&config.state_dir)?;
    let seed = seed::load(&config).await?;
    let (passwords, fresh) = PasswordFile::open(&config.state_dir, config.root_password_file.as_deref())?;
    let store = Store::open(&config.state_dir).context("the state could not be opened")?;
    let host = {
        let (seed, now) = (seed.clone(), SystemClock.date());
        store.commit(move |tx| first_boot::establish(tx, &seed, now)).await.context("first boot")?
    };
    let identity = Identity::load_or_make(
        &config.state_dir.join("xapi-ssl.pem"),
        &seed.identity.hostname,
        seed.identity.address.parse().ok(),
    )?;
    let (agent, end) = agent::pair();
    // Listening begins before the first call can ask for the port, serving once everything is there.
    let disks = match address(config.nbd.as_deref())? {
        Some(address) => Some(tokio::net::TcpListener::bind(address).await.context("NBD")?),
        None => None,
    };
    let nbd = match &disks {
        Some(listener) => Some(NbdService {
            port: i64::from(listener.local_addr()?.port()),
            subject: identity.subject().unwrap_or_else(|| seed.identity.hostname.clone()),
        }),
        None => None,
    };
    let settings = Settings {
        nbd,
        outside: Some(Arc::new(outside::Network)),
        api_version: seed.identity.api_version,
        pool_secret: state::pool_secret(&config.state_dir)?,
        certificate: identity.certificate().to_string(),
        agent: Some(agent),
        given_drivers: seed.sm.is_some(),
        ..Settings::default()
    };
    let native = config.storage == "native";
    let database = drivers::Database::new(store.clone(), host.clone());
    let backends = backends::open(&config, &seed, &store, &database).await?;
    let (passwords, fresh) = checker(&config, passwords, fresh);
    let xapi = Xapi::new(store, Arc::new(SystemClock), passwords, backends, settings, host);
    database.serve(&xapi);
    // On real devices people say what becomes of them: SRs are made by calls only.
    xapi_ops::startup::run(&xapi, seed.storage_repositories && !native).await;
    tokio::spawn(xapi_ops::garbage::watch(xapi.clone()));
    tokio::spawn(xapi_ops::startup::watch(xapi.clone()));
    if let Some(listener) = disks {
        tokio::spawn(nbd::serve(xapi.clone(), listener, identity.config()?));
    }
    let handlers =
        handlers::Handlers { audit_log: config.state_dir.join(AUDIT_LOG), consoles: Arc::default() };
    let listeners = Listeners {
        http: address(config.http.as_deref())?,
        https: match address(config.https.as_deref())? {
            Some(address) => Some((address, identity.acceptor()?)),
            None => None,
        },
        socket: config.socket.clone(),
    };
    let running = xapi_http::start(Arc::new(Api::new(xapi.clone(), handlers)), listeners).await?;
    xapi_ops::startup::listening(&xapi, running.https.map(|address| address.port())).await;
    announce(&config, &running, fresh.as_deref(), &identity);
    let collector = tokio::spawn(collect(xapi));
    tokio::spawn(memory::keep_small());
    let again = tokio::select! {
        signal = wait_for_signal() => signal.map(|()| false)?,
        again = end.wait() => again,
    };
    collector.abort();
    running.stop().await;
    Ok(again)
}

/// The system checks root's password where it was asked to; then no other one is shown.
fn checker(
    config: &Config,
    file: PasswordFile,
    fresh: Option<String>,
) -> (Arc<dyn PasswordCheck>, Option<String>) {
    #[cfg(feature = "pam")]
    if config.pam {
        return (Arc::new(pam::Pam::new(file)), None);
    }
    debug_assert!(!config.pam, "refused when the settings were read");
    (Arc::new(file), fresh)
}

/// `none` switches a listener off.
fn address(text: Option<&str>) -> Result<Option<std::net::SocketAddr>> {
    match text {
        None | Some("none") => Ok(None),
        Some(text) => {
            let mut found =
                text.to_socket_addrs().with_context(|| format!("{text:?} is no address with a port"))?;
            Ok(found.next())
        }
    }
}

fn announce(config: &Config, running: &xapi_http::Running, password: Option<&str>, identity: &Identity) {
    println!("XenNix xapi {}", env!("CARGO_PKG_VERSION"));
    println!("  state      {}", config.state_dir.display());
    println!("  backend    {}", config.backend);
    println!("  storage    {}", config.storage);
    for (name, address) in [("http", running.http), ("https", running.https)] {
        if let Some(address) = address {
            println!("  {name:<10} {name}://{address}");
        }
    }
    if let Some(socket) = &config.socket {
        println!("  socket     {}", socket.display());
    }
    println!("  cert       SHA-256 {}", identity.fingerprint());
    if let Some(password) = password {
        println!("  root password (shown this once): {password}");
    }
    if let Some(http) = running.http {
        suggest(http, password.unwrap_or("PASSWORD"));
    }
}

/// Three things to try on a server that just started.
fn suggest(http: std::net::SocketAddr, password: &str) {
    let (host, port) = (http.ip(), http.port());
    println!("Try:");
    println!("  cargo run --release --bin xe -- -s {host} -p {port} -u root -pw {password} vm-list");
    println!("  cargo run --release --bin xe -- -s {host} -p {port} -u root -pw {password} \\");
    println!("    vm-install template='Debian Bookworm 12' new-name-label=first");
    println!(
        "  curl -s http://{http}/jsonrpc -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session.login_with_password\",\"params\":[\"root\",\"{password}\"]}}'"
    );
}

/// Every half minute: sessions and tasks nobody will ask about again.
async fn collect(xapi: Arc<Xapi>) {
    loop {
        tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        xapi_ops::session::methods::collect(&xapi).await;
        xapi_ops::task::collect(&xapi).await;
    }
}

async fn wait_for_signal() -> Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}
