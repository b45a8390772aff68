//! `event-wait`, `message-*`.

use xapi_schema::Value;

use super::first_given;
use crate::{
    fault::{Outcome, command},
    render::Object,
    run::Run,
    table::{RecordDef, record},
    values,
};

/// Classes that can be waited for, with the record that shows them.
const CLASSES: [(&str, &str); 15] = [
    ("vm", "vm"),
    ("vdi", "vdi"),
    ("sr", "sr"),
    ("host", "host"),
    ("network", "net"),
    ("vif", "vif"),
    ("pif", "pif"),
    ("vbd", "vbd"),
    ("pbd", "pbd"),
    ("pool", "pool"),
    ("task", "task"),
    ("subject", "subject"),
    ("role", "role"),
    ("secret", "secret"),
    ("vmss", "vmss"),
];

/// Runs a command of this file; false when it is not one.
pub(super) async fn run(run: &mut Run<'_>) -> Outcome<bool> {
    match run.args.command.as_str() {
        "event-wait" => event_wait(run).await?,
        "message-create" => message_create(run).await?,
        "message-destroy" => message_destroy(run).await?,
        "message-destroy-all" => message_destroy_all(run).await?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Field, value, and whether the value must differ.
type Condition = (String, String, bool);

async fn event_wait(run: &mut Run<'_>) -> Outcome {
    let class = run.args.text("class");
    let unknown = || command(format!("Cli listening for class '{class}' not currently implemented"));
    let Some((_, name)) = CLASSES.iter().find(|(known, _)| *known == class) else { return unknown() };
    let Some(def) = record(name) else { return unknown() };
    let conditions: Vec<Condition> = run
        .args
        .others(&["class"])
        .into_iter()
        .map(|(field, value)| match value.strip_prefix("/=") {
            Some(other) => (field, other.to_owned(), true),
            None => (field, value, false),
        })
        .collect();
    for object in run.reader.all(def).await? {
        if matches(run, &object, &conditions).await? {
            return Ok(());
        }
    }
    if matches!(class.as_str(), "subject" | "role") {
        return unknown();
    }
    let mut token = Value::EMPTY;
    loop {
        let classes = Value::set([def.class.to_lowercase().into()]);
        let batch = run.call("event.from", [classes, token.clone(), Value::Float(30.0)]).await?;
        token = batch.get("token").cloned().unwrap_or(token);
        // A cache of names would hide what the events are about.
        run.reader = crate::render::Reader::new(run.api);
        for event in batch.get("events").and_then(Value::as_set).unwrap_or_default() {
            if let Some(object) = of_event(def, event)
                && matches(run, &object, &conditions).await?
            {
                return Ok(());
            }
        }
    }
}

fn of_event(def: &'static RecordDef, event: &Value) -> Option<Object> {
    let snapshot = event.get("snapshot")?;
    let reference = event.get("ref").and_then(Value::as_str)?;
    matches!(snapshot, Value::Map(_) | Value::Record(_))
        .then(|| Object::new(def, reference, snapshot.clone()))
}

async fn matches(run: &Run<'_>, object: &Object, conditions: &[Condition]) -> Outcome<bool> {
    for (name, value, differs) in conditions {
        let Some(field) = object.record.field(name) else {
            return command(format!("key missing: {name}"));
        };
        if (run.reader.shown(object, field).await?.text == *value) == *differs {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn message_create(run: &mut Run<'_>) -> Outcome {
    let Some(priority) = values::parse_int(&run.args.text("priority")) else {
        return command("Priority field should be an integer");
    };
    let kinds = [("vm-uuid", "VM"), ("pool-uuid", "Pool"), ("sr-uuid", "SR"), ("host-uuid", "Host")];
    let Some((param, class)) = first_given(run, &kinds) else {
        return command("Need one of: vm-uuid, host-uuid, sr-uuid or pool-uuid");
    };
    let args = [run.text("name"), priority.into(), class.into(), run.text(param), run.text("body")];
    run.call("message.create", args).await?;
    Ok(())
}

async fn message_destroy(run: &mut Run<'_>) -> Outcome {
    let uuids = match (run.args.get("uuid"), run.args.get("uuids")) {
        (Some(_), Some(_)) => return command("Ambiguous arguments; need one of uuid, uuids"),
        (None, None) => return command("Need one of uuid, uuids"),
        (Some(uuid), None) => vec![uuid.to_owned()],
        (None, Some(uuids)) => values::list(uuids),
    };
    let mut messages = Vec::new();
    for uuid in uuids {
        messages.push(run.by_uuid("message", &uuid).await?);
    }
    run.call("message.destroy_many", [Value::set(messages)]).await?;
    Ok(())
}

async fn message_destroy_all(run: &mut Run<'_>) -> Outcome {
    let mut filters: Vec<(&str, Value)> = Vec::new();
    for name in ["before", "after"] {
        if let Some(text) = run.args.get(name) {
            if xapi_schema::DateTime::parse(text).is_none() {
                return command(format!("Failed to parse parameter '{name}': expecting a date and time"));
            }
            filters.push((name, text.into()));
        }
    }
    if let Some(text) = run.args.get("priority") {
        values::int_param("priority", text)?;
        filters.push(("priority", text.into()));
    }
    run.call("message.destroy_all", [Value::map(filters)]).await?;
    Ok(())
}
