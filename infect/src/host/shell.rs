//! `KEY='value'` lines, as the inventory, the first-boot answers and sysconfig files have them. Never runs anything.

use super::malformed::{Malformed, Result, lines, text};

/// Key and value of each line, in order; a key said twice stands twice.
///
/// # Errors
/// A line without `=`, or whose key is no name.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Vec<(usize, String, String)>> {
    let mut out = Vec::new();
    for (number, line) in lines(text(file, bytes)?) {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((key, value)) = line.split_once('=') else {
            return Err(Malformed::at(file, number, "KEY='value'", line));
        };
        let key = key.trim();
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if key.is_empty() || !key.chars().all(good) || key.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(Malformed::at(file, number, "a name before `=`", key));
        }
        out.push((number, key.to_owned(), unquote(value.trim()).trim().to_owned()));
    }
    Ok(out)
}

fn unquote(value: &str) -> &str {
    for quote in ['\'', '"'] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|v| v.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_come_off_once() {
        let read = parse("f", b"# c\nA='b'\nB=''c''\nC=\nexport D=\"x y\"\n").unwrap();
        let plain: Vec<_> = read.iter().map(|(_, k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(plain, [("A", "b"), ("B", "'c'"), ("C", ""), ("D", "x y")]);
    }

    #[test]
    fn says_line_and_expectation() {
        let e = parse("/etc/f", b"A='b'\nnonsense\n").unwrap_err();
        assert_eq!(e.to_string(), "/etc/f:2: expected KEY='value', found \"nonsense\"");
        assert_eq!(parse("f", b"a b='c'").unwrap_err().line, 1);
        assert_eq!(parse("f", b"A=1\n\xff").unwrap_err().line, 2);
    }
}
