//! `-param-add`, `-param-remove` and `-param-clear`.

use xapi_schema::Value;

use super::{named, setter, target};
use crate::{
    fault::{Fault, Outcome, command},
    render::Object,
    run::Run,
    table::{AddDef, FieldDef, Kind, Noun},
};

/// `C-param-add`: one member of a set, or every other `key=value` into a map.
pub(super) async fn param_add(run: &mut Run<'_>, noun: &'static Noun) -> Outcome {
    let object = target(run, noun).await?;
    let field = named(run, noun)?;
    match (field.kind, &field.add) {
        (Kind::Plain, _) => command("Can only add to parameters of type Set or Map"),
        (_, None) => command("Parameter is read-only"),
        (Kind::Set, Some(add)) => {
            let Some(text) = run.args.get("param-key") else {
                return command("Cannot add to a set without a member: write param-key=member");
            };
            let member = setter::member(run, object.record, field, text).await?;
            if !add.whole {
                run.call(&add.method, [object.arg(), member]).await?;
                return Ok(());
            }
            let mut members = current_set(run, &object, add).await?;
            if !members.contains(&member) {
                members.push(member);
            }
            run.call(&add.method, [object.arg(), Value::set(members)]).await?;
            Ok(())
        }
        (Kind::Map, Some(add)) => {
            let pairs = run.args.others(&["uuid", "param-name", "param-key"]);
            for (key, value) in pairs {
                let key = setter::member(run, object.record, field, &key).await?;
                if !add.whole {
                    run.call(&add.method, [object.arg(), key, value.into()]).await?;
                    continue;
                }
                let mut map = current_map(run, &object, add).await?;
                let key = key.as_str().unwrap_or_default().to_owned();
                map.retain(|(known, _)| *known != key);
                map.push((key, value.into()));
                run.call(&add.method, [object.arg(), Value::map(map)]).await?;
            }
            Ok(())
        }
    }
}

/// `C-param-remove`: a member of a set or a key of a map that must exist.
pub(super) async fn param_remove(run: &mut Run<'_>, noun: &'static Noun) -> Outcome {
    let object = target(run, noun).await?;
    let field = named(run, noun)?;
    let key = run.args.get("param-key").unwrap_or_default();
    let shown = match field.kind {
        Kind::Plain => return command("Can only remove from parameters of type Set or Map"),
        _ => run.reader.shown(&object, field).await?,
    };
    match field.kind {
        Kind::Set if !shown.set.iter().any(|member| member == key) => {
            command(format!("Key {key} is not in the set"))
        }
        Kind::Map if !shown.map.iter().any(|(known, _)| known == key) => {
            command(format!("Key {key} is not in map"))
        }
        _ => remove(run, &object, field, key).await,
    }
}

async fn remove(run: &Run<'_>, object: &Object, field: &FieldDef, text: &str) -> Outcome {
    let Some(remove) = &field.remove else {
        return command(match field.kind {
            Kind::Set => "Cannot remove parameters from read-only set",
            _ => "Cannot remove parameters from read-only map",
        });
    };
    let member = setter::member(run, object.record, field, text).await?;
    if !remove.whole {
        run.call(&remove.method, [object.arg(), member]).await?;
    } else if field.kind == Kind::Set {
        let mut members = current_set(run, object, remove).await?;
        members.retain(|known| *known != member);
        run.call(&remove.method, [object.arg(), Value::set(members)]).await?;
    } else {
        let mut map = current_map(run, object, remove).await?;
        map.retain(|(known, _)| Some(known.as_str()) != member.as_str());
        run.call(&remove.method, [object.arg(), Value::map(map)]).await?;
    }
    Ok(())
}

/// `C-param-clear`: no members, or the empty text.
pub(super) async fn param_clear(run: &mut Run<'_>, noun: &'static Noun) -> Outcome {
    let object = target(run, noun).await?;
    let field = named(run, noun)?;
    match field.kind {
        Kind::Set => {
            if field.remove.is_none() {
                return command("Can only clear RW parameters");
            }
            let members = run.reader.shown(&object, field).await?.set;
            for member in members {
                remove(run, &object, field, &member).await?;
            }
        }
        Kind::Map => {
            if let Some(method) = field.clear.or(field.set_map) {
                run.call(method, [object.arg(), Value::map::<&str>([])]).await?;
                return Ok(());
            }
            if field.remove.is_none() {
                return command("Can only clear RW parameters");
            }
            let keys = run.reader.shown(&object, field).await?.map;
            for (key, _) in keys {
                remove(run, &object, field, &key).await?;
            }
        }
        Kind::Plain => {
            let Some((method, parser)) = &field.set else { return command("Can only clear RW parameters") };
            let value = match setter::value(run, object.record, field, *parser, "").await {
                Ok(value) => value,
                Err(Fault::Wire(error)) => return Err(Fault::Wire(error)),
                Err(_) => return command("Cannot clear this parameter"),
            };
            run.call(method, [object.arg(), value]).await?;
        }
    }
    Ok(())
}

/// `Class.get_x` for a setter `Class.set_x`.
fn getter(setter: &AddDef) -> String {
    setter.method.replacen(".set_", ".get_", 1)
}

async fn current_set(run: &Run<'_>, object: &Object, by: &AddDef) -> Outcome<Vec<Value>> {
    let now = run.call(&getter(by), [object.arg()]).await?;
    Ok(now.as_set().unwrap_or_default().to_vec())
}

async fn current_map(run: &Run<'_>, object: &Object, by: &AddDef) -> Outcome<Vec<(String, Value)>> {
    let now = run.call(&getter(by), [object.arg()]).await?;
    let pairs = now.as_map().unwrap_or_default().iter();
    Ok(pairs.map(|(key, value)| (key.to_string(), value.clone())).collect())
}
