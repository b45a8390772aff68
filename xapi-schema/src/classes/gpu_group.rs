//! `GPU_group`: like GPUs of the pool, from which VGPUs are served.

use crate::classes::prelude::*;

class! {
    GpuGroup "GPU_group" "Like GPUs of the pool, from which VGPUs are served" = table(Some(POOL_OP)).published("boston");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("boston"), "Permanent identifier of the group";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("boston").column("name__label"), "Name shown to people, not required to be unique";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("boston").column("name__description"), "Free text about the group";
        PGPUs: Vec<Ref<Pgpu>> = dynamic_ro(POOL_OP).published("boston").relation(ClassId::Pgpu, "GPU_group", Holds::Many, Holds::One), "Physical GPUs in the group";
        VGPUs: Vec<Ref<Vgpu>> = dynamic_ro(POOL_OP).published("boston").relation(ClassId::Vgpu, "GPU_group", Holds::Many, Holds::One), "Virtual GPUs served from the group";
        GPU_types: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("boston"), "Hardware in the group, as vendor/device numbers";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("boston"), "Free key-value pairs about the group";
        allocation_algorithm: AllocationAlgorithm = rw(POOL_OP).default(Default::Str("depth_first")).published("vgpu-tech-preview"), "How virtual GPUs are spread over the hardware";
        supported_VGPU_types: Vec<Ref<VgpuType>> = dynamic_ro(POOL_OP).published("vgpu-productisation").relation(ClassId::VgpuType, "supported_on_GPU_groups", Holds::Many, Holds::Many), "Types at least one member can provide";
        enabled_VGPU_types: Vec<Ref<VgpuType>> = dynamic_ro(POOL_OP).published("vgpu-productisation").relation(ClassId::VgpuType, "enabled_on_GPU_groups", Holds::Many, Holds::Many), "Types at least one member permits";
    }

    methods {
        create(name_label: String = opt(Default::Str("")), name_description: String = opt(Default::Str("")), other_config: Map<String, String> = opt(Default::Map(&[]))) -> Ref<GpuGroup> = op(POOL_OP).published("boston"), "Make an empty group";
        destroy(self: Ref<GpuGroup>) = op(POOL_OP).published("boston"), "Delete a group without members";
        update_enabled_VGPU_types(self: Ref<GpuGroup>) = op(POOL_OP).published("vgpu-productisation").hidden(), "Collect the permitted types from the members again";
        update_supported_VGPU_types(self: Ref<GpuGroup>) = op(POOL_OP).published("vgpu-productisation").hidden(), "Collect the possible types from the members again";
        get_remaining_capacity(self: Ref<GpuGroup>, vgpu_type: Ref<VgpuType>) -> i64 = op(READ_ONLY).published("vgpu-tech-preview"), "Count how many more of a type the group can take";
    }
}

api_enum! {
    AllocationAlgorithm "allocation_algorithm" "Ways to spread virtual GPUs over hardware" {
        BreadthFirst = "breadth_first" "The emptiest GPU is used first",
        DepthFirst = "depth_first" "The fullest GPU is used first",
    }
}
