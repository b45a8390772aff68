//! Lines of the configuration language, quoted so that no value can become another line.

use xapi_schema::{Result, errors};

/// A configuration in the making.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Lines for `xl create`.
    pub text: String,
    /// What the record asks for and xl cannot do, for the log.
    pub notes: Vec<String>,
}

/// A text of printable characters.
///
/// # Errors
/// INVALID_VALUE [what, text].
pub fn sane<'a>(what: &str, text: &'a str) -> Result<&'a str> {
    if text.chars().any(char::is_control) {
        return Err(errors::INVALID_VALUE.with([what, "holds control characters"]));
    }
    Ok(text)
}

fn quoted(what: &str, text: &str) -> Result<String> {
    let escaped = sane(what, text)?.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{escaped}\""))
}

impl Config {
    /// `key = "text"`.
    ///
    /// # Errors
    /// INVALID_VALUE for control characters.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let value = quoted(key, value)?;
        self.text.push_str(&format!("{key} = {value}\n"));
        Ok(())
    }

    /// `key = number`.
    pub fn number(&mut self, key: &str, value: i64) {
        self.text.push_str(&format!("{key} = {value}\n"));
    }

    /// `key = 0` or `1`.
    pub fn flag(&mut self, key: &str, value: bool) {
        self.number(key, i64::from(value));
    }

    /// `key = ["a", "b"]`; nothing for an empty list.
    ///
    /// # Errors
    /// INVALID_VALUE for control characters.
    pub fn list(&mut self, key: &str, values: Vec<String>) -> Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        let values = values.iter().map(|value| quoted(key, value)).collect::<Result<Vec<_>>>()?;
        self.text.push_str(&format!("{key} = [ {} ]\n", values.join(", ")));
        Ok(())
    }

    /// Something xl cannot do.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}
