//! `Rate_limit`: A token bucket that slows down some clients.

use crate::classes::prelude::*;

class! {
    RateLimit "Rate_limit" "A token bucket that slows down some clients" = table(Some(POOL_ADMIN)).prototyped("26.17.0").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).prototyped("26.17.0"), "Permanent identifier of the limit";
        name_label: String = rw(POOL_ADMIN).default(Default::Str("")).prototyped("26.17.0").column("name__label"), "Name shown to people, not required to be unique";
        name_description: String = rw(POOL_ADMIN).default(Default::Str("")).prototyped("26.17.0").column("name__description"), "Free text about the limit";
        callers: Vec<Ref<Caller>> = dynamic_ro(POOL_ADMIN).prototyped("26.17.0").relation(ClassId::Caller, "rate_limit", Holds::Many, Holds::One), "Clients held to it together";
        burst_size: f64 = static_ro(POOL_ADMIN).default(Default::Float(0.0)).prototyped("26.17.0"), "Tokens that fit into the bucket";
        fill_rate: f64 = static_ro(POOL_ADMIN).default(Default::Float(0.0)).prototyped("26.17.0"), "Tokens added per second";
    }

    methods {
        add_caller(self: Ref<RateLimit>, caller: Ref<Caller>) = op(POOL_ADMIN).prototyped("26.17.0"), "Hold a client to this limit instead of any other";
        remove_caller(self: Ref<RateLimit>, caller: Ref<Caller>) = op(POOL_ADMIN).prototyped("26.17.0"), "Free a client from the limit";
        set_burst_size(self: Ref<RateLimit>, value: f64) = op(POOL_ADMIN).prototyped("26.17.0"), "Change how many tokens fit";
        set_fill_rate(self: Ref<RateLimit>, value: f64) = op(POOL_ADMIN).prototyped("26.17.0"), "Change how many tokens come per second";
    }
}
