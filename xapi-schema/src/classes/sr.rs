//! `SR`: A storage repository: a place where disks are kept, run by a driver.

use crate::classes::prelude::*;

class! {
    Sr "SR" "A storage repository: a place where disks are kept, run by a driver" = table(Some(POOL_OP)).published("rio");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier, recorded on the storage too";
        name_label: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name shown to people, not required to be unique";
        name_description: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Free text telling what is stored here";
        allowed_operations: Vec<StorageOperations> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Operations that could start on this SR right now";
        current_operations: Map<String, StorageOperations> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Operations under way, keyed by the task that runs each";
        VDIs: Vec<Ref<Vdi>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Vdi, "SR", Holds::Many, Holds::One), "Disks the SR holds";
        PBDs: Vec<Ref<Pbd>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Pbd, "SR", Holds::Many, Holds::One), "Connections through which hosts reach the SR";
        virtual_allocation: i64 = dynamic_ro(POOL_OP).published("rio"), "Sum of the sizes promised to disks, in bytes";
        physical_utilisation: i64 = dynamic_ro(POOL_OP).published("rio"), "Bytes in use on the storage";
        physical_size: i64 = static_ro(POOL_OP).published("rio"), "Capacity of the storage, in bytes";
        r#type: String = static_ro(POOL_OP).published("rio"), "Name of the driver, such as lvm, ext or nfs";
        content_type: String = static_ro(POOL_OP).published("rio"), "What kind of images it holds; iso for CD libraries";
        shared: bool = dynamic_ro(POOL_OP).published("rio"), "True if every host of the pool can reach it";
        other_config: Map<String, String> = rw(POOL_OP).published("rio").map_keys(&[("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP)]), "Free key-value pairs; some keys steer the toolstack";
        tags: Vec<String> = rw(VM_OP).default(Default::Set(&[])).published("orlando"), "Words users attach for sorting and searching";
        default_vdi_visibility: bool = dynamic_ro(POOL_OP).published("rio").not_in_record().internal(), "Value of managed for newly found disks";
        sm_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Details the storage driver keeps for itself";
        blobs: Map<String, Ref<Blob>> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("orlando"), "Binary objects attached to the SR, by name";
        local_cache_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("cowley"), "True if a host keeps IntelliCache files here";
        introduced_by: Ref<DrTask> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("boston").relation(ClassId::DrTask, "introduced_SRs", Holds::One, Holds::Many), "DR task that brought the SR in, null otherwise";
        clustered: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("dundee"), "True if it joins local disks of several hosts";
        is_tools_sr: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("dundee"), "True for the SR with the guest tools image";
    }

    methods {
        create(host: Ref<Host>, device_config: Map<String, String>, physical_size: i64, name_label: String, name_description: String, type: String, content_type: String, shared: bool, sm_config: Map<String, String> = opt(Default::Map(&[])).since("miami")) -> Ref<Sr> = op(POOL_OP).published("rio").errors(&["SR_UNKNOWN_DRIVER"]).forwarding(&["host=param:host"]), "Format storage as a new SR and connect the hosts to it";
        introduce(uuid: String, name_label: String, name_description: String, type: String, content_type: String, shared: bool, sm_config: Map<String, String> = opt(Default::Map(&[])).since("miami")) -> Ref<Sr> = op(POOL_OP).published("rio"), "Add a row for an SR that already exists, without connecting hosts";
        make(host: Ref<Host>, device_config: Map<String, String>, physical_size: i64, name_label: String, name_description: String, type: String, content_type: String, sm_config: Map<String, String> = opt(Default::Map(&[])).since("miami")) -> String = op(POOL_OP).published("rio").deprecated("miami").forwarding(&["host=param:host"]), "Former way to format storage without adding a row";
        destroy(sr: Ref<Sr>) = op(POOL_OP).published("rio").errors(&["SR_HAS_PBD"]).forwarding(&["pbd_host_of_sr", "every_pbd_host_of_sr"]).guards(&[&["sr", "destroy", "param:sr"]]), "Wipe the SR from its storage and delete the row";
        forget(sr: Ref<Sr>) = op(POOL_OP).published("rio").errors(&["SR_HAS_PBD"]).forwarding(&["every_pbd_host_of_sr"]).guards(&[&["sr", "forget", "param:sr"]]), "Delete the row; disks stay on the storage";
        update(sr: Ref<Sr>) = op(POOL_OP).published("symc").forwarding(&["pbd_host_of_sr"]), "Have the driver refresh sizes and names";
        get_supported_types() -> Vec<String> = op(READ_ONLY).published("rio").sync(), "List the drivers that are installed";
        scan(sr: Ref<Sr>) = op(VM_POWER_ADMIN).published("rio").forwarding(&["pbd_host_of_sr"]).guards(&[&["sr", "scan", "param:sr"]]), "Bring the rows of disks into line with the storage";
        probe(host: Ref<Host> = req().since("rio"), device_config: Map<String, String> = req().since("rio"), type: String, sm_config: Map<String, String> = opt(Default::Map(&[]))) -> String = op(POOL_OP).published("miami").forwarding(&["host=param:host"]), "Look for existing SRs with this driver; returns driver text";
        probe_ext(host: Ref<Host>, device_config: Map<String, String>, type: String, sm_config: Map<String, String> = opt(Default::Map(&[]))) -> Vec<Rec<ProbeResult>> = op(POOL_OP).prototyped("kolkata").published("lima").forwarding(&["host=param:host"]), "Look for existing SRs with this driver; returns records";
        set_shared(sr: Ref<Sr>, value: bool) = op(POOL_OP).published("rio"), "Mark the SR as reachable from every host, or not";
        set_name_label(sr: Ref<Sr>, value: String) = op(POOL_OP).published("rio").forwarding(&["pbd_host_of_sr"]), "Rename the SR, in the storage too";
        set_name_description(sr: Ref<Sr>, value: String) = op(POOL_OP).published("rio").forwarding(&["pbd_host_of_sr"]), "Change the description, in the storage too";
        create_new_blob(sr: Ref<Sr>, name: String, mime_type: String, public: bool = opt(Default::Bool(false)).since("tampa")) -> Ref<Blob> = op(POOL_OP).published("orlando"), "Attach an empty binary object to the SR";
        set_physical_size(self: Ref<Sr>, value: i64) = op(POOL_OP).published("miami").sync(), "Record the capacity in bytes";
        set_virtual_allocation(self: Ref<Sr>, value: i64) = op(NOBODY).published("miami").sync().hidden(), "Record the bytes promised to disks";
        set_physical_utilisation(self: Ref<Sr>, value: i64) = op(NOBODY).published("miami").sync().hidden(), "Record the bytes in use";
        assert_can_host_ha_statefile(sr: Ref<Sr>) = op(POOL_OP).published("orlando"), "Fail unless HA can keep a state file here";
        assert_supports_database_replication(sr: Ref<Sr>) = op(POOL_OP).published("boston"), "Fail unless a copy of the database can be kept here";
        enable_database_replication(sr: Ref<Sr>) = op(POOL_OP).published("boston"), "Keep a copy of the pool database here";
        disable_database_replication(sr: Ref<Sr>) = op(POOL_OP).published("boston"), "Stop keeping a copy of the pool database here";
        get_data_sources(sr: Ref<Sr>) -> Vec<Rec<DataSource>> = op(READ_ONLY).published("dundee").sync().forwarding(&["pbd_host_of_sr"]), "List the RRD data sources of the SR";
        record_data_source(sr: Ref<Sr>, data_source: String) = op(POOL_OP).published("dundee").sync().forwarding(&["pbd_host_of_sr"]), "Begin keeping history for one data source";
        query_data_source(sr: Ref<Sr>, data_source: String) -> f64 = op(READ_ONLY).published("dundee").sync().forwarding(&["pbd_host_of_sr"]), "Read the newest value of one data source";
        forget_data_source_archives(sr: Ref<Sr>, data_source: String) = op(POOL_OP).published("dundee").sync().forwarding(&["pbd_host_of_sr"]), "Delete the stored history of one data source";
        get_live_hosts(sr: Ref<Sr>) -> Vec<Ref<Host>> = op(POOL_OP).published("stockholm").hidden(), "List live hosts with a plugged PBD";
    }
}

api_enum! {
    StorageOperations "storage_operations" "Operations that can be allowed or under way on an SR" {
        Scan = "scan" "Reading which disks exist",
        Destroy = "destroy" "Wiping the SR from its storage",
        Forget = "forget" "Deleting only the row",
        Plug = "plug" "Connecting a host",
        Unplug = "unplug" "Disconnecting a host",
        Update = "update" "Refreshing sizes and names",
        VdiCreate = "vdi_create" "Creating a disk",
        VdiIntroduce = "vdi_introduce" "Adding a row for an existing disk",
        VdiDestroy = "vdi_destroy" "Deleting a disk",
        VdiResize = "vdi_resize" "Changing the size of a detached disk",
        VdiClone = "vdi_clone" "Making a writable copy of a disk",
        VdiSnapshot = "vdi_snapshot" "Taking a snapshot of a disk",
        VdiMirror = "vdi_mirror" "Mirroring a disk to another SR",
        VdiEnableCbt = "vdi_enable_cbt" "Starting changed-block tracking for a disk",
        VdiDisableCbt = "vdi_disable_cbt" "Stopping changed-block tracking for a disk",
        VdiDataDestroy = "vdi_data_destroy" "Erasing a snapshot's contents",
        VdiListChangedBlocks = "vdi_list_changed_blocks" "Comparing the blocks of two disks",
        VdiSetOnBoot = "vdi_set_on_boot" "Choosing a disk's fate at boot",
        VdiBlocked = "vdi_blocked" "Holding back work on a disk",
        VdiCopy = "vdi_copy" "Copying a disk's contents",
        VdiForceUnlock = "vdi_force_unlock" "Breaking a disk's storage lock",
        VdiForget = "vdi_forget" "Dropping the row of a disk",
        VdiGenerateConfig = "vdi_generate_config" "Describing how to attach a disk",
        VdiResizeOnline = "vdi_resize_online" "Changing the size of a disk in use",
        VdiUpdate = "vdi_update" "Refreshing the row of a disk",
        VdiRevert = "vdi_revert" "Putting a disk back to a snapshot",
        PbdCreate = "pbd_create" "Adding a connection for a host",
        PbdDestroy = "pbd_destroy" "Removing a host's connection",
    }
}
