//! `VGPU_type`: VGPU_type.

use crate::classes::prelude::*;

class! {
    VgpuType "VGPU_type" "VGPU_type" = table(Some(POOL_OP)).published("vgpu-tech-preview");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("vgpu-tech-preview"), "Uuid";
        vendor_name: String = static_ro(POOL_OP).default(Default::Str("")).published("vgpu-tech-preview"), "Vendor name";
        model_name: String = static_ro(POOL_OP).default(Default::Str("")).published("vgpu-tech-preview"), "Model name";
        framebuffer_size: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("vgpu-tech-preview"), "Framebuffer size";
        max_heads: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("vgpu-tech-preview"), "Max heads";
        max_resolution_x: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("vgpu-productisation"), "Max resolution x";
        max_resolution_y: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("vgpu-productisation"), "Max resolution y";
        size: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("vgpu-tech-preview").not_in_record().internal(), "Size";
        supported_on_PGPUs: Vec<Ref<Pgpu>> = dynamic_ro(POOL_OP).published("vgpu-tech-preview").relation(ClassId::Pgpu, "supported_VGPU_types", Holds::Many, Holds::Many), "Supported on pgpus";
        enabled_on_PGPUs: Vec<Ref<Pgpu>> = dynamic_ro(POOL_OP).published("vgpu-tech-preview").relation(ClassId::Pgpu, "enabled_VGPU_types", Holds::Many, Holds::Many), "Enabled on pgpus";
        VGPUs: Vec<Ref<Vgpu>> = dynamic_ro(POOL_OP).published("vgpu-tech-preview").relation(ClassId::Vgpu, "type", Holds::Many, Holds::One), "Vgpus";
        internal_config: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).published("vgpu-tech-preview").not_in_record().internal(), "Internal config";
        supported_on_GPU_groups: Vec<Ref<GpuGroup>> = dynamic_ro(POOL_OP).published("vgpu-productisation").relation(ClassId::GpuGroup, "supported_VGPU_types", Holds::Many, Holds::Many), "Supported on gpu groups";
        enabled_on_GPU_groups: Vec<Ref<GpuGroup>> = dynamic_ro(POOL_OP).published("vgpu-productisation").relation(ClassId::GpuGroup, "enabled_VGPU_types", Holds::Many, Holds::Many), "Enabled on gpu groups";
        implementation: VgpuTypeImplementation = static_ro(POOL_OP).default(Default::Str("passthrough")).published("dundee"), "Implementation";
        identifier: String = static_ro(POOL_OP).default(Default::Str("")).published("dundee"), "Identifier";
        experimental: bool = static_ro(POOL_OP).default(Default::Bool(false)).published("dundee"), "Experimental";
        compatible_types_in_vm: Vec<Ref<VgpuType>> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("quebec").plain_refs(), "Compatible types in vm";
        compatible_types_on_pgpu: Vec<Ref<VgpuType>> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("quebec").not_in_record().internal().plain_refs(), "Compatible types on pgpu";
    }

    methods {
    }
}

api_enum! {
    VgpuTypeImplementation "vgpu_type_implementation" "vgpu_type_implementation" {
        Passthrough = "passthrough" "passthrough",
        Nvidia = "nvidia" "nvidia",
        NvidiaSriov = "nvidia_sriov" "nvidia_sriov",
        GvtG = "gvt_g" "gvt_g",
        Mxgpu = "mxgpu" "mxgpu",
    }
}
