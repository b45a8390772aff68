//! `role`: A set of permissions, or a single one.

use crate::classes::prelude::*;

class! {
    Role "role" "A set of permissions, or a single one" = table(Some(POOL_ADMIN)).published("midnight-ride").custom_accessors();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier, the same on every installation";
        name_label: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("midnight-ride").column("name__label"), "Name of the role or permission";
        name_description: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("midnight-ride").column("name__description"), "Text telling what the role is for";
        subroles: Vec<Ref<Role>> = static_ro(POOL_ADMIN).default(Default::Set(&[])).published("midnight-ride").plain_refs().relation(ClassId::Role, "subroles", Holds::Many, Holds::Many), "Roles and permissions it is made of";
        is_internal: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).published("22.5.0"), "True if clients should not offer it";
    }

    methods {
        get_permissions(self: Ref<Role>) -> Vec<Ref<Role>> = op(READ_ONLY).published("midnight-ride").sync(), "List the single permissions it comprises";
        get_permissions_name_label(self: Ref<Role>) -> Vec<String> = op(READ_ONLY).published("midnight-ride").sync(), "List the names of the permissions it comprises";
        get_by_permission(permission: Ref<Role>) -> Vec<Ref<Role>> = op(READ_ONLY).published("midnight-ride").sync(), "List the roles that comprise a permission";
        get_by_permission_name_label(label: String) -> Vec<Ref<Role>> = op(READ_ONLY).published("midnight-ride").sync(), "List the roles that comprise a permission of that name";
    }
}
