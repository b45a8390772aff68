//! Tables of mounts: `/etc/fstab` and `/proc/mounts`. Never mounts.

use super::malformed::{Malformed, Result, lines, text};
use serde::Serialize;

/// Where the table of the boot is.
pub const PATH: &str = "/etc/fstab";
/// Where the present mounts are.
pub const MOUNTS: &str = "/proc/mounts";

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// Device, or how it is found.
    pub device: String,
    /// Where.
    pub at: String,
    /// File system.
    pub kind: String,
    /// Options.
    pub options: Vec<String>,
}

/// Reads either table.
///
/// # Errors
/// A line of fewer than three fields.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Vec<Mount>> {
    lines(text(file, bytes)?)
        .map(|(number, line)| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if fields.len() < 3 {
                return Err(Malformed::at(file, number, "device, mount point, file system, options", line));
            }
            Ok(Mount {
                device: unescape(fields[0]),
                at: unescape(fields[1]),
                kind: fields[2].to_owned(),
                options: fields.get(3).unwrap_or(&"defaults").split(',').map(str::to_owned).collect(),
            })
        })
        .collect()
}

/// `\040` and its like.
fn unescape(field: &str) -> String {
    let bytes = field.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let octal = bytes
            .get(i + 1..i + 4)
            .filter(|d| bytes[i] == b'\\' && d.iter().all(|c| (b'0'..=b'7').contains(c)));
        match octal.and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 8).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 4;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The label a device is found by, as in `LABEL=root-abcdef`.
pub fn label(mount: &Mount) -> Option<&str> {
    mount.device.strip_prefix("LABEL=").map(|label| label.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both() {
        let read = parse(
            "f",
            b"# c\nLABEL=root-x / ext3 defaults 1 1\n/dev/sda1 /mnt/a\\040b ext4 ro,noatime 0 0\n",
        )
        .unwrap();
        assert_eq!(label(&read[0]), Some("root-x"));
        assert_eq!((read[1].at.as_str(), read[1].options.len()), ("/mnt/a b", 2));
        assert_eq!(parse("f", b"a b c\nx y\n").unwrap_err().line, 2);
    }
}
