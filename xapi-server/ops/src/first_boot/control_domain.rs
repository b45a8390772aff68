//! The control domain's rows: VM, VM_metrics, two consoles.

use xapi_schema::{
    ClassId, DateTime, Ref, Result, Value,
    classes::{Host, Vm, console, host, vm},
};
use xapi_store::{Read, Tx};

use super::Seed;

/// Makes dom0 if it is new and refreshes what depends on the machine.
pub fn establish(tx: &mut Tx, seed: &Seed, this: &Ref<Host>, now: DateTime) -> Result<()> {
    let dom0 = match tx.find_uuid::<Vm>(&seed.identity.control_domain_uuid) {
        Ok(known) => known,
        Err(_) => create(tx, seed, this, now)?,
    };
    tx.set(this, host::control_domain, dom0.clone())?;
    tx.set(&dom0, vm::resident_on, this.clone())?;
    let memory = seed.hardware.control_domain_memory;
    for field in
        [vm::memory_static_max, vm::memory_dynamic_max, vm::memory_dynamic_min, vm::memory_static_min]
    {
        tx.set(&dom0, field, memory)?;
    }
    tx.set(&dom0, vm::memory_target, memory)?;
    tx.set(&dom0, vm::VCPUs_max, seed.hardware.control_domain_vcpus)?;
    tx.set(&dom0, vm::VCPUs_at_startup, seed.hardware.control_domain_vcpus)?;
    let overhead = crate::handlers::vm::overhead(tx.record(&dom0)?);
    tx.set(&dom0, vm::memory_overhead, overhead)?;
    consoles(tx, seed, &dom0)
}

fn create(tx: &mut Tx, seed: &Seed, this: &Ref<Host>, now: DateTime) -> Result<Ref<Vm>> {
    let vcpus = seed.hardware.control_domain_vcpus;
    let metrics = Value::map([
        ("memory_actual", Value::Int(seed.hardware.control_domain_memory)),
        ("VCPUs_number", Value::Int(vcpus)),
        ("VCPUs_utilisation", Value::map((1..=vcpus).map(|n| (n.to_string(), Value::Float(0.0))))),
        ("current_domain_type", Value::str("pv")),
        ("last_updated", Value::Time(now)),
    ]);
    let metrics = tx.create_value(ClassId::VmMetrics, None, &metrics)?;
    let name = format!("Control domain on host: {}", seed.identity.hostname);
    let here = Value::Str(this.text().clone());
    let members = Value::map([
        ("uuid", Value::str(seed.identity.control_domain_uuid.as_str())),
        ("name_label", Value::str(name)),
        (
            "name_description",
            Value::str("The domain which manages physical devices and manages other domains"),
        ),
        ("is_control_domain", Value::Bool(true)),
        ("power_state", Value::str("Running")),
        ("domid", Value::Int(0)),
        ("domarch", Value::str("x64")),
        ("user_version", Value::Int(1)),
        ("resident_on", here.clone()),
        ("affinity", here),
        ("actions_after_shutdown", Value::str("destroy")),
        ("actions_after_reboot", Value::str("destroy")),
        ("actions_after_crash", Value::str("destroy")),
        ("HVM_shadow_multiplier", Value::Float(1.0)),
        ("domain_type", Value::str("pv")),
        ("generation_id", Value::EMPTY),
        ("has_vendor_device", Value::Bool(false)),
        ("metrics", Value::Str(metrics)),
    ]);
    tx.create_value(ClassId::Vm, None, &members).map(Ref::new)
}

/// One text and one graphical console, kept across restarts.
fn consoles(tx: &mut Tx, seed: &Seed, dom0: &Ref<Vm>) -> Result<()> {
    let known = tx.get(dom0, vm::consoles)?;
    for (protocol, port) in [("vt100", 9500), ("rfb", 5900)] {
        let mut found = None;
        for candidate in &known {
            if xapi_schema::ApiEnum::as_str(tx.get(candidate, console::protocol)?) == protocol {
                found = Some(candidate.clone());
            }
        }
        let this = match found {
            Some(this) => this,
            None => {
                let members = Value::map([
                    ("protocol", Value::str(protocol)),
                    ("VM", Value::Str(dom0.text().clone())),
                    ("port", Value::Int(port)),
                ]);
                Ref::new(tx.create_value(ClassId::Console, None, &members)?)
            }
        };
        let location = format!("https://{}/console?ref={this}", seed.identity.address);
        tx.set(&this, console::location, location)?;
    }
    Ok(())
}
