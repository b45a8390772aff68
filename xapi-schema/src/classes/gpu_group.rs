//! `GPU_group`: GPU_group.

use crate::classes::prelude::*;

class! {
    GpuGroup "GPU_group" "GPU_group" = table(Some(POOL_OP)).published("boston");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("boston"), "Uuid";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("boston").column("name__label"), "Name label";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("boston").column("name__description"), "Name description";
        PGPUs: Vec<Ref<Pgpu>> = dynamic_ro(POOL_OP).published("boston").relation(ClassId::Pgpu, "GPU_group", Holds::Many, Holds::One), "Pgpus";
        VGPUs: Vec<Ref<Vgpu>> = dynamic_ro(POOL_OP).published("boston").relation(ClassId::Vgpu, "GPU_group", Holds::Many, Holds::One), "Vgpus";
        GPU_types: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("boston"), "Gpu types";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("boston"), "Other config";
        allocation_algorithm: AllocationAlgorithm = rw(POOL_OP).default(Default::Str("depth_first")).published("vgpu-tech-preview"), "Allocation algorithm";
        supported_VGPU_types: Vec<Ref<VgpuType>> = dynamic_ro(POOL_OP).published("vgpu-productisation").relation(ClassId::VgpuType, "supported_on_GPU_groups", Holds::Many, Holds::Many), "Supported vgpu types";
        enabled_VGPU_types: Vec<Ref<VgpuType>> = dynamic_ro(POOL_OP).published("vgpu-productisation").relation(ClassId::VgpuType, "enabled_on_GPU_groups", Holds::Many, Holds::Many), "Enabled vgpu types";
    }

    methods {
        create(name_label: String = opt(Default::Str("")), name_description: String = opt(Default::Str("")), other_config: Map<String, String> = opt(Default::Map(&[]))) -> Ref<GpuGroup> = op(POOL_OP).published("boston"), "Create";
        destroy(self: Ref<GpuGroup>) = op(POOL_OP).published("boston"), "Destroy";
        update_enabled_VGPU_types(self: Ref<GpuGroup>) = op(POOL_OP).published("vgpu-productisation").hidden(), "Update enabled vgpu types";
        update_supported_VGPU_types(self: Ref<GpuGroup>) = op(POOL_OP).published("vgpu-productisation").hidden(), "Update supported vgpu types";
        get_remaining_capacity(self: Ref<GpuGroup>, vgpu_type: Ref<VgpuType>) -> i64 = op(READ_ONLY).published("vgpu-tech-preview"), "Get remaining capacity";
    }
}

api_enum! {
    AllocationAlgorithm "allocation_algorithm" "allocation_algorithm" {
        BreadthFirst = "breadth_first" "breadth_first",
        DepthFirst = "depth_first" "depth_first",
    }
}
