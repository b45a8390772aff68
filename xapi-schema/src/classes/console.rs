//! `console`: console.

use crate::classes::prelude::*;

class! {
    Console "console" "console" = table(Some(VM_ADMIN)).published("rio").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        protocol: ConsoleProtocol = dynamic_ro(VM_ADMIN).published("rio"), "Protocol";
        location: String = dynamic_ro(VM_ADMIN).published("rio"), "Location";
        VM: Ref<Vm> = dynamic_ro(VM_ADMIN).published("rio").relation(ClassId::Vm, "consoles", Holds::One, Holds::Many), "Vm";
        other_config: Map<String, String> = rw(VM_ADMIN).published("rio"), "Other config";
        port: i64 = rw(VM_ADMIN).published("rio").not_in_record().internal(), "Port";
    }

    methods {
    }
}

api_enum! {
    ConsoleProtocol "console_protocol" "console_protocol" {
        Vt100 = "vt100" "vt100",
        Rfb = "rfb" "rfb",
        Rdp = "rdp" "rdp",
    }
}
