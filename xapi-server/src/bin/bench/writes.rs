//! Changes: how soon they are told, how long they take to be on disk, and what a login costs.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::Path,
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde_json::json;

use crate::{
    client::{Client, Wire},
    report::{Goal, Original, Report},
    sample::{Sample, ms, run},
    server::{PASSWORD, Server},
};

/// Changes the description of a machine; durable when it returns.
pub fn describe(server: &Server, client: &mut Client, vm: &str, text: &str) -> Result<usize> {
    client.call(Wire::Json, "VM.set_name_description", &[&server.session, vm, text])
}

/// From the change to its event at somebody who waits for it.
///
/// The change's answer and the event are sent after the same commit, so the time between their arrivals
/// tells how much later than its commit an event comes. It may be first: then it counts as 0.
pub fn event_latency(server: &Server, vms: &[String], report: &mut Report) -> Result<()> {
    let (mut changer, mut client) = (server.client()?, server.client()?);
    let first = client.json("event.from", &json!([server.session, ["vm"], "", 0.0]))?;
    let mut token = first["token"].clone();
    let (announce, announced) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel::<Result<Instant>>();
    let session = server.session.clone();
    std::thread::spawn(move || {
        while announced.recv().is_ok() {
            let answer = client.json("event.from", &json!([session, ["vm"], token, 30.0]));
            let at = Instant::now();
            let outcome = answer.map(|answer| {
                token = answer["token"].clone();
                at
            });
            if tell.send(outcome).is_err() {
                break;
            }
        }
    });
    let (mut from_sent, mut from_answer) = (Sample::default(), Sample::default());
    for number in 0..600 {
        announce.send(())?;
        // Long enough for the other to be waiting.
        std::thread::sleep(Duration::from_millis(4));
        let sent = Instant::now();
        describe(server, &mut changer, &vms[number % vms.len()], &format!("seen {number}"))?;
        let answered = Instant::now();
        let seen = told.recv()??;
        from_sent.times.push(ms(seen - sent));
        from_answer.times.push(ms(seen.saturating_duration_since(answered)));
    }
    report.row("event after the change's answer, p50 ms", from_answer.p50(), Goal::under(1.0, ""));
    report.row("event after the change's answer, p99 ms", from_answer.p99(), Goal::None);
    let original = report.original(Original::EventLatency);
    let beside = original.map_or(String::new(), |ms| format!("original {ms}, nothing flushed"));
    report.row(
        "event after the change was sent, flush included, p50 ms",
        from_sent.p50(),
        Goal::Beside(beside),
    );
    report.row("event after the change was sent, flush included, p99 ms", from_sent.p99(), Goal::None);
    Ok(())
}

/// Durable writes, each beside a bare flush of the same disk.
pub fn durable(server: &Server, place: &Path, vms: &[String], report: &mut Report) -> Result<()> {
    let file = fs::File::create(place.join("flushed"))?;
    let mut client = server.client()?;
    let (mut flushes, mut writes) = (Sample::default(), Sample::default());
    for number in 0..1_000u64 {
        let begun = Instant::now();
        file.write_all_at(&[number as u8; 4_096], number * 4_096)?;
        file.sync_data()?;
        flushes.times.push(ms(begun.elapsed()));
        let begun = Instant::now();
        describe(server, &mut client, &vms[number as usize * 11 % vms.len()], &format!("kept {number}"))?;
        writes.times.push(ms(begun.elapsed()));
    }
    report.row("append of 4 KiB and fdatasync, p50 ms", flushes.p50(), Goal::None);
    report.row("append of 4 KiB and fdatasync, p99 ms", flushes.p99(), Goal::None);
    let beside =
        report.original(Original::Write).map_or(String::new(), |ms| format!("original {ms}, not durable"));
    report.row("VM.set_name_description, durable, p50 ms", writes.p50(), Goal::Beside(beside));
    report.row("VM.set_name_description, durable, p99 ms", writes.p99(), Goal::None);
    report.row("ratio of the two p50", writes.p50() / flushes.p50(), Goal::at_most(1.5));
    Ok(())
}

/// Logins with the pool's secret make the same session as others, without the password's hash.
pub fn logins(server: &Server, report: &mut Report) -> Result<()> {
    let mut client = server.client()?;
    let bare = run(server, 8, 50, |_| {
        client.call(Wire::Json, "session.slave_login", &["OpaqueRef:NULL", &server.secret])
    })?;
    let hashed =
        run(server, 10, 1, |_| client.call(Wire::Json, "session.login_with_password", &["root", PASSWORD]))?;
    report.row("login without a password's hash, server ms", bare.server(), Goal::at_most(0.1));
    report.row("login without a password's hash, p50 ms", bare.p50(), Goal::None);
    report.row("login with a password, server ms", hashed.server(), Goal::None);
    Ok(())
}
