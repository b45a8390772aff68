//! Replay of recorded command lines with our `xe` over the thin protocol: exit code, output, complaints.
//!
//! Output is compared block by block and line by line. Blocks are records, so each is paired with the one most
//! like it; `(text)` stands for a sentence that is ours to word.

use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
    sync::LazyLock,
};

use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    compare::{Difference, compare},
    lists,
    names::Names,
    report::{Outcome, Report},
    token,
};
use crate::server::{ROOT_PASSWORD, Server, crate_dir, xe};

/// Name of the recording in lists and reports.
pub const NAME: &str = "cli";

/// Stands for a sentence of the recorded server.
const SENTENCE: &str = "(text)";

/// A file the recorder had made beforehand.
const FILE: &str = "/tmp/x.xva";

/// A line that shows a field: padding, name, rights, value.
static FIELD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^ *([\w-]+) +\([SM ]R[OW]\).*:").expect("the pattern is a constant"));

/// One command line and what came of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seq: u32,
    args: Vec<String>,
    #[serde(default)]
    stdin: String,
    exit: i32,
    stdout: String,
    stderr: String,
}

/// Replays all command lines in order on a fresh server.
///
/// # Errors
/// Unreadable recordings or lists, or no `xe`.
pub fn run(server: &Server) -> Result<Report, String> {
    let text = std::fs::read_to_string(crate_dir().join("tests/data/golden/cli.jsonl"));
    let lines: Vec<Line> = text
        .map_err(|e| e.to_string())?
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .map_err(|e| e.to_string())?;
    let (tolerated, not_run) = (lists::tolerated(NAME)?, lists::not_run(NAME)?);
    let file = server.dir().join("x.xva").display().to_string();
    std::fs::write(&file, "").map_err(|e| format!("{file}: {e}"))?;
    let mut names = Names::default();
    let mut steps = Vec::new();
    for line in &lines {
        let label = format!("{} xe {}", line.seq, line.args.join(" "));
        let outcome = match not_run.iter().find(|skipped| skipped.step == line.seq) {
            Some(skipped) => Outcome::NotRun(skipped.reason.clone()),
            None => {
                let found = play(server, line, &file, &mut names)?;
                let accepts = |d: &Difference| tolerated.iter().any(|t| t.covers(line.seq, d));
                let (accepted, differences): (Vec<_>, Vec<_>) = found.into_iter().partition(accepts);
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

fn play(server: &Server, line: &Line, file: &str, names: &mut Names) -> Result<Vec<Difference>, String> {
    let ours =
        |text: &String| token::rename(text, |name| names.ours(name).map(str::to_string)).replace(FILE, file);
    let args: Vec<String> = line.args.iter().map(ours).collect();
    let mut child = Command::new(xe()?)
        .args(["-s", "127.0.0.1", "-p", &server.http().port().to_string()])
        .args(["-u", "root", "-pw", ROOT_PASSWORD])
        .args(&args)
        .env("HOME", server.dir())
        .env_remove("XE_EXTRA_ARGS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("xe: {e}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may end without reading.
        let _ = stdin.write_all(line.stdin.as_bytes());
    }
    let done = child.wait_with_output().map_err(|e| format!("xe: {e}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(file, FILE);
    let (stdout, stderr) = (text(&done.stdout), text(&done.stderr));
    let recorded = json!({ "exit": line.exit, "stderr": lines(&line.stderr) });
    let answered = json!({ "exit": done.status.code(), "stderr": lines(&worded(&line.stderr, &stderr)) });
    let mut found = compare(&recorded, &answered, names);
    found.extend(blocks(&line.stdout, &worded(&line.stdout, &stdout), names));
    Ok(found)
}

/// Our text with our sentences taken out where the recording has its own taken out.
fn worded(recorded: &str, ours: &str) -> String {
    let mut told = Vec::new();
    let mut theirs = recorded.split('\n');
    for line in ours.split('\n') {
        told.push(match theirs.next().and_then(|r| r.strip_suffix(SENTENCE)) {
            // The names before it are our own, and as long as theirs.
            Some(before) => format!("{}{SENTENCE}", line.get(..before.len()).unwrap_or(line)),
            None => line.to_string(),
        });
    }
    told.join("\n")
}

/// Lines by number, so that a difference says where it is.
fn lines(text: &str) -> Value {
    let numbered = text.split('\n').enumerate();
    Value::Object(numbered.map(|(at, line)| (at.to_string(), Value::from(line))).collect())
}

/// Blocks are separated by two empty lines, as records are.
fn blocks(recorded: &str, ours: &str, names: &mut Names) -> Vec<Difference> {
    let split = |text: &str| text.split("\n\n\n").map(fields).collect::<Vec<_>>();
    let (recorded, mut left) = (split(recorded), split(ours));
    if recorded.len() != left.len() {
        let (a, b) = (format!("{} blocks", recorded.len()), format!("{}: {}", left.len(), Value::from(left)));
        return vec![Difference { path: "stdout".into(), recorded: a, ours: b }];
    }
    let mut found = Vec::new();
    for block in &recorded {
        let nearest = (0..left.len()).min_by_key(|at| compare(block, &left[*at], &mut names.clone()).len());
        if let Some(at) = nearest {
            let other = left.remove(at);
            found.extend(compare(block, &other, names).into_iter().map(|mut difference| {
                difference.path = format!("stdout/{}", difference.path);
                difference
            }));
        }
    }
    found
}

/// A block of `name ( RO): value` lines by name, any other text by line. What stands before the value counts too.
fn fields(block: &str) -> Value {
    let named: Option<Vec<(&str, &str)>> = block
        .split('\n')
        .filter(|line| !line.is_empty())
        .map(|line| Some((FIELD.captures(line)?.get(1)?.as_str(), line)))
        .collect();
    let Some(named) = named else { return lines(block) };
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let members = named.into_iter().map(|(name, line)| {
        let times = seen.entry(name).or_default();
        *times += 1;
        (if *times == 1 { name.to_string() } else { format!("{name}#{times}") }, Value::from(line))
    });
    Value::Object(members.collect())
}
