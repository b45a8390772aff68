//! `network`: network.

use crate::classes::prelude::*;

class! {
    Network "network" "network" = table(Some(VM_ADMIN)).published("rio").creatable().tags(&["networking"]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        allowed_operations: Vec<NetworkOperations> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Allowed operations";
        current_operations: Map<String, NetworkOperations> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Current operations";
        VIFs: Vec<Ref<Vif>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Vif, "network", Holds::Many, Holds::One), "Vifs";
        PIFs: Vec<Ref<Pif>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Pif, "network", Holds::Many, Holds::One), "Pifs";
        MTU: i64 = rw(VM_ADMIN).default(Default::Int(1500)).published("midnight-ride"), "Mtu";
        other_config: Map<String, String> = rw(POOL_OP).published("rio").map_keys(&[("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP), ("XenCenterCreateInProgress", VM_OP)]), "Other config";
        bridge: String = static_ro(VM_ADMIN).default(Default::Str("")).published("rio").changed("falcon"), "Bridge";
        managed: bool = static_ro(VM_ADMIN).default(Default::Bool(true)).published("falcon"), "Managed";
        blobs: Map<String, Ref<Blob>> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("orlando"), "Blobs";
        tags: Vec<String> = rw(VM_OP).default(Default::Set(&[])).published("orlando"), "Tags";
        default_locking_mode: NetworkDefaultLockingMode = dynamic_ro(VM_ADMIN).default(Default::Str("unlocked")).published("tampa"), "Default locking mode";
        assigned_ips: Map<Ref<Vif>, String> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("creedence"), "Assigned ips";
        purpose: Vec<NetworkPurpose> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).published("inverness"), "Purpose";
    }

    methods {
        attach(network: Ref<Network>, host: Ref<Host>) = op(POOL_OP).published("miami").hidden().forwarding(&["host=param:host"]), "Attach";
        pool_introduce(name_label: String = req().since("miami"), name_description: String = req().since("miami"), MTU: i64 = req().since("miami"), other_config: Map<String, String> = req().since("miami"), bridge: String = req().since("miami"), managed: bool = req().since("falcon"), purpose: Vec<NetworkPurpose> = req().since("inverness")) -> Ref<Network> = op(POOL_OP).published("rio").hidden(), "Pool introduce";
        create_new_blob(network: Ref<Network>, name: String, mime_type: String, public: bool = opt(Default::Bool(false)).since("tampa")) -> Ref<Blob> = op(POOL_OP).published("orlando"), "Create new blob";
        set_default_locking_mode(network: Ref<Network>, value: NetworkDefaultLockingMode) = op(POOL_OP).published("tampa"), "Set default locking mode";
        attach_for_vm(host: Ref<Host>, vm: Ref<Vm>) = op(VM_POWER_ADMIN).published("tampa").hidden().forwarding(&["host=param:host"]), "Attach for vm";
        detach_for_vm(host: Ref<Host>, vm: Ref<Vm>) = op(VM_POWER_ADMIN).published("tampa").hidden().forwarding(&["host=param:host"]), "Detach for vm";
        add_purpose(self: Ref<Network>, value: NetworkPurpose) = op(POOL_ADMIN).published("inverness").errors(&["NETWORK_INCOMPATIBLE_PURPOSES"]), "Add purpose";
        remove_purpose(self: Ref<Network>, value: NetworkPurpose) = op(POOL_ADMIN).published("inverness"), "Remove purpose";
    }
}

api_enum! {
    NetworkDefaultLockingMode "network_default_locking_mode" "network_default_locking_mode" {
        Unlocked = "unlocked" "unlocked",
        Disabled = "disabled" "disabled",
    }
}

api_enum! {
    NetworkOperations "network_operations" "network_operations" {
        Attaching = "attaching" "attaching",
    }
}

api_enum! {
    NetworkPurpose "network_purpose" "network_purpose" {
        Nbd = "nbd" "nbd",
        InsecureNbd = "insecure_nbd" "insecure_nbd",
    }
}
