//! Rows of numbers beside their goals, as Markdown.

use std::{fmt::Write as _, fs};

/// What a number is held against.
pub enum Goal {
    /// Nothing.
    None,
    /// For comparison only.
    Beside(String),
    /// To be less.
    Under(f64, String),
    /// To be no more.
    AtMost(f64),
}

impl Goal {
    /// To be less than `limit`; `about` follows it.
    pub fn under(limit: f64, about: &str) -> Goal {
        Goal::Under(limit, about.to_string())
    }

    /// To be no more than `limit`.
    pub fn at_most(limit: f64) -> Goal {
        Goal::AtMost(limit)
    }

    /// To be less than half the original's, where that is known.
    pub fn half(original: Option<f64>) -> Goal {
        original.map_or(Goal::None, |original| Goal::under(original / 2.0, &format!(" (half of {original})")))
    }

    fn text(&self) -> String {
        match self {
            Goal::None => String::new(),
            Goal::Beside(text) => text.clone(),
            Goal::Under(limit, about) => format!("under {}{about}", shown(*limit)),
            Goal::AtMost(limit) => format!("at most {limit}"),
        }
    }

    fn met(&self, value: f64) -> &'static str {
        let met = match self {
            Goal::None | Goal::Beside(_) => return "",
            Goal::Under(limit, _) => value < *limit,
            Goal::AtMost(limit) => value <= *limit,
        };
        if met { "yes" } else { "**no**" }
    }
}

/// What was measured of the original, with its simulated hypervisor on two cores: p50 in ms unless said.
#[derive(Clone, Copy)]
pub enum Original {
    /// Server time of `VM.get_all_records` in XML.
    AllRecordsServer,
    AllRecordsXml,
    AllRecordsJson,
    /// `VM.get_record`.
    Record,
    /// Server time of a full `event.from`.
    EventsServer,
    /// A full `event.from`.
    Events,
    /// `host.get_all`.
    Hosts,
    /// `VM.set_name_description`.
    Write,
    /// From a change sent to its event received.
    EventLatency,
    /// `xe vm-list`, s.
    XeList,
    /// `xe vm-list params=all`, s.
    XeListAll,
}

/// By [`Original`] in its order, at 1,000 and at 5,000 machines.
const ORIGINAL: [[f64; 2]; 11] = [
    [142.0, 790.0],
    [237.0, 1499.0],
    [221.0, 1434.0],
    [0.61, 0.94],
    [118.0, 693.0],
    [307.0, 1221.0],
    [0.88, 1.07],
    [0.44, 0.54],
    [2.9, 10.5],
    [0.36, 1.44],
    [1.48, f64::NAN],
];

/// Sections of rows.
#[derive(Default)]
pub struct Report {
    count: usize,
    text: String,
}

impl Report {
    /// What follows is at this number of machines.
    pub fn section(&mut self, count: usize) {
        self.count = count;
        let head = "| What | Measured | Goal or original | Met |\n|---|--:|---|---|";
        let _ = write!(self.text, "\n## {count} VMs\n\n{head}\n");
    }

    /// The original's number at this number of machines.
    pub fn original(&self, what: Original) -> Option<f64> {
        let column = [1_000, 5_000].iter().position(|count| *count == self.count)?;
        Some(ORIGINAL[what as usize][column]).filter(|number| !number.is_nan())
    }

    /// A number, said at once and kept.
    pub fn row(&mut self, what: &str, value: f64, goal: Goal) {
        let (value_text, beside, met) = (shown(value), goal.text(), goal.met(value));
        eprintln!("  {what}: {value_text} {beside} {met}");
        let _ = writeln!(self.text, "| {what} | {value_text} | {beside} | {met} |");
    }

    /// Something that is no number.
    pub fn note(&mut self, text: &str) {
        let _ = writeln!(self.text, "| {text} | | | |");
    }

    /// The whole report.
    pub fn markdown(&self) -> String {
        machine() + &self.text
    }
}

fn shown(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

/// What it ran on.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    format!(
        "Machine: {cores} cores, {}, Linux {}; load average at the end {}.\n",
        model.map_or("unknown", |(_, name)| name),
        read("/proc/sys/kernel/osrelease").trim(),
        load.split_whitespace().next().unwrap_or("unknown"),
    )
}
