//! `console`: A text or graphical screen of a VM.

use crate::classes::prelude::*;

class! {
    Console "console" "A text or graphical screen of a VM" = table(Some(VM_ADMIN)).published("rio").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the console";
        protocol: ConsoleProtocol = dynamic_ro(VM_ADMIN).published("rio"), "How to talk to the console";
        location: String = dynamic_ro(VM_ADMIN).published("rio"), "URL where a client with a session connects";
        VM: Ref<Vm> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Vm, "consoles", Holds::One, Holds::Many), "VM whose screen it is";
        other_config: Map<String, String> = rw(VM_ADMIN).published("rio"), "Free key-value pairs about the console";
        port: i64 = rw(VM_ADMIN).published("rio").not_in_record().internal(), "Port in dom0 where the console listens";
    }

    methods {
    }
}

api_enum! {
    ConsoleProtocol "console_protocol" "Protocols of consoles" {
        Vt100 = "vt100" "Text terminal on a serial line",
        Rfb = "rfb" "Graphical screen by the VNC protocol",
        Rdp = "rdp" "Remote desktop served by a Windows guest",
    }
}
