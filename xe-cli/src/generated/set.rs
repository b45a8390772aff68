//! `-param-set`: fields in command-line order, whole-map setters last.

use xapi_schema::Value;

use super::{setter, target};
use crate::{
    fault::{Outcome, command},
    filter::split,
    render::Object,
    run::Run,
    table::{FieldDef, Kind, Noun},
};

/// A whole-map setter and the pairs it has been given so far.
type Whole = (&'static str, Vec<(String, Value)>);

/// `C-param-set uuid= field=value ..`
pub(super) async fn param_set(run: &mut Run<'_>, noun: &'static Noun) -> Outcome {
    let object = target(run, noun).await?;
    let mut wholes: Vec<Whole> = Vec::new();
    for (name, text) in run.args.others(&["uuid"]) {
        match noun.record.field(&name) {
            Some(field) => set_field(run, &object, field, &text).await?,
            None => set_entry(run, &object, &name, &text, &mut wholes).await?,
        }
    }
    for (method, pairs) in wholes {
        run.call(method, [object.arg(), Value::map(pairs)]).await?;
    }
    Ok(())
}

async fn set_field(run: &Run<'_>, object: &Object, field: &FieldDef, text: &str) -> Outcome {
    if let Some((method, parser)) = &field.set {
        let value = setter::value(run, object.record, field, *parser, text).await?;
        run.call(method, [object.arg(), value]).await?;
        return Ok(());
    }
    match field.key_settable() {
        true => command(format!(
            "Field '{}' is a map or set. Name a key of it, as in {}:key=value",
            field.name, field.name
        )),
        false => command(format!("Field '{}' is read-only.", field.name)),
    }
}

async fn set_entry(
    run: &Run<'_>,
    object: &Object,
    name: &str,
    text: &str,
    wholes: &mut Vec<Whole>,
) -> Outcome {
    let Some((field_name, key)) = split(object.record, name) else {
        return command(format!("Unknown field '{name}'"));
    };
    let Some(field) = object.record.field(field_name) else {
        return command(format!("Unknown field '{field_name}'"));
    };
    match field.kind {
        Kind::Plain => return command(format!("Field '{}' is not a set or map", field.name)),
        Kind::Set => return command("Cannot param-set on set fields"),
        Kind::Map => {}
    }
    if let Some(method) = field.set_key {
        run.call(method, [object.arg(), key.into(), text.into()]).await?;
    } else if let Some(method) = field.set_map {
        let at = wholes.iter().position(|(known, _)| *known == method);
        let at = at.unwrap_or_else(|| {
            wholes.push((method, Vec::new()));
            wholes.len() - 1
        });
        let pairs = &mut wholes[at].1;
        pairs.retain(|(known, _)| known != key);
        pairs.push((key.into(), text.into()));
    } else if let (Some(add), Some(remove)) = (&field.add, &field.remove) {
        let key = setter::member(run, object.record, field, key).await?;
        run.call(&remove.method, [object.arg(), key.clone()]).await?;
        run.call(&add.method, [object.arg(), key, text.into()]).await?;
    } else {
        return command(format!("Map field '{}' is read-only.", field.name));
    }
    Ok(())
}
