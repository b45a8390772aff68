//! [`Directory`]: who the users and groups outside this server are. Implemented by the server; knows no
//! subjects, roles or sessions.

use xapi_schema::{Failure, Result, errors};

/// A user or a group of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Identifier that never changes.
    pub sid: String,
    /// Name people use.
    pub name: String,
    /// A group of users.
    pub is_group: bool,
    /// Identifiers of the groups it is in.
    pub groups: Vec<String>,
}

impl Entry {
    /// What a subject's `other_config` tells about it, under the names clients look for.
    pub fn information(&self) -> Vec<(String, String)> {
        let plain = [
            ("subject-name", self.name.as_str()),
            ("subject-displayname", &self.name),
            ("subject-sid", &self.sid),
            ("subject-is-group", if self.is_group { "true" } else { "false" }),
            ("contains-byname", ""),
        ];
        let mut pairs: Vec<_> = plain.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        if !self.is_group {
            let account = ["account-disabled", "account-expired", "account-locked", "password-expired"];
            pairs.push(("subject-upn".into(), self.name.clone()));
            pairs.push(("subject-gecos".into(), String::new()));
            pairs.extend(account.map(|key| (format!("subject-{key}"), "false".to_string())));
        }
        pairs
    }
}

/// Names and identifiers of one kind of directory.
pub trait Directory: Send + Sync {
    /// What `auth_type` calls it.
    fn kind(&self) -> &'static str;

    /// Looks whether it can be used; nothing is kept.
    ///
    /// # Errors
    /// AUTH_ENABLE_FAILED [text] and its finer forms.
    fn join(&self) -> Result<()>;

    /// The user or group of a name.
    fn by_name(&self, name: &str) -> Option<Entry>;

    /// The user or group with an identifier.
    fn by_sid(&self, sid: &str) -> Option<Entry>;
}

/// What is answered about somebody a directory does not know.
pub fn unresolved() -> Failure {
    errors::SUBJECT_CANNOT_BE_RESOLVED.bare()
}
