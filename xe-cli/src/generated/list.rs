//! `-list`, `-param-list` and `-param-get`.

use super::{chooser, named, pairs, target};
use crate::{
    fault::{Outcome, command},
    filter,
    run::Run,
    table::{Kind, Noun},
};

/// `C-list`: the objects left after all filters, with the chosen fields.
pub(super) async fn list(run: &mut Run<'_>, noun: &'static Noun) -> Outcome {
    no_other_database(run)?;
    let mut objects = run.reader.all(noun.record).await?;
    if run.args.get("all") != Some("true") {
        for (name, value) in &noun.filters {
            objects = filter::keep(&run.reader, objects, name, value).await?;
        }
    }
    let filters = run.args.others(&["params"]);
    for (name, value) in filters.iter().filter(|(name, _)| !name.starts_with("database:")) {
        objects = filter::keep(&run.reader, objects, name, value).await?;
    }
    let chosen = chooser(run.args.get("params"), &noun.shown);
    let mut records = Vec::new();
    for object in &objects {
        records.push(pairs(&run.reader, object, false, |field| !field.hidden && chosen(field)).await?);
    }
    run.table(records).await
}

/// `C-param-list`: every field that is not hidden.
pub(super) async fn param_list(run: &mut Run<'_>, noun: &'static Noun) -> Outcome {
    no_other_database(run)?;
    let object = target(run, noun).await?;
    let record = pairs(&run.reader, &object, true, |field| !field.hidden).await?;
    run.table(vec![record]).await
}

/// `C-param-get`: one value, or one entry of a map.
pub(super) async fn param_get(run: &mut Run<'_>, noun: &'static Noun) -> Outcome {
    no_other_database(run)?;
    let object = target(run, noun).await?;
    let field = named(run, noun)?;
    let shown = run.reader.shown(&object, field).await?;
    let text = match run.args.get("param-key") {
        Some(key) if field.kind == Kind::Map => match shown.map.into_iter().find(|(k, _)| k == key) {
            Some((_, value)) => value,
            None => return command(format!("Key {key} not found in map")),
        },
        _ => shown.text,
    };
    run.line(text).await
}

/// Reading another database needs `VDI.open_database`, which is not connected here.
fn no_other_database(run: &Run<'_>) -> Outcome {
    match run.args.map("database").is_empty() {
        true => Ok(()),
        false => command("Reading another database (database:vdi-uuid, database:filename) is not supported"),
    }
}
