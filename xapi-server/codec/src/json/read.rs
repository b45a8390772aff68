//! JSON text to values.

use serde_json::Value as Json;
use xapi_schema::{ArcStr, Failure, Result as Answer, Value};

use crate::{Call, Limits, Malformed};

/// Which version a request speaks, and so the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// No `jsonrpc` member.
    V1,
    /// `"jsonrpc": "2.0"`.
    V2,
}

/// A call with what its answer has to repeat.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Version.
    pub version: Version,
    /// Integer or text chosen by the client.
    pub id: Json,
    /// The call.
    pub call: Call,
}

/// Reads a request.
///
/// # Errors
/// [`Malformed`], also for batches and for notifications, which the original refuses.
pub fn read_request(text: &[u8], limits: &Limits) -> Result<Request, Malformed> {
    if text.len() > limits.max_bytes {
        return Err(Malformed::TooBig("bytes"));
    }
    bounded(text, limits)?;
    let json: Json = serde_json::from_slice(text).map_err(Malformed::syntax)?;
    let Json::Object(mut members) = json else {
        return Err(Malformed::syntax("Invalid request body"));
    };
    let version = match members.get("jsonrpc") {
        None => Version::V1,
        Some(Json::String(version)) if version == "2.0" => Version::V2,
        Some(_) => return Err(Malformed::syntax("Invalid field 'jsonrpc' in request body")),
    };
    let method = match members.remove("method") {
        Some(Json::String(method)) => method,
        Some(_) => return Err(Malformed::syntax("Invalid field 'method' in request body")),
        None => return Err(Malformed::syntax("Required field method is missing")),
    };
    let id = match members.remove("id") {
        Some(Json::Number(number)) if number.is_i64() || number.is_u64() => Json::Number(number),
        Some(Json::String(text)) => Json::String(text),
        _ => return Err(Malformed::syntax("Invalid field 'id' in request body")),
    };
    let args = match (members.remove("params"), version) {
        (Some(Json::Array(items)), _) => items.into_iter().map(from_json).collect(),
        (Some(one @ Json::Object(_)), Version::V2) => vec![from_json(one)],
        (Some(Json::Null) | None, Version::V2) => Vec::new(),
        _ => return Err(Malformed::syntax("Invalid field 'params' in request body")),
    };
    Ok(Request { version, id, call: Call { method, args } })
}

/// Bounds nesting and number of values before anything is built.
fn bounded(text: &[u8], limits: &Limits) -> Result<(), Malformed> {
    let (mut depth, mut nodes, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in text {
        if in_string {
            (in_string, escaped) = match (byte, escaped) {
                (_, true) => (true, false),
                (b'\\', _) => (true, true),
                (b'"', _) => (false, false),
                _ => (true, false),
            };
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                nodes += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => nodes += 1,
            _ => {}
        }
        if depth > limits.max_depth {
            return Err(Malformed::TooBig("nesting"));
        }
        if nodes > limits.max_nodes {
            return Err(Malformed::TooBig("values"));
        }
    }
    Ok(())
}

/// A JSON value as an API value. Numbers beyond 64 bits become floats.
pub fn from_json(json: Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(truth) => Value::Bool(truth),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text),
        Json::Array(items) => Value::set(items.into_iter().map(from_json)),
        Json::Object(members) => {
            Value::Map(members.into_iter().map(|(k, v)| (ArcStr::from(k), from_json(v))).collect())
        }
    }
}

/// Reads an answer of either version: the value, or the failure it describes.
///
/// # Errors
/// [`Malformed`].
pub fn read_response(text: &[u8]) -> Result<Answer<Value>, Malformed> {
    let json: Json = serde_json::from_slice(text).map_err(Malformed::syntax)?;
    let failure = |code: Option<&Json>, params: Option<&Json>| {
        let text = |json: &Json| json.as_str().map_or_else(|| json.to_string(), str::to_string);
        let params: Vec<String> = params.and_then(Json::as_array).into_iter().flatten().map(text).collect();
        Failure::new(&code.map(text).unwrap_or_default(), params)
    };
    match json.get("error") {
        None | Some(Json::Null) => match json.get("result") {
            Some(result) => Ok(Ok(from_json(result.clone()))),
            None => Err(Malformed::syntax("neither result nor error")),
        },
        Some(Json::Array(list)) => {
            let rest = Json::Array(list.iter().skip(1).cloned().collect());
            Ok(Err(failure(list.first(), Some(&rest))))
        }
        Some(error) => Ok(Err(failure(error.get("message"), error.get("data")))),
    }
}
