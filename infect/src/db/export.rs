//! The way back: a state directory becomes a pool database in the version it came from, checked by the rules the
//! original loads by before it gets its name.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::{self, Display},
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
};

use serde::Serialize;
use xapi_schema::{Class, ClassId, FieldDef, Holds, Transition, Value};
use xapi_statedb::{
    Event, Manifest, Row, Writer,
    check::{Rule, check, targets},
    model, open, sexp, value,
};
use xapi_store::{Journal, StoredRow, body};

use super::{
    convert::default,
    differences::{Effect, FIELDS},
    origin::Origin,
    reading,
    state::{ASIDE, Dir, Imported, OBJECTS, Table, private, sync_dir},
    storing,
};
use crate::{At, Error, Result, progress::Progress};

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The file.
    pub db: PathBuf,
    /// Its schema.
    pub schema: String,
    /// Its generation.
    pub generation: u64,
    /// Its rows.
    pub rows: u64,
    /// Objects the old version has no table for, by class.
    pub left_out: BTreeMap<String, u64>,
    /// Rules the file breaks because the file it came from did.
    pub inherited: Vec<String>,
}

impl Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, schema, db) = (self.rows, &self.schema, self.db.display());
        writeln!(f, "{rows} rows of schema {schema}, generation {}, are in {db}", self.generation)?;
        for (class, count) in &self.left_out {
            writeln!(f, "left out: {count} objects of {class}, for which schema {schema} has no table")?;
        }
        for text in &self.inherited {
            writeln!(f, "as in the file it came from: {text}")?;
        }
        Ok(())
    }
}

/// Exports. The file must not be there.
///
/// # Errors
/// See [`Error`]; then there is no file.
pub fn run(state_dir: &Path, db: &Path, progress: &mut dyn Progress) -> Result<Outcome> {
    let dir = Dir::open(state_dir)?;
    let imported = dir.imported()?;
    let counter = name(db, ".generation");
    for path in [db, &counter] {
        if path.exists() {
            let reason = format!("{} is there already: nothing is written over it", path.display());
            return Err(Error::refused("EXPORT_EXISTS", reason));
        }
    }
    let part = name(db, ".part");
    if part.exists() {
        fs::remove_file(&part).map_err(Error::io(&part))?;
    }
    let written = write(&dir, &imported, &part, progress).and_then(|mut outcome| {
        outcome.inherited = accept(&imported, &part)?;
        outcome.db = db.to_path_buf();
        fs::rename(&part, db).map_err(Error::io(db))?;
        fs::write(&counter, outcome.generation.to_string()).map_err(Error::io(&counter))?;
        let parent = db.parent().filter(|parent| !parent.as_os_str().is_empty());
        sync_dir(parent.unwrap_or(Path::new(".")))?;
        Ok(outcome)
    });
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

fn name(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(ending);
    name.into()
}

/// What points at an object, by its class, field and reference.
type Pointing = HashMap<(ClassId, usize), HashMap<String, Vec<String>>>;

/// Rows kept aside, by table.
type Asides = BTreeMap<String, Vec<Row>>;

fn write(dir: &Dir, imported: &Imported, part: &Path, progress: &mut dyn Progress) -> Result<Outcome> {
    let objects = dir.file(OBJECTS);
    let mut journal = dir.objects()?;
    let (mut pointing, mut used, mut total) = (Pointing::new(), BTreeSet::new(), 0);
    let mut trouble = None;
    journal
        .load(&mut |row| {
            total += 1;
            match decode(&objects, &row) {
                Ok((class, values, _)) => {
                    used.insert(class.name);
                    point(&mut pointing, class, &row.reference, &values);
                }
                Err(error) => trouble = trouble.take().or(Some(error)),
            }
        })
        .map_err(storing(&objects))?;
    if let Some(error) = trouble {
        return Err(error);
    }
    let mut asides = asides(&dir.file(ASIDE))?;
    for (table, rows) in &asides {
        let Some(columns) = model::table(table) else { continue };
        for row in rows {
            let read = |field: &FieldDef| {
                let text = row.get(field.column_name())?;
                value::read(field.ty, text).ok()
            };
            let values: Vec<Value> =
                columns.class.fields.iter().map(|field| read(field).unwrap_or(Value::Nil)).collect();
            point(&mut pointing, columns.class, &row.reference, &values);
        }
    }
    let manifest = Manifest {
        schema_major: imported.schema_major,
        schema_minor: imported.schema_minor,
        // Newer than every copy of the file it came from.
        generation: imported.generation + 1,
        other: imported.manifest.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
    };
    let file = private(part).map_err(Error::io(part))?;
    let writer = Writer::new(BufWriter::new(file), &manifest).map_err(Error::io(part))?;
    let mut out = Out {
        writer,
        tables: imported.tables.keys().cloned().collect(),
        waiting: Vec::new(),
        generation: manifest.generation,
        rows: 0,
        left_out: BTreeMap::new(),
    };
    let mut done = 0;
    let mut failed: Result<()> = Ok(());
    journal
        .load_sorted(&mut |stored| {
            done += 1;
            progress.at("exporting", done, total);
            if failed.is_ok() {
                failed = decode(&objects, &stored).and_then(|(class, values, origin)| {
                    let Some(table) = imported.tables.get(class.name) else {
                        *out.left_out.entry(class.name.into()).or_default() += 1;
                        return Ok(());
                    };
                    out.reach(class.name, &mut asides).map_err(Error::io(part))?;
                    let minor = imported.schema_minor;
                    let row = row(
                        class,
                        &stored.reference,
                        &values,
                        origin,
                        table,
                        minor,
                        &pointing,
                        out.generation,
                    );
                    out.row(&row).map_err(Error::io(part))
                });
            }
        })
        .map_err(storing(&objects))?;
    failed?;
    let outcome = Outcome {
        db: part.to_path_buf(),
        schema: format!("{}.{}", manifest.schema_major, manifest.schema_minor),
        generation: manifest.generation,
        rows: 0,
        left_out: std::mem::take(&mut out.left_out),
        inherited: Vec::new(),
    };
    let rows = out.finish(&mut asides).map_err(Error::io(part))?;
    Ok(Outcome { rows, ..outcome })
}

fn decode(path: &Path, stored: &StoredRow) -> Result<(&'static Class, Vec<Value>, Option<Origin>)> {
    let wrong = |text: String| {
        Error::malformed(path, At::File, "a sound object", format!("{}: {text}", stored.reference))
    };
    let class =
        Class::by_name(&stored.class).ok_or_else(|| wrong(format!("unknown class {}", stored.class)))?;
    let (values, aside) = body::decode(class, &stored.body).map_err(wrong)?;
    let origin = Origin::of(aside.as_ref()).map_err(wrong)?;
    Ok((class, values, origin))
}

/// Notes what an object points at, for the sets at the other ends.
fn point(pointing: &mut Pointing, class: &'static Class, reference: &str, values: &[Value]) {
    for (field, found) in class.fields.iter().zip(values) {
        if let Some(relation) = field.relation.filter(|_| !field.ignore_foreign_key)
            && (relation.this, relation.other) == (Holds::One, Holds::Many)
            && let Some((at, _)) = Class::of(relation.class).field(relation.field)
        {
            for target in targets(found) {
                let sets = pointing.entry((relation.class, at)).or_default();
                sets.entry(target.to_string()).or_default().push(reference.to_string());
            }
        }
    }
}

fn asides(path: &Path) -> Result<Asides> {
    let mut reader = open(path).map_err(reading(path))?;
    let (mut kept, mut table) = (Asides::new(), String::new());
    while let Some(event) = reader.next_event().map_err(reading(path))? {
        match event {
            Event::Manifest(_) => {}
            Event::Table(name) => table = name,
            Event::Row(row) => kept.entry(table.clone()).or_default().push(row),
        }
    }
    kept.values_mut().for_each(|rows| rows.sort_by(|a, b| a.reference.cmp(&b.reference)));
    Ok(kept)
}

/// Tables and rows on their way out, both in byte order.
struct Out {
    writer: Writer<BufWriter<File>>,
    /// Tables not begun yet.
    tables: BTreeSet<String>,
    /// Rows kept aside of the table that was begun, last first.
    waiting: Vec<Row>,
    generation: u64,
    rows: u64,
    left_out: BTreeMap<String, u64>,
}

impl Out {
    /// Begins tables up to a name; the ones before it are complete with what was kept aside.
    fn reach(&mut self, name: &str, asides: &mut Asides) -> std::io::Result<()> {
        while let Some(next) = self.tables.first().filter(|next| next.as_str() <= name).cloned() {
            self.begin(&next, asides)?;
        }
        Ok(())
    }

    fn begin(&mut self, next: &str, asides: &mut Asides) -> std::io::Result<()> {
        self.drain()?;
        self.tables.remove(next);
        self.writer.table(next)?;
        self.waiting = asides.remove(next).unwrap_or_default();
        self.waiting.reverse();
        Ok(())
    }

    fn drain(&mut self) -> std::io::Result<()> {
        while let Some(row) = self.waiting.pop() {
            self.put(&row)?;
        }
        Ok(())
    }

    fn put(&mut self, row: &Row) -> std::io::Result<()> {
        self.rows += 1;
        self.writer.row(row)
    }

    fn row(&mut self, row: &Row) -> std::io::Result<()> {
        while self.waiting.last().is_some_and(|kept| kept.reference < row.reference) {
            if let Some(kept) = self.waiting.pop() {
                self.put(&kept)?;
            }
        }
        self.put(row)
    }

    fn finish(mut self, asides: &mut Asides) -> std::io::Result<u64> {
        while let Some(next) = self.tables.first().cloned() {
            self.begin(&next, asides)?;
        }
        self.drain()?;
        let rows = self.rows;
        let file = self.writer.finish()?.into_inner().map_err(|e| e.into_error())?;
        file.sync_all()?;
        Ok(rows)
    }
}

#[allow(clippy::too_many_arguments)] // one row needs all of it
fn row(
    class: &'static Class,
    reference: &str,
    values: &[Value],
    origin: Option<Origin>,
    table: &Table,
    minor: u64,
    pointing: &Pointing,
    generation: u64,
) -> Row {
    let made = Origin { created: generation, modified: generation, ..Origin::default() };
    let origin = origin.unwrap_or(made);
    let has = |column: &str, field: &FieldDef| match table.rows {
        0 => in_schema(field, minor),
        _ => table.columns.iter().any(|known| known == column) && !origin.absent.iter().any(|c| c == column),
    };
    let mut columns: Vec<(String, String)> = Vec::with_capacity(class.fields.len());
    for (at, field) in class.fields.iter().enumerate() {
        let column = field.column_name();
        if !has(column, field) {
            continue;
        }
        let text = if field.is_back_reference() {
            let mut sources: Vec<&str> = pointing
                .get(&(class.id, at))
                .and_then(|sets| sets.get(reference))
                .map(|sources| sources.iter().map(String::as_str).collect())
                .unwrap_or_default();
            sources.sort_unstable();
            sexp::write_set(sources)
        } else if !field.persist {
            value::empty(field.ty)
        } else {
            text(class, field, &values[at], origin.texts.get(column))
        };
        columns.push((column.to_string(), text));
    }
    columns.extend(origin.unknown.iter().map(|(column, text)| (column.clone(), text.clone())));
    Row {
        reference: reference.to_string(),
        created: origin.created,
        modified: origin.modified,
        columns,
        place: Default::default(),
    }
}

/// The text of a field; the one it came from while the field still holds what that said.
fn text(class: &Class, field: &FieldDef, now: &Value, was: Option<&String>) -> String {
    if let Some(was) = was {
        let said = value::read(field.ty, was).unwrap_or_else(|_| default(field));
        if super::differences::same(field.ty, &said, now) {
            return was.clone();
        }
    }
    let marks = FIELDS.iter().filter(|known| known.class == class.name && known.field == field.name);
    let mut now = now.clone();
    for known in marks {
        if let Effect::Gains(key, _) = known.effect {
            let others = now.as_map().unwrap_or_default().iter().filter(|(name, _)| name != key);
            now = Value::map(others.cloned());
        }
    }
    value::write(field.ty, &now)
}

/// The newest release of the toolstack with a schema, as far as one can tell: `(minor, release)`.
const RELEASES: &[(u64, [u64; 2])] = &[
    (603, [1, 249]),
    (768, [23, 32]),
    (776, [24, 16]),
    (779, [24, 19]),
    (785, [25, 5]),
    (786, [25, 14]),
    (789, [25, 30]),
    (791, [25, 39]),
    (793, [26, 4]),
    (799, [26, 1]),
];

/// Whether a schema has a field, for tables of which the old file had no row to learn from.
fn in_schema(field: &FieldDef, minor: u64) -> bool {
    let first =
        field.lifecycle.iter().find(|(t, _)| matches!(t, Transition::Prototyped | Transition::Published));
    let Some((_, release)) = first else { return true };
    let mut numbers = release.split('.').map(|part| part.parse::<u64>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(middle)) => match RELEASES.iter().find(|(newest, _)| minor <= *newest) {
            Some((_, known)) => [major, middle] <= *known,
            None => true,
        },
        // A release with a name: all but the newest came before 8.2.
        _ => minor > 603 || !release.starts_with("nile") && release != "orinoco",
    }
}

/// Checks the file by the rules the original loads by.
fn accept(imported: &Imported, part: &Path) -> Result<Vec<String>> {
    let faults = check(|| open(part)).map_err(reading(part))?;
    let misfit = |fault: &xapi_statedb::check::Fault| {
        let same = |m: &&super::state::Column| {
            m.table == fault.table && m.column == fault.column && m.reference == fault.reference
        };
        imported.misfits.iter().any(|m| same(&m))
    };
    let inherits = |fault: &xapi_statedb::check::Fault| match fault.rule {
        Rule::TableKnown => imported.tables.contains_key(&fault.table),
        Rule::ColumnKnown => {
            let columns = imported.tables.get(&fault.table).map(|table| &table.columns);
            columns.is_some_and(|columns| columns.contains(&fault.column))
        }
        Rule::ColumnThere => imported.tables.get(&fault.table).is_some_and(|table| table.rows > 0),
        Rule::TextFits => misfit(fault) || imported.aside.iter().any(|kept| kept.table == fault.table),
        _ => imported.aside.iter().any(|kept| kept.table == fault.table),
    };
    let mut inherited = BTreeSet::new();
    for fault in faults.iter().filter(|fault| fault.rule.is_fatal() || fault.rule == Rule::SetComplete) {
        if !inherits(fault) {
            let text = format!("{} {} {}: {}", fault.table, fault.reference, fault.column, fault.text);
            let reason = format!("the file written breaks a rule of the original's: {text}");
            return Err(Error::refused("EXPORT_RULES", reason));
        }
        inherited.insert(format!("{:?} {} {}", fault.rule, fault.table, fault.column).trim_end().to_string());
    }
    Ok(inherited.into_iter().collect())
}
