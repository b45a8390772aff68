//! Bodies of answers as one kind of tree, whatever the encoding. Reads only what the recorded server wrote;
//! anything else is an error, so that another spelling shows up as a difference.

use quick_xml::{Reader, events::Event};
use serde_json::{Map, Value, json};

use super::recording::Encoding;

/// The tree of a body.
///
/// # Errors
/// When the body is not of the encoding.
pub fn decode(encoding: Encoding, body: &str) -> Result<Value, String> {
    match encoding {
        Encoding::Json1 | Encoding::Json2 => serde_json::from_str(body).map_err(|e| e.to_string()),
        Encoding::Xml => xml(body),
    }
}

/// An element: its name, its text, its elements.
#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

fn xml(body: &str) -> Result<Value, String> {
    let root = parse(body)?;
    match (root.name.as_str(), root.children.as_slice()) {
        ("methodResponse", [params]) if params.name == "params" => {
            let value = only(only(params, "param")?, "value")?;
            value_of(value)
        }
        ("methodResponse", [fault]) if fault.name == "fault" => {
            Ok(json!({ "fault": value_of(only(fault, "value")?)? }))
        }
        _ => Err(format!("not a methodResponse: {}", root.name)),
    }
}

fn parse(body: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(body);
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|e| e.to_string())?;
        match event {
            Event::Start(start) => {
                let name = start.name().as_ref().to_string();
                open.push(Element { name, ..Element::default() });
            }
            Event::Empty(empty) => {
                let name = empty.name().as_ref().to_string();
                top(&mut open)?.children.push(Element { name, ..Element::default() });
            }
            Event::End(_) => {
                let done = open.pop().ok_or("an end without a start")?;
                top(&mut open)?.children.push(done);
            }
            Event::Text(text) => {
                top(&mut open)?.text.push_str(&text);
            }
            Event::GeneralRef(entity) => {
                let name: &str = &entity;
                let character = match entity.resolve_char_ref().map_err(|e| e.to_string())? {
                    Some(character) => character.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(name)
                        .ok_or_else(|| format!("unknown entity {name}"))?
                        .to_string(),
                };
                top(&mut open)?.text.push_str(&character);
            }
            Event::CData(data) => {
                top(&mut open)?.text.push_str(&data);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match open.as_mut_slice() {
        [outside] if outside.children.len() == 1 => Ok(outside.children.remove(0)),
        _ => Err("not one root element".into()),
    }
}

fn top(open: &mut [Element]) -> Result<&mut Element, String> {
    open.last_mut().ok_or_else(|| "an end without a start".into())
}

fn only<'a>(element: &'a Element, name: &str) -> Result<&'a Element, String> {
    match element.children.as_slice() {
        [child] if child.name == name => Ok(child),
        _ => Err(format!("{} is not one {name}", element.name)),
    }
}

/// Untyped text stays text; other types that JSON lacks become an object of one member.
fn value_of(value: &Element) -> Result<Value, String> {
    let typed = match value.children.as_slice() {
        [] => return Ok(Value::String(value.text.clone())),
        [typed] => typed,
        _ => return Err("a value of several types".into()),
    };
    match typed.name.as_str() {
        "struct" => {
            let mut members = Map::new();
            for member in &typed.children {
                match member.children.as_slice() {
                    [name, value] if name.name == "name" && value.name == "value" => {
                        members.insert(name.text.clone(), value_of(value)?);
                    }
                    _ => return Err("a member without name and value".into()),
                }
            }
            Ok(Value::Object(members))
        }
        "array" => only(typed, "data")?.children.iter().map(value_of).collect(),
        "boolean" => match typed.text.as_str() {
            "0" => Ok(Value::Bool(false)),
            "1" => Ok(Value::Bool(true)),
            other => Err(format!("{other:?} is no boolean")),
        },
        // Spelled out, so that 1 and 1.0 differ.
        other => Ok(json!({ other: typed.text })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_types_entities_and_nesting() {
        let body = "<?xml version=\"1.0\"?><methodResponse><params><param><value><struct><member><name>a&lt;</name>\
                    <value>x &amp; &#233;</value></member><member><name>b</name><value><array><data><value>\
                    <boolean>1</boolean></value><value><double>0.5</double></value></data></array></value></member>\
                    </struct></value></param></params></methodResponse>";
        let tree = decode(Encoding::Xml, body);
        assert_eq!(tree, Ok(json!({ "a<": "x & é", "b": [true, { "double": "0.5" }] })));
    }

    #[test]
    fn refuses_what_is_no_answer() {
        for body in ["", "<html/>", "<methodResponse/>", "<methodResponse><params>"] {
            assert!(decode(Encoding::Xml, body).is_err(), "{body}");
        }
    }
}
