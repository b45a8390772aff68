//! Sends recorded calls to a running server and compares the answers.

pub mod cli;
pub mod compare;
pub mod decode;
pub mod lists;
pub mod names;
pub mod raw;
pub mod recording;
pub mod report;
pub mod token;

use crate::{
    server::Server,
    wire::{Answer, Connection},
};
use compare::{Difference, compare};
use names::Names;
use recording::{Encoding, Step};
use report::{Outcome, Report};

/// Replays one recording in order on a fresh server.
///
/// # Errors
/// Unreadable recordings or lists; a server that can't be reached is a difference of the step.
pub fn run(encoding: Encoding, server: &Server) -> Result<Report, String> {
    let (tolerated, not_run) = (lists::tolerated(encoding.name())?, lists::not_run(encoding.name())?);
    let mut names = Names::default();
    let mut connection = Connection::new(server.http());
    let mut steps = Vec::new();
    for step in recording::load(encoding)? {
        let label = format!("{} {} ({})", step.seq, step.name, step.method);
        let outcome = match not_run.iter().find(|skipped| skipped.step == step.seq) {
            Some(skipped) => Outcome::NotRun(skipped.reason.clone()),
            None => {
                let accepts = |d: &Difference| tolerated.iter().any(|t| t.covers(step.seq, d));
                let (accepted, differences): (Vec<_>, Vec<_>) =
                    settled(encoding, &mut connection, &step, &mut names, accepts)
                        .into_iter()
                        .partition(accepts);
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

/// A task may still be under way where the recorder waited: it is asked again before it counts as different.
fn settled(
    encoding: Encoding,
    connection: &mut Connection,
    step: &Step,
    names: &mut Names,
    accepts: impl Fn(&Difference) -> bool,
) -> Vec<Difference> {
    let tries = if step.method.starts_with("task.get_") { 20 } else { 1 };
    let before = names.clone();
    let mut found = call(encoding, connection, step, names);
    for _ in 1..tries {
        if found.iter().all(&accepts) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        *names = before.clone();
        found = call(encoding, connection, step, names);
    }
    found
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
    found.extend(headers(encoding, &answer));
    match (decode::decode(encoding, &step.response), decode::decode(encoding, &answer.body)) {
        (Ok(recorded), Ok(ours)) => found.extend(compare(&recorded, &ours, names)),
        (Err(why), _) => found.push(difference("recording", "a tree", why)),
        (_, Err(why)) => {
            found.push(difference("http/body", &step.response, format!("{why}: {}", answer.body)))
        }
    }
    found
}

/// Order and values count; the spelling of names, which no client may depend on, is a difference of its own.
fn headers(encoding: Encoding, answer: &Answer) -> Option<Difference> {
    let length = answer.body.len().to_string();
    let mut recorded = vec![("content-length", length.as_str())];
    recorded.extend(encoding.headers());
    let ours: Vec<(&str, &str)> = answer.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let same = recorded.len() == ours.len()
        && recorded.iter().zip(&ours).all(|(a, b)| a.0.eq_ignore_ascii_case(b.0) && a.1 == b.1);
    if !same {
        return Some(difference("http/headers", format!("{recorded:?}"), format!("{ours:?}")));
    }
    let spelled = recorded.iter().zip(&ours).find(|(a, b)| a.0 != b.0)?;
    Some(difference("http/header-case", spelled.0.0, spelled.1.0))
}

fn difference(path: &str, recorded: impl ToString, ours: impl ToString) -> Difference {
    Difference { path: path.into(), recorded: recorded.to_string(), ours: ours.to_string() }
}
