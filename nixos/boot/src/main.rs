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
    watch::{Look, Verdict, Watch},
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
        /// File that says it went back because nothing could be told, so that it does so once
        #[arg(long, value_name = "FILE", default_value = "/var/lib/xennix-boot/went-back")]
        note: PathBuf,
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
        Command::Watch { which, timeout, manual, unit, socket, reach, note } => {
            let checks = Checks { units: unit, socket, reach, systemctl: which.systemctl.clone() };
            return watch(&which, Duration::from_secs(timeout), manual, &checks, &Watch { note });
        }
        Command::Confirm { which } => {
            let loader = which.loader()?;
            let running = loader.running()?;
            loader.always(&running)?;
            println!("confirmed: {running}");
        }
        Command::Status { which } => {
            let loader = which.loader()?;
            let running = loader.running()?;
            let (default, next) = (loader.default()?, loader.next()?);
            println!("running: {running}");
            println!("default: {}", default.as_deref().unwrap_or("the loader's own"));
            if let Some(next) = &next {
                println!("next start: {next}, once");
            }
            println!("state: {}", state(&running, default.as_deref(), next.as_deref()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What that means.
fn state(running: &str, default: Option<&str>, next: Option<&str>) -> String {
    if default == Some(running) {
        return "confirmed".into();
    }
    let back = next.or(default).unwrap_or("what the loader's own configuration says");
    format!("not confirmed: unless it is, the next start is {back}")
}

/// Looks until this start is confirmed or its time is up. What can't be found out is no reason to end: it counts as a
/// complaint, and is told each time it changes.
fn watch(which: &Which, timeout: Duration, manual: bool, checks: &Checks, watch: &Watch) -> Result<ExitCode> {
    let until = Instant::now() + timeout;
    let mut told = String::new();
    loop {
        let look = look(which, manual, checks);
        match watch.verdict(&look, Instant::now() >= until) {
            Verdict::Done => {
                if let Look::Confirmed(what) = &look {
                    println!("{what}");
                }
                watch.forget();
                return Ok(ExitCode::SUCCESS);
            }
            Verdict::GoBack(why) => {
                eprintln!("not confirmed, going back: {why}");
                if matches!(look, Look::Unknown(_)) {
                    watch.remember()?;
                }
                reboot(&which.systemctl)?;
                return Ok(ExitCode::FAILURE);
            }
            Verdict::Stay(why) => {
                bail!(
                    "THIS START IS NOT CONFIRMED, and whether it has to be can't be found out: {why}. The start \
                     before went back for such a reason, so this one stays; `xennix-boot confirm` keeps it"
                )
            }
            Verdict::Wait(why) if why != told => {
                eprintln!("not confirmed yet: {why}");
                told = why;
            }
            Verdict::Wait(_) => {}
        }
        std::thread::sleep(Duration::from_secs(2).min(until.saturating_duration_since(Instant::now())));
    }
}

/// One look at loader and health; a healthy start is confirmed by it.
fn look(which: &Which, manual: bool, checks: &Checks) -> Look {
    let looked = || -> Result<Look> {
        let loader = which.loader()?;
        let running = loader.running()?;
        // Somebody may have confirmed it meanwhile.
        if loader.default()?.as_deref() == Some(running.as_str()) {
            return Ok(Look::Confirmed(format!("{running} is confirmed")));
        }
        let complaints = if manual { vec!["nobody has confirmed it".into()] } else { checks.complaints() };
        if !complaints.is_empty() {
            return Ok(Look::Unhealthy(format!("{running}: {}", complaints.join("; "))));
        }
        match loader.always(&running) {
            Ok(()) => Ok(Look::Confirmed(format!("{running} is healthy, and the default from now on"))),
            // It is known to be on probation: as if it were not healthy.
            Err(why) => Ok(Look::Unhealthy(format!("{running} is healthy, but can't be confirmed: {why:#}"))),
        }
    };
    looked().unwrap_or_else(|why| Look::Unknown(format!("{why:#}")))
}

/// In order, and by force where that is refused.
fn reboot(systemctl: &std::path::Path) -> Result<()> {
    for words in [&["reboot"][..], &["reboot", "--force"]] {
        match Child::new(systemctl).args(words).status() {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => eprintln!("{} {}: {status}", systemctl.display(), words.join(" ")),
            Err(why) => eprintln!("{} {}: {why}", systemctl.display(), words.join(" ")),
        }
    }
    bail!("THIS START IS NOT CONFIRMED, and the machine can't be restarted")
}
