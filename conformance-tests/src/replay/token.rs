//! Splits a text into what two servers must agree on and what each makes up for itself. Pure.

use std::sync::LazyLock;

use regex::Regex;

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// Must be the same.
    Literal(String),
    /// An opaque reference: the same object must be meant.
    Ref(String),
    /// A uuid: the same object must be meant.
    Uuid(String),
    /// A moment other than the epoch; the shape with digits replaced must be the same.
    Date(String),
    /// A generated hardware address.
    Mac,
    /// Seconds since 1970 as text with a dot.
    Seconds,
}

/// The address of the one network card of the recorded server.
const KNOWN_MAC: &str = "aa:bb:cc:dd:ee:01";

static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    let date = r"\d{4}-?\d\d-?\d\dT\d\d:?\d\d:?\d\dZ?";
    let mac = "(?:[0-9a-f]{2}:){5}[0-9a-f]{2}";
    let pattern = format!(r"(OpaqueRef:{uuid})|({uuid})|({date})|({mac})|(^\d{{9,10}}\.\d*$)");
    Regex::new(&pattern).expect("the pattern is a constant")
});

/// The parts of a text in order.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut from = 0;
    for captures in PATTERN.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        let part = whole.as_str();
        let token = if captures.get(1).is_some() {
            Token::Ref(part.into())
        } else if captures.get(2).is_some() {
            Token::Uuid(part.into())
        } else if captures.get(3).is_some() && !part.starts_with("1970") {
            Token::Date(part.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect())
        } else if captures.get(4).is_some() && part != KNOWN_MAC {
            Token::Mac
        } else if captures.get(5).is_some() {
            Token::Seconds
        } else {
            continue;
        };
        if from < whole.start() {
            found.push(Token::Literal(text[from..whole.start()].into()));
        }
        found.push(token);
        from = whole.end();
    }
    if from < text.len() {
        found.push(Token::Literal(text[from..].into()));
    }
    found
}

/// Whether a text is one opaque reference to an object.
pub fn is_ref(text: &str) -> bool {
    matches!(tokens(text).as_slice(), [Token::Ref(_)])
}

/// All references in a text, in order.
pub fn refs(text: &str) -> Vec<String> {
    let found = tokens(text).into_iter();
    found.filter_map(|token| if let Token::Ref(name) = token { Some(name) } else { None }).collect()
}

/// Replaces references and uuids a function knows another name for.
pub fn rename(text: &str, name: impl Fn(&str) -> Option<String>) -> String {
    PATTERN
        .replace_all(text, |captures: &regex::Captures<'_>| {
            let part = &captures[0];
            name(part).unwrap_or_else(|| part.to_string())
        })
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "OpaqueRef:acc11775-09e1-0367-5264-187c925f864d";

    #[test]
    fn splits_a_location() {
        let found = tokens(&format!("https://h/console?ref={A}"));
        assert_eq!(found, [Token::Literal("https://h/console?ref=".into()), Token::Ref(A.into())]);
    }

    #[test]
    fn keeps_the_epoch_and_invented_references() {
        for text in ["19700101T00:00:00Z", "OpaqueRef:NULL", "OpaqueRef:bogus", KNOWN_MAC, ""] {
            let literal: Vec<Token> =
                if text.is_empty() { vec![] } else { vec![Token::Literal(text.into())] };
            assert_eq!(tokens(text), literal);
        }
    }

    #[test]
    fn tells_the_shapes_of_dates_apart() {
        assert_ne!(tokens("20261122T20:26:41Z"), tokens("20261122T20:26:41"));
        assert_eq!(tokens("20261122T20:26:41Z"), tokens("20270101T00:00:00Z"));
    }

    #[test]
    fn renames_inside_a_text() {
        let renamed = rename(&format!("<value>{A}</value>"), |old| (old == A).then(|| "x".into()));
        assert_eq!(renamed, "<value>x</value>");
    }
}
