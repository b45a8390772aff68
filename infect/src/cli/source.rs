//! What a command looks at: a copied root, an image, or this host. Opened for reading only.

use crate::host::gpt::{self, Table};
use crate::host::image::Image;
use crate::host::medium::{FileMedium, Medium};
use crate::host::system_disk::{self, SystemDisk};
use crate::host::tree::{Directory, Tree};
use crate::host::{self, Host};
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Arguments that say what to look at.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(id = "source", required = true, multiple = false, args = ["root", "image", "live"])]
pub struct Args {
    /// A copy of the host's root directory.
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// An image of the host's disk, or of its root file system. Nothing is mounted.
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,
    /// This host, while it runs.
    #[arg(long)]
    pub live: bool,
    /// The system's disk, or an image of it, beside `--root`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["image", "live"])]
    pub disk: Option<PathBuf>,
}

/// What was opened.
pub struct Source {
    /// The host's files.
    pub tree: Box<dyn Tree>,
    /// The system's disk.
    pub medium: Option<Arc<dyn Medium>>,
    disk: Option<SystemDisk>,
    esp_free: Option<u64>,
}

fn open(path: &Path) -> Result<Arc<dyn Medium>> {
    Ok(Arc::new(FileMedium::open(path).map_err(Error::io(path))?))
}

/// Opens it.
///
/// # Errors
/// What can't be read.
pub fn source(args: &Args) -> Result<Source> {
    if let Some(path) = &args.image {
        let medium = open(path)?;
        let name = path.display().to_string();
        let disk = system_disk::read(&name, &medium)?;
        let image = match gpt::read(&name, medium.as_ref())? {
            Table::Gpt(table) => Image::partitioned(&medium, &table).map_err(Error::io(path))?,
            _ => Image::plain(Arc::clone(&medium)).map_err(Error::io(path))?,
        };
        let esp_free = image.esp_free;
        let disk = disk.gpt().is_some().then_some(disk);
        return Ok(Source { tree: Box::new(image), medium: Some(medium), disk, esp_free });
    }
    let tree = match &args.root {
        Some(root) if !root.is_dir() => {
            return Err(Error::io(root)(std::io::ErrorKind::NotADirectory.into()));
        }
        Some(root) => Directory::copied(root),
        None => Directory::live(),
    };
    let mut out = Source { tree: Box::new(tree), medium: None, disk: None, esp_free: None };
    let path = match &args.disk {
        Some(path) => Some(path.clone()),
        None if args.live => primary_disk(out.tree.as_ref()),
        None => None,
    };
    if let Some(path) = path {
        let medium = open(&path)?;
        out.disk = Some(system_disk::read(&path.display().to_string(), &medium)?);
        out.medium = Some(medium);
    }
    Ok(out)
}

/// The disk the inventory names, when that is there.
fn primary_disk(tree: &dyn Tree) -> Option<PathBuf> {
    let bytes = tree.read(host::inventory::PATH, 1 << 20).ok()??;
    let inventory = host::inventory::parse(host::inventory::PATH, &bytes).ok()?;
    Some(PathBuf::from(inventory.get("PRIMARY_DISK"))).filter(|path| path.is_absolute() && path.exists())
}

impl Source {
    /// The host as it describes itself.
    pub fn host(&self) -> Host {
        let mut host = host::read(self.tree.as_ref(), self.disk.clone());
        if let Some(disk) = &host.disk {
            host.problems.extend(disk.problems.iter().cloned());
        }
        if self.esp_free.is_some() {
            host.machine.esp_free = self.esp_free;
        }
        host
    }
}

/// Which database belongs to the host.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Database {
    /// The pool's database; without it the one among the host's files.
    #[arg(long, value_name = "FILE")]
    pub db: Option<PathBuf>,
}

/// A database as a file: the given one, or a copy of the one among the host's files.
pub enum Found {
    /// A file that was there.
    There(PathBuf),
    /// One copied out of an image.
    Copied(tempfile::NamedTempFile),
}

impl Found {
    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Found::There(path) => path,
            Found::Copied(file) => file.path(),
        }
    }
}

/// Where it is when nothing else is said.
const STATE_DB: &str = "/var/lib/xcp/state.db";

impl Database {
    /// Finds it.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, source: &Source, host: &Host) -> Result<Found> {
        if let Some(path) = &self.db {
            return Ok(Found::There(path.clone()));
        }
        let configured = host.databases.iter().filter(|one| !one.remote()).map(|one| one.path.as_str());
        for path in configured.chain([STATE_DB]) {
            let Some(mut file) = source.tree.open(path).map_err(Error::io(Path::new(path)))? else {
                continue;
            };
            // The files may lie in an image: a copy of root's own, gone with the process, is read instead.
            let mut copy = tempfile::NamedTempFile::new().map_err(Error::io(Path::new(path)))?;
            std::io::copy(&mut file, &mut copy).map_err(Error::io(Path::new(path)))?;
            return Ok(Found::Copied(copy));
        }
        Err(Error::refused("DB_MISSING", "the host's files hold no database: name one with --db"))
    }
}
