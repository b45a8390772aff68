//! `xennix-reconcile`: brings about what a manifest declares, or shows what it would do.

use std::{
    io::Read,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use xennix_manifest::{
    apply,
    client::{Address, Client, Failure},
    manifest::{self, Manifest},
    plan::plan,
    trust::{Trust, Untrusted},
};

/// Brings about what a NixOS configuration declares.
#[derive(Parser)]
#[command(name = "xennix-reconcile", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare a manifest with a server and change the server
    Apply(Apply),
    /// Read a manifest and say whether it is one
    Check {
        /// The manifest, or `-`
        manifest: PathBuf,
    },
    /// Print the JSON schema of manifests
    Schema,
}

#[derive(Args)]
struct Apply {
    /// Only print the plan
    #[arg(long)]
    dry_run: bool,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
    /// Local socket of the server
    #[arg(long, value_name = "PATH", default_value = "/var/lib/xcp/xapi", conflicts_with = "url")]
    socket: PathBuf,
    /// Address of the server instead, such as https://192.0.2.10
    #[arg(long)]
    url: Option<String>,
    /// Certificates in PEM: the server's own, or those of authorities that sign for it
    #[arg(long, value_name = "FILE", requires = "url", conflicts_with = "fingerprint")]
    ca_file: Option<PathBuf>,
    /// SHA-256 of the server's certificate, as it prints it at its start
    #[arg(long, value_name = "HEX", requires = "url")]
    fingerprint: Option<String>,
    /// User at that address
    #[arg(long, default_value = "root")]
    user: String,
    /// File with that user's password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Seconds to wait for the server to answer
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
    /// File that is there since guests were started; without it those that start with the host are started
    #[arg(long, value_name = "FILE")]
    boot_marker: Option<PathBuf>,
    /// The manifest, or `-`
    manifest: PathBuf,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Schema => {
            println!("{:#}", manifest::schema());
            Ok(ExitCode::SUCCESS)
        }
        Command::Check { manifest } => read(&manifest).map(|manifest| {
            println!(
                "{} guests, {} networks, {} repositories",
                manifest.domains.len(),
                manifest.networks.len(),
                manifest.storage.len()
            );
            ExitCode::SUCCESS
        }),
        Command::Apply(apply) => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Into::into)
            .and_then(|runtime| runtime.block_on(run(apply))),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("xennix-reconcile: {error:#}");
        ExitCode::from(2)
    })
}

fn read(path: &std::path::Path) -> Result<Manifest> {
    let text = if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        text
    } else {
        std::fs::read_to_string(path).with_context(|| path.display().to_string())?
    };
    Manifest::parse(&text).with_context(|| path.display().to_string())
}

/// The server may be starting.
async fn connect(args: &Apply) -> Result<Client> {
    let (address, password) = match (&args.url, &args.password_file) {
        (None, _) => (Address::Socket(args.socket.clone()), String::new()),
        (Some(url), Some(file)) => {
            let password = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            let trust = match (&args.ca_file, &args.fingerprint) {
                (Some(file), _) => Some(Trust::file(file)?),
                (None, Some(text)) => Some(Trust::fingerprint(text)?),
                (None, None) => None,
            };
            (Address::parse(url, trust)?, password.trim_end_matches('\n').to_string())
        }
        (Some(_), None) => anyhow::bail!("--url needs --password-file"),
    };
    let until = Instant::now() + Duration::from_secs(args.wait);
    loop {
        match Client::log_in(address.clone(), &args.user, &password).await {
            Ok(client) => return Ok(client),
            // No patience changes these.
            Err(error) if error.downcast_ref::<Untrusted>().is_some() => {
                return Err(error.context("this is not the server it should be"));
            }
            Err(error) if refused(&error) => return Err(error.context("the server refuses the login")),
            Err(error) if Instant::now() >= until => return Err(error.context("the server does not answer")),
            Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
}

/// It answered, and does not want us. A host that is starting says so and will.
fn refused(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Failure>().is_some_and(|failure| failure.code() != "HOST_STILL_BOOTING")
}

async fn run(args: Apply) -> Result<ExitCode> {
    let manifest = read(&args.manifest)?;
    let client = connect(&args).await?;
    let outcome = reconcile(&args, &manifest, &client).await;
    client.log_out().await;
    outcome
}

async fn reconcile(args: &Apply, manifest: &Manifest, client: &Client) -> Result<ExitCode> {
    let just_booted = args.boot_marker.as_ref().is_some_and(|marker| !marker.exists());
    let world = apply::observe(client, manifest, just_booted).await?;
    let steps = plan(manifest, &world);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&steps)?);
    } else {
        print!("{steps}");
    }
    if args.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    let undone =
        apply::apply(client, &world, &steps, |step| eprintln!("{}: {}", step.option, step.what)).await;
    for one in &undone {
        match &one.why {
            Some(why) => eprintln!("FAILED {}: {}: {why:#}", one.step.option, one.step.what),
            None => eprintln!("not done {}: {}", one.step.option, one.step.what),
        }
    }
    if let (Some(marker), true) = (&args.boot_marker, undone.is_empty()) {
        if let Some(dir) = marker.parent() {
            std::fs::create_dir_all(dir)?;
        }
        std::fs::write(marker, "").with_context(|| marker.display().to_string())?;
    }
    Ok(if undone.is_empty() && steps.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
