//! `role`: role.

use crate::classes::prelude::*;

class! {
    Role "role" "role" = table(Some(POOL_ADMIN)).published("midnight-ride").custom_accessors();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name_label: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("midnight-ride").column("name__label"), "Name label";
        name_description: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("midnight-ride").column("name__description"), "Name description";
        subroles: Vec<Ref<Role>> = static_ro(POOL_ADMIN).default(Default::Set(&[])).published("midnight-ride").plain_refs().relation(ClassId::Role, "subroles", Holds::Many, Holds::Many), "Subroles";
        is_internal: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).published("22.5.0"), "Is internal";
    }

    methods {
        get_permissions(self: Ref<Role>) -> Vec<Ref<Role>> = op(READ_ONLY).published("midnight-ride").sync(), "Get permissions";
        get_permissions_name_label(self: Ref<Role>) -> Vec<String> = op(READ_ONLY).published("midnight-ride").sync(), "Get permissions name label";
        get_by_permission(permission: Ref<Role>) -> Vec<Ref<Role>> = op(READ_ONLY).published("midnight-ride").sync(), "Get by permission";
        get_by_permission_name_label(label: String) -> Vec<Ref<Role>> = op(READ_ONLY).published("midnight-ride").sync(), "Get by permission name label";
    }
}
