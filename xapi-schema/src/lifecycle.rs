//! When a class, field or method appeared, changed and went away.

/// One step of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Tried out, may change without notice.
    Prototyped,
    /// Part of the stable API.
    Published,
    /// Gained values or meaning.
    Extended,
    /// Changed meaning.
    Changed,
    /// Still works, should not be used.
    Deprecated,
    /// Answers MESSAGE_REMOVED or stays at its default.
    Removed,
}

/// Where a life stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Never appeared in a release.
    Unreleased,
    /// Tried out.
    Prototyped,
    /// Stable.
    Published,
    /// On the way out.
    Deprecated,
    /// Gone.
    Removed,
}

/// Up to four transitions with the release each happened in.
#[derive(Debug, Clone, Copy)]
pub struct Lifecycle([Option<(Transition, &'static str)>; 4]);

impl Lifecycle {
    /// No transition yet.
    pub const EMPTY: Lifecycle = Lifecycle([None; 4]);

    /// Appends a transition.
    pub const fn then(mut self, transition: Transition, release: &'static str) -> Lifecycle {
        let mut i = 0;
        while self.0[i].is_some() {
            i += 1;
        }
        self.0[i] = Some((transition, release));
        self
    }

    /// The transitions in order.
    pub fn iter(&self) -> impl Iterator<Item = (Transition, &'static str)> + '_ {
        self.0.iter().flatten().copied()
    }

    /// Where it stands after the last transition.
    pub fn state(&self) -> State {
        self.iter().fold(State::Unreleased, |state, (transition, _)| match transition {
            Transition::Prototyped => State::Prototyped,
            Transition::Published => State::Published,
            Transition::Extended | Transition::Changed => state,
            Transition::Deprecated => State::Deprecated,
            Transition::Removed => State::Removed,
        })
    }

    /// The release it was deprecated in.
    pub fn deprecated_since(&self) -> Option<&'static str> {
        self.iter().find(|(t, _)| *t == Transition::Deprecated).map(|(_, release)| release)
    }
}

/// Generates the builder methods every table line offers for its lifecycle.
macro_rules! lifecycle_builders {
    () => {
        /// Tried out since a release.
        pub const fn prototyped(mut self, release: &'static str) -> Self {
            self.lifecycle = self.lifecycle.then($crate::Transition::Prototyped, release);
            self
        }
        /// Stable since a release.
        pub const fn published(mut self, release: &'static str) -> Self {
            self.lifecycle = self.lifecycle.then($crate::Transition::Published, release);
            self
        }
        /// Gained values in a release.
        pub const fn extended(mut self, release: &'static str) -> Self {
            self.lifecycle = self.lifecycle.then($crate::Transition::Extended, release);
            self
        }
        /// Changed meaning in a release.
        pub const fn changed(mut self, release: &'static str) -> Self {
            self.lifecycle = self.lifecycle.then($crate::Transition::Changed, release);
            self
        }
        /// Deprecated in a release.
        pub const fn deprecated(mut self, release: &'static str) -> Self {
            self.lifecycle = self.lifecycle.then($crate::Transition::Deprecated, release);
            self
        }
        /// Removed in a release.
        pub const fn removed(mut self, release: &'static str) -> Self {
            self.lifecycle = self.lifecycle.then($crate::Transition::Removed, release);
            self
        }
    };
}
pub(crate) use lifecycle_builders;
