//! What is measured, as clients see it: counters as rates, what belongs to a storage repository added up, and what
//! only the toolstack knows.
//!
//! Measures when somebody asks and keeps no history. Archives would read the same source.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::sync::Mutex;
use xapi_backend::metrics::{Kind, Metric, Owner, Reading};
use xapi_schema::{
    ClassId, Failure, Ref, Result,
    classes::{Sr, Vm, sr, vbd, vdi, vm},
};
use xapi_store::Read;

use crate::{Cx, rules};

/// Seconds two readings must lie apart at least for a rate between them to mean something.
const APART: f64 = 1.0;
/// Seconds after which an earlier reading says nothing about now.
const STALE: f64 = 60.0;

/// Remembers the last reading, so that counters can be told as rates.
#[derive(Default)]
pub struct Sampler {
    last: Mutex<Option<(Reading, Arc<Shown>)>>,
}

/// Values as they are shown.
type Shown = BTreeMap<(Owner, String), f64>;

/// Everything that is measured of an owner, with raw values.
///
/// # Errors
/// Those of the source.
pub async fn all(cx: &Cx, owner: &Owner) -> Result<Vec<Metric>> {
    Ok(read(cx).await?.metrics.into_iter().filter(|(of, _)| of == owner).map(|(_, metric)| metric).collect())
}

/// The newest value of one quantity; `None` when there is no such.
///
/// # Errors
/// Those of the source.
pub async fn value(cx: &Cx, owner: &Owner, name: &str) -> Result<Option<f64>> {
    let mut last = cx.xapi.sampler.last.lock().await;
    let mut new = read(cx).await?;
    let find = |reading: &Reading| {
        reading.metrics.iter().find(|(of, metric)| of == owner && metric.name == name).map(|(_, m)| m.clone())
    };
    let Some(metric) = find(&new) else { return Ok(None) };
    if metric.kind != Kind::Derive {
        return Ok(Some(metric.value));
    }
    let key = (owner.clone(), name.to_string());
    let before = match last.take() {
        Some((reading, shown)) if new.at - reading.at < APART && shown.contains_key(&key) => {
            let value = shown.get(&key).copied();
            *last = Some((reading, shown));
            return Ok(value);
        }
        Some((reading, _))
            if (APART..=STALE).contains(&(new.at - reading.at)) && find(&reading).is_some() =>
        {
            reading
        }
        _ => {
            let first = new;
            tokio::time::sleep(Duration::from_secs_f64(APART)).await;
            new = read(cx).await?;
            first
        }
    };
    let shown = Arc::new(shown(&before, &new));
    let value = shown.get(&key).copied();
    *last = Some((new, shown));
    Ok(value)
}

/// Rates between two readings, within what makes sense: a counter that began anew counts as standing still.
fn shown(before: &Reading, now: &Reading) -> Shown {
    let seconds = now.at - before.at;
    let earlier: BTreeMap<(&Owner, &str), f64> =
        before.metrics.iter().map(|(owner, metric)| ((owner, metric.name.as_str()), metric.value)).collect();
    let one = |(owner, metric): &(Owner, Metric)| {
        let value = match metric.kind {
            Kind::Gauge | Kind::Absolute => metric.value,
            Kind::Derive => match earlier.get(&(owner, metric.name.as_str())) {
                Some(then) if seconds > 0.0 => {
                    ((metric.value - then) / seconds).clamp(metric.min, metric.max)
                }
                _ => return None,
            },
        };
        Some(((owner.clone(), metric.name.clone()), value))
    };
    now.metrics.iter().filter_map(one).collect()
}

/// One reading with what is known here besides.
async fn read(cx: &Cx) -> Result<Reading> {
    let mut reading = cx.xapi.backends.metrics.read().await?;
    let snapshot = cx.snapshot();
    let storage = of_storage(&*snapshot, &reading);
    reading.metrics.extend(storage.into_iter().map(|metric| (Owner::Host, metric)));
    for row in snapshot.rows(ClassId::Vm).filter(|row| row.record.get(vm::resident_on) == *cx.host()) {
        let text = "Memory the VM shall have";
        let target = Metric::gauge("memory_target", text, "B", row.record.get(vm::memory_target) as f64);
        reading.metrics.push((Owner::Vm(row.record.get(vm::uuid)), target));
    }
    if cx.xapi.coordinator()? == *cx.host() {
        let (tasks, sessions) = (snapshot.count(ClassId::Task), cx.xapi.sessions.all().len());
        let of = [
            Metric::gauge("pool_task_count", "Tasks there are records of", "tasks", tasks as f64),
            Metric::gauge("pool_session_count", "Sessions that are open", "sessions", sessions as f64),
        ];
        reading.metrics.extend(of.into_iter().map(|metric| (Owner::Host, metric)));
    }
    for this in snapshot.all::<Sr>() {
        let record = snapshot.record(&this)?;
        // Others do not know how full they are.
        if rules::sr_features(&*snapshot, &this).iter().any(|feature| feature == "SR_STATS") {
            let owner = Owner::Sr(record.get(sr::uuid));
            let of = [
                ("physical_utilisation", "Bytes in use", record.get(sr::physical_utilisation)),
                ("size", "Bytes there are", record.get(sr::physical_size)),
            ];
            let of =
                of.map(|(name, text, bytes)| (owner.clone(), Metric::gauge(name, text, "B", bytes as f64)));
            reading.metrics.extend(of);
        }
    }
    Ok(reading)
}

/// What disks of guests read and write, by the repository they are in.
fn of_storage(read: &impl Read, reading: &Reading) -> Vec<Metric> {
    // Bytes read and written, requests to read and to write.
    let mut sums: BTreeMap<String, [f64; 4]> = BTreeMap::new();
    for (owner, metric) in &reading.metrics {
        let (Owner::Vm(uuid), Some(name)) = (owner, metric.name.strip_prefix("vbd_")) else { continue };
        let Some((device, what)) = name.split_once('_') else { continue };
        let Some(at) = ["read", "write", "iops_read", "iops_write"].iter().position(|known| *known == what)
        else {
            continue;
        };
        if let Some(storage) = storage_of(read, uuid, device) {
            sums.entry(storage).or_default()[at] += metric.value;
        }
    }
    sums.iter().flat_map(|(storage, sums)| storage_metrics(storage, *sums)).collect()
}

/// The uuid of the repository behind a guest's disk.
fn storage_of(read: &impl Read, guest: &str, device: &str) -> Option<String> {
    let guest: Ref<Vm> = read.find_uuid(guest).ok()?;
    let disks = read.get(&guest, vm::VBDs).ok()?;
    let disk =
        disks.into_iter().find(|disk| read.get(disk, vbd::device).is_ok_and(|known| known == device))?;
    let home = read.get(&read.get(&disk, vbd::VDI).ok()?, vdi::SR).ok()?;
    read.get(&home, sr::uuid).ok()
}

fn storage_metrics(storage: &str, [read, written, reads, writes]: [f64; 4]) -> Vec<Metric> {
    const MIB: f64 = 1_048_576.0;
    let short = storage.get(..8).unwrap_or(storage);
    let rate = |name: &str, text: &str, units, value| {
        Metric::rate(format!("{name}_{short}"), format!("{text} in SR {storage} each second"), units, value)
    };
    vec![
        rate("read", "Bytes read", "B/s", read).on_demand(),
        rate("write", "Bytes written", "B/s", written).on_demand(),
        rate("io_throughput_read", "MiB read", "MiB/s", read / MIB),
        rate("io_throughput_write", "MiB written", "MiB/s", written / MIB),
        rate("io_throughput_total", "MiB read and written", "MiB/s", (read + written) / MIB),
        rate("iops_read", "Requests to read", "requests/s", reads),
        rate("iops_write", "Requests to write", "requests/s", writes),
        rate("iops_total", "Requests", "requests/s", reads + writes),
    ]
}

/// Follows how much memory nobody uses, for clients that do not read archives.
///
/// # Errors
/// Those of the backend and the store.
pub async fn watch_memory(cx: &Cx) -> Result<()> {
    use xapi_schema::classes::{host, host_metrics};
    let free = cx.xapi.backends.host.memory_free().await?;
    let snapshot = cx.snapshot();
    let metrics = snapshot.get(cx.host(), host::metrics)?;
    let now = cx.clock().date();
    // A machine on which nothing changes writes nothing.
    if snapshot.get(&metrics, host_metrics::memory_free)? == free {
        return Ok(());
    }
    cx.commit(move |tx| {
        tx.set(&metrics, host_metrics::memory_free, free)?;
        tx.set(&metrics, host_metrics::last_updated, now)
    })
    .await
}

/// There is no quantity of this name.
pub fn unknown(name: &str) -> Failure {
    Failure::internal(format!("there is no data source {name:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(at: f64, values: &[(&str, Kind, f64)]) -> Reading {
        let metric = |(name, kind, value): &(&str, Kind, f64)| {
            let metric = Metric { kind: *kind, ..Metric::gauge(*name, "", "", *value) };
            (Owner::Host, metric.at_most(1.0))
        };
        Reading { at, metrics: values.iter().map(metric).collect() }
    }

    #[test]
    fn counters_are_shown_as_rates_that_make_sense() {
        let before =
            reading(10.0, &[("a", Kind::Derive, 5.0), ("b", Kind::Derive, 9.0), ("c", Kind::Derive, 0.0)]);
        let now = reading(
            14.0,
            &[
                ("a", Kind::Derive, 7.0),
                ("b", Kind::Derive, 1.0),
                ("c", Kind::Derive, 99.0),
                ("d", Kind::Derive, 1.0),
                ("e", Kind::Gauge, 42.0),
            ],
        );
        let shown = shown(&before, &now);
        let value = |name: &str| shown.get(&(Owner::Host, name.to_string())).copied();
        assert_eq!(value("a"), Some(0.5));
        assert_eq!(value("b"), Some(0.0), "it began anew");
        assert_eq!(value("c"), Some(1.0), "more than all makes no sense");
        assert_eq!(value("d"), None, "nothing is known of its growth");
        assert_eq!(value("e"), Some(42.0));
    }
}
