//! [`Clock`]: the only way this crate learns what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use xapi_schema::DateTime;

/// A source of wall time.
pub trait Clock: Send + Sync + 'static {
    /// Seconds since 1970, with fraction.
    fn now(&self) -> f64;

    /// Now as the API writes it: UTC, whole seconds.
    fn date(&self) -> DateTime {
        DateTime::from_unix(self.now() as i64)
    }
}

/// The machine's own clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> f64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }
}
