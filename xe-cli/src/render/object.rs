//! [`Object`]: one API object with what is known of its kind.

use xapi_schema::Value;

use crate::table::RecordDef;

/// A reference, the record read for it and the fields it can show.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its kind.
    pub record: &'static RecordDef,
    /// Its reference.
    pub reference: String,
    /// What `get_record` said.
    pub value: Value,
}

impl Object {
    /// An object.
    pub fn new(record: &'static RecordDef, reference: &str, value: Value) -> Object {
        Object { record, reference: reference.into(), value }
    }

    /// A text field of the record; empty when it is not there.
    pub fn text(&self, wire: &str) -> &str {
        self.value.get(wire).and_then(Value::as_str).unwrap_or_default()
    }

    /// A whole number of the record; 0 when it is not there.
    pub fn int(&self, wire: &str) -> i64 {
        match self.value.get(wire) {
            Some(Value::Str(text)) => text.parse().unwrap_or_default(),
            Some(value) => value.as_int().unwrap_or_default(),
            None => 0,
        }
    }

    /// A truth value of the record; false when it is not there.
    pub fn flag(&self, wire: &str) -> bool {
        matches!(self.value.get(wire), Some(Value::Bool(true)))
    }

    /// The members of a set of the record, as texts.
    pub fn members(&self, wire: &str) -> Vec<String> {
        let set = self.value.get(wire).and_then(Value::as_set).unwrap_or_default();
        set.iter().filter_map(Value::as_str).map(Into::into).collect()
    }

    /// The uuid.
    pub fn uuid(&self) -> &str {
        self.text("uuid")
    }

    /// The reference as an argument.
    pub fn arg(&self) -> Value {
        self.reference.as_str().into()
    }
}
