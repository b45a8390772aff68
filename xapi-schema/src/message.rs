//! [`Message`]: one callable method, hand-written or existing by rule.

use crate::{ClassId, Default, Lifecycle, MethodDef, RoleSet, Ty};

/// What a message does; everything but `Custom`, `Create` and `Destroy` is answered from the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // named after the methods they stand for
pub enum Kind {
    Custom,
    Create,
    Destroy,
    GetRecord,
    GetByUuid,
    GetByNameLabel,
    GetAll,
    GetAllWhere,
    GetAllRecords,
    GetAllRecordsWhere,
    FieldGet,
    FieldSet,
    FieldAdd,
    FieldRemove,
}

impl Kind {
    /// The name used in the published facts.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Custom => "custom",
            Kind::Create => "create",
            Kind::Destroy => "destroy",
            Kind::GetRecord => "get_record",
            Kind::GetByUuid => "get_by_uuid",
            Kind::GetByNameLabel => "get_by_name_label",
            Kind::GetAll => "get_all",
            Kind::GetAllWhere => "get_all_where",
            Kind::GetAllRecords => "get_all_records",
            Kind::GetAllRecordsWhere => "get_all_records_where",
            Kind::FieldGet => "field_get",
            Kind::FieldSet => "field_set",
            Kind::FieldAdd => "field_add",
            Kind::FieldRemove => "field_remove",
        }
    }
}

/// A parameter after the session.
#[derive(Debug, Clone)]
pub struct Param {
    /// Name in the documentation.
    pub name: &'static str,
    /// Declared type.
    pub ty: Ty,
    /// Value when left off; `Default::None` makes it required.
    pub default: Default,
    /// Release that added it.
    pub since: Option<&'static str>,
}

/// One callable method.
#[derive(Debug)]
pub struct Message {
    /// `Class.method`.
    pub name: String,
    /// Its class.
    pub class: ClassId,
    /// What it does.
    pub kind: Kind,
    /// Position of the field it is about.
    pub field: Option<usize>,
    /// Parameters after the session.
    pub params: Vec<Param>,
    /// Result type.
    pub result: Ty,
    /// Who may call; empty: local root and pool sessions only.
    pub roles: RoleSet,
    /// Who may call with certain map keys.
    pub map_keys: &'static [(&'static str, RoleSet)],
    /// First wire parameter is the session.
    pub session: bool,
    /// The `Async.` form exists.
    pub has_async: bool,
    /// Life so far.
    pub lifecycle: Lifecycle,
    /// Left out of the public documentation.
    pub hidden: bool,
    /// Needs code of its own: not answered by the interpreter over the tables.
    pub custom_code: bool,
    /// The schema line of a hand-written method.
    pub def: Option<&'static MethodDef>,
}

impl Message {
    /// How many leading parameters a caller must give.
    pub fn required_params(&self) -> usize {
        self.params.iter().rposition(|p| p.default == Default::None).map_or(0, |last| last + 1)
    }

    /// Calls that only pool sessions and local root may make.
    pub fn pool_internal(&self) -> bool {
        self.def.is_some_and(|def| def.pool_internal)
    }

    /// Parameters must not be logged.
    pub fn secret(&self) -> bool {
        self.def.is_some_and(|def| def.secret)
    }

    /// The method name without its class.
    pub fn short_name(&self) -> &str {
        self.name.split_once('.').map_or(&self.name, |(_, short)| short)
    }
}
