//! The grammar of LVM's texts: names, numbers, texts, lists and sections. Knows nothing of volumes.

use std::collections::BTreeMap;

use crate::host::malformed::{Malformed, Result};

/// A value of the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    List(Vec<Value>),
    Section(BTreeMap<String, Value>),
}

pub(super) fn text_of(section: &BTreeMap<String, Value>, key: &str) -> String {
    match section.get(key) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

pub(super) fn number(section: &BTreeMap<String, Value>, key: &str) -> u64 {
    match section.get(key) {
        Some(Value::Number(number)) => u64::try_from(*number).unwrap_or(0),
        _ => 0,
    }
}

pub(super) fn texts(section: &BTreeMap<String, Value>, key: &str) -> Vec<String> {
    match section.get(key) {
        Some(Value::List(list)) => {
            list.iter().filter_map(|v| if let Value::Text(t) = v { Some(t.clone()) } else { None }).collect()
        }
        _ => Vec::new(),
    }
}

pub(super) fn sections<'a>(
    body: &'a BTreeMap<String, Value>,
    key: &str,
) -> Vec<(&'a String, &'a BTreeMap<String, Value>)> {
    match body.get(key) {
        Some(Value::Section(inner)) => inner
            .iter()
            .filter_map(|(name, v)| if let Value::Section(s) = v { Some((name, s)) } else { None })
            .collect(),
        _ => Vec::new(),
    }
}

/// As deep as the texts nest, with room.
const DEEPEST: usize = 16;

pub(super) struct Parser<'a> {
    file: &'a str,
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    pub(super) line: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Parser<'a> {
        Parser { file, chars: text.chars().peekable(), line: 1, depth: 0 }
    }

    fn wrong<T>(&self, expected: &str, found: &str) -> Result<T> {
        Err(Malformed::at(self.file, self.line, expected, found))
    }

    fn next(&mut self) -> Option<char> {
        let c = self.chars.next();
        if c == Some('\n') {
            self.line += 1;
        }
        c
    }

    /// The next character that is neither space nor comment, not taken.
    fn peek(&mut self) -> Option<char> {
        while let Some(c) = self.chars.peek().copied() {
            if c == '#' {
                while self.chars.peek().is_some_and(|c| *c != '\n') {
                    self.next();
                }
            } else if c.is_whitespace() || c == ',' {
                self.next();
            } else {
                return Some(c);
            }
        }
        None
    }

    fn name(&mut self) -> String {
        let mut out = String::new();
        while let Some(c) =
            self.chars.peek().copied().filter(|c| c.is_ascii_alphanumeric() || "-_.+/".contains(*c))
        {
            out.push(c);
            self.next();
        }
        out
    }

    /// Everything up to the section's end.
    pub(super) fn section(&mut self, outermost: bool) -> Result<BTreeMap<String, Value>> {
        let mut out = BTreeMap::new();
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.wrong("a sane depth", "too many blocks in each other");
        }
        loop {
            match self.peek() {
                None if outermost => break,
                Some('}') if !outermost => {
                    self.next();
                    break;
                }
                None => return self.wrong("`}`", "the end"),
                Some(c) => {
                    let key = self.name();
                    if key.is_empty() {
                        return self.wrong("a name", &c.to_string());
                    }
                    let value = match self.peek() {
                        Some('{') => {
                            self.next();
                            Value::Section(self.section(false)?)
                        }
                        Some('=') => {
                            self.next();
                            self.value()?
                        }
                        other => {
                            return self.wrong("`=` or `{`", &other.map(String::from).unwrap_or_default());
                        }
                    };
                    out.insert(key, value);
                }
            }
        }
        self.depth -= 1;
        Ok(out)
    }

    fn value(&mut self) -> Result<Value> {
        match self.peek() {
            Some('"') => {
                self.next();
                let mut out = String::new();
                loop {
                    match self.next() {
                        None => return self.wrong("a closing quote", "the end"),
                        Some('"') => return Ok(Value::Text(out)),
                        Some('\\') => out.extend(self.next()),
                        Some(c) => out.push(c),
                    }
                }
            }
            Some('[') => {
                self.next();
                let mut list = Vec::new();
                loop {
                    match self.peek() {
                        Some(']') => {
                            self.next();
                            return Ok(Value::List(list));
                        }
                        Some('[') | None => return self.wrong("`]`", "something else"),
                        Some(_) => list.push(self.value()?),
                    }
                }
            }
            Some(c) if c.is_ascii_digit() || c == '-' => {
                let word = self.name();
                match word.parse::<i64>() {
                    Ok(number) => Ok(Value::Number(number)),
                    Err(_) if word.parse::<f64>().is_ok() => Ok(Value::Text(word)),
                    Err(_) => self.wrong("a number", &word),
                }
            }
            other => self.wrong("a value", &other.map(String::from).unwrap_or_default()),
        }
    }
}
