//! `auth`: auth.

use crate::classes::prelude::*;

class! {
    Auth "auth" "auth" = no_table(Some(READ_ONLY)).published("george");

    fields {
    }

    methods {
        get_subject_identifier(subject_name: String) -> String = op(READ_ONLY).published("george").sync(), "Get subject identifier";
        get_subject_information_from_identifier(subject_identifier: String) -> Map<String, String> = op(READ_ONLY).published("george").sync(), "Get subject information from identifier";
        get_group_membership(subject_identifier: String) -> Vec<String> = op(READ_ONLY).published("george").sync(), "Get group membership";
    }
}
