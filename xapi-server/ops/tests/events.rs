//! Events over random lives: a client that knows nothing but events knows everything in the end, whatever
//! happened between two looks and however often it looked.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::{Host, no, str};
use xapi_schema::{Class, Value};

/// Numbers that are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most.max(1) as u64) as usize
    }

    fn of<'a>(&mut self, all: &'a [String]) -> Option<&'a String> {
        all.get(self.below(all.len()))
    }
}

/// What a client has put together from events.
#[derive(Default)]
struct Client {
    token: String,
    objects: BTreeMap<(String, String), Value>,
}

fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap()
}

fn text(value: &Value, name: &str) -> String {
    member(value, name).as_str().unwrap().to_string()
}

impl Client {
    async fn listen(&mut self, host: &Host) -> Value {
        let all = Value::set([str("*")]);
        let answer = host.ok("event.from", [all, str(&self.token), Value::Float(0.0)]).await;
        let mut last = 0;
        for event in member(&answer, "events").as_set().unwrap() {
            let key = (text(event, "class"), text(event, "ref"));
            let operation = text(event, "operation");
            // Messages, then what was made, then what changed, then what is gone.
            let rank = match (operation.as_str(), key.0.as_str()) {
                ("add", "message") => 1,
                ("add", _) => 2,
                ("mod", _) => 3,
                _ => 4,
            };
            assert!(rank >= last, "{operation} of {key:?} comes too late");
            last = rank;
            match operation.as_str() {
                "add" => {
                    let known = self.objects.insert(key.clone(), member(event, "snapshot").clone());
                    assert!(known.is_none(), "{key:?} is added twice");
                }
                "mod" => {
                    let known = self.objects.insert(key.clone(), member(event, "snapshot").clone());
                    assert!(known.is_some(), "{key:?} changes and was never added");
                }
                _ => assert!(self.objects.remove(&key).is_some(), "{key:?} goes and was never there"),
            }
        }
        self.token = text(&answer, "token");
        answer
    }
}

/// One thing a client of the API may do; failures are part of life.
async fn step(host: &Host, chance: &mut Chance, number: usize) {
    let vms = host.all("VM").await;
    let vbds = host.all("VBD").await;
    let vdis = host.all("VDI").await;
    let messages = host.all("message").await;
    let tasks = host.all("task").await;
    let name = format!("object {number}");
    match (chance.below(13), chance.of(&vms)) {
        (0 | 1, _) => drop(host.vm(&name).await),
        (2, _) => drop(host.vdi(&name).await),
        (3, Some(vm)) if !vdis.is_empty() => {
            let vdi = chance.of(&vdis).unwrap().clone();
            drop(host.vbd(vm, &vdi).await);
        }
        (4, Some(vm)) => drop(host.call("VM.set_name_description", [str(vm), str(&name)]).await),
        (5, Some(vm)) => drop(host.call("VM.destroy", [str(vm)]).await),
        (6, Some(vm)) => drop(host.call("VM.start", [str(vm), no(), no()]).await),
        (7, Some(vm)) => drop(host.call("VM.hard_shutdown", [str(vm)]).await),
        (8, Some(vm)) => {
            drop(host.call("VM.snapshot", [str(vm), str(&name), Value::set([])]).await);
        }
        (9, _) => drop(host.call("task.create", [str(&name), str("")]).await),
        (10, _) => {
            let gone = (chance.of(&vbds).cloned(), chance.of(&tasks).cloned());
            if let Some(vbd) = gone.0 {
                drop(host.call("VBD.destroy", [str(&vbd)]).await);
            }
            if let Some(task) = gone.1 {
                drop(host.call("task.destroy", [str(&task)]).await);
            }
        }
        (11, _) => {
            if let Some(message) = chance.of(&messages).cloned() {
                drop(host.call("message.destroy", [str(&message)]).await);
            }
        }
        (_, Some(vm)) => {
            let args = [str(vm), str(&name), str("value")];
            drop(host.call("VM.add_to_other_config", args).await);
        }
        _ => {}
    }
}

/// What somebody who asks anew is told, and how many of each class there are.
async fn whole(host: &Host) -> (Client, Value) {
    let mut fresh = Client::default();
    let answer = fresh.listen(host).await;
    (fresh, answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_rebuild_everything_on_an_empty_client() {
    for seed in 1..=8u64 {
        let host = Host::new().await;
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut client = Client::default();
        for number in 0..60 {
            step(&host, &mut chance, number).await;
            if chance.below(4) == 0 {
                client.listen(&host).await;
            }
        }
        host.assert_idle().await;
        // Guests report a while after they begin; when two looks at everything agree, nothing is under way.
        let mut same = false;
        for _ in 0..600 {
            client.listen(&host).await;
            let (fresh, answer) = whole(&host).await;
            same = fresh.token == client.token;
            if same {
                assert!(fresh.objects == client.objects, "seed {seed}: the client knows something else");
                let counts = member(&answer, "valid_ref_counts").as_map().unwrap().to_vec();
                for (class, count) in counts {
                    let known = client.objects.keys().filter(|(c, _)| *c == class.as_str()).count();
                    let silent = Class::by_name_any_case(&class).is_some_and(|class| !class.gen_events);
                    assert!(silent || count == Value::Count(known as i64), "seed {seed} {class}: {count:?}");
                }
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(same, "seed {seed}: it never becomes quiet");
    }
}

#[tokio::test]
async fn a_token_nobody_gave_is_not_answered() {
    let host = Host::new().await;
    let all = || Value::set([str("*")]);
    let far = "00000000009999999999,00000000009999999999";
    let lost = host.err("event.from", [all(), str(far), Value::Float(0.0)]).await;
    assert_eq!(lost.code, "EVENTS_LOST");
    let odd = host.err("event.from", [all(), str("yesterday"), Value::Float(0.0)]).await;
    assert_eq!(odd.code, "EVENT_FROM_TOKEN_PARSE_FAILURE");
}
