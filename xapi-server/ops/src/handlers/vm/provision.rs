//! `VM.provision`: the disks a template asks for.

use quick_xml::{Reader, events::Event};
use xapi_schema::{
    Failure, Ref, Result, Value,
    classes::{HostAllowedOperations, Sr, Vbd, Vdi, Vm, VmOperations as Op, vdi, vm, vm_metrics},
    errors,
};
use xapi_store::Read;

use crate::{
    Cx, Registry, guard,
    handlers::{vbd as device, vdi as disk},
    rules,
    unfinished::{self, Whole},
};

/// Registers the method.
pub fn register(on: &mut Registry) {
    on.on(vm::call::provision, provision);
}

/// One disk a template asks for.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    device: String,
    size: i64,
    sr: String,
    bootable: bool,
    kind: String,
}

/// Reads `<provision><disk device= size= sr= bootable= type=/></provision>`.
fn read(text: &str) -> Result<Vec<Wanted>> {
    let senseless = |what: String| Failure::internal(format!("other_config:disks: {what}"));
    let mut reader = Reader::from_str(text);
    let mut wanted = Vec::new();
    loop {
        let event = reader.read_event().map_err(|e| senseless(e.to_string()))?;
        let element = match event {
            Event::Eof => return Ok(wanted),
            Event::Start(element) | Event::Empty(element) => element,
            _ => continue,
        };
        match element.name().as_ref() {
            "provision" => {}
            "disk" => {
                let attribute = |name: &str| -> Result<Option<String>> {
                    let found = element.try_get_attribute(name).map_err(|e| senseless(e.to_string()))?;
                    match found {
                        Some(found) => {
                            let text = quick_xml::escape::unescape(&found.value)
                                .map_err(|e| senseless(e.to_string()))?;
                            Ok(Some(text.into_owned()))
                        }
                        None => Ok(None),
                    }
                };
                let required =
                    |name: &str| attribute(name)?.ok_or_else(|| senseless(format!("a disk has no {name}")));
                let size = required("size")?;
                let kind = attribute("type")?.unwrap_or_else(|| "system".into());
                if !["system", "user", "ephemeral", "suspend", "crashdump"].contains(&kind.as_str()) {
                    return Err(senseless(format!("a disk cannot be of type {kind:?}")));
                }
                wanted.push(Wanted {
                    device: required("device")?,
                    size: size.parse().map_err(|_| senseless(format!("{size:?} is no size")))?,
                    sr: required("sr")?,
                    bootable: attribute("bootable")?.is_some_and(|v| v == "true"),
                    kind,
                });
            }
            other => {
                return Err(senseless(format!("unexpected element {other}")));
            }
        }
    }
}

async fn provision(cx: Cx, this: Ref<Vm>) -> Result<()> {
    let home = cx.host().clone();
    let on_host = guard::within(&cx, &home, HostAllowedOperations::Provision, make(&cx, &this));
    guard::within(&cx, &this, Op::Provision, on_host).await
}

async fn make(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
    let (target, now) = (this.clone(), cx.clock().date());
    cx.commit(move |tx| {
        tx.set(&target, vm::is_a_template, false)?;
        let metrics = tx.get(&target, vm::metrics)?;
        if tx.exists(&metrics) {
            tx.set(&metrics, vm_metrics::install_time, now)?;
        }
        rules::refresh(tx, &target)
    })
    .await?;
    cx.progress(0.1).await;
    let config = cx.snapshot().get(this, vm::other_config)?;
    let wanted = match config.get("disks") {
        Some(text) => read(text)?,
        None => Vec::new(),
    };
    let mut made = Vec::new();
    for one in &wanted {
        if let Err(failure) = add(cx, this, one, &mut made).await {
            remove(cx, made).await;
            return Err(failure);
        }
    }
    if let Some(script) = config.get("postinstall") {
        remove(cx, made).await;
        return Err(Failure::not_implemented(&format!("the post-install script {script}")));
    }
    let target = this.clone();
    cx.commit(move |tx| {
        tx.update(&target, vm::other_config, |config| {
            config.remove("disks");
            config.remove("postinstall");
        })
    })
    .await
}

async fn add(
    cx: &Cx,
    this: &Ref<Vm>,
    wanted: &Wanted,
    made: &mut Vec<(Option<Ref<Vbd>>, Ref<Vdi>)>,
) -> Result<()> {
    let Ok(home) = cx.snapshot().find_uuid::<Sr>(&wanted.sr) else {
        return Err(errors::UUID_INVALID.with(["sr", &wanted.sr]));
    };
    let hint = cx.snapshot().get(this, vm::uuid)?;
    let members = Value::map([
        ("name_label", Value::str(wanted.device.as_str())),
        ("name_description", Value::str("Created by template provisioner")),
        ("SR", Value::Str(home.text().clone())),
        ("virtual_size", Value::Int(wanted.size)),
        ("type", Value::str(wanted.kind.as_str())),
        ("sharable", Value::Bool(false)),
        ("read_only", Value::Bool(false)),
        ("other_config", Value::map::<&str>([])),
        ("sm_config", Value::map([("vmhint", Value::str(hint))])),
    ]);
    let create = |cx: Cx| async move { disk::create_disk(&cx, &members, Whole::Later).await };
    let image = cx.subtask("VDI.create", create).await?;
    made.push((None, image.clone()));
    let members = Value::map([
        ("VM", Value::Str(this.text().clone())),
        ("VDI", Value::Str(image.text().clone())),
        ("userdevice", Value::str(wanted.device.as_str())),
        ("bootable", Value::Bool(wanted.bootable)),
        ("mode", Value::str("RW")),
        ("type", Value::str("Disk")),
        ("unpluggable", Value::Bool(wanted.kind != "system")),
        ("empty", Value::Bool(false)),
        ("other_config", Value::map([("owner", Value::EMPTY)])),
    ]);
    let host = cx.host().clone();
    let attached = cx
        .commit(move |tx| {
            unfinished::settle(tx, &host, std::slice::from_ref(&image), &[])?;
            let attached = device::create_row(tx, &members)?;
            let place = tx.get(&attached, xapi_schema::classes::vbd::userdevice)?;
            tx.set(&image, vdi::name_label, place)?;
            Ok(attached)
        })
        .await?;
    if let Some(last) = made.last_mut() {
        last.0 = Some(attached);
    }
    Ok(())
}

/// Takes back what a provision that failed has made.
async fn remove(cx: &Cx, made: Vec<(Option<Ref<Vbd>>, Ref<Vdi>)>) {
    for (attached, image) in made {
        if let Some(attached) = attached {
            // Destroying the disk removes it too, should this fail.
            let _ = cx.commit(move |tx| device::remove(tx, &attached)).await;
        }
        unfinished::abandon(cx, &image).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_read_as_templates_write_them() {
        let text = r#"<provision><disk device="0" size="1024" sr="s" bootable="true" type="system"/><disk device="1" size="5" sr="" bootable="false"></disk></provision>"#;
        let read = read(text).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].size, read[0].bootable, read[1].kind.as_str()), (1024, true, "system"));
        for senseless in [
            "<provision><disk/></provision>",
            "<provision><disk device=\"0\" size=\"x\" sr=\"\"/></provision>",
            "<provision><tape/></provision>",
            "<provision><disk device=\"0\" size=\"1\" sr=\"\" type=\"tape\"/></provision>",
        ] {
            assert!(super::read(senseless).is_err(), "{senseless}");
        }
    }
}
