//! Calls, measured.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::server::Server;

/// Calls of one kind.
#[derive(Debug, Default, Clone)]
pub struct Sample {
    /// Wall time of each, ms.
    pub times: Vec<f64>,
    /// Server time per call, ms: one entry for each time it was read.
    pub cpu: Vec<f64>,
    /// Bytes of the last answer.
    pub bytes: usize,
}

fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len() as f64 - 1.0) * q).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

impl Sample {
    /// Median of the wall times.
    pub fn p50(&self) -> f64 {
        quantile(&self.times, 0.5)
    }

    /// The wall time 99 of 100 stay under.
    pub fn p99(&self) -> f64 {
        quantile(&self.times, 0.99)
    }

    /// Median server time of a call.
    pub fn server(&self) -> f64 {
        quantile(&self.cpu, 0.5)
    }

    /// Least server time of a call: what it takes when nothing disturbs.
    pub fn least(&self) -> f64 {
        quantile(&self.cpu, 0.0)
    }

    /// Both.
    pub fn and(mut self, other: Sample) -> Sample {
        self.times.extend(other.times);
        self.cpu.extend(other.cpu);
        Sample { bytes: other.bytes, ..self }
    }
}

/// Milliseconds.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Calls one after the other in groups; server time is read before and after each group.
pub fn run(
    server: &Server,
    groups: usize,
    each: usize,
    mut call: impl FnMut(usize) -> Result<usize>,
) -> Result<Sample> {
    let mut sample = Sample::default();
    for group in 0..groups {
        let before = server.cpu()?;
        for number in 0..each {
            let begun = Instant::now();
            sample.bytes = call(group * each + number)?;
            sample.times.push(ms(begun.elapsed()));
        }
        sample.cpu.push(ms(server.cpu()? - before) / each as f64);
    }
    Ok(sample)
}
