//! `SR`: SR.

use crate::classes::prelude::*;

class! {
    Sr "SR" "SR" = table(Some(POOL_OP)).published("rio");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name_label: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        allowed_operations: Vec<StorageOperations> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Allowed operations";
        current_operations: Map<String, StorageOperations> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Current operations";
        VDIs: Vec<Ref<Vdi>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Vdi, "SR", Holds::Many, Holds::One), "Vdis";
        PBDs: Vec<Ref<Pbd>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Pbd, "SR", Holds::Many, Holds::One), "Pbds";
        virtual_allocation: i64 = dynamic_ro(POOL_OP).published("rio"), "Virtual allocation";
        physical_utilisation: i64 = dynamic_ro(POOL_OP).published("rio"), "Physical utilisation";
        physical_size: i64 = static_ro(POOL_OP).published("rio"), "Physical size";
        r#type: String = static_ro(POOL_OP).published("rio"), "Type";
        content_type: String = static_ro(POOL_OP).published("rio"), "Content type";
        shared: bool = dynamic_ro(POOL_OP).published("rio"), "Shared";
        other_config: Map<String, String> = rw(POOL_OP).published("rio").map_keys(&[("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP)]), "Other config";
        tags: Vec<String> = rw(VM_OP).default(Default::Set(&[])).published("orlando"), "Tags";
        default_vdi_visibility: bool = dynamic_ro(POOL_OP).published("rio").not_in_record().internal(), "Default vdi visibility";
        sm_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Sm config";
        blobs: Map<String, Ref<Blob>> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("orlando"), "Blobs";
        local_cache_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("cowley"), "Local cache enabled";
        introduced_by: Ref<DrTask> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("boston").relation(ClassId::DrTask, "introduced_SRs", Holds::One, Holds::Many), "Introduced by";
        clustered: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("dundee"), "Clustered";
        is_tools_sr: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("dundee"), "Is tools sr";
    }

    methods {
        create(host: Ref<Host>, device_config: Map<String, String>, physical_size: i64, name_label: String, name_description: String, type: String, content_type: String, shared: bool, sm_config: Map<String, String> = opt(Default::Map(&[])).since("miami")) -> Ref<Sr> = op(POOL_OP).published("rio").errors(&["SR_UNKNOWN_DRIVER"]).forwarding(&["host=param:host"]), "Create";
        introduce(uuid: String, name_label: String, name_description: String, type: String, content_type: String, shared: bool, sm_config: Map<String, String> = opt(Default::Map(&[])).since("miami")) -> Ref<Sr> = op(POOL_OP).published("rio"), "Introduce";
        make(host: Ref<Host>, device_config: Map<String, String>, physical_size: i64, name_label: String, name_description: String, type: String, content_type: String, sm_config: Map<String, String> = opt(Default::Map(&[])).since("miami")) -> String = op(POOL_OP).published("rio").deprecated("miami").forwarding(&["host=param:host"]), "Make";
        destroy(sr: Ref<Sr>) = op(POOL_OP).published("rio").errors(&["SR_HAS_PBD"]).forwarding(&["pbd_host_of_sr", "every_pbd_host_of_sr"]).guards(&[&["sr", "destroy", "param:sr"]]), "Destroy";
        forget(sr: Ref<Sr>) = op(POOL_OP).published("rio").errors(&["SR_HAS_PBD"]).forwarding(&["every_pbd_host_of_sr"]).guards(&[&["sr", "forget", "param:sr"]]), "Forget";
        update(sr: Ref<Sr>) = op(POOL_OP).published("symc").forwarding(&["pbd_host_of_sr"]), "Update";
        get_supported_types() -> Vec<String> = op(READ_ONLY).published("rio").sync(), "Get supported types";
        scan(sr: Ref<Sr>) = op(VM_POWER_ADMIN).published("rio").forwarding(&["pbd_host_of_sr"]).guards(&[&["sr", "scan", "param:sr"]]), "Scan";
        probe(host: Ref<Host> = req().since("rio"), device_config: Map<String, String> = req().since("rio"), type: String, sm_config: Map<String, String> = opt(Default::Map(&[]))) -> String = op(POOL_OP).published("miami").forwarding(&["host=param:host"]), "Probe";
        probe_ext(host: Ref<Host>, device_config: Map<String, String>, type: String, sm_config: Map<String, String> = opt(Default::Map(&[]))) -> Vec<Rec<ProbeResult>> = op(POOL_OP).prototyped("kolkata").published("lima").forwarding(&["host=param:host"]), "Probe ext";
        set_shared(sr: Ref<Sr>, value: bool) = op(POOL_OP).published("rio"), "Set shared";
        set_name_label(sr: Ref<Sr>, value: String) = op(POOL_OP).published("rio").forwarding(&["pbd_host_of_sr"]), "Set name label";
        set_name_description(sr: Ref<Sr>, value: String) = op(POOL_OP).published("rio").forwarding(&["pbd_host_of_sr"]), "Set name description";
        create_new_blob(sr: Ref<Sr>, name: String, mime_type: String, public: bool = opt(Default::Bool(false)).since("tampa")) -> Ref<Blob> = op(POOL_OP).published("orlando"), "Create new blob";
        set_physical_size(self: Ref<Sr>, value: i64) = op(POOL_OP).published("miami").sync(), "Set physical size";
        set_virtual_allocation(self: Ref<Sr>, value: i64) = op(NOBODY).published("miami").sync().hidden(), "Set virtual allocation";
        set_physical_utilisation(self: Ref<Sr>, value: i64) = op(NOBODY).published("miami").sync().hidden(), "Set physical utilisation";
        assert_can_host_ha_statefile(sr: Ref<Sr>) = op(POOL_OP).published("orlando"), "Assert can host ha statefile";
        assert_supports_database_replication(sr: Ref<Sr>) = op(POOL_OP).published("boston"), "Assert supports database replication";
        enable_database_replication(sr: Ref<Sr>) = op(POOL_OP).published("boston"), "Enable database replication";
        disable_database_replication(sr: Ref<Sr>) = op(POOL_OP).published("boston"), "Disable database replication";
        get_data_sources(sr: Ref<Sr>) -> Vec<Rec<DataSource>> = op(READ_ONLY).published("dundee").sync().forwarding(&["pbd_host_of_sr"]), "Get data sources";
        record_data_source(sr: Ref<Sr>, data_source: String) = op(POOL_OP).published("dundee").sync().forwarding(&["pbd_host_of_sr"]), "Record data source";
        query_data_source(sr: Ref<Sr>, data_source: String) -> f64 = op(READ_ONLY).published("dundee").sync().forwarding(&["pbd_host_of_sr"]), "Query data source";
        forget_data_source_archives(sr: Ref<Sr>, data_source: String) = op(POOL_OP).published("dundee").sync().forwarding(&["pbd_host_of_sr"]), "Forget data source archives";
        get_live_hosts(sr: Ref<Sr>) -> Vec<Ref<Host>> = op(POOL_OP).published("stockholm").hidden(), "Get live hosts";
    }
}

api_enum! {
    StorageOperations "storage_operations" "storage_operations" {
        Scan = "scan" "scan",
        Destroy = "destroy" "destroy",
        Forget = "forget" "forget",
        Plug = "plug" "plug",
        Unplug = "unplug" "unplug",
        Update = "update" "update",
        VdiCreate = "vdi_create" "vdi_create",
        VdiIntroduce = "vdi_introduce" "vdi_introduce",
        VdiDestroy = "vdi_destroy" "vdi_destroy",
        VdiResize = "vdi_resize" "vdi_resize",
        VdiClone = "vdi_clone" "vdi_clone",
        VdiSnapshot = "vdi_snapshot" "vdi_snapshot",
        VdiMirror = "vdi_mirror" "vdi_mirror",
        VdiEnableCbt = "vdi_enable_cbt" "vdi_enable_cbt",
        VdiDisableCbt = "vdi_disable_cbt" "vdi_disable_cbt",
        VdiDataDestroy = "vdi_data_destroy" "vdi_data_destroy",
        VdiListChangedBlocks = "vdi_list_changed_blocks" "vdi_list_changed_blocks",
        VdiSetOnBoot = "vdi_set_on_boot" "vdi_set_on_boot",
        VdiBlocked = "vdi_blocked" "vdi_blocked",
        VdiCopy = "vdi_copy" "vdi_copy",
        VdiForceUnlock = "vdi_force_unlock" "vdi_force_unlock",
        VdiForget = "vdi_forget" "vdi_forget",
        VdiGenerateConfig = "vdi_generate_config" "vdi_generate_config",
        VdiResizeOnline = "vdi_resize_online" "vdi_resize_online",
        VdiUpdate = "vdi_update" "vdi_update",
        VdiRevert = "vdi_revert" "vdi_revert",
        PbdCreate = "pbd_create" "pbd_create",
        PbdDestroy = "pbd_destroy" "pbd_destroy",
    }
}
