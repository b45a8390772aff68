//! The commands every noun has: `-list`, `-param-list`, `-param-get`, `-param-set`, `-param-add`,
//! `-param-remove`, `-param-clear`, driven by the field tables.

mod list;
mod members;
mod set;
mod setter;

use crate::{
    fault::{Fault, Outcome},
    output::Pairs,
    render::{Object, Reader},
    run::Run,
    table::{FieldDef, Noun, nouns},
};

/// Runs a generated command; false when the name is not one.
pub async fn run(run: &mut Run<'_>) -> Outcome<bool> {
    let name = run.args.command.as_str();
    let Some((noun, verb)) = parse(name) else { return Ok(false) };
    match verb {
        "list" => list::list(run, noun).await?,
        "param-list" => list::param_list(run, noun).await?,
        "param-get" => list::param_get(run, noun).await?,
        "param-set" => set::param_set(run, noun).await?,
        "param-add" => members::param_add(run, noun).await?,
        "param-remove" => members::param_remove(run, noun).await?,
        "param-clear" => members::param_clear(run, noun).await?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn parse(command: &str) -> Option<(&'static Noun, &str)> {
    nouns().iter().find_map(|noun| {
        let verb = command.strip_prefix(noun.name)?.strip_prefix('-')?;
        let known =
            ["list", "param-list", "param-get", "param-set", "param-add", "param-remove", "param-clear"];
        known.contains(&verb).then_some((noun, verb))
    })
}

/// The object `uuid=` names.
async fn target(run: &Run<'_>, noun: &'static Noun) -> Outcome<Object> {
    let reference = run.object(noun.record.class, "uuid").await?;
    let reference = reference.as_str().unwrap_or_default();
    Ok(run.reader.object(noun.record, reference).await?)
}

/// The field `param-name=` names.
fn named(run: &Run<'_>, noun: &'static Noun) -> Outcome<&'static FieldDef> {
    let name = run.args.get("param-name").unwrap_or_default();
    noun.record.field(name).ok_or_else(|| Fault::MissingField(name.into()))
}

/// The chosen fields of an object as a table shows them, in record order.
pub async fn pairs(
    reader: &Reader<'_>,
    object: &Object,
    expensive: bool,
    chosen: impl Fn(&FieldDef) -> bool,
) -> Outcome<Pairs> {
    let mut pairs = Pairs::new();
    for field in object.record.fields.iter().filter(|field| chosen(field)) {
        let text = match field.expensive && !expensive {
            true => "<expensive field>".into(),
            false => reader.shown(object, field).await?.text,
        };
        pairs.push((field.label(), text));
    }
    Ok(pairs)
}

/// A choice of fields by `params=a,b`, `params=all` or the defaults.
pub fn chooser(param: Option<&str>, defaults: &[&'static str]) -> impl Fn(&FieldDef) -> bool + use<> {
    let wanted: Option<Vec<String>> = match param {
        Some("all") => None,
        Some(names) => Some(names.split(',').map(Into::into).collect()),
        None if defaults.is_empty() => None,
        None => Some(defaults.iter().map(|name| (*name).into()).collect()),
    };
    move |field| wanted.as_ref().is_none_or(|names| names.iter().any(|name| name == field.name))
}
