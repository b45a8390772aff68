//! LUNs that sessions of iSCSI brought, from the kernel's own facts. Only reads.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A LUN as a device of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lun {
    /// Its kernel name: `sdb`.
    pub device: String,
    /// Its number at the target.
    pub number: u64,
    /// Who made it.
    pub vendor: String,
    /// Serial number.
    pub serial: String,
    /// Bytes.
    pub size: u64,
    /// Its identity, as `scsi_id` tells it.
    pub id: String,
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(dir).map(|entries| entries.flatten().map(|e| e.path()).collect::<Vec<_>>());
    let mut found = read.unwrap_or_default();
    found.sort();
    found
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|n| n.to_str()).unwrap_or_default()
}

/// Names of the targets this host is logged in to.
pub fn sessions(sys: &Path) -> BTreeSet<String> {
    let all = entries(&sys.join("class/iscsi_session"));
    all.iter().map(|s| text(&s.join("targetname"))).filter(|t| !t.is_empty()).collect()
}

/// What a target's sessions show of its units: where each is told of, and its number.
fn units(sys: &Path, iqn: &str) -> Vec<(PathBuf, u64)> {
    let sessions = entries(&sys.join("class/iscsi_session"));
    let meant = sessions.iter().filter(|session| text(&session.join("targetname")) == iqn);
    let targets = meant.flat_map(|session| entries(&session.join("device")));
    let addresses = targets.filter(|t| name(t).starts_with("target")).flat_map(|t| entries(&t));
    let numbered = addresses.filter_map(|address| {
        let number = name(&address).rsplit(':').next()?.parse().ok()?;
        Some((address, number))
    });
    numbered.collect()
}

/// The LUNs of a target, in order of number.
pub fn of_target(sys: &Path, iqn: &str) -> Vec<Lun> {
    let mut found: Vec<Lun> = Vec::new();
    for (address, number) in units(sys, iqn) {
        for block in entries(&address.join("block")) {
            // Two ways to one LUN are one LUN.
            let lun = read(&address, &block, number);
            if !found.iter().any(|l| !lun.id.is_empty() && l.id == lun.id) {
                found.push(lun);
            }
        }
    }
    found.sort_by_key(|l| l.number);
    found
}

/// Does the kernel know disks of the target that are no devices yet? It makes them one by one, in any order.
pub fn is_settling(sys: &Path, iqn: &str) -> bool {
    let disk = |address: &Path| text(&address.join("type")) == "0";
    units(sys, iqn).iter().any(|(address, _)| disk(address) && entries(&address.join("block")).is_empty())
}

fn read(address: &Path, block: &Path, number: u64) -> Lun {
    let sectors: u64 = text(&block.join("size")).parse().unwrap_or(0);
    Lun {
        device: name(block).to_owned(),
        number,
        vendor: text(&address.join("vendor")),
        serial: serial(&fs::read(address.join("vpd_pg80")).unwrap_or_default()),
        size: sectors.saturating_mul(512),
        id: identity(&fs::read(address.join("vpd_pg83")).unwrap_or_default()).unwrap_or_default(),
    }
}

/// The serial number on page 0x80; pure.
pub fn serial(page: &[u8]) -> String {
    let length = page.get(2..4).map_or(0, |b| usize::from(b[0]) << 8 | usize::from(b[1]));
    let bytes = page.get(4..).unwrap_or_default();
    String::from_utf8_lossy(&bytes[..length.min(bytes.len())]).trim_matches([' ', '\0']).to_owned()
}

/// The identity on page 0x83: the type's digit, then the best designator of the LUN; pure. Nothing without one.
pub fn identity(page: &[u8]) -> Option<String> {
    let length = page.get(2..4).map_or(0, |b| usize::from(b[0]) << 8 | usize::from(b[1]));
    let mut rest = page.get(4..)?;
    rest = &rest[..length.min(rest.len())];
    let mut best: Option<(u8, String)> = None;
    while let [codes, kind, _, length, behind @ ..] = rest {
        let length = usize::from(*length).min(behind.len());
        let (value, next) = behind.split_at(length);
        rest = next;
        // Of ports and targets, not of the LUN.
        if kind & 0x30 != 0 {
            continue;
        }
        let (binary, kind) = (codes & 0xf == 1, kind & 0xf);
        let hex = || value.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let (rank, text) = match (kind, binary) {
            // The longer a registered name the better it tells LUNs apart.
            (3, true) => match value.first().map(|b| b >> 4) {
                Some(6) => (0, hex()),
                Some(5) => (1, hex()),
                Some(2 | 3) => (2, hex()),
                _ => continue,
            },
            (2, true) => (3, hex()),
            (1, false) => (4, words(value)),
            _ => continue,
        };
        if best.as_ref().is_none_or(|(known, _)| rank < *known) {
            best = Some((rank, format!("{kind}{text}")));
        }
    }
    best.map(|(_, id)| id)
}

/// Text of a designator: blanks at the ends go, others become a line.
fn words(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let text = text.trim_matches([' ', '\0']);
    let mut out = String::new();
    for c in text.chars() {
        let c = if c == ' ' || c == '\0' || c == '/' { '_' } else { c };
        if c != '_' || !out.ends_with('_') {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(designators: &[(u8, u8, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (codes, kind, value) in designators {
            body.extend([*codes, *kind, 0, value.len() as u8]);
            body.extend(*value);
        }
        let mut page = vec![0, 0x83, 0, body.len() as u8];
        page.extend(body);
        page
    }

    #[test]
    fn the_best_identity_is_taken() {
        let naa6 = [0x60, 0, 0, 0, 0, 0, 0, 0, 0x0e, 0, 0, 0, 0, 1, 0, 1];
        let naa5 = [0x50, 0, 0, 0, 0, 0, 0, 1];
        let t10: &[u8] = b"IET     00010001";
        let all = page(&[(2, 1, t10), (1, 3, &naa5), (1, 3, &naa6), (1, 0x14, &[0, 0, 0, 1])]);
        assert_eq!(identity(&all).unwrap(), "360000000000000000e00000000010001");
        assert_eq!(identity(&page(&[(2, 1, t10)])).unwrap(), "1IET_00010001");
        assert_eq!(identity(&page(&[(1, 0x13, &naa5)])), None);
        for cut in 0..all.len() {
            let _ = identity(&all[..cut]);
        }
        assert_eq!(serial(b"\0\x80\0\x08 beaf11 "), "beaf11");
        assert_eq!(serial(b"\0\x80\xff\xffx"), "x");
    }

    #[test]
    fn luns_are_found_by_their_target() {
        let sys = tempfile::tempdir().unwrap();
        let session = sys.path().join("class/iscsi_session/session1");
        let lun = session.join("device/target2:0:0/2:0:0:3");
        fs::create_dir_all(lun.join("block/sdc")).unwrap();
        fs::write(session.join("targetname"), "iqn.x\n").unwrap();
        fs::write(lun.join("block/sdc/size"), "2048\n").unwrap();
        fs::write(lun.join("vendor"), "IET     \n").unwrap();
        // The target's own control LUN is no disk.
        fs::create_dir_all(session.join("device/target2:0:0/2:0:0:0")).unwrap();
        assert_eq!(sessions(sys.path()), BTreeSet::from(["iqn.x".to_owned()]));
        let found = of_target(sys.path(), "iqn.x");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].device.as_str(), found[0].number, found[0].size), ("sdc", 3, 1 << 20));
        assert_eq!(found[0].vendor, "IET");
        assert!(of_target(sys.path(), "iqn.y").is_empty());
        // A disk that has been seen, and is no device yet.
        assert!(!is_settling(sys.path(), "iqn.x"));
        let late = session.join("device/target2:0:0/2:0:0:1");
        fs::create_dir_all(&late).unwrap();
        fs::write(late.join("type"), "0\n").unwrap();
        assert!(is_settling(sys.path(), "iqn.x") && !is_settling(sys.path(), "iqn.y"));
        fs::create_dir_all(late.join("block/sdb")).unwrap();
        assert!(!is_settling(sys.path(), "iqn.x"));
    }
}
