//! Filter expressions of `get_all_where` and `get_all_records_where`.
//!
//! `field "name__label" = "web"`, joined by `and`, `or`, `not`. Values are compared as the stored text
//! of a database column. Two oddities of the original are part of the language: `and` and `or` have
//! equal precedence and associate to the left, and `not` binds weaker than both. Pure.

use xapi_schema::{Record, Result, Ty, Value, errors};

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Constant.
    Truth(bool),
    /// Equality of two operands.
    Equal(Operand, Operand),
    /// Both.
    And(Box<Expr>, Box<Expr>),
    /// Either.
    Or(Box<Expr>, Box<Expr>),
    /// Negation.
    Not(Box<Expr>),
}

/// One side of an equality.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A column by its stored name.
    Column(String),
    /// Literal text.
    Text(String),
}

/// Deepest nesting of brackets and `not`; more is refused so that hostile text can't exhaust the stack.
const MAX_DEPTH: usize = 200;

/// Reads an expression.
///
/// # Errors
/// INVALID_VALUE [expression, reason].
pub fn parse(text: &str) -> Result<Expr> {
    let fail = |reason: String| errors::INVALID_VALUE.with([text.to_string(), reason]);
    let tokens = tokens(text).map_err(fail)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    let expr = parser.expression().map_err(fail)?;
    match parser.peek() {
        None => Ok(expr),
        Some(token) => Err(fail(format!("unexpected {token:?}"))),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Text(String),
    Field,
    Equals,
    And,
    Or,
    Not,
    True,
    False,
    Open,
    Close,
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut out = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', '\n']);
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '"' => {
                let end = rest[1..].find('"').ok_or("unterminated string")?;
                (Token::Text(rest[1..=end].to_string()), end + 2)
            }
            '=' => (Token::Equals, 1),
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            _ => {
                let word: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
                let token = match word.as_str() {
                    "field" => Token::Field,
                    "and" => Token::And,
                    "or" => Token::Or,
                    "not" => Token::Not,
                    "true" => Token::True,
                    "false" => Token::False,
                    _ => return Err(format!("unknown word at {rest:?}")),
                };
                (token, word.len())
            }
        };
        out.push(token);
        rest = rest[length..].trim_start_matches([' ', '\t', '\n']);
    }
    Ok(out)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("nested too deeply".into());
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// `not` takes everything to its right; a chain of `and` and `or` groups to the left.
    fn expression(&mut self) -> Result<Expr, String> {
        if self.peek() == Some(&Token::Not) {
            self.at += 1;
            return self.deeper(|p| Ok(Expr::Not(Box::new(p.expression()?))));
        }
        let mut left = self.term()?;
        loop {
            let join = match self.peek() {
                Some(Token::And) => Expr::And,
                Some(Token::Or) => Expr::Or,
                _ => return Ok(left),
            };
            self.at += 1;
            if self.peek() == Some(&Token::Not) {
                let right = self.deeper(Self::expression)?;
                return Ok(join(Box::new(left), Box::new(right)));
            }
            left = join(Box::new(left), Box::new(self.term()?));
        }
    }

    fn term(&mut self) -> Result<Expr, String> {
        match self.peek() {
            Some(Token::True) => {
                self.at += 1;
                Ok(Expr::Truth(true))
            }
            Some(Token::False) => {
                self.at += 1;
                Ok(Expr::Truth(false))
            }
            Some(Token::Open) => {
                self.at += 1;
                let inner = self.deeper(Self::expression)?;
                match self.next() {
                    Some(Token::Close) => Ok(inner),
                    _ => Err("missing )".into()),
                }
            }
            _ => {
                let left = self.operand()?;
                match self.next() {
                    Some(Token::Equals) => Ok(Expr::Equal(left, self.operand()?)),
                    _ => Err("missing =".into()),
                }
            }
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        match (self.next(), self.peek()) {
            (Some(Token::Text(text)), _) => Ok(Operand::Text(text)),
            (Some(Token::Field), Some(Token::Text(name))) => {
                let name = name.clone();
                self.at += 1;
                Ok(Operand::Column(name))
            }
            (Some(token), _) => Err(format!("unexpected {token:?}")),
            (None, _) => Err("unexpected end".into()),
        }
    }
}

impl Expr {
    /// Whether an object matches; a column the class does not have is an error.
    ///
    /// # Errors
    /// INTERNAL_ERROR naming the column.
    pub fn matches(&self, reference: &str, record: &Record) -> Result<bool> {
        Ok(match self {
            Expr::Truth(truth) => *truth,
            Expr::Equal(a, b) => a.text(reference, record)? == b.text(reference, record)?,
            Expr::And(a, b) => a.matches(reference, record)? && b.matches(reference, record)?,
            Expr::Or(a, b) => a.matches(reference, record)? || b.matches(reference, record)?,
            Expr::Not(inner) => !inner.matches(reference, record)?,
        })
    }
}

impl Operand {
    fn text(&self, reference: &str, record: &Record) -> Result<String> {
        match self {
            Operand::Text(text) => Ok(text.clone()),
            Operand::Column(name) if name == "_ref" => Ok(reference.to_string()),
            Operand::Column(name) => {
                let fields = record.class.fields.iter().enumerate();
                match fields.into_iter().find(|(_, field)| field.column_name() == name) {
                    Some((at, field)) => Ok(column_text(record.at(at), field.ty)),
                    None => Err(xapi_schema::Failure::internal(format!(
                        "{} has no column {name}",
                        record.class.name
                    ))),
                }
            }
        }
    }
}

/// The stored text of a value: integers in decimal, sets as `('a' 'b')`, maps as `(('k' 'v'))`.
pub fn column_text(value: &Value, ty: Ty) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Int(number) | Value::Count(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Time(time) => time.to_string(),
        Value::Set(items) => {
            let item_ty = if let Ty::Set(item) = ty { *item } else { Ty::String };
            let items: Vec<String> = items.iter().map(|v| quoted(&column_text(v, item_ty))).collect();
            format!("({})", items.join(" "))
        }
        Value::Map(pairs) => {
            let item_ty = if let Ty::Map(_, item) = ty { *item } else { Ty::String };
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(k, v)| format!("({} {})", quoted(k), quoted(&column_text(v, item_ty))))
                .collect();
            format!("({})", pairs.join(" "))
        }
        Value::Record(_) | Value::Nil => String::new(),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use xapi_schema::{Class, ClassId};

    fn network(name: &str) -> Record {
        Class::of(ClassId::Network).complete(&Value::map([
            ("name_label", Value::str(name)),
            ("tags", Value::set([Value::str("a"), Value::str("it's")])),
            ("other_config", Value::map([("k", Value::str("v"))])),
        ]))
    }

    fn matches(text: &str) -> bool {
        parse(text).unwrap().matches("OpaqueRef:1", &network("web")).unwrap()
    }

    #[test]
    fn compares_stored_text() {
        assert!(matches(r#"field "name__label" = "web""#));
        assert!(!matches(r#"field "name__label" = "db""#));
        assert!(matches(r#"field "_ref" = "OpaqueRef:1""#));
        assert!(matches(r#"field "MTU" = "1500""#));
        assert!(matches(r#"field "managed" = "true""#));
        assert!(matches(r#"field "other_config" = "(('k' 'v'))""#));
        assert!(matches("field \"tags\" = \"('a' 'it\\'s')\""));
        assert!(matches(r#"field "purpose" = "()""#));
    }

    #[test]
    fn groups_as_the_original_does() {
        assert!(!matches("true or false and false"), "or does not bind weaker than and");
        assert!(matches("false and false or true"));
        assert!(!matches("not true or true"), "not binds weaker than or");
        assert!(matches("not (true and false)"));
        assert!(matches("true and not false"));
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for text in ["", "garbage ((", "field", "\"a\"", "\"a\" = ", "true true", "(true", "\"unterminated"] {
            let failure = parse(text).unwrap_err();
            assert_eq!((failure.code.as_str(), failure.params[0].as_str()), ("INVALID_VALUE", text));
        }
        assert!(parse(&"not ".repeat(10_000)).is_err());
        assert!(parse(&"(".repeat(10_000)).is_err());
        assert!(parse("field \"nope\" = \"\"").unwrap().matches("", &network("x")).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[ a-z\"=()]{0,60}") {
            if let Ok(expr) = parse(&text) {
                let _ = expr.matches("OpaqueRef:1", &network("web"));
            }
        }
    }
}
