//! One row of the old file becomes one object of the store. Pure: what it cannot carry it says, and keeps.

use xapi_schema::{Class, FieldDef, NULL_REF, Ty, Value};
use xapi_statedb::{Row, check::refers_to, check::targets, model, value};

use super::{
    differences::{self, By},
    origin::Origin,
    world::World,
};

/// What becomes of a row.
pub enum Fate {
    /// An object.
    Object(Object),
    /// Kept aside as it is.
    Aside(&'static str),
}

/// An object and what has to be told about it.
pub struct Object {
    /// Its class.
    pub class: &'static Class,
    /// Its values by field.
    pub values: Vec<Value>,
    /// What the values do not say.
    pub origin: Origin,
    /// Column, text and expectation of what does not fit.
    pub misfits: Vec<(String, String)>,
    /// Column and reference of what leads nowhere.
    pub dangling: Vec<(String, String)>,
}

/// Why a row is no object, if it is none. The reason is a stable word.
pub fn aside(world: &World, table: &str, row: &Row) -> Option<&'static str> {
    let Some(known) = model::table(table) else { return Some("unknown table") };
    if !known.class.survives_restart() || differences::FORGOTTEN.contains(&table) {
        return Some("forgotten at each start");
    }
    if table == "role" {
        return Some("roles are fixed");
    }
    let of_guest = || !row.get("VM").is_some_and(|vm| world.control_domains.contains(vm));
    (table == "console" && of_guest()).then_some("console of a guest")
}

/// The value of a field nobody gives one.
pub fn default(field: &FieldDef) -> Value {
    let given = field.default.value(field.ty).unwrap_or_else(|| field.ty.zero());
    if matches!(field.ty, Ty::Ref(_)) && given == Value::EMPTY { Value::Str(NULL_REF) } else { given }
}

/// Converts a row.
pub fn convert(world: &World, table: &str, row: &Row) -> Fate {
    if let Some(reason) = aside(world, table, row) {
        return Fate::Aside(reason);
    }
    let Some(columns) = model::table(table) else { return Fate::Aside("unknown table") };
    let class = columns.class;
    let mut values: Vec<Value> = class.fields.iter().map(default).collect();
    let mut origin = Origin { created: row.created, modified: row.modified, ..Origin::default() };
    let (mut misfits, mut dangling) = (Vec::new(), Vec::new());
    for (column, text) in &row.columns {
        let Some((at, field)) = columns.field(column) else {
            origin.unknown.insert(column.clone(), text.clone());
            continue;
        };
        if model::is_rebuilt(field) {
            continue;
        }
        match value::read(field.ty, text) {
            Ok(read) => {
                let spelled = value::write(field.ty, &read) == *text;
                let null = matches!(field.ty, Ty::Ref(_)) && text.is_empty();
                if !spelled && !null {
                    origin.texts.insert(column.clone(), text.clone());
                }
                if refers_to(field.ty).is_some() {
                    let lost = targets(&read).into_iter().filter(|to| world.survey.table_of(to).is_none());
                    dangling.extend(lost.map(|to| (column.clone(), to.to_string())));
                }
                values[at] = read;
            }
            Err(misfit) => {
                origin.texts.insert(column.clone(), text.clone());
                misfits.push((column.clone(), misfit.expected));
            }
        }
    }
    if let Some(facts) = world.survey.tables.get(table)
        && facts.columns.len() != row.columns.len()
    {
        let there = |column: &String| row.columns.iter().any(|(name, _)| name == column);
        origin.absent = facts.columns.iter().filter(|column| !there(column)).cloned().collect();
    }
    for known in
        differences::FIELDS.iter().filter(|known| known.class == class.name && known.by == By::Import)
    {
        let Some((at, field)) = class.field(known.field) else { continue };
        let after = known.apply(world, row, field.ty, &values[at]);
        if after != values[at] {
            if let Some(text) = row.get(field.column_name()) {
                origin.was.insert(field.column_name().to_string(), text.to_string());
            }
            values[at] = after;
        }
    }
    Fate::Object(Object { class, values, origin, misfits, dangling })
}
