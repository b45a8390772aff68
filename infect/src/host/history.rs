//! What the host remembers in files: graphs (RRDs), payloads of `blob` rows, alerts. Lists them; reads of each graph
//! only the head.

use super::malformed::{Malformed, Result};
use super::tree::{Kind, Tree};
use flate2::read::GzDecoder;
use quick_xml::events::Event;
use serde::Serialize;
use std::io::{BufReader, Read};

/// Payloads of `blob` rows.
pub const BLOBS: &str = "/var/lib/xcp/blobs";
/// Graphs.
pub const RRDS: &str = "/var/lib/xcp/blobs/rrds";
/// Alerts.
pub const MESSAGES: &str = "/var/lib/xcp/blobs/messages";

/// A graph's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rrd {
    /// Version of the format.
    pub version: String,
    /// Seconds between samples.
    pub step: i64,
    /// Last sample, seconds since 1970, fractions cut.
    pub last_update: i64,
}

/// A file that is kept as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blob {
    /// Its name: the UUID.
    pub uuid: String,
    /// Its bytes.
    pub size: u64,
}

/// Everything remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct History {
    /// Graphs by UUID of what they show.
    pub rrds: Vec<(String, Rrd)>,
    /// Payloads.
    pub blobs: Vec<Blob>,
    /// How many alerts.
    pub messages: usize,
}

/// Most that is unpacked of a graph to find its head.
const HEAD: u64 = 64 << 10;

/// Reads a graph's head, packed or plain.
///
/// # Errors
/// What has no head.
pub fn rrd(file: &str, source: impl Read) -> Result<Rrd> {
    let mut source = BufReader::new(source);
    let packed = std::io::BufRead::fill_buf(&mut source).is_ok_and(|start| start.starts_with(&[0x1f, 0x8b]));
    let stream: Box<dyn Read + '_> = if packed { Box::new(GzDecoder::new(source)) } else { Box::new(source) };
    let mut reader = quick_xml::Reader::from_reader(BufReader::new(stream.take(HEAD)));
    let mut path: Vec<String> = Vec::new();
    let (mut version, mut step, mut last_update) = (None, None, None);
    let mut buffer = Vec::new();
    let wrong = |expected: &str, found: &str| Malformed::at(file, 0, expected, found);
    while version.is_none() || step.is_none() || last_update.is_none() {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|e| wrong("the head of an RRD", &e.to_string()))? {
            Event::Start(start) => path.push(start.name().as_ref().to_owned()),
            Event::End(_) => {
                path.pop();
            }
            Event::Text(content) => {
                let content = content.trim().to_owned();
                let number = || content.parse::<f64>().ok().filter(|n| n.is_finite()).map(|n| n as i64);
                match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                    ["rrd", "version"] => version = Some(content),
                    ["rrd", "step"] => {
                        step = Some(number().ok_or_else(|| wrong("a number in <step>", &content))?)
                    }
                    ["rrd", "lastupdate"] => {
                        last_update =
                            Some(number().ok_or_else(|| wrong("a number in <lastupdate>", &content))?);
                    }
                    _ => {}
                }
            }
            Event::Eof => return Err(wrong("<version>, <step> and <lastupdate> in <rrd>", "the end")),
            _ => {}
        }
    }
    match (version, step, last_update) {
        (Some(version), Some(step), Some(last_update)) => Ok(Rrd { version, step, last_update }),
        _ => Err(wrong("the head of an RRD", "")),
    }
}

/// Reads what there is, and what of it is not as it should be.
pub fn read(tree: &dyn Tree, problems: &mut Vec<Malformed>) -> History {
    let mut out = History::default();
    let mut failed = |file: &str, e: std::io::Error| {
        problems.push(Malformed::at(file, 0, "a readable file", &e.to_string()))
    };
    let list = |path: &str, failed: &mut dyn FnMut(&str, std::io::Error)| {
        tree.list(path).unwrap_or_else(|e| {
            failed(path, e);
            Vec::new()
        })
    };
    for name in list(BLOBS, &mut failed) {
        let path = format!("{BLOBS}/{name}");
        match tree.stat(&path) {
            Ok(Some(stat)) if stat.kind == Kind::File && uuid::Uuid::parse_str(&name).is_ok() => {
                out.blobs.push(Blob { uuid: name, size: stat.size });
            }
            Ok(_) => {}
            Err(e) => failed(&path, e),
        }
    }
    out.messages = list(MESSAGES, &mut failed)
        .iter()
        .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
        .count();
    let mut wrong = Vec::new();
    for name in list(RRDS, &mut failed) {
        let path = format!("{RRDS}/{name}");
        match tree.open(&path) {
            Ok(Some(file)) => match rrd(&path, file) {
                Ok(head) => out.rrds.push((name.trim_end_matches(".gz").to_owned(), head)),
                Err(e) => wrong.push(e),
            },
            Ok(None) => {}
            Err(e) => failed(&path, e),
        }
    }
    problems.extend(wrong);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const HEADED: &str = "<?xml version=\"1.0\"?><rrd><version>0003</version><step>5</step><lastupdate>1736496000.25</lastupdate><ds><name>x</name></ds>";

    #[test]
    fn heads() {
        let read = rrd("f", HEADED.as_bytes()).unwrap();
        assert_eq!((read.version.as_str(), read.step, read.last_update), ("0003", 5, 1_736_496_000));
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(HEADED.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        assert_eq!(rrd("f", &packed[..]).unwrap(), read);
        assert!(rrd("f", &packed[..20]).is_err());
        assert!(rrd("f", &b"<rrd><step>x</step>"[..]).is_err());
        assert!(rrd("f", &b"no xml"[..]).is_err());
        assert!(rrd("f", std::io::repeat(b' ')).is_err());
    }
}
