//! One class's objects: rows in order of creation, indexes, and what was destroyed.
//!
//! All maps are persistent, so a copy of a table costs a few pointers.

use std::sync::Arc;

use arcstr::ArcStr;
use imbl::{HashMap, OrdMap, OrdSet};
use serde_json::{Map as Json, Value as Any};
use xapi_schema::{Class, ClassId, Record, Value};

/// Destroyed objects remembered per class.
const TOMBSTONES: usize = 20_000;

/// An object as it is stored.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its reference.
    pub reference: ArcStr,
    /// Its values.
    pub record: Arc<Record>,
    /// Generation that made it.
    pub created: u64,
    /// Generation that changed it last.
    pub modified: u64,
    /// Position in the order of creation.
    pub(crate) serial: u64,
    /// Stored members no field of the schema has; kept and written back.
    pub(crate) aside: Option<Arc<Json<String, Any>>>,
}

/// An object that is gone.
#[derive(Debug, Clone)]
pub struct Tombstone {
    /// Its reference.
    pub reference: ArcStr,
    /// Generation that made it.
    pub created: u64,
    /// Generation that destroyed it.
    pub deleted: u64,
}

/// One class.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    uuid_at: Option<usize>,
    name_at: Option<usize>,
    rows: OrdMap<u64, Row>,
    by_ref: HashMap<ArcStr, u64>,
    by_uuid: HashMap<ArcStr, u64>,
    by_name: HashMap<ArcStr, OrdSet<u64>>,
    by_change: OrdMap<(u64, u64), ()>,
    tombs: OrdMap<(u64, u64), Tombstone>,
}

fn text(record: &Record, at: Option<usize>) -> Option<ArcStr> {
    match record.at(at?) {
        Value::Str(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

impl Table {
    pub fn new(class: ClassId) -> Table {
        let class = Class::of(class);
        Table {
            uuid_at: class.field("uuid").map(|(at, _)| at),
            name_at: class.field("name_label").map(|(at, _)| at),
            rows: OrdMap::new(),
            by_ref: HashMap::new(),
            by_uuid: HashMap::new(),
            by_name: HashMap::new(),
            by_change: OrdMap::new(),
            tombs: OrdMap::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn row(&self, reference: &str) -> Option<&Row> {
        self.rows.get(self.by_ref.get(reference)?)
    }

    pub fn by_uuid(&self, uuid: &str) -> Option<&Row> {
        self.rows.get(self.by_uuid.get(uuid)?)
    }

    /// References of the objects with a name, in order of creation.
    pub fn by_name(&self, label: &str) -> Vec<ArcStr> {
        if label.is_empty() {
            let unnamed = self.rows.values().filter(|row| text(&row.record, self.name_at).is_none());
            return unnamed.map(|row| row.reference.clone()).collect();
        }
        let serials = self.by_name.get(label).into_iter().flatten();
        serials.filter_map(|serial| self.rows.get(serial)).map(|row| row.reference.clone()).collect()
    }

    /// The row made last before a serial.
    pub fn before(&self, serial: u64) -> Option<&Row> {
        self.rows.get_prev(&serial.checked_sub(1)?).map(|(_, row)| row)
    }

    /// All rows in order of creation.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    pub fn changed_since(&self, generation: u64) -> impl Iterator<Item = &Row> {
        self.by_change.range((generation + 1, 0)..).filter_map(|((_, serial), ())| self.rows.get(serial))
    }

    pub fn deleted_since(&self, generation: u64) -> impl Iterator<Item = &Tombstone> {
        self.tombs.range((generation + 1, 0)..).map(|(_, tomb)| tomb)
    }

    pub fn insert(&mut self, row: Row) {
        let serial = row.serial;
        self.index(&row);
        self.by_ref.insert(row.reference.clone(), serial);
        self.by_change.insert((row.modified, serial), ());
        self.rows.insert(serial, row);
    }

    /// Replaces the values of a row that exists.
    pub fn replace(&mut self, reference: &str, record: Record, generation: u64) {
        let Some(before) = self.row(reference).cloned() else { return };
        self.unindex(&before);
        self.by_change.remove(&(before.modified, before.serial));
        let after = Row { record: Arc::new(record), modified: generation, ..before };
        self.index(&after);
        self.by_change.insert((generation, after.serial), ());
        self.rows.insert(after.serial, after);
    }

    /// Removes a row and remembers it; the answer is the generation up to which destructions are no
    /// longer remembered, when that changed.
    pub fn remove(&mut self, reference: &str, generation: u64) -> Option<u64> {
        let row = self.row(reference).cloned()?;
        self.unindex(&row);
        self.by_ref.remove(reference);
        self.by_change.remove(&(row.modified, row.serial));
        self.rows.remove(&row.serial);
        let tomb = Tombstone { reference: row.reference, created: row.created, deleted: generation };
        self.tombs.insert((generation, row.serial), tomb);
        if self.tombs.len() <= TOMBSTONES {
            return None;
        }
        let oldest = self.tombs.get_min().map(|(key, _)| *key)?;
        self.tombs.remove(&oldest);
        Some(oldest.0)
    }

    fn index(&mut self, row: &Row) {
        if let Some(uuid) = text(&row.record, self.uuid_at) {
            self.by_uuid.insert(uuid, row.serial);
        }
        if let Some(name) = text(&row.record, self.name_at) {
            self.by_name.entry(name).or_default().insert(row.serial);
        }
    }

    fn unindex(&mut self, row: &Row) {
        if let Some(uuid) = text(&row.record, self.uuid_at)
            && self.by_uuid.get(&uuid) == Some(&row.serial)
        {
            self.by_uuid.remove(&uuid);
        }
        if let Some(name) = text(&row.record, self.name_at)
            && let Some(serials) = self.by_name.get_mut(&name)
        {
            serials.remove(&row.serial);
            if serials.is_empty() {
                self.by_name.remove(&name);
            }
        }
    }
}
