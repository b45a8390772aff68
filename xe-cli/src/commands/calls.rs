//! Runs the commands that are one API call each, as the table describes them.

use xapi_schema::{Class, EnumDef, Kind, NULL_REF, Ty, Value, schema};

use crate::{
    fault::{Fault, Outcome, command, internal_failure, not_found},
    output::Pairs,
    render::{Object, plain},
    run::Run,
    select::{Done, Select},
    table::{CallDef, Term, Word, call},
    values,
};

/// Runs the command if it is in the table; false when it is not.
pub(super) async fn run(run: &mut Run<'_>) -> Outcome<bool> {
    let Some(def) = call(&run.args.command) else { return Ok(false) };
    let mut ready: Vec<(Option<&'static str>, Option<Value>)> = Vec::new();
    let mut selected = None;
    for word in &def.words {
        match &word.term {
            Term::Force => run.must_force(&format!("The command {} is dangerous.", run.args.command))?,
            Term::Ignore(_) => {}
            Term::Selected(what) => {
                selected = Some(*what);
                ready.push((word.member, None));
            }
            Term::NoMap => ready.push((word.member, Some(Value::map::<&str>([])))),
            Term::NoSet => ready.push((word.member, Some(Value::set([])))),
            Term::Param { .. } => {
                let value = argument(run, def, word, ready.len()).await?;
                ready.push((word.member, Some(value)));
            }
        }
    }
    match selected {
        None => {
            let answer = run.call(def.method, arguments(&ready, &Value::EMPTY)).await?;
            show(run, def, vec![answer]).await?;
        }
        Some(what) => {
            let objects = select(run, def, what).await?;
            let mut done = Done::of(&objects);
            for object in &objects {
                let outcome = run.call(def.method, arguments(&ready, &object.arg())).await;
                done.add(object, outcome)?;
            }
            show(run, def, done.finish()?).await?;
        }
    }
    Ok(true)
}

/// The argument list; named members become the one record of a constructor.
fn arguments(ready: &[(Option<&'static str>, Option<Value>)], object: &Value) -> Vec<Value> {
    let value = |value: &Option<Value>| value.clone().unwrap_or_else(|| object.clone());
    match ready.iter().any(|(member, _)| member.is_some()) {
        true => {
            vec![Value::map(ready.iter().filter_map(|(member, v)| Some(((*member)?, value(v)))))]
        }
        false => ready.iter().map(|(_, v)| value(v)).collect(),
    }
}

async fn select(run: &Run<'_>, def: &CallDef, what: &str) -> Outcome<Vec<Object>> {
    let mut ignore: Vec<&'static str> = Vec::new();
    for word in &def.words {
        match &word.term {
            Term::Param { param, .. } => ignore.push(param),
            Term::Ignore(names) => ignore.extend(names),
            _ => {}
        }
    }
    let noun = what.trim_end_matches(['T', 'C', '1']);
    let marks = &what[noun.len()..];
    let mut select = match noun {
        "vm" => Select::vms(&[]),
        "host" => Select::hosts(&[]),
        _ => Select::srs(&[]),
    };
    if marks.contains('T') {
        select = select.templates();
    }
    if marks.contains('C') {
        select = select.control_domains();
    }
    if marks.contains('1') {
        select = select.single();
    }
    select.objects_ignoring(run, &ignore).await
}

/// The value of one `kind(param)` word.
async fn argument(run: &mut Run<'_>, def: &CallDef, word: &Word, at: usize) -> Outcome<Value> {
    let Term::Param { kind, param, default, extra } = &word.term else { return Err(not_found()) };
    let (kind, param) = (*kind, *param);
    if kind == "this" {
        return super::this_host(run).await;
    }
    if kind == "pool" && param.is_empty() {
        return super::pool(run).await;
    }
    let given = run.args.get(param).map(str::to_owned);
    if matches!(default, Some("this" | "pool")) && given.is_none() {
        return match *default {
            Some("this") => super::this_host(run).await,
            _ => super::pool(run).await,
        };
    }
    let text = given.clone().or_else(|| default.map(str::to_owned));
    let required = || text.clone().ok_or_else(not_found);
    let float_fault = || Fault::Command(format!("Failed to parse parameter '{param}': expecting a float"));
    Ok(match kind {
        "text" => text.unwrap_or_default().into(),
        "anycase" => {
            let found = run.args.params.iter().find(|(name, _)| name.eq_ignore_ascii_case(param));
            found.map(|(_, value)| value.clone()).unwrap_or_default().into()
        }
        "bool" => match text {
            Some(text) => values::boolean(param, &text)?.into(),
            None => false.into(),
        },
        "size" => values::size(param, &required()?)?.into(),
        "int" => values::int_param(param, &required()?)?.into(),
        "plainint" => values::int(&required()?)?.into(),
        "port" => match values::parse_int(&required()?) {
            Some(port) => port.into(),
            None => return command("port field should be an integer"),
        },
        "count" => match required()?.parse::<u32>() {
            Ok(count) => i64::from(count).into(),
            Err(_) => return Err(internal_failure("scanf: bad input")),
        },
        "float" => values::parse_float(&required()?).ok_or_else(float_fault)?.into(),
        "anyfloat" => {
            let fallback = default.and_then(values::parse_float).unwrap_or_default();
            given.and_then(|text| values::parse_float(&text)).unwrap_or(fallback).into()
        }
        "map" => run.map(param),
        "files" => super::plugin_args(run, param).await?,
        "list" => match text {
            Some(text) => Value::set(values::list(&text).into_iter().map(Value::from)),
            None => Value::set([]),
        },
        "enum" => match enumeration(def, word, at) {
            Some(list) => values::member(list, &required()?)?.into(),
            None => required()?.into(),
        },
        "words" => {
            let text = required()?;
            let mut pairs = extra.split(',').filter_map(|pair| pair.split_once('='));
            match pairs.find(|(typed, _)| typed.eq_ignore_ascii_case(&text)) {
                Some((_, sent)) => sent.into(),
                None if def.method.starts_with("Bond.") => {
                    return command(format!("Invalid bond mode. Got {text}"));
                }
                None => return command(format!("Unknown value for parameter '{param}'. Got {text}")),
            }
        }
        class => match (class.strip_suffix('?'), class.strip_suffix('*')) {
            (Some(class), _) => match given {
                Some(uuid) => run.by_uuid(class, &uuid).await?,
                None => NULL_REF.into(),
            },
            (_, Some(class)) => {
                let mut objects = Vec::new();
                for uuid in given.map(|text| values::list(&text)).unwrap_or_default() {
                    objects.push(run.by_uuid(class, &uuid).await?);
                }
                Value::set(objects)
            }
            _ => run.object(class, param).await?,
        },
    })
}

/// The enumeration the argument or record member is declared with.
fn enumeration(def: &CallDef, word: &Word, at: usize) -> Option<&'static EnumDef> {
    let message = schema().message(def.method)?;
    let ty = match word.member {
        Some(member) if message.kind == Kind::Create => Class::of(message.class).field(member)?.1.ty,
        _ => message.params.get(at)?.ty,
    };
    match ty {
        Ty::Enum(def) => Some(def),
        _ => None,
    }
}

async fn show(run: &mut Run<'_>, def: &CallDef, answers: Vec<Value>) -> Outcome {
    match def.output {
        "" => Ok(()),
        "list" => run.list(answers.iter().map(plain)).await,
        "float" => {
            let number = |v: &Value| crate::render::number(v).unwrap_or_default();
            run.list(answers.iter().map(|v| format!("{:.6}", number(v)))).await
        }
        "msg" => {
            for answer in &answers {
                run.msg(plain(answer)).await?;
            }
            Ok(())
        }
        "raw" => {
            for answer in &answers {
                run.raw(plain(answer)).await?;
            }
            Ok(())
        }
        "map" => run.table(answers.iter().map(map_pairs).collect()).await,
        "members" => {
            let members = answers.iter().flat_map(|v| v.as_set().unwrap_or_default());
            run.list(members.map(plain).collect::<Vec<_>>()).await
        }
        "uuid" => {
            let class = def.method.split_once('.').map_or("", |(class, _)| class).to_owned();
            let mut uuids = Vec::new();
            for answer in answers {
                uuids.push(plain(&run.call(&format!("{class}.get_uuid"), [answer]).await?));
            }
            run.list(uuids).await
        }
        output => {
            let class = output.strip_prefix("uuids:").unwrap_or(output).to_owned();
            let mut uuids = Vec::new();
            for member in answers.iter().flat_map(|v| v.as_set().unwrap_or_default()) {
                uuids.push(plain(&run.call(&format!("{class}.get_uuid"), [member.clone()]).await?));
            }
            run.list(uuids).await
        }
    }
}

/// A map as one record of a table.
pub(super) fn map_pairs(value: &Value) -> Pairs {
    let pairs = value.as_map().unwrap_or_default().iter();
    pairs.map(|(key, value)| (key.to_string(), plain(value))).collect()
}
