//! Between a record and its stored form: JSON by field name, persistent fields only.
//!
//! Old bodies stay readable for ever: absent fields take their default, members no field has are kept
//! aside and written back.

use serde_json::{Map as Json, Number, Value as Any};
use xapi_schema::{Class, DateTime, Record, Ty, Value};

/// Stored members no field of the schema has.
pub type Aside = Option<Json<String, Any>>;

/// The stored text of a record.
pub fn encode(record: &Record, aside: Option<&Json<String, Any>>) -> String {
    let mut body = Json::new();
    for (at, field) in record.class.fields.iter().enumerate() {
        if field.persist && !field.is_back_reference() {
            body.insert(field.name.to_string(), to_json(record.at(at)));
        }
    }
    for (key, value) in aside.into_iter().flatten() {
        body.entry(key.clone()).or_insert_with(|| value.clone());
    }
    Any::Object(body).to_string()
}

fn to_json(value: &Value) -> Any {
    match value {
        Value::Str(text) => Any::from(text.as_str()),
        Value::Int(number) | Value::Count(number) => Any::from(*number),
        Value::Float(number) => {
            Number::from_f64(*number).map_or_else(|| Any::from(number.to_string()), Any::Number)
        }
        Value::Bool(truth) => Any::from(*truth),
        Value::Time(time) => Any::from(time.to_string()),
        Value::Set(items) => Any::Array(items.iter().map(to_json).collect()),
        Value::Map(pairs) => Any::Object(pairs.iter().map(|(k, v)| (k.to_string(), to_json(v))).collect()),
        Value::Record(_) | Value::Nil => Any::Null,
    }
}

/// Values by position, defaults where the text has none, and what no field has.
///
/// # Errors
/// Text naming the member that is not of its field's type.
pub fn decode(class: &Class, body: &str) -> Result<(Vec<Value>, Aside), String> {
    let json: Json<String, Any> = serde_json::from_str(body).map_err(|e| e.to_string())?;
    let mut values: Vec<Option<Value>> = vec![None; class.fields.len()];
    let (mut aside, mut next) = (Json::new(), 0);
    for (key, value) in json {
        // Most texts have the fields in the order of the table.
        let in_order = class.fields[next..].iter().position(|field| field.name == key).map(|at| next + at);
        match in_order.or_else(|| class.field(&key).map(|(at, _)| at)) {
            Some(at) => match from_json(&value, class.fields[at].ty) {
                Some(value) => (values[at], next) = (Some(value), at + 1),
                None => return Err(format!("{}.{key} is not of its type", class.name)),
            },
            None => {
                aside.insert(key, value);
            }
        }
    }
    let values = values.into_iter().zip(class.fields).map(|(value, field)| {
        value.or_else(|| field.default.value(field.ty)).unwrap_or_else(|| field.ty.zero())
    });
    Ok((values.collect(), (!aside.is_empty()).then_some(aside)))
}

fn from_json(json: &Any, ty: Ty) -> Option<Value> {
    Some(match (ty, json) {
        (Ty::String | Ty::Secret | Ty::Ref(_) | Ty::Enum(_), Any::String(text)) => Value::str(text.as_str()),
        (Ty::Int, Any::Number(number)) => Value::Int(number.as_i64()?),
        (Ty::Float, Any::Number(number)) => Value::Float(number.as_f64()?),
        (Ty::Float, Any::String(text)) => Value::Float(text.parse().ok()?),
        (Ty::Bool, Any::Bool(truth)) => Value::Bool(*truth),
        (Ty::DateTime, Any::String(text)) => Value::Time(DateTime::parse(text)?),
        (Ty::Set(item), Any::Array(items)) | (Ty::Option(item), Any::Array(items)) => {
            Value::set(items.iter().map(|v| from_json(v, *item)).collect::<Option<Vec<_>>>()?)
        }
        (Ty::Map(_, item), Any::Object(pairs)) => {
            let pairs = pairs.iter().map(|(k, v)| Some((k.as_str(), from_json(v, *item)?)));
            Value::map(pairs.collect::<Option<Vec<_>>>()?)
        }
        _ => return None,
    })
}
