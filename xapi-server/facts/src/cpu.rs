//! Processors: `host.cpu_info`.

use std::collections::BTreeSet;

use crate::{Root, Told, featureset::FeatureSets};

/// The processors of a machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Cpu {
    /// Logical processors of the machine.
    pub count: i64,
    /// Logical processors this system sees; a control domain sees its own only.
    pub seen: i64,
    /// `host.cpu_info` in the order clients see it.
    pub info: Vec<(String, String)>,
}

/// The first value of a key in `/proc/cpuinfo`.
fn field(cpuinfo: &str, key: &str) -> String {
    let pair = |line: &str| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_string())
    };
    cpuinfo.lines().find_map(pair).unwrap_or_default()
}

/// How the processors this system sees hang together.
struct Topology {
    sockets: usize,
    threads: usize,
    nodes: usize,
}

fn topology(root: &Root) -> Topology {
    let base = "sys/devices/system/cpu";
    let (mut sockets, mut cores, mut all) = (BTreeSet::new(), BTreeSet::new(), 0);
    for name in root.names(base) {
        let numbered =
            name.strip_prefix("cpu").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        let of = |what: &str| root.word(format!("{base}/{name}/topology/{what}"));
        if numbered && root.has(format!("{base}/{name}/topology")) {
            all += 1;
            sockets.insert(of("physical_package_id"));
            cores.insert((of("physical_package_id"), of("core_id")));
        }
    }
    let numbered = |name: &String| {
        name.strip_prefix("node").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let nodes = root.names("sys/devices/system/node").into_iter().filter(numbered);
    Topology {
        sockets: sockets.len().max(1),
        threads: if cores.is_empty() { 1 } else { (all / cores.len()).max(1) },
        nodes: nodes.count().max(1),
    }
}

/// Reads them. On a Xen host the counts are what the hypervisor told, for the control domain sees only its share.
pub fn read(root: &Root, xen: Option<&Told>, features: &FeatureSets) -> Cpu {
    let cpuinfo = root.text("proc/cpuinfo");
    let seen = cpuinfo.lines().filter(|line| line.starts_with("processor")).count().max(1) as i64;
    let own = topology(root);
    let told = |key: &str| xen.and_then(|info| info.get(key)?.parse::<i64>().ok()).filter(|n| *n > 0);
    let count = told("nr_cpus").unwrap_or(seen);
    let threads = told("threads_per_core").unwrap_or(own.threads as i64);
    let sockets = match told("cores_per_socket") {
        Some(cores) => (count / (cores * threads)).max(1),
        None => own.sockets as i64,
    };
    let nodes = told("nr_nodes").unwrap_or(own.nodes as i64);
    let of = |key: &str| field(&cpuinfo, key);
    let info = [
        ("cpu_count", count.to_string()),
        ("socket_count", sockets.to_string()),
        ("threads_per_core", threads.to_string()),
        ("nr_nodes", nodes.to_string()),
        ("vendor", of("vendor_id")),
        ("speed", of("cpu MHz")),
        ("modelname", of("model name")),
        ("family", of("cpu family")),
        ("model", of("model")),
        ("stepping", of("stepping")),
        ("flags", of("flags")),
        // What guests get and what this host could give are the same on a pool of one.
        ("features_pv", features.pv.clone()),
        ("features_hvm", features.hvm.clone()),
        (
            "features_hvm_host",
            if features.hvm.is_empty() { features.host.clone() } else { features.hvm.clone() },
        ),
        ("features_pv_host", features.pv.clone()),
    ];
    Cpu { count, seen, info: info.into_iter().map(|(key, value)| (key.to_string(), value)).collect() }
}
