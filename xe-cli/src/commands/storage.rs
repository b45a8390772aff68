//! SRs, VDIs and VBDs: what needs more than one call.

use std::time::Duration;

use xapi_schema::{DateTime, NULL_REF, Value, errors};

use super::{
    disk::{put, vbd},
    pool,
};
use crate::{
    fault::{Fault, Outcome, command},
    output::Pairs,
    render::plain,
    run::Run,
    tasks::{Way, transfer},
    values,
};

/// Runs a command of this file; false when it is not one.
pub(super) async fn run(run: &mut Run<'_>) -> Outcome<bool> {
    match run.args.command.as_str() {
        "sr-create" => sr_create(run).await?,
        "sr-introduce" => sr_introduce(run).await?,
        "sr-probe" => sr_probe(run).await?,
        "sr-probe-ext" => sr_probe_ext(run).await?,
        "vdi-create" => vdi_create(run).await?,
        "vdi-introduce" => vdi_introduce(run).await?,
        "vdi-clone" => vdi_clone(run).await?,
        "vdi-copy" => vdi_copy(run).await?,
        "vdi-pool-migrate" => vdi_pool_migrate(run).await?,
        "vdi-resize" => vdi_resize(run).await?,
        "vdi-import" => vdi_transfer(run, Way::Put).await?,
        "vdi-export" => vdi_transfer(run, Way::Get).await?,
        "vbd-create" => vbd_create(run).await?,
        "vbd-unplug" => vbd_unplug(run).await?,
        _ => return Ok(false),
    }
    Ok(true)
}

async fn pool_master(run: &Run<'_>) -> Outcome<Value> {
    let pool = pool(run).await?;
    run.call("pool.get_master", [pool]).await
}

/// `device-config:` pairs; a key ending in `-filename` takes the content of the client's file.
async fn device_config(run: &mut Run<'_>) -> Outcome<Value> {
    let mut pairs: Vec<(String, Value)> = Vec::new();
    for (key, value) in run.args.map("device-config") {
        let Some(key) = key.strip_suffix("-filename") else {
            pairs.push((key, value.into()));
            continue;
        };
        match run.load(&value).await? {
            Some(bytes) => pairs.push((key.into(), String::from_utf8_lossy(&bytes).into_owned().into())),
            None => {
                run.err(format!("File not found: {value}")).await?;
                return command("File not found");
            }
        }
    }
    Ok(Value::map(pairs))
}

async fn sr_create(run: &mut Run<'_>) -> Outcome {
    let shared = run.flag("shared")?;
    let host = match run.args.has("host-uuid") {
        true => run.object("host", "host-uuid").await?,
        false => {
            let hosts = run.call("host.get_all", []).await?;
            if !shared && hosts.as_set().map_or(0, <[Value]>::len) != 1 {
                return command("Required parameter not found: host-uuid");
            }
            pool_master(run).await?
        }
    };
    let size = run.args.get("physical-size").and_then(values::parse_size).unwrap_or_default();
    let config = device_config(run).await?;
    let args = [
        host,
        config,
        size.into(),
        run.text("name-label"),
        run.text("name-description"),
        run.text("type"),
        run.text("content-type"),
        shared.into(),
        run.map("sm-config"),
    ];
    let sr = run.call("SR.create", args).await?;
    let uuid = run.call("SR.get_uuid", [sr]).await?;
    run.raw(plain(&uuid)).await
}

async fn sr_introduce(run: &mut Run<'_>) -> Outcome {
    let shared = run.flag("shared")?;
    let args = [
        run.text("uuid"),
        run.text("name-label"),
        run.text("name-description"),
        run.text("type"),
        run.text("content-type"),
        shared.into(),
        run.map("sm-config"),
    ];
    run.call("SR.introduce", args).await?;
    run.line(run.args.text("uuid")).await
}

async fn sr_probe(run: &mut Run<'_>) -> Outcome {
    let found = plain(&probe(run, "SR.probe").await?);
    run.line(found).await
}

async fn probe(run: &mut Run<'_>, method: &str) -> Outcome<Value> {
    let host = match run.args.has("host-uuid") {
        true => run.object("host", "host-uuid").await?,
        false => pool_master(run).await?,
    };
    let config = device_config(run).await?;
    run.call(method, [host, config, run.text("type"), run.map("sm-config")]).await
}

/// `sr-probe-ext`: SRs first, then what would do to make one, then what leads further; each group from its end.
async fn sr_probe_ext(run: &mut Run<'_>) -> Outcome {
    let found = probe(run, "SR.probe_ext").await?;
    let is = |result: &Value, member: &str| result.get(member) == Some(&Value::Bool(true));
    let (mut srs, mut complete, mut incomplete) = (Vec::new(), Vec::new(), Vec::new());
    for result in found.as_set().unwrap_or_default().iter().rev() {
        match result.get("sr").and_then(Value::as_map).is_some_and(|sr| !sr.is_empty()) {
            true => srs.push(result),
            false if is(result, "complete") => complete.push(result),
            false => incomplete.push(result),
        }
    }
    let pairs = |result: &Value, member: &str| match result.get(member).and_then(Value::as_map) {
        Some(map) => map.iter().map(|(key, value)| (key.to_string(), plain(value))).collect(),
        None => Pairs::new(),
    };
    if !srs.is_empty() {
        run.msg("The following SRs were found:").await?;
    }
    for (at, result) in srs.into_iter().enumerate() {
        run.msg(format!("SR {at}:")).await?;
        let sr = result.get("sr");
        let members =
            ["uuid", "name_label", "name_description", "total_space", "free_space", "clustered", "health"];
        let known = members.iter().filter_map(|name| Some((name.replace('_', "-"), plain(sr?.get(name)?))));
        run.table(vec![known.collect()]).await?;
        run.msg(format!("SR {at} configuration:")).await?;
        run.table(vec![pairs(result, "configuration")]).await?;
        run.msg(format!("SR {at} extra information:")).await?;
        run.table(vec![pairs(result, "extra_info")]).await?;
    }
    for (heading, group) in [
        ("Configurations that an SR can be made with:", complete),
        ("Configurations to probe further with:", incomplete),
    ] {
        if !group.is_empty() {
            run.msg(heading).await?;
        }
        for (at, result) in group.into_iter().enumerate() {
            run.msg(format!("Configuration {at}:")).await?;
            run.table(vec![pairs(result, "configuration")]).await?;
            run.msg(format!("Configuration {at} extra information:")).await?;
            run.table(vec![pairs(result, "extra_info")]).await?;
        }
    }
    Ok(())
}

fn vdi_type(run: &Run<'_>) -> Outcome<String> {
    match run.args.get("type") {
        None => Ok("user".into()),
        Some(kind @ ("system" | "user" | "suspend" | "crashdump")) => Ok(kind.into()),
        Some(other) => command(format!("Unknown vdi type: {other}")),
    }
}

async fn vdi_create(run: &mut Run<'_>) -> Outcome {
    let sr = run.object("SR", "sr-uuid").await?;
    let size = run.size("virtual-size")?;
    let kind = vdi_type(run)?;
    let sharable = run.flag("sharable")?;
    let tags = run.args.map("tags").into_iter().map(|(tag, _)| Value::from(tag));
    let members = [
        ("name_label", run.text("name-label")),
        ("name_description", Value::EMPTY),
        ("SR", sr),
        ("virtual_size", size.into()),
        ("type", kind.into()),
        ("sharable", sharable.into()),
        ("read_only", false.into()),
        ("other_config", Value::map::<&str>([])),
        ("xenstore_data", Value::map::<&str>([])),
        ("sm_config", run.map("sm-config")),
        ("tags", Value::set(tags)),
    ];
    let vdi = run.call("VDI.create", [Value::map(members)]).await?;
    run.uuid_of("VDI", vdi).await
}

async fn vdi_introduce(run: &mut Run<'_>) -> Outcome {
    let sr = run.object("SR", "sr-uuid").await?;
    let kind = vdi_type(run)?;
    let (sharable, read_only) = (run.flag("sharable")?, run.flag("read-only")?);
    let managed = run.flag("managed")?;
    let no_map = || Value::map::<&str>([]);
    let args = [
        run.text("uuid"),
        run.text("name-label"),
        run.text("name-description"),
        sr,
        kind.into(),
        sharable.into(),
        read_only.into(),
        no_map(),
        run.text("location"),
        no_map(),
        run.map("sm-config"),
        managed.into(),
        0.into(),
        0.into(),
        NULL_REF.into(),
        false.into(),
        Value::Time(DateTime::EPOCH),
        NULL_REF.into(),
    ];
    let vdi = run.call("VDI.introduce", args).await?;
    run.uuid_of("VDI", vdi).await
}

async fn vdi_clone(run: &mut Run<'_>) -> Outcome {
    let vdi = run.object("VDI", "uuid").await?;
    let clone = run.call("VDI.clone", [vdi, run.map("driver-params")]).await?;
    if run.args.has("new-name-label") {
        run.call("VDI.set_name_label", [clone.clone(), run.text("new-name-label")]).await?;
    }
    if run.args.has("new-name-description") {
        let text = run.text("new-name-description");
        run.call("VDI.set_name_description", [clone.clone(), text]).await?;
    }
    run.uuid_of("VDI", clone).await
}

async fn vdi_copy(run: &mut Run<'_>) -> Outcome {
    let vdi = run.object("VDI", "uuid").await?;
    let base = run.object_or_null("VDI", "base-vdi-uuid").await?;
    if run.args.has("sr-uuid") == run.args.has("into-vdi-uuid") {
        return command("Give exactly one of sr-uuid and into-vdi-uuid");
    }
    let sr = run.object_or_null("SR", "sr-uuid").await?;
    let into = run.object_or_null("VDI", "into-vdi-uuid").await?;
    let copy = run.call("VDI.copy", [vdi, sr, base, into]).await?;
    run.uuid_of("VDI", copy).await
}

async fn vdi_pool_migrate(run: &mut Run<'_>) -> Outcome {
    let vdi = run.object("VDI", "uuid").await?;
    let sr = run.object("SR", "sr-uuid").await?;
    let format = run.args.get("dest-img-format").map(|text| ("dest-img-format", Value::from(text)));
    let moved = run.call("VDI.pool_migrate", [vdi, sr, Value::map(format)]).await?;
    run.uuid_of("VDI", moved).await
}

async fn vdi_resize(run: &mut Run<'_>) -> Outcome {
    let vdi = run.object("VDI", "uuid").await?;
    let size = run.size("disk-size")?;
    let method = if run.args.get("online") == Some("true") { "VDI.resize_online" } else { "VDI.resize" };
    run.call(method, [vdi, size.into()]).await?;
    Ok(())
}

async fn vdi_transfer(run: &mut Run<'_>, way: Way) -> Outcome {
    let vdi = plain(&run.object("VDI", "uuid").await?);
    let (label, at) = match way {
        Way::Put => ("VDI import", "/import_raw_vdi"),
        Way::Get => ("VDI export", "/export_raw_vdi"),
    };
    let mut more = String::new();
    if let Some(format) = run.args.get("format") {
        more.push_str(&format!("&format={}", crate::tasks::query(format)));
    }
    if let (Way::Get, Some(base)) = (way, run.args.get("base")) {
        more.push_str(&format!("&base={}", crate::tasks::query(base)));
    }
    let file = run.args.text("filename");
    let path =
        |session: &str, task: &str| format!("{at}?session_id={session}&task_id={task}&vdi={vdi}{more}");
    transfer(run, way, &file, label, &path).await?;
    Ok(())
}

async fn vbd_create(run: &mut Run<'_>) -> Outcome {
    let vm = run.object("VM", "vm-uuid").await?;
    let vdi = run.object_or_null("VDI", "vdi-uuid").await?;
    let bootable = run.flag("bootable")?;
    let mode = run.args.get("mode").map_or_else(|| "rw".into(), str::to_lowercase);
    let mode = match mode.as_str() {
        "ro" => "RO",
        "rw" => "RW",
        other => return command(format!("Unknown mode: {other} (should be \"ro\" or \"rw\")")),
    };
    let kind = run.args.get("type").map_or_else(|| "disk".into(), str::to_lowercase);
    let kind = match kind.as_str() {
        "cd" => "CD",
        "disk" => "Disk",
        "floppy" => "Floppy",
        other => {
            return command(format!("\"Unknown type: {other} (should be \"cd\", \"disk\" or \"floppy\")"));
        }
    };
    let unpluggable = run.flag_or("unpluggable", true)?;
    if !run.args.has("vdi-uuid") && kind != "CD" {
        return command("Empty VBDs can only be made for type=CD");
    }
    let mut members = vbd(vm, vdi, &run.args.text("device"), mode, kind);
    put(&mut members, "bootable", bootable.into());
    put(&mut members, "unpluggable", unpluggable.into());
    let vbd = run.call("VBD.create", [Value::map(members)]).await?;
    run.uuid_of("VBD", vbd).await
}

async fn vbd_unplug(run: &mut Run<'_>) -> Outcome {
    let vbd = run.object("VBD", "uuid").await?;
    let timeout = match run.args.get("timeout") {
        None => 0.0,
        Some(text) => match values::parse_float(text) {
            Some(seconds) => seconds,
            None => return command("Failed to parse parameter 'timeout': expecting a float"),
        },
    };
    let method = if run.flag("force")? { "VBD.unplug_force" } else { "VBD.unplug" };
    let fault = match run.call(method, [vbd.clone()]).await {
        Err(Fault::Api(failure)) if failure.is(&errors::DEVICE_DETACH_REJECTED) => failure,
        other => return other.map(drop),
    };
    let mut waited = 0.0;
    while waited < timeout {
        tokio::time::sleep(Duration::from_secs(5)).await;
        waited += 5.0;
        if run.call("VBD.get_currently_attached", [vbd.clone()]).await? == Value::Bool(false) {
            return Ok(());
        }
    }
    Err(fault.into())
}
