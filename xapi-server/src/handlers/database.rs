//! `GET /pool/xmldbdump`: the state in the original's file format, for backups of the pool's metadata. What is
//! not kept over a restart is empty in it, as in the original's own file.

use std::io;

use bytes::Bytes;
use xapi_http::{Answer, page};
use xapi_ops::Xapi;
use xapi_schema::{Class, NULL_REF, Ty};
use xapi_statedb::{Manifest, Place, Row, SCHEMA_CURRENT, Writer, value};
use xapi_store::{Read, Snapshot};

/// Answers with the whole file.
pub async fn answer(xapi: &Xapi) -> Answer {
    let snapshot = xapi.store.snapshot();
    let written = tokio::task::spawn_blocking(move || dump(&snapshot)).await;
    match written {
        Ok(Ok(text)) => {
            let whole = Answer::text(200, "", Bytes::from(text));
            Answer { headers: vec![], close: true, ..whole }
        }
        Ok(Err(error)) => page(500, &error.to_string()),
        Err(error) => page(500, &error.to_string()),
    }
}

/// The text of a state: tables by name, rows by reference.
fn dump(snapshot: &Snapshot) -> io::Result<Vec<u8>> {
    let generation = snapshot.generation();
    let manifest = Manifest { schema_major: 5, schema_minor: SCHEMA_CURRENT, generation, other: vec![] };
    let mut writer = Writer::new(Vec::new(), &manifest)?;
    let mut classes: Vec<_> =
        Class::all().iter().filter(|class| class.in_database && class.persistent).collect();
    classes.sort_by_key(|class| class.name);
    for class in classes {
        writer.table(class.name)?;
        let mut rows: Vec<_> = snapshot.rows(class.id).collect();
        rows.sort_by(|a, b| a.reference.cmp(&b.reference));
        for row in rows {
            let columns = class.fields.iter().enumerate().map(|(at, field)| {
                let kept = field.persist || field.is_back_reference();
                let text = match (kept, field.ty) {
                    (true, ty) => value::write(ty, row.record.at(at)),
                    (false, Ty::Ref(_)) => NULL_REF.to_string(),
                    (false, ty) => value::empty(ty),
                };
                (field.column_name().to_string(), text)
            });
            writer.row(&Row {
                reference: row.reference.to_string(),
                created: row.created,
                modified: row.modified,
                columns: columns.collect(),
                place: Place { line: 0, byte: 0 },
            })?;
        }
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use xapi_schema::{ClassId, Value};
    use xapi_statedb::{Reader, check};
    use xapi_store::Store;

    #[test]
    fn one_row_of_everything_would_load() {
        let store = Store::in_memory().expect("a store");
        store
            .commit_blocking(|tx| {
                let host = tx.create_value(ClassId::Host, None, &Value::map::<&str>([]))?;
                let master =
                    Value::map([("master", Value::Str(host)), ("name_label", Value::str("a<b>&\"\n'"))]);
                tx.create_value(ClassId::Pool, None, &master)?;
                let rest = Class::all().iter().filter(|class| class.in_database);
                for class in rest.filter(|class| !matches!(class.id, ClassId::Host | ClassId::Pool)) {
                    tx.create_value(class.id, None, &Value::map::<&str>([]))?;
                }
                Ok(())
            })
            .expect("the rows are made");
        let text = dump(&store.snapshot()).expect("the text is made");
        let faults = check::check(|| Ok(Reader::new(&text[..]))).expect("the text is readable");
        let fatal: BTreeSet<String> =
            faults.iter().filter(|fault| fault.rule.is_fatal()).map(|fault| format!("{fault:?}")).collect();
        assert_eq!(fatal, BTreeSet::new());
        let text = String::from_utf8(text).expect("text");
        assert!(
            text.contains("<table name=\"VM\"><row ") && !text.contains("<table name=\"session\""),
            "{text}"
        );
    }
}
