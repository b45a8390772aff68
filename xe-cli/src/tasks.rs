//! Waiting for tasks, and file transfers that a task follows.

use std::time::Duration;

use xapi_schema::{Failure, Value, errors};

use crate::{
    fault::{Fault, Outcome},
    protocol::Command,
    render::{number, plain},
    run::Run,
};

/// How a task stands.
#[derive(Debug, Clone, PartialEq)]
enum Standing {
    Pending(f64),
    Ended(Result<(), Failure>),
}

/// Starts an asynchronous call, waits for its task and destroys it.
pub async fn run_async(run: &mut Run<'_>, method: &str, args: Vec<Value>) -> Outcome {
    let task = run.call(&format!("Async.{method}"), args).await?;
    let show = run.args.has("progress");
    let ended = wait(run, &task, show).await;
    let _ = run.call("task.destroy", [task]).await;
    if show {
        run.err("\n\n").await?;
    }
    ended
}

/// Waits until the task ends.
async fn wait(run: &mut Run<'_>, task: &Value, show: bool) -> Outcome {
    let class = format!("task/{}", plain(task));
    let mut token = Value::EMPTY;
    loop {
        match standing(run, task).await? {
            Standing::Ended(ended) => return Ok(ended?),
            Standing::Pending(progress) if show => run.err(progress_line(progress)).await?,
            Standing::Pending(_) => {}
        }
        let classes = Value::set([class.as_str().into()]);
        let events = run.call("event.from", [classes, token, Value::Float(30.0)]).await?;
        token = events.get("token").cloned().unwrap_or(Value::EMPTY);
    }
}

async fn standing(run: &Run<'_>, task: &Value) -> Outcome<Standing> {
    let status = plain(&run.call("task.get_status", [task.clone()]).await?);
    Ok(match status.as_str() {
        "success" => Standing::Ended(Ok(())),
        "failure" => {
            Standing::Ended(Err(error_of(run, task).await?.unwrap_or_else(|| Failure::internal(""))))
        }
        "cancelled" => Standing::Ended(Err(errors::TASK_CANCELLED.with([plain(task)]))),
        _ => {
            let progress = run.call("task.get_progress", [task.clone()]).await?;
            Standing::Pending(number(&progress).unwrap_or_default())
        }
    })
}

/// What went wrong with a task.
async fn error_of(run: &Run<'_>, task: &Value) -> Outcome<Option<Failure>> {
    let info = run.call("task.get_error_info", [task.clone()]).await?;
    let texts: Vec<String> = info.as_set().unwrap_or_default().iter().map(plain).collect();
    Ok(texts.split_first().map(|(code, params)| Failure::new(code, params.iter().cloned())))
}

/// One line of progress as `progress` shows it.
pub fn progress_line(progress: f64) -> String {
    let percent = (progress * 100.0).floor() as i64;
    let spinner = ["|", "/", "-", "\\"][percent.rem_euclid(4) as usize];
    let bar = "#".repeat((progress * 70.0).floor().clamp(0.0, 70.0) as usize);
    format!("\r {percent:>3}% {spinner} {bar}\n")
}

/// Which way a tracked transfer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client's file to the server.
    Put,
    /// From the server to the client's file.
    Get,
}

/// A transfer followed through its task: answers the task's result.
///
/// `path` gets the session and task in front of its own query.
pub async fn transfer(
    run: &mut Run<'_>,
    way: Way,
    file: &str,
    label: &str,
    path: PathOf<'_>,
) -> Outcome<Value> {
    let kept = run.args.get("task-uuid").map(str::to_owned);
    let task = match &kept {
        Some(uuid) => run.by_uuid("task", uuid).await?,
        None => run.call("task.create", [label.into(), Value::EMPTY]).await?,
    };
    let path = path(&run.api.session(), &plain(&task));
    let file = file.to_owned();
    let command = match way {
        Way::Put => Command::HttpPut { file, path },
        Way::Get => Command::HttpGet { file, path },
    };
    let outcome = followed(run, command, &task).await;
    if kept.is_none() {
        let _ = run.call("task.destroy", [task]).await;
    }
    outcome
}

/// Makes the path of a transfer from the session and the task.
pub type PathOf<'a> = &'a (dyn Fn(&str, &str) -> String + Send + Sync);

async fn followed(run: &mut Run<'_>, command: Command, task: &Value) -> Outcome<Value> {
    if run.transfer(command).await? {
        wait(run, task, false).await?;
        return run.call("task.get_result", [task.clone()]).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let failure = error_of(run, task).await?;
    Err(Fault::Api(failure.unwrap_or_else(|| errors::CLIENT_ERROR.bare())))
}

/// The older kind of download: polls the task and says `<label> succeeded`.
pub async fn download(run: &mut Run<'_>, task: Value, file: &str, label: &str, path: String) -> Outcome {
    let outcome = downloaded(run, &task, file, label, path).await;
    let _ = run.call("task.destroy", [task]).await;
    outcome
}

async fn downloaded(run: &mut Run<'_>, task: &Value, file: &str, label: &str, path: String) -> Outcome {
    run.call("task.set_progress", [task.clone(), Value::Float(-1.0)]).await?;
    let well = run.transfer(Command::HttpGet { file: file.into(), path }).await?;
    if !well {
        let progress = run.call("task.get_progress", [task.clone()]).await?;
        if number(&progress).is_some_and(|progress| progress < 0.0) {
            run.call("task.set_status", [task.clone(), "failure".into()]).await?;
        }
    }
    loop {
        match plain(&run.call("task.get_status", [task.clone()]).await?).as_str() {
            "success" if well && file.is_empty() => return Ok(()),
            "success" if well => return run.raw(format!("{label} succeeded")).await,
            "success" => return Err(Fault::Stderr(format!("{label} failed, unknown error.\n"), 1)),
            "cancelled" => return Err(Fault::Stderr(format!("{label} cancelled\n"), 1)),
            "failure" => {
                return match error_of(run, task).await? {
                    Some(failure) => Err(Fault::Api(failure)),
                    None => Err(Fault::Stderr(format!("{label} failed, unknown error\n"), 0)),
                };
            }
            _ => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

/// Text as it stands in a query.
pub fn query(text: &str) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    const SAFE: &percent_encoding::AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/').remove(b':');
    utf8_percent_encode(text, SAFE).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_lines() {
        assert_eq!(progress_line(0.0), "\r   0% | \n");
        assert_eq!(progress_line(1.0), format!("\r 100% | {}\n", "#".repeat(70)));
        assert_eq!(progress_line(0.5), format!("\r  50% - {}\n", "#".repeat(35)));
    }
}
