//! The files of a host inside an image or a disk nobody mounts: its root file system, and the EFI partition where the
//! host has it. An unclean journal is replayed in memory only; there is no way to write.

use super::gpt::{Gpt, kind};
use super::medium::{Medium, Slice};
use super::superblock;
use super::tree::{Kind, Stat, Tree};
use ext4_view::{Ext4, Ext4Error, Ext4Read};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

/// Where the EFI partition is mounted on such hosts.
const ESP: &str = "/boot/efi";

type Fat = fatfs::FileSystem<ReadOnly>;

/// Root and EFI partition of an image.
pub struct Image {
    root: Ext4,
    esp: Option<Fat>,
    /// Bytes free on the EFI partition.
    pub esp_free: Option<u64>,
    /// Number of the partition that is root.
    pub root_number: Option<u32>,
}

struct Source(Arc<dyn Medium>);

impl Ext4Read for Source {
    fn read(
        &mut self,
        start: u64,
        into: &mut [u8],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync + 'static>> {
        self.0.read_at(start, into).map_err(Into::into)
    }
}

/// A medium as the FAT reader wants it: it may ask to write, and is refused.
struct ReadOnly {
    medium: Slice,
    at: u64,
}

impl Read for ReadOnly {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.medium.size().saturating_sub(self.at).min(into.len() as u64) as usize;
        self.medium.read_at(self.at, &mut into[..count])?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Write for ReadOnly {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for ReadOnly {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.medium.size().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

fn failed(e: Ext4Error) -> io::Error {
    io::Error::other(e.to_string())
}

fn absent<T>(result: Result<T, Ext4Error>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Ext4Error::NotFound | Ext4Error::NotADirectory | Ext4Error::NotASymlink) => Ok(None),
        Err(e) => Err(failed(e)),
    }
}

impl Image {
    /// Of a disk with a table: root is the partition whose file system's label begins with `root-`.
    ///
    /// # Errors
    /// When there is no such partition, or its file system can't be read.
    pub fn partitioned(medium: &Arc<dyn Medium>, table: &Gpt) -> io::Result<Image> {
        let slice = |one: &super::gpt::Partition| Slice::new(Arc::clone(medium), one.start, one.size);
        let mut root = None;
        for one in &table.partitions {
            let content = superblock::identify(&slice(one))?;
            if content.is_some_and(|c| c.kind.starts_with("ext") && c.label.starts_with("root-")) {
                root = Some(one);
                break;
            }
        }
        let root = root.ok_or_else(|| io::Error::other("no partition with a file system labelled root-…"))?;
        let mut image = Image::plain(Arc::new(slice(root)))?;
        image.root_number = Some(root.number);
        if let Some(esp) = table.partitions.iter().find(|one| one.kind == kind::ESP) {
            let fat =
                fatfs::FileSystem::new(ReadOnly { medium: slice(esp), at: 0 }, fatfs::FsOptions::new())?;
            image.esp_free =
                fat.stats().ok().map(|s| u64::from(s.free_clusters()) * u64::from(s.cluster_size()));
            image.esp = Some(fat);
        }
        Ok(image)
    }

    /// Of a root file system alone.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn plain(medium: Arc<dyn Medium>) -> io::Result<Image> {
        let root = Ext4::load(Box::new(Source(medium))).map_err(failed)?;
        Ok(Image { root, esp: None, esp_free: None, root_number: None })
    }

    /// The path inside the EFI partition.
    fn on_esp<'a>(&self, path: &'a str) -> Option<(&Fat, &'a str)> {
        let fat = self.esp.as_ref()?;
        let rest = path.strip_prefix(ESP)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| (fat, rest.trim_matches('/')))
    }
}

fn fat_absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        // The reader says so when a file is taken for a directory, or the other way round.
        Err(e) if e.kind() == io::ErrorKind::Other => Ok(None),
        Err(e) => Err(e),
    }
}

impl Tree for Image {
    fn stat(&self, path: &str) -> io::Result<Option<Stat>> {
        if let Some((fat, inner)) = self.on_esp(path) {
            let directory = Stat { kind: Kind::Directory, size: 0, mode: 0o700, mtime: 0 };
            if inner.is_empty() || fat_absent(fat.root_dir().open_dir(inner))?.is_some() {
                return Ok(Some(directory));
            }
            let Some(mut file) = fat_absent(fat.root_dir().open_file(inner))? else { return Ok(None) };
            return Ok(Some(Stat {
                kind: Kind::File,
                size: file.seek(SeekFrom::End(0))?,
                mode: 0o600,
                mtime: 0,
            }));
        }
        Ok(absent(self.root.metadata(path))?.map(|meta| {
            let kind = match meta.file_type() {
                t if t.is_dir() => Kind::Directory,
                t if t.is_regular_file() => Kind::File,
                _ => Kind::Other,
            };
            Stat { kind, size: meta.len(), mode: u32::from(meta.mode()) & 0o7777, mtime: 0 }
        }))
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn Read + '_>>> {
        if let Some((fat, inner)) = self.on_esp(path) {
            return Ok(
                fat_absent(fat.root_dir().open_file(inner))?.map(|file| Box::new(file) as Box<dyn Read + '_>)
            );
        }
        match self.stat(path)? {
            Some(stat) if stat.kind == Kind::File => {
                let file = self.root.open(path).map_err(failed)?;
                Ok(Some(Box::new(Ext4File(file))))
            }
            _ => Ok(None),
        }
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        if let Some((fat, inner)) = self.on_esp(path) {
            let root = fat.root_dir();
            let dir = if inner.is_empty() { Some(root) } else { fat_absent(root.open_dir(inner))? };
            for entry in dir.iter().flat_map(|dir| dir.iter()) {
                names.push(entry?.file_name());
            }
        } else if let Some(entries) = absent(self.root.read_dir(path))? {
            for entry in entries {
                names.push(entry.map_err(failed)?.file_name().display().to_string());
            }
        }
        names.retain(|name| name != "." && name != "..");
        names.sort();
        Ok(names)
    }

    fn link(&self, path: &str) -> io::Result<Option<String>> {
        if self.on_esp(path).is_some() {
            return Ok(None);
        }
        Ok(absent(self.root.read_link(path))?.map(|target| target.display().to_string()))
    }
}

struct Ext4File(ext4_view::File);

impl Read for Ext4File {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read_bytes(into).map_err(failed)
    }
}
