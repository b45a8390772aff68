//! `task`: task.

use crate::classes::prelude::*;

class! {
    Task "task" "task" = table(Some(POOL_OP)).published("rio").volatile().no_task();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name_label: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        allowed_operations: Vec<TaskAllowedOperations> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Allowed operations";
        current_operations: Map<String, TaskAllowedOperations> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Current operations";
        created: DateTime = dynamic_ro(POOL_OP).published("rio"), "Created";
        finished: DateTime = dynamic_ro(POOL_OP).published("rio"), "Finished";
        status: TaskStatusType = dynamic_ro(POOL_OP).published("rio"), "Status";
        session: Ref<Session> = dynamic_ro(POOL_OP).published("rio").not_in_record().internal().relation(ClassId::Session, "tasks", Holds::One, Holds::Many), "Session";
        resident_on: Ref<Host> = dynamic_ro(POOL_OP).published("rio"), "Resident on";
        progress: f64 = dynamic_ro(POOL_OP).published("rio"), "Progress";
        externalpid: i64 = dynamic_ro(POOL_OP).published("rio").not_in_record().internal(), "Externalpid";
        stunnelpid: i64 = dynamic_ro(POOL_OP).published("rio").deprecated("boston").not_in_record().internal(), "Stunnelpid";
        forwarded: bool = dynamic_ro(POOL_OP).published("rio").not_in_record().internal(), "Forwarded";
        forwarded_to: Ref<Host> = dynamic_ro(POOL_OP).published("rio").not_in_record().internal(), "Forwarded to";
        r#type: String = dynamic_ro(POOL_OP).published("rio"), "Type";
        result: String = dynamic_ro(POOL_OP).published("rio"), "Result";
        error_info: Vec<String> = dynamic_ro(POOL_OP).published("rio"), "Error info";
        other_config: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("miami").map_keys(&[("applies_to", VM_OP), ("XenCenterUUID", VM_OP), ("XenCenterMeddlingActionTitle", VM_OP)]), "Other config";
        subtask_of: Ref<Task> = dynamic_ro(POOL_OP).default(Default::Str("")).published("orlando").relation(ClassId::Task, "subtasks", Holds::One, Holds::Many), "Subtask of";
        subtasks: Vec<Ref<Task>> = dynamic_ro(POOL_OP).published("orlando").relation(ClassId::Task, "subtask_of", Holds::Many, Holds::One), "Subtasks";
        backtrace: String = dynamic_ro(POOL_OP).default(Default::Str("()")).published("dundee"), "Backtrace";
    }

    methods {
        create(label: String, description: String) -> Ref<Task> = op(READ_ONLY).published("rio").sync(), "Create";
        destroy(self: Ref<Task>) = op(READ_ONLY).published("rio").sync(), "Destroy";
        cancel(task: Ref<Task>) = op(READ_ONLY).published("rio").errors(&["OPERATION_NOT_ALLOWED"]).forwarding(&["host=field:Task.forwarded_to"]), "Cancel";
        set_status(self: Ref<Task>, value: TaskStatusType) = op(READ_ONLY).published("falcon").sync(), "Set status";
        set_progress(self: Ref<Task>, value: f64) = op(READ_ONLY).published("stockholm").sync(), "Set progress";
        set_result(self: Ref<Task>, value: String) = op(READ_ONLY).published("21.3.0").sync(), "Set result";
        set_error_info(self: Ref<Task>, value: Vec<String>) = op(READ_ONLY).published("21.3.0").sync(), "Set error info";
        add_to_other_config(self: Ref<Task>, key: String, value: String) = op(READ_ONLY).prototyped("25.8.0").map_keys(&[("applies_to", VM_OP), ("XenCenterUUID", VM_OP), ("XenCenterMeddlingActionTitle", VM_OP)]), "Add to other config";
        remove_from_other_config(self: Ref<Task>, key: String) = op(READ_ONLY).prototyped("25.8.0").map_keys(&[("applies_to", VM_OP), ("XenCenterUUID", VM_OP), ("XenCenterMeddlingActionTitle", VM_OP)]), "Remove from other config";
        set_other_config(self: Ref<Task>, value: Map<String, String>) = op(READ_ONLY).prototyped("25.8.0"), "Set other config";
    }
}

api_enum! {
    TaskAllowedOperations "task_allowed_operations" "task_allowed_operations" {
        Cancel = "cancel" "cancel",
        Destroy = "destroy" "destroy",
    }
}

api_enum! {
    TaskStatusType "task_status_type" "task_status_type" {
        Pending = "pending" "pending",
        Success = "success" "success",
        Failure = "failure" "failure",
        Cancelling = "cancelling" "cancelling",
        Cancelled = "cancelled" "cancelled",
    }
}
