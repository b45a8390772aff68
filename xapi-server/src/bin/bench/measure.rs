//! The order of a measurement at one number of machines.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use serde_json::json;

use crate::{
    Programs,
    client::{Client, text},
    reads::{self, Cold},
    report::{Goal, Report},
    sample::{Sample, ms},
    server::Server,
    writes,
};

/// Fills the state up to `count` machines and measures everything.
pub fn at(programs: &Programs, place: &Path, count: usize, report: &mut Report) -> Result<()> {
    eprintln!("{count} machines: filling");
    report.section(count);
    let per_second = fill(&Server::start(&programs.xapi, place)?, count)?;
    report.row("VM.create, 8 connections, calls/s", per_second, Goal::Beside("original 210 to 360".into()));

    eprintln!("{count} machines: starting, cold calls");
    let (mut starts, mut fresh, mut cold) = (Sample::default(), Sample::default(), Cold::default());
    for round in 0..9 {
        let server = Server::start(&programs.xapi, place)?;
        starts.times.push(ms(server.started_in));
        fresh.times.push(server.resident()?.0);
        cold.measure(round, &server)?;
    }

    eprintln!("{count} machines: warm calls");
    let server = Server::start(&programs.xapi, place)?;
    let vms = machines(&server, &mut server.client()?)?;
    reads::all_records(&server, &vms, &cold, report)?;
    reads::records(&server, &vms, &cold, report)?;
    reads::others(&server, &cold, report)?;
    match &programs.xe {
        Some(xe) => reads::command_line(&server, xe, place, report)?,
        None => report.note("`xe` is not there: `xe vm-list` left out"),
    }

    eprintln!("{count} machines: events, durable writes, logins");
    writes::event_latency(&server, &vms, report)?;
    writes::durable(&server, place, &vms, report)?;
    writes::logins(&server, report)?;

    let start = starts.p50() / 1e3;
    let (busy, most) = server.resident()?;
    // Longer than the daemon waits before it gives unused memory back.
    std::thread::sleep(Duration::from_secs(20));
    let (now, _) = server.resident()?;
    let original = |text: &str| if count == 5_000 { format!(" (original {text})") } else { String::new() };
    report.row("start to first answer, s", start, Goal::under(1.0, &original("7.6")));
    report.row("resident after start, MB", fresh.p50(), Goal::under(150.0, &original("283")));
    report.row("resident at the end of the run, MB", busy, Goal::None);
    report.row("resident 20 s after the run, MB", now, Goal::under(150.0, &original("703")));
    report.row("most ever resident, MB", most, Goal::Beside(original("1047").trim().to_string()));
    Ok(())
}

/// References of all machines, templates among them.
pub fn machines(server: &Server, client: &mut Client) -> Result<Vec<String>> {
    let all = client.json("VM.get_all", &json!([server.session]))?;
    all.as_array().into_iter().flatten().cloned().map(text).collect()
}

/// Makes machines on several connections until there are as many as wanted; how many a second.
fn fill(server: &Server, wanted: usize) -> Result<f64> {
    let mut client = server.client()?;
    let records = client.json("VM.get_all_records", &json!([server.session]))?;
    let records = records.as_object().context("records expected")?;
    let template = records.values().find(|vm| vm["is_a_template"] == json!(true));
    let template = template.cloned().context("no template to start from")?;
    let (have, workers) = (records.len(), 8);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| {
                let mut record = template.clone();
                scope.spawn(move || -> Result<()> {
                    let mut client = server.client()?;
                    for number in (have + worker..wanted).step_by(workers) {
                        record["is_a_template"] = json!(false);
                        record["name_label"] = json!(format!("machine {number}"));
                        client.json("VM.create", &json!([server.session, record]))?;
                    }
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread ended"))?)
    })?;
    Ok(wanted.saturating_sub(have) as f64 / begun.elapsed().as_secs_f64())
}
