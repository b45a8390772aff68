//! The proof: every field of every old row is in the new state, or the difference stands in the table.
//!
//! It reads the old file and the new state on its own and shares no code with the import but the table and the
//! types.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::{self, Display},
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
};

use serde::Serialize;
use xapi_schema::{Class, Ty, Value};
use xapi_statedb::{Event, Row, model, open, value};
use xapi_store::{Journal, SqliteJournal, body};

use super::{
    convert::{aside, default},
    differences::{self, By, same},
    origin::Origin,
    reading,
    state::{ASIDE, Dir, OBJECTS},
    storing,
    world::World,
};
use crate::{Error, Result, progress::Progress};

/// Differences that are listed one by one; more are only counted.
const LISTED: usize = 1_000;

/// A kind of difference that is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Intended {
    /// Class.
    pub class: String,
    /// Field; empty when whole objects are meant.
    pub field: String,
    /// What happened.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// How many objects.
    pub count: u64,
    /// Their references, when they were asked for; else the first.
    pub objects: Vec<String>,
}

/// A difference nobody meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unexplained {
    /// Class.
    pub class: String,
    /// Object.
    pub reference: String,
    /// Column; empty when the whole object is meant.
    pub column: String,
    /// What is wrong.
    pub text: String,
}

/// What the comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Rows of the old database.
    pub rows: u64,
    /// Fields compared.
    pub fields: u64,
    /// Differences that are meant.
    pub intended: Vec<Intended>,
    /// Number of differences that are not.
    pub unexplained_count: u64,
    /// The first of them.
    pub unexplained: Vec<Unexplained>,
}

impl Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rows, {} fields compared", self.rows, self.fields)?;
        for kind in &self.intended {
            let name = [kind.class.as_str(), kind.field.as_str()];
            let name: Vec<&str> = name.into_iter().filter(|part| !part.is_empty()).collect();
            writeln!(f, "meant: {} x {}: {} ({})", kind.count, name.join("."), kind.rule, kind.reason)?;
            for object in kind.objects.iter().filter(|_| kind.objects.len() > 1) {
                writeln!(f, "         {object}")?;
            }
        }
        for one in &self.unexplained {
            writeln!(f, "UNEXPLAINED: {} {} {}: {}", one.class, one.reference, one.column, one.text)?;
        }
        writeln!(f, "{} unexplained differences", self.unexplained_count)
    }
}

/// Class, field, rule, reason.
type Meant = (String, String, String, String);

struct Tally {
    every: bool,
    fields: u64,
    intended: BTreeMap<Meant, (u64, Vec<String>)>,
    unexplained: Vec<Unexplained>,
    unexplained_count: u64,
}

impl Tally {
    fn meant(&mut self, class: &str, field: &str, rule: &str, reason: &str, reference: &str) {
        let key = (class.to_string(), field.to_string(), rule.to_string(), reason.to_string());
        let (count, objects) = self.intended.entry(key).or_default();
        *count += 1;
        if self.every || objects.is_empty() {
            objects.push(reference.to_string());
        }
    }

    fn wrong(&mut self, class: &str, reference: &str, column: &str, text: impl Into<String>) {
        self.unexplained_count += 1;
        if self.unexplained.len() < LISTED {
            let (class, reference, column) = (class.to_string(), reference.to_string(), column.to_string());
            self.unexplained.push(Unexplained { class, reference, column, text: text.into() });
        }
    }
}

/// Compares an old database with a state directory. `every` lists every object of each intended difference.
///
/// # Errors
/// See [`Error`]; differences are in the answer.
pub fn run(db: &Path, state_dir: &Path, every: bool, progress: &mut dyn Progress) -> Result<Verdict> {
    let dir = Dir::open(state_dir)?;
    dir.imported()?;
    let mut reader = open(db).map_err(reading(db))?;
    let world = World::read(&mut reader, |rows| progress.at("reading", rows, 0)).map_err(reading(db))?;
    against(db, &world, &dir, every, progress)
}

/// As [`run`], for a file already surveyed and a directory already held.
///
/// # Errors
/// As [`run`].
pub fn against(
    db: &Path,
    world: &World,
    dir: &Dir,
    every: bool,
    progress: &mut dyn Progress,
) -> Result<Verdict> {
    let (objects, kept) = (dir.file(OBJECTS), Kept::read(&dir.file(ASIDE))?);
    let mut journal = dir.objects()?;
    let mut tally =
        Tally { every, fields: 0, intended: BTreeMap::new(), unexplained: Vec::new(), unexplained_count: 0 };
    let mut reader = open(db).map_err(reading(db))?;
    let (mut table, mut rows, total) = (String::new(), 0, world.survey.rows());
    while let Some(event) = reader.next_event().map_err(reading(db))? {
        match event {
            Event::Manifest(_) => {}
            Event::Table(name) => table = name,
            Event::Row(row) => {
                rows += 1;
                progress.at("comparing", rows, total);
                match aside(world, &table, &row) {
                    Some(reason) => kept.compare(&table, &row, reason, &mut tally),
                    None => object(world, &table, &row, &mut journal, &objects, &mut tally)?,
                }
            }
        }
    }
    let mut more = |class: &str, reference: &str| match differences::of_rows(class, By::Server) {
        Some(rule) => tally.meant(class, "", rule.rule, rule.reason, reference),
        None => tally.wrong(class, reference, "", "the old database has no such object"),
    };
    journal
        .load(&mut |row| {
            if world.survey.table_of(&row.reference) != Some(row.class.as_str()) {
                more(&row.class, &row.reference);
            }
        })
        .map_err(storing(&objects))?;
    let intended = tally.intended.into_iter().map(|((class, field, rule, reason), (count, objects))| {
        Intended { class, field, rule, reason, count, objects }
    });
    Ok(Verdict {
        rows,
        fields: tally.fields,
        intended: intended.collect(),
        unexplained_count: tally.unexplained_count,
        unexplained: tally.unexplained,
    })
}

fn object(
    world: &World,
    table: &str,
    row: &Row,
    journal: &mut SqliteJournal,
    path: &Path,
    tally: &mut Tally,
) -> Result<()> {
    let this = row.reference.as_str();
    let Some(stored) = journal.get(this).map_err(storing(path))? else {
        match differences::of_rows(table, By::Server).filter(|rule| rule.gone) {
            Some(rule) => tally.meant(table, "", rule.rule, rule.reason, this),
            None => tally.wrong(table, this, "", "is not in the new state"),
        }
        return Ok(());
    };
    if stored.class != table {
        tally.wrong(table, this, "", format!("is an object of {} in the new state", stored.class));
        return Ok(());
    }
    let Some(class) = Class::by_name(table) else { return Ok(()) };
    let decoded = body::decode(class, &stored.body);
    let (values, aside) = match decoded {
        Ok(decoded) => decoded,
        Err(error) => {
            tally.wrong(table, this, "", error);
            return Ok(());
        }
    };
    let origin = match Origin::of(aside.as_ref()) {
        Ok(Some(origin)) => origin,
        Ok(None) => {
            tally.wrong(table, this, "", "has lost its origin");
            return Ok(());
        }
        Err(error) => {
            tally.wrong(table, this, "", error);
            return Ok(());
        }
    };
    if (origin.created, origin.modified) != (row.created, row.modified) {
        tally.wrong(table, this, "__ctime, __mtime", "are others");
    }
    fields(world, class, row, &values, &origin, tally);
    Ok(())
}

fn fields(
    world: &World,
    class: &'static Class,
    row: &Row,
    values: &[Value],
    origin: &Origin,
    tally: &mut Tally,
) {
    let (this, Some(columns)) = (row.reference.as_str(), model::table(class.name)) else { return };
    let mut there = vec![false; class.fields.len()];
    for (column, text) in &row.columns {
        tally.fields += 1;
        let Some((at, field)) = columns.field(column) else {
            match origin.unknown.get(column) == Some(text) {
                true => tally.meant(class.name, column, "kept aside", "no field has the column", this),
                false => tally.wrong(class.name, this, column, "the column's text is not kept aside"),
            }
            continue;
        };
        there[at] = true;
        if model::is_rebuilt(field) {
            continue;
        }
        let now = &values[at];
        let (expected, misfit) = match value::read(field.ty, text) {
            Ok(expected) => (expected, false),
            Err(_) => (default(field), true),
        };
        if misfit {
            match origin.texts.get(column) == Some(text) {
                true => {
                    let rule = "has its default, the text is kept aside";
                    tally.meant(class.name, field.name, rule, "the text is no value of the field", this);
                }
                false => tally.wrong(class.name, this, column, "the text is not kept aside"),
            }
        }
        if same(field.ty, &expected, now) {
            continue;
        }
        judge(world, class, field.name, row, field.ty, (&expected, now), tally);
    }
    for (at, field) in
        class.fields.iter().enumerate().filter(|(at, field)| !there[*at] && !model::is_rebuilt(field))
    {
        tally.fields += 1;
        let expected = default(field);
        if same(field.ty, &expected, &values[at]) {
            tally.meant(
                class.name,
                field.name,
                "has its default",
                "the old database has no such column",
                this,
            );
        } else {
            judge(world, class, field.name, row, field.ty, (&expected, &values[at]), tally);
        }
    }
}

fn judge(
    world: &World,
    class: &'static Class,
    field: &str,
    row: &Row,
    ty: Ty,
    (expected, now): (&Value, &Value),
    tally: &mut Tally,
) {
    // The server writes on what the import left.
    let mut left = expected.clone();
    for known in differences::of(class.name, field).filter(|known| known.by == By::Import) {
        left = known.apply(world, row, ty, &left);
        if same(ty, &left, now) {
            return tally.meant(class.name, field, &known.rule(), known.reason, &row.reference);
        }
    }
    for known in differences::of(class.name, field).filter(|known| known.by == By::Server) {
        if known.allows(world, row, ty, &left, now) || known.allows(world, row, ty, expected, now) {
            return tally.meant(class.name, field, &known.rule(), known.reason, &row.reference);
        }
    }
    let secret = matches!(ty, Ty::Secret) || class.name == "secret";
    let show = |value: &Value| match secret {
        true => "(secret)".to_string(),
        false => value::write(ty, value).chars().take(200).collect(),
    };
    let text = format!("was {}, is {}", show(expected), show(now));
    tally.wrong(class.name, &row.reference, field, text);
}

/// Rows kept aside, as fingerprints.
struct Kept(HashMap<(String, String), u64>);

fn print(row: &Row) -> u64 {
    let mut columns: Vec<&(String, String)> = row.columns.iter().collect();
    columns.sort();
    let mut hasher = DefaultHasher::new();
    (columns, row.created, row.modified).hash(&mut hasher);
    hasher.finish()
}

impl Kept {
    fn read(path: &Path) -> Result<Kept> {
        let mut reader = open(path).map_err(reading(path))?;
        let (mut kept, mut table) = (HashMap::new(), String::new());
        while let Some(event) = reader.next_event().map_err(reading(path))? {
            match event {
                Event::Manifest(_) => {}
                Event::Table(name) => table = name,
                Event::Row(row) => {
                    kept.insert((table.clone(), row.reference.clone()), print(&row));
                }
            }
        }
        Ok(Kept(kept))
    }

    fn compare(&self, table: &str, row: &Row, reason: &str, tally: &mut Tally) {
        tally.fields += row.columns.len() as u64;
        let key = (table.to_string(), row.reference.clone());
        match self.0.get(&key) {
            Some(found) if *found == print(row) => {
                tally.meant(table, "", "kept aside", reason, &row.reference);
            }
            Some(_) => tally.wrong(table, &row.reference, "", "is kept aside with other texts"),
            None => tally.wrong(table, &row.reference, "", "is neither an object nor kept aside"),
        }
    }
}

/// A verdict without anything unexplained.
impl Verdict {
    /// Whether nothing is unexplained.
    pub fn is_proof(&self) -> bool {
        self.unexplained_count == 0
    }

    /// An error when something is unexplained.
    ///
    /// # Errors
    /// IMPORT_DIFFERS.
    pub fn demand(&self) -> Result<()> {
        if self.is_proof() { Ok(()) } else { Err(Error::refused("IMPORT_DIFFERS", self.to_string())) }
    }
}
