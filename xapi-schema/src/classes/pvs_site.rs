//! `PVS_site`: A Citrix Provisioning site whose disks VMs stream.

use crate::classes::prelude::*;

class! {
    PvsSite "PVS_site" "A Citrix Provisioning site whose disks VMs stream" = table(Some(POOL_OP)).published("ely");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("ely"), "Permanent identifier of this row";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("ely").column("name__label"), "Name shown to people, not required to be unique";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("ely").column("name__description"), "Free text about the site";
        PVS_uuid: String = static_ro(POOL_OP).default(Default::Str("")).published("ely"), "Identifier the provisioning software gave the site";
        cache_storage: Vec<Ref<PvsCacheStorage>> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("ely").plain_refs().relation(ClassId::PvsCacheStorage, "site", Holds::Many, Holds::One), "Storage for cached blocks, one per host";
        servers: Vec<Ref<PvsServer>> = dynamic_ro(POOL_OP).published("ely").relation(ClassId::PvsServer, "site", Holds::Many, Holds::One), "Provisioning servers of the site";
        proxies: Vec<Ref<PvsProxy>> = dynamic_ro(POOL_OP).published("ely").relation(ClassId::PvsProxy, "site", Holds::Many, Holds::One), "Proxies of VMs that boot from the site";
    }

    methods {
        introduce(name_label: String, name_description: String, PVS_uuid: String) -> Ref<PvsSite> = op(POOL_OP).published("ely"), "Add a row for an existing site";
        forget(self: Ref<PvsSite>) = op(POOL_OP).published("ely").errors(&["PVS_SITE_CONTAINS_RUNNING_PROXIES", "PVS_SITE_CONTAINS_SERVERS"]), "Drop the row of a site without proxies or servers";
        set_PVS_uuid(self: Ref<PvsSite>, value: String) = op(POOL_OP).published("ely"), "Change the identifier of the site";
    }
}
