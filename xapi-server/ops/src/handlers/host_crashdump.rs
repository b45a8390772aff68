//! `host_crashdump`: what crashes of a host left on it.

use xapi_backend::host::CrashDump;
use xapi_schema::{
    ClassId, DateTime, Ref, Result, Value,
    classes::{Host, HostCrashdump, host, host_crashdump},
};
use xapi_store::{Read, Tx};

use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(host_crashdump::call::destroy, destroy);
}

/// Brings the rows of a host in line with what is there.
///
/// # Errors
/// Those of the store.
pub fn sync(tx: &mut Tx, home: &Ref<Host>, all: &[CrashDump]) -> Result<()> {
    let mut known = Vec::new();
    for row in tx.get(home, host::crashdumps)? {
        let name = tx.get(&row, host_crashdump::filename)?;
        match all.iter().find(|dump| dump.name == name) {
            Some(dump) => {
                tx.set(&row, host_crashdump::size, dump.size)?;
                known.push(name);
            }
            None => tx.destroy(&row)?,
        }
    }
    for dump in all.iter().filter(|dump| !known.contains(&dump.name)) {
        let members = Value::map([
            ("host", Value::Str(home.text().clone())),
            ("timestamp", Value::Time(DateTime::from_unix(dump.time))),
            ("size", Value::Int(dump.size)),
            ("filename", Value::str(dump.name.as_str())),
        ]);
        tx.create_value(ClassId::HostCrashdump, None, &members)?;
    }
    Ok(())
}

async fn destroy(cx: Cx, this: Ref<HostCrashdump>) -> Result<()> {
    let record = cx.snapshot().record(&this)?.clone();
    super::host::assert_here(&cx, &record.get(host_crashdump::host))?;
    cx.xapi.backends.host.remove_crash_dump(&record.get(host_crashdump::filename)).await?;
    cx.commit(move |tx| tx.destroy(&this)).await
}
