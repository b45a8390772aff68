//! Disks and CDs of VMs: `vm-disk-*`, `vm-cd-*`, `snapshot-disk-list`, `cd-list`, `vm-vif-list`,
//! `vm-crashdump-list`.

use xapi_schema::{NULL_REF, Value, errors};

use super::{default_sr, snapshot};
use crate::{
    fault::{Fault, Outcome, command, not_found},
    generated::{chooser, pairs},
    render::{Object, plain},
    run::Run,
    select::{Done, Select},
    table::{RecordDef, record},
};

/// Runs a command of this file; false when it is not one.
pub(super) async fn run(run: &mut Run<'_>) -> Outcome<bool> {
    match run.args.command.as_str() {
        "vm-disk-list" => disk_list(run, "Disk").await?,
        "vm-cd-list" => disk_list(run, "CD").await?,
        "snapshot-disk-list" => {
            let snapshot = snapshot::lookup(run).await?;
            let vm = run.reader.object(def("vm")?, &plain(&snapshot)).await?;
            disks_of(run, &vm, "Disk").await?;
        }
        "vm-disk-add" => disk_add(run).await?,
        "vm-disk-remove" => disk_remove(run).await?,
        "vm-cd-add" => cd_add(run).await?,
        "vm-cd-remove" => cd_remove(run).await?,
        "vm-cd-eject" => cd_eject(run).await?,
        "vm-cd-insert" => cd_insert(run).await?,
        "cd-list" => cd_list(run).await?,
        "vm-vif-list" => vif_list(run).await?,
        "vm-crashdump-list" => crashdump_list(run).await?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn def(name: &str) -> Outcome<&'static RecordDef> {
    record(name).ok_or_else(not_found)
}

async fn disk_list(run: &mut Run<'_>, kind: &str) -> Outcome {
    let vms = Select::vms(&["vbd-params", "vdi-params"]).objects(run).await?;
    let mut done = Done::of(&vms);
    for vm in &vms {
        let outcome = disks_of(run, vm, kind).await;
        done.add(vm, outcome)?;
    }
    done.finish()?;
    Ok(())
}

/// Prints each VBD of a kind and the VDI in it.
async fn disks_of(run: &mut Run<'_>, vm: &Object, kind: &str) -> Outcome {
    let vbd_fields: &[&str] = match kind {
        "CD" => &["uuid", "vm-name-label", "userdevice", "empty"],
        _ => &["uuid", "vm-name-label", "userdevice"],
    };
    let vbd_fields = chooser(run.args.get("vbd-params"), vbd_fields);
    let vdi_fields =
        chooser(run.args.get("vdi-params"), &["uuid", "name-label", "virtual-size", "sr-name-label"]);
    let mut n = 0;
    for vbd in vm.members("VBDs") {
        if run.call("VBD.get_type", [vbd.as_str().into()]).await?.as_str() != Some(kind) {
            continue;
        }
        let vbd = run.reader.object(def("vbd")?, &vbd).await?;
        run.msg(format!("{kind} {n} VBD:")).await?;
        let table = pairs(&run.reader, &vbd, true, &vbd_fields).await?;
        run.table(vec![table]).await?;
        if !vbd.flag("empty")
            && let Ok(vdi) = run.reader.object(def("vdi")?, vbd.text("VDI")).await
        {
            run.msg(format!("{kind} {n} VDI:")).await?;
            let table = pairs(&run.reader, &vdi, true, &vdi_fields).await?;
            run.table(vec![table]).await?;
        }
        n += 1;
    }
    Ok(())
}

/// The members of a new VBD.
pub(super) fn vbd(vm: Value, vdi: Value, device: &str, mode: &str, kind: &str) -> Vec<(&'static str, Value)> {
    let empty = vdi.as_str() == Some(crate::render::NULL);
    vec![
        ("VM", vm),
        ("VDI", vdi),
        ("userdevice", device.into()),
        ("bootable", false.into()),
        ("mode", mode.into()),
        ("type", kind.into()),
        ("unpluggable", true.into()),
        ("empty", empty.into()),
        ("other_config", Value::map::<&str>([])),
        ("qos_algorithm_type", Value::EMPTY),
        ("qos_algorithm_params", Value::map::<&str>([])),
    ]
}

/// Replaces a member of a record about to be created.
pub(super) fn put(members: &mut [(&'static str, Value)], name: &str, value: Value) {
    if let Some((_, old)) = members.iter_mut().find(|(known, _)| *known == name) {
        *old = value;
    }
}

async fn disk_add(run: &mut Run<'_>) -> Outcome {
    let sr = match run.args.get("sr-uuid") {
        Some(uuid) => run.by_uuid("SR", uuid).await?,
        None => match default_sr(run).await? {
            Some(sr) => sr,
            None => return command("No default Pool SR set. Name one with sr-uuid=<uuid>."),
        },
    };
    let size = run.size("disk-size")?;
    let device = run.args.text("device");
    let vms = Select::vms(&["sr-uuid", "device", "disk-size"]).objects(run).await?;
    let mut done = Done::of(&vms);
    for vm in &vms {
        let outcome = add_disk(run, vm, &sr, size, &device).await;
        done.add(vm, outcome)?;
    }
    done.finish()?;
    Ok(())
}

async fn add_disk(run: &Run<'_>, vm: &Object, sr: &Value, size: i64, device: &str) -> Outcome {
    let no_map = || Value::map::<&str>([]);
    let vdi = [
        ("name_label", "Created by xe".into()),
        ("name_description", "Created by xe".into()),
        ("SR", sr.clone()),
        ("virtual_size", size.into()),
        ("type", "user".into()),
        ("sharable", false.into()),
        ("read_only", false.into()),
        ("other_config", no_map()),
        ("xenstore_data", no_map()),
        ("sm_config", Value::map([("vmhint", Value::from(vm.uuid()))])),
        ("tags", Value::set([])),
    ];
    let vdi = run.call("VDI.create", [Value::map(vdi)]).await?;
    let mut members = vbd(vm.arg(), vdi.clone(), device, "RW", "Disk");
    put(&mut members, "other_config", Value::map([("owner", Value::EMPTY)]));
    match run.call("VBD.create", [Value::map(members)]).await {
        Ok(vbd) => plug(run, vbd).await,
        Err(fault) => {
            let _ = run.call("VDI.destroy", [vdi]).await;
            Err(fault)
        }
    }
}

/// Plugs a VBD; API errors (a halted VM) do not matter.
async fn plug(run: &Run<'_>, vbd: Value) -> Outcome {
    match run.call("VBD.plug", [vbd]).await {
        Ok(_) | Err(Fault::Api(_)) => Ok(()),
        Err(fault) => Err(fault),
    }
}

async fn disk_remove(run: &mut Run<'_>) -> Outcome {
    let device = run.args.text("device");
    let vms = Select::vms(&["device"]).objects(run).await?;
    let mut done = Done::of(&vms);
    for vm in &vms {
        let outcome: Outcome = async {
            {
                for vbd in vm.members("VBDs") {
                    if plain(&run.call("VBD.get_userdevice", [vbd.as_str().into()]).await?) == device {
                        let vdi = run.call("VBD.get_VDI", [vbd.as_str().into()]).await?;
                        run.call("VBD.destroy", [vbd.into()]).await?;
                        run.call("VDI.destroy", [vdi]).await?;
                        return Ok(());
                    }
                }
                command("Disk not found")
            }
        }
        .await;
        done.add(vm, outcome)?;
    }
    done.finish()?;
    Ok(())
}

/// VDIs of a name that lie on an SR of ISO images.
async fn isos(run: &Run<'_>, name: &str) -> Outcome<Vec<Value>> {
    let mut found = Vec::new();
    let all = run.call("VDI.get_by_name_label", [name.into()]).await?;
    for vdi in all.as_set().unwrap_or_default() {
        let sr = run.call("VDI.get_SR", [vdi.clone()]).await?;
        if plain(&run.call("SR.get_content_type", [sr]).await?) == "iso" {
            found.push(vdi.clone());
        }
    }
    Ok(found)
}

async fn cd_add(run: &mut Run<'_>) -> Outcome {
    let (name, device) = (run.args.text("cd-name"), run.args.text("device"));
    let Some(vdi) = isos(run, &name).await?.into_iter().next() else {
        return command(format!("CD {name} not found!"));
    };
    let vms = Select::vms(&["cd-name", "device", "cd-location"]).objects(run).await?;
    let mut done = Done::of(&vms);
    for vm in &vms {
        let outcome: Outcome = async {
            {
                let members = vbd(vm.arg(), vdi.clone(), &device, "RO", "CD");
                let vbd = run.call("VBD.create", [Value::map(members)]).await?;
                plug(run, vbd).await
            }
        }
        .await;
        done.add(vm, outcome)?;
    }
    done.finish()?;
    Ok(())
}

async fn cd_remove(run: &mut Run<'_>) -> Outcome {
    let name = run.args.text("cd-name");
    let vms = Select::vms(&["cd-name"]).objects(run).await?;
    let mut done = Done::of(&vms);
    for vm in &vms {
        let outcome: Outcome = async {
            {
                for vbd in vm.members("VBDs") {
                    let vdi = plain(&run.call("VBD.get_VDI", [vbd.as_str().into()]).await?);
                    let fits = match run.reader.side("VDI", &vdi).await {
                        None => name == "<EMPTY>",
                        Some(vdi) => {
                            let sr = vdi.get("SR").cloned().unwrap_or(Value::from(NULL_REF));
                            vdi.get("name_label").map(plain).as_deref() == Some(name.as_str())
                                && plain(&run.call("SR.get_content_type", [sr]).await?) == "iso"
                        }
                    };
                    if fits {
                        run.call("VBD.destroy", [vbd.into()]).await?;
                        return Ok(());
                    }
                }
                command("Disk not found")
            }
        }
        .await;
        done.add(vm, outcome)?;
    }
    done.finish()?;
    Ok(())
}

/// The CD drives of a VM, only the empty ones if asked.
async fn drives(run: &Run<'_>, vm: &Object, empty: bool) -> Outcome<Vec<String>> {
    let mut found = Vec::new();
    for vbd in vm.members("VBDs") {
        let arg = || Value::from(vbd.as_str());
        if plain(&run.call("VBD.get_type", [arg()]).await?) == "CD"
            && (!empty || run.call("VBD.get_empty", [arg()]).await? == Value::Bool(true))
        {
            found.push(vbd);
        }
    }
    Ok(found)
}

async fn cd_eject(run: &mut Run<'_>) -> Outcome {
    let vms = Select::vms(&[]).objects(run).await?;
    let mut done = Done::of(&vms);
    for vm in &vms {
        let outcome: Outcome = async {
            match &drives(run, vm, false).await?[..] {
                [] => command("No CDs found"),
                [one] => run.call("VBD.eject", [one.as_str().into()]).await.map(drop),
                _ => command("Two or more CDs found. Please use vbd-eject"),
            }
        }
        .await;
        done.add(vm, outcome)?;
    }
    done.finish()?;
    Ok(())
}

async fn cd_insert(run: &mut Run<'_>) -> Outcome {
    let name = run.args.text("cd-name");
    let found = isos(run, &name).await?;
    let vdi = match &found[..] {
        [] => return command(format!("CD {name} not found")),
        [one] => one.clone(),
        _ => return command(format!("Multiple CDs named {name} found. Please use vbd-insert")),
    };
    let vms = Select::vms(&["cd-name"]).objects(run).await?;
    let mut done = Done::of(&vms);
    for vm in &vms {
        let outcome: Outcome = async {
            match &drives(run, vm, true).await?[..] {
                [] => Err(errors::VM_NO_EMPTY_CD_VBD.with([vm.reference.clone()]).into()),
                [one] => run.call("VBD.insert", [one.as_str().into(), vdi.clone()]).await.map(drop),
                _ => command("Two or more empty CD drives found. Please use vbd-insert"),
            }
        }
        .await;
        done.add(vm, outcome)?;
    }
    done.finish()?;
    Ok(())
}

async fn cd_list(run: &mut Run<'_>) -> Outcome {
    let chosen = chooser(run.args.get("params"), &["name-label", "uuid"]);
    let mut records = Vec::new();
    for sr in run.reader.all(def("sr")?).await? {
        if sr.text("content_type") != "iso" {
            continue;
        }
        for vdi in run.call("SR.get_VDIs", [sr.arg()]).await?.as_set().unwrap_or_default() {
            let vdi = run.reader.object(def("vdi")?, &plain(vdi)).await?;
            records.push(pairs(&run.reader, &vdi, true, &chosen).await?);
        }
    }
    run.table(records).await
}

async fn vif_list(run: &mut Run<'_>) -> Outcome {
    let defaults = ["uuid", "device", "MAC", "network-uuid", "network-name-label", "vm-name-label"];
    let chosen = chooser(run.args.get("params"), &defaults);
    for vm in Select::vms(&["params"]).always_multiple().objects(run).await? {
        let mut records = Vec::new();
        for vif in vm.members("VIFs") {
            let vif = run.reader.object(def("vif")?, &vif).await?;
            records.push(pairs(&run.reader, &vif, true, &chosen).await?);
        }
        run.table(records).await?;
    }
    Ok(())
}

async fn crashdump_list(run: &mut Run<'_>) -> Outcome {
    for vm in Select::vms(&[]).objects(run).await? {
        let mut records = Vec::new();
        for dump in vm.members("crash_dumps") {
            let dump = run.reader.object(def("crashdump")?, &dump).await?;
            records.push(pairs(&run.reader, &dump, true, |_| true).await?);
        }
        run.table(records).await?;
    }
    Ok(())
}
