//! `bench`: starts the built daemon on a fresh directory, fills it with virtual machines and measures it
//! over real sockets. Prints Markdown: the numbers beside the goals and beside the original's.
//!
//! Server time is what the kernel charged the daemon's threads. Nothing here is a test: a busy machine
//! gives other numbers, and no number fails.

mod client;
mod measure;
mod reads;
mod report;
mod sample;
mod server;
mod writes;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, anyhow, bail};
use clap::Parser;

use crate::report::Report;

/// Measures the built daemon.
#[derive(Parser)]
#[command(name = "bench")]
struct Flags {
    /// Numbers of virtual machines to measure at, ascending
    #[arg(long, value_delimiter = ',', default_value = "1000,5000")]
    vms: Vec<usize>,
    /// Directory whose disk is measured; the state is made in it and removed again
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The daemon; built first and taken from beside this program when not given
    #[arg(long)]
    xapi: Option<PathBuf>,
}

fn main() -> Result<()> {
    let flags = Flags::parse();
    let programs = match flags.xapi {
        Some(xapi) => Programs::beside(xapi),
        None => build()?,
    };
    let base = match flags.dir {
        Some(dir) => dir,
        None => programs.xapi.parent().map(Path::to_path_buf).context("no directory to work in")?,
    };
    let place = Place(base.join(format!("bench-{}", std::process::id())));
    fs::create_dir_all(&place.0)?;
    fs::write(place.0.join("password"), server::PASSWORD)?;
    let mut report = Report::default();
    for count in flags.vms {
        measure::at(&programs, &place.0, count, &mut report).with_context(|| format!("at {count}"))?;
    }
    print!("{}", report.markdown());
    Ok(())
}

/// What is measured.
struct Programs {
    /// The daemon.
    xapi: PathBuf,
    /// The command line; left out when it is not there.
    xe: Option<PathBuf>,
}

impl Programs {
    /// A daemon, and the command line in the same directory.
    fn beside(xapi: PathBuf) -> Programs {
        let xe = Some(xapi.with_file_name("xe")).filter(|xe| xe.exists());
        Programs { xapi, xe }
    }
}

/// Builds the daemon and the command line as this program was built.
fn build() -> Result<Programs> {
    let this = std::env::current_exe()?;
    if let Some(cargo) = std::env::var_os("CARGO") {
        let mut command = Command::new(cargo);
        command.args(["build", "-p", "xapi-server", "--bin", "xapi", "-p", "xe-cli", "--bin", "xe"]);
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        if !command.status()?.success() {
            bail!("the daemon could not be built");
        }
    }
    let programs = Programs::beside(this.with_file_name("xapi"));
    if !programs.xapi.exists() {
        return Err(anyhow!("there is no xapi beside this program: build it, or name it with --xapi"));
    }
    Ok(programs)
}

/// A directory that goes when done.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        // What is left behind is seen by whoever looks there; nothing else can be done about it.
        let _ = fs::remove_dir_all(&self.0);
    }
}
