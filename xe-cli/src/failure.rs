//! API errors on standard error: references in their parameters become uuids and names.

use xapi_schema::{Class, Failure};

use crate::{
    api::Api,
    fault::{Fault, lines},
    protocol::Command,
    render::Reader,
    table::{FieldDef, RecordDef},
};

/// Classes tried first when a parameter does not say what it refers to.
const LIKELY: [&str; 12] =
    ["VM", "VDI", "SR", "host", "VBD", "VIF", "network", "PIF", "PBD", "task", "pool", "VM_appliance"];

/// The parameters of an error with references replaced by `uuid` or `uuid (name)`.
pub async fn readable(api: &dyn Api, failure: &Failure) -> Vec<String> {
    let labels = crate::fault::labelled(&failure.code).map_or(&[][..], |(_, labels)| labels);
    let reader = Reader::new(api);
    let mut texts = Vec::new();
    for (at, param) in failure.params.iter().enumerate() {
        texts.push(readable_one(&reader, labels.get(at).copied(), param).await);
    }
    texts
}

async fn readable_one(reader: &Reader<'_>, label: Option<&str>, param: &str) -> String {
    if !param.starts_with("OpaqueRef:") || param == crate::render::NULL {
        return param.to_owned();
    }
    let hinted = label.and_then(Class::by_name_any_case).map(|class| class.name);
    let all = Class::all().iter().filter(|class| class.in_database).map(|class| class.name);
    for class in hinted.into_iter().chain(LIKELY).chain(all) {
        if let Some(uuid) = reader.uuid(class, param).await {
            let named = Class::by_name(class).is_some_and(|class| class.field("name_label").is_some());
            return match named {
                true => match reader.name_label(class, param).await {
                    Some(name) => format!("{uuid} ({name})"),
                    None => uuid,
                },
                false => uuid,
            };
        }
    }
    param.to_owned()
}

/// The commands that tell the client of a fault, and the exit status after them.
pub async fn report(api: Option<&dyn Api>, fault: &Fault) -> (Vec<Command>, i32) {
    const HINT: &str = "For usage run: 'xe help'\n";
    let say =
        |texts: &[String]| texts.iter().map(|text| Command::PrintStderr(text.clone())).collect::<Vec<_>>();
    let commands = match fault {
        Fault::Api(failure) => {
            let params = match api {
                Some(api) => readable(api, failure).await,
                None => failure.params.clone(),
            };
            match lines(&failure.code, &params) {
                Some(lines) => lines.into_iter().map(|line| Command::PrintStderr(line + "\n")).collect(),
                None => vec![Command::Error(failure.code.clone(), params)],
            }
        }
        Fault::Command(text) => say(&[format!("Error: {text}\n")]),
        Fault::MissingField(name) => vec![Command::Error("Missing parameter".into(), vec![name.clone()])],
        Fault::Exit(status) => return (Vec::new(), *status),
        Fault::Stderr(text, status) => return (say(std::slice::from_ref(text)), *status),
        Fault::Several(failed) => {
            let mut prints = Vec::new();
            for (uuid, fault) in failed {
                let why = match api {
                    Some(api) => crate::select::reason(api, fault).await,
                    None => String::new(),
                };
                prints.push(Command::Print(format!("operation failed on {uuid}: {why}")));
            }
            prints
        }
        Fault::UnknownCommand(name) => say(&[format!("Unknown command: {name}\n"), HINT.into()]),
        Fault::Syntax => say(&["Syntax error: \n".into(), HINT.into()]),
        Fault::MissingParam(name) => say(&[format!("Required parameter not found: {name}\n"), HINT.into()]),
        Fault::Authentication => say(&["Authentication failed\n".into(), HINT.into()]),
        Fault::NoUser => say(&["Username/password must be specified\n".into(), HINT.into()]),
        Fault::Wire(_) => Vec::new(),
    };
    (commands, 1)
}

/// A field by name, or the failure of asking for one that is not there.
pub fn field<'a>(record: &'a RecordDef, name: &str) -> Result<&'a FieldDef, Fault> {
    record.field(name).ok_or_else(|| Fault::MissingField(name.into()))
}
