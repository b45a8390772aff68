//! `network`: A virtual network that connects VIFs, and PIFs of each host.

use crate::classes::prelude::*;

class! {
    Network "network" "A virtual network that connects VIFs, and PIFs of each host" = table(Some(VM_ADMIN)).published("rio").creatable().tags(&["networking"]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the network";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name shown to people, not required to be unique";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Free text telling what the network is for";
        allowed_operations: Vec<NetworkOperations> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Operations that could start on this network right now";
        current_operations: Map<String, NetworkOperations> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Operations under way, keyed by the task that runs each";
        VIFs: Vec<Ref<Vif>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Vif, "network", Holds::Many, Holds::One), "Guest interfaces on the network";
        PIFs: Vec<Ref<Pif>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Pif, "network", Holds::Many, Holds::One), "Host interfaces on the network, at most one per host";
        MTU: i64 = rw(VM_ADMIN).default(Default::Int(1500)).published("midnight-ride"), "Largest packet in bytes";
        other_config: Map<String, String> = rw(POOL_OP).published("rio").map_keys(&[("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP), ("XenCenterCreateInProgress", VM_OP)]), "Free key-value pairs; some keys steer the toolstack";
        bridge: String = static_ro(VM_ADMIN).default(Default::Str("")).published("rio").changed("falcon"), "Bridge or virtual switch of that name on each host";
        managed: bool = static_ro(VM_ADMIN).default(Default::Bool(true)).published("falcon"), "True if the toolstack makes and removes the bridge";
        blobs: Map<String, Ref<Blob>> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("orlando"), "Binary objects attached to the network, by name";
        tags: Vec<String> = rw(VM_OP).default(Default::Set(&[])).published("orlando"), "Words users attach for sorting and searching";
        default_locking_mode: NetworkDefaultLockingMode = dynamic_ro(VM_ADMIN).default(Default::Str("unlocked")).published("tampa"), "Filtering of VIFs that follow the network";
        assigned_ips: Map<Ref<Vif>, String> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("creedence"), "Addresses handed to VIFs on the host-internal network";
        purpose: Vec<NetworkPurpose> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).published("inverness"), "System services offered on the network, such as NBD";
    }

    methods {
        attach(network: Ref<Network>, host: Ref<Host>) = op(POOL_OP).published("miami").hidden().forwarding(&["host=param:host"]), "Bring the network's bridge up on a host";
        pool_introduce(name_label: String = req().since("miami"), name_description: String = req().since("miami"), MTU: i64 = req().since("miami"), other_config: Map<String, String> = req().since("miami"), bridge: String = req().since("miami"), managed: bool = req().since("falcon"), purpose: Vec<NetworkPurpose> = req().since("inverness")) -> Ref<Network> = op(POOL_OP).published("rio").hidden(), "Have the coordinator add a row for a network";
        create_new_blob(network: Ref<Network>, name: String, mime_type: String, public: bool = opt(Default::Bool(false)).since("tampa")) -> Ref<Blob> = op(POOL_OP).published("orlando"), "Attach an empty binary object to the network";
        set_default_locking_mode(network: Ref<Network>, value: NetworkDefaultLockingMode) = op(POOL_OP).published("tampa"), "Choose the filtering of VIFs that follow the network";
        attach_for_vm(host: Ref<Host>, vm: Ref<Vm>) = op(VM_POWER_ADMIN).published("tampa").hidden().forwarding(&["host=param:host"]), "Bring up every network a VM needs on a host";
        detach_for_vm(host: Ref<Host>, vm: Ref<Vm>) = op(VM_POWER_ADMIN).published("tampa").hidden().forwarding(&["host=param:host"]), "Take down a VM's networks on a host, unless used otherwise";
        add_purpose(self: Ref<Network>, value: NetworkPurpose) = op(POOL_ADMIN).published("inverness").errors(&["NETWORK_INCOMPATIBLE_PURPOSES"]), "Offer a system service on the network";
        remove_purpose(self: Ref<Network>, value: NetworkPurpose) = op(POOL_ADMIN).published("inverness"), "Stop offering a system service on the network";
    }
}

api_enum! {
    NetworkDefaultLockingMode "network_default_locking_mode" "Filtering of VIFs that follow their network" {
        Unlocked = "unlocked" "Everything passes unfiltered",
        Disabled = "disabled" "Nothing passes at all",
    }
}

api_enum! {
    NetworkOperations "network_operations" "Operations that can be under way on a network" {
        Attaching = "attaching" "Bringing up the bridge, or connecting a VIF",
    }
}

api_enum! {
    NetworkPurpose "network_purpose" "System services a network can carry" {
        Nbd = "nbd" "Disks exported by NBD with TLS",
        InsecureNbd = "insecure_nbd" "Disks exported by NBD without encryption",
    }
}
