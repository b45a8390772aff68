//! `VM_metrics`: VM_metrics.

use crate::classes::prelude::*;

class! {
    VmMetrics "VM_metrics" "VM_metrics" = table(Some(VM_ADMIN)).published("rio");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        memory_actual: i64 = dynamic_ro(VM_ADMIN).published("rio").volatile().column("memory__actual"), "Memory actual";
        VCPUs_number: i64 = dynamic_ro(VM_ADMIN).published("rio").column("VCPUs__number"), "Vcpus number";
        VCPUs_utilisation: Map<i64, f64> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("rio").deprecated("tampa").removed("tampa").volatile().column("VCPUs__utilisation"), "Vcpus utilisation";
        VCPUs_CPU: Map<i64, i64> = dynamic_ro(VM_ADMIN).published("rio").volatile().column("VCPUs__CPU"), "Vcpus cpu";
        VCPUs_params: Map<String, String> = dynamic_ro(VM_ADMIN).published("rio").volatile().column("VCPUs__params"), "Vcpus params";
        VCPUs_flags: Map<i64, Vec<String>> = dynamic_ro(VM_ADMIN).published("rio").volatile().column("VCPUs__flags"), "Vcpus flags";
        state: Vec<String> = dynamic_ro(VM_ADMIN).published("rio").volatile(), "State";
        start_time: DateTime = dynamic_ro(VM_ADMIN).published("rio"), "Start time";
        install_time: DateTime = dynamic_ro(VM_ADMIN).published("rio"), "Install time";
        last_updated: DateTime = dynamic_ro(VM_ADMIN).published("rio").volatile(), "Last updated";
        other_config: Map<String, String> = rw(VM_ADMIN).default(Default::Map(&[])).published("orlando").volatile(), "Other config";
        hvm: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("ely").volatile(), "Hvm";
        nested_virt: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("ely").volatile(), "Nested virt";
        nomigrate: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("ely").volatile(), "Nomigrate";
        current_domain_type: DomainType = dynamic_ro(VM_ADMIN).default(Default::Str("unspecified")).prototyped("jura").published("kolkata"), "Current domain type";
        numa_optimised: bool = static_ro(VM_ADMIN).default(Default::Bool(false)).prototyped("26.2.0"), "Numa optimised";
        numa_nodes: i64 = static_ro(VM_ADMIN).default(Default::Int(0)).prototyped("26.2.0"), "Numa nodes";
        numa_node_memory: Map<i64, i64> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).prototyped("26.2.0"), "Numa node memory";
    }

    methods {
    }
}
