//! Repositories: whether the new host serves their kind, and whether every image on them is whole.

use super::{Condition, Facts, Outcome, condition, later};
use crate::Severity::{Info, Refuse, Wait, Warn};
use crate::pool::{Pool, Row};
use std::collections::BTreeMap;

const NO_DB: &str = "no database";
const NO_AUDIT: &str = "no local repository's images were looked at (see --sr)";

/// Kinds the new host serves.
pub const SERVED: [&str; 9] = ["ext", "file", "iso", "lvhd", "lvm", "lvmohba", "lvmoiscsi", "nfs", "udev"];

fn uses<'a>(pool: &'a Pool, sr: &'a Row) -> impl Iterator<Item = &'a Row> {
    let of = |vbd: &&Row| pool.follow(vbd, "VDI").is_some_and(|vdi| vdi.get("SR") == sr.reference);
    pool.rows("VBD").iter().filter(|vbd| !vbd.flag("empty")).filter(of)
}

fn kinds(f: &Facts<'_>, used: bool) -> Outcome {
    let Some(pool) = f.pool else { return Outcome::Unknown(NO_DB) };
    let foreign = pool.rows("SR").iter().filter(|sr| !SERVED.contains(&sr.get("type")));
    let found = foreign.filter(|sr| uses(pool, sr).next().is_some() == used);
    Outcome::Found(
        found
            .map(|sr| (sr.uuid().to_owned(), format!("{:?} is of kind {}", sr.name(), sr.get("type"))))
            .collect(),
    )
}

fn audited(f: &Facts<'_>, code: &str) -> Outcome {
    if f.audits.is_empty() {
        return Outcome::Unknown(NO_AUDIT);
    }
    let all = f.audits.iter().flat_map(|audit| &audit.findings).filter(|one| one.code == code);
    Outcome::Found(all.map(|one| (one.subject.clone(), one.text.clone())).collect())
}

fn images(f: &Facts<'_>, bad: impl Fn(&Row) -> Option<String>) -> Outcome {
    let Some(pool) = f.pool else { return Outcome::Unknown(NO_DB) };
    Outcome::Found(
        pool.rows("VDI")
            .iter()
            .filter_map(|vdi| bad(vdi).map(|text| (vdi.uuid().to_owned(), text)))
            .collect(),
    )
}

pub(super) const CODES: &[Condition] = &[
    condition(
        "SR_TYPE",
        Refuse,
        "guests have disks on storage the new host does not serve",
        "move the disks to another repository",
        |f| kinds(f, true),
    ),
    condition(
        "SR_TYPE_UNUSED",
        Warn,
        "a repository no guest uses is of a kind the new host does not serve",
        "forget it, or accept",
        |f| kinds(f, false),
    ),
    condition(
        "SR_SHARED_FOREIGN",
        Refuse,
        "a shared repository is attached by hosts that stay behind",
        "convert all hosts together, or detach it there",
        |f| {
            let (Some(pool), Some(row)) = (f.pool, f.row()) else { return Outcome::Unknown(NO_DB) };
            if f.whole_pool {
                return Outcome::Found(Vec::new());
            }
            let mine = |sr: &&Row| {
                pool.pointing("PBD", "SR", &sr.reference).any(|pbd| pbd.get("host") == row.reference)
            };
            let disks = |sr: &&Row| sr.flag("shared") && !matches!(sr.get("type"), "iso" | "udev");
            let others = |sr: &&Row| {
                pool.pointing("PBD", "SR", &sr.reference)
                    .any(|pbd| pbd.get("host") != row.reference && pbd.flag("currently_attached"))
            };
            let found = pool.rows("SR").iter().filter(mine).filter(disks).filter(others);
            Outcome::Found(found.map(|sr| (sr.uuid().to_owned(), format!("{:?}", sr.name()))).collect())
        },
    ),
    later(
        "SR_ATTACHED",
        Refuse,
        "a disk is in use",
        "shut guests down and unplug the repository before the cut-over",
        |f| {
            let marked = images(f, |vdi| {
                vdi.map("sm_config")
                    .keys()
                    .find(|key| key.starts_with("host_"))
                    .map(|key| format!("marked as attached ({key})"))
            });
            match (marked, &f.live.open) {
                (Outcome::Found(mut found), Some(open)) => {
                    found.extend(open.iter().map(|name| (name.clone(), "open".to_owned())));
                    Outcome::Found(found)
                }
                (marked, _) => marked,
            }
        },
    ),
    condition("GC_RUNNING", Wait, "garbage is being collected", "wait until it has ended", |f| {
        match &f.live.collecting {
            Some(units) => {
                Outcome::Found(units.iter().map(|unit| (unit.clone(), "under way".into())).collect())
            }
            None => Outcome::Unknown("a copy of the files does not show what runs"),
        }
    }),
    condition(
        "QCOW2_PRESENT",
        Warn,
        "a disk is a qcow2 image",
        "accept: it is served, and may be slower",
        |f| {
            images(f, |vdi| {
                let config = vdi.map("sm_config");
                let is = |key: &str| config.get(key).is_some_and(|value| value == "qcow2");
                (is("image-format") || is("vdi_type")).then(|| format!("{:?}", vdi.name()))
            })
        },
    ),
    condition(
        "CBT_ENABLED",
        Warn,
        "changed blocks of a disk are tracked: the next backup will be a full one",
        "accept",
        |f| images(f, |vdi| vdi.flag("cbt_enabled").then(|| format!("{:?}", vdi.name()))),
    ),
    condition(
        "VG_DUPLICATE",
        Refuse,
        "two volume groups have the same name",
        "take one of the disks away",
        |f| {
            let Some(disk) = &f.host.disk else {
                return Outcome::Unknown("the system's disk was not looked at (name it with --disk)");
            };
            let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
            disk.groups.values().for_each(|group| *seen.entry(&group.name).or_default() += 1);
            Outcome::Found(
                seen.into_iter()
                    .filter(|(_, count)| *count > 1)
                    .map(|(name, count)| (name.to_owned(), format!("{count} times")))
                    .collect(),
            )
        },
    ),
    condition(
        "SR_JOURNAL",
        Refuse,
        "a change of a repository was interrupted",
        "xe sr-scan lets the old storage finish it",
        |f| audited(f, "SR_JOURNAL"),
    ),
    condition(
        "SR_LEFTOVER",
        Refuse,
        "half-made images lie on a repository",
        "xe sr-scan lets the old storage finish them",
        |f| audited(f, "SR_LEFTOVER"),
    ),
    condition(
        "SR_POISON",
        Refuse,
        "an image is disabled by an interrupted resize",
        "xe sr-scan lets the old storage finish it",
        |f| audited(f, "SR_POISON"),
    ),
    condition(
        "SR_CHAIN_BROKEN",
        Refuse,
        "an image or its chain is damaged",
        "restore the disk from a backup, or remove it",
        |f| audited(f, "SR_CHAIN_BROKEN"),
    ),
    condition("SR_SIZE", Refuse, "an image's size is not what the database says", "xe sr-scan", |f| {
        audited(f, "SR_SIZE")
    }),
    condition("SR_PARENT", Refuse, "an image's parent is not what the database says", "xe sr-scan", |f| {
        audited(f, "SR_PARENT")
    }),
    condition(
        "SR_HIDDEN",
        Warn,
        "an image is hidden and the database does not say so, or the other way round",
        "xe sr-scan",
        |f| audited(f, "SR_HIDDEN"),
    ),
    condition(
        "SR_VDI_MISSING",
        Refuse,
        "a guest's disk has no image",
        "restore it from a backup, or remove it from the guest",
        |f| audited(f, "SR_VDI_MISSING"),
    ),
    condition(
        "SR_VDI_LOST",
        Warn,
        "a disk no guest uses has no image",
        "forget it, or accept: its record is kept",
        |f| audited(f, "SR_VDI_LOST"),
    ),
    condition("SR_ORPHAN", Info, "an image has no record; it is left alone", "", |f| audited(f, "SR_ORPHAN")),
];
