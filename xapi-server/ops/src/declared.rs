//! Objects a configuration declares: what clients may do to them is what their policy says, and the refusal
//! names the option to change instead. The one place that knows the marks the reconciler leaves.
//!
//! Pure; decides nothing about roles, states or operations under way.

use xapi_schema::{ClassId, Message, Record, Result, RoleSet, Value, errors};
use xapi_store::Read;

use crate::session::Session;

/// Who reconciles says so when it logs in, and must be the local superuser.
pub const RECONCILER: &str = "xennix-reconcile";
/// Key of `other_config` with the option an object comes from.
pub const OPTION: &str = "xennix:declared";
/// Key with the object's own UUID: copies inherit the other keys, but are not declared.
pub const OWN: &str = "xennix:self";
/// Key with the policy: `locked`, `power` or `open`.
pub const POLICY: &str = "xennix:policy";

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

/// Lets a call pass, or refuses to change what is declared.
///
/// # Errors
/// OPERATION_BLOCKED [object, which option declares it].
pub fn check(read: &impl Read, session: &Session, message: &Message, args: &[Value]) -> Result<()> {
    if session.pool || session.superuser && session.originator == RECONCILER || reads(message) {
        return Ok(());
    }
    let Some((class, reference)) = target(read, message, args) else { return Ok(()) };
    let Some(row) = read.row(class, &reference) else { return Ok(()) };
    let Some(declared) = declared(&row.record) else { return Ok(()) };
    if allowed(declared.policy, message, args) {
        return Ok(());
    }
    let policy = match declared.policy {
        Policy::Locked => "locked",
        Policy::Power => "power",
    };
    let option = declared.option;
    let text =
        format!("declared by {option} (policy {policy}): change {option} in the configuration of dom0");
    Err(errors::OPERATION_BLOCKED.with([reference, text]))
}

/// Whoever may look at things may call it: it changes none.
fn reads(message: &Message) -> bool {
    message.roles == RoleSet::READ_ONLY
}

/// The object a call is about: for devices that are to be made, what they would become part of; for a revert, the
/// VM that would change.
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
        "revert" if message.class == ClassId::Vm => {
            let row = read.row(ClassId::Vm, first.as_str()?)?;
            Some((ClassId::Vm, row.record.by_name("snapshot_of")?.as_str()?.to_string()))
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
