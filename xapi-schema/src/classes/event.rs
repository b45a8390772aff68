//! `event`: notice that a database row was added, changed or deleted.

use crate::classes::prelude::*;

class! {
    Event "event" "Notice that a database row was added, changed or deleted" = no_table(Some(POOL_ADMIN)).published("rio").no_task();

    fields {
        id: i64 = static_ro(NOBODY).no_writers().published("rio"), "Position in the queue, rising";
        timestamp: DateTime = static_ro(NOBODY).no_writers().published("rio").deprecated("boston"), "Former time of the change";
        class: String = static_ro(NOBODY).no_writers().published("rio"), "Class of the row, in lower case";
        operation: EventOperation = static_ro(NOBODY).no_writers().published("rio"), "What happened to the row";
        r#ref: String = static_ro(NOBODY).no_writers().published("rio"), "Reference of the row";
        obj_uuid: String = static_ro(NOBODY).no_writers().published("rio").deprecated("boston"), "Former copy of the row's uuid";
    }

    methods {
        register(classes: Vec<String>) = op(READ_ONLY).published("rio").deprecated("boston"), "Former subscription of the session to some classes";
        unregister(classes: Vec<String>) = op(READ_ONLY).published("rio").deprecated("boston"), "Former end of a subscription";
        next() -> Value = op(READ_ONLY).published("rio").deprecated("boston").sync().errors(&["SESSION_NOT_REGISTERED", "EVENTS_LOST", "EVENT_SUBSCRIPTION_PARSE_FAILURE"]), "Former wait for events of subscribed classes";
        from(classes: Vec<String>, token: String, timeout: f64) -> Value = op(READ_ONLY).published("boston").sync().errors(&["EVENT_FROM_TOKEN_PARSE_FAILURE", "EVENT_SUBSCRIPTION_PARSE_FAILURE"]), "Wait for changes after a token; returns them with a new token";
        get_current_id() -> i64 = op(READ_ONLY).published("rio").sync(), "Read the newest number of the old queue";
        inject(class: String, ref: String) -> String = op(READ_ONLY).published("tampa").sync(), "Fake a change of a row; returns a token preceding it";
    }
}

api_enum! {
    #[exact]
    EventOperation "event_operation" "What happened to a row" {
        Add = "add" "The row is new",
        Del = "del" "The row is gone",
        Mod = "mod" "Some field has changed",
    }
}
