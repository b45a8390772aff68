//! What administrators are told of failed logins: one message an hour, with the busiest sources first.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use xapi_schema::{
    DateTime,
    classes::{Cls, Pool, pool},
};
use xapi_store::Read;

use crate::{
    Peer, Xapi,
    handlers::message::{self, Note},
};

/// Seconds between two messages.
const PERIOD: i64 = 3_600;
/// Sources named in a message.
const NAMED: usize = 3;
/// Sources told apart; all others are only counted.
const MOST: usize = 1_000;

/// Who failed to log in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailedLogin {
    /// As whom.
    pub user: String,
    /// Program, by its own account.
    pub originator: String,
    /// Where from.
    pub peer: Peer,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    number: u64,
    last: DateTime,
}

#[derive(Debug, Default)]
struct Hour {
    known: BTreeMap<FailedLogin, Count>,
    others: u64,
    reported: Option<DateTime>,
}

/// Failed logins since the last message.
#[derive(Debug, Default)]
pub struct FailedLogins {
    hour: Mutex<Hour>,
}

impl FailedLogins {
    /// Counts one.
    pub fn note(&self, failure: FailedLogin, now: DateTime) {
        let mut hour = self.hour.lock().unwrap_or_else(|e| e.into_inner());
        hour.reported.get_or_insert(now);
        if hour.known.len() >= MOST && !hour.known.contains_key(&failure) {
            hour.others += 1;
            return;
        }
        let count = hour.known.entry(failure).or_insert(Count { number: 0, last: now });
        count.number += 1;
        count.last = now;
    }

    /// The text of a message that is due, and a new beginning.
    fn take(&self, now: DateTime) -> Option<String> {
        let mut hour = self.hour.lock().unwrap_or_else(|e| e.into_inner());
        let due = hour.reported.is_some_and(|since| now.unix() - since.unix() >= PERIOD);
        if !due || hour.known.is_empty() {
            return None;
        }
        let Hour { known, others, .. } = std::mem::take(&mut *hour);
        Some(body(known, others))
    }
}

fn escaped(text: &str) -> String {
    let plain = crate::audit::plain(text);
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn body(known: BTreeMap<FailedLogin, Count>, others: u64) -> String {
    let total = known.values().map(|count| count.number).sum::<u64>() + others;
    let mut sorted: Vec<_> = known.into_iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(count.number));
    let mut text = format!("<body><total>{total}</total>");
    for (who, count) in sorted.iter().take(NAMED) {
        text += &format!(
            "<known><username>{}</username><originator>{}</originator><ip>{}</ip><number>{}</number><date>{}</date></known>",
            escaped(&who.user),
            escaped(&who.originator),
            who.peer,
            count.number,
            count.last
        );
    }
    if others > 0 {
        text += &format!("<unknown>{others}</unknown>");
    }
    text + "</body>"
}

/// Writes the message of the last hour when it is due; called by the collector.
pub async fn report(xapi: &Arc<Xapi>) {
    let now = xapi.clock.date();
    let Some(body) = xapi.sessions.failed.take(now) else { return };
    let told = xapi.store.commit(move |tx| {
        for this in tx.all::<Pool>() {
            let note = Note {
                name: "FAILED_LOGIN_ATTEMPTS".into(),
                priority: 3,
                cls: Cls::Pool,
                obj_uuid: tx.get(&this, pool::uuid)?,
                body: body.clone(),
            };
            message::write(tx, &note, now)?;
        }
        Ok(())
    });
    if let Err(failure) = told.await {
        tracing::warn!(%failure, "failed logins could not be told of");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_an_hour_names_the_busiest() {
        let failed = FailedLogins::default();
        let at = DateTime::from_unix;
        assert_eq!(failed.take(at(10_000)), None);
        let who = |user: &str| FailedLogin {
            user: user.into(),
            originator: String::new(),
            peer: Peer::Network([10, 0, 0, 1].into()),
        };
        for (user, times) in [("a", 1), ("b<\n", 3), ("c", 2), ("d", 2)] {
            (0..times).for_each(|_| failed.note(who(user), at(100)));
        }
        assert_eq!(failed.take(at(100 + PERIOD - 1)), None, "not yet");
        let text = failed.take(at(100 + PERIOD)).unwrap();
        assert!(text.starts_with("<body><total>8</total><known><username>b&lt;?</username>"), "{text}");
        assert_eq!(text.matches("<known>").count(), NAMED);
        assert_eq!(failed.take(at(100_000)), None, "each is told once");
    }

    #[test]
    fn memory_is_bounded() {
        let failed = FailedLogins::default();
        for n in 0..MOST + 5 {
            let user = n.to_string();
            failed.note(FailedLogin { user, originator: String::new(), peer: Peer::Local }, DateTime::EPOCH);
        }
        let text = failed.take(DateTime::from_unix(PERIOD)).unwrap();
        assert!(text.contains("<total>1005</total>") && text.contains("<unknown>5</unknown>"), "{text}");
    }
}
