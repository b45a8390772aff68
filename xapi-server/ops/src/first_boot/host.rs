//! This host's own rows: host, host_metrics, host_cpu.

use xapi_schema::{
    ClassId, DateTime, Ref, Result, Value,
    classes::{Host, HostMetrics, host, host_metrics},
};
use xapi_store::{Read, Tx};

use super::{Pairs, Seed, license_params};

/// Makes the host if it is new and refreshes what the machine says about itself.
pub fn establish(tx: &mut Tx, seed: &Seed, now: DateTime) -> Result<Ref<Host>> {
    let this = match tx.find_uuid::<Host>(&seed.identity.host_uuid) {
        Ok(known) => known,
        Err(_) => create(tx, seed, now)?,
    };
    refresh(tx, seed, &this, now)?;
    processors(tx, seed, &this)?;
    Ok(this)
}

fn create(tx: &mut Tx, seed: &Seed, now: DateTime) -> Result<Ref<Host>> {
    let metrics = Value::map([
        ("live", Value::Bool(true)),
        ("memory_total", Value::Int(seed.hardware.memory_total)),
        ("last_updated", Value::Time(now)),
    ]);
    let metrics = tx.create_value(ClassId::HostMetrics, None, &metrics)?;
    let (major, minor) = seed.identity.api_version;
    let members = Value::map([
        ("uuid", Value::str(seed.identity.host_uuid.as_str())),
        ("name_label", Value::str(seed.identity.hostname.as_str())),
        ("name_description", Value::str("Default install")),
        ("API_version_major", Value::Int(major)),
        ("API_version_minor", Value::Int(minor)),
        ("API_version_vendor", Value::str("XenSource")),
        ("sched_policy", Value::str("credit")),
        ("supported_bootloaders", texts(&["pygrub", "eliloader"])),
        ("license_server", Pairs::of(&[("address", "localhost"), ("port", "27000")]).value()),
        ("edition", Value::str("xcp-ng")),
        ("editions", texts(&["xcp-ng"])),
        ("license_params", license_params().value()),
        ("display", Value::str("enabled")),
        ("virtual_hardware_platform_versions", Value::set((0..=2).map(Value::Int))),
        ("ssl_legacy", Value::Bool(false)),
        ("https_only", Value::Bool(true)),
        ("ssh_enabled", Value::Bool(true)),
        ("ssh_auto_mode", Value::Bool(true)),
        ("metrics", Value::Str(metrics)),
    ]);
    tx.create_value(ClassId::Host, None, &members).map(Ref::new)
}

fn texts(items: &[&str]) -> Value {
    Value::set(items.iter().map(|item| Value::str(*item)))
}

fn map(pairs: &Pairs) -> xapi_schema::Map<String, String> {
    pairs.0.iter().cloned().collect()
}

fn refresh(tx: &mut Tx, seed: &Seed, this: &Ref<Host>, now: DateTime) -> Result<()> {
    let (major, minor) = seed.identity.api_version;
    tx.set(this, host::API_version_major, major)?;
    tx.set(this, host::API_version_minor, minor)?;
    tx.set(this, host::software_version, map(&seed.software_version))?;
    tx.set(this, host::hostname, seed.identity.hostname.clone())?;
    tx.set(this, host::address, seed.identity.address.clone())?;
    tx.set(this, host::capabilities, seed.hardware.capabilities.clone())?;
    tx.set(this, host::cpu_info, map(&seed.hardware.cpu_info))?;
    tx.set(this, host::chipset_info, map(&seed.hardware.chipset_info))?;
    tx.set(this, host::bios_strings, map(&seed.hardware.bios_strings))?;
    tx.set(this, host::memory_overhead, seed.hardware.memory_overhead)?;
    tx.set(this, host::enabled, true)?;
    // Times are printed as the original does, with a trailing dot.
    let stamps = [("boot_time", seed.hardware.boot_time as i64), ("agent_start_time", now.unix())];
    tx.update(this, host::other_config, |config| {
        for (key, seconds) in stamps {
            config.set(key.to_string(), format!("{seconds}."));
        }
    })?;
    let metrics: Ref<HostMetrics> = tx.get(this, host::metrics)?;
    tx.set(&metrics, host_metrics::live, true)?;
    tx.set(&metrics, host_metrics::memory_total, seed.hardware.memory_total)?;
    tx.set(&metrics, host_metrics::last_updated, now)
}

/// Processors are made afresh at every start.
fn processors(tx: &mut Tx, seed: &Seed, this: &Ref<Host>) -> Result<()> {
    for old in tx.get(this, host::host_CPUs)? {
        tx.destroy(&old)?;
    }
    let info = &seed.hardware.cpu_info;
    let text = |key| Value::str(info.get(key).unwrap_or_default());
    let number = |key| info.get(key).and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0) as i64;
    for n in 0..seed.hardware.cpus {
        let members = Value::map([
            ("host", Value::Str(this.text().clone())),
            ("number", Value::Int(n)),
            ("vendor", text("vendor")),
            ("speed", Value::Int(number("speed"))),
            ("modelname", text("modelname")),
            ("family", Value::Int(number("family"))),
            ("model", Value::Int(number("model"))),
            ("stepping", text("stepping")),
            ("flags", text("flags")),
        ]);
        tx.create_value(ClassId::HostCpu, None, &members)?;
    }
    Ok(())
}
