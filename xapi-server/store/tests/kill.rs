//! `kill -9` at thirty random moments of a process that commits: every number it acknowledged is there.

mod support;

use std::{
    io::{Read as _, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use support::{Chance, reopen};
use xapi_schema::{
    ClassId, Value,
    classes::{Vbd, Vm, vbd, vm},
};
use xapi_store::{Read, Store};

/// Set in the process to be killed: the directory of its state and the first number.
const DIR: &str = "STORE_KILL_DIR";
const FROM: &str = "STORE_KILL_FROM";
const KILLS: usize = 30;

/// The process to be killed; nothing when it is not told where.
#[test]
fn commits_until_killed() {
    let (Some(dir), Ok(from)) = (std::env::var_os(DIR), std::env::var(FROM)) else { return };
    let store = Store::open(Path::new(&dir)).unwrap();
    let mut out = std::io::stdout();
    for number in from.parse::<u64>().unwrap().. {
        // Two objects, so that a half would show.
        let made = store.commit_blocking(move |tx| {
            let name = Value::map([("name_label", Value::str(number.to_string()))]);
            let vm = tx.create_value(ClassId::Vm, None, &name)?;
            let vbd = Value::map([("VM", Value::Str(vm)), ("userdevice", Value::str(number.to_string()))]);
            tx.create_value(ClassId::Vbd, None, &vbd)
        });
        made.unwrap();
        writeln!(out, "acknowledged {number}").unwrap();
        out.flush().unwrap();
    }
}

/// Runs the process for a while; the numbers it acknowledged.
fn run(dir: &Path, from: u64, after: Duration) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "commits_until_killed", "--nocapture"])
        .env(DIR, dir)
        .env(FROM, from.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).unwrap();
        // The kill may cut the last number short; only whole lines count.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole).lines();
        whole.filter_map(|line| line.split_once("acknowledged ")?.1.parse().ok()).collect::<Vec<u64>>()
    });
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn what_was_acknowledged_survives_kills() {
    let (dir, mut chance) = (tempfile::tempdir().unwrap(), Chance::new(9));
    let mut acknowledged: Vec<u64> = Vec::new();
    let mut next = 0;
    for _ in 0..KILLS {
        let after = Duration::from_millis(chance.below(400) as u64);
        acknowledged.extend(run(dir.path(), next, after));
        let state = reopen(dir.path()).snapshot();
        let mut vms: Vec<u64> = state
            .all::<Vm>()
            .iter()
            .map(|this| state.get(this, vm::name_label).unwrap().parse().unwrap())
            .collect();
        let mut vbds: Vec<u64> = state
            .all::<Vbd>()
            .iter()
            .map(|this| state.get(this, vbd::userdevice).unwrap().parse().unwrap())
            .collect();
        vms.sort_unstable();
        vbds.sort_unstable();
        assert_eq!(vms, vbds, "no half of a commit");
        let lost: Vec<&u64> =
            acknowledged.iter().filter(|number| vms.binary_search(number).is_err()).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        next = vms.last().map_or(0, |last| last + 1);
    }
    assert!(acknowledged.len() > KILLS, "the process got to work: {}", acknowledged.len());
}
