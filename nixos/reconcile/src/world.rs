//! What a server has, as its API tells: records by class and reference, and what this host adds to them. Pure.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

/// Classes that are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "&'static str")]
pub enum Class {
    /// `pool`
    Pool,
    /// `host`
    Host,
    /// `network`
    Network,
    /// `SR`
    Sr,
    /// `PBD`
    Pbd,
    /// `VDI`
    Vdi,
    /// `VM`
    Vm,
    /// `VBD`
    Vbd,
    /// `VIF`
    Vif,
}

impl Class {
    /// All of them.
    pub const ALL: [Class; 9] = [
        Class::Pool,
        Class::Host,
        Class::Network,
        Class::Sr,
        Class::Pbd,
        Class::Vdi,
        Class::Vm,
        Class::Vbd,
        Class::Vif,
    ];

    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Class::Pool => "pool",
            Class::Host => "host",
            Class::Network => "network",
            Class::Sr => "SR",
            Class::Pbd => "PBD",
            Class::Vdi => "VDI",
            Class::Vm => "VM",
            Class::Vbd => "VBD",
            Class::Vif => "VIF",
        }
    }
}

impl From<Class> for &'static str {
    fn from(class: Class) -> Self {
        class.name()
    }
}

/// Keys of `other_config` by which declared objects are known.
pub mod mark {
    /// Option it comes from.
    pub const OPTION: &str = "xennix:declared";
    /// UUID of the manifest.
    pub const ID: &str = "xennix:id";
    /// UUID of the object itself: copies inherit marks, but are not declared.
    pub const OWN: &str = "xennix:self";
    /// What clients may do.
    pub const POLICY: &str = "xennix:policy";
    /// What becomes of it when it is no longer declared.
    pub const ON_REMOVE: &str = "xennix:on-remove";
    /// It has to be started once its change is complete.
    pub const START: &str = "xennix:start";
    /// File whose content a disk has been given.
    pub const FILLED: &str = "xennix:filled";
    /// The reconciler made it.
    pub const MADE: &str = "xennix:made";
    /// Taken off what is no longer declared; the option first: without it the object is the clients', whatever else
    /// is still noted. What it is known by stays, so that it is found again when it is declared again.
    pub const RELEASED: [&str; 4] = [OPTION, POLICY, ON_REMOVE, START];
}

/// A record of the API.
pub type Record = Map<String, Value>;

/// What was observed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    /// Reference of the host this runs on.
    pub host: String,
    /// Records by class and reference.
    pub objects: BTreeMap<Class, BTreeMap<String, Record>>,
    /// Bytes of the files disks are filled from.
    pub files: BTreeMap<String, u64>,
    /// Nothing was started since the host was.
    pub just_booted: bool,
}

/// A text member; numbers and truths as the API's text.
pub fn text(record: &Record, field: &str) -> String {
    match record.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// A number, however it is written.
pub fn number(record: &Record, field: &str) -> i64 {
    text(record, field).parse().unwrap_or_default()
}

/// A truth.
pub fn truth(record: &Record, field: &str) -> bool {
    text(record, field) == "true"
}

/// References in a set.
pub fn references<'a>(record: &'a Record, field: &str) -> Vec<&'a str> {
    record.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A key of a map.
pub fn key<'a>(record: &'a Record, field: &str, key: &str) -> Option<&'a str> {
    record.get(field)?.get(key)?.as_str()
}

/// A mark.
pub fn marked<'a>(record: &'a Record, mark: &str) -> Option<&'a str> {
    key(record, "other_config", mark)
}

/// Declared once, and no copy of what was. Marks without [`mark::OWN`] are of an object whose making was cut short.
pub fn is_ours(record: &Record) -> bool {
    marked(record, mark::ID).is_some()
        && marked(record, mark::OWN).is_none_or(|own| own == text(record, "uuid"))
}

/// A guest, not a template, snapshot or control domain.
pub fn is_guest(record: &Record) -> bool {
    !["is_a_template", "is_a_snapshot", "is_control_domain"].iter().any(|field| truth(record, field))
}

impl World {
    /// Records of a class.
    pub fn of(&self, class: Class) -> impl Iterator<Item = (&String, &Record)> {
        self.objects.get(&class).into_iter().flatten()
    }

    /// One record.
    pub fn get(&self, class: Class, reference: &str) -> Option<&Record> {
        self.objects.get(&class)?.get(reference)
    }

    /// A declared object by its UUID or by the mark it was given.
    pub fn find(&self, class: Class, id: &str) -> Option<(&String, &Record)> {
        let fit = |record: &Record| match class {
            Class::Vm => is_guest(record),
            Class::Vdi => !truth(record, "is_a_snapshot"),
            _ => true,
        };
        let all = || self.of(class).filter(|(_, record)| fit(record));
        let by_mark = |complete: bool| {
            all().find(move |(_, record)| {
                marked(record, mark::ID) == Some(id)
                    && is_ours(record)
                    && marked(record, mark::OWN).is_some() == complete
            })
        };
        all()
            .find(|(_, record)| text(record, "uuid") == id)
            .or_else(|| by_mark(true))
            .or_else(|| by_mark(false))
    }
}
