//! Disks served by tapdisk: everything here is done with a stand-in (`tap_ctl.py`), and with the original where
//! `XENNIX_BLKTAP` names the directory it was installed in. What it answered must be read back by our own reader, no
//! process and no socket may be left, and what it can't do is refused.

mod common;

use common::{Place, SIZE, connect, eventually, new_vhd, pattern, reconnect, take};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use xapi_datapath::watch::{nothing_to_settle, watch};
use xapi_datapath::{Error, Kind, Phase, Spec};
use xennix_disk::disk::Disk;
use xennix_disk::nbd::proto::transmission;
use xennix_disk::vhd::coalesce::coalesce;

/// What `tap-ctl` says there is.
fn list(place: &Place) -> String {
    let tap_ctl = place.tap_ctl.as_ref().expect("tap-ctl");
    let done = Command::new(tap_ctl).arg("list").output().expect("tap-ctl");
    assert!(done.status.success());
    String::from_utf8(done.stdout).expect("UTF-8")
}

/// The directory of the sockets.
fn control(place: &Place) -> PathBuf {
    let real = std::fs::read_link(place.run().join("a/nbd")).expect("a link to the socket");
    real.parent().expect("parent").to_owned()
}

/// Names of a process among the sockets.
fn names_of(dir: &Path, pid: u32) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("directory").map(|e| e.expect("entry").path());
    entries.filter(|path| path.to_string_lossy().contains(&pid.to_string())).collect()
}

#[test]
fn a_disk_is_opened_written_and_closed_without_a_trace() {
    for place in Place::with_tapdisk() {
        let paths = place.paths();
        assert!(paths.describe().contains("served by tapdisk"), "{}", paths.describe());
        let spec = new_vhd(&place, "a.vhd");
        let path = paths.open(&spec, true).expect("open");
        assert_eq!(paths.open(&spec, true).expect("again"), path);
        let mut client = connect(&path);
        // It takes no flush from a guest: what it answers is in the file.
        assert_eq!((client.size, client.flags), (SIZE, transmission::HAS_FLAGS));
        client.write(4096, &pattern(1, 8), 0);
        assert!(client.read(4096, 4096) == pattern(1, 8));
        assert!(client.read(1 << 20, 4096) == [0; 4096]);
        paths.flush("a").expect("flush");
        // The image is claimed for a server that claims none.
        let second = Disk::open_path(&spec.image).err().expect("one writer").to_string();
        assert!(second.contains("open for writing elsewhere"), "{second}");
        let (pid, dir) = (place.pid("a"), control(&place));
        assert!(list(&place).contains("a.vhd") && !names_of(&dir, pid).is_empty());
        paths.close("a").expect("close");
        assert!(!place.runs(pid) && names_of(&dir, pid).is_empty(), "{:?}", names_of(&dir, pid));
        assert!(place.leftovers().is_empty() && !list(&place).contains("a.vhd"), "{}", list(&place));
        assert!(place.read("a.vhd")[4096..8192] == pattern(1, 8)[..]);
        assert_eq!(place.check(), "clean\n");
        paths.close("a").expect("closing twice is fine");
        Disk::open_path(&spec.image).expect("nobody has it").close().expect("close");
        // For reading it may be open for many, and nobody writes.
        let path = paths.open(&spec, false).expect("open");
        assert_eq!(paths.open(&spec, false).expect("open"), path);
        paths.close("a").expect("close");
        let mut client = connect(&path);
        assert!(client.read(4096, 4096) == pattern(1, 8));
        let refused = client.call(xennix_disk::nbd::proto::command::WRITE, 0, 0, 512, &[1; 512]);
        assert!(!matches!(refused, Ok(Ok(_))), "written to a disk that is read");
        paths.close("a").expect("close");
        // A raw image.
        let image = place.sr().join("a.raw");
        std::fs::write(&image, vec![7; 1 << 20]).expect("write");
        let mut spec = Spec::new("a", &image).expect("spec");
        spec.served = true;
        let path = paths.open(&spec, true).expect("open");
        let mut client = connect(&path);
        client.write(512, &pattern(2, 1), 0);
        assert!(client.read(0, 512) == [7; 512] && client.read(512, 512) == pattern(2, 1));
        paths.close("a").expect("close");
        assert!(std::fs::read(&image).expect("read")[512..1024] == pattern(2, 1)[..]);
        assert!(place.leftovers().is_empty());
    }
}

#[test]
fn what_it_can_not_do_is_refused() {
    for place in Place::with_tapdisk() {
        let paths = place.paths();
        let spec = new_vhd(&place, "a.vhd");
        let refused = |spec: &Spec, why: &str| {
            let e = paths.open(spec, true).expect_err(why).to_string();
            assert!(e.contains(why), "{e}");
            assert!(place.leftovers().is_empty() && paths.list().is_empty());
            assert!(!list(&place).contains(spec.image.to_str().expect("UTF-8")), "{}", list(&place));
        };
        refused(&Spec { track: Some(place.sr().join("a.cbtlog")), ..spec.clone() }, "changed block tracking");
        refused(&Spec { format: "qcow2".into(), ..spec.clone() }, "no qcow2 image");
        refused(&Spec { fixed: true, ..spec.clone() }, "must not grow");
        let long = place.sr().join("x".repeat(251));
        refused(&Spec { image: long, ..spec.clone() }, "takes no path");
        std::fs::write(place.sr().join("bad.vhd"), [7; 9000]).expect("write");
        refused(&Spec::new("bad", place.sr().join("bad.vhd")).expect("spec"), "tap-ctl create: ");
        refused(&Spec::new("no", place.sr().join("no.vhd")).expect("spec"), "No such file");
        // One writer for an image, whoever it is.
        let mine = Disk::open_path(&spec.image).expect("open");
        refused_by(&paths, &spec, "open for writing elsewhere");
        mine.close().expect("close");
        let theirs = Command::new(place.tap_ctl.as_ref().expect("tap-ctl"))
            .args(["create", "-a", &format!("vhd:{}", spec.image.display())])
            .status();
        assert!(theirs.expect("tap-ctl").success());
        refused_by(&paths, &spec, "another tapdisk");
        let line = list(&place);
        let line = line.lines().find(|l| l.contains("a.vhd")).expect("it still runs");
        let word = |key: &str| {
            let found = line.split(' ').find_map(|w| w.strip_prefix(key));
            found.expect("word").to_owned()
        };
        let destroy = ["destroy", "-p", &word("pid="), "-m", &word("minor=")];
        let ended = Command::new(place.tap_ctl.as_ref().expect("tap-ctl")).args(destroy).status();
        assert!(ended.expect("tap-ctl").success());
        // And of one that runs.
        paths.open(&spec, true).expect("open");
        assert!(!paths.merges("a"));
        let e = paths.coalesce("a", None).expect_err("no merge").to_string();
        assert!(e.contains("merges nothing"), "{e}");
        paths.pause("a").expect("pause");
        let e = paths.track("a", Some(Path::new("/l"))).expect_err("no tracking").to_string();
        assert!(e.contains("notes no changes"), "{e}");
        paths.track("a", None).expect("nothing to note is fine");
        let e = paths.resume("a", Some(&place.sr().join("no.vhd"))).expect_err("no image").to_string();
        assert!(e.contains("No such file"), "{e}");
        let e = paths.resume("a", Some(&place.sr().join("no.qcow2"))).expect_err("no driver").to_string();
        assert!(e.contains("qcow2"), "{e}");
        // It waits all the same, and goes on with what there was.
        paths.resume("a", Some(&spec.image)).expect("resume");
        assert_eq!(paths.status("a").expect("status").expect("open").record.phase, Phase::Open);
        paths.close("a").expect("close");
        assert!(place.leftovers().is_empty());
    }
}

fn refused_by(paths: &xapi_datapath::DataPaths, spec: &Spec, why: &str) {
    let e = paths.open(spec, true).expect_err(why).to_string();
    assert!(e.contains(why), "{e}");
    assert!(paths.list().is_empty());
}

#[test]
fn a_host_without_it_says_so() {
    let place = Place::new();
    let mut settings = place.settings();
    (settings.kind, settings.tap_ctl) = (Some(Kind::Tapdisk), None);
    let paths = xapi_datapath::DataPaths::start(settings).expect("start");
    let e = paths.open(&new_vhd(&place, "a.vhd"), true).expect_err("not there").to_string();
    assert!(e.contains("tap-ctl is not installed"), "{e}");
    assert!(place.leftovers().is_empty());
}

#[test]
fn a_snapshot_is_taken_and_a_node_merged_under_a_guest_that_writes() {
    for place in Place::with_tapdisk() {
        let paths = place.paths();
        let path = paths.open(&new_vhd(&place, "a.vhd"), true).expect("open");
        let mut client = connect(&path);
        client.write(0, &pattern(1, 8), 0);
        let under_pause = |base: &str, snap: &str| {
            paths.while_paused("a", || {
                // Nobody has the image now.
                Disk::open_path(&place.sr().join("a.vhd")).expect("unclaimed").close().expect("close");
                take(&place, "a.vhd", base, snap);
                Ok::<_, Error>(((), None))
            })
        };
        under_pause("base.vhd", "snap.vhd").expect("snapshot");
        client.write(0, &pattern(2, 4), 0);
        let mut want = pattern(2, 4);
        want.extend(&pattern(1, 8)[2048..]);
        assert!(client.read(0, 4096) == want);
        assert!(place.read("snap.vhd")[..4096] == pattern(1, 8)[..]);
        // Work that fails lets the guest go on with what there was.
        let failed = paths.while_paused("a", || Err::<((), _), _>(Error::Refused("no".into())));
        assert!(failed.is_err());
        assert!(client.read(0, 4096) == want);
        // A write that is sent meanwhile waits, and is not lost.
        paths.pause("a").expect("pause");
        let waiting = std::thread::spawn(move || {
            client.write(1 << 20, &pattern(3, 8), 0);
            client
        });
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!waiting.is_finished(), "answered while the image is closed");
        paths.resume("a", None).expect("resume");
        let mut client = waiting.join().expect("guest");
        assert!(client.read(1 << 20, 4096) == pattern(3, 8));
        // A node between is merged into its parent below the running disk.
        under_pause("base2.vhd", "snap2.vhd").expect("snapshot");
        client.write(2 << 20, &pattern(4, 8), 0);
        for name in ["snap.vhd", "snap2.vhd"] {
            std::fs::remove_file(place.sr().join(name)).expect("remove");
        }
        paths
            .while_paused("a", || {
                coalesce(&place.volumes(), "base2.vhd").map_err(Error::from).map(|()| ((), None))
            })
            .expect("coalesce");
        assert!(!place.sr().join("base2.vhd").exists());
        assert!(client.read(0, 4096) == want && client.read(1 << 20, 4096) == pattern(3, 8));
        client.write(3 << 20, &pattern(5, 8), 0);
        paths.close("a").expect("close");
        for (at, bytes) in
            [(0, want), (1 << 20, pattern(3, 8)), (2 << 20, pattern(4, 8)), (3 << 20, pattern(5, 8))]
        {
            assert!(place.read("a.vhd")[at..][..4096] == bytes[..], "{at}");
        }
        assert_eq!(place.check(), "clean\n");
        assert!(place.leftovers().is_empty());
    }
}

#[test]
fn one_that_is_killed_is_noticed_and_nothing_it_answered_is_lost() {
    for place in Place::with_tapdisk() {
        let paths = Arc::new(place.paths());
        let _watch = watch(&paths, nothing_to_settle()).expect("watch");
        new_vhd(&place, "a.vhd");
        take(&place, "a.vhd", "base.vhd", "snap.vhd");
        let spec = Spec::new("a", place.sr().join("a.vhd")).expect("spec");
        let path = paths.open(&spec, true).expect("open");
        let mut model = vec![0; SIZE as usize];
        let dir = control(&place);
        for round in 0..4u64 {
            let mut client = reconnect(&path);
            for i in 0..20u64 {
                let at = ((round * 20 + i) * 37 % 100) * 65536 + i % 3 * 512;
                let data = pattern(round * 100 + i + 1, 16);
                client.write(at, &data, 0);
                model[at as usize..at as usize + data.len()].copy_from_slice(&data);
            }
            let pid = place.pid("a");
            place.kill(pid);
            eventually("another", || place.tapdisk("a").is_some_and(|p| p != pid && place.runs(p)));
            assert!(reconnect(&path).read(0, model.len()) == model, "round {round}");
            assert!(names_of(&dir, pid).is_empty(), "{:?}", names_of(&dir, pid));
        }
        assert_eq!(paths.status("a").expect("status").expect("open").record.restarts, 4);
        // Killed while it is paused: started when it is to go on.
        paths
            .while_paused("a", || {
                place.kill(place.pid("a"));
                take(&place, "a.vhd", "base2.vhd", "snap2.vhd");
                assert!(!place.serves("a"));
                Ok::<_, Error>(((), None))
            })
            .expect("snapshot");
        assert!(reconnect(&path).read(0, model.len()) == model);
        // Killed and closed.
        place.kill(place.pid("a"));
        paths.close("a").expect("close");
        assert!(place.read("a.vhd") == model && place.leftovers().is_empty());
        assert!(!list(&place).contains("a.vhd"), "{}", list(&place));
    }
}

#[test]
fn a_daemon_that_starts_again_finds_its_disks() {
    for place in Place::with_tapdisk() {
        let first = place.paths();
        let running = new_vhd(&place, "a.vhd");
        let path = first.open(&running, true).expect("open");
        for name in ["p.vhd", "d.vhd", "b.vhd", "h.vhd"] {
            first.open(&new_vhd(&place, name), true).expect("open");
        }
        let mut client = connect(&path);
        client.write(0, &pattern(5, 2), 0);
        first.pause("p").expect("pause");
        place.kill(place.pid("d"));
        let pid = place.pid("a");
        drop(first);
        let edit = |file: &str, change: &dyn Fn(&mut serde_json::Value)| {
            let file = place.run().join(file);
            let mut json =
                serde_json::from_str(&std::fs::read_to_string(&file).expect("read")).expect("JSON");
            change(&mut json);
            std::fs::write(file, json.to_string()).expect("write");
        };
        // Killed before it could write down what it had started.
        let orphan = place.pid("b");
        edit("b/tapdisk", &|state| state["process"] = serde_json::Value::Null);
        edit("b/record", &|record| record["phase"] = "opening".into());
        // Killed after it wrote that it pauses, before it did.
        edit("h/record", &|record| record["phase"] = "paused".into());
        let second = place.paths();
        assert_eq!(second.list().len(), 5);
        second.pause("h").expect("taken over");
        let told = second.status("h").expect("status").expect("open").server.expect("answers");
        assert!(told.paused, "written down as paused, and is");
        let failed = second.recover(&|_| Ok(None));
        assert!(failed.is_empty(), "{failed:?}");
        assert!(!place.runs(orphan), "nobody knows it");
        let phase = |id| second.status(id).expect("status").map(|s| s.record.phase);
        assert_eq!([phase("p"), phase("h"), phase("b")], [Some(Phase::Open), Some(Phase::Open), None]);
        assert_eq!(place.pid("a"), pid);
        assert!(second.status("d").expect("status").expect("open").alive);
        // The guest's connection never noticed, and the image is claimed again.
        assert!(client.read(0, 1024) == pattern(5, 2));
        assert!(Disk::open_path(&running.image).is_err());
        assert!(second.open(&running, true).expect("again") == path);
        for id in ["a", "p", "d", "h"] {
            second.close(id).expect("close");
        }
        assert!(place.leftovers().is_empty());
        assert!(!list(&place).contains(place.sr().to_str().expect("UTF-8")), "{}", list(&place));
        assert_eq!(place.check(), "clean\n");
    }
}
