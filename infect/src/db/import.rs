//! The import: a pool database becomes a state directory, whole or not at all.
//!
//! Everything is made in a directory beside the wanted one, proved equal, and only then renamed into place: a
//! process that dies on the way leaves nothing a server could start on.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    fs::{self, File},
    io::{BufWriter, Read},
    path::{Path, PathBuf},
};

use serde::Serialize;
use sha2::{Digest, Sha256};
use xapi_schema::Record;
use xapi_statedb::{Event, Manifest, Row, SCHEMA_CURRENT, SCHEMA_OLDEST, Writer, check::Rule, open};
use xapi_store::{Batch, Change, Journal, SqliteJournal, body};

use super::{
    convert::{Fate, convert},
    reading,
    state::{ASIDE, Aside, Column, Dir, Imported, OBJECTS, POOL_SECRET, Table, private, sync_dir},
    storing, verify,
    world::{Home, World},
};
use crate::{At, Error, Result, progress::Progress};

/// Objects that become durable together.
const BATCH: usize = 1_000;
/// Findings of a kind that are remembered; more of one kind are a number.
const REMEMBERED: usize = 100_000;

/// What to import, and where.
#[derive(Debug, Clone)]
pub struct Request {
    /// The pool database.
    pub db: PathBuf,
    /// The state directory to make.
    pub state_dir: PathBuf,
    /// uuids of the host and its control domain, from its inventory; the pool's coordinator without one.
    pub identity: Option<(String, String)>,
    /// Bridge of the management interface, from the inventory.
    pub bridge: Option<String>,
    /// The secret the pool's members share.
    pub pool_secret: Option<String>,
    /// The number in the file beside the database.
    pub generation: Option<u64>,
    /// Refusals that are accepted.
    pub accept: Vec<String>,
}

/// What was done.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Where the state is.
    pub state_dir: PathBuf,
    /// What was read.
    #[serde(flatten)]
    pub imported: Imported,
    /// What differs and why; nothing else does.
    pub verdict: verify::Verdict,
}

impl Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: u64 = self.imported.tables.values().map(|table| table.rows).sum();
        writeln!(
            f,
            "{} rows of schema {}.{} (generation {}) are in {}",
            rows,
            self.imported.schema_major,
            self.imported.schema_minor,
            self.imported.generation,
            self.state_dir.display()
        )?;
        for aside in &self.imported.aside {
            writeln!(f, "kept aside: {} rows of {} ({})", aside.rows, aside.table, aside.reason)?;
        }
        for column in &self.imported.unknown_columns {
            writeln!(f, "kept aside: column {}.{}, which no field has", column.table, column.column)?;
        }
        for misfit in &self.imported.misfits {
            writeln!(
                f,
                "kept aside: the text of {}.{} of {}, where {} is expected",
                misfit.table, misfit.column, misfit.reference, misfit.text
            )?;
        }
        for dangling in &self.imported.dangling {
            writeln!(
                f,
                "leads nowhere: {}.{} of {} to {}",
                dangling.table, dangling.column, dangling.reference, dangling.text
            )?;
        }
        self.verdict.fmt(f)
    }
}

/// Reads the two uuids and the management bridge of an inventory.
///
/// # Errors
/// An unreadable file, one without the two uuids.
pub fn inventory(path: &Path) -> Result<((String, String), Option<String>)> {
    let text = fs::read_to_string(path).map_err(Error::io(path))?;
    let value = |wanted: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            let value = value.trim();
            let bare = value.strip_prefix('\'').and_then(|v| v.strip_suffix('\'')).unwrap_or(value);
            (key.trim() == wanted).then(|| bare.to_string())
        })
    };
    let demanded = |key: &str| {
        value(key)
            .filter(|v| !v.is_empty())
            .ok_or_else(|| Error::malformed(path, At::File, format!("{key}='...'"), "no such line"))
    };
    Ok(((demanded("INSTALLATION_UUID")?, demanded("CONTROL_DOMAIN_UUID")?), value("MANAGEMENT_INTERFACE")))
}

/// Imports.
///
/// # Errors
/// See [`Error`]; the state directory is then as it was.
pub fn run(request: &Request, progress: &mut dyn Progress) -> Result<Outcome> {
    let (db, dir) = (&request.db, &request.state_dir);
    free(dir)?;
    let sha256 = fingerprint(db)?;
    let mut reader = open(db).map_err(reading(db))?;
    let world = World::read(&mut reader, |rows| progress.at("reading", rows, 0)).map_err(reading(db))?;
    let home = judge(request, &world)?;
    let (parent, part) = beside(dir)?;
    let work = begin(&part)?;
    let made = fill(request, &world, &home, sha256, &work, progress)
        .and_then(|imported| {
            // The proof comes before anybody can use the state.
            let verdict = verify::against(db, &world, &work, false, progress)?;
            if verdict.unexplained_count > 0 {
                let reason = format!("the new state does not hold what the old database held\n{verdict}");
                return Err(Error::refused("IMPORT_DIFFERS", reason));
            }
            Ok(Outcome { state_dir: dir.clone(), imported, verdict })
        })
        .and_then(|outcome| {
            sync_dir(&part)?;
            fs::rename(&part, dir).map_err(Error::io(dir))?;
            sync_dir(&parent)?;
            Ok(outcome)
        });
    if made.is_err() {
        // What is left is not usable either way; its name says so.
        let _ = fs::remove_dir_all(&part);
    }
    made
}

/// The state directory must not be there, or be empty.
fn free(dir: &Path) -> Result<()> {
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => {
                let reason = format!("{} is not empty: an import makes a new state", dir.display());
                Err(Error::refused("STATE_NOT_EMPTY", reason))
            }
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::Io { path: dir.to_path_buf(), source: error }),
    }
}

/// Where the state is made before it gets its name.
fn beside(dir: &Path) -> Result<(PathBuf, PathBuf)> {
    let wrong = || Error::refused("STATE_DIR", format!("{} has no name of its own", dir.display()));
    let name = dir.file_name().ok_or_else(wrong)?;
    let parent = match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&parent).map_err(Error::io(&parent))?;
    let part = parent.join(format!(".{}.importing", name.to_string_lossy()));
    Ok((parent, part))
}

/// A fresh directory; what an import that died has left is taken away.
fn begin(part: &Path) -> Result<Dir> {
    if part.exists() {
        drop(Dir::locked(part)?);
        fs::remove_dir_all(part).map_err(Error::io(part))?;
    }
    Dir::make(part)
}

fn fingerprint(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let (mut sum, mut buffer) = (Sha256::new(), vec![0; 1 << 18]);
    loop {
        let read = file.read(&mut buffer).map_err(Error::io(path))?;
        if read == 0 {
            return Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        sum.update(&buffer[..read]);
    }
}

/// Refuses what must not be carried over; the answer is the host the state will be for.
fn judge(request: &Request, world: &World) -> Result<Home> {
    let accepted = |code: &str| request.accept.iter().any(|known| known == code);
    let manifest = &world.survey.manifest;
    let schema = format!("schema {}.{}", manifest.schema_major, manifest.schema_minor);
    if manifest.schema_major != 5 {
        return Err(Error::refused("DB_SCHEMA", format!("{schema}: only 5 is known")));
    }
    if manifest.schema_minor == 35 {
        let reason =
            format!("{schema} is what a coordinator hands out during a rolling upgrade: finish that first");
        return Err(Error::refused("DB_STUB", reason));
    }
    if manifest.schema_minor < SCHEMA_OLDEST {
        return Err(Error::refused("DB_SCHEMA", format!("{schema}: upgrade the pool to XCP-ng 8.2 first")));
    }
    if manifest.schema_minor > SCHEMA_CURRENT && !accepted("DB_SCHEMA") {
        let reason = format!("{schema} is newer than this version knows (5.{SCHEMA_CURRENT})");
        return Err(Error::refused("DB_SCHEMA", reason));
    }
    if let Some(beside) = request.generation
        && manifest.generation < beside
        && !accepted("DB_STALE")
    {
        let reason = format!(
            "the database says generation {}, the file beside it {beside}: it is an old or a cut copy",
            manifest.generation
        );
        return Err(Error::refused("DB_STALE", reason));
    }
    if !world.survey.faults.is_empty() {
        let first: Vec<String> = world.survey.faults.iter().take(10).map(describe).collect();
        let more = world.survey.faults.len().saturating_sub(first.len());
        let code = match world.survey.faults[0].rule {
            Rule::ReferenceOnce | Rule::UuidOnce => "DB_DUP",
            _ => "DB_DAMAGED",
        };
        let rest = if more > 0 { format!("\nand {more} more") } else { String::new() };
        return Err(Error::refused(code, format!("{}:\n{}{rest}", request.db.display(), first.join("\n"))));
    }
    let Some((_, _, master)) = &world.survey.pool else {
        return Err(Error::refused("DB_DAMAGED", "the database has no pool"));
    };
    let coordinator = world.home(master).ok_or_else(|| {
        Error::refused("DB_DAMAGED", "the coordinator of the pool is no host of the database")
    })?;
    let Some((host, control_domain)) = &request.identity else { return complete(coordinator) };
    if !world.survey.hosts.iter().any(|(_, uuid)| uuid == host) {
        let reason =
            format!("the inventory's host {host} is none of the database's: they do not belong together");
        return Err(Error::refused("DB_FOREIGN", reason));
    }
    if coordinator.uuid != *host {
        let reason = format!(
            "host {host} is a member; the pool's database is the coordinator's ({})",
            coordinator.uuid
        );
        return Err(Error::refused("POOL_ROLE", reason));
    }
    if !coordinator.control_domain.is_empty() && coordinator.control_domain != *control_domain {
        let reason = format!(
            "the inventory says control domain {control_domain}, the database {}",
            coordinator.control_domain
        );
        return Err(Error::refused("DB_FOREIGN", reason));
    }
    let bridge = request.bridge.clone().unwrap_or(coordinator.bridge);
    complete(Home { control_domain: control_domain.clone(), bridge, ..coordinator })
}

fn complete(home: Home) -> Result<Home> {
    if home.control_domain.is_empty() {
        let reason = "the database has no control domain of this host: give its inventory with --inventory";
        return Err(Error::refused("DB_DAMAGED", reason));
    }
    Ok(home)
}

fn describe(fault: &xapi_statedb::check::Fault) -> String {
    let subject = [fault.table.as_str(), fault.reference.as_str(), fault.column.as_str()];
    let subject: Vec<&str> = subject.into_iter().filter(|part| !part.is_empty()).collect();
    format!("  {}: {}: {}", fault.place, subject.join(" "), fault.text)
}

/// Rows kept aside, as they come.
struct Kept {
    writer: Writer<BufWriter<File>>,
    table: String,
    counts: BTreeMap<(String, &'static str), u64>,
}

impl Kept {
    fn open(path: &Path, manifest: &Manifest) -> Result<Kept> {
        let file = private(path).map_err(Error::io(path))?;
        let writer = Writer::new(BufWriter::new(file), manifest).map_err(Error::io(path))?;
        Ok(Kept { writer, table: String::new(), counts: BTreeMap::new() })
    }

    fn keep(&mut self, table: &str, row: &Row, reason: &'static str) -> std::io::Result<()> {
        if self.table != table || self.counts.is_empty() {
            self.writer.table(table)?;
            self.table = table.to_string();
        }
        *self.counts.entry((table.to_string(), reason)).or_default() += 1;
        self.writer.row(row)
    }

    fn finish(self) -> std::io::Result<Vec<Aside>> {
        let file = self.writer.finish()?.into_inner().map_err(|e| e.into_error())?;
        file.sync_all()?;
        let asides = self.counts.into_iter().map(|((table, reason), rows)| Aside {
            table,
            reason: reason.to_string(),
            rows,
        });
        Ok(asides.collect())
    }
}

/// Objects on their way into the store.
struct Objects {
    journal: SqliteJournal,
    path: PathBuf,
    waiting: Vec<Change>,
}

impl Objects {
    fn put(&mut self, change: Change) -> Result<()> {
        self.waiting.push(change);
        if self.waiting.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let batch = Batch { generation: 1, epoch: 0, changes: std::mem::take(&mut self.waiting) };
        self.journal.append(&batch).map_err(storing(&self.path))
    }
}

fn fill(
    request: &Request,
    world: &World,
    home: &Home,
    sha256: String,
    work: &Dir,
    progress: &mut dyn Progress,
) -> Result<Imported> {
    let db = &request.db;
    let manifest = &world.survey.manifest;
    let aside_path = work.file(ASIDE);
    let mut kept = Kept::open(&aside_path, manifest)?;
    let mut objects =
        Objects { journal: work.objects()?, path: work.file(OBJECTS), waiting: Vec::with_capacity(BATCH) };
    let (mut unknown, mut misfits, mut dangling) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut reader = open(db).map_err(reading(db))?;
    let (mut table, mut done, total) = (String::new(), 0, world.survey.rows());
    while let Some(event) = reader.next_event().map_err(reading(db))? {
        let row = match event {
            Event::Manifest(_) => continue,
            Event::Table(name) => {
                table = name;
                continue;
            }
            Event::Row(row) => row,
        };
        done += 1;
        progress.at("importing", done, total);
        match convert(world, &table, &row) {
            Fate::Aside(reason) => kept.keep(&table, &row, reason).map_err(Error::io(&aside_path))?,
            Fate::Object(object) => {
                for column in object.origin.unknown.keys() {
                    *unknown.entry((table.clone(), column.clone())).or_insert(0_u64) += 1;
                }
                let column = |(column, text)| Column {
                    table: table.clone(),
                    reference: row.reference.clone(),
                    column,
                    text,
                };
                misfits.extend(object.misfits.into_iter().map(column).take(REMEMBERED - misfits.len()));
                dangling.extend(object.dangling.into_iter().map(column).take(REMEMBERED - dangling.len()));
                let record = Record::new(object.class, object.values);
                objects.put(Change {
                    class: object.class.id,
                    reference: row.reference.as_str().into(),
                    body: Some(body::encode(&record, Some(&object.origin.aside()))),
                })?;
            }
        }
    }
    objects.flush()?;
    let imported = Imported {
        format: 1,
        sha256,
        schema_major: manifest.schema_major,
        schema_minor: manifest.schema_minor,
        generation: manifest.generation,
        manifest: manifest.other.iter().cloned().collect(),
        host: home.uuid.clone(),
        tables: tables(world),
        aside: kept.finish().map_err(Error::io(&aside_path))?,
        unknown_columns: unknown
            .into_iter()
            .map(|((table, column), rows)| Column {
                table,
                reference: String::new(),
                column,
                text: format!("in {rows} rows"),
            })
            .collect(),
        misfits,
        dangling,
    };
    work.remember(&imported, home)?;
    if let Some(secret) = &request.pool_secret {
        work.write(POOL_SECRET, secret)?;
    }
    Ok(imported)
}

fn tables(world: &World) -> BTreeMap<String, Table> {
    let facts = world.survey.tables.iter();
    let table = |facts: &xapi_statedb::check::TableFacts| Table {
        rows: facts.rows,
        columns: facts.columns.iter().cloned().collect(),
    };
    facts.map(|(name, facts)| (name.clone(), table(facts))).collect()
}
