//! How many sessions a principal may have. One that has too many loses its own oldest, never another's.

use std::{collections::HashMap, sync::Arc};

use xapi_schema::{DateTime, classes::session};
use xapi_store::Read;

use super::{Session, close};
use crate::Xapi;

/// Sessions one user may have open.
const PER_USER: usize = 500;
/// Sessions without user and originator, and sessions of pool members.
const ANONYMOUS: usize = 400;

/// Whose limit a session counts against.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Principal<'a> {
    Member,
    User(&'a str),
    Program(&'a str),
    Nobody,
}

fn principal(session: &Session) -> Principal<'_> {
    match (session.pool, session.user.as_str(), session.originator.as_str()) {
        (true, ..) => Principal::Member,
        (_, "", "") => Principal::Nobody,
        (_, "", originator) => Principal::Program(originator),
        (_, user, _) => Principal::User(user),
    }
}

fn most(principal: &Principal) -> usize {
    if matches!(principal, Principal::Member | Principal::Nobody) { ANONYMOUS } else { PER_USER }
}

/// One that could go.
struct Idle {
    session: Arc<Session>,
    last: DateTime,
}

/// The one to go among idle sessions of a principal: of the program that has most of them, so that one that
/// never logs out does not cost the others of the same user theirs, the least recently active.
fn victim(idle: Vec<Idle>) -> Option<Arc<Session>> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for Idle { session, .. } in &idle {
        *counts.entry(session.originator.clone()).or_default() += 1;
    }
    let crowd = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)))?.0;
    let theirs = idle.into_iter().filter(|idle| idle.session.originator == crowd);
    theirs.min_by_key(|idle| idle.last).map(|idle| idle.session)
}

/// Ends an idle session of the same principal when it has as many as it may. Busy ones are spared.
pub(super) async fn make_room(xapi: &Arc<Xapi>, new: &Session) {
    let principal = principal(new);
    let all = xapi.sessions.all();
    let crowd: Vec<_> = all.into_iter().filter(|other| self::principal(other) == principal).collect();
    if crowd.len() < most(&principal) {
        return;
    }
    let snapshot = xapi.store.snapshot();
    let idle = crowd.into_iter().filter_map(|session| {
        let record = snapshot.record(&session.reference).ok()?;
        let last = record.get(session::last_active);
        record.get(session::tasks).is_empty().then_some(Idle { session, last })
    });
    if let Some(oldest) = victim(idle.collect()) {
        close(xapi, &oldest.reference).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xapi_schema::Ref;

    fn session(reference: &str, user: &str, originator: &str) -> Session {
        Session {
            reference: Ref::new(reference),
            user: user.into(),
            originator: originator.into(),
            pool: false,
            ..Arc::unwrap_or_clone(Session::internal())
        }
    }

    #[test]
    fn a_user_is_one_principal_whatever_program_it_uses() {
        let (a, b) = (session("1", "root", "a"), session("2", "root", "b"));
        assert_eq!(principal(&a), principal(&b));
        assert_ne!(principal(&a), principal(&session("3", "ann", "a")));
        assert_ne!(principal(&session("4", "", "a")), principal(&session("5", "", "")));
        let member = Session { pool: true, ..session("6", "", "") };
        assert_eq!(most(&principal(&member)), ANONYMOUS);
    }

    #[test]
    fn the_program_with_most_sessions_loses_its_oldest() {
        let at = |second: i64| DateTime::from_unix(second);
        let idle = |reference: &str, originator: &str, last: i64| Idle {
            session: Arc::new(session(reference, "root", originator)),
            last: at(last),
        };
        let all = vec![idle("old", "quiet", 1), idle("first", "loud", 5), idle("second", "loud", 9)];
        assert_eq!(victim(all).map(|s| s.reference.to_string()), Some("first".into()));
        assert!(victim(vec![]).is_none());
    }
}
