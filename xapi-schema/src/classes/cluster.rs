//! `Cluster`: cluster.

use crate::classes::prelude::*;

class! {
    Cluster "Cluster" "Cluster" = table(Some(POOL_OP)).prototyped("kolkata").published("lima");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).prototyped("kolkata").published("lima"), "Uuid";
        cluster_hosts: Vec<Ref<ClusterHost>> = dynamic_ro(POOL_OP).prototyped("kolkata").published("lima").relation(ClassId::ClusterHost, "cluster", Holds::Many, Holds::One), "Cluster hosts";
        pending_forget: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("lima"), "Pending forget";
        cluster_token: String = static_ro(POOL_OP).default(Default::Str("")).prototyped("kolkata").published("lima"), "Cluster token";
        cluster_stack: String = static_ro(POOL_OP).default(Default::Str("corosync")).prototyped("kolkata").published("lima"), "Cluster stack";
        cluster_stack_version: i64 = static_ro(POOL_OP).default(Default::Int(2)).prototyped("24.15.0"), "Cluster stack version";
        is_quorate: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).prototyped("24.3.0"), "Is quorate";
        quorum: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).prototyped("24.3.0"), "Quorum";
        live_hosts: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).prototyped("24.3.0"), "Live hosts";
        expected_hosts: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).prototyped("25.17.0"), "Expected hosts";
        allowed_operations: Vec<ClusterOperation> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Allowed operations";
        current_operations: Map<String, ClusterOperation> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Current operations";
        pool_auto_join: bool = static_ro(POOL_OP).default(Default::Bool(true)).prototyped("kolkata").published("lima"), "Pool auto join";
        token_timeout: f64 = static_ro(POOL_OP).default(Default::Float(20.0)).prototyped("kolkata").changed("lima").published("lima"), "Token timeout";
        token_timeout_coefficient: f64 = static_ro(POOL_OP).default(Default::Float(1.0)).prototyped("kolkata").changed("lima").published("lima"), "Token timeout coefficient";
        cluster_config: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).prototyped("kolkata").published("lima"), "Cluster config";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).prototyped("kolkata").published("lima"), "Other config";
    }

    methods {
        create(PIF: Ref<Pif>, cluster_stack: String, pool_auto_join: bool, token_timeout: f64 = opt(Default::Float(20.0)), token_timeout_coefficient: f64 = opt(Default::Float(1.0))) -> Ref<Cluster> = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["INVALID_CLUSTER_STACK", "INVALID_VALUE", "PIF_ALLOWS_UNPLUG", "REQUIRED_PIF_IS_UNPLUGGED"]).guards(&[&["pool", "cluster_create"]]), "Create";
        destroy(self: Ref<Cluster> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["CLUSTER_DOES_NOT_HAVE_ONE_NODE", "CLUSTER_STACK_IN_USE"]).forwarding(&["cluster_host"]).guards(&[&["cluster", "destroy"]]), "Destroy";
        get_network(self: Ref<Cluster> = req().since("lima")) -> Ref<Network> = op(READ_ONLY).prototyped("kolkata").published("lima"), "Get network";
        pool_create(network: Ref<Network>, cluster_stack: String, token_timeout: f64 = opt(Default::Float(20.0)), token_timeout_coefficient: f64 = opt(Default::Float(1.0))) -> Ref<Cluster> = op(POOL_OP).prototyped("kolkata").published("lima"), "Pool create";
        pool_force_destroy(self: Ref<Cluster> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["CLUSTER_FORCE_DESTROY_FAILED"]), "Pool force destroy";
        pool_destroy(self: Ref<Cluster> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").errors(&["CLUSTER_STACK_IN_USE", "CLUSTERING_DISABLED", "CLUSTER_HOST_IS_LAST"]), "Pool destroy";
        pool_resync(self: Ref<Cluster> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").forwarding(&["host=param:host"]), "Pool resync";
        cstack_sync(self: Ref<Cluster> = req().since("lima")) = op(POOL_OP).prototyped("kolkata").published("lima").pool_internal().hidden().forwarding(&["host=pool_master"]), "Cstack sync";
    }
}

api_enum! {
    ClusterOperation "cluster_operation" "cluster_operation" {
        Add = "add" "add",
        Remove = "remove" "remove",
        Enable = "enable" "enable",
        Disable = "disable" "disable",
        Destroy = "destroy" "destroy",
    }
}
