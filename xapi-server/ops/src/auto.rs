//! The interpreter for messages that exist by rule: getters, setters, `get_all` and their companions.
//!
//! Reads one snapshot or makes one commit. Knows no class by name except `role`, whose objects are a
//! fixed table and never in the store.

use std::sync::Arc;

use arcstr::ArcStr;
use xapi_schema::{Class, ClassId, Kind, Message, Record, Result, Ty, Value, errors};
use xapi_store::{Read, Row, Tx};

use crate::{Cx, filter, role};

/// True for messages this module answers though the facts say they have code of their own.
pub fn answers(message: &Message) -> bool {
    message.class == ClassId::Role && message.def.is_none()
}

/// Answers a message from the tables; `args` are typed and complete.
pub async fn answer(cx: &Cx, message: &'static Message, args: Vec<Value>) -> Result<Value> {
    match message.kind {
        Kind::FieldSet | Kind::FieldAdd | Kind::FieldRemove => {
            cx.commit(move |tx| change(tx, message, &args)).await.map(|()| Value::EMPTY)
        }
        _ if message.class == ClassId::Role => read(role::table(), message, &args),
        _ => read(&*cx.snapshot(), message, &args),
    }
}

/// What a reading message needs of a source of objects.
pub trait Source {
    /// An object by reference.
    fn find(&self, class: ClassId, reference: &str) -> Option<(&ArcStr, &Arc<Record>)>;
    /// References by uuid.
    fn find_uuid(&self, class: ClassId, uuid: &str) -> Option<ArcStr>;
    /// References by name.
    fn find_name(&self, class: ClassId, label: &str) -> Vec<ArcStr>;
    /// Every object.
    fn each(&self, class: ClassId) -> Box<dyn Iterator<Item = (&ArcStr, &Arc<Record>)> + '_>;
}

impl<R: Read> Source for R {
    fn find(&self, class: ClassId, reference: &str) -> Option<(&ArcStr, &Arc<Record>)> {
        self.row(class, reference).map(|row: &Row| (&row.reference, &row.record))
    }

    fn find_uuid(&self, class: ClassId, uuid: &str) -> Option<ArcStr> {
        self.by_uuid(class, uuid).map(|row| row.reference.clone())
    }

    fn find_name(&self, class: ClassId, label: &str) -> Vec<ArcStr> {
        self.by_name(class, label)
    }

    fn each(&self, class: ClassId) -> Box<dyn Iterator<Item = (&ArcStr, &Arc<Record>)> + '_> {
        Box::new(self.rows(class).map(|row| (&row.reference, &row.record)))
    }
}

fn text(args: &[Value], at: usize) -> &str {
    args.get(at).and_then(Value::as_str).unwrap_or_default()
}

fn read(source: &impl Source, message: &Message, args: &[Value]) -> Result<Value> {
    let class = message.class;
    let name = Class::of(class).name;
    let object = || match source.find(class, text(args, 0)) {
        Some((_, record)) => Ok(record),
        None => Err(errors::HANDLE_INVALID.with([name, text(args, 0)])),
    };
    match message.kind {
        Kind::FieldGet => Ok(object()?.at(message.field.unwrap_or_default()).clone()),
        Kind::GetRecord => Ok(Value::Record(object()?.clone())),
        Kind::GetByUuid => match source.find_uuid(class, text(args, 0)) {
            Some(reference) => Ok(Value::Str(reference)),
            None => Err(errors::UUID_INVALID.with([name, text(args, 0)])),
        },
        Kind::GetByNameLabel => {
            Ok(Value::set(source.find_name(class, text(args, 0)).into_iter().map(Value::Str)))
        }
        Kind::GetAll => {
            Ok(Value::set(source.each(class).map(|(reference, _)| Value::Str(reference.clone()))))
        }
        Kind::GetAllRecords => Ok(records(source.each(class))),
        Kind::GetAllWhere => Ok(Value::set(
            matching(source, class, text(args, 0))?.into_iter().map(|(r, _)| Value::Str(r.clone())),
        )),
        Kind::GetAllRecordsWhere => Ok(records(matching(source, class, text(args, 0))?.into_iter())),
        other => {
            Err(xapi_schema::Failure::internal(format!("{} ({other:?}) is not read by rule", message.name)))
        }
    }
}

fn records<'a>(rows: impl Iterator<Item = (&'a ArcStr, &'a Arc<Record>)>) -> Value {
    Value::map(rows.map(|(reference, record)| (reference.clone(), Value::Record(record.clone()))))
}

type Found<'a> = Vec<(&'a ArcStr, &'a Arc<Record>)>;

fn matching<'a>(source: &'a impl Source, class: ClassId, expr: &str) -> Result<Found<'a>> {
    if class == ClassId::Role {
        return Ok(role::filtered(source.each(class), expr));
    }
    let expr = filter::parse(expr)?;
    let mut found = Vec::new();
    for (reference, record) in source.each(class) {
        if expr.matches(reference, record)? {
            found.push((reference, record));
        }
    }
    Ok(found)
}

/// Makes the change of a setter, an add or a remove.
fn change(tx: &mut Tx, message: &Message, args: &[Value]) -> Result<()> {
    let class = Class::of(message.class);
    let index = message.field.unwrap_or_default();
    let reference = text(args, 0);
    let Some(row) = tx.row(message.class, reference) else {
        return Err(errors::HANDLE_INVALID.with([class.name, reference]));
    };
    let before = row.record.at(index);
    let after = match (message.kind, class.fields[index].ty) {
        (Kind::FieldSet, _) => args[1].clone(),
        (Kind::FieldAdd, Ty::Set(_)) => with_member(before, &args[1]),
        (Kind::FieldRemove, Ty::Set(_)) => without_member(before, &args[1]),
        (Kind::FieldAdd, _) => {
            let key = text(args, 1);
            if key.is_empty() {
                return Err(errors::INVALID_VALUE.with(["key", ""]));
            }
            if before.get(key).is_some() {
                let field = class.fields[index].name;
                return Err(errors::MAP_DUPLICATE_KEY.with([class.name, field, reference, key]));
            }
            with_pair(before, key, &args[2])
        }
        _ => without_key(before, text(args, 1)),
    };
    let marks = class.fields[index].name == "other_config" && crate::declared::differs(before, &after);
    tx.set_value(message.class, reference, index, after)?;
    // What clients may do to a declared object hangs on its marks.
    if marks { crate::rules::refresh_any(tx, message.class, reference) } else { Ok(()) }
}

fn with_member(set: &Value, member: &Value) -> Value {
    let items = set.as_set().unwrap_or_default();
    if items.contains(member) {
        return set.clone();
    }
    Value::set(std::iter::once(member.clone()).chain(items.iter().cloned()))
}

fn without_member(set: &Value, member: &Value) -> Value {
    Value::set(set.as_set().unwrap_or_default().iter().filter(|item| *item != member).cloned())
}

/// New keys go to the front, where the original puts them.
fn with_pair(map: &Value, key: &str, value: &Value) -> Value {
    let rest = map.as_map().unwrap_or_default().iter().cloned();
    Value::map(std::iter::once((ArcStr::from(key), value.clone())).chain(rest))
}

fn without_key(map: &Value, key: &str) -> Value {
    Value::map(map.as_map().unwrap_or_default().iter().filter(|(k, _)| k != key).cloned())
}
