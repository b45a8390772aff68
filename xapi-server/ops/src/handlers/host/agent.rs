//! The daemon itself: starting it anew, ending it, and the certificate it shows. VMs keep running.

use std::sync::Arc;

use xapi_schema::{
    Failure, Ref, Result,
    classes::{Host, host},
};

use super::assert_here;
use crate::{Cx, Registry, xapi::Agent};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(host::call::restart_agent, restart_agent);
    on.on(host::call::shutdown_agent, shutdown_agent);
    on.on(host::call::get_server_certificate, get_server_certificate);
}

fn agent(cx: &Cx) -> Result<&Arc<dyn Agent>> {
    let agent = cx.xapi.settings.agent.as_ref();
    agent.ok_or_else(|| Failure::internal("this toolstack is not the program's to stop"))
}

/// Answered first; the daemon ends a moment later.
async fn restart_agent(cx: Cx, this: Ref<Host>) -> Result<()> {
    assert_here(&cx, &this)?;
    agent(&cx)?.stop(true);
    Ok(())
}

async fn shutdown_agent(cx: Cx) -> Result<()> {
    agent(&cx)?.stop(false);
    Ok(())
}

async fn get_server_certificate(cx: Cx, this: Ref<Host>) -> Result<String> {
    assert_here(&cx, &this)?;
    match cx.xapi.settings.certificate.as_str() {
        "" => Err(Failure::internal("this server has no certificate")),
        pem => Ok(pem.to_string()),
    }
}
