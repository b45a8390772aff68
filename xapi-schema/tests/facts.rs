//! The schema holds every class, field, method, enumeration, error, permission and handler of the
//! published facts. The committed fingerprint stands for them; `XENNIX_FACTS=DIR` (the directory of
//! `datamodel.json`) compares line by line and shows what differs.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value as Json;
use xapi_schema::{Kind, Permission, Role, describe, fingerprint, normal_form, schema};

fn committed(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/facts").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn facts(name: &str) -> Option<Json> {
    let Some(dir) = std::env::var_os("XENNIX_FACTS") else {
        eprintln!("XENNIX_FACTS is not set: compared with the committed fingerprint only");
        return None;
    };
    let text = fs::read_to_string(PathBuf::from(dir).join(name)).expect("facts are readable");
    Some(serde_json::from_str(&text).expect("facts are JSON"))
}

#[test]
fn every_class_is_as_the_facts_say() {
    let ours = describe();
    if let Some(facts) = facts("datamodel.json") {
        let mut differences = Vec::new();
        for class in facts["classes"].as_array().unwrap() {
            let name = &class["name"];
            let mine = ours["classes"].as_array().unwrap().iter().find(|c| c["name"] == *name);
            let mine: BTreeSet<String> = normal_form(mine.unwrap_or(&Json::Null)).into_iter().collect();
            let theirs: BTreeSet<String> = normal_form(class).into_iter().collect();
            differences.extend(theirs.difference(&mine).map(|line| format!("facts: {line}")));
            differences.extend(mine.difference(&theirs).map(|line| format!("ours:  {line}")));
        }
        assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
        if std::env::var_os("XENNIX_FACTS_WRITE").is_some() {
            let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/facts");
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("classes.txt"), fingerprint(&facts)).unwrap();
            fs::write(dir.join("rest.txt"), rest(&facts)).unwrap();
        }
    }
    assert_eq!(fingerprint(&ours), committed("classes.txt"));
}

/// Enumerations, errors, permissions and handlers as plain lines.
fn rest(facts: &Json) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (name, def) in facts["enums"].as_object().unwrap() {
        lines.push(format!("enum {name} {}", def["values"]));
    }
    let errors = self::facts("errors.json").unwrap();
    for (code, def) in errors["errors"].as_object().unwrap() {
        lines.push(format!("error {code} {}", def["params"]));
    }
    for (name, priority) in errors["alerts"].as_object().unwrap() {
        lines.push(format!("alert {name} {}", priority.as_i64().or(priority["priority"].as_i64()).unwrap()));
    }
    for permission in self::facts("roles.json").unwrap()["permissions"].as_object().unwrap().values() {
        let roles: Vec<&str> =
            permission["roles"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
        lines.push(
            format!("permission {} {}", permission["name"].as_str().unwrap(), roles.join(" "))
                .trim_end()
                .into(),
        );
    }
    for handler in self::facts("http_handlers.json").unwrap()["handlers"].as_array().unwrap() {
        let text = |key: &str| handler[key].as_str().unwrap().to_string();
        lines.push(format!("handler {} {} {}", text("name"), text("method").to_uppercase(), text("path")));
    }
    lines.sort();
    lines.join("\n") + "\n"
}

#[test]
fn enums_errors_permissions_and_handlers_are_as_the_facts_say() {
    let ours = describe();
    let mut lines: Vec<String> = Vec::new();
    for (name, def) in ours["enums"].as_object().unwrap() {
        lines.push(format!("enum {name} {}", def["values"]));
    }
    for (code, def) in ours["errors"].as_object().unwrap() {
        lines.push(format!("error {code} {}", def["params"]));
    }
    for (name, priority) in ours["alerts"].as_object().unwrap() {
        lines.push(format!("alert {name} {priority}"));
    }
    for Permission { name, roles, .. } in schema().permissions() {
        let roles: Vec<&str> = roles.iter().map(Role::name).collect();
        lines.push(format!("permission {name} {}", roles.join(" ")).trim_end().into());
    }
    for handler in xapi_schema::http::HANDLERS {
        lines.push(format!("handler {} {} {}", handler.name, handler.method, handler.path));
    }
    lines.sort();
    let ours: BTreeSet<&str> = lines.iter().map(String::as_str).collect();
    let text = committed("rest.txt");
    let theirs: BTreeSet<&str> = text.lines().collect();
    let missing: Vec<_> = theirs.difference(&ours).collect();
    let extra: Vec<_> = ours.difference(&theirs).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:#?}\nnot in the facts {extra:#?}");
}

#[test]
fn the_counts_are_those_of_the_api() {
    let count = |kind| schema().messages().iter().filter(|m| m.kind == kind).count();
    assert_eq!(xapi_schema::Class::all().len(), 73);
    assert_eq!(schema().messages().len(), 2258);
    assert_eq!(count(Kind::Custom), 678);
    assert_eq!(count(Kind::FieldGet), 884);
    assert_eq!(xapi_schema::classes::ENUMS.len(), 75);
    assert_eq!(xapi_schema::errors::ALL.len(), 635);
    assert_eq!(xapi_schema::http::HANDLERS.len(), 57);
    assert_eq!(schema().permissions().len(), 2359);
}

#[test]
fn every_line_says_what_it_is() {
    for class in xapi_schema::Class::all() {
        assert!(!class.doc.is_empty(), "{} has no description", class.name);
        for field in class.fields {
            assert!(!field.doc.is_empty(), "{}.{} has no description", class.name, field.name);
        }
        for method in class.methods {
            assert!(!method.doc.is_empty(), "{}.{} has no description", class.name, method.name);
        }
    }
    for error in xapi_schema::errors::ALL {
        assert!(error.doc.ends_with('.'), "{} has no sentence", error.code);
    }
}
