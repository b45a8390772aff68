//! What shows images and changes nothing: info and map.

use crate::chain::{Chain, Layer, Spot};
use crate::error::Result;
use crate::qcow2::Qcow2Disk;
use crate::source::{Source, State, extents};
use serde_json::json;
use std::io::Write;

pub(super) fn info(chain: &Chain, json: bool, out: &mut dyn Write) -> Result<()> {
    let layers: Vec<_> = chain.layers().iter().map(|(name, layer)| describe(name, layer)).collect();
    if json {
        writeln!(out, "{}", json!({ "virtual_size": chain.size(), "layers": layers }))?;
        return Ok(());
    }
    for (depth, layer) in layers.iter().enumerate() {
        for (key, value) in layer.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            writeln!(out, "{:indent$}{key:15} {text}", "", indent = depth * 2)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn describe(name: &str, layer: &Layer) -> serde_json::Value {
    let Layer::Vhd(image) = layer else {
        return json!({ "name": name, "format": "raw", "virtual_size": layer.size() });
    };
    let f = image.footer();
    json!({
        "name": name,
        "format": "vhd",
        "kind": format!("{:?}", f.kind).to_lowercase(),
        "virtual_size": f.current_size,
        "file_size": image.file().size().ok(),
        "data_end": image.data_end().ok(),
        "uuid": f.uuid.to_string(),
        "parent_uuid": image.header().map(|h| h.parent_uuid.to_string()),
        "hidden": f.hidden != 0,
        "creator": String::from_utf8_lossy(&f.creator).trim_end_matches('\0'),
        "creator_version": format!("{}.{}", f.creator_version >> 16, f.creator_version & 0xffff),
        "footer": format!("{:?}", image.footer_place()).to_lowercase(),
        "block_size": image.header().map(|h| h.block_size),
        "blocks": image.bat().allocated().count(),
        "max_blocks": image.bat().len(),
    })
}

pub(super) fn map(chain: &Chain, json: bool, out: &mut dyn Write) -> Result<()> {
    let total = chain.size() / 512;
    let mut at = 0;
    while at < total {
        let (spot, n) = chain.locate(at, total - at)?;
        let (start, len) = (at * 512, n * 512);
        match (spot, json) {
            (Spot::At { layer, offset }, true) => {
                let name = &chain.layers()[layer].0;
                writeln!(
                    out,
                    "{}",
                    json!({ "start": start, "length": len, "data": true, "depth": layer, "image": name, "offset": offset })
                )?;
            }
            (_, true) => writeln!(out, "{}", json!({ "start": start, "length": len, "data": false }))?,
            (Spot::At { layer, offset }, false) => {
                writeln!(out, "{start:>14} {len:>12} {:>12} {}", offset, chain.layers()[layer].0)?;
            }
            (_, false) => writeln!(out, "{start:>14} {len:>12} {:>12}", "zero")?,
        }
        at += n;
    }
    Ok(())
}

pub(super) fn info_qcow2(disk: &Qcow2Disk, json: bool, out: &mut dyn Write) -> Result<()> {
    if json {
        writeln!(
            out,
            "{}",
            json!({ "format": "qcow2", "virtual_size": disk.size(), "layers": disk.names() })
        )?;
    } else {
        writeln!(out, "{:15} qcow2\n{:15} {}", "format", "virtual_size", disk.size())?;
        writeln!(out, "{:15} {}", "layers", disk.names().join(" -> "))?;
    }
    Ok(())
}

pub(super) fn map_qcow2(disk: &Qcow2Disk, json: bool, out: &mut dyn Write) -> Result<()> {
    extents(disk, |e| {
        let data = e.state == State::Data;
        if json {
            writeln!(out, "{}", json!({ "start": e.start, "length": e.len, "data": data }))?;
        } else {
            writeln!(out, "{:>14} {:>12} {:>12}", e.start, e.len, if data { "data" } else { "zero" })?;
        }
        Ok(())
    })
}
