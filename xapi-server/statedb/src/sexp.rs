//! Sets and maps as they are stored: lists of quoted items. The reader takes what older writers wrote as well;
//! the writer writes single quotes only.

/// What is wrong with a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Byte in the text.
    pub at: usize,
    /// What should be there.
    pub expected: &'static str,
}

/// Items a list may have inside lists; more depth than the format has means damage.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

/// Reads a set.
///
/// # Errors
/// [`Fault`].
pub fn read_set(text: &str) -> Result<Vec<String>, Fault> {
    let mut scan = Scan { text, at: 0 };
    let mut items = Vec::new();
    scan.open()?;
    while !scan.close() {
        items.push(scan.item()?);
    }
    scan.end()?;
    Ok(items)
}

/// Reads a map; order and repeated keys are kept.
///
/// # Errors
/// [`Fault`].
pub fn read_map(text: &str) -> Result<Vec<(String, String)>, Fault> {
    let mut scan = Scan { text, at: 0 };
    let mut pairs = Vec::new();
    scan.open()?;
    while !scan.close() {
        scan.open()?;
        let key = scan.item()?;
        let value = scan.item()?;
        if !scan.close() {
            return Err(scan.fault("the end of a pair"));
        }
        pairs.push((key, value));
    }
    scan.end()?;
    Ok(pairs)
}

/// Writes a set.
pub fn write_set<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let mut out = String::from("(");
    for (n, item) in items.into_iter().enumerate() {
        if n > 0 {
            out.push(' ');
        }
        quote(&mut out, item);
    }
    out.push(')');
    out
}

/// Writes a map.
pub fn write_map<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::from("(");
    for (n, (key, value)) in pairs.into_iter().enumerate() {
        if n > 0 {
            out.push(' ');
        }
        out.push('(');
        quote(&mut out, key);
        out.push(' ');
        quote(&mut out, value);
        out.push(')');
    }
    out.push(')');
    out
}

fn quote(out: &mut String, item: &str) {
    out.push('\'');
    for c in item.chars() {
        if matches!(c, '\\' | '\'') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('\'');
}

impl Scan<'_> {
    fn fault(&self, expected: &'static str) -> Fault {
        Fault { at: self.at, expected }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// White space, and comments that run to the end of the line.
    fn skip(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\n' | '\r' => self.at += 1,
                ';' => {
                    self.at += self.text[self.at..].find('\n').unwrap_or(self.text.len() - self.at);
                }
                _ => return,
            }
        }
    }

    fn open(&mut self) -> Result<(), Fault> {
        self.skip();
        match self.peek() {
            Some('(') => {
                self.at += 1;
                Ok(())
            }
            _ => Err(self.fault("'('")),
        }
    }

    fn close(&mut self) -> bool {
        self.skip();
        let found = self.peek() == Some(')');
        self.at += usize::from(found);
        found
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.skip();
        if self.at == self.text.len() { Ok(()) } else { Err(self.fault("the end of the text")) }
    }

    fn item(&mut self) -> Result<String, Fault> {
        self.skip();
        match self.peek() {
            Some(mark @ ('\'' | '"')) => {
                self.at += 1;
                let mut item = String::new();
                loop {
                    match self.take() {
                        None => return Err(self.fault("the end of a quoted item")),
                        Some('\\') => match self.take() {
                            None => return Err(self.fault("a character after the backslash")),
                            Some(c) => item.push(c),
                        },
                        Some(c) if c == mark => return Ok(item),
                        Some(c) => item.push(c),
                    }
                }
            }
            None | Some('(' | ')') => Err(self.fault("an item")),
            Some(_) => {
                let rest = &self.text[self.at..];
                let end = rest.find([' ', '\t', '\n', '\r', '(', ')', ';', '\'', '"']).unwrap_or(rest.len());
                self.at += end;
                Ok(rest[..end].to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_writers_of_all_ages_wrote() {
        assert_eq!(read_set(r"('it\'s' 'x y')").unwrap(), ["it's", "x y"]);
        assert_eq!(read_set(" ( \"a\\\"b\" bare ; note\n 'c' ) ").unwrap(), ["a\"b", "bare", "c"]);
        assert_eq!(read_set("()").unwrap(), [""; 0]);
        assert_eq!(read_set("('')").unwrap(), [""]);
        assert_eq!(read_map("(('k' 'v') (\"k2\" v2))").unwrap().len(), 2);
    }

    #[test]
    fn damage_is_told_with_its_place() {
        for (text, at) in [("", 0), ("(", 1), ("('a", 3), ("('a\\", 4), ("() x", 3), ("(('a'))", 1)] {
            assert_eq!(read_set(text).unwrap_err().at, at, "{text}");
        }
        for text in ["", "('a' 'b')", "(('a'))", "(('a' 'b' 'c'))", "(('a' ('b')))"] {
            assert!(read_map(text).is_err(), "{text}");
        }
    }
}
