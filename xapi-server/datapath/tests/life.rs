//! Disks opened, paused, merged and closed through real disk servers; servers and the controlling process killed on
//! the way. Whatever was acknowledged as durable must be read back, and no process may be left.

mod common;

use common::{Place, connect, eventually, new_vhd, pattern, reconnect, take};
use std::sync::Arc;
use xapi_datapath::watch::{nothing_to_settle, watch};
use xapi_datapath::{DataPath, DataPaths, Kind, Phase, Spec};
use xennix_disk::nbd::control::Merge;
use xennix_disk::nbd::proto::flag;

#[test]
fn a_disk_is_opened_written_and_closed_without_a_trace() {
    let place = Place::new();
    let paths = place.paths();
    assert!(paths.describe().contains("served by nbd-socket"), "{}", paths.describe());
    let spec = new_vhd(&place, "a.vhd");
    let path = paths.open(&spec, true).expect("open");
    assert_eq!(paths.open(&spec, true).expect("again"), path);
    assert!(paths.open(&spec, false).is_err(), "open for writing elsewhere");
    let mut client = connect(&path);
    client.write(4096, &pattern(1, 8), 0);
    paths.flush("a").expect("flush");
    let pid = place.pid("a");
    paths.close("a").expect("close");
    assert!(!place.runs(pid), "the server has ended");
    assert!(place.leftovers().is_empty(), "{:?}", place.leftovers());
    assert!(place.read("a.vhd")[4096..8192] == pattern(1, 8)[..]);
    paths.close("a").expect("closing twice is fine");
    assert!(paths.status("a").expect("status").is_none());
    // For reading it may be open for many.
    let path = paths.open(&spec, false).expect("open");
    assert_eq!(paths.open(&spec, false).expect("open"), path);
    paths.close("a").expect("close");
    assert!(connect(&path).read(4096, 4096) == pattern(1, 8));
    paths.close("a").expect("close");
    assert!(place.leftovers().is_empty());
}

#[test]
fn what_cannot_be_opened_leaves_nothing() {
    let place = Place::with_run("a-runtime-directory-with-a-long-name");
    let paths = place.paths();
    std::fs::write(place.sr().join("bad.vhd"), [7; 9000]).expect("write");
    let spec = Spec::new("bad", place.sr().join("bad.vhd")).expect("spec");
    let e = paths.open(&spec, true).expect_err("no image").to_string();
    assert!(e.contains("footer"), "the server's own words: {e}");
    assert!(paths.open(&Spec::new("no", place.sr().join("no.raw")).expect("spec"), true).is_err());
    assert!(paths.open(&Spec { id: "../x".into(), ..spec.clone() }, true).is_err());
    let long = paths.open(&Spec { id: "x".repeat(80), ..spec }, true).expect_err("sockets have short names");
    assert!(long.to_string().contains("too long"), "{long}");
    assert!(paths.list().is_empty() && place.leftovers().is_empty());
    // A way that is asked for by name is not replaced by another.
    let mut settings = place.settings();
    settings.kind = Some(Kind::Tapdisk);
    let paths = DataPaths::start(settings).expect("start");
    if let Err(e) = paths.kind() {
        assert!(e.to_string().contains("tap-ctl"), "{e}");
        assert!(paths.open(&new_vhd(&place, "a.vhd"), true).is_err());
    }
}

#[test]
fn raw_bytes_are_handed_over_unless_a_server_is_wanted() {
    let place = Place::new();
    let paths = place.paths();
    let image = place.sr().join("r.raw");
    std::fs::write(&image, pattern(3, 64)).expect("write");
    let mut spec = Spec::new("r", &image).expect("spec");
    assert_eq!(paths.open(&spec, true).expect("open"), DataPath::File(image.clone()));
    assert!(paths.pause("r").expect_err("no server").to_string().contains("nothing serves it"));
    // A daemon that starts again finds it open.
    let again = place.paths();
    assert!(again.recover(&|_| Ok(None)).is_empty());
    assert_eq!(again.list().len(), 1);
    again.close("r").expect("close");
    spec.served = true;
    let path = again.open(&spec, true).expect("open");
    assert!(connect(&path).read(0, 64 * 512) == pattern(3, 64));
    again.close("r").expect("close");
    assert!(place.leftovers().is_empty());
}

#[test]
fn a_snapshot_is_taken_under_a_guest_that_writes() {
    let place = Place::new();
    let paths = place.paths();
    let spec = new_vhd(&place, "a.vhd");
    let path = paths.open(&spec, true).expect("open");
    let mut client = connect(&path);
    client.write(0, &pattern(1, 8), 0);
    paths
        .while_paused("a", || {
            take(&place, "a.vhd", "base.vhd", "snap.vhd");
            Ok::<_, xapi_datapath::Error>(((), None))
        })
        .expect("snapshot");
    client.write(0, &pattern(2, 4), flag::FUA);
    let mut want = pattern(2, 4);
    want.extend(&pattern(1, 8)[2048..]);
    assert!(client.read(0, 4096) == want);
    assert!(place.read("snap.vhd")[..4096] == pattern(1, 8)[..]);
    // Work that fails lets the guest go on with what there was.
    let failed = paths.while_paused("a", || Err::<((), _), _>(xapi_datapath::Error::Refused("no".into())));
    assert!(failed.is_err());
    assert!(client.read(0, 4096) == want);
    // Merged back while it is used.
    std::fs::remove_file(place.sr().join("snap.vhd")).expect("remove");
    paths.coalesce("a", None).expect("coalesce");
    eventually("the merge", || {
        let status = paths.status("a").expect("status").expect("open").server.expect("answers");
        matches!(status.merge, Some(Merge::Done))
    });
    client.write(8192, &pattern(4, 1), flag::FUA);
    assert!(client.read(0, 4096) == want);
    paths.close("a").expect("close");
    assert!(!place.sr().join("base.vhd").exists());
    assert!(place.read("a.vhd")[..4096] == want[..]);
    assert_eq!(place.check(), "clean\n");
}

/// Kills the server of `spec` again and again; whatever it answered must be there, flushed or not, as the guest that
/// uses it was not killed.
fn kill_and_go_on(place: &Place, spec: &Spec, size: usize) {
    let paths = Arc::new(place.paths());
    let _watch = watch(&paths, nothing_to_settle()).expect("watch");
    let path = paths.open(spec, true).expect("open");
    let mut model = vec![0; size];
    for round in 0..6u64 {
        let mut client = reconnect(&path);
        for i in 0..20u64 {
            let at = ((round * 20 + i) * 37 % 100) * 65536 + i % 3 * 512;
            let data = pattern(round * 100 + i + 1, 16);
            client.write(at, &data, if i % 7 == 0 { flag::FUA } else { 0 });
            model[at as usize..at as usize + data.len()].copy_from_slice(&data);
        }
        if round == 3 {
            client.must(xennix_disk::nbd::proto::command::FLUSH, 0, 0, 0);
        }
        let pid = place.pid(&spec.id);
        place.kill(pid);
        eventually("another server", || place.state(&spec.id).is_some_and(|s| s.pid != pid && s.is_alive()));
        assert!(reconnect(&path).read(0, size) == model, "round {round}");
    }
    // The one that took over makes durable what others acknowledged.
    reconnect(&path).must(xennix_disk::nbd::proto::command::FLUSH, 0, 0, 0);
    let status = paths.status(&spec.id).expect("status").expect("open");
    assert_eq!(status.record.restarts, 6);
    paths.close(&spec.id).expect("close");
    assert_eq!(place.check(), "clean\n");
    assert!(place.leftovers().is_empty());
    let again = paths.open(spec, false).expect("open");
    assert!(reconnect(&again).read(0, size) == model);
    paths.close(&spec.id).expect("close");
}

#[test]
fn a_server_that_is_killed_is_started_again_and_nothing_it_answered_is_lost() {
    let place = Place::new();
    kill_and_go_on(&place, &new_vhd(&place, "a.vhd"), 7 << 20);
    // Over a parent, where absent sectors are not zeros.
    let place = Place::new();
    new_vhd(&place, "a.vhd");
    take(&place, "a.vhd", "base.vhd", "snap.vhd");
    std::fs::remove_file(place.sr().join("snap.vhd")).expect("remove");
    kill_and_go_on(&place, &Spec::new("a", place.sr().join("a.vhd")).expect("spec"), 7 << 20);
    let place = Place::new();
    std::fs::write(place.sr().join("r.raw"), vec![0; 7 << 20]).expect("write");
    let mut spec = Spec::new("r", place.sr().join("r.raw")).expect("spec");
    spec.served = true;
    kill_and_go_on(&place, &spec, 7 << 20);
    let place = Place::new();
    new_vhd(&place, "v.vhd");
    let made = std::process::Command::new(common::program())
        .args(["convert", "-O", "qcow2", "v.vhd", "q.qcow2"])
        .current_dir(place.sr())
        .status();
    assert!(made.expect("convert").success());
    kill_and_go_on(&place, &Spec::new("q", place.sr().join("q.qcow2")).expect("spec"), 7 << 20);
}

#[test]
fn what_a_dead_server_owes_is_in_the_image_before_a_snapshot_is_taken() {
    let place = Place::new();
    let paths = place.paths();
    let path = paths.open(&new_vhd(&place, "a.vhd"), true).expect("open");
    let mut client = connect(&path);
    client.write(4096, &pattern(1, 8), 0);
    place.kill(place.pid("a"));
    // Nobody watches: the pause itself finds out.
    paths
        .while_paused("a", || {
            take(&place, "a.vhd", "base.vhd", "snap.vhd");
            Ok::<_, xapi_datapath::Error>(((), None))
        })
        .expect("snapshot");
    assert!(place.read("snap.vhd")[4096..8192] == pattern(1, 8)[..]);
    let mut client = reconnect(&path);
    assert!(client.read(4096, 4096) == pattern(1, 8));
    client.write(8192, &pattern(2, 8), 0);
    place.kill(place.pid("a"));
    paths.close("a").expect("close");
    assert!(place.read("a.vhd")[8192..][..4096] == pattern(2, 8)[..]);
    assert!(place.leftovers().is_empty());
    assert_eq!(place.check(), "clean\n");
}

#[test]
fn a_server_that_dies_while_it_is_paused_is_started_when_it_is_to_go_on() {
    let place = Place::new();
    let paths = Arc::new(place.paths());
    let _watch = watch(&paths, nothing_to_settle()).expect("watch");
    let path = paths.open(&new_vhd(&place, "a.vhd"), true).expect("open");
    connect(&path).write(0, &pattern(1, 8), flag::FUA);
    paths
        .while_paused("a", || {
            place.kill(place.pid("a"));
            // Were it started now, it would claim the image.
            take(&place, "a.vhd", "base.vhd", "snap.vhd");
            assert!(!place.state("a").expect("state").is_alive());
            Ok::<_, xapi_datapath::Error>(((), None))
        })
        .expect("snapshot");
    let mut client = reconnect(&path);
    assert!(client.read(0, 4096) == pattern(1, 8));
    client.write(0, &pattern(2, 8), flag::FUA);
    paths.close("a").expect("close");
    assert!(place.read("snap.vhd")[..4096] == pattern(1, 8)[..]);
    assert!(place.read("a.vhd")[..4096] == pattern(2, 8)[..]);
}

#[test]
fn a_daemon_that_starts_again_finds_its_disks() {
    let place = Place::new();
    let first = place.paths();
    let running = new_vhd(&place, "a.vhd");
    let paused = new_vhd(&place, "p.vhd");
    let dead = new_vhd(&place, "d.vhd");
    let path = first.open(&running, true).expect("open");
    first.open(&paused, true).expect("open");
    first.open(&dead, true).expect("open");
    let mut client = connect(&path);
    client.write(0, &pattern(5, 2), 0);
    first.pause("p").expect("pause");
    place.kill(place.pid("d"));
    let pid = place.pid("a");
    drop(first);
    let second = place.paths();
    assert_eq!(second.list().len(), 3);
    let phase = |id| second.status(id).expect("status").expect("open").record.phase;
    assert_eq!((phase("a"), phase("p")), (Phase::Open, Phase::Paused));
    // The pause of the one before is taken over once, not nested.
    second.pause("p").expect("taken over");
    assert!(second.pause("p").is_err());
    let failed = second.recover(&|_| Ok(None));
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!((phase("p"), place.pid("a")), (Phase::Open, pid));
    assert!(second.status("d").expect("status").expect("open").alive);
    // The guest's connection never noticed.
    assert!(client.read(0, 1024) == pattern(5, 2));
    assert!(second.open(&running, true).expect("again") == path);
    for id in ["a", "p", "d"] {
        second.close(id).expect("close");
    }
    assert!(place.leftovers().is_empty());
    assert_eq!(place.check(), "clean\n");
}

#[test]
fn a_pause_that_was_only_written_down_is_made_one() {
    for quiet in [false, true] {
        let place = Place::new();
        let first = place.paths();
        let path = first.open(&new_vhd(&place, "a.vhd"), true).expect("open");
        drop(first);
        // The one before was killed between the record and the server.
        let record = place.run().join("a/record");
        let text = std::fs::read_to_string(&record).expect("record");
        let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        json["phase"] = "paused".into();
        std::fs::write(&record, json.to_string()).expect("write");
        let second = place.paths();
        if quiet {
            second.quiet("a").expect("quiet")
        } else {
            second.pause("a").expect("taken over")
        }
        let told = second.status("a").expect("status").expect("open").server.expect("answers");
        assert!(told.paused, "an image that is open may not be changed");
        second.resume("a", None).expect("resume");
        connect(&path).write(0, &pattern(1, 1), 0);
        second.close("a").expect("close");
        assert!(place.leftovers().is_empty());
    }
}

#[test]
fn what_was_open_before_a_reboot_is_not_open() {
    let place = Place::new();
    let paths = place.paths();
    paths.open(&new_vhd(&place, "a.vhd"), true).expect("open");
    place.kill(place.pid("a"));
    let record = place.run().join("a/record");
    let text = std::fs::read_to_string(&record).expect("record");
    let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    json["boot"] = "another".into();
    std::fs::write(&record, json.to_string()).expect("write");
    let again = place.paths();
    assert!(again.list().is_empty() && place.leftovers().is_empty());
}
