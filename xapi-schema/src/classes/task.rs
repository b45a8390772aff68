//! `task`: A call in progress or just finished, with its outcome.

use crate::classes::prelude::*;

class! {
    Task "task" "A call in progress or just finished, with its outcome" = table(Some(POOL_OP)).published("rio").volatile().no_task();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the task";
        name_label: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Short name, usually the method called";
        name_description: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Free text telling what the task does";
        allowed_operations: Vec<TaskAllowedOperations> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Whether it can be cancelled or destroyed now";
        current_operations: Map<String, TaskAllowedOperations> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Operations under way on the task itself";
        created: DateTime = dynamic_ro(POOL_OP).published("rio"), "When the task began";
        finished: DateTime = dynamic_ro(POOL_OP).published("rio"), "When the task ended, epoch if it has not";
        status: TaskStatusType = dynamic_ro(POOL_OP).published("rio"), "How far along or how it ended";
        session: Ref<Session> = dynamic_ro(POOL_OP).published("rio").not_in_record().internal().relation(ClassId::Session, "tasks", Holds::One, Holds::Many), "Session that made the call";
        resident_on: Ref<Host> = dynamic_ro(POOL_OP).published("rio"), "Host that carries the task out";
        progress: f64 = dynamic_ro(POOL_OP).published("rio"), "Estimated share done, from 0 to 1";
        externalpid: i64 = dynamic_ro(POOL_OP).published("rio").not_in_record().internal(), "Process in dom0 that does the work, -1 if none";
        stunnelpid: i64 = dynamic_ro(POOL_OP).published("rio").deprecated("boston").not_in_record().internal(), "Former process number of the TLS helper, -1 if none";
        forwarded: bool = dynamic_ro(POOL_OP).published("rio").not_in_record().internal(), "True if the call was passed on to another host";
        forwarded_to: Ref<Host> = dynamic_ro(POOL_OP).published("rio").not_in_record().internal(), "Host the call was passed on to";
        r#type: String = dynamic_ro(POOL_OP).published("rio"), "Encoding of the result";
        result: String = dynamic_ro(POOL_OP).published("rio"), "Encoded answer of the call; empty unless successful";
        error_info: Vec<String> = dynamic_ro(POOL_OP).published("rio"), "Error code and parameters; empty unless failed";
        other_config: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("miami").map_keys(&[("applies_to", VM_OP), ("XenCenterUUID", VM_OP), ("XenCenterMeddlingActionTitle", VM_OP)]), "Free key-value pairs; some keys steer the toolstack";
        subtask_of: Ref<Task> = dynamic_ro(POOL_OP).default(Default::Str("")).published("orlando").relation(ClassId::Task, "subtasks", Holds::One, Holds::Many), "Task that waits for this one";
        subtasks: Vec<Ref<Task>> = dynamic_ro(POOL_OP).published("orlando").relation(ClassId::Task, "subtask_of", Holds::Many, Holds::One), "Tasks this one waits for";
        backtrace: String = dynamic_ro(POOL_OP).default(Default::Str("()")).published("dundee"), "Internal trace of the failure, for debugging";
    }

    methods {
        create(label: String, description: String) -> Ref<Task> = op(READ_ONLY).published("rio").sync(), "Open a task by hand, to be completed by its maker";
        destroy(self: Ref<Task>) = op(READ_ONLY).published("rio").sync(), "Delete the task row";
        cancel(task: Ref<Task>) = op(READ_ONLY).published("rio").errors(&["OPERATION_NOT_ALLOWED"]).forwarding(&["host=field:Task.forwarded_to"]), "Ask the task to stop at the next safe point";
        set_status(self: Ref<Task>, value: TaskStatusType) = op(READ_ONLY).published("falcon").sync(), "Record the state of a task made by hand";
        set_progress(self: Ref<Task>, value: f64) = op(READ_ONLY).published("stockholm").sync(), "Record the share done, from 0 to 1";
        set_result(self: Ref<Task>, value: String) = op(READ_ONLY).published("21.3.0").sync(), "Record the answer of a task made by hand";
        set_error_info(self: Ref<Task>, value: Vec<String>) = op(READ_ONLY).published("21.3.0").sync(), "Record the error of a task made by hand";
        add_to_other_config(self: Ref<Task>, key: String, value: String) = op(READ_ONLY).prototyped("25.8.0").map_keys(&[("applies_to", VM_OP), ("XenCenterUUID", VM_OP), ("XenCenterMeddlingActionTitle", VM_OP)]), "Add one pair to other_config, checking rights for the key";
        remove_from_other_config(self: Ref<Task>, key: String) = op(READ_ONLY).prototyped("25.8.0").map_keys(&[("applies_to", VM_OP), ("XenCenterUUID", VM_OP), ("XenCenterMeddlingActionTitle", VM_OP)]), "Drop one key of other_config, checking rights for it";
        set_other_config(self: Ref<Task>, value: Map<String, String>) = op(READ_ONLY).prototyped("25.8.0"), "Replace other_config, checking rights for changed keys";
    }
}

api_enum! {
    TaskAllowedOperations "task_allowed_operations" "Operations that can be allowed on a task" {
        Cancel = "cancel" "Asking it to stop",
        Destroy = "destroy" "Deleting its row",
    }
}

api_enum! {
    TaskStatusType "task_status_type" "States of a task" {
        Pending = "pending" "Still at work",
        Success = "success" "Ended with a result",
        Failure = "failure" "Ended with an error",
        Cancelling = "cancelling" "Asked to stop, still winding up",
        Cancelled = "cancelled" "Stopped on request",
    }
}
