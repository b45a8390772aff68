//! [`Faults`]: what a test wants to go wrong next.

use std::{collections::HashMap, sync::Mutex};

use xapi_schema::{Failure, Result};

/// Outcomes waiting for their call, by the name of the trait's method.
#[derive(Default)]
pub struct Faults {
    waiting: Mutex<HashMap<&'static str, Vec<Option<Failure>>>>,
}

impl Faults {
    /// The next call of this method fails with this.
    pub fn fail_next(&self, method: &'static str, failure: Failure) {
        self.next(method, Some(failure));
    }

    /// The next call of this method works; for faults that shall come later.
    pub fn pass_next(&self, method: &'static str) {
        self.next(method, None);
    }

    fn next(&self, method: &'static str, outcome: Option<Failure>) {
        self.waiting.lock().unwrap_or_else(|e| e.into_inner()).entry(method).or_default().push(outcome);
    }

    /// How many calls of this method a test waits for still.
    pub fn left(&self, method: &'static str) -> usize {
        self.waiting.lock().unwrap_or_else(|e| e.into_inner()).get(method).map_or(0, Vec::len)
    }

    /// Fails if a test asked for it.
    pub(super) fn check(&self, method: &'static str) -> Result<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(|e| e.into_inner());
        match waiting.get_mut(method) {
            Some(outcomes) if !outcomes.is_empty() => match outcomes.remove(0) {
                Some(failure) => Err(failure),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
