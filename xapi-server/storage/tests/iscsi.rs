//! LUNs of a real target and devices that break, as root in a bed (`tests/in-bed`) with `XENNIX_ISCSI=1`; anywhere
//! else it says what it leaves out. Needs tgt, open-iscsi and dmsetup.

mod common;

use std::process::Command;

use common::{
    SR, fresh,
    lvm::LvmPlace,
    new,
    target::{CHAP, IQN, config, initiator, pick, session, shell, target},
};
use xapi_backend::{Storage, storage::SrConfig};
use xapi_storage::Native;

fn asked() -> bool {
    let asked = std::env::var_os("XENNIX_ISCSI").is_some();
    if !asked {
        eprintln!(
            "skipped: targets and broken devices are tried in the bed (xapi-server/storage/tests/in-bed)"
        );
    }
    asked
}

fn code<T>(outcome: xapi_schema::Result<T>) -> String {
    outcome.err().map(|e| e.code.to_string()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lun_of_a_target_is_found_taken_and_left() {
    if !asked() {
        return;
    }
    let (_target, _initiator) = (target(), initiator());
    let place = LvmPlace::new();
    let storage = place.native();
    assert_eq!(code(storage.probe("lvmoiscsi", &[]).await), "SR_BACKEND_FAILURE_95");
    assert_eq!(code(storage.probe("lvmoiscsi", &config(&[("port", "1")])).await), "SR_BACKEND_FAILURE_141");
    let named = [("target".to_owned(), "no.such.host.invalid".to_owned())];
    assert_eq!(code(storage.probe("lvmoiscsi", &named).await), "SR_BACKEND_FAILURE_140");
    let choice = storage.probe("lvmoiscsi", &config(&[])).await.unwrap_err();
    assert_eq!(choice.code, "SR_BACKEND_FAILURE_96");
    assert_eq!(pick(&choice.params[2], "TargetIQN"), [IQN, "*"]);
    let iqn = ("targetIQN", IQN);
    let wrong = config(&[iqn, CHAP[0], ("chappassword", "wrong123456789")]);
    assert_eq!(code(storage.probe("lvmoiscsi", &wrong).await), "SR_BACKEND_FAILURE_68");
    let choice = storage.probe("lvmoiscsi", &config(&[iqn, CHAP[0], CHAP[1]])).await.unwrap_err();
    assert_eq!(choice.code, "SR_BACKEND_FAILURE_107");
    let ids = pick(&choice.params[2], "SCSIid");
    println!("{}", choice.params[2]);
    assert_eq!((ids.len(), pick(&choice.params[2], "LUNid")), (2, vec!["1".into(), "2".into()]));
    assert!(!session(), "a probe leaves no session");
    // Two SRs on two LUNs of one session.
    let sr = |n: usize| SrConfig {
        uuid: [SR, "0a6c1f0e-1111-4222-8333-444455557777"][n].into(),
        kind: "lvmoiscsi".into(),
        device_config: config(&[iqn, CHAP[0], CHAP[1], ("SCSIid", &ids[n])]),
        sm_config: vec![],
    };
    for n in 0..2 {
        storage.create(&sr(n), 0).await.unwrap();
        storage.attach(&sr(n)).await.unwrap();
    }
    let probed = storage.probe("lvmoiscsi", &sr(0).device_config).await.unwrap();
    assert_eq!(pick(&probed, "UUID"), [SR]);
    let disk = storage.create_volume(SR, new(64 << 20)).await.unwrap().location;
    storage.write(SR, &disk, 0, vec![5; 1 << 20]).await.unwrap();
    let snapshot = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
    storage.detach(&sr(1).uuid).await.unwrap();
    assert_eq!(storage.read(SR, &snapshot, 0, 1 << 20).await.unwrap(), vec![5; 1 << 20], "the session stays");
    storage.detach(SR).await.unwrap();
    assert!(!session(), "a session is left");
    let storage = place.native();
    storage.attach(&sr(0)).await.unwrap();
    assert_eq!(storage.read(SR, &disk, 0, 1 << 20).await.unwrap(), vec![5; 1 << 20]);
    common::destroy(&storage, SR).await;
    storage.attach(&sr(1)).await.unwrap();
    common::destroy(&storage, &sr(1).uuid).await;
    assert!(!session(), "a session is left");
}

/// A device over another one, gone with this value.
struct Mapped(&'static str);

impl Mapped {
    fn table(&self, table: &str) {
        let name = self.0;
        shell(&format!(
            "dmsetup suspend --noflush {name}; dmsetup load {name} --table '{table}' && dmsetup resume {name}"
        ));
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let _ = Command::new("dmsetup").args(["remove", "--force", self.0]).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_breaks_fails_the_call_and_loses_nothing() {
    if !asked() {
        return;
    }
    let device = common::lvm::given().expect("XENNIX_LVM_DEVICE");
    let sectors: u64 = shell(&format!("blockdev --getsz {device}")).trim().parse().unwrap();
    let whole = format!("0 {sectors} linear {device} 0");
    shell(&format!("wipefs -aqf {device}; dmsetup create xennix-broken --table '{whole}'; dmsetup mknodes"));
    let mapped = Mapped("xennix-broken");
    let place = LvmPlace { device: "/dev/mapper/xennix-broken".into(), ..LvmPlace::new() };
    let storage = place.native();
    storage.create(&place.config(), 0).await.unwrap();
    storage.attach(&place.config()).await.unwrap();
    let disk = storage.create_volume(SR, new(64 << 20)).await.unwrap().location;
    storage.write(SR, &disk, 0, vec![7; 1 << 20]).await.unwrap();
    storage.flush(SR, &disk).await.unwrap();
    mapped.table(&format!("0 {sectors} error"));
    let told = [
        ("write", code(try_write(&storage, &disk).await)),
        ("snapshot", code(storage.snapshot_volume(SR, &disk, &fresh()).await)),
        ("create", code(storage.create_volume(SR, new(8 << 20)).await)),
        ("destroy", code(storage.destroy_volume(SR, &disk).await)),
    ];
    println!("{told:?}");
    assert!(told.iter().all(|(_, code)| code.starts_with("SR_BACKEND_FAILURE_")), "{told:?}");
    mapped.table(&whole);
    drop(storage);
    let storage = place.native();
    storage.attach(&place.config()).await.unwrap();
    assert_eq!(storage.read(SR, &disk, 0, 1 << 20).await.unwrap(), vec![7; 1 << 20]);
    let shown = storage.scan(SR).await.unwrap().into_iter().filter(|v| !v.hidden).count();
    assert!(shown <= 2, "{shown}");
    storage.detach(SR).await.unwrap();
    place.assert_clean().await;
    storage.attach(&place.config()).await.unwrap();
    common::destroy(&storage, SR).await;
}

async fn try_write(storage: &Native, disk: &str) -> xapi_schema::Result<()> {
    storage.write(SR, disk, 32 << 20, vec![8; 1 << 20]).await?;
    storage.flush(SR, disk).await
}
