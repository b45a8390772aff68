//! A storage repository that was carried over: nothing of its records is written anew, and what was noted of changes
//! counts no more once guests may write.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Host, no, str};
use xapi_schema::Value;

const GUARD: &str = "xennix:guarded";

#[tokio::test]
async fn figures_stay_and_tracking_ends() {
    let host = Host::new().await;
    let (sr, disk) = (host.default_sr().await, host.vdi("disk").await);
    host.ok("VDI.enable_cbt", [str(&disk)]).await;
    let link = host.ok("SR.get_PBDs", [str(&sr)]).await;
    let Value::Set(links) = link else { panic!("{link:?}") };
    let link = links.first().cloned().unwrap();
    host.ok("PBD.unplug", [link.clone()]).await;
    host.ok("SR.add_to_other_config", [str(&sr), str(GUARD), str("true")]).await;
    assert_eq!(host.get("VDI", "cbt_enabled", &disk).await, Value::Bool(true));
    let before = host.ok("SR.get_record", [str(&sr)]).await;
    host.ok("PBD.plug", [link]).await;
    assert_eq!(host.get("VDI", "cbt_enabled", &disk).await, no());
    for (method, this) in [("SR.scan", &sr), ("SR.update", &sr), ("VDI.update", &disk)] {
        assert_eq!(host.err(method, [str(this)]).await.code, "OPERATION_NOT_ALLOWED", "{method}");
    }
    let after = host.ok("SR.get_record", [str(&sr)]).await;
    for figure in ["physical_size", "physical_utilisation", "virtual_allocation", "name_label", "sm_config"] {
        assert_eq!(before.get(figure), after.get(figure), "{figure}");
    }
    // Free again, the log that is still there is not believed by a scan, and neither by a snapshot.
    host.ok("SR.remove_from_other_config", [str(&sr), str(GUARD)]).await;
    host.ok("SR.scan", [str(&sr)]).await;
    assert_eq!(host.get("VDI", "cbt_enabled", &disk).await, no());
    let snapshot = host.text("VDI.snapshot", [str(&disk), Value::map::<&str>([])]).await;
    assert_eq!(host.get("VDI", "cbt_enabled", &snapshot).await, no());
}
