//! What the LVM tools print with `--reportformat json`. Pure.

use serde_json::Value;

/// A volume group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Bytes nobody has.
    pub free: u64,
    /// Bytes of an extent.
    pub extent: u64,
    /// How many of its devices are not here.
    pub missing: u64,
    /// It has been exported: another machine's.
    pub exported: bool,
    /// Volumes in it.
    pub volumes: u64,
    /// Its tags.
    pub tags: Vec<String>,
}

/// A logical volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Is it reachable?
    pub active: bool,
    /// Does anybody have it open?
    pub open: bool,
    /// May it be written?
    pub writable: bool,
    /// A plain one: no snapshot, pool or mirror.
    pub plain: bool,
    /// Its tags.
    pub tags: Vec<String>,
}

/// A physical volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Physical {
    /// Its device.
    pub device: String,
    /// Its group, if it has one.
    pub group: Option<Group>,
}

impl Physical {
    /// Is it of the group of this name?
    pub fn is_of(&self, group: &str) -> bool {
        self.group.as_ref().is_some_and(|g| g.name == group)
    }
}

fn rows(text: &str, kind: &str) -> Result<Vec<Value>, String> {
    let told: Value = serde_json::from_str(text).map_err(|e| format!("a report can't be read: {e}"))?;
    let reports = told.get("report").and_then(Value::as_array).ok_or("a report without its list")?;
    let mut rows = Vec::new();
    for report in reports {
        if let Some(list) = report.get(kind).and_then(Value::as_array) {
            rows.extend(list.iter().cloned());
        }
    }
    Ok(rows)
}

fn text<'a>(row: &'a Value, field: &str) -> Result<&'a str, String> {
    row.get(field).and_then(Value::as_str).ok_or_else(|| format!("a report without {field}"))
}

fn number(row: &Value, field: &str) -> Result<u64, String> {
    let told = text(row, field)?;
    told.trim().parse().map_err(|_| format!("a report says {field} {told:?}"))
}

fn tags(row: &Value, field: &str) -> Result<Vec<String>, String> {
    Ok(text(row, field)?.split(',').filter(|t| !t.is_empty()).map(str::to_owned).collect())
}

/// Groups, as `vgs` prints them.
///
/// # Errors
/// What is not as expected, for people.
pub fn groups(told: &str) -> Result<Vec<Group>, String> {
    rows(told, "vg")?.iter().map(group).collect()
}

fn group(row: &Value) -> Result<Group, String> {
    Ok(Group {
        name: text(row, "vg_name")?.into(),
        size: number(row, "vg_size")?,
        free: number(row, "vg_free")?,
        extent: number(row, "vg_extent_size")?.max(512),
        missing: number(row, "vg_missing_pv_count")?,
        exported: text(row, "vg_attr")?.as_bytes().get(2) == Some(&b'x'),
        volumes: number(row, "lv_count")?,
        tags: tags(row, "vg_tags")?,
    })
}

/// Volumes, as `lvs` prints them.
///
/// # Errors
/// As [`groups`].
pub fn volumes(told: &str) -> Result<Vec<Volume>, String> {
    rows(told, "lv")?.iter().map(volume).collect()
}

fn volume(row: &Value) -> Result<Volume, String> {
    let attr = text(row, "lv_attr")?.as_bytes();
    let is = |at: usize, c: u8| attr.get(at) == Some(&c);
    Ok(Volume {
        name: text(row, "lv_name")?.into(),
        size: number(row, "lv_size")?,
        writable: is(1, b'w'),
        // Suspended and the like are active, too.
        active: !is(4, b'-'),
        open: is(5, b'o'),
        plain: is(0, b'-'),
        tags: tags(row, "lv_tags")?,
    })
}

/// Physical volumes with their groups, as `pvs` prints them.
///
/// # Errors
/// As [`groups`].
pub fn physicals(told: &str) -> Result<Vec<Physical>, String> {
    let read = |row: &Value| {
        let free = text(row, "vg_name")?.is_empty();
        let group = if free { None } else { Some(group(row)?) };
        Ok(Physical { device: text(row, "pv_name")?.into(), group })
    };
    rows(told, "pv")?.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read() {
        let told = r#"{"report":[{"lv":[
            {"lv_name":"MGT","lv_size":"4194304","lv_attr":"-wi-------","lv_tags":""},
            {"lv_name":"LV-a","lv_size":"8388608","lv_attr":"-ri-ao----","lv_tags":"hidden,b"},
            {"lv_name":"t","lv_size":"8388608","lv_attr":"twi-a-tz--","lv_tags":""}]}],"log":[]}"#;
        let read = volumes(told).unwrap();
        assert_eq!(read[0].size, 4 << 20);
        assert!(read[0].writable && !read[0].active && !read[0].open && read[0].plain);
        assert!(!read[1].writable && read[1].active && read[1].open);
        assert_eq!(read[1].tags, ["hidden", "b"]);
        assert!(!read[2].plain);
        let told = r#"{"report":[{"vg":[{"vg_name":"g","vg_size":"100","vg_free":"40","vg_extent_size":"4194304",
            "vg_missing_pv_count":"0","vg_attr":"wz--n-","lv_count":"2","vg_tags":"x"}]}]}"#;
        let read = groups(told).unwrap();
        assert_eq!((read[0].size, read[0].free, read[0].missing, read[0].exported), (100, 40, 0, false));
        let told = r#"{"report":[{"pv":[{"pv_name":"/dev/vdb","vg_name":"","vg_size":"0","vg_free":"0",
            "vg_extent_size":"0","vg_missing_pv_count":"0","vg_attr":"","lv_count":"0","vg_tags":""},
            {"pv_name":"[unknown]","vg_name":"g","vg_size":"8","vg_free":"4","vg_extent_size":"4194304",
            "vg_missing_pv_count":"1","vg_attr":"wz-pn-","lv_count":"2","vg_tags":"a,b"}]}]}"#;
        let read = physicals(told).unwrap();
        assert_eq!((read[0].device.as_str(), &read[0].group), ("/dev/vdb", &None));
        assert!(read[1].is_of("g") && !read[0].is_of("") && !read[0].is_of("g"));
        assert_eq!(read[1].group.as_ref().map(|g| g.missing), Some(1));
    }

    #[test]
    fn anything_else_is_an_error() {
        for bad in ["", "{}", "[]", r#"{"report":[{"lv":[{}]}]}"#, r#"{"report":[{"lv":[{"lv_name":"a"}]}]}"#]
        {
            assert!(volumes(bad).is_err(), "{bad}");
        }
        assert_eq!(volumes(r#"{"report":[]}"#).unwrap(), []);
    }
}
