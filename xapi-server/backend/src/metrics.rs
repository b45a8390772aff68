//! [`MetricsSource`]: what is measured at the moment, under the names clients know.
//!
//! A reading holds raw values: counters as they stand, not what grew. Rates, archives and alarms are made elsewhere.

use async_trait::async_trait;
use xapi_schema::Result;

/// How a value is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is what is measured.
    Gauge,
    /// A count since the last reading.
    Absolute,
    /// A count since some beginning; what matters is how fast it grows.
    Derive,
}

/// What something was measured of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// The host.
    Host,
    /// A VM, by uuid.
    Vm(String),
    /// A storage repository, by uuid.
    Sr(String),
}

/// One measured quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name in statistics.
    pub name: String,
    /// What it says, for people.
    pub description: String,
    /// Unit of what is shown: for a counter, of its growth.
    pub units: &'static str,
    /// How the value is to be taken.
    pub kind: Kind,
    /// Smallest value that makes sense.
    pub min: f64,
    /// Largest value that makes sense.
    pub max: f64,
    /// Its history is kept without being asked for.
    pub standard: bool,
    /// The value as it was read.
    pub value: f64,
}

impl Metric {
    /// A quantity that is what it is, from 0 up.
    pub fn gauge(
        name: impl Into<String>,
        description: impl Into<String>,
        units: &'static str,
        value: f64,
    ) -> Metric {
        Metric {
            name: name.into(),
            description: description.into(),
            units,
            kind: Kind::Gauge,
            min: 0.0,
            max: f64::INFINITY,
            standard: true,
            value,
        }
    }

    /// A counter whose growth each second is shown.
    pub fn rate(
        name: impl Into<String>,
        description: impl Into<String>,
        units: &'static str,
        value: f64,
    ) -> Metric {
        Metric { kind: Kind::Derive, ..Metric::gauge(name, description, units, value) }
    }

    /// Nothing above this makes sense.
    #[must_use]
    pub fn at_most(self, max: f64) -> Metric {
        Metric { max, ..self }
    }

    /// Its history is kept only when somebody asks.
    #[must_use]
    pub fn on_demand(self) -> Metric {
        Metric { standard: false, ..self }
    }
}

/// All that was measured at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Seconds on a clock that only goes forward.
    pub at: f64,
    /// What was measured.
    pub metrics: Vec<(Owner, Metric)>,
}

/// Something that measures.
#[async_trait]
pub trait MetricsSource: Send + Sync + 'static {
    /// Measures now.
    async fn read(&self) -> Result<Reading>;
}

/// Two counters of a link between a guest or the host and the network.
pub fn link(prefix: &str, what: &str, rx: i64, tx: i64) -> [Metric; 2] {
    [
        Metric::rate(
            format!("{prefix}_rx"),
            format!("Bytes received each second on {what}"),
            "B/s",
            rx as f64,
        ),
        Metric::rate(format!("{prefix}_tx"), format!("Bytes sent each second on {what}"), "B/s", tx as f64),
    ]
}

/// Two counters of errors on a link.
pub fn link_errors(prefix: &str, what: &str, rx: i64, tx: i64) -> [Metric; 2] {
    let one = |way: &str, verb: &str, count: i64| {
        let text = format!("Errors {verb} each second on {what}");
        Metric::rate(format!("{prefix}_{way}_errors"), text, "err/s", count as f64).on_demand()
    };
    [one("rx", "receiving", rx), one("tx", "sending", tx)]
}

/// Counters of a disk: bytes and requests, read and written.
pub fn disk(device: &str, bytes: (i64, i64), requests: (i64, i64)) -> Vec<Metric> {
    let name = |what: &str| format!("vbd_{device}_{what}");
    let rate = |what: &str, text: &str, units, count: i64| {
        Metric::rate(name(what), format!("{text} of {device} each second"), units, count as f64)
    };
    const REQUESTS: &str = "requests/s";
    vec![
        rate("read", "Bytes read", "B/s", bytes.0),
        rate("write", "Bytes written", "B/s", bytes.1),
        rate("iops_read", "Requests to read", REQUESTS, requests.0).on_demand(),
        rate("iops_write", "Requests to write", REQUESTS, requests.1).on_demand(),
        rate("iops_total", "Requests", REQUESTS, requests.0 + requests.1).on_demand(),
    ]
}

/// Time processors were busy, in seconds since some beginning, by number; then their average.
pub fn processors(busy: &[f64]) -> Vec<Metric> {
    let one = |(number, busy): (usize, &f64)| {
        let text = format!("Share of time processor {number} was busy");
        Metric::rate(format!("cpu{number}"), text, "(fraction)", *busy).at_most(1.0)
    };
    let average = busy.iter().sum::<f64>() / busy.len().max(1) as f64;
    let text = "Share of time processors were busy, on average";
    let average = Metric::rate("cpu_avg", text, "(fraction)", average).at_most(1.0);
    busy.iter().enumerate().map(one).chain([average]).collect()
}

/// Time a guest's processors ran, in seconds since some beginning, by number; then their average.
pub fn guest_processors(ran: &[f64]) -> Vec<Metric> {
    let one = |(number, ran): (usize, &f64)| {
        let text = format!("Share of time virtual processor {number} ran");
        Metric::rate(format!("cpu{number}"), text, "(fraction)", *ran).at_most(1.0)
    };
    let usage = ran.iter().sum::<f64>() / ran.len().max(1) as f64;
    let text = "Share of time virtual processors ran, on average";
    let usage = Metric::rate("cpu_usage", text, "(fraction)", usage).at_most(1.0).on_demand();
    ran.iter().enumerate().map(one).chain([usage]).collect()
}
