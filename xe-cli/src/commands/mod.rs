//! The hand-written commands, one file per noun.
//!
//! Each noun's `run` answers false for names it does not know; a name in the command table that no
//! noun knows is refused honestly.

mod calls;
mod disk;
mod events;
mod export;
mod help;
mod host;
mod install;
mod migrate;
mod misc;
mod network;
mod pool;
mod snapshot;
mod storage;
mod uninstall;
mod vm;

use xapi_schema::Value;

use crate::{
    api::Boxed,
    fault::{Fault, Outcome, command, not_found},
    generated,
    run::Run,
};

pub use help::{Part, help};

/// Runs the command of a session that is open.
pub fn run<'r>(run: &'r mut Run<'_>) -> Boxed<'r, Outcome> {
    Box::pin(async move {
        for noun in NOUNS {
            if noun(run).await? {
                return Ok(());
            }
        }
        command(format!("The command '{}' is not implemented by this server", run.args.command))
    })
}

/// Runs a command if it is one of a noun's; false when it is not.
type Noun = for<'r, 'a> fn(&'r mut Run<'a>) -> Boxed<'r, Outcome<bool>>;

/// Every noun, boxed so that the whole stays one small future.
const NOUNS: [Noun; 15] = [
    |run| Box::pin(generated::run(run)),
    |run| Box::pin(calls::run(run)),
    |run| Box::pin(vm::run(run)),
    |run| Box::pin(migrate::run(run)),
    |run| Box::pin(snapshot::run(run)),
    |run| Box::pin(uninstall::run(run)),
    |run| Box::pin(disk::run(run)),
    |run| Box::pin(storage::run(run)),
    |run| Box::pin(network::run(run)),
    |run| Box::pin(install::run(run)),
    |run| Box::pin(export::run(run)),
    |run| Box::pin(events::run(run)),
    |run| Box::pin(host::run(run)),
    |run| Box::pin(pool::run(run)),
    |run| Box::pin(misc::run(run)),
];

/// The host the session runs on.
async fn this_host(run: &Run<'_>) -> Outcome<Value> {
    run.call("session.get_this_host", [run.api.session().into()]).await
}

/// The pool.
async fn pool(run: &Run<'_>) -> Outcome<Value> {
    let pools = run.call("pool.get_all", []).await?;
    pools.as_set().and_then(<[Value]>::first).cloned().ok_or_else(not_found)
}

/// The pool a parameter names, or the only one.
async fn pool_or(run: &Run<'_>, param: &str) -> Outcome<Value> {
    match run.args.has(param) {
        true => run.object("pool", param).await,
        false => pool(run).await,
    }
}

/// The first of some parameters that is given, with what it stands for.
fn first_given(
    run: &Run<'_>,
    params: &[(&'static str, &'static str)],
) -> Option<(&'static str, &'static str)> {
    params.iter().copied().find(|(param, _)| run.args.has(param))
}

/// The pool's default SR, `None` when it has none that exists.
async fn default_sr(run: &Run<'_>) -> Outcome<Option<Value>> {
    let sr = run.call("pool.get_default_SR", [pool(run).await?]).await?;
    match run.call("SR.get_uuid", [sr.clone()]).await {
        Ok(_) => Ok(Some(sr)),
        Err(Fault::Api(_)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// `args:key=value` of plug-in calls; `args:key:file=path` takes the content of the client's file.
async fn plugin_args(run: &mut Run<'_>, name: &str) -> Outcome<Value> {
    let mut pairs: Vec<(String, Value)> = Vec::new();
    for (key, value) in run.args.map(name) {
        match key.strip_suffix(":file") {
            None => pairs.push((key, value.into())),
            Some(key) => {
                let content = file(run, &value, &format!("file {value}")).await?;
                pairs.push((key.into(), content.into()));
            }
        }
    }
    Ok(Value::map(pairs))
}

/// The content of a client's file; unreadable ends the command with `Failed to read <what>`.
async fn file(run: &mut Run<'_>, path: &str, what: &str) -> Outcome<String> {
    match run.load(path).await? {
        Some(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        None => Err(Fault::Stderr(format!("Failed to read {what}\n"), 1)),
    }
}
