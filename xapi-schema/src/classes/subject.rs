//! `subject`: A directory account or group to which login is granted.

use crate::classes::prelude::*;

class! {
    Subject "subject" "A directory account or group to which login is granted" = table(Some(POOL_ADMIN)).published("george").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the entry";
        subject_identifier: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("george"), "Identifier in the directory, such as a SID";
        other_config: Map<String, String> = static_ro(POOL_ADMIN).default(Default::Map(&[])).published("george"), "Names and account state as the directory tells them";
        roles: Vec<Ref<Role>> = dynamic_ro(POOL_ADMIN).default(Default::Set(&[Default::Str("OpaqueRef:0165f154-ba3e-034e-6b27-5d271af109ba")])).published("midnight-ride").plain_refs().relation(ClassId::Subject, "roles", Holds::Many, Holds::ManySelf), "Roles granted to the user or group";
    }

    methods {
        add_to_roles(self: Ref<Subject>, role: Ref<Role>) = op(POOL_ADMIN).published("midnight-ride").sync(), "Grant one more role";
        remove_from_roles(self: Ref<Subject>, role: Ref<Role>) = op(POOL_ADMIN).published("midnight-ride").sync(), "Take a role back";
        get_permissions_name_label(self: Ref<Subject>) -> Vec<String> = op(READ_ONLY).published("midnight-ride").sync(), "List the permissions all its roles add up to";
    }
}
