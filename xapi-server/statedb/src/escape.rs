//! The two layers around every stored text: XML's escapes, and the protection of white space inside them.

use std::borrow::Cow;

/// Protects white space and percent signs, which attributes would not keep.
pub fn protect(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b'%')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            ' ' => out.push_str("%."),
            '\t' => out.push_str("%t"),
            '\n' => out.push_str("%n"),
            '\r' => out.push_str("%r"),
            '%' => out.push_str("%%"),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// The reverse of [`protect`]; a percent sign before anything unknown stands for itself.
pub fn unprotect(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let known = match rest.as_bytes().get(at + 1) {
            Some(b'.') => " ",
            Some(b't') => "\t",
            Some(b'n') => "\n",
            Some(b'r') => "\r",
            Some(b'%') => "%",
            // Very old writers.
            Some(b'_') => "  ",
            _ => {
                out.push('%');
                rest = &rest[at + 1..];
                continue;
            }
        };
        out.push_str(known);
        rest = &rest[at + 2..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// May stand in an XML document.
pub fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// What of a text the file can hold: everything before the first character XML has no place for. The original
/// cuts there too.
pub fn storable(text: &str) -> &str {
    match text.char_indices().find(|(_, c)| !is_xml(*c)) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// An attribute's value as it is written between double quotes.
pub fn to_attribute(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| matches!(b, b'&' | b'<' | b'>' | b'"' | b'\t' | b'\n' | b'\r')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// The text of an attribute's value. White space that is not written as a reference is a space, as XML has it.
///
/// # Errors
/// Byte in the text, what was expected and what was found.
pub fn from_attribute(text: &str) -> Result<Cow<'_, str>, (usize, &'static str, String)> {
    if !text.bytes().any(|b| b == b'&' || b == b'<' || b < b' ' || b == 0xEF) {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '&' => {
                let rest = &text[at + 1..];
                let Some(end) = rest.bytes().take(12).position(|b| b == b';') else {
                    return Err((at, "a reference such as &amp;", "an ampersand alone".into()));
                };
                let Some(named) = reference(&rest[..end]) else {
                    return Err((at, "a known reference", format!("&{};", &rest[..end])));
                };
                out.push(named);
                at += end + 2;
                continue;
            }
            '<' => return Err((at, "an attribute's text", "'<'".into())),
            '\t' | '\n' | '\r' => out.push(' '),
            c if !is_xml(c) => return Err((at, "a character XML allows", format!("{c:?}"))),
            c => out.push(c),
        }
        at += c.len_utf8();
    }
    Ok(Cow::Owned(out))
}

/// The character a reference stands for.
fn reference(name: &str) -> Option<char> {
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let (digits, base) = match number.strip_prefix('x') {
                Some(hex) => (hex, 16),
                None => (number, 10),
            };
            if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            char::from_u32(u32::from_str_radix(digits, base).ok()?)?
        }
    };
    is_xml(c).then_some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_format() {
        assert_eq!(protect("A & B: 100%"), "A%.&%.B:%.100%%");
        assert_eq!(to_attribute("A%.&%.B"), "A%.&amp;%.B");
        assert_eq!(unprotect("A%.&%.B:%.100%%"), "A & B: 100%");
        assert_eq!(unprotect("a%_b%x%"), "a  b%x%");
        assert_eq!(from_attribute("a&#x41;&amp;&#10;\nb").unwrap(), "aA&\n b");
    }

    #[test]
    fn what_is_no_reference_is_refused_at_its_place() {
        for (text, at) in [("ab&", 2), ("&nope;", 0), ("&#0;", 0), ("x&#xD800;", 1), ("&#;", 0), ("a<b", 1)] {
            assert_eq!(from_attribute(text).unwrap_err().0, at, "{text}");
        }
        assert!(from_attribute("\u{1}").is_err());
        assert_eq!(storable("ab\u{0}cd"), "ab");
    }
}
