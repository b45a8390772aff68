//! [`Record`]: one object's values in schema order, with its encoded form kept beside it.
//!
//! A record is immutable. The two encoded fragments are filled on first use and counted against one
//! [`CacheBudget`]; beyond it nothing more is kept and callers encode each time.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{Class, Field, FromValue, Value};

/// Which wire a fragment is encoded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// XML-RPC.
    Xml,
    /// JSON, either version.
    Json,
}

/// Bytes all cached fragments of the process may take together.
pub struct CacheBudget;

static USED: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(64 << 20);

impl CacheBudget {
    /// Bytes held by cached fragments now.
    pub fn used() -> usize {
        USED.load(Ordering::Relaxed)
    }

    /// Sets the limit in bytes; fragments already kept stay until their record goes.
    pub fn set_limit(bytes: usize) {
        LIMIT.store(bytes, Ordering::Relaxed);
    }

    /// Takes `bytes` if they fit.
    fn take(bytes: usize) -> bool {
        USED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            let sum = used + bytes;
            (sum <= LIMIT.load(Ordering::Relaxed)).then_some(sum)
        })
        .is_ok()
    }
}

/// An object's values, one per line of its class's field table.
pub struct Record {
    /// The class.
    pub class: &'static Class,
    values: Box<[Value]>,
    fragments: [OnceLock<Arc<[u8]>>; 2],
}

impl Record {
    /// A record of `class`; `values` must have one entry per field of the class.
    pub fn new(class: &'static Class, values: Vec<Value>) -> Record {
        assert_eq!(values.len(), class.fields.len(), "a {} record has one value per field", class.name);
        Record { class, values: values.into(), fragments: Default::default() }
    }

    /// All values in schema order.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The value at a position of the field table.
    pub fn at(&self, index: usize) -> &Value {
        &self.values[index]
    }

    /// The value of a field by wire name.
    pub fn by_name(&self, name: &str) -> Option<&Value> {
        self.class.field(name).map(|(index, _)| self.at(index))
    }

    /// The value of a field through its typed handle.
    ///
    /// # Panics
    /// When the stored value has another shape than the schema declares, which the store rules out.
    pub fn get<C, T: FromValue>(&self, field: Field<C, T>) -> T {
        match T::from_value(self.at(field.index)) {
            Some(value) => value,
            None => panic!(
                "{}.{} holds a value of another type",
                self.class.name, self.class.fields[field.index].name
            ),
        }
    }

    /// A copy with one value replaced and no cached fragments.
    pub fn with(&self, index: usize, value: Value) -> Record {
        let mut values = self.values.to_vec();
        values[index] = value;
        Record::new(self.class, values)
    }

    /// The fields `get_record` sends, with their values, in order.
    pub fn wire_members(&self) -> impl Iterator<Item = (&str, &Value)> {
        let fields = self.class.fields;
        fields
            .iter()
            .zip(&*self.values)
            .filter(|(field, _)| field.in_record)
            .map(|(field, value)| (field.name, value))
    }

    /// The encoded form for a wire, made by `encode` unless it is already kept.
    pub fn fragment(&self, wire: Wire, encode: impl FnOnce() -> Vec<u8>) -> Arc<[u8]> {
        let slot = &self.fragments[wire as usize];
        if let Some(bytes) = slot.get() {
            return bytes.clone();
        }
        let bytes: Arc<[u8]> = encode().into();
        if CacheBudget::take(bytes.len()) && slot.set(bytes.clone()).is_err() {
            USED.fetch_sub(bytes.len(), Ordering::Relaxed); // another thread was first
        }
        bytes
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let kept: usize = self.fragments.iter().filter_map(|slot| slot.get()).map(|bytes| bytes.len()).sum();
        if kept > 0 {
            USED.fetch_sub(kept, Ordering::Relaxed);
        }
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.class, other.class) && self.values == other.values
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.class.fields.iter().map(|field| field.name).zip(&*self.values)).finish()
    }
}
