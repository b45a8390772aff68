//! Between Rust types at the edges and dynamic [`Value`]s inside.
//!
//! [`ApiType`] says which declared [`Ty`] a Rust type stands for and how it becomes a value;
//! [`FromValue`] reads one back. Wire leniency is not here: see [`coerce`](crate::coerce).

use arcstr::ArcStr;

use crate::{ClassTag, DateTime, EnumDef, Record, Ref, Ty, Value, enums::ApiEnum};
use std::sync::Arc;

/// A Rust type that stands for a declared type.
pub trait ApiType: Sized {
    /// The declared type.
    const TY: Ty;
    /// Becomes the dynamic value.
    fn into_value(self) -> Value;
}

/// Reading a Rust type from a value that already has the right shape.
pub trait FromValue: Sized {
    /// `None` when the value has another shape.
    fn from_value(value: &Value) -> Option<Self>;
}

/// Text that must not be logged; `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretText(pub String);

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// An ordered map as the API has it: keys unique, order kept, new keys go to the front.
#[derive(Debug, Clone, PartialEq)]
pub struct Map<K, V>(pub Vec<(K, V)>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Map(Vec::new())
    }
}

impl<K: PartialEq, V> Map<K, V> {
    /// The value of a key.
    pub fn get<Q: ?Sized + PartialEq>(&self, key: &Q) -> Option<&V>
    where
        K: AsRef<Q>,
    {
        self.0.iter().find(|(k, _)| k.as_ref() == key).map(|(_, v)| v)
    }

    /// Replaces in place, or adds at the front as the original does.
    pub fn set(&mut self, key: K, value: V) {
        match self.0.iter_mut().find(|(k, _)| *k == key) {
            Some(pair) => pair.1 = value,
            None => self.0.insert(0, (key, value)),
        }
    }

    /// Removes a key; absent keys are fine.
    pub fn remove<Q: ?Sized + PartialEq>(&mut self, key: &Q)
    where
        K: AsRef<Q>,
    {
        self.0.retain(|(k, _)| k.as_ref() != key);
    }

    /// True when the key is there.
    pub fn contains<Q: ?Sized + PartialEq>(&self, key: &Q) -> bool
    where
        K: AsRef<Q>,
    {
        self.get(key).is_some()
    }
}

impl<K, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Map(pairs.into_iter().collect())
    }
}

macro_rules! scalar {
    ($rust:ty, $ty:expr, $into:expr, $from:pat => $out:expr) => {
        impl ApiType for $rust {
            const TY: Ty = $ty;
            fn into_value(self) -> Value {
                $into(self)
            }
        }
        impl FromValue for $rust {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    $from => Some($out),
                    _ => None,
                }
            }
        }
    };
}

scalar!(String, Ty::String, |s: String| Value::Str(s.into()), Value::Str(s) => s.to_string());
scalar!(ArcStr, Ty::String, Value::Str, Value::Str(s) => s.clone());
scalar!(SecretText, Ty::Secret, |s: SecretText| Value::Str(s.0.into()), Value::Str(s) => SecretText(s.to_string()));
scalar!(i64, Ty::Int, Value::Int, Value::Int(i) | Value::Count(i) => *i);
scalar!(f64, Ty::Float, Value::Float, Value::Float(x) => *x);
scalar!(bool, Ty::Bool, Value::Bool, Value::Bool(b) => *b);
scalar!(DateTime, Ty::DateTime, Value::Time, Value::Time(t) => *t);

impl ApiType for () {
    const TY: Ty = Ty::Void;
    fn into_value(self) -> Value {
        Value::EMPTY
    }
}

/// Results whose shape the method itself decides.
impl ApiType for Value {
    const TY: Ty = Ty::Any;
    fn into_value(self) -> Value {
        self
    }
}

impl FromValue for Value {
    fn from_value(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

impl<C: ClassTag> ApiType for Ref<C> {
    const TY: Ty = Ty::Ref(C::ID);
    fn into_value(self) -> Value {
        Value::Str(self.text().clone())
    }
}

impl<C: ClassTag> FromValue for Ref<C> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Str(s) => Some(Ref::new(s.clone())),
            _ => None,
        }
    }
}

/// Marker for a full object of class `C` in signatures; carries the dynamic form.
#[derive(Debug, Clone)]
pub struct Rec<C>(pub Value, std::marker::PhantomData<fn() -> C>);

impl<C> Rec<C> {
    /// From a stored record.
    pub fn stored(record: Arc<Record>) -> Self {
        Rec(Value::Record(record), std::marker::PhantomData)
    }

    /// From an anonymous struct with the class's member names.
    pub fn map(value: Value) -> Self {
        Rec(value, std::marker::PhantomData)
    }
}

impl<C: ClassTag> ApiType for Rec<C> {
    const TY: Ty = Ty::Record(C::ID);
    fn into_value(self) -> Value {
        self.0
    }
}

impl<C: ClassTag> FromValue for Rec<C> {
    fn from_value(value: &Value) -> Option<Self> {
        Some(Rec::map(value.clone()))
    }
}

impl<T: ApiType> ApiType for Vec<T> {
    const TY: Ty = Ty::Set(&T::TY);
    fn into_value(self) -> Value {
        Value::set(self.into_iter().map(ApiType::into_value))
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: &Value) -> Option<Self> {
        value.as_set()?.iter().map(T::from_value).collect()
    }
}

impl<T: ApiType> ApiType for Option<T> {
    const TY: Ty = Ty::Option(&T::TY);
    /// On the wire an option is an array of none or one.
    fn into_value(self) -> Value {
        Value::set(self.map(ApiType::into_value))
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value.as_set()? {
            [] => Some(None),
            [one] => Some(Some(T::from_value(one)?)),
            _ => None,
        }
    }
}

/// Key text of a map: text, references, enumeration members and decimal integers.
fn key_text(key: Value) -> ArcStr {
    match key {
        Value::Str(s) => s,
        Value::Int(i) => i.to_string().into(),
        other => unreachable!("a map key is text-like, not {}", other.shape()),
    }
}

fn key_value<K: ApiType>(text: &ArcStr) -> Value {
    match K::TY {
        Ty::Int => Value::Int(text.parse().unwrap_or(0)),
        _ => Value::Str(text.clone()),
    }
}

impl<K: ApiType, V: ApiType> ApiType for Map<K, V> {
    const TY: Ty = Ty::Map(&K::TY, &V::TY);
    fn into_value(self) -> Value {
        Value::map(self.0.into_iter().map(|(k, v)| (key_text(k.into_value()), v.into_value())))
    }
}

impl<K: ApiType + FromValue, V: FromValue> FromValue for Map<K, V> {
    fn from_value(value: &Value) -> Option<Self> {
        value
            .as_map()?
            .iter()
            .map(|(k, v)| Some((K::from_value(&key_value::<K>(k))?, V::from_value(v)?)))
            .collect::<Option<Vec<_>>>()
            .map(Map)
    }
}

impl<E: ApiEnum> ApiType for E {
    const TY: Ty = Ty::Enum(E::DEF);
    fn into_value(self) -> Value {
        Value::Str(self.text())
    }
}

impl<E: ApiEnum> FromValue for E {
    fn from_value(value: &Value) -> Option<Self> {
        E::parse(value.as_str()?)
    }
}

/// Looks a member up without regard to case unless the enumeration is strict.
pub(crate) fn enum_member(def: &'static EnumDef, text: &str) -> Option<&'static ArcStr> {
    def.values
        .iter()
        .map(|(value, _)| value)
        .find(|value| if def.exact { value.as_str() == text } else { value.eq_ignore_ascii_case(text) })
}
