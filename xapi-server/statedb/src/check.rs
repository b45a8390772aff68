//! Whether a file would load: what is in it ([`survey`]) and whether it keeps the rules the original loads by
//! ([`check`]). Memory goes with the number of rows, never with the size of their texts.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    io::BufRead,
};

use xapi_schema::{ClassId, Holds, NULL_REF, Ty, Value};

use crate::{
    Error, Event, Manifest, Place, Reader, Result, Row,
    error::short,
    model::{self, Columns, Kind},
    value,
};

/// A rule of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A reference belongs to one row of the whole file.
    ReferenceOnce,
    /// A uuid belongs to one row of the whole file.
    UuidOnce,
    /// Rows that have a uuid say it.
    UuidThere,
    /// There is one pool.
    OnePool,
    /// The pool's coordinator is one of the hosts.
    MasterThere,
    /// The model knows the table.
    TableKnown,
    /// The model knows the column.
    ColumnKnown,
    /// A column without a default is there.
    ColumnThere,
    /// The null reference is written out.
    NullWritten,
    /// A text is a value of its column's type.
    TextFits,
    /// A computed set holds what points at its row.
    SetComplete,
    /// A reference leads somewhere. Common, and no error.
    ReferenceLeads,
}

impl Rule {
    /// The original does not start, or fails later, when the rule is broken.
    pub fn is_fatal(self) -> bool {
        !matches!(self, Rule::ReferenceLeads | Rule::SetComplete)
    }
}

/// A rule broken somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub rule: Rule,
    /// Where.
    pub place: Place,
    /// Table.
    pub table: String,
    /// Row.
    pub reference: String,
    /// Column, where it is about one.
    pub column: String,
    /// What was found.
    pub text: String,
}

/// A reference or uuid in little room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Uuid(u128),
    Text(Box<str>),
}

fn key(text: &str) -> Key {
    let bare = text.strip_prefix("OpaqueRef:").unwrap_or(text);
    let shaped = bare.len() == 36
        && bare.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
        });
    if shaped && bare.len() != text.len() {
        let digits: String = bare.chars().filter(|c| *c != '-').collect();
        if let Ok(number) = u128::from_str_radix(&digits, 16) {
            return Key::Uuid(number);
        }
    }
    Key::Text(text.into())
}

/// A table of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableFacts {
    /// Its rows.
    pub rows: u64,
    /// Every column any of its rows has.
    pub columns: BTreeSet<String>,
}

/// What is in a file.
#[derive(Debug)]
pub struct Survey {
    /// What the file says of itself.
    pub manifest: Manifest,
    /// Its tables.
    pub tables: BTreeMap<String, TableFacts>,
    /// The pool's reference, uuid and coordinator.
    pub pool: Option<(String, String, String)>,
    /// References and uuids of the hosts.
    pub hosts: Vec<(String, String)>,
    /// Rules broken that concern the file as a whole.
    pub faults: Vec<Fault>,
    tables_of: HashMap<Key, u16>,
    names: Vec<String>,
}

impl Survey {
    /// The table a reference's row is in.
    pub fn table_of(&self, reference: &str) -> Option<&str> {
        self.tables_of.get(&key(reference)).map(|at| self.names[usize::from(*at)].as_str())
    }

    /// Rows of the whole file.
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.rows).sum()
    }
}

/// Reads a file to its end and tells what is in it; every row is shown to `each`.
///
/// # Errors
/// See [`Error`]; faults a file can be read in spite of are in the answer.
pub fn survey<R: BufRead>(reader: &mut Reader<R>, mut each: impl FnMut(&str, &Row)) -> Result<Survey> {
    let mut survey = Survey {
        manifest: Manifest { schema_major: 0, schema_minor: 0, generation: 0, other: Vec::new() },
        tables: BTreeMap::new(),
        pool: None,
        hosts: Vec::new(),
        faults: Vec::new(),
        tables_of: HashMap::new(),
        names: Vec::new(),
    };
    let (mut uuids, mut pools) = (HashSet::new(), 0);
    let mut facts = TableFacts::default();
    let mut columns: HashSet<String> = HashSet::new();
    let mut last = reader.place();
    while let Some(event) = reader.next_event()? {
        match event {
            Event::Manifest(manifest) => survey.manifest = manifest,
            Event::Table(name) => {
                if survey.tables.contains_key(&name) || survey.names.contains(&name) {
                    let found = format!("a second table {}", short(&name));
                    return Err(Error::malformed(reader.place(), "each table once", found));
                }
                if survey.names.len() == usize::from(u16::MAX) {
                    return Err(Error::malformed(reader.place(), "fewer tables", "more than 65,535"));
                }
                survey.end_table(&mut facts, &mut columns);
                survey.names.push(name);
            }
            Event::Row(row) => {
                last = row.place;
                let table = survey.names.last().map_or("", String::as_str).to_string();
                facts.rows += 1;
                for (column, _) in &row.columns {
                    if !columns.contains(column) {
                        columns.insert(column.clone());
                    }
                }
                let mut fault = |rule, column: &str, text: String| {
                    survey.faults.push(Fault {
                        rule,
                        place: row.place,
                        table: table.clone(),
                        reference: row.reference.clone(),
                        column: column.into(),
                        text,
                    });
                };
                let at = (survey.names.len() - 1) as u16;
                if let Some(first) = survey.tables_of.insert(key(&row.reference), at) {
                    let text =
                        format!("the reference is a row of {} already", survey.names[usize::from(first)]);
                    fault(Rule::ReferenceOnce, "ref", text);
                }
                match row.get("uuid") {
                    Some("") => fault(Rule::UuidThere, "uuid", "empty".into()),
                    None if model::table(&table).is_some_and(|known| known.field("uuid").is_some()) => {
                        fault(Rule::UuidThere, "uuid", "no such column".into());
                    }
                    Some(uuid) if !uuids.insert(key_of_uuid(uuid)) => {
                        fault(Rule::UuidOnce, "uuid", format!("{} is another row's already", short(uuid)));
                    }
                    _ => {}
                }
                let text = |column: &str| row.get(column).unwrap_or_default().to_string();
                match table.as_str() {
                    "pool" => {
                        pools += 1;
                        if pools > 1 {
                            fault(Rule::OnePool, "", "a further pool".into());
                        }
                        survey.pool = Some((row.reference.clone(), text("uuid"), text("master")));
                    }
                    "host" => survey.hosts.push((row.reference.clone(), text("uuid"))),
                    _ => {}
                }
                each(&table, &row);
            }
        }
    }
    survey.end_table(&mut facts, &mut columns);
    let fault = |rule, text: String| Fault {
        rule,
        place: last,
        table: "pool".into(),
        reference: String::new(),
        column: String::new(),
        text,
    };
    match &survey.pool {
        None => survey.faults.push(fault(Rule::OnePool, "no pool".into())),
        Some((_, _, master)) if !survey.hosts.iter().any(|(host, _)| host == master) => {
            survey
                .faults
                .push(fault(Rule::MasterThere, format!("{} is no host of this file", short(master))));
        }
        _ => {}
    }
    Ok(survey)
}

fn key_of_uuid(uuid: &str) -> Key {
    key(&format!("OpaqueRef:{uuid}"))
}

impl Survey {
    fn end_table(&mut self, facts: &mut TableFacts, columns: &mut HashSet<String>) {
        if let Some(name) = self.names.last() {
            let columns = std::mem::take(columns).into_iter().collect();
            self.tables.insert(name.clone(), TableFacts { columns, rows: std::mem::take(facts).rows });
        }
    }
}

/// References a value names, null ones left out.
pub fn targets(value: &Value) -> Vec<&str> {
    let text = |value: &Value| matches!(value, Value::Str(text) if *text != NULL_REF && !text.is_empty());
    match value {
        Value::Set(items) => items.iter().filter(|v| text(v)).filter_map(Value::as_str).collect(),
        Value::Map(pairs) => {
            pairs.iter().map(|(_, v)| v).filter(|v| text(v)).filter_map(Value::as_str).collect()
        }
        other if text(other) => other.as_str().into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The class a type's references are of.
pub fn refers_to(ty: Ty) -> Option<ClassId> {
    match ty {
        Ty::Ref(class) => Some(class),
        Ty::Set(item) | Ty::Map(_, item) => refers_to(*item),
        _ => None,
    }
}

/// Everything the original would not load, and everything it would load but that leads nowhere.
///
/// # Errors
/// See [`Error`]; `open` is asked for the file's start twice.
pub fn check<R: BufRead>(mut open: impl FnMut() -> Result<Reader<R>>) -> Result<Vec<Fault>> {
    let mut survey = survey(&mut open()?, |_, _| {})?;
    let mut faults = std::mem::take(&mut survey.faults);
    let mut sets = Sets::default();
    let mut reader = open()?;
    let mut table = String::new();
    while let Some(event) = reader.next_event()? {
        match event {
            Event::Manifest(_) => {}
            Event::Table(name) => table = name,
            Event::Row(row) => check_row(&survey, &table, &row, &mut sets, &mut faults),
        }
    }
    sets.compare(&mut faults);
    Ok(faults)
}

fn check_row(survey: &Survey, table: &str, row: &Row, sets: &mut Sets, faults: &mut Vec<Fault>) {
    let mut fault = |rule, column: &str, text: String| {
        let (table, reference) = (table.to_string(), row.reference.clone());
        faults.push(Fault { rule, place: row.place, table, reference, column: column.into(), text });
    };
    let Some(columns) = model::table(table) else {
        return fault(Rule::TableKnown, "", "the model has no such table".into());
    };
    let mut present = vec![false; columns.class.fields.len()];
    for (column, text) in &row.columns {
        let Some((at, field)) = columns.field(column) else {
            fault(Rule::ColumnKnown, column, short(text));
            continue;
        };
        present[at] = true;
        if matches!(field.ty, Ty::Ref(_)) && text.is_empty() {
            fault(Rule::NullWritten, column, "an empty text".into());
        }
        let found = match value::read(field.ty, text) {
            Ok(found) => found,
            Err(misfit) => {
                fault(
                    Rule::TextFits,
                    column,
                    format!("{} where {} is expected", short(text), misfit.expected),
                );
                continue;
            }
        };
        if refers_to(field.ty).is_some() && field.persist {
            for target in targets(&found).into_iter().filter(|target| survey.table_of(target).is_none()) {
                fault(Rule::ReferenceLeads, column, format!("{target} is no row"));
            }
        }
        sets.note(columns, at, row, &found);
    }
    for (at, field) in columns.class.fields.iter().enumerate() {
        if !present[at] && model::is_demanded(field) {
            fault(Rule::ColumnThere, field.column_name(), "no such column".into());
        }
    }
}

/// Computed sets as they stand in the file, and what points at their rows.
#[derive(Default)]
struct Sets {
    stored: HashMap<(ClassId, usize, Key), (Vec<Key>, Place)>,
    pointing: HashMap<(ClassId, usize, Key), Vec<Key>>,
}

impl Sets {
    fn note(&mut self, columns: &Columns, at: usize, row: &Row, found: &Value) {
        let field = &columns.class.fields[at];
        let keys = || targets(found).into_iter().map(key);
        if field.is_back_reference() && model::kind(field.ty) == Kind::Set {
            let stored = (keys().collect(), row.place);
            self.stored.insert((columns.class.id, at, key(&row.reference)), stored);
        } else if let Some(relation) = field.relation.filter(|_| !field.ignore_foreign_key)
            && (relation.this, relation.other) == (Holds::One, Holds::Many)
            && let Some((other, _)) = xapi_schema::Class::of(relation.class).field(relation.field)
        {
            for target in keys() {
                let pointing = self.pointing.entry((relation.class, other, target)).or_default();
                pointing.push(key(&row.reference));
            }
        }
    }

    fn compare(mut self, faults: &mut Vec<Fault>) {
        for ((class, at, row), (stored, place)) in self.stored {
            let class_def = xapi_schema::Class::of(class);
            let pointing = self.pointing.remove(&(class, at, row.clone())).unwrap_or_default();
            let (stored, pointing): (HashSet<_>, HashSet<_>) =
                (stored.into_iter().collect(), pointing.into_iter().collect());
            if stored != pointing {
                let reference = match row {
                    Key::Uuid(number) => format!("OpaqueRef:{number:032x}"),
                    Key::Text(text) => text.into(),
                };
                faults.push(Fault {
                    rule: Rule::SetComplete,
                    place,
                    table: class_def.name.into(),
                    reference,
                    column: class_def.fields[at].column_name().into(),
                    text: format!("{} are stored, {} point here", stored.len(), pointing.len()),
                });
            }
        }
    }
}
