//! `session`: session.

use crate::classes::prelude::*;

class! {
    Session "session" "session" = table(Some(POOL_ADMIN)).published("rio").volatile().silent().not_listable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        this_host: Ref<Host> = dynamic_ro(POOL_ADMIN).published("rio"), "This host";
        this_user: Ref<User> = dynamic_ro(POOL_ADMIN).published("rio"), "This user";
        last_active: DateTime = dynamic_ro(POOL_ADMIN).published("rio"), "Last active";
        pool: bool = dynamic_ro(POOL_ADMIN).published("rio"), "Pool";
        other_config: Map<String, String> = rw(POOL_ADMIN).default(Default::Map(&[])).published("miami"), "Other config";
        is_local_superuser: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).published("george"), "Is local superuser";
        subject: Ref<Subject> = dynamic_ro(POOL_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("george"), "Subject";
        validation_time: DateTime = dynamic_ro(POOL_ADMIN).default(Default::Time("19700101T00:00:00Z")).published("george"), "Validation time";
        auth_user_sid: String = dynamic_ro(POOL_ADMIN).default(Default::Str("")).published("george"), "Auth user sid";
        auth_user_name: String = dynamic_ro(POOL_ADMIN).default(Default::Str("")).published("midnight-ride"), "Auth user name";
        rbac_permissions: Vec<String> = static_ro(POOL_ADMIN).default(Default::Set(&[])).published("midnight-ride"), "Rbac permissions";
        tasks: Vec<Ref<Task>> = dynamic_ro(POOL_ADMIN).published("midnight-ride").relation(ClassId::Task, "session", Holds::Many, Holds::One), "Tasks";
        parent: Ref<Session> = static_ro(POOL_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("midnight-ride"), "Parent";
        originator: String = dynamic_ro(POOL_ADMIN).default(Default::Str("")).published("clearwater"), "Originator";
        client_certificate: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).published("21.2.0"), "Client certificate";
    }

    methods {
        login_with_password(uname: String, pwd: String, version: String = opt(Default::Str("1.1")).since("miami"), originator: String = opt(Default::Str("")).since("clearwater")) -> Ref<Session> = op(READ_ONLY).published("rio").no_session().sync().errors(&["SESSION_AUTHENTICATION_FAILED", "HOST_IS_SLAVE"]).secret().no_slave_forward(), "Login with password";
        logout() = op(READ_ONLY).published("rio").sync(), "Logout";
        change_password(old_pwd: String, new_pwd: String) = op(NOBODY).published("rio").sync(), "Change password";
        slave_login(host: Ref<Host>, psecret: SecretText) -> Ref<Session> = op(POOL_ADMIN).published("rio").no_session().sync().secret().no_slave_forward().hidden(), "Slave login";
        slave_local_login(psecret: SecretText) -> Ref<Session> = op(POOL_ADMIN).published("miami").no_session().sync().secret().emergency().no_slave_forward().hidden(), "Slave local login";
        slave_local_login_with_password(uname: String, pwd: String) -> Ref<Session> = op(POOL_ADMIN).published("miami").no_session().sync().secret().emergency().no_slave_forward(), "Slave local login with password";
        create_from_db_file(filename: String) -> Ref<Session> = op(NOBODY).published("dundee"), "Create from db file";
        local_logout() = op(POOL_ADMIN).published("miami").sync().emergency().no_slave_forward(), "Local logout";
        get_all_subject_identifiers() -> Vec<String> = op(READ_ONLY).published("george"), "Get all subject identifiers";
        logout_subject_identifier(subject_identifier: String) = op(POOL_OP).published("george"), "Logout subject identifier";
    }
}
