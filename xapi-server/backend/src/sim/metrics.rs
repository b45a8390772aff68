//! What the simulated machine measures: steady guests on a steady machine.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use xapi_schema::Result;

use super::domains::Domains;
use crate::{
    hypervisor::Activity,
    metrics::{self, Metric, MetricsSource, Owner, Reading},
};

/// Share of a processor each running guest takes.
const SHARE: f64 = 0.25;
/// Bytes each of a guest's cards receives in a second; it sends half of it.
const RECEIVES: f64 = 4096.0;
/// Bytes each of a guest's disks reads in a second, in requests of this size.
const READS: f64 = 8192.0;
const REQUEST: f64 = 4096.0;

pub struct Metrics {
    domains: Arc<Domains>,
    cpus: i64,
    began: Instant,
}

impl Metrics {
    pub fn new(domains: Arc<Domains>, cpus: i64) -> Metrics {
        Metrics { domains, cpus: cpus.max(1), began: Instant::now() }
    }
}

#[async_trait]
impl MetricsSource for Metrics {
    async fn read(&self) -> Result<Reading> {
        let at = self.began.elapsed().as_secs_f64();
        let mut all = Vec::new();
        let (mut running, mut vcpus) = (0.0, 0.0);
        for (spec, activity) in self.domains.specs() {
            let busy = if activity == Activity::Running { at * SHARE } else { 0.0 };
            running += 1.0;
            vcpus += if activity == Activity::Running { spec.vcpus as f64 } else { 0.0 };
            let ran: Vec<f64> = (0..spec.vcpus.max(1)).map(|_| busy).collect();
            let mut of = metrics::guest_processors(&ran);
            of.push(Metric::gauge("memory", "Memory the VM has", "B", spec.memory_target as f64));
            of.push(Metric::gauge(
                "memory_internal_free",
                "Memory the guest says it does not use",
                "KiB",
                (spec.memory_target / 2048) as f64,
            ));
            for nic in &spec.nics {
                let what = format!("card {}", nic.position);
                let count = |rate: f64| (at * rate) as i64;
                of.extend(metrics::link(
                    &format!("vif_{}", nic.position),
                    &what,
                    count(RECEIVES),
                    count(RECEIVES / 2.0),
                ));
                of.extend(metrics::link_errors(&format!("vif_{}", nic.position), &what, 0, 0));
            }
            for disk in spec.disks.iter().filter(|disk| !disk.cd) {
                let name = super::domains::device(disk.position);
                let read = at * READS;
                of.extend(metrics::disk(&name, (read as i64, 0), ((read / REQUEST) as i64, 0)));
            }
            all.extend(of.into_iter().map(|metric| (Owner::Vm(spec.uuid.clone()), metric)));
        }
        let share = (vcpus * SHARE / self.cpus as f64).min(1.0);
        let busy: Vec<f64> = (0..self.cpus).map(|_| at * share).collect();
        let mut of = metrics::processors(&busy);
        of.extend([
            Metric::gauge("loadavg", "Load of the control domain", "(fraction)", 0.0),
            Metric::gauge(
                "hostload",
                "Busy virtual processors for each of the machine's",
                "(fraction)",
                vcpus / self.cpus as f64,
            ),
            Metric::gauge("running_vcpus", "Virtual processors that run", "count", vcpus),
            Metric::gauge("running_domains", "Domains that run", "count", running),
        ]);
        all.extend(of.into_iter().map(|metric| (Owner::Host, metric)));
        Ok(Reading { at, metrics: all })
    }
}
