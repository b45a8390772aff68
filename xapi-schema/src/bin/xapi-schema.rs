//! `xapi-schema json|docs|fingerprint|unimplemented`: the object model for people and other languages.

use std::{io::Write, process::ExitCode};

use xapi_schema::{Class, TyDisplay, describe, schema};

/// Methods that answer NOT_IMPLEMENTED, kept true by a test of the operations crate.
const UNIMPLEMENTED: &str = include_str!("../../../docs/unimplemented.txt");

fn main() -> ExitCode {
    let text = match std::env::args().nth(1).as_deref() {
        Some("json") => format!("{:#}", describe()),
        Some("docs") => docs(),
        Some("fingerprint") => xapi_schema::fingerprint(&describe()),
        Some("unimplemented") => UNIMPLEMENTED.to_string(),
        _ => {
            eprintln!("usage: xapi-schema json|docs|fingerprint|unimplemented");
            return ExitCode::from(2);
        }
    };
    // Whoever hangs up has read enough.
    if std::io::stdout().write_all(text.as_bytes()).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The reference as Markdown: per class its fields and methods.
fn docs() -> String {
    let mut out = String::from("# XenAPI reference\n");
    for class in Class::all() {
        out += &format!("\n## {}\n\n{}.\n", class.name, class.doc);
        if !class.fields.is_empty() {
            out += "\n| field | type | access | meaning |\n|---|---|---|---|\n";
        }
        for field in class.fields.iter().filter(|f| !f.internal_only) {
            out += &format!(
                "| `{}` | {} | {:?} | {} |\n",
                field.name,
                TyDisplay(field.ty),
                field.qualifier,
                field.doc
            );
        }
        let mut methods = schema().messages().iter().filter(|m| m.class == class.id && !m.hidden).peekable();
        if methods.peek().is_some() {
            out += "\n| method | result | roles | meaning |\n|---|---|---|---|\n";
        }
        for message in methods {
            let params: Vec<String> =
                message.params.iter().map(|p| format!("{}: {}", p.name, TyDisplay(p.ty))).collect();
            let lowest = message.roles.iter().last().map_or("local root", |role| role.name());
            let doc = message.def.map_or("By rule", |def| def.doc);
            out += &format!(
                "| `{}({})` | {} | {lowest} | {doc} |\n",
                message.short_name(),
                params.join(", "),
                TyDisplay(message.result)
            );
        }
    }
    out
}
