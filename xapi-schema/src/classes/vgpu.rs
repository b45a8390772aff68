//! `VGPU`: VGPU.

use crate::classes::prelude::*;

class! {
    Vgpu "VGPU" "VGPU" = table(Some(POOL_OP)).published("boston");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("boston"), "Uuid";
        VM: Ref<Vm> = dynamic_ro(POOL_OP).published("boston").relation(ClassId::Vm, "VGPUs", Holds::One, Holds::Many), "Vm";
        GPU_group: Ref<GpuGroup> = dynamic_ro(POOL_OP).published("boston").relation(ClassId::GpuGroup, "VGPUs", Holds::One, Holds::Many), "Gpu group";
        device: String = dynamic_ro(POOL_OP).default(Default::Str("0")).published("boston"), "Device";
        currently_attached: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("boston"), "Currently attached";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("boston"), "Other config";
        r#type: Ref<VgpuType> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("vgpu-tech-preview").relation(ClassId::VgpuType, "VGPUs", Holds::One, Holds::Many), "Type";
        resident_on: Ref<Pgpu> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("vgpu-tech-preview").relation(ClassId::Pgpu, "resident_VGPUs", Holds::One, Holds::Many), "Resident on";
        scheduled_to_be_resident_on: Ref<Pgpu> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("dundee"), "Scheduled to be resident on";
        compatibility_metadata: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("inverness"), "Compatibility metadata";
        extra_args: String = rw(POOL_OP).default(Default::Str("")).published("quebec"), "Extra args";
        PCI: Ref<Pci> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("quebec"), "Pci";
    }

    methods {
        create(VM: Ref<Vm>, GPU_group: Ref<GpuGroup>, device: String = opt(Default::Str("0")), other_config: Map<String, String> = opt(Default::Map(&[])), type: Ref<VgpuType> = opt(Default::Str("OpaqueRef:NULL")).since("vgpu-tech-preview")) -> Ref<Vgpu> = op(POOL_OP).published("boston"), "Create";
        destroy(self: Ref<Vgpu>) = op(POOL_OP).published("boston"), "Destroy";
        atomic_set_resident_on(self: Ref<Vgpu>, value: Ref<Pgpu>) = op(NOBODY).published("dundee").pool_internal().hidden(), "Atomic set resident on";
    }
}
