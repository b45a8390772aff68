//! What is left when a process that changes an SR on LVM is killed at one of its commands, or one of them fails: all that
//! was written, and nothing half-made. `XENNIX_LVM_CUTS=all` tries every single command; otherwise some of them.
//! `XENNIX_LVM_WORKS=grow,raw` tries the commands of these works alone.

use std::{process::Command, sync::Arc};

use xapi_backend::{Storage, storage::NewVolume};
use xapi_storage::Native;

use crate::{
    MIB,
    common::{
        SR, fresh,
        lvm::{Fault, Faulty, LvmPlace},
        new,
    },
    over,
};

/// What is cut.
const WORKS: [&str; 10] =
    ["create", "raw", "snapshot", "clone", "resize", "grow", "revert", "destroy", "collect", "name"];

/// What is to be cut now, each with its place in the list.
fn works() -> impl Iterator<Item = (usize, &'static str)> {
    let asked = std::env::var("XENNIX_LVM_WORKS").unwrap_or_default();
    let is_asked = move |what: &str| asked.is_empty() || asked.split(',').any(|one| one == what);
    WORKS.into_iter().enumerate().filter(move |(_, what)| is_asked(what))
}

async fn work(storage: &Native, what: &str, disk: &str, snapshot: &str) -> xapi_schema::Result<()> {
    match what {
        "create" => storage.create_volume(SR, new(4 << 20)).await.map(drop),
        "raw" => storage.create_volume(SR, raw(4 << 20)).await.map(drop),
        "snapshot" => storage.snapshot_volume(SR, disk, &fresh()).await.map(drop),
        "clone" => storage.clone_volume(SR, snapshot, &fresh()).await.map(drop),
        "resize" | "grow" => storage.resize_volume(SR, disk, 24 << 20).await.map(drop),
        "revert" => storage.revert_volume(SR, disk, snapshot).await.map(drop),
        "destroy" => storage.destroy_volume(SR, snapshot).await,
        "collect" => storage.collect_garbage(SR, Box::new(|_| true)).await,
        "name" => storage.name_volume(SR, disk, "renamed", "").await,
        other => panic!("{other}"),
    }
}

fn raw(size: i64) -> NewVolume {
    NewVolume { sm_config: vec![("type".into(), "raw".into())], ..new(size) }
}

/// A raw disk where another one was full of bytes that are nobody's to see, and beside it what a snapshot holds
/// otherwise: of a raw disk there is none.
async fn among_remains(storage: &Native) -> (String, String) {
    let before = storage.create_volume(SR, raw(48 << 20)).await.unwrap().location;
    for at in 0..48 {
        storage.write(SR, &before, at * MIB, vec![0xee; 1 << 20]).await.unwrap();
    }
    storage.flush(SR, &before).await.unwrap();
    storage.destroy_volume(SR, &before).await.unwrap();
    let disk = storage.create_volume(SR, raw(8 << 20)).await.unwrap().location;
    let beside = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
    for (of, at, byte) in [(&disk, 0, 1), (&disk, MIB, 2), (&beside, 0, 1)] {
        storage.write(SR, of, at, vec![byte; 8192]).await.unwrap();
        storage.flush(SR, of).await.unwrap();
    }
    (disk, beside)
}

/// A disk over a snapshot, each with bytes of its own.
async fn family(storage: &Native, what: &str) -> (String, String) {
    if what == "grow" {
        return among_remains(storage).await;
    }
    let disk = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
    storage.write(SR, &disk, 0, vec![1; 8192]).await.unwrap();
    let snapshot = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
    storage.write(SR, &disk, MIB, vec![2; 8192]).await.unwrap();
    storage.flush(SR, &disk).await.unwrap();
    if what == "collect" {
        let other = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
        storage.write(SR, &disk, 3 * MIB, vec![3; 512]).await.unwrap();
        storage.flush(SR, &disk).await.unwrap();
        storage.destroy_volume(SR, &other).await.unwrap();
        storage.destroy_volume(SR, &snapshot).await.unwrap();
    }
    (disk, snapshot)
}

/// Whatever happened to the work: nothing is lost, and nothing stays behind once all disks are gone.
async fn judge(place: &LvmPlace, what: &str, disk: &str, snapshot: &str) {
    let storage = place.native();
    storage.attach(&place.config()).await.unwrap();
    let found = storage.scan(SR).await.unwrap();
    let shown: Vec<&str> = found.iter().filter(|v| !v.hidden).map(|v| v.location.as_str()).collect();
    let has = |at: &str| shown.contains(&at);
    let gone = what == "collect" || what == "destroy";
    assert!(has(disk) && (has(snapshot) || gone), "{shown:?}");
    assert!(shown.len() <= 3, "{shown:?}");
    assert_eq!(storage.read(SR, disk, 0, 8192).await.unwrap(), [1; 8192]);
    let own = storage.read(SR, disk, MIB, 8192).await.unwrap();
    assert!(own == [2; 8192] || what == "revert" && own == [0; 8192]);
    if what == "collect" {
        assert_eq!(storage.read(SR, disk, 3 * MIB, 512).await.unwrap(), [3; 512]);
    }
    if has(snapshot) {
        assert_eq!(storage.read(SR, snapshot, 0, 8192).await.unwrap(), [1; 8192]);
        assert_eq!(storage.read(SR, snapshot, MIB, 8192).await.unwrap(), [0; 8192]);
    }
    let size = storage.stat_volume(SR, disk).await.unwrap().virtual_size;
    assert!(size == 8 << 20 || ["resize", "grow"].contains(&what) && size == 24 << 20, "{size}");
    for at in (8..size as u64 / MIB).map(|mib| mib * MIB) {
        assert!(storage.read(SR, disk, at, 1 << 20).await.unwrap() == [0; 1 << 20], "{what}: at {at}");
    }
    storage.write(SR, disk, 7 * MIB, vec![9; 512]).await.unwrap();
    storage.flush(SR, disk).await.unwrap();
    storage.detach(SR).await.unwrap();
    place.assert_clean().await;
    storage.attach(&place.config()).await.unwrap();
    for at in shown {
        storage.destroy_volume(SR, at).await.unwrap();
    }
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    assert_eq!(place.names().await, Vec::<String>::new());
    storage.detach(SR).await.unwrap();
}

fn stride(some: usize) -> usize {
    if std::env::var("XENNIX_LVM_CUTS").is_ok_and(|cuts| cuts == "all") { 1 } else { some }
}

/// The other half of the next test: a process that does some work and is killed at one of its commands.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(text) = std::env::var("XENNIX_LVM_CHILD") else { return };
    let [dir, what, disk, snapshot, nth, fault] = text.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{text}")
    };
    let fault = if fault == "before" { Fault::KillBefore } else { Fault::KillAfter };
    let place = LvmPlace::over(dir.into());
    let tools = Arc::new(Faulty::at(place.host.clone(), nth.parse().unwrap(), fault));
    let storage = place.native_with(tools);
    storage.attach(&place.config()).await.unwrap();
    work(&storage, what, disk, snapshot).await.unwrap();
    storage.detach(SR).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_a_command_nothing_is_lost_and_nothing_stays_behind() {
    let place = LvmPlace::new();
    place.ready().await.detach(SR).await.unwrap();
    let mut cuts = 0;
    for (n, what) in works() {
        let step = stride(6);
        let mut nth = n % step;
        loop {
            let storage = place.native();
            storage.attach(&place.config()).await.unwrap();
            let (disk, snapshot) = family(&storage, what).await;
            storage.detach(SR).await.unwrap();
            drop(storage);
            let fault = if (nth / step).is_multiple_of(2) { "before" } else { "after" };
            let text = format!("{} {what} {disk} {snapshot} {nth} {fault}", place.dir().display());
            let exe = std::env::current_exe().unwrap();
            let child = Command::new(exe)
                .args(["--exact", "lvm::cuts::child"])
                .env("XENNIX_LVM_CHILD", &text)
                .output()
                .unwrap();
            let killed = std::os::unix::process::ExitStatusExt::signal(&child.status) == Some(9);
            let told = String::from_utf8_lossy(&child.stdout);
            assert!(
                killed || child.status.success(),
                "{text}: {told} {}",
                String::from_utf8_lossy(&child.stderr)
            );
            eprintln!("{what}: {fault} command {nth}: {}", if killed { "killed" } else { "done" });
            judge(&place, what, &disk, &snapshot).await;
            if !killed {
                break;
            }
            cuts += 1;
            nth += step;
        }
    }
    eprintln!("killed {cuts} times");
    assert!(cuts >= works().count());
    let storage = place.native();
    storage.attach(&place.config()).await.unwrap();
    over(&place, &storage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_fails_the_call_and_loses_nothing() {
    let place = LvmPlace::new();
    place.ready().await.detach(SR).await.unwrap();
    let (mut failed, mut all) = (0, 0);
    for (n, what) in works() {
        let step = stride(5) as i64;
        let mut nth = n as i64 % step;
        loop {
            let storage = place.native();
            storage.attach(&place.config()).await.unwrap();
            let (disk, snapshot) = family(&storage, what).await;
            storage.detach(SR).await.unwrap();
            drop(storage);
            let tools = Arc::new(Faulty::at(place.host.clone(), nth, Fault::Fail));
            let storage = place.native_with(tools.clone());
            let outcome = match storage.attach(&place.config()).await {
                Ok(()) => work(&storage, what, &disk, &snapshot).await,
                Err(failure) => Err(failure),
            };
            let over = tools.is_over();
            if let Err(failure) = outcome {
                assert!(over, "{what}: {failure:?}");
                assert!(failure.code.starts_with("SR_BACKEND_FAILURE_"), "{what} at {nth}: {failure:?}");
                failed += 1;
            }
            drop(storage);
            eprintln!("{what}: command {nth}: {}", if over { "failed" } else { "done" });
            judge(&place, what, &disk, &snapshot).await;
            if !over {
                break;
            }
            all += 1;
            nth += step;
        }
    }
    eprintln!("{all} commands failed, {failed} calls with them");
    assert!(failed > works().count() / 2);
    let storage = place.native();
    storage.attach(&place.config()).await.unwrap();
    over(&place, &storage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_whose_growth_could_not_be_taken_back_is_not_written_until_it_is() {
    let place = LvmPlace::new();
    place.ready().await.detach(SR).await.unwrap();
    let (mut nth, mut refused) = (0, 0);
    loop {
        let storage = place.native();
        storage.attach(&place.config()).await.unwrap();
        let (disk, beside) = among_remains(&storage).await;
        storage.detach(SR).await.unwrap();
        drop(storage);
        let tools = Arc::new(Faulty::at(place.host.clone(), i64::MAX, Fault::FailOn));
        let storage = place.native_with(tools.clone());
        storage.attach(&place.config()).await.unwrap();
        tools.fail_from(nth);
        let grown = storage.resize_volume(SR, &disk, 24 << 20).await.is_ok();
        let over = tools.is_over();
        if !grown && storage.write(SR, &disk, 7 * MIB, vec![4; 512]).await.is_err() {
            assert!(storage.open_volume(SR, &disk, true).await.is_err());
            refused += 1;
        }
        tools.heal();
        storage.write(SR, &disk, 7 * MIB, vec![5; 512]).await.unwrap();
        storage.flush(SR, &disk).await.unwrap();
        let size = storage.stat_volume(SR, &disk).await.unwrap().virtual_size;
        assert_eq!(size, if grown { 24 << 20 } else { 8 << 20 }, "at {nth}");
        storage.detach(SR).await.unwrap();
        drop(storage);
        let storage = place.native();
        storage.attach(&place.config()).await.unwrap();
        assert_eq!(storage.stat_volume(SR, &disk).await.unwrap().virtual_size, size);
        assert_eq!(storage.read(SR, &disk, 7 * MIB, 512).await.unwrap(), [5; 512]);
        for gone in [&disk, &beside] {
            storage.destroy_volume(SR, gone).await.unwrap();
        }
        storage.detach(SR).await.unwrap();
        if !over {
            break;
        }
        nth += 1;
    }
    eprintln!("{nth} commands, {refused} times nothing could be taken back");
    assert!(refused > 0);
    let storage = place.native();
    storage.attach(&place.config()).await.unwrap();
    over(&place, &storage).await;
}
