//! Servers that fall silent and servers that go away, under SRs of files and of volumes: every call comes back with its
//! error, another SR of the same daemon notices nothing, and with the server back all that was flushed is there. As root
//! in a bed (`tests/in-bed gone`), which says so by `XENNIX_BED_FILES`; anywhere else it says what it leaves out.

mod common;

use std::{path::Path, sync::Arc, time::Duration};

use common::{
    Place, SR, fresh,
    guest::{Client, connect},
    new,
    target::{CHAP, IQN, config, eventually, holds, initiator, session, shell, target},
};
use nix::sys::signal::Signal;
use xapi_backend::{Storage, storage::SrConfig};
use xapi_schema::Failure;
use xapi_storage::Native;
use xennix_disk::nbd::proto::command;

const MIB: u64 = 1 << 20;
/// An SR beside the one whose server goes.
const BESIDE: &str = "0a6c1f0e-1111-4222-8333-444455558888";

fn asked() -> bool {
    let asked = std::env::var_os("XENNIX_BED_FILES").is_some();
    if !asked {
        eprintln!(
            "skipped: servers that go away are tried in the bed (xapi-server/storage/tests/in-bed gone)"
        );
    }
    asked
}

/// What a call says, which must not wait for ever: far longer than the deadlines below.
async fn answer<T>(call: impl Future<Output = xapi_schema::Result<T>>) -> Result<T, Failure> {
    tokio::time::timeout(Duration::from_secs(600), call).await.expect("a call hangs")
}

/// Disks on a server, all flushed: one with a snapshot, one that a guest has open; and an SR beside.
struct Stage {
    place: Place,
    storage: Arc<Native>,
    sr: SrConfig,
    disk: String,
    snapshot: String,
    guests: String,
    guest: Client,
}

impl Stage {
    async fn set(sr: SrConfig) -> Stage {
        let dir = Path::new("/data/bed/beside");
        let _ = std::fs::remove_dir_all(dir);
        let place = Place::at(dir);
        let storage = Arc::new(place.native());
        storage.create(&sr, 0).await.unwrap();
        storage.attach(&sr).await.unwrap();
        let beside = SrConfig { uuid: BESIDE.into(), ..place.config() };
        storage.create(&beside, 0).await.unwrap();
        storage.attach(&beside).await.unwrap();
        let disk = storage.create_volume(SR, new(64 << 20)).await.unwrap().location;
        storage.write(SR, &disk, 0, vec![1; 1 << 20]).await.unwrap();
        storage.flush(SR, &disk).await.unwrap();
        let snapshot = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
        storage.write(SR, &disk, MIB, vec![2; 1 << 20]).await.unwrap();
        storage.flush(SR, &disk).await.unwrap();
        let guests = storage.create_volume(SR, new(16 << 20)).await.unwrap().location;
        let mut guest = connect(&storage.open_volume(SR, &guests, true).await.unwrap());
        guest.write(0, &[3; 8192], 0);
        guest.must(command::FLUSH, 0, 0, 0);
        Stage { place, storage, sr, disk, snapshot, guests, guest }
    }

    /// A life in the SR beside.
    async fn lives_on(&self) {
        let storage = &self.storage;
        let disk = answer(storage.create_volume(BESIDE, new(8 << 20))).await.unwrap().location;
        answer(storage.write(BESIDE, &disk, 0, vec![9; 4096])).await.unwrap();
        let snapshot = answer(storage.snapshot_volume(BESIDE, &disk, &fresh())).await.unwrap().location;
        assert_eq!(answer(storage.read(BESIDE, &snapshot, 0, 4096)).await.unwrap(), [9; 4096]);
        for gone in [&disk, &snapshot] {
            answer(storage.destroy_volume(BESIDE, gone)).await.unwrap();
        }
        answer(storage.collect_garbage(BESIDE, Box::new(|_| true))).await.unwrap();
        assert!(answer(storage.scan(BESIDE)).await.unwrap().is_empty());
    }

    /// With the server away nothing can be done, and everything says so; a scan never shows less than there is.
    async fn all_fail(&mut self) {
        let storage = self.storage.clone();
        let written = answer(storage.write(SR, &self.disk, 2 * MIB, vec![8; 1 << 20])).await;
        let written = written.and(answer(storage.flush(SR, &self.disk)).await);
        let told = [
            ("write", written.err()),
            ("create", answer(storage.create_volume(SR, new(8 << 20))).await.err()),
            ("snapshot", answer(storage.snapshot_volume(SR, &self.disk, &fresh())).await.err()),
            ("destroy", answer(storage.destroy_volume(SR, &self.snapshot)).await.err()),
            ("resize", answer(storage.resize_volume(SR, &self.disk, 128 << 20)).await.err()),
        ];
        for (what, told) in told {
            println!("{what}: {told:?}");
            assert!(told.is_some_and(|told| told.code.starts_with("SR_BACKEND_FAILURE_")), "{what}");
        }
        match answer(storage.scan(SR)).await {
            Ok(found) => assert!(found.iter().filter(|v| !v.hidden).count() >= 3, "{found:?}"),
            Err(told) => println!("scan: {told:?}"),
        }
        // The guest is told, too, at the latest when it wants something to last.
        let written = self.guest.call(command::WRITE, 0, MIB, 4096, &[7; 4096]).expect("the server lives");
        let lasts = self.guest.call(command::FLUSH, 0, 0, 0, &[]).expect("the server lives");
        assert!(written.is_err() || lasts.is_err(), "{written:?} {lasts:?}");
    }

    /// With the server back nothing that was flushed is lost, for the daemon as it is, and for the guest.
    async fn nothing_is_lost(&mut self) {
        let mut first = Err("never".to_owned());
        let limit = std::time::Instant::now() + Duration::from_secs(180);
        while std::time::Instant::now() < limit {
            first =
                answer(self.storage.read(SR, &self.snapshot, 0, 1 << 20)).await.map_err(|e| format!("{e:?}"));
            if first.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert_eq!(first.unwrap(), vec![1; 1 << 20]);
        let both = [vec![1; 1 << 20], vec![2; 1 << 20]].concat();
        assert_eq!(answer(self.storage.read(SR, &self.disk, 0, 2 << 20)).await.unwrap(), both);
        assert_eq!(self.guest.read(0, 8192), [3; 8192]);
        // An image whose flush failed is not written any more until it is opened anew, as a start of the guest does.
        answer(self.storage.close_volume(SR, &self.guests)).await.unwrap();
        self.guest = connect(&answer(self.storage.open_volume(SR, &self.guests, true)).await.unwrap());
        assert_eq!(self.guest.read(0, 8192), [3; 8192]);
        self.guest.write(2 * MIB, &[4; 4096], 0);
        self.guest.must(command::FLUSH, 0, 0, 0);
        answer(self.storage.write(SR, &self.disk, 4 * MIB, vec![5; 4096])).await.unwrap();
        answer(self.storage.flush(SR, &self.disk)).await.unwrap();
        let found = answer(self.storage.scan(SR)).await.unwrap();
        for wanted in [&self.disk, &self.snapshot, &self.guests] {
            assert!(found.iter().any(|v| v.location == *wanted && !v.hidden), "{found:?}");
        }
    }

    /// The next daemon finds the same, nothing that was half made, and leaves nothing.
    async fn over(self) {
        drop(self.guest);
        self.storage.close_volume(SR, &self.guests).await.unwrap();
        self.storage.detach(SR).await.unwrap();
        drop(self.storage);
        let storage = self.place.native();
        storage.attach(&self.sr).await.unwrap();
        let shown = storage.scan(SR).await.unwrap().into_iter().filter(|v| !v.hidden).count();
        assert_eq!(shown, 3, "a call that failed has left a disk");
        assert_eq!(storage.read(SR, &self.disk, MIB, 4096).await.unwrap(), [2; 4096]);
        assert_eq!(storage.read(SR, &self.disk, 4 * MIB, 4096).await.unwrap(), [5; 4096]);
        assert_eq!(storage.read(SR, &self.guests, 2 * MIB, 4096).await.unwrap(), [4; 4096]);
        for gone in [&self.disk, &self.snapshot, &self.guests] {
            storage.destroy_volume(SR, gone).await.unwrap();
        }
        storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
        storage.delete(SR).await.unwrap();
    }
}

/// Nothing gets through to the server of files, for as long as this value lives.
struct Silence;

impl Silence {
    fn new() -> Silence {
        shell("nft add table ip silence");
        shell("nft add chain ip silence in '{ type filter hook input priority 0; }'");
        shell("nft add rule ip silence in tcp dport 2049 drop");
        Silence
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        assert!(holds("nft delete table ip silence") || std::thread::panicking());
    }
}

fn nfs(version: &str, options: &str) -> SrConfig {
    let device =
        [("server", "127.0.0.1"), ("serverpath", "/srv/nfs"), ("nfsversion", version), ("options", options)];
    SrConfig {
        uuid: SR.into(),
        kind: "nfs".into(),
        device_config: device.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(),
        sm_config: vec![],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_files_that_is_silent_holds_up_its_own_calls_alone() {
    if !asked() {
        return;
    }
    // A mount that waits for its server without end: what is called then waits with it, and nothing else does.
    let mut stage = Stage::set(nfs("3", "hard")).await;
    let silence = Silence::new();
    let (storage, disk) = (stage.storage.clone(), stage.disk.clone());
    let waits = tokio::spawn(async move {
        storage.write(SR, &disk, 4 * MIB, vec![6; 4096]).await?;
        storage.flush(SR, &disk).await
    });
    stage.lives_on().await;
    assert!(!waits.is_finished(), "nobody can have answered");
    drop(silence);
    answer(async { waits.await.unwrap() }).await.unwrap();
    assert_eq!(stage.storage.read(SR, &stage.disk, 4 * MIB, 4096).await.unwrap(), [6; 4096]);
    stage.nothing_is_lost().await;
    stage.over().await;
}

/// As SRs are mounted, only with less patience.
const IMPATIENT: &str = "timeo=10,retrans=1,retry=0";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_files_that_stays_silent_fails_calls_and_loses_nothing() {
    if !asked() {
        return;
    }
    let mut stage = Stage::set(nfs("3", IMPATIENT)).await;
    let silence = Silence::new();
    stage.all_fail().await;
    stage.lives_on().await;
    drop(silence);
    stage.nothing_is_lost().await;
    stage.over().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_files_that_is_gone_fails_calls_and_loses_nothing() {
    if !asked() {
        return;
    }
    let mut stage = Stage::set(nfs("4.2", IMPATIENT)).await;
    shell("rpc.nfsd 0");
    stage.all_fail().await;
    stage.lives_on().await;
    let refused = SrConfig { uuid: fresh(), ..stage.sr.clone() };
    assert_eq!(answer(stage.storage.create(&refused, 0)).await.unwrap_err().code, "SR_BACKEND_FAILURE_73");
    // A client that has been refused for long tries seldom: one that comes after the time of grace has lost its locks,
    // and with them what it had open.
    shell("echo 45 >/proc/fs/nfsd/nfsv4gracetime; rpc.nfsd 4");
    stage.nothing_is_lost().await;
    stage.over().await;
}

/// How long a session may be gone before what waits for it fails, in place of two minutes.
fn impatient() {
    let file = "/etc/iscsi/iscsid.conf";
    for (name, seconds) in [
        ("node.session.timeo.replacement_timeout", 5),
        ("node.conn[0].timeo.noop_out_interval", 2),
        ("node.conn[0].timeo.noop_out_timeout", 2),
    ] {
        shell(&format!(
            "sed -i '/^{}/d' {file}; echo '{name} = {seconds}' >>{file}",
            name.replace('[', "\\[")
        ));
    }
}

/// An SR on the first LUN.
fn lun() -> SrConfig {
    SrConfig {
        uuid: SR.into(),
        kind: "lvmoiscsi".into(),
        device_config: config(&[("targetIQN", IQN), CHAP[0], CHAP[1], ("LUNid", "1")]),
        sm_config: vec![],
    }
}

fn nothing_is_left() {
    assert!(!session() && !holds("vgs --noheadings | grep -q XenStorage"), "something is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_stays_silent_fails_calls_and_loses_nothing() {
    if !asked() {
        return;
    }
    impatient();
    let (served, _initiator) = (target(), initiator());
    let mut stage = Stage::set(lun()).await;
    served.signal(Signal::SIGSTOP);
    stage.all_fail().await;
    stage.lives_on().await;
    served.signal(Signal::SIGCONT);
    stage.nothing_is_lost().await;
    stage.over().await;
    nothing_is_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_gone_fails_calls_and_loses_nothing() {
    if !asked() {
        return;
    }
    impatient();
    let (served, _initiator) = (target(), initiator());
    let mut stage = Stage::set(lun()).await;
    drop(served);
    stage.all_fail().await;
    stage.lives_on().await;
    let other = [("targetIQN", "iqn.2026-01.org.example:other"), ("LUNid", "2")];
    let other = SrConfig { uuid: fresh(), device_config: config(&other), ..lun() };
    assert_eq!(answer(stage.storage.create(&other, 0)).await.unwrap_err().code, "SR_BACKEND_FAILURE_141");
    let _served = target();
    eventually("iscsiadm -m session -P 3 | grep -q 'State: running'");
    stage.nothing_is_lost().await;
    stage.over().await;
    nothing_is_left();
}
