//! Commands of small nouns: subjects, sessions, callers, blobs, appliances, observers, diagnostics.

use xapi_schema::{NULL_REF, Value};

use super::{calls::map_pairs, file, first_given};
use crate::{
    fault::{Fault, Outcome, command, exception_text, internal_failure},
    output::Pairs,
    protocol::Command,
    render::{number, plain},
    run::Run,
    select::Select,
    table::record,
    values,
};

/// Runs a command of this file; false when it is not one.
pub(super) async fn run(run: &mut Run<'_>) -> Outcome<bool> {
    match run.args.command.as_str() {
        "appliance-shutdown" => {
            let appliance = run.object("VM_appliance", "uuid").await?;
            let how = if run.flag("force")? { "hard_shutdown" } else { "clean_shutdown" };
            run.call(&format!("VM_appliance.{how}"), [appliance]).await?;
        }
        "blob-create" => blob_create(run).await?,
        "caller-create" => caller_create(run).await?,
        "caller-list-usage" => caller_list_usage(run).await?,
        "caller-query-usage" => caller_query_usage(run).await?,
        "rate-limit-create" => rate_limit_create(run).await?,
        "observer-create" => observer_create(run).await?,
        "repository-introduce-remote-pool" => {
            let path = run.args.text("certificate-file");
            let certificate = file(run, &path, "certificate file").await?;
            let args = [
                run.text("name-label"),
                run.text("name-description"),
                run.text("binary-url"),
                certificate.into(),
            ];
            let repository = run.call("Repository.introduce_remote_pool", args).await?;
            run.uuid_of("Repository", repository).await?;
        }
        "subject-add" => {
            let name = run.text("subject-name");
            let identifier = run.call("auth.get_subject_identifier", [name]).await?;
            let members = [("subject_identifier", identifier), ("other_config", Value::map::<&str>([]))];
            let subject = run.call("subject.create", [Value::map(members)]).await?;
            run.uuid_of("subject", subject).await?;
        }
        "subject-role-add" => subject_role(run, "subject.add_to_roles").await?,
        "subject-role-remove" => subject_role(run, "subject.remove_from_roles").await?,
        "session-subject-identifier-list" => {
            let all = run.call("session.get_all_subject_identifiers", []).await?;
            let all = all.as_set().unwrap_or_default().iter();
            let records = all.map(|id| vec![("subject-identifier ( RO)".to_owned(), plain(id))]).collect();
            run.table(records).await?;
        }
        "session-subject-identifier-logout-all" => {
            let all = run.call("session.get_all_subject_identifiers", []).await?;
            for id in all.as_set().unwrap_or_default() {
                run.call("session.logout_subject_identifier", [id.clone()]).await?;
            }
        }
        "vtpm-create" => {
            let vm = run.object("VM", "vm-uuid").await?;
            let name = if run.args.has("is_unique") { "is_unique" } else { "is-unique" };
            let unique = run.flag(name)?;
            let vtpm = run.call("VTPM.create", [vm, unique.into()]).await?;
            run.uuid_of("VTPM", vtpm).await?;
        }
        "console" => console(run).await?,
        "diagnostic-db-stats" => {
            let stats = run.call("Diagnostics.db_stats", []).await?;
            let texts: Vec<String> = map_pairs(&stats).iter().map(|(k, v)| format!("{k}={v}")).collect();
            run.msg(format!("DB lock stats: {}", texts.join(" "))).await?;
        }
        "diagnostic-net-stats" => net_stats(run).await?,
        "diagnostic-timing-stats" => timing_stats(run).await?,
        "diagnostic-vm-status" => vm_status(run).await?,
        "diagnostic-vdi-status" => vdi_status(run).await?,
        _ => return Ok(false),
    }
    Ok(true)
}

async fn blob_create(run: &mut Run<'_>) -> Outcome {
    let kinds = [
        ("vm-uuid", "VM"),
        ("pool-uuid", "pool"),
        ("sr-uuid", "SR"),
        ("host-uuid", "host"),
        ("network-uuid", "network"),
    ];
    let public = run.flag("public")?;
    let Some((param, class)) = first_given(run, &kinds) else {
        return command("Need one of: vm-uuid, host-uuid, network-uuid, sr-uuid or pool-uuid");
    };
    let object = run.object(class, param).await?;
    let args = [object, run.text("name"), run.text("mime-type"), public.into()];
    let blob = run.call(&format!("{class}.create_new_blob"), args).await?;
    run.uuid_of("blob", blob).await
}

async fn caller_create(run: &mut Run<'_>) -> Outcome {
    let (agent, ip) = (run.text("user-agent"), run.text("client-ip"));
    if agent == Value::EMPTY && ip == Value::EMPTY {
        return command("Give user-agent, client-ip or both");
    }
    let members = [
        ("name_label", run.text("name-label")),
        ("name_description", run.text("name-description")),
        ("user_agent", agent),
        ("client_ip", ip),
    ];
    let caller = run.call("Caller.create", [Value::map(members)]).await?;
    let uuid = plain(&run.call("Caller.get_uuid", [caller]).await?);
    run.msg(uuid).await
}

async fn caller_list_usage(run: &mut Run<'_>) -> Outcome {
    let usage = run.call("Caller.query_all_usage", []).await?;
    let labels = ["uuid", "name-label", "tokens", "calls"];
    let record = |row: &Value| -> Pairs {
        let texts = row.as_set().unwrap_or_default().iter().map(plain);
        labels.iter().map(|label| (*label).to_owned()).zip(texts).collect()
    };
    let records = usage.as_set().unwrap_or_default().iter().map(record).collect();
    run.table(records).await
}

async fn caller_query_usage(run: &mut Run<'_>) -> Outcome {
    let (tokens, count) = match (run.args.get("uuid"), run.args.get("group")) {
        (Some(uuid), None) => {
            let caller = run.by_uuid("Caller", uuid).await?;
            (
                run.call("Caller.query_token_usage", [caller.clone()]).await?,
                run.call("Caller.query_call_count", [caller]).await?,
            )
        }
        (None, Some(group)) => (
            run.call("Caller.query_group_token_usage", [group.into()]).await?,
            run.call("Caller.query_group_call_count", [group.into()]).await?,
        ),
        _ => return command("Specify exactly one of uuid= or group="),
    };
    let tokens = number(&tokens).unwrap_or_default();
    let tokens = if tokens.fract() == 0.0 { format!("{tokens:.0}.") } else { format!("{tokens}") };
    run.table(vec![vec![("tokens".into(), tokens), ("call_count".into(), plain(&count))]]).await
}

async fn rate_limit_create(run: &mut Run<'_>) -> Outcome {
    let float = |name: &str| {
        values::parse_float(&run.args.text(name)).ok_or_else(|| internal_failure("float_of_string"))
    };
    let members = [
        ("name_label", run.text("name-label")),
        ("name_description", run.text("name-description")),
        ("burst_size", float("burst-size")?.into()),
        ("fill_rate", float("fill-rate")?.into()),
    ];
    let limit = run.call("Rate_limit.create", [Value::map(members)]).await?;
    if let Some(uuids) = run.args.get("caller-uuids") {
        for uuid in values::list(uuids) {
            let caller = run.by_uuid("Caller", uuid.trim()).await?;
            run.call("Rate_limit.add_caller", [limit.clone(), caller]).await?;
        }
    }
    let uuid = plain(&run.call("Rate_limit.get_uuid", [limit]).await?);
    run.msg(uuid).await
}

async fn observer_create(run: &mut Run<'_>) -> Outcome {
    let mut hosts = Vec::new();
    for uuid in run.args.get("host-uuids").map(values::list).unwrap_or_default() {
        hosts.push(run.by_uuid("host", &uuid).await?);
    }
    let attributes = run.args.text("attributes");
    let attributes = attributes.split(',').filter_map(|piece| {
        let (key, value) = piece.split_once(':')?;
        (!value.contains(':')).then(|| (key.to_owned(), Value::from(value)))
    });
    let list = |name: &str, default: &[&str]| match run.args.get(name) {
        Some(text) => Value::set(values::list(text).into_iter().map(Value::from)),
        None => Value::set(default.iter().map(|word| Value::from(*word))),
    };
    let members = [
        ("name_label", run.text("name-label")),
        ("name_description", run.text("name-description")),
        ("hosts", Value::set(hosts)),
        ("attributes", Value::map(attributes)),
        ("endpoints", list("endpoints", &["bugtool"])),
        ("components", list("components", &[])),
        ("enabled", run.flag("enabled")?.into()),
    ];
    let observer = run.call("Observer.create", [Value::map(members)]).await?;
    run.uuid_of("Observer", observer).await
}

async fn subject_role(run: &mut Run<'_>, method: &str) -> Outcome {
    let given = |name| run.args.get(name).filter(|text| !text.is_empty());
    let role = match (given("role-uuid"), given("role-name")) {
        (Some(_), Some(_)) => return command("Give either role-uuid or role-name, not both"),
        (None, None) => return command("Required parameter not found: role-uuid or role-name"),
        (Some(uuid), None) => run.by_uuid("role", uuid).await?,
        (None, Some(name)) => {
            let roles = run.call("role.get_by_name_label", [name.into()]).await?;
            roles.as_set().and_then(<[Value]>::first).cloned().unwrap_or(Value::from(NULL_REF))
        }
    };
    let subject = run.object("subject", "uuid").await?;
    run.call(method, [subject, role]).await?;
    Ok(())
}

async fn console(run: &mut Run<'_>) -> Outcome {
    let vms = Select::vms(&[]).control_domains().matching(run).await?;
    let vm = match &vms[..] {
        [] => return Err(Fault::Stderr("No VM found\n".into(), 1)),
        [one] => one,
        _ => return Err(Fault::Stderr("Multiple VMs found. Name one of them.\n".into(), 1)),
    };
    let mut found = None;
    for console in run.call("VM.get_consoles", [vm.arg()]).await?.as_set().unwrap_or_default() {
        if plain(&run.call("console.get_protocol", [console.clone()]).await?) == "vt100" {
            found = Some(console.clone());
            break;
        }
    }
    let Some(console) = found else { return Err(Fault::Stderr("No text console available\n".into(), 1)) };
    let location = plain(&run.call("console.get_location", [console]).await?);
    run.raw(format!("Connecting to console on VM {}. Press Ctrl + ']' to quit.", vm.text("name_label")))
        .await?;
    let path = format!("{location}&session_id={}", run.api.session());
    match run.transfer(Command::HttpConnect(path)).await? {
        true => Ok(()),
        false => command("Failure"),
    }
}

async fn net_stats(run: &mut Run<'_>) -> Outcome {
    let host = Select::hosts(&[]).one(run).await?;
    let rows = run.call("Diagnostics.network_stats", [host.arg(), Value::map::<&str>([])]).await?;
    let rows: Vec<Vec<String>> = rows
        .as_set()
        .unwrap_or_default()
        .iter()
        .map(|row| row.as_set().unwrap_or_default().iter().map(plain).collect())
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        run.msg(cells.join(" | ")).await?;
    }
    Ok(())
}

async fn timing_stats(run: &mut Run<'_>) -> Outcome {
    let counts = run.flag("counts")?;
    let mut records = Vec::new();
    let Some(def) = record("host") else { return Ok(()) };
    for host in run.reader.all(def).await? {
        let mut record: Pairs = vec![
            ("host-uuid".into(), host.uuid().to_owned()),
            ("host-name-label".into(), host.text("name_label").to_owned()),
        ];
        match run.call("host.get_diagnostic_timing_stats", [host.arg(), counts.into()]).await {
            Ok(stats) => {
                let mut stats = map_pairs(&stats);
                stats.sort();
                record.extend(stats);
            }
            Err(Fault::Api(failure)) => record.push(("Error".into(), exception_text(&failure))),
            Err(fault) => return Err(fault),
        }
        records.push(record);
    }
    run.table(records).await
}

/// The named fields of a VBD as a table.
async fn vbd_table(run: &mut Run<'_>, vbd: &str, fields: &[&str]) -> Outcome {
    let Some(def) = record("vbd") else { return Ok(()) };
    let vbd = run.reader.object(def, vbd).await?;
    let chosen = |field: &crate::table::FieldDef| fields.contains(&field.name);
    let pairs = crate::generated::pairs(&run.reader, &vbd, true, chosen).await?;
    run.table(vec![pairs]).await
}

async fn vm_status(run: &mut Run<'_>) -> Outcome {
    let Some(def) = record("vm") else { return Ok(()) };
    let reference = plain(&run.object("VM", "uuid").await?);
    let vm = run.reader.object(def, &reference).await?;
    let fields = ["uuid", "name-label", "power-state", "possible-hosts"];
    let chosen = |field: &crate::table::FieldDef| fields.contains(&field.name);
    let pairs = crate::generated::pairs(&run.reader, &vm, true, chosen).await?;
    run.table(vec![pairs]).await?;
    run.line("Checking to see whether disks are attachable").await?;
    let fields =
        ["uuid", "userdevice", "device", "vdi-uuid", "empty", "mode", "type", "storage-lock", "attachable"];
    for vbd in run.call("VM.get_VBDs", [vm.arg()]).await?.as_set().unwrap_or_default() {
        vbd_table(run, &plain(vbd), &fields).await?;
    }
    run.line("Checking to see whether VM can boot on each host").await?;
    let report = super::vm::boot_report(run, &vm).await?;
    run.table(vec![report]).await?;
    let agile = match run.call("VM.assert_agile", [vm.arg()]).await {
        Ok(_) => "VM is agile.".to_owned(),
        Err(Fault::Api(failure)) => format!("VM is not agile because: {}", exception_text(&failure)),
        Err(fault) => return Err(fault),
    };
    run.line(agile).await
}

async fn vdi_status(run: &mut Run<'_>) -> Outcome {
    let Some(def) = record("vdi") else { return Ok(()) };
    let reference = plain(&run.object("VDI", "uuid").await?);
    let vdi = run.reader.object(def, &reference).await?;
    let fields = ["uuid", "name-label", "sr-uuid", "read-only", "sharable", "storage-lock"];
    let chosen = |field: &crate::table::FieldDef| fields.contains(&field.name);
    let pairs = crate::generated::pairs(&run.reader, &vdi, true, chosen).await?;
    run.table(vec![pairs]).await?;
    let (mut active, mut inactive) = (Vec::new(), Vec::new());
    for vbd in run.call("VDI.get_VBDs", [vdi.arg()]).await?.as_set().unwrap_or_default() {
        match run.call("VBD.get_currently_attached", [vbd.clone()]).await? {
            Value::Bool(true) => active.push(plain(vbd)),
            _ => inactive.push(plain(vbd)),
        }
    }
    let fields = ["uuid", "userdevice", "device", "empty", "mode", "type", "storage-lock"];
    run.line(if active.is_empty() { "no active VBDs." } else { "list active VBDs:" }).await?;
    for vbd in active {
        vbd_table(run, &vbd, &fields).await?;
    }
    if !inactive.is_empty() {
        run.line("list inactive VBDs:").await?;
        for vbd in inactive {
            vbd_table(run, &vbd, &fields).await?;
        }
    }
    Ok(())
}
