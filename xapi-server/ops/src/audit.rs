//! One log line for each call that is more than a look: who, from where, what, and how it ended. Secrets
//! never appear.

use xapi_schema::{Message, Result, Role, Value};

use crate::{Peer, session::Session};

/// Writes the line. `args` are only looked at for methods whose arguments may be shown.
pub fn log(peer: &Peer, session: Option<&Session>, message: &Message, outcome: &Result<Value>) {
    if message.roles.contains(Role::ReadOnly) && message.session && outcome.is_ok() {
        return;
    }
    let (track, user) = match session {
        Some(session) => (session.track_id(), session.user.as_str()),
        None => (String::new(), ""),
    };
    let result = match outcome {
        Ok(_) => "OK".to_string(),
        Err(failure) => format!("ERROR:{}", failure.code),
    };
    tracing::info!(
        target: "audit",
        method = %message.name,
        %peer,
        session = %track,
        user = %plain(user),
        result = %result,
    );
}

/// Text as it may stand in a log: no line breaks, no control characters, not endless.
pub fn plain(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { '?' } else { c }).collect()
}
