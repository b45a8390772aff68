//! `host-*`: what needs more than one call.

use xapi_schema::Value;

use super::{calls::map_pairs, file, this_host};
use crate::{
    fault::{Fault, Outcome, command, not_found},
    generated::{chooser, pairs},
    output::Pairs,
    render::plain,
    run::Run,
    select::{Done, Select},
    table::record,
    tasks::{Way, query, transfer},
};

/// Runs a command of this file; false when it is not one.
pub(super) async fn run(run: &mut Run<'_>) -> Outcome<bool> {
    match run.args.command.as_str() {
        "host-enable" => enable(run).await?,
        "host-apply-updates" => apply_updates(run).await?,
        "host-forget" => {
            let warning = [
                "WARNING: A host should only be forgotten if it is physically unrecoverable;",
                "WARNING: if possible, eject it from the pool instead.",
                "WARNING: Once a host has been forgotten it will have to be re-installed.",
                "WARNING: This operation is irreversible.",
            ];
            doom(run, &warning, "host.destroy").await?;
        }
        "host-declare-dead" => {
            let warning = [
                "WARNING: A host should only be declared dead if it is verified offline.",
                "WARNING: Otherwise its VMs may run twice and destroy their disks.",
                "WARNING: This operation is irreversible.",
            ];
            doom(run, &warning, "host.declare_dead").await?;
        }
        "host-get-vms-which-prevent-evacuation" => preventing_evacuation(run).await?,
        "host-retrieve-wlb-evacuate-recommendations" => {
            let host = run.object("host", "uuid").await?;
            let found = run.call("host.retrieve_wlb_evacuate_recommendations", [host]).await?;
            recommendations(run, "VM", "[Host, RecID] / Error", "VM", &found, false).await?;
        }
        "pool-retrieve-wlb-recommendations" => {
            let found = run.call("pool.retrieve_wlb_recommendations", []).await?;
            recommendations(run, "VM", "Host, OptID, RecID, Reason", "VM", &found, false).await?;
        }
        "vm-retrieve-wlb-recommendations" => wlb_for_vm(run).await?,
        "host-get-cpu-features" => {
            let host = host_or_this(run, "uuid").await?;
            let info = run.call("host.get_cpu_info", [host]).await?;
            let keys = ["features_pv", "features_hvm", "features_pv_host", "features_hvm_host"];
            run.table(vec![only(&info, &keys)]).await?;
        }
        "pool-get-cpu-features" => {
            let pool = super::pool_or(run, "uuid").await?;
            let info = run.call("pool.get_cpu_info", [pool]).await?;
            run.table(vec![only(&info, &["features_pv_host", "features_hvm_host"])]).await?;
        }
        "host-server-certificate-install" => certificate(run).await?,
        "host-license-view" => {
            let host = host_or_this(run, "host-uuid").await?;
            let mut params = map_pairs(&run.call("host.get_license_params", [host]).await?);
            params.retain(|(key, _)| key != "sku_type");
            run.table(vec![params]).await?;
        }
        "host-license-add" => license_add(run).await?,
        "host-ha-xapi-healthcheck" => match run.call("host.ha_xapi_healthcheck", []).await {
            Ok(Value::Bool(true)) => run.raw("xapi is healthy.").await?,
            _ => return Err(Fault::Stderr("xapi has reported that it is in a failed state.\n".into(), 3)),
        },
        "host-crashdump-upload" => {
            let dump = run.object("host_crashdump", "uuid").await?;
            let options =
                Value::map(run.args.params.iter().filter(|(k, _)| k != "uuid" && k != "url").map(texts));
            run.call("host_crashdump.upload", [dump, run.text("url"), options]).await?;
        }
        "host-bugreport-upload" => {
            let options =
                Value::map(run.args.params.iter().filter(|(k, _)| k != "host" && k != "url").map(texts));
            let url = run.text("url");
            each(run, Select::hosts(&["url", "http_proxy"]), "host.bugreport_upload", vec![url, options])
                .await?;
        }
        "host-enable-external-auth" => {
            need_force(run)?;
            let host = run.object("host", "host-uuid").await?;
            let args = [host, run.map("config"), run.text("service-name"), run.text("auth-type")];
            run.call("host.enable_external_auth", args).await?;
        }
        "host-disable-external-auth" => {
            need_force(run)?;
            let host = run.object("host", "host-uuid").await?;
            run.call("host.disable_external_auth", [host, run.map("config"), true.into()]).await?;
        }
        "hostdriver-select" => driver_select(run).await?,
        "host-backup" => {
            let host = Select::hosts(&["file-name"]).one(run).await?;
            host_transfer(run, Way::Get, &host.arg(), "/host_backup", "", "host backup download").await?;
        }
        "host-restore" => {
            let host = Select::hosts(&["file-name"]).one(run).await?;
            host_transfer(run, Way::Put, &host.arg(), "/host_restore", "", "host backup upload").await?;
        }
        "host-logs-download" => {
            for host in Select::hosts(&["file-name"]).objects(run).await? {
                let label = "host logs download";
                host_transfer(run, Way::Get, &host.arg(), "/host_logs_download", "", label).await?;
            }
        }
        "host-get-system-status" => system_status(run).await?,
        "update-apply" => {
            let update = run.object("pool_update", "uuid").await?;
            let hosts = Select::hosts(&["uuid"]).objects(run).await?;
            let mut done = Done::of(&hosts);
            for host in &hosts {
                let outcome = run.call("pool_update.apply", [update.clone(), host.arg()]).await;
                done.add(host, outcome)?;
            }
            done.finish()?;
        }
        "update-precheck" => update_precheck(run).await?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn texts((key, value): &(String, String)) -> (String, Value) {
    (key.clone(), value.as_str().into())
}

fn need_force(run: &Run<'_>) -> Outcome {
    match run.args.has("force") {
        true => Ok(()),
        false => command(
            "This command changes one host of a pool only; use the pool's command. This operation must be forced (use --force).",
        ),
    }
}

/// The host a parameter names, or the session's.
async fn host_or_this(run: &Run<'_>, param: &str) -> Outcome<Value> {
    match run.args.has(param) {
        true => run.object("host", param).await,
        false => this_host(run).await,
    }
}

fn only(info: &Value, keys: &[&str]) -> Pairs {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), info.get(key).map(plain)?))).collect()
}

async fn each(run: &mut Run<'_>, select: Select, method: &str, more: Vec<Value>) -> Outcome<Vec<Value>> {
    let hosts = select.objects(run).await?;
    let mut done = Done::of(&hosts);
    for host in &hosts {
        let args = std::iter::once(host.arg()).chain(more.iter().cloned());
        let outcome = run.call(method, args.collect::<Vec<_>>()).await;
        done.add(host, outcome)?;
    }
    done.finish()
}

async fn enable(run: &mut Run<'_>) -> Outcome {
    let hosts = Select::hosts(&[]).objects(run).await?;
    let mut done = Done::of(&hosts);
    for host in &hosts {
        let outcome = async {
            run.call("host.remove_from_other_config", [host.arg(), "MAINTENANCE_MODE".into()]).await?;
            run.call("host.enable", [host.arg()]).await
        }
        .await;
        done.add(host, outcome)?;
    }
    done.finish()?;
    Ok(())
}

async fn apply_updates(run: &mut Run<'_>) -> Outcome {
    let host = Select::hosts(&["hash"]).one(run).await?;
    let guidance = run.call("host.apply_updates", [host.arg(), run.text("hash")]).await?;
    for line in guidance.as_set().unwrap_or_default() {
        run.msg(plain(line)).await?;
    }
    Ok(())
}

/// Warns, asks and does something to a host that cannot be undone.
async fn doom(run: &mut Run<'_>, warning: &[&str], method: &str) -> Outcome {
    let host = run.object("host", "uuid").await?;
    if !run.flag("force")? {
        for line in warning {
            run.raw(*line).await?;
        }
        if !run.confirm().await? {
            return Ok(());
        }
    }
    run.call(method, [host]).await?;
    Ok(())
}

async fn preventing_evacuation(run: &mut Run<'_>) -> Outcome {
    let host = run.object("host", "uuid").await?;
    let found = run.call("host.get_vms_which_prevent_evacuation", [host]).await?;
    let def = record("vm").ok_or_else(not_found)?;
    let chosen = chooser(run.args.get("params"), &["uuid", "name-label"]);
    let reason_too = run.args.get("params").is_none_or(|p| p == "all" || p.split(',').any(|p| p == "reason"));
    let mut records = Vec::new();
    for (vm, error) in found.as_map().unwrap_or_default() {
        let object = run.reader.object(def, vm).await?;
        let mut record = pairs(&run.reader, &object, true, &chosen).await?;
        if reason_too {
            let texts: Vec<String> = error.as_set().unwrap_or_default().iter().map(plain).collect();
            record.push(("reason ( RO)".into(), texts.join(",")));
        }
        records.push(record);
    }
    run.table(records).await
}

/// A table of objects and the words said about each.
async fn recommendations(
    run: &mut Run<'_>,
    title: &str,
    columns: &str,
    class: &str,
    found: &Value,
    name_first: bool,
) -> Outcome {
    let mut record: Pairs = vec![(title.into(), columns.into())];
    for (reference, words) in found.as_map().unwrap_or_default() {
        let uuid = run.reader.uuid(class, reference).await.unwrap_or_default();
        let name = run.reader.name_label(class, reference).await.unwrap_or_default();
        let words: Vec<String> = words.as_set().unwrap_or_default().iter().map(plain).collect();
        let label = if name_first { format!("{name}({uuid})") } else { format!("{uuid} ({name})") };
        record.push((label, words.join(" ")));
    }
    run.table(vec![record]).await
}

async fn wlb_for_vm(run: &mut Run<'_>) -> Outcome {
    let mut vms = Select::vms(&[]).matching(run).await?;
    if vms.len() > 1 {
        return command("Multiple VMs found. Recommendations are given for one VM at a time.");
    }
    let Some(vm) = vms.pop() else { return command("No matching VMs found") };
    let found = run.call("VM.retrieve_wlb_recommendations", [vm.arg()]).await?;
    recommendations(run, "Host(Uuid)", "Stars, RecID, ZeroScoreReason", "host", &found, true).await
}

async fn certificate(run: &mut Run<'_>) -> Outcome {
    if run.args.params.iter().filter(|(name, _)| name == "certificate-chain").count() > 1 {
        return command("The certificate chain can be given once only");
    }
    let (certificate, key) = (run.args.text("certificate"), run.args.text("private-key"));
    let certificate = file(run, &certificate, "certificate").await?;
    let key = file(run, &key, "private key").await?;
    let chain = match run.args.get("certificate-chain").map(str::to_owned) {
        Some(path) => file(run, &path, "certificate chain").await?,
        None => String::new(),
    };
    let host = Select::hosts(&["certificate", "private-key", "certificate-chain"]).one(run).await?;
    let args = [host.arg(), certificate.into(), key.into(), chain.into()];
    run.call("host.install_server_certificate", args).await?;
    Ok(())
}

async fn license_add(run: &mut Run<'_>) -> Outcome {
    let host = host_or_this(run, "host-uuid").await?;
    let path = run.args.text("license-file");
    let Some(bytes) = run.load(&path).await? else {
        return Err(Fault::Stderr("Failed to read license file.\n".into(), 1));
    };
    match run.call("host.license_add", [host, base64(&bytes).into()]).await {
        Ok(_) => run.raw("License applied.").await,
        Err(Fault::Wire(error)) => Err(Fault::Wire(error)),
        Err(_) => Err(Fault::Stderr("Failed to apply license file.\n".into(), 1)),
    }
}

/// Base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            match at <= chunk.len() {
                true => text.push(char::from(LETTERS[(group >> (18 - 6 * at)) as usize & 63])),
                false => text.push('='),
            }
        }
    }
    text
}

async fn driver_select(run: &mut Run<'_>) -> Outcome {
    let driver = run.object("Host_driver", "uuid").await?;
    let name = run.args.text("variant-name");
    let variants = run.call("Host_driver.get_variants", [driver.clone()]).await?;
    for variant in variants.as_set().unwrap_or_default() {
        let found = run.call("Driver_variant.get_record", [variant.clone()]).await?;
        if found.get("name").and_then(Value::as_str) == Some(name.as_str()) {
            run.call("Host_driver.select", [driver, variant.clone()]).await?;
            return Ok(());
        }
    }
    command(format!("{name} does not identify a variant of this driver"))
}

/// Where a host serves its own transfers: in front of the path unless it is the master.
async fn address_of(run: &Run<'_>, host: &Value) -> Outcome<String> {
    let pool = super::pool(run).await?;
    if run.call("pool.get_master", [pool]).await? == *host {
        return Ok(String::new());
    }
    let address = run.call("host.get_address", [host.clone()]).await?;
    Ok(format!("https://{}", plain(&address)))
}

async fn host_transfer(
    run: &mut Run<'_>,
    way: Way,
    host: &Value,
    at: &str,
    more: &str,
    label: &str,
) -> Outcome {
    let server = address_of(run, host).await?;
    let name = match run.args.get("file-name").or(run.args.get("filename")) {
        Some(name) => name.to_owned(),
        None => return command("Required parameter not found: file-name"),
    };
    let path = |session: &str, task: &str| format!("{server}{at}?session_id={session}{more}&task_id={task}");
    transfer(run, way, &name, label, &path).await?;
    Ok(())
}

async fn system_status(run: &mut Run<'_>) -> Outcome {
    let output = run.args.get("output").unwrap_or("tar.bz2").to_owned();
    if !matches!(output.as_str(), "tar.bz2" | "tar" | "zip") {
        return command("Parameter output must be tar.bz2, tar or zip");
    }
    let more = format!("&entries={}&output={output}", query(&run.args.text("entries")));
    for host in Select::hosts(&["filename", "entries", "output"]).objects(run).await? {
        host_transfer(run, Way::Get, &host.arg(), "/system-status", &more, "system-status download").await?;
    }
    Ok(())
}

async fn update_precheck(run: &mut Run<'_>) -> Outcome {
    let update = run.object("pool_update", "uuid").await?;
    let hosts = Select::hosts(&["uuid"]).objects(run).await?;
    let mut done = Done::of(&hosts);
    for host in &hosts {
        let outcome = run.call("pool_update.precheck", [update.clone(), host.arg()]).await;
        done.add(host, outcome)?;
    }
    let statuses = done.finish()?;
    let lines = statuses.iter().map(plain).map(|status| match status.as_str() {
        "ok_livepatch_complete" => "Ok: the live patch is complete, no reboot is needed.",
        "ok_livepatch_incomplete" => "Ok: the live patch is incomplete, the host must be rebooted.",
        _ => "Ok.",
    });
    let lines: Vec<&str> = lines.collect();
    run.list(lines).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads() {
        for (plain, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }
}
