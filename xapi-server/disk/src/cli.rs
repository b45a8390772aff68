//! The commands of `xennix-disk`. They print for people, or JSON when asked. Never guess a format from content.

use crate::chain::{Chain, Format, Layer, Spot};
use crate::error::{Error, Result};
use crate::source::Source;
use crate::vhd::audit::{audit_all, audit_chain};
use crate::volumes::Directory;
use clap::{Parser, Subcommand, ValueEnum};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// Looks after disk images: VHD chains, raw and qcow2.
#[derive(Debug, Parser)]
#[command(name = "xennix-disk", version)]
pub struct Args {
    /// Treat plain files as volumes of fixed size.
    #[arg(long, global = true)]
    fixed: bool,
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

/// An image format on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum FormatArg {
    /// Raw bytes.
    Raw,
    /// VHD.
    Vhd,
    /// qcow2.
    Qcow2,
}

impl From<FormatArg> for Format {
    fn from(f: FormatArg) -> Format {
        match f {
            FormatArg::Raw => Format::Raw,
            FormatArg::Vhd => Format::Vhd,
            FormatArg::Qcow2 => Format::Qcow2,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show an image and its parents.
    Info {
        /// The image.
        image: PathBuf,
        /// Its format, where the name does not tell.
        #[arg(short, long)]
        format: Option<FormatArg>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Report everything wrong with an image and its parents, or with all images of a directory.
    /// Exit 0: clean. 1: findings. 2: unreadable.
    Check {
        /// The image or directory.
        image: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show which layer holds which stretch of the disk.
    Map {
        /// The image.
        image: PathBuf,
        /// Its format, where the name does not tell.
        #[arg(short, long)]
        format: Option<FormatArg>,
        /// Print JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
}

/// Runs a command, writes to `out`, returns the exit status.
///
/// # Errors
/// What the command could not do; the caller exits with 2.
pub fn run(args: Args, out: &mut dyn Write) -> Result<u8> {
    let place = |path: &PathBuf| {
        let (dir, name) = Directory::of(path)?;
        Ok::<_, Error>((dir.with_fixed(args.fixed), name))
    };
    match args.command {
        Command::Info { image, format, json } => {
            let (dir, name) = place(&image)?;
            let chain = Chain::open(&dir, &name, format_of(&name, format)?)?;
            info(&chain, json, out)?;
            Ok(0)
        }
        Command::Check { image, json } => check(&image, args.fixed, json, out),
        Command::Map { image, format, json } => {
            let (dir, name) = place(&image)?;
            let chain = Chain::open(&dir, &name, format_of(&name, format)?)?;
            map(&chain, json, out)?;
            Ok(0)
        }
    }
}

/// The format said on the command line, else by the name.
fn format_of(name: &str, given: Option<FormatArg>) -> Result<Format> {
    given.map(Format::from).or_else(|| Format::of_name(name)).ok_or_else(|| {
        Error::Refused(format!("the name {name:?} does not tell its format; say it with --format"))
    })
}

fn info(chain: &Chain, json: bool, out: &mut dyn Write) -> Result<()> {
    let layers: Vec<_> = chain.layers().iter().map(|(name, layer)| describe(name, layer)).collect();
    if json {
        writeln!(out, "{}", json!({ "virtual_size": chain.size(), "layers": layers }))?;
        return Ok(());
    }
    for (depth, layer) in layers.iter().enumerate() {
        for (key, value) in layer.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            writeln!(out, "{:indent$}{key:15} {text}", "", indent = depth * 2)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn describe(name: &str, layer: &Layer) -> serde_json::Value {
    let Layer::Vhd(image) = layer else {
        return json!({ "name": name, "format": "raw", "virtual_size": layer.size() });
    };
    let f = image.footer();
    json!({
        "name": name,
        "format": "vhd",
        "kind": format!("{:?}", f.kind).to_lowercase(),
        "virtual_size": f.current_size,
        "file_size": image.file().size().ok(),
        "data_end": image.data_end().ok(),
        "uuid": f.uuid.to_string(),
        "parent_uuid": image.header().map(|h| h.parent_uuid.to_string()),
        "hidden": f.hidden != 0,
        "creator": String::from_utf8_lossy(&f.creator).trim_end_matches('\0'),
        "creator_version": format!("{}.{}", f.creator_version >> 16, f.creator_version & 0xffff),
        "footer": format!("{:?}", image.footer_place()).to_lowercase(),
        "block_size": image.header().map(|h| h.block_size),
        "blocks": image.bat().allocated().count(),
        "max_blocks": image.bat().len(),
    })
}

fn check(path: &PathBuf, fixed: bool, json: bool, out: &mut dyn Write) -> Result<u8> {
    let report = if path.is_dir() {
        audit_all(&Directory::new(path).with_fixed(fixed))?
    } else {
        let (dir, name) = Directory::of(path)?;
        audit_chain(&dir.with_fixed(fixed), &name)?
    };
    if json {
        writeln!(out, "{}", serde_json::to_string(&report).map_err(std::io::Error::other)?)?;
    } else {
        for f in &report.findings {
            let severity = format!("{:?}", f.severity).to_lowercase();
            writeln!(out, "{severity}: {}: {} [{}]", f.image, f.detail, f.code)?;
        }
        if report.is_clean() {
            writeln!(out, "clean")?;
        }
    }
    Ok(match (report.is_clean(), report.readable) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    })
}

fn map(chain: &Chain, json: bool, out: &mut dyn Write) -> Result<()> {
    let total = chain.size() / 512;
    let mut at = 0;
    while at < total {
        let (spot, n) = chain.locate(at, total - at)?;
        let (start, len) = (at * 512, n * 512);
        match (spot, json) {
            (Spot::At { layer, offset }, true) => {
                let name = &chain.layers()[layer].0;
                writeln!(
                    out,
                    "{}",
                    json!({ "start": start, "length": len, "data": true, "depth": layer, "image": name, "offset": offset })
                )?;
            }
            (_, true) => writeln!(out, "{}", json!({ "start": start, "length": len, "data": false }))?,
            (Spot::At { layer, offset }, false) => {
                writeln!(out, "{start:>14} {len:>12} {:>12} {}", offset, chain.layers()[layer].0)?;
            }
            (_, false) => writeln!(out, "{start:>14} {len:>12} {:>12}", "zero")?,
        }
        at += n;
    }
    Ok(())
}
