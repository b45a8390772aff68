//! [`Ref`]: an opaque reference, typed by the class it points to.

use std::{fmt, marker::PhantomData};

use arcstr::{ArcStr, literal};

/// The text of the null reference.
pub const NULL_REF: ArcStr = literal!("OpaqueRef:NULL");

/// A reference to an object of class `C`. Says nothing about whether the object exists.
pub struct Ref<C>(ArcStr, PhantomData<fn() -> C>);

impl<C> Ref<C> {
    /// Wraps any text; clients may send arbitrary ones and some fields keep them.
    pub fn new(text: impl Into<ArcStr>) -> Self {
        Ref(text.into(), PhantomData)
    }

    /// The null reference.
    pub fn null() -> Self {
        Ref::new(NULL_REF)
    }

    /// Null, or the empty text some clients send instead.
    pub fn is_null(&self) -> bool {
        self.0 == NULL_REF || self.0.is_empty()
    }

    /// The text as it travels.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The shared text as it travels.
    pub fn text(&self) -> &ArcStr {
        &self.0
    }

    /// `None` for the null reference.
    pub fn not_null(self) -> Option<Self> {
        (!self.is_null()).then_some(self)
    }
}

impl<C> Clone for Ref<C> {
    fn clone(&self) -> Self {
        Ref::new(self.0.clone())
    }
}

impl<C> PartialEq for Ref<C> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<C> Eq for Ref<C> {}

impl<C> PartialOrd for Ref<C> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<C> Ord for Ref<C> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<C> std::hash::Hash for Ref<C> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<C> fmt::Debug for Ref<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<C> fmt::Display for Ref<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<C> From<Ref<C>> for String {
    fn from(reference: Ref<C>) -> String {
        reference.0.to_string()
    }
}

impl<C> From<&Ref<C>> for String {
    fn from(reference: &Ref<C>) -> String {
        reference.0.to_string()
    }
}
