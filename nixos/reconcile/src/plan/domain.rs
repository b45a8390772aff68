//! Guests. What can change while a guest runs is changed; the rest takes a restart, or waits for one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Planner,
    disk::{WantedDisk, disk_id},
};
use crate::{
    action::{Action, Kind},
    manifest::{Boot, Domain, DomainType, Nic},
    world::{Class, Record, key, mark, marked, number, text},
};

/// Bytes of a MiB.
const MIB: u64 = 1 << 20;

impl Planner<'_> {
    pub(super) fn guests(&mut self) {
        let mut domains: Vec<&Domain> = self.manifest.domains.iter().collect();
        domains.sort_by_key(|domain| (domain.start_order, &domain.name));
        // Known before any is looked at, so that no disk of one is taken for a leftover of another.
        for domain in &domains {
            for disk in &domain.disks {
                if let Some((reference, _)) = self.world.find(Class::Vdi, &disk_id(disk)) {
                    self.known.insert((Class::Vdi, disk_id(disk)), reference.clone());
                }
            }
            if let Some((reference, _)) = self.world.find(Class::Vm, &domain.uuid) {
                self.known.insert((Class::Vm, domain.uuid.clone()), reference.clone());
            }
        }
        for domain in domains {
            self.guest(domain);
        }
    }

    fn guest(&mut self, domain: &Domain) {
        let Some(disks) = self.disks(domain) else { return };
        let Some(nics) = self.cards(domain) else { return };
        match self.world.find(Class::Vm, &domain.uuid) {
            None => self.new_guest(domain, &disks, &nics),
            Some((reference, record)) => {
                let (reference, record) = (reference.clone(), record.clone());
                self.known_guest(domain, &reference, &record, &disks, &nics);
            }
        }
    }

    fn vm_marks(&self, domain: &Domain) -> BTreeMap<&'static str, String> {
        let mut marks = self.marks(&domain.option, &domain.uuid, domain.policy);
        marks.insert(mark::ON_REMOVE, domain.on_remove.text().into());
        marks
    }

    fn new_guest(&mut self, domain: &Domain, disks: &[WantedDisk], nics: &[(&Nic, String)]) {
        let option = domain.option.as_str();
        let mut record = blank();
        for (field, value) in live_fields(domain).into_iter().chain(boot_fields(domain, &Record::new())) {
            record.insert(field.into(), value);
        }
        let bytes = domain.memory * MIB;
        record.insert("memory_static_min".into(), json!(bytes.min(16 * MIB)));
        for field in ["memory_static_max", "memory_dynamic_min", "memory_dynamic_max", "memory_target"] {
            record.insert(field.into(), json!(bytes));
        }
        record.insert("VCPUs_max".into(), json!(domain.vcpus.max));
        record.insert("VCPUs_at_startup".into(), json!(domain.vcpus.count));
        record.insert("domain_type".into(), json!(domain.kind.text()));
        let policy = if domain.kind == DomainType::Hvm { "BIOS order" } else { "" };
        record.insert("HVM_boot_policy".into(), json!(policy));
        let mut config = Map::new();
        config.extend(
            wanted_keys(domain).into_iter().filter_map(|(k, v)| v.map(|v| (k.to_string(), json!(v)))),
        );
        if domain.auto_start {
            config.insert(mark::START.into(), json!("true"));
        }
        record.insert("other_config".into(), Value::Object(config));
        let marks = self.vm_marks(domain);
        let what = format!("make the guest {:?}", domain.label);
        let target = self.create(Class::Vm, option, &domain.uuid, &what, record, &marks);
        self.known.insert((Class::Vm, domain.uuid.clone()), target.clone());
        // A disk that was kept may have been smaller.
        self.grow(domain);
        for disk in disks {
            self.new_disk_link(domain, &target, disk);
        }
        for (nic, network) in nics {
            self.new_card(domain, &target, nic, network);
        }
        if domain.auto_start {
            self.start(Kind::Create, domain, &target);
        }
    }

    fn start(&mut self, kind: Kind, domain: &Domain, target: &str) {
        let action = Action::Start { target: target.into() };
        self.step(kind, &domain.option, format!("start {:?}", domain.label), action);
        self.put(kind, Class::Vm, &domain.option, target, mark::START, None);
    }

    fn known_guest(
        &mut self,
        domain: &Domain,
        reference: &str,
        record: &Record,
        disks: &[WantedDisk],
        nics: &[(&Nic, String)],
    ) {
        let option = domain.option.as_str();
        let marks = self.vm_marks(domain);
        self.fields(Class::Vm, option, reference, record, &live_fields(domain));
        for (name, value) in wanted_keys(domain) {
            if name != "pci" && key(record, "other_config", name) != value.as_deref() {
                self.put(Kind::Change, Class::Vm, option, reference, name, value.as_deref());
            }
        }
        self.mark(Class::Vm, option, reference, record, &marks);

        // What a running guest doesn't take is planned apart, so that it can be wrapped into a restart.
        let before = std::mem::take(&mut self.plan.steps);
        self.shape(domain, reference, record);
        self.disk_links(domain, reference, disks);
        self.card_links(domain, reference, nics);
        let all = std::mem::replace(&mut self.plan.steps, before);
        let (cold, live): (Vec<_>, Vec<_>) = all.into_iter().partition(|step| is_cold(&step.action));
        self.plan.steps.extend(live);

        let restarting = marked(record, mark::START).is_some();
        let state = text(record, "power_state");
        if state == "Halted" {
            self.plan.steps.extend(cold);
            if restarting || (self.world.just_booted && domain.auto_start) {
                self.start(Kind::Change, domain, reference);
            }
            return;
        }
        if cold.is_empty() {
            if restarting {
                self.put(Kind::Change, Class::Vm, option, reference, mark::START, None);
            }
            return;
        }
        if !domain.restart_if_changed || state == "Suspended" {
            let reason = if state == "Suspended" { "suspended; " } else { "" };
            let changes: Vec<&str> = cold.iter().map(|step| step.what.as_str()).collect();
            self.wait(option, format!("{reason}{}", changes.join("; ")));
            // What is not done removes nothing.
            for step in &cold {
                if let Action::Destroy { target, .. } = &step.action {
                    self.gone.remove(target);
                }
            }
            return;
        }
        if !restarting {
            self.put(Kind::Restart, Class::Vm, option, reference, mark::START, Some("true"));
        }
        self.stop(Kind::Restart, option, reference, &domain.label);
        self.plan.steps.extend(cold);
        self.start(Kind::Restart, domain, reference);
    }

    /// Memory, processors, firmware, kernel.
    fn shape(&mut self, domain: &Domain, reference: &str, record: &Record) {
        let option = domain.option.as_str();
        let bytes = domain.memory * MIB;
        let memory = ["memory_static_max", "memory_dynamic_max", "memory_dynamic_min"];
        if memory.iter().any(|field| number(record, field) != bytes as i64) {
            let action = Action::Memory { target: reference.into(), bytes };
            self.step(Kind::Change, option, format!("memory becomes {} MiB", domain.memory), action);
        }
        let (count, max) = (domain.vcpus.count, domain.vcpus.max);
        if number(record, "VCPUs_max") != i64::from(max)
            || number(record, "VCPUs_at_startup") != i64::from(count)
        {
            let action = Action::Vcpus { target: reference.into(), count, max };
            self.step(Kind::Change, option, format!("{count} processors, {max} at the most"), action);
        }
        if text(record, "domain_type") != domain.kind.text() {
            self.set(Class::Vm, option, reference, "domain_type", json!(domain.kind.text()));
        }
        let boot = boot_fields(domain, record);
        self.fields(Class::Vm, option, reference, record, &boot);
        let pci = pci(domain);
        if key(record, "other_config", "pci") != pci.as_deref() {
            self.put(Kind::Change, Class::Vm, option, reference, "pci", pci.as_deref());
        }
    }

    /// Disks or cards a guest has.
    pub(super) fn devices(&self, class: Class, vm: &str) -> Vec<(String, Record)> {
        let all = self.world.of(class).filter(|(_, record)| text(record, "VM") == vm);
        all.map(|(reference, record)| (reference.clone(), record.clone())).collect()
    }
}

/// What only a halted guest takes.
fn is_cold(action: &Action) -> bool {
    match action {
        Action::Memory { .. } | Action::Vcpus { .. } | Action::Grow { .. } => true,
        Action::Create { class, .. } | Action::Own { class, .. } | Action::Destroy { class, .. } => {
            matches!(class, Class::Vbd | Class::Vif)
                && !matches!(action, Action::Own { target, .. } if !target.starts_with("id:"))
        }
        Action::Set { class: Class::Vm, .. } => true,
        Action::Set { class: Class::Vbd, field, .. } => field == "mode",
        Action::Put { class: Class::Vm, key, .. } => key == "pci",
        _ => false,
    }
}

fn pci(domain: &Domain) -> Option<String> {
    let listed: Vec<String> =
        domain.pci.iter().enumerate().map(|(at, device)| format!("{at}/{device}")).collect();
    (!listed.is_empty()).then(|| listed.join(","))
}

/// Keys of `other_config` with a meaning for the server.
fn wanted_keys(domain: &Domain) -> [(&'static str, Option<String>); 2] {
    [("auto_poweron", domain.auto_start.then(|| "true".to_string())), ("pci", pci(domain))]
}

/// Fields a running guest takes.
fn live_fields(domain: &Domain) -> Vec<(&str, Value)> {
    let mut fields = vec![
        ("name_label", json!(domain.label)),
        ("name_description", json!(domain.description)),
        ("order", json!(domain.start_order)),
    ];
    fields.extend(domain.extra_record.iter().map(|(field, value)| (field.as_str(), json!(value))));
    fields
}

/// Fields that count at the next start. Further keys of maps stay.
fn boot_fields(domain: &Domain, record: &Record) -> Vec<(&'static str, Value)> {
    let (kernel, initrd, args, loader) = match &domain.boot {
        Boot::Direct { kernel, initrd, cmdline } => {
            (kernel.as_str(), initrd.as_deref(), cmdline.as_str(), "")
        }
        Boot::Pvgrub {} => ("", None, "", "pygrub"),
        _ => ("", None, "", ""),
    };
    let mut params = record.get("HVM_boot_params").and_then(Value::as_object).cloned().unwrap_or_default();
    match &domain.boot {
        Boot::Uefi {} => {
            params.insert("firmware".into(), json!("uefi"));
            params.insert("order".into(), json!("cd"));
        }
        Boot::Bios {} => {
            params.insert("firmware".into(), json!("bios"));
            params.insert("order".into(), json!("cd"));
        }
        Boot::Iso { .. } => {
            params.entry("firmware").or_insert_with(|| json!("bios"));
            params.insert("order".into(), json!("dc"));
        }
        _ => {}
    }
    let mut shares = record.get("VCPUs_params").and_then(Value::as_object).cloned().unwrap_or_default();
    shares.insert("weight".into(), json!(domain.vcpus.weight.to_string()));
    vec![
        ("PV_kernel", json!(kernel)),
        ("PV_ramdisk", json!(initrd.unwrap_or_default())),
        ("PV_args", json!(args)),
        ("PV_bootloader", json!(loader)),
        ("HVM_boot_params", Value::Object(params)),
        ("VCPUs_params", Value::Object(shares)),
    ]
}

pub(super) fn object(value: Value) -> Record {
    match value {
        Value::Object(map) => map,
        _ => Record::new(),
    }
}

/// The members the API asks for when a guest is made.
fn blank() -> Record {
    object(json!({
        "name_label": "", "name_description": "", "user_version": 1, "is_a_template": false,
        "affinity": "OpaqueRef:NULL", "VCPUs_params": {}, "actions_after_shutdown": "destroy",
        "actions_after_reboot": "restart", "actions_after_crash": "restart", "PV_bootloader": "", "PV_kernel": "",
        "PV_ramdisk": "", "PV_args": "", "PV_bootloader_args": "", "PV_legacy_args": "", "HVM_boot_policy": "",
        "HVM_boot_params": {}, "HVM_shadow_multiplier": 1.0,
        "platform": {"acpi": "1", "apic": "true", "nx": "true", "pae": "true", "viridian": "false"},
        "PCI_bus": "", "recommendations": "", "xenstore_data": {}, "ha_always_run": false,
        "ha_restart_priority": "", "tags": [], "blocked_operations": {}, "start_delay": 0, "shutdown_delay": 0,
        "order": 0, "suspend_SR": "OpaqueRef:NULL", "version": 0, "generation_id": "",
        "hardware_platform_version": 0, "has_vendor_device": false, "reference_label": "", "NVRAM": {},
    }))
}
