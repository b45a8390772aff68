//! What drivers answer, read: paths to volumes, what comes with them, bitmaps.

use std::path::PathBuf;

use xapi_backend::storage::{CBT_BLOCK, DataPath};
use xapi_schema::{Result, Value};

use crate::fail::Doing;

/// Where a volume is reached, by what its driver answered; pure but for a look at the path.
///
/// # Errors
/// SR_BACKEND_FAILURE_46 for an answer that leads nowhere.
pub fn path(told: &Value) -> Result<DataPath> {
    use std::os::unix::fs::FileTypeExt;
    let text = |name: &str| told.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
    // The oldest drivers answer the path alone.
    let params = text("params").or(told.as_str()).filter(|t| t.starts_with('/')).map(PathBuf::from);
    if let Some(params) = params
        && let Ok(metadata) = std::fs::metadata(&params)
    {
        let block = metadata.file_type().is_block_device();
        return Ok(if block { DataPath::Block(params) } else { DataPath::File(params) });
    }
    let nbd = text("params_nbd").and_then(|t| t.strip_prefix("nbd:unix:")?.split_once(":exportname="));
    match nbd {
        Some((socket, export)) => Ok(DataPath::Nbd { socket: socket.into(), export: export.into() }),
        None => Err(Doing::Attach.failure("its driver gave no path that is there")),
    }
}

/// What else a driver told: entries for users, whether reads are cached and if not, why.
pub type Extras = (Vec<(String, String)>, Option<(bool, String)>);

/// What else an answer to an attach holds.
pub fn extras(told: &Value) -> Extras {
    let data = told.get("xenstore_data").and_then(Value::as_map).unwrap_or_default();
    let data = data.iter().filter_map(|(k, v)| Some((k.to_string(), v.as_str()?.to_owned()))).collect();
    let caching = match told.get("o_direct") {
        Some(Value::Bool(direct)) => {
            let reason = told.get("o_direct_reason").and_then(Value::as_str).unwrap_or_default();
            Some((!direct, reason.to_owned()))
        }
        _ => None,
    };
    (data, caching)
}

/// Marked blocks of a bitmap whose first bit is the highest of its first byte; pure.
pub fn stretches(bits: &[u8]) -> Vec<(u64, u64)> {
    let mut found: Vec<(u64, u64)> = Vec::new();
    for block in 0..bits.len() as u64 * 8 {
        if bits[(block / 8) as usize] & (0x80 >> (block % 8)) == 0 {
            continue;
        }
        match found.last_mut() {
            Some((start, length)) if *start + *length == block * CBT_BLOCK => *length += CBT_BLOCK,
            _ => found.push((block * CBT_BLOCK, CBT_BLOCK)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_an_attach_are_understood() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("disk");
        std::fs::write(&file, b"x").unwrap();
        let text = file.to_string_lossy().into_owned();
        let answer = |members: &[(&str, &str)]| Value::map(members.iter().map(|(k, v)| (*k, Value::str(*v))));
        assert_eq!(path(&Value::str(text.as_str())).unwrap(), DataPath::File(file.clone()));
        assert_eq!(path(&answer(&[("params", &text)])).unwrap(), DataPath::File(file));
        let nbd = [("params", ""), ("params_nbd", "nbd:unix:/run/a.sock:exportname=q")];
        let wanted = DataPath::Nbd { socket: "/run/a.sock".into(), export: "q".into() };
        assert_eq!(path(&answer(&nbd)).unwrap(), wanted);
        assert_eq!(
            path(&answer(&[("params", "/nowhere/at/all")])).unwrap_err().code,
            "SR_BACKEND_FAILURE_46"
        );
        let told = Value::map([
            ("o_direct", Value::Bool(false)),
            ("xenstore_data", answer(&[("scsi/0x12/0x83", "eA==")])),
        ]);
        let wanted = (vec![("scsi/0x12/0x83".to_string(), "eA==".to_string())], Some((true, String::new())));
        assert_eq!(extras(&told), wanted);
        assert_eq!(
            stretches(&[0b0110_0000, 0x01]),
            [(CBT_BLOCK, 2 * CBT_BLOCK), (15 * CBT_BLOCK, CBT_BLOCK)]
        );
    }
}
