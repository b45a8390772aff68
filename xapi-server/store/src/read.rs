//! [`Read`]: looking at objects, the same for a published snapshot and for a change under way.

use std::sync::Arc;

use arcstr::ArcStr;
use xapi_schema::{Class, ClassId, ClassTag, Field, FromValue, Record, Ref, Result, errors};

use crate::table::{Row, Table};

/// A state of all objects.
pub trait Read {
    #[doc(hidden)]
    fn table(&self, class: ClassId) -> &impl TableView;

    /// An object by reference.
    fn row(&self, class: ClassId, reference: &str) -> Option<&Row> {
        self.table(class).view().row(reference)
    }

    /// An object by uuid.
    fn by_uuid(&self, class: ClassId, uuid: &str) -> Option<&Row> {
        self.table(class).view().by_uuid(uuid)
    }

    /// References of the objects with exactly this name, in order of creation.
    fn by_name(&self, class: ClassId, label: &str) -> Vec<ArcStr> {
        self.table(class).view().by_name(label)
    }

    /// All objects of a class in order of creation.
    fn rows(&self, class: ClassId) -> impl Iterator<Item = &Row> {
        self.table(class).view().rows()
    }

    /// How many objects a class has.
    fn count(&self, class: ClassId) -> usize {
        self.table(class).view().len()
    }

    /// Whether an object exists.
    fn exists<C: ClassTag>(&self, reference: &Ref<C>) -> bool {
        self.row(C::ID, reference.as_str()).is_some()
    }

    /// The values of an object.
    ///
    /// # Errors
    /// HANDLE_INVALID [class, reference].
    fn record<C: ClassTag>(&self, reference: &Ref<C>) -> Result<&Arc<Record>> {
        match self.row(C::ID, reference.as_str()) {
            Some(row) => Ok(&row.record),
            None => Err(errors::HANDLE_INVALID.with([Class::of(C::ID).name, reference.as_str()])),
        }
    }

    /// One field of an object.
    ///
    /// # Errors
    /// HANDLE_INVALID [class, reference].
    fn get<C: ClassTag, T: FromValue>(&self, reference: &Ref<C>, field: Field<C, T>) -> Result<T> {
        self.record(reference).map(|record| record.get(field))
    }

    /// References of all objects of a class in order of creation.
    fn all<C: ClassTag>(&self) -> Vec<Ref<C>> {
        self.rows(C::ID).map(|row| Ref::new(row.reference.clone())).collect()
    }

    /// The object with a uuid.
    ///
    /// # Errors
    /// UUID_INVALID [class, uuid].
    fn find_uuid<C: ClassTag>(&self, uuid: &str) -> Result<Ref<C>> {
        match self.by_uuid(C::ID, uuid) {
            Some(row) => Ok(Ref::new(row.reference.clone())),
            None => Err(errors::UUID_INVALID.with([Class::of(C::ID).name, uuid])),
        }
    }
}

/// Access to a table without making its type public.
#[doc(hidden)]
pub trait TableView {
    #[allow(private_interfaces)] // only this crate implements and calls it
    fn view(&self) -> &Table;
}

impl TableView for Arc<Table> {
    #[allow(private_interfaces)]
    fn view(&self) -> &Table {
        self
    }
}
