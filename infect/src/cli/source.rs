//! What a command looks at: a copied root, an image, or this host. Opened for reading only.

use crate::audit::Audit;
use crate::host::gpt::{self, Table};
use crate::host::image::Image;
use crate::host::medium::{FileMedium, Medium, Slice};
use crate::host::system_disk::{self, SystemDisk};
use crate::host::tree::{Directory, Tree};
use crate::host::{self, Host};
use crate::pool::Pool;
use crate::progress::Progress;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xennix_disk::volumes::Volumes;

/// Arguments that say what to look at.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(id = "source", multiple = false, args = ["root", "image", "live"])]
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
        None if args.live => Directory::live(),
        None => {
            return Err(Error::refused("SOURCE", "say what to look at: --root DIR, --image FILE or --live"));
        }
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

impl Database {
    /// What the file beside the database says its generation is; nothing when there is none.
    ///
    /// # Errors
    /// A file that holds no number.
    pub fn generation(&self, source: &Source) -> Result<Option<u64>> {
        let (name, bytes) = match &self.db {
            Some(path) => {
                // `state.db.gz` has `state.db.generation` beside it, too.
                let path = path.with_extension("").with_extension("db.generation");
                (path.display().to_string(), std::fs::read(&path).ok())
            }
            None => {
                let name = format!("{STATE_DB}.generation");
                let bytes = source.tree.read(&name, 64).map_err(Error::io(Path::new(&name)))?;
                (name, bytes)
            }
        };
        let Some(bytes) = bytes else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        text.parse().map(Some).map_err(|_| host::Malformed::at(&name, 1, "a number", &text).into())
    }
}

/// Where images of local repositories lie.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Repositories {
    /// Images of a repository, as a directory: `--sr UUID=DIR`. On the running host mounted ones are found.
    #[arg(long = "sr", value_name = "UUID=DIR")]
    pub repositories: Vec<String>,
}

impl Repositories {
    /// Looks at every repository that can be reached: given ones, mounted ones of the running host, and those in volume
    /// groups on the given disk.
    ///
    /// # Errors
    /// A repository that is given and unknown, or can't be listed.
    pub fn audits(
        &self,
        source: &Source,
        host: &Host,
        pool: &Pool,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Audit>> {
        let mut places: BTreeMap<String, Box<dyn Volumes>> = BTreeMap::new();
        if host.machine.live {
            for sr in
                pool.rows("SR").iter().filter(|sr| matches!(sr.get("type"), "ext" | "xfs" | "file" | "nfs"))
            {
                let path = Path::new("/run/sr-mount").join(sr.uuid());
                if path.is_dir() {
                    places
                        .insert(sr.uuid().to_owned(), Box::new(xennix_disk::volumes::Directory::new(&path)));
                }
            }
        }
        if let (Some(disk), Some(medium)) = (&host.disk, &source.medium) {
            for (number, group) in &disk.groups {
                let Some(uuid) = group.name.strip_prefix("VG_XenStorage-") else { continue };
                let Some(partition) = disk.gpt().and_then(|gpt| gpt.partition(*number)) else { continue };
                let slice: Arc<dyn Medium> =
                    Arc::new(Slice::new(Arc::clone(medium), partition.start, partition.size));
                places.insert(
                    uuid.to_owned(),
                    Box::new(crate::lv_volumes::GroupVolumes::new(group.clone(), slice)),
                );
            }
        }
        for one in &self.repositories {
            let Some((uuid, path)) = one.split_once('=').filter(|(_, path)| Path::new(path).is_dir()) else {
                return Err(Error::refused("SR_ARGUMENT", format!("{one:?} is not UUID=DIR")));
            };
            places.insert(uuid.to_owned(), Box::new(xennix_disk::volumes::Directory::new(Path::new(path))));
        }
        let mut out = Vec::new();
        for (uuid, volumes) in &places {
            match pool.by_uuid("SR", uuid) {
                Some(sr) => {
                    let audit = crate::audit::audit(sr, pool, volumes.as_ref(), progress);
                    out.push(audit.map_err(|e| Error::refused("SR_UNREADABLE", format!("{uuid}: {e}")))?);
                }
                None if self.repositories.iter().any(|one| one.starts_with(uuid.as_str())) => {
                    return Err(Error::refused(
                        "SR_ARGUMENT",
                        format!("the database knows no repository {uuid}"),
                    ));
                }
                None => {}
            }
        }
        Ok(out)
    }
}
