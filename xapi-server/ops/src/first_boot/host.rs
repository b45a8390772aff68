//! This host's own rows: host, host_metrics, host_cpu.

use xapi_schema::{
    ClassId, DateTime, Ref, Result, Value,
    classes::{Host, HostCpu, HostMetrics, host, host_cpu, host_metrics},
};
use xapi_store::{Read, Tx};

use super::{Pairs, Seed, license_params};
use crate::handlers::host::power::STAYS_DISABLED;

/// Seconds by which the time of one start can seem to move when the clock is set.
const SAME_BOOT: f64 = 120.0;

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
        ("enabled", Value::Bool(true)),
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
    // With guests running, what they need besides their memory would count twice.
    if !seed.hardware.guests_running || tx.get(this, host::memory_overhead)? == 0 {
        tx.set(this, host::memory_overhead, seed.hardware.memory_overhead)?;
    }
    tx.set(this, host::secure_boot, seed.hardware.secure_boot)?;
    if !seed.hardware.timezone.is_empty() {
        tx.set(this, host::timezone, seed.hardware.timezone.clone())?;
    }
    let config = tx.get(this, host::other_config)?;
    if !stays_disabled(&config, seed.hardware.boot_time) {
        tx.set(this, host::enabled, true)?;
    }
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

/// A host somebody disabled is enabled by the next start of the machine, or by nobody.
fn stays_disabled(config: &xapi_schema::Map<String, String>, boot_time: f64) -> bool {
    if config.contains(STAYS_DISABLED) {
        return true;
    }
    let known = config.get("boot_time").and_then(|text| text.parse::<f64>().ok());
    known.is_some_and(|known| (known - boot_time).abs() < SAME_BOOT)
}

/// One row for each processor, the same at every start.
fn processors(tx: &mut Tx, seed: &Seed, this: &Ref<Host>) -> Result<()> {
    let mut known = std::collections::BTreeMap::new();
    for old in tx.get(this, host::host_CPUs)? {
        let number = tx.get(&old, host_cpu::number)?;
        if (0..seed.hardware.cpus).contains(&number) && !known.contains_key(&number) {
            known.insert(number, old);
        } else {
            tx.destroy(&old)?;
        }
    }
    let info = &seed.hardware.cpu_info;
    let text = |key| info.get(key).unwrap_or_default().to_string();
    let number = |key| info.get(key).and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0) as i64;
    for n in 0..seed.hardware.cpus {
        let row = match known.remove(&n) {
            Some(row) => row,
            None => {
                let members =
                    Value::map([("host", Value::Str(this.text().clone())), ("number", Value::Int(n))]);
                Ref::<HostCpu>::new(tx.create_value(ClassId::HostCpu, None, &members)?)
            }
        };
        tx.set(&row, host_cpu::vendor, text("vendor"))?;
        tx.set(&row, host_cpu::speed, number("speed"))?;
        tx.set(&row, host_cpu::modelname, text("modelname"))?;
        tx.set(&row, host_cpu::family, number("family"))?;
        tx.set(&row, host_cpu::model, number("model"))?;
        tx.set(&row, host_cpu::stepping, text("stepping"))?;
        tx.set(&row, host_cpu::flags, text("flags"))?;
    }
    Ok(())
}
