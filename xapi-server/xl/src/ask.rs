//! Asking a guest to shut down, reboot or hold still: a word in its `control/shutdown`, which it empties when it
//! begins, and then ends by itself.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use xapi_backend::hypervisor::{Reply, Request};
use xapi_schema::Result;

use crate::shared::Shared;

/// How long a guest has to take notice.
const NOTICE: Duration = Duration::from_secs(60);
/// A look is taken this often even when nothing seems to happen.
const LOOK: Duration = Duration::from_secs(5);

/// Asks and waits.
pub async fn ask(shared: &Shared, uuid: &str, request: Request, seconds: u64) -> Result<Reply> {
    let domid = shared.need(uuid).await?;
    let domain = format!("/local/domain/{domid}");
    let store = &shared.store;
    if request == Request::Suspend {
        // Saving asks by itself; here only whether it can.
        let able = store.find(&format!("{domain}/control/feature-suspend")).await?;
        return Ok(if able.as_deref() == Some("1") { Reply::Done } else { Reply::Ignored });
    }
    let word = if request == Request::Reboot { "reboot" } else { "poweroff" };
    let node = format!("{domain}/control/shutdown");
    let mut watch = store.watch(&node).await?;
    let mut ends = shared.ends();
    store.write(&node, word).await?;
    let begun = Instant::now();
    let limit = begun + Duration::from_secs(seconds);
    let notice = limit.min(begun + NOTICE);
    let mut noticed = false;
    loop {
        match shared.state(uuid).await? {
            Some(row) if row.domid == domid && !row.shut_down => {}
            _ => return Ok(Reply::Done),
        }
        noticed = noticed || store.find(&node).await?.is_none_or(|value| value.is_empty());
        let until = if noticed { limit } else { notice };
        let now = Instant::now();
        if now >= until {
            if noticed {
                return Ok(Reply::TimedOut);
            }
            // A word that stays would end the guest much later, when nobody expects it.
            store.write(&node, "").await?;
            return Ok(Reply::Ignored);
        }
        let wait = LOOK.min(until - now);
        let _ = timeout(wait, async {
            tokio::select! {
                _ = watch.next() => {}
                _ = ends.changed() => {}
            }
        })
        .await;
        watch.drain();
    }
}
