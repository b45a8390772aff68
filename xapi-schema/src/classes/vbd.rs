//! `VBD`: VBD.

use crate::classes::prelude::*;

class! {
    Vbd "VBD" "VBD" = table(Some(VM_ADMIN)).published("rio").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        allowed_operations: Vec<VbdOperations> = dynamic_ro(VM_ADMIN).default(Default::Set(&[])).published("rio").volatile(), "Allowed operations";
        current_operations: Map<String, VbdOperations> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("rio").volatile(), "Current operations";
        VM: Ref<Vm> = static_ro(VM_ADMIN).published("rio").relation(ClassId::Vm, "VBDs", Holds::One, Holds::Many), "Vm";
        VDI: Ref<Vdi> = static_ro(VM_ADMIN).published("rio").relation(ClassId::Vdi, "VBDs", Holds::One, Holds::Many), "Vdi";
        device: String = static_ro(VM_ADMIN).default(Default::Str("")).published("rio").changed("1.257.0"), "Device";
        userdevice: String = rw(VM_ADMIN).published("rio"), "Userdevice";
        bootable: bool = rw(VM_ADMIN).published("rio"), "Bootable";
        mode: VbdMode = static_ro(VM_ADMIN).published("rio"), "Mode";
        r#type: VbdType = rw(VM_ADMIN).published("rio"), "Type";
        unpluggable: bool = rw(VM_ADMIN).default(Default::Bool(true)).published("miami"), "Unpluggable";
        storage_lock: bool = dynamic_ro(VM_ADMIN).published("rio"), "Storage lock";
        empty: bool = static_ro(VM_ADMIN).published("rio"), "Empty";
        reserved: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("rio").not_in_record().internal(), "Reserved";
        other_config: Map<String, String> = rw(VM_ADMIN).published("rio"), "Other config";
        currently_attached: bool = static_ro(VM_ADMIN).default(Default::Bool(false)).published("rio").changed("1.257.0"), "Currently attached";
        status_code: i64 = dynamic_ro(VM_ADMIN).published("rio"), "Status code";
        status_detail: String = dynamic_ro(VM_ADMIN).published("rio"), "Status detail";
        runtime_properties: Map<String, String> = dynamic_ro(VM_ADMIN).published("rio"), "Runtime properties";
        qos_algorithm_type: String = rw(VM_ADMIN).published("rio").column("qos__algorithm_type"), "Qos algorithm type";
        qos_algorithm_params: Map<String, String> = rw(VM_ADMIN).published("rio").column("qos__algorithm_params"), "Qos algorithm params";
        qos_supported_algorithms: Vec<String> = dynamic_ro(VM_ADMIN).published("rio").column("qos__supported_algorithms"), "Qos supported algorithms";
        metrics: Ref<VbdMetrics> = dynamic_ro(VM_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("rio").deprecated("tampa").removed("tampa"), "Metrics";
    }

    methods {
        eject(vbd: Ref<Vbd>) = op(VM_OP).published("rio").errors(&["VBD_NOT_REMOVABLE_MEDIA", "VBD_IS_EMPTY"]).forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "eject"]]), "Eject";
        insert(vbd: Ref<Vbd>, vdi: Ref<Vdi>) = op(VM_OP).published("rio").errors(&["VBD_NOT_REMOVABLE_MEDIA", "VBD_NOT_EMPTY"]).forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "insert"]]), "Insert";
        plug(self: Ref<Vbd>) = op(VM_ADMIN).published("rio").forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "plug"]]), "Plug";
        unplug(self: Ref<Vbd>) = op(VM_ADMIN).published("rio").errors(&["DEVICE_DETACH_REJECTED", "DEVICE_ALREADY_DETACHED"]).forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "unplug"]]), "Unplug";
        unplug_force(self: Ref<Vbd>) = op(VM_ADMIN).published("rio").forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "unplug_force"]]), "Unplug force";
        unplug_force_no_safety_check(self: Ref<Vbd>) = op(VM_ADMIN).published("symc").deprecated("ely").hidden().forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "unplug_force"]]), "Unplug force no safety check";
        assert_attachable(self: Ref<Vbd>) = op(VM_ADMIN).published("rio"), "Assert attachable";
        pause(self: Ref<Vbd>) -> String = op(VM_ADMIN).published("symc").hidden().forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "pause"]]), "Pause";
        unpause(self: Ref<Vbd>, token: String = opt(Default::Str("")).since("orlando")) = op(VM_ADMIN).published("symc").hidden().forwarding(&["vm_resident_host_of_vbd"]).guards(&[&["vbd", "unpause"]]), "Unpause";
        set_mode(self: Ref<Vbd>, value: VbdMode) = op(VM_ADMIN).published("rio"), "Set mode";
    }
}

api_enum! {
    VbdMode "vbd_mode" "vbd_mode" {
        Ro = "RO" "RO",
        Rw = "RW" "RW",
    }
}

api_enum! {
    VbdOperations "vbd_operations" "vbd_operations" {
        Attach = "attach" "attach",
        Eject = "eject" "eject",
        Insert = "insert" "insert",
        Plug = "plug" "plug",
        Unplug = "unplug" "unplug",
        UnplugForce = "unplug_force" "unplug_force",
        Pause = "pause" "pause",
        Unpause = "unpause" "unpause",
    }
}

api_enum! {
    VbdType "vbd_type" "vbd_type" {
        Cd = "CD" "CD",
        Disk = "Disk" "Disk",
        Floppy = "Floppy" "Floppy",
    }
}
