//! Which ways to a disk this host has, and which one is taken. The rule is pure; looking at the host never loads a
//! kernel module unless told to, and never opens a device.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A way from a disk server to a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A block device of the kernel's ublk driver, served by the disk server without a socket between.
    Ublk,
    /// A block device of the kernel's nbd client.
    KernelNbd,
    /// A socket that the emulator's own client opens.
    Nbd,
    /// The original stack's disk process, where somebody installed it.
    Tapdisk,
}

impl Kind {
    /// In the order they are tried.
    pub const ALL: [Kind; 4] = [Kind::Ublk, Kind::KernelNbd, Kind::Nbd, Kind::Tapdisk];

    /// Its name in settings and logs.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ublk => "ublk",
            Kind::KernelNbd => "kernel-nbd",
            Kind::Nbd => "nbd-socket",
            Kind::Tapdisk => "tapdisk",
        }
    }

    /// The kind of that name.
    pub fn of_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.name() == name)
    }
}

/// Where to look, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Host<'a> {
    /// Our disk server.
    pub program: &'a Path,
    /// The original stack's `tap-ctl`, where there is one.
    pub tap_ctl: Option<&'a Path>,
    /// Whoever is handed the disks takes block devices only.
    pub blocks: bool,
    /// `/sys`.
    pub sys: &'a Path,
    /// `/dev`.
    pub dev: &'a Path,
}

/// What a host has: for each kind nothing, or why it can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    missing: [(Kind, Option<String>); 4],
}

impl Facts {
    /// Facts for tests and for hosts that are described, not looked at.
    pub fn of(missing: impl Fn(Kind) -> Option<String>) -> Facts {
        Facts { missing: Kind::ALL.map(|k| (k, missing(k))) }
    }

    /// Looks at a host.
    pub fn look(host: &Host<'_>) -> Facts {
        let module = || {
            let here = host.sys.join("module/nbd").exists();
            (!here).then(|| "the kernel module nbd is not loaded".to_owned())
        };
        Facts::of(|kind| match kind {
            Kind::Tapdisk if host.tap_ctl.is_none() => Some("tap-ctl is not installed".into()),
            // The older ones make block devices of their own.
            Kind::Tapdisk if host.blocks && !host.dev.join("xen/blktap-2/control").exists() => {
                module().map(|why| format!("it offers a socket, and {why}"))
            }
            Kind::Tapdisk => None,
            _ if !host.program.is_file() => Some(format!("{} is missing", host.program.display())),
            Kind::Ublk => (!host.dev.join("ublk-control").exists())
                .then(|| "the kernel module ublk_drv is not loaded".into()),
            Kind::KernelNbd => module(),
            Kind::Nbd => host.blocks.then(|| "not a way this host can go".into()),
        })
    }

    /// Why a kind can't be used; nothing when it can.
    pub fn missing(&self, kind: Kind) -> Option<&str> {
        self.missing.iter().find(|(k, _)| *k == kind).and_then(|(_, why)| why.as_deref())
    }

    /// The kind to use: `wanted`, else the first that can be.
    ///
    /// # Errors
    /// Why there is none.
    pub fn choose(&self, wanted: Option<Kind>) -> Result<Kind, String> {
        if let Some(kind) = wanted {
            return match self.missing(kind) {
                Some(why) => Err(format!("{} is asked for, but {why}", kind.name())),
                None => Ok(kind),
            };
        }
        let usable = self.missing.iter().find(|(_, why)| why.is_none());
        usable.map(|(kind, _)| *kind).ok_or_else(|| self.tell())
    }

    /// Every kind and how it is, for the log.
    pub fn tell(&self) -> String {
        let each = self.missing.iter().map(|(kind, why)| match why {
            None => format!("{}: usable", kind.name()),
            Some(why) => format!("{}: {why}", kind.name()),
        });
        each.collect::<Vec<_>>().join("; ")
    }
}

/// A program on the search path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|d| d.join(program)).find(|p| p.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_usable_kind_is_taken_and_a_wanted_one_is_not_replaced() {
        let only =
            |have: &'static [Kind]| Facts::of(move |k| (!have.contains(&k)).then(|| "gone".to_owned()));
        assert_eq!(only(&Kind::ALL).choose(None), Ok(Kind::Ublk));
        assert_eq!(only(&[Kind::Nbd, Kind::KernelNbd]).choose(None), Ok(Kind::KernelNbd));
        assert_eq!(only(&[Kind::Nbd]).choose(Some(Kind::Nbd)), Ok(Kind::Nbd));
        let refused = only(&[Kind::Nbd]).choose(Some(Kind::Ublk)).expect_err("not there");
        assert!(refused.contains("ublk") && refused.contains("gone"));
        assert!(only(&[]).choose(None).expect_err("none").contains("kernel-nbd: gone"));
    }

    #[test]
    fn a_bare_host_is_looked_at_without_surprises() {
        let dir = tempfile::tempdir().expect("tempdir");
        let program = dir.path().join("xennix-disk");
        let bare = Host { program: &program, tap_ctl: None, blocks: false, sys: dir.path(), dev: dir.path() };
        let facts = Facts::look(&bare);
        assert!(facts.missing(Kind::Nbd).expect("no program").contains("missing"));
        std::fs::write(&program, "").expect("write");
        let facts = Facts::look(&bare);
        assert_eq!((facts.missing(Kind::Nbd), facts.choose(None)), (None, Ok(Kind::Nbd)));
        assert!(
            Facts::look(&Host { blocks: true, ..bare }).choose(None).is_err(),
            "a socket is no block device"
        );
        std::fs::create_dir_all(dir.path().join("module/nbd")).expect("mkdir");
        assert_eq!(Facts::look(&bare).choose(None), Ok(Kind::KernelNbd));
        std::fs::write(dir.path().join("ublk-control"), "").expect("write");
        assert_eq!(Facts::look(&bare).choose(None), Ok(Kind::Ublk));
    }

    #[test]
    fn tapdisk_is_taken_when_it_is_asked_for_or_nothing_else_is_there() {
        let dir = tempfile::tempdir().expect("tempdir");
        let (program, tap_ctl) = (dir.path().join("xennix-disk"), dir.path().join("tap-ctl"));
        let (sys, dev) = (dir.path(), dir.path());
        let with = Host { program: &program, tap_ctl: Some(&tap_ctl), blocks: false, sys, dev };
        assert_eq!(Facts::look(&with).choose(None), Ok(Kind::Tapdisk));
        std::fs::write(&program, "").expect("write");
        assert_eq!(Facts::look(&with).choose(None), Ok(Kind::Nbd));
        assert_eq!(Facts::look(&with).choose(Some(Kind::Tapdisk)), Ok(Kind::Tapdisk));
        // What it offers has to become a block device where one is needed.
        let blocks = Host { blocks: true, ..with };
        let refused = Facts::look(&blocks).choose(Some(Kind::Tapdisk)).expect_err("a socket");
        assert!(refused.contains("nbd is not loaded"), "{refused}");
        std::fs::create_dir_all(dev.join("xen/blktap-2/control")).expect("mkdir");
        assert_eq!(Facts::look(&blocks).choose(None), Ok(Kind::Tapdisk));
        std::fs::create_dir_all(sys.join("module/nbd")).expect("mkdir");
        assert_eq!(Facts::look(&blocks).choose(None), Ok(Kind::KernelNbd));
        std::fs::remove_dir(dev.join("xen/blktap-2/control")).expect("rmdir");
        assert_eq!(Facts::look(&blocks).choose(Some(Kind::Tapdisk)), Ok(Kind::Tapdisk));
    }

    #[test]
    fn names_are_read_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_name(kind.name()), Some(kind));
        }
        assert_eq!(Kind::of_name("qemu"), None);
    }
}
