//! `Caller`: A client program, told apart by name and address, and its load.

use crate::classes::prelude::*;

class! {
    Caller "Caller" "A client program, told apart by name and address, and its load" = table(Some(POOL_ADMIN)).prototyped("26.17.0").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).prototyped("26.17.0"), "Permanent identifier of this row";
        name_label: String = rw(POOL_ADMIN).default(Default::Str("")).prototyped("26.17.0").column("name__label"), "Name shown to people, not required to be unique";
        name_description: String = rw(POOL_ADMIN).default(Default::Str("")).prototyped("26.17.0").column("name__description"), "Free text about the client";
        user_agent: String = static_ro(POOL_ADMIN).default(Default::Str("")).prototyped("26.17.0"), "User-Agent to match; empty for any, final star for a prefix";
        client_ip: String = static_ro(POOL_ADMIN).default(Default::Str("")).prototyped("26.17.0"), "Address to match; empty for any, final star for a prefix";
        last_access: DateTime = dynamic_ro(POOL_ADMIN).default(Default::Time("19700101T00:00:00Z")).prototyped("26.17.0"), "When it last made a call";
        groups: Vec<String> = dynamic_ro(POOL_ADMIN).default(Default::Set(&[])).prototyped("26.17.0"), "Names of groups counted together";
        rate_limit: Ref<RateLimit> = dynamic_ro(POOL_ADMIN).default(Default::Str("OpaqueRef:NULL")).prototyped("26.17.0").relation(ClassId::RateLimit, "callers", Holds::One, Holds::Many), "Limit it is held to, null for none";
        auto_registered: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).prototyped("26.17.0"), "True if the toolstack added it by itself";
    }

    methods {
        add_group(self: Ref<Caller>, group: String) = op(POOL_OP).prototyped("26.17.0"), "Count the client in one more group";
        remove_group(self: Ref<Caller>, group: String) = op(POOL_OP).prototyped("26.17.0"), "Stop counting the client in a group";
        query_token_usage(self: Ref<Caller>) -> f64 = op(POOL_OP).prototyped("26.15.0"), "Tell the tokens the client has used since the toolstack started";
        query_call_count(self: Ref<Caller>) -> i64 = op(POOL_OP).prototyped("26.15.0"), "Tell the calls the client has made since the toolstack started";
        query_group_token_usage(group: String) -> f64 = op(POOL_OP).prototyped("26.15.0"), "Sum up the tokens a group has used since the toolstack started";
        query_group_call_count(group: String) -> i64 = op(POOL_OP).prototyped("26.15.0"), "Sum up the calls a group has made since the toolstack started";
        query_all_usage() -> Vec<Vec<String>> = op(POOL_OP).prototyped("26.17.0"), "List all clients with tokens and calls, heaviest first";
    }
}
