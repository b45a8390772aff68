//! `Cluster_host`: the part a host plays in a cluster.

use crate::classes::prelude::*;

class! {
    ClusterHost "Cluster_host" "The part a host plays in a cluster" = table(Some(POOL_OP)).prototyped("kolkata").published("lima");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).prototyped("kolkata").published("lima"), "Permanent identifier of this row";
        cluster: Ref<Cluster> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).prototyped("kolkata").published("lima").relation(ClassId::Cluster, "cluster_hosts", Holds::One, Holds::Many), "Cluster it is part of";
        host: Ref<Host> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).prototyped("kolkata").published("lima"), "Host in question";
        enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).prototyped("kolkata").published("lima"), "True if the cluster software should run there";
        PIF: Ref<Pif> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).prototyped("kolkata").published("lima"), "Interface used for cluster traffic";
        joined: bool = dynamic_ro(POOL_OP).default(Default::Bool(true)).prototyped("kolkata").published("lima"), "True if the host has entered the cluster";
        live: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).prototyped("24.3.0"), "True if the cluster software sees the host";
        last_update_live: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).prototyped("24.3.0"), "When live was last written";
        allowed_operations: Vec<ClusterHostOperation> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Operations that could start on this row right now";
        current_operations: Map<String, ClusterHostOperation> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Operations under way, keyed by the task that runs each";
        other_config: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).prototyped("kolkata").published("lima"), "Free key-value pairs about this row";
    }

    methods {
        create(cluster: Ref<Cluster> = req().since("lima"), host: Ref<Host> = req().since("lima"), pif: Ref<Pif> = req().since("lima")) -> Ref<ClusterHost> = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["PIF_NOT_ATTACHED_TO_HOST", "NO_CLUSTER_HOSTS_REACHABLE"]).forwarding(&["host=param:host"]).guards(&[&["cluster", "add"]]), "Bring a host into the cluster";
        destroy(self: Ref<ClusterHost> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["CLUSTER_STACK_IN_USE", "CLUSTERING_DISABLED", "CLUSTER_HOST_IS_LAST"]).forwarding(&["host=field:Cluster_host.host"]).guards(&[&["cluster", "remove"]]), "Let the host leave the cluster in order";
        enable(self: Ref<ClusterHost> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["PIF_ALLOWS_UNPLUG", "REQUIRED_PIF_IS_UNPLUGGED"]).forwarding(&["host=field:Cluster_host.host"]).guards(&[&["cluster", "enable"], &["cluster_host", "enable"]]), "Start the cluster software on the host";
        force_destroy(self: Ref<ClusterHost> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["CLUSTER_STACK_IN_USE"]).forwarding(&["host=field:Cluster_host.host"]).guards(&[&["cluster", "remove"]]), "Let the host go even if it does not leave properly";
        forget(self: Ref<ClusterHost>) = op(NOBODY).published("lima").hidden().forwarding(&["host=field:Cluster_host.host"]).guards(&[&["cluster", "remove"]]), "Tell the cluster that a dead host will not return";
        disable(self: Ref<ClusterHost> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["CLUSTER_STACK_IN_USE"]).forwarding(&["host=field:Cluster_host.host"]).guards(&[&["cluster", "disable"], &["cluster_host", "disable"]]), "Stop the cluster software on the host";
    }
}

api_enum! {
    ClusterHostOperation "cluster_host_operation" "Operations that can be allowed or under way on a member" {
        Enable = "enable" "Starting the cluster software",
        Disable = "disable" "Stopping the cluster software",
        Destroy = "destroy" "Leaving the cluster",
    }
}
