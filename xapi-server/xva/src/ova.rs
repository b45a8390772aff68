//! The description at the head of an archive: which server wrote it, and the objects, their references replaced by
//! numbers of the archive's own. Pure.

use xapi_schema::{DateTime, Value};

use crate::{EXPORT_VERSION, Error};

/// Who wrote an archive.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Name of the host.
    pub hostname: String,
    /// Moment of the export.
    pub date: DateTime,
    /// Such as `8.3.0`.
    pub product_version: String,
    /// Such as `XCP-ng`.
    pub product_brand: String,
    /// Build.
    pub build_number: String,
    /// Version of the toolstack.
    pub xapi: (i64, i64),
    /// Form of the archive.
    pub export: i64,
}

/// One object.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Class.
    pub class: String,
    /// `Ref:` and a number.
    pub id: String,
    /// The record, references replaced.
    pub snapshot: Value,
}

/// A description.
#[derive(Debug, Clone, PartialEq)]
pub struct Ova {
    /// Who wrote it.
    pub version: Version,
    /// The objects.
    pub objects: Vec<Object>,
}

impl Ova {
    /// The text in the archive: one XML-RPC value.
    pub fn to_xml(&self) -> String {
        let v = &self.version;
        let version = Value::map([
            ("hostname", Value::str(v.hostname.as_str())),
            ("date", Value::Time(v.date)),
            ("product_version", Value::str(v.product_version.as_str())),
            ("product_brand", Value::str(v.product_brand.as_str())),
            ("build_number", Value::str(v.build_number.as_str())),
            ("xapi_major", Value::Int(v.xapi.0)),
            ("xapi_minor", Value::Int(v.xapi.1)),
            ("export_vsn", Value::Int(v.export)),
        ]);
        let objects = self.objects.iter().map(|object| {
            Value::map([
                ("class", Value::str(object.class.as_str())),
                ("id", Value::str(object.id.as_str())),
                ("snapshot", object.snapshot.clone()),
            ])
        });
        xapi_codec::xml::value_text(&Value::map([("version", version), ("objects", Value::set(objects))]))
    }

    /// Reads a description.
    ///
    /// # Errors
    /// [`Error::Description`] for what is none, [`Error::Newer`] for a form of the future.
    pub fn from_xml(text: &str) -> Result<Ova, Error> {
        let refuse = |what: &str| Error::Description(format!("the description has no usable {what}"));
        let whole =
            xapi_codec::xml::read_value(text).map_err(|failure| Error::Description(failure.to_string()))?;
        let version = whole.get("version").ok_or_else(|| refuse("version"))?;
        let version = read_version(version);
        if version.export > EXPORT_VERSION {
            return Err(Error::Newer(version.export));
        }
        let objects = whole.get("objects").and_then(Value::as_set).ok_or_else(|| refuse("objects"))?;
        let object = |value: &Value| {
            Some(Object {
                class: value.get("class")?.as_str()?.to_string(),
                id: value.get("id")?.as_str()?.to_string(),
                snapshot: value.get("snapshot")?.clone(),
            })
        };
        let objects = objects.iter().map(object).collect::<Option<_>>().ok_or_else(|| refuse("object"))?;
        Ok(Ova { version, objects })
    }
}

/// What an archive does not say is empty or 0; the oldest have no `export_vsn`.
fn read_version(value: &Value) -> Version {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_string();
    let int = |name: &str| match value.get(name) {
        Some(Value::Int(n)) => *n,
        Some(Value::Str(text)) => text.parse().unwrap_or(0),
        _ => 0,
    };
    Version {
        hostname: text("hostname"),
        date: match value.get("date") {
            Some(Value::Time(time)) => *time,
            _ => DateTime::EPOCH,
        },
        product_version: text("product_version"),
        product_brand: text("product_brand"),
        build_number: text("build_number"),
        xapi: (int("xapi_major"), int("xapi_minor")),
        export: int("export_vsn"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Ova {
        let version = Version {
            hostname: "localhost".into(),
            date: DateTime::EPOCH,
            product_version: "8.3.0".into(),
            product_brand: "XCP-ng".into(),
            build_number: "1".into(),
            xapi: (26, 17),
            export: 2,
        };
        let snapshot = Value::map([("name_label", Value::str("a <b> & c")), ("VBDs", Value::set([]))]);
        Ova { version, objects: vec![Object { class: "VM".into(), id: "Ref:0".into(), snapshot }] }
    }

    #[test]
    fn comes_back_as_it_was() {
        let text = sample().to_xml();
        assert!(text.starts_with("<value><struct><member><name>version</name><value><struct>"), "{text}");
        assert_eq!(Ova::from_xml(&text).expect("it is one"), sample());
    }

    #[test]
    fn refuses_what_it_can_not_know() {
        let newer = sample().to_xml().replace("<value>2</value>", "<value>3</value>");
        assert!(matches!(Ova::from_xml(&newer), Err(Error::Newer(3))));
        for text in ["", "<value>x</value>", "<value><struct></struct></value>"] {
            assert!(matches!(Ova::from_xml(text), Err(Error::Description(_))), "{text}");
        }
    }
}
