//! The operations of `host`.

use xapi_schema::{
    ApiEnum, Field, Map, Record, Ref, Result,
    classes::{Host, HostAllowedOperations as Op, host, host_metrics},
    errors,
};
use xapi_store::Read;

use super::{Asked, Guarded, busy, rolling_upgrade};

impl Guarded for Host {
    type Op = Op;
    const CURRENT: Field<Host, Map<String, Op>> = host::current_operations;
    const ALLOWED: Field<Host, Vec<Op>> = host::allowed_operations;
    const ADVERTISED: &'static [Op] = &[
        Op::VmMigrate,
        Op::Provision,
        Op::VmResume,
        Op::ApplyUpdates,
        Op::Enable,
        Op::PowerOn,
        Op::Reboot,
        Op::Evacuate,
        Op::VmStart,
        Op::Shutdown,
    ];

    fn check(read: &impl Read, this: &Ref<Host>, op: Op, asked: Asked) -> Result<()> {
        let record = read.record(this)?;
        if rolling_upgrade(read) && asked == Asked::Advice && !matches!(op, Op::Evacuate | Op::Provision) {
            return Err(errors::NOT_SUPPORTED_DURING_UPGRADE.bare());
        }
        alone(this, record, op)?;
        if matches!(op, Op::Reboot | Op::Shutdown | Op::ApplyUpdates) && record.get(host::enabled) {
            return Err(errors::HOST_NOT_DISABLED.bare());
        }
        if op == Op::PowerOn {
            if read.get(&record.get(host::metrics), host_metrics::live).unwrap_or(false) {
                return Err(errors::HOST_IS_LIVE.with([this]));
            }
            if record.get(host::power_on_mode).is_empty() {
                return Err(errors::HOST_POWER_ON_MODE_DISABLED.bare());
            }
        }
        Ok(())
    }
}

fn spelled(op: Op) -> &'static str {
    match op {
        Op::VmStart => "VM.start",
        Op::VmResume => "VM.resume",
        Op::VmMigrate => "VM.migrate",
        other => other.as_str(),
    }
}

/// What refuses to run beside what, in the order it is looked at.
fn alone(this: &Ref<Host>, record: &Record, op: Op) -> Result<()> {
    let refusals: [(&[Op], &[Op]); 6] = [
        (&[Op::Provision, Op::VmResume, Op::VmMigrate], &[Op::Evacuate, Op::Reboot, Op::Shutdown]),
        (&[Op::Evacuate, Op::Reboot, Op::Shutdown], &[Op::Provision, Op::VmResume, Op::VmMigrate]),
        (&[Op::Shutdown, Op::ApplyUpdates], &[Op::Reboot]),
        (&[Op::Reboot, Op::ApplyUpdates], &[Op::Shutdown]),
        (&[Op::Reboot, Op::Shutdown, Op::Enable], &[Op::ApplyUpdates]),
        (&[Op::Provision], &[Op::Provision]),
    ];
    let current = record.get(host::current_operations);
    for (wanted, running) in refusals {
        let mut blocking = current.0.iter().filter(|(_, op)| running.contains(op));
        if wanted.contains(&op)
            && let Some((task, other)) = blocking.next()
        {
            return Err(busy("host", this.as_str(), spelled(*other), task));
        }
    }
    Ok(())
}
