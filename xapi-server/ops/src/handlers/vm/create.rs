//! `VM.create`: the record of a new VM.

use xapi_schema::{
    ApiType, ClassId, Map, Ref, Result, Value,
    classes::{Vm, vm},
    errors,
};
use xapi_store::{Read, Tx};

use super::memory;
use crate::{
    Cx, Registry,
    handlers::{overlay, text, texts},
    rules,
};

/// Registers the method.
pub fn register(on: &mut Registry) {
    on.on_create(create);
}

async fn create(cx: Cx, members: Value) -> Result<Ref<Vm>> {
    cx.commit(move |tx| create_row(tx, &members)).await
}

/// Metrics of a VM that never ran.
///
/// # Errors
/// Those of the store.
pub fn fresh_metrics(tx: &mut Tx, domain_type: &str) -> Result<Value> {
    let members = Value::map([
        ("VCPUs_utilisation", Value::map([("0", Value::Float(0.0))])),
        ("current_domain_type", Value::str(domain_type)),
    ]);
    tx.create_value(ClassId::VmMetrics, None, &members).map(Value::Str)
}

/// A VM may come into being suspended only with everything a resume needs.
fn suspended(members: &Value) -> bool {
    let flags = !texts(members, "last_boot_CPU_flags").0.is_empty();
    let image = text(members, "suspend_VDI");
    let image = !image.is_empty() && image != "OpaqueRef:NULL";
    flags && image && !text(members, "last_booted_record").is_empty()
}

/// Makes a VM from a constructor's members.
///
/// # Errors
/// VM_BAD_POWER_STATE [vm, halted, suspended] for a VM that is to be suspended without an image.
pub fn create_row(tx: &mut Tx, members: &Value) -> Result<Ref<Vm>> {
    let asked_suspended = text(members, "power_state") == "Suspended";
    let suspended = asked_suspended && suspended(members);
    let policy = text(members, "HVM_boot_policy");
    let domain_type = match text(members, "domain_type").as_str() {
        "" | "unspecified" => if policy.is_empty() { "pv" } else { "hvm" }.to_string(),
        given => given.to_string(),
    };
    let mut other_config: Map<String, String> = texts(members, "other_config");
    if !other_config.contains("mac_seed") {
        other_config.set("mac_seed".into(), uuid::Uuid::new_v4().to_string());
    }
    let metrics = fresh_metrics(tx, if suspended { &domain_type } else { "unspecified" })?;
    let null = || Value::str("OpaqueRef:NULL");
    let none = || Value::map::<&str>([]);
    let vendor_device = members.get("has_vendor_device") != Some(&Value::Bool(false));
    let platform_version = match members.get("hardware_platform_version") {
        Some(Value::Int(version)) => *version,
        _ => 0,
    };
    let forced = overlay(
        members,
        [
            ("uuid", Value::EMPTY),
            ("other_config", other_config.into_value()),
            ("power_state", Value::str(if suspended { "Suspended" } else { "Halted" })),
            ("domain_type", Value::str(domain_type)),
            ("blocked_operations", none()),
            ("protection_policy", null()),
            ("is_snapshot_from_vmpp", Value::Bool(false)),
            ("snapshot_schedule", null()),
            ("is_vmss_snapshot", Value::Bool(false)),
            ("bios_strings", none()),
            ("blobs", none()),
            ("is_a_snapshot", Value::Bool(false)),
            ("snapshot_of", null()),
            ("parent", null()),
            ("resident_on", null()),
            ("domid", Value::Int(-1)),
            ("guest_metrics", null()),
            ("is_control_domain", Value::Bool(false)),
            ("is_default_template", Value::Bool(false)),
            ("secureboot_certificates_state", Value::str("ok")),
            ("metrics", metrics),
        ],
    );
    let lifted = if vendor_device { platform_version.max(2) } else { platform_version };
    let mut forced = overlay(&forced, [("hardware_platform_version", Value::Int(lifted))]);
    if !suspended {
        forced = overlay(
            &forced,
            [("suspend_VDI", null()), ("last_booted_record", Value::EMPTY), ("last_boot_CPU_flags", none())],
        );
    }
    let made: Ref<Vm> = Ref::new(tx.create_value(ClassId::Vm, None, &forced)?);
    if asked_suspended && !suspended {
        return Err(errors::VM_BAD_POWER_STATE.with([made.as_str(), "halted", "suspended"]));
    }
    let overhead = memory::overhead(tx.record(&made)?);
    tx.set(&made, vm::memory_overhead, overhead)?;
    rules::refresh(tx, &made)?;
    Ok(made)
}
