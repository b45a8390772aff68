//! A reader of the old pool database for tests, of its own: it knows the file's layers but no class, so that it can
//! stand against the program's. Only for files known to be sound.

use std::collections::BTreeMap;

use quick_xml::{Reader, events::Event};
use serde_json::Value;

/// A row: columns by name, with white space as it was.
pub type Row = BTreeMap<String, String>;

/// Rows of a file by table and reference.
///
/// # Errors
/// What is no such file.
pub fn read(text: &str) -> Result<BTreeMap<String, BTreeMap<String, Row>>, String> {
    let mut reader = Reader::from_str(text);
    let (mut tables, mut table) = (BTreeMap::<String, BTreeMap<String, Row>>::new(), String::new());
    loop {
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Eof => return Ok(tables),
            Event::Start(tag) | Event::Empty(tag) => {
                let mut columns = Row::new();
                for attribute in tag.attributes() {
                    let attribute = attribute.map_err(|e| e.to_string())?;
                    let value = quick_xml::escape::unescape(&attribute.value).map_err(|e| e.to_string())?;
                    columns.insert(attribute.key.as_ref().to_string(), plain(&value));
                }
                match tag.name().as_ref() {
                    "table" => {
                        table = columns.remove("name").ok_or("a table without a name")?;
                        tables.entry(table.clone()).or_default();
                    }
                    "row" => {
                        let reference = columns.remove("ref").ok_or("a row without a reference")?;
                        tables.entry(table.clone()).or_default().insert(reference, columns);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// Takes the protection of white space away.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => match chars.next() {
                Some('.') => out.push(' '),
                Some('t') => out.push('\t'),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => out.push('%'),
            },
            other => out.push(other),
        }
    }
    out
}

/// A list of quoted items and lists.
#[derive(Debug, Clone, PartialEq)]
pub enum List {
    /// An item.
    Item(String),
    /// A list.
    Of(Vec<List>),
}

/// Reads a list as it stands in a column.
///
/// # Errors
/// What is no list.
pub fn list(text: &str) -> Result<List, String> {
    let mut chars = text.chars().peekable();
    let found = element(&mut chars)?;
    if chars.next().is_some() { Err(format!("more after the list: {text:?}")) } else { Ok(found) }
}

fn element(chars: &mut std::iter::Peekable<std::str::Chars>) -> Result<List, String> {
    match chars.next() {
        Some('(') => {
            let mut items = Vec::new();
            loop {
                match chars.peek() {
                    Some(' ') => {
                        chars.next();
                    }
                    Some(')') => {
                        chars.next();
                        return Ok(List::Of(items));
                    }
                    _ => items.push(element(chars)?),
                }
            }
        }
        Some('\'') => {
            let mut item = String::new();
            loop {
                match chars.next().ok_or("an item without an end")? {
                    '\\' => item.push(chars.next().ok_or("a backslash without a character")?),
                    '\'' => return Ok(List::Item(item)),
                    c => item.push(c),
                }
            }
        }
        other => Err(format!("{other:?} in a list")),
    }
}

/// Whether what a column says is what the server answers, judged by the shape of the answer alone. `as_set` does
/// not look at the order of a set.
///
/// # Errors
/// What a column of that shape can't say.
pub fn says(text: &str, answer: &Value, as_set: bool) -> Result<bool, String> {
    Ok(match answer {
        Value::Bool(truth) => text == truth.to_string(),
        Value::Number(number) => text.parse::<f64>().ok() == number.as_f64(),
        Value::String(said) => text == said || text.is_empty() && said == "OpaqueRef:NULL",
        Value::Array(items) => {
            let List::Of(stored) = list(text)? else { return Ok(false) };
            let mut stored: Vec<String> = stored.iter().map(shown).collect();
            let mut said: Vec<String> = items.iter().map(plain_json).collect();
            if as_set {
                stored.sort();
                said.sort();
            }
            stored == said
        }
        Value::Object(pairs) => {
            let List::Of(stored) = list(text)? else { return Ok(false) };
            if stored.len() != pairs.len() {
                return Ok(false);
            }
            for pair in &stored {
                let List::Of(pair) = pair else { return Ok(false) };
                let [List::Item(key), List::Item(value)] = pair.as_slice() else { return Ok(false) };
                match pairs.get(key) {
                    Some(said) if says(value, said, as_set)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        Value::Null => false,
    })
}

fn shown(item: &List) -> String {
    match item {
        List::Item(text) => text.clone(),
        List::Of(_) => "(a list)".into(),
    }
}

fn plain_json(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
