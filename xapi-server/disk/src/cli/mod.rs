//! The commands of `xennix-disk`. They print for people, or JSON when asked. Never guess a format from content.

mod behind;
mod change;
pub mod check;
mod serve;
mod show;

use crate::chain::{Chain, Format};
use crate::error::{Error, Result};
use crate::file::Access;
use crate::nbd::control::Command as Control;
use crate::nbd::server::Config;
use crate::qcow2::Qcow2Disk;
use crate::source::Source;
use crate::volumes::Directory;
use clap::{Parser, Subcommand, ValueEnum};
use std::io::Write;
use std::path::{Path, PathBuf};

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
    /// Report everything wrong with images and their parents, or with all images of directories.
    /// Exit 0: clean. 1: findings. 2: unreadable. Of several, the worst.
    Check {
        /// The images or directories.
        #[arg(required = true)]
        images: Vec<PathBuf>,
        /// Print JSON, one object a line.
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
    /// Copy a disk, its parents included, to a new image of any format.
    Convert {
        /// The image to read.
        source: PathBuf,
        /// The image to make; `-` for standard output.
        target: PathBuf,
        /// Format of the source, where the name does not tell.
        #[arg(short, long)]
        format: Option<FormatArg>,
        /// Format of the target.
        #[arg(short = 'O', long)]
        output: FormatArg,
        /// Copy only what lies above this parent of the source, as a child of it (VHD and qcow2).
        #[arg(long)]
        base: Option<String>,
        /// The name the new image calls its parent, where it differs from the base's.
        #[arg(long, requires = "base")]
        parent: Option<String>,
    },
    /// Make an empty image.
    Create {
        /// The image.
        image: PathBuf,
        /// Virtual size; K, M, G and T count in powers of 1024.
        #[arg(value_parser = size)]
        size: u64,
        /// Its format, where the name does not tell.
        #[arg(short, long)]
        format: Option<FormatArg>,
    },
    /// Freeze a disk and make a snapshot of it.
    Snapshot {
        /// The disk.
        leaf: PathBuf,
        /// The snapshot's name.
        snapshot: String,
        /// The name of the frozen data.
        #[arg(long)]
        base: String,
        /// The disk's name afterwards, where it is raw.
        #[arg(long)]
        leaf_after: Option<String>,
    },
    /// Make a disk read as a snapshot does.
    Revert {
        /// The disk.
        leaf: PathBuf,
        /// The snapshot's name.
        snapshot: String,
        /// The name of the snapshot's data, should it have to be frozen.
        #[arg(long)]
        base: String,
    },
    /// Merge an image into its parent: an inner node, whose children are kept, or a disk, which keeps its name.
    Coalesce {
        /// The image.
        image: PathBuf,
        /// The disk's name afterwards, where the parent is raw.
        #[arg(long)]
        name: Option<String>,
    },
    /// Grow a disk.
    Resize {
        /// The image.
        image: PathBuf,
        /// New virtual size.
        #[arg(value_parser = size)]
        size: u64,
    },
    /// Finish or undo what a crash interrupted in a directory.
    Recover {
        /// The directory.
        directory: PathBuf,
    },
    /// Serve a disk over NBD on a socket, until a signal or the control socket ends it.
    Serve(ServeArgs),
    /// Tell a disk server something: prints how it is afterwards.
    Control {
        /// The control socket (`<socket>.control` unless it was named).
        socket: PathBuf,
        /// What.
        #[command(subcommand)]
        what: Tell,
    },
    /// Mend what a writer that died left: the missing footer at the end of a VHD, a qcow2 that was not closed.
    Repair {
        /// The image.
        image: PathBuf,
    },
}

/// What to serve and where.
#[derive(Debug, clap::Args)]
struct ServeArgs {
    /// The image.
    image: PathBuf,
    /// The NBD socket to make.
    #[arg(long)]
    socket: PathBuf,
    /// Name of the export.
    #[arg(long, default_value = "")]
    export: String,
    /// Its format, where the name does not tell.
    #[arg(short, long)]
    format: Option<FormatArg>,
    /// Refuse writes.
    #[arg(short, long)]
    read_only: bool,
    /// The control socket to make. Default: the NBD socket's name and `.control`.
    #[arg(long)]
    control: Option<PathBuf>,
    /// The state file to write. Default: the NBD socket's name and `.state`.
    #[arg(long)]
    state: Option<PathBuf>,
    /// Note changes in this log.
    #[arg(long)]
    track: Option<PathBuf>,
    /// Offer the changes of this log as `qemu:dirty-bitmap:changes`.
    #[arg(long)]
    changes: Option<PathBuf>,
    /// A file in memory by which writes survive the death of the server, for the next one of the image.
    #[arg(long)]
    pending: Option<PathBuf>,
    /// Be this block device of the kernel's ublk driver as well, or take it over from a server that died.
    #[arg(long, value_name = "NUMBER")]
    ublk: Option<u32>,
    /// Return when clients may connect; the server goes on by itself.
    #[arg(long)]
    detach: bool,
    #[arg(long, hide = true, conflicts_with = "detach")]
    left_behind: bool,
}

#[derive(Debug, Subcommand)]
enum Tell {
    /// How it is.
    Status,
    /// Close the image; clients wait.
    Pause,
    /// Open the image again and go on.
    Resume {
        /// From now on this image.
        #[arg(long)]
        image: Option<PathBuf>,
    },
    /// Make everything written durable.
    Flush,
    /// Merge the disk into its parent while it is used. Returns at once: `status` tells how far it is.
    Coalesce {
        /// The disk's name afterwards, where the parent is raw.
        #[arg(long)]
        name: Option<String>,
    },
    /// Give a running merge up.
    CancelCoalesce,
    /// Close the image and end.
    Stop,
}

impl From<Tell> for Control {
    fn from(tell: Tell) -> Control {
        match tell {
            Tell::Status => Control::Status,
            Tell::Pause => Control::Pause,
            Tell::Resume { image } => Control::Resume { image },
            Tell::Flush => Control::Flush,
            Tell::Coalesce { name } => Control::Coalesce { name },
            Tell::CancelCoalesce => Control::CancelCoalesce,
            Tell::Stop => Control::Stop,
        }
    }
}

fn serve(a: ServeArgs, fixed: bool, out: &mut dyn Write) -> Result<()> {
    let beside = |suffix: &str| {
        let mut path = a.socket.clone().into_os_string();
        path.push(suffix);
        PathBuf::from(path)
    };
    let absolute = |path: PathBuf| std::path::absolute(path);
    let config = Config {
        control: absolute(a.control.clone().unwrap_or_else(|| beside(".control")))?,
        state: absolute(a.state.clone().unwrap_or_else(|| beside(".state")))?,
        socket: absolute(a.socket.clone())?,
        image: absolute(a.image)?,
        format: a.format.map(Format::from),
        fixed,
        read_only: a.read_only,
        export: a.export,
        track: a.track.map(absolute).transpose()?,
        changes: a.changes,
        pending: a.pending.map(absolute).transpose()?,
        ublk: a.ublk,
    };
    if a.detach {
        let arguments: Vec<_> = std::env::args_os().skip(1).filter(|a| a != "--detach").collect();
        serve::detached(&arguments, &config.state, out)
    } else if a.left_behind {
        serve::left_behind(config, out)
    } else {
        serve::foreground(config, out)
    }
}

fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_uppercase().trim_end_matches("IB").trim_end_matches('B') {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err("not a size".into()),
    };
    let n: u64 = digits.parse().map_err(|_| "not a number")?;
    // A disk has whole sectors.
    n.checked_mul(1 << shift).and_then(|n| n.checked_next_multiple_of(512)).ok_or_else(|| "too large".into())
}

/// Runs a command, writes to `out`, returns the exit status.
///
/// # Errors
/// What the command could not do; the caller exits with 2.
pub fn run(args: Args, out: &mut dyn Write) -> Result<u8> {
    let place = |path: &Path| {
        let (dir, name) = Directory::of(path)?;
        Ok::<_, Error>((dir.with_fixed(args.fixed), name))
    };
    match args.command {
        Command::Info { image, format, json } => match open(&image, format, args.fixed)? {
            Opened::Chain(chain) => show::info(&chain, json, out)?,
            Opened::Qcow2(disk) => show::info_qcow2(&disk, json, out)?,
        },
        Command::Check { images, json } => return check::check(&images, args.fixed, json, out),
        Command::Map { image, format, json } => match open(&image, format, args.fixed)? {
            Opened::Chain(chain) => show::map(&chain, json, out)?,
            Opened::Qcow2(disk) => show::map_qcow2(&disk, json, out)?,
        },
        Command::Convert { source, target, format, output, base, parent } => {
            let mut source = open(&source, format, args.fixed)?;
            let mut link = None;
            if let Some(base) = base {
                (source, link) = change::since(source, &base, parent)?;
            }
            change::convert(source.source(), &target, output.into(), link, out)?;
        }
        Command::Create { image, size, format } => {
            let (dir, name) = place(&image)?;
            let format = format_of(&name, format)?;
            named(&image, change::create(&dir, &name, size, format))?;
        }
        Command::Snapshot { leaf, snapshot, base, leaf_after } => {
            let (dir, name) = place(&leaf)?;
            let frozen = named(&leaf, change::snapshot(&dir, name, snapshot, base, leaf_after))?;
            writeln!(out, "{}", if frozen { "frozen" } else { "nothing to freeze: made beside the disk" })?;
        }
        Command::Revert { leaf, snapshot, base } => {
            let (dir, name) = place(&leaf)?;
            let room = named(&leaf, change::room(&dir, &name))?;
            named(&leaf, crate::vhd::snapshot::revert(&dir, &name, &snapshot, &base, room))?;
        }
        Command::Coalesce { image, name } => {
            let (dir, node) = place(&image)?;
            named(&image, change::coalesce(&dir, &node, name))?;
        }
        Command::Resize { image, size } => {
            let (dir, name) = place(&image)?;
            named(&image, change::resize(&dir, &name, size))?;
        }
        Command::Recover { directory } => {
            let dir = Directory::new(&directory).with_fixed(args.fixed);
            let recovered = named(&directory, crate::vhd::journal::recover_each(&dir))?;
            for note in recovered.done {
                writeln!(out, "{}", serde_json::to_string(&note).map_err(std::io::Error::other)?)?;
            }
            for stuck in &recovered.stuck {
                writeln!(out, "{}: {}: {}", stuck.key, stuck.note.images().join(", "), stuck.error)?;
            }
            return Ok(u8::from(!recovered.stuck.is_empty()));
        }
        Command::Serve(a) => serve(a, args.fixed, out)?,
        Command::Control { socket, what } => named(&socket, serve::control(&socket, &what.into(), out))?,
        Command::Repair { image } => {
            let (dir, name) = place(&image)?;
            named(&image, change::repair(&dir, &name))?;
        }
    }
    Ok(0)
}

/// Says which file it was that failed; whoever reads our output may end it.
fn named<T>(path: &Path, done: Result<T>) -> Result<T> {
    done.map_err(|e| match e {
        Error::Io(source) if source.kind() != std::io::ErrorKind::BrokenPipe => {
            Error::Beside { name: path.display().to_string(), source: Box::new(source.into()) }
        }
        e => e,
    })
}

/// An image of any format.
enum Opened {
    Chain(Chain),
    Qcow2(Qcow2Disk),
}

impl Opened {
    fn source(&self) -> &dyn Source {
        match self {
            Opened::Chain(c) => c,
            Opened::Qcow2(q) => q,
        }
    }
}

fn open(path: &Path, format: Option<FormatArg>, fixed: bool) -> Result<Opened> {
    let (dir, name) = Directory::of(path)?;
    let opened = match format_of(&name, format)? {
        Format::Qcow2 => Qcow2Disk::open(&dir, &name, Access::Read).map(Opened::Qcow2),
        format => Chain::open(&dir.with_fixed(fixed), &name, format).map(Opened::Chain),
    };
    named(path, opened)
}

/// The format said on the command line, else by the name.
fn format_of(name: &str, given: Option<FormatArg>) -> Result<Format> {
    given.map(Format::from).or_else(|| Format::of_name(name)).ok_or_else(|| {
        Error::Refused(format!("the name {name:?} does not tell its format; say it with --format"))
    })
}
