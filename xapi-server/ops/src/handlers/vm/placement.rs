//! Where a VM may run, and which host is the best.

use xapi_schema::{
    Failure, Record, Ref, Result,
    classes::{
        DomainType, Host, HostAllowedOperations, OnCrashBehaviour, Vm, VmPowerState as State, host, network,
        pbd, pif, sr, vbd, vdi, vif, vm,
    },
    errors,
};
use xapi_store::Read;

use super::memory;
use crate::{Cx, Registry, handlers::host as machine};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vm::call::assert_can_boot_here, can_boot_here);
    on.on(vm::call::get_possible_hosts, get_possible_hosts);
    on.on(vm::call::assert_agile, assert_agile);
    on.on(vm::call::retrieve_wlb_recommendations, retrieve_wlb_recommendations);
}

/// What a check leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Processor features must suffice for a VM that has run already.
    pub cpu: bool,
    /// There must be memory for it.
    pub memory: bool,
}

impl Wanted {
    /// Everything but processor features, which only matter to a VM that has run.
    pub const START: Wanted = Wanted { cpu: false, memory: true };
}

async fn can_boot_here(cx: Cx, this: Ref<Vm>, home: Ref<Host>) -> Result<()> {
    assert_can_boot_here(&*cx.snapshot(), &this, &home, Wanted::START)
}

/// May a VM run on a host?
///
/// # Errors
/// The first reason why not, in the order of the published table.
pub fn assert_can_boot_here(
    read: &impl Read,
    this: &Ref<Vm>,
    home: &Ref<Host>,
    wanted: Wanted,
) -> Result<()> {
    let record = read.record(this)?;
    let target = read.record(home)?;
    sensible(record)?;
    if !machine::is_live(read, home) {
        return Err(errors::HOST_NOT_LIVE.bare());
    }
    let control_domain = record.get(vm::is_control_domain);
    if control_domain && record.get(vm::affinity) != *home {
        let text = "A control domain can only run on its own host";
        return Err(errors::OPERATION_NOT_ALLOWED.with([text]));
    }
    let stays = record.get(vm::power_state) == State::Running && record.get(vm::resident_on) == *home;
    if !target.get(host::enabled) && !control_domain && !stays {
        return Err(errors::HOST_DISABLED.with([home]));
    }
    let version = record.get(vm::hardware_platform_version);
    let offered = target.get(host::virtual_hardware_platform_versions);
    if !offered.contains(&version) {
        let list: Vec<String> = offered.iter().map(i64::to_string).collect();
        let params =
            [home.to_string(), format!("[{}]", list.join("; ")), this.to_string(), version.to_string()];
        return Err(errors::VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION.with(params));
    }
    if wanted.cpu && record.get(vm::power_state) != State::Halted {
        assert_cpu(this, record, home, target)?;
    }
    assert_storage(read, this, record, home)?;
    assert_networks(read, this, record, home)?;
    crate::handlers::vusb::assert_here(read, this, home)?;
    let kind = record.get(vm::domain_type);
    let needs_hvm = matches!(kind, DomainType::Hvm | DomainType::Pvh | DomainType::PvInPvh);
    if needs_hvm && !target.get(host::capabilities).iter().any(|word| word.contains("hvm")) {
        return Err(errors::VM_HVM_REQUIRED.with([this]));
    }
    if wanted.memory {
        let needed = memory::needed_to_start(record);
        let free = memory::free_on_host(read, home, Some(this))?;
        if needed > free {
            return Err(errors::HOST_NOT_ENOUGH_FREE_MEMORY.with([needed.to_string(), free.to_string()]));
        }
    }
    let present = target.get(host::cpu_info).get("cpu_count").and_then(|n| n.parse::<i64>().ok());
    let unrestricted = crate::handlers::truth(record.get(vm::platform).get("vcpu-unrestricted"));
    let asked = record.get(vm::VCPUs_max);
    match present {
        Some(present) if asked > present && !unrestricted => {
            Err(errors::HOST_NOT_ENOUGH_PCPUS.with([asked.to_string(), present.to_string()]))
        }
        _ => Ok(()),
    }
}

/// A VM's own settings, wherever it is to run.
fn sensible(record: &Record) -> Result<()> {
    let (max, at_startup) = (record.get(vm::VCPUs_max), record.get(vm::VCPUs_at_startup));
    if max < 1 {
        return Err(errors::INVALID_VALUE.with(["VCPUs_max".to_string(), max.to_string()]));
    }
    if at_startup < 1 {
        return Err(errors::INVALID_VALUE.with(["VCPUs-at-startup".to_string(), at_startup.to_string()]));
    }
    if at_startup > max {
        let why = "value greater than VCPUs-max".to_string();
        return Err(errors::VALUE_NOT_SUPPORTED.with([
            "VCPUs-at-startup".into(),
            at_startup.to_string(),
            why,
        ]));
    }
    let ordered = record.get(vm::memory_static_min) <= record.get(vm::memory_static_max)
        && record.get(vm::memory_dynamic_min) <= record.get(vm::memory_dynamic_max);
    if !ordered {
        return Err(errors::MEMORY_CONSTRAINT_VIOLATION.bare());
    }
    let multiplier = record.get(vm::HVM_shadow_multiplier);
    if multiplier < 1.0 {
        let params = ["HVM_shadow_multiplier".to_string(), multiplier.to_string()];
        return Err(errors::INVALID_VALUE.with(params));
    }
    let action = record.get(vm::actions_after_crash);
    let unfit = match action {
        OnCrashBehaviour::RenameRestart => Some("this action is not supported any more"),
        OnCrashBehaviour::CoredumpAndDestroy | OnCrashBehaviour::CoredumpAndRestart
            if record.get(vm::domain_type) != DomainType::Pv =>
        {
            Some("only PV guests leave a core dump")
        }
        _ => None,
    };
    match unfit {
        Some(why) => {
            let action = xapi_schema::ApiEnum::as_str(action);
            Err(errors::VALUE_NOT_SUPPORTED.with(["VM.actions_after_crash", action, why]))
        }
        None => Ok(()),
    }
}

/// The host's processors must offer everything the guest has seen already.
///
/// # Errors
/// VM_INCOMPATIBLE_WITH_THIS_HOST [vm, host, text].
pub fn assert_cpu(this: &Ref<Vm>, record: &Record, home: &Ref<Host>, target: &Record) -> Result<()> {
    let seen = record.get(vm::last_boot_CPU_flags);
    let here = target.get(host::cpu_info);
    let unlike =
        |why: &str| Err(errors::VM_INCOMPATIBLE_WITH_THIS_HOST.with([this.as_str(), home.as_str(), why]));
    if let (Some(a), Some(b)) = (seen.get("vendor"), here.get("vendor"))
        && a != b
    {
        return unlike("the processor is of another vendor");
    }
    let key = if record.get(vm::domain_type) == DomainType::Pv { "features_pv" } else { "features_hvm" };
    let words = |text: &str| -> Vec<u64> {
        text.split('-').filter_map(|word| u64::from_str_radix(word, 16).ok()).collect()
    };
    let needed = words(seen.get("features").map_or("", String::as_str));
    let offered = words(here.get(key).map_or("", String::as_str));
    let missing = needed.iter().enumerate().any(|(at, word)| word & !offered.get(at).unwrap_or(&0) != 0);
    if missing { unlike("the processor lacks features the VM has started with") } else { Ok(()) }
}

/// Every disk, and the memory image of a suspended VM, must be reachable.
fn assert_storage(read: &impl Read, this: &Ref<Vm>, record: &Record, home: &Ref<Host>) -> Result<()> {
    for repository in needed_srs(read, record) {
        if !sees(read, home, &repository) {
            return Err(errors::VM_REQUIRES_SR.with([this.as_str(), repository.as_str()]));
        }
    }
    Ok(())
}

/// SRs a VM's disks are on.
pub fn needed_srs(read: &impl Read, record: &Record) -> Vec<Ref<xapi_schema::classes::Sr>> {
    let devices = record.get(vm::VBDs);
    let devices = devices.iter().filter_map(|device| read.record(device).ok());
    let mut disks: Vec<_> =
        devices.filter(|device| !device.get(vbd::empty)).map(|device| device.get(vbd::VDI)).collect();
    if record.get(vm::power_state) == State::Suspended {
        disks.push(record.get(vm::suspend_VDI));
    }
    disks.iter().filter_map(|disk| read.get(disk, vdi::SR).ok()).collect()
}

/// A host has an SR attached.
pub fn sees(read: &impl Read, home: &Ref<Host>, repository: &Ref<xapi_schema::classes::Sr>) -> bool {
    let links = read.get(repository, sr::PBDs).unwrap_or_default();
    links
        .iter()
        .filter_map(|link| read.record(link).ok())
        .any(|link| link.get(pbd::host) == *home && link.get(pbd::currently_attached))
}

fn assert_networks(read: &impl Read, this: &Ref<Vm>, record: &Record, home: &Ref<Host>) -> Result<()> {
    for card in record.get(vm::VIFs) {
        let Ok(link) = read.get(&card, vif::network) else { continue };
        let Ok(details) = read.record(&link) else { continue };
        let pifs = details.get(network::PIFs);
        let here = pifs.iter().find(|p| read.get(*p, pif::host).is_ok_and(|at| at == *home));
        if let Some(here) = here {
            if read.get(here, pif::bond_slave_of).is_ok_and(|bond| read.exists(&bond)) {
                return Err(errors::HOST_CANNOT_ATTACH_NETWORK.with([home.as_str(), link.as_str()]));
            }
            continue;
        }
        let config = details.get(network::other_config);
        let shared = config.get("assume_network_is_shared").is_some_and(|v| v == "true");
        let internal = pifs.is_empty()
            && (shared || !details.get(network::managed) || usable(read, &details.get(network::VIFs), home));
        if !internal {
            return Err(errors::VM_REQUIRES_NETWORK.with([this.as_str(), link.as_str()]));
        }
    }
    Ok(())
}

/// A network without a PIF is where the VMs on it already run, or anywhere while none does.
fn usable(read: &impl Read, cards: &[Ref<xapi_schema::classes::Vif>], home: &Ref<Host>) -> bool {
    let running = |card: &Ref<_>| {
        let attached = read.get(card, vif::currently_attached).unwrap_or(false);
        let guest = read.get(card, vif::VM).ok()?;
        let record = read.record(&guest).ok()?;
        (attached && record.get(vm::power_state) == State::Running).then(|| record.get(vm::resident_on))
    };
    let homes: Vec<_> = cards.iter().filter_map(running).collect();
    homes.is_empty() || homes.contains(home)
}

/// Hosts a VM could be started on.
///
/// # Errors
/// HANDLE_INVALID.
pub fn possible_hosts(read: &impl Read, this: &Ref<Vm>) -> Result<Vec<Ref<Host>>> {
    let scheduled = read.get(this, vm::scheduled_to_be_resident_on)?;
    if read.exists(&scheduled) {
        return Ok(vec![scheduled]);
    }
    let hosts = read.all::<Host>().into_iter();
    Ok(hosts.filter(|home| assert_can_boot_here(read, this, home, Wanted::START).is_ok()).collect())
}

async fn get_possible_hosts(cx: Cx, this: Ref<Vm>) -> Result<Vec<Ref<Host>>> {
    possible_hosts(&*cx.snapshot(), &this)
}

/// The host a VM is started on: its affinity if that fits, else the one with most memory left.
///
/// # Errors
/// NO_HOSTS_AVAILABLE [], with one host too: `VM.assert_can_boot_here` tells the reason.
pub fn choose(read: &impl Read, this: &Ref<Vm>) -> Result<Ref<Host>> {
    let record = read.record(this)?;
    let scheduled = record.get(vm::scheduled_to_be_resident_on);
    if read.exists(&scheduled) {
        return Ok(scheduled);
    }
    let leaving = |home: &Ref<Host>| {
        let current = read.get(home, host::current_operations).unwrap_or_default();
        current.0.iter().any(|(_, op)| *op == HostAllowedOperations::Evacuate)
    };
    for memory in [true, false] {
        let fits = |home: &Ref<Host>| {
            let wanted = Wanted { cpu: true, memory };
            assert_can_boot_here(read, this, home, wanted).is_ok() && !leaving(home)
        };
        let mut hosts: Vec<_> = read.all::<Host>().into_iter().filter(fits).collect();
        let affinity = record.get(vm::affinity);
        if hosts.contains(&affinity) {
            return Ok(affinity);
        }
        hosts
            .sort_by_key(|home| std::cmp::Reverse(memory::free_on_host(read, home, Some(this)).unwrap_or(0)));
        if let Some(best) = hosts.into_iter().next() {
            return Ok(best);
        }
    }
    Err(errors::NO_HOSTS_AVAILABLE.bare())
}

/// A VM that any host could run at once when its own fails.
async fn assert_agile(cx: Cx, this: Ref<Vm>) -> Result<()> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(&this)?;
    if !record.get(vm::VGPUs).is_empty() {
        return Err(errors::VM_HAS_VGPU.with([&this]));
    }
    if !record.get(vm::VUSBs).is_empty() {
        return Err(errors::VM_HAS_VUSBS.with([&this]));
    }
    for repository in needed_srs(&*snapshot, record) {
        if !snapshot.get(&repository, sr::shared)? {
            return Err(errors::HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED.with([&repository]));
        }
    }
    let hosts = snapshot.all::<Host>().len();
    for card in record.get(vm::VIFs) {
        let link = snapshot.get(&card, vif::network)?;
        if snapshot.get(&link, network::PIFs)?.len() < hosts {
            return Err(errors::HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED.with([&link]));
        }
    }
    Ok::<(), Failure>(())
}

async fn retrieve_wlb_recommendations(
    cx: Cx,
    this: Ref<Vm>,
) -> Result<xapi_schema::Map<Ref<Host>, Vec<String>>> {
    cx.snapshot().record(&this)?;
    Err(errors::WLB_NOT_INITIALIZED.bare())
}
