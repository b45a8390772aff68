//! Field values as `xe` shows them.
//!
//! [`Reader`] turns the fields of an [`Object`] into texts, following references through API calls
//! and remembering what it has read. Never changes anything on the server.

mod custom;
mod object;

use std::{collections::HashMap, sync::Mutex};

use xapi_schema::{Class, Failure, Ty, Value, errors};

pub use object::Object;

use crate::{
    api::Api,
    table::{FieldDef, Kind, RecordDef, Source, shown},
};

/// The null reference.
pub const NULL: &str = "OpaqueRef:NULL";

/// Shown where a reference leads nowhere.
pub const NOT_IN_DATABASE: &str = "<not in database>";

/// A field's value: the text, and the members when the field is a set or a map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// What a table prints.
    pub text: String,
    /// Members of a set.
    pub set: Vec<String>,
    /// Pairs of a map.
    pub map: Vec<(String, String)>,
}

impl Shown {
    /// Just a text.
    pub fn text(text: impl Into<String>) -> Shown {
        Shown { text: text.into(), ..Shown::default() }
    }

    /// A set, its members joined.
    pub fn set(members: Vec<String>, separator: &str) -> Shown {
        Shown { text: members.join(separator), set: members, map: Vec::new() }
    }

    /// A map as `key: value` pairs.
    pub fn map(pairs: Vec<(String, String)>) -> Shown {
        let text: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        Shown { text: text.join("; "), set: Vec::new(), map: pairs }
    }
}

type Names = HashMap<(String, String, &'static str), Option<String>>;

/// Reads objects and their fields through an [`Api`].
pub struct Reader<'a> {
    /// The server's calls.
    pub api: &'a dyn Api,
    names: Mutex<Names>,
    records: Mutex<HashMap<String, Option<Value>>>,
}

impl<'a> Reader<'a> {
    /// A reader that knows nothing yet.
    pub fn new(api: &'a dyn Api) -> Reader<'a> {
        Reader { api, names: Mutex::default(), records: Mutex::default() }
    }

    /// All objects of a record's class, in the server's order.
    pub async fn all(&self, record: &'static RecordDef) -> Result<Vec<Object>, Failure> {
        self.all_where(record, "true").await
    }

    /// The objects of a record's class that match a server-side expression.
    pub async fn all_where(&self, record: &'static RecordDef, expr: &str) -> Result<Vec<Object>, Failure> {
        let method = format!("{}.get_all_records_where", record.class);
        let all = self.api.call(&method, vec![expr.into()]).await?;
        let pairs = all.as_map().unwrap_or_default();
        Ok(pairs.iter().map(|(key, value)| Object::new(record, key.as_str(), value.clone())).collect())
    }

    /// One object by reference.
    pub async fn object(&self, record: &'static RecordDef, reference: &str) -> Result<Object, Failure> {
        let method = format!("{}.get_record", record.class);
        let value = self.api.call(&method, vec![reference.into()]).await?;
        Ok(Object::new(record, reference, value))
    }

    /// The uuid of an object, `None` when the reference leads nowhere.
    pub async fn uuid(&self, class: &str, reference: &str) -> Option<String> {
        self.name(class, reference, "uuid").await
    }

    /// The name-label of an object, `None` when there is none.
    pub async fn name_label(&self, class: &str, reference: &str) -> Option<String> {
        self.name(class, reference, "name_label").await
    }

    async fn name(&self, class: &str, reference: &str, field: &'static str) -> Option<String> {
        if reference == NULL || reference.is_empty() {
            return None;
        }
        let key = (class.to_owned(), reference.to_owned(), field);
        if let Some(known) = self.names.lock().ok().and_then(|names| names.get(&key).cloned()) {
            return known;
        }
        let method = format!("{class}.get_{field}");
        let answer = self.api.call(&method, vec![reference.into()]).await.ok();
        let name = answer.as_ref().and_then(Value::as_str).map(str::to_owned);
        if let Ok(mut names) = self.names.lock() {
            names.insert(key, name.clone());
        }
        name
    }

    /// The record of an object reached from another; any failure counts as missing.
    pub async fn side(&self, class: &str, reference: &str) -> Option<Value> {
        if reference == NULL || reference.is_empty() {
            return None;
        }
        if let Some(known) = self.records.lock().ok().and_then(|records| records.get(reference).cloned()) {
            return known;
        }
        let record = self.api.call(&format!("{class}.get_record"), vec![reference.into()]).await.ok();
        if let Ok(mut records) = self.records.lock() {
            records.insert(reference.to_owned(), record.clone());
        }
        record
    }

    /// A field's value. A stale handle shows as such; other API errors are the caller's.
    pub async fn shown(&self, object: &Object, field: &FieldDef) -> Result<Shown, Failure> {
        match self.computed(object, field).await {
            Ok(shown) => Ok(shown),
            Err(_) if field.on_error.is_some() => Ok(Shown::text(field.on_error.unwrap_or_default())),
            Err(failure) if failure.is(&errors::HANDLE_INVALID) => Ok(Shown::text("<invalid reference>")),
            Err(failure) => Err(failure),
        }
    }

    async fn computed(&self, object: &Object, field: &FieldDef) -> Result<Shown, Failure> {
        match field.source {
            Source::Own(wire) => {
                let Some(value) = object.value.get(wire) else {
                    return Ok(Shown::text(field.on_error.unwrap_or(NOT_IN_DATABASE)));
                };
                Ok(self.format(field, field_type(object.record.class, wire), value).await)
            }
            Source::Side(class, wire) => {
                let record = self.side(class, object.text(link(class))).await;
                match record.as_ref().and_then(|record| record.get(wire)) {
                    Some(value) => Ok(self.format(field, field_type(class, wire), value).await),
                    None => Ok(Shown::text(field.missing.or(field.on_error).unwrap_or(NOT_IN_DATABASE))),
                }
            }
            Source::Call(method) => {
                let (args, ty) = call_of(method, object);
                let value = self.api.call(method, args).await?;
                Ok(self.format(field, ty, &value).await)
            }
            Source::Hosts(wire) => self.common(field, wire).await,
            Source::Custom => custom::shown(self, object, field).await,
        }
    }

    /// The value every host has, or a word for their differing.
    async fn common(&self, field: &FieldDef, wire: &str) -> Result<Shown, Failure> {
        let hosts = self.api.call("host.get_all", Vec::new()).await?;
        let mut common: Option<Value> = None;
        for host in hosts.as_set().unwrap_or_default() {
            let value = self.api.call(&format!("host.get_{wire}"), vec![host.clone()]).await?;
            if common.as_ref().is_some_and(|known| *known != value) {
                return Ok(Shown::text("<inconsistent>"));
            }
            common = Some(value);
        }
        match common {
            Some(value) => Ok(self.format(field, field_type("host", wire), &value).await),
            None => Ok(Shown::text("<inconsistent>")),
        }
    }

    async fn format(&self, field: &FieldDef, ty: Option<Ty>, value: &Value) -> Shown {
        let class = ty.and_then(referenced);
        match field.format {
            "uuid" => Shown::text(self.uuid_or(class, value, NOT_IN_DATABASE).await),
            "uuid_or_null_ref" => {
                let null = value.as_str() == Some(NULL);
                Shown::text(if null {
                    NULL.into()
                } else {
                    self.uuid_or(class, value, NOT_IN_DATABASE).await
                })
            }
            "name_label" => {
                let name = match (class, value.as_str()) {
                    (Some(class), Some(reference)) => self.name_label(class, reference).await,
                    _ => None,
                };
                Shown::text(name.unwrap_or_else(|| NOT_IN_DATABASE.into()))
            }
            "uuid_list_semi" => {
                let mut uuids = Vec::new();
                for member in value.as_set().unwrap_or_default() {
                    uuids.push(self.uuid_or(class, member, NOT_IN_DATABASE).await);
                }
                Shown::set(uuids, "; ")
            }
            "map_to_uuid" => {
                let mut pairs = Vec::new();
                for (key, member) in value.as_map().unwrap_or_default() {
                    pairs.push((key.to_string(), self.uuid_or(class, member, NOT_IN_DATABASE).await));
                }
                Shown::map(pairs)
            }
            "list_semi" | "list_comma" => {
                let separator = if field.format == "list_semi" { "; " } else { ", " };
                let mut members = self.members(field, value);
                if let Some(class) = class.filter(|_| field.lookup.is_some()) {
                    let mut uuids = Vec::new();
                    for member in &members {
                        uuids.push(self.uuid_or(Some(class), &member.as_str().into(), NOT_IN_DATABASE).await);
                    }
                    members = uuids;
                }
                Shown::set(members, separator)
            }
            "map" => Shown::map(
                value
                    .as_map()
                    .unwrap_or_default()
                    .iter()
                    .map(|(key, value)| (key.to_string(), plain(value)))
                    .collect(),
            ),
            "float_3dp" => Shown::text(number(value).map_or_else(|| plain(value), |x| format!("{x:.3}"))),
            format => match format.strip_prefix("table:") {
                Some(table) => Shown::text(shown(table, &plain(value))),
                None => Shown::text(plain(value)),
            },
        }
    }

    async fn uuid_or(&self, class: Option<&str>, value: &Value, other: &str) -> String {
        match (class, value.as_str()) {
            (Some(class), Some(reference)) => self.uuid(class, reference).await,
            _ => None,
        }
        .unwrap_or_else(|| other.into())
    }

    fn members(&self, field: &FieldDef, value: &Value) -> Vec<String> {
        let texts: Vec<String> = match value {
            Value::Map(pairs) if field.values => pairs.iter().map(|(_, value)| plain(value)).collect(),
            Value::Map(pairs) => pairs.iter().map(|(key, _)| key.to_string()).collect(),
            other => other.as_set().unwrap_or_default().iter().map(plain).collect(),
        };
        match field.item {
            Some(table) => texts.iter().map(|text| shown(table, text).to_owned()).collect(),
            None => texts,
        }
    }
}

/// The field of an object that leads to its record of another class.
fn link(class: &str) -> &'static str {
    match class {
        "VM_guest_metrics" => "guest_metrics",
        "PCI" => "PCI",
        "Host_driver" => "driver",
        _ => "metrics",
    }
}

/// Arguments and result type of a call that computes a field.
fn call_of(method: &str, object: &Object) -> (Vec<Value>, Option<Ty>) {
    let result = xapi_schema::schema().message(method).map(|message| message.result);
    let own = || object.reference.as_str().into();
    let args = match method {
        "SR.get_supported_types" => Vec::new(),
        "host.query_data_source" => {
            vec![object.text("host").into(), format!("cpu{}", object.int("number")).into()]
        }
        "VGPU_type.get_model_name" => vec![object.text("type").into()],
        _ => vec![own()],
    };
    (args, result)
}

fn field_type(class: &str, wire: &str) -> Option<Ty> {
    Class::by_name(class)?.field(wire).map(|(_, field)| field.ty)
}

fn referenced(ty: Ty) -> Option<&'static str> {
    let class = match ty {
        Ty::Ref(class) => class,
        Ty::Set(Ty::Ref(class)) | Ty::Map(_, Ty::Ref(class)) => *class,
        _ => return None,
    };
    Some(Class::of(class).name)
}

/// A single value as text.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Int(n) | Value::Count(n) => n.to_string(),
        Value::Float(x) => format!("{x}"),
        Value::Bool(b) => b.to_string(),
        Value::Time(time) => time.to_string(),
        Value::Set(members) => members.iter().map(plain).collect::<Vec<_>>().join("; "),
        Value::Map(_) | Value::Record(_) | Value::Nil => String::new(),
    }
}

/// A value as a number.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(x) => Some(*x),
        Value::Int(n) | Value::Count(n) => Some(*n as f64),
        Value::Str(text) => text.parse().ok(),
        _ => None,
    }
}

/// True for fields whose text is made of members.
pub fn has_members(field: &FieldDef) -> bool {
    field.kind != Kind::Plain
}
