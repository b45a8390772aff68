//! `session`: A login: who may do what, from where, since when.

use crate::classes::prelude::*;

class! {
    Session "session" "A login: who may do what, from where, since when" = table(Some(POOL_ADMIN)).published("rio").volatile().silent().not_listable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the session";
        this_host: Ref<Host> = dynamic_ro(POOL_ADMIN).published("rio"), "Host where the login took place";
        this_user: Ref<User> = dynamic_ro(POOL_ADMIN).published("rio"), "Old link to a user row, always null";
        last_active: DateTime = dynamic_ro(POOL_ADMIN).published("rio"), "When the session was last used";
        pool: bool = dynamic_ro(POOL_ADMIN).published("rio"), "True for sessions between hosts of the pool";
        other_config: Map<String, String> = rw(POOL_ADMIN).default(Default::Map(&[])).published("miami"), "Free key-value pairs about the session";
        is_local_superuser: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).published("george"), "True if no permission is ever refused";
        subject: Ref<Subject> = dynamic_ro(POOL_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("george"), "Directory entry that opened the door, null for root";
        validation_time: DateTime = dynamic_ro(POOL_ADMIN).default(Default::Time("19700101T00:00:00Z")).published("george"), "When the directory last confirmed the user";
        auth_user_sid: String = dynamic_ro(POOL_ADMIN).default(Default::Str("")).published("george"), "Directory identifier of the user, empty for root";
        auth_user_name: String = dynamic_ro(POOL_ADMIN).default(Default::Str("")).published("midnight-ride"), "Name given at login";
        rbac_permissions: Vec<String> = static_ro(POOL_ADMIN).default(Default::Set(&[])).published("midnight-ride"), "Permissions the user's roles added up to at login";
        tasks: Vec<Ref<Task>> = dynamic_ro(POOL_ADMIN).published("midnight-ride").relation(ClassId::Task, "session", Holds::Many, Holds::One), "Tasks started by the session";
        parent: Ref<Session> = static_ro(POOL_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("midnight-ride"), "Session this one was made from, if any";
        originator: String = dynamic_ro(POOL_ADMIN).default(Default::Str("")).published("clearwater"), "Program that logged in, by its own account";
        client_certificate: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).published("21.2.0"), "True if a TLS certificate served as login";
    }

    methods {
        login_with_password(uname: String, pwd: String, version: String = opt(Default::Str("1.1")).since("miami"), originator: String = opt(Default::Str("")).since("clearwater")) -> Ref<Session> = op(READ_ONLY).published("rio").no_session().sync().errors(&["SESSION_AUTHENTICATION_FAILED", "HOST_IS_SLAVE"]).secret().no_slave_forward(), "Log in by name and password; returns the session";
        logout() = op(READ_ONLY).published("rio").sync(), "End the session at once";
        change_password(old_pwd: String, new_pwd: String) = op(NOBODY).published("rio").sync(), "Set root's password on all hosts";
        slave_login(host: Ref<Host>, psecret: SecretText) -> Ref<Session> = op(POOL_ADMIN).published("rio").no_session().sync().secret().no_slave_forward().hidden(), "Log a member in at the coordinator by pool secret";
        slave_local_login(psecret: SecretText) -> Ref<Session> = op(POOL_ADMIN).published("miami").no_session().sync().secret().emergency().no_slave_forward().hidden(), "Log in at this host only, by pool secret";
        slave_local_login_with_password(uname: String, pwd: String) -> Ref<Session> = op(POOL_ADMIN).published("miami").no_session().sync().secret().emergency().no_slave_forward(), "Log in at this host only, by root password";
        create_from_db_file(filename: String) -> Ref<Session> = op(NOBODY).published("dundee"), "Open a database dump and return a session that reads it";
        local_logout() = op(POOL_ADMIN).published("miami").sync().emergency().no_slave_forward(), "End a session that exists at this host only";
        get_all_subject_identifiers() -> Vec<String> = op(READ_ONLY).published("george"), "List directory identifiers of users logged in";
        logout_subject_identifier(subject_identifier: String) = op(POOL_OP).published("george"), "End all sessions of one directory user or group";
    }
}
