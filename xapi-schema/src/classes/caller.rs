//! `Caller`: caller.

use crate::classes::prelude::*;

class! {
    Caller "Caller" "Caller" = table(Some(POOL_ADMIN)).prototyped("26.17.0").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).prototyped("26.17.0"), "Uuid";
        name_label: String = rw(POOL_ADMIN).default(Default::Str("")).prototyped("26.17.0").column("name__label"), "Name label";
        name_description: String = rw(POOL_ADMIN).default(Default::Str("")).prototyped("26.17.0").column("name__description"), "Name description";
        user_agent: String = static_ro(POOL_ADMIN).default(Default::Str("")).prototyped("26.17.0"), "User agent";
        client_ip: String = static_ro(POOL_ADMIN).default(Default::Str("")).prototyped("26.17.0"), "Client ip";
        last_access: DateTime = dynamic_ro(POOL_ADMIN).default(Default::Time("19700101T00:00:00Z")).prototyped("26.17.0"), "Last access";
        groups: Vec<String> = dynamic_ro(POOL_ADMIN).default(Default::Set(&[])).prototyped("26.17.0"), "Groups";
        rate_limit: Ref<RateLimit> = dynamic_ro(POOL_ADMIN).default(Default::Str("OpaqueRef:NULL")).prototyped("26.17.0").relation(ClassId::RateLimit, "callers", Holds::One, Holds::Many), "Rate limit";
        auto_registered: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).prototyped("26.17.0"), "Auto registered";
    }

    methods {
        add_group(self: Ref<Caller>, group: String) = op(POOL_OP).prototyped("26.17.0"), "Add group";
        remove_group(self: Ref<Caller>, group: String) = op(POOL_OP).prototyped("26.17.0"), "Remove group";
        query_token_usage(self: Ref<Caller>) -> f64 = op(POOL_OP).prototyped("26.15.0"), "Query token usage";
        query_call_count(self: Ref<Caller>) -> i64 = op(POOL_OP).prototyped("26.15.0"), "Query call count";
        query_group_token_usage(group: String) -> f64 = op(POOL_OP).prototyped("26.15.0"), "Query group token usage";
        query_group_call_count(group: String) -> i64 = op(POOL_OP).prototyped("26.15.0"), "Query group call count";
        query_all_usage() -> Vec<Vec<String>> = op(POOL_OP).prototyped("26.17.0"), "Query all usage";
    }
}
