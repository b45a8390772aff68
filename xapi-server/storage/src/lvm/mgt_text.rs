//! Fragments of XML as the metadata volume holds them: flat, cut to a sector, padded with blanks. Pure.

/// Bytes of a sector.
pub const SECTOR: usize = 512;

/// Text as a fragment carries it. Characters XML does not know become blanks.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// The opposite of [`escape`], other ways to write a character included.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(end) = rest.find(';').filter(|e| *e <= 10) else {
            out.push('&');
            rest = &rest[1..];
            continue;
        };
        let entity = &rest[1..end];
        let number = entity.strip_prefix('#').and_then(|n| match n.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => n.parse().ok(),
        });
        let told = match entity {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => number.and_then(char::from_u32),
        };
        match told {
            Some(c) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Cuts escaped text to at most `bytes` bytes, between characters.
pub fn cut(escaped: &str, bytes: usize) -> &str {
    if escaped.len() <= bytes {
        return escaped;
    }
    let mut end = bytes;
    while !escaped.is_char_boundary(end) {
        end -= 1;
    }
    // Not inside what stands for one character.
    match escaped[..end].rfind('&') {
        Some(at) if !escaped[at..end].contains(';') => &escaped[..at],
        _ => &escaped[..end],
    }
}

/// A sector that holds the text; what does not fit is a mistake of the caller's and is cut.
pub fn sector(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes()[..text.len().min(SECTOR)].to_vec();
    bytes.resize(SECTOR, b' ');
    bytes
}

/// The text of a sector.
pub fn text(sector: &[u8]) -> String {
    String::from_utf8_lossy(sector).trim_end_matches([' ', '\0']).to_owned()
}

/// A tag with its text, which is escaped here.
pub fn tagged(tag: &str, value: &str) -> String {
    format!("<{tag}>{}</{tag}>", escape(value))
}

/// The tags of a fragment in a row, each with its text; nothing when there is anything else between them.
pub fn fields(text: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (tag, behind) = rest.strip_prefix('<')?.split_once('>')?;
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if let Some(tag) = tag.strip_suffix('/').map(str::trim_end) {
            if tag.is_empty() || !tag.chars().all(name) {
                return None;
            }
            found.push((tag.to_owned(), String::new()));
            rest = behind.trim_start();
            continue;
        }
        if tag.is_empty() || !tag.chars().all(name) {
            return None;
        }
        let (value, behind) = behind.split_once(&format!("</{tag}>"))?;
        if value.contains('<') {
            return None;
        }
        found.push((tag.to_owned(), unescape(value)));
        rest = behind.trim_start();
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        for text in ["", "a & b <c> \"d\"", "ä&amp;", "&#x41;", "&", "a&b;", "&&;"] {
            assert_eq!(unescape(&escape(text)), text);
        }
        assert_eq!(unescape("&#65;&#x42;&quot;&apos;&#x110000;&nope;"), "AB\"'&#x110000;&nope;");
        assert_eq!(escape("a\0b"), "a b");
    }

    #[test]
    fn cuts_are_between_characters() {
        assert_eq!(cut("ab", 5), "ab");
        assert_eq!(cut("aää", 4), "aä");
        assert_eq!(cut("ab&amp;c", 5), "ab");
        assert_eq!(cut("&amp;c", 6), "&amp;c");
        assert_eq!(cut("&amp;cd", 6), "&amp;c");
    }

    #[test]
    fn only_flat_fragments_are_read() {
        let read = fields("<a>1</a> <b-c></b-c><d/>").unwrap();
        assert_eq!(read, [("a".into(), "1".into()), ("b-c".into(), "".into()), ("d".into(), "".into())]);
        for bad in ["x", "<a>", "<a>1</b>", "<a><b>1</b></a>", "<>1</>", "<a b>1</a b>", "<a>1</a>x"] {
            assert_eq!(fields(bad), None, "{bad}");
        }
    }
}
