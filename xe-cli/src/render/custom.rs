//! Fields whose value needs code of its own, by record and field name.

use md5::{Digest, Md5};
use xapi_schema::{Failure, Value, errors};

use super::{NOT_IN_DATABASE, NULL, Object, Reader, Shown, number, plain};
use crate::{
    fault::exception_text,
    table::{FieldDef, shown as word},
};

const UNKNOWN: &str = "<unknown>";

/// The value of a field that has no rule.
pub(super) async fn shown(reader: &Reader<'_>, object: &Object, field: &FieldDef) -> Result<Shown, Failure> {
    let own = || object.value.get(&field.name.replace('-', "_")).cloned();
    Ok(match (object.record.name, field.name) {
        ("pif", "io_read_kbs") => rate(reader, "host", object.text("host"), object, "pif_", "_rx").await,
        ("pif", "io_write_kbs") => rate(reader, "host", object.text("host"), object, "pif_", "_tx").await,
        ("vif", "io_read_kbs") => rate(reader, "VM", object.text("VM"), object, "vif_", "_rx").await,
        ("vif", "io_write_kbs") => rate(reader, "VM", object.text("VM"), object, "vif_", "_tx").await,
        ("vbd", "io_read_kbs") => rate(reader, "VM", object.text("VM"), object, "vbd_", "_read").await,
        ("vbd", "io_write_kbs") => rate(reader, "VM", object.text("VM"), object, "vbd_", "_write").await,
        ("pif", "speed") => match reader.side("PIF_metrics", object.text("metrics")).await {
            Some(metrics) => {
                Shown::text(format!("{} Mbit/s", metrics.get("speed").map_or(String::new(), plain)))
            }
            None => Shown::text(NOT_IN_DATABASE),
        },
        ("pif", "duplex") => match reader.side("PIF_metrics", object.text("metrics")).await {
            Some(metrics) => {
                let is = |name| matches!(metrics.get(name), Some(Value::Bool(true)));
                Shown::text(match (is("duplex"), is("carrier")) {
                    (true, _) => "full",
                    (_, true) => "half",
                    _ => "unknown",
                })
            }
            None => Shown::text(NOT_IN_DATABASE),
        },
        ("pool" | "host", "ha-statefiles") => {
            let mut uuids = Vec::new();
            for reference in object.members("ha_statefiles") {
                uuids.push(uuid(reader, "VDI", &reference).await);
            }
            Shown::set(uuids, "; ")
        }
        ("pool", "vswitch-controller") => {
            let text = object.text("vswitch_controller");
            Shown::text(if text.is_empty() { "<not set>" } else { text })
        }
        ("pool", "https-only") => {
            let mut all = true;
            for host in call(reader, "host.get_all", vec![]).await?.as_set().unwrap_or_default() {
                all &= call(reader, "host.get_https_only", vec![host.clone()]).await? == Value::Bool(true);
            }
            Shown::text(all.to_string())
        }
        ("vmss", "VMs") => related(reader, "VMSS.get_VMs", object, "VM", false).await,
        ("subject", "roles") => related(reader, "subject.get_roles", object, "role", true).await,
        ("vm", _) => vm(reader, object, field).await?,
        ("pool_patch", "hosts") => {
            let mut uuids = Vec::new();
            for link in object.members("host_patches") {
                let host = reader.side("host_patch", &link).await;
                uuids.push(uuid(reader, "host", &linked(host.as_ref(), "host")).await);
            }
            Shown::set(uuids, ", ")
        }
        ("host", "patches") => {
            let mut uuids = Vec::new();
            for link in object.members("patches") {
                let patch = reader.side("host_patch", &link).await;
                uuids.push(uuid(reader, "pool_patch", &linked(patch.as_ref(), "pool_patch")).await);
            }
            Shown::set(uuids, ", ")
        }
        ("pool_patch" | "pool_update", "after-apply-guidance") => {
            Shown::set(object.members("after_apply_guidance"), ", ")
        }
        ("pool_update", "hosts") => uuids(reader, "host", object.members("hosts")).await,
        ("host", "updates") => uuids(reader, "pool_update", object.members("updates")).await,
        ("vdi", "metadata-of-pool") => {
            let of = object.text("metadata_of_pool");
            let pools = call(reader, "pool.get_all", vec![]).await?;
            if pools.as_set().unwrap_or_default().iter().any(|pool| pool.as_str() == Some(of)) {
                Shown::text(uuid(reader, "pool", of).await)
            } else {
                let found = call(reader, "VDI.read_database_pool_uuid", vec![object.arg()]).await?;
                Shown::text(found.as_str().filter(|text| !text.is_empty()).unwrap_or(NOT_IN_DATABASE))
            }
        }
        ("vbd", "vdi-name-label") if object.flag("empty") => Shown::text("<EMPTY>"),
        ("vbd", "vdi-name-label") => {
            let name = reader.name_label("VDI", object.text("VDI")).await;
            Shown::text(name.unwrap_or_else(|| NOT_IN_DATABASE.into()))
        }
        ("vbd", "attachable") => match call(reader, "VBD.assert_attachable", vec![object.arg()]).await {
            Ok(_) => Shown::text("true"),
            Err(failure) => Shown::text(format!("false (error: {})", exception_text(&failure))),
        },
        ("sm", "features") => Shown::map(pairs(own().as_ref())),
        ("sr", "host") => match &object.members("PBDs")[..] {
            [] => Shown::text(NOT_IN_DATABASE),
            [pbd] => {
                let pbd = reader.side("PBD", pbd).await;
                let name = reader.name_label("host", &linked(pbd.as_ref(), "host")).await;
                Shown::text(name.unwrap_or_else(|| NOT_IN_DATABASE.into()))
            }
            _ => Shown::text("<shared>"),
        },
        ("pgpu", "dependencies") => {
            let pci = reader.side("PCI", object.text("PCI")).await;
            let list = pci.map(|pci| Object::new(object.record, "", pci).members("dependencies"));
            pci_ids(reader, list.unwrap_or_default()).await
        }
        ("pci", "dependencies") => pci_ids(reader, object.members("dependencies")).await,
        ("vgpu", "compatibility-metadata") => {
            let pairs = pairs(object.value.get("compatibility_metadata"));
            let texts: Vec<String> =
                pairs.iter().map(|(key, value)| format!("{key}:({} bytes)", value.len())).collect();
            Shown::text(texts.join("; "))
        }
        ("vgpu_type", "max-resolution") => {
            Shown::text(format!("{}x{}", object.int("max_resolution_x"), object.int("max_resolution_y")))
        }
        ("driver_variant", "priority") => {
            let priority = object.value.get("priority").and_then(number).unwrap_or_default();
            Shown::text(format!("{priority:5.1}"))
        }
        ("driver_variant", which @ ("active" | "selected")) => {
            let driver = reader.side("Host_driver", object.text("driver")).await;
            let chosen = linked(driver.as_ref(), &format!("{which}_variant"));
            Shown::text((chosen == object.reference).to_string())
        }
        ("host_driver", "active-variant") => variant(reader, object.text("active_variant")).await,
        ("host_driver", "selected-variant") => variant(reader, object.text("selected_variant")).await,
        ("host_driver", what) => variants(reader, object, what).await,
        ("vtpm", "secret") => {
            let contents = call(reader, "VTPM.get_contents", vec![object.arg()]).await?;
            let text = plain(&contents);
            let digest = Md5::digest(text.as_bytes());
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            Shown::text(format!("MD5={hex} size={} bytes", text.len()))
        }
        ("caller", "groups") => Shown::set(object.members("groups"), "; "),
        ("rate_limit", "callers") => Shown::set(object.members("callers"), "; "),
        _ => match own() {
            Some(Value::Set(members)) => Shown::set(members.iter().map(plain).collect(), ", "),
            Some(value) => Shown::text(plain(&value)),
            None => Shown::text(NOT_IN_DATABASE),
        },
    })
}

async fn vm(reader: &Reader<'_>, object: &Object, field: &FieldDef) -> Result<Shown, Failure> {
    let source = |name: String| call(reader, "VM.query_data_source", vec![object.arg(), name.into()]);
    Ok(match field.name {
        "memory-target" => match source("memory_target".into()).await {
            Ok(value) => Shown::text(format!("{:.0}", number(&value).unwrap_or_default().trunc())),
            Err(failure) if failure.is(&errors::VM_BAD_POWER_STATE) => Shown::text("0"),
            Err(_) => Shown::text(UNKNOWN),
        },
        "numa-node-memory" => match reader.side("VM_metrics", object.text("metrics")).await {
            Some(metrics) => Shown::map(pairs(metrics.get("numa_node_memory"))),
            None => Shown::text("[]"),
        },
        "blocked-operations" => {
            let pairs = pairs(object.value.get("blocked_operations"));
            Shown::map(pairs.into_iter().map(|(key, v)| (word("vm-operation", &key).to_owned(), v)).collect())
        }
        "allowed-VBD-devices" => devices(reader, "VM.get_allowed_VBD_devices", object).await,
        "allowed-VIF-devices" => devices(reader, "VM.get_allowed_VIF_devices", object).await,
        "last-boot-record" => Shown::text(format!("'{}'", object.text("last_booted_record"))),
        "VCPUs-utilisation" => {
            let metrics = reader.side("VM_metrics", object.text("metrics")).await;
            let count =
                metrics.and_then(|m| m.get("VCPUs_number").and_then(Value::as_int)).unwrap_or_default();
            let mut pairs = Vec::new();
            for n in 0..count {
                match source(format!("cpu{n}")).await {
                    Ok(value) => {
                        pairs.push((n.to_string(), format!("{:.3}", number(&value).unwrap_or_default())))
                    }
                    Err(_) => return Ok(Shown::text("")),
                }
            }
            Shown::map(pairs)
        }
        "cooperative" => match call(reader, "VM.get_cooperative", vec![object.arg()]).await {
            Ok(value) => Shown::text(plain(&value)),
            Err(_) => Shown::text("true"),
        },
        _ => Shown::text(NOT_IN_DATABASE),
    })
}

async fn call(reader: &Reader<'_>, method: &str, args: Vec<Value>) -> Result<Value, Failure> {
    reader.api.call(method, args).await
}

/// KiB per second of one direction of a device.
async fn rate(
    reader: &Reader<'_>,
    class: &str,
    of: &str,
    object: &Object,
    prefix: &str,
    suffix: &str,
) -> Shown {
    let name = format!("{prefix}{}{suffix}", object.text("device"));
    let method = format!("{class}.query_data_source");
    match call(reader, &method, vec![of.into(), name.into()]).await {
        Ok(value) => Shown::text(format!("{:.3}", number(&value).unwrap_or_default() / 1024.0)),
        Err(_) => Shown::text(UNKNOWN),
    }
}

async fn uuid(reader: &Reader<'_>, class: &str, reference: &str) -> String {
    reader.uuid(class, reference).await.unwrap_or_else(|| NOT_IN_DATABASE.into())
}

async fn uuids(reader: &Reader<'_>, class: &str, references: Vec<String>) -> Shown {
    let mut found = Vec::new();
    for reference in references {
        found.push(uuid(reader, class, &reference).await);
    }
    Shown::set(found, ", ")
}

/// A set read by a call each time; empty when the call fails.
async fn related(reader: &Reader<'_>, method: &str, object: &Object, class: &str, by_name: bool) -> Shown {
    let Ok(found) = call(reader, method, vec![object.arg()]).await else { return Shown::text("") };
    let mut texts = Vec::new();
    for reference in found.as_set().unwrap_or_default().iter().filter_map(Value::as_str) {
        let text = match by_name {
            true => reader.name_label(class, reference).await,
            false => reader.uuid(class, reference).await,
        };
        texts.push(text.unwrap_or_else(|| NOT_IN_DATABASE.into()));
    }
    Shown::set(texts, "; ")
}

async fn devices(reader: &Reader<'_>, method: &str, object: &Object) -> Shown {
    let found = call(reader, method, vec![object.arg()]).await;
    let members = found.map(|v| v.as_set().unwrap_or_default().iter().map(plain).collect());
    Shown::set(members.unwrap_or_default(), "; ")
}

/// A reference in a record that may be missing.
fn linked(record: Option<&Value>, wire: &str) -> String {
    record.and_then(|r| r.get(wire)).and_then(Value::as_str).unwrap_or(NULL).to_owned()
}

fn pairs(value: Option<&Value>) -> Vec<(String, String)> {
    let pairs = value.and_then(Value::as_map).unwrap_or_default();
    pairs.iter().map(|(key, value)| (key.to_string(), plain(value))).collect()
}

async fn pci_ids(reader: &Reader<'_>, references: Vec<String>) -> Shown {
    let mut ids = Vec::new();
    for reference in references {
        let pci = reader.side("PCI", &reference).await;
        ids.push(pci.map_or_else(|| NOT_IN_DATABASE.into(), |pci| linked(Some(&pci), "pci_id")));
    }
    Shown::set(ids, "; ")
}

async fn variant(reader: &Reader<'_>, reference: &str) -> Shown {
    match reader.side("Driver_variant", reference).await {
        Some(variant) => Shown::text(linked(Some(&variant), "name")),
        None => Shown::text("<none>"),
    }
}

/// The variants of a driver, highest priority first.
async fn variants(reader: &Reader<'_>, object: &Object, what: &str) -> Shown {
    let mut found = Vec::new();
    for reference in object.members("variants") {
        found.extend(reader.side("Driver_variant", &reference).await);
    }
    let priority = |v: &Value| v.get("priority").and_then(number).unwrap_or_default();
    found.sort_by(|a, b| priority(b).total_cmp(&priority(a)));
    let field = |v: &Value, name: &str| linked(Some(v), name);
    let texts: Vec<String> = found
        .iter()
        .filter_map(|v| {
            let name = field(v, "name");
            match what {
                "variants" => Some(format!("{name}/{}", field(v, "version"))),
                "variants-dev-status" => Some(format!("{name}={}", field(v, "status"))),
                "variants-uuid" => Some(format!("{name}/{}", field(v, "uuid"))),
                _ => matches!(v.get("hardware_present"), Some(Value::Bool(true))).then_some(name),
            }
        })
        .collect();
    Shown::set(texts, "; ")
}
