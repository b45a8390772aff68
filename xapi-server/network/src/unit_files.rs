//! The units of ours in a directory: read, written, taken away, found by the bridge they are there for. Never touches a
//! file whose first line is not ours, and never tells systemd-networkd.

use std::{fs, io, path::PathBuf};

use xapi_schema::Result;

use crate::{
    failed, replace,
    units::{Unit, owner},
};

/// A directory of units.
pub struct UnitFiles {
    directory: PathBuf,
}

impl UnitFiles {
    /// # Errors
    /// A directory that cannot be made.
    pub fn open(directory: PathBuf) -> io::Result<UnitFiles> {
        fs::create_dir_all(&directory)?;
        Ok(UnitFiles { directory })
    }

    /// Text of a unit.
    pub fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.directory.join(path)).ok()
    }

    /// # Errors
    /// INTERNAL_ERROR with the reason.
    pub fn write(&self, unit: &Unit) -> Result<()> {
        replace(&self.directory.join(&unit.path), &unit.text).map_err(|error| failed(&unit.path, error))
    }

    /// Takes a unit away, with a directory of drop-ins that is then empty; one that is gone is fine.
    ///
    /// # Errors
    /// INTERNAL_ERROR with the reason.
    pub fn forget(&self, path: &str) -> Result<()> {
        match fs::remove_file(self.directory.join(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(path, error)),
            _ => {}
        }
        if let Some((below, _)) = path.rsplit_once('/') {
            // Others' drop-ins keep it.
            let _ = fs::remove_dir(self.directory.join(below));
        }
        Ok(())
    }

    /// Paths of the units that are there for a bridge.
    pub fn of_bridge(&self, bridge: &str) -> Vec<String> {
        let mark = owner(bridge);
        let ours = |path: &String| self.read(path).is_some_and(|text| text.starts_with(&mark));
        let mut found: Vec<String> = self.all().into_iter().filter(ours).collect();
        found.sort();
        found
    }

    /// Those of these units that are there, with their text.
    pub fn saved(&self, paths: &[String]) -> Vec<Unit> {
        let mut saved: Vec<Unit> = Vec::new();
        for path in paths {
            if let Some(text) = self.read(path)
                && !saved.iter().any(|unit| unit.path == *path)
            {
                saved.push(Unit { path: path.clone(), text });
            }
        }
        saved
    }

    /// All files with names of ours, those in directories of drop-ins included.
    fn all(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.contains("-xennix-") {
                continue;
            }
            if !entry.path().is_dir() {
                found.push(name);
                continue;
            }
            for inside in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
                found.push(format!("{name}/{}", inside.file_name().to_string_lossy()));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use xapi_backend::network::{Addressing, Below, Link};

    use super::*;
    use crate::units;

    #[test]
    fn units_of_a_bridge_are_found_and_leave_nothing_behind() {
        let directory = tempfile::tempdir().expect("a directory");
        let files = UnitFiles::open(directory.path().join("units")).expect("made");
        let link = |bridge: &str, below: Below| Link {
            bridge: bridge.into(),
            below,
            mtu: 1500,
            mac: String::new(),
            settings: vec![],
        };
        let card = link("xenbr0", Below::Device("eth0".into()));
        let tagged = Below::Vlan { device: "eth0".into(), bridge: "xenbr0".into(), tag: 42 };
        let all = [units::of_link(&card), units::of_link(&link("xapi3", tagged))].concat();
        let address = units::of_address("xapi3", &Addressing::Dhcp).expect("a file");
        for unit in all.iter().chain([&address]) {
            files.write(unit).expect("written");
        }
        fs::write(directory.path().join("units/10-xennix-people.network"), "[Match]\n").expect("written");
        let ours = files.of_bridge("xapi3");
        assert_eq!(ours.len(), 6, "{ours:?}");
        assert!(ours.contains(&"20-xennix-eth0.network.d/vlan-42.conf".to_string()), "{ours:?}");
        let saved = files.saved(&ours);
        for path in &ours {
            files.forget(path).expect("gone");
            files.forget(path).expect("gone already");
        }
        assert!(files.of_bridge("xapi3").is_empty());
        assert_eq!(files.all().len(), 1 + units::of_link(&card).len());
        assert!(!directory.path().join("units/20-xennix-eth0.network.d").exists());
        for unit in &saved {
            files.write(unit).expect("written");
        }
        assert_eq!(files.of_bridge("xapi3"), ours);
    }
}
