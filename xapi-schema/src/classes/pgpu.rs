//! `PGPU`: PGPU.

use crate::classes::prelude::*;

class! {
    Pgpu "PGPU" "PGPU" = table(Some(POOL_OP)).published("boston");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("boston"), "Uuid";
        PCI: Ref<Pci> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("boston"), "Pci";
        GPU_group: Ref<GpuGroup> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("boston").relation(ClassId::GpuGroup, "PGPUs", Holds::One, Holds::Many), "Gpu group";
        host: Ref<Host> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("boston").relation(ClassId::Host, "PGPUs", Holds::One, Holds::Many), "Host";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("boston"), "Other config";
        supported_VGPU_types: Vec<Ref<VgpuType>> = dynamic_ro(POOL_OP).published("vgpu-tech-preview").relation(ClassId::VgpuType, "supported_on_PGPUs", Holds::Many, Holds::Many), "Supported vgpu types";
        enabled_VGPU_types: Vec<Ref<VgpuType>> = dynamic_ro(POOL_OP).published("vgpu-tech-preview").relation(ClassId::VgpuType, "enabled_on_PGPUs", Holds::Many, Holds::Many), "Enabled vgpu types";
        resident_VGPUs: Vec<Ref<Vgpu>> = dynamic_ro(POOL_OP).published("vgpu-tech-preview").relation(ClassId::Vgpu, "resident_on", Holds::Many, Holds::One), "Resident vgpus";
        size: i64 = static_ro(POOL_OP).default(Default::Int(1048576)).published("vgpu-tech-preview").not_in_record().internal(), "Size";
        supported_VGPU_max_capacities: Map<Ref<VgpuType>, i64> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("vgpu-productisation"), "Supported vgpu max capacities";
        dom0_access: PciDom0Access = dynamic_ro(POOL_OP).default(Default::Str("enabled")).published("cream").deprecated("24.14.0"), "Dom0 access";
        is_system_display_device: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("cream"), "Is system display device";
        compatibility_metadata: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("inverness"), "Compatibility metadata";
    }

    methods {
        add_enabled_VGPU_types(self: Ref<Pgpu>, value: Ref<VgpuType>) = op(POOL_OP).published("vgpu-tech-preview"), "Add enabled vgpu types";
        remove_enabled_VGPU_types(self: Ref<Pgpu>, value: Ref<VgpuType>) = op(POOL_OP).published("vgpu-tech-preview"), "Remove enabled vgpu types";
        set_enabled_VGPU_types(self: Ref<Pgpu>, value: Vec<Ref<VgpuType>>) = op(POOL_OP).published("vgpu-tech-preview"), "Set enabled vgpu types";
        set_GPU_group(self: Ref<Pgpu>, value: Ref<GpuGroup>) = op(POOL_OP).published("vgpu-tech-preview"), "Set gpu group";
        get_remaining_capacity(self: Ref<Pgpu>, vgpu_type: Ref<VgpuType>) -> i64 = op(READ_ONLY).published("vgpu-tech-preview"), "Get remaining capacity";
        enable_dom0_access(self: Ref<Pgpu>) -> PciDom0Access = op(POOL_OP).published("cream").deprecated("24.14.0").forwarding(&["host=field:PGPU.host"]), "Enable dom0 access";
        disable_dom0_access(self: Ref<Pgpu>) -> PciDom0Access = op(POOL_OP).published("cream").deprecated("24.14.0").forwarding(&["host=field:PGPU.host"]), "Disable dom0 access";
    }
}
