//! The emulator must never open a VHD: its driver ignores parents and returns wrong bytes without an error. Nothing
//! in this repository may ask it to, and no way to a disk leads there.

use std::path::{Path, PathBuf};

/// Words that let the emulator, or the toolstack below us, take something for a VHD.
const FORBIDDEN: [&str; 9] = [
    "-f vpc",
    "\"vpc\"",
    "driver=vpc",
    "format=vpc",
    "format=vhd",
    "format = vhd",
    "format = \"vhd\"",
    "-O vpc",
    "backing_fmt=vpc",
];

/// Files that may: they say why.
const ALLOWED: [(&str, &str); 7] = [
    ("xapi-server/datapath/tests/lint.rs", "this list"),
    (
        "conformance-tests/tests/clients/disks.py",
        "the emulator's tool reads exported images without parents, as the person who exports them would",
    ),
    (
        "conformance-tests/tests/clients/xe.py",
        "exports asked of the server in a format, which no emulator sees",
    ),
    ("conformance-tests/tests/native/kills.rs", "transfers asked of the server in a format"),
    (
        "conformance-tests/tests/native/transfers.rs",
        "transfers asked of the server in a format; the emulator's tool reads exported images without parents",
    ),
    ("xapi-server/disk/benches/against_qemu.rs", "the emulator's tools measured on an image without parents"),
    (
        "xapi-server/disk/tests/second_reader.rs",
        "the emulator's tool as a second reader of images without parents, in a temporary directory",
    ),
];

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("directory") {
        let path = entry.expect("entry").path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if path.is_symlink() || name == "target" || name == ".git" || name == "node_modules" {
            continue;
        }
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

#[test]
fn nothing_lets_the_emulator_open_a_vhd() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("root");
    let mut files = Vec::new();
    walk(&root, &mut files);
    let mut looked = 0;
    for path in &files {
        let name = path.strip_prefix(&root).expect("below").to_string_lossy().into_owned();
        let kind = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        // Prose may name what is forbidden; facts and recorded answers are nobody's configuration.
        if ["md", "lock", "gz", "json", "xml", "txt"].contains(&kind)
            || ALLOWED.iter().any(|(f, _)| *f == name)
        {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        looked += 1;
        for (n, line) in text.lines().enumerate() {
            let found = FORBIDDEN.iter().find(|f| line.contains(*f));
            // A refusal is no configuration.
            let refused = line.contains("refuse") || line.contains("never");
            assert!(found.is_none() || refused, "{name}:{}: {line}", n + 1);
        }
    }
    assert!(looked > 100, "the repository was looked at");
}

#[test]
fn no_way_to_a_disk_hands_a_vhd_over_as_it_is() {
    let dir = tempfile::tempdir().expect("tempdir");
    let paths =
        xapi_datapath::DataPaths::start(xapi_datapath::Settings::new(dir.path().join("r"))).expect("start");
    for name in ["a.vhd", "VHD-1", "a.qcow2"] {
        std::fs::write(dir.path().join(name), [0; 4096]).expect("write");
        // Whoever calls a VHD raw is wrong: the emulator might look inside.
        let mut spec = xapi_datapath::Spec::new("a", dir.path().join(name)).expect("spec");
        assert!(!spec.is_plain());
        spec.format = "raw".into();
        assert!(paths.open(&spec, true).is_err(), "{name}");
        assert!(paths.list().is_empty());
    }
}
