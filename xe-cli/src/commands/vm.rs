//! `vm-*`: power life, copies, creation, destruction.

use xapi_schema::{NULL_REF, Value, errors};

use crate::{
    fault::{Fault, Outcome, command},
    output::Pairs,
    render::{Object, plain},
    run::Run,
    select::{Done, Select},
    tasks::run_async,
    values,
};

/// Runs a command of this file; false when it is not one.
pub(super) async fn run(run: &mut Run<'_>) -> Outcome<bool> {
    match run.args.command.as_str() {
        "vm-start" => start(run).await?,
        "vm-resume" => resume(run).await?,
        "vm-shutdown" => shutdown(run).await?,
        "vm-suspend" => suspend(run).await?,
        "vm-reboot" => reboot(run).await?,
        "vm-create" => create(run).await?,
        "vm-destroy" => destroy(run).await?,
        "vm-clone" => copies(run, "VM.clone").await?,
        "vm-snapshot" => copies(run, "VM.snapshot").await?,
        "vm-snapshot-with-quiesce" => copies(run, "VM.snapshot_with_quiesce").await?,
        "vm-checkpoint" => copies(run, "VM.checkpoint").await?,
        "vm-copy" => copy(run).await?,
        "vm-query-services" => query_services(run).await?,
        "vm-is-bios-customized" => bios_customized(run).await?,
        "vm-sysprep" => sysprep(run).await?,
        "vm-data-source-list" => data_sources(run, "VM", Select::vms(&[]).control_domains()).await?,
        "host-data-source-list" => data_sources(run, "host", Select::hosts(&[])).await?,
        "sr-data-source-list" => data_sources(run, "SR", Select::srs(&[])).await?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// The host `on=` names by name-label or uuid.
async fn on_host(run: &Run<'_>) -> Outcome<Option<Value>> {
    match run.args.get("on") {
        Some(on) => Ok(Some(host_called(run, on).await?)),
        None => Ok(None),
    }
}

/// The host of this name-label or uuid.
pub(super) async fn host_called(run: &Run<'_>, name: &str) -> Outcome<Value> {
    let hosts = run.call("host.get_all_records_where", ["true".into()]).await?;
    let is = |host: &Value, field| host.get(field).and_then(Value::as_str) == Some(name);
    let found = hosts.as_map().unwrap_or_default().iter().find(|(_, h)| is(h, "name_label") || is(h, "uuid"));
    match found {
        Some((reference, _)) => Ok(Value::Str(reference.clone())),
        None => command(format!("Host {name} not found")),
    }
}

async fn start(run: &mut Run<'_>) -> Outcome {
    let (force, paused) = (run.flag("force")?, run.flag("paused")?);
    begin(run, Select::vms(&["on", "paused", "progress"]).control_domains(), "VM.start", paused, force).await
}

async fn resume(run: &mut Run<'_>) -> Outcome {
    let force = run.flag("force")?;
    begin(run, Select::vms(&["on", "progress"]), "VM.resume", false, force).await
}

async fn begin(run: &mut Run<'_>, select: Select, method: &str, paused: bool, force: bool) -> Outcome {
    let vms = select.objects(run).await?;
    let mut done = Done::of(&vms);
    for vm in &vms {
        let outcome = async {
            match on_host(run).await? {
                Some(host) => {
                    let args = vec![vm.arg(), host, paused.into(), force.into()];
                    run_async(run, &format!("{method}_on"), args).await
                }
                None => run_async(run, method, vec![vm.arg(), paused.into(), force.into()]).await,
            }
        }
        .await;
        if let Err(Fault::Api(failure)) = &outcome
            && failure.is(&errors::NO_HOSTS_AVAILABLE)
        {
            run.list(["There is no host this VM can start on now.", "Each host's reason:", ""]).await?;
            let report = boot_report(run, vm).await?;
            run.table(vec![report]).await?;
        }
        done.add(vm, outcome)?;
    }
    done.finish()?;
    Ok(())
}

/// Why each host can or cannot start a VM.
pub(super) async fn boot_report(run: &Run<'_>, vm: &Object) -> Outcome<Pairs> {
    let mut pairs = Pairs::new();
    for host in run.call("host.get_all", []).await?.as_set().unwrap_or_default() {
        let name = plain(&run.call("host.get_name_label", [host.clone()]).await?);
        let verdict = match run.call("VM.assert_can_boot_here", [vm.arg(), host.clone()]).await {
            Ok(_) => "OK".into(),
            Err(Fault::Api(failure)) => {
                let params = crate::failure::readable(run.api, &failure).await;
                let second = params.get(1).map_or("", String::as_str);
                let why = match failure.code.as_str() {
                    "VM_REQUIRES_SR" => format!("VM requires access to SR: {second}"),
                    "VM_REQUIRES_NETWORK" => format!("VM requires access to network: {second}"),
                    "HOST_CANNOT_ATTACH_NETWORK" => format!("Host cannot attach to network: {second}"),
                    "HOST_DISABLED" | "HOST_DISABLED_INDEFINITELY" => "Host disabled".into(),
                    "HOST_NOT_LIVE" => "Host down".into(),
                    "HOST_NOT_ENOUGH_FREE_MEMORY" => "Not enough free memory".into(),
                    "HOST_NOT_ENOUGH_PCPUS" => format!("Not enough pCPUs: {}", params.join(", ")),
                    "VM_HVM_REQUIRED" => "HVM not supported".into(),
                    "INVALID_VALUE" => params.join(" = "),
                    _ => crate::fault::exception_text(&failure),
                };
                format!("Cannot start here [{why}]")
            }
            Err(fault) => return Err(fault),
        };
        pairs.push((name, verdict));
    }
    Ok(pairs)
}

async fn shutdown(run: &mut Run<'_>) -> Outcome {
    let method = if run.flag("force")? { "VM.hard_shutdown" } else { "VM.clean_shutdown" };
    each_async(run, Select::vms(&["progress"]), method).await
}

async fn suspend(run: &mut Run<'_>) -> Outcome {
    each_async(run, Select::vms(&["progress"]), "VM.suspend").await
}

async fn each_async(run: &mut Run<'_>, select: Select, method: &str) -> Outcome {
    let vms = select.objects(run).await?;
    let mut done = Done::of(&vms);
    for vm in &vms {
        let outcome = run_async(run, method, vec![vm.arg()]).await;
        done.add(vm, outcome)?;
    }
    done.finish()?;
    Ok(())
}

async fn reboot(run: &mut Run<'_>) -> Outcome {
    let method = if run.flag("force")? { "VM.hard_reboot" } else { "VM.clean_reboot" };
    let vms = Select::vms(&[]).objects(run).await?;
    let mut done = Done::of(&vms);
    for vm in &vms {
        let outcome = run.call(method, [vm.arg()]).await;
        done.add(vm, outcome)?;
    }
    done.finish()?;
    Ok(())
}

/// `vm-create`: a small halted VM, everything else at its plainest.
async fn create(run: &mut Run<'_>) -> Outcome {
    const MIB: i64 = 1 << 20;
    let texts = [
        ("name_label", run.args.text("name-label")),
        ("name_description", run.args.text("name-description")),
        ("actions_after_shutdown", "destroy".into()),
        ("actions_after_reboot", "restart".into()),
        ("actions_after_crash", "destroy".into()),
        ("actions_after_softreboot", "soft_reboot".into()),
        ("domain_type", "unspecified".into()),
        ("power_state", "Halted".into()),
    ];
    let numbers = [
        ("memory_static_max", 256 * MIB),
        ("memory_dynamic_max", 256 * MIB),
        ("memory_target", 256 * MIB),
        ("memory_dynamic_min", 128 * MIB),
        ("memory_static_min", 128 * MIB),
        ("VCPUs_max", 1),
        ("VCPUs_at_startup", 1),
    ];
    let record = xapi_schema::Class::by_name("VM").ok_or_else(crate::fault::not_found)?;
    let members = record.constructor_fields().map(|(at, _)| {
        let field = &record.fields[at];
        let text =
            texts.iter().find(|(name, _)| *name == field.name).map(|(_, text)| Value::from(text.clone()));
        let number = numbers.iter().find(|(name, _)| *name == field.name).map(|(_, n)| Value::from(*n));
        let special = (field.name == "HVM_shadow_multiplier").then_some(Value::Float(1.0));
        (field.name, text.or(number).or(special).unwrap_or_else(|| plainest(field.ty)))
    });
    let vm = run.call("VM.create", [Value::map(members)]).await?;
    run.uuid_of("VM", vm).await
}

/// The emptiest value of a type.
fn plainest(ty: xapi_schema::Ty) -> Value {
    match ty {
        xapi_schema::Ty::Ref(_) => NULL_REF.into(),
        ty => ty.zero(),
    }
}

async fn destroy(run: &mut Run<'_>) -> Outcome {
    let vm = run.object("VM", "uuid").await?;
    if run.call("VM.get_is_control_domain", [vm.clone()]).await? == Value::Bool(true) {
        return Err(errors::OPERATION_NOT_ALLOWED.with(["A control domain cannot be destroyed"]).into());
    }
    run.call("VM.destroy", [vm]).await?;
    Ok(())
}

/// Clone, snapshot and checkpoint: a new VM per selected one.
async fn copies(run: &mut Run<'_>, method: &str) -> Outcome {
    let ignored_vdis = match (method, run.args.get("ignore-vdi-uuids")) {
        ("VM.snapshot", Some(uuids)) => {
            let mut vdis = Vec::new();
            for uuid in values::list(uuids) {
                vdis.push(run.by_uuid("VDI", &uuid).await?);
            }
            Some(Value::set(vdis))
        }
        ("VM.snapshot", None) => Some(Value::set([])),
        _ => None,
    };
    let mut select = Select::vms(&["new-name-label", "new-name-description", "ignore-vdi-uuids"]);
    if method == "VM.clone" {
        select = select.templates();
    }
    let vms = select.objects(run).await?;
    let mut done = Done::of(&vms);
    for vm in &vms {
        let mut args = vec![vm.arg(), run.text("new-name-label")];
        args.extend(ignored_vdis.clone());
        let outcome = run.call(method, args).await;
        done.add(vm, outcome)?;
    }
    describe_and_list(run, done.finish()?).await
}

async fn copy(run: &mut Run<'_>) -> Outcome {
    let sr = run.object_or_null("SR", "sr-uuid").await?;
    let ignore = &["new-name-label", "sr-uuid", "new-name-description"];
    let vm = Select::vms(ignore).templates().one(run).await?;
    let copy = run.call("VM.copy", [vm.arg(), run.text("new-name-label"), sr]).await?;
    describe_and_list(run, vec![copy]).await
}

/// Sets `new-name-description` on the first new VM and lists their uuids.
pub(super) async fn describe_and_list(run: &mut Run<'_>, vms: Vec<Value>) -> Outcome {
    if let (Some(text), Some(first)) = (run.args.get("new-name-description"), vms.first()) {
        run.call("VM.set_name_description", [first.clone(), text.into()]).await?;
    }
    let mut uuids = Vec::new();
    for vm in vms {
        uuids.push(plain(&run.call("VM.get_uuid", [vm]).await?));
    }
    run.list(uuids).await
}

async fn query_services(run: &mut Run<'_>) -> Outcome {
    let vms = Select::vms(&[]).objects(run).await?;
    let mut done = Done::of(&vms);
    for vm in &vms {
        let outcome = run.call("VM.query_services", [vm.arg()]).await;
        done.add(vm, outcome)?;
    }
    for services in done.finish()? {
        let mut pairs = vec![("Type".to_owned(), "Name".to_owned())];
        pairs.extend(super::calls::map_pairs(&services));
        run.table(vec![pairs]).await?;
    }
    Ok(())
}

async fn bios_customized(run: &mut Run<'_>) -> Outcome {
    let vms = Select::vms(&[]).objects(run).await?;
    let mut done = Done::of(&vms);
    for vm in &vms {
        let outcome = run.call("VM.get_bios_strings", [vm.arg()]).await;
        done.add(vm, outcome)?;
    }
    for strings in done.finish()? {
        let pairs = super::calls::map_pairs(&strings);
        let generic = pairs.iter().all(|(key, value)| match key.as_str() {
            "bios-vendor" | "system-manufacturer" => value == "Xen",
            "system-product-name" => value == "HVM domU",
            "hp-rombios" => value.is_empty(),
            _ => key.starts_with("oem-") || value.is_empty(),
        });
        let sentence = match (pairs.is_empty(), generic) {
            (true, _) => "The BIOS strings of this VM have not been set yet.",
            (_, true) => "This VM is BIOS-generic.",
            _ => "This VM is BIOS-customized.",
        };
        run.msg(sentence).await?;
    }
    Ok(())
}

async fn sysprep(run: &mut Run<'_>) -> Outcome {
    let path = run.args.text("filename");
    let unattend = match run.load(&path).await? {
        Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        None => return Err(Fault::Stderr("Failed to read file.\n".into(), 1)),
    };
    let timeout = run.args.get("timeout").and_then(values::parse_float).map_or(180.0, |x| x.max(0.0));
    let vms = Select::vms(&["filename", "timeout"]).objects(run).await?;
    let mut done = Done::of(&vms);
    for vm in &vms {
        let args = [vm.arg(), unattend.as_str().into(), Value::Float(timeout)];
        let outcome = run.call("VM.sysprep", args).await;
        done.add(vm, outcome)?;
    }
    done.finish()?;
    Ok(())
}

async fn data_sources(run: &mut Run<'_>, class: &str, select: Select) -> Outcome {
    let object = select.one(run).await?;
    let sources = run.call(&format!("{class}.get_data_sources"), [object.arg()]).await?;
    let records = sources.as_set().unwrap_or_default().iter().map(|source| {
        let fields = ["name_label", "name_description", "enabled", "standard", "min", "max", "units"];
        let text = |field: &str| match (source.get(field), field) {
            (Some(value), "min" | "max") => {
                crate::render::number(value).map_or_else(|| plain(value), |x| format!("{x:.3}"))
            }
            (Some(value), _) => plain(value),
            (None, _) => String::new(),
        };
        fields.iter().map(|field| ((*field).to_owned(), text(field))).collect()
    });
    let records = records.collect();
    run.table(records).await
}
