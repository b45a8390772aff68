//! Fields of each record: label, marker, where the value comes from, how it is shown and set.
//!
//! A line of a record file is `name marker source format option..`. Source is `.field` of the
//! record's own class, `Class.field` of a record reached from it, `call:Class.method`,
//! `hosts:field` (the hosts' common value) or `-` for a field with code of its own.

use std::{collections::HashMap, sync::LazyLock};

use super::files::FILES;

/// The fields of one kind of object, in the order they print.
#[derive(Debug)]
pub struct RecordDef {
    /// Our name of the record.
    pub name: &'static str,
    /// API class of the objects.
    pub class: &'static str,
    /// Fields in print order.
    pub fields: Vec<FieldDef>,
}

/// What kind of parameter a field is to `-param-*` and filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One text.
    Plain,
    /// A set.
    Set,
    /// A map.
    Map,
}

/// Where a field's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A field of the object.
    Own(&'static str),
    /// A field of another object reached from this one: class and field.
    Side(&'static str, &'static str),
    /// The result of a call.
    Call(&'static str),
    /// The value all hosts share.
    Hosts(&'static str),
    /// Code of its own.
    Custom,
}

/// How a text becomes the value a setter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // named after the words in the data files
pub enum Parser {
    Text,
    Bool1,
    Bool2,
    Int1,
    Int2,
    Size,
    Float,
    Enum,
    List,
    ListInt,
    DomainType,
    AllocationAlgorithm,
    OnBoot,
}

/// One field.
#[derive(Debug)]
pub struct FieldDef {
    /// Name as typed and shown.
    pub name: &'static str,
    /// `RO`, `SRW` and so on.
    pub marker: &'static str,
    /// Plain, set or map.
    pub kind: Kind,
    /// Where the value comes from.
    pub source: Source,
    /// Format word of the data file.
    pub format: &'static str,
    /// Table each member goes through.
    pub item: Option<&'static str>,
    /// A map whose values, not keys, are shown as a set.
    pub values: bool,
    /// Shown when the lookup fails.
    pub on_error: Option<&'static str>,
    /// Shown when the side record does not exist.
    pub missing: Option<&'static str>,
    /// Method that sets it as a whole and how its text is read.
    pub set: Option<(String, Parser)>,
    /// Class whose uuids stand for the value or members when setting.
    pub lookup: Option<&'static str>,
    /// An empty text stores the null reference.
    pub empty_clears: bool,
    /// Method that sets one key of a map.
    pub set_key: Option<&'static str>,
    /// Method that sets a whole map from the pairs given.
    pub set_map: Option<&'static str>,
    /// Method that empties a map.
    pub clear: Option<&'static str>,
    /// How a member gets in.
    pub add: Option<AddDef>,
    /// How a member gets out.
    pub remove: Option<AddDef>,
    /// How a member's text is read: `int`, `enum`, `vm-operation`.
    pub member: Option<&'static str>,
    /// Left out of `-list` and `-param-list`.
    pub hidden: bool,
    /// Costs a call; `-list` does not show it.
    pub expensive: bool,
    /// Labelled as deprecated.
    pub deprecated: bool,
    /// Filters ignore case.
    pub any_case: bool,
}

/// The method behind `add` or `remove`, and whether it takes one member or the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddDef {
    /// Full method name.
    pub method: String,
    /// The method takes the whole changed set or map.
    pub whole: bool,
}

impl FieldDef {
    /// The name with its marker, as tables show it.
    pub fn label(&self) -> String {
        let deprecated = if self.deprecated { " [DEPRECATED]" } else { "" };
        format!("{} ({:>3}){deprecated}", self.name, self.marker)
    }

    /// `-param-clear` lists it.
    pub fn clearable(&self) -> bool {
        self.set.is_some() || self.kind != Kind::Plain
    }

    /// A map of which `map:key=value` sets single keys.
    pub fn key_settable(&self) -> bool {
        self.kind == Kind::Map && (self.set_key.is_some() || self.set_map.is_some() || self.add.is_some())
    }
}

impl RecordDef {
    /// A field by exact name.
    pub fn field(&self, name: &str) -> Option<&FieldDef> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// A record by name.
pub fn record(name: &str) -> Option<&'static RecordDef> {
    static RECORDS: LazyLock<HashMap<&'static str, RecordDef>> =
        LazyLock::new(|| FILES.iter().filter_map(|(name, text)| Some((*name, read(name, text)?))).collect());
    RECORDS.get(name)
}

fn read(name: &'static str, text: &'static str) -> Option<RecordDef> {
    let mut lines = text.lines();
    let class = lines.next()?.strip_prefix("# ")?;
    Some(RecordDef { name, class, fields: lines.filter_map(|line| read_field(class, line)).collect() })
}

fn read_field(class: &str, line: &'static str) -> Option<FieldDef> {
    let mut words = line.split(' ');
    let (name, marker, source, format) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let source = read_source(source)?;
    let own = match source {
        Source::Own(field) => field,
        _ => "",
    };
    let mut field = FieldDef {
        name,
        marker,
        kind: match marker.as_bytes()[0] {
            b'S' => Kind::Set,
            b'M' => Kind::Map,
            _ => Kind::Plain,
        },
        source,
        format,
        item: None,
        values: false,
        on_error: None,
        missing: None,
        set: None,
        lookup: None,
        empty_clears: false,
        set_key: None,
        set_map: None,
        clear: None,
        add: None,
        remove: None,
        member: None,
        hidden: false,
        expensive: false,
        deprecated: false,
        any_case: false,
    };
    let (add, remove) = match field.kind {
        Kind::Map => ("add_to_", "remove_from_"),
        _ => ("add_", "remove_"),
    };
    let rule = |prefix: &str| AddDef { method: format!("{class}.{prefix}{own}"), whole: false };
    let named = |method: &str, whole| Some(AddDef { method: method.into(), whole });
    for word in words {
        match word.split_once('=') {
            None => match word {
                "values" => field.values = true,
                "set" => field.set = Some((format!("{class}.set_{own}"), Parser::Text)),
                "add" => field.add = Some(rule(add)),
                "remove" => field.remove = Some(rule(remove)),
                "empty-clears" => field.empty_clears = true,
                "hidden" => field.hidden = true,
                "expensive" => field.expensive = true,
                "deprecated" => field.deprecated = true,
                "any-case" => field.any_case = true,
                _ => return None,
            },
            Some(("item", table)) => field.item = Some(table),
            Some(("error", word)) => field.on_error = Some(placeholder(word)),
            Some(("missing", word)) => field.missing = Some(placeholder(word)),
            Some(("set", parser)) => field.set = Some((format!("{class}.set_{own}"), read_parser(parser)?)),
            Some(("setter", method)) => field.set.as_mut()?.0 = method.into(),
            Some(("lookup", class)) => field.lookup = Some(class),
            Some(("set-key", method)) => field.set_key = Some(method),
            Some(("set-map", method)) => field.set_map = Some(method),
            Some(("clear", method)) => field.clear = Some(method),
            Some(("add", method)) => field.add = named(method, false),
            Some(("add-by", method)) => field.add = named(method, true),
            Some(("remove", method)) => field.remove = named(method, false),
            Some(("remove-by", method)) => field.remove = named(method, true),
            Some(("member", kind)) => field.member = Some(kind),
            Some(_) => return None,
        }
    }
    Some(field)
}

fn read_source(word: &'static str) -> Option<Source> {
    if word == "-" {
        return Some(Source::Custom);
    }
    if let Some(method) = word.strip_prefix("call:") {
        return Some(Source::Call(method));
    }
    if let Some(field) = word.strip_prefix("hosts:") {
        return Some(Source::Hosts(field));
    }
    match word.split_once('.')? {
        ("", field) => Some(Source::Own(field)),
        (class, field) => Some(Source::Side(class, field)),
    }
}

fn placeholder(word: &'static str) -> &'static str {
    match word {
        "nid" => "<not in database>",
        "unknown" => "<unknown>",
        "unknown-time" => "<unknown time>",
        other => other,
    }
}

fn read_parser(word: &str) -> Option<Parser> {
    Some(match word {
        "bool1" => Parser::Bool1,
        "bool2" => Parser::Bool2,
        "int1" => Parser::Int1,
        "int2" => Parser::Int2,
        "size" => Parser::Size,
        "float" => Parser::Float,
        "enum" => Parser::Enum,
        "list" => Parser::List,
        "list-int" => Parser::ListInt,
        "domain-type" => Parser::DomainType,
        "allocation-algorithm" => Parser::AllocationAlgorithm,
        "on-boot" => Parser::OnBoot,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use xapi_schema::{Class, schema};

    use super::*;

    #[test]
    fn every_line_is_understood() {
        let mut count = 0;
        for (name, text) in FILES {
            let def = record(name).unwrap();
            assert_eq!(def.fields.len(), text.lines().count() - 1, "{name}");
            count += def.fields.len();
        }
        assert_eq!((FILES.len(), count), (54, 775));
    }

    #[test]
    fn sources_and_methods_exist_in_the_model() {
        for (name, _) in FILES {
            let def = record(name).unwrap();
            for field in &def.fields {
                let (class, wire) = match field.source {
                    Source::Own(wire) => (def.class, wire),
                    Source::Side(class, wire) => (class, wire),
                    Source::Hosts(wire) => ("host", wire),
                    Source::Call(_) | Source::Custom => continue,
                };
                if class == "message" {
                    continue; // not a database class
                }
                let class = Class::by_name(class).unwrap_or_else(|| panic!("class {class}"));
                assert!(class.field(wire).is_some(), "{name} {}: {}.{wire}", field.name, class.name);
            }
            let methods = def.fields.iter().flat_map(|f| {
                let set = f.set.as_ref().map(|(m, _)| m.as_str());
                let members = [&f.add, &f.remove].map(|a| a.as_ref().map(|a| a.method.as_str()));
                [set, f.set_key, f.set_map, f.clear].into_iter().chain(members).flatten()
            });
            for method in methods {
                assert!(schema().message(method).is_some(), "{name}: {method}");
            }
        }
    }

    #[test]
    fn labels() {
        let vm = record("vm").unwrap();
        assert_eq!(vm.field("uuid").unwrap().label(), "uuid ( RO)");
        assert_eq!(vm.field("tags").unwrap().label(), "tags (SRW)");
        assert_eq!(vm.field("cooperative").unwrap().label(), "cooperative ( RO) [DEPRECATED]");
    }
}
