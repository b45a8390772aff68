//! Replay of the bytes on a socket: status line, order of headers, body, end of the connection.
//!
//! Pages for people are in our own words, so of those only the number in the heading counts; bodies of
//! calls are compared as trees.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    compare::{Difference, compare},
    decode::decode,
    lists,
    names::Names,
    recording::Encoding,
    report::{Outcome, Report},
    token,
};
use crate::{
    server::{ROOT_PASSWORD, Server, crate_dir},
    wire::Connection,
};

/// Name of the recording in lists and reports.
pub const NAME: &str = "http-raw";

/// How long to wait for an answer to begin or go on; the test fails by what is missing, not by the time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the recorder cut a long header: the filler it sent that many bytes of.
const CUT: (&str, usize) = ("...(70037 bytes)", 70_037);

/// Where a long body is cut; only what comes before counts.
const CUT_BODY: &str = "...(";

/// One exchange, bytes as latin-1.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    name: String,
    request: String,
    #[serde(default)]
    response: Option<String>,
    server_closed: bool,
    #[serde(default)]
    error: Option<String>,
}

/// Replays all exchanges on a fresh server, each on a connection of its own.
///
/// # Errors
/// Unreadable recordings or lists, or a server on which nobody can log in.
pub fn run(server: &Server) -> Result<Report, String> {
    let path = crate_dir().join("tests/data/golden/http-raw.jsonl");
    let text = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
    let exchanges: Vec<Exchange> =
        text.lines().map(serde_json::from_str).collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    let (tolerated, not_run) = (lists::tolerated(NAME)?, lists::not_run(NAME)?);
    let mut names = Names::default();
    introduce(server, &exchanges, &mut names)?;
    let mut steps = Vec::new();
    for (step, exchange) in (1..).zip(&exchanges) {
        let label = format!("{step} {}", exchange.name.trim());
        let outcome = match not_run.iter().find(|skipped| skipped.step == step) {
            Some(skipped) => Outcome::NotRun(skipped.reason.clone()),
            None => {
                let (accepted, differences): (Vec<_>, Vec<_>) = play(server, exchange, &mut names)
                    .into_iter()
                    .partition(|d| tolerated.iter().any(|t| t.covers(step, d)));
                match differences.is_empty() {
                    true => Outcome::Equal(accepted.len()),
                    false => Outcome::Different(differences),
                }
            }
        };
        steps.push((label, outcome));
    }
    Ok(Report { recording: NAME.into(), steps })
}

/// The recorder logged in and looked up objects before it began: the same three are paired by their use.
fn introduce(server: &Server, exchanges: &[Exchange], names: &mut Names) -> Result<(), String> {
    let mut connection = Connection::new(server.http());
    let mut call = |method: &str, params: Value| -> Result<String, String> {
        let body = json!({ "jsonrpc": "2.0", "id": 0, "method": method, "params": params });
        let answer = connection.post("/jsonrpc", "application/json", &body.to_string())?;
        let answer: Value = serde_json::from_str(&answer.body).map_err(|e| e.to_string())?;
        let result = match &answer["result"] {
            Value::Array(items) => items.first().cloned().unwrap_or_default(),
            other => other.clone(),
        };
        result.as_str().map(str::to_string).ok_or_else(|| format!("{method}: {answer}"))
    };
    let session = call("session.login_with_password", json!(["root", ROOT_PASSWORD]))?;
    let used = |marker: &str, at: usize| {
        let exchange = exchanges.iter().find(|exchange| exchange.request.contains(marker));
        let found = exchange.and_then(|exchange| token::refs(&exchange.request).into_iter().nth(at));
        found.ok_or_else(|| format!("no recorded use of {marker}"))
    };
    names.meet(&used("host.get_all", 0)?, &session);
    names.meet(&used("network.set_MTU", 1)?, &call("network.get_all", json!([session]))?);
    names.meet(&used("pool.set_name_description", 1)?, &call("pool.get_all", json!([session]))?);
    Ok(())
}

fn play(server: &Server, exchange: &Exchange, names: &mut Names) -> Vec<Difference> {
    let request = token::rename(&exchange.request, |name| names.ours(name).map(str::to_string));
    let request = match request.split_once(CUT.0) {
        Some((before, _)) => {
            let filler = "a".repeat(CUT.1.saturating_sub(before.len() + 4));
            format!("{before}{filler}\r\n\r\n")
        }
        None => request,
    };
    let recorded = exchange.response.as_deref().unwrap_or_default();
    match send(server, &latin1_bytes(&request)) {
        Err(why) => vec![differ("connection", "an answer", &why)],
        Ok((bytes, closed)) => {
            let ours: String = bytes.iter().map(|byte| char::from(*byte)).collect();
            let mut found = judge(recorded, &ours, names);
            // A reset in the recording says as much as an end.
            let ends = exchange.server_closed || exchange.error.is_some();
            if ends && !closed {
                found.push(differ("connection", "closed", "open"));
            }
            found
        }
    }
}

/// The bytes that came back, and whether the server closed the connection after them.
fn send(server: &Server, request: &[u8]) -> Result<(Vec<u8>, bool), String> {
    let mut stream = TcpStream::connect(server.http()).map_err(|e| format!("connect: {e}"))?;
    stream.set_read_timeout(Some(Duration::from_millis(100))).map_err(|e| e.to_string())?;
    // A server that has seen enough may close before all was sent.
    let _ = stream.write_all(request);
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16_384]);
    let begun = Instant::now();
    let mut last = Instant::now();
    while begun.elapsed() < PATIENCE * 3 && last.elapsed() < PATIENCE {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok((bytes, true)),
            Ok(n) => {
                bytes.extend_from_slice(&buffer[..n]);
                last = Instant::now();
            }
            Err(error) if is_timeout(&error) => {
                if complete(&bytes) == Some(true) {
                    break;
                }
            }
            Err(_) => return Ok((bytes, true)),
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
    Ok((bytes, false))
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

/// Whether all of an answer that stays on an open connection has come.
fn complete(bytes: &[u8]) -> Option<bool> {
    let text = String::from_utf8_lossy(bytes);
    let (head, _) = text.split_once("\r\n\r\n")?;
    let field = |name: &str| {
        head.lines().filter_map(|line| line.split_once(':')).find(|(n, _)| n.eq_ignore_ascii_case(name))
    };
    if field("connection").is_some_and(|(_, value)| value.trim().eq_ignore_ascii_case("close")) {
        return Some(false);
    }
    let length: usize = field("content-length").map_or(Some(0), |(_, value)| value.trim().parse().ok())?;
    Some(bytes.len() >= head.len() + 4 + length)
}

fn latin1_bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

fn judge(recorded: &str, ours: &str, names: &mut Names) -> Vec<Difference> {
    let mut found = Vec::new();
    let ours = match ours.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n") {
        Some(rest) => {
            found.push(differ("interim", "none", "100"));
            rest
        }
        None => ours,
    };
    let split = |text: &str| -> (Vec<String>, String) {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        (head.split("\r\n").map(str::to_string).collect(), body.to_string())
    };
    let ((a, recorded_body), (b, our_body)) = (split(recorded), split(ours));
    if a.first() != b.first() {
        let line = |head: &[String]| head.first().cloned().unwrap_or_default();
        found.push(differ("status-line", &line(&a), &line(&b)));
    }
    let (a, b) = (headers(&a), headers(&b));
    let lower = |headers: &[(String, String)]| -> Vec<(String, String)> {
        headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect()
    };
    if lower(&a) == lower(&b) {
        if a != b {
            found.push(differ("http/header-case", &format!("{a:?}"), &format!("{b:?}")));
        }
    } else {
        let sorted = |headers: &[(String, String)]| {
            let mut sorted = lower(headers);
            sorted.sort();
            sorted
        };
        let path = if sorted(&a) == sorted(&b) { "http/header-order" } else { "http/headers" };
        found.push(differ(path, &format!("{a:?}"), &format!("{b:?}")));
    }
    found.extend(bodies(&recorded_body, &our_body, names));
    found
}

/// Names and values; lengths and references are told apart by the body.
fn headers(head: &[String]) -> Vec<(String, String)> {
    let pairs = head.iter().skip(1).filter_map(|line| line.split_once(':'));
    pairs
        .map(|(name, value)| {
            let value = match name.to_lowercase().as_str() {
                "content-length" => "N".into(),
                _ => token::rename(value.trim(), |_| Some("*".into())),
            };
            (name.to_string(), value)
        })
        .collect()
}

fn bodies(recorded: &str, ours: &str, names: &mut Names) -> Vec<Difference> {
    if let Some((beginning, _)) = recorded.split_once(CUT_BODY) {
        let same = ours.starts_with(beginning);
        return if same { Vec::new() } else { vec![differ("body", beginning, &page(ours))] };
    }
    for encoding in [Encoding::Xml, Encoding::Json2] {
        let text = |body: &str| String::from_utf8_lossy(&latin1_bytes(body)).into_owned();
        if let Ok(tree) = decode(encoding, &text(recorded)) {
            return match decode(encoding, &text(ours)) {
                Ok(other) => compare(&tree, &other, names),
                Err(why) => vec![differ("body", recorded, &format!("{why}: {ours}"))],
            };
        }
    }
    match (page(recorded), page(ours)) {
        (a, b) if a == b => Vec::new(),
        (a, b) => vec![differ("body", &a, &b)],
    }
}

/// A page by the number in its heading; anything else as it is.
fn page(body: &str) -> String {
    match body.strip_prefix("<html><body><h1>HTTP ") {
        Some(rest) => format!("page {}", rest.chars().take(3).collect::<String>()),
        None => body.to_string(),
    }
}

fn differ(path: &str, recorded: &str, ours: &str) -> Difference {
    Difference { path: path.into(), recorded: recorded.into(), ours: ours.into() }
}
