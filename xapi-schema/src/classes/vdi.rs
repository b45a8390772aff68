//! `VDI`: A virtual disk: an image that an SR stores and VBDs attach.

use crate::classes::prelude::*;

class! {
    Vdi "VDI" "A virtual disk: an image that an SR stores and VBDs attach" = table(Some(VM_ADMIN)).published("rio").creatable().notes(&[
ImplicitNote { name: "create", forwarding: &["pbd_host_of_sr"], guards: &[&["sr_andor_vdi", "sr:vdi_create"]] },
ImplicitNote { name: "destroy", forwarding: &["pbd_host_of_vdi_sr"], guards: &[&["sr_andor_vdi", "sr:vdi_destroy", "vdi:destroy"]] }]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier, usually known to the storage too";
        name_label: String = static_ro(VM_ADMIN).default(Default::Str("")).published("rio").column("name__label"), "Name shown to people, not required to be unique";
        name_description: String = static_ro(VM_ADMIN).default(Default::Str("")).published("rio").column("name__description"), "Free text telling what the disk holds";
        allowed_operations: Vec<VdiOperations> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).published("rio").volatile(), "Operations that could start on this VDI right now";
        current_operations: Map<String, VdiOperations> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("rio").volatile(), "Operations under way, keyed by the task that runs each";
        SR: Ref<Sr> = static_ro(VM_ADMIN).published("rio").relation(ClassId::Sr, "VDIs", Holds::One, Holds::Many), "Where the disk is stored";
        VBDs: Vec<Ref<Vbd>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Vbd, "VDI", Holds::Many, Holds::One), "Drives of VMs through which the disk is attached";
        crash_dumps: Vec<Ref<Crashdump>> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Crashdump, "VDI", Holds::Many, Holds::One), "Crash dump rows whose contents are in this disk";
        virtual_size: i64 = static_ro(VM_ADMIN).published("rio"), "Size the guest sees, in bytes";
        physical_utilisation: i64 = dynamic_ro(VM_ADMIN).published("rio"), "Bytes the disk takes up on the SR";
        r#type: VdiType = static_ro(VM_ADMIN).published("rio"), "Purpose the disk serves";
        sharable: bool = static_ro(VM_ADMIN).published("rio"), "True if several VMs may write to it together";
        read_only: bool = static_ro(VM_ADMIN).published("rio"), "True if it may be attached for reading only";
        other_config: Map<String, String> = rw(VM_ADMIN).published("rio").map_keys(&[("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP)]), "Free key-value pairs; some keys steer the toolstack";
        storage_lock: bool = dynamic_ro(VM_ADMIN).published("rio"), "True while a storage operation holds the disk";
        location: String = dynamic_ro(VM_ADMIN).default(Default::Str("")).published("miami"), "Name of the disk within its SR, as the driver knows it";
        managed: bool = dynamic_ro(VM_ADMIN).published("rio"), "False for hidden nodes of a disk chain, which clients may not use";
        missing: bool = dynamic_ro(VM_ADMIN).published("rio"), "True if the last scan did not find the disk on the SR";
        parent: Ref<Vdi> = dynamic_ro(VM_ADMIN).published("rio").deprecated("ely"), "Former link to another disk, always null";
        xenstore_data: Map<String, String> = rw(VM_ADMIN).default(Default::Map(&[])).published("miami"), "Keys put into xenstore for whoever attaches the disk";
        sm_config: Map<String, String> = rw(VM_ADMIN).default(Default::Map(&[])).published("miami"), "Details the storage driver keeps for itself";
        is_a_snapshot: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("orlando").tags(&["snapshots"]), "Tells snapshots from disks of their own";
        snapshot_of: Ref<Vdi> = dynamic_ro(VM_ADMIN).default(Default::Str("")).published("orlando").relation(ClassId::Vdi, "snapshots", Holds::One, Holds::Many).tags(&["snapshots"]), "Disk this snapshot was taken from";
        snapshots: Vec<Ref<Vdi>> = dynamic_ro(VM_ADMIN).published("orlando").relation(ClassId::Vdi, "snapshot_of", Holds::Many, Holds::One).tags(&["snapshots"]), "Snapshots taken of this disk";
        snapshot_time: DateTime = dynamic_ro(VM_ADMIN).default(Default::Time("19700101T00:00:00Z")).published("orlando").tags(&["snapshots"]), "When the snapshot was taken, epoch for other disks";
        tags: Vec<String> = rw(VM_OP).default(Default::Set(&[])).published("orlando"), "Words users attach for sorting and searching";
        allow_caching: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("cowley"), "True if IntelliCache may keep local copies of its blocks";
        on_boot: OnBoot = dynamic_ro(VM_ADMIN).default(Default::Str("persist")).published("cowley"), "Whether contents survive a boot of the VM";
        metadata_of_pool: Ref<Pool> = dynamic_ro(VM_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("boston").relation(ClassId::Pool, "metadata_VDIs", Holds::One, Holds::Many), "Pool whose database a metadata disk contains";
        metadata_latest: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("boston"), "True if no other metadata disk of that pool is newer";
        is_tools_iso: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("dundee"), "True for the guest tools image";
        cbt_enabled: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("inverness").tags(&["snapshots"]), "True while the SR records which blocks change";
    }

    methods {
        snapshot(vdi: Ref<Vdi>, driver_params: Map<String, String> = opt(Default::Map(&[])).since("miami")) -> Ref<Vdi> = op(VM_ADMIN).published("rio").forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_snapshot", "vdi:snapshot"]]).tags(&["snapshots"]), "Take a snapshot of the disk on the same SR";
        clone(vdi: Ref<Vdi>, driver_params: Map<String, String> = opt(Default::Map(&[])).since("miami")) -> Ref<Vdi> = op(VM_ADMIN).published("rio").forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_clone", "vdi:clone"]]).tags(&["snapshots"]), "Make a writable copy on the same SR, sharing blocks if possible";
        resize(vdi: Ref<Vdi>, size: i64) = op(VM_ADMIN).published("rio").forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_resize", "vdi:resize"]]), "Change the size of a detached disk, in bytes";
        resize_online(vdi: Ref<Vdi>, size: i64) = op(VM_ADMIN).published("rio").deprecated("inverness").removed("inverness").published("26.16.1-next").forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_resize", "vdi:resize_online"]]), "Change the size of a disk in use, in bytes";
        introduce(uuid: String = req().since("rio"), name_label: String = req().since("rio"), name_description: String = req().since("rio"), SR: Ref<Sr> = req().since("rio"), type: VdiType = req().since("rio"), sharable: bool = req().since("rio"), read_only: bool = req().since("rio"), other_config: Map<String, String> = req().since("rio"), location: String = req().since("rio"), xenstore_data: Map<String, String> = opt(Default::Map(&[])).since("rio"), sm_config: Map<String, String> = opt(Default::Map(&[])), managed: bool = opt(Default::Bool(true)).since("tampa"), virtual_size: i64 = opt(Default::Int(0)).since("tampa"), physical_utilisation: i64 = opt(Default::Int(0)).since("tampa"), metadata_of_pool: Ref<Pool> = opt(Default::Str("")).since("tampa"), is_a_snapshot: bool = opt(Default::Bool(false)).since("tampa"), snapshot_time: DateTime = opt(Default::Time("19700101T00:00:00Z")).since("tampa"), snapshot_of: Ref<Vdi> = opt(Default::Str("")).since("tampa")) -> Ref<Vdi> = op(VM_ADMIN).published("miami").errors(&["SR_OPERATION_NOT_SUPPORTED"]).forwarding(&["pbd_host_of_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_introduce"]]), "Add a row for a disk that already exists on the SR";
        pool_introduce(uuid: String = req().since("miami"), name_label: String = req().since("miami"), name_description: String = req().since("miami"), SR: Ref<Sr> = req().since("miami"), type: VdiType = req().since("miami"), sharable: bool = req().since("miami"), read_only: bool = req().since("miami"), other_config: Map<String, String> = req().since("miami"), location: String = req().since("miami"), xenstore_data: Map<String, String> = opt(Default::Map(&[])).since("miami"), sm_config: Map<String, String> = opt(Default::Map(&[])).since("miami"), managed: bool = opt(Default::Bool(true)).since("tampa"), virtual_size: i64 = opt(Default::Int(0)).since("tampa"), physical_utilisation: i64 = opt(Default::Int(0)).since("tampa"), metadata_of_pool: Ref<Pool> = opt(Default::Str("")).since("tampa"), is_a_snapshot: bool = opt(Default::Bool(false)).since("tampa"), snapshot_time: DateTime = opt(Default::Time("19700101T00:00:00Z")).since("tampa"), snapshot_of: Ref<Vdi> = opt(Default::Str("")).since("tampa"), cbt_enabled: bool = opt(Default::Bool(false)).since("inverness")) -> Ref<Vdi> = op(VM_ADMIN).published("rio").hidden(), "Have the coordinator add a row for an existing disk";
        db_introduce(uuid: String = req().since("miami"), name_label: String = req().since("miami"), name_description: String = req().since("miami"), SR: Ref<Sr> = req().since("miami"), type: VdiType = req().since("miami"), sharable: bool = req().since("miami"), read_only: bool = req().since("miami"), other_config: Map<String, String> = req().since("miami"), location: String = req().since("miami"), xenstore_data: Map<String, String> = opt(Default::Map(&[])).since("miami"), sm_config: Map<String, String> = opt(Default::Map(&[])).since("miami"), managed: bool = opt(Default::Bool(true)).since("tampa"), virtual_size: i64 = opt(Default::Int(0)).since("tampa"), physical_utilisation: i64 = opt(Default::Int(0)).since("tampa"), metadata_of_pool: Ref<Pool> = opt(Default::Str("")).since("tampa"), is_a_snapshot: bool = opt(Default::Bool(false)).since("tampa"), snapshot_time: DateTime = opt(Default::Time("19700101T00:00:00Z")).since("tampa"), snapshot_of: Ref<Vdi> = opt(Default::Str("")).since("tampa"), cbt_enabled: bool = opt(Default::Bool(false)).since("inverness")) -> Ref<Vdi> = op(NOBODY).published("rio").hidden(), "Add a row to the database without touching storage";
        db_forget(vdi: Ref<Vdi>) = op(NOBODY).published("miami").hidden(), "Remove the row without touching storage";
        update(vdi: Ref<Vdi>) = op(VM_ADMIN).published("symc").errors(&["SR_OPERATION_NOT_SUPPORTED"]).forwarding(&["pbd_host_of_sr"]).guards(&[&["sr_andor_vdi", "vdi:update"]]), "Read sizes and other facts again from the storage driver";
        copy(vdi: Ref<Vdi>, sr: Ref<Sr> = opt(Default::Str("OpaqueRef:NULL")), base_vdi: Ref<Vdi> = opt(Default::Str("OpaqueRef:NULL")).since("clearwater-felton"), into_vdi: Ref<Vdi> = opt(Default::Str("OpaqueRef:NULL")).since("clearwater-felton")) -> Ref<Vdi> = op(VM_ADMIN).published("rio").extended("cowley").extended("clearwater-felton").errors(&["VDI_READONLY", "VDI_TOO_SMALL", "VDI_NOT_SPARSE"]).forwarding(&["host_seeing_all_srs"]).guards(&[&["sr_andor_vdi", "vdi:copy"]]), "Copy all contents to a new or given disk, on any SR";
        force_unlock(vdi: Ref<Vdi>) = op(VM_ADMIN).published("rio").deprecated("miami").hidden().forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "vdi:force_unlock"]]), "Former way to break a stale storage lock";
        set_managed(self: Ref<Vdi>, value: bool) = op(NOBODY).published("rio").sync().hidden(), "Show the disk to clients or hide it";
        forget(vdi: Ref<Vdi>) = op(VM_ADMIN).published("rio").guards(&[&["sr_andor_vdi", "vdi:forget"]]), "Drop the row; the contents stay on the SR";
        set_sharable(self: Ref<Vdi>, value: bool) = op(VM_ADMIN).published("george").sync(), "Allow or forbid writing by several VMs";
        set_read_only(self: Ref<Vdi>, value: bool) = op(VM_ADMIN).published("rio").sync(), "Forbid or allow writing";
        set_missing(self: Ref<Vdi>, value: bool) = op(NOBODY).published("miami").sync().hidden(), "Record whether a scan found the disk";
        set_virtual_size(self: Ref<Vdi>, value: i64) = op(NOBODY).published("miami").sync().hidden(), "Record the size the guest sees, in bytes";
        set_physical_utilisation(self: Ref<Vdi>, value: i64) = op(NOBODY).published("miami").sync().hidden(), "Record the bytes taken up on the SR";
        set_is_a_snapshot(self: Ref<Vdi>, value: bool) = op(NOBODY).published("boston").sync().hidden(), "Record whether the disk is a snapshot";
        set_snapshot_of(self: Ref<Vdi>, value: Ref<Vdi>) = op(NOBODY).published("boston").sync().hidden(), "Record which disk a snapshot came from";
        set_snapshot_time(self: Ref<Vdi>, value: DateTime) = op(NOBODY).published("boston").sync().hidden(), "Record when a snapshot was taken";
        set_metadata_of_pool(self: Ref<Vdi>, value: Ref<Pool>) = op(NOBODY).published("boston").sync().hidden(), "Record whose database a metadata disk contains";
        set_name_label(self: Ref<Vdi>, value: String) = op(VM_ADMIN).published("rio").forwarding(&["pbd_host_of_vdi_sr"]), "Rename the disk, in the storage too";
        set_name_description(self: Ref<Vdi>, value: String) = op(VM_ADMIN).published("rio").forwarding(&["pbd_host_of_vdi_sr"]), "Change the description, in the storage too";
        generate_config(host: Ref<Host>, vdi: Ref<Vdi>) -> String = op(VM_ADMIN).published("orlando").hidden().forwarding(&["host=param:host"]).guards(&[&["sr_andor_vdi", "vdi:generate_config"]]), "Ask the driver for text to attach the disk without the toolstack";
        set_on_boot(self: Ref<Vdi>, value: OnBoot) = op(VM_ADMIN).published("cowley").forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_set_on_boot", "vdi:set_on_boot"]]), "Choose whether contents survive a boot of the VM";
        set_allow_caching(self: Ref<Vdi>, value: bool) = op(VM_ADMIN).published("cowley"), "Allow or forbid IntelliCache for the disk";
        open_database(self: Ref<Vdi>) -> Ref<Session> = op(POOL_OP).published("boston"), "Load the pool database on a metadata disk; returns a session to it";
        checksum(self: Ref<Vdi>) -> String = op(VM_ADMIN).published("boston").hidden().forwarding(&["host_seeing_vm_and_extra_srs"]), "Compute a checksum over the whole contents";
        read_database_pool_uuid(self: Ref<Vdi>) -> String = op(READ_ONLY).published("boston"), "Tell from the cache which pool's database the disk contains";
        pool_migrate(vdi: Ref<Vdi>, sr: Ref<Sr>, options: Map<String, String>) -> Ref<Vdi> = op(VM_POWER_ADMIN).published("tampa").forwarding(&["host=param:host"]).guards(&[&["vm", "migrate_send"], &["sr_andor_vdi", "vdi:mirror"]]), "Move a disk to another SR while its VM runs";
        enable_cbt(self: Ref<Vdi>) = op(VM_ADMIN).published("inverness").errors(&["SR_OPERATION_NOT_SUPPORTED", "VDI_MISSING", "SR_NOT_ATTACHED", "SR_HAS_NO_PBDS", "OPERATION_NOT_ALLOWED", "VDI_INCOMPATIBLE_TYPE", "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"]).forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_enable_cbt", "vdi:enable_cbt"]]), "Start tracking changed blocks";
        disable_cbt(self: Ref<Vdi>) = op(VM_ADMIN).published("inverness").errors(&["SR_OPERATION_NOT_SUPPORTED", "VDI_MISSING", "SR_NOT_ATTACHED", "SR_HAS_NO_PBDS", "OPERATION_NOT_ALLOWED", "VDI_INCOMPATIBLE_TYPE", "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"]).forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_disable_cbt", "vdi:disable_cbt"]]), "Stop tracking changed blocks and discard the records";
        set_cbt_enabled(self: Ref<Vdi>, value: bool) = op(NOBODY).published("inverness").hidden(), "Record whether changed blocks are tracked";
        data_destroy(self: Ref<Vdi>) = op(VM_ADMIN).published("inverness").errors(&["SR_OPERATION_NOT_SUPPORTED", "VDI_MISSING", "SR_NOT_ATTACHED", "SR_HAS_NO_PBDS", "OPERATION_NOT_ALLOWED", "VDI_INCOMPATIBLE_TYPE", "VDI_NO_CBT_METADATA", "VDI_IN_USE", "VDI_IS_A_PHYSICAL_DEVICE"]).forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_data_destroy", "vdi:data_destroy"]]), "Erase a snapshot's contents but keep its changed-block records";
        list_changed_blocks(vdi_from: Ref<Vdi>, vdi_to: Ref<Vdi>) -> String = op(VM_OP).published("inverness").errors(&["SR_OPERATION_NOT_SUPPORTED", "VDI_MISSING", "SR_NOT_ATTACHED", "SR_HAS_NO_PBDS", "VDI_IN_USE"]).forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_list_changed_blocks", "vdi:list_changed_blocks"]]), "Compare two disks; returns a base64 bitmap of 64 KiB blocks";
        get_nbd_info(self: Ref<Vdi>) -> Vec<Rec<VdiNbdServerInfo>> = op(VM_ADMIN).published("inverness").sync().errors(&["VDI_INCOMPATIBLE_TYPE"]), "List the NBD servers and certificates that export this disk";
        revert(snapshot: Ref<Vdi>) = op(VM_POWER_ADMIN).prototyped("26.16.0").errors(&["UNIMPLEMENTED_IN_SM_BACKEND"]).forwarding(&["pbd_host_of_vdi_sr"]).guards(&[&["sr_andor_vdi", "sr:vdi_revert", "vdi:revert_to"], &["sr_andor_vdi", "vdi:revert_from"]]).tags(&["snapshots"]), "Put back the contents the snapshot's disk had then";
    }
}

api_enum! {
    OnBoot "on_boot" "Fate of disk contents at VM boot" {
        Reset = "reset" "Each boot brings back the contents from when this was set",
        Persist = "persist" "Contents are kept over boots",
    }
}

api_enum! {
    VdiOperations "vdi_operations" "Operations that can be allowed or under way on a disk" {
        Clone = "clone" "Making a writable copy on the same SR",
        Copy = "copy" "Copying all contents to another disk",
        Resize = "resize" "Changing the size while detached",
        ResizeOnline = "resize_online" "Changing the size while in use",
        Snapshot = "snapshot" "Taking a disk snapshot",
        Mirror = "mirror" "Mirroring writes to another SR",
        Destroy = "destroy" "Deleting disk and contents",
        Forget = "forget" "Dropping only the row",
        Update = "update" "Reading facts from the driver again",
        ForceUnlock = "force_unlock" "Breaking a storage lock",
        GenerateConfig = "generate_config" "Describing how to attach without the toolstack",
        EnableCbt = "enable_cbt" "Starting changed-block tracking",
        DisableCbt = "disable_cbt" "Stopping changed-block tracking",
        DataDestroy = "data_destroy" "Erasing contents, keeping changed-block records",
        ListChangedBlocks = "list_changed_blocks" "Computing a changed-block bitmap",
        SetOnBoot = "set_on_boot" "Choosing the fate of contents at boot",
        Blocked = "blocked" "Waiting for other operations on the disk",
        RevertTo = "revert_to" "Going back to a snapshot's contents",
        RevertFrom = "revert_from" "Lending its contents to a revert",
    }
}

api_enum! {
    VdiType "vdi_type" "Purposes of virtual disks" {
        System = "system" "Disk an upgrade of the guest may replace",
        User = "user" "Disk whose data must be kept, the usual kind",
        Ephemeral = "ephemeral" "Scratch disk an upgrade may wipe",
        Suspend = "suspend" "Memory image of a suspended VM",
        Crashdump = "crashdump" "Memory dump of a crashed VM",
        HaStatefile = "ha_statefile" "State file of the HA daemon",
        Metadata = "metadata" "Copy of a pool database for recovery",
        RedoLog = "redo_log" "Log of recent database changes",
        Rrd = "rrd" "Archive of the SR's statistics",
        PvsCache = "pvs_cache" "Write cache of a PVS proxy",
        CbtMetadata = "cbt_metadata" "Only changed-block records; contents are erased",
    }
}
