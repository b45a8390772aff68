//! Follows domains: which ended, appeared or vanished, and whose agent wrote something new. It only tells; what
//! is done about it is decided above.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use xapi_backend::hypervisor::{DomainEvent, Happened};
use xapi_schema::Result;

use crate::{
    agent,
    shared::{Shared, lock, reason},
    xenstore::Watch,
};

/// A look is taken this often even when nothing fires: xl may fail at the wrong moment.
const LOOK: Duration = Duration::from_secs(60);
/// After a failure.
const RETRY: Duration = Duration::from_secs(2);
/// Changes of an agent are told at most this often.
const CALM: Duration = Duration::from_secs(1);
/// How long a domain is neither told of nor followed after it has come: nobody in it has anything to say yet, and what is asked of
/// xenstore and xl about it would hold up its start.
const FIRST: Duration = Duration::from_secs(3);
/// Looks a domain may stay suspended without being saved by us.
const SUSPENDED: u32 = 3;

/// Domains as they were at the last look.
#[derive(Default)]
struct Seen {
    domains: BTreeMap<u32, String>,
    agents: HashMap<u32, JoinHandle<()>>,
    suspended: HashMap<u32, u32>,
    looked: bool,
}

impl Drop for Seen {
    fn drop(&mut self) {
        self.agents.values().for_each(JoinHandle::abort);
    }
}

/// Runs for as long as somebody holds the domains.
pub async fn run(shared: Weak<Shared>) {
    let mut seen = Seen::default();
    loop {
        if let Err(error) = follow(&shared, &mut seen).await {
            tracing::warn!(%error, "domains cannot be followed at the moment");
        }
        if shared.strong_count() == 0 {
            return;
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn follow(shared: &Weak<Shared>, seen: &mut Seen) -> Result<()> {
    let Some(strong) = shared.upgrade() else { return Ok(()) };
    let mut begun = strong.store.watch("@introduceDomain").await?;
    let mut ended = strong.store.watch("@releaseDomain").await?;
    drop(strong);
    loop {
        let Some(strong) = shared.upgrade() else { return Ok(()) };
        let again = look(&strong, seen).await?;
        let until = Instant::now() + if again { RETRY } else { LOOK };
        loop {
            let fired = timeout_at(until, async {
                tokio::select! {
                    _ = ended.next() => true,
                    () = strong.look.notified() => true,
                    _ = begun.next() => false,
                    () = strong.idle.notified() => false,
                }
            });
            if fired.await.unwrap_or(true) {
                break;
            }
            begun.drain();
            notice(&strong, seen).await?;
        }
        begun.drain();
        ended.drain();
    }
}

/// Domains that have come, by xenstore alone: a child of xl's while one is being built would be a part of the price of
/// every start.
async fn notice(shared: &Arc<Shared>, seen: &mut Seen) -> Result<()> {
    for name in shared.store.directory("/local/domain").await? {
        let Some(domid) = name.parse::<u32>().ok().filter(|domid| *domid != 0) else { continue };
        if let Some(uuid) = seen.domains.get(&domid) {
            introduce(shared, domid, uuid).await?;
            continue;
        }
        let vm = shared.store.find(&format!("/local/domain/{domid}/vm")).await?;
        // A count may follow that tells domains of one uuid apart.
        let uuid = vm.as_deref().and_then(|vm| vm.strip_prefix("/vm/")?.get(..36)).map(str::to_owned);
        // One that cannot be told yet is seen by the next look.
        let Some(uuid) = uuid else { continue };
        // One of ours has nothing to say while it is being built.
        if shared.is_busy(&uuid) {
            introduce(shared, domid, &uuid).await?;
        } else {
            follow_new(shared, seen, domid, &uuid);
            seen.domains.insert(domid, uuid);
        }
    }
    Ok(())
}

/// Tells whoever builds a domain that xenstore knows it. Its number is among the last that libxl writes before that; some nodes
/// are there long before.
async fn introduce(shared: &Shared, domid: u32, uuid: &str) -> Result<()> {
    let awaited = lock(&shared.awaited).contains_key(uuid);
    if awaited
        && shared.store.find(&format!("/local/domain/{domid}/domid")).await?.is_some()
        && let Some(builder) = lock(&shared.awaited).remove(uuid)
    {
        // Who waited may have ended in this moment.
        let _ = builder.send(domid);
    }
    Ok(())
}

/// Begins to follow a domain that was not there at the last look.
fn follow_new(shared: &Arc<Shared>, seen: &mut Seen, domid: u32, uuid: &str) {
    let come = seen.looked && !shared.is_busy(uuid);
    let watching = tokio::spawn(follow_agent(Arc::downgrade(shared), domid, uuid.to_string(), come));
    seen.agents.insert(domid, watching);
}

fn tell(shared: &Shared, uuid: &str, what: Happened) {
    // Nobody listening is fine: whoever comes later is told again of what ended.
    let _ = shared.events.send(DomainEvent { uuid: uuid.to_string(), what });
}

/// Compares what runs with the last look; true asks for another one soon.
async fn look(shared: &Arc<Shared>, seen: &mut Seen) -> Result<bool> {
    let rows = shared.rows().await?;
    let mut again = false;
    let mut now = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.dying) {
        now.insert(row.domid, row.uuid.clone());
        if !seen.domains.contains_key(&row.domid) {
            follow_new(shared, seen, row.domid, &row.uuid);
        }
        if row.shut_down && row.reason == Some(2) && !shared.is_busy(&row.uuid) {
            // Somebody else saves it, or a save of ours was cut short and xl is about to undo it.
            let looks = seen.suspended.entry(row.domid).or_default();
            *looks += 1;
            again = true;
            if *looks == SUSPENDED {
                tracing::warn!(uuid = row.uuid, "a domain stays suspended and nobody saves it");
            }
        }
        if let Some(what) = reason(row)
            && lock(&shared.told).insert(row.domid)
        {
            shared.ended.send_modify(|count| *count += 1);
            tell(shared, &row.uuid, what);
        }
    }
    for (domid, uuid) in seen.domains.iter().filter(|(domid, _)| !now.contains_key(domid)) {
        shared.ended.send_modify(|count| *count += 1);
        lock(&shared.told).remove(domid);
        seen.suspended.remove(domid);
        if let Some(watching) = seen.agents.remove(domid) {
            watching.abort();
        }
        if !shared.is_busy(uuid) && !now.values().any(|other| other == uuid) {
            tell(shared, uuid, Happened::Vanished);
        }
    }
    seen.domains = now;
    seen.looked = true;
    Ok(again)
}

/// Tells that a domain has come, if that is news, and when its agent wrote something, not more often than is useful.
async fn follow_agent(shared: Weak<Shared>, domid: u32, uuid: String, come: bool) {
    let Some(strong) = shared.upgrade() else { return };
    // At once: a clock that is set while nobody looks would be taken for the one the domain was built with.
    let clock = if strong.may_be_hvm(&uuid) { clock(&strong, domid).await } else { None };
    drop(strong);
    tokio::time::sleep(FIRST).await;
    let Some(strong) = shared.upgrade() else { return };
    if come {
        tell(&strong, &uuid, Happened::Appeared);
    }
    let mut watches: Vec<Watch> = Vec::new();
    for part in agent::TELLING {
        match strong.store.watch(&format!("/local/domain/{domid}/{part}")).await {
            Ok(watch) => watches.push(watch),
            Err(error) => tracing::warn!(%error, domid, part, "an agent cannot be followed"),
        }
    }
    drop(strong);
    let _clock = clock.map(|watch| Aborted(tokio::spawn(follow_clock(shared.clone(), uuid.clone(), watch))));
    let (sender, mut changes) = tokio::sync::mpsc::channel::<()>(1);
    let mut listeners = tokio::task::JoinSet::new();
    for mut watch in watches {
        let sender = sender.clone();
        listeners.spawn(async move {
            while watch.next().await.is_some() {
                watch.drain();
                // One that is waiting already says it all.
                let _ = sender.try_send(());
            }
        });
    }
    drop(sender);
    // Watches tell at once what there is already.
    let mut calm = Duration::ZERO;
    while changes.recv().await.is_some() {
        tokio::time::sleep(std::mem::replace(&mut calm, CALM)).await;
        while changes.try_recv().is_ok() {}
        let Some(strong) = shared.upgrade() else { return };
        tell(&strong, &uuid, Happened::Agent);
    }
}

/// A task that ends with whoever holds it.
struct Aborted(JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A watch on what the emulator writes when a guest sets its clock. Emulators that keep it to themselves never do.
async fn clock(shared: &Shared, domid: u32) -> Option<(String, Watch)> {
    let vm = shared.store.find(&format!("/local/domain/{domid}/vm")).await.ok()??;
    let node = format!("{vm}/rtc/timeoffset");
    let watch = shared.store.watch(&node).await.ok()?;
    Some((node, watch))
}

async fn follow_clock(shared: Weak<Shared>, uuid: String, (node, mut watch): (String, Watch)) {
    let mut known = None;
    while watch.next().await.is_some() {
        watch.drain();
        let Some(strong) = shared.upgrade() else { return };
        let told = strong.store.find(&node).await.ok().flatten();
        let Some(seconds) = told.and_then(|text| text.trim().parse::<i64>().ok()) else { continue };
        // The first value is what the domain was built with.
        if known.is_some_and(|before| before != seconds) {
            tell(&strong, &uuid, Happened::Clock(seconds));
        }
        known = Some(seconds);
    }
}
