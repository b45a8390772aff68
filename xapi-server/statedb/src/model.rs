//! Which stored column is which field of the object model.

use std::{collections::HashMap, sync::OnceLock};

use xapi_schema::{Class, FieldDef, State, Ty};

/// A class's fields by stored column.
pub struct Columns {
    /// The class.
    pub class: &'static Class,
    by_name: HashMap<&'static str, usize>,
}

impl Columns {
    /// Position and definition of a column's field.
    pub fn field(&self, column: &str) -> Option<(usize, &'static FieldDef)> {
        self.by_name.get(column).map(|at| (*at, &self.class.fields[*at]))
    }
}

/// The table of a name; `None` for one the model does not have.
pub fn table(name: &str) -> Option<&'static Columns> {
    static TABLES: OnceLock<HashMap<&'static str, Columns>> = OnceLock::new();
    let tables = TABLES.get_or_init(|| {
        let columns = |class: &&'static Class| {
            let by_name = class.fields.iter().enumerate().map(|(at, field)| (field.column_name(), at));
            (class.name, Columns { class, by_name: by_name.collect() })
        };
        Class::all().iter().filter(|class| class.in_database).map(columns).collect()
    });
    tables.get(name)
}

/// How a type is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A plain text.
    Text,
    /// A list of items.
    Set,
    /// A list of pairs.
    Map,
}

/// How a field of a type is stored.
pub fn kind(ty: Ty) -> Kind {
    match ty {
        Ty::Set(_) | Ty::Option(_) => Kind::Set,
        Ty::Map(..) => Kind::Map,
        _ => Kind::Text,
    }
}

/// The original computes the column anew when it loads the file, or empties it: what is stored is no truth.
pub fn is_rebuilt(field: &FieldDef) -> bool {
    field.is_back_reference() || !field.persist
}

/// The original does not start when such a column is missing.
pub fn is_demanded(field: &FieldDef) -> bool {
    let ends = field.ty.set_of_refs().is_some() && field.relation.is_some() && !field.ignore_foreign_key;
    !is_rebuilt(field)
        && !ends
        && field.default == xapi_schema::Default::None
        && field.lifecycle.state() != State::Removed
}
