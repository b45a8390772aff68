//! VBD, VIF and VUSB: what may be plugged, inserted and taken away, in which state of their VM.

use xapi_schema::{
    ClassId, Value,
    classes::{Vbd, Vif, Vusb},
};
use xapi_store::Tx;

use crate::{NULL, facts, make, on_store, set, texts, under_way};

const STATES: [&str; 4] = ["Halted", "Paused", "Suspended", "Running"];
/// What a VM may be going through.
const LEAVING: [&str; 6] = ["", "clean_shutdown", "hard_shutdown", "suspend", "pause", "snapshot"];

/// What a guest tells of plugging devices while it runs.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Guest {
    Paravirtual,
    /// No agent at all.
    Silent,
    Refuses,
    Willing,
    /// The agent has drivers but says nothing of plugging.
    Detected,
    /// The agent tells the version of its drivers and nothing else.
    Versioned,
    /// The agent says nothing of use.
    Useless,
}

const GUESTS: [Guest; 7] = [
    Guest::Paravirtual,
    Guest::Silent,
    Guest::Refuses,
    Guest::Willing,
    Guest::Detected,
    Guest::Versioned,
    Guest::Useless,
];

impl Guest {
    fn full(self) -> bool {
        self != Guest::Paravirtual
    }

    fn refuses(self) -> bool {
        self == Guest::Refuses
    }

    fn no_drivers(self) -> bool {
        matches!(self, Guest::Silent | Guest::Useless)
    }

    /// Makes a VM with such a guest.
    fn vm(self, tx: &mut Tx, state: &str, leaving: &str) -> String {
        let kind = if self.full() { "hvm" } else { "pv" };
        let metrics = make(tx, ClassId::VmMetrics, [("current_domain_type", Value::str(kind))]);
        let can = match self {
            Guest::Refuses => "no",
            Guest::Willing => "yes",
            _ => "unspecified",
        };
        let version = match self {
            Guest::Versioned => texts([("major", "9"), ("minor", "3")]),
            _ => texts([("major", "x")]),
        };
        let agent = match self {
            Guest::Silent => NULL.to_string(),
            _ => {
                let told = [
                    ("can_use_hotplug_vbd", Value::str(can)),
                    ("can_use_hotplug_vif", Value::str(can)),
                    ("PV_drivers_detected", Value::Bool(self == Guest::Detected)),
                    ("PV_drivers_version", version),
                ];
                make(tx, ClassId::VmGuestMetrics, told)
            }
        };
        let members = [
            ("power_state", Value::str(state)),
            ("metrics", Value::str(metrics)),
            ("guest_metrics", Value::str(agent)),
        ];
        let this = make(tx, ClassId::Vm, members);
        if !leaving.is_empty() {
            set(tx, ClassId::Vm, &this, "current_operations", under_way(&[leaving]));
        }
        this
    }
}

fn leaves(op: &str) -> bool {
    matches!(op, "clean_shutdown" | "hard_shutdown" | "suspend" | "pause")
}

#[test]
fn vbds_by_medium_and_state() {
    on_store(|tx, cells| {
        let (facts, advertised) = (facts::checks("VBD"), facts::advertised("VBD"));
        let currents: [&[&str]; 6] =
            [&[], &["attach"], &["pause"], &["unpause"], &["plug"], &["pause", "unplug"]];
        for (state, guest) in STATES.iter().flat_map(|state| GUESTS.map(|guest| (*state, guest))) {
            for leaving in LEAVING {
                let vm = guest.vm(tx, state, leaving);
                for bits in 0..16u8 {
                    let [cd, empty, attached, fixed] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
                    let members = [
                        ("VM", Value::str(vm.as_str())),
                        ("type", Value::str(if cd { "CD" } else { "Disk" })),
                        ("empty", Value::Bool(empty)),
                        ("unpluggable", Value::Bool(!fixed)),
                        ("currently_attached", Value::Bool(attached)),
                    ];
                    let this = make(tx, ClassId::Vbd, members);
                    let some = if bits == 4 { &currents[..] } else { &currents[..1] };
                    for current in some {
                        set(tx, ClassId::Vbd, &this, "current_operations", under_way(current));
                        let about = (state, guest, leaving, cd, empty, attached, fixed, current);
                        let running = state == "Running";
                        let others = |fine: &[&str]| current.iter().any(|op| !fine.contains(op));
                        cells.judge::<Vbd>(tx, &this, &facts, &advertised, &about, |name, _| match name {
                            "alone" => others(&[]),
                            "pause_alone" => others(&["pause", "unpause"]),
                            "unpause_alone" => others(&["attach", "pause", "unpause"]),
                            "unpluggable" => fixed,
                            "not_cd" => !cd,
                            "empty" => empty,
                            "not_empty" => !empty,
                            "attached" => running && attached,
                            "detached" => running && !attached,
                            "not_running" => !running,
                            "not_live" => !running && state != "Paused",
                            "leaving" => leaves(leaving),
                            "no_hotplug" => running && guest.refuses(),
                            "no_drivers" => running && guest.no_drivers(),
                            "hvm_cd" => running && guest.full() && cd,
                            "cd_suspended" => cd && state == "Suspended",
                            "unmanaged" | "vdi_busy" | "in_use" | "read_only" => false,
                            other => panic!("no check {other}"),
                        });
                    }
                }
            }
        }
    });
}

/// The other VBD of a disk.
#[derive(Debug, Clone, Copy)]
struct Other {
    state: &'static str,
    domain: bool,
    attached: bool,
    busy: bool,
    writes: bool,
}

#[test]
fn vbds_by_what_their_disk_is_doing() {
    on_store(|tx, cells| {
        let (facts, advertised) = (facts::checks("VBD"), facts::advertised("VBD"));
        let vm = Guest::Willing.vm(tx, "Halted", "");
        let busy = [
            vec![],
            vec!["mirror"],
            vec!["copy"],
            vec!["snapshot"],
            vec!["copy", "resize"],
            vec!["data_destroy"],
        ];
        let other = |bits: u8| Other {
            state: if bits & 1 != 0 { "Suspended" } else { "Running" },
            domain: bits & 2 != 0,
            attached: bits & 4 != 0,
            busy: bits & 8 != 0,
            writes: bits & 16 != 0,
        };
        for (current, bits) in busy.iter().flat_map(|current| (0..32u8).map(move |bits| (current, bits))) {
            let second = other(bits);
            for flags in 0..32u8 {
                let [managed, sharable, frozen, writes, mine] = [1, 2, 4, 8, 16].map(|bit| flags & bit != 0);
                let members = [
                    ("managed", Value::Bool(managed)),
                    ("sharable", Value::Bool(sharable)),
                    ("read_only", Value::Bool(frozen)),
                ];
                let disk = make(tx, ClassId::Vdi, members);
                set(tx, ClassId::Vdi, &disk, "current_operations", under_way(current));
                let mode = |writes: bool| Value::str(if writes { "RW" } else { "RO" });
                let members = [
                    ("VM", Value::str(vm.as_str())),
                    ("VDI", Value::str(disk.as_str())),
                    ("type", Value::str("Disk")),
                    ("mode", mode(writes)),
                    ("currently_attached", Value::Bool(mine)),
                    ("unpluggable", Value::Bool(true)),
                ];
                let this = make(tx, ClassId::Vbd, members);
                let owner = [
                    ("power_state", Value::str(second.state)),
                    ("is_control_domain", Value::Bool(second.domain)),
                ];
                let owner = make(tx, ClassId::Vm, owner);
                let members = [
                    ("VM", Value::str(owner)),
                    ("VDI", Value::str(disk.as_str())),
                    ("mode", mode(second.writes)),
                    ("currently_attached", Value::Bool(second.attached)),
                ];
                let rival = make(tx, ClassId::Vbd, members);
                if second.busy {
                    set(tx, ClassId::Vbd, &rival, "current_operations", under_way(&["attach"]));
                }
                let holds = second.state != "Suspended" && !second.domain && (second.attached || second.busy);
                let about = (current, second, managed, sharable, frozen, writes, mine);
                cells.judge::<Vbd>(tx, &this, &facts, &advertised, &about, |name, _| match name {
                    "unmanaged" => !managed,
                    "vdi_busy" => current.iter().any(|op| !matches!(*op, "mirror" | "copy")),
                    "in_use" => !mine && !sharable && holds && (writes || second.writes),
                    "read_only" => !mine && writes && frozen,
                    // A halted VM with a full disk that may be unplugged.
                    "not_cd" | "not_empty" | "not_running" | "not_live" => true,
                    _ => false,
                });
                for gone in [&this, &rival] {
                    tx.destroy_row(ClassId::Vbd, gone).unwrap();
                }
            }
        }
    });
}

#[test]
fn vifs() {
    on_store(|tx, cells| {
        let (facts, advertised) = (facts::checks("VIF"), facts::advertised("VIF"));
        let host = make(tx, ClassId::Host, []);
        let plain = make(tx, ClassId::Network, []);
        let sriov = make(tx, ClassId::Network, []);
        let physical = make(tx, ClassId::Pif, [("host", Value::str(host.as_str()))]);
        let logical = [("network", Value::str(sriov.as_str())), ("host", Value::str(host.as_str()))];
        let logical = make(tx, ClassId::Pif, logical);
        let group = [("logical_PIF", Value::str(logical)), ("physical_PIF", Value::str(physical))];
        make(tx, ClassId::NetworkSriov, group);
        let currents: [&[&str]; 5] = [&[], &["attach"], &["plug"], &["unplug"], &["attach", "plug"]];
        for (state, guest) in STATES.iter().flat_map(|state| GUESTS.map(|guest| (*state, guest))) {
            for (leaving, dom0) in LEAVING.iter().flat_map(|leaving| [false, true].map(|d| (*leaving, d))) {
                let vm = guest.vm(tx, state, leaving);
                if dom0 {
                    set(tx, ClassId::Vm, &vm, "resident_on", Value::str(host.as_str()));
                    set(tx, ClassId::Host, &host, "control_domain", Value::str(vm.as_str()));
                }
                for bits in 0..4u8 {
                    let (attached, virtual_card) = (bits & 1 != 0, bits & 2 != 0);
                    let network = if virtual_card { &sriov } else { &plain };
                    let members = [
                        ("VM", Value::str(vm.as_str())),
                        ("network", Value::str(network.as_str())),
                        ("currently_attached", Value::Bool(attached)),
                    ];
                    let this = make(tx, ClassId::Vif, members);
                    for current in currents {
                        set(tx, ClassId::Vif, &this, "current_operations", under_way(current));
                        let about = (state, guest, leaving, dom0, attached, virtual_card, current);
                        let running = state == "Running";
                        cells.judge::<Vif>(tx, &this, &facts, &advertised, &about, |name, _| match name {
                            "alone" => !current.is_empty(),
                            "dom0" => dom0,
                            "sriov" => virtual_card,
                            "attached" => running && attached,
                            "detached" => running && !attached,
                            "not_running" => !running,
                            "leaving" => leaves(leaving),
                            "no_hotplug" => running && guest.refuses(),
                            "no_drivers" => running && guest.no_drivers(),
                            other => panic!("no check {other}"),
                        });
                    }
                }
            }
        }
    });
}

#[test]
fn vusbs() {
    on_store(|tx, cells| {
        let (facts, advertised) = (facts::checks("VUSB"), facts::advertised("VUSB"));
        let currents: [&[&str]; 3] = [&[], &["attach"], &["plug", "unplug"]];
        for (state, leaving) in STATES.iter().flat_map(|state| LEAVING.map(|leaving| (*state, leaving))) {
            let vm = Guest::Willing.vm(tx, state, leaving);
            for (attached, current) in [false, true].into_iter().flat_map(|a| currents.map(|c| (a, c))) {
                let members =
                    [("VM", Value::str(vm.as_str())), ("currently_attached", Value::Bool(attached))];
                let this = make(tx, ClassId::Vusb, members);
                set(tx, ClassId::Vusb, &this, "current_operations", under_way(current));
                let running = state == "Running";
                let about = (state, leaving, attached, current);
                cells.judge::<Vusb>(tx, &this, &facts, &advertised, &about, |name, _| match name {
                    "alone" => !current.is_empty(),
                    "attached" => running && attached,
                    "detached" => running && !attached,
                    "not_running" => !running,
                    "leaving" => leaves(leaving),
                    other => panic!("no check {other}"),
                });
            }
        }
    });
}
