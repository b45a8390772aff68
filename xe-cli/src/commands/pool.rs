//! `pool-*`: what needs more than one call.

use xapi_schema::{Value, errors};

use super::{file, pool, pool_or};
use crate::{
    fault::{Fault, Outcome, command, not_found},
    output::Pairs,
    render::plain,
    run::Run,
    tasks::{Way, transfer},
    values,
};

/// Runs a command of this file; false when it is not one.
pub(super) async fn run(run: &mut Run<'_>) -> Outcome<bool> {
    match run.args.command.as_str() {
        "pool-join" => join(run).await?,
        "pool-eject" => eject(run).await?,
        "pool-emergency-reset-master" => {
            let address = run.args.text("master-address");
            run.call("pool.emergency_reset_master", [address.as_str().into()]).await?;
            run.line(format!(
                "Host agent will restart as a member of the pool of {address} in 10.000 seconds..."
            ))
            .await?;
        }
        "pool-emergency-transition-to-master" => become_master(run).await?,
        "pool-dump-database" => {
            let server = master_address(run).await?;
            let file = run.args.text("file-name");
            let path = |session: &str, task: &str| {
                format!("https://{server}/pool/xmldbdump?session_id={session}&task_id={task}")
            };
            transfer(run, Way::Get, &file, "dump database", &path).await?;
        }
        "pool-restore-database" => restore(run).await?,
        "pool-sync-bundle" => {
            let server = master_address(run).await?;
            let Some(file) = run.args.get("filename").map(str::to_owned) else {
                return command("Required parameter not found: filename");
            };
            let path = |session: &str, task: &str| {
                format!("https://{server}/bundle?session_id={session}&task_id={task}")
            };
            transfer(run, Way::Put, &file, "upload bundle", &path).await?;
        }
        "pool-install-ca-certificate" | "pool-certificate-install" => {
            install(run, "pool.install_ca_certificate", "certificate").await?;
        }
        "pool-crl-install" => install(run, "pool.crl_install", "CRL").await?,
        "pool-install-trusted-certificate" => trusted_certificate(run).await?,
        "pool-configure-update-sync" => update_sync(run).await?,
        "pool-disable-ssl-legacy" => {}
        "pool-ha-compute-vm-failover-plan" => failover_plan(run).await?,
        "pool-ha-compute-hypothetical-max-host-failures-to-tolerate" => hypothetical(run).await?,
        _ => return Ok(false),
    }
    Ok(true)
}

async fn master(run: &Run<'_>) -> Outcome<Value> {
    let pool = pool(run).await?;
    run.call("pool.get_master", [pool]).await
}

async fn master_address(run: &Run<'_>) -> Outcome<String> {
    let master = master(run).await?;
    Ok(plain(&run.call("host.get_address", [master]).await?))
}

async fn join(run: &mut Run<'_>) -> Outcome {
    let method = if run.flag("force")? { "pool.join_force" } else { "pool.join" };
    let args = [run.text("master-address"), run.text("master-username"), run.text("master-password")];
    match run.call(method, args).await {
        Ok(_) => run.line("Host agent will restart and attempt to join the pool in 10.000 seconds...").await,
        Err(Fault::Api(failure)) if failure.is(&errors::JOINING_HOST_CONNECTION_FAILED) => {
            let lines = [
                "The pool's master could not be reached.",
                "Check the address, and that the network between the two hosts works.",
            ];
            run.list(lines).await
        }
        Err(fault) => Err(fault),
    }
}

async fn eject(run: &mut Run<'_>) -> Outcome {
    let host = run.object("host", "host-uuid").await?;
    if !run.flag("force")? {
        run.raw("WARNING: Ejecting a host from the pool will reinitialise that host's local SRs.").await?;
        run.raw("WARNING: Any local data contained in the local SRs will be lost.").await?;
        let doomed = local_vdis(run, &host).await?;
        if !doomed.is_empty() {
            run.raw("The following VDI objects will be destroyed:").await?;
        }
        for vdi in doomed.iter().rev() {
            let uuid = plain(&run.call("VDI.get_uuid", [vdi.clone()]).await?);
            let name = plain(&run.call("VDI.get_name_label", [vdi.clone()]).await?);
            run.raw(format!("VDI: {uuid} ({name})")).await?;
        }
        if !run.confirm().await? {
            return Ok(());
        }
    }
    run.call("pool.eject", [host]).await?;
    run.line("Specified host will attempt to restart as a master of a new pool in 10.000 seconds...").await
}

/// VDIs on SRs that only this host is connected to.
async fn local_vdis(run: &Run<'_>, host: &Value) -> Outcome<Vec<Value>> {
    let mut vdis = Vec::new();
    for pbd in run.call("host.get_PBDs", [host.clone()]).await?.as_set().unwrap_or_default() {
        let sr = run.call("PBD.get_SR", [pbd.clone()]).await?;
        let mut local = true;
        for pbd in run.call("SR.get_PBDs", [sr.clone()]).await?.as_set().unwrap_or_default() {
            local &= run.call("PBD.get_host", [pbd.clone()]).await? == *host;
        }
        if local {
            let found = run.call("SR.get_VDIs", [sr]).await?;
            vdis.extend(found.as_set().unwrap_or_default().iter().cloned());
        }
    }
    Ok(vdis)
}

async fn become_master(run: &mut Run<'_>) -> Outcome {
    let force = run.flag("force")?;
    // A member's database is not its own: asking it for the pool fails there, and that says enough.
    let is_master = match super::this_host(run).await {
        Ok(host) => master(run).await.is_ok_and(|master| master == host),
        Err(_) => false,
    };
    if is_master && !force {
        return run
            .line("Host agent is already master. Use '--force' to execute the operation anyway.")
            .await;
    }
    run.call("pool.emergency_transition_to_master", []).await?;
    run.line("Host agent will restart and transition to master in 10.000 seconds...").await
}

async fn restore(run: &mut Run<'_>) -> Outcome {
    let dry_run = run.args.has("dry-run");
    if !dry_run && !run.args.has("force") {
        return command(
            "Restoring replaces the whole state of the pool; try --dry-run first. This operation must be forced (use --force).",
        );
    }
    let file = run.args.text("file-name");
    let path = |session: &str, task: &str| {
        format!("/pool/xmldbdump?session_id={session}&task_id={task}&dry_run={dry_run}")
    };
    transfer(run, Way::Put, &file, "restore database", &path).await?;
    match dry_run {
        true => run.line("Dry-run backup restore successful").await,
        false => run.line("Host will reboot with restored database in 30.000 seconds...").await,
    }
}

/// Sends a file under its own name.
async fn install(run: &mut Run<'_>, method: &str, what: &str) -> Outcome {
    let path = run.args.text("filename");
    let content = file(run, &path, what).await?;
    let name = path.rsplit('/').next().unwrap_or_default();
    run.call(method, [name.into(), content.into()]).await?;
    Ok(())
}

async fn trusted_certificate(run: &mut Run<'_>) -> Outcome {
    let pool = pool_or(run, "uuid").await?;
    let ca = run.flag_or("ca", true)?;
    let known = ["licensing", "update"];
    let mut purposes = Vec::new();
    if let Some(text) = run.args.get("purpose") {
        for word in values::list(text) {
            purposes.push(Value::from(match purpose_enum() {
                Some(def) => values::member(def, &word)?,
                None => values::member_of(&known, &word)?,
            }));
        }
    }
    let path = run.args.text("filename");
    let content = file(run, &path, "certificate").await?;
    let args = [pool, ca.into(), content.into(), Value::set(purposes)];
    run.call("pool.install_trusted_certificate", args).await?;
    Ok(())
}

fn purpose_enum() -> Option<&'static xapi_schema::EnumDef> {
    let message = xapi_schema::schema().message("pool.install_trusted_certificate")?;
    match message.params.last()?.ty {
        xapi_schema::Ty::Set(xapi_schema::Ty::Enum(def)) => Some(*def),
        _ => None,
    }
}

async fn update_sync(run: &mut Run<'_>) -> Outcome {
    let pool = pool_or(run, "uuid").await?;
    let frequency = values::member_of(&["daily", "weekly"], &run.args.text("update-sync-frequency"))?;
    let day = match values::parse_int(&run.args.text("update-sync-day")) {
        _ if frequency == "daily" => 0,
        Some(day @ 0..=6) => day,
        _ => return command("Failed to parse parameter 'update-sync-day': expecting a day from 0 to 6"),
    };
    run.call("pool.configure_update_sync", [pool, frequency.into(), day.into()]).await?;
    Ok(())
}

async fn failover_plan(run: &mut Run<'_>) -> Outcome {
    let (mut hosts, mut vms) = (Vec::new(), Vec::new());
    for uuid in values::list(&run.args.text("host-uuids")) {
        let host = run.by_uuid("host", &uuid).await?;
        for vm in run.call("host.get_resident_VMs", [host.clone()]).await?.as_set().unwrap_or_default() {
            if run.call("VM.get_is_control_domain", [vm.clone()]).await? == Value::Bool(false) {
                vms.push(vm.clone());
            }
        }
        hosts.push(host);
    }
    let plan = run.call("pool.ha_compute_vm_failover_plan", [Value::set(hosts), Value::set(vms)]).await?;
    let mut record: Pairs = vec![("VM".into(), "Destination Host or Error".into())];
    for (vm, details) in plan.as_map().unwrap_or_default() {
        let vm = titled(run, "VM", vm).await;
        let verdict = match (details.get("host"), details.get("error_code")) {
            (Some(host), _) => titled(run, "host", &plain(host)).await,
            (None, Some(code)) => plain(code),
            (None, None) => "UNKNOWN".into(),
        };
        record.push((vm, verdict));
    }
    run.table(vec![record]).await
}

async fn titled(run: &Run<'_>, class: &str, reference: &str) -> String {
    let uuid = run.reader.uuid(class, reference).await.unwrap_or_default();
    format!("{uuid} ({})", run.reader.name_label(class, reference).await.unwrap_or_default())
}

async fn hypothetical(run: &mut Run<'_>) -> Outcome {
    let all = |name: &str| -> Vec<String> {
        let given = run.args.params.iter().filter(|(key, _)| key == name);
        given.map(|(_, value)| value.clone()).collect()
    };
    let (uuids, priorities) = (all("vm-uuid"), all("restart-priority"));
    if uuids.len() != priorities.len() {
        return command("Give one restart-priority for each vm-uuid");
    }
    let mut pairs = Vec::new();
    for (uuid, priority) in uuids.iter().zip(priorities) {
        let vm = run.by_uuid("VM", uuid).await?;
        pairs.push((vm.as_str().ok_or_else(not_found)?.to_owned(), Value::from(priority)));
    }
    let method = "pool.ha_compute_hypothetical_max_host_failures_to_tolerate";
    let answer = run.call(method, [Value::map(pairs)]).await?;
    run.line(plain(&answer)).await
}
