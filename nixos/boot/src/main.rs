//! `xennix-boot`: entries in a foreign GRUB, starts that are confirmed or go back.

use std::{
    path::PathBuf,
    process::{Command as Child, ExitCode},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use xennix_boot::{
    health::Checks,
    loader::{Grub, Loader, SystemdBoot},
};

/// Boot entries and the confirmation of starts.
#[derive(Parser)]
#[command(name = "xennix-boot", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the entries of the newest generations into a foreign GRUB and start the newest once
    Install {
        #[command(flatten)]
        which: Which,
        /// UUID of the file system with /nix/store
        #[arg(long)]
        root_uuid: String,
        /// Generations in the menu; 0 is all
        #[arg(long, default_value_t = 8)]
        limit: usize,
        /// The system that was installed
        toplevel: PathBuf,
    },
    /// After systemd-boot was written: start the new entry once, keep the running one as default
    Arm {
        #[command(flatten)]
        which: Which,
    },
    /// Wait until this start is healthy and confirm it, or go back
    Watch {
        #[command(flatten)]
        which: Which,
        /// Seconds until it goes back
        #[arg(long, default_value_t = 600)]
        timeout: u64,
        /// Only `xennix-boot confirm` confirms
        #[arg(long)]
        manual: bool,
        /// Unit that must be active
        #[arg(long)]
        unit: Vec<String>,
        /// Local socket on which the toolstack must answer
        #[arg(long)]
        socket: Option<PathBuf>,
        /// Address that must accept a connection
        #[arg(long)]
        reach: Option<String>,
    },
    /// Make what runs now the default
    Confirm {
        #[command(flatten)]
        which: Which,
    },
    /// Say what runs and what is the default
    Status {
        #[command(flatten)]
        which: Which,
    },
}

/// The loader.
#[derive(Args)]
struct Which {
    /// Directory of a foreign GRUB
    #[arg(long, value_name = "DIR", required_unless_present = "bootctl")]
    grub: Option<PathBuf>,
    /// The program bootctl, for systemd-boot
    #[arg(long, value_name = "FILE", conflicts_with = "grub")]
    bootctl: Option<PathBuf>,
    /// Command line of the kernel
    #[arg(long, hide = true, default_value = "/proc/cmdline")]
    command_line: PathBuf,
    /// Directory of the system profile
    #[arg(long, hide = true, default_value = "/nix/var/nix/profiles")]
    profiles: PathBuf,
    /// The program systemctl
    #[arg(long, hide = true, default_value = "systemctl")]
    systemctl: PathBuf,
}

impl Which {
    fn grub(&self) -> Option<Grub> {
        let directory = self.grub.clone()?;
        Some(Grub { directory, command_line: self.command_line.clone(), profiles: self.profiles.clone() })
    }

    fn loader(&self) -> Result<Box<dyn Loader>> {
        match (self.grub(), &self.bootctl) {
            (Some(grub), _) => Ok(Box::new(grub)),
            (None, Some(bootctl)) => Ok(Box::new(SystemdBoot::new(bootctl.clone()))),
            (None, None) => bail!("give --grub or --bootctl"),
        }
    }
}

fn main() -> ExitCode {
    run(Cli::parse().command).unwrap_or_else(|error| {
        eprintln!("xennix-boot: {error:#}");
        ExitCode::from(2)
    })
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Install { which, root_uuid, limit, toplevel } => {
            let grub = which.grub().context("entries are written into a GRUB: give --grub")?;
            println!("next start: {}", grub.install(&root_uuid, limit, &toplevel)?);
        }
        Command::Arm { which } => {
            let bootctl = which.bootctl.clone().context("give --bootctl")?;
            match SystemdBoot::new(bootctl).arm()? {
                Some(entry) => println!("next start: {entry}"),
                None => println!("nothing to prove"),
            }
        }
        Command::Watch { which, timeout, manual, unit, socket, reach } => {
            let checks = Checks { units: unit, socket, reach, systemctl: which.systemctl.clone() };
            return watch(&which, Duration::from_secs(timeout), manual, &checks);
        }
        Command::Confirm { which } => {
            let loader = which.loader()?;
            let running = loader.running()?;
            loader.always(&running)?;
            println!("confirmed: {running}");
        }
        Command::Status { which } => {
            let loader = which.loader()?;
            println!("running: {}", loader.running()?);
            println!("default: {}", loader.default()?.unwrap_or_else(|| "the loader's own".into()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn watch(which: &Which, timeout: Duration, manual: bool, checks: &Checks) -> Result<ExitCode> {
    let loader = which.loader()?;
    let running = loader.running()?;
    let until = Instant::now() + timeout;
    loop {
        // Somebody may have confirmed it meanwhile.
        if loader.default()?.as_deref() == Some(running.as_str()) {
            println!("{running} is confirmed");
            return Ok(ExitCode::SUCCESS);
        }
        let complaints = if manual { vec!["nobody has confirmed it".into()] } else { checks.complaints() };
        if complaints.is_empty() {
            loader.always(&running)?;
            println!("{running} is healthy, and the default from now on");
            return Ok(ExitCode::SUCCESS);
        }
        if Instant::now() >= until {
            eprintln!("{running} is not confirmed, going back: {}", complaints.join("; "));
            let status = Child::new(&which.systemctl).arg("reboot").status();
            status.with_context(|| which.systemctl.display().to_string())?;
            return Ok(ExitCode::FAILURE);
        }
        std::thread::sleep(Duration::from_secs(2).min(until.saturating_duration_since(Instant::now())));
    }
}
