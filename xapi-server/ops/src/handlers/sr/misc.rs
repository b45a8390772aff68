//! Setters, probes and questions of `SR`.

use xapi_schema::{
    ClassId, Failure, Field, Map, Rec, Ref, Result,
    classes::{Host, ProbeResult, Sr, sm, sr},
    errors,
};
use xapi_store::Read;

use super::lifecycle::assert_known;
use crate::{Cx, Registry, rules};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(sr::call::get_supported_types, get_supported_types);
    on.on(sr::call::probe, probe);
    on.on(sr::call::probe_ext, probe_ext);
    on.on(sr::call::set_shared, set_shared);
    on.on(sr::call::set_name_label, set_name_label);
    on.on(sr::call::set_name_description, set_name_description);
    on.on(sr::call::set_physical_size, |cx, this, value| told_by_driver(cx, this, sr::physical_size, value));
    on.on(sr::call::set_virtual_allocation, |cx, this, value| {
        told_by_driver(cx, this, sr::virtual_allocation, value)
    });
    on.on(sr::call::set_physical_utilisation, |cx, this, value| {
        told_by_driver(cx, this, sr::physical_utilisation, value)
    });
    on.on(sr::call::get_live_hosts, get_live_hosts);
    on.on(sr::call::assert_supports_database_replication, assert_supports_database_replication);
}

async fn get_supported_types(cx: Cx) -> Result<Vec<String>> {
    let served = cx.xapi.backends.storage.kinds();
    let snapshot = cx.snapshot();
    let rows = snapshot.rows(ClassId::Sm).map(|row| row.record.get(sm::r#type));
    Ok(rows.filter(|kind| served.contains(kind)).collect())
}

async fn probe(
    cx: Cx,
    home: Ref<Host>,
    device_config: Map<String, String>,
    kind: String,
    _: Map<String, String>,
) -> Result<String> {
    cx.snapshot().record(&home)?;
    assert_known(&cx, &kind)?;
    let kind = kind.to_lowercase();
    if !rules::driver_features(&*cx.snapshot(), &kind).iter().any(|has| has == "SR_PROBE") {
        return Err(Failure::new("SR_BACKEND_FAILURE", ["the driver does not probe", "", ""]));
    }
    cx.xapi.backends.storage.probe(&kind, &device_config.0).await
}

/// Probing in structures is for drivers of another kind, of which there are none here.
async fn probe_ext(
    cx: Cx,
    home: Ref<Host>,
    _: Map<String, String>,
    kind: String,
    _: Map<String, String>,
) -> Result<Vec<Rec<ProbeResult>>> {
    cx.snapshot().record(&home)?;
    assert_known(&cx, &kind)?;
    Err(errors::SR_OPERATION_NOT_SUPPORTED.bare())
}

async fn set_shared(cx: Cx, this: Ref<Sr>, value: bool) -> Result<()> {
    cx.commit(move |tx| {
        let links = tx.get(&this, sr::PBDs)?;
        if !value && links.len() > 1 {
            return Err(errors::SR_HAS_MULTIPLE_PBDS.with(links.iter()));
        }
        tx.set(&this, sr::shared, value)
    })
    .await
}

async fn set_name_label(cx: Cx, this: Ref<Sr>, value: String) -> Result<()> {
    super::usable(&cx, &this)?;
    let target = this.clone();
    cx.commit(move |tx| tx.set(&target, sr::name_label, value)).await?;
    renamed(&cx, &this).await
}

async fn set_name_description(cx: Cx, this: Ref<Sr>, value: String) -> Result<()> {
    super::usable(&cx, &this)?;
    let target = this.clone();
    cx.commit(move |tx| tx.set(&target, sr::name_description, value)).await?;
    renamed(&cx, &this).await
}

/// The driver keeps names too, so that a lost database can be rebuilt.
///
/// # Errors
/// SR_HAS_NO_PBDS [sr], those of the driver.
pub(super) async fn renamed(cx: &Cx, this: &Ref<Sr>) -> Result<()> {
    let uuid = super::usable(cx, this)?;
    let record = cx.snapshot().record(this)?.clone();
    let (name, description) = (record.get(sr::name_label), record.get(sr::name_description));
    cx.xapi.backends.storage.name_sr(&uuid, &name, &description).await
}

/// Figures only a storage driver's own session may write.
async fn told_by_driver(cx: Cx, this: Ref<Sr>, field: Field<Sr, i64>, value: i64) -> Result<()> {
    super::assert_driver(&cx, &this)?;
    cx.commit(move |tx| tx.set(&this, field, value)).await
}

async fn get_live_hosts(cx: Cx, this: Ref<Sr>) -> Result<Vec<Ref<Host>>> {
    let snapshot = cx.snapshot();
    snapshot.record(&this)?;
    Ok(super::live_hosts(&*snapshot, &this))
}

async fn assert_supports_database_replication(cx: Cx, this: Ref<Sr>) -> Result<()> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(&this)?;
    let links = record.get(sr::PBDs);
    let plugged = |link: &Ref<_>| snapshot.get(link, xapi_schema::classes::pbd::currently_attached);
    let all_plugged = links.iter().all(|link| plugged(link).unwrap_or(false));
    if links.len() < snapshot.count(ClassId::Host) || !all_plugged {
        return Err(errors::SR_HAS_NO_PBDS.with([&this]));
    }
    if !rules::sr_features(&*snapshot, &this).iter().any(|f| f == "SR_METADATA") {
        return Err(errors::SR_OPERATION_NOT_SUPPORTED.with([&this]));
    }
    Ok::<(), Failure>(())
}
