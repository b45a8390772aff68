//! `VGPU_type`: A kind of virtual GPU, as the vendor defines it.

use crate::classes::prelude::*;

class! {
    VgpuType "VGPU_type" "A kind of virtual GPU, as the vendor defines it" = table(Some(POOL_OP)).published("vgpu-tech-preview");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("vgpu-tech-preview"), "Permanent identifier of the type";
        vendor_name: String = static_ro(POOL_OP).default(Default::Str("")).published("vgpu-tech-preview"), "Name of the GPU's vendor";
        model_name: String = static_ro(POOL_OP).default(Default::Str("")).published("vgpu-tech-preview"), "Name of the type";
        framebuffer_size: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("vgpu-tech-preview"), "Video memory in bytes";
        max_heads: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("vgpu-tech-preview"), "Most screens one virtual GPU drives";
        max_resolution_x: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("vgpu-productisation"), "Widest screen in pixels";
        max_resolution_y: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("vgpu-productisation"), "Tallest screen in pixels";
        size: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("vgpu-tech-preview").not_in_record().internal(), "Capacity units one virtual GPU uses up";
        supported_on_PGPUs: Vec<Ref<Pgpu>> = dynamic_ro(POOL_OP).published("vgpu-tech-preview").relation(ClassId::Pgpu, "supported_VGPU_types", Holds::Many, Holds::Many), "GPUs whose hardware can provide the type";
        enabled_on_PGPUs: Vec<Ref<Pgpu>> = dynamic_ro(POOL_OP).published("vgpu-tech-preview").relation(ClassId::Pgpu, "enabled_VGPU_types", Holds::Many, Holds::Many), "GPUs where the type is permitted";
        VGPUs: Vec<Ref<Vgpu>> = dynamic_ro(POOL_OP).published("vgpu-tech-preview").relation(ClassId::Vgpu, "type", Holds::Many, Holds::One), "Virtual GPUs of the type";
        internal_config: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).published("vgpu-tech-preview").not_in_record().internal(), "Settings for the vendor's emulator";
        supported_on_GPU_groups: Vec<Ref<GpuGroup>> = dynamic_ro(POOL_OP).published("vgpu-productisation").relation(ClassId::GpuGroup, "supported_VGPU_types", Holds::Many, Holds::Many), "Groups with a member that can provide the type";
        enabled_on_GPU_groups: Vec<Ref<GpuGroup>> = dynamic_ro(POOL_OP).published("vgpu-productisation").relation(ClassId::GpuGroup, "enabled_VGPU_types", Holds::Many, Holds::Many), "Groups with a member that permits the type";
        implementation: VgpuTypeImplementation = static_ro(POOL_OP).default(Default::Str("passthrough")).published("dundee"), "Technique behind the virtual GPU";
        identifier: String = static_ro(POOL_OP).default(Default::Str("")).published("dundee"), "Text that tells types apart over upgrades";
        experimental: bool = static_ro(POOL_OP).default(Default::Bool(false)).published("dundee"), "True if the type is not fully supported";
        compatible_types_in_vm: Vec<Ref<VgpuType>> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("quebec").plain_refs(), "Types one VM may have beside this one";
        compatible_types_on_pgpu: Vec<Ref<VgpuType>> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("quebec").not_in_record().internal().plain_refs(), "Types that may share a physical GPU with this one";
    }

    methods {
    }
}

api_enum! {
    VgpuTypeImplementation "vgpu_type_implementation" "Techniques behind virtual GPUs" {
        Passthrough = "passthrough" "The whole PCI device goes to the VM",
        Nvidia = "nvidia" "NVIDIA vGPU without virtual functions",
        NvidiaSriov = "nvidia_sriov" "NVIDIA vGPU on SR-IOV virtual functions",
        GvtG = "gvt_g" "Mediated Intel graphics",
        Mxgpu = "mxgpu" "AMD graphics on SR-IOV virtual functions",
    }
}
