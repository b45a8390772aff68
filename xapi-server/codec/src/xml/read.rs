//! XML-RPC text to values.
//!
//! quick-xml splits the text; nothing is ever expanded but the five named entities and character
//! references, a document type definition is refused, and depth and number of values are bounded.

use quick_xml::{
    Reader,
    events::{BytesRef, Event},
};
use xapi_schema::{ArcStr, DateTime, Failure, Result as Answer, Value};

use crate::{Call, Limits, Malformed};

type Read<T> = Result<T, Malformed>;

/// Reads a call.
///
/// # Errors
/// [`Malformed`].
pub fn read_call(text: &[u8], limits: &Limits) -> Read<Call> {
    let mut parser = Parser::new(text, limits)?;
    parser.expect_open("methodCall")?;
    parser.expect_open("methodName")?;
    let method = parser.text_until("methodName")?;
    let args = parser.params("methodCall")?;
    parser.end_of_document()?;
    Ok(Call { method, args })
}

/// Reads an answer: the value, or the failure it describes. A bare value is an answer, too.
///
/// # Errors
/// [`Malformed`].
pub fn read_response(text: &[u8], limits: &Limits) -> Read<Answer<Value>> {
    let mut parser = Parser::new(text, limits)?;
    parser.expect_open("methodResponse")?;
    let value = match parser.next()? {
        Token::Open(name) if name == "params" => {
            parser.expect_open("param")?;
            parser.expect_open("value")?;
            parser.value(0)?
        }
        Token::Open(name) if name == "fault" => {
            parser.expect_open("value")?;
            let fault = parser.value(0)?;
            let text = fault.get("faultString").and_then(Value::as_str).unwrap_or_default();
            return Ok(Err(Failure::new("FAULT", [text])));
        }
        other => return Err(other.unexpected("an answer")),
    };
    Ok(match value.get("Status").and_then(Value::as_str) {
        Some("Success") => Ok(value.get("Value").cloned().unwrap_or(Value::EMPTY)),
        Some("Failure") => {
            let list = value.get("ErrorDescription").and_then(Value::as_set).unwrap_or_default();
            let mut texts = list.iter().map(|item| item.as_str().unwrap_or_default());
            Err(Failure::new(texts.next().unwrap_or_default(), texts))
        }
        _ => Ok(value),
    })
}

/// A failure in XML-RPC's own form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its number.
    pub code: i64,
    /// Its text.
    pub text: String,
}

/// Reads an answer in XML-RPC's own form, without the struct with the status that XenAPI puts around values. A bare
/// `params` element is an answer, too.
///
/// # Errors
/// [`Malformed`].
pub fn read_plain_response(text: &[u8], limits: &Limits) -> Read<Result<Value, Fault>> {
    let mut parser = Parser::new(text, limits)?;
    let mut first = parser.next_element()?;
    if first == Token::Open("methodResponse".into()) {
        first = parser.next_element()?;
    }
    match first {
        Token::Open(name) if name == "params" => {
            parser.expect_open("param")?;
            Ok(Ok(parser.value_element(0)?))
        }
        Token::Open(name) if name == "fault" => {
            let fault = parser.value_element(0)?;
            let code = match fault.get("faultCode") {
                Some(Value::Int(code)) => *code,
                other => other.and_then(Value::as_str).and_then(|text| text.trim().parse().ok()).unwrap_or(0),
            };
            let text = fault.get("faultString").and_then(Value::as_str).unwrap_or_default().to_string();
            Ok(Err(Fault { code, text }))
        }
        other => Err(other.unexpected("an answer")),
    }
}

/// Reads one `<value>` element.
///
/// # Errors
/// [`Malformed`].
pub fn read_value(text: &str) -> Read<Value> {
    let mut parser = Parser::new(text.as_bytes(), &Limits::ANSWER)?;
    parser.expect_open("value")?;
    let value = parser.value(0)?;
    parser.end_of_document()?;
    Ok(value)
}

/// What the grammar needs of an event. White space between elements never becomes one.
#[derive(Debug, PartialEq)]
enum Token {
    Open(String),
    /// `<name/>`
    Empty(String),
    Close,
    Text(String),
    End,
}

impl Token {
    fn unexpected(&self, wanted: &str) -> Malformed {
        let got = match self {
            Token::Open(name) | Token::Empty(name) => format!("<{name}>"),
            Token::Close => "a closing tag".into(),
            Token::Text(_) => "text".into(),
            Token::End => "the end".into(),
        };
        Malformed::syntax(format!("expected {wanted}, found {got}"))
    }
}

struct Parser<'a> {
    reader: Reader<&'a [u8]>,
    limits: Limits,
    nodes: usize,
    /// Read ahead while collecting text.
    ahead: Option<Token>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a [u8], limits: &Limits) -> Read<Parser<'a>> {
        if text.len() > limits.max_bytes {
            return Err(Malformed::TooBig("bytes"));
        }
        let text = std::str::from_utf8(text).map_err(|_| Malformed::syntax("malformed character stream"))?;
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = true;
        Ok(Parser { reader, limits: *limits, nodes: 0, ahead: None })
    }

    /// The next element boundary, or the text before it when there is any.
    fn next(&mut self) -> Read<Token> {
        if let Some(token) = self.ahead.take() {
            return Ok(token);
        }
        let mut text: Option<String> = None;
        loop {
            let token = match self.reader.read_event().map_err(Malformed::syntax)? {
                Event::Start(start) => Token::Open(start.name().as_ref().to_string()),
                Event::Empty(start) => Token::Empty(start.name().as_ref().to_string()),
                Event::End(_) => Token::Close,
                Event::Eof => Token::End,
                Event::Text(part) => {
                    text.get_or_insert_default().push_str(&part);
                    continue;
                }
                Event::CData(part) => {
                    text.get_or_insert_default().push_str(&part);
                    continue;
                }
                Event::GeneralRef(reference) => {
                    text.get_or_insert_default().push(resolve(&reference)?);
                    continue;
                }
                Event::DocType(_) => {
                    return Err(Malformed::syntax("document type definitions are not accepted"));
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
            };
            return match text {
                Some(text) => {
                    self.ahead = Some(token);
                    Ok(Token::Text(text))
                }
                None => Ok(token),
            };
        }
    }

    /// The next boundary; only white space may stand before it.
    fn next_element(&mut self) -> Read<Token> {
        match self.next()? {
            Token::Text(text) if text.trim().is_empty() => self.next(),
            token => Ok(token),
        }
    }

    fn expect_open(&mut self, name: &str) -> Read<()> {
        match self.next_element()? {
            Token::Open(found) if found == name => Ok(()),
            other => Err(other.unexpected(&format!("<{name}>"))),
        }
    }

    fn expect_close(&mut self, name: &str) -> Read<()> {
        match self.next_element()? {
            Token::Close => Ok(()),
            other => Err(other.unexpected(&format!("</{name}>"))),
        }
    }

    fn end_of_document(&mut self) -> Read<()> {
        match self.next_element()? {
            Token::End => Ok(()),
            other => Err(other.unexpected("the end")),
        }
    }

    /// Text up to the closing tag, kept to the letter.
    fn text_until(&mut self, name: &str) -> Read<String> {
        match self.next()? {
            Token::Close => Ok(String::new()),
            Token::Text(text) => match self.next()? {
                Token::Close => Ok(text),
                other => Err(other.unexpected(&format!("</{name}>"))),
            },
            other => Err(other.unexpected("text")),
        }
    }

    /// `<params>` and the closing tag of the call. Calls without any parameters may leave it off.
    fn params(&mut self, outer: &str) -> Read<Vec<Value>> {
        let mut args = Vec::new();
        match self.next_element()? {
            Token::Close => return Ok(args),
            Token::Empty(name) if name == "params" => return self.expect_close(outer).map(|()| args),
            Token::Open(name) if name == "params" => {}
            other => return Err(other.unexpected("<params>")),
        }
        loop {
            match self.next_element()? {
                Token::Open(name) if name == "param" => {
                    args.push(self.value_element(0)?);
                    self.expect_close("param")?;
                }
                Token::Close => break,
                other => return Err(other.unexpected("<param>")),
            }
        }
        self.expect_close(outer)?;
        Ok(args)
    }

    fn value_element(&mut self, depth: usize) -> Read<Value> {
        match self.next_element()? {
            Token::Open(name) if name == "value" => self.value(depth),
            Token::Empty(name) if name == "value" => self.count().map(|()| Value::EMPTY),
            other => Err(other.unexpected("<value>")),
        }
    }

    fn count(&mut self) -> Read<()> {
        self.nodes += 1;
        if self.nodes > self.limits.max_nodes { Err(Malformed::TooBig("values")) } else { Ok(()) }
    }

    /// What stands inside `<value>`, and its closing tag.
    fn value(&mut self, depth: usize) -> Read<Value> {
        self.count()?;
        if depth >= self.limits.max_depth {
            return Err(Malformed::TooBig("nesting"));
        }
        let first = self.next()?;
        let typed = match first {
            Token::Close => return Ok(Value::EMPTY),
            Token::Text(text) => match self.next()? {
                Token::Close => return Ok(Value::from(text)),
                other if text.trim().is_empty() => other,
                other => return Err(other.unexpected("</value>")),
            },
            other => other,
        };
        let value = match typed {
            Token::Open(name) => self.typed(&name, depth)?,
            Token::Empty(name) => empty(&name)?,
            other => return Err(other.unexpected("a type")),
        };
        self.expect_close("value")?;
        Ok(value)
    }

    fn typed(&mut self, name: &str, depth: usize) -> Read<Value> {
        match name {
            "array" => return self.array(depth),
            "struct" => return self.members(depth),
            _ => {}
        }
        let text = self.text_until(name)?;
        match name {
            "string" | "base64" => Ok(Value::from(text)),
            "int" | "i4" | "i8" => match text.trim().parse() {
                Ok(number) => Ok(Value::Int(number)),
                Err(_) => Err(Malformed::syntax(format!("{text:?} is no integer"))),
            },
            "double" => match text.trim().parse() {
                Ok(number) => Ok(Value::Float(number)),
                Err(_) => Err(Malformed::syntax(format!("{text:?} is no number"))),
            },
            "boolean" => Ok(Value::Bool(text.trim() == "1")),
            "dateTime.iso8601" => Ok(match DateTime::parse(text.trim()) {
                Some(time) => Value::Time(time),
                None => Value::from(text),
            }),
            "nil" => Ok(Value::Nil),
            other => Err(Malformed::syntax(format!("<{other}> is no type"))),
        }
    }

    fn array(&mut self, depth: usize) -> Read<Value> {
        match self.next_element()? {
            Token::Close => return Ok(Value::set([])),
            Token::Empty(name) if name == "data" => {
                return self.expect_close("array").map(|()| Value::set([]));
            }
            Token::Open(name) if name == "data" => {}
            other => return Err(other.unexpected("<data>")),
        }
        let mut items = Vec::new();
        loop {
            match self.next_element()? {
                Token::Open(name) if name == "value" => items.push(self.value(depth + 1)?),
                Token::Empty(name) if name == "value" => {
                    self.count()?;
                    items.push(Value::EMPTY);
                }
                Token::Close => break,
                other => return Err(other.unexpected("<value>")),
            }
        }
        self.expect_close("array")?;
        Ok(Value::set(items))
    }

    /// Members may name themselves before or after their value.
    fn members(&mut self, depth: usize) -> Read<Value> {
        let mut pairs: Vec<(ArcStr, Value)> = Vec::new();
        loop {
            match self.next_element()? {
                Token::Open(name) if name == "member" => {}
                Token::Close => return Ok(Value::Map(pairs.into())),
                other => return Err(other.unexpected("<member>")),
            }
            let (mut name, mut value) = (None, None);
            loop {
                match self.next_element()? {
                    Token::Open(tag) if tag == "name" => name = Some(self.text_until("name")?),
                    Token::Empty(tag) if tag == "name" => name = Some(String::new()),
                    Token::Open(tag) if tag == "value" => value = Some(self.value(depth + 1)?),
                    Token::Empty(tag) if tag == "value" => value = Some(Value::EMPTY),
                    Token::Close => break,
                    other => return Err(other.unexpected("a member")),
                }
            }
            match (name, value) {
                (Some(name), Some(value)) => pairs.push((name.into(), value)),
                _ => return Err(Malformed::syntax("a member needs a name and a value")),
            }
        }
    }
}

fn empty(name: &str) -> Read<Value> {
    match name {
        "string" | "base64" | "dateTime.iso8601" => Ok(Value::EMPTY),
        "array" => Ok(Value::set([])),
        "struct" => Ok(Value::map::<ArcStr>([])),
        "nil" => Ok(Value::Nil),
        "boolean" => Ok(Value::Bool(false)),
        other => Err(Malformed::syntax(format!("<{other}/> has no value"))),
    }
}

/// The five named entities and character references; there are no others.
fn resolve(reference: &BytesRef) -> Read<char> {
    if let Some(found) = reference.resolve_char_ref().map_err(Malformed::syntax)? {
        return Ok(found);
    }
    match &**reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        other => Err(Malformed::syntax(format!("&{other}; is not defined"))),
    }
}
