//! The operations of `VM`.

use xapi_schema::{
    ApiEnum, ApiType, ClassId, Field, Map, Ref, Result,
    classes::{
        DomainType, Vdi, Vm, VmAppliance, VmOperations as Op, VmPowerState as State, Vtpm, VtpmOperations,
        host, pool, vbd, vdi, vm, vm_guest_metrics, vm_metrics, vtpm,
    },
    errors,
};
use xapi_store::{Read, Tx};

use super::{Asked, Guarded, not_allowed, rolling_upgrade, text};

/// Power states an operation has under a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extra {
    None,
    /// Suspended too, for a snapshot or where the pool allows clones of suspended VMs.
    SuspendedClone,
    /// Running too, for a control domain.
    RunningControlDomain,
}

/// One line of the table.
struct Row {
    /// Letters of Halted, Paused, Suspended, Running.
    states: &'static str,
    /// Letters: `a`dvertised, for a `t`emplate (`n`: unless it is a default one), for a `s`napshot,
    /// for a `c`ontrol domain, during a rolling `u`pgrade, done by the `h`ypervisor or depending on what runs.
    flags: &'static str,
    extra: Extra,
}

const fn row(_: Op, states: &'static str, flags: &'static str, extra: Extra) -> Row {
    Row { states, flags, extra }
}

/// In the order of the enumeration, so that an operation finds its line by index.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    row(Op::Snapshot, "HPSR", "a-----", Extra::None),
    row(Op::Clone, "H", "ats-u-", Extra::SuspendedClone),
    row(Op::Copy, "H", "ats-u-", Extra::SuspendedClone),
    row(Op::CreateTemplate, "HS", "------", Extra::None),
    row(Op::Revert, "HPSR", "a-s--h", Extra::None),
    row(Op::Checkpoint, "PSR", "a----h", Extra::None),
    row(Op::SnapshotWithQuiesce, "R", "a-----", Extra::None),
    row(Op::Provision, "H", "at--u-", Extra::None),
    row(Op::Start, "H", "a--cuh", Extra::None),
    row(Op::StartOn, "H", "a--cuh", Extra::None),
    row(Op::Pause, "R", "a---uh", Extra::None),
    row(Op::Unpause, "P", "a---uh", Extra::None),
    row(Op::CleanShutdown, "R", "a---uh", Extra::None),
    row(Op::CleanReboot, "R", "a---uh", Extra::None),
    row(Op::HardShutdown, "PSR", "a-s-uh", Extra::None),
    row(Op::PowerStateReset, "HPSR", "----uh", Extra::None),
    row(Op::HardReboot, "PR", "a---uh", Extra::None),
    row(Op::Suspend, "R", "a---uh", Extra::None),
    row(Op::Csvm, "S", "----u-", Extra::None),
    row(Op::Resume, "S", "a---uh", Extra::None),
    row(Op::ResumeOn, "S", "a---uh", Extra::None),
    row(Op::PoolMigrate, "R", "a---uh", Extra::None),
    row(Op::MigrateSend, "HSR", "an--uh", Extra::None),
    row(Op::GetBootRecord, "PSR", "----u-", Extra::None),
    row(Op::SendSysrq, "R", "----uh", Extra::None),
    row(Op::SendTrigger, "R", "----uh", Extra::None),
    row(Op::QueryServices, "HPSR", "------", Extra::None),
    row(Op::Shutdown, "PSR", "-----h", Extra::None),
    row(Op::CallPlugin, "R", "------", Extra::None),
    row(Op::ChangingMemoryLive, "R", "---cuh", Extra::None),
    row(Op::AwaitingMemoryLive, "R", "---c-h", Extra::None),
    row(Op::ChangingDynamicRange, "HR", "at-c-h", Extra::None),
    row(Op::ChangingStaticRange, "H", "at-c--", Extra::RunningControlDomain),
    row(Op::ChangingMemoryLimits, "H", "-t-c--", Extra::RunningControlDomain),
    row(Op::ChangingShadowMemory, "H", "at----", Extra::None),
    row(Op::ChangingShadowMemoryLive, "R", "----uh", Extra::None),
    row(Op::ChangingVCPUs, "H", "-t-c--", Extra::RunningControlDomain),
    row(Op::ChangingVCPUsLive, "R", "a---uh", Extra::None),
    row(Op::ChangingNvram, "H", "at----", Extra::None),
    row(Op::AssertOperationValid, "HPSR", "----u-", Extra::None),
    row(Op::DataSourceOp, "R", "---c--", Extra::None),
    row(Op::UpdateAllowedOperations, "HPSR", "----u-", Extra::None),
    row(Op::MakeIntoTemplate, "H", "a---u-", Extra::None),
    row(Op::Import, "", "----u-", Extra::None),
    row(Op::Export, "HS", "ats-u-", Extra::None),
    row(Op::MetadataExport, "HPSR", "atsc--", Extra::None),
    row(Op::Reverting, "HPSR", "-----h", Extra::None),
    row(Op::Destroy, "HS", "anscuh", Extra::None),
    row(Op::CreateVtpm, "H", "a-----", Extra::None),
    row(Op::Sysprep, "R", "a----h", Extra::None),
];

impl Guarded for Vm {
    type Op = Op;
    const CURRENT: Field<Vm, Map<String, Op>> = vm::current_operations;
    const ALLOWED: Field<Vm, Vec<Op>> = vm::allowed_operations;
    const ADVERTISED: &'static [Op] = &[
        Op::Sysprep,
        Op::CreateVtpm,
        Op::Destroy,
        Op::MetadataExport,
        Op::Export,
        Op::MakeIntoTemplate,
        Op::ChangingNvram,
        Op::ChangingVCPUsLive,
        Op::ChangingShadowMemory,
        Op::ChangingStaticRange,
        Op::ChangingDynamicRange,
        Op::MigrateSend,
        Op::PoolMigrate,
        Op::ResumeOn,
        Op::Resume,
        Op::Suspend,
        Op::HardReboot,
        Op::HardShutdown,
        Op::CleanReboot,
        Op::CleanShutdown,
        Op::Unpause,
        Op::Pause,
        Op::StartOn,
        Op::Start,
        Op::Provision,
        Op::SnapshotWithQuiesce,
        Op::Checkpoint,
        Op::Revert,
        Op::Copy,
        Op::Clone,
        Op::Snapshot,
    ];

    fn asks_hypervisor(op: Op) -> bool {
        TABLE[op.index()].flags.contains('h')
    }

    fn check(read: &impl Read, this: &Ref<Vm>, op: Op, asked: Asked) -> Result<()> {
        Facts::of(read, this)?.check(read, op, asked)
    }
}

/// Text of an operation inside errors.
fn spelled(op: Op) -> &'static str {
    match op {
        Op::CreateTemplate | Op::QueryServices | Op::ChangingMemoryLimits | Op::ChangingVCPUs => {
            "(unknown operation)"
        }
        Op::AssertOperationValid => "assertoperationvalid",
        Op::DataSourceOp => "data_sources_op",
        other => other.as_str(),
    }
}

fn truth(text: Option<&String>) -> bool {
    text.is_some_and(|t| t == "1" || t.eq_ignore_ascii_case("true"))
}

/// What the rules look at, read once per operation.
struct Facts {
    this: Ref<Vm>,
    record: std::sync::Arc<xapi_schema::Record>,
    state: State,
    guest: Option<std::sync::Arc<xapi_schema::Record>>,
    metrics: Option<std::sync::Arc<xapi_schema::Record>>,
}

impl Facts {
    fn of(read: &impl Read, this: &Ref<Vm>) -> Result<Facts> {
        let record = read.record(this)?.clone();
        let guest = read.record(&record.get(vm::guest_metrics)).ok().cloned();
        let metrics = read.record(&record.get(vm::metrics)).ok().cloned();
        Ok(Facts { this: this.clone(), state: record.get(vm::power_state), record, guest, metrics })
    }

    fn check(&self, read: &impl Read, op: Op, asked: Asked) -> Result<()> {
        let row = &TABLE[op.index()];
        self.not_blocked(op, asked)?;
        self.power_state(read, row)?;
        self.alone(op)?;
        self.kind(read, op, row)?;
        self.movable(op, asked)?;
        self.features(op, asked)?;
        self.attachments(read, op)?;
        self.memberships(read, op)?;
        if op == Op::QueryServices && !truth(self.record.get(vm::other_config).get("is_system_domain")) {
            return Err(errors::NOT_SYSTEM_DOMAIN.with([&self.this]));
        }
        if rolling_upgrade(read) && !row.flags.contains('u') {
            return Err(errors::NOT_SUPPORTED_DURING_UPGRADE.bare());
        }
        let vtpms = self.record.get(vm::VTPMs).len();
        if op == Op::CreateVtpm && vtpms > 0 {
            return Err(errors::VTPM_MAX_AMOUNT_REACHED.with([vtpms.to_string()]));
        }
        Ok(())
    }

    fn not_blocked(&self, op: Op, asked: Asked) -> Result<()> {
        let blocked = self.record.get(vm::blocked_operations);
        // What a declaration blocks was settled by who asks, before the guard.
        let counts = |reason: &str| asked == Asked::Advice || !crate::declared::is_reason(reason);
        match blocked.0.iter().find(|(key, reason)| *key == op && counts(reason)) {
            Some((_, reason)) => Err(errors::OPERATION_BLOCKED.with([self.this.as_str(), reason])),
            None => Ok(()),
        }
    }

    fn power_state(&self, read: &impl Read, row: &Row) -> Result<()> {
        let mut states: Vec<State> = row
            .states
            .chars()
            .map(|letter| match letter {
                'H' => State::Halted,
                'P' => State::Paused,
                'S' => State::Suspended,
                _ => State::Running,
            })
            .collect();
        match row.extra {
            Extra::SuspendedClone if self.record.get(vm::is_a_snapshot) || clones_suspended(read) => {
                states.push(State::Suspended);
            }
            Extra::RunningControlDomain if self.record.get(vm::is_control_domain) => {
                states.push(State::Running);
            }
            _ => {}
        }
        if states.contains(&self.state) {
            return Ok(());
        }
        let wanted: Vec<&str> = states.into_iter().map(text::state).collect();
        Err(errors::VM_BAD_POWER_STATE.with([
            self.this.as_str(),
            &wanted.join(", "),
            text::state(self.state),
        ]))
    }

    /// What is under way must tolerate it.
    fn alone(&self, op: Op) -> Result<()> {
        let current = self.record.get(vm::current_operations);
        let mut ops: Vec<Op> = current.0.iter().map(|(_, op)| *op).collect();
        ops.sort();
        ops.dedup();
        if ops.is_empty() || joins(op, &ops) {
            return Ok(());
        }
        let list = |items: Vec<&str>| match &items[..] {
            [one] => one.to_string(),
            several => format!("{{{}}}", several.join(",")),
        };
        let names = list(current.0.iter().map(|(_, op)| spelled(*op)).collect());
        let tasks = list(current.0.iter().map(|(task, _)| task.as_str()).collect());
        Err(errors::OTHER_OPERATION_IN_PROGRESS.with(["VM".into(), self.this.to_string(), names, tasks]))
    }

    /// Templates, snapshots and control domains.
    fn kind(&self, read: &impl Read, op: Op, row: &Row) -> Result<()> {
        let (template, snapshot) = (self.record.get(vm::is_a_template), self.record.get(vm::is_a_snapshot));
        if template && !snapshot {
            let default = || {
                self.record.get(vm::is_default_template)
                    || truth(self.record.get(vm::other_config).get("default_template"))
            };
            let fine = row.flags.contains('t') || row.flags.contains('n') && !default();
            if !fine {
                return Err(errors::VM_IS_TEMPLATE.with([self.this.as_str(), spelled(op)]));
            }
        }
        if snapshot && !row.flags.contains('s') {
            return Err(errors::VM_IS_SNAPSHOT.with([self.this.as_str(), spelled(op)]));
        }
        if op == Op::Provision && !template {
            return Err(errors::PROVISION_ONLY_ALLOWED_ON_TEMPLATE.bare());
        }
        if op == Op::Revert && !snapshot {
            return Err(errors::REVERT_ONLY_ALLOWED_ON_SNAPSHOT.bare());
        }
        if self.record.get(vm::is_control_domain) {
            let dom0 = || {
                let named = read.get(&self.record.get(vm::resident_on), host::control_domain);
                named.is_ok_and(|named| named == self.this)
            };
            if matches!(op, Op::ChangingVCPUs | Op::Destroy) && dom0() {
                return Err(not_allowed("This is not possible for the control domain of a host"));
            }
            if !row.flags.contains('c') {
                return Err(not_allowed("This is not possible for a control domain"));
            }
        }
        Ok(())
    }

    fn live(&self) -> bool {
        matches!(self.state, State::Running | State::Paused)
    }

    fn nested_virt(&self) -> bool {
        match &self.metrics {
            Some(metrics) => metrics.get(vm_metrics::nested_virt),
            None => truth(self.record.get(vm::platform).get("nested-virt")),
        }
    }

    fn movable(&self, op: Op, asked: Asked) -> Result<()> {
        if asked == Asked::Forced {
            return Ok(());
        }
        if op == Op::ChangingDynamicRange && self.nested_virt() {
            return Err(errors::VM_IS_USING_NESTED_VIRT.with([&self.this]));
        }
        let nomigrate = match &self.metrics {
            Some(metrics) => metrics.get(vm_metrics::nomigrate),
            None => truth(self.record.get(vm::platform).get("nomigrate")),
        };
        if is_move(op) && (nomigrate || self.nested_virt()) {
            return Err(errors::VM_IS_IMMOBILE.with([&self.this]));
        }
        Ok(())
    }

    /// The guest co-operates whatever its agent says.
    fn implicit_support(&self) -> bool {
        let paravirtual = self.metrics.as_ref().is_some_and(|metrics| {
            matches!(
                metrics.get(vm_metrics::current_domain_type),
                DomainType::Pv | DomainType::PvInPvh | DomainType::Pvh
            )
        });
        !self.live() || paravirtual || self.guest.as_ref().is_some_and(|guest| drivers_known(guest))
    }

    fn features(&self, op: Op, asked: Asked) -> Result<()> {
        let other = self.guest.as_ref().map(|guest| guest.get(vm_guest_metrics::other)).unwrap_or_default();
        let has = |feature: &str| other.get(feature).is_some_and(|v| v == "1");
        let lacking = || Err(errors::VM_LACKS_FEATURE.with([&self.this]));
        let strict = asked != Asked::Forced;
        if is_move(op) && self.live() {
            if let Some(reason) = other.get("data-cant-suspend-reason") {
                return Err(errors::VM_NON_SUSPENDABLE.with([self.this.as_str(), reason]));
            }
            if strict && !self.implicit_support() && !has("feature-suspend") {
                return lacking();
            }
        }
        let needed: &[&str] = match op {
            Op::CleanShutdown if strict => &["feature-shutdown", "feature-poweroff"],
            Op::CleanReboot if strict => &["feature-shutdown", "feature-reboot"],
            Op::ChangingVCPUsLive => &["feature-vcpu-hotplug"],
            Op::SnapshotWithQuiesce => {
                return Err(errors::VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED.with([&self.this]));
            }
            _ => &[],
        };
        if !needed.is_empty() && !self.implicit_support() && !needed.iter().any(|feature| has(feature)) {
            return lacking();
        }
        Ok(())
    }

    fn attachments(&self, read: &impl Read, op: Op) -> Result<()> {
        let disks = || {
            let vdis = self.record.get(vm::VBDs).into_iter();
            vdis.filter_map(|this| read.get(&this, vbd::VDI).ok()).collect::<Vec<_>>()
        };
        let config = |this: &Ref<Vdi>, key: &str, wanted: &str| {
            read.get(this, vdi::sm_config).is_ok_and(|c| c.get(key).is_some_and(|v| v == wanted))
        };
        let resets = |this: &Ref<Vdi>| config(this, "on_boot", "reset");
        let incompatible = || Err(errors::VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION.bare());
        match op {
            Op::Checkpoint | Op::Snapshot | Op::Suspend | Op::SnapshotWithQuiesce
                if disks().iter().any(resets) =>
            {
                return incompatible();
            }
            Op::PoolMigrate if disks().iter().any(|this| resets(this) && config(this, "caching", "true")) => {
                return incompatible();
            }
            _ => {}
        }
        if is_move(op) {
            if !self.record.get(vm::attached_PCIs).is_empty() {
                return Err(errors::VM_HAS_PCI_ATTACHED.with([&self.this]));
            }
            let excused = op == Op::MigrateSend && self.state == State::Halted
                || op == Op::Checkpoint && self.state == State::Suspended;
            if !self.record.get(vm::VGPUs).is_empty() && !excused {
                return Err(errors::VM_HAS_VGPU.with([&self.this]));
            }
        }
        if (is_move(op) || op == Op::Snapshot) && !self.record.get(vm::VUSBs).is_empty() {
            return Err(errors::VM_HAS_VUSBS.with([&self.this]));
        }
        Ok(())
    }

    fn memberships(&self, read: &impl Read, op: Op) -> Result<()> {
        if op != Op::MakeIntoTemplate {
            return Ok(());
        }
        let appliance = self.record.get(vm::appliance);
        if read.exists(&appliance) {
            return Err(errors::VM_IS_PART_OF_AN_APPLIANCE.with([self.this.as_str(), appliance.as_str()]));
        }
        let policy = self.record.get(vm::protection_policy);
        if read.exists(&policy) {
            return Err(errors::VM_ASSIGNED_TO_PROTECTION_POLICY.with([self.this.as_str(), policy.as_str()]));
        }
        let schedule = self.record.get(vm::snapshot_schedule);
        if read.exists(&schedule) {
            let params = [self.this.as_str(), schedule.as_str()];
            return Err(errors::VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE.with(params));
        }
        Ok(())
    }
}

fn clones_suspended(read: &impl Read) -> bool {
    let pools = read.all::<xapi_schema::classes::Pool>();
    let config = pools.first().and_then(|pool| read.get(pool, pool::other_config).ok());
    config.is_some_and(|config| config.get("allow_clone_suspended_vm").is_some_and(|v| v == "true"))
}

fn is_move(op: Op) -> bool {
    matches!(op, Op::Suspend | Op::Checkpoint | Op::PoolMigrate | Op::MigrateSend)
}

/// The agent reported whole numbers as major and minor version of its drivers.
pub(super) fn drivers_known(guest: &xapi_schema::Record) -> bool {
    let version = guest.get(vm_guest_metrics::PV_drivers_version);
    let number = |key: &str| version.get(key).is_some_and(|v| v.parse::<i64>().is_ok());
    number("major") && number("minor")
}

/// Operations that tolerate each other.
fn joins(op: Op, current: &[Op]) -> bool {
    let groups: [&[Op]; 3] =
        [&[Op::Clone, Op::Copy, Op::Export], &[Op::Snapshot, Op::Checkpoint], &[Op::GetBootRecord]];
    if groups.iter().any(|group| group.contains(&op) && current.iter().all(|c| group.contains(c))) {
        return true;
    }
    match op {
        Op::HardShutdown => !current.contains(&Op::HardShutdown),
        Op::HardReboot => !current.iter().any(|c| matches!(c, Op::HardShutdown | Op::HardReboot)),
        Op::Snapshot => current == [Op::SnapshotWithQuiesce],
        Op::MetadataExport | Op::CleanShutdown | Op::CleanReboot => current == [Op::MigrateSend],
        _ => false,
    }
}

/// An appliance and VTPMs offer what their VM lets them.
pub(super) fn refresh_dependants(tx: &mut Tx, this: &Ref<Vm>) -> Result<()> {
    let appliance: Ref<VmAppliance> = tx.get(this, vm::appliance)?;
    super::refresh(tx, &appliance)?;
    let halted = tx.get(this, vm::power_state)? == State::Halted;
    let vtpms: Vec<Ref<Vtpm>> = tx.get(this, vm::VTPMs)?;
    for vtpm in vtpms.into_iter().filter(|v| !v.is_null()) {
        if tx.exists(&vtpm) {
            let allowed = if halted { vec![VtpmOperations::Destroy] } else { vec![] };
            tx.set_value(ClassId::Vtpm, vtpm.as_str(), vtpm::allowed_operations.index, allowed.into_value())?;
        }
    }
    Ok(())
}
