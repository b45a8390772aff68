//! What this machine says about itself, as far as first boot needs it. Read-only.

use std::fs;

use anyhow::Context;
use xapi_ops::first_boot::{Hardware, Nic, Pairs};

/// Facts from `/proc` and `/sys`.
pub fn hardware() -> Hardware {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = |key: &str| {
        let found = cpuinfo.lines().find(|line| line.split(':').next().is_some_and(|k| k.trim() == key));
        found
            .and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_string())
            .unwrap_or_default()
    };
    let cpus = cpuinfo.lines().filter(|line| line.starts_with("processor")).count().max(1);
    let cpu_info = [
        ("cpu_count", cpus.to_string()),
        ("socket_count", "1".into()),
        ("threads_per_core", "1".into()),
        ("nr_nodes", "1".into()),
        ("vendor", line("vendor_id")),
        ("speed", line("cpu MHz")),
        ("modelname", line("model name")),
        ("family", line("cpu family")),
        ("model", line("model")),
        ("stepping", line("stepping")),
        ("flags", line("flags")),
        ("features_pv", String::new()),
        ("features_hvm", String::new()),
        ("features_hvm_host", String::new()),
        ("features_pv_host", String::new()),
    ];
    let memory_total = memory();
    Hardware {
        cpus: cpus as i64,
        cpu_info: Pairs(cpu_info.into_iter().map(|(k, v)| (k.to_string(), v)).collect()),
        memory_total,
        memory_overhead: memory_total / 64,
        control_domain_memory: memory_total / 8,
        control_domain_vcpus: cpus as i64,
        capabilities: ["xen-3.0-x86_64", "hvm-3.0-x86_32", "hvm-3.0-x86_32p", "hvm-3.0-x86_64"]
            .map(String::from)
            .into(),
        bios_strings: Pairs::default(),
        chipset_info: Pairs::of(&[("iommu", "false")]),
        boot_time: boot_time(),
        nics: nics(),
    }
}

fn memory() -> i64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = meminfo.lines().find(|line| line.starts_with("MemTotal:"));
    total.and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse::<i64>().ok()).unwrap_or(0)
        * 1024
}

fn boot_time() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "));
    line.and_then(|seconds| seconds.trim().parse().ok()).unwrap_or(0.0)
}

/// Cards with a device behind them, in order of name.
fn nics() -> Vec<Nic> {
    let Ok(entries) = fs::read_dir("/sys/class/net") else { return Vec::new() };
    let mut found: Vec<Nic> = entries
        .flatten()
        .filter(|entry| {
            // Backends of guests have a device on the bus of Xen, which is no card.
            let bus = fs::canonicalize(entry.path().join("device/subsystem")).unwrap_or_default();
            entry.path().join("device").exists() && !bus.ends_with("xen-backend")
        })
        .map(|entry| {
            let read = |name: &str| {
                fs::read_to_string(entry.path().join(name)).unwrap_or_default().trim().to_string()
            };
            Nic {
                device: entry.file_name().to_string_lossy().into_owned(),
                mac: read("address"),
                mtu: read("mtu").parse().unwrap_or(1500),
                carrier: read("carrier") == "1",
                speed: read("speed").parse().unwrap_or(0).max(0),
            }
        })
        .collect();
    found.sort_by(|a, b| a.device.cmp(&b.device));
    found
}

/// Facts of a Xen host: what the control domain sees is only its own part of the machine.
///
/// # Errors
/// When xl does not say.
pub fn xen_host() -> anyhow::Result<(Hardware, xapi_xl::host::Info)> {
    let output = std::process::Command::new("xl").arg("info").output().context("xl info")?;
    anyhow::ensure!(output.status.success(), "xl info: {}", String::from_utf8_lossy(&output.stderr));
    let info = xapi_xl::host::info(&String::from_utf8_lossy(&output.stdout));
    let number = |key: &str| info.get(key).and_then(|value| value.parse::<i64>().ok());
    let own = hardware();
    let total = number("total_memory").context("xl info says no total_memory")? << 20;
    let cpus = number("nr_cpus").unwrap_or(own.cpus);
    let mut cpu_info = own.cpu_info.clone();
    for (key, value) in &mut cpu_info.0 {
        match key.as_str() {
            "cpu_count" => *value = cpus.to_string(),
            "threads_per_core" | "nr_nodes" => {
                *value = info.get(key).cloned().unwrap_or_else(|| value.clone())
            }
            _ => {}
        }
    }
    let capabilities = info.get("xen_caps").map(|caps| caps.split_whitespace().map(String::from).collect());
    let hardware = Hardware {
        cpus,
        cpu_info,
        memory_total: total,
        memory_overhead: total / 64,
        control_domain_memory: memory(),
        capabilities: capabilities.unwrap_or_default(),
        ..own
    };
    Ok((hardware, info))
}

/// The host's name.
pub fn hostname() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".into())
}

/// The kernel's version.
pub fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_string()
}

/// The machine a simulator plays, as the seed describes it.
pub fn simulated(seed: &xapi_ops::first_boot::Seed) -> xapi_backend::sim::Machine {
    let hardware = &seed.hardware;
    let info = |key: &str| hardware.cpu_info.get(key).unwrap_or_default().to_string();
    let card = |nic: &Nic| xapi_backend::sim::SimCard {
        device: nic.device.clone(),
        mac: nic.mac.clone(),
        mtu: nic.mtu,
        carrier: nic.carrier,
        speed: nic.speed,
    };
    xapi_backend::sim::Machine {
        memory: hardware.memory_total - hardware.memory_overhead - hardware.control_domain_memory,
        cpu_vendor: info("vendor"),
        cpu_features: info("features_hvm"),
        cards: seed.hardware.nics.iter().map(card).collect(),
        ..xapi_backend::sim::Machine::default()
    }
}
