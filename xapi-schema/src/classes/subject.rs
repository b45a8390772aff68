//! `subject`: subject.

use crate::classes::prelude::*;

class! {
    Subject "subject" "subject" = table(Some(POOL_ADMIN)).published("george").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        subject_identifier: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("george"), "Subject identifier";
        other_config: Map<String, String> = static_ro(POOL_ADMIN).default(Default::Map(&[])).published("george"), "Other config";
        roles: Vec<Ref<Role>> = dynamic_ro(POOL_ADMIN).default(Default::Set(&[Default::Str("OpaqueRef:0165f154-ba3e-034e-6b27-5d271af109ba")])).published("midnight-ride").plain_refs().relation(ClassId::Subject, "roles", Holds::Many, Holds::ManySelf), "Roles";
    }

    methods {
        add_to_roles(self: Ref<Subject>, role: Ref<Role>) = op(POOL_ADMIN).published("midnight-ride").sync(), "Add to roles";
        remove_from_roles(self: Ref<Subject>, role: Ref<Role>) = op(POOL_ADMIN).published("midnight-ride").sync(), "Remove from roles";
        get_permissions_name_label(self: Ref<Subject>) -> Vec<String> = op(READ_ONLY).published("midnight-ride").sync(), "Get permissions name label";
    }
}
