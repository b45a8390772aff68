//! What images are called in a place, in both layouts of the original stack. Pure.

use xennix_disk::chain::Format;

/// A way to name images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// Files: `<uuid>.vhd`.
    Files,
    /// Logical volumes: `VHD-<uuid>`.
    Volumes,
}

impl Naming {
    /// The name of an image.
    pub fn name(self, uuid: &str, format: Format) -> String {
        match (self, format) {
            (Naming::Files, Format::Vhd) => format!("{uuid}.vhd"),
            (Naming::Files, Format::Raw) => format!("{uuid}.raw"),
            (Naming::Files, Format::Qcow2) => format!("{uuid}.qcow2"),
            (Naming::Volumes, Format::Vhd) => format!("VHD-{uuid}"),
            (Naming::Volumes, Format::Raw) => format!("LV-{uuid}"),
            (Naming::Volumes, Format::Qcow2) => format!("QCOW2-{uuid}"),
        }
    }

    /// The uuid and format of an image of that name; nothing for all other names, half-made images among them.
    pub fn parse(self, name: &str) -> Option<(&str, Format)> {
        let (uuid, format) = match self {
            Naming::Files => {
                let (uuid, ending) = name.rsplit_once('.')?;
                let format = match ending {
                    "vhd" => Format::Vhd,
                    "raw" => Format::Raw,
                    "qcow2" => Format::Qcow2,
                    _ => return None,
                };
                (uuid, format)
            }
            Naming::Volumes => {
                let known = [("VHD-", Format::Vhd), ("LV-", Format::Raw), ("QCOW2-", Format::Qcow2)];
                known.into_iter().find_map(|(prefix, f)| name.strip_prefix(prefix).map(|uuid| (uuid, f)))?
            }
        };
        is_uuid(uuid).then_some((uuid, format))
    }

    /// What follows the changes of a volume.
    pub fn log(uuid: &str) -> String {
        format!("{uuid}.cbtlog")
    }
}

/// Is it a uuid as names carry them: lower case, with dashes?
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok_and(|u| u.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_layouts() {
        let uuid = "6f2c1a3e-0000-4000-8000-0123456789ab";
        for naming in [Naming::Files, Naming::Volumes] {
            for format in [Format::Vhd, Format::Raw, Format::Qcow2] {
                let name = naming.name(uuid, format);
                assert_eq!(naming.parse(&name), Some((uuid, format)));
                assert_eq!(Format::of_name(&name), Some(format));
                assert_eq!(naming.parse(&format!("OLD_{name}")), None);
                assert_eq!(naming.parse(&format!("{name}.new")), None);
            }
        }
        for other in ["MGT", "filelog.txt", "a.vhd", "VHD-../x", ".vhd", ""] {
            assert_eq!(Naming::Files.parse(other), None);
            assert_eq!(Naming::Volumes.parse(other), None);
        }
    }
}
