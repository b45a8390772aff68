//! `PVS_cache_storage`: space on a host where proxies of a site cache blocks.

use crate::classes::prelude::*;

class! {
    PvsCacheStorage "PVS_cache_storage" "Space on a host where proxies of a site cache blocks" = table(Some(POOL_OP)).published("ely").creatable().notes(&[
ImplicitNote { name: "destroy", forwarding: &["host=field:PVS_cache_storage.host"], guards: &[] }]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("ely"), "Permanent identifier of this row";
        host: Ref<Host> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely"), "Host that does the caching";
        SR: Ref<Sr> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely"), "Storage the cache is on";
        site: Ref<PvsSite> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely").relation(ClassId::PvsSite, "cache_storage", Holds::One, Holds::Many), "Site whose blocks are cached";
        size: i64 = static_ro(POOL_OP).default(Default::Int(21474836480)).published("ely"), "Limit for the cache in bytes";
        VDI: Ref<Vdi> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely"), "Disk that contains the cache, null until needed";
    }

    methods {
    }
}
