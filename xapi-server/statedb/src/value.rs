//! Between a stored text and a typed value.

use xapi_schema::{DateTime, NULL_REF, Ty, Value, coerce};

use crate::sexp;

/// A text that is no value of its field's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// What the type demands.
    pub expected: String,
}

fn misfit<T>(expected: impl Into<String>) -> Result<T, Misfit> {
    Err(Misfit { expected: expected.into() })
}

/// The value a stored text stands for. An empty reference is the null reference.
///
/// # Errors
/// [`Misfit`]; nothing is ever guessed.
pub fn read(ty: Ty, text: &str) -> Result<Value, Misfit> {
    Ok(match ty {
        Ty::String | Ty::Secret => Value::str(text),
        Ty::Ref(_) if text.is_empty() || text == NULL_REF => Value::Str(NULL_REF),
        Ty::Ref(_) => Value::str(text),
        Ty::Enum(def) => match coerce(&Value::str(text), ty) {
            Ok(member) => member,
            Err(_) => return misfit(format!("a member of {}", def.name)),
        },
        Ty::Int => match text.parse() {
            Ok(number) => Value::Int(number),
            Err(_) => return misfit("a decimal integer of 64 bits"),
        },
        Ty::Float => match text.parse() {
            Ok(number) => Value::Float(number),
            Err(_) => return misfit("a number"),
        },
        Ty::Bool => match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return misfit("true or false"),
        },
        Ty::DateTime => match DateTime::parse(text) {
            Some(time) => Value::Time(time),
            None => return misfit("a date such as 20250319T04:16:24Z"),
        },
        Ty::Set(item) | Ty::Option(item) => {
            let items = match sexp::read_set(text) {
                Ok(items) => items,
                Err(fault) => return misfit(format!("{} at byte {} of the set", fault.expected, fault.at)),
            };
            Value::set(items.iter().map(|text| read(*item, text)).collect::<Result<Vec<_>, _>>()?)
        }
        Ty::Map(key, item) => read_map(*key, *item, text)?,
        Ty::Record(_) | Ty::Void | Ty::Any => return misfit("a type that is stored"),
    })
}

fn read_map(key: Ty, item: Ty, text: &str) -> Result<Value, Misfit> {
    let stored = match sexp::read_map(text) {
        Ok(pairs) => pairs,
        Err(fault) => return misfit(format!("{} at byte {} of the map", fault.expected, fault.at)),
    };
    let mut keys = std::collections::HashSet::with_capacity(stored.len());
    let mut pairs = Vec::with_capacity(stored.len());
    for (name, text) in &stored {
        // A key is text on the wire; a number or a member must be spelled as it would be written.
        if read(key, name).map(|value| write(key, &value)).as_deref() != Ok(name) {
            return misfit(format!("a key of type {}", xapi_schema::TyDisplay(key)));
        }
        if !keys.insert(name.as_str()) {
            return misfit(format!("the key {} once", crate::error::short(name)));
        }
        pairs.push((name.as_str(), read(item, text)?));
    }
    Ok(Value::map(pairs))
}

/// The text a value is stored as.
pub fn write(ty: Ty, value: &Value) -> String {
    match (ty, value) {
        (Ty::Ref(_), Value::Str(text)) if text.is_empty() => NULL_REF.to_string(),
        (_, Value::Str(text)) => text.to_string(),
        (_, Value::Int(number) | Value::Count(number)) => number.to_string(),
        (_, Value::Float(number)) => float(*number),
        (_, Value::Bool(truth)) => truth.to_string(),
        (_, Value::Time(time)) => time.to_string(),
        (Ty::Set(item) | Ty::Option(item), Value::Set(items)) => {
            let items: Vec<String> = items.iter().map(|value| write(*item, value)).collect();
            sexp::write_set(items.iter().map(String::as_str))
        }
        (Ty::Map(_, item), Value::Map(pairs)) => {
            let pairs: Vec<(&str, String)> =
                pairs.iter().map(|(key, value)| (key.as_str(), write(*item, value))).collect();
            sexp::write_map(pairs.iter().map(|(key, value)| (*key, value.as_str())))
        }
        // A value of another shape than its type; the store rules it out.
        (_, Value::Set(_) | Value::Map(_) | Value::Record(_) | Value::Nil) => empty(ty),
    }
}

/// What the original stores where there is nothing.
pub fn empty(ty: Ty) -> String {
    match ty {
        Ty::Set(_) | Ty::Option(_) | Ty::Map(..) => "()".into(),
        other => write(other, &other.zero()),
    }
}

/// As C's `%.18g` prints it.
fn float(number: f64) -> String {
    const DIGITS: i32 = 18;
    if !number.is_finite() {
        return match number {
            n if n.is_nan() => "nan".into(),
            n if n > 0.0 => "inf".into(),
            _ => "-inf".into(),
        };
    }
    let scientific = format!("{number:.*e}", DIGITS as usize - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    if (-4..DIGITS).contains(&exponent) {
        return trim(&format!("{number:.*}", (DIGITS - 1 - exponent) as usize));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim(mantissa), exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_c_prints_them() {
        for (number, text) in [
            (1.0, "1"),
            (0.5, "0.5"),
            (480.0, "480"),
            (0.0, "0"),
            (-2.25, "-2.25"),
            (0.1, "0.100000000000000006"),
            (1e17, "100000000000000000"),
            (1e18, "1e+18"),
            (1.5e-5, "1.50000000000000004e-05"),
            (1e300, "1.00000000000000005e+300"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(float(number), text);
        }
        assert_eq!(read(Ty::Float, "1."), Ok(Value::Float(1.0)));
    }

    #[test]
    fn what_does_not_fit_is_never_guessed() {
        for (ty, text) in [
            (Ty::Int, "1.5"),
            (Ty::Int, ""),
            (Ty::Bool, "True"),
            (Ty::DateTime, "yesterday"),
            (Ty::Set(&Ty::String), "('a'"),
            (Ty::Map(&Ty::String, &Ty::String), "(('a' 'b') ('a' 'c'))"),
            (Ty::Map(&Ty::Int, &Ty::Int), "(('01' '1'))"),
        ] {
            assert!(read(ty, text).is_err(), "{text}");
        }
        assert_eq!(read(Ty::Ref(xapi_schema::ClassId::Vm), ""), Ok(Value::Str(NULL_REF)));
    }
}
