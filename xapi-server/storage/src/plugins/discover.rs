//! Which drivers there are: every executable whose name ends in `SR`, as far as it says what it is. One that fails or
//! dawdles is left out, and said so.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use xapi_backend::{features as known, storage::Driver};
use xapi_schema::Value;

use super::protocol::{Members, call};

/// Longest a driver may think about what it is.
const PATIENCE: Duration = Duration::from_secs(60);

/// Drivers of a directory, in order of type. A directory that is not there has none.
pub async fn discover(dir: &Path, host: &str) -> Vec<Driver> {
    let mut found: Vec<Driver> = Vec::new();
    for path in programs(dir) {
        let members =
            Members::new("sr_get_driver_info", vec![]).text("host_ref", host).map("device_config", &[]);
        let told = call(&path, &members, PATIENCE).await;
        match told.map_err(|e| e.failure("", "").to_string()).and_then(|value| driver(&path, &value)) {
            Ok(driver) if found.iter().any(|known| known.kind == driver.kind) => {
                tracing::warn!(driver = driver.filename, "left out: there is another one of its type");
            }
            Ok(driver) => found.push(driver),
            Err(why) => tracing::warn!(driver = %path.display(), why, "left out: it does not say what it is"),
        }
    }
    found
}

fn programs(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let named =
            path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.len() > 2 && n.ends_with("SR"));
        named && std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    });
    paths.sort();
    paths
}

/// What a driver told of itself; pure.
fn driver(path: &Path, told: &Value) -> Result<Driver, String> {
    let file = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let kind = file.strip_suffix("SR").unwrap_or_default().to_lowercase();
    let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default().to_string();
    let words = told.get("capabilities").and_then(Value::as_set).ok_or("it tells no capabilities")?;
    let mut features: Vec<String> = words.iter().filter_map(|f| f.as_str().map(str::to_owned)).collect();
    // A driver whose disks wait while it works is one that is told when they are used.
    if features.iter().any(|f| f == "ATOMIC_PAUSE") {
        features.extend(["VDI_ACTIVATE".to_string(), "VDI_DEACTIVATE".to_string()]);
    }
    features.retain(|f| known::KNOWN.contains(&known::split(f).0));
    features.sort();
    features.dedup();
    let keys = told.get("configuration").and_then(Value::as_set).unwrap_or_default();
    let pair = |entry: &Value| {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
        Some((text("key")?, text("description").unwrap_or_default()))
    };
    Ok(Driver {
        kind,
        name: text("name"),
        description: text("description"),
        vendor: text("vendor"),
        copyright: text("copyright"),
        version: text("driver_version"),
        required_api_version: text("required_api_version"),
        features,
        configuration: keys.iter().filter_map(pair).collect(),
        filename: path.display().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_is_what_it_says() {
        let told = Value::map([
            ("name", Value::str("Test")),
            ("driver_version", Value::str("1.0")),
            ("capabilities", Value::set(["VDI_RESET_ON_BOOT/2", "ATOMIC_PAUSE", "SR_ODD"].map(Value::str))),
            (
                "configuration",
                Value::set([Value::map([
                    ("key", Value::str("location")),
                    ("description", Value::str("where")),
                ])]),
            ),
        ]);
        let driver = driver(Path::new("/d/TestSR"), &told).unwrap();
        assert_eq!((driver.kind.as_str(), driver.name.as_str()), ("test", "Test"));
        assert_eq!(driver.features, ["VDI_ACTIVATE", "VDI_DEACTIVATE", "VDI_RESET_ON_BOOT/2"]);
        assert_eq!(driver.configuration, [("location".to_string(), "where".to_string())]);
        assert!(super::driver(Path::new("/d/TestSR"), &Value::map::<&str>([])).is_err());
    }
}
