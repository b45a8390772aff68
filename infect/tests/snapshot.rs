//! A snapshot is whole or not there, goes on where it was cut, proves every piece, and tells nothing without its key.

use infect::host;
use infect::host::tree::Directory;
use infect::progress::Quiet;
use infect::snapshot::{self, Lock, Sources, State};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/single-8.3/host0")
}

fn take(out: &Path, lock: &Lock) -> infect::Result<snapshot::Manifest> {
    let tree = Directory::copied(root());
    let host = host::read(&tree, None);
    let sources = Sources { tree: &tree, host: &host, medium: None, audits: &[], database: None };
    snapshot::take(&sources, lock, out, &mut Quiet)
}

fn whole(out: &Path) -> bool {
    matches!(snapshot::state(out, &mut Quiet).unwrap(), State::Whole { .. })
}

#[test]
fn every_piece_is_there_and_proven() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("snap");
    assert_eq!(snapshot::state(&out, &mut Quiet).unwrap(), State::None);
    let manifest = take(&out, &Lock::Open).unwrap();
    assert!(whole(&out));
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o700);
    for path in [
        "etc/xensource/ptoken",
        "etc/shadow",
        "boot/efi/EFI/xenserver/grub.cfg",
        "var/lib/xcp/networkd.db",
        "root/.ssh/authorized_keys",
    ] {
        let stored = out.join("files").join(path);
        assert_eq!(fs::read(&stored).unwrap(), fs::read(root().join(path)).unwrap());
        assert_eq!(fs::metadata(stored).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(manifest.pieces.iter().any(|piece| piece.path == format!("files/{path}")));
    }
    assert_eq!(manifest.links["/etc/localtime"], "../usr/share/zoneinfo/Europe/Berlin");
    // One that is there is never overwritten.
    assert!(take(&out, &Lock::Open).unwrap_err().to_string().starts_with("OUT_OCCUPIED"));
    fs::write(out.join("files/etc/fstab"), "changed").unwrap();
    assert!(
        matches!(snapshot::state(&out, &mut Quiet).unwrap(), State::Damaged { problems } if problems.len() == 1)
    );
    fs::remove_file(out.join("files/etc/fstab")).unwrap();
    assert!(!whole(&out));
}

#[test]
fn a_cut_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("snap");
    take(&out, &Lock::Open).unwrap();
    // As a cut leaves it: under its other name, with notes of what is there, the last one half written.
    let partial = dir.path().join("snap.partial");
    fs::rename(&out, &partial).unwrap();
    let manifest: snapshot::Manifest =
        serde_json::from_slice(&fs::read(partial.join(snapshot::LIST)).unwrap()).unwrap();
    fs::remove_file(partial.join(snapshot::LIST)).unwrap();
    let lines: Vec<String> =
        manifest.pieces.iter().map(|piece| serde_json::to_string(piece).unwrap()).collect();
    fs::write(partial.join("journal"), format!("{}\n{}", lines.join("\n"), &lines[0][..10])).unwrap();
    assert_eq!(snapshot::state(&out, &mut Quiet).unwrap(), State::Begun { pieces: manifest.pieces.len() });
    // A piece that was noted and then damaged is taken again.
    fs::write(partial.join("files/etc/fstab"), "changed").unwrap();
    fs::remove_file(partial.join("files/etc/hostname")).unwrap();
    let again = take(&out, &Lock::Open).unwrap();
    assert_eq!(again, manifest);
    assert!(whole(&out) && !partial.exists());
    assert_eq!(fs::read(out.join("files/etc/fstab")).unwrap(), fs::read(root().join("etc/fstab")).unwrap());
}

fn everything(path: &Path, into: &mut Vec<u8>) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            everything(&path, into);
        } else {
            into.extend(fs::read(path).unwrap());
        }
    }
}

#[test]
fn encrypted_with_a_passphrase() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("snap");
    let manifest = take(&out, &Lock::Passphrase("correct horse".to_owned().into())).unwrap();
    assert!(manifest.encrypted && whole(&out));
    let secret = fs::read(root().join("etc/xensource/ptoken")).unwrap();
    let mut all = Vec::new();
    everything(&out, &mut all);
    assert!(!all.windows(20).any(|part| part == &secret[..20]), "a secret lies open");
    let read =
        snapshot::read_piece(&out, "files/etc/xensource/ptoken", &"correct horse".to_owned().into()).unwrap();
    assert_eq!(read, secret);
    let wrong = snapshot::read_piece(&out, "files/etc/xensource/ptoken", &"battery staple".to_owned().into());
    assert!(wrong.unwrap_err().to_string().starts_with("PASSPHRASE"));
}

#[test]
fn encrypted_for_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("snap");
    let key = age::x25519::Identity::generate();
    take(&out, &Lock::Recipients(vec![key.to_public()])).unwrap();
    let stored = fs::File::open(out.join("files/etc/fstab.age")).unwrap();
    let mut text = Vec::new();
    let decryptor = age::Decryptor::new(stored).unwrap();
    let mut reader = decryptor.decrypt(std::iter::once(&key as &dyn age::Identity)).unwrap();
    std::io::Read::read_to_end(&mut reader, &mut text).unwrap();
    assert_eq!(text, fs::read(root().join("etc/fstab")).unwrap());
}
