//! [`coerce`]: from what a client sent to the declared type, with the leniency clients rely on.
//!
//! XML carries integers as text, JSON as numbers; both end as `Value::Int`. Enumeration members are
//! matched without regard to case and come out in their own spelling. The rules and errors follow the
//! recorded answers; pure.

use arcstr::ArcStr;

use crate::{
    Class, DateTime, Default, Failure, Qualifier, Record, Result, Ty, Value, convert::enum_member, errors,
};

/// Reads `value` as `ty`.
///
/// # Errors
/// INVALID_VALUE for text that is no date; INTERNAL_ERROR for a value of another shape and, as the
/// original answers, for text that is no member of an enumeration.
pub fn coerce(value: &Value, ty: Ty) -> Result<Value> {
    match (ty, value) {
        (Ty::Any, _) => Ok(value.clone()),
        (Ty::Void, _) => Ok(Value::EMPTY),
        (Ty::String | Ty::Secret | Ty::Ref(_), Value::Str(_)) => Ok(value.clone()),
        (Ty::Enum(def), Value::Str(text)) => match enum_member(def, text) {
            Some(member) => Ok(Value::Str(member.clone())),
            None => Err(Failure::internal(format!("{text:?} is not a member of {}", def.name))),
        },
        (Ty::Int, Value::Int(_)) => Ok(value.clone()),
        (Ty::Int, Value::Str(text)) => match parse_int(text) {
            Some(number) => Ok(Value::Int(number)),
            None => Err(wrong("int", value)),
        },
        (Ty::Float, Value::Float(_)) => Ok(value.clone()),
        (Ty::Float, Value::Int(number)) => Ok(Value::Float(*number as f64)),
        (Ty::Float, Value::Str(text)) => match text.trim().parse() {
            Ok(number) => Ok(Value::Float(number)),
            Err(_) => Err(wrong("float", value)),
        },
        (Ty::Bool, Value::Bool(_)) => Ok(value.clone()),
        (Ty::DateTime, Value::Time(_)) => Ok(value.clone()),
        (Ty::DateTime, Value::Str(text)) => match DateTime::parse(text) {
            Some(time) => Ok(Value::Time(time)),
            None => Err(errors::INVALID_VALUE.with(["datetime", text.as_str()])),
        },
        (Ty::Set(item), Value::Set(items)) => {
            items.iter().map(|v| coerce(v, *item)).collect::<Result<Vec<_>>>().map(Value::set)
        }
        (Ty::Map(key, item), Value::Map(pairs)) => coerce_map(pairs, *key, *item),
        (Ty::Record(class), Value::Map(members)) => coerce_record(Class::of(class), members),
        (Ty::Record(_), Value::Record(_)) => Ok(value.clone()),
        (Ty::Option(item), Value::Set(items)) if items.len() <= 1 => {
            items.iter().map(|v| coerce(v, *item)).collect::<Result<Vec<_>>>().map(Value::set)
        }
        (expected, _) => Err(wrong(&shape_name(expected), value)),
    }
}

fn shape_name(ty: Ty) -> String {
    match ty {
        Ty::String | Ty::Secret | Ty::Ref(_) | Ty::Enum(_) => "text".into(),
        Ty::Set(_) | Ty::Option(_) => "array".into(),
        Ty::Map(..) | Ty::Record(_) => "struct".into(),
        other => other_name(other),
    }
}

fn other_name(ty: Ty) -> String {
    crate::TyDisplay(ty).to_string()
}

/// Decimal as clients write it, with an optional sign; hexadecimal and the like are refused.
fn parse_int(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn wrong(expected: &str, got: &Value) -> Failure {
    Failure::internal(format!("expected {expected}, got {}", got.shape()))
}

fn coerce_map(pairs: &[(ArcStr, Value)], key: Ty, item: Ty) -> Result<Value> {
    let mut out: Vec<(ArcStr, Value)> = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        let name = match coerce(&Value::Str(name.clone()), key)? {
            Value::Str(text) => text,
            Value::Int(number) => number.to_string().into(),
            other => return Err(wrong("text", &other)),
        };
        let value = coerce(value, item)?;
        // The last of several equal members wins, as in every struct decoder.
        match out.iter_mut().find(|(k, _)| *k == name) {
            Some(pair) => pair.1 = value,
            None => out.push((name, value)),
        }
    }
    Ok(Value::Map(out.into()))
}

/// Members that no field has are ignored; those that are there are typed. Absent ones stay absent:
/// constructors decide what they demand.
fn coerce_record(class: &'static Class, members: &[(ArcStr, Value)]) -> Result<Value> {
    let mut out: Vec<(ArcStr, Value)> = Vec::new();
    for field in class.fields {
        if let Some((name, value)) = members.iter().rev().find(|(name, _)| name == field.name) {
            out.push((name.clone(), coerce(value, field.ty)?));
        }
    }
    Ok(Value::Map(out.into()))
}

impl Default {
    /// The value this default stands for, for a field or parameter of type `ty`; `None` when there is
    /// no default.
    pub fn value(&self, ty: Ty) -> Option<Value> {
        Some(match (self, ty) {
            (Default::None, _) => return None,
            (Default::Str(text), Ty::Enum(def)) => match enum_member(def, text) {
                Some(member) => Value::Str(member.clone()),
                None => Value::Str(ArcStr::from(*text)),
            },
            (Default::Str(""), _) => Value::EMPTY,
            (Default::Str("OpaqueRef:NULL"), _) => Value::Str(crate::NULL_REF),
            (Default::Str(text), _) => Value::Str(ArcStr::from(*text)),
            (Default::Int(number), _) => Value::Int(*number),
            (Default::Float(number), _) => Value::Float(*number),
            (Default::Bool(truth), _) => Value::Bool(*truth),
            (Default::Time(text), _) => Value::Time(DateTime::parse(text).unwrap_or(DateTime::EPOCH)),
            (Default::Set(items), Ty::Set(item)) => Value::set(items.iter().filter_map(|v| v.value(*item))),
            (Default::Set(_), _) => Value::set([]),
            (Default::Map(pairs), Ty::Map(_, item)) => {
                Value::map(pairs.iter().filter_map(|(k, v)| Some((*k, v.value(*item)?))))
            }
            (Default::Map(_), _) => Value::Map(Default::no_pairs()),
        })
    }

    fn no_pairs() -> std::sync::Arc<[(ArcStr, Value)]> {
        std::sync::Arc::new([])
    }
}

impl Ty {
    /// The value of this type that says nothing: what a field holds when neither a constructor nor a
    /// default gives it one.
    pub fn zero(self) -> Value {
        match self {
            Ty::Int => Value::Int(0),
            Ty::Float => Value::Float(0.0),
            Ty::Bool => Value::Bool(false),
            Ty::DateTime => Value::Time(DateTime::EPOCH),
            Ty::Enum(def) => Value::Str(def.values[0].0.clone()),
            Ty::Set(_) | Ty::Option(_) => Value::set([]),
            Ty::Map(..) => Value::map::<ArcStr>([]),
            Ty::Ref(_) => Value::Str(crate::NULL_REF),
            Ty::String | Ty::Secret | Ty::Record(_) | Ty::Void | Ty::Any => Value::EMPTY,
        }
    }
}

impl Class {
    /// A full record from some members: what is absent takes the field's default, or the zero of its
    /// type. Members must already be typed.
    pub fn complete(&'static self, members: &Value) -> Record {
        let values = self.fields.iter().map(|field| {
            members
                .get(field.name)
                .cloned()
                .or_else(|| field.default.value(field.ty))
                .unwrap_or_else(|| field.ty.zero())
        });
        Record::new(self, values.collect())
    }

    /// Members an implicit constructor takes: position, and whether it demands them.
    pub fn constructor_fields(&'static self) -> impl Iterator<Item = (usize, bool)> {
        self.fields
            .iter()
            .enumerate()
            .filter(|(_, field)| {
                field.qualifier != Qualifier::DynamicRo && !field.internal_only && !field.is_back_reference()
            })
            .map(|(at, field)| (at, field.default == Default::None))
    }
}
