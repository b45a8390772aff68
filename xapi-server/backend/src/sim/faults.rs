//! [`Faults`]: what a test wants to go wrong next.

use std::{collections::HashMap, sync::Mutex};

use xapi_schema::{Failure, Result};

/// Failures waiting for their call, by the name of the trait's method.
#[derive(Default)]
pub struct Faults {
    waiting: Mutex<HashMap<&'static str, Vec<Failure>>>,
}

impl Faults {
    /// The next call of this method fails with this.
    pub fn fail_next(&self, method: &'static str, failure: Failure) {
        self.waiting.lock().unwrap_or_else(|e| e.into_inner()).entry(method).or_default().push(failure);
    }

    /// Fails if a test asked for it.
    pub(super) fn check(&self, method: &'static str) -> Result<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(|e| e.into_inner());
        match waiting.get_mut(method) {
            Some(failures) if !failures.is_empty() => Err(failures.remove(0)),
            _ => Ok(()),
        }
    }
}
