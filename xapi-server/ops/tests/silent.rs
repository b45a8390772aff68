//! A hypervisor that does not answer when the toolstack starts.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Host, no, str};
use xapi_schema::Value;

#[tokio::test]
async fn clients_are_served_while_the_hypervisor_does_not_answer() {
    let host = Host::new().await;
    let (ended, other) = (host.vm("ended").await, host.vm("other").await);
    host.ok("VM.start", [str(&ended), no(), no()]).await;
    let uuid = host.text("VM.get_uuid", [str(&ended)]).await;
    host.xapi.backends.hypervisor.destroy(&uuid).await.unwrap();
    // More often than a start asks.
    for _ in 0..9 {
        host.levers.faults.fail_next("domains", xapi_schema::Failure::internal("xenstore does not answer"));
    }
    xapi_ops::startup::run(&host.xapi, false).await;
    // Shown as it was last known; what would have to know better is refused, and the host says so.
    assert_eq!(host.state(&ended).await, "Running");
    for (method, vm) in [("VM.start", &other), ("VM.hard_shutdown", &ended), ("VM.destroy", &other)] {
        let args = if method == "VM.start" { vec![str(vm), no(), no()] } else { vec![str(vm)] };
        assert_eq!(host.err(method, args).await.code, "HOST_STILL_BOOTING", "{method}");
    }
    let told = async |name: &str| {
        let all = host.ok("message.get_all_records", []).await;
        let Value::Map(all) = all else { panic!("{all:?}") };
        let of = |record: &Value| record.get("name").and_then(Value::as_str) == Some(name);
        all.iter().filter(|(_, record)| of(record)).count()
    };
    assert_eq!((told("HYPERVISOR_SILENT").await, told("HYPERVISOR_ANSWERS").await), (1, 0));
    // What does not ask it goes on, and is not disturbed when it answers.
    let copy = host.text("VM.clone", [str(&other), str("copy")]).await;
    let begun = std::time::Instant::now();
    while host.state(&ended).await != "Halted" {
        assert!(begun.elapsed().as_secs() < 120, "it is never found out");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    host.xapi.known.wait(true).await;
    host.ok("VM.start", [str(&copy), no(), no()]).await;
    while told("HYPERVISOR_ANSWERS").await == 0 {
        assert!(begun.elapsed().as_secs() < 120, "nobody says so");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    host.assert_idle().await;
}
