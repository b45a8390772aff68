//! The guest templates of a fresh pool.
//!
//! The data file holds facts of the published template sets (xenserver/guest-templates-json v2.0.15 as
//! packaged for XCP-ng 8.3), in our own shape: one object per template, merged with what it derives from.

use serde::Deserialize;
use serde_json::{Map as Json, Value as Any};
use xapi_schema::{
    ClassId, Failure, Result, Value,
    classes::{Vm, vm},
};
use xapi_store::{Read, Tx};

use super::Seed;

const XCP_NG_8_3: &str = include_str!("../../data/templates-xcp-ng-8.3.json");

#[derive(Deserialize)]
struct Template {
    uuid: String,
    name_label: String,
    reference_label: String,
    platform: Json<String, Any>,
    other_config: Json<String, Any>,
    #[serde(rename = "HVM_boot_params")]
    boot_params: Json<String, Any>,
    #[serde(default)]
    disks: Vec<Disk>,
    #[serde(default)]
    restrictions: Vec<Json<String, Any>>,
    #[serde(flatten)]
    rest: Json<String, Any>,
}

#[derive(Deserialize)]
struct Disk {
    device: String,
    size: i64,
    bootable: bool,
    r#type: String,
}

/// Makes the templates that are missing.
pub fn establish(tx: &mut Tx, seed: &Seed) -> Result<()> {
    let text = match seed.templates.as_str() {
        "none" => return Ok(()),
        "xcp-ng-8.3" => XCP_NG_8_3,
        other => return Err(Failure::internal(format!("there is no template set {other:?}"))),
    };
    let templates: Vec<Template> =
        serde_json::from_str(text).map_err(|e| Failure::internal(format!("template data: {e}")))?;
    for template in templates {
        if tx.find_uuid::<Vm>(&template.uuid).is_err() {
            create(tx, &template)?;
        }
    }
    Ok(())
}

fn create(tx: &mut Tx, template: &Template) -> Result<()> {
    let metrics = tx.create_value(ClassId::VmMetrics, None, &Value::map::<&str>([]))?;
    let number = |key: &str, otherwise: i64| {
        Value::Int(template.rest.get(key).and_then(Any::as_i64).unwrap_or(otherwise))
    };
    let text = |key: &str| Value::str(template.rest.get(key).and_then(Any::as_str).unwrap_or_default());
    let hvm =
        template.rest.get("HVM_boot_policy").and_then(Any::as_str).is_some_and(|policy| !policy.is_empty());
    let domain_type = template.rest.get("domain_type").and_then(Any::as_str);
    let mut other_config = vec![("mac_seed".to_string(), Any::from(uuid::Uuid::new_v4().to_string()))];
    other_config.extend(template.other_config.clone());
    other_config.retain(|(key, _)| key != "default_template");
    other_config.push(("default_template".into(), "true".into()));
    if !template.disks.is_empty() {
        other_config.push(("disks".into(), disks_xml(&template.disks).into()));
    }
    let members = Value::map([
        ("uuid", Value::str(template.uuid.as_str())),
        ("name_label", Value::str(template.name_label.as_str())),
        ("reference_label", Value::str(template.reference_label.as_str())),
        ("is_a_template", Value::Bool(true)),
        ("user_version", Value::Int(1)),
        ("memory_static_min", number("memory_static_min", 0)),
        ("memory_dynamic_min", number("memory_dynamic_min", 0)),
        ("memory_dynamic_max", number("memory_dynamic_max", 0)),
        ("memory_static_max", number("memory_static_max", 0)),
        ("VCPUs_max", number("VCPUs_max", 1)),
        ("VCPUs_at_startup", number("VCPUs_at_startup", 1)),
        ("actions_after_shutdown", Value::str("destroy")),
        ("actions_after_reboot", Value::str("restart")),
        ("actions_after_crash", Value::str("restart")),
        ("HVM_boot_policy", text("HVM_boot_policy")),
        ("HVM_boot_params", strings(&template.boot_params)),
        ("HVM_shadow_multiplier", Value::Float(1.0)),
        ("PV_bootloader", text("PV_bootloader")),
        ("PV_args", text("PV_args")),
        ("platform", strings(&template.platform)),
        ("other_config", Value::map(other_config.iter().map(|(k, v)| (k.as_str(), string(v))))),
        ("recommendations", Value::str(restrictions_xml(&template.restrictions))),
        ("has_vendor_device", Value::Bool(template.rest.get("has_vendor_device") == Some(&Any::Bool(true)))),
        ("domain_type", Value::str(domain_type.unwrap_or(if hvm { "hvm" } else { "pv" }))),
        ("generation_id", text("generation_id")),
        ("metrics", Value::Str(metrics)),
        ("domid", Value::Int(-1)),
    ]);
    let made = xapi_schema::Ref::new(tx.create_value(ClassId::Vm, None, &members)?);
    tx.set(&made, vm::is_default_template, true)
}

fn string(json: &Any) -> Value {
    match json {
        Any::String(text) => Value::str(text.as_str()),
        other => Value::str(other.to_string()),
    }
}

fn strings(map: &Json<String, Any>) -> Value {
    Value::map(map.iter().map(|(k, v)| (k.as_str(), string(v))))
}

/// The disks a virtual machine made from the template gets.
fn disks_xml(disks: &[Disk]) -> String {
    let disks = disks.iter().map(|disk| {
        let Disk { device, size, bootable, r#type } = disk;
        format!(r#"<disk device="{device}" size="{size}" sr="" bootable="{bootable}" type="{type}"/>"#)
    });
    format!("<provision>{}</provision>", disks.collect::<String>())
}

/// Limits clients keep to when they offer choices.
fn restrictions_xml(restrictions: &[Json<String, Any>]) -> String {
    let restrictions = restrictions.iter().map(|restriction| {
        let attributes = restriction
            .iter()
            .map(|(key, value)| format!(" {key}=\"{}\"", value.as_str().unwrap_or_default()));
        format!("<restriction{}/>", attributes.collect::<String>())
    });
    format!("<restrictions>{}</restrictions>", restrictions.collect::<String>())
}
