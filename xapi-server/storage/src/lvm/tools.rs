//! Command lines of the LVM tools. Pure: builds them, runs nothing. Every name and device is checked before it gets
//! on a line; a line names its own group only.

use std::fmt;

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Which of the tools.
    pub program: &'static str,
    /// Its arguments.
    pub args: Vec<String>,
}

/// A name that must not get on a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadName(String);

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no name for LVM", self.0)
    }
}

impl std::error::Error for BadName {}

type Result<T> = std::result::Result<T, BadName>;

/// Settings of every command, whatever the host's own say: nothing is activated by itself, volumes are not searched
/// for further groups (guests have their own), nothing is discarded, and a change leaves no copies on the host.
const CONFIG: &str = "devices{scan_lvs=0 use_devicesfile=0 issue_discards=0} \
                      global{event_activation=0 use_lvmlockd=0 use_lvmpolld=0} \
                      activation{auto_activation_volume_list=[] monitoring=0 retry_deactivation=1} \
                      backup{backup=0 archive=0}";

/// Bytes of an extent of a new group.
pub const EXTENT: u64 = 4 << 20;

/// Longest name of a group or volume that the original stack makes.
const LONGEST: usize = 127;

/// A name of a group or a volume.
///
/// # Errors
/// [`BadName`].
pub fn name(text: &str) -> Result<&str> {
    let good = |c: char| c.is_ascii_alphanumeric() || "+_.-".contains(c);
    let reserved = ["snapshot", "pvmove"].iter().any(|r| text.starts_with(r));
    if text.is_empty()
        || text.len() > LONGEST
        || text.starts_with('-')
        || text == "."
        || text == ".."
        || reserved
        || !text.chars().all(good)
    {
        return Err(BadName(text.into()));
    }
    Ok(text)
}

/// A tag.
///
/// # Errors
/// [`BadName`].
pub fn tag(text: &str) -> Result<&str> {
    let good = |c: char| c.is_ascii_alphanumeric() || "+_.-/=!:&#".contains(c);
    if text.is_empty() || text.len() > 1024 || text.starts_with('-') || !text.chars().all(good) {
        return Err(BadName(text.into()));
    }
    Ok(text)
}

/// A device.
///
/// # Errors
/// [`BadName`].
pub fn device(text: &str) -> Result<&str> {
    let good = |c: char| c.is_ascii_alphanumeric() || "+_.-/:=@".contains(c);
    let up = text.split('/').any(|part| part == "..");
    if !text.starts_with("/dev/") || text.len() > 1024 || up || !text.chars().all(good) {
        return Err(BadName(text.into()));
    }
    Ok(text)
}

fn line(program: &'static str, devices: &[String], more: &[&str]) -> Command {
    let mut args = vec!["--config".to_owned(), CONFIG.to_owned()];
    if !devices.is_empty() {
        args.push("--devices".into());
        args.push(devices.join(","));
    }
    args.extend(more.iter().map(|a| (*a).to_owned()));
    Command { program, args }
}

const REPORT: [&str; 5] = ["--reportformat", "json", "--units", "b", "--nosuffix"];

fn report(program: &'static str, devices: &[String], fields: &str, of: Option<&str>) -> Command {
    let mut more = REPORT.to_vec();
    more.extend(["-o", fields]);
    more.extend(of);
    line(program, devices, &more)
}

fn checked(devices: &[String]) -> Result<()> {
    devices.iter().try_for_each(|d| device(d).map(drop))
}

/// Which physical volumes there are, each with its group: on the given devices, or on all.
///
/// # Errors
/// [`BadName`].
pub fn physical(devices: &[String]) -> Result<Command> {
    checked(devices)?;
    Ok(report("pvs", devices, &format!("pv_name,{GROUP_FIELDS}"), None))
}

const GROUP_FIELDS: &str =
    "vg_name,vg_size,vg_free,vg_extent_size,vg_missing_pv_count,vg_attr,lv_count,vg_tags";

/// Makes a device free of what was recognised on it.
///
/// # Errors
/// [`BadName`].
pub fn wipe(text: &str) -> Result<Command> {
    let args = ["--all", "--force", device(text)?];
    Ok(Command { program: "wipefs", args: args.map(str::to_owned).to_vec() })
}

/// Forgets that a device belonged to a group.
///
/// # Errors
/// [`BadName`].
pub fn forget(text: &str) -> Result<Command> {
    Ok(line("pvremove", &[device(text)?.to_owned()], &["--yes", device(text)?]))
}

/// Commands about one group, seen through its own devices only.
#[derive(Debug, Clone)]
pub struct Tools {
    group: String,
    devices: Vec<String>,
}

impl Tools {
    /// For the group of this name on these devices; without devices, wherever it is.
    ///
    /// # Errors
    /// [`BadName`].
    pub fn new(group: &str, devices: &[String]) -> Result<Tools> {
        name(group)?;
        checked(devices)?;
        Ok(Tools { group: group.into(), devices: devices.to_vec() })
    }

    /// The group.
    pub fn group(&self) -> &str {
        &self.group
    }

    fn line(&self, program: &'static str, more: &[&str]) -> Command {
        line(program, &self.devices, more)
    }

    fn path(&self, volume: &str) -> Result<String> {
        Ok(format!("{}/{}", self.group, name(volume)?))
    }

    fn paths(&self, volumes: &[String]) -> Result<Vec<String>> {
        volumes.iter().map(|v| self.path(v)).collect()
    }

    fn about(&self, program: &'static str, flags: &[&str], volumes: &[String]) -> Result<Command> {
        let paths = self.paths(volumes)?;
        let more: Vec<&str> = flags.iter().copied().chain(paths.iter().map(String::as_str)).collect();
        Ok(self.line(program, &more))
    }

    /// Makes the group over its devices, marked as being made.
    pub fn make(&self) -> Command {
        let extent = format!("{EXTENT}b");
        let mut more = vec!["--yes", "--metadatasize", "10M", "--physicalextentsize", &extent];
        more.extend(["--addtag", super::MAKING, &self.group]);
        more.extend(self.devices.iter().map(String::as_str));
        self.line("vgcreate", &more)
    }

    /// Removes the group with everything in it.
    pub fn unmake(&self) -> Command {
        self.line("vgremove", &["--force", "--force", "--yes", &self.group])
    }

    /// How the group is.
    pub fn show(&self) -> Command {
        report("vgs", &self.devices, GROUP_FIELDS, Some(&self.group))
    }

    /// Its volumes.
    pub fn list(&self) -> Command {
        report("lvs", &self.devices, "lv_name,lv_size,lv_attr,lv_tags", Some(&self.group))
    }

    /// Makes volumes reachable.
    ///
    /// # Errors
    /// [`BadName`].
    pub fn activate(&self, volumes: &[String]) -> Result<Command> {
        self.about("lvchange", &["--activate", "y", "--yes"], volumes)
    }

    /// Lets go of them.
    ///
    /// # Errors
    /// [`BadName`].
    pub fn deactivate(&self, volumes: &[String]) -> Result<Command> {
        self.about("lvchange", &["--activate", "n", "--yes"], volumes)
    }

    /// Lets volumes be written, or not.
    ///
    /// # Errors
    /// [`BadName`].
    pub fn permit(&self, volumes: &[String], writable: bool) -> Result<Command> {
        self.about("lvchange", &["--permission", if writable { "rw" } else { "r" }], volumes)
    }

    /// Tags a volume, or takes the tag away.
    ///
    /// # Errors
    /// [`BadName`].
    pub fn mark(&self, volume: &str, text: &str, set: bool) -> Result<Command> {
        let flag = if set { "--addtag" } else { "--deltag" };
        self.about("lvchange", &[flag, tag(text)?], &[volume.to_owned()])
    }

    /// Makes a volume, reachable at once. Its first bytes are zeros, so that nothing old is found in them.
    ///
    /// # Errors
    /// [`BadName`].
    pub fn create(&self, volume: &str, bytes: u64, mark: Option<&str>) -> Result<Command> {
        let size = format!("{bytes}b");
        let marks = mark.map(tag).transpose()?.map_or(vec![], |mark| vec!["--addtag", mark]);
        let flags = ["--yes", "--activate", "y", "--zero", "y", "--wipesignatures", "n"];
        let more = [&flags[..], &marks, &["--size", &size, "--name", name(volume)?, &self.group]].concat();
        Ok(self.line("lvcreate", &more))
    }

    /// Makes a volume larger.
    ///
    /// # Errors
    /// [`BadName`].
    pub fn extend(&self, volume: &str, bytes: u64) -> Result<Command> {
        self.about("lvextend", &["--yes", "--size", &format!("{bytes}b")], &[volume.to_owned()])
    }

    /// Makes a volume smaller.
    ///
    /// # Errors
    /// [`BadName`].
    pub fn reduce(&self, volume: &str, bytes: u64) -> Result<Command> {
        self.about("lvreduce", &["--yes", "--force", "--size", &format!("{bytes}b")], &[volume.to_owned()])
    }

    /// Renames a volume.
    ///
    /// # Errors
    /// [`BadName`].
    pub fn rename(&self, from: &str, to: &str) -> Result<Command> {
        Ok(self.line("lvrename", &[&self.group, name(from)?, name(to)?]))
    }

    /// Removes volumes.
    ///
    /// # Errors
    /// [`BadName`].
    pub fn remove(&self, volumes: &[String]) -> Result<Command> {
        self.about("lvremove", &["--yes", "--force"], volumes)
    }

    /// Adds and removes tags of the group in one change.
    ///
    /// # Errors
    /// [`BadName`].
    pub fn tags(&self, add: &[String], remove: &[String]) -> Result<Command> {
        let mut more = Vec::new();
        for (flag, tags) in [("--deltag", remove), ("--addtag", add)] {
            for text in tags {
                more.extend([flag, tag(text)?]);
            }
        }
        more.push(&self.group);
        Ok(self.line("vgchange", &more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools() -> Tools {
        Tools::new("VG_XenStorage-x", &["/dev/sdb".into(), "/dev/disk/by-id/scsi-3a:b".into()]).unwrap()
    }

    #[test]
    fn lines_name_their_own_group_and_devices() {
        let line = tools().rename("VHD-a", "VHD-b").unwrap();
        assert_eq!(line.program, "lvrename");
        assert_eq!(line.args[2..4], ["--devices", "/dev/sdb,/dev/disk/by-id/scsi-3a:b"]);
        assert_eq!(line.args[4..], ["VG_XenStorage-x", "VHD-a", "VHD-b"]);
        let line = tools().deactivate(&["VHD-a".into(), "MGT".into()]).unwrap();
        assert_eq!(line.args[line.args.len() - 2..], ["VG_XenStorage-x/VHD-a", "VG_XenStorage-x/MGT"]);
        let line = tools().tags(&["new".into()], &["old".into()]).unwrap();
        assert_eq!(line.args[4..], ["--deltag", "old", "--addtag", "new", "VG_XenStorage-x"]);
        for line in [tools().list(), tools().show(), tools().make(), tools().create("MGT", 1, None).unwrap()]
        {
            assert!(line.args[1].contains("auto_activation_volume_list=[]"));
            assert!(line.args[1].contains("scan_lvs=0") && line.args[1].contains("issue_discards=0"));
        }
    }

    #[test]
    fn nothing_that_is_no_name_gets_on_a_line() {
        let long = "x".repeat(128);
        for bad in ["", "-n", ".", "..", "a/b", "a b", "a\nb", "a;b", "ä", "pvmove0", "snapshot1", &long] {
            assert!(name(bad).is_err(), "{bad:?}");
            assert!(Tools::new(bad, &[]).is_err());
            let volumes = [bad.to_owned()];
            assert!(tools().activate(&volumes).is_err() && tools().remove(&volumes).is_err());
            assert!(tools().create(bad, 1, None).is_err() && tools().rename("a", bad).is_err());
            assert!(tools().permit(&volumes, true).is_err() && tools().extend(bad, 1).is_err());
        }
        for bad in ["", "-a", "a b", "a,b", "a@b", "\n"] {
            assert!(tag(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "sdb", "-f", "/etc/passwd", "/dev/../etc", "/dev/sd b", "/dev/a,/dev/b", "/dev/a\n"] {
            assert!(device(bad).is_err(), "{bad:?}");
            assert!(physical(&[bad.to_owned()]).is_err() && forget(bad).is_err() && wipe(bad).is_err());
        }
    }
}
