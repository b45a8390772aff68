//! Everything a way back would need, in one directory: files, the table of partitions, texts of volume groups, what
//! programs say, a list of images. Each piece is written whole or not at all and noted; a run that was cut goes on where
//! it stopped. With a key everything but the list of names is encrypted before it reaches the disk.

use crate::audit::Audit;
use crate::host::gpt::Table;
use crate::host::medium::Medium;
use crate::host::tree::Tree;
use crate::host::{Host, carried};
use crate::keep::{self, Written};
use crate::progress::Progress;
use crate::{At, Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Name of the list.
pub const LIST: &str = "manifest.json";
/// Name of the notes of a run that is not finished.
const JOURNAL: &str = "journal";
/// The key of an encrypted snapshot, itself encrypted with the passphrase.
const KEY: &str = "key.age";

/// What lies in a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this list.
    pub schema: u32,
    /// Host it is of.
    pub host: String,
    /// Is everything encrypted?
    pub encrypted: bool,
    /// Every piece, sorted.
    pub pieces: Vec<Piece>,
    /// Links of the host.
    pub links: BTreeMap<String, String>,
    /// What could not be had: a program that is not there.
    pub absent: Vec<String>,
}

/// A piece. Its sum is of what is stored, so that it can be proven without the key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Piece {
    /// Path in the snapshot.
    pub path: String,
    /// Bytes stored.
    pub size: u64,
    /// SHA-256 of what is stored.
    pub sha256: String,
    /// Size and last change of the source, by which a further run knows it.
    #[serde(default)]
    pub source: String,
    /// Permission bits on the host.
    #[serde(default)]
    pub mode: u32,
}

/// Who may read it.
pub enum Lock {
    /// Root.
    Open,
    /// Those who have one of these keys.
    Recipients(Vec<age::x25519::Recipient>),
    /// Those who know the passphrase.
    Passphrase(age::secrecy::SecretString),
}

/// Programs that say how things are, and where their words go. Those a host lacks are noted.
const SAYINGS: [(&str, &str, &[&str]); 14] = [
    ("lvs", "lvs", &["-a", "-o", "+seg_pe_ranges,lv_tags", "--noheadings", "--readonly"]),
    ("pvs", "pvs", &["--noheadings", "--readonly"]),
    ("vgs", "vgs", &["--noheadings", "--readonly"]),
    ("blkid", "blkid", &["-c", "/dev/null"]),
    ("dmsetup-table", "dmsetup", &["table"]),
    ("dmsetup-info", "dmsetup", &["info"]),
    ("ip-address", "ip", &["address"]),
    ("ip-route", "ip", &["route"]),
    ("ovs", "ovs-vsctl", &["show"]),
    ("multipath", "multipath", &["-ll"]),
    ("lspci", "lspci", &["-nnk"]),
    ("efibootmgr", "efibootmgr", &["-v"]),
    ("rpm", "rpm", &["-qa"]),
    ("xl-info", "xl", &["info"]),
];

struct Taking<'a> {
    at: &'a Path,
    known: BTreeMap<String, Piece>,
    journal: File,
    keys: Vec<age::x25519::Recipient>,
    pieces: Vec<Piece>,
}

fn journal_of(at: &Path) -> BTreeMap<String, Piece> {
    let text = fs::read_to_string(at.join(JOURNAL)).unwrap_or_default();
    // The last line may be cut: it is simply not known then.
    text.lines()
        .filter_map(|line| serde_json::from_str::<Piece>(line).ok())
        .map(|piece| (piece.path.clone(), piece))
        .collect()
}

impl Taking<'_> {
    fn stored(&self, name: &str) -> String {
        if self.keys.is_empty() { name.to_owned() } else { format!("{name}.age") }
    }

    /// Is it there already, from the same source?
    fn has(&self, path: &str, source: &str) -> Option<Piece> {
        let piece = self.known.get(path).filter(|piece| !source.is_empty() && piece.source == source)?;
        let there = File::open(self.at.join(path)).and_then(keep::sum).ok()?;
        (there.size == piece.size && there.sha256 == piece.sha256).then(|| piece.clone())
    }

    fn take(&mut self, name: &str, source: &str, mode: u32, from: impl Read) -> Result<()> {
        let path = self.stored(name);
        if let Some(piece) = self.has(&path, source) {
            self.pieces.push(piece);
            return Ok(());
        }
        let to = self.at.join(&path);
        let Written { size, sha256 } = if self.keys.is_empty() {
            keep::copy(&to, 0o600, from)?
        } else {
            let mut from = from;
            keep::file(&to, 0o600, |out| {
                let keys = self.keys.iter().map(|key| key as &dyn age::Recipient);
                let encryptor = age::Encryptor::with_recipients(keys).map_err(io::Error::other)?;
                let mut into = encryptor.wrap_output(out)?;
                io::copy(&mut from, &mut into)?;
                into.finish().map(drop)
            })?;
            File::open(&to).and_then(keep::sum).map_err(Error::io(&to))?
        };
        let piece = Piece { path, size, sha256, source: source.to_owned(), mode };
        let mut line = serde_json::to_string(&piece).map_err(|e| Error::Output(e.into()))?;
        line.push('\n');
        self.journal
            .write_all(line.as_bytes())
            .and_then(|()| self.journal.sync_data())
            .map_err(Error::io(self.at))?;
        self.pieces.push(piece);
        Ok(())
    }
}

/// What a snapshot is taken of.
pub struct Sources<'a> {
    /// The host's files.
    pub tree: &'a dyn Tree,
    /// What was read of them.
    pub host: &'a Host,
    /// The system's disk.
    pub medium: Option<&'a dyn Medium>,
    /// Images.
    pub audits: &'a [Audit],
    /// A dump of the database, newer than the file.
    pub database: Option<&'a Path>,
}

/// Takes one. `out` appears only when it is whole.
///
/// # Errors
/// What can't be read or written; what was taken so far stays beside, for the next run.
pub fn take(sources: &Sources<'_>, lock: &Lock, out: &Path, progress: &mut dyn Progress) -> Result<Manifest> {
    if out.exists() {
        return Err(Error::refused("OUT_OCCUPIED", format!("{} is there already", out.display())));
    }
    let partial = keep::with_suffix(out, ".partial");
    keep::directory(&partial)?;
    let known = journal_of(&partial);
    let mut options = OpenOptions::new();
    let journal = options
        .append(true)
        .create(true)
        .mode(0o600)
        .open(partial.join(JOURNAL))
        .map_err(Error::io(&partial))?;
    let keys = keys(lock, &partial)?;
    let mut t = Taking { at: &partial, known, journal, keys, pieces: Vec::new() };
    let (host, tree) = (sources.host, sources.tree);
    let mut manifest = Manifest {
        schema: 1,
        host: host.fact("INSTALLATION_UUID").to_owned(),
        encrypted: !t.keys.is_empty(),
        ..Manifest::default()
    };

    let paths: Vec<&str> = carried::HANDED_OVER.iter().chain(carried::KEPT).copied().collect();
    let found = carried::walk(tree, &paths).map_err(Error::io(Path::new("/")))?;
    for (at, one) in found.iter().enumerate() {
        progress.at("files", at as u64, found.len() as u64);
        if let Some(to) = &one.link {
            manifest.links.insert(one.path.clone(), to.clone());
            continue;
        }
        let here = Path::new(&one.path);
        let Some(stat) = tree.stat(&one.path).map_err(Error::io(here))? else { continue };
        let Some(file) = tree.open(&one.path).map_err(Error::io(here))? else { continue };
        let source = if stat.mtime == 0 { String::new() } else { format!("{}@{}", stat.size, stat.mtime) };
        t.take(&format!("files{}", one.path), &source, one.mode, file)?;
    }
    progress.at("files", found.len() as u64, found.len() as u64);
    if let Some(path) = sources.database {
        t.take("dump/state.db", "", 0o600, File::open(path).map_err(Error::io(path))?)?;
    }
    if let (Some(medium), Some(disk)) = (sources.medium, &host.disk) {
        let failed = |e| Error::io(Path::new(&disk.name))(e);
        let sector = match &disk.table {
            Table::Gpt(gpt) => gpt.sector,
            _ => 512,
        };
        let length = (34 * sector).min(medium.size());
        t.take("disk/table-start.bin", "", 0o600, &medium.bytes(0, length as usize).map_err(failed)?[..])?;
        let length = (33 * sector).min(medium.size());
        let end = medium
            .bytes(medium.size() - length, length as usize)
            .map_err(|e| Error::io(Path::new(&disk.name))(e))?;
        t.take("disk/table-end.bin", "", 0o600, &end[..])?;
        let text = serde_json::to_vec_pretty(disk).map_err(|e| Error::Output(e.into()))?;
        t.take("disk/disk.json", "", 0o600, &text[..])?;
    }
    for audit in sources.audits {
        let text = serde_json::to_vec_pretty(audit).map_err(|e| Error::Output(e.into()))?;
        t.take(&format!("images/{}.json", audit.sr), "", 0o600, &text[..])?;
    }
    let text = serde_json::to_vec_pretty(host).map_err(|e| Error::Output(e.into()))?;
    t.take("host.json", "", 0o600, &text[..])?;
    if host.machine.live {
        for (name, program, arguments) in SAYINGS {
            match crate::check::ask(program, arguments) {
                Some(text) => t.take(&format!("said/{name}.txt"), "", 0o600, text.as_bytes())?,
                None => manifest.absent.push(program.to_owned()),
            }
        }
    }
    if let Lock::Passphrase(_) = lock {
        let path = partial.join(KEY);
        let Written { size, sha256 } = File::open(&path).and_then(keep::sum).map_err(Error::io(&path))?;
        t.pieces.push(Piece { path: KEY.into(), size, sha256, source: String::new(), mode: 0o600 });
    }
    t.pieces.sort();
    t.pieces.dedup_by(|a, b| a.path == b.path);
    manifest.pieces = std::mem::take(&mut t.pieces);
    drop(t);
    let mut text = serde_json::to_vec_pretty(&manifest).map_err(|e| Error::Output(e.into()))?;
    text.push(b'\n');
    keep::copy(&partial.join(LIST), 0o600, &text[..])?;
    let journal = partial.join(JOURNAL);
    fs::remove_file(&journal).map_err(Error::io(&journal))?;
    keep::sync(&partial)?;
    fs::rename(&partial, out).map_err(Error::io(out))?;
    keep::sync(out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
    Ok(manifest)
}

/// A passphrase is slow on purpose: it opens one key, and that key opens everything.
fn keys(lock: &Lock, partial: &Path) -> Result<Vec<age::x25519::Recipient>> {
    match lock {
        Lock::Open => Ok(Vec::new()),
        Lock::Recipients(keys) => Ok(keys.clone()),
        Lock::Passphrase(passphrase) => {
            use age::secrecy::ExposeSecret;
            let path = partial.join(KEY);
            if path.exists() {
                let key = unlock(&path, passphrase)?;
                return Ok(vec![key.to_public()]);
            }
            let key = age::x25519::Identity::generate();
            keep::file(&path, 0o600, |out| {
                let mut into = age::Encryptor::with_user_passphrase(passphrase.clone()).wrap_output(out)?;
                into.write_all(key.to_string().expose_secret().as_bytes())?;
                into.finish().map(drop)
            })?;
            Ok(vec![key.to_public()])
        }
    }
}

fn unlock(path: &Path, passphrase: &age::secrecy::SecretString) -> Result<age::x25519::Identity> {
    let wrong = |e: String| Error::refused("PASSPHRASE", format!("{}: {e}", path.display()));
    let file = File::open(path).map_err(Error::io(path))?;
    let decryptor = age::Decryptor::new(file).map_err(|e| wrong(e.to_string()))?;
    let identity = age::scrypt::Identity::new(passphrase.clone());
    let mut text = String::new();
    let mut reader =
        decryptor.decrypt([&identity as &dyn age::Identity].into_iter()).map_err(|e| wrong(e.to_string()))?;
    reader.read_to_string(&mut text).map_err(Error::io(path))?;
    text.parse().map_err(|e: &str| wrong(e.to_owned()))
}

/// A piece of an encrypted snapshot, with the passphrase it was taken with.
///
/// # Errors
/// A wrong passphrase, and what can't be read.
pub fn read_piece(snapshot: &Path, name: &str, passphrase: &age::secrecy::SecretString) -> Result<Vec<u8>> {
    let key = unlock(&snapshot.join(KEY), passphrase)?;
    let path = snapshot.join(format!("{name}.age"));
    let file = File::open(&path).map_err(Error::io(&path))?;
    let decryptor = age::Decryptor::new(file).map_err(|e| Error::refused("PASSPHRASE", e.to_string()))?;
    let mut out = Vec::new();
    let mut reader = decryptor
        .decrypt([&key as &dyn age::Identity].into_iter())
        .map_err(|e| Error::refused("PASSPHRASE", e.to_string()))?;
    reader.read_to_end(&mut out).map_err(Error::io(&path))?;
    Ok(out)
}

/// How a snapshot stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum State {
    /// There is none.
    None,
    /// One was begun and cut.
    Begun {
        /// Pieces there so far.
        pieces: usize,
    },
    /// One is there and every piece is what it says.
    Whole {
        /// How many pieces.
        pieces: usize,
        /// Bytes stored.
        bytes: u64,
        /// Is it encrypted?
        encrypted: bool,
        /// Programs that were not there.
        absent: Vec<String>,
    },
    /// One is there, and not as it should be.
    Damaged {
        /// What is missing or changed.
        problems: Vec<String>,
    },
}

/// Looks at a snapshot, and proves every piece.
///
/// # Errors
/// When its list can't be read.
pub fn state(out: &Path, progress: &mut dyn Progress) -> Result<State> {
    if !out.exists() {
        let partial = keep::with_suffix(out, ".partial");
        return Ok(if partial.exists() {
            State::Begun { pieces: journal_of(&partial).len() }
        } else {
            State::None
        });
    }
    let list = out.join(LIST);
    let bytes = fs::read(&list).map_err(Error::io(&list))?;
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|e| Error::malformed(&list, At::Line(e.line() as u64), "a list of pieces", e.to_string()))?;
    let mut problems = Vec::new();
    let mut stored = 0;
    for (at, piece) in manifest.pieces.iter().enumerate() {
        progress.at("pieces", at as u64, manifest.pieces.len() as u64);
        if piece.path.split('/').any(|part| part == ".." || part.is_empty()) {
            problems.push(format!("{}: no path inside the snapshot", piece.path));
            continue;
        }
        match File::open(out.join(&piece.path)).and_then(keep::sum) {
            Ok(found) if (found.size, &found.sha256) == (piece.size, &piece.sha256) => stored += found.size,
            Ok(found) => {
                problems.push(format!("{}: {} bytes with SHA-256 {}", piece.path, found.size, found.sha256))
            }
            Err(e) => problems.push(format!("{}: {e}", piece.path)),
        }
    }
    progress.at("pieces", manifest.pieces.len() as u64, manifest.pieces.len() as u64);
    Ok(if problems.is_empty() {
        State::Whole {
            pieces: manifest.pieces.len(),
            bytes: stored,
            encrypted: manifest.encrypted,
            absent: manifest.absent,
        }
    } else {
        State::Damaged { problems }
    })
}

/// On the running host: makes the toolstack write its database, and dumps it. What fails is told, not hidden.
///
/// # Errors
/// When the toolstack does not do either.
pub fn dump(into: &Path) -> Result<()> {
    let asked = crate::check::ask("xe", &["pool-sync-database"]);
    let file = format!("file-name={}", into.display());
    let dumped = asked.and_then(|_| crate::check::ask("xe", &["pool-dump-database", &file]));
    match dumped {
        Some(_) if into.is_file() => Ok(()),
        _ => Err(Error::refused(
            "DB_DUMP",
            "xe did not write the pool's database: is the toolstack running? (--no-dump takes the file as it is)",
        )),
    }
}
