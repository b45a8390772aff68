//! The tables of qcow2 images, as the emulator's tools and this crate make them and as damage leaves them: what is
//! sound is written to, what would make a writer destroy data is not.

use std::path::Path;
use std::process::Command;
use xennix_disk::file::{Access, OsFile};
use xennix_disk::qcow2::audit::{audit, check_writable};
use xennix_disk::qcow2::{Qcow2Disk, settle};
use xennix_disk::source::Source;
use xennix_disk::vhd::audit::Severity;
use xennix_disk::volumes::Directory;

/// Runs the emulator's tool; false where it is not installed, which the gate does not allow.
fn qemu_img(dir: &Path, args: &[&str]) -> bool {
    match Command::new("qemu-img").args(args).current_dir(dir).output() {
        Ok(out) => {
            assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
            true
        }
        Err(_) if std::env::var_os("CI").is_none() => {
            eprintln!("skipped: qemu-img is not installed");
            false
        }
        Err(e) => panic!("qemu-img: {e}"),
    }
}

fn open(dir: &Path, name: &str) -> OsFile {
    OsFile::open(&dir.join(name), Access::Read, false).expect("open")
}

#[test]
fn images_of_the_emulators_tools_are_sound_before_and_after_they_are_written() {
    let dir = tempfile::tempdir().expect("tempdir");
    let d = dir.path();
    for (i, options) in [
        "cluster_size=65536",
        "cluster_size=512",
        "cluster_size=2M",
        "refcount_bits=1",
        "refcount_bits=64,cluster_size=4096",
        "compat=0.10",
        "preallocation=metadata",
        "extended_l2=on,cluster_size=64k",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("{i}.qcow2");
        if !qemu_img(d, &["create", "-q", "-f", "qcow2", "-o", options, &name, "24M"]) {
            return;
        }
        let sound = |when: &str| {
            let found = audit(&open(d, &name), &name).expect("audit");
            assert!(found.iter().all(|f| f.severity == Severity::Note), "{options}, {when}: {found:?}");
            check_writable(&open(d, &name), &name).expect("writable");
        };
        sound("made");
        let mut disk = match Qcow2Disk::open(&Directory::new(d), &name, Access::Write) {
            Ok(disk) => disk,
            // What the reading library does not know it says.
            Err(e) => {
                assert!(options.contains("extended_l2"), "{options}: {e}");
                continue;
            }
        };
        for n in 0..40u64 {
            disk.write_at(n * 599_040 / 512 * 512, &vec![n as u8 + 1; 66_048]).expect("write");
        }
        // Not closed: its counts may lag behind, it says so, and whoever opens it next puts it right.
        disk.flush().expect("flush");
        drop(disk);
        let found = audit(&open(d, &name), &name).expect("audit");
        assert_eq!(
            found.iter().any(|f| f.code == "unclean"),
            !options.contains("0.10"),
            "{options}: {found:?}"
        );
        settle(&Directory::new(d), &name).expect("settle");
        sound("written");
        qemu_img(d, &["check", "-q", "-f", "qcow2", &name]);
        let disk = Qcow2Disk::open(&Directory::new(d), &name, Access::Read).expect("open");
        let mut b = vec![0; 66_048];
        for n in 0..40u64 {
            disk.read_at(n * 599_040 / 512 * 512, &mut b).expect("read");
            assert!(b.iter().all(|x| *x == n as u8 + 1), "{options}: {n}");
        }
    }
}

#[test]
fn damage_is_found_and_not_written_to() {
    let dir = tempfile::tempdir().expect("tempdir");
    let d = dir.path();
    let image = xennix_disk::mem::MemVolumes::files();
    image.put("a.raw", &[7; 1 << 20]).expect("put");
    let source =
        xennix_disk::chain::Chain::open(&image, "a.raw", xennix_disk::chain::Format::Raw).expect("chain");
    let mut sound = Vec::new();
    xennix_disk::convert::export_qcow2(&source, None, &mut sound, &mut |_| Ok(())).expect("export");
    let number = |at: usize| u64::from_be_bytes(sound[at..at + 8].try_into().expect("8")) as usize;
    let (l1, table) = (number(40), number(48));
    let block = number(table);
    let l2 = number(l1) & 0x00ff_ffff_ffff_fe00;
    type Damage<'a> = (&'a str, &'a dyn Fn(&mut Vec<u8>), bool);
    let damages: [Damage; 9] = [
        ("the header is free", &|b| b[block..block + 2].fill(0), true),
        ("the table is free", &|b| b[block + 2 * (l1 >> 16)..][..2].fill(0), true),
        ("no counts at all", &|b| b[table..table + 8].fill(0), true),
        ("a table outside", &|b| b[l1 + 2] = 0x7f, true),
        ("counts outside", &|b| b[table + 1] = 0x7f, true),
        ("a first level outside", &|b| b[41] = 0x7f, true),
        ("marked corrupt", &|b| b[79] |= 2, true),
        ("lagging counts", &|b| b[79] |= 1, true),
        ("data that is free", &|b| b[block + 2 * (sound.len() >> 16) - 2..][..2].fill(0), false),
    ];
    std::fs::write(d.join("a.qcow2"), &sound).expect("write");
    assert_eq!(audit(&open(d, "a.qcow2"), "a").expect("audit"), []);
    for (what, damage, refused) in damages {
        let mut b = sound.clone();
        damage(&mut b);
        std::fs::write(d.join("a.qcow2"), &b).expect("write");
        let found = audit(&open(d, "a.qcow2"), "a");
        assert!(found.is_err() || found.is_ok_and(|f| !f.is_empty()), "{what} is found");
        assert_eq!(check_writable(&open(d, "a.qcow2"), "a").is_err(), refused, "{what}");
        // Lagging counts are put right when it is opened.
        let mended = what == "lagging counts";
        assert_eq!(
            Qcow2Disk::open(&Directory::new(d), "a.qcow2", Access::Write).is_err(),
            refused && !mended,
            "{what}"
        );
        let status = Command::new(env!("CARGO_BIN_EXE_xennix-disk"))
            .args(["check", "a.qcow2"])
            .current_dir(d)
            .output()
            .expect("run");
        assert!(matches!(status.status.code(), Some(1 | 2)), "{what}");
    }
    // Two disk clusters at one place.
    let mut b = sound.clone();
    b.copy_within(l2..l2 + 8, l2 + 8);
    std::fs::write(d.join("a.qcow2"), &b).expect("write");
    let found = audit(&open(d, "a.qcow2"), "a").expect("audit");
    assert!(found.iter().any(|f| f.code == "shared"), "{found:?}");
    assert!(found.iter().any(|f| f.code == "leaked"), "{found:?}");
}
