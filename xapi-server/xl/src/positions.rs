//! Which devices a domain has, read from the numbers of its frontends. Pure.

use std::collections::HashMap;

use xapi_backend::hypervisor::Devices;

use crate::config::{POSITIONS, vdev_number};

/// Positions of the disks and cards in the directories of a domain's devices; what is no device of ours is left out.
pub fn positions(disks: &[String], nics: &[String], hvm: bool) -> Devices {
    let known: HashMap<String, u32> =
        (0..POSITIONS).map(|position| (vdev_number(position, hvm).to_string(), position)).collect();
    Devices {
        disks: disks.iter().filter_map(|number| known.get(number).copied()).collect(),
        nics: nics.iter().filter_map(|number| number.parse().ok()).collect(),
        media: vec![],
    }
}

/// The path in what the backend of a disk serves: it may name a driver first.
pub fn medium(params: &str) -> &str {
    match params.split_once(':') {
        Some((driver, path)) if !driver.contains('/') => path,
        _ => params,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_path_is_known_behind_its_driver() {
        for (params, path) in [("aio:/a:b.iso", "/a:b.iso"), ("/a:b", "/a:b"), ("", ""), ("aio:", "")] {
            assert_eq!(medium(params), path);
        }
    }

    #[test]
    fn numbers_become_positions() {
        let of = |disks: &[&str], hvm| positions(&texts(disks), &texts(&["0", "7", "x"]), hvm);
        assert_eq!(of(&["51712", "51744", "9"], false).disks, [0, 2]);
        assert_eq!(of(&["768", "5632", "51776"], true).disks, [0, 2, 4]);
        assert_eq!(of(&[], true).nics, [0, 7]);
    }
}
