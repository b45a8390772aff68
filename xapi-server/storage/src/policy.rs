//! What the records say about how an SR may be treated. Asked anew before each change, so that a key set by hand
//! counts at once. Never cached, never written.

use xapi_schema::{Failure, errors};

/// The key of `SR.other_config` that guards an SR: set when a host is adopted, removed when the adoption is final.
pub const GUARDED: &str = "xennix:guarded";

/// How an SR may be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SrPolicy {
    /// Nothing but guests' own writes (and making room for them) may change what is in it.
    pub guarded: bool,
    /// Garbage may be collected: removed, and merged.
    pub collect: bool,
    /// Inner nodes may be merged.
    pub coalesce: bool,
    /// Leaves may be merged.
    pub leaf_coalesce: bool,
}

impl Default for SrPolicy {
    fn default() -> Self {
        SrPolicy { guarded: false, collect: true, coalesce: true, leaf_coalesce: true }
    }
}

impl SrPolicy {
    /// From `other_config` of an SR, by the original stack's keys and our own.
    pub fn of<'a>(other_config: impl IntoIterator<Item = (&'a str, &'a str)>) -> SrPolicy {
        let mut policy = SrPolicy::default();
        for (key, value) in other_config {
            let off = value == "false";
            match key {
                GUARDED => policy.guarded = !off,
                "gc" => policy.collect = !off,
                "coalesce" => policy.coalesce = !off,
                "leaf-coalesce" => policy.leaf_coalesce = !off,
                _ => {}
            }
        }
        policy
    }

    /// May anything be collected at all?
    pub fn may_collect(&self) -> bool {
        self.collect && !self.guarded
    }

    /// Refuses a change of a guarded SR.
    ///
    /// # Errors
    /// OPERATION_NOT_ALLOWED with what to do about it.
    pub fn assert_changeable(&self, sr: &str) -> Result<(), Failure> {
        if self.guarded { Err(refusal(sr, "")) } else { Ok(()) }
    }
}

fn refusal(sr: &str, first: &str) -> Failure {
    let told = format!(
        "{first}The storage repository {sr} is guarded: it was taken over from another stack and may still go back. \
         Remove the key {GUARDED} from its other_config to allow changes."
    );
    errors::OPERATION_NOT_ALLOWED.with([told])
}

/// Refuses what would change something in a guarded SR, and says what that is.
pub fn untouchable(sr: &str, why: &str) -> Failure {
    refusal(sr, &format!("Refused: {why}. "))
}

/// Answers from the records.
pub trait Policies: Send + Sync + 'static {
    /// How the SR of this uuid may be treated.
    fn sr(&self, uuid: &str) -> SrPolicy;
    /// The same for one volume: `gc`, `coalesce` and `leaf-coalesce` of `VDI.other_config`.
    fn volume(&self, sr: &str, location: &str) -> SrPolicy;
}

/// Everything is allowed; for tests and tools.
pub struct Free;

impl Policies for Free {
    fn sr(&self, _: &str) -> SrPolicy {
        SrPolicy::default()
    }

    fn volume(&self, _: &str, _: &str) -> SrPolicy {
        SrPolicy::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_both_stacks_count() {
        assert_eq!(SrPolicy::of([]), SrPolicy::default());
        let guarded = SrPolicy::of([(GUARDED, "true")]);
        assert!(guarded.guarded && !guarded.may_collect());
        assert!(guarded.assert_changeable("s").is_err());
        assert!(SrPolicy::of([(GUARDED, "")]).guarded, "a key without a value still guards");
        assert!(!SrPolicy::of([(GUARDED, "false")]).guarded);
        assert!(!SrPolicy::of([("gc", "false")]).may_collect());
        let some = SrPolicy::of([("leaf-coalesce", "false"), ("auto-scan", "false")]);
        assert!(some.may_collect() && some.coalesce && !some.leaf_coalesce);
    }
}
