//! `SM`: SM.

use crate::classes::prelude::*;

class! {
    Sm "SM" "SM" = table(Some(POOL_OP)).published("rio");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name_label: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        r#type: String = dynamic_ro(POOL_OP).published("rio"), "Type";
        vendor: String = dynamic_ro(POOL_OP).published("rio"), "Vendor";
        copyright: String = dynamic_ro(POOL_OP).published("rio"), "Copyright";
        version: String = dynamic_ro(POOL_OP).published("rio"), "Version";
        required_api_version: String = dynamic_ro(POOL_OP).published("rio"), "Required api version";
        configuration: Map<String, String> = dynamic_ro(POOL_OP).published("rio"), "Configuration";
        capabilities: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("miami").deprecated("clearwater"), "Capabilities";
        features: Map<String, i64> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("clearwater").changed("24.37.0"), "Features";
        host_pending_features: Map<Ref<Host>, Vec<String>> = dynamic_ro(POOL_OP).default(Default::Map(&[])).prototyped("24.37.0").not_in_record().internal(), "Host pending features";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Other config";
        driver_filename: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("orlando"), "Driver filename";
        required_cluster_stack: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("dundee"), "Required cluster stack";
        supported_image_formats: Vec<ImageFormatType> = dynamic_ro(POOL_OP).default(Default::Set(&[])).prototyped("26.15.0"), "Supported image formats";
    }

    methods {
    }
}

api_enum! {
    ImageFormatType "image_format_type" "image_format_type" {
        Raw = "raw" "raw",
        Vhd = "vhd" "vhd",
        Qcow2 = "qcow2" "qcow2",
    }
}
