//! Selectors: which VMs, hosts or SRs a command works on, and collecting what happened to each.

use crate::{
    fault::{Fault, Outcome, command, lines},
    filter,
    render::Object,
    run::Run,
    table::{RecordDef, record},
};

/// What a command selects and how.
#[derive(Debug, Clone, Copy)]
pub struct Select {
    kind: Noun,
    ignore: &'static [&'static str],
    templates: bool,
    control_domains: bool,
    single: bool,
    always_multiple: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noun {
    Vm,
    Host,
    Sr,
}

impl Select {
    const fn new(kind: Noun, ignore: &'static [&'static str]) -> Select {
        Select {
            kind,
            ignore,
            templates: false,
            control_domains: false,
            single: false,
            always_multiple: false,
        }
    }

    /// VMs that are neither templates nor control domains; `ignore` names parameters that are no filters.
    pub const fn vms(ignore: &'static [&'static str]) -> Select {
        Select::new(Noun::Vm, ignore)
    }

    /// Hosts.
    pub const fn hosts(ignore: &'static [&'static str]) -> Select {
        Select::new(Noun::Host, ignore)
    }

    /// SRs.
    pub const fn srs(ignore: &'static [&'static str]) -> Select {
        Select::new(Noun::Sr, ignore)
    }

    /// Templates and snapshots too.
    pub const fn templates(mut self) -> Select {
        self.templates = true;
        self
    }

    /// Control domains too.
    pub const fn control_domains(mut self) -> Select {
        self.control_domains = true;
        self
    }

    /// One object only, whatever `--multiple` says.
    pub const fn single(mut self) -> Select {
        self.single = true;
        self
    }

    /// Several objects without `--multiple`.
    pub const fn always_multiple(mut self) -> Select {
        self.always_multiple = true;
        self
    }

    /// All matching objects, without looking at how many there are.
    pub async fn matching(self, run: &Run<'_>) -> Outcome<Vec<Object>> {
        self.matching_ignoring(run, self.ignore).await
    }

    async fn matching_ignoring(self, run: &Run<'_>, ignore: &[&str]) -> Outcome<Vec<Object>> {
        let (pseudo, fields): (&str, &[&str]) = match self.kind {
            Noun::Vm => ("vm", &["uuid", "name__label"]),
            Noun::Host => ("host", &["uuid", "hostname", "name__label"]),
            Noun::Sr => ("sr", &["uuid", "name__label"]),
        };
        let mut params = run.args.others(ignore);
        let expr = match params.iter().position(|(name, _)| name == pseudo) {
            Some(at) => {
                let (_, value) = params.remove(at);
                equals_any(fields, &value)
            }
            None => "true".into(),
        };
        let mut objects = run.reader.all_where(self.record()?, &expr).await?;
        if self.kind == Noun::Vm && !self.templates {
            objects = filter::keep(&run.reader, objects, "is-a-template", "false").await?;
        }
        if self.kind == Noun::Vm && !self.control_domains {
            objects = filter::keep(&run.reader, objects, "is-control-domain", "false").await?;
        }
        for (name, value) in params {
            objects = filter::keep(&run.reader, objects, &name, &value).await?;
        }
        Ok(objects)
    }

    fn record(self) -> Outcome<&'static RecordDef> {
        let name = match self.kind {
            Noun::Vm => "vm",
            Noun::Host => "host",
            Noun::Sr => "sr",
        };
        record(name).ok_or_else(crate::fault::not_found)
    }

    /// The objects to work on; an error when there are none, or several without leave.
    pub async fn objects(self, run: &Run<'_>) -> Outcome<Vec<Object>> {
        self.objects_ignoring(run, self.ignore).await
    }

    /// Like [`Select::objects`] with another list of parameters that are no filters.
    pub async fn objects_ignoring(self, run: &Run<'_>, ignore: &[&str]) -> Outcome<Vec<Object>> {
        let objects = self.matching_ignoring(run, ignore).await?;
        let (what, one) = match self.kind {
            Noun::Vm => ("matches VMs", "VM"),
            Noun::Host => ("matching hosts", "host"),
            Noun::Sr => ("matching SRs", "SR"),
        };
        match objects.len() {
            0 => command(match self.kind {
                Noun::Vm => "No matching VMs found",
                Noun::Host | Noun::Sr => "No matching hosts found",
            }),
            1 => Ok(objects),
            _ if self.single => command(format!(
                "Multiple {what} found. Operation can only be performed on one {one} at a time"
            )),
            _ if self.always_multiple || run.flag("multiple")? => Ok(objects),
            _ => command(format!("Multiple {what} found. --multiple required to complete the operation")),
        }
    }

    /// The one object to work on.
    pub async fn one(self, run: &Run<'_>) -> Outcome<Object> {
        let mut objects = self.single().objects(run).await?;
        objects.pop().ok_or_else(crate::fault::not_found)
    }
}

/// A server-side expression: one of the fields equals the text.
pub fn equals_any(fields: &[&str], text: &str) -> String {
    let text = text.replace('"', "\\\"");
    let parts: Vec<String> = fields.iter().map(|field| format!("(field \"{field}\"=\"{text}\")")).collect();
    let (last, front) = match parts.split_last() {
        Some(pair) => pair,
        None => return "true".into(),
    };
    front.iter().rev().fold(last.clone(), |rest, part| format!("({part} or {rest})"))
}

/// What happened to each of several objects.
#[derive(Debug)]
pub struct Done<T> {
    alone: bool,
    results: Vec<T>,
    failed: Vec<(String, Fault)>,
}

impl<T> Done<T> {
    /// Nothing has happened yet to these objects.
    pub fn of(objects: &[Object]) -> Done<T> {
        Done { alone: objects.len() == 1, results: Vec::new(), failed: Vec::new() }
    }

    /// Notes one outcome. A lone object's failure is the command's, as is a lost client.
    pub fn add(&mut self, object: &Object, outcome: Outcome<T>) -> Outcome {
        match outcome {
            Ok(result) => self.results.insert(0, result),
            Err(fault @ (Fault::Wire(_) | Fault::Exit(_) | Fault::Stderr(..))) => return Err(fault),
            Err(fault) if self.alone => return Err(fault),
            Err(fault) => self.failed.insert(0, (object.uuid().to_owned(), fault)),
        }
        Ok(())
    }

    /// The results, last object first; the failures when there are any.
    pub fn finish(self) -> Outcome<Vec<T>> {
        match self.failed.is_empty() {
            true => Ok(self.results),
            false => Err(Fault::Several(self.failed)),
        }
    }
}

/// Why one of several objects failed, in one text.
pub async fn reason(api: &dyn crate::api::Api, fault: &Fault) -> String {
    match fault {
        Fault::Api(failure) => {
            let params = crate::failure::readable(api, failure).await;
            match lines(&failure.code, &params) {
                Some(lines) => lines.join("\n"),
                None => format!("{}: [ {} ]", failure.code, params.join("; ")),
            }
        }
        Fault::Command(text) => format!("INTERNAL_ERROR: [ Failure(\"{text}\") ]"),
        Fault::MissingField(name) => format!("Missing parameter: [ {name} ]"),
        other => format!("INTERNAL_ERROR: [ {other:?} ]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_nest_to_the_right_and_escape() {
        assert_eq!(equals_any(&["uuid"], "a"), "(field \"uuid\"=\"a\")");
        assert_eq!(
            equals_any(&["uuid", "hostname", "name__label"], "a\"b"),
            "((field \"uuid\"=\"a\\\"b\") or ((field \"hostname\"=\"a\\\"b\") or (field \"name__label\"=\"a\\\"b\")))"
        );
    }
}
