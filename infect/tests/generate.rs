//! The configuration made of each fixture is the committed one, text for text, and holds no secret. The same files are
//! evaluated by the tests of `nixos`.
//!
//! `XENNIX_BLESS=1 cargo test -p infect --test generate` writes them anew.

use infect::generate::{self, handoff};
use infect::host::tree::Directory;
use infect::host::{self, Host};
use infect::keep;
use infect::pool::Pool;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const HOSTS: [(&str, &str); 4] =
    [("single-8.3", "host0"), ("pool3-8.2", "host0"), ("pool3-8.2", "host1"), ("pool3-8.2", "host2")];

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn load(fixture: &str, name: &str) -> (Directory, Host, Pool, PathBuf) {
    let tree = Directory::copied(data().join(fixture).join(name));
    let host = host::read(&tree, None);
    let database = data().join(fixture).join("state.db.gz");
    (tree, host, Pool::open(&database).unwrap(), database)
}

#[test]
fn generated_files_are_the_committed_ones() {
    let bless = std::env::var_os("XENNIX_BLESS").is_some();
    for (fixture, name) in HOSTS {
        let (_, host, pool, _) = load(fixture, name);
        let made = generate::generate(&host, &pool, generate::URL).unwrap();
        assert_eq!(made, generate::generate(&host, &pool, generate::URL).unwrap(), "not stable");
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(fixture).join(name);
        for (file, text) in &made.files {
            let path = golden.join(file);
            if bless {
                fs::create_dir_all(&golden).unwrap();
                fs::write(&path, text).unwrap();
            }
            let committed = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(
                &committed,
                text,
                "{} is not what is made now; XENNIX_BLESS=1 takes it",
                path.display()
            );
        }
        assert_eq!(fs::read_dir(&golden).unwrap().count(), made.files.len());
    }
}

#[test]
fn no_secret_reaches_the_configuration() {
    for (fixture, name) in HOSTS {
        let (_, host, pool, _) = load(fixture, name);
        let made = generate::generate(&host, &pool, generate::URL).unwrap();
        let mut secrets: Vec<String> =
            pool.rows("secret").iter().map(|row| row.get("value").to_owned()).collect();
        secrets.push(host.secret.as_ref().unwrap().expose().to_owned());
        secrets.push(host.password.as_ref().unwrap().hash.expose().to_owned());
        assert!(secrets.len() > 2);
        for (file, text) in &made.files {
            for secret in secrets.iter().filter(|secret| secret.len() > 3) {
                assert!(!text.contains(secret.as_str()), "{fixture}/{name}/{file} holds a secret");
            }
        }
    }
}

#[test]
fn secrets_in_device_configurations_stay_in_the_database() {
    let (_, host, mut pool, _) = load("pool3-8.2", "host0");
    for pbd in pool.rows_mut("PBD") {
        let text = pbd.get("device_config").replace("'chappassword_secret'", "'chappassword'");
        pbd.put("device_config", &text);
    }
    let made = generate::generate(&host, &pool, generate::URL).unwrap();
    assert!(!made.files["storage.nix"].contains("chappassword"));
    assert!(made.notes.iter().any(|note| note.code == "SR_SECRET"));
}

/// Every mode, seen once each.
fn private(path: &Path) {
    let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
    if path.is_dir() {
        assert_eq!(mode, 0o700, "{}", path.display());
        fs::read_dir(path).unwrap().for_each(|entry| private(&entry.unwrap().path()));
    } else {
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}

#[test]
fn the_hand_off_is_whole_and_roots_own() {
    for (fixture, name) in HOSTS {
        let (tree, host, pool, database) = load(fixture, name);
        let cx = generate::context(&host, &pool).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("handoff");
        keep::directory(&at).unwrap();
        let written = handoff::write(&cx, &tree, &database, &at).unwrap();
        private(&at);
        assert_eq!(handoff::open(&at).unwrap(), written);
        assert_eq!(written.host.uuid, host.inventory.as_ref().unwrap().host_uuid());
        for path in
            ["files/etc/xensource/ptoken", "state.db", "root-password", "files/var/lib/xcp/networkd.db"]
        {
            assert!(written.files.iter().any(|item| item.path == path), "{path}");
        }
        // A changed byte is noticed.
        fs::write(at.join("files/etc/xensource/ptoken"), "another").unwrap();
        assert!(handoff::open(&at).unwrap_err().to_string().contains("ptoken"));
    }
}

#[test]
fn a_database_of_another_pool_is_refused() {
    let (_, host, _, _) = load("single-8.3", "host0");
    let (_, _, other, _) = load("pool3-8.2", "host0");
    let e = generate::generate(&host, &other, generate::URL).unwrap_err();
    assert!(e.to_string().starts_with("DB_HOST"), "{e}");
}

#[test]
fn an_output_directory_of_someone_else_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("precious"), "x").unwrap();
    let refused = keep::replace(&out, |_| false, |_| panic!("must not be reached"));
    assert!(refused.is_err());
    assert_eq!(fs::read_to_string(out.join("precious")).unwrap(), "x");
    // What fails half way leaves the old one.
    let ours = |path: &Path| path.join("precious").exists();
    let failed = keep::replace(&out, ours, |into| {
        Err(infect::Error::io(into)(std::io::ErrorKind::StorageFull.into()))
    });
    assert!(failed.is_err());
    assert_eq!(fs::read_to_string(out.join("precious")).unwrap(), "x");
    keep::replace(&out, ours, |into| keep::copy(&into.join("new"), 0o600, &b"y"[..]).map(drop)).unwrap();
    assert!(!out.join("precious").exists() && out.join("new").exists());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
