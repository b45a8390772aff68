//! Roles and permissions as `role` objects: a fixed table made from the schema, never in the store.
//!
//! uuids are the MD5 of the name except for `pool-admin`, whose uuid is fixed; references are
//! `OpaqueRef:` and the uuid.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use arcstr::{ArcStr, format};
use md5::{Digest, Md5};
use xapi_schema::{Class, ClassId, Record, Role, Value, schema};

use crate::auto::Source;

/// The fixed uuid of the role `pool-admin`.
const POOL_ADMIN_UUID: &str = "0165f154-ba3e-034e-6b27-5d271af109ba";

/// All role objects in order, with indexes.
pub struct RoleTable {
    rows: Vec<(ArcStr, Arc<Record>)>,
    by_ref: HashMap<ArcStr, usize>,
    by_uuid: HashMap<ArcStr, usize>,
    by_name: HashMap<ArcStr, usize>,
}

/// The table of this program.
pub fn table() -> &'static RoleTable {
    static TABLE: LazyLock<RoleTable> = LazyLock::new(RoleTable::build);
    &TABLE
}

/// The reference of a role.
pub fn reference(role: Role) -> ArcStr {
    format!("OpaqueRef:{}", uuid(role.name()))
}

/// The role of a reference; `None` for permissions and strangers.
pub fn of_reference(reference: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| self::reference(*role) == reference)
}

fn uuid(name: &str) -> ArcStr {
    if name == Role::PoolAdmin.name() {
        return POOL_ADMIN_UUID.into();
    }
    let digest = Md5::digest(name.as_bytes());
    uuid::Uuid::from_bytes(digest.into()).to_string().into()
}

impl RoleTable {
    fn build() -> RoleTable {
        let mut rows = Vec::new();
        let mut add = |name: &str, label: &str, subroles: Vec<Value>, internal: bool| {
            let uuid = uuid(name);
            let members = [
                ("uuid", Value::Str(uuid.clone())),
                ("name_label", Value::str(label)),
                ("subroles", Value::set(subroles)),
                ("is_internal", Value::Bool(internal)),
            ];
            let record = Class::of(ClassId::Role).complete(&Value::map(members));
            rows.push((format!("OpaqueRef:{uuid}"), Arc::new(record)));
        };
        for role in Role::ALL {
            let held = schema().permissions().iter().filter(|p| p.roles.contains(role));
            let subroles = held.map(|p| Value::Str(format!("OpaqueRef:{}", self::uuid(&p.name)))).collect();
            add(role.name(), role.name(), subroles, role.is_internal());
        }
        for permission in schema().permissions() {
            add(&permission.name, &permission.name.to_lowercase(), vec![], false);
        }
        let index = |key: fn(&(ArcStr, Arc<Record>)) -> ArcStr| {
            rows.iter().enumerate().map(|(at, row)| (key(row), at)).collect::<HashMap<_, _>>()
        };
        RoleTable {
            by_ref: index(|(reference, _)| reference.clone()),
            by_uuid: index(|(_, record)| text(record, "uuid")),
            by_name: index(|(_, record)| text(record, "name_label")),
            rows,
        }
    }
}

fn text(record: &Record, field: &str) -> ArcStr {
    match record.by_name(field) {
        Some(Value::Str(text)) => text.clone(),
        _ => ArcStr::new(),
    }
}

impl Source for RoleTable {
    fn find(&self, _: ClassId, reference: &str) -> Option<(&ArcStr, &Arc<Record>)> {
        self.by_ref.get(reference).map(|at| (&self.rows[*at].0, &self.rows[*at].1))
    }

    fn find_uuid(&self, _: ClassId, uuid: &str) -> Option<ArcStr> {
        self.by_uuid.get(uuid).map(|at| self.rows[*at].0.clone())
    }

    fn find_name(&self, _: ClassId, label: &str) -> Vec<ArcStr> {
        self.by_name.get(label).map(|at| self.rows[*at].0.clone()).into_iter().collect()
    }

    fn each(&self, _: ClassId) -> Box<dyn Iterator<Item = (&ArcStr, &Arc<Record>)> + '_> {
        Box::new(self.rows.iter().map(|(reference, record)| (reference, record)))
    }
}

/// `role` has two filter texts of its own and ignores every other.
pub fn filtered<'a>(
    rows: impl Iterator<Item = (&'a ArcStr, &'a Arc<Record>)>,
    expr: &str,
) -> Vec<(&'a ArcStr, &'a Arc<Record>)> {
    let has_subroles = |record: &Record| {
        record.by_name("subroles").and_then(Value::as_set).is_some_and(|items| !items.is_empty())
    };
    rows.filter(|(_, record)| match expr {
        "subroles<>[]" => has_subroles(record),
        "subroles=[]" => !has_subroles(record),
        _ => true,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_those_of_the_original() {
        assert_eq!(uuid("pool-operator"), "b9ce9791-0604-50cd-0649-09b3284c7dfd");
        assert_eq!(uuid("Bond.create"), "efb7cbd4-61f4-0486-ddf7-7b2d7b75eaf0");
        assert_eq!(reference(Role::PoolAdmin), "OpaqueRef:0165f154-ba3e-034e-6b27-5d271af109ba");
        assert_eq!(of_reference(&reference(Role::VmOperator)), Some(Role::VmOperator));
    }

    #[test]
    fn the_table_holds_roles_and_permissions() {
        assert_eq!(table().rows.len(), 7 + schema().permissions().len());
        assert_eq!(table().find_name(ClassId::Role, "vm.start").len(), 1);
    }
}
