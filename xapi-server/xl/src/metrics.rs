//! [`MetricsSource`] of a Xen host: the hypervisor's counts through `xl`, the kernel's through sysfs, and what guests
//! say about themselves in xenstore.
//!
//! What a processor of the machine does is known only by who ran on it: the time of a virtual processor counts for the
//! processor it was last seen on. Their average is exact to a tenth of a second.

use std::time::Instant;

use async_trait::async_trait;
use xapi_backend::metrics::{self, Metric, MetricsSource, Owner, Reading};
use xapi_facts::{Root, counters};
use xapi_schema::Result;

use crate::{Xl, host::info, table, xenstore::Client};

/// What a guest may claim at most; more is no number of KiB of memory.
const MOST_KIB: i64 = 1 << 40;

/// What is measured of this host.
pub struct Metrics {
    xl: Xl,
    store: Client,
    root: Root,
    /// uuid of the control domain's VM.
    control_domain: String,
    began: Instant,
}

impl Metrics {
    /// Measures through these.
    pub fn new(xl: Xl, store: Client, root: Root, control_domain: String) -> Metrics {
        Metrics { xl, store, root, control_domain, began: Instant::now() }
    }
}

/// A virtual processor.
#[derive(Debug, Clone, PartialEq)]
struct Vcpu {
    domid: i64,
    number: usize,
    /// Processor it was last seen on.
    on: Option<usize>,
    running: bool,
    /// Seconds it ran.
    time: f64,
}

/// Reads what `xl vcpu-list` prints. A name may hold blanks, so a line is read from its state.
fn vcpus(text: &str) -> Vec<Vcpu> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let state =
            |word: &str| word.len() == 3 && word.bytes().all(|b| matches!(b, b'r' | b'b' | b'p' | b'-'));
        let at = (4..words.len()).rev().find(|at| {
            state(words[*at]) && words.get(at + 1).is_some_and(|time| time.parse::<f64>().is_ok())
        })?;
        Some(Vcpu {
            domid: words[at - 3].parse().ok()?,
            number: words[at - 2].parse().ok()?,
            on: words[at - 1].parse().ok(),
            running: words[at].starts_with('r'),
            time: words[at + 1].parse().ok()?,
        })
    };
    text.lines().filter_map(line).collect()
}

/// The name a guest knows a disk by.
fn guest_name(device: u32) -> Option<String> {
    match device {
        // Numbers with a bit of their own for positions above the old ones.
        d if d & (1 << 28) != 0 => Some(format!("xvd{}", letters((d & 0x0fff_ffff) >> 8))),
        d if d >> 8 == 202 => Some(format!("xvd{}", letters((d & 0xff) >> 4))),
        768 | 832 => Some(format!("hd{}", letters((device - 768) >> 6))),
        5632 | 5696 => Some(format!("hd{}", letters(2 + ((device - 5632) >> 6)))),
        d if d >> 8 == 8 => Some(format!("sd{}", letters((d & 0xff) >> 4))),
        _ => None,
    }
}

/// `a` to `z`, then `aa`.
fn letters(number: u32) -> String {
    let letter = |n: u32| char::from(b'a' + (n % 26) as u8);
    match number {
        0..26 => letter(number).to_string(),
        _ => format!("{}{}", letter(number / 26 - 1), letter(number)),
    }
}

/// Time by number, where every number below the highest has a place.
fn by_number(times: impl Iterator<Item = (usize, f64)>, least: usize) -> Vec<f64> {
    let mut all = vec![0.0; least];
    for (number, time) in times.filter(|(number, _)| *number < 4096) {
        if all.len() <= number {
            all.resize(number + 1, 0.0);
        }
        all[number] += time;
    }
    all
}

#[async_trait]
impl MetricsSource for Metrics {
    async fn read(&self) -> Result<Reading> {
        self.store.assert_answers().await?;
        let told = info(&self.xl.quick(&["info"]).await?);
        let list = self.xl.quick(&["list", "-v"]).await?;
        let vcpus = vcpus(&self.xl.quick(&["vcpu-list"]).await?);
        let at = self.began.elapsed().as_secs_f64();
        let root = self.root.clone();
        let kernel = tokio::task::spawn_blocking(move || Kernel::read(&root)).await;
        let kernel = kernel.map_err(|e| xapi_schema::Failure::internal(e.to_string()))?;
        let guests = table::rows(&list);
        let mut all: Vec<(Owner, Metric)> = kernel
            .host(&told, &vcpus, guests.len())
            .into_iter()
            .map(|metric| (Owner::Host, metric))
            .collect();
        let own = (0, self.control_domain.clone(), table::control_domain_memory(&list));
        let of_guests = guests.iter().map(|row| (i64::from(row.domid), row.uuid.clone(), row.memory));
        for (domid, uuid, mib) in std::iter::once(own).chain(of_guests) {
            let mut of = kernel.guest(domid, &vcpus);
            of.push(Metric::gauge("memory", "Memory the VM has", "B", (mib << 20) as f64));
            if let Some(kib) = self.free_inside(domid).await {
                let text = "Memory the guest says it does not use";
                of.push(Metric::gauge("memory_internal_free", text, "KiB", kib as f64));
            }
            all.extend(of.into_iter().map(|metric| (Owner::Vm(uuid.clone()), metric)));
        }
        Ok(Reading { at, metrics: all })
    }
}

impl Metrics {
    /// What a guest's agent says is free, if it says something sensible. The control domain needs no agent.
    async fn free_inside(&self, domid: i64) -> Option<i64> {
        if domid == 0 {
            return Some(xapi_facts::system::memory_available(&self.root) >> 10);
        }
        let node = format!("/local/domain/{domid}/data/meminfo_free");
        let text = self.store.find(&node).await.ok()??;
        text.trim().parse().ok().filter(|kib| (0..=MOST_KIB).contains(kib))
    }
}

/// What the kernel counts.
struct Kernel {
    links: Vec<counters::Link>,
    cards: Vec<String>,
    disks: Vec<counters::Disk>,
    load: f64,
    memory: i64,
    files: i64,
}

impl Kernel {
    fn read(root: &Root) -> Kernel {
        let cards = root.names("sys/class/net").into_iter();
        Kernel {
            links: counters::links(root),
            cards: cards.filter(|name| is_card(root, name)).collect(),
            disks: counters::disks(root),
            load: counters::load(root),
            memory: counters::own_memory(root),
            files: counters::own_files(root),
        }
    }

    fn host(&self, told: &xapi_facts::Told, vcpus: &[Vcpu], guests: usize) -> Vec<Metric> {
        let number = |key: &str| told.get(key).and_then(|text| text.parse::<i64>().ok());
        let cpus = number("nr_cpus").unwrap_or(1).clamp(1, 4096) as usize;
        let seen = vcpus.iter().filter_map(|vcpu| Some((vcpu.on?, vcpu.time)));
        let busy = by_number(seen, cpus);
        let mut of = metrics::processors(&busy);
        // A virtual processor that is not on any would be lost; the average is of all of them.
        let total: f64 = vcpus.iter().map(|vcpu| vcpu.time).sum();
        if let Some(average) = of.iter_mut().find(|metric| metric.name == "cpu_avg") {
            average.value = total / cpus as f64;
        }
        let running = vcpus.iter().filter(|vcpu| vcpu.running).count() as f64;
        let kib = |key: &str| number(key).map(|mib| (mib << 10) as f64);
        of.extend(
            kib("total_memory").map(|v| Metric::gauge("memory_total_kib", "Memory of the machine", "KiB", v)),
        );
        of.extend(
            kib("free_memory").map(|v| Metric::gauge("memory_free_kib", "Memory nobody uses", "KiB", v)),
        );
        of.extend([
            Metric::gauge("loadavg", "Load of the control domain", "(fraction)", self.load),
            Metric::gauge(
                "hostload",
                "Busy virtual processors for each of the machine's",
                "(fraction)",
                running / cpus as f64,
            ),
            Metric::gauge("running_vcpus", "Virtual processors that run", "count", running),
            Metric::gauge("running_domains", "Domains that run", "count", (guests + 1) as f64),
            Metric::gauge(
                "xapi_memory_usage_kib",
                "Memory of the toolstack",
                "KiB",
                (self.memory >> 10) as f64,
            ),
            Metric::gauge("xapi_open_fds", "Files the toolstack has open", "count", self.files as f64),
        ]);
        let cards: Vec<&counters::Link> =
            self.links.iter().filter(|link| self.cards.contains(&link.device)).collect();
        for link in &cards {
            let (prefix, what) = (format!("pif_{}", link.device), format!("card {}", link.device));
            of.extend(metrics::link(&prefix, &what, link.rx, link.tx));
            of.extend(metrics::link_errors(&prefix, &what, link.rx_errors, link.tx_errors));
        }
        let (rx, tx) = cards.iter().fold((0, 0), |(rx, tx), link| (rx + link.rx, tx + link.tx));
        of.extend(metrics::link("pif_aggr", "all cards", rx, tx));
        of
    }

    fn guest(&self, domid: i64, vcpus: &[Vcpu]) -> Vec<Metric> {
        let own = vcpus.iter().filter(|vcpu| vcpu.domid == domid);
        let mut of = metrics::guest_processors(&by_number(own.map(|vcpu| (vcpu.number, vcpu.time)), 0));
        let prefix = format!("vif{domid}.");
        for link in self.links.iter().filter(|link| domid != 0 && link.device.starts_with(&prefix)) {
            let Some(position) = link.device.strip_prefix(&prefix).filter(|n| n.parse::<u32>().is_ok())
            else {
                continue;
            };
            let (name, what) = (format!("vif_{position}"), format!("card {position}"));
            // What the backend sends is what the guest receives.
            of.extend(metrics::link(&name, &what, link.tx, link.rx));
            of.extend(metrics::link_errors(&name, &what, link.tx_errors, link.rx_errors));
        }
        for disk in self.disks.iter().filter(|disk| disk.domid == domid) {
            if let Some(name) = guest_name(disk.device) {
                of.extend(metrics::disk(&name, (disk.read, disk.written), (disk.reads, disk.writes)));
            }
        }
        of
    }
}

/// Hardware, or what the control domain was given of it.
fn is_card(root: &Root, name: &str) -> bool {
    let bus = std::fs::canonicalize(root.path(format!("sys/class/net/{name}/device/subsystem")));
    bus.is_ok_and(|bus| !bus.ends_with("bus/xen") && !bus.ends_with("bus/xen-backend"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Recorded from Xen 4.20, the last two made up.
    const LIST: &str = "\
Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)
Domain-0                             0     0    0   r--      36.2  all / all
t1                                   1     0    0   -b-      26.4  all / all
my 3 guest                           7     1    -   --p       0.5  0-3 / all
lame                                 8     0    -   --p  never
";

    #[test]
    fn recorded_processors_are_read() {
        let all = vcpus(LIST);
        assert_eq!(all.len(), 3);
        assert_eq!(all[0], Vcpu { domid: 0, number: 0, on: Some(0), running: true, time: 36.2 });
        assert_eq!((all[1].domid, all[1].running, all[1].time), (1, false, 26.4));
        assert_eq!((all[2].domid, all[2].number, all[2].on), (7, 1, None));
        assert!(vcpus("").is_empty() && vcpus("r-- 1.0\n--- \u{0}").is_empty());
    }

    #[test]
    fn disks_are_named_as_guests_name_them() {
        let names = [51712, 51728, 768, 832, 5632, 5696, 2048, (1 << 28) | (26 << 8), 1].map(guest_name);
        let names: Vec<Option<&str>> = names.iter().map(Option::as_deref).collect();
        let expected =
            ["xvda", "xvdb", "hda", "hdb", "hdc", "hdd", "sda", "xvdaa"].map(Some).into_iter().chain([None]);
        assert_eq!(names, expected.collect::<Vec<_>>());
    }

    #[test]
    fn the_average_counts_every_domain() {
        let kernel = Kernel { links: vec![], cards: vec![], disks: vec![], load: 0.5, memory: 0, files: 3 };
        let told = info("nr_cpus : 2\ntotal_memory : 2047\nfree_memory : 1160\n");
        let of = kernel.host(&told, &vcpus(LIST), 2);
        let value = |name: &str| of.iter().find(|metric| metric.name == name).map(|metric| metric.value);
        assert_eq!(value("cpu_avg"), Some((36.2 + 26.4 + 0.5) / 2.0));
        assert_eq!(value("cpu0"), Some(36.2 + 26.4));
        assert_eq!(value("cpu1"), Some(0.0));
        assert_eq!(value("memory_free_kib"), Some(1160.0 * 1024.0));
        assert_eq!((value("running_vcpus"), value("running_domains")), (Some(1.0), Some(3.0)));
    }

    #[test]
    fn what_a_backend_sends_its_guest_receives() {
        let link = |device: &str| counters::Link {
            device: device.into(),
            rx: 10,
            tx: 20,
            rx_errors: 0,
            tx_errors: 1,
        };
        let disk = counters::Disk { domid: 1, device: 51712, read: 512, written: 1024, reads: 1, writes: 2 };
        let kernel = Kernel {
            links: vec![link("vif1.0"), link("vif10.0"), link("vif1.x")],
            cards: vec![],
            disks: vec![disk],
            load: 0.0,
            memory: 0,
            files: 0,
        };
        let names: BTreeMap<String, f64> =
            kernel.guest(1, &vcpus(LIST)).into_iter().map(|metric| (metric.name, metric.value)).collect();
        assert_eq!((names["vif_0_rx"], names["vif_0_tx"]), (20.0, 10.0));
        assert_eq!((names["vbd_xvda_read"], names["vbd_xvda_iops_total"]), (512.0, 3.0));
        assert_eq!((names["cpu0"], names["cpu_usage"]), (26.4, 26.4));
        assert!(!names.contains_key("vif_x_rx"));
    }
}
