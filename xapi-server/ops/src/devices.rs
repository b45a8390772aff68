//! Rows of what is plugged into this host, brought in line with the machine: at each start, and when somebody asks.
//!
//! What clients wrote into a row stays as long as the device does.

use xapi_schema::Result;

use crate::{
    Cx,
    handlers::{host_crashdump, pci, pgpu, pusb},
};

/// Looks at everything.
///
/// # Errors
/// Those of the backend and the store.
pub async fn refresh(cx: &Cx) -> Result<()> {
    let host = &cx.xapi.backends.host;
    let (devices, dumps) = (host.devices().await?, host.crash_dumps().await?);
    let home = cx.host().clone();
    cx.commit(move |tx| {
        if let Some(devices) = devices {
            pci::sync(tx, &home, &devices.pci)?;
            pgpu::sync(tx, &home, &devices.pci)?;
            pusb::sync(tx, &home, &devices.usb)?;
        }
        match dumps {
            Some(dumps) => host_crashdump::sync(tx, &home, &dumps),
            None => Ok(()),
        }
    })
    .await
}
