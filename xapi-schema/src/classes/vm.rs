//! `VM`: VM.

use crate::classes::prelude::*;

class! {
    Vm "VM" "VM" = table(Some(VM_ADMIN)).published("rio").changed("1.257.0").creatable().notes(&[
ImplicitNote { name: "destroy", forwarding: &[], guards: &[&["vm", "destroy"]] },
ImplicitNote { name: "set_is_a_template", forwarding: &[], guards: &[&["vm", "make_into_template"]] },
ImplicitNote { name: "set_xenstore_data", forwarding: &["vm_resident_host_if_running_or_paused"], guards: &[] }]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        allowed_operations: Vec<VmOperations> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).published("rio").volatile(), "Allowed operations";
        current_operations: Map<String, VmOperations> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("rio").volatile(), "Current operations";
        name_label: String = rw(VM_ADMIN).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = rw(VM_ADMIN).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        power_state: VmPowerState = static_ro(VM_OP).default(Default::Str("Halted")).published("rio").changed("1.257.0"), "Power state";
        user_version: i64 = rw(VM_ADMIN).published("rio"), "User version";
        is_a_template: bool = rw(VM_ADMIN).published("rio").effect(), "Is a template";
        is_default_template: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).published("falcon"), "Is default template";
        suspend_VDI: Ref<Vdi> = static_ro(VM_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("rio").changed("1.257.0"), "Suspend vdi";
        resident_on: Ref<Host> = dynamic_ro(VM_POWER_ADMIN).published("rio").relation(ClassId::Host, "resident_VMs", Holds::One, Holds::Many), "Resident on";
        scheduled_to_be_resident_on: Ref<Host> = dynamic_ro(VM_POWER_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("rio"), "Scheduled to be resident on";
        affinity: Ref<Host> = rw(VM_POWER_ADMIN).published("rio"), "Affinity";
        memory_overhead: i64 = dynamic_ro(VM_POWER_ADMIN).default(Default::Int(0)).published("rio").column("memory__overhead").tags(&["memory"]), "Memory overhead";
        memory_target: i64 = static_ro(VM_POWER_ADMIN).default(Default::Int(0)).published("rio").deprecated("midnight-ride").column("memory__target").tags(&["memory"]), "Memory target";
        memory_static_max: i64 = static_ro(VM_POWER_ADMIN).published("rio").column("memory__static_max").tags(&["memory"]), "Memory static max";
        memory_dynamic_max: i64 = static_ro(VM_POWER_ADMIN).published("rio").column("memory__dynamic_max").tags(&["memory"]), "Memory dynamic max";
        memory_dynamic_min: i64 = static_ro(VM_POWER_ADMIN).published("rio").column("memory__dynamic_min").tags(&["memory"]), "Memory dynamic min";
        memory_static_min: i64 = static_ro(VM_POWER_ADMIN).published("rio").column("memory__static_min").tags(&["memory"]), "Memory static min";
        VCPUs_params: Map<String, String> = rw(VM_ADMIN).published("rio").column("VCPUs__params"), "Vcpus params";
        VCPUs_max: i64 = static_ro(VM_ADMIN).published("rio").column("VCPUs__max"), "Vcpus max";
        VCPUs_at_startup: i64 = static_ro(VM_ADMIN).published("rio").column("VCPUs__at_startup"), "Vcpus at startup";
        actions_after_softreboot: OnSoftrebootBehavior = rw(VM_ADMIN).default(Default::Str("soft_reboot")).prototyped("23.1.0").column("actions__after_softreboot"), "Actions after softreboot";
        actions_after_shutdown: OnNormalExit = rw(VM_ADMIN).published("rio").column("actions__after_shutdown"), "Actions after shutdown";
        actions_after_reboot: OnNormalExit = rw(VM_ADMIN).published("rio").column("actions__after_reboot"), "Actions after reboot";
        actions_after_crash: OnCrashBehaviour = static_ro(VM_ADMIN).published("rio").column("actions__after_crash"), "Actions after crash";
        consoles: Vec<Ref<Console>> = dynamic_ro(POOL_ADMIN).published("rio").relation(ClassId::Console, "VM", Holds::Many, Holds::One), "Consoles";
        VIFs: Vec<Ref<Vif>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Vif, "VM", Holds::Many, Holds::One).tags(&["networking"]), "Vifs";
        VBDs: Vec<Ref<Vbd>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Vbd, "VM", Holds::Many, Holds::One), "Vbds";
        VUSBs: Vec<Ref<Vusb>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Vusb, "VM", Holds::Many, Holds::One), "Vusbs";
        crash_dumps: Vec<Ref<Crashdump>> = dynamic_ro(POOL_ADMIN).published("rio").relation(ClassId::Crashdump, "VM", Holds::Many, Holds::One), "Crash dumps";
        VTPMs: Vec<Ref<Vtpm>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Vtpm, "VM", Holds::Many, Holds::One), "Vtpms";
        PV_bootloader: String = rw(VM_ADMIN).published("rio").column("PV__bootloader"), "Pv bootloader";
        PV_kernel: String = rw(VM_ADMIN).published("rio").column("PV__kernel"), "Pv kernel";
        PV_ramdisk: String = rw(VM_ADMIN).published("rio").column("PV__ramdisk"), "Pv ramdisk";
        PV_args: String = rw(VM_ADMIN).published("rio").column("PV__args"), "Pv args";
        PV_bootloader_args: String = rw(VM_ADMIN).published("rio").column("PV__bootloader_args"), "Pv bootloader args";
        PV_legacy_args: String = rw(VM_ADMIN).published("rio").column("PV__legacy_args"), "Pv legacy args";
        HVM_boot_policy: String = static_ro(VM_ADMIN).published("rio").deprecated("kolkata").column("HVM__boot_policy"), "Hvm boot policy";
        HVM_boot_params: Map<String, String> = rw(VM_ADMIN).published("rio").column("HVM__boot_params"), "Hvm boot params";
        HVM_shadow_multiplier: f64 = static_ro(VM_POWER_ADMIN).default(Default::Float(1.0)).published("miami").column("HVM__shadow_multiplier"), "Hvm shadow multiplier";
        platform: Map<String, String> = static_ro(VM_ADMIN).published("rio").map_keys(&[("hvm_serial", POOL_ADMIN)]), "Platform";
        PCI_bus: String = rw(VM_ADMIN).published("rio").deprecated("boston"), "Pci bus";
        other_config: Map<String, String> = static_ro(VM_ADMIN).published("rio").map_keys(&[("pci", POOL_ADMIN), ("hvm_serial", POOL_ADMIN), ("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP)]), "Other config";
        domid: i64 = dynamic_ro(VM_ADMIN).published("rio"), "Domid";
        domarch: String = dynamic_ro(VM_ADMIN).published("rio"), "Domarch";
        last_boot_CPU_flags: Map<String, String> = static_ro(VM_ADMIN).default(Default::Map(&[])).published("rio"), "Last boot cpu flags";
        is_control_domain: bool = dynamic_ro(VM_ADMIN).published("rio"), "Is control domain";
        metrics: Ref<VmMetrics> = dynamic_ro(VM_ADMIN).published("rio"), "Metrics";
        guest_metrics: Ref<VmGuestMetrics> = dynamic_ro(VM_ADMIN).published("rio"), "Guest metrics";
        last_booted_record: String = static_ro(VM_ADMIN).default(Default::Str("")).published("miami").changed("1.257.0"), "Last booted record";
        recommendations: String = rw(VM_ADMIN).published("rio"), "Recommendations";
        xenstore_data: Map<String, String> = rw(VM_ADMIN).default(Default::Map(&[])).published("miami").effect(), "Xenstore data";
        ha_always_run: bool = static_ro(POOL_OP).default(Default::Bool(false)).published("orlando").deprecated("boston"), "Ha always run";
        ha_restart_priority: String = static_ro(POOL_OP).default(Default::Str("")).published("orlando"), "Ha restart priority";
        is_a_snapshot: bool = dynamic_ro(VM_POWER_ADMIN).default(Default::Bool(false)).published("orlando"), "Is a snapshot";
        snapshot_of: Ref<Vm> = dynamic_ro(VM_POWER_ADMIN).default(Default::Str("")).published("orlando").relation(ClassId::Vm, "snapshots", Holds::One, Holds::Many), "Snapshot of";
        snapshots: Vec<Ref<Vm>> = dynamic_ro(VM_POWER_ADMIN).published("orlando").relation(ClassId::Vm, "snapshot_of", Holds::Many, Holds::One), "Snapshots";
        snapshot_time: DateTime = dynamic_ro(VM_POWER_ADMIN).default(Default::Time("19700101T00:00:00Z")).published("orlando"), "Snapshot time";
        transportable_snapshot_id: String = dynamic_ro(VM_POWER_ADMIN).default(Default::Str("")).published("orlando"), "Transportable snapshot id";
        blobs: Map<String, Ref<Blob>> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("orlando"), "Blobs";
        tags: Vec<String> = rw(VM_OP).default(Default::Set(&[])).published("orlando"), "Tags";
        blocked_operations: Map<VmOperations, String> = static_ro(VM_ADMIN).default(Default::Map(&[])).published("orlando"), "Blocked operations";
        snapshot_info: Map<String, String> = dynamic_ro(VM_POWER_ADMIN).default(Default::Map(&[])).published("midnight-ride"), "Snapshot info";
        snapshot_metadata: String = dynamic_ro(VM_POWER_ADMIN).default(Default::Str("")).published("midnight-ride"), "Snapshot metadata";
        parent: Ref<Vm> = dynamic_ro(VM_POWER_ADMIN).default(Default::Str("")).published("midnight-ride").relation(ClassId::Vm, "children", Holds::One, Holds::Many), "Parent";
        children: Vec<Ref<Vm>> = dynamic_ro(VM_POWER_ADMIN).published("midnight-ride").relation(ClassId::Vm, "parent", Holds::Many, Holds::One), "Children";
        bios_strings: Map<String, String> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("midnight-ride"), "Bios strings";
        protection_policy: Ref<Vmpp> = static_ro(VM_POWER_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("cowley").deprecated("clearwater").relation(ClassId::Vmpp, "VMs", Holds::One, Holds::Many), "Protection policy";
        is_snapshot_from_vmpp: bool = static_ro(POOL_OP).default(Default::Bool(false)).published("cowley").deprecated("clearwater").removed("clearwater"), "Is snapshot from vmpp";
        snapshot_schedule: Ref<Vmss> = static_ro(VM_POWER_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("falcon").relation(ClassId::Vmss, "VMs", Holds::One, Holds::Many), "Snapshot schedule";
        is_vmss_snapshot: bool = static_ro(POOL_OP).default(Default::Bool(false)).published("falcon"), "Is vmss snapshot";
        appliance: Ref<VmAppliance> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("rio").relation(ClassId::VmAppliance, "VMs", Holds::One, Holds::Many), "Appliance";
        start_delay: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("boston"), "Start delay";
        shutdown_delay: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("boston"), "Shutdown delay";
        order: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("boston"), "Order";
        VGPUs: Vec<Ref<Vgpu>> = dynamic_ro(VM_ADMIN).published("boston").relation(ClassId::Vgpu, "VM", Holds::Many, Holds::One), "Vgpus";
        attached_PCIs: Vec<Ref<Pci>> = dynamic_ro(VM_ADMIN).published("boston").relation(ClassId::Pci, "attached_VMs", Holds::Many, Holds::Many), "Attached pcis";
        suspend_SR: Ref<Sr> = rw(VM_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("boston"), "Suspend sr";
        version: i64 = static_ro(VM_ADMIN).default(Default::Int(0)).published("boston"), "Version";
        generation_id: String = static_ro(VM_ADMIN).default(Default::Str("0:0")).published("clearwater"), "Generation id";
        hardware_platform_version: i64 = rw(VM_ADMIN).default(Default::Int(0)).published("cream"), "Hardware platform version";
        has_vendor_device: bool = static_ro(VM_ADMIN).default(Default::Bool(true)).published("dundee").changed("24.14.0").tags(&["windows-vm"]), "Has vendor device";
        requires_reboot: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("ely"), "Requires reboot";
        reference_label: String = static_ro(VM_ADMIN).default(Default::Str("")).published("ely"), "Reference label";
        domain_type: DomainType = static_ro(VM_ADMIN).default(Default::Str("unspecified")).prototyped("jura").published("kolkata"), "Domain type";
        NVRAM: Map<String, String> = static_ro(VM_ADMIN).default(Default::Map(&[])).published("naples"), "Nvram";
        pending_guidances: Vec<UpdateGuidances> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).published("1.303.0"), "Pending guidances";
        recommended_guidances: Vec<UpdateGuidances> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).prototyped("23.18.0").removed("23.24.0").not_in_record().internal(), "Recommended guidances";
        pending_guidances_recommended: Vec<UpdateGuidances> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).prototyped("24.10.0"), "Pending guidances recommended";
        pending_guidances_full: Vec<UpdateGuidances> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).prototyped("24.10.0"), "Pending guidances full";
        groups: Vec<Ref<VmGroup>> = dynamic_ro(VM_ADMIN).prototyped("24.19.1").relation(ClassId::VmGroup, "VMs", Holds::Many, Holds::Many), "Groups";
        secureboot_certificates_state: VmSecurebootCertificatesState = dynamic_ro(VM_ADMIN).default(Default::Str("ok")).prototyped("26.14.0"), "Secureboot certificates state";
    }

    methods {
        snapshot(vm: Ref<Vm>, new_name: String, ignore_vdis: Vec<Ref<Vdi>> = opt(Default::Set(&[])).since("21.4.0")) -> Ref<Vm> = op(VM_POWER_ADMIN).published("orlando").errors(&["VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED"]).forwarding(&["host_seeing_vm_srs"]).guards(&[&["vm", "snapshot"]]).tags(&["snapshots"]), "Snapshot";
        snapshot_with_quiesce(vm: Ref<Vm>, new_name: String) -> Ref<Vm> = op(VM_POWER_ADMIN).published("orlando").deprecated("quebec").removed("quebec").errors(&["VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "VM_SNAPSHOT_WITH_QUIESCE_FAILED", "VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT", "VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND", "VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED"]), "Snapshot with quiesce";
        clone(vm: Ref<Vm>, new_name: String) -> Ref<Vm> = op(VM_ADMIN).published("rio").errors(&["VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"]).forwarding(&["host_seeing_vm_srs"]).guards(&[&["vm", "clone"]]), "Clone";
        copy(vm: Ref<Vm>, new_name: String, sr: Ref<Sr>) -> Ref<Vm> = op(VM_ADMIN).published("rio").extended("cowley").errors(&["VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"]).guards(&[&["vm", "copy"]]), "Copy";
        revert(snapshot: Ref<Vm>) = op(VM_POWER_ADMIN).published("midnight-ride").errors(&["VM_BAD_POWER_STATE", "OPERATION_NOT_ALLOWED", "SR_FULL", "VM_REVERT_FAILED"]).forwarding(&["vm_resident_host_if_running_or_paused", "host_seeing_vm_srs"]).guards(&[&["vm", "revert"], &["vm", "reverting"]]).tags(&["snapshots"]), "Revert";
        checkpoint(vm: Ref<Vm>, new_name: String) -> Ref<Vm> = op(VM_POWER_ADMIN).published("midnight-ride").errors(&["VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "VM_CHECKPOINT_SUSPEND_FAILED", "VM_CHECKPOINT_RESUME_FAILED"]).forwarding(&["vm_resident_host_if_running_or_paused", "host_seeing_vm_srs"]).guards(&[&["vm", "checkpoint"]]), "Checkpoint";
        provision(vm: Ref<Vm>) = op(VM_ADMIN).published("rio").errors(&["VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"]).forwarding(&["host=param:host"]).guards(&[&["vm", "provision"]]), "Provision";
        start(vm: Ref<Vm>, start_paused: bool, force: bool) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "VM_HVM_REQUIRED", "VM_IS_TEMPLATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "BOOTLOADER_FAILED", "UNKNOWN_BOOTLOADER", "NO_HOSTS_AVAILABLE", "LICENCE_RESTRICTION"]).forwarding(&["host_chosen_for_vm"]).guards(&[&["vm", "start"], &["vbds", "attach"], &["vifs", "attach"]]), "Start";
        start_on(vm: Ref<Vm>, host: Ref<Host>, start_paused: bool, force: bool) = op(VM_POWER_ADMIN.and_client_cert()).published("rio").errors(&["VM_BAD_POWER_STATE", "VM_IS_TEMPLATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "BOOTLOADER_FAILED", "UNKNOWN_BOOTLOADER"]).forwarding(&["host=param:host"]).guards(&[&["vm", "start_on"], &["vbds", "attach"], &["vifs", "attach"]]), "Start on";
        pause(vm: Ref<Vm>) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "pause"]]), "Pause";
        unpause(vm: Ref<Vm>) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "unpause"]]), "Unpause";
        clean_shutdown(vm: Ref<Vm>) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "clean_shutdown"]]), "Clean shutdown";
        shutdown(vm: Ref<Vm>) = op(VM_OP.and_client_cert()).published("clearwater").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["host=fn:choose_host", "vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "shutdown"]]), "Shutdown";
        clean_reboot(vm: Ref<Vm>) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "clean_reboot"], &["vbds", "attach"], &["vifs", "attach"]]), "Clean reboot";
        hard_shutdown(vm: Ref<Vm>) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["host=fn:choose_host", "host=field:VM.resident_on"]).guards(&[&["vm", "hard_shutdown"]]), "Hard shutdown";
        power_state_reset(vm: Ref<Vm>) = op(POOL_OP).published("rio"), "Power state reset";
        hard_reboot(vm: Ref<Vm>) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["host=field:VM.resident_on"]).guards(&[&["vm", "hard_reboot"], &["vbds", "attach"], &["vifs", "attach"]]), "Hard reboot";
        suspend(vm: Ref<Vm>) = op(VM_OP.and_client_cert()).published("rio").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "suspend"]]), "Suspend";
        csvm(vm: Ref<Vm>) -> Ref<Vm> = op(VM_ADMIN).published("rio").deprecated("miami").errors(&["VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"]).hidden().forwarding(&["host_seeing_vm_and_extra_srs"]).guards(&[&["vm", "csvm"]]), "Csvm";
        resume(vm: Ref<Vm>, start_paused: bool, force: bool) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["host_chosen_for_vm"]).guards(&[&["vm", "resume"], &["vbds", "attach"]]), "Resume";
        set_is_default_template(vm: Ref<Vm>, value: bool) = op(POOL_ADMIN).published("falcon").hidden().guards(&[&["vm", "make_into_template"]]), "Set is default template";
        hard_reboot_internal(vm: Ref<Vm>) = op(NOBODY).published("orlando").deprecated("midnight-ride").pool_internal().hidden().forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vbds", "attach"], &["vifs", "attach"]]), "Hard reboot internal";
        resume_on(vm: Ref<Vm>, host: Ref<Host>, start_paused: bool, force: bool) = op(VM_POWER_ADMIN.and_client_cert()).published("rio").errors(&["VM_BAD_POWER_STATE", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["host=param:host"]).guards(&[&["vm", "resume_on"], &["vbds", "attach"]]), "Resume on";
        pool_migrate(vm: Ref<Vm>, host: Ref<Host>, options: Map<String, String>) = op(VM_POWER_ADMIN.and_client_cert()).published("rio").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "VM_IS_TEMPLATE", "OPERATION_NOT_ALLOWED", "VM_BAD_POWER_STATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "pool_migrate"]]), "Pool migrate";
        pool_migrate_complete(vm: Ref<Vm>, host: Ref<Host>) = op(VM_POWER_ADMIN.and_client_cert()).published("tampa").hidden().forwarding(&["host=param:host"]), "Pool migrate complete";
        set_VCPUs_number_live(self: Ref<Vm>, nvcpu: i64) = op(VM_ADMIN).published("rio").changed("ely").errors(&["OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_VCPUs_live"]]), "Set vcpus number live";
        add_to_VCPUs_params_live(self: Ref<Vm>, key: String, value: String) = op(VM_ADMIN).published("rio").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_VCPUs_live"]]), "Add to vcpus params live";
        set_NVRAM(self: Ref<Vm>, value: Map<String, String>) = op(VM_ADMIN).published("naples").sync().guards(&[&["vm", "changing_NVRAM"]]), "Set nvram";
        add_to_NVRAM(self: Ref<Vm>, key: String, value: String) = op(VM_ADMIN).published("naples").sync().guards(&[&["vm", "changing_NVRAM"]]), "Add to nvram";
        remove_from_NVRAM(self: Ref<Vm>, key: String) = op(VM_ADMIN).published("naples").sync().guards(&[&["vm", "changing_NVRAM"]]), "Remove from nvram";
        set_ha_restart_priority(self: Ref<Vm>, value: String) = op(POOL_OP).published("orlando").sync(), "Set ha restart priority";
        set_ha_always_run(self: Ref<Vm>, value: bool) = op(POOL_OP).published("orlando").deprecated("boston").sync(), "Set ha always run";
        compute_memory_overhead(vm: Ref<Vm>) -> i64 = op(READ_ONLY).published("midnight-ride").tags(&["memory"]), "Compute memory overhead";
        set_memory_dynamic_max(self: Ref<Vm>, value: i64) = op(VM_POWER_ADMIN).published("midnight-ride").sync().forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_dynamic_range"]]).tags(&["memory"]), "Set memory dynamic max";
        set_memory_dynamic_min(self: Ref<Vm>, value: i64) = op(VM_POWER_ADMIN).published("midnight-ride").sync().forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_dynamic_range"]]).tags(&["memory"]), "Set memory dynamic min";
        set_memory_dynamic_range(self: Ref<Vm>, min: i64, max: i64) = op(VM_POWER_ADMIN).published("midnight-ride").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_dynamic_range"]]).tags(&["memory"]), "Set memory dynamic range";
        set_memory_static_max(self: Ref<Vm>, value: i64) = op(VM_POWER_ADMIN).published("orlando").sync().errors(&["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]).guards(&[&["vm", "changing_static_range"]]).tags(&["memory"]), "Set memory static max";
        set_memory_static_min(self: Ref<Vm>, value: i64) = op(VM_POWER_ADMIN).published("midnight-ride").sync().guards(&[&["vm", "changing_static_range"]]).tags(&["memory"]), "Set memory static min";
        set_memory_static_range(self: Ref<Vm>, min: i64, max: i64) = op(VM_POWER_ADMIN).published("midnight-ride").guards(&[&["vm", "changing_static_range"]]).tags(&["memory"]), "Set memory static range";
        set_memory_limits(self: Ref<Vm>, static_min: i64, static_max: i64, dynamic_min: i64, dynamic_max: i64) = op(VM_POWER_ADMIN).published("midnight-ride").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_memory_limits"]]).tags(&["memory"]), "Set memory limits";
        set_memory(self: Ref<Vm>, value: i64) = op(VM_POWER_ADMIN).published("ely").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_memory_limits"]]).tags(&["memory"]), "Set memory";
        set_memory_target_live(self: Ref<Vm>, target: i64) = op(VM_POWER_ADMIN).published("rio").deprecated("midnight-ride").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_memory_live"]]).tags(&["memory"]), "Set memory target live";
        wait_memory_target_live(self: Ref<Vm>) = op(READ_ONLY).published("orlando").deprecated("midnight-ride").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "awaiting_memory_live"]]).tags(&["memory"]), "Wait memory target live";
        get_cooperative(self: Ref<Vm>) -> bool = op(READ_ONLY).published("midnight-ride").deprecated("tampa").tags(&["memory"]), "Get cooperative";
        set_HVM_shadow_multiplier(self: Ref<Vm>, value: f64) = op(VM_POWER_ADMIN).published("midnight-ride").sync().guards(&[&["vm", "changing_shadow_memory"]]), "Set hvm shadow multiplier";
        set_shadow_multiplier_live(self: Ref<Vm>, multiplier: f64) = op(VM_POWER_ADMIN).published("rio").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_shadow_memory_live"]]), "Set shadow multiplier live";
        set_VCPUs_max(self: Ref<Vm>, value: i64) = op(VM_ADMIN).published("midnight-ride").sync().guards(&[&["vm", "changing_VCPUs"]]), "Set vcpus max";
        set_VCPUs_at_startup(self: Ref<Vm>, value: i64) = op(VM_ADMIN).published("midnight-ride").sync(), "Set vcpus at startup";
        send_sysrq(vm: Ref<Vm>, key: String) = op(POOL_ADMIN).published("rio").errors(&["VM_BAD_POWER_STATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "send_sysrq"]]), "Send sysrq";
        send_trigger(vm: Ref<Vm>, trigger: String) = op(POOL_ADMIN).published("rio").errors(&["VM_BAD_POWER_STATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "send_trigger"]]), "Send trigger";
        maximise_memory(self: Ref<Vm>, total: i64, approximate: bool) -> i64 = op(READ_ONLY).published("miami").tags(&["memory"]), "Maximise memory";
        migrate_send(vm: Ref<Vm>, dest: Map<String, String>, live: bool, vdi_map: Map<Ref<Vdi>, Ref<Sr>>, vif_map: Map<Ref<Vif>, Ref<Network>>, options: Map<String, String>, vgpu_map: Map<Ref<Vgpu>, Ref<GpuGroup>> = opt(Default::Map(&[])).since("inverness"), vdi_format_map: Map<Ref<Vdi>, String> = opt(Default::Map(&[])).since("26.14.0-next")) -> Ref<Vm> = op(VM_POWER_ADMIN).published("tampa").errors(&["VM_BAD_POWER_STATE", "LICENCE_RESTRICTION"]).forwarding(&["vm_resident_host_if_running_or_paused", "host_chosen_for_vm", "host_seeing_vm_srs"]).guards(&[&["vm", "migrate_send"]]), "Migrate send";
        assert_can_migrate(vm: Ref<Vm>, dest: Map<String, String>, live: bool, vdi_map: Map<Ref<Vdi>, Ref<Sr>>, vif_map: Map<Ref<Vif>, Ref<Network>>, options: Map<String, String>, vgpu_map: Map<Ref<Vgpu>, Ref<GpuGroup>> = opt(Default::Map(&[])).since("inverness")) = op(VM_POWER_ADMIN).published("tampa").errors(&["LICENCE_RESTRICTION"]).forwarding(&["vm_resident_host_if_running_or_paused"]), "Assert can migrate";
        assert_can_migrate_sender(vm: Ref<Vm>, dest: Map<String, String>, live: bool, vdi_map: Map<Ref<Vdi>, Ref<Sr>>, vif_map: Map<Ref<Vif>, Ref<Network>>, vgpu_map: Map<Ref<Vgpu>, Ref<GpuGroup>>, options: Map<String, String>) = op(VM_POWER_ADMIN).published("inverness").hidden().forwarding(&["vm_resident_host_if_running_or_paused"]), "Assert can migrate sender";
        get_boot_record(self: Ref<Vm>) -> Rec<Vm> = op(READ_ONLY).published("rio").deprecated("inverness").sync().guards(&[&["vm", "get_boot_record"]]), "Get boot record";
        get_data_sources(self: Ref<Vm>) -> Vec<Rec<DataSource>> = op(READ_ONLY).published("orlando").sync().forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "data_source_op"]]), "Get data sources";
        record_data_source(self: Ref<Vm>, data_source: String) = op(VM_ADMIN).published("orlando").sync().forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "data_source_op"]]), "Record data source";
        query_data_source(self: Ref<Vm>, data_source: String) -> f64 = op(READ_ONLY).published("orlando").sync().forwarding(&["vm_resident_host_if_running_or_paused"]), "Query data source";
        forget_data_source_archives(self: Ref<Vm>, data_source: String) = op(VM_ADMIN).published("orlando").sync().forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "data_source_op"]]), "Forget data source archives";
        assert_operation_valid(self: Ref<Vm>, op: VmOperations) = op(READ_ONLY).published("rio"), "Assert operation valid";
        update_allowed_operations(self: Ref<Vm>) = op(POOL_ADMIN).published("rio"), "Update allowed operations";
        get_allowed_VBD_devices(vm: Ref<Vm>) -> Vec<String> = op(READ_ONLY).published("rio").sync().no_current_operations(), "Get allowed vbd devices";
        get_allowed_VIF_devices(vm: Ref<Vm>) -> Vec<String> = op(READ_ONLY).published("rio").sync().no_current_operations(), "Get allowed vif devices";
        get_possible_hosts(vm: Ref<Vm>) -> Vec<Ref<Host>> = op(READ_ONLY).published("rio"), "Get possible hosts";
        assert_can_boot_here(self: Ref<Vm>, host: Ref<Host>) = op(READ_ONLY).published("rio").changed("quebec").errors(&["HOST_NOT_ENOUGH_FREE_MEMORY", "HOST_NOT_ENOUGH_PCPUS", "NETWORK_SRIOV_INSUFFICIENT_CAPACITY", "HOST_NOT_LIVE", "HOST_DISABLED", "HOST_CANNOT_ATTACH_NETWORK", "VM_HVM_REQUIRED", "VM_REQUIRES_GPU", "VM_REQUIRES_IOMMU", "VM_REQUIRES_NETWORK", "VM_REQUIRES_SR", "VM_REQUIRES_VGPU", "VM_HOST_INCOMPATIBLE_VERSION", "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION", "INVALID_VALUE", "MEMORY_CONSTRAINT_VIOLATION", "OPERATION_NOT_ALLOWED", "VALUE_NOT_SUPPORTED", "VM_INCOMPATIBLE_WITH_THIS_HOST"]).tags(&["memory"]), "Assert can boot here";
        atomic_set_resident_on(vm: Ref<Vm>, host: Ref<Host>) = op(NOBODY).published("rio").pool_internal().hidden(), "Atomic set resident on";
        create_new_blob(vm: Ref<Vm>, name: String, mime_type: String, public: bool = opt(Default::Bool(false)).since("tampa")) -> Ref<Blob> = op(VM_POWER_ADMIN).published("orlando"), "Create new blob";
        s3_suspend(vm: Ref<Vm>) = op(VM_OP).published("midnight-ride").hidden().forwarding(&["vm_resident_host_if_running_or_paused"]), "S3 suspend";
        s3_resume(vm: Ref<Vm>) = op(VM_OP).published("midnight-ride").hidden().forwarding(&["vm_resident_host_if_running_or_paused"]), "S3 resume";
        assert_agile(self: Ref<Vm>) = op(READ_ONLY).published("orlando"), "Assert agile";
        update_snapshot_metadata(vm: Ref<Vm>, snapshot_of: Ref<Vm>, snapshot_time: DateTime, transportable_snapshot_id: String) = op(POOL_OP).published("george").deprecated("midnight-ride").hidden(), "Update snapshot metadata";
        retrieve_wlb_recommendations(vm: Ref<Vm>) -> Map<Ref<Host>, Vec<String>> = op(READ_ONLY).published("george"), "Retrieve wlb recommendations";
        set_bios_strings(self: Ref<Vm>, value: Map<String, String>) = op(VM_ADMIN).published("inverness").errors(&["VM_BIOS_STRINGS_ALREADY_SET", "INVALID_VALUE"]), "Set bios strings";
        copy_bios_strings(vm: Ref<Vm>, host: Ref<Host>) = op(VM_ADMIN).published("midnight-ride"), "Copy bios strings";
        set_protection_policy(self: Ref<Vm>, value: Ref<Vmpp>) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Set protection policy";
        set_snapshot_schedule(self: Ref<Vm>, value: Ref<Vmss>) = op(POOL_OP).published("falcon").sync(), "Set snapshot schedule";
        set_start_delay(self: Ref<Vm>, value: i64) = op(POOL_OP).published("boston"), "Set start delay";
        set_shutdown_delay(self: Ref<Vm>, value: i64) = op(POOL_OP).published("boston"), "Set shutdown delay";
        set_order(self: Ref<Vm>, value: i64) = op(POOL_OP).published("boston"), "Set order";
        set_suspend_VDI(self: Ref<Vm>, value: Ref<Vdi>) = op(POOL_OP).published("boston"), "Set suspend vdi";
        assert_can_be_recovered(self: Ref<Vm>, session_to: Ref<Session>) = op(READ_ONLY).published("boston").errors(&["VM_IS_PART_OF_AN_APPLIANCE", "VM_REQUIRES_SR"]), "Assert can be recovered";
        get_SRs_required_for_recovery(self: Ref<Vm>, session_to: Ref<Session>) -> Vec<Ref<Sr>> = op(READ_ONLY).published("creedence"), "Get srs required for recovery";
        recover(self: Ref<Vm>, session_to: Ref<Session>, force: bool) = op(READ_ONLY).published("boston"), "Recover";
        import_convert(type: String, username: String, password: String, sr: Ref<Sr>, remote_config: Map<String, String>) = op(VM_ADMIN).published("tampa"), "Import convert";
        set_appliance(self: Ref<Vm>, value: Ref<VmAppliance>) = op(POOL_OP).published("boston"), "Set appliance";
        set_groups(self: Ref<Vm>, value: Vec<Ref<VmGroup>>) = op(VM_ADMIN).prototyped("24.19.1").errors(&["OPERATION_NOT_ALLOWED"]), "Set groups";
        query_services(self: Ref<Vm>) -> Map<String, String> = op(POOL_ADMIN).published("tampa").guards(&[&["vm", "query_services"]]), "Query services";
        call_plugin(vm: Ref<Vm>, plugin: String, fn: String, args: Map<String, String>) -> String = op(VM_OP).published("cream").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "call_plugin"]]), "Call plugin";
        call_host_plugin(vm: Ref<Vm>, plugin: String, fn: String, args: Map<String, String>) -> String = op(VM_OP).prototyped("25.22.0").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "call_plugin"]]), "Call host plugin";
        set_has_vendor_device(self: Ref<Vm>, value: bool) = op(VM_ADMIN).published("dundee").tags(&["windows-vm"]), "Set has vendor device";
        import(url: String, sr: Ref<Sr>, full_restore: bool, force: bool) -> Vec<Ref<Vm>> = op(POOL_OP).published("dundee").forwarding(&["host=field:PBD.host"]), "Import";
        set_actions_after_crash(self: Ref<Vm>, value: OnCrashBehaviour) = op(VM_ADMIN).published("rio"), "Set actions after crash";
        set_domain_type(self: Ref<Vm>, value: DomainType) = op(VM_ADMIN).published("kolkata").sync(), "Set domain type";
        set_HVM_boot_policy(self: Ref<Vm>, value: String) = op(VM_ADMIN).published("rio").deprecated("kolkata").sync(), "Set hvm boot policy";
        set_NVRAM_EFI_variables(self: Ref<Vm>, value: String, update: UpdateStatus = opt(Default::Str("unspecified")).since("26.12.0")) = op(NOBODY).published("naples").sync().hidden(), "Set nvram efi variables";
        restart_device_models(self: Ref<Vm>) = op(VM_POWER_ADMIN.and_client_cert()).prototyped("23.30.0").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "VM_IS_TEMPLATE", "OPERATION_NOT_ALLOWED", "VM_BAD_POWER_STATE"]), "Restart device models";
        set_uefi_mode(self: Ref<Vm>, mode: VmUefiMode) -> String = op(POOL_ADMIN).prototyped("24.17.0"), "Set uefi mode";
        get_secureboot_readiness(self: Ref<Vm>) -> VmSecurebootReadiness = op(POOL_ADMIN).prototyped("24.17.0"), "Get secureboot readiness";
        update_secureboot_certificates_on_boot(self: Ref<Vm>, mark: bool) = op(VM_ADMIN).prototyped("26.14.0"), "Update secureboot certificates on boot";
        set_blocked_operations(self: Ref<Vm>, value: Map<VmOperations, String>) = op(VM_ADMIN).published("orlando"), "Set blocked operations";
        add_to_blocked_operations(self: Ref<Vm>, key: VmOperations, value: String) = op(VM_ADMIN).published("orlando"), "Add to blocked operations";
        remove_from_blocked_operations(self: Ref<Vm>, key: VmOperations) = op(VM_ADMIN).published("orlando"), "Remove from blocked operations";
        sysprep(self: Ref<Vm>, unattend: SecretText, timeout: f64) = op(VM_ADMIN).prototyped("25.24.0").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "sysprep"]]), "Sysprep";
        add_to_other_config(self: Ref<Vm>, key: String, value: String) = op(VM_ADMIN).published("rio").sync().map_keys(&[("hvm_serial", POOL_ADMIN), ("pci", POOL_ADMIN), ("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP)]), "Add to other config";
        remove_from_other_config(self: Ref<Vm>, key: String) = op(VM_ADMIN).published("rio").sync().map_keys(&[("hvm_serial", POOL_ADMIN), ("pci", POOL_ADMIN), ("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP)]), "Remove from other config";
        set_other_config(self: Ref<Vm>, value: Map<String, String>) = op(VM_ADMIN).published("rio").sync(), "Set other config";
        add_to_platform(self: Ref<Vm>, key: String, value: String) = op(VM_ADMIN).published("rio").sync().map_keys(&[("hvm_serial", POOL_ADMIN)]), "Add to platform";
        remove_from_platform(self: Ref<Vm>, key: String) = op(VM_ADMIN).published("rio").sync().map_keys(&[("hvm_serial", POOL_ADMIN)]), "Remove from platform";
        set_platform(self: Ref<Vm>, value: Map<String, String>) = op(VM_ADMIN).published("rio").sync(), "Set platform";
    }
}

api_enum! {
    DomainType "domain_type" "domain_type" {
        Hvm = "hvm" "hvm",
        Pv = "pv" "pv",
        PvInPvh = "pv_in_pvh" "pv_in_pvh",
        Pvh = "pvh" "pvh",
        Unspecified = "unspecified" "unspecified",
    }
}

api_enum! {
    OnCrashBehaviour "on_crash_behaviour" "on_crash_behaviour" {
        Destroy = "destroy" "destroy",
        CoredumpAndDestroy = "coredump_and_destroy" "coredump_and_destroy",
        Restart = "restart" "restart",
        CoredumpAndRestart = "coredump_and_restart" "coredump_and_restart",
        Preserve = "preserve" "preserve",
        RenameRestart = "rename_restart" "rename_restart",
    }
}

api_enum! {
    OnNormalExit "on_normal_exit" "on_normal_exit" {
        Destroy = "destroy" "destroy",
        Restart = "restart" "restart",
    }
}

api_enum! {
    OnSoftrebootBehavior "on_softreboot_behavior" "on_softreboot_behavior" {
        SoftReboot = "soft_reboot" "soft_reboot",
        Destroy = "destroy" "destroy",
        Restart = "restart" "restart",
        Preserve = "preserve" "preserve",
    }
}

api_enum! {
    UpdateGuidances "update_guidances" "update_guidances" {
        RebootHost = "reboot_host" "reboot_host",
        RebootHostOnLivepatchFailure = "reboot_host_on_livepatch_failure" "reboot_host_on_livepatch_failure",
        RebootHostOnKernelLivepatchFailure = "reboot_host_on_kernel_livepatch_failure" "reboot_host_on_kernel_livepatch_failure",
        RebootHostOnXenLivepatchFailure = "reboot_host_on_xen_livepatch_failure" "reboot_host_on_xen_livepatch_failure",
        RestartToolstack = "restart_toolstack" "restart_toolstack",
        RestartDeviceModel = "restart_device_model" "restart_device_model",
        RestartVm = "restart_vm" "restart_vm",
    }
}

api_enum! {
    UpdateStatus "update_status" "update_status" {
        Yes = "yes" "yes",
        No = "no" "no",
        Unspecified = "unspecified" "unspecified",
    }
}

api_enum! {
    VmOperations "vm_operations" "vm_operations" {
        Snapshot = "snapshot" "snapshot",
        Clone = "clone" "clone",
        Copy = "copy" "copy",
        CreateTemplate = "create_template" "create_template",
        Revert = "revert" "revert",
        Checkpoint = "checkpoint" "checkpoint",
        SnapshotWithQuiesce = "snapshot_with_quiesce" "snapshot_with_quiesce",
        Provision = "provision" "provision",
        Start = "start" "start",
        StartOn = "start_on" "start_on",
        Pause = "pause" "pause",
        Unpause = "unpause" "unpause",
        CleanShutdown = "clean_shutdown" "clean_shutdown",
        CleanReboot = "clean_reboot" "clean_reboot",
        HardShutdown = "hard_shutdown" "hard_shutdown",
        PowerStateReset = "power_state_reset" "power_state_reset",
        HardReboot = "hard_reboot" "hard_reboot",
        Suspend = "suspend" "suspend",
        Csvm = "csvm" "csvm",
        Resume = "resume" "resume",
        ResumeOn = "resume_on" "resume_on",
        PoolMigrate = "pool_migrate" "pool_migrate",
        MigrateSend = "migrate_send" "migrate_send",
        GetBootRecord = "get_boot_record" "get_boot_record",
        SendSysrq = "send_sysrq" "send_sysrq",
        SendTrigger = "send_trigger" "send_trigger",
        QueryServices = "query_services" "query_services",
        Shutdown = "shutdown" "shutdown",
        CallPlugin = "call_plugin" "call_plugin",
        ChangingMemoryLive = "changing_memory_live" "changing_memory_live",
        AwaitingMemoryLive = "awaiting_memory_live" "awaiting_memory_live",
        ChangingDynamicRange = "changing_dynamic_range" "changing_dynamic_range",
        ChangingStaticRange = "changing_static_range" "changing_static_range",
        ChangingMemoryLimits = "changing_memory_limits" "changing_memory_limits",
        ChangingShadowMemory = "changing_shadow_memory" "changing_shadow_memory",
        ChangingShadowMemoryLive = "changing_shadow_memory_live" "changing_shadow_memory_live",
        ChangingVCPUs = "changing_VCPUs" "changing_VCPUs",
        ChangingVCPUsLive = "changing_VCPUs_live" "changing_VCPUs_live",
        ChangingNvram = "changing_NVRAM" "changing_NVRAM",
        AssertOperationValid = "assert_operation_valid" "assert_operation_valid",
        DataSourceOp = "data_source_op" "data_source_op",
        UpdateAllowedOperations = "update_allowed_operations" "update_allowed_operations",
        MakeIntoTemplate = "make_into_template" "make_into_template",
        Import = "import" "import",
        Export = "export" "export",
        MetadataExport = "metadata_export" "metadata_export",
        Reverting = "reverting" "reverting",
        Destroy = "destroy" "destroy",
        CreateVtpm = "create_vtpm" "create_vtpm",
        Sysprep = "sysprep" "sysprep",
    }
}

api_enum! {
    VmPowerState "vm_power_state" "vm_power_state" {
        Halted = "Halted" "Halted",
        Paused = "Paused" "Paused",
        Running = "Running" "Running",
        Suspended = "Suspended" "Suspended",
    }
}

api_enum! {
    VmSecurebootCertificatesState "vm_secureboot_certificates_state" "vm_secureboot_certificates_state" {
        Ok = "ok" "ok",
        UpdateAvailable = "update_available" "update_available",
        UpdateOnBoot = "update_on_boot" "update_on_boot",
    }
}

api_enum! {
    VmSecurebootReadiness "vm_secureboot_readiness" "vm_secureboot_readiness" {
        NotSupported = "not_supported" "not_supported",
        Disabled = "disabled" "disabled",
        FirstBoot = "first_boot" "first_boot",
        Ready = "ready" "ready",
        ReadyNoDbx = "ready_no_dbx" "ready_no_dbx",
        SetupMode = "setup_mode" "setup_mode",
        CertsIncomplete = "certs_incomplete" "certs_incomplete",
    }
}

api_enum! {
    VmUefiMode "vm_uefi_mode" "vm_uefi_mode" {
        Setup = "setup" "setup",
        User = "user" "user",
    }
}
