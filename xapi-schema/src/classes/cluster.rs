//! `Cluster`: cluster software spanning the hosts, needed by clustered SRs.

use crate::classes::prelude::*;

class! {
    Cluster "Cluster" "Cluster software spanning the hosts, needed by clustered SRs" = table(Some(POOL_OP)).prototyped("kolkata").published("lima");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).prototyped("kolkata").published("lima"), "Permanent identifier of the cluster";
        cluster_hosts: Vec<Ref<ClusterHost>> = dynamic_ro(POOL_OP).prototyped("kolkata").published("lima").relation(ClassId::ClusterHost, "cluster", Holds::Many, Holds::One), "Hosts that take part";
        pending_forget: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("lima"), "Addresses of dead members not yet removed everywhere";
        cluster_token: String = static_ro(POOL_OP).default(Default::Str("")).prototyped("kolkata").published("lima"), "Secret the hosts share";
        cluster_stack: String = static_ro(POOL_OP).default(Default::Str("corosync")).prototyped("kolkata").published("lima"), "Name of the cluster software";
        cluster_stack_version: i64 = static_ro(POOL_OP).default(Default::Int(2)).prototyped("24.15.0"), "Major version of the cluster software";
        is_quorate: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).prototyped("24.3.0"), "True if enough hosts are in touch";
        quorum: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).prototyped("24.3.0"), "How many hosts make enough";
        live_hosts: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).prototyped("24.3.0"), "How many hosts are in touch";
        expected_hosts: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).prototyped("25.17.0"), "How many hosts ought to be in touch";
        allowed_operations: Vec<ClusterOperation> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Operations that could start on the cluster right now";
        current_operations: Map<String, ClusterOperation> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Operations under way, keyed by the task that runs each";
        pool_auto_join: bool = static_ro(POOL_OP).default(Default::Bool(true)).prototyped("kolkata").published("lima"), "True if new pool members take part at once";
        token_timeout: f64 = static_ro(POOL_OP).default(Default::Float(20.0)).prototyped("kolkata").changed("lima").published("lima"), "Seconds of silence before a host counts as lost";
        token_timeout_coefficient: f64 = static_ro(POOL_OP).default(Default::Float(1.0)).prototyped("kolkata").changed("lima").published("lima"), "Seconds added to the time-out per host beyond two";
        cluster_config: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).prototyped("kolkata").published("lima"), "Settings passed to the cluster software";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).prototyped("kolkata").published("lima"), "Free key-value pairs about the cluster";
    }

    methods {
        create(PIF: Ref<Pif>, cluster_stack: String, pool_auto_join: bool, token_timeout: f64 = opt(Default::Float(20.0)), token_timeout_coefficient: f64 = opt(Default::Float(1.0))) -> Ref<Cluster> = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["INVALID_CLUSTER_STACK", "INVALID_VALUE", "PIF_ALLOWS_UNPLUG", "REQUIRED_PIF_IS_UNPLUGGED"]).guards(&[&["pool", "cluster_create"]]), "Form a cluster with this host alone";
        destroy(self: Ref<Cluster> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["CLUSTER_DOES_NOT_HAVE_ONE_NODE", "CLUSTER_STACK_IN_USE"]).forwarding(&["cluster_host"]).guards(&[&["cluster", "destroy"]]), "Dissolve a cluster of at most one host";
        get_network(self: Ref<Cluster> = req().since("lima")) -> Ref<Network> = op(READ_ONLY).prototyped("kolkata").published("lima"), "Find the network all its PIFs are on";
        pool_create(network: Ref<Network>, cluster_stack: String, token_timeout: f64 = opt(Default::Float(20.0)), token_timeout_coefficient: f64 = opt(Default::Float(1.0))) -> Ref<Cluster> = op(POOL_OP).prototyped("kolkata").published("lima"), "Form a cluster with all hosts of the pool";
        pool_force_destroy(self: Ref<Cluster> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["CLUSTER_FORCE_DESTROY_FAILED"]), "Dissolve the cluster by all means available";
        pool_destroy(self: Ref<Cluster> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["CLUSTER_STACK_IN_USE", "CLUSTERING_DISABLED", "CLUSTER_HOST_IS_LAST"]), "Dissolve the cluster on all hosts in order";
        pool_resync(self: Ref<Cluster> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").forwarding(&["host=param:host"]), "Bring in the pool hosts that should take part";
        cstack_sync(self: Ref<Cluster> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").pool_internal().hidden().forwarding(&["host=pool_master"]), "Copy the cluster software's view of quorum to the database";
    }
}

api_enum! {
    ClusterOperation "cluster_operation" "Operations that can be allowed or under way on a cluster" {
        Add = "add" "Taking in a host",
        Remove = "remove" "Letting a host go",
        Enable = "enable" "Starting a host's part",
        Disable = "disable" "Stopping a host's part",
        Destroy = "destroy" "Dissolving the cluster",
    }
}
