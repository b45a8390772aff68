//! Setters of `host` that check a value or keep two fields in step.

use xapi_schema::{
    Map, Ref, Result,
    classes::{Host, host},
    errors,
};

use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(host::call::set_hostname_live, set_hostname_live);
    on.on(host::call::set_power_on_mode, set_power_on_mode);
    on.on(host::call::set_iscsi_iqn, set_iscsi_iqn);
    on.on(host::call::set_multipathing, set_multipathing);
    on.on(host::call::set_ssl_legacy, set_ssl_legacy);
    on.on(host::call::set_numa_affinity_policy, set_numa_affinity_policy);
    on.on(host::call::set_console_idle_timeout, set_console_idle_timeout);
}

/// What is wrong with a host name, in the words clients show.
fn senseless_name(name: &str) -> Option<&'static str> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    match name {
        "" => Some("hostname empty"),
        _ if name.len() > 255 => Some("hostname is too long"),
        _ if !name.bytes().all(fine) || name.starts_with('-') || name.ends_with('-') => {
            Some("hostname contains invalid characters")
        }
        _ => None,
    }
}

async fn set_hostname_live(cx: Cx, this: Ref<Host>, name: String) -> Result<()> {
    if let Some(why) = senseless_name(&name) {
        return Err(errors::HOST_NAME_INVALID.with([why]));
    }
    cx.commit(move |tx| {
        let dom0 = xapi_store::Read::get(tx, &this, host::control_domain)?;
        if xapi_store::Read::exists(tx, &dom0) {
            let label = format!("Control domain on host: {name}");
            tx.set(&dom0, xapi_schema::classes::vm::name_label, label)?;
        }
        tx.set(&this, host::hostname, name)
    })
    .await
}

async fn set_power_on_mode(cx: Cx, this: Ref<Host>, mode: String, config: Map<String, String>) -> Result<()> {
    cx.commit(move |tx| {
        tx.set(&this, host::power_on_mode, mode)?;
        tx.set(&this, host::power_on_config, config)?;
        crate::rules::refresh(tx, &this)
    })
    .await
}

async fn set_iscsi_iqn(cx: Cx, this: Ref<Host>, value: String) -> Result<()> {
    if value.is_empty() {
        return Err(errors::INVALID_VALUE.with(["value", ""]));
    }
    cx.commit(move |tx| {
        let copy = value.clone();
        tx.update(&this, host::other_config, |config| config.set("iscsi_iqn".into(), copy))?;
        tx.set(&this, host::iscsi_iqn, value)
    })
    .await
}

async fn set_multipathing(cx: Cx, this: Ref<Host>, value: bool) -> Result<()> {
    cx.commit(move |tx| {
        tx.update(&this, host::other_config, |config| {
            config.set("multipathing".into(), value.to_string());
            config.set("multipathhandle".into(), "dmp".into());
        })?;
        tx.set(&this, host::multipathing, value)
    })
    .await
}

/// Old protocol versions are gone for good: switching them off is what is already so.
async fn set_ssl_legacy(cx: Cx, this: Ref<Host>, value: bool) -> Result<()> {
    if value {
        return Err(errors::FEATURE_RESTRICTED.with(["ssl_legacy"]));
    }
    cx.commit(move |tx| tx.set(&this, host::ssl_legacy, false)).await
}

async fn set_numa_affinity_policy(
    cx: Cx,
    this: Ref<Host>,
    value: xapi_schema::classes::HostNumaAffinityPolicy,
) -> Result<()> {
    cx.commit(move |tx| tx.set(&this, host::numa_affinity_policy, value)).await
}

async fn set_console_idle_timeout(cx: Cx, this: Ref<Host>, value: i64) -> Result<()> {
    if value < 0 {
        return Err(errors::INVALID_VALUE.with(["console_timeout".to_string(), value.to_string()]));
    }
    cx.commit(move |tx| tx.set(&this, host::console_idle_timeout, value)).await
}
