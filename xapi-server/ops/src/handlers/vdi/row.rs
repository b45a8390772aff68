//! Rows of new disks made from others.

use xapi_backend::storage::Volume;
use xapi_schema::{
    ApiType, Class, ClassId, DateTime, Map, Record, Ref, Result, Value,
    classes::{Sr, Vdi, vdi},
    errors,
};
use xapi_store::{Read, Tx};

use crate::rules;

/// Members of a disk the driver decides.
fn told(home: &Ref<Sr>, volume: &Volume) -> Vec<(&'static str, Value)> {
    vec![
        ("uuid", Value::str(volume.uuid.as_str())),
        ("SR", Value::Str(home.text().clone())),
        ("location", Value::str(volume.location.as_str())),
        ("virtual_size", Value::Int(volume.virtual_size)),
        ("physical_utilisation", Value::Int(volume.physical_utilisation)),
        ("read_only", Value::Bool(volume.read_only)),
        ("managed", Value::Bool(true)),
        ("sm_config", Map(volume.sm_config.clone()).into_value()),
    ]
}

/// A new row; or the one that the disk's driver wrote itself, with what it could not know.
fn write(tx: &mut Tx, members: Vec<(&'static str, Value)>) -> Result<Ref<Vdi>> {
    let member =
        |name: &str| members.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    let known = member("uuid").and_then(|uuid| {
        let row = tx.by_uuid(ClassId::Vdi, uuid.as_str()?)?;
        Some(Ref::<Vdi>::new(row.reference.clone()))
    });
    let Some(made) = known else {
        let made = Ref::new(tx.create_value(ClassId::Vdi, None, &Value::map(members))?);
        rules::refresh(tx, &made)?;
        return Ok(made);
    };
    let (home, class) = (tx.get(&made, vdi::SR)?, Class::of(ClassId::Vdi));
    if member("SR").as_ref().and_then(Value::as_str) != Some(home.as_str()) {
        return Err(errors::UUID_INVALID.with(["VDI", &tx.get(&made, vdi::uuid)?]));
    }
    for (name, value) in members {
        let theirs = ["uuid", "SR", "location", "managed", "sm_config", "read_only"].contains(&name);
        if let Some(index) = class.fields.iter().position(|f| f.name == name).filter(|_| !theirs) {
            tx.set_value(ClassId::Vdi, made.as_str(), index, value)?;
        }
    }
    rules::refresh(tx, &made)?;
    Ok(made)
}

/// The row of a disk a client asked for; `given` are the constructor's members.
pub fn fresh(tx: &mut Tx, home: &Ref<Sr>, volume: &Volume, given: &Value) -> Result<Ref<Vdi>> {
    let mut members = told(home, volume);
    for name in
        ["name_label", "name_description", "type", "sharable", "other_config", "xenstore_data", "tags"]
    {
        if let Some(value) = given.get(name) {
            members.push((name, value.clone()));
        }
    }
    members.push(("on_boot", Value::str("persist")));
    write(tx, members)
}

/// The row of a snapshot or clone.
pub fn twin(
    tx: &mut Tx,
    source: &Ref<Vdi>,
    record: &Record,
    volume: &Volume,
    snapshot: Option<DateTime>,
    driver_params: Map<String, String>,
) -> Result<Ref<Vdi>> {
    let home: Ref<Sr> = record.get(vdi::SR);
    let mut members = told(&home, volume);
    members.retain(|(name, _)| *name != "sm_config");
    let mut config = Map(volume.sm_config.clone());
    for (key, value) in driver_params.0 {
        config.set(key, value);
    }
    members.extend([
        ("sm_config", config.into_value()),
        ("name_label", record.get(vdi::name_label).into_value()),
        ("name_description", record.get(vdi::name_description).into_value()),
        ("type", record.get(vdi::r#type).into_value()),
        ("sharable", record.get(vdi::sharable).into_value()),
        ("other_config", record.get(vdi::other_config).into_value()),
        ("xenstore_data", record.get(vdi::xenstore_data).into_value()),
        ("on_boot", record.get(vdi::on_boot).into_value()),
        ("allow_caching", record.get(vdi::allow_caching).into_value()),
        ("tags", record.get(vdi::tags).into_value()),
        (
            "cbt_enabled",
            Value::Bool(snapshot.is_some() && volume.cbt_enabled && record.get(vdi::cbt_enabled)),
        ),
    ]);
    if let Some(now) = snapshot {
        members.extend([
            ("is_a_snapshot", Value::Bool(true)),
            ("snapshot_of", Value::Str(source.text().clone())),
            ("snapshot_time", Value::Time(now)),
        ]);
    }
    let made = write(tx, members)?;
    // Both now hold the same bytes, which is what this key says.
    let content = record.get(vdi::other_config).get("content_id").cloned();
    let content = content.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    for disk in [source, &made] {
        let content = content.clone();
        tx.update(disk, vdi::other_config, |config| config.set("content_id".into(), content))?;
    }
    Ok(made)
}
