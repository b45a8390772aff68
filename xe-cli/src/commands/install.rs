//! `vm-install`: a new VM from a template, with its disks provisioned.

use xapi_schema::Value;

use super::{default_sr, pool};
use crate::{
    fault::{Fault, Outcome, command},
    render::{Object, plain},
    run::Run,
    table::record,
};

/// Runs the command of this file; false when it is another.
pub(super) async fn run(run: &mut Run<'_>) -> Outcome<bool> {
    if run.args.command != "vm-install" {
        return Ok(false);
    }
    let template = template(run).await?;
    if run.call("VM.get_is_a_template", [template.clone()]).await? != Value::Bool(true) {
        return command("Can only install from templates");
    }
    let chosen = chosen_sr(run, &template).await?;
    let suspend_sr = match &chosen {
        Some(sr) => sr.clone(),
        None => run.call("VM.get_suspend_SR", [template.clone()]).await?,
    };
    let disks_sr = match &chosen {
        Some(sr) => Some(sr.clone()),
        None => default_sr(run).await?,
    };
    let config = run.call("VM.get_other_config", [template.clone()]).await?;
    if disks_sr.is_none() && config.get("disks").is_some() {
        return command(
            "No SR was given and the pool has no default SR: name one with sr-uuid or sr-name-label",
        );
    }
    let name = run.text("new-name-label");
    let vm = match &chosen {
        Some(sr) => run.call("VM.copy", [template, name, sr.clone()]).await?,
        None => run.call("VM.clone", [template, name]).await?,
    };
    match provision(run, &vm, suspend_sr, disks_sr).await {
        Ok(()) => run.uuid_of("VM", vm).await?,
        Err(fault) => {
            let _ = run.call("VM.destroy", [vm]).await;
            return Err(fault);
        }
    }
    Ok(true)
}

/// The template the parameters name.
async fn template(run: &Run<'_>) -> Outcome<Value> {
    if let Some(uuid) = run.args.get("template-uuid") {
        return match run.by_uuid("VM", uuid).await {
            Err(Fault::Api(_)) => command("Cannot find template"),
            other => other,
        };
    }
    if let Some(name) = run.args.get("template-name-label").or(run.args.get("template-name")) {
        return by_name(run, name).await;
    }
    match run.args.get("template") {
        Some(text) => match run.by_uuid("VM", text).await {
            Err(Fault::Api(_)) => by_name(run, text).await,
            other => other,
        },
        None => command("Name a template with template, template-uuid, template-name-label or template-name"),
    }
}

async fn by_name(run: &Run<'_>, name: &str) -> Outcome<Value> {
    let Some(def) = record("vm") else { return command("VM fields are missing") };
    let is = |vm: &Object| {
        vm.flag("is_a_template") && !vm.flag("is_control_domain") && vm.text("name_label") == name
    };
    let all = run.reader.all(def).await?;
    let mut found = all.iter().filter(|vm| is(vm));
    match (found.next(), found.next()) {
        (None, _) => command("No templates matched"),
        (Some(vm), None) => Ok(vm.arg()),
        _ => command("More than one matching template found"),
    }
}

/// The SR the parameters name; snapshots keep the SRs of their disks.
async fn chosen_sr(run: &Run<'_>, template: &Value) -> Outcome<Option<Value>> {
    let (uuid, name) = (run.args.get("sr-uuid"), run.args.get("sr-name-label"));
    if uuid.is_none() && name.is_none() {
        return Ok(None);
    }
    if run.call("VM.get_is_a_snapshot", [template.clone()]).await? == Value::Bool(true) {
        return command(
            "An SR cannot be chosen when installing from a snapshot: its disks stay where they are",
        );
    }
    let by_uuid = match uuid {
        Some(uuid) => Some(run.by_uuid("SR", uuid).await?),
        None => None,
    };
    let Some(name) = name else { return Ok(by_uuid) };
    let named = run.call("SR.get_by_name_label", [name.into()]).await?;
    match (named.as_set().unwrap_or_default(), by_uuid) {
        ([], _) => command("No SR with that name-label found"),
        (named, Some(sr)) if named.contains(&sr) => Ok(Some(sr)),
        (_, Some(_)) => command("sr-uuid and sr-name-label name different SRs"),
        ([one], None) => Ok(Some(one.clone())),
        _ => command("Multiple SRs with that name-label found"),
    }
}

async fn provision(run: &mut Run<'_>, vm: &Value, suspend_sr: Value, disks_sr: Option<Value>) -> Outcome {
    run.call("VM.set_name_description", [vm.clone(), "Installed via xe CLI".into()]).await?;
    run.call("VM.set_suspend_SR", [vm.clone(), suspend_sr]).await?;
    let config = run.call("VM.get_other_config", [vm.clone()]).await?;
    if let (Some(disks), Some(sr)) = (config.get("disks").map(plain), disks_sr) {
        let uuid = plain(&run.call("SR.get_uuid", [sr]).await?);
        run.call("VM.remove_from_other_config", [vm.clone(), "disks".into()]).await?;
        let disks = with_sr(&disks, &uuid);
        run.call("VM.add_to_other_config", [vm.clone(), "disks".into(), disks.into()]).await?;
    }
    vendor_device(run, vm).await?;
    run.call("VM.provision", [vm.clone()]).await?;
    if run.args.has("copy-bios-strings-from") {
        let host = run.object("host", "copy-bios-strings-from").await?;
        run.call("VM.copy_bios_strings", [vm.clone(), host]).await?;
    }
    Ok(())
}

/// The vendor's PCI device, when the template asks for it and the pool allows it.
async fn vendor_device(run: &mut Run<'_>, vm: &Value) -> Outcome {
    let recommendations = plain(&run.call("VM.get_recommendations", [vm.clone()]).await?);
    let wanted = recommendations.split('<').any(|tag| {
        tag.starts_with("restriction")
            && tag.contains("field=\"has-vendor-device\"")
            && tag.contains("value=\"true\"")
    });
    let pool = pool(run).await?;
    let wanted = wanted && run.call("pool.get_policy_no_vendor_device", [pool]).await? == Value::Bool(false);
    match run.call("VM.set_has_vendor_device", [vm.clone(), wanted.into()]).await {
        Err(Fault::Api(failure)) if failure.code == "LICENCE_RESTRICTION" => {
            run.perr("Note: the licence does not allow the vendor device; the VM is installed without it.")
                .await
        }
        other => other.map(drop),
    }
}

/// The disks description with the `sr` of every `<disk>` replaced.
fn with_sr(disks: &str, uuid: &str) -> String {
    let mut out = String::new();
    for (at, piece) in disks.split('<').enumerate() {
        if at > 0 {
            out.push('<');
        }
        let value = piece.starts_with("disk ").then(|| piece.find(" sr=")).flatten().and_then(|start| {
            let start = start + 4;
            let quote = piece[start..].chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let end = start + 1 + piece[start + 1..].find(quote)?;
            Some((start + 1, end))
        });
        match value {
            Some((start, end)) => {
                out.push_str(&piece[..start]);
                out.push_str(uuid);
                out.push_str(&piece[end..]);
            }
            None => out.push_str(piece),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_go_to_the_sr() {
        let text = r#"<provision><disk device="0" size="8" sr="" bootable="true"/><disk sr='x' type="system"></disk></provision>"#;
        let expected = r#"<provision><disk device="0" size="8" sr="u" bootable="true"/><disk sr='u' type="system"></disk></provision>"#;
        assert_eq!(with_sr(text, "u"), expected);
        assert_eq!(with_sr("<disks/>", "u"), "<disks/>");
    }
}
