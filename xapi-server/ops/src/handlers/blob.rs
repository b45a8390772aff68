//! `blob`: named binary data attached to objects. Only the records are made here; the bytes come over HTTP.

use xapi_schema::{
    ClassId, ClassTag, Field, Map, Ref, Result, Value,
    classes::{Blob, Host, Network, Pool, Sr, Vm, blob, host, network, pool, sr, vm},
};
use xapi_store::Read;

use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(blob::call::create, create);
    on.on(blob::call::destroy, destroy);
    on.on(vm::call::create_new_blob, |cx, this, name, mime, public| {
        attach(cx, this, vm::blobs, name, mime, public)
    });
    on.on(host::call::create_new_blob, |cx, this, name, mime, public| {
        attach(cx, this, host::blobs, name, mime, public)
    });
    on.on(pool::call::create_new_blob, |cx, this, name, mime, public| {
        attach(cx, this, pool::blobs, name, mime, public)
    });
    on.on(sr::call::create_new_blob, |cx, this, name, mime, public| {
        attach(cx, this, sr::blobs, name, mime, public)
    });
    on.on(network::call::create_new_blob, |cx, this, name, mime, public| {
        attach(cx, this, network::blobs, name, mime, public)
    });
}

fn members(mime: &str, public: bool, cx: &Cx) -> Value {
    let mime = if mime.is_empty() { "application/octet-stream" } else { mime };
    Value::map([
        ("mime_type", Value::str(mime)),
        ("public", Value::Bool(public)),
        ("size", Value::Int(0)),
        ("last_updated", Value::Time(cx.clock().date())),
    ])
}

async fn create(cx: Cx, mime: String, public: bool) -> Result<Ref<Blob>> {
    let members = members(&mime, public, &cx);
    cx.commit(move |tx| tx.create_value(ClassId::Blob, None, &members).map(Ref::new)).await
}

async fn attach<C: ClassTag + 'static>(
    cx: Cx,
    this: Ref<C>,
    field: Field<C, Map<String, Ref<Blob>>>,
    name: String,
    mime: String,
    public: bool,
) -> Result<Ref<Blob>> {
    let members = members(&mime, public, &cx);
    cx.commit(move |tx| {
        tx.record(&this)?;
        let made = Ref::new(tx.create_value(ClassId::Blob, None, &members)?);
        let named = made.clone();
        tx.update(&this, field, |blobs| blobs.set(name, named))?;
        Ok(made)
    })
    .await
}

/// A blob leaves every object that named it.
async fn destroy(cx: Cx, this: Ref<Blob>) -> Result<()> {
    cx.commit(move |tx| {
        forget::<Vm>(tx, vm::blobs, &this)?;
        forget::<Host>(tx, host::blobs, &this)?;
        forget::<Pool>(tx, pool::blobs, &this)?;
        forget::<Sr>(tx, sr::blobs, &this)?;
        forget::<Network>(tx, network::blobs, &this)?;
        tx.destroy(&this)
    })
    .await
}

fn forget<C: ClassTag>(
    tx: &mut xapi_store::Tx,
    field: Field<C, Map<String, Ref<Blob>>>,
    gone: &Ref<Blob>,
) -> Result<()> {
    for owner in tx.all::<C>() {
        tx.update(&owner, field, |blobs| blobs.0.retain(|(_, blob)| blob != gone))?;
    }
    Ok(())
}
