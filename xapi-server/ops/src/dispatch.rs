//! From a call as it was read to its answer: which method, enough arguments, who calls, may they, then
//! the interpreter or a registered function, directly or as a task.

use std::sync::Arc;

use futures_util::FutureExt;
use xapi_schema::{Class, Failure, Message, Ref, Result, State, Value, coerce, errors, schema};
use xapi_store::Read;

use crate::{
    Cx, Peer, Xapi, audit, auto, declared,
    session::{self, Session},
    task::{self, NewTask, Running},
};

/// What a transport knows of a call besides method and arguments.
#[derive(Debug, Clone)]
pub struct CallInfo {
    /// Where it came from.
    pub peer: Peer,
    /// Parent of the task this call makes.
    pub subtask_of: Option<String>,
    /// An existing task to run under.
    pub task_id: Option<String>,
    /// Headers `x-http-other-config-<key>`, kept in the task.
    pub other_config: Vec<(String, String)>,
}

impl CallInfo {
    /// A call without headers.
    pub fn from(peer: Peer) -> Self {
        CallInfo { peer, subtask_of: None, task_id: None, other_config: Vec::new() }
    }
}

/// How a method is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The answer is the result.
    Direct,
    /// The answer is a task.
    Async,
}

impl Xapi {
    /// Answers one call.
    ///
    /// # Errors
    /// Whatever the method answers, and before it MESSAGE_METHOD_UNKNOWN,
    /// MESSAGE_PARAMETER_COUNT_MISMATCH, SESSION_INVALID, RBAC_PERMISSION_DENIED and MESSAGE_REMOVED.
    pub async fn call(self: &Arc<Self>, info: &CallInfo, method: &str, args: Vec<Value>) -> Result<Value> {
        if let Some(answer) = system_call(method, &args) {
            return answer;
        }
        let (mode, name) =
            match method.strip_prefix("Async.").or_else(|| method.strip_prefix("InternalAsync.")) {
                Some(name) => (Mode::Async, name),
                None => (Mode::Direct, method),
            };
        let found = match mode {
            Mode::Direct => schema().message_or_alias(name),
            Mode::Async => schema().message(name),
        };
        let Some(message) = found else {
            return Err(errors::MESSAGE_METHOD_UNKNOWN.with([method]));
        };
        if mode == Mode::Async && !message.has_async {
            let text = format!("No async mode for this operation (rpc: {name})");
            return Err(Failure::new("Fault", [text]));
        }
        let args = complete(message, args)?;
        let (session, args) = if message.session {
            let (first, rest) =
                args.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
            (Some(self.session_of(first)?), rest.to_vec())
        } else {
            (None, args)
        };
        let outcome = self.checked(info, session.as_ref(), mode, message, args).await;
        audit::log(&info.peer, session.as_deref(), message, &outcome);
        outcome
    }

    /// The session a first argument stands for.
    fn session_of(&self, argument: Option<&Value>) -> Result<Arc<Session>> {
        match argument {
            Some(Value::Str(reference)) => {
                self.sessions.get(reference).ok_or_else(|| errors::SESSION_INVALID.with([reference.as_str()]))
            }
            Some(other) => {
                Err(Failure::internal(format!("expected a session reference, got {}", other.shape())))
            }
            None => Err(errors::SESSION_INVALID.with([""])),
        }
    }

    async fn checked(
        self: &Arc<Self>,
        info: &CallInfo,
        session: Option<&Arc<Session>>,
        mode: Mode,
        message: &'static Message,
        args: Vec<Value>,
    ) -> Result<Value> {
        if let Some(session) = session {
            session::methods::touch(self, &info.peer, &session.reference).await;
            if message.lifecycle.state() == State::Removed {
                return Err(errors::MESSAGE_REMOVED.bare());
            }
            if message.pool_internal() && !session.pool {
                return Err(Failure::internal(format!("{} is for pool members only", message.name)));
            }
            session::check(session, message, &args, || self.replaced_map(message, &args))?;
        }
        let args: Vec<Value> = args
            .iter()
            .zip(&message.params)
            .map(|(value, param)| coerce(value, param.ty))
            .collect::<Result<_>>()?;
        if let Some(session) = session {
            declared::check(&*self.store.snapshot(), session, message, &args)?;
        }
        let Some(session) = session else {
            let opened = session::methods::log_in(self, &info.peer, message.short_name(), &args).await?;
            return Ok(Value::Str(opened.text().clone()));
        };
        let running = self.begin(info, session, mode, message).await?;
        let cx = Cx { xapi: self.clone(), session: session.clone(), task: running.clone() };
        if mode == Mode::Direct {
            if running.reference().is_none() && !message.custom_code {
                return run(&cx, message, args).await;
            }
            // Work that has begun is finished even when the caller hangs up meanwhile.
            let xapi = self.clone();
            let work = tokio::spawn(async move {
                let outcome = run(&cx, message, args).await;
                task::discard(&xapi, &running).await;
                outcome
            });
            return work.await.unwrap_or_else(|_| Err(task::panicked()));
        }
        let reference = running.key();
        let xapi = self.clone();
        tokio::spawn(async move {
            let outcome = run(&cx, message, args).await;
            task::finish(&xapi, &running, &outcome).await;
        });
        Ok(Value::Str(reference))
    }

    /// Work gets a record when it can be asynchronous; short calls run without one.
    async fn begin(
        self: &Arc<Self>,
        info: &CallInfo,
        session: &Session,
        mode: Mode,
        message: &Message,
    ) -> Result<Arc<Running>> {
        if let Some(reference) = &info.task_id {
            return task::adopt(self, Ref::new(reference.as_str())).await;
        }
        let wants_record = mode == Mode::Async || message.has_async && !Class::of(message.class).no_task;
        if !wants_record {
            return Ok(Running::without_record(&message.name));
        }
        let label =
            if mode == Mode::Async { format!("Async.{}", message.name) } else { message.name.clone() };
        let new = NewTask {
            label,
            subtask_of: info.subtask_of.clone(),
            session: Some(session.reference.as_str().to_string()),
            other_config: info.other_config.iter().map(|(k, v)| (format!("http:{k}"), v.clone())).collect(),
            ..NewTask::default()
        };
        task::begin(self, new).await
    }

    fn replaced_map(&self, message: &Message, args: &[Value]) -> Option<Value> {
        let reference = args.first()?.as_str()?;
        let snapshot = self.store.snapshot();
        let row = snapshot.row(message.class, reference)?;
        session::replaced_field(message, &row.record)
    }
}

/// Runs the interpreter or the registered function; a panic in it becomes a failure.
async fn run(cx: &Cx, message: &'static Message, args: Vec<Value>) -> Result<Value> {
    let guarded = std::panic::AssertUnwindSafe(async {
        if auto::answers(message) {
            return auto::answer(cx, message, args).await;
        }
        match cx.xapi.registry.get(&message.name) {
            Some(handler) => handler(cx.clone(), args).await,
            None if message.custom_code => Err(Failure::not_implemented(&message.name)),
            None => auto::answer(cx, message, args).await,
        }
    });
    guarded.catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(method = %message.name, "an operation panicked");
        Err(task::panicked())
    })
}

/// The calls that belong to no class.
fn system_call(method: &str, args: &[Value]) -> Option<Result<Value>> {
    match method {
        "system.listMethods" => {
            Some(Ok(Value::set(schema().messages().iter().map(|m| Value::str(m.name.as_str())))))
        }
        _ if method.starts_with("system.isAlive:") => Some(match args.first() {
            Some(first) => Ok(first.clone()),
            None => Err(errors::MESSAGE_PARAMETER_COUNT_MISMATCH.with([method, "1", "0"])),
        }),
        _ => None,
    }
}

/// Checks the number of arguments and fills in what may be left off. The session is counted apart.
fn complete(message: &Message, mut args: Vec<Value>) -> Result<Vec<Value>> {
    let sessions = usize::from(message.session);
    let (least, most) = (message.required_params(), message.params.len());
    let given = args.len() as i64 - sessions as i64;
    let surplus_is_fine = least < most;
    if given < least as i64 || given > most as i64 && !surplus_is_fine {
        let counts = [message.name.clone(), least.to_string(), given.to_string()];
        return Err(errors::MESSAGE_PARAMETER_COUNT_MISMATCH.with(counts));
    }
    args.truncate(sessions + most);
    let left_off = message.params.iter().skip(args.len() - sessions);
    args.extend(left_off.map(|param| param.default.value(param.ty).unwrap_or_else(|| param.ty.zero())));
    Ok(args)
}
