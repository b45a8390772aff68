//! [`Origin`]: what the old file said of an object and its fields do not: kept with the object, so that nothing is
//! lost and the way back is exact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map as Json, Value as Any};

/// Member of a stored object that holds its origin; no field of the object model has such a name.
pub const MEMBER: &str = "state.db";

/// What the old file said of an object besides its fields' values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Generation that made it.
    #[serde(rename = "c")]
    pub created: u64,
    /// Generation that changed it last.
    #[serde(rename = "m")]
    pub modified: u64,
    /// Texts by column that are no value of their field, or that are not spelled as they would be written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, String>,
    /// Texts of fields the import set otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub was: BTreeMap<String, String>,
    /// Columns no field has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown: BTreeMap<String, String>,
    /// Columns other rows of its table have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<String>,
}

impl Origin {
    /// As a stored object keeps it: one text, for it is carried through every start of the server.
    pub fn aside(&self) -> Json<String, Any> {
        let text = serde_json::to_string(self).unwrap_or_default();
        Json::from_iter([(MEMBER.to_string(), Any::String(text))])
    }

    /// The origin of a stored object; `None` for one that was not imported.
    ///
    /// # Errors
    /// Text saying what is wrong with it.
    pub fn of(aside: Option<&Json<String, Any>>) -> Result<Option<Origin>, String> {
        match aside.and_then(|aside| aside.get(MEMBER)) {
            None => Ok(None),
            Some(Any::String(text)) => serde_json::from_str(text).map(Some).map_err(|e| e.to_string()),
            Some(_) => Err("an origin that is no text".into()),
        }
    }
}
