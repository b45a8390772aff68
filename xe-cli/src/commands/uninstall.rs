//! `vm-uninstall`, `template-uninstall`, `snapshot-uninstall`: VMs with the disks they own.

use xapi_schema::Value;

use super::snapshot;
use crate::{
    fault::{Outcome, command},
    render::{NULL, Object, plain},
    run::Run,
    select::Select,
    table::record,
};

/// A VM about to go, with its disks and its suspend image.
struct Doomed {
    vm: Object,
    disks: Vec<String>,
    suspend_image: Option<String>,
}

/// Runs a command of this file; false when it is not one.
pub(super) async fn run(run: &mut Run<'_>) -> Outcome<bool> {
    let vms = match run.args.command.as_str() {
        "vm-uninstall" => {
            let mut vms = Select::vms(&[]).objects(run).await?;
            let mut snapshots = Vec::new();
            for vm in &vms {
                let found = run.call("VM.get_snapshots", [vm.arg()]).await?;
                snapshots.extend(found.as_set().unwrap_or_default().iter().map(plain));
            }
            for snapshot in snapshots {
                vms.push(vm_object(run, &snapshot).await?);
            }
            vms
        }
        "template-uninstall" => {
            let vm = run.object("VM", "template-uuid").await?;
            if run.call("VM.get_is_a_template", [vm.clone()]).await? != Value::Bool(true) {
                return snapshot::wrong_kind(&run.args.text("template-uuid"), "template");
            }
            vec![vm_object(run, &plain(&vm)).await?]
        }
        "snapshot-uninstall" => {
            let vm = snapshot::lookup(run).await?;
            vec![vm_object(run, &plain(&vm)).await?]
        }
        _ => return Ok(false),
    };
    uninstall(run, vms).await?;
    Ok(true)
}

async fn vm_object(run: &Run<'_>, reference: &str) -> Outcome<Object> {
    match record("vm") {
        Some(def) => Ok(run.reader.object(def, reference).await?),
        None => command("VM fields are missing"),
    }
}

async fn uninstall(run: &mut Run<'_>, vms: Vec<Object>) -> Outcome {
    let mut doomed = Vec::new();
    for vm in vms {
        let disks = owned_disks(run, &vm).await?;
        let image = vm.text("suspend_VDI").to_owned();
        let suspend_image =
            (image != NULL && run.reader.side("VDI", &image).await.is_some()).then_some(image);
        doomed.push(Doomed { vm, disks, suspend_image });
    }
    run.raw("The following items are about to be destroyed").await?;
    for item in &doomed {
        run.raw(format!("VM : {} ({})", item.vm.uuid(), item.vm.text("name_label"))).await?;
        for disk in item.disks.iter().chain(&item.suspend_image) {
            let Some(vdi) = run.reader.side("VDI", disk).await else { continue };
            let text = |field| vdi.get(field).map(plain).unwrap_or_default();
            let users = vdi.get("VBDs").and_then(Value::as_set).map_or(0, <[Value]>::len);
            let note = if users > 1 { " ** WARNING: disk is shared by other VMs" } else { "" };
            run.raw(format!("VDI: {} ({}) {note}", text("uuid"), text("name_label"))).await?;
        }
    }
    if !run.flag("force")? && !run.confirm().await? {
        return Ok(());
    }
    for item in &doomed {
        if run.call("VM.get_power_state", [item.vm.arg()]).await?.as_str() != Some("Halted") {
            run.call("VM.hard_shutdown", [item.vm.arg()]).await?;
        }
        run.call("VM.destroy", [item.vm.arg()]).await?;
        for disk in &item.disks {
            run.call("VDI.destroy", [disk.as_str().into()]).await?;
        }
        if let Some(image) = &item.suspend_image {
            let _ = run.call("VDI.destroy", [image.as_str().into()]).await;
        }
    }
    run.raw("All objects destroyed").await
}

/// Disks whose VBD carries the key `owner`.
async fn owned_disks(run: &Run<'_>, vm: &Object) -> Outcome<Vec<String>> {
    let mut disks = Vec::new();
    for vbd in vm.members("VBDs") {
        let Some(vbd) = run.reader.side("VBD", &vbd).await else { continue };
        let owner = vbd.get("other_config").is_some_and(|config| config.get("owner").is_some());
        let vdi = vbd.get("VDI").map(plain).unwrap_or_default();
        if owner && run.reader.side("VDI", &vdi).await.is_some() {
            disks.push(vdi);
        }
    }
    Ok(disks)
}
