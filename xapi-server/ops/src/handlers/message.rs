//! `message`: notes the system writes for people, at most 10,000 of them.

use std::sync::Arc;

use xapi_schema::{
    Class, ClassId, DateTime, Map, Rec, Ref, Result, Value,
    classes::{Cls, Message, message},
    errors,
};
use xapi_store::{Read, Tx};

use crate::{Cx, Registry, filter};

/// Messages kept; the oldest go first.
const MOST: usize = 10_000;

type Records = Map<Ref<Message>, Rec<Message>>;

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(message::call::create, create);
    on.on(message::call::destroy, destroy);
    on.on(message::call::destroy_many, destroy_many);
    on.on(message::call::destroy_all, destroy_all);
    on.on(message::call::get, get);
    on.on(message::call::get_all, get_all);
    on.on(message::call::get_since, get_since);
    on.on(message::call::get_record, get_record);
    on.on(message::call::get_by_uuid, get_by_uuid);
    on.on(message::call::get_all_records, get_all_records);
    on.on(message::call::get_all_records_where, get_all_records_where);
}

/// A new message about an object.
#[derive(Debug, Clone)]
pub struct Note {
    /// One of the system's names or the client's own.
    pub name: String,
    /// 1 is the most urgent.
    pub priority: i64,
    /// Class of the object.
    pub cls: Cls,
    /// uuid of the object.
    pub obj_uuid: String,
    /// Text.
    pub body: String,
}

/// Writes a message within a transaction and drops the oldest beyond the limit.
///
/// # Errors
/// Those of the store.
pub fn write(tx: &mut Tx, note: &Note, now: DateTime) -> Result<Ref<Message>> {
    let members = Value::map([
        ("name", Value::str(note.name.as_str())),
        ("priority", Value::Int(note.priority)),
        ("cls", Value::Str(xapi_schema::ApiEnum::text(note.cls))),
        ("obj_uuid", Value::str(note.obj_uuid.as_str())),
        ("timestamp", Value::Time(now)),
        ("body", Value::str(note.body.as_str())),
    ]);
    let made = Ref::new(tx.create_value(ClassId::Message, None, &members)?);
    if tx.count(ClassId::Message) > MOST {
        let oldest = tx.rows(ClassId::Message).next().map(|row| row.reference.clone());
        if let Some(oldest) = oldest {
            tx.destroy_row(ClassId::Message, &oldest)?;
        }
    }
    Ok(made)
}

/// The class of objects a message can be about.
fn subject_class(cls: Cls) -> &'static Class {
    let name = xapi_schema::ApiEnum::as_str(cls);
    Class::by_name_any_case(name).unwrap_or_else(|| Class::of(ClassId::Pool))
}

async fn create(
    cx: Cx,
    name: String,
    priority: i64,
    cls: Cls,
    obj_uuid: String,
    body: String,
) -> Result<Ref<Message>> {
    let class = subject_class(cls);
    let now = cx.clock().date();
    cx.commit(move |tx| {
        if tx.by_uuid(class.id, &obj_uuid).is_none() {
            return Err(errors::UUID_INVALID.with([class.name, &obj_uuid]));
        }
        write(tx, &Note { name, priority, cls, obj_uuid, body }, now)
    })
    .await
}

async fn destroy(cx: Cx, this: Ref<Message>) -> Result<()> {
    cx.commit(move |tx| tx.destroy(&this)).await
}

async fn destroy_many(cx: Cx, messages: Vec<Ref<Message>>) -> Result<()> {
    cx.commit(move |tx| messages.iter().try_for_each(|this| tx.destroy(this))).await
}

/// What [`destroy_all`] is told to spare.
#[derive(Debug, Default)]
struct Filter {
    before: Option<DateTime>,
    after: Option<DateTime>,
    priority: Option<i64>,
}

impl Filter {
    /// An unknown word or an unreadable value must not destroy more than was meant.
    fn read(given: &Map<String, String>) -> Result<Filter> {
        let mut filter = Filter::default();
        for (key, value) in &given.0 {
            let senseless = || errors::INVALID_VALUE.with([key, value]);
            match key.as_str() {
                "before" => filter.before = Some(DateTime::parse(value).ok_or_else(senseless)?),
                "after" => filter.after = Some(DateTime::parse(value).ok_or_else(senseless)?),
                "priority" => filter.priority = Some(value.parse().map_err(|_| senseless())?),
                _ => return Err(senseless()),
            }
        }
        Ok(filter)
    }

    fn matches(&self, record: &xapi_schema::Record) -> bool {
        let moment = record.get(message::timestamp).unix();
        self.before.is_none_or(|end| moment < end.unix())
            && self.after.is_none_or(|start| moment > start.unix())
            && self.priority.is_none_or(|priority| record.get(message::priority) == priority)
    }
}

async fn destroy_all(cx: Cx, filters: Map<String, String>) -> Result<()> {
    let filter = Filter::read(&filters)?;
    cx.commit(move |tx| {
        let matching = tx.rows(ClassId::Message).filter(|row| filter.matches(&row.record));
        let matching: Vec<_> = matching.map(|row| row.reference.clone()).collect();
        matching.iter().try_for_each(|reference| tx.destroy_row(ClassId::Message, reference))
    })
    .await
}

/// Newest first, as clients show them.
fn select(cx: &Cx, keep: impl Fn(&xapi_schema::Record) -> bool) -> Records {
    let snapshot = cx.snapshot();
    let kept = snapshot.rows(ClassId::Message).filter(|row| keep(&row.record));
    let mut found: Vec<_> =
        kept.map(|row| (Ref::new(row.reference.clone()), Rec::stored(Arc::clone(&row.record)))).collect();
    found.reverse();
    Map(found)
}

async fn get(cx: Cx, cls: Cls, obj_uuid: String, since: DateTime) -> Result<Records> {
    let class = subject_class(cls);
    if cx.snapshot().by_uuid(class.id, &obj_uuid).is_none() {
        return Err(errors::UUID_INVALID.with([class.name, &obj_uuid]));
    }
    Ok(select(&cx, |record| {
        record.get(message::cls) == cls
            && record.get(message::obj_uuid) == obj_uuid
            && record.get(message::timestamp).unix() >= since.unix()
    }))
}

async fn get_all(cx: Cx) -> Result<Vec<Ref<Message>>> {
    Ok(select(&cx, |_| true).0.into_iter().map(|(reference, _)| reference).collect())
}

async fn get_since(cx: Cx, since: DateTime) -> Result<Records> {
    Ok(select(&cx, |record| record.get(message::timestamp).unix() > since.unix()))
}

async fn get_record(cx: Cx, this: Ref<Message>) -> Result<Rec<Message>> {
    cx.snapshot().record(&this).map(|record| Rec::stored(Arc::clone(record)))
}

async fn get_by_uuid(cx: Cx, uuid: String) -> Result<Ref<Message>> {
    cx.snapshot().find_uuid(&uuid)
}

async fn get_all_records(cx: Cx) -> Result<Records> {
    Ok(select(&cx, |_| true))
}

async fn get_all_records_where(cx: Cx, expr: String) -> Result<Records> {
    let expr = filter::parse(&expr)?;
    let snapshot = cx.snapshot();
    let mut found = Vec::new();
    for row in snapshot.rows(ClassId::Message) {
        if expr.matches(&row.reference, &row.record)? {
            found.push((Ref::new(row.reference.clone()), Rec::stored(Arc::clone(&row.record))));
        }
    }
    found.reverse();
    Ok(Map(found))
}
