//! `message`: message.

use crate::classes::prelude::*;

class! {
    Message "message" "message" = no_table(Some(POOL_OP)).published("orlando").kept_apart();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name: String = dynamic_ro(POOL_OP).published("rio"), "Name";
        priority: i64 = dynamic_ro(POOL_OP).published("rio"), "Priority";
        cls: Cls = dynamic_ro(POOL_OP).published("orlando").extended("1.313.0"), "Cls";
        obj_uuid: String = dynamic_ro(POOL_OP).published("rio"), "Obj uuid";
        timestamp: DateTime = dynamic_ro(POOL_OP).published("rio"), "Timestamp";
        body: String = dynamic_ro(POOL_OP).published("rio"), "Body";
    }

    methods {
        create(name: String, priority: i64, cls: Cls, obj_uuid: String, body: String) -> Ref<Message> = op(POOL_OP).published("orlando").sync(), "Create";
        destroy(self: Ref<Message>) = op(POOL_OP).published("orlando").sync(), "Destroy";
        destroy_many(messages: Vec<Ref<Message>>) = op(POOL_OP).prototyped("22.19.0"), "Destroy many";
        destroy_all(filters: Map<String, String>) = op(POOL_OP).prototyped("26.6.0"), "Destroy all";
        get(cls: Cls, obj_uuid: String, since: DateTime) -> Map<Ref<Message>, Rec<Message>> = op(READ_ONLY).published("orlando").sync(), "Get";
        get_all() -> Vec<Ref<Message>> = op(READ_ONLY).published("orlando").sync(), "Get all";
        get_since(since: DateTime) -> Map<Ref<Message>, Rec<Message>> = op(READ_ONLY).published("orlando").sync(), "Get since";
        get_record(self: Ref<Message>) -> Rec<Message> = op(READ_ONLY).published("orlando").sync(), "Get record";
        get_by_uuid(uuid: String) -> Ref<Message> = op(READ_ONLY).published("orlando").sync(), "Get by uuid";
        get_all_records() -> Map<Ref<Message>, Rec<Message>> = op(READ_ONLY).published("orlando").sync(), "Get all records";
        get_all_records_where(expr: String) -> Map<Ref<Message>, Rec<Message>> = op(READ_ONLY).published("orlando").sync(), "Get all records where";
    }
}

api_enum! {
    Cls "cls" "cls" {
        Vm = "VM" "VM",
        Host = "Host" "Host",
        Sr = "SR" "SR",
        Pool = "Pool" "Pool",
        Vmpp = "VMPP" "VMPP",
        Vmss = "VMSS" "VMSS",
        PvsProxy = "PVS_proxy" "PVS_proxy",
        Vdi = "VDI" "VDI",
        Certificate = "Certificate" "Certificate",
    }
}
