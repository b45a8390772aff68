//! `event`: event.

use crate::classes::prelude::*;

class! {
    Event "event" "event" = no_table(Some(POOL_ADMIN)).published("rio").no_task();

    fields {
        id: i64 = static_ro(NOBODY).no_writers().published("rio"), "Id";
        timestamp: DateTime = static_ro(NOBODY).no_writers().published("rio").deprecated("boston"), "Timestamp";
        class: String = static_ro(NOBODY).no_writers().published("rio"), "Class";
        operation: EventOperation = static_ro(NOBODY).no_writers().published("rio"), "Operation";
        r#ref: String = static_ro(NOBODY).no_writers().published("rio"), "Ref";
        obj_uuid: String = static_ro(NOBODY).no_writers().published("rio").deprecated("boston"), "Obj uuid";
    }

    methods {
        register(classes: Vec<String>) = op(READ_ONLY).published("rio").deprecated("boston"), "Register";
        unregister(classes: Vec<String>) = op(READ_ONLY).published("rio").deprecated("boston"), "Unregister";
        next() -> Value = op(READ_ONLY).published("rio").deprecated("boston").sync().errors(&["SESSION_NOT_REGISTERED", "EVENTS_LOST", "EVENT_SUBSCRIPTION_PARSE_FAILURE"]), "Next";
        from(classes: Vec<String>, token: String, timeout: f64) -> Value = op(READ_ONLY).published("boston").sync().errors(&["EVENT_FROM_TOKEN_PARSE_FAILURE", "EVENT_SUBSCRIPTION_PARSE_FAILURE"]), "From";
        get_current_id() -> i64 = op(READ_ONLY).published("rio").sync(), "Get current id";
        inject(class: String, ref: String) -> String = op(READ_ONLY).published("tampa").sync(), "Inject";
    }
}

api_enum! {
    #[exact]
    EventOperation "event_operation" "event_operation" {
        Add = "add" "add",
        Del = "del" "del",
        Mod = "mod" "mod",
    }
}
