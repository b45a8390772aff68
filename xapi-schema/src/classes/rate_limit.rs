//! `Rate_limit`: rate_limit.

use crate::classes::prelude::*;

class! {
    RateLimit "Rate_limit" "Rate_limit" = table(Some(POOL_ADMIN)).prototyped("26.17.0").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).prototyped("26.17.0"), "Uuid";
        name_label: String = rw(POOL_ADMIN).default(Default::Str("")).prototyped("26.17.0").column("name__label"), "Name label";
        name_description: String = rw(POOL_ADMIN).default(Default::Str("")).prototyped("26.17.0").column("name__description"), "Name description";
        callers: Vec<Ref<Caller>> = dynamic_ro(POOL_ADMIN).prototyped("26.17.0").relation(ClassId::Caller, "rate_limit", Holds::Many, Holds::One), "Callers";
        burst_size: f64 = static_ro(POOL_ADMIN).default(Default::Float(0.0)).prototyped("26.17.0"), "Burst size";
        fill_rate: f64 = static_ro(POOL_ADMIN).default(Default::Float(0.0)).prototyped("26.17.0"), "Fill rate";
    }

    methods {
        add_caller(self: Ref<RateLimit>, caller: Ref<Caller>) = op(POOL_ADMIN).prototyped("26.17.0"), "Add caller";
        remove_caller(self: Ref<RateLimit>, caller: Ref<Caller>) = op(POOL_ADMIN).prototyped("26.17.0"), "Remove caller";
        set_burst_size(self: Ref<RateLimit>, value: f64) = op(POOL_ADMIN).prototyped("26.17.0"), "Set burst size";
        set_fill_rate(self: Ref<RateLimit>, value: f64) = op(POOL_ADMIN).prototyped("26.17.0"), "Set fill rate";
    }
}
