//! GRUB's environment block: 1024 bytes, a line per variable, filled up with `#`. GRUB writes into it by block
//! numbers, so its size never changes. Pure.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

/// Bytes of the block.
const SIZE: usize = 1024;
/// Its first line.
const HEAD: &str = "# GRUB Environment Block\n";

/// Variables by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Environment(pub BTreeMap<String, String>);

impl Environment {
    /// Reads a block.
    ///
    /// # Errors
    /// Not a block: GRUB would refuse it, too.
    pub fn parse(block: &[u8]) -> Result<Environment> {
        if block.len() != SIZE || !block.starts_with(HEAD.as_bytes()) {
            bail!("this is no GRUB environment block of {SIZE} bytes");
        }
        let text = std::str::from_utf8(&block[HEAD.len()..])?;
        let mut variables = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, value)) = line.split_once('=') {
                variables.insert(name.to_string(), unescape(value));
            }
        }
        Ok(Environment(variables))
    }

    /// Writes one.
    ///
    /// # Errors
    /// More than fits.
    pub fn block(&self) -> Result<Vec<u8>> {
        let mut text = HEAD.to_string();
        for (name, value) in &self.0 {
            text.push_str(&format!("{name}={}\n", escape(value)));
        }
        if text.len() > SIZE {
            bail!("the environment of GRUB is full");
        }
        let mut block = text.into_bytes();
        block.resize(SIZE, b'#');
        Ok(block)
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\n', "\\\n")
}

fn unescape(value: &str) -> String {
    let mut out = String::new();
    let mut chars = value.chars();
    while let Some(one) = chars.next() {
        out.extend(if one == '\\' { chars.next() } else { Some(one) });
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_is_read_and_foreign_variables_stay() {
        let mut block = b"# GRUB Environment Block\nsaved_entry=old\nboot_success=1\n".to_vec();
        block.resize(SIZE, b'#');
        let mut environment = Environment::parse(&block).unwrap();
        environment.0.insert("xennix_next".into(), "xennix-3".into());
        let written = environment.block().unwrap();
        assert_eq!(written.len(), SIZE);
        assert_eq!(Environment::parse(&written).unwrap(), environment);
        assert_eq!(environment.0["saved_entry"], "old");
    }

    #[test]
    fn what_grub_would_refuse_is_refused() {
        assert!(Environment::parse(b"# GRUB Environment Block\n").is_err());
        assert!(Environment::parse(&[b'#'; SIZE]).is_err());
        let full = Environment([("a".to_string(), "x".repeat(SIZE))].into());
        assert!(full.block().is_err());
    }
}
