//! `auth`: questions to the directory service the pool has joined.

use crate::classes::prelude::*;

class! {
    Auth "auth" "Questions to the directory service the pool has joined" = no_table(Some(READ_ONLY)).published("george");

    fields {
    }

    methods {
        get_subject_identifier(subject_name: String) -> String = op(READ_ONLY).published("george").sync(), "Find the directory identifier for a user or group name";
        get_subject_information_from_identifier(subject_identifier: String) -> Map<String, String> = op(READ_ONLY).published("george").sync(), "Read what the directory tells about a user or group";
        get_group_membership(subject_identifier: String) -> Vec<String> = op(READ_ONLY).published("george").sync(), "List identifiers of all groups a user or group is in";
    }
}
