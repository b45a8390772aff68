//! `VDI`: VDI.

use crate::classes::prelude::*;

class! {
    Vdi "VDI" "VDI" = table(Some(VM_ADMIN)).published("rio").creatable().notes(&[
ImplicitNote { name: "create", forwarding: &["pbd_host_of_sr"], guards: &[&["sr_andor_vdi", "sr:vdi_create"]] },
ImplicitNote { name: "destroy", forwarding: &["pbd_host_of_vdi_sr"], guards: &[&["sr_andor_vdi", "sr:vdi_destroy", "vdi:destroy"]] }]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name_label: String = static_ro(VM_ADMIN).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = static_ro(VM_ADMIN).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        allowed_operations: Vec<VdiOperations> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).published("rio").volatile(), "Allowed operations";
        current_operations: Map<String, VdiOperations> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("rio").volatile(), "Current operations";
        SR: Ref<Sr> = static_ro(VM_ADMIN).published("rio").relation(ClassId::Sr, "VDIs", Holds::One, Holds::Many), "Sr";
        VBDs: Vec<Ref<Vbd>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Vbd, "VDI", Holds::Many, Holds::One), "Vbds";
        crash_dumps: Vec<Ref<Crashdump>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Crashdump, "VDI", Holds::Many, Holds::One), "Crash dumps";
        virtual_size: i64 = static_ro(VM_ADMIN).published("rio"), "Virtual size";
        physical_utilisation: i64 = dynamic_ro(VM_ADMIN).published("rio"), "Physical utilisation";
        r#type: VdiType = static_ro(VM_ADMIN).published("rio"), "Type";
        sharable: bool = static_ro(VM_ADMIN).published("rio"), "Sharable";
        read_only: bool = static_ro(VM_ADMIN).published("rio"), "Read only";
        other_config: Map<String, String> = rw(VM_ADMIN).published("rio").map_keys(&[("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP)]), "Other config";
        storage_lock: bool = dynamic_ro(VM_ADMIN).published("rio"), "Storage lock";
        location: String = dynamic_ro(VM_ADMIN).default(Default::Str("")).published("miami"), "Location";
        managed: bool = dynamic_ro(VM_ADMIN).published("rio"), "Managed";
        missing: bool = dynamic_ro(VM_ADMIN).published("rio"), "Missing";
        parent: Ref<Vdi> = dynamic_ro(VM_ADMIN).published("rio").deprecated("ely"), "Parent";
        xenstore_data: Map<String, String> = rw(VM_ADMIN).default(Default::Map(&[])).published("miami"), "Xenstore data";
        sm_config: Map<String, String> = rw(VM_ADMIN).default(Default::Map(&[])).published("miami"), "Sm config";
        is_a_snapshot: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("orlando").tags(&["snapshots"]), "Is a snapshot";
        snapshot_of: Ref<Vdi> = dynamic_ro(VM_ADMIN).default(Default::Str("")).published("orlando").relation(ClassId::Vdi, "snapshots", Holds::One, Holds::Many).tags(&["snapshots"]), "Snapshot of";
        snapshots: Vec<Ref<Vdi>> = dynamic_ro(VM_ADMIN).published("orlando").relation(ClassId::Vdi, "snapshot_of", Holds::Many, Holds::One).tags(&["snapshots"]), "Snapshots";
        snapshot_time: DateTime = dynamic_ro(VM_ADMIN).default(Default::Time("19700101T00:00:00Z")).published("orlando").tags(&["snapshots"]), "Snapshot time";
        tags: Vec<String> = rw(VM_OP).default(Default::Set(&[])).published("orlando"), "Tags";
        allow_caching: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("cowley"), "Allow caching";
        on_boot: OnBoot = dynamic_ro(VM_ADMIN).default(Default::Str("persist")).published("cowley"), "On boot";
        metadata_of_pool: Ref<Pool> = dynamic_ro(VM_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("boston").relation(ClassId::Pool, "metadata_VDIs", Holds::One, Holds::Many), "Metadata of pool";
        metadata_latest: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("boston"), "Metadata latest";
        is_tools_iso: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("dundee"), "Is tools iso";
        cbt_enabled: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("inverness").tags(&["snapshots"]), "Cbt enabled";
    }

    methods {
        snapshot(vdi: Ref<Vdi>, driver_params: Map<String, String> = opt(Default::Map(&[])).since("miami")) -> Ref<Vdi> = op(VM_ADMIN).published("rio").forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_snapshot", "vdi:snapshot"]]).tags(&["snapshots"]), "Snapshot";
        clone(vdi: Ref<Vdi>, driver_params: Map<String, String> = opt(Default::Map(&[])).since("miami")) -> Ref<Vdi> = op(VM_ADMIN).published("rio").forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_clone", "vdi:clone"]]).tags(&["snapshots"]), "Clone";
        resize(vdi: Ref<Vdi>, size: i64) = op(VM_ADMIN).published("rio").forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_resize", "vdi:resize"]]), "Resize";
        resize_online(vdi: Ref<Vdi>, size: i64) = op(VM_ADMIN).published("rio").deprecated("inverness").removed("inverness").published("26.16.1-next").forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_resize", "vdi:resize_online"]]), "Resize online";
        introduce(uuid: String = req().since("rio"), name_label: String = req().since("rio"), name_description: String = req().since("rio"), SR: Ref<Sr> = req().since("rio"), type: VdiType = req().since("rio"), sharable: bool = req().since("rio"), read_only: bool = req().since("rio"), other_config: Map<String, String> = req().since("rio"), location: String = req().since("rio"), xenstore_data: Map<String, String> = opt(Default::Map(&[])).since("rio"), sm_config: Map<String, String> = opt(Default::Map(&[])), managed: bool = opt(Default::Bool(true)).since("tampa"), virtual_size: i64 = opt(Default::Int(0)).since("tampa"), physical_utilisation: i64 = opt(Default::Int(0)).since("tampa"), metadata_of_pool: Ref<Pool> = opt(Default::Str("")).since("tampa"), is_a_snapshot: bool = opt(Default::Bool(false)).since("tampa"), snapshot_time: DateTime = opt(Default::Time("19700101T00:00:00Z")).since("tampa"), snapshot_of: Ref<Vdi> = opt(Default::Str("")).since("tampa")) -> Ref<Vdi> = op(VM_ADMIN).published("miami").errors(&["SR_OPERATION_NOT_SUPPORTED"]).forwarding(&["pbd_host_of_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_introduce"]]), "Introduce";
        pool_introduce(uuid: String = req().since("miami"), name_label: String = req().since("miami"), name_description: String = req().since("miami"), SR: Ref<Sr> = req().since("miami"), type: VdiType = req().since("miami"), sharable: bool = req().since("miami"), read_only: bool = req().since("miami"), other_config: Map<String, String> = req().since("miami"), location: String = req().since("miami"), xenstore_data: Map<String, String> = opt(Default::Map(&[])).since("miami"), sm_config: Map<String, String> = opt(Default::Map(&[])).since("miami"), managed: bool = opt(Default::Bool(true)).since("tampa"), virtual_size: i64 = opt(Default::Int(0)).since("tampa"), physical_utilisation: i64 = opt(Default::Int(0)).since("tampa"), metadata_of_pool: Ref<Pool> = opt(Default::Str("")).since("tampa"), is_a_snapshot: bool = opt(Default::Bool(false)).since("tampa"), snapshot_time: DateTime = opt(Default::Time("19700101T00:00:00Z")).since("tampa"), snapshot_of: Ref<Vdi> = opt(Default::Str("")).since("tampa"), cbt_enabled: bool = opt(Default::Bool(false)).since("inverness")) -> Ref<Vdi> = op(VM_ADMIN).published("rio").hidden(), "Pool introduce";
        db_introduce(uuid: String = req().since("miami"), name_label: String = req().since("miami"), name_description: String = req().since("miami"), SR: Ref<Sr> = req().since("miami"), type: VdiType = req().since("miami"), sharable: bool = req().since("miami"), read_only: bool = req().since("miami"), other_config: Map<String, String> = req().since("miami"), location: String = req().since("miami"), xenstore_data: Map<String, String> = opt(Default::Map(&[])).since("miami"), sm_config: Map<String, String> = opt(Default::Map(&[])).since("miami"), managed: bool = opt(Default::Bool(true)).since("tampa"), virtual_size: i64 = opt(Default::Int(0)).since("tampa"), physical_utilisation: i64 = opt(Default::Int(0)).since("tampa"), metadata_of_pool: Ref<Pool> = opt(Default::Str("")).since("tampa"), is_a_snapshot: bool = opt(Default::Bool(false)).since("tampa"), snapshot_time: DateTime = opt(Default::Time("19700101T00:00:00Z")).since("tampa"), snapshot_of: Ref<Vdi> = opt(Default::Str("")).since("tampa"), cbt_enabled: bool = opt(Default::Bool(false)).since("inverness")) -> Ref<Vdi> = op(NOBODY).published("rio").hidden(), "Db introduce";
        db_forget(vdi: Ref<Vdi>) = op(NOBODY).published("miami").hidden(), "Db forget";
        update(vdi: Ref<Vdi>) = op(VM_ADMIN).published("symc").errors(&["SR_OPERATION_NOT_SUPPORTED"]).forwarding(&["pbd_host_of_sr"]).guards(&[&["sr_andor_vdi", "vdi:update"]]), "Update";
        copy(vdi: Ref<Vdi>, sr: Ref<Sr> = opt(Default::Str("OpaqueRef:NULL")), base_vdi: Ref<Vdi> = opt(Default::Str("OpaqueRef:NULL")).since("clearwater-felton"), into_vdi: Ref<Vdi> = opt(Default::Str("OpaqueRef:NULL")).since("clearwater-felton")) -> Ref<Vdi> = op(VM_ADMIN).published("rio").extended("cowley").extended("clearwater-felton").errors(&["VDI_READONLY", "VDI_TOO_SMALL", "VDI_NOT_SPARSE"]).forwarding(&["host_seeing_all_srs"]).guards(&[&["sr_andor_vdi", "vdi:copy"]]), "Copy";
        force_unlock(vdi: Ref<Vdi>) = op(VM_ADMIN).published("rio").deprecated("miami").hidden().forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "vdi:force_unlock"]]), "Force unlock";
        set_managed(self: Ref<Vdi>, value: bool) = op(NOBODY).published("rio").sync().hidden(), "Set managed";
        forget(vdi: Ref<Vdi>) = op(VM_ADMIN).published("rio").guards(&[&["sr_andor_vdi", "vdi:forget"]]), "Forget";
        set_sharable(self: Ref<Vdi>, value: bool) = op(VM_ADMIN).published("george").sync(), "Set sharable";
        set_read_only(self: Ref<Vdi>, value: bool) = op(VM_ADMIN).published("rio").sync(), "Set read only";
        set_missing(self: Ref<Vdi>, value: bool) = op(NOBODY).published("miami").sync().hidden(), "Set missing";
        set_virtual_size(self: Ref<Vdi>, value: i64) = op(NOBODY).published("miami").sync().hidden(), "Set virtual size";
        set_physical_utilisation(self: Ref<Vdi>, value: i64) = op(NOBODY).published("miami").sync().hidden(), "Set physical utilisation";
        set_is_a_snapshot(self: Ref<Vdi>, value: bool) = op(NOBODY).published("boston").sync().hidden(), "Set is a snapshot";
        set_snapshot_of(self: Ref<Vdi>, value: Ref<Vdi>) = op(NOBODY).published("boston").sync().hidden(), "Set snapshot of";
        set_snapshot_time(self: Ref<Vdi>, value: DateTime) = op(NOBODY).published("boston").sync().hidden(), "Set snapshot time";
        set_metadata_of_pool(self: Ref<Vdi>, value: Ref<Pool>) = op(NOBODY).published("boston").sync().hidden(), "Set metadata of pool";
        set_name_label(self: Ref<Vdi>, value: String) = op(VM_ADMIN).published("rio").forwarding(&["pbd_host_of_vdi_sr"]), "Set name label";
        set_name_description(self: Ref<Vdi>, value: String) = op(VM_ADMIN).published("rio").forwarding(&["pbd_host_of_vdi_sr"]), "Set name description";
        generate_config(host: Ref<Host>, vdi: Ref<Vdi>) -> String = op(VM_ADMIN).published("orlando").hidden().forwarding(&["host=param:host"]).guards(&[&["sr_andor_vdi", "vdi:generate_config"]]), "Generate config";
        set_on_boot(self: Ref<Vdi>, value: OnBoot) = op(VM_ADMIN).published("cowley").forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_set_on_boot", "vdi:set_on_boot"]]), "Set on boot";
        set_allow_caching(self: Ref<Vdi>, value: bool) = op(VM_ADMIN).published("cowley"), "Set allow caching";
        open_database(self: Ref<Vdi>) -> Ref<Session> = op(POOL_OP).published("boston"), "Open database";
        checksum(self: Ref<Vdi>) -> String = op(VM_ADMIN).published("boston").hidden().forwarding(&["host_seeing_vm_and_extra_srs"]), "Checksum";
        read_database_pool_uuid(self: Ref<Vdi>) -> String = op(READ_ONLY).published("boston"), "Read database pool uuid";
        pool_migrate(vdi: Ref<Vdi>, sr: Ref<Sr>, options: Map<String, String>) -> Ref<Vdi> = op(VM_POWER_ADMIN).published("tampa").forwarding(&["host=param:host"]).guards(&[&["vm", "migrate_send"], &["sr_andor_vdi", "vdi:mirror"]]), "Pool migrate";
        enable_cbt(self: Ref<Vdi>) = op(VM_ADMIN).published("inverness").errors(&["SR_OPERATION_NOT_SUPPORTED", "VDI_MISSING", "SR_NOT_ATTACHED", "SR_HAS_NO_PBDS", "OPERATION_NOT_ALLOWED", "VDI_INCOMPATIBLE_TYPE", "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"]).forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_enable_cbt", "vdi:enable_cbt"]]), "Enable cbt";
        disable_cbt(self: Ref<Vdi>) = op(VM_ADMIN).published("inverness").errors(&["SR_OPERATION_NOT_SUPPORTED", "VDI_MISSING", "SR_NOT_ATTACHED", "SR_HAS_NO_PBDS", "OPERATION_NOT_ALLOWED", "VDI_INCOMPATIBLE_TYPE", "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"]).forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_disable_cbt", "vdi:disable_cbt"]]), "Disable cbt";
        set_cbt_enabled(self: Ref<Vdi>, value: bool) = op(NOBODY).published("inverness").hidden(), "Set cbt enabled";
        data_destroy(self: Ref<Vdi>) = op(VM_ADMIN).published("inverness").errors(&["SR_OPERATION_NOT_SUPPORTED", "VDI_MISSING", "SR_NOT_ATTACHED", "SR_HAS_NO_PBDS", "OPERATION_NOT_ALLOWED", "VDI_INCOMPATIBLE_TYPE", "VDI_NO_CBT_METADATA", "VDI_IN_USE", "VDI_IS_A_PHYSICAL_DEVICE"]).forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_data_destroy", "vdi:data_destroy"]]), "Data destroy";
        list_changed_blocks(vdi_from: Ref<Vdi>, vdi_to: Ref<Vdi>) -> String = op(VM_OP).published("inverness").errors(&["SR_OPERATION_NOT_SUPPORTED", "VDI_MISSING", "SR_NOT_ATTACHED", "SR_HAS_NO_PBDS", "VDI_IN_USE"]).forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_list_changed_blocks", "vdi:list_changed_blocks"]]), "List changed blocks";
        get_nbd_info(self: Ref<Vdi>) -> Vec<Rec<VdiNbdServerInfo>> = op(VM_ADMIN).published("inverness").sync().errors(&["VDI_INCOMPATIBLE_TYPE"]), "Get nbd info";
        revert(snapshot: Ref<Vdi>) = op(VM_POWER_ADMIN).prototyped("26.16.0").errors(&["UNIMPLEMENTED_IN_SM_BACKEND"]).forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_revert", "vdi:revert_to"], &["sr_andor_vdi", "vdi:revert_from"]]).tags(&["snapshots"]), "Revert";
    }
}

api_enum! {
    OnBoot "on_boot" "on_boot" {
        Reset = "reset" "reset",
        Persist = "persist" "persist",
    }
}

api_enum! {
    VdiOperations "vdi_operations" "vdi_operations" {
        Clone = "clone" "clone",
        Copy = "copy" "copy",
        Resize = "resize" "resize",
        ResizeOnline = "resize_online" "resize_online",
        Snapshot = "snapshot" "snapshot",
        Mirror = "mirror" "mirror",
        Destroy = "destroy" "destroy",
        Forget = "forget" "forget",
        Update = "update" "update",
        ForceUnlock = "force_unlock" "force_unlock",
        GenerateConfig = "generate_config" "generate_config",
        EnableCbt = "enable_cbt" "enable_cbt",
        DisableCbt = "disable_cbt" "disable_cbt",
        DataDestroy = "data_destroy" "data_destroy",
        ListChangedBlocks = "list_changed_blocks" "list_changed_blocks",
        SetOnBoot = "set_on_boot" "set_on_boot",
        Blocked = "blocked" "blocked",
        RevertTo = "revert_to" "revert_to",
        RevertFrom = "revert_from" "revert_from",
    }
}

api_enum! {
    VdiType "vdi_type" "vdi_type" {
        System = "system" "system",
        User = "user" "user",
        Ephemeral = "ephemeral" "ephemeral",
        Suspend = "suspend" "suspend",
        Crashdump = "crashdump" "crashdump",
        HaStatefile = "ha_statefile" "ha_statefile",
        Metadata = "metadata" "metadata",
        RedoLog = "redo_log" "redo_log",
        Rrd = "rrd" "rrd",
        PvsCache = "pvs_cache" "pvs_cache",
        CbtMetadata = "cbt_metadata" "cbt_metadata",
    }
}
