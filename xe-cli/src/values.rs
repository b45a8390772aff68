//! Reading the texts of parameters: booleans, sizes, numbers, enumerations.

use xapi_schema::EnumDef;

use crate::fault::{Fault, Outcome, command};

/// A command's boolean parameter: `true t yes y 1` or `false f no n 0` in any case.
pub fn boolean(name: &str, text: &str) -> Outcome<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "0" => Ok(false),
        _ => command(format!(
            "Failed to parse parameter '{name}': Expected 'true','t','yes','y','1','false','f','no','n','0' got {text}"
        )),
    }
}

/// Bytes, with an optional unit that is a power of 1024.
pub fn size(name: &str, text: &str) -> Outcome<i64> {
    parse_size(text).map_or_else(
        || {
            command(format!(
                "Failed to parse field '{name}': expecting an integer (possibly with suffix KiB, MiB, GiB, TiB), got '{text}'"
            ))
        },
        Ok,
    )
}

/// The number of bytes a text means, or `None`.
pub fn parse_size(text: &str) -> Option<i64> {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let number: i64 = unsigned[..digits].parse().ok()?;
    let rest = unsigned[digits..].trim_start_matches(' ');
    let unit = rest.split(' ').next().unwrap_or_default();
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" | "bytes" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1i64 << 40,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// Decimal, `0x`, `0o` or `0b`, with sign and underscores.
pub fn parse_int(text: &str) -> Option<i64> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = rest.to_ascii_lowercase();
    let (radix, digits) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        Some("0u") => (10, &lower[2..]),
        _ => (10, lower.as_str()),
    };
    if digits.starts_with('_') || digits.starts_with(['+', '-']) {
        return None;
    }
    let digits = digits.replace('_', "");
    let number = i128::from_str_radix(&digits, radix).ok()?;
    i64::try_from(if negative { -number } else { number }).ok()
}

/// An integer whose failure shows as an internal error.
pub fn int(text: &str) -> Outcome<i64> {
    parse_int(text).ok_or_else(|| crate::fault::internal_failure("Int64.of_string"))
}

/// An integer whose failure names the parameter.
pub fn int_param(name: &str, text: &str) -> Outcome<i64> {
    parse_int(text)
        .ok_or_else(|| Fault::Command(format!("Failed to parse parameter '{name}': expecting an integer")))
}

/// A floating-point number; underscores and `inf`, `nan` are fine.
pub fn parse_float(text: &str) -> Option<f64> {
    text.trim().replace('_', "").parse().ok()
}

/// A member of an enumeration in any case, as it travels.
pub fn member(def: &EnumDef, text: &str) -> Outcome<String> {
    member_of(&def.values.iter().map(|(value, _)| value.as_str()).collect::<Vec<_>>(), text)
}

/// One of a list of words in any case, spelled as in the list.
pub fn member_of(words: &[&str], text: &str) -> Outcome<String> {
    match words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
        Some(word) => Ok((*word).to_owned()),
        None => {
            let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            command(format!("Expected one of {}, got {text}", quoted.join(", ")))
        }
    }
}

/// A comma list; empty text is one empty element.
pub fn list(text: &str) -> Vec<String> {
    text.split(',').map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("12", 12),
            ("1 GiB", 1 << 30),
            ("2k", 2048),
            ("3MB", 3 << 20),
            ("1tib x", 1 << 40),
            ("+5b", 5),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "-1", "1.5GiB", "1x", "GiB", "99999999999TiB"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn integers() {
        for (text, n) in [("10", 10), ("-0x10", -16), ("0b11", 3), ("0o17", 15), ("1_000", 1000)] {
            assert_eq!(parse_int(text), Some(n), "{text}");
        }
        for text in ["", "abc", "1.5", "0x", "--1", "9223372036854775808"] {
            assert_eq!(parse_int(text), None, "{text}");
        }
    }

    #[test]
    fn booleans() {
        assert!(boolean("p", "YES").is_ok_and(|b| b));
        assert!(boolean("p", "0").is_ok_and(|b| !b));
        assert!(matches!(boolean("p", ""), Err(Fault::Command(text)) if text.ends_with("got ")));
    }
}
