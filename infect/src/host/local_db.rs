//! `/var/lib/xcp/local.db`: what the host itself remembers beside its pool's database.

use super::malformed::{Malformed, Result, text};
use quick_xml::events::Event;
use std::collections::BTreeMap;

/// Where it is.
pub const PATH: &str = "/var/lib/xcp/local.db";

/// Reads keys and values.
///
/// # Errors
/// What is no `<config>` of `<row key= value=/>`.
pub fn parse(file: &str, bytes: &[u8]) -> Result<BTreeMap<String, String>> {
    let source = text(file, bytes)?;
    let mut reader = quick_xml::Reader::from_str(source);
    let line = |at: u64| {
        source.as_bytes()[..(at as usize).min(source.len())].iter().filter(|b| **b == b'\n').count() + 1
    };
    let mut out = BTreeMap::new();
    let mut depth = 0;
    let mut seen = false;
    loop {
        let event = reader
            .read_event()
            .map_err(|e| Malformed::at(file, line(reader.error_position()), "XML", &e.to_string()))?;
        let here = line(reader.buffer_position());
        let mut row = |element: &quick_xml::events::BytesStart<'_>, depth: usize| -> Result<()> {
            match (depth, element.name().as_ref()) {
                (0, "config") => {
                    seen = true;
                    Ok(())
                }
                (1, "row") => {
                    let attribute = |name: &str| -> Result<String> {
                        let wrong = || Malformed::at(file, here, "<row key=\"…\" value=\"…\"/>", element);
                        let found =
                            element.try_get_attribute(name).map_err(|_| wrong())?.ok_or_else(wrong)?;
                        Ok(quick_xml::escape::unescape(&found.value).map_err(|_| wrong())?.into_owned())
                    };
                    out.insert(attribute("key")?, attribute("value")?);
                    Ok(())
                }
                _ => Err(Malformed::at(file, here, "<config> with <row/>", element)),
            }
        };
        match event {
            Event::Start(element) => {
                row(&element, depth)?;
                depth += 1;
            }
            Event::Empty(element) => row(&element, depth)?,
            Event::End(_) => depth -= 1,
            Event::Eof if depth > 0 || !seen => {
                return Err(Malformed::at(file, here, "</config>", "the end"));
            }
            Event::Eof => return Ok(out),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values() {
        let read = parse("f", b"<?xml version=\"1.0\"?>\n<config><row key=\"a\" value=\"1 &amp; 2\"/><row key=\"b\" value=\"\"></row></config>").unwrap();
        assert_eq!((read["a"].as_str(), read["b"].as_str()), ("1 & 2", ""));
        for (bad, line) in [
            ("<config>\n<row key=\"a\"/></config>", 2),
            ("<config>", 1),
            ("", 1),
            ("<x/>", 1),
            ("<config>\n\n<row</config>", 3),
            ("words", 1),
        ] {
            let e = parse("f", bad.as_bytes()).unwrap_err();
            assert_eq!(e.line, line, "{bad:?}: {e}");
        }
    }
}
