//! `PVS_site`: PVS_site.

use crate::classes::prelude::*;

class! {
    PvsSite "PVS_site" "PVS_site" = table(Some(POOL_OP)).published("ely");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("ely"), "Uuid";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("ely").column("name__label"), "Name label";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("ely").column("name__description"), "Name description";
        PVS_uuid: String = static_ro(POOL_OP).default(Default::Str("")).published("ely"), "Pvs uuid";
        cache_storage: Vec<Ref<PvsCacheStorage>> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("ely").plain_refs().relation(ClassId::PvsCacheStorage, "site", Holds::Many, Holds::One), "Cache storage";
        servers: Vec<Ref<PvsServer>> = dynamic_ro(POOL_OP).published("ely").relation(ClassId::PvsServer, "site", Holds::Many, Holds::One), "Servers";
        proxies: Vec<Ref<PvsProxy>> = dynamic_ro(POOL_OP).published("ely").relation(ClassId::PvsProxy, "site", Holds::Many, Holds::One), "Proxies";
    }

    methods {
        introduce(name_label: String, name_description: String, PVS_uuid: String) -> Ref<PvsSite> = op(POOL_OP).published("ely"), "Introduce";
        forget(self: Ref<PvsSite>) = op(POOL_OP).published("ely").errors(&["PVS_SITE_CONTAINS_RUNNING_PROXIES", "PVS_SITE_CONTAINS_SERVERS"]), "Forget";
        set_PVS_uuid(self: Ref<PvsSite>, value: String) = op(POOL_OP).published("ely"), "Set pvs uuid";
    }
}
