//! `Cluster_host`: cluster_host.

use crate::classes::prelude::*;

class! {
    ClusterHost "Cluster_host" "Cluster_host" = table(Some(POOL_OP)).prototyped("kolkata").published("lima");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).prototyped("kolkata").published("lima"), "Uuid";
        cluster: Ref<Cluster> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).prototyped("kolkata").published("lima").relation(ClassId::Cluster, "cluster_hosts", Holds::One, Holds::Many), "Cluster";
        host: Ref<Host> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).prototyped("kolkata").published("lima"), "Host";
        enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).prototyped("kolkata").published("lima"), "Enabled";
        PIF: Ref<Pif> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).prototyped("kolkata").published("lima"), "Pif";
        joined: bool = dynamic_ro(POOL_OP).default(Default::Bool(true)).prototyped("kolkata").published("lima"), "Joined";
        live: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).prototyped("24.3.0"), "Live";
        last_update_live: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).prototyped("24.3.0"), "Last update live";
        allowed_operations: Vec<ClusterHostOperation> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Allowed operations";
        current_operations: Map<String, ClusterHostOperation> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Current operations";
        other_config: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).prototyped("kolkata").published("lima"), "Other config";
    }

    methods {
        create(cluster: Ref<Cluster> = req().since("lima"), host: Ref<Host> = req().since("lima"), pif: Ref<Pif> = req().since("lima")) -> Ref<ClusterHost> = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["PIF_NOT_ATTACHED_TO_HOST", "NO_CLUSTER_HOSTS_REACHABLE"]).forwarding(&["host=param:host"]).guards(&[&["cluster", "add"]]), "Create";
        destroy(self: Ref<ClusterHost> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["CLUSTER_STACK_IN_USE", "CLUSTERING_DISABLED", "CLUSTER_HOST_IS_LAST"]).forwarding(&["host=field:Cluster_host.host"]).guards(&[&["cluster", "remove"]]), "Destroy";
        enable(self: Ref<ClusterHost> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["PIF_ALLOWS_UNPLUG", "REQUIRED_PIF_IS_UNPLUGGED"]).forwarding(&["host=field:Cluster_host.host"]).guards(&[&["cluster", "enable"], &["cluster_host", "enable"]]), "Enable";
        force_destroy(self: Ref<ClusterHost> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["CLUSTER_STACK_IN_USE"]).forwarding(&["host=field:Cluster_host.host"]).guards(&[&["cluster", "remove"]]), "Force destroy";
        forget(self: Ref<ClusterHost>) = op(NOBODY).published("lima").hidden().forwarding(&["host=field:Cluster_host.host"]).guards(&[&["cluster", "remove"]]), "Forget";
        disable(self: Ref<ClusterHost> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["CLUSTER_STACK_IN_USE"]).forwarding(&["host=field:Cluster_host.host"]).guards(&[&["cluster", "disable"], &["cluster_host", "disable"]]), "Disable";
    }
}

api_enum! {
    ClusterHostOperation "cluster_host_operation" "cluster_host_operation" {
        Enable = "enable" "enable",
        Disable = "disable" "disable",
        Destroy = "destroy" "destroy",
    }
}
