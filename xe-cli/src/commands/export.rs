//! Moving VMs in and out through files: export, import; and downloads of the same kind.

use xapi_schema::Value;

use super::{default_sr, snapshot};
use crate::{
    fault::{Fault, Outcome, command},
    render::plain,
    run::Run,
    select::{Done, Select},
    tasks::{Way, download, query, transfer},
};

/// Runs a command of this file; false when it is not one.
pub(super) async fn run(run: &mut Run<'_>) -> Outcome<bool> {
    match run.args.command.as_str() {
        "vm-export" => vm_export(run).await?,
        "template-export" => {
            let vm = run.object("VM", "template-uuid").await?;
            if run.call("VM.get_is_a_template", [vm.clone()]).await? != Value::Bool(true) {
                return snapshot::wrong_kind(&run.args.text("template-uuid"), "template");
            }
            export(run, &vm, &run.args.text("filename")).await?;
        }
        "snapshot-export-to-template" => {
            let vm = run.object("VM", "snapshot-uuid").await?;
            if run.call("VM.get_is_a_snapshot", [vm.clone()]).await? != Value::Bool(true) {
                return snapshot::wrong_kind(&run.args.text("snapshot-uuid"), "snapshot");
            }
            export(run, &vm, &run.args.text("filename")).await?;
        }
        "vm-import" => vm_import(run).await?,
        "audit-log-get" => audit_log(run).await?,
        "pool-retrieve-wlb-report" => {
            let name = run.args.text("report");
            let mut more = format!("report={}", query(&name));
            for (key, value) in run.args.others(&["report", "filename"]) {
                more.push_str(&format!("&{}={}", query(&key), query(&value)));
            }
            fetch(run, "/wlb_report", &more, "Report generation", "Report generation").await?;
        }
        "pool-retrieve-wlb-diagnostics" => {
            fetch(run, "/wlb_diagnostics", "", "WLB diagnostics download", "WLB diagnostics download")
                .await?;
        }
        "blob-get" | "blob-put" => blob(run).await?,
        _ => return Ok(false),
    }
    Ok(true)
}

async fn vm_export(run: &mut Run<'_>) -> Outcome {
    let ignore = &[
        "filename",
        "metadata",
        "compress",
        "preserve-power-state",
        "include-snapshots",
        "excluded-device-types",
    ];
    let vms = Select::vms(ignore).objects(run).await?;
    let mut done = Done::of(&vms);
    for (at, vm) in vms.iter().enumerate() {
        let mut file = run.args.text("filename");
        if at > 0 {
            file.push_str(&(at + 1).to_string());
        }
        let outcome = export(run, &vm.arg(), &file).await;
        done.add(vm, outcome)?;
    }
    done.finish()?;
    Ok(())
}

async fn export(run: &mut Run<'_>, vm: &Value, file: &str) -> Outcome {
    let metadata = run.flag("metadata")?;
    let compression = match run.args.get("compress").map(str::to_lowercase).as_deref() {
        None => "false",
        Some("gzip") => "gzip",
        Some("zstd") => "zstd",
        Some(text) => match crate::values::boolean("compress", text)? {
            true => "gzip",
            false => "false",
        },
    };
    let (power, snapshots) = (run.flag("preserve-power-state")?, run.flag("include-snapshots")?);
    let uuid = run.call("VM.get_uuid", [vm.clone()]).await?;
    let task = run.call("task.create", ["Export of VM".into(), uuid]).await?;
    let at = if metadata { "/export_metadata" } else { "/export" };
    let mut path = format!(
        "{at}?session_id={}&task_id={}&ref={}&use_compression={compression}&preserve_power_state={power}&export_snapshots={snapshots}",
        run.api.session(),
        plain(&task),
        plain(vm),
    );
    if metadata {
        path.push_str(&format!("&excluded_device_types={}", run.args.text("excluded-device-types")));
    }
    download(run, task, file, "Export", path).await
}

async fn vm_import(run: &mut Run<'_>) -> Outcome {
    let sr = match run.args.has("sr-uuid") {
        true => run.object("SR", "sr-uuid").await?,
        false => match default_sr(run).await? {
            Some(sr) => sr,
            None => return command("No SR specified and Pool default SR is null"),
        },
    };
    let (preserve, metadata) = (run.flag("preserve")?, run.flag("metadata")?);
    let (force, dry_run) = (run.flag("force")?, run.flag("dry-run")?);
    let (url, filename) = (run.args.get("url"), run.args.get("filename"));
    if url.is_some() && filename.is_some() {
        return Err(Fault::Stderr("Give either filename or url, not both\n".into(), 1));
    }
    match run.args.get("type").map(str::to_lowercase).as_deref() {
        None | Some("default" | "xenserver") => {}
        Some("esxserver" | "virtualcenter" | "hypervserver") => {
            let args = [
                run.text("type"),
                run.text("host-username"),
                run.text("host-password"),
                sr,
                run.map("remote-config"),
            ];
            run.call("VM.import_convert", args).await?;
            return Ok(());
        }
        Some(_) => {
            let kind = run.args.text("type");
            return Err(xapi_schema::errors::INVALID_VALUE.with(["type".to_owned(), kind]).into());
        }
    }
    let imported = if let Some(url) = url {
        let args = [url.into(), sr, preserve.into(), force.into()];
        let vms = run.call("VM.import", args).await?;
        vms.as_set().unwrap_or_default().iter().map(plain).collect()
    } else {
        let Some(filename) = filename else {
            return command("Required parameter not found: filename");
        };
        if dry_run && !metadata {
            return Err(Fault::Stderr("Only an import of metadata can be a dry run\n".into(), 1));
        }
        let file = match filename.to_lowercase().strip_suffix("ova.xml") {
            Some(start) => filename.get(..start.len()).unwrap_or(filename).to_owned(),
            None => filename.to_owned(),
        };
        let at = if metadata { "/import_metadata" } else { "/import" };
        let mut more = format!("restore={preserve}&force={force}&dry_run={dry_run}&sr_id={}", plain(&sr));
        for (key, value) in run.args.map("vdi") {
            more.push_str(&format!("&vdi:{key}={value}"));
        }
        let path = |session: &str, task: &str| format!("{at}?session_id={session}&task_id={task}&{more}");
        let result = transfer(run, Way::Put, &file, "VM import", &path).await?;
        references(&plain(&result))
    };
    if imported.is_empty() && dry_run {
        return run.raw("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx").await;
    }
    let mut uuids = Vec::new();
    for vm in imported {
        uuids.push(plain(&run.call("VM.get_uuid", [vm.into()]).await?));
    }
    run.raw(uuids.join(",")).await
}

/// The references in a task's result, whatever surrounds them.
pub(super) fn references(result: &str) -> Vec<String> {
    let starts = result.match_indices("OpaqueRef:").map(|(at, _)| at);
    let end = |text: &str| {
        text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, ':' | '-'))).unwrap_or(text.len())
    };
    starts.map(|at| result[at..][..end(&result[at..])].to_owned()).collect()
}

/// The older kind of download with a task of its own.
async fn fetch(run: &mut Run<'_>, at: &str, more: &str, task: &str, label: &str) -> Outcome {
    let file = run.args.text("filename");
    let task = run.call("task.create", [task.into(), Value::EMPTY]).await?;
    let mut path = format!("{at}?session_id={}&task_id={}", run.api.session(), plain(&task));
    if !more.is_empty() {
        path.push_str(&format!("&{more}"));
    }
    download(run, task, &file, label, path).await
}

async fn audit_log(run: &mut Run<'_>) -> Outcome {
    let file = run.args.text("filename");
    let (label, more) = match run.args.get("since") {
        Some(since) => {
            let end =
                since.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= 255).last();
            let since = since.get(..end.unwrap_or_default()).unwrap_or_default();
            (format!("audit-log-get (since \"{since}\") into file {file}"), format!("since={}", query(since)))
        }
        None => (format!("audit-log-get into file {file}"), String::new()),
    };
    fetch(run, "/audit_log", &more, &label, &label).await
}

async fn blob(run: &mut Run<'_>) -> Outcome {
    let blob = plain(&run.object("blob", "uuid").await?);
    let file = run.args.text("filename");
    let (label, put) = match run.args.command.as_str() {
        "blob-put" => ("Blob put", true),
        _ => ("Blob get", false),
    };
    let path = |session: &str, task: &str| format!("/blob?session_id={session}&task_id={task}&ref={blob}");
    transfer(run, if put { Way::Put } else { Way::Get }, &file, label, &path).await?;
    run.raw(format!("{label} succeeded")).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_in_any_wrapping() {
        let text = "<value><array><data><value>OpaqueRef:a-1</value><value>OpaqueRef:b</value></data></array></value>";
        assert_eq!(references(text), ["OpaqueRef:a-1", "OpaqueRef:b"]);
        assert!(references("<value/>").is_empty());
    }
}
