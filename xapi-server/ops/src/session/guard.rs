//! [`Backoff`]: slows down guessing of passwords without locking anybody out.
//!
//! Failures are counted per source and user together: all users of one Xen Orchestra share an address,
//! and everybody knows the name root. Valid sessions are never touched.

use std::{collections::HashMap, sync::Mutex};

use crate::Peer;

/// Who tries to log in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    /// Where from.
    pub peer: Peer,
    /// As whom.
    pub user: String,
}

/// Failures that are free before waiting begins.
const FREE: u32 = 5;
/// Wrong passwords from one source that make it wait behind all others.
const SUSPECT: u32 = 10;
/// Longest wait in seconds.
const LONGEST: f64 = 30.0;
/// Seconds after which a principal's failures are forgotten.
const MEMORY: f64 = 600.0;
/// Principals remembered at the most; beyond it the oldest go.
const MOST: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: f64,
}

/// Failed logins of the last while.
#[derive(Default)]
pub struct Backoff {
    failures: Mutex<HashMap<Principal, Failures>>,
}

impl Backoff {
    /// Seconds a principal still has to wait at time `now` before its next password is looked at.
    pub fn wait(&self, principal: &Principal, now: f64) -> f64 {
        let failures = self.failures.lock().unwrap_or_else(|e| e.into_inner());
        match failures.get(principal) {
            Some(f) if f.count >= FREE && (0.0..MEMORY).contains(&(now - f.last)) => {
                let pause = (2f64.powi((f.count - FREE).min(10) as i32)).min(LONGEST);
                (f.last + pause - now).max(0.0)
            }
            _ => 0.0,
        }
    }

    /// True for a source that guesses: several wrong passwords lately, of whatever users.
    pub fn is_suspect(&self, peer: &Peer, now: f64) -> bool {
        let failures = self.failures.lock().unwrap_or_else(|e| e.into_inner());
        let lately =
            failures.iter().filter(|(p, f)| p.peer == *peer && (0.0..MEMORY).contains(&(now - f.last)));
        lately.map(|(_, f)| f.count).sum::<u32>() >= SUSPECT
    }

    /// Notes a wrong password.
    pub fn failed(&self, principal: Principal, now: f64) {
        let mut failures = self.failures.lock().unwrap_or_else(|e| e.into_inner());
        if failures.len() >= MOST && !failures.contains_key(&principal) {
            failures.retain(|_, f| (0.0..MEMORY).contains(&(now - f.last)));
            if failures.len() >= MOST {
                let oldest =
                    failures.iter().min_by(|a, b| a.1.last.total_cmp(&b.1.last)).map(|(p, _)| p.clone());
                oldest.and_then(|p| failures.remove(&p));
            }
        }
        let entry = failures.entry(principal).or_insert(Failures { count: 0, last: now });
        if !(0.0..MEMORY).contains(&(now - entry.last)) {
            entry.count = 0;
        }
        entry.count = entry.count.saturating_add(1);
        entry.last = now;
    }

    /// Notes a right password.
    pub fn succeeded(&self, principal: &Principal) {
        self.failures.lock().unwrap_or_else(|e| e.into_inner()).remove(principal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(last: u8) -> Principal {
        Principal { peer: Peer::Network([10, 0, 0, last].into()), user: "root".into() }
    }

    #[test]
    fn waits_grow_and_end() {
        let backoff = Backoff::default();
        for _ in 0..FREE {
            assert_eq!(backoff.wait(&root(1), 0.0), 0.0);
            backoff.failed(root(1), 0.0);
        }
        assert_eq!(backoff.wait(&root(1), 0.0), 1.0);
        backoff.failed(root(1), 1.0);
        assert_eq!(backoff.wait(&root(1), 1.0), 2.0);
        assert_eq!(backoff.wait(&root(2), 1.0), 0.0, "another source is not slowed down");
        assert_eq!(backoff.wait(&root(1), 1.0 + MEMORY), 0.0);
        backoff.succeeded(&root(1));
        assert_eq!(backoff.wait(&root(1), 1.0), 0.0);
    }

    #[test]
    fn a_clock_that_jumps_back_locks_nobody_out() {
        let backoff = Backoff::default();
        (0..20).for_each(|_| backoff.failed(root(1), 1_000_000.0));
        assert_eq!(backoff.wait(&root(1), 0.0), 0.0);
    }

    #[test]
    fn who_tries_many_users_is_suspect_and_nobody_else() {
        let backoff = Backoff::default();
        let peer = |last: u8| Peer::Network([10, 0, 0, last].into());
        for n in 0..SUSPECT {
            assert!(!backoff.is_suspect(&peer(1), 0.0));
            backoff.failed(Principal { peer: peer(1), user: n.to_string() }, 0.0);
        }
        assert!(backoff.is_suspect(&peer(1), 0.0) && !backoff.is_suspect(&peer(2), 0.0));
        assert!(!backoff.is_suspect(&peer(1), MEMORY));
    }

    #[test]
    fn memory_is_bounded() {
        let backoff = Backoff::default();
        for n in 0..MOST + 100 {
            backoff.failed(Principal { peer: Peer::Local, user: n.to_string() }, n as f64 / 1000.0);
        }
        assert!(backoff.failures.lock().unwrap().len() <= MOST);
    }
}
