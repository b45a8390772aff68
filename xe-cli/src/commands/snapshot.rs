//! `snapshot-*`.

use xapi_schema::Value;

use super::vm::describe_and_list;
use crate::{
    fault::{Outcome, command},
    render::plain,
    run::Run,
};

/// Runs a command of this file; false when it is not one.
pub(super) async fn run(run: &mut Run<'_>) -> Outcome<bool> {
    match run.args.command.as_str() {
        "snapshot-revert" => {
            let snapshot = lookup(run).await?;
            run.call("VM.revert", [snapshot]).await?;
        }
        "snapshot-clone" => {
            let snapshot = lookup(run).await?;
            let vm = run.call("VM.clone", [snapshot, run.text("new-name-label")]).await?;
            describe_and_list(run, vec![vm]).await?;
        }
        "snapshot-copy" => {
            let sr = run.object_or_null("SR", "sr-uuid").await?;
            let snapshot = lookup(run).await?;
            let vm = run.call("VM.copy", [snapshot, run.text("new-name-label"), sr]).await?;
            describe_and_list(run, vec![vm]).await?;
        }
        "snapshot-destroy" => {
            let snapshot = lookup(run).await?;
            let state = run.call("VM.get_power_state", [snapshot.clone()]).await?;
            if plain(&state) != "Halted" {
                run.call("VM.hard_shutdown", [snapshot.clone()]).await?;
            }
            run.call("VM.destroy", [snapshot]).await?;
        }
        "snapshot-reset-powerstate" => {
            run.must_force("Resetting the power state can lose data.")?;
            let snapshot = lookup(run).await?;
            run.call("VM.power_state_reset", [snapshot]).await?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// The snapshot `snapshot-uuid` or `uuid` names.
pub(super) async fn lookup(run: &Run<'_>) -> Outcome<Value> {
    let Some(uuid) = run.args.get("snapshot-uuid").or(run.args.get("uuid")) else {
        return command("Required parameter not found: snapshot-uuid or uuid.");
    };
    let vm = run.by_uuid("VM", uuid).await?;
    match run.call("VM.get_is_a_snapshot", [vm.clone()]).await? {
        Value::Bool(true) => Ok(vm),
        _ => wrong_kind(uuid, "snapshot"),
    }
}

/// The failure of a VM that is not of the kind a command works on.
pub(super) fn wrong_kind<T>(uuid: &str, kind: &str) -> Outcome<T> {
    command(format!("This operation can only be performed on a VM {kind}. {uuid} is not a VM {kind}."))
}
