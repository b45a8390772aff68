//! Objects a configuration declares: what clients may do to them is what their policy says, and the refusal
//! names the option to change instead. The one place that knows the marks the reconciler leaves.
//!
//! Calls and handlers are refused here, before any work. `blocked_operations` and `allowed_operations` tell the same
//! beforehand; the guard leaves what they tell of a declaration to this place, which knows who asks.
//!
//! Pure; decides nothing about roles, states or operations under way.

use xapi_schema::{
    ApiEnum, Class, ClassId, Failure, Map, Message, Record, Ref, Result, RoleSet, Value,
    classes::{Vm, VmOperations, vm},
    errors, schema,
};
use xapi_store::{Read, Tx};

use crate::session::Session;

/// Who reconciles says so when it logs in, and must be the local superuser.
pub const RECONCILER: &str = "xennix-reconcile";
/// Key of `other_config` with the option an object comes from.
pub const OPTION: &str = "xennix:declared";
/// Key with the object's own UUID: copies inherit the other keys, but are not declared.
pub const OWN: &str = "xennix:self";
/// Key with the policy: `locked`, `power` or `open`.
pub const POLICY: &str = "xennix:policy";

/// Whether two states of `other_config` differ in a mark.
pub fn differs(before: &Value, after: &Value) -> bool {
    [OPTION, OWN, POLICY].iter().any(|key| before.get(key) != after.get(key))
}

/// What clients may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    Locked,
    Power,
}

/// An object nobody but the reconciler changes.
struct Declared<'a> {
    option: &'a str,
    policy: Policy,
}

impl Declared<'_> {
    fn text(&self) -> String {
        let (option, policy) = (self.option, self.policy.text());
        format!("{BEGIN}{option} (policy {policy}): change {option} in the configuration of dom0")
    }
}

impl Policy {
    fn text(self) -> &'static str {
        match self {
            Policy::Locked => "locked",
            Policy::Power => "power",
        }
    }
}

/// How reasons of ours begin, among those of clients.
const BEGIN: &str = "declared by ";

/// This reason in `blocked_operations` is ours.
pub fn is_reason(text: &str) -> bool {
    text.starts_with(BEGIN)
}

fn privileged(session: &Session) -> bool {
    session.pool || session.superuser && session.originator == RECONCILER
}

/// Lets a call pass, or refuses to change what is declared.
///
/// # Errors
/// OPERATION_BLOCKED [object, which option declares it].
pub fn check(read: &impl Read, session: &Session, message: &Message, args: &[Value]) -> Result<()> {
    if privileged(session) || reads(message) {
        return Ok(());
    }
    if let Some((class, reference)) = target(read, message, args)
        && let Some(row) = read.row(class, &reference)
        && let Some(declared) = declared(&row.record)
        && !allowed(declared.policy, message, args)
    {
        return Err(refusal(&reference, &declared));
    }
    match bytes(read, message, args) {
        Some((disk, writes)) => contents(read, &disk, writes),
        None => Ok(()),
    }
}

fn refusal(reference: &str, declared: &Declared<'_>) -> Failure {
    errors::OPERATION_BLOCKED.with([reference, &declared.text()])
}

/// What a handler does to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Sends what is in it.
    Reads,
    /// Writes into it.
    Writes,
    /// Shows its screen and takes its keys.
    Operates,
}

/// [`check`] for handlers, which are no calls.
///
/// # Errors
/// OPERATION_BLOCKED [object, which option declares it].
pub fn check_handler(
    read: &impl Read,
    session: &Session,
    class: ClassId,
    reference: &str,
    access: Access,
) -> Result<()> {
    if privileged(session) {
        return Ok(());
    }
    let Some(row) = read.row(class, reference) else { return Ok(()) };
    match declared(&row.record) {
        Some(declared) if access == Access::Writes || declared.policy == Policy::Locked => {
            Err(refusal(reference, &declared))
        }
        _ => Ok(()),
    }
}

/// A disk whose bytes a call reaches without being about it, and whether it may then be written.
fn bytes(read: &impl Read, message: &Message, args: &[Value]) -> Option<(String, bool)> {
    let text = |at: usize| args.get(at).and_then(Value::as_str);
    match (message.class, message.short_name()) {
        (ClassId::Vdi, "copy") => Some((text(3)?.to_string(), true)),
        (ClassId::Vbd, "create") => {
            // Devices of declared guests are checked as what they become part of.
            let member = |name: &str| args.first()?.get(name)?.as_str();
            Some((member("VDI")?.to_string(), member("mode") != Some("RO")))
        }
        (ClassId::Vbd, "set_mode") if text(1) == Some("RW") => {
            let row = read.row(ClassId::Vbd, text(0)?)?;
            Some((row.record.by_name("VDI")?.as_str()?.to_string(), true))
        }
        _ => None,
    }
}

fn contents(read: &impl Read, disk: &str, writes: bool) -> Result<()> {
    let Some(row) = read.row(ClassId::Vdi, disk) else { return Ok(()) };
    match declared(&row.record) {
        Some(declared) if writes || declared.policy == Policy::Locked => Err(refusal(disk, &declared)),
        _ => Ok(()),
    }
}

/// Whether `allowed_operations` may name an operation. VMs are told by `blocked_operations`.
pub fn advised(read: &impl Read, class: ClassId, reference: &str, operation: &str) -> bool {
    if class == ClassId::Vm {
        return true;
    }
    let Some(row) = read.row(class, reference) else { return true };
    let Some(declared) = declared(&row.record) else { return true };
    let message = match (class, operation) {
        // Named after what becomes part of it.
        (ClassId::Sr, "pbd_create" | "pbd_destroy") => return false,
        _ => schema().message(&format!("{}.{operation}", Class::of(class).name)),
    };
    message.is_none_or(|message| reads(message) || allowed(declared.policy, message, &[]))
}

/// Operations on VMs that change nothing, or that the toolstack makes on behalf of others.
const FREE: &[VmOperations] = &[
    VmOperations::AwaitingMemoryLive,
    VmOperations::GetBootRecord,
    VmOperations::AssertOperationValid,
    VmOperations::DataSourceOp,
    VmOperations::UpdateAllowedOperations,
    VmOperations::MetadataExport,
];

/// May this operation begin, as far as the policy says? By the method of the same name, where there is one.
fn operation_allowed(policy: Policy, operation: VmOperations) -> bool {
    if FREE.contains(&operation) {
        return true;
    }
    match schema().message(&format!("VM.{}", operation.as_str())) {
        Some(message) => reads(message) || allowed(policy, message, &[]),
        None => operation == VmOperations::Export && policy == Policy::Power,
    }
}

/// Writes what a declaration blocks into `VM.blocked_operations`, or takes it out. Reasons clients gave stay.
///
/// # Errors
/// Those of the store.
pub fn tell(tx: &mut Tx, this: &Ref<Vm>) -> Result<()> {
    let record = tx.record(this)?.clone();
    let before: Map<VmOperations, String> = record.get(vm::blocked_operations);
    let mut after = before.clone();
    after.0.retain(|(_, reason)| !is_reason(reason));
    if let Some(declared) = declared(&record) {
        let text = declared.text();
        for operation in VmOperations::ALL.iter().copied() {
            let told = after.0.iter().any(|(known, _)| *known == operation);
            if !told && !operation_allowed(declared.policy, operation) {
                after.0.push((operation, text.clone()));
            }
        }
    }
    let same = before.0.len() == after.0.len() && before.0.iter().all(|pair| after.0.contains(pair));
    if same { Ok(()) } else { tx.set(this, vm::blocked_operations, after) }
}

/// Whoever may look at things may call it: it changes none.
fn reads(message: &Message) -> bool {
    message.roles == RoleSet::READ_ONLY
}

/// The object a call is about: for devices that are to be made, what they would become part of; for a revert, what
/// would change.
fn target(read: &impl Read, message: &Message, args: &[Value]) -> Option<(ClassId, String)> {
    let first = args.first()?;
    match message.short_name() {
        "create" => {
            let (class, member) = match message.class {
                ClassId::Vbd | ClassId::Vif | ClassId::Vtpm => (ClassId::Vm, "VM"),
                ClassId::Vgpu | ClassId::Vusb => (ClassId::Vm, "VM"),
                ClassId::Pbd => (ClassId::Sr, "SR"),
                _ => return None,
            };
            let named = first.get(member).or(Some(first)).and_then(Value::as_str)?;
            Some((class, named.to_string()))
        }
        "revert" if matches!(message.class, ClassId::Vm | ClassId::Vdi) => {
            let row = read.row(message.class, first.as_str()?)?;
            Some((message.class, row.record.by_name("snapshot_of")?.as_str()?.to_string()))
        }
        _ => Some((message.class, first.as_str()?.to_string())),
    }
}

fn declared(record: &Record) -> Option<Declared<'_>> {
    let marks = record.by_name("other_config")?;
    let text = |key: &str| marks.get(key).and_then(Value::as_str);
    let option = text(OPTION)?;
    if text(OWN) != record.by_name("uuid").and_then(Value::as_str) {
        return None;
    }
    let policy = match text(POLICY) {
        Some("locked") => Policy::Locked,
        Some("open") => return None,
        _ => Policy::Power,
    };
    Some(Declared { option, policy })
}

/// Running a guest, copying it and looking after storage change nothing that was declared.
fn allowed(policy: Policy, message: &Message, args: &[Value]) -> bool {
    let name = message.short_name();
    let upkeep = match message.class {
        ClassId::Vm => name == "update_allowed_operations",
        ClassId::Sr => matches!(name, "scan" | "update" | "update_allowed_operations" | "create_new_blob"),
        ClassId::Vdi => matches!(name, "update"),
        _ => false,
    };
    if upkeep {
        return true;
    }
    if policy == Policy::Locked {
        return false;
    }
    let power = match message.class {
        ClassId::Vm => matches!(
            name,
            "start"
                | "start_on"
                | "shutdown"
                | "clean_shutdown"
                | "hard_shutdown"
                | "clean_reboot"
                | "hard_reboot"
                | "power_state_reset"
                | "pause"
                | "unpause"
                | "suspend"
                | "resume"
                | "resume_on"
                | "snapshot"
                | "snapshot_with_quiesce"
                | "checkpoint"
                | "clone"
                | "copy"
                | "pool_migrate"
                | "send_sysrq"
                | "send_trigger"
                | "call_plugin"
                | "query_services"
                | "add_tags"
                | "remove_tags"
                | "set_tags"
        ),
        ClassId::Vdi => matches!(
            name,
            "snapshot"
                | "clone"
                | "copy"
                | "data_destroy"
                | "enable_cbt"
                | "disable_cbt"
                | "list_changed_blocks"
        ),
        ClassId::Vbd => matches!(name, "insert" | "eject" | "pause" | "unpause"),
        _ => false,
    };
    power || note(message, args)
}

/// Notes of clients, such as folders and backup jobs. The marks themselves are no notes.
fn note(message: &Message, args: &[Value]) -> bool {
    let noting = matches!(message.short_name(), "add_to_other_config" | "remove_from_other_config");
    let steers =
        |key: &str| key.starts_with("xennix:") || matches!(key, "pci" | "auto_poweron" | "hvm_serial");
    noting && args.get(1).and_then(Value::as_str).is_some_and(|key| !steers(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xapi_schema::schema;

    #[test]
    fn what_is_blocked_is_what_would_be_refused() {
        use VmOperations as Op;
        for op in [Op::Start, Op::HardShutdown, Op::Snapshot, Op::Export, Op::Suspend, Op::PoolMigrate] {
            assert!(operation_allowed(Policy::Power, op), "{}", op.as_str());
            assert!(!operation_allowed(Policy::Locked, op), "{}", op.as_str());
        }
        for op in [Op::Destroy, Op::ChangingVCPUs, Op::MakeIntoTemplate, Op::Reverting, Op::MigrateSend] {
            assert!(!operation_allowed(Policy::Power, op), "{}", op.as_str());
        }
        assert!(FREE.iter().all(|op| operation_allowed(Policy::Locked, *op)));
    }

    fn may(policy: Policy, method: &str, args: &[Value]) -> bool {
        let message = schema().message(method).unwrap_or_else(|| panic!("no {method}"));
        reads(message) || allowed(policy, message, args)
    }

    #[test]
    fn reading_is_always_allowed() {
        for method in
            ["VM.get_record", "VM.get_all", "VM.assert_can_boot_here", "SR.get_uuid", "VDI.get_name_label"]
        {
            assert!(may(Policy::Locked, method, &[]), "{method}");
        }
    }

    #[test]
    fn power_leaves_a_guest_its_life_but_not_its_shape() {
        for method in ["VM.start", "VM.hard_shutdown", "VM.snapshot", "VM.clone", "VBD.eject"] {
            assert!(may(Policy::Power, method, &[]), "{method}");
            assert!(!may(Policy::Locked, method, &[]), "{method}");
        }
        for method in [
            "VM.destroy",
            "VM.set_name_label",
            "VM.set_memory_limits",
            "VM.set_VCPUs_max",
            "VM.set_other_config",
            "VBD.unplug",
            "VBD.destroy",
            "VIF.destroy",
            "VIF.move",
            "VDI.destroy",
            "VDI.resize",
            "SR.forget",
            "SR.destroy",
            "network.destroy",
            "network.set_MTU",
        ] {
            assert!(!may(Policy::Power, method, &[]), "{method}");
        }
    }

    #[test]
    fn notes_are_allowed_and_marks_are_none() {
        let args = |key: &str| [Value::str("OpaqueRef:1"), Value::str(key), Value::str("v")];
        assert!(may(Policy::Power, "VM.add_to_other_config", &args("folder")));
        assert!(!may(Policy::Power, "VM.remove_from_other_config", &args("xennix:policy")));
        assert!(!may(Policy::Power, "VM.add_to_other_config", &args("auto_poweron")));
        assert!(!may(Policy::Locked, "VM.add_to_other_config", &args("folder")));
    }
}
