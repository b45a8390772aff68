//! Texts of `-param-set` to the values setters take.

use xapi_schema::{Class, EnumDef, NULL_REF, Ty, Value};

use crate::{
    fault::{Outcome, command, internal_failure},
    run::Run,
    table::{FieldDef, Parser, RecordDef, Source, unshown},
    values,
};

/// The value a text means for a field's setter.
pub(super) async fn value(
    run: &Run<'_>,
    record: &RecordDef,
    field: &FieldDef,
    parser: Parser,
    text: &str,
) -> Outcome<Value> {
    let name = field.name;
    Ok(match parser {
        Parser::Text => match field.lookup {
            Some(class) => reference(run, field, class, text).await?,
            None => text.into(),
        },
        Parser::Bool1 => match exact_bool(text) {
            Some(flag) => flag.into(),
            None => {
                return command(format!(
                    "Failed to parse parameter '{name}': expecting a boolean (true or false)"
                ));
            }
        },
        Parser::Bool2 => match exact_bool(text) {
            Some(flag) => flag.into(),
            None => return command(format!("Parameter {name} must be a boolean (true or false)")),
        },
        Parser::Int1 => values::int_param(name, text)?.into(),
        Parser::Int2 => values::parse_int(text).ok_or_else(|| internal_failure("Int64.of_string"))?.into(),
        Parser::Size => values::size(name, text)?.into(),
        Parser::Float => match values::parse_float(text) {
            Some(x) => x.into(),
            None => return command(format!("Parameter {name} must be a floating-point number")),
        },
        Parser::Enum => match enumeration(record, field) {
            Some(def) => values::member(def, text)?.into(),
            None => text.into(),
        },
        Parser::List => {
            if text.is_empty() && field.empty_clears {
                return Ok(Value::set([]));
            }
            let mut members = Vec::new();
            for member in values::list(text) {
                members.push(match field.lookup {
                    Some(class) => run.by_uuid(class, &member).await?,
                    None => member.into(),
                });
            }
            Value::set(members)
        }
        Parser::ListInt => {
            let members = values::list(text).iter().map(|m| Ok(values::int_param(name, m)?.into())).collect();
            let members: Outcome<Vec<Value>> = members;
            Value::set(members?)
        }
        Parser::DomainType => {
            own_table(text, &[("hvm", "hvm"), ("pv", "pv"), ("pv-in-pvh", "pv_in_pvh"), ("pvh", "pvh")])
                .map_or_else(|| command(format!("Unknown domain type. Got {text}")), Ok)?
        }
        Parser::AllocationAlgorithm => {
            own_table(text, &[("depth-first", "depth_first"), ("breadth-first", "breadth_first")])
                .map_or_else(|| command(format!("Unknown allocation algorithm. Got {text}")), Ok)?
        }
        Parser::OnBoot => own_table(text, &[("reset", "reset"), ("persist", "persist")])
            .map_or_else(|| command(format!("Expected 'reset' or 'persist', got {text}")), Ok)?,
    })
}

/// One member of a set, or a key of a map, as `-param-add` and `-param-remove` send it.
pub(super) async fn member(
    run: &Run<'_>,
    record: &RecordDef,
    field: &FieldDef,
    text: &str,
) -> Outcome<Value> {
    if let Some(class) = field.lookup {
        return run.by_uuid(class, text).await;
    }
    Ok(match field.member {
        Some("int") => values::int_param(field.name, text)?.into(),
        Some("enum") => match enumeration(record, field) {
            Some(def) => values::member(def, text)?.into(),
            None => text.into(),
        },
        Some("vm-operation") => match unshown("vm-operation", text) {
            Some(operation) => operation.into(),
            None => {
                return Err(xapi_schema::errors::INVALID_VALUE.with(["blocked_operation", text]).into());
            }
        },
        _ => text.into(),
    })
}

async fn reference(run: &Run<'_>, field: &FieldDef, class: &str, text: &str) -> Outcome<Value> {
    match text.is_empty() && field.empty_clears {
        true => Ok(NULL_REF.into()),
        false => run.by_uuid(class, text).await,
    }
}

fn exact_bool(text: &str) -> Option<bool> {
    text.parse().ok()
}

fn own_table(text: &str, words: &[(&str, &str)]) -> Option<Value> {
    words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, api)| (*api).into())
}

/// The enumeration behind a field or the members of its set.
fn enumeration(record: &RecordDef, field: &FieldDef) -> Option<&'static EnumDef> {
    let underscored = field.name.replace('-', "_");
    let wire = match field.source {
        Source::Own(wire) => wire,
        _ => underscored.as_str(),
    };
    match Class::by_name(record.class)?.field(wire)?.1.ty {
        Ty::Enum(def) => Some(def),
        Ty::Set(Ty::Enum(def)) => Some(*def),
        _ => None,
    }
}
