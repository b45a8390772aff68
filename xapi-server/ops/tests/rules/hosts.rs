//! host, pool and VM_appliance.

use xapi_ops::rules::Guarded;
use xapi_schema::{
    ApiEnum, ClassId, Value,
    classes::{Host, Pool, VmAppliance},
};

use crate::{facts, make, on_store, set, texts, under_way};

fn singles_and_pairs<C: Guarded>() -> Vec<Vec<&'static str>> {
    let ops: Vec<&str> = C::Op::ALL.iter().map(|op| op.as_str()).collect();
    let pairs = ops.iter().flat_map(|a| ops.iter().filter(move |b| *b != a).map(move |b| vec![*a, *b]));
    std::iter::once(vec![]).chain(ops.iter().map(|op| vec![*op])).chain(pairs).collect()
}

#[test]
fn hosts() {
    on_store(|tx, cells| {
        let (facts, advertised) = (facts::checks("host"), facts::advertised("host"));
        make(tx, ClassId::Pool, []);
        let any = |current: &[&str], of: &[&str]| current.iter().any(|op| of.contains(op));
        for current in singles_and_pairs::<Host>() {
            for bits in 0..8u8 {
                let [enabled, live, wakes] = [1, 2, 4].map(|bit| bits & bit != 0);
                let metrics = make(tx, ClassId::HostMetrics, [("live", Value::Bool(live))]);
                let members = [
                    ("metrics", Value::str(metrics)),
                    ("enabled", Value::Bool(enabled)),
                    ("power_on_mode", Value::str(if wakes { "wake-on-lan" } else { "" })),
                ];
                let this = make(tx, ClassId::Host, members);
                set(tx, ClassId::Host, &this, "current_operations", under_way(&current));
                let about = (&current, enabled, live, wakes);
                cells.judge::<Host>(tx, &this, &facts, &advertised, &about, |name, _| match name {
                    "leaving" => any(&current, &["evacuate", "reboot", "shutdown"]),
                    "arriving" => any(&current, &["provision", "vm_resume", "vm_migrate"]),
                    "rebooting" => any(&current, &["reboot"]),
                    "shutting_down" => any(&current, &["shutdown"]),
                    "updating" => any(&current, &["apply_updates"]),
                    "provisioning" => any(&current, &["provision"]),
                    "enabled" => enabled,
                    "live" => live,
                    "no_power_on" => !wakes,
                    // There are neither plug-ins for it nor clustered SRs here.
                    "power_on_plugin" | "degraded" | "recovering" => false,
                    other => panic!("no check {other}"),
                });
            }
        }
    });
}

const BLOCKING: [&str; 9] = [
    "ha_enable",
    "ha_disable",
    "cluster_create",
    "designate_new_master",
    "tls_verification_enable",
    "configure_repositories",
    "sync_updates",
    "sync_bundle",
    "apply_updates",
];

#[test]
fn pools() {
    for bits in 0..16u8 {
        on_store(move |tx, cells| {
            let (facts, advertised) = (facts::checks("pool"), facts::advertised("pool"));
            let [ha, upgrade, rotating, clustered] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
            let config = if upgrade { texts([("rolling_upgrade_in_progress", "true")]) } else { texts([]) };
            let members = [
                ("ha_enabled", Value::Bool(ha)),
                ("is_psr_pending", Value::Bool(rotating)),
                ("other_config", config),
            ];
            let this = make(tx, ClassId::Pool, members);
            if clustered {
                make(tx, ClassId::Cluster, []);
            }
            for current in singles_and_pairs::<Pool>() {
                set(tx, ClassId::Pool, &this, "current_operations", under_way(&current));
                let blocked = current.iter().any(|op| BLOCKING.contains(op));
                let about = (&current, ha, upgrade, rotating, clustered);
                cells.judge::<Pool>(tx, &this, &facts, &advertised, &about, |name, _| match name {
                    "rotation" => rotating,
                    "blocked" | "waits" => blocked,
                    "waiting" => !blocked && !current.is_empty(),
                    "ha_on" => ha,
                    "ha_off" => !ha,
                    "upgrade" => upgrade,
                    "cluster_exists" => clustered,
                    "cluster_ha" => ha,
                    other => panic!("no check {other}"),
                });
            }
        });
    }
}

#[test]
fn appliances() {
    on_store(|tx, cells| {
        let (facts, advertised) = (facts::checks("VM_appliance"), facts::advertised("VM_appliance"));
        let states = ["Halted", "Paused", "Suspended", "Running"];
        for members in 0..16usize {
            let this = make(tx, ClassId::VmAppliance, []);
            let chosen: Vec<&str> = states
                .iter()
                .enumerate()
                .filter(|(at, _)| members & (1 << at) != 0)
                .map(|(_, s)| *s)
                .collect();
            for state in &chosen {
                let of = [("power_state", Value::str(*state)), ("appliance", Value::str(this.as_str()))];
                make(tx, ClassId::Vm, of);
            }
            for current in singles_and_pairs::<VmAppliance>() {
                set(tx, ClassId::VmAppliance, &this, "current_operations", under_way(&current));
                let about = (&chosen, &current);
                cells.judge::<VmAppliance>(tx, &this, &facts, &advertised, &about, |name, _| match name {
                    "alone" => !current.is_empty(),
                    "no_vms" => chosen.is_empty(),
                    "none_halted" => !chosen.contains(&"Halted"),
                    "none_running" => !chosen.contains(&"Running"),
                    "all_halted" => chosen.iter().all(|state| *state == "Halted"),
                    other => panic!("no check {other}"),
                });
            }
        }
    });
}
