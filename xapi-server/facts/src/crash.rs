//! Dumps of crashes of the machine: one directory each below `/var/crash`, named after the time.

use std::{fs, io, path::Path};

use xapi_backend::host::CrashDump;

use crate::Root;

/// Where they are.
pub const PLACE: &str = "var/crash";

/// Deepest level that is counted.
const DEPTH: u32 = 4;

/// The dumps there are. A name of the form `YYYYMMDD-hhmmss-ZZZ` (or with `T` and without a zone) tells the time of
/// the crash in UTC; what is named otherwise is no dump of a crash and is left alone.
pub fn read(root: &Root) -> Vec<CrashDump> {
    let dump = |name: String| {
        let path = root.path(PLACE).join(&name);
        // A link could lead anywhere.
        let directory = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir());
        let time = directory.then(|| time(&name)).flatten()?;
        Some(CrashDump { time, size: size(&path, DEPTH), name })
    };
    root.names(PLACE).into_iter().filter_map(dump).collect()
}

/// Removes a dump; one that is gone is fine.
///
/// # Errors
/// A name that is no dump's, what the system says.
pub fn remove(root: &Root, name: &str) -> io::Result<()> {
    if time(name).is_none() || name.contains('/') {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is no dump")));
    }
    match fs::remove_dir_all(root.path(PLACE).join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn size(path: &Path, depth: u32) -> i64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let one = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_file() => meta.len() as i64,
        Ok(meta) if meta.is_dir() && depth > 0 => size(&entry.path(), depth - 1),
        _ => 0,
    };
    entries.flatten().map(one).sum()
}

/// The time in a name, as Unix time.
fn time(name: &str) -> Option<i64> {
    let digits = |range: std::ops::Range<usize>| {
        let part = name.get(range)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<i64>().ok()).flatten()
    };
    let between = name.get(8..9)?;
    if !matches!(between, "-" | "T") {
        return None;
    }
    let rest = name.get(15..)?;
    let zone = rest
        .strip_prefix('-')
        .is_some_and(|zone| zone.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+'));
    if !(rest.is_empty() || rest == "Z" || zone) {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(4..6)?, digits(6..8)?);
    let (hour, minute, second) = (digits(9..11)?, digits(11..13)?, digits(13..15)?);
    let sane = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    sane.then(|| days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the day that comes and goes is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_times() {
        assert_eq!(time("20150112-160100-UTC"), Some(1_421_078_460));
        assert_eq!(time("20261125T202613Z"), Some(1_795_638_373));
        assert_eq!(time("19700101-000000"), Some(0));
        for other in [
            "",
            "lost+found",
            "20151312-160100-UTC",
            "20150112-160100/..",
            "2015011-2160100",
            "20150112-1601",
        ] {
            assert_eq!(time(other), None, "{other}");
        }
    }
}
