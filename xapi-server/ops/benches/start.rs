//! What a start costs of our own: `VM.start` and `VM.hard_shutdown` over an `xl` that does next to nothing and a xenstore
//! in memory, with a store on the disk. Prints times, judges none.
//! `cargo bench -p xapi-ops --bench start [-- ROUNDS [GUESTS AT ONCE]]`

#![allow(clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod toolstack;
#[path = "../../xl/tests/common/mod.rs"]
mod xen;

use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use toolstack::{Host, no, str};
use xapi_store::Store;
use xapi_xl::{Domains, Hypercalls, Options, Privcmd, Xl, xenstore::Client};

/// An `xl` of the shell's own words only: what it takes is the price of a child.
const SCRIPT: &str = r#"#!/bin/sh
d=${0%/*}
case $1 in
    list) echo Name; while read -r l; do echo "$l"; done <"$d/table";;
    create)
        for last; do :; done
        while read -r key _ value; do [ "$key" = uuid ] && uuid=${value#?} && uuid=${uuid%?} && break; done <"$last"
        echo "$uuid $$ 96 1 --p--- 0.0 $uuid - -" >>"$d/table";;
    destroy)
        all=; while read -r l; do case $l in *" $2 96 "*) ;; *) all="$all$l
";; esac; done <"$d/table"
        printf %s "$all" >"$d/table";;
esac
exit 0
"#;

fn milliseconds(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |q: usize| times[(times.len() - 1) * q / 100].as_secs_f64() * 1e3;
    format!("p50 {:.1} ms, p90 {:.1} ms, most {:.1} ms", at(50), at(90), at(100))
}

/// The same children, begun by nobody else.
fn bare(dir: &Path) -> Duration {
    let config = dir.join("bare.cfg");
    std::fs::write(&config, "uuid = \"0e260f5c-8fb8-48c9-90fb-d389a294d22a\"\n").unwrap();
    let run = |args: &[&str]| {
        assert!(std::process::Command::new(dir.join("xl")).args(args).status().unwrap().success());
    };
    let begun = Instant::now();
    run(&["create", "-e", "-p", "-q", config.to_str().unwrap()]);
    run(&["unpause", "1"]);
    let took = begun.elapsed();
    std::fs::write(dir.join("table"), "").unwrap();
    took
}

async fn measure(rounds: usize, at_once: usize) {
    let dir = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    std::fs::write(dir.path().join("table"), "").unwrap();
    let program = dir.path().join("xl");
    std::fs::write(&program, SCRIPT).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let daemon = xen::Daemon::beside(&dir.path().join("s"), Arc::default(), dir.path().join("table"));
    let store = Store::open(&dir.path().join("state")).unwrap();
    let host = Host::with(Default::default(), store, |backends| {
        let options = Options {
            xl: Xl { program: program.clone(), ..Xl::default() },
            store: Client::new(vec![daemon.socket.clone()], Duration::from_secs(60)),
            storage: backends.storage.clone(),
            memory: Arc::new(Privcmd::default()),
            hypercalls: Hypercalls::at("/nowhere"),
            card_script: |_| None,
            screens: dir.path().join("screens"),
            tpm: xapi_xl::tpm::Programs::default(),
            cpu_vendor: "GenuineIntel".into(),
        };
        backends.hypervisor = Arc::new(Domains::open(&dir.path().join("xl-state"), options).unwrap());
    })
    .await;
    let mut guests = Vec::new();
    for number in 0..at_once {
        let guest = host.vm(&format!("guest{number}")).await;
        host.vbd(&guest, &host.vdi("disk").await).await;
        guests.push(guest);
    }
    let (mut starts, mut ends, mut together, mut children) = (vec![], vec![], vec![], vec![]);
    for _ in 0..rounds {
        children.push(bare(dir.path()));
        let begun = Instant::now();
        host.ok("VM.start", [str(&guests[0]), no(), no()]).await;
        starts.push(begun.elapsed());
        let begun = Instant::now();
        host.ok("VM.hard_shutdown", [str(&guests[0])]).await;
        ends.push(begun.elapsed());
        let begun = Instant::now();
        let all = guests.iter().map(|guest| host.ok("VM.start", [str(guest), no(), no()]));
        futures_util::future::join_all(all).await;
        together.push(begun.elapsed());
        for guest in &guests {
            host.ok("VM.hard_shutdown", [str(guest)]).await;
        }
    }
    println!("{rounds} rounds, load {}", std::fs::read_to_string("/proc/loadavg").unwrap().trim());
    println!("its two children alone: {}", milliseconds(children));
    println!("VM.start:               {}", milliseconds(starts));
    println!("VM.hard_shutdown:       {}", milliseconds(ends));
    println!("{at_once} VM.start at once:    {}", milliseconds(together));
}

fn main() {
    let mut numbers = std::env::args().filter_map(|word| word.parse().ok());
    let (rounds, at_once) = (numbers.next().unwrap_or(50), numbers.next().unwrap_or(10));
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(measure(rounds, at_once));
}
