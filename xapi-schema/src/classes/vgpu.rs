//! `VGPU`: A virtual GPU of a VM, or a whole one passed through.

use crate::classes::prelude::*;

class! {
    Vgpu "VGPU" "A virtual GPU of a VM, or a whole one passed through" = table(Some(POOL_OP)).published("boston");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("boston"), "Permanent identifier of the virtual GPU";
        VM: Ref<Vm> = dynamic_ro(POOL_OP).published("boston").relation(ClassId::Vm, "VGPUs", Holds::One, Holds::Many), "The VM that has it";
        GPU_group: Ref<GpuGroup> = dynamic_ro(POOL_OP).published("boston").relation(ClassId::GpuGroup, "VGPUs", Holds::One, Holds::Many), "Group it is served from";
        device: String = dynamic_ro(POOL_OP).default(Default::Str("0")).published("boston"), "Position among the VM's GPUs";
        currently_attached: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("boston"), "True if it is connected to a domain";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("boston"), "Free key-value pairs about the virtual GPU";
        r#type: Ref<VgpuType> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("vgpu-tech-preview").relation(ClassId::VgpuType, "VGPUs", Holds::One, Holds::Many), "Size and kind of virtual GPU";
        resident_on: Ref<Pgpu> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("vgpu-tech-preview").relation(ClassId::Pgpu, "resident_VGPUs", Holds::One, Holds::Many), "Physical GPU it runs on, null when idle";
        scheduled_to_be_resident_on: Ref<Pgpu> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("dundee"), "Physical GPU reserved for a start in progress";
        compatibility_metadata: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("inverness"), "Driver data that decides where it can migrate";
        extra_args: String = rw(POOL_OP).default(Default::Str("")).published("quebec"), "Further arguments to the vGPU emulator";
        PCI: Ref<Pci> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("quebec"), "PCI function passed through for it";
    }

    methods {
        create(VM: Ref<Vm>, GPU_group: Ref<GpuGroup>, device: String = opt(Default::Str("0")), other_config: Map<String, String> = opt(Default::Map(&[])), type: Ref<VgpuType> = opt(Default::Str("OpaqueRef:NULL")).since("vgpu-tech-preview")) -> Ref<Vgpu> = op(POOL_OP).published("boston"), "Give a halted VM a virtual GPU of a type";
        destroy(self: Ref<Vgpu>) = op(POOL_OP).published("boston"), "Take the virtual GPU from the halted VM";
        atomic_set_resident_on(self: Ref<Vgpu>, value: Ref<Pgpu>) = op(NOBODY).published("dundee").pool_internal().hidden(), "Turn a reservation on a PGPU into residency in one step";
    }
}
