//! What is wrong between the qcow2 images of a place: what they stand on, and whether that is marked. Looks at headers
//! only.

use super::snapshot::line;
use crate::vhd::audit::{Finding, Severity};
use crate::volumes::Volumes;
use std::collections::BTreeSet;

/// What is wrong between the given images of a place: what they stand on, and whether that is marked.
pub fn audit_links(volumes: &dyn Volumes, names: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |image: &str, severity, code, detail: String| {
        findings.push(Finding { image: image.to_owned(), severity, code, detail });
    };
    let mut parents = BTreeSet::new();
    let mut hidden = Vec::new();
    for name in names {
        let line = match line(volumes, name) {
            Ok(line) => line,
            Err(e) => {
                add(name, Severity::Error, "parent", e.to_string());
                continue;
            }
        };
        if line.first().and_then(|(_, h)| h.as_ref()).is_some_and(|h| h.hidden) {
            hidden.push(name);
        }
        let Some((parent, header)) = line.get(1) else { continue };
        parents.insert(parent.clone());
        let own = line[0].1.as_ref().map_or(0, |h| h.size);
        if header.as_ref().is_some_and(|h| !h.hidden) {
            let detail = format!("parent of {name:?} but not marked hidden");
            add(parent, Severity::Note, "parent-visible", detail);
        }
        if header.as_ref().is_some_and(|h| h.size > own) {
            let detail = format!("parent {parent:?} is larger than its child");
            add(name, Severity::Warning, "smaller-than-parent", detail);
        }
    }
    for name in hidden.into_iter().filter(|name| !parents.contains(*name)) {
        add(name, Severity::Warning, "garbage", "hidden, and no image needs it".into());
    }
    findings
}
