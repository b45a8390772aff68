//! `name=value` filters on shown fields: of `-list`, of selectors and of `event-wait`.

use crate::{
    fault::{Outcome, command},
    render::{Object, Reader},
    table::{FieldDef, Kind, RecordDef},
};

/// What one filter looks at.
#[derive(Debug, Clone, Copy)]
enum Target<'a> {
    Whole(&'a FieldDef),
    Key(&'a FieldDef, &'a str),
    Member(&'a FieldDef),
}

/// Keeps the objects that match; the name is checked only while there are objects left.
pub async fn keep(
    reader: &Reader<'_>,
    objects: Vec<Object>,
    name: &str,
    value: &str,
) -> Outcome<Vec<Object>> {
    let Some(first) = objects.first() else { return Ok(objects) };
    let target = target(first.record, name)?;
    let mut kept = Vec::new();
    for object in objects {
        let matches = match target {
            Target::Whole(field) => {
                let text = reader.shown(&object, field).await?.text;
                text == value || (field.any_case && text.eq_ignore_ascii_case(value))
            }
            Target::Key(field, key) => {
                let map = reader.shown(&object, field).await?.map;
                map.iter().any(|(k, v)| k == key && v == value)
            }
            Target::Member(field) => {
                reader.shown(&object, field).await?.set.iter().any(|member| member == value)
            }
        };
        if matches {
            kept.push(object);
        }
    }
    Ok(kept)
}

fn target<'a>(record: &'a RecordDef, name: &'a str) -> Outcome<Target<'a>> {
    if let Some(field) = record.field(name) {
        return Ok(Target::Whole(field));
    }
    let Some((field, key)) = split(record, name) else {
        return command(format!("Unknown field '{name}'"));
    };
    let Some(field) = record.field(field) else { return command(format!("Unknown field '{field}'")) };
    match field.kind {
        Kind::Map => Ok(Target::Key(field, key)),
        Kind::Set if key == "contains" => Ok(Target::Member(field)),
        Kind::Set => command("Invalid syntax for set filtering (write set-field:contains=member)"),
        Kind::Plain => command(format!("Field '{}' is not a set or map", field.name)),
    }
}

/// Field name and key of `field:key`, or of the older `field-key` with the longest name that fits.
pub fn split<'a>(record: &RecordDef, name: &'a str) -> Option<(&'a str, &'a str)> {
    if let Some(pair) = name.split_once(':') {
        return Some(pair);
    }
    let members = record.fields.iter().filter(|field| field.kind != Kind::Plain);
    let fits = members
        .filter(|f| name.strip_prefix(f.name).is_some_and(|rest| rest.starts_with('-') && rest.len() > 1));
    let longest = fits.map(|field| field.name.len()).max()?;
    Some((&name[..longest], &name[longest + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fault::Fault, table::record};

    fn why(name: &str) -> String {
        match target(record("vm").unwrap(), name) {
            Err(Fault::Command(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_are_understood_or_refused() {
        let vm = record("vm").unwrap();
        assert_eq!(split(vm, "other-config-a-b"), Some(("other-config", "a-b")));
        assert_eq!(split(vm, "tags:contains"), Some(("tags", "contains")));
        assert_eq!(split(vm, "PV-drivers-version-major"), Some(("PV-drivers-version", "major")));
        assert_eq!(why("myvm"), "Unknown field 'myvm'");
        assert_eq!(why("uuid:x"), "Field 'uuid' is not a set or map");
        assert!(why("tags:x").starts_with("Invalid syntax for set filtering "));
        assert!(matches!(target(vm, "platform:viridian"), Ok(Target::Key(_, "viridian"))));
    }
}
