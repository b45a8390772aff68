//! `PGPU`: A physical GPU of a host.

use crate::classes::prelude::*;

class! {
    Pgpu "PGPU" "A physical GPU of a host" = table(Some(POOL_OP)).published("boston");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("boston"), "Permanent identifier of the GPU row";
        PCI: Ref<Pci> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("boston"), "PCI device of the GPU";
        GPU_group: Ref<GpuGroup> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("boston").relation(ClassId::GpuGroup, "PGPUs", Holds::One, Holds::Many), "Group whose VGPUs may land on it";
        host: Ref<Host> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("boston").relation(ClassId::Host, "PGPUs", Holds::One, Holds::Many), "Host that contains the GPU";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("boston"), "Free key-value pairs about the GPU";
        supported_VGPU_types: Vec<Ref<VgpuType>> = dynamic_ro(POOL_OP).published("vgpu-tech-preview").relation(ClassId::VgpuType, "supported_on_PGPUs", Holds::Many, Holds::Many), "Types of virtual GPU the hardware can provide";
        enabled_VGPU_types: Vec<Ref<VgpuType>> = dynamic_ro(POOL_OP).published("vgpu-tech-preview").relation(ClassId::VgpuType, "enabled_on_PGPUs", Holds::Many, Holds::Many), "Types of virtual GPU permitted on it";
        resident_VGPUs: Vec<Ref<Vgpu>> = dynamic_ro(POOL_OP).published("vgpu-tech-preview").relation(ClassId::Vgpu, "resident_on", Holds::Many, Holds::One), "Virtual GPUs that run on it";
        size: i64 = static_ro(POOL_OP).default(Default::Int(1048576)).published("vgpu-tech-preview").not_in_record().internal(), "Capacity units, shared out to virtual GPUs";
        supported_VGPU_max_capacities: Map<Ref<VgpuType>, i64> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("vgpu-productisation"), "How many of each type fit on an empty GPU";
        dom0_access: PciDom0Access = dynamic_ro(POOL_OP).default(Default::Str("enabled")).published("cream").deprecated("24.14.0"), "Former view of whether dom0 has the GPU";
        is_system_display_device: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("cream"), "True if the host's own screen hangs on it";
        compatibility_metadata: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("inverness"), "Driver data that decides whether VGPUs can migrate here";
    }

    methods {
        add_enabled_VGPU_types(self: Ref<Pgpu>, value: Ref<VgpuType>) = op(POOL_OP).published("vgpu-tech-preview"), "Permit one more type on the GPU";
        remove_enabled_VGPU_types(self: Ref<Pgpu>, value: Ref<VgpuType>) = op(POOL_OP).published("vgpu-tech-preview"), "Stop permitting a type on the GPU";
        set_enabled_VGPU_types(self: Ref<Pgpu>, value: Vec<Ref<VgpuType>>) = op(POOL_OP).published("vgpu-tech-preview"), "Replace the types permitted on the GPU";
        set_GPU_group(self: Ref<Pgpu>, value: Ref<GpuGroup>) = op(POOL_OP).published("vgpu-tech-preview"), "Put the idle GPU into another group";
        get_remaining_capacity(self: Ref<Pgpu>, vgpu_type: Ref<VgpuType>) -> i64 = op(READ_ONLY).published("vgpu-tech-preview"), "Count how many more of a type fit";
        enable_dom0_access(self: Ref<Pgpu>) -> PciDom0Access = op(POOL_OP).published("cream").deprecated("24.14.0").forwarding(&["host=field:PGPU.host"]), "Former way to give the GPU back to dom0";
        disable_dom0_access(self: Ref<Pgpu>) -> PciDom0Access = op(POOL_OP).published("cream").deprecated("24.14.0").forwarding(&["host=field:PGPU.host"]), "Former way to hide the GPU from dom0";
    }
}
