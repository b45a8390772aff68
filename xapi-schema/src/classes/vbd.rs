//! `VBD`: A drive of a VM: the link between VM and VDI, and its settings.

use crate::classes::prelude::*;

class! {
    Vbd "VBD" "A drive of a VM: the link between VM and VDI, and its settings" = table(Some(VM_ADMIN)).published("rio").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the drive";
        allowed_operations: Vec<VbdOperations> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).published("rio").volatile(), "Operations that could start on this drive right now";
        current_operations: Map<String, VbdOperations> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("rio").volatile(), "Operations under way, keyed by the task that runs each";
        VM: Ref<Vm> = static_ro(VM_ADMIN).published("rio").relation(ClassId::Vm, "VBDs", Holds::One, Holds::Many), "The VM that has this drive";
        VDI: Ref<Vdi> = static_ro(VM_ADMIN).published("rio").relation(ClassId::Vdi, "VBDs", Holds::One, Holds::Many), "Disk in the drive, null when empty";
        device: String = static_ro(VM_ADMIN).default(Default::Str("")).published("rio").changed("1.257.0"), "Name the guest sees, such as xvda; empty until attached";
        userdevice: String = rw(VM_ADMIN).published("rio"), "Position asked for: a number or device name";
        bootable: bool = rw(VM_ADMIN).published("rio"), "True if a PV bootloader should look on this disk";
        mode: VbdMode = static_ro(VM_ADMIN).published("rio"), "Read-only or read-write access";
        r#type: VbdType = rw(VM_ADMIN).published("rio"), "Whether a disk or a CD drive";
        unpluggable: bool = rw(VM_ADMIN).default(Default::Bool(true)).published("miami"), "True if the guest can cope with hot unplug";
        storage_lock: bool = dynamic_ro(VM_ADMIN).published("rio"), "True while a storage operation holds the drive";
        empty: bool = static_ro(VM_ADMIN).published("rio"), "True for a CD drive without a disc";
        reserved: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("rio").not_in_record().internal(), "True if a domain being built claims the drive";
        other_config: Map<String, String> = rw(VM_ADMIN).published("rio"), "Free key-value pairs; some keys steer the toolstack";
        currently_attached: bool = static_ro(VM_ADMIN).default(Default::Bool(false)).published("rio").changed("1.257.0"), "True if the drive is connected to a domain";
        status_code: i64 = dynamic_ro(VM_ADMIN).published("rio"), "Outcome number of the last attach, 0 if good";
        status_detail: String = dynamic_ro(VM_ADMIN).published("rio"), "Text to go with status_code";
        runtime_properties: Map<String, String> = dynamic_ro(VM_ADMIN).published("rio"), "Facts of the device while attached";
        qos_algorithm_type: String = rw(VM_ADMIN).published("rio").column("qos__algorithm_type"), "I/O priority scheme: ionice, or empty";
        qos_algorithm_params: Map<String, String> = rw(VM_ADMIN).published("rio").column("qos__algorithm_params"), "Settings of the I/O priority scheme";
        qos_supported_algorithms: Vec<String> = dynamic_ro(VM_ADMIN).published("rio").column("qos__supported_algorithms"), "I/O priority schemes on offer for this drive";
        metrics: Ref<VbdMetrics> = dynamic_ro(VM_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("rio").deprecated("tampa").removed("tampa"), "Former link to I/O speeds; RRD data sources replaced it";
    }

    methods {
        eject(vbd: Ref<Vbd>) = op(VM_OP).published("rio").errors(&["VBD_NOT_REMOVABLE_MEDIA", "VBD_IS_EMPTY"]).forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "eject"]]), "Take the disc out of a CD drive";
        insert(vbd: Ref<Vbd>, vdi: Ref<Vdi>) = op(VM_OP).published("rio").errors(&["VBD_NOT_REMOVABLE_MEDIA", "VBD_NOT_EMPTY"]).forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "insert"]]), "Put a disc into an empty CD drive";
        plug(self: Ref<Vbd>) = op(VM_ADMIN).published("rio").forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "plug"]]), "Attach the drive to the running VM";
        unplug(self: Ref<Vbd>) = op(VM_ADMIN).published("rio").errors(&["DEVICE_DETACH_REJECTED", "DEVICE_ALREADY_DETACHED"]).forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "unplug"]]), "Detach the drive from the running VM";
        unplug_force(self: Ref<Vbd>) = op(VM_ADMIN).published("rio").forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "unplug_force"]]), "Detach even if the guest does not let go";
        unplug_force_no_safety_check(self: Ref<Vbd>) = op(VM_ADMIN).published("symc").deprecated("ely").hidden().forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "unplug_force"]]), "Former forced detach that skipped every check";
        assert_attachable(self: Ref<Vbd>) = op(VM_ADMIN).published("rio"), "Fail with the reason if the drive could not be attached";
        pause(self: Ref<Vbd>) -> String = op(VM_ADMIN).published("symc").hidden().forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "pause"]]), "Hold back I/O of an attached drive; returns a token";
        unpause(self: Ref<Vbd>, token: String = opt(Default::Str("")).since("orlando")) = op(VM_ADMIN).published("symc").hidden().forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "unpause"]]), "Resume I/O after pause, reopening the disk with its token";
        set_mode(self: Ref<Vbd>, value: VbdMode) = op(VM_ADMIN).published("rio"), "Choose read-only or read-write access while the VM is halted";
    }
}

api_enum! {
    VbdMode "vbd_mode" "Access a drive has to its disk" {
        Ro = "RO" "Reading is possible, writing is not",
        Rw = "RW" "Reading and writing are possible",
    }
}

api_enum! {
    VbdOperations "vbd_operations" "Operations that can be allowed or under way on a drive" {
        Attach = "attach" "Connecting as the VM starts",
        Eject = "eject" "Taking the disc out",
        Insert = "insert" "Putting a disc in",
        Plug = "plug" "Connecting while the VM runs",
        Unplug = "unplug" "Disconnecting while the VM runs",
        UnplugForce = "unplug_force" "Disconnecting against the guest's will",
        Pause = "pause" "Holding back I/O",
        Unpause = "unpause" "Letting I/O continue",
    }
}

api_enum! {
    VbdType "vbd_type" "Kinds of drive" {
        Cd = "CD" "Removable read-only discs, may be empty",
        Disk = "Disk" "Fixed disk, never empty",
        Floppy = "Floppy" "Floppy disk drive",
    }
}
