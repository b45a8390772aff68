//! VM: power states, kinds, what is under way, and everything else that gets in the way.

use xapi_ops::rules::{Asked, Guarded};
use xapi_schema::{ApiEnum, ClassId, Ref, Value, classes::Vm};
use xapi_store::Tx;

use crate::{
    NULL, facts,
    facts::{Check, Row},
    make, on_store, set, texts, under_way,
};

const STATES: [&str; 4] = ["Halted", "Paused", "Suspended", "Running"];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Template,
    DefaultTemplate,
    Snapshot,
    ControlDomain,
    Dom0,
}

const KINDS: [Kind; 6] =
    [Kind::Plain, Kind::Template, Kind::DefaultTemplate, Kind::Snapshot, Kind::ControlDomain, Kind::Dom0];

/// One thing out of the ordinary.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Twist {
    None,
    Blocked(&'static str),
    ClonesSuspended,
    NoMigrate,
    Nested,
    CannotSuspend,
    /// A full guest without drivers, whose agent tells of one feature at the most.
    Feature(&'static str),
    Reset,
    ResetAndCached,
    Pci,
    Vgpu,
    Vusb,
    Appliance,
    Policy,
    Schedule,
    SystemDomain,
    Vtpm,
}

const TWISTS: [Twist; 24] = [
    Twist::Blocked("start"),
    Twist::Blocked("snapshot"),
    Twist::Blocked("destroy"),
    Twist::ClonesSuspended,
    Twist::NoMigrate,
    Twist::Nested,
    Twist::CannotSuspend,
    Twist::Feature(""),
    Twist::Feature("feature-suspend"),
    Twist::Feature("feature-shutdown"),
    Twist::Feature("feature-poweroff"),
    Twist::Feature("feature-reboot"),
    Twist::Feature("feature-vcpu-hotplug"),
    Twist::Feature("feature-unheard-of"),
    Twist::Reset,
    Twist::ResetAndCached,
    Twist::Pci,
    Twist::Vgpu,
    Twist::Vusb,
    Twist::Appliance,
    Twist::Policy,
    Twist::Schedule,
    Twist::SystemDomain,
    Twist::Vtpm,
];

/// A pool with one host and a VM on it.
struct World {
    pool: String,
    host: String,
    facts: Vec<Check>,
    rows: Vec<Row>,
    advertised: Vec<String>,
}

#[derive(Debug, Clone)]
struct Cell<'a> {
    state: &'a str,
    kind: Kind,
    upgrade: bool,
    current: Vec<&'static str>,
    twist: Twist,
}

impl World {
    fn new(tx: &mut Tx) -> World {
        let host = make(tx, ClassId::Host, []);
        let pool = make(tx, ClassId::Pool, [("master", Value::str(host.as_str()))]);
        let rows = facts::rows();
        // The reverse of the table's order.
        let advertised = rows.iter().rev().filter(|row| row.flags.starts_with('a'));
        let advertised = advertised.map(|row| row.op.clone()).collect();
        World { pool, host, facts: facts::checks("VM"), rows, advertised }
    }

    fn row(&self, op: &str) -> &Row {
        self.rows.iter().find(|row| row.op == op).unwrap()
    }

    /// Makes a VM as the cell describes it.
    fn build(&self, tx: &mut Tx, cell: &Cell) -> String {
        let full = matches!(cell.twist, Twist::Feature(_));
        let flag = |value: bool| Value::Bool(value);
        let metrics = [
            ("current_domain_type", Value::str(if full { "hvm" } else { "pv" })),
            ("nomigrate", flag(cell.twist == Twist::NoMigrate)),
            ("nested_virt", flag(cell.twist == Twist::Nested)),
        ];
        let metrics = make(tx, ClassId::VmMetrics, metrics);
        let told = match cell.twist {
            Twist::CannotSuspend => texts([("data-cant-suspend-reason", "because")]),
            Twist::Feature(feature) if !feature.is_empty() => texts([(feature, "1")]),
            _ => texts([]),
        };
        let agent = make(tx, ClassId::VmGuestMetrics, [("other", told)]);
        let template = !matches!(cell.kind, Kind::Plain | Kind::ControlDomain | Kind::Dom0);
        let domain = matches!(cell.kind, Kind::ControlDomain | Kind::Dom0);
        let config = match cell.twist {
            Twist::SystemDomain => texts([("is_system_domain", "true")]),
            _ => texts([]),
        };
        let members = [
            ("power_state", Value::str(cell.state)),
            ("is_a_template", flag(template)),
            ("is_default_template", flag(cell.kind == Kind::DefaultTemplate)),
            ("is_a_snapshot", flag(cell.kind == Kind::Snapshot)),
            ("is_control_domain", flag(domain)),
            ("metrics", Value::str(metrics)),
            ("guest_metrics", Value::str(agent)),
            ("resident_on", Value::str(self.host.as_str())),
            ("other_config", config),
        ];
        let this = make(tx, ClassId::Vm, members);
        set(tx, ClassId::Vm, &this, "current_operations", under_way(&cell.current));
        let dom0 = if cell.kind == Kind::Dom0 { this.as_str() } else { NULL };
        set(tx, ClassId::Host, &self.host, "control_domain", Value::str(dom0));
        self.twist(tx, cell, &this);
        this
    }

    fn twist(&self, tx: &mut Tx, cell: &Cell, this: &str) {
        let of_vm = || ("VM", Value::str(this));
        let mut pool = vec![];
        match cell.twist {
            Twist::Blocked(op) => {
                set(tx, ClassId::Vm, this, "blocked_operations", texts([(op, "for a reason")]));
            }
            Twist::ClonesSuspended => pool.push(("allow_clone_suspended_vm", "true")),
            Twist::Reset | Twist::ResetAndCached => {
                let cached = if cell.twist == Twist::ResetAndCached { "true" } else { "false" };
                let config = texts([("on_boot", "reset"), ("caching", cached)]);
                let disk = make(tx, ClassId::Vdi, [("sm_config", config)]);
                make(tx, ClassId::Vbd, [of_vm(), ("VDI", Value::str(disk))]);
            }
            Twist::Pci => {
                let card = make(tx, ClassId::Pci, []);
                set(tx, ClassId::Vm, this, "attached_PCIs", Value::set([Value::str(card)]));
            }
            Twist::Vgpu => drop(make(tx, ClassId::Vgpu, [of_vm()])),
            Twist::Vusb => drop(make(tx, ClassId::Vusb, [of_vm()])),
            Twist::Vtpm => drop(make(tx, ClassId::Vtpm, [of_vm()])),
            Twist::Appliance => {
                let group = make(tx, ClassId::VmAppliance, []);
                set(tx, ClassId::Vm, this, "appliance", Value::str(group));
            }
            Twist::Policy => {
                let policy = make(tx, ClassId::Vmpp, []);
                set(tx, ClassId::Vm, this, "protection_policy", Value::str(policy));
            }
            Twist::Schedule => {
                let schedule = make(tx, ClassId::Vmss, []);
                set(tx, ClassId::Vm, this, "snapshot_schedule", Value::str(schedule));
            }
            _ => {}
        }
        if cell.upgrade {
            pool.push(("rolling_upgrade_in_progress", "true"));
        }
        let config = Value::map(pool.into_iter().map(|(key, value)| (key, Value::str(value))));
        set(tx, ClassId::Pool, &self.pool, "other_config", config);
    }

    /// States an operation has in a cell, by letter.
    fn states(&self, cell: &Cell, op: &str) -> String {
        let row = self.row(op);
        let mut states = row.states.clone();
        if let Some((condition, more)) = &row.extra {
            let met = match condition.as_str() {
                "clone" => cell.kind == Kind::Snapshot || cell.twist == Twist::ClonesSuspended,
                "control" => matches!(cell.kind, Kind::ControlDomain | Kind::Dom0),
                other => panic!("no condition {other}"),
            };
            if met {
                states += more;
            }
        }
        states
    }

    fn holds(&self, cell: &Cell, name: &str, op: &str) -> bool {
        let flags = &self.row(op).flags;
        let live = matches!(cell.state, "Running" | "Paused");
        let lacks = |wanted: &[&str]| match cell.twist {
            Twist::Feature(told) => live && !wanted.contains(&told),
            _ => false,
        };
        match name {
            "blocked" => cell.twist == Twist::Blocked(static_name(op)),
            "power_state" => !self.states(cell, op).contains(&cell.state[..1]),
            "concurrency" => !cell.current.is_empty() && !joins(op, &cell.current),
            "template" => match cell.kind {
                Kind::Template => !flags.contains(['t', 'n']),
                Kind::DefaultTemplate => !flags.contains('t'),
                _ => false,
            },
            "snapshot" => cell.kind == Kind::Snapshot && !flags.contains('s'),
            "provision" => matches!(cell.kind, Kind::Plain | Kind::ControlDomain | Kind::Dom0),
            "revert" => cell.kind != Kind::Snapshot,
            "immobile" => matches!(cell.twist, Twist::NoMigrate | Twist::Nested),
            "nested_ballooning" => cell.twist == Twist::Nested,
            "dom0" => cell.kind == Kind::Dom0,
            "control_domain" => matches!(cell.kind, Kind::ControlDomain | Kind::Dom0) && !flags.contains('c'),
            "cant_suspend" => live && cell.twist == Twist::CannotSuspend,
            "feature_suspend" => lacks(&["feature-suspend"]),
            "feature_shutdown" => lacks(&["feature-shutdown", "feature-poweroff"]),
            "feature_reboot" => lacks(&["feature-shutdown", "feature-reboot"]),
            "feature_vcpu" => lacks(&["feature-vcpu-hotplug"]),
            "vss" => true,
            "on_boot" => matches!(cell.twist, Twist::Reset | Twist::ResetAndCached),
            "on_boot_caching" => cell.twist == Twist::ResetAndCached,
            "pci" => cell.twist == Twist::Pci,
            "vgpu" => {
                let excused = op == "migrate_send" && cell.state == "Halted"
                    || op == "checkpoint" && cell.state == "Suspended";
                cell.twist == Twist::Vgpu && !excused
            }
            "vusb" => cell.twist == Twist::Vusb,
            "appliance" => cell.twist == Twist::Appliance,
            "protection_policy" => cell.twist == Twist::Policy,
            "snapshot_schedule" => cell.twist == Twist::Schedule,
            "system_domain" => cell.twist != Twist::SystemDomain,
            "rpu" => cell.upgrade && !flags.contains('u'),
            "vtpm" => cell.twist == Twist::Vtpm,
            other => panic!("no check {other}"),
        }
    }
}

fn static_name(op: &str) -> &'static str {
    <Vm as Guarded>::Op::parse(op).unwrap().as_str()
}

/// Facts: which operations tolerate each other.
fn joins(op: &str, current: &[&str]) -> bool {
    let groups: [&[&str]; 3] =
        [&["clone", "copy", "export"], &["snapshot", "checkpoint"], &["get_boot_record"]];
    let grouped = groups.iter().any(|g| g.contains(&op) && current.iter().all(|c| g.contains(c)));
    let exact = [
        ("snapshot_with_quiesce", "snapshot"),
        ("migrate_send", "metadata_export"),
        ("migrate_send", "clean_shutdown"),
        ("migrate_send", "clean_reboot"),
    ];
    grouped
        || exact.iter().any(|(alone, joins)| current == [*alone] && op == *joins)
        || op == "hard_shutdown" && !current.contains(&"hard_shutdown")
        || op == "hard_reboot" && !current.iter().any(|c| matches!(*c, "hard_shutdown" | "hard_reboot"))
}

fn all_ops() -> Vec<&'static str> {
    <Vm as Guarded>::Op::ALL.iter().map(|op| op.as_str()).collect()
}

#[test]
fn the_table_names_every_operation() {
    let rows: Vec<String> = facts::rows().into_iter().map(|row| row.op).collect();
    assert_eq!(rows, all_ops());
}

#[test]
fn power_states_and_kinds() {
    on_store(|tx, cells| {
        let world = World::new(tx);
        for (state, kind) in STATES.iter().flat_map(|state| KINDS.map(|kind| (*state, kind))) {
            for upgrade in [false, true] {
                let cell = Cell { state, kind, upgrade, current: vec![], twist: Twist::None };
                let this = world.build(tx, &cell);
                cells.judge::<Vm>(tx, &this, &world.facts, &world.advertised, &cell, |name, op| {
                    world.holds(&cell, name, op)
                });
                for op in <Vm as Guarded>::Op::ALL {
                    let Err(failure) = Vm::check(tx, &Ref::new(this.as_str()), *op, Asked::Guard) else {
                        continue;
                    };
                    let spelled = |letter| match letter {
                        'H' => "halted",
                        'P' => "paused",
                        'S' => "suspended",
                        _ => "running",
                    };
                    let wanted = match failure.code.as_str() {
                        "VM_BAD_POWER_STATE" => {
                            let states = world.states(&cell, op.as_str());
                            let states: Vec<&str> = states.chars().map(spelled).collect();
                            vec![this.clone(), states.join(", "), state.to_lowercase()]
                        }
                        "VM_IS_TEMPLATE" | "VM_IS_SNAPSHOT" => {
                            vec![this.clone(), world.row(op.as_str()).text.clone()]
                        }
                        _ => continue,
                    };
                    cells.expect(failure.params == wanted, || {
                        format!("{op:?} {cell:?}: {:?}, facts {wanted:?}", failure.params)
                    });
                }
            }
        }
    });
}

#[test]
fn beside_what_is_under_way() {
    on_store(|tx, cells| {
        let world = World::new(tx);
        let ops = all_ops();
        let alone = ops.iter().map(|op| vec![*op]);
        let pairs = [
            vec!["clone", "copy"],
            vec!["clone", "start"],
            vec!["snapshot", "checkpoint"],
            vec!["migrate_send", "snapshot"],
            vec!["hard_reboot", "suspend"],
            vec!["hard_shutdown", "clean_shutdown"],
        ];
        for current in alone.chain(pairs) {
            for state in STATES {
                let cell = Cell {
                    state,
                    kind: Kind::Plain,
                    upgrade: false,
                    current: current.clone(),
                    twist: Twist::None,
                };
                let this = world.build(tx, &cell);
                cells.judge::<Vm>(tx, &this, &world.facts, &world.advertised, &cell, |name, op| {
                    world.holds(&cell, name, op)
                });
            }
        }
    });
}

#[test]
fn everything_out_of_the_ordinary() {
    on_store(|tx, cells| {
        let world = World::new(tx);
        for (state, twist) in STATES.iter().flat_map(|state| TWISTS.map(|twist| (*state, twist))) {
            for kind in [Kind::Plain, Kind::Template, Kind::Snapshot] {
                let cell = Cell { state, kind, upgrade: false, current: vec![], twist };
                let this = world.build(tx, &cell);
                cells.judge::<Vm>(tx, &this, &world.facts, &world.advertised, &cell, |name, op| {
                    world.holds(&cell, name, op)
                });
            }
        }
    });
}
