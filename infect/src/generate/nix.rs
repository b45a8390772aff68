//! Values as Nix text, in the form `nixpkgs-fmt` leaves alone. Only what generated files need.

use std::fmt::Write;

/// A Nix value.
#[derive(Debug, Clone, PartialEq)]
pub enum Nix {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// A truth.
    Flag(bool),
    /// A list.
    List(Vec<Nix>),
    /// A set, in the order given.
    Set(Vec<(String, Nix)>),
}

impl From<&str> for Nix {
    fn from(text: &str) -> Nix {
        Nix::Text(text.to_owned())
    }
}

impl From<String> for Nix {
    fn from(text: String) -> Nix {
        Nix::Text(text)
    }
}

impl From<bool> for Nix {
    fn from(flag: bool) -> Nix {
        Nix::Flag(flag)
    }
}

impl From<i64> for Nix {
    fn from(number: i64) -> Nix {
        Nix::Number(number)
    }
}

impl<T: Into<Nix>> From<Vec<T>> for Nix {
    fn from(list: Vec<T>) -> Nix {
        Nix::List(list.into_iter().map(Into::into).collect())
    }
}

/// A set of pairs that is built up.
#[derive(Debug, Clone, Default)]
pub struct Set(Vec<(String, Nix)>);

impl Set {
    /// An empty one.
    pub fn new() -> Set {
        Set::default()
    }

    /// Adds a pair.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Nix>) -> Set {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a pair if there is a value.
    #[must_use]
    pub fn maybe(self, name: &str, value: Option<impl Into<Nix>>) -> Set {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a pair.
    pub fn put(&mut self, name: &str, value: impl Into<Nix>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Holds it nothing?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Set> for Nix {
    fn from(set: Set) -> Nix {
        Nix::Set(set.0)
    }
}

/// The pairs of a set.
pub fn pairs(set: Set) -> Vec<(String, Nix)> {
    set.0
}

/// A text in quotes.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' if chars.peek() == Some(&'{') => out.push_str("\\$"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

const KEYWORDS: [&str; 9] = ["assert", "else", "if", "in", "inherit", "let", "or", "rec", "with"];

/// A name as it stands before `=`.
pub fn name(text: &str) -> String {
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-'".contains(c))
        && text != "then"
        && !KEYWORDS.contains(&text);
    if bare { text.to_owned() } else { quoted(text) }
}

/// As long as a line gets.
const WIDTH: usize = 110;

impl Nix {
    /// On one line.
    fn short(&self) -> String {
        match self {
            Nix::Text(text) => quoted(text),
            // A negative number in a list would be a subtraction.
            Nix::Number(number) if *number < 0 => format!("({number})"),
            Nix::Number(number) => number.to_string(),
            Nix::Flag(flag) => flag.to_string(),
            Nix::List(list) if list.is_empty() => "[ ]".into(),
            // As the formatter wants it.
            Nix::List(list) if matches!(list[..], [Nix::Set(_)]) => format!("[{}]", list[0].short()),
            Nix::List(list) => format!("[ {} ]", list.iter().map(Nix::short).collect::<Vec<_>>().join(" ")),
            Nix::Set(set) if set.is_empty() => "{ }".into(),
            Nix::Set(set) => {
                let pairs: Vec<String> =
                    set.iter().map(|(key, value)| format!("{} = {};", name(key), value.short())).collect();
                format!("{{ {} }}", pairs.join(" "))
            }
        }
    }

    fn holds_sets(&self) -> bool {
        match self {
            Nix::List(list) => list.iter().any(|one| matches!(one, Nix::Set(_)) || one.holds_sets()),
            Nix::Set(set) => set.iter().any(|(_, one)| matches!(one, Nix::Set(_)) || one.holds_sets()),
            _ => false,
        }
    }

    /// Over as many lines as it needs, the first one not indented.
    pub fn long(&self, indent: usize, before: usize) -> String {
        let short = self.short();
        let pad = " ".repeat(indent + 2);
        let mut out = String::new();
        match self {
            Nix::Set(set) if !set.is_empty() && (self.holds_sets() || before + short.len() > WIDTH) => {
                out.push_str("{\n");
                for (key, value) in set {
                    let key = name(key);
                    let value = value.long(indent + 2, indent + 2 + key.len() + 4);
                    let _ = writeln!(out, "{pad}{key} = {value};");
                }
                let _ = write!(out, "{}}}", " ".repeat(indent));
            }
            Nix::List(list)
                if !list.is_empty()
                    && (self.holds_sets() && list.len() > 1 || before + short.len() > WIDTH) =>
            {
                out.push_str("[\n");
                for one in list {
                    let _ = writeln!(out, "{pad}{}", one.long(indent + 2, indent + 2));
                }
                let _ = write!(out, "{}]", " ".repeat(indent));
            }
            _ => out = short,
        }
        out
    }
}

/// A file that is a set, with a comment before it.
pub fn file(comments: &[String], set: Set) -> String {
    let mut out = String::new();
    for comment in comments {
        for line in comment.lines() {
            let _ = writeln!(out, "# {line}");
        }
    }
    let _ = writeln!(out, "{{");
    for (key, value) in &set.0 {
        // Dotted paths stay as they are.
        let key = key.split('.').map(name).collect::<Vec<_>>().join(".");
        let value = value.long(2, 2 + key.len() + 4);
        let _ = writeln!(out, "  {key} = {value};");
    }
    let _ = writeln!(out, "}}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_never_code() {
        assert_eq!(quoted("a\"${b}\\ $${c} $d\n"), r#""a\"\${b}\\ $\${c} $d\n""#);
        assert_eq!(name("xapi0"), "xapi0");
        assert_eq!(name("in"), "\"in\"");
        assert_eq!(name("9a"), "\"9a\"");
        assert_eq!(name("a b"), "\"a b\"");
    }

    #[test]
    fn short_stays_short() {
        let set = Set::new().with("a", vec!["x", "y"]).with("b", true).with("c", -1).maybe("d", None::<i64>);
        assert_eq!(
            file(&["one".into()], Set::new().with("p.q", set)),
            "# one\n{\n  p.q = { a = [ \"x\" \"y\" ]; b = true; c = (-1); };\n}\n"
        );
    }
}
