//! [`fingerprint`]: a short text per class that changes when anything a client can notice does.
//!
//! Works on the JSON form, so the same function reads our own description and the published facts.

use serde_json::Value as Json;

/// The members of a field or method that clients or the database can notice, in the facts' names.
const FIELD: &[&str] = &[
    "name",
    "type",
    "qualifier",
    "has_default",
    "default",
    "lifecycle",
    "in_record",
    "internal_only",
    "persist",
    "ignore_foreign_key",
    "has_effect",
    "getter_roles",
    "setter_roles",
    "map_keys_roles",
    "relation",
    "doc_tags",
];
const MESSAGE: &[&str] = &[
    "name",
    "kind",
    "field",
    "session",
    "errors",
    "roles",
    "map_keys_roles",
    "async",
    "server",
    "secret",
    "pool_internal",
    "emergency",
    "no_slave_forward",
    "hide_from_docs",
    "no_current_operations",
    "forwarding",
    "op_guards",
    "lifecycle",
    "doc_tags",
];
const CLASS: &[&str] = &[
    "name",
    "lifecycle",
    "in_database",
    "persistent",
    "gen_events",
    "gen_constructor_destructor",
    "explicit_default_roles",
    "implicit_roles",
    "no_task",
    "db_log_destroy",
    "doc_tags",
];

/// One line per class, sorted: name, counts, and a 64-bit digest of [`normal_form`].
pub fn fingerprint(model: &Json) -> String {
    let mut lines: Vec<String> = model["classes"].as_array().into_iter().flatten().map(class_line).collect();
    lines.sort();
    lines.push(String::new());
    lines.join("\n")
}

fn class_line(class: &Json) -> String {
    let count = |key: &str| class[key].as_array().map_or(0, Vec::len);
    let digest = fnv(normal_form(class).join("\n").as_bytes());
    let name = class["name"].as_str().unwrap_or("?");
    format!("{name} fields={} messages={} {digest:016x}", count("fields"), count("messages"))
}

/// Everything noticeable of a class as sorted lines, for digests and for readable differences.
pub fn normal_form(class: &Json) -> Vec<String> {
    let mut lines = vec![format!("class {}", pick(class, CLASS))];
    for field in class["fields"].as_array().into_iter().flatten() {
        lines.push(format!("field {}", pick(field, FIELD)));
    }
    for message in class["messages"].as_array().into_iter().flatten() {
        let params: Vec<String> = message["params"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|p| pick(p, &["name", "type", "default"]))
            .collect();
        let ctor: Vec<String> = message["ctor_fields"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|p| pick(p, &["name", "type", "required"]))
            .collect();
        // Three methods shape their result themselves; what is declared for them binds nobody.
        let result =
            if message["custom_marshaller"] == true { String::new() } else { pick(message, &["result"]) };
        lines.push(format!("message {}{result} params={params:?} ctor={ctor:?}", pick(message, MESSAGE)));
    }
    lines.sort();
    lines
}

/// The named members that say something; absent, null, false and empty ones are all the same.
fn pick(json: &Json, keys: &[&str]) -> String {
    let mut out = String::new();
    for key in keys {
        let value = &json[*key];
        let silent = match value {
            Json::Null | Json::Bool(false) => true,
            Json::Array(items) => items.is_empty(),
            Json::Object(members) => members.is_empty(),
            _ => false,
        };
        if !silent {
            out += &format!(" {key}={}", sorted(value));
        }
    }
    out
}

/// JSON text with members in order of name and whole numbers without a fraction.
fn sorted(json: &Json) -> String {
    match json {
        Json::Object(members) => {
            let mut pairs: Vec<String> = members.iter().map(|(k, v)| format!("{k}:{}", sorted(v))).collect();
            pairs.sort();
            format!("{{{}}}", pairs.join(","))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(sorted).collect::<Vec<_>>().join(",")),
        Json::Number(number) => number.as_f64().unwrap_or(f64::NAN).to_string(),
        other => other.to_string(),
    }
}

/// FNV-1a: enough to notice change, not meant against an adversary.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
