//! `SM`: A storage driver that is installed.

use crate::classes::prelude::*;

class! {
    Sm "SM" "A storage driver that is installed" = table(Some(POOL_OP)).published("rio");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of this row";
        name_label: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name of the driver for people";
        name_description: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Text telling what storage it handles";
        r#type: String = dynamic_ro(POOL_OP).published("rio"), "SR type the driver serves";
        vendor: String = dynamic_ro(POOL_OP).published("rio"), "Maker of the driver";
        copyright: String = dynamic_ro(POOL_OP).published("rio"), "Copyright notice of the driver";
        version: String = dynamic_ro(POOL_OP).published("rio"), "Version number of the driver";
        required_api_version: String = dynamic_ro(POOL_OP).published("rio"), "Oldest storage interface version it works with";
        configuration: Map<String, String> = dynamic_ro(POOL_OP).published("rio"), "device_config keys it takes, with help texts";
        capabilities: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("miami").deprecated("clearwater"), "Former list of abilities; features replaced it";
        features: Map<String, i64> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("clearwater").changed("24.37.0"), "Abilities of the driver with their versions";
        host_pending_features: Map<Ref<Host>, Vec<String>> = dynamic_ro(POOL_OP).default(Default::Map(&[])).prototyped("24.37.0").not_in_record().internal(), "Abilities only some hosts' drivers have yet";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Free key-value pairs about the driver";
        driver_filename: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("orlando"), "Program file in dom0";
        required_cluster_stack: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("dundee"), "Cluster software it needs, any of these";
        supported_image_formats: Vec<ImageFormatType> = dynamic_ro(POOL_OP).default(Default::Set(&[])).prototyped("26.15.0"), "Disk formats it handles, the preferred first";
    }

    methods {
    }
}

api_enum! {
    ImageFormatType "image_format_type" "Formats of disk images" {
        Raw = "raw" "Plain blocks without structure",
        Vhd = "vhd" "Sparse images of the VHD kind",
        Qcow2 = "qcow2" "Sparse images of the QEMU kind",
    }
}
