//! `VM`: A guest, template, snapshot or control domain, with its configuration and runtime state.

use crate::classes::prelude::*;

class! {
    Vm "VM" "A guest, template, snapshot or control domain, with its configuration and runtime state" = table(Some(VM_ADMIN)).published("rio").changed("1.257.0").creatable().notes(&[
ImplicitNote { name: "destroy", forwarding: &[], guards: &[&["vm", "destroy"]] },
ImplicitNote { name: "set_is_a_template", forwarding: &[], guards: &[&["vm", "make_into_template"]] },
ImplicitNote { name: "set_xenstore_data", forwarding: &["vm_resident_host_if_running_or_paused"], guards: &[] }]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier, kept across export and full restore";
        allowed_operations: Vec<VmOperations> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).published("rio").volatile(), "Operations that could start on this VM right now";
        current_operations: Map<String, VmOperations> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("rio").volatile(), "Operations under way, keyed by the task that runs each";
        name_label: String = rw(VM_ADMIN).default(Default::Str("")).published("rio").column("name__label"), "Name shown to people, not required to be unique";
        name_description: String = rw(VM_ADMIN).default(Default::Str("")).published("rio").column("name__description"), "Free text telling what the VM is for";
        power_state: VmPowerState = static_ro(VM_OP).default(Default::Str("Halted")).published("rio").changed("1.257.0"), "Whether the VM is halted, paused, running or suspended";
        user_version: i64 = rw(VM_ADMIN).published("rio"), "Version number of the configuration, for users to keep";
        is_a_template: bool = rw(VM_ADMIN).published("rio").effect(), "True for templates, which are cloned and never started";
        is_default_template: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).published("falcon"), "True for templates that came with the product";
        suspend_VDI: Ref<Vdi> = static_ro(VM_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("rio").changed("1.257.0"), "VDI with the memory image while the VM is suspended";
        resident_on: Ref<Host> = dynamic_ro(VM_POWER_ADMIN).published("rio").relation(ClassId::Host, "resident_VMs", Holds::One, Holds::Many), "Host whose domain this is, null when the VM is down";
        scheduled_to_be_resident_on: Ref<Host> = dynamic_ro(VM_POWER_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("rio"), "Host with memory reserved for a start, resume or migration in progress";
        affinity: Ref<Host> = rw(VM_POWER_ADMIN).published("rio"), "Host preferred when a place to start is chosen";
        memory_overhead: i64 = dynamic_ro(VM_POWER_ADMIN).default(Default::Int(0)).published("rio").column("memory__overhead").tags(&["memory"]), "Bytes the hypervisor needs on top of the guest's own memory";
        memory_target: i64 = static_ro(VM_POWER_ADMIN).default(Default::Int(0)).published("rio").deprecated("midnight-ride").column("memory__target").tags(&["memory"]), "Former ballooning target in bytes; host memory balancing replaced it";
        memory_static_max: i64 = static_ro(VM_POWER_ADMIN).published("rio").column("memory__static_max").tags(&["memory"]), "Most memory the domain is built with, bytes; changeable only when halted";
        memory_dynamic_max: i64 = static_ro(VM_POWER_ADMIN).published("rio").column("memory__dynamic_max").tags(&["memory"]), "Highest ballooning target in bytes";
        memory_dynamic_min: i64 = static_ro(VM_POWER_ADMIN).published("rio").column("memory__dynamic_min").tags(&["memory"]), "Lowest ballooning target in bytes";
        memory_static_min: i64 = static_ro(VM_POWER_ADMIN).published("rio").column("memory__static_min").tags(&["memory"]), "Lowest value the dynamic range may be set to, bytes";
        VCPUs_params: Map<String, String> = rw(VM_ADMIN).published("rio").column("VCPUs__params"), "Scheduler settings of the vCPUs: weight, cap, mask";
        VCPUs_max: i64 = static_ro(VM_ADMIN).published("rio").column("VCPUs__max"), "Upper bound for the vCPU count of the domain";
        VCPUs_at_startup: i64 = static_ro(VM_ADMIN).published("rio").column("VCPUs__at_startup"), "Number of vCPUs online at boot";
        actions_after_softreboot: OnSoftrebootBehavior = rw(VM_ADMIN).default(Default::Str("soft_reboot")).prototyped("23.1.0").column("actions__after_softreboot"), "Reaction when the guest asks for a soft reboot";
        actions_after_shutdown: OnNormalExit = rw(VM_ADMIN).published("rio").column("actions__after_shutdown"), "Reaction when the guest powers itself off";
        actions_after_reboot: OnNormalExit = rw(VM_ADMIN).published("rio").column("actions__after_reboot"), "Reaction when the guest reboots itself";
        actions_after_crash: OnCrashBehaviour = static_ro(VM_ADMIN).published("rio").column("actions__after_crash"), "Reaction when the domain crashes";
        consoles: Vec<Ref<Console>> = dynamic_ro(POOL_ADMIN).published("rio").relation(ClassId::Console, "VM", Holds::Many, Holds::One), "Text and graphical consoles of the domain";
        VIFs: Vec<Ref<Vif>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Vif, "VM", Holds::Many, Holds::One).tags(&["networking"]), "Network interfaces of the guest";
        VBDs: Vec<Ref<Vbd>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Vbd, "VM", Holds::Many, Holds::One), "Disk and CD drives of the guest";
        VUSBs: Vec<Ref<Vusb>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Vusb, "VM", Holds::Many, Holds::One), "USB devices handed to the guest";
        crash_dumps: Vec<Ref<Crashdump>> = dynamic_ro(POOL_ADMIN).published("rio").relation(ClassId::Crashdump, "VM", Holds::Many, Holds::One), "Memory dumps written when the domain crashed";
        VTPMs: Vec<Ref<Vtpm>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Vtpm, "VM", Holds::Many, Holds::One), "Virtual trusted platform modules of the guest";
        PV_bootloader: String = rw(VM_ADMIN).published("rio").column("PV__bootloader"), "Program in dom0 that picks the kernel of a PV guest";
        PV_kernel: String = rw(VM_ADMIN).published("rio").column("PV__kernel"), "Kernel file in dom0, used without a bootloader";
        PV_ramdisk: String = rw(VM_ADMIN).published("rio").column("PV__ramdisk"), "Initial ramdisk file in dom0, used together with PV_kernel";
        PV_args: String = rw(VM_ADMIN).published("rio").column("PV__args"), "Command line given to the PV kernel";
        PV_bootloader_args: String = rw(VM_ADMIN).published("rio").column("PV__bootloader_args"), "Extra arguments given to the bootloader";
        PV_legacy_args: String = rw(VM_ADMIN).published("rio").column("PV__legacy_args"), "Kernel arguments that let Zurich-era guests boot";
        HVM_boot_policy: String = static_ro(VM_ADMIN).published("rio").deprecated("kolkata").column("HVM__boot_policy"), "Former switch between HVM and PV; read domain_type instead";
        HVM_boot_params: Map<String, String> = rw(VM_ADMIN).published("rio").column("HVM__boot_params"), "Firmware and device order for HVM boot";
        HVM_shadow_multiplier: f64 = static_ro(VM_POWER_ADMIN).default(Default::Float(1.0)).published("miami").column("HVM__shadow_multiplier"), "Factor by which the default shadow memory is scaled";
        platform: Map<String, String> = static_ro(VM_ADMIN).published("rio").map_keys(&[("hvm_serial", POOL_ADMIN)]), "Virtual hardware switches such as acpi, viridian, device-model or secureboot";
        PCI_bus: String = rw(VM_ADMIN).published("rio").deprecated("boston"), "Former text list of PCI addresses to pass through";
        other_config: Map<String, String> = static_ro(VM_ADMIN).published("rio").map_keys(&[("pci", POOL_ADMIN), ("hvm_serial", POOL_ADMIN), ("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP)]), "Free key-value pairs; some keys steer the toolstack";
        domid: i64 = dynamic_ro(VM_ADMIN).published("rio"), "Xen domain number on the resident host, -1 without a domain";
        domarch: String = dynamic_ro(VM_ADMIN).published("rio"), "Architecture the domain was built for, such as x64";
        last_boot_CPU_flags: Map<String, String> = static_ro(VM_ADMIN).default(Default::Map(&[])).published("rio"), "CPU vendor and feature words the domain was given";
        is_control_domain: bool = dynamic_ro(VM_ADMIN).published("rio"), "True for dom0 and driver domains";
        metrics: Ref<VmMetrics> = dynamic_ro(VM_ADMIN).published("rio"), "Measurements taken from outside the guest";
        guest_metrics: Ref<VmGuestMetrics> = dynamic_ro(VM_ADMIN).published("rio"), "Data reported by the guest agent, null if none";
        last_booted_record: String = static_ro(VM_ADMIN).default(Default::Str("")).published("miami").changed("1.257.0"), "Serialised VM row as it was at the last boot";
        recommendations: String = rw(VM_ADMIN).published("rio"), "XML with limits and suggestions for clients to honour";
        xenstore_data: Map<String, String> = rw(VM_ADMIN).default(Default::Map(&[])).published("miami").effect(), "Keys copied below vm-data in the domain's xenstore tree";
        ha_always_run: bool = static_ro(POOL_OP).default(Default::Bool(false)).published("orlando").deprecated("boston"), "Former HA switch; ha_restart_priority replaced it";
        ha_restart_priority: String = static_ro(POOL_OP).default(Default::Str("")).published("orlando"), "HA protection class: restart, best-effort, or empty for none";
        is_a_snapshot: bool = dynamic_ro(VM_POWER_ADMIN).default(Default::Bool(false)).published("orlando"), "Tells snapshots from ordinary VMs and templates";
        snapshot_of: Ref<Vm> = dynamic_ro(VM_POWER_ADMIN).default(Default::Str("")).published("orlando").relation(ClassId::Vm, "snapshots", Holds::One, Holds::Many), "VM this snapshot was taken from";
        snapshots: Vec<Ref<Vm>> = dynamic_ro(VM_POWER_ADMIN).published("orlando").relation(ClassId::Vm, "snapshot_of", Holds::Many, Holds::One), "Snapshots taken of this VM";
        snapshot_time: DateTime = dynamic_ro(VM_POWER_ADMIN).default(Default::Time("19700101T00:00:00Z")).published("orlando"), "When the snapshot was taken, epoch for other VMs";
        transportable_snapshot_id: String = dynamic_ro(VM_POWER_ADMIN).default(Default::Str("")).published("orlando"), "Identifier of a snapshot held on external storage";
        blobs: Map<String, Ref<Blob>> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("orlando"), "Binary objects attached to the VM, by name";
        tags: Vec<String> = rw(VM_OP).default(Default::Set(&[])).published("orlando"), "Words users attach for sorting and searching";
        blocked_operations: Map<VmOperations, String> = static_ro(VM_ADMIN).default(Default::Map(&[])).published("orlando"), "Operations refused, each mapped to the reason or error code";
        snapshot_info: Map<String, String> = dynamic_ro(VM_POWER_ADMIN).default(Default::Map(&[])).published("midnight-ride"), "Circumstances of the snapshot, such as the power state then";
        snapshot_metadata: String = dynamic_ro(VM_POWER_ADMIN).default(Default::Str("")).published("midnight-ride"), "Serialised row of the source VM, needed to revert";
        parent: Ref<Vm> = dynamic_ro(VM_POWER_ADMIN).default(Default::Str("")).published("midnight-ride").relation(ClassId::Vm, "children", Holds::One, Holds::Many), "Snapshot this VM descends from";
        children: Vec<Ref<Vm>> = dynamic_ro(VM_POWER_ADMIN).published("midnight-ride").relation(ClassId::Vm, "parent", Holds::Many, Holds::One), "Snapshots and VMs that descend from this one";
        bios_strings: Map<String, String> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("midnight-ride"), "SMBIOS texts the guest sees";
        protection_policy: Ref<Vmpp> = static_ro(VM_POWER_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("cowley").deprecated("clearwater").relation(ClassId::Vmpp, "VMs", Holds::One, Holds::Many), "Former VMPP in charge of the VM";
        is_snapshot_from_vmpp: bool = static_ro(POOL_OP).default(Default::Bool(false)).published("cowley").deprecated("clearwater").removed("clearwater"), "Former mark of snapshots a VMPP made";
        snapshot_schedule: Ref<Vmss> = static_ro(VM_POWER_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("falcon").relation(ClassId::Vmss, "VMs", Holds::One, Holds::Many), "VMSS that takes snapshots of the VM";
        is_vmss_snapshot: bool = static_ro(POOL_OP).default(Default::Bool(false)).published("falcon"), "True for snapshots that a VMSS made by schedule";
        appliance: Ref<VmAppliance> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("rio").relation(ClassId::VmAppliance, "VMs", Holds::One, Holds::Many), "vApp the VM belongs to";
        start_delay: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("boston"), "Seconds to wait after its start before the next order group";
        shutdown_delay: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("boston"), "Seconds to wait after its shutdown before the next order group";
        order: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("boston"), "Position in vApp and HA start sequences, low numbers first";
        VGPUs: Vec<Ref<Vgpu>> = dynamic_ro(VM_ADMIN).published("boston").relation(ClassId::Vgpu, "VM", Holds::Many, Holds::One), "Virtual GPUs of the guest";
        attached_PCIs: Vec<Ref<Pci>> = dynamic_ro(VM_ADMIN).published("boston").relation(ClassId::Pci, "attached_VMs", Holds::Many, Holds::Many), "Host PCI devices now in use by the domain";
        suspend_SR: Ref<Sr> = rw(VM_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("boston"), "SR preferred for the memory image on suspend";
        version: i64 = static_ro(VM_ADMIN).default(Default::Int(0)).published("boston"), "Counter raised each time the VM is recovered from DR metadata";
        generation_id: String = static_ro(VM_ADMIN).default(Default::Str("0:0")).published("clearwater"), "Token for Windows guests to notice a roll-back";
        hardware_platform_version: i64 = rw(VM_ADMIN).default(Default::Int(0)).published("cream"), "Lowest virtual hardware version a host must offer";
        has_vendor_device: bool = static_ro(VM_ADMIN).default(Default::Bool(true)).published("dundee").changed("24.14.0").tags(&["windows-vm"]), "True to show the PCI device that pulls Windows drivers";
        requires_reboot: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("ely"), "True if the guest has not yet rebooted onto applied updates";
        reference_label: String = static_ro(VM_ADMIN).default(Default::Str("")).published("ely"), "Key of the template of origin, stable over product versions";
        domain_type: DomainType = static_ro(VM_ADMIN).default(Default::Str("unspecified")).prototyped("jura").published("kolkata"), "Kind of Xen domain to build at the next boot";
        NVRAM: Map<String, String> = static_ro(VM_ADMIN).default(Default::Map(&[])).published("naples"), "Firmware variables of the guest, among them EFI-variables";
        pending_guidances: Vec<UpdateGuidances> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).published("1.303.0"), "Mandatory steps left after an update";
        recommended_guidances: Vec<UpdateGuidances> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).prototyped("23.18.0").removed("23.24.0").not_in_record().internal(), "Former list of advised steps after an update";
        pending_guidances_recommended: Vec<UpdateGuidances> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).prototyped("24.10.0"), "Advised steps left after an update";
        pending_guidances_full: Vec<UpdateGuidances> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).prototyped("24.10.0"), "Steps left to make an update take full effect";
        groups: Vec<Ref<VmGroup>> = dynamic_ro(VM_ADMIN).prototyped("24.19.1").relation(ClassId::VmGroup, "VMs", Holds::Many, Holds::Many), "VM groups that govern where the VM is placed";
        secureboot_certificates_state: VmSecurebootCertificatesState = dynamic_ro(VM_ADMIN).default(Default::Str("ok")).prototyped("26.14.0"), "Whether the UEFI certificates in NVRAM are current";
    }

    methods {
        snapshot(vm: Ref<Vm>, new_name: String, ignore_vdis: Vec<Ref<Vdi>> = opt(Default::Set(&[])).since("21.4.0")) -> Ref<Vm> = op(VM_POWER_ADMIN).published("orlando").errors(&["VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED"]).forwarding(&["host_seeing_vm_srs"]).guards(&[&["vm", "snapshot"]]).tags(&["snapshots"]), "Take a crash-consistent snapshot, optionally leaving out some VDIs";
        snapshot_with_quiesce(vm: Ref<Vm>, new_name: String) -> Ref<Vm> = op(VM_POWER_ADMIN).published("orlando").deprecated("quebec").removed("quebec").errors(&["VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "VM_SNAPSHOT_WITH_QUIESCE_FAILED", "VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT", "VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND", "VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED"]), "Former snapshot with the guest's file systems flushed by VSS";
        clone(vm: Ref<Vm>, new_name: String) -> Ref<Vm> = op(VM_ADMIN).published("rio").errors(&["VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"]).forwarding(&["host_seeing_vm_srs"]).guards(&[&["vm", "clone"]]), "Duplicate a halted VM with fast, copy-on-write disks on the same SRs";
        copy(vm: Ref<Vm>, new_name: String, sr: Ref<Sr>) -> Ref<Vm> = op(VM_ADMIN).published("rio").extended("cowley").errors(&["VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"]).guards(&[&["vm", "copy"]]), "Duplicate a VM with full disk copies, optionally onto another SR";
        revert(snapshot: Ref<Vm>) = op(VM_POWER_ADMIN).published("midnight-ride").errors(&["VM_BAD_POWER_STATE", "OPERATION_NOT_ALLOWED", "SR_FULL", "VM_REVERT_FAILED"]).forwarding(&["vm_resident_host_if_running_or_paused", "host_seeing_vm_srs"]).guards(&[&["vm", "revert"], &["vm", "reverting"]]).tags(&["snapshots"]), "Return the snapshot's VM to the state it had then";
        checkpoint(vm: Ref<Vm>, new_name: String) -> Ref<Vm> = op(VM_POWER_ADMIN).published("midnight-ride").errors(&["VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "VM_CHECKPOINT_SUSPEND_FAILED", "VM_CHECKPOINT_RESUME_FAILED"]).forwarding(&["vm_resident_host_if_running_or_paused", "host_seeing_vm_srs"]).guards(&[&["vm", "checkpoint"]]), "Take a snapshot that includes memory if the VM is running";
        provision(vm: Ref<Vm>) = op(VM_ADMIN).published("rio").errors(&["VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"]).forwarding(&["host=param:host"]).guards(&[&["vm", "provision"]]), "Create the disks named by the template's disk list";
        start(vm: Ref<Vm>, start_paused: bool, force: bool) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "VM_HVM_REQUIRED", "VM_IS_TEMPLATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "BOOTLOADER_FAILED", "UNKNOWN_BOOTLOADER", "NO_HOSTS_AVAILABLE", "LICENCE_RESTRICTION"]).forwarding(&["host_chosen_for_vm"]).guards(&[&["vm", "start"], &["vbds", "attach"], &["vifs", "attach"]]), "Boot a halted VM on a host chosen by the pool";
        start_on(vm: Ref<Vm>, host: Ref<Host>, start_paused: bool, force: bool) = op(VM_POWER_ADMIN.and_client_cert()).published("rio").errors(&["VM_BAD_POWER_STATE", "VM_IS_TEMPLATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "BOOTLOADER_FAILED", "UNKNOWN_BOOTLOADER"]).forwarding(&["host=param:host"]).guards(&[&["vm", "start_on"], &["vbds", "attach"], &["vifs", "attach"]]), "Boot a halted VM on the named host";
        pause(vm: Ref<Vm>) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "pause"]]), "Stop scheduling the domain, memory kept in place";
        unpause(vm: Ref<Vm>) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "unpause"]]), "Let a paused domain run again";
        clean_shutdown(vm: Ref<Vm>) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "clean_shutdown"]]), "Ask the guest to power off and wait for it";
        shutdown(vm: Ref<Vm>) = op(VM_OP.and_client_cert()).published("clearwater").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["host=fn:choose_host", "vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "shutdown"]]), "Power off through the guest, by force if it does not react";
        clean_reboot(vm: Ref<Vm>) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "clean_reboot"], &["vbds", "attach"], &["vifs", "attach"]]), "Ask the guest to reboot and wait for it";
        hard_shutdown(vm: Ref<Vm>) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["host=fn:choose_host", "host=field:VM.resident_on"]).guards(&[&["vm", "hard_shutdown"]]), "Destroy the domain at once, without telling the guest";
        power_state_reset(vm: Ref<Vm>) = op(POOL_OP).published("rio"), "Mark the VM halted in the database; any domain is left alone";
        hard_reboot(vm: Ref<Vm>) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["host=field:VM.resident_on"]).guards(&[&["vm", "hard_reboot"], &["vbds", "attach"], &["vifs", "attach"]]), "Destroy the domain and build a new one";
        suspend(vm: Ref<Vm>) = op(VM_OP.and_client_cert()).published("rio").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "suspend"]]), "Save memory to a VDI and take the domain down";
        csvm(vm: Ref<Vm>) -> Ref<Vm> = op(VM_ADMIN).published("rio").deprecated("miami").errors(&["VM_BAD_POWER_STATE", "SR_FULL", "OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"]).hidden().forwarding(&["host_seeing_vm_and_extra_srs"]).guards(&[&["vm", "csvm"]]), "Clone a suspended VM together with its memory image";
        resume(vm: Ref<Vm>, start_paused: bool, force: bool) = op(VM_OP).published("rio").errors(&["VM_BAD_POWER_STATE", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["host_chosen_for_vm"]).guards(&[&["vm", "resume"], &["vbds", "attach"]]), "Restore a suspended VM on a host chosen by the pool";
        set_is_default_template(vm: Ref<Vm>, value: bool) = op(POOL_ADMIN).published("falcon").hidden().guards(&[&["vm", "make_into_template"]]), "Mark or unmark the template as supplied with the product";
        hard_reboot_internal(vm: Ref<Vm>) = op(NOBODY).published("orlando").deprecated("midnight-ride").pool_internal().hidden().forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vbds", "attach"], &["vifs", "attach"]]), "Former step of a hard reboot, run on the resident host";
        resume_on(vm: Ref<Vm>, host: Ref<Host>, start_paused: bool, force: bool) = op(VM_POWER_ADMIN.and_client_cert()).published("rio").errors(&["VM_BAD_POWER_STATE", "OPERATION_NOT_ALLOWED", "VM_IS_TEMPLATE"]).forwarding(&["host=param:host"]).guards(&[&["vm", "resume_on"], &["vbds", "attach"]]), "Restore a suspended VM on the named host";
        pool_migrate(vm: Ref<Vm>, host: Ref<Host>, options: Map<String, String>) = op(VM_POWER_ADMIN.and_client_cert()).published("rio").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "VM_IS_TEMPLATE", "OPERATION_NOT_ALLOWED", "VM_BAD_POWER_STATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "pool_migrate"]]), "Move a running VM to another host of the pool";
        pool_migrate_complete(vm: Ref<Vm>, host: Ref<Host>) = op(VM_POWER_ADMIN.and_client_cert()).published("tampa").hidden().forwarding(&["host=param:host"]), "Finish a pool migration on the receiving host";
        set_VCPUs_number_live(self: Ref<Vm>, nvcpu: i64) = op(VM_ADMIN).published("rio").changed("ely").errors(&["OPERATION_NOT_ALLOWED", "LICENCE_RESTRICTION"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_VCPUs_live"]]), "Change the count of online vCPUs of a running VM";
        add_to_VCPUs_params_live(self: Ref<Vm>, key: String, value: String) = op(VM_ADMIN).published("rio").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_VCPUs_live"]]), "Change one scheduler setting while the VM runs";
        set_NVRAM(self: Ref<Vm>, value: Map<String, String>) = op(VM_ADMIN).published("naples").sync().guards(&[&["vm", "changing_NVRAM"]]), "Replace all firmware variables of a halted VM";
        add_to_NVRAM(self: Ref<Vm>, key: String, value: String) = op(VM_ADMIN).published("naples").sync().guards(&[&["vm", "changing_NVRAM"]]), "Add one firmware variable to a halted VM";
        remove_from_NVRAM(self: Ref<Vm>, key: String) = op(VM_ADMIN).published("naples").sync().guards(&[&["vm", "changing_NVRAM"]]), "Drop one firmware variable from a halted VM";
        set_ha_restart_priority(self: Ref<Vm>, value: String) = op(POOL_OP).published("orlando").sync(), "Choose how HA treats the VM after a host failure";
        set_ha_always_run(self: Ref<Vm>, value: bool) = op(POOL_OP).published("orlando").deprecated("boston").sync(), "Former way to put the VM under HA protection";
        compute_memory_overhead(vm: Ref<Vm>) -> i64 = op(READ_ONLY).published("midnight-ride").tags(&["memory"]), "Work out the hypervisor's extra memory for this configuration, in bytes";
        set_memory_dynamic_max(self: Ref<Vm>, value: i64) = op(VM_POWER_ADMIN).published("midnight-ride").sync().forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_dynamic_range"]]).tags(&["memory"]), "Change the top of the ballooning range, in bytes";
        set_memory_dynamic_min(self: Ref<Vm>, value: i64) = op(VM_POWER_ADMIN).published("midnight-ride").sync().forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_dynamic_range"]]).tags(&["memory"]), "Change the bottom of the ballooning range, in bytes";
        set_memory_dynamic_range(self: Ref<Vm>, min: i64, max: i64) = op(VM_POWER_ADMIN).published("midnight-ride").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_dynamic_range"]]).tags(&["memory"]), "Change both ends of the ballooning range, even while running";
        set_memory_static_max(self: Ref<Vm>, value: i64) = op(VM_POWER_ADMIN).published("orlando").sync().errors(&["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]).guards(&[&["vm", "changing_static_range"]]).tags(&["memory"]), "Change the most memory a halted VM may boot with, bytes";
        set_memory_static_min(self: Ref<Vm>, value: i64) = op(VM_POWER_ADMIN).published("midnight-ride").sync().guards(&[&["vm", "changing_static_range"]]).tags(&["memory"]), "Change the floor under the dynamic range, in bytes";
        set_memory_static_range(self: Ref<Vm>, min: i64, max: i64) = op(VM_POWER_ADMIN).published("midnight-ride").guards(&[&["vm", "changing_static_range"]]).tags(&["memory"]), "Change floor and ceiling of memory of a halted VM";
        set_memory_limits(self: Ref<Vm>, static_min: i64, static_max: i64, dynamic_min: i64, dynamic_max: i64) = op(VM_POWER_ADMIN).published("midnight-ride").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_memory_limits"]]).tags(&["memory"]), "Change all four memory bounds together, in bytes";
        set_memory(self: Ref<Vm>, value: i64) = op(VM_POWER_ADMIN).published("ely").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_memory_limits"]]).tags(&["memory"]), "Fix memory: every bound but static_min takes this many bytes";
        set_memory_target_live(self: Ref<Vm>, target: i64) = op(VM_POWER_ADMIN).published("rio").deprecated("midnight-ride").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_memory_live"]]).tags(&["memory"]), "Former way to balloon a running VM to a size";
        wait_memory_target_live(self: Ref<Vm>) = op(READ_ONLY).published("orlando").deprecated("midnight-ride").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "awaiting_memory_live"]]).tags(&["memory"]), "Former pause until ballooning has reached its goal";
        get_cooperative(self: Ref<Vm>) -> bool = op(READ_ONLY).published("midnight-ride").deprecated("tampa").tags(&["memory"]), "Former check for guests that ignore ballooning; answers true";
        set_HVM_shadow_multiplier(self: Ref<Vm>, value: f64) = op(VM_POWER_ADMIN).published("midnight-ride").sync().guards(&[&["vm", "changing_shadow_memory"]]), "Change the shadow memory factor of a halted VM";
        set_shadow_multiplier_live(self: Ref<Vm>, multiplier: f64) = op(VM_POWER_ADMIN).published("rio").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "changing_shadow_memory_live"]]), "Change the shadow memory factor of a running VM";
        set_VCPUs_max(self: Ref<Vm>, value: i64) = op(VM_ADMIN).published("midnight-ride").sync().guards(&[&["vm", "changing_VCPUs"]]), "Change the vCPU limit of a halted VM";
        set_VCPUs_at_startup(self: Ref<Vm>, value: i64) = op(VM_ADMIN).published("midnight-ride").sync(), "Change the number of vCPUs online at the next boot";
        send_sysrq(vm: Ref<Vm>, key: String) = op(POOL_ADMIN).published("rio").errors(&["VM_BAD_POWER_STATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "send_sysrq"]]), "Press a magic SysRq key in the guest";
        send_trigger(vm: Ref<Vm>, trigger: String) = op(POOL_ADMIN).published("rio").errors(&["VM_BAD_POWER_STATE"]).forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "send_trigger"]]), "Inject a named hypervisor event, such as nmi, into the domain";
        maximise_memory(self: Ref<Vm>, total: i64, approximate: bool) -> i64 = op(READ_ONLY).published("miami").tags(&["memory"]), "Find the biggest static_max that fits into a total with overhead";
        migrate_send(vm: Ref<Vm>, dest: Map<String, String>, live: bool, vdi_map: Map<Ref<Vdi>, Ref<Sr>>, vif_map: Map<Ref<Vif>, Ref<Network>>, options: Map<String, String>, vgpu_map: Map<Ref<Vgpu>, Ref<GpuGroup>> = opt(Default::Map(&[])).since("inverness"), vdi_format_map: Map<Ref<Vdi>, String> = opt(Default::Map(&[])).since("26.14.0-next")) -> Ref<Vm> = op(VM_POWER_ADMIN).published("tampa").errors(&["VM_BAD_POWER_STATE", "LICENCE_RESTRICTION"]).forwarding(&["vm_resident_host_if_running_or_paused", "host_chosen_for_vm", "host_seeing_vm_srs"]).guards(&[&["vm", "migrate_send"]]), "Move the VM and its disks to a prepared destination";
        assert_can_migrate(vm: Ref<Vm>, dest: Map<String, String>, live: bool, vdi_map: Map<Ref<Vdi>, Ref<Sr>>, vif_map: Map<Ref<Vif>, Ref<Network>>, options: Map<String, String>, vgpu_map: Map<Ref<Vgpu>, Ref<GpuGroup>> = opt(Default::Map(&[])).since("inverness")) = op(VM_POWER_ADMIN).published("tampa").errors(&["LICENCE_RESTRICTION"]).forwarding(&["vm_resident_host_if_running_or_paused"]), "Fail with the reason if migrate_send with these arguments would be refused";
        assert_can_migrate_sender(vm: Ref<Vm>, dest: Map<String, String>, live: bool, vdi_map: Map<Ref<Vdi>, Ref<Sr>>, vif_map: Map<Ref<Vif>, Ref<Network>>, vgpu_map: Map<Ref<Vgpu>, Ref<GpuGroup>>, options: Map<String, String>) = op(VM_POWER_ADMIN).published("inverness").hidden().forwarding(&["vm_resident_host_if_running_or_paused"]), "Run the source host's share of the migration checks";
        get_boot_record(self: Ref<Vm>) -> Rec<Vm> = op(READ_ONLY).published("rio").deprecated("inverness").sync().guards(&[&["vm", "get_boot_record"]]), "Former access to the settings of the last boot";
        get_data_sources(self: Ref<Vm>) -> Vec<Rec<DataSource>> = op(READ_ONLY).published("orlando").sync().forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "data_source_op"]]), "List the RRD data sources of the VM";
        record_data_source(self: Ref<Vm>, data_source: String) = op(VM_ADMIN).published("orlando").sync().forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "data_source_op"]]), "Begin keeping history for one data source";
        query_data_source(self: Ref<Vm>, data_source: String) -> f64 = op(READ_ONLY).published("orlando").sync().forwarding(&["vm_resident_host_if_running_or_paused"]), "Read the newest value of one data source";
        forget_data_source_archives(self: Ref<Vm>, data_source: String) = op(VM_ADMIN).published("orlando").sync().forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "data_source_op"]]), "Delete the stored history of one data source";
        assert_operation_valid(self: Ref<Vm>, op: VmOperations) = op(READ_ONLY).published("rio"), "Fail unless the operation is allowed at present";
        update_allowed_operations(self: Ref<Vm>) = op(POOL_ADMIN).published("rio"), "Work out allowed_operations afresh";
        get_allowed_VBD_devices(vm: Ref<Vm>) -> Vec<String> = op(READ_ONLY).published("rio").sync().no_current_operations(), "List the disk positions still free";
        get_allowed_VIF_devices(vm: Ref<Vm>) -> Vec<String> = op(READ_ONLY).published("rio").sync().no_current_operations(), "List the interface positions still free";
        get_possible_hosts(vm: Ref<Vm>) -> Vec<Ref<Host>> = op(READ_ONLY).published("rio"), "List the hosts on which the VM could start";
        assert_can_boot_here(self: Ref<Vm>, host: Ref<Host>) = op(READ_ONLY).published("rio").changed("quebec").errors(&["HOST_NOT_ENOUGH_FREE_MEMORY", "HOST_NOT_ENOUGH_PCPUS", "NETWORK_SRIOV_INSUFFICIENT_CAPACITY", "HOST_NOT_LIVE", "HOST_DISABLED", "HOST_CANNOT_ATTACH_NETWORK", "VM_HVM_REQUIRED", "VM_REQUIRES_GPU", "VM_REQUIRES_IOMMU", "VM_REQUIRES_NETWORK", "VM_REQUIRES_SR", "VM_REQUIRES_VGPU", "VM_HOST_INCOMPATIBLE_VERSION", "VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION", "INVALID_VALUE", "MEMORY_CONSTRAINT_VIOLATION", "OPERATION_NOT_ALLOWED", "VALUE_NOT_SUPPORTED", "VM_INCOMPATIBLE_WITH_THIS_HOST"]).tags(&["memory"]), "Fail with the reason unless the host can run the VM";
        atomic_set_resident_on(vm: Ref<Vm>, host: Ref<Host>) = op(NOBODY).published("rio").pool_internal().hidden(), "Turn a reservation on a host into residency in one step";
        create_new_blob(vm: Ref<Vm>, name: String, mime_type: String, public: bool = opt(Default::Bool(false)).since("tampa")) -> Ref<Blob> = op(VM_POWER_ADMIN).published("orlando"), "Attach an empty binary object to the VM";
        s3_suspend(vm: Ref<Vm>) = op(VM_OP).published("midnight-ride").hidden().forwarding(&["vm_resident_host_if_running_or_paused"]), "Put the guest into ACPI sleep state S3";
        s3_resume(vm: Ref<Vm>) = op(VM_OP).published("midnight-ride").hidden().forwarding(&["vm_resident_host_if_running_or_paused"]), "Wake the guest from ACPI sleep state S3";
        assert_agile(self: Ref<Vm>) = op(READ_ONLY).published("orlando"), "Fail unless any pool host could run the VM";
        update_snapshot_metadata(vm: Ref<Vm>, snapshot_of: Ref<Vm>, snapshot_time: DateTime, transportable_snapshot_id: String) = op(POOL_OP).published("george").deprecated("midnight-ride").hidden(), "Rewrite the origin, time and external identifier of a snapshot";
        retrieve_wlb_recommendations(vm: Ref<Vm>) -> Map<Ref<Host>, Vec<String>> = op(READ_ONLY).published("george"), "Ask the WLB server to rate hosts for this VM";
        set_bios_strings(self: Ref<Vm>, value: Map<String, String>) = op(VM_ADMIN).published("inverness").errors(&["VM_BIOS_STRINGS_ALREADY_SET", "INVALID_VALUE"]), "Set the SMBIOS texts of a VM that has none yet";
        copy_bios_strings(vm: Ref<Vm>, host: Ref<Host>) = op(VM_ADMIN).published("midnight-ride"), "Take over the SMBIOS texts of a host";
        set_protection_policy(self: Ref<Vm>, value: Ref<Vmpp>) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former assignment of a VMPP";
        set_snapshot_schedule(self: Ref<Vm>, value: Ref<Vmss>) = op(POOL_OP).published("falcon").sync(), "Put the VM under a VMSS, or under none";
        set_start_delay(self: Ref<Vm>, value: i64) = op(POOL_OP).published("boston"), "Change the pause after this VM's start, in seconds";
        set_shutdown_delay(self: Ref<Vm>, value: i64) = op(POOL_OP).published("boston"), "Change the pause after this VM's shutdown, in seconds";
        set_order(self: Ref<Vm>, value: i64) = op(POOL_OP).published("boston"), "Change the position in start sequences";
        set_suspend_VDI(self: Ref<Vm>, value: Ref<Vdi>) = op(POOL_OP).published("boston"), "Swap in another memory image for a suspended VM";
        assert_can_be_recovered(self: Ref<Vm>, session_to: Ref<Session>) = op(READ_ONLY).published("boston").errors(&["VM_IS_PART_OF_AN_APPLIANCE", "VM_REQUIRES_SR"]), "Fail unless the other pool has every SR the VM needs";
        get_SRs_required_for_recovery(self: Ref<Vm>, session_to: Ref<Session>) -> Vec<Ref<Sr>> = op(READ_ONLY).published("creedence"), "List the SRs the other pool needs to recover the VM";
        recover(self: Ref<Vm>, session_to: Ref<Session>, force: bool) = op(READ_ONLY).published("boston"), "Re-create the VM in the pool of the given session";
        import_convert(type: String, username: String, password: String, sr: Ref<Sr>, remote_config: Map<String, String>) = op(VM_ADMIN).published("tampa"), "Convert and import a VM through the conversion server";
        set_appliance(self: Ref<Vm>, value: Ref<VmAppliance>) = op(POOL_OP).published("boston"), "Put the VM into a vApp, or take it out";
        set_groups(self: Ref<Vm>, value: Vec<Ref<VmGroup>>) = op(VM_ADMIN).prototyped("24.19.1").errors(&["OPERATION_NOT_ALLOWED"]), "Replace the VM groups the VM belongs to";
        query_services(self: Ref<Vm>) -> Map<String, String> = op(POOL_ADMIN).published("tampa").guards(&[&["vm", "query_services"]]), "List the services a driver domain offers";
        call_plugin(vm: Ref<Vm>, plugin: String, fn: String, args: Map<String, String>) -> String = op(VM_OP).published("cream").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "call_plugin"]]), "Run a toolstack plugin on the host, acting on this VM";
        call_host_plugin(vm: Ref<Vm>, plugin: String, fn: String, args: Map<String, String>) -> String = op(VM_OP).prototyped("25.22.0").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "call_plugin"]]), "Run a dom0 plugin on the host where the VM is resident";
        set_has_vendor_device(self: Ref<Vm>, value: bool) = op(VM_ADMIN).published("dundee").tags(&["windows-vm"]), "Show or hide the device that pulls Windows drivers";
        import(url: String, sr: Ref<Sr>, full_restore: bool, force: bool) -> Vec<Ref<Vm>> = op(POOL_OP).published("dundee").forwarding(&["host=field:PBD.host"]), "Fetch an XVA from a URL and import its VMs";
        set_actions_after_crash(self: Ref<Vm>, value: OnCrashBehaviour) = op(VM_ADMIN).published("rio"), "Change the reaction to a domain crash";
        set_domain_type(self: Ref<Vm>, value: DomainType) = op(VM_ADMIN).published("kolkata").sync(), "Choose the kind of domain a halted VM becomes";
        set_HVM_boot_policy(self: Ref<Vm>, value: String) = op(VM_ADMIN).published("rio").deprecated("kolkata").sync(), "Former choice between HVM and PV boot";
        set_NVRAM_EFI_variables(self: Ref<Vm>, value: String, update: UpdateStatus = opt(Default::Str("unspecified")).since("26.12.0")) = op(NOBODY).published("naples").sync().hidden(), "Store the EFI variables the guest's firmware wrote";
        restart_device_models(self: Ref<Vm>) = op(VM_POWER_ADMIN.and_client_cert()).prototyped("23.30.0").errors(&["VM_BAD_POWER_STATE", "OTHER_OPERATION_IN_PROGRESS", "VM_IS_TEMPLATE", "OPERATION_NOT_ALLOWED", "VM_BAD_POWER_STATE"]), "Replace the device emulators by migrating onto the same host";
        set_uefi_mode(self: Ref<Vm>, mode: VmUefiMode) -> String = op(POOL_ADMIN).prototyped("24.17.0"), "Put the guest's UEFI into setup or user mode; answers helper output";
        get_secureboot_readiness(self: Ref<Vm>) -> VmSecurebootReadiness = op(POOL_ADMIN).prototyped("24.17.0"), "Report whether the VM could boot with Secure Boot";
        update_secureboot_certificates_on_boot(self: Ref<Vm>, mark: bool) = op(VM_ADMIN).prototyped("26.14.0"), "Mark or unmark due UEFI certificates for renewal at boot";
        set_blocked_operations(self: Ref<Vm>, value: Map<VmOperations, String>) = op(VM_ADMIN).published("orlando"), "Replace the map of refused operations";
        add_to_blocked_operations(self: Ref<Vm>, key: VmOperations, value: String) = op(VM_ADMIN).published("orlando"), "Refuse one more operation, with a reason";
        remove_from_blocked_operations(self: Ref<Vm>, key: VmOperations) = op(VM_ADMIN).published("orlando"), "Stop refusing one operation";
        sysprep(self: Ref<Vm>, unattend: SecretText, timeout: f64) = op(VM_ADMIN).prototyped("25.24.0").forwarding(&["vm_resident_host_if_running_or_paused"]).guards(&[&["vm", "sysprep"]]), "Run Windows sysprep in the guest with an unattend file; timeout in seconds";
        add_to_other_config(self: Ref<Vm>, key: String, value: String) = op(VM_ADMIN).published("rio").sync().map_keys(&[("hvm_serial", POOL_ADMIN), ("pci", POOL_ADMIN), ("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP)]), "Add one pair to other_config, checking rights for the key";
        remove_from_other_config(self: Ref<Vm>, key: String) = op(VM_ADMIN).published("rio").sync().map_keys(&[("hvm_serial", POOL_ADMIN), ("pci", POOL_ADMIN), ("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP)]), "Drop one key of other_config, checking rights for it";
        set_other_config(self: Ref<Vm>, value: Map<String, String>) = op(VM_ADMIN).published("rio").sync(), "Replace other_config, checking rights for changed keys";
        add_to_platform(self: Ref<Vm>, key: String, value: String) = op(VM_ADMIN).published("rio").sync().map_keys(&[("hvm_serial", POOL_ADMIN)]), "Add one virtual hardware switch";
        remove_from_platform(self: Ref<Vm>, key: String) = op(VM_ADMIN).published("rio").sync().map_keys(&[("hvm_serial", POOL_ADMIN)]), "Drop one virtual hardware switch";
        set_platform(self: Ref<Vm>, value: Map<String, String>) = op(VM_ADMIN).published("rio").sync(), "Replace all virtual hardware switches after checking them";
    }
}

api_enum! {
    DomainType "domain_type" "How the hypervisor runs a guest" {
        Hvm = "hvm" "Full virtualisation with emulated devices",
        Pv = "pv" "Paravirtual guest directly on Xen",
        PvInPvh = "pv_in_pvh" "Paravirtual guest on a shim inside a PVH container",
        Pvh = "pvh" "Hardware virtualisation without emulated devices",
        Unspecified = "unspecified" "Not set; derived from the legacy boot fields",
    }
}

api_enum! {
    OnCrashBehaviour "on_crash_behaviour" "What is done after a domain crashes" {
        Destroy = "destroy" "Remove the domain; the VM is halted",
        CoredumpAndDestroy = "coredump_and_destroy" "Write a core dump, then remove the domain",
        Restart = "restart" "Boot the VM again",
        CoredumpAndRestart = "coredump_and_restart" "Write a core dump, then boot the VM again",
        Preserve = "preserve" "Keep the crashed domain for examination",
        RenameRestart = "rename_restart" "Keep the crashed domain under another name and boot anew",
    }
}

api_enum! {
    OnNormalExit "on_normal_exit" "What is done after a guest ends by itself" {
        Destroy = "destroy" "Remove the domain; the VM is halted",
        Restart = "restart" "Boot the VM again",
    }
}

api_enum! {
    OnSoftrebootBehavior "on_softreboot_behavior" "What is done when a guest asks for soft reboot" {
        SoftReboot = "soft_reboot" "Reset the domain in place",
        Destroy = "destroy" "Remove the domain; the VM is halted",
        Restart = "restart" "Build a new domain and boot it",
        Preserve = "preserve" "Keep the domain for examination",
    }
}

api_enum! {
    UpdateGuidances "update_guidances" "Steps that make applied updates effective" {
        RebootHost = "reboot_host" "Restart the physical machine",
        RebootHostOnLivepatchFailure = "reboot_host_on_livepatch_failure" "Reboot the host, but only if a live patch failed",
        RebootHostOnKernelLivepatchFailure = "reboot_host_on_kernel_livepatch_failure" "Reboot the host, but only if the kernel's live patch failed",
        RebootHostOnXenLivepatchFailure = "reboot_host_on_xen_livepatch_failure" "Reboot the host, but only if Xen's live patch failed",
        RestartToolstack = "restart_toolstack" "Restart the host's toolstack",
        RestartDeviceModel = "restart_device_model" "Replace the device emulator of running VMs",
        RestartVm = "restart_vm" "Reboot running VMs",
    }
}

api_enum! {
    UpdateStatus "update_status" "How storing EFI variables affects the certificate state" {
        Yes = "yes" "The certificates were just renewed",
        No = "no" "The certificate state stays as it is",
        Unspecified = "unspecified" "The certificates are examined again",
    }
}

api_enum! {
    VmOperations "vm_operations" "Operations that can be allowed, blocked or under way" {
        Snapshot = "snapshot" "Taking a disk snapshot",
        Clone = "clone" "Duplicating with copy-on-write disks",
        Copy = "copy" "Duplicating with full disk copies",
        CreateTemplate = "create_template" "Turning into a new template",
        Revert = "revert" "Returning to a snapshot, as seen by the snapshot",
        Checkpoint = "checkpoint" "Taking a snapshot with memory",
        SnapshotWithQuiesce = "snapshot_with_quiesce" "Taking a snapshot with file systems flushed",
        Provision = "provision" "Creating the disks a template lists",
        Start = "start" "Booting on a host of the pool's choice",
        StartOn = "start_on" "Booting on a named host",
        Pause = "pause" "Stopping the scheduling of the domain",
        Unpause = "unpause" "Letting a paused domain run",
        CleanShutdown = "clean_shutdown" "Powering off through the guest",
        CleanReboot = "clean_reboot" "Rebooting through the guest",
        HardShutdown = "hard_shutdown" "Destroying the domain",
        PowerStateReset = "power_state_reset" "Marking as halted in the database alone",
        HardReboot = "hard_reboot" "Destroying and rebuilding the domain",
        Suspend = "suspend" "Saving memory to disk",
        Csvm = "csvm" "Cloning while suspended",
        Resume = "resume" "Restoring saved memory on any suitable host",
        ResumeOn = "resume_on" "Restoring saved memory on a named host",
        PoolMigrate = "pool_migrate" "Moving to another host of the pool",
        MigrateSend = "migrate_send" "Moving together with its disks",
        GetBootRecord = "get_boot_record" "Reading the settings of the last boot",
        SendSysrq = "send_sysrq" "Pressing a SysRq key",
        SendTrigger = "send_trigger" "Injecting a hypervisor event",
        QueryServices = "query_services" "Listing services of a driver domain",
        Shutdown = "shutdown" "Powering off, by force if need be",
        CallPlugin = "call_plugin" "Running a plugin for the VM",
        ChangingMemoryLive = "changing_memory_live" "Setting a new memory target while running",
        AwaitingMemoryLive = "awaiting_memory_live" "Waiting to reach the memory target",
        ChangingDynamicRange = "changing_dynamic_range" "Setting the ballooning range",
        ChangingStaticRange = "changing_static_range" "Setting memory floor and ceiling",
        ChangingMemoryLimits = "changing_memory_limits" "Setting all four memory bounds",
        ChangingShadowMemory = "changing_shadow_memory" "Setting the shadow factor while halted",
        ChangingShadowMemoryLive = "changing_shadow_memory_live" "Setting the shadow factor while running",
        ChangingVCPUs = "changing_VCPUs" "Setting vCPU counts while halted",
        ChangingVCPUsLive = "changing_VCPUs_live" "Setting the vCPU count while running",
        ChangingNvram = "changing_NVRAM" "Setting firmware variables",
        AssertOperationValid = "assert_operation_valid" "Checking whether an operation is allowed",
        DataSourceOp = "data_source_op" "Working on RRD data sources",
        UpdateAllowedOperations = "update_allowed_operations" "Refreshing the list of allowed operations",
        MakeIntoTemplate = "make_into_template" "Setting is_a_template on this VM",
        Import = "import" "Being imported from an XVA",
        Export = "export" "Being exported with disks",
        MetadataExport = "metadata_export" "Being exported without disks",
        Reverting = "reverting" "Returning to a snapshot, as seen by the VM",
        Destroy = "destroy" "Deleting the VM",
        CreateVtpm = "create_vtpm" "Getting a virtual TPM",
        Sysprep = "sysprep" "Running Windows sysprep inside",
    }
}

api_enum! {
    VmPowerState "vm_power_state" "Life states of a VM" {
        Halted = "Halted" "No domain and no saved memory",
        Paused = "Paused" "Domain exists but gets no CPU time",
        Running = "Running" "Domain exists and is scheduled",
        Suspended = "Suspended" "No domain; memory is saved in a VDI",
    }
}

api_enum! {
    VmSecurebootCertificatesState "vm_secureboot_certificates_state" "Age of the UEFI certificates in NVRAM" {
        Ok = "ok" "Certificates are current, or do not matter",
        UpdateAvailable = "update_available" "Newer certificates exist; nothing is scheduled",
        UpdateOnBoot = "update_on_boot" "Newer certificates go in at the next boot",
    }
}

api_enum! {
    VmSecurebootReadiness "vm_secureboot_readiness" "Whether a VM can use Secure Boot" {
        NotSupported = "not_supported" "The VM boots with BIOS",
        Disabled = "disabled" "Secure Boot is switched off",
        FirstBoot = "first_boot" "UEFI has not stored any variables yet",
        Ready = "ready" "All needed certificates are present",
        ReadyNoDbx = "ready_no_dbx" "Usable, but the revocation list is missing",
        SetupMode = "setup_mode" "No platform key is enrolled",
        CertsIncomplete = "certs_incomplete" "Some needed certificates are missing",
    }
}

api_enum! {
    VmUefiMode "vm_uefi_mode" "State to put UEFI into" {
        Setup = "setup" "Certificates cleared, so the guest may enrol its own",
        User = "user" "Certificates of the pool enrolled",
    }
}
