//! What all transfers share: whose they are, the task that follows them, and the two directions between a connection
//! and the work, which goes on by itself once it has begun. Knows nothing of what is transferred.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::mpsc;
use xapi_http::{Answer, HandlerRequest, RequestBody, page};
use xapi_ops::{
    Cx, Xapi,
    session::{self, Session},
    task::{self, NewTask, Running},
    transfer::{Download, Sender, Stream, Upload},
};
use xapi_schema::{Failure, Ref, Result, Value, errors};

use super::failed;

/// Longest silence of a client that sends; a client that is gone without a word must not keep a disk for ever.
const SILENCE: Duration = Duration::from_secs(30 * 60);
/// Longest the rest of an upload is listened to once the work is done, and how much of it.
const LINGER: Duration = Duration::from_secs(10);
const REST: usize = 64 << 20;

/// Who makes a request.
pub struct Caller {
    /// The session.
    pub session: Arc<Session>,
    /// It was opened for this request and ends with it.
    pub opened: bool,
}

impl Caller {
    /// The request is over.
    pub async fn end(self, xapi: &Arc<Xapi>) {
        if self.opened {
            session::close(xapi, &self.session.reference).await;
        }
    }
}

/// A key of a transfer: from the query, else a cookie.
pub fn key(request: &HandlerRequest, name: &str) -> Option<String> {
    request.query(name).map(str::to_string).or_else(|| request.cookie(name))
}

/// `key=true`.
pub fn flag(request: &HandlerRequest, name: &str) -> bool {
    key(request, name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn header(request: &HandlerRequest, name: &str) -> Option<String> {
    request.headers.get(name)?.to_str().ok().map(str::to_string)
}

/// The task a client made for the transfer.
pub fn given_task(request: &HandlerRequest) -> Option<String> {
    key(request, "task_id").or_else(|| header(request, "task-id"))
}

/// A task learns why its transfer was refused.
pub async fn refuse(xapi: &Arc<Xapi>, session: &Arc<Session>, request: &HandlerRequest, why: Failure) {
    let Some(reference) = given_task(request) else { return };
    if let Ok(running) = task::take_over(xapi, session, Ref::new(reference)).await {
        task::finish(xapi, &running, &Err(why)).await;
    }
}

/// A transfer about to begin.
pub struct Transfer {
    xapi: Arc<Xapi>,
    caller: Caller,
    task: Arc<Running>,
}

impl Transfer {
    /// Takes over the client's task, or makes one.
    ///
    /// # Errors
    /// The page for a task that can't be taken over.
    pub async fn begin(
        xapi: &Arc<Xapi>,
        caller: Caller,
        label: &str,
        request: &HandlerRequest,
    ) -> Result<Transfer, Answer> {
        let task = match given_task(request) {
            Some(reference) => task::take_over(xapi, &caller.session, Ref::new(reference)).await,
            None => {
                let other_config = request.headers.iter().filter_map(|(name, value)| {
                    let key = name.as_str().strip_prefix("x-http-other-config-")?;
                    Some((format!("http:{key}"), value.to_str().ok()?.to_string()))
                });
                let new = NewTask {
                    label: label.into(),
                    subtask_of: key(request, "subtask_of").or_else(|| header(request, "subtask-of")),
                    session: Some(caller.session.reference.to_string()),
                    other_config: other_config.collect(),
                    cancellable: true,
                    ..NewTask::default()
                };
                task::begin(xapi, new).await
            }
        };
        match task {
            Ok(task) => Ok(Transfer { xapi: xapi.clone(), caller, task }),
            Err(failure) => {
                caller.end(xapi).await;
                Err(failed(&failure))
            }
        }
    }

    /// The context of the work.
    pub fn cx(&self) -> Cx {
        Cx { xapi: self.xapi.clone(), session: self.caller.session.clone(), task: self.task.clone() }
    }

    /// Header that names the task.
    pub fn header(&self) -> (&'static str, String) {
        ("task-id", self.task.key().to_string())
    }

    /// Ends it before any work.
    pub async fn refuse(self, failure: Failure, answer: Answer) -> Answer {
        self.end(Err(failure)).await;
        answer
    }

    /// Ends it with what became of it.
    pub async fn end(self, outcome: Result<Value>) {
        task::finish(&self.xapi, &self.task, &outcome).await;
        self.caller.end(&self.xapi).await;
    }

    /// Answers with what `work` writes. A failure before the first byte is answered as a page, a later one breaks the
    /// connection off.
    pub async fn download<W, F>(self, headers: Vec<(&'static str, String)>, work: W) -> Answer
    where
        W: FnOnce(Cx, Download) -> F,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let (download, mut stream) = Download::new();
        let working = work(self.cx(), download.until_cancelled(self.task.clone()));
        // It goes on to its end, an undo included, whatever becomes of the connection.
        let ended = tokio::spawn(async move {
            let outcome = working.await;
            if let Err(failure) = &outcome {
                tracing::info!(%failure, "a download failed");
            }
            self.end(outcome.clone().map(|()| Value::EMPTY)).await;
            outcome
        });
        match stream.recv().await {
            Some(Ok(first)) => Answer::transfer(headers, resumed(first, stream)),
            _ => match ended.await {
                Ok(Err(failure)) => failed(&failure),
                Ok(Ok(())) => Answer::transfer(headers, stream),
                Err(_) => page(500, "the transfer ended unexpectedly"),
            },
        }
    }

    /// Answers at once and gives `work` what the client sends; the connection ends when the work does.
    pub fn upload<W, F>(self, body: RequestBody, headers: Vec<(&'static str, String)>, work: W) -> Answer
    where
        W: FnOnce(Cx, Upload) -> F,
        F: Future<Output = Result<Value>> + Send + 'static,
    {
        let (sender, upload) = Upload::new();
        let (open, answered) = mpsc::channel(1);
        let working = work(self.cx(), upload);
        let pump = tokio::spawn(pump(body, sender, self.task.clone()));
        tokio::spawn(async move {
            let outcome = working.await;
            if let Err(failure) = &outcome {
                tracing::info!(%failure, "an upload failed");
            }
            self.end(outcome).await;
            // A client that still sends padding would take an early end for a failure.
            let _ = tokio::time::timeout(LINGER, pump).await;
            drop(open);
        });
        Answer::transfer(headers, answered)
    }
}

/// A stream whose first piece was taken out.
fn resumed(first: Bytes, mut rest: Stream) -> Stream {
    let (sender, stream) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut next = Some(Ok(first));
        while let Some(piece) = next {
            if sender.send(piece).await.is_err() {
                return;
            }
            next = rest.recv().await;
        }
    });
    stream
}

/// Moves what arrives to the work, no faster than it takes it.
async fn pump(mut body: RequestBody, to: Sender, task: Arc<Running>) {
    loop {
        let piece = tokio::select! {
            piece = tokio::time::timeout(SILENCE, body.piece()) => piece,
            () = task.cancelled() => {
                let cancelled = errors::TASK_CANCELLED.with([task.key().as_str()]);
                let _ = to.send(Err(io::Error::other(cancelled))).await;
                return;
            }
            () = to.closed() => return rest(body).await,
        };
        let piece = match piece {
            Ok(Some(piece)) => piece,
            Ok(None) => return,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client has been silent for too long")),
        };
        let last = piece.is_err();
        if to.send(piece).await.is_err() {
            return rest(body).await;
        }
        if last {
            return;
        }
    }
}

/// Reads on though nobody wants it.
async fn rest(mut body: RequestBody) {
    let mut left = REST;
    while let Some(Ok(piece)) = body.piece().await {
        match left.checked_sub(piece.len()) {
            Some(less) => left = less,
            None => return,
        }
    }
}
