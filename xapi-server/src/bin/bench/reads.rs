//! Calls that only read: cold right after a start, warm, and with 1 % of the records changed before each.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::{
    client::{Client, Wire},
    measure::machines,
    report::{Goal, Original, Report},
    sample::{Sample, run},
    server::{PASSWORD, Server},
    writes::describe,
};

const WIRES: [Wire; 2] = [Wire::Xml, Wire::Json];

/// First calls after a start.
#[derive(Default)]
pub struct Cold {
    all_records: [Sample; 2],
    record: [Sample; 2],
    events: Sample,
}

impl Cold {
    /// One kind of first calls on a server just started; rounds take turns.
    pub fn measure(&mut self, round: usize, server: &Server) -> Result<()> {
        let mut client = server.client()?;
        let add = |to: &mut Sample, more: Sample| *to = std::mem::take(to).and(more);
        match round % 3 {
            0 => {
                for wire in WIRES {
                    add(&mut self.all_records[wire as usize], all(server, &mut client, wire, 1)?);
                }
            }
            1 => {
                let vms = machines(server, &mut client)?;
                for wire in WIRES {
                    let get = |number: usize| {
                        client.call(wire, "VM.get_record", &[&server.session, &vms[number % vms.len()]])
                    };
                    add(&mut self.record[wire as usize], run(server, 1, 300, get)?);
                }
            }
            _ => add(&mut self.events, snapshot(server, &mut client, 1)?),
        }
        Ok(())
    }
}

fn all(server: &Server, client: &mut Client, wire: Wire, count: usize) -> Result<Sample> {
    run(server, count, 1, |_| client.call(wire, "VM.get_all_records", &[&server.session]))
}

fn snapshot(server: &Server, client: &mut Client, count: usize) -> Result<Sample> {
    let params = json!([server.session, ["*"], "", 0.0]);
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "event.from", "params": params}).to_string();
    run(server, count, 1, |_| client.post("/jsonrpc", "application/json", &call))
}

/// `VM.get_all_records` on both wires.
pub fn all_records(server: &Server, vms: &[String], cold: &Cold, report: &mut Report) -> Result<()> {
    let mut client = server.client()?;
    for wire in WIRES {
        all(server, &mut client, wire, 2)?;
        let warm = all(server, &mut client, wire, 15)?;
        let mut changed = Sample::default();
        for round in 0..7 {
            for number in 0..vms.len() / 100 {
                let vm = &vms[(round * 37 + number * 100) % vms.len()];
                describe(server, &mut client, vm, &format!("round {round} {wire:?}"))?;
            }
            changed = changed.and(all(server, &mut client, wire, 1)?);
        }
        let name = format!("VM.get_all_records {wire:?}");
        let cold = &cold.all_records[wire as usize];
        // The original's server time was taken in XML; its JSON takes as long within 5 % by the clock.
        let original = report.original(Original::AllRecordsServer);
        let part = |part: f64| {
            original.map_or(Goal::None, |ms| Goal::under(ms / part, &format!(" (1/{part} of {ms})")))
        };
        report.row(&format!("{name}, cold, server ms"), cold.server(), part(10.0));
        report.row(&format!("{name}, warm, server ms"), warm.server(), part(20.0));
        report.row(&format!("{name}, warm, least server ms"), warm.least(), Goal::None);
        report.row(&format!("{name}, 1 % changed, server ms"), changed.server(), Goal::None);
        let clock = report.original(match wire {
            Wire::Xml => Original::AllRecordsXml,
            Wire::Json => Original::AllRecordsJson,
        });
        report.row(&format!("{name}, warm, p50 ms"), warm.p50(), Goal::half(clock));
        report.row(&format!("{name}, MB"), warm.bytes as f64 / 1e6, Goal::None);
    }
    Ok(())
}

/// `VM.get_record` on both wires.
pub fn records(server: &Server, vms: &[String], cold: &Cold, report: &mut Report) -> Result<()> {
    let (mut client, mut changer) = (server.client()?, server.client()?);
    for wire in WIRES {
        let mut get = |number: usize| {
            client.call(wire, "VM.get_record", &[&server.session, &vms[number * 7 % vms.len()]])
        };
        let warm = run(server, 10, 500, &mut get)?;
        let mut changed = Sample::default();
        for round in 0..10 {
            describe(server, &mut changer, &vms[round * 7 % vms.len()], &format!("again {round} {wire:?}"))?;
            changed = changed.and(run(server, 1, 100, |number| get(round + number))?);
        }
        let name = format!("VM.get_record {wire:?}");
        let cold = &cold.record[wire as usize];
        report.row(&format!("{name}, cold, server ms"), cold.server(), Goal::None);
        report.row(&format!("{name}, warm, server ms"), warm.server(), Goal::None);
        report.row(&format!("{name}, 1 % changed, server ms"), changed.server(), Goal::None);
        let original = report.original(Original::Record);
        report.row(&format!("{name}, warm, p50 ms"), warm.p50(), Goal::half(original));
        report.row(&format!("{name}, bytes"), warm.bytes as f64, Goal::None);
    }
    Ok(())
}

/// A full `event.from`, and the smallest call there is.
pub fn others(server: &Server, cold: &Cold, report: &mut Report) -> Result<()> {
    let mut client = server.client()?;
    snapshot(server, &mut client, 2)?;
    let warm = snapshot(server, &mut client, 15)?;
    let original = report.original(Original::EventsServer);
    report.row("event.from full JSON, cold, server ms", cold.events.server(), Goal::half(original));
    report.row("event.from full JSON, warm, server ms", warm.server(), Goal::half(original));
    report.row(
        "event.from full JSON, warm, p50 ms",
        warm.p50(),
        Goal::half(report.original(Original::Events)),
    );
    report.row("event.from full JSON, MB", warm.bytes as f64 / 1e6, Goal::None);
    let hosts = run(server, 10, 500, |_| client.call(Wire::Xml, "host.get_all", &[&server.session]))?;
    report.row("host.get_all XML, server ms", hosts.server(), Goal::None);
    report.row("host.get_all XML, p50 ms", hosts.p50(), Goal::half(report.original(Original::Hosts)));
    Ok(())
}

/// Whole processes of `xe`, started and ended.
pub fn command_line(server: &Server, xe: &Path, place: &Path, report: &mut Report) -> Result<()> {
    let (host, port) = server.address.rsplit_once(':').context("an address has a port")?;
    let list = |extra: &[&str]| {
        let mut call = |_| {
            let output = Command::new(xe)
                .env("HOME", place)
                .args(["-s", host, "-p", port, "-u", "root", "-pw", PASSWORD, "vm-list"])
                .args(extra)
                .stdin(Stdio::null())
                .output()?;
            if !output.status.success() || output.stdout.is_empty() {
                bail!("xe vm-list: {}", String::from_utf8_lossy(&output.stderr));
            }
            Ok(output.stdout.len())
        };
        run(server, 5, 1, &mut call)
    };
    let plain = list(&[])?;
    report.row(
        "xe vm-list, whole process, p50 s",
        plain.p50() / 1e3,
        Goal::half(report.original(Original::XeList)),
    );
    report.row("xe vm-list, server ms (password hash in it)", plain.server(), Goal::None);
    let all = list(&["params=all"])?;
    let original = report.original(Original::XeListAll);
    report.row("xe vm-list params=all, whole process, p50 s", all.p50() / 1e3, Goal::half(original));
    Ok(())
}
