//! The pool's database as the rest asks it: rows by class, values decoded when asked for. Nothing is interpreted and
//! nothing is changed; what makes the file unfit to import is noted beside.

use crate::{At, Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use xapi_schema::Ty;
use xapi_statedb::{Event, Manifest, model, sexp};

/// A null reference.
pub const NULL: &str = "OpaqueRef:NULL";

/// A row.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// Its reference.
    pub reference: String,
    columns: BTreeMap<String, String>,
}

impl Row {
    /// A row of given columns.
    pub fn new(reference: &str, columns: impl IntoIterator<Item = (String, String)>) -> Row {
        Row { reference: reference.to_owned(), columns: columns.into_iter().collect() }
    }

    /// A text; "" when there is none.
    pub fn get(&self, column: &str) -> &str {
        self.columns.get(column).map_or("", String::as_str)
    }

    /// Changes a text.
    pub fn put(&mut self, column: &str, value: &str) {
        self.columns.insert(column.to_owned(), value.to_owned());
    }

    /// Its UUID.
    pub fn uuid(&self) -> &str {
        self.get("uuid")
    }

    /// Its name, its UUID where it has none.
    pub fn name(&self) -> &str {
        let name = self.get("name__label");
        if name.is_empty() { self.uuid() } else { name }
    }

    /// A truth.
    pub fn flag(&self, column: &str) -> bool {
        self.get(column) == "true"
    }

    /// A number.
    pub fn number(&self, column: &str) -> i64 {
        self.get(column).parse().unwrap_or(0)
    }

    /// A set; empty when it is none.
    pub fn set(&self, column: &str) -> Vec<String> {
        sexp::read_set(self.get(column)).unwrap_or_default()
    }

    /// A map; empty when it is none.
    pub fn map(&self, column: &str) -> BTreeMap<String, String> {
        sexp::read_map(self.get(column)).unwrap_or_default().into_iter().collect()
    }

    /// A reference that leads somewhere.
    pub fn link(&self, column: &str) -> Option<&str> {
        Some(self.get(column)).filter(|to| !to.is_empty() && *to != NULL)
    }
}

/// A pool's database.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// Schema's minor number.
    pub schema: u64,
    /// Number of the last change.
    pub generation: u64,
    /// Rows by class, in the file's order.
    pub tables: BTreeMap<String, Vec<Row>>,
    /// References and UUIDs that stand twice.
    pub doubles: Vec<String>,
    /// Tables and columns nobody knows, as `table` or `table.column`.
    pub unknown: Vec<String>,
    index: HashMap<String, (String, usize)>,
}

impl Pool {
    /// Reads a file, compressed or not.
    ///
    /// # Errors
    /// What of it can't be read.
    pub fn open(path: &Path) -> Result<Pool> {
        let fail = |e: xapi_statedb::Error| broken(path, e);
        let mut reader = xapi_statedb::open(path).map_err(fail)?;
        let mut pool = Pool::default();
        let mut table = String::new();
        while let Some(event) = reader.next_event().map_err(fail)? {
            match event {
                Event::Manifest(Manifest { schema_minor, generation, .. }) => {
                    pool.schema = schema_minor;
                    pool.generation = generation;
                }
                Event::Table(name) => table = name,
                Event::Row(row) => pool.add(&table, Row::new(&row.reference, row.columns)),
            }
        }
        pool.settle();
        Ok(pool)
    }

    /// Adds a row; [`settle`](Pool::settle) comes after the last.
    pub fn add(&mut self, table: &str, row: Row) {
        self.tables.entry(table.to_owned()).or_default().push(row);
    }

    /// Makes references followable and notes what stands twice or is unknown.
    pub fn settle(&mut self) {
        self.index.clear();
        self.doubles.clear();
        self.unknown.clear();
        let mut uuids = HashMap::new();
        for (table, rows) in &self.tables {
            let columns = model::table(table);
            if columns.is_none() && !rows.is_empty() {
                self.unknown.push(table.clone());
            }
            for (at, row) in rows.iter().enumerate() {
                if self.index.insert(row.reference.clone(), (table.clone(), at)).is_some() {
                    self.doubles.push(row.reference.clone());
                }
                if !row.uuid().is_empty() && uuids.insert(row.uuid().to_owned(), ()).is_some() {
                    self.doubles.push(row.uuid().to_owned());
                }
                for column in row.columns.keys() {
                    if columns.is_some_and(|known| known.field(column).is_none() && !column.starts_with('_'))
                    {
                        self.unknown.push(format!("{table}.{column}"));
                    }
                }
            }
        }
        self.unknown.sort();
        self.unknown.dedup();
    }

    /// Rows of a class.
    pub fn rows(&self, table: &str) -> &[Row] {
        self.tables.get(table).map_or(&[], Vec::as_slice)
    }

    /// Rows of a class, to change them in tests and rehearsals.
    pub fn rows_mut(&mut self, table: &str) -> &mut Vec<Row> {
        self.tables.entry(table.to_owned()).or_default()
    }

    /// The row a reference leads to.
    pub fn at(&self, reference: &str) -> Option<&Row> {
        let (table, at) = self.index.get(reference)?;
        self.tables.get(table)?.get(*at)
    }

    /// The row a column leads to.
    pub fn follow(&self, row: &Row, column: &str) -> Option<&Row> {
        self.at(row.link(column)?)
    }

    /// The row of a class with this UUID.
    pub fn by_uuid(&self, table: &str, uuid: &str) -> Option<&Row> {
        self.rows(table).iter().find(|row| row.uuid() == uuid)
    }

    /// Rows of a class whose column leads to a row.
    pub fn pointing<'a>(
        &'a self,
        table: &str,
        column: &'a str,
        to: &'a str,
    ) -> impl Iterator<Item = &'a Row> {
        self.rows(table).iter().filter(move |row| row.get(column) == to)
    }

    /// The pool's own row.
    pub fn pool(&self) -> Option<&Row> {
        self.rows("pool").first()
    }

    /// Name of a set or map column that holds neither, as `table.column`.
    pub fn misshapen(&self) -> Vec<String> {
        let mut out = Vec::new();
        for (table, rows) in &self.tables {
            let Some(columns) = model::table(table) else { continue };
            for row in rows {
                for (column, text) in &row.columns {
                    let Some((_, field)) = columns.field(column) else { continue };
                    let whole = match field.ty {
                        Ty::Set(_) => sexp::read_set(text).is_ok(),
                        Ty::Map(..) => sexp::read_map(text).is_ok(),
                        _ => true,
                    };
                    if !whole && !text.is_empty() {
                        out.push(format!("{table}.{column} of {}", row.reference));
                    }
                }
            }
        }
        out
    }
}

fn broken(path: &Path, e: xapi_statedb::Error) -> Error {
    let line = e.place().line;
    Error::Malformed {
        path: path.to_path_buf(),
        at: if line == 0 { At::File } else { At::Line(line) },
        expected: "a pool database".into(),
        found: e.to_string(),
    }
}
