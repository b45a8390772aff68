//! Values to JSON text, member order kept, no white space.

use serde_json::Value as Json;
use xapi_schema::{Result, Value, Wire};

use super::Version;
use crate::{
    Call,
    body::{self, Body, Pieces},
};

/// The answer to a request.
pub fn write_response(version: Version, id: &Json, outcome: &Result<Value>) -> Body {
    let mut out = Pieces::default();
    match (version, outcome) {
        (Version::V1, Ok(value)) => {
            out.push("{\"result\":");
            write_value(&mut out, value);
            out.push(",\"error\":null");
        }
        (Version::V1, Err(failure)) => {
            out.push("{\"result\":null,\"error\":");
            write_texts(&mut out, &failure.to_list());
        }
        (Version::V2, Ok(value)) => {
            out.push("{\"jsonrpc\":\"2.0\",\"result\":");
            write_value(&mut out, value);
        }
        (Version::V2, Err(failure)) => {
            out.push("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":");
            write_text(&mut out, &failure.code);
            out.push(",\"data\":");
            write_texts(&mut out, &failure.params);
            out.push("}");
        }
    }
    out.push(",\"id\":");
    out.push(&id.to_string());
    out.push("}");
    out.finish()
}

/// A call in version 2.0, for clients.
pub fn write_call(id: i64, call: &Call) -> Vec<u8> {
    let mut out = Pieces::default();
    out.push("{\"jsonrpc\":\"2.0\",\"method\":");
    write_text(&mut out, &call.method);
    out.push(",\"params\":");
    write_value(&mut out, &Value::set(call.args.iter().cloned()));
    out.push(&format!(",\"id\":{id}}}"));
    out.finish().into_vec()
}

/// A value as JSON text.
pub fn value_text(value: &Value) -> String {
    let mut out = Pieces::default();
    write_value(&mut out, value);
    String::from_utf8_lossy(&out.finish().into_vec()).into_owned()
}

fn write_texts(out: &mut Pieces, texts: &[String]) {
    write_value(out, &Value::set(texts.iter().map(|text| Value::str(text.as_str()))));
}

fn write_value(out: &mut Pieces, value: &Value) {
    match value {
        Value::Str(text) => write_text(out, text),
        Value::Int(number) | Value::Count(number) => out.number(*number),
        Value::Float(number) => out.push(&float_text(*number)),
        Value::Bool(truth) => out.push(if *truth { "true" } else { "false" }),
        Value::Time(time) => write_text(out, &time.to_string()),
        Value::Set(items) => {
            out.push("[");
            for (at, item) in items.iter().enumerate() {
                out.push(if at > 0 { "," } else { "" });
                write_value(out, item);
            }
            out.push("]");
        }
        Value::Map(pairs) => write_members(out, pairs.iter().map(|(name, value)| (name.as_str(), value))),
        Value::Record(record) => {
            let fragment = record.fragment(Wire::Json, || {
                let mut inner = Pieces::for_record();
                write_members(&mut inner, record.wire_members());
                inner.finish().into_vec()
            });
            out.share(fragment);
        }
        Value::Nil => out.push("null"),
    }
}

fn write_members<'a>(out: &mut Pieces, members: impl Iterator<Item = (&'a str, &'a Value)>) {
    out.push("{");
    for (at, (name, value)) in members.enumerate() {
        out.push(if at > 0 { "," } else { "" });
        write_text(out, name);
        out.push(":");
        write_value(out, value);
    }
    out.push("}");
}

fn write_text(out: &mut Pieces, text: &str) {
    if !body::any(text, |b| b < 0x20 || b == b'"' || b == b'\\') {
        out.push("\"");
        out.push(text);
        return out.push("\"");
    }
    // serde_json escapes exactly what has to be; writing to memory cannot fail.
    let _ = serde_json::to_writer(out.text(), text);
}

/// Whole numbers keep a fraction, as the original prints them; what JSON can't say is a text.
fn float_text(number: f64) -> String {
    if !number.is_finite() {
        return format!("\"{number}\"");
    }
    let text = crate::xml::float_text(number);
    if text.contains(['.', 'e']) { text } else { text + ".0" }
}
