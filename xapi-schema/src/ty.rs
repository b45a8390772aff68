//! [`Ty`]: the declared type of a field, parameter or result.

use std::fmt;

use crate::{Class, ClassId, EnumDef};

/// A declared type. `Secret` is text that must not be logged.
#[derive(Clone, Copy)]
pub enum Ty {
    /// Text.
    String,
    /// Text that must never be logged.
    Secret,
    /// 64-bit integer.
    Int,
    /// Double precision number.
    Float,
    /// Truth value.
    Bool,
    /// Point in time.
    DateTime,
    /// One member of an enumeration.
    Enum(&'static EnumDef),
    /// Set of a type.
    Set(&'static Ty),
    /// Map from a text-like type to any type.
    Map(&'static Ty, &'static Ty),
    /// Reference to an object.
    Ref(ClassId),
    /// A full object.
    Record(ClassId),
    /// Value or nothing.
    Option(&'static Ty),
    /// No result.
    Void,
    /// Shape is decided by the method itself (three event and extension calls).
    Any,
}

impl Ty {
    /// True for a set of references, which is how back-references are declared.
    pub fn set_of_refs(self) -> Option<ClassId> {
        match self {
            Ty::Set(Ty::Ref(class)) => Some(*class),
            _ => None,
        }
    }
}

/// Prints a type in the notation of the documentation: `string`, `VM ref set`, `(string → string) map`.
pub struct TyDisplay(pub Ty);

impl fmt::Display for TyDisplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ty::String => f.write_str("string"),
            Ty::Secret => f.write_str("secret string"),
            Ty::Int => f.write_str("int"),
            Ty::Float => f.write_str("float"),
            Ty::Bool => f.write_str("bool"),
            Ty::DateTime => f.write_str("datetime"),
            Ty::Enum(def) => f.write_str(def.name),
            Ty::Set(item) => write!(f, "{} set", TyDisplay(*item)),
            Ty::Map(key, value) => write!(f, "({} → {}) map", TyDisplay(*key), TyDisplay(*value)),
            Ty::Ref(class) => write!(f, "{} ref", Class::of(class).name),
            Ty::Record(class) => write!(f, "{} record", Class::of(class).name),
            Ty::Option(item) => write!(f, "{} option", TyDisplay(*item)),
            Ty::Void => f.write_str("void"),
            Ty::Any => f.write_str("any"),
        }
    }
}

impl fmt::Debug for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&TyDisplay(*self), f)
    }
}
