//! Sends recorded calls to a running server and compares the answers.

pub mod compare;
pub mod decode;
pub mod lists;
pub mod names;
pub mod recording;
pub mod report;
pub mod token;

use crate::{server::Server, wire::Connection};
use compare::{Difference, compare};
use names::Names;
use recording::{Encoding, Step};
use report::{Outcome, Report};

/// Replays one recording in order on a fresh server.
///
/// # Errors
/// Unreadable recordings or lists; a server that can't be reached is a difference of the step.
pub fn run(encoding: Encoding, server: &Server) -> Result<Report, String> {
    let (tolerated, not_run) = (lists::tolerated()?, lists::not_run()?);
    let mut names = Names::default();
    let mut connection = Connection::new(server.http());
    let mut steps = Vec::new();
    for step in recording::load(encoding)? {
        let label = format!("{} {} ({})", step.seq, step.name, step.method);
        let outcome = match not_run.iter().find(|skipped| skipped.step == step.seq) {
            Some(skipped) => Outcome::NotRun(skipped.reason.clone()),
            None => {
                let (accepted, differences): (Vec<_>, Vec<_>) =
                    call(encoding, &mut connection, &step, &mut names)
                        .into_iter()
                        .partition(|d| tolerated.iter().any(|t| t.covers(&step, d)));
                if differences.is_empty() {
                    Outcome::Equal(accepted.len())
                } else {
                    Outcome::Different(differences)
                }
            }
        };
        steps.push((label, outcome));
    }
    Ok(Report { recording: encoding.name().into(), steps })
}

fn call(encoding: Encoding, connection: &mut Connection, step: &Step, names: &mut Names) -> Vec<Difference> {
    let request = token::rename(&step.request, |name| names.ours(name).map(str::to_string));
    let answer = match connection.post(encoding.path(), encoding.content_type(), &request) {
        Ok(answer) => answer,
        Err(why) => return vec![difference("http", "an answer", why)],
    };
    let mut found = Vec::new();
    if answer.status != 200 {
        found.push(difference("http/status", "200", answer.status));
    }
    let length = answer.body.len().to_string();
    let mut headers = vec![("content-length", length.as_str())];
    headers.extend(encoding.headers());
    if !answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(headers.iter().copied())
    {
        found.push(difference("http/headers", format!("{headers:?}"), format!("{:?}", answer.headers)));
    }
    match (decode::decode(encoding, &step.response), decode::decode(encoding, &answer.body)) {
        (Ok(recorded), Ok(ours)) => found.extend(compare(&recorded, &ours, names)),
        (Err(why), _) => found.push(difference("recording", "a tree", why)),
        (_, Err(why)) => {
            found.push(difference("http/body", &step.response, format!("{why}: {}", answer.body)))
        }
    }
    found
}

fn difference(path: &str, recorded: impl ToString, ours: impl ToString) -> Difference {
    Difference { path: path.into(), recorded: recorded.to_string(), ours: ours.to_string() }
}
