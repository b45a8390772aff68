//! `VM_metrics`: facts about a VM's domain, gathered by the host.

use crate::classes::prelude::*;

class! {
    VmMetrics "VM_metrics" "Facts about a VM's domain, gathered by the host" = table(Some(VM_ADMIN)).published("rio");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of this row";
        memory_actual: i64 = dynamic_ro(VM_ADMIN).published("rio").volatile().column("memory__actual"), "Bytes the domain has at present";
        VCPUs_number: i64 = dynamic_ro(VM_ADMIN).published("rio").column("VCPUs__number"), "Number of vCPUs online";
        VCPUs_utilisation: Map<i64, f64> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("rio").deprecated("tampa").removed("tampa").volatile().column("VCPUs__utilisation"), "Former load of each vCPU, from 0 to 1";
        VCPUs_CPU: Map<i64, i64> = dynamic_ro(VM_ADMIN).published("rio").volatile().column("VCPUs__CPU"), "Physical CPU under each vCPU";
        VCPUs_params: Map<String, String> = dynamic_ro(VM_ADMIN).published("rio").volatile().column("VCPUs__params"), "Scheduler settings in force, as in VM.VCPUs_params";
        VCPUs_flags: Map<i64, Vec<String>> = dynamic_ro(VM_ADMIN).published("rio").volatile().column("VCPUs__flags"), "State words of each vCPU: online, blocked, running";
        state: Vec<String> = dynamic_ro(VM_ADMIN).published("rio").volatile(), "State words of the domain";
        start_time: DateTime = dynamic_ro(VM_ADMIN).published("rio"), "When the domain was last booted";
        install_time: DateTime = dynamic_ro(VM_ADMIN).published("rio"), "When the VM was created";
        last_updated: DateTime = dynamic_ro(VM_ADMIN).published("rio").volatile(), "When these values were last written";
        other_config: Map<String, String> = rw(VM_ADMIN).default(Default::Map(&[])).published("orlando").volatile(), "Free key-value pairs about this row";
        hvm: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("ely").volatile(), "True if hardware virtualisation is used";
        nested_virt: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("ely").volatile(), "True if the guest may itself run a hypervisor";
        nomigrate: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("ely").volatile(), "True if migration is ruled out since the start";
        current_domain_type: DomainType = dynamic_ro(VM_ADMIN).default(Default::Str("unspecified")).prototyped("jura").published("kolkata"), "Kind of domain running, or last run if halted";
        numa_optimised: bool = static_ro(VM_ADMIN).default(Default::Bool(false)).prototyped("26.2.0"), "True if memory sits on as few NUMA nodes as feasible";
        numa_nodes: i64 = static_ro(VM_ADMIN).default(Default::Int(0)).prototyped("26.2.0"), "Number of NUMA nodes the memory is on";
        numa_node_memory: Map<i64, i64> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).prototyped("26.2.0"), "Bytes of memory on each NUMA node";
    }

    methods {
    }
}
