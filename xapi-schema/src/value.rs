//! [`Value`]: what travels on the wire and lives in a record.
//!
//! A value knows its shape but not its declared type: references and enumeration members are `Str`,
//! as on both wires. Numbers from XML arrive as `Str` and become `Int` in [`coerce`](crate::coerce).

use std::sync::Arc;

use arcstr::ArcStr;

use crate::{DateTime, Record};

/// One API value. Cloning is cheap: text and containers are shared.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text, secret text, a reference or an enumeration member.
    Str(ArcStr),
    /// 64-bit integer; decimal text in XML-RPC.
    Int(i64),
    /// A count sent as `<i4>` in XML-RPC; used by `valid_ref_counts` of `event.from` only.
    Count(i64),
    /// Double precision number.
    Float(f64),
    /// Truth value.
    Bool(bool),
    /// A point in time.
    Time(DateTime),
    /// A set; order is kept as given.
    Set(Arc<[Value]>),
    /// A map or an anonymous struct; order is kept as given, keys are unique.
    Map(Arc<[(ArcStr, Value)]>),
    /// A full object as `get_record` returns it.
    Record(Arc<Record>),
    /// XML-RPC `<nil/>` or JSON `null`; only ever received.
    Nil,
}

impl Value {
    /// Empty text, which is also how a void result is sent.
    pub const EMPTY: Value = Value::Str(ArcStr::new());

    /// Text from anything string-like.
    pub fn str(text: impl Into<ArcStr>) -> Value {
        Value::Str(text.into())
    }

    /// A set of the given values.
    pub fn set(items: impl IntoIterator<Item = Value>) -> Value {
        Value::Set(items.into_iter().collect())
    }

    /// A map of the given pairs, order kept.
    pub fn map<K: Into<ArcStr>>(pairs: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::Map(pairs.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    /// The text if this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The integer if this is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(i) | Value::Count(i) => Some(*i),
            _ => None,
        }
    }

    /// The members if this is a set.
    pub fn as_set(&self) -> Option<&[Value]> {
        match self {
            Value::Set(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs if this is a map.
    pub fn as_map(&self) -> Option<&[(ArcStr, Value)]> {
        match self {
            Value::Map(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// A member of a map or record by name.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(pairs) => pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            Value::Record(record) => record.by_name(key),
            _ => None,
        }
    }

    /// What kind of value this is, in the words of an error message.
    pub fn shape(&self) -> &'static str {
        match self {
            Value::Str(_) => "text",
            Value::Int(_) | Value::Count(_) => "int",
            Value::Float(_) => "float",
            Value::Bool(_) => "bool",
            Value::Time(_) => "datetime",
            Value::Set(_) => "array",
            Value::Map(_) | Value::Record(_) => "struct",
            Value::Nil => "nil",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Str(text.into())
    }
}

impl From<ArcStr> for Value {
    fn from(text: ArcStr) -> Self {
        Value::Str(text)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Value::Int(n)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Bool(b)
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Self {
        Value::Float(x)
    }
}
