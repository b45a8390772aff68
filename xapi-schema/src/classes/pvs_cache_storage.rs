//! `PVS_cache_storage`: PVS_cache_storage.

use crate::classes::prelude::*;

class! {
    PvsCacheStorage "PVS_cache_storage" "PVS_cache_storage" = table(Some(POOL_OP)).published("ely").creatable().notes(&[
ImplicitNote { name: "destroy", forwarding: &["host=field:PVS_cache_storage.host"], guards: &[] }]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("ely"), "Uuid";
        host: Ref<Host> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely"), "Host";
        SR: Ref<Sr> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely"), "Sr";
        site: Ref<PvsSite> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely").relation(ClassId::PvsSite, "cache_storage", Holds::One, Holds::Many), "Site";
        size: i64 = static_ro(POOL_OP).default(Default::Int(21474836480)).published("ely"), "Size";
        VDI: Ref<Vdi> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely"), "Vdi";
    }

    methods {
    }
}
