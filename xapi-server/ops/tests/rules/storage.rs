//! VDI and SR: what a disk and its storage allow, by driver, type, use and what is under way.

use xapi_ops::rules::Guarded;
use xapi_schema::{
    ApiEnum, ClassId, Value,
    classes::{Sr, Vdi},
};
use xapi_store::Tx;

use crate::{facts, make, on_store, set, texts, under_way};

/// Every feature a driver can have.
const FEATURES: [&str; 15] = [
    "VDI_CREATE",
    "VDI_DELETE",
    "VDI_RESIZE",
    "VDI_RESIZE_ONLINE",
    "VDI_INTRODUCE",
    "VDI_MIRROR",
    "VDI_CONFIG_CBT",
    "VDI_RESET_ON_BOOT",
    "VDI_UPDATE",
    "VDI_GENERATE_CONFIG",
    "VDI_CLONE",
    "VDI_SNAPSHOT",
    "VDI_REVERT",
    "SR_UPDATE",
    "SR_STATS",
];

/// Driver by name: `full`, `udev` and `poor`; `none` has no record.
fn drivers(tx: &mut Tx) {
    for (kind, features) in [("full", &FEATURES[..]), ("udev", &FEATURES[..]), ("poor", &[])] {
        let features = Value::map(features.iter().map(|name| (*name, Value::Int(1))));
        make(tx, ClassId::Sm, [("type", Value::str(kind)), ("features", features)]);
    }
}

fn able(kind: &str, feature: Option<&String>) -> bool {
    feature.is_none_or(|feature| {
        matches!(kind, "full" | "udev") && FEATURES.iter().any(|known| known == feature)
    })
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Twist {
    None,
    Snapshot,
    Tracked,
    SnapshotTracked,
    Sharable,
    Reset,
    Upgrade,
    Ha,
    HaEnabling,
    HaDisabling,
    NoPbd,
    Tools,
    Driver(&'static str),
}

const TWISTS: [Twist; 15] = [
    Twist::None,
    Twist::Snapshot,
    Twist::Tracked,
    Twist::SnapshotTracked,
    Twist::Sharable,
    Twist::Reset,
    Twist::Upgrade,
    Twist::Ha,
    Twist::HaEnabling,
    Twist::HaDisabling,
    Twist::NoPbd,
    Twist::Tools,
    Twist::Driver("udev"),
    Twist::Driver("poor"),
    Twist::Driver("none"),
];

/// How a disk is used by VBDs.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Use {
    Unused,
    Detached,
    ReadOnly,
    ReadWrite,
    BySnapshot,
    Busy,
}

const USES: [Use; 6] =
    [Use::Unused, Use::Detached, Use::ReadOnly, Use::ReadWrite, Use::BySnapshot, Use::Busy];

const ANY_USE_IS_FINE: [&str; 9] = [
    "snapshot",
    "resize_online",
    "blocked",
    "clone",
    "revert_to",
    "mirror",
    "enable_cbt",
    "disable_cbt",
    "data_destroy",
];

const FINE_DURING_UPGRADE: [&str; 11] = [
    "clone",
    "copy",
    "resize",
    "resize_online",
    "snapshot",
    "destroy",
    "forget",
    "update",
    "force_unlock",
    "generate_config",
    "blocked",
];

/// Makes the SR of a disk.
fn home(tx: &mut Tx, twist: Twist) -> String {
    let kind = if let Twist::Driver(kind) = twist { kind } else { "full" };
    let members = [("type", Value::str(kind)), ("is_tools_sr", Value::Bool(twist == Twist::Tools))];
    let this = make(tx, ClassId::Sr, members);
    let plugged = Value::Bool(twist != Twist::NoPbd);
    make(tx, ClassId::Pbd, [("SR", Value::str(this.as_str())), ("currently_attached", plugged)]);
    this
}

fn disk(tx: &mut Tx, home: &str, kind: &str, twist: Twist, used: Use) -> String {
    let tracked = matches!(twist, Twist::Tracked | Twist::SnapshotTracked);
    let frozen = matches!(twist, Twist::Snapshot | Twist::SnapshotTracked);
    let on_boot = if twist == Twist::Reset { "reset" } else { "persist" };
    let members = [
        ("SR", Value::str(home)),
        ("type", Value::str(kind)),
        ("is_a_snapshot", Value::Bool(frozen)),
        ("cbt_enabled", Value::Bool(tracked)),
        ("sharable", Value::Bool(twist == Twist::Sharable)),
        ("on_boot", Value::str(on_boot)),
        ("managed", Value::Bool(true)),
    ];
    let this = make(tx, ClassId::Vdi, members);
    if used != Use::Unused {
        let vm = make(tx, ClassId::Vm, [("is_a_snapshot", Value::Bool(used == Use::BySnapshot))]);
        let attached = !matches!(used, Use::Detached | Use::Busy);
        let members = [
            ("VM", Value::str(vm)),
            ("VDI", Value::str(this.as_str())),
            ("mode", Value::str(if used == Use::ReadOnly { "RO" } else { "RW" })),
            ("currently_attached", Value::Bool(attached)),
        ];
        let device = make(tx, ClassId::Vbd, members);
        if used == Use::Busy {
            set(tx, ClassId::Vbd, &device, "current_operations", under_way(&["plug"]));
        }
    }
    this
}

fn pool_of(tx: &mut Tx, this: &str, twist: Twist) {
    let config =
        if twist == Twist::Upgrade { texts([("rolling_upgrade_in_progress", "true")]) } else { texts([]) };
    let current: &[&str] = match twist {
        Twist::HaEnabling => &["ha_enable"],
        Twist::HaDisabling => &["ha_disable"],
        _ => &[],
    };
    set(tx, ClassId::Pool, this, "other_config", config);
    set(tx, ClassId::Pool, this, "ha_enabled", Value::Bool(twist == Twist::Ha));
    set(tx, ClassId::Pool, this, "current_operations", under_way(current));
}

#[test]
fn vdis() {
    on_store(|tx, cells| {
        let (facts, advertised) = (facts::checks("VDI"), facts::advertised("VDI"));
        drivers(tx);
        let pool = make(tx, ClassId::Pool, []);
        let ops: Vec<&str> = <Vdi as Guarded>::Op::ALL.iter().map(|op| op.as_str()).collect();
        let needs: Vec<Option<String>> = ops.iter().map(|op| facts::feature("VDI", op)).collect();
        let kinds = xapi_schema::classes::VdiType::ALL.iter().map(|kind| kind.as_str());
        let nothing: Vec<&str> = vec![];
        let alone: Vec<Vec<&str>> = ops.iter().map(|op| vec![*op]).collect();
        let pairs = [vec!["copy", "mirror"], vec!["copy", "resize"]];
        for (kind, twist) in kinds.flat_map(|kind| TWISTS.map(|twist| (kind, twist))) {
            pool_of(tx, &pool, twist);
            let home = home(tx, twist);
            for used in USES {
                let this = disk(tx, &home, kind, twist, used);
                let many = kind == "user" && used != Use::Busy;
                let more = alone.iter().chain(&pairs).filter(|_| many);
                for current in std::iter::once(&nothing).chain(more) {
                    set(tx, ClassId::Vdi, &this, "current_operations", under_way(current));
                    let about = (kind, twist, used, current);
                    let for_ha = matches!(kind, "ha_statefile" | "redo_log");
                    let frozen = matches!(twist, Twist::Snapshot | Twist::SnapshotTracked);
                    let tracked = matches!(twist, Twist::Tracked | Twist::SnapshotTracked);
                    let driver = if let Twist::Driver(kind) = twist { kind } else { "full" };
                    cells.judge::<Vdi>(tx, &this, &facts, &advertised, &about, |name, op| match name {
                        "upgrade" => twist == Twist::Upgrade && !FINE_DURING_UPGRADE.contains(&op),
                        "alone" => {
                            let mirrored = op == "destroy" && current.contains(&"mirror");
                            current.iter().any(|other| *other != "copy") && !mirrored
                        }
                        "no_pbd" => twist == Twist::NoPbd,
                        "in_use" => match used {
                            Use::Unused | Use::Detached | Use::Busy => false,
                            _ if op == "copy" => used != Use::ReadOnly,
                            Use::BySnapshot if op == "list_changed_blocks" => false,
                            _ => !ANY_USE_IS_FINE.contains(&op),
                        },
                        "vbd_busy" => used == Use::Busy,
                        "feature" => {
                            let at = ops.iter().position(|known| *known == op).unwrap();
                            !able(driver, needs[at].as_ref())
                        }
                        "cbt_metadata" => kind == "cbt_metadata",
                        "cbt_enabled" => tracked,
                        "forget_ha" | "resize_ha" | "ha" => twist == Twist::Ha && for_ha,
                        "forget_rrd" | "rrd" => kind == "rrd",
                        "data_not_snapshot" | "revert_not_snapshot" => !frozen,
                        "data_no_cbt" => !tracked,
                        "physical" => driver == "udev",
                        "tools" => twist == Twist::Tools,
                        "ha_enabling" => twist == Twist::HaEnabling && for_ha,
                        "ha_disabling" => twist == Twist::HaDisabling && for_ha,
                        "sharable" => twist == Twist::Sharable,
                        "reset" | "cbt_reset" => twist == Twist::Reset,
                        "copying" => current.contains(&"copy"),
                        "copy_ha" => for_ha,
                        "cbt_snapshot" => frozen,
                        "cbt_type" => !matches!(kind, "user" | "system"),
                        other => panic!("no check {other}"),
                    });
                }
            }
        }
    });
}

#[test]
fn srs() {
    on_store(|tx, cells| {
        let (facts, advertised) = (facts::checks("SR"), facts::advertised("SR"));
        drivers(tx);
        let pool = make(tx, ClassId::Pool, []);
        let ops: Vec<&str> = <Sr as Guarded>::Op::ALL.iter().map(|op| op.as_str()).collect();
        let needs: Vec<Option<String>> = ops.iter().map(|op| facts::feature("SR", op)).collect();
        let currents: Vec<Vec<&str>> = std::iter::once(vec![])
            .chain(ops.iter().map(|op| vec![*op]))
            .chain([vec!["plug", "scan"]])
            .collect();
        for (driver, tools) in [("full", false), ("full", true), ("poor", false), ("none", false)] {
            for (pbd, disk) in ["no", "unplugged", "plugged"]
                .iter()
                .flat_map(|pbd| ["no", "managed", "unmanaged", "rrd"].map(|disk| (*pbd, disk)))
            {
                let members = [("type", Value::str(driver)), ("is_tools_sr", Value::Bool(tools))];
                let this = make(tx, ClassId::Sr, members);
                let of_sr = || ("SR", Value::str(this.as_str()));
                if pbd != "no" {
                    let plugged = Value::Bool(pbd == "plugged");
                    make(tx, ClassId::Pbd, [of_sr(), ("currently_attached", plugged)]);
                }
                if disk != "no" {
                    let kind = Value::str(if disk == "rrd" { "rrd" } else { "user" });
                    let managed = Value::Bool(disk != "unmanaged");
                    make(tx, ClassId::Vdi, [of_sr(), ("type", kind), ("managed", managed)]);
                }
                for (upgrade, current) in
                    [false, true].iter().flat_map(|u| currents.iter().map(move |c| (*u, c)))
                {
                    pool_of(tx, &pool, if upgrade { Twist::Upgrade } else { Twist::None });
                    set(tx, ClassId::Sr, &this, "current_operations", under_way(current));
                    let about = (driver, tools, pbd, disk, upgrade, current);
                    cells.judge::<Sr>(tx, &this, &facts, &advertised, &about, |name, op| {
                        // What is never advertised is never refused.
                        if !advertised.iter().any(|known| known == op) {
                            return false;
                        }
                        match name {
                            "upgrade" => upgrade,
                            "feature" => {
                                let at = ops.iter().position(|known| *known == op).unwrap();
                                let need = needs[at].as_ref();
                                let frozen = need
                                    .is_some_and(|need| matches!(need.as_str(), "VDI_CREATE" | "VDI_DELETE"));
                                !able(driver, need) || tools && frozen
                            }
                            "plugged" => pbd == "plugged",
                            "no_pbd" => pbd == "no",
                            "not_empty" => disk == "managed",
                            "alone" => !current.is_empty(),
                            "plug_alone" => current.iter().any(|other| *other != "plug"),
                            // No cluster stack is ever active here.
                            "cluster_stack" => false,
                            other => panic!("no check {other}"),
                        }
                    });
                }
            }
        }
    });
}
