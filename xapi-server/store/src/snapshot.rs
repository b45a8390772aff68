//! [`Snapshot`]: all objects at one generation, immutable.

use std::sync::Arc;

use xapi_schema::{Class, ClassId};

use crate::{
    Read,
    read::TableView,
    table::{Row, Table, Tombstone},
};

/// All objects at one generation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) generation: u64,
    pub(crate) floor: u64,
    pub(crate) tables: Vec<Arc<Table>>,
}

impl Snapshot {
    pub(crate) fn empty(generation: u64) -> Snapshot {
        let tables = Class::all().iter().map(|class| Arc::new(Table::new(class.id))).collect();
        Snapshot { generation, floor: generation, tables }
    }

    /// Number of the last change.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The oldest generation from which changes can still be told completely.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// Objects of a class created or changed after a generation, oldest change first.
    pub fn changed_since(&self, class: ClassId, generation: u64) -> impl Iterator<Item = &Row> {
        self.tables[class as usize].changed_since(generation)
    }

    /// Objects of a class destroyed after a generation, oldest first.
    pub fn deleted_since(&self, class: ClassId, generation: u64) -> impl Iterator<Item = &Tombstone> {
        self.tables[class as usize].deleted_since(generation)
    }
}

impl Read for Snapshot {
    fn table(&self, class: ClassId) -> &impl TableView {
        &self.tables[class as usize]
    }
}
