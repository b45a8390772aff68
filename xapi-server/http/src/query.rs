//! Query strings, cookies and basic authentication. Pure.

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn pairs(text: &str, separator: char) -> Vec<(String, String)> {
    let parts = text.split(separator).map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            part.split_once('=').map_or((decoded(part), String::new()), |(k, v)| (decoded(k), decoded(v)))
        })
        .collect()
}

/// Pairs of a query string in order.
pub fn query(text: &str) -> Vec<(String, String)> {
    pairs(text, '&')
}

/// Pairs of a `Cookie` header: separated by `;`, or by `&` as old clients do when there is no `;`.
pub fn cookies(header: &str) -> Vec<(String, String)> {
    pairs(header, if header.contains(';') { ';' } else { '&' })
}

/// What an `Authorization` header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basic {
    /// User and password.
    User(String, String),
    /// Another scheme, or not decodable.
    Unknown,
}

/// Reads an `Authorization` header.
pub fn basic(header: &str) -> Basic {
    let token = header
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .map(|(_, token)| token);
    let text = token
        .and_then(|token| STANDARD.decode(token.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    match text.as_deref().and_then(|text| text.split_once(':')) {
        Some((user, password)) => Basic::User(user.into(), password.into()),
        None => Basic::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pairs() {
        let pair = |k: &str, v: &str| (k.to_string(), v.to_string());
        assert_eq!(
            query("a=1,2&b=%2Fx&a=3&c"),
            [pair("a", "1,2"), pair("b", "/x"), pair("a", "3"), pair("c", "")]
        );
        assert_eq!(cookies("a=b; c=%20d"), [pair("a", "b"), pair("c", " d")]);
        assert_eq!(cookies("a=b&c=d"), [pair("a", "b"), pair("c", "d")]);
    }

    #[test]
    fn reads_basic_authentication() {
        assert_eq!(basic("Basic cm9vdDp4ZW5yb290"), Basic::User("root".into(), "xenroot".into()));
        assert_eq!(basic("Basic !!!"), Basic::Unknown);
        assert_eq!(basic("Bearer x"), Basic::Unknown);
    }
}
