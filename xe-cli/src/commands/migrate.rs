//! `vm-migrate`: to a host of this pool. A move with its disks, or to another pool, is recognized by its parameters and
//! refused after the checks that scripts can see; this server speaks to no other pool yet.

use xapi_schema::{Failure, Value};

use super::vm;
use crate::{
    fault::{Outcome, command},
    run::Run,
    select::{Done, Select},
};

/// A parameter that begins with one of these asks for a move of disks or to another pool.
const OF_STORAGE: [&str; 8] = [
    "remote-master",
    "remote-username",
    "remote-password",
    "remote-network",
    "vif",
    "vdi",
    "vgpu",
    "image-format:",
];

/// How a destination can be called; the first two are older names of the third.
const HOST: [&str; 3] = ["host-uuid", "host-name", "host"];

/// Runs a command of this file; false when it is not one.
pub(super) async fn run(run: &mut Run<'_>) -> Outcome<bool> {
    if run.args.command != "vm-migrate" {
        return Ok(false);
    }
    let of_storage = |name: &str| OF_STORAGE.iter().any(|start| name.starts_with(start));
    match run.args.params.iter().any(|(name, _)| of_storage(name)) {
        true => with_storage(run).await?,
        false => within_pool(run).await?,
    }
    Ok(true)
}

/// What the server is told of how to move. `compress` only when it was said: the pool has a default.
fn options(run: &Run<'_>) -> Outcome<Value> {
    let mut options: Vec<(&str, Value)> = Vec::new();
    if let Some(compress) = run.args.get("compress") {
        options.push(("compress", compress.into()));
    }
    for name in ["force", "live", "copy"] {
        options.push((name, run.flag(name)?.to_string().into()));
    }
    Ok(Value::map(options))
}

async fn within_pool(run: &mut Run<'_>) -> Outcome {
    let options = options(run)?;
    let Some(name) = HOST.iter().find_map(|name| run.args.get(name)) else {
        return command("No destination host specified");
    };
    let host = vm::host_called(run, name).await?;
    let vms = Select::vms(&["host", "host-uuid", "host-name", "live", "compress"]).objects(run).await?;
    let mut done = Done::of(&vms);
    for vm in &vms {
        let outcome = run.call("VM.pool_migrate", [vm.arg(), host.clone(), options.clone()]).await;
        done.add(vm, outcome)?;
    }
    done.finish()?;
    Ok(())
}

async fn with_storage(run: &mut Run<'_>) -> Outcome {
    options(run)?;
    run.msg("The VM is moved together with its disks.").await?;
    let login = ["remote-master", "remote-username", "remote-password"];
    if !login.iter().all(|name| run.args.has(name)) {
        return command(format!("A move of storage needs all of: {}", login.join(", ")));
    }
    Err(Failure::not_implemented("vm-migrate with storage").into())
}
