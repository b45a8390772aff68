//! `message`: A lasting notice about an object, meant for administrators.

use crate::classes::prelude::*;

class! {
    Message "message" "A lasting notice about an object, meant for administrators" = no_table(Some(POOL_OP)).published("orlando").kept_apart();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the message";
        name: String = dynamic_ro(POOL_OP).published("rio"), "Kind of notice, such as VM_STARTED";
        priority: i64 = dynamic_ro(POOL_OP).published("rio"), "Urgency from 1, the highest, to 5";
        cls: Cls = dynamic_ro(POOL_OP).published("orlando").extended("1.313.0"), "What kind of object is concerned";
        obj_uuid: String = dynamic_ro(POOL_OP).published("rio"), "Identifier of the object concerned";
        timestamp: DateTime = dynamic_ro(POOL_OP).published("rio"), "When the message was written";
        body: String = dynamic_ro(POOL_OP).published("rio"), "Details as text, often XML";
    }

    methods {
        create(name: String, priority: i64, cls: Cls, obj_uuid: String, body: String) -> Ref<Message> = op(POOL_OP).published("orlando").sync(), "Write a message about an existing object";
        destroy(self: Ref<Message>) = op(POOL_OP).published("orlando").sync(), "Delete one message";
        destroy_many(messages: Vec<Ref<Message>>) = op(POOL_OP).prototyped("22.19.0"), "Delete the given messages";
        destroy_all(filters: Map<String, String>) = op(POOL_OP).prototyped("26.6.0"), "Delete the messages that match the filters";
        get(cls: Cls, obj_uuid: String, since: DateTime) -> Map<Ref<Message>, Rec<Message>> = op(READ_ONLY).published("orlando").sync(), "Read messages about one object since a time";
        get_all() -> Vec<Ref<Message>> = op(READ_ONLY).published("orlando").sync(), "List references of all messages";
        get_since(since: DateTime) -> Map<Ref<Message>, Rec<Message>> = op(READ_ONLY).published("orlando").sync(), "Read messages about any object since a time";
        get_record(self: Ref<Message>) -> Rec<Message> = op(READ_ONLY).published("orlando").sync(), "Read one message in full";
        get_by_uuid(uuid: String) -> Ref<Message> = op(READ_ONLY).published("orlando").sync(), "Find a message by its identifier";
        get_all_records() -> Map<Ref<Message>, Rec<Message>> = op(READ_ONLY).published("orlando").sync(), "Read every message in full";
        get_all_records_where(expr: String) -> Map<Ref<Message>, Rec<Message>> = op(READ_ONLY).published("orlando").sync(), "Read messages in full; the expression is not evaluated";
    }
}

api_enum! {
    Cls "cls" "Classes a message can concern" {
        Vm = "VM" "A guest, template or snapshot",
        Host = "Host" "A machine of the pool",
        Sr = "SR" "A place where disks are kept",
        Pool = "Pool" "The pool as such",
        Vmpp = "VMPP" "A former protection policy",
        Vmss = "VMSS" "A snapshot schedule",
        PvsProxy = "PVS_proxy" "A PVS proxy",
        Vdi = "VDI" "A single disk image",
        Certificate = "Certificate" "A TLS certificate",
    }
}
