//! What this machine says about itself, as far as first boot needs it. Read-only.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use xapi_backend::program::Program;
use xapi_facts::{
    Root, Told, bios,
    cpu::{self, Cpu},
    featureset::{self, FeatureSets},
    system,
};
use xapi_ops::first_boot::{Hardware, Nic, Pairs};
use xapi_xl::{Xl, xenstore::Client};

/// How long a helper of the hypervisor may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a start waits for the table of domains, and for xenstore, without which there is none.
const TABLE: Duration = Duration::from_secs(20);
const STORE: Duration = Duration::from_secs(3);

/// Facts from `/proc` and `/sys`.
pub fn hardware() -> Hardware {
    let root = Root::default();
    let memory_total = system::memory(&root);
    let cpu = cpu::read(&root, None, &FeatureSets::default());
    let guests = ["xen-3.0-x86_64", "hvm-3.0-x86_32", "hvm-3.0-x86_32p", "hvm-3.0-x86_64"];
    Hardware {
        memory_total,
        memory_overhead: memory_total / 64,
        control_domain_memory: memory_total / 8,
        capabilities: guests.map(String::from).into(),
        ..of(&root, cpu, None)
    }
}

/// What is read alike on every machine; memory and capabilities are left to the caller.
fn of(root: &Root, cpu: Cpu, xen: Option<&Told>) -> Hardware {
    let chipset = [("iommu".to_string(), system::iommu(root, xen).to_string())];
    Hardware {
        cpus: cpu.count,
        control_domain_vcpus: cpu.seen,
        cpu_info: Pairs(cpu.info),
        memory_total: 0,
        memory_overhead: 0,
        control_domain_memory: 0,
        capabilities: vec![],
        bios_strings: Pairs(bios::read(root)),
        chipset_info: Pairs(chipset.into()),
        boot_time: system::boot_time(root),
        guests_running: false,
        secure_boot: system::secure_boot(root),
        timezone: system::timezone(root),
        nics: nics(),
    }
}

/// Cards with a device behind them, in order of position.
fn nics() -> Vec<Nic> {
    let nic = |card: xapi_backend::network::Card| Nic {
        device: card.device,
        mac: card.mac,
        mtu: card.mtu,
        carrier: card.carrier,
        speed: card.speed,
        position: Some(card.position),
    };
    xapi_network::cards::read(Path::new("/sys")).into_iter().map(nic).collect()
}

/// How memory is shared out, in MiB.
#[derive(Debug, PartialEq)]
struct Shares {
    /// The control domain has this.
    own: i64,
    /// Neither free nor a domain's; 0 when that cannot be told.
    overhead: i64,
    /// Others have some, or may have.
    guests_running: bool,
}

/// What domains have of `total` MiB, of which `free` are free, by the table xl prints. Without it nobody knows about guests,
/// and the control domain has what its kernel `seen`: a host whose xenstore has gone still has an API that says so.
fn shares(list: Option<&str>, seen: i64, total: i64, free: i64) -> Shares {
    let Some(list) = list else { return Shares { own: seen, overhead: 0, guests_running: true } };
    let (own, guests) = xapi_xl::memory_of_domains(list);
    let overhead = (total - free - own - guests.iter().sum::<i64>()).max(0);
    Shares { own, overhead, guests_running: !guests.is_empty() }
}

/// Facts of a Xen host: what the control domain sees is only its own part of the machine.
///
/// # Errors
/// When xl does not say what the hypervisor is.
pub async fn xen_host() -> Result<(Hardware, Told)> {
    let info = Program::new(Xl::default().program)
        .arg("info")
        .deadline(PATIENCE)
        .succeed()
        .await
        .context("xl info")?;
    let list = table().await;
    let told = xapi_xl::host::info(&info);
    let number = |key: &str| told.get(key).and_then(|value| value.parse::<i64>().ok());
    let root = Root::default();
    let total = number("total_memory").context("xl info says no total_memory")?;
    let free = number("free_memory").unwrap_or(0);
    let shares = shares(list.as_deref(), system::memory(&root) >> 20, total, free);
    let cpu = cpu::read(&root, Some(&told), &features(&told).await);
    let hardware = Hardware {
        memory_total: total << 20,
        memory_overhead: shares.overhead << 20,
        control_domain_memory: shares.own << 20,
        capabilities: system::capabilities(&told),
        guests_running: shares.guests_running,
        ..of(&root, cpu, Some(&told))
    };
    Ok((hardware, told))
}

/// Which domains there are, if that can be told at once.
async fn table() -> Option<String> {
    let told = match Client::with_patience(STORE).assert_answers().await {
        Ok(()) => {
            let list =
                Program::new(Xl::default().program).args(["list", "-v"]).deadline(TABLE).succeed().await;
            list.map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(failure) = &told {
        tracing::warn!(failure, "xl does not say which domains there are");
    }
    told.ok()
}

/// What guests can have of the processors. The program that says it lies beside the hypervisor's other helpers.
async fn features(told: &Told) -> FeatureSets {
    for place in helpers() {
        let printed = Program::new(place.join("xen-cpuid")).deadline(PATIENCE).succeed().await;
        let sets = printed.map(|text| featureset::printed(&text)).unwrap_or_default();
        if sets != FeatureSets::default() {
            return sets;
        }
    }
    featureset::told(told)
}

/// Directories in which distributions keep the hypervisor's helpers, the newest release first.
fn helpers() -> Vec<std::path::PathBuf> {
    let root = Root::default();
    let releases = root.names("usr/lib").into_iter().rev().filter(|name| name.starts_with("xen-"));
    let releases = releases.map(|name| root.path("usr/lib").join(name).join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let others = ["usr/libexec/xen/bin", "usr/lib/xen/bin"].map(|place| root.path(place));
    let all = std::env::split_paths(&path).chain(releases).chain(others);
    all.filter(|place| place.join("xen-cpuid").exists() || place.join("qemu-system-i386").exists()).collect()
}

/// Version of the program that emulates machines for guests, if there is one.
pub async fn emulator() -> Option<String> {
    for place in helpers() {
        let program = Program::new(place.join("qemu-system-i386")).arg("--version").deadline(PATIENCE);
        if let Ok(text) = program.succeed().await {
            let version = text.split_once("version ").map_or("", |(_, rest)| rest);
            return version.split_whitespace().next().map(String::from);
        }
    }
    None
}

/// The host's name.
pub fn hostname() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".into())
}

/// The kernel's version.
pub fn kernel() -> String {
    system::kernel(&Root::default())
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
        cpus: hardware.cpus,
        cpu_vendor: info("vendor"),
        cpu_features: info("features_hvm"),
        cards: seed.hardware.nics.iter().map(card).collect(),
        ..xapi_backend::sim::Machine::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_table_of_domains_nothing_is_said_of_guests() {
        let table = "Name ID Mem VCPUs State Time(s) UUID Reason-Code Security Label\n\
                     Domain-0 0 768 1 r----- 243.3 00000000-0000-0000-0000-000000000000 - -\n";
        let guest = "guest 1 160 1 -b---- 153.5 d6e4268b-b089-4828-a3ae-d42708569e34 - -\n";
        let shares = |list: Option<&str>| shares(list, 700, 2047, 1000);
        assert_eq!(shares(Some(table)), Shares { own: 768, overhead: 279, guests_running: false });
        let both = format!("{table}{guest}");
        assert_eq!(shares(Some(&both)), Shares { own: 768, overhead: 119, guests_running: true });
        // Taken for running, so that what is known of the hypervisor's own share stays.
        assert_eq!(shares(None), Shares { own: 700, overhead: 0, guests_running: true });
    }
}
