//! `/console`: a guest's screen or text, after `CONNECT` or over a WebSocket, bytes both ways until one side leaves.
//! What is looked at is a console, or a VM for its screen; who may look was decided by role before, and again here
//! for the control domain.

mod lines;
mod picture;
mod relay;
mod websocket;

use std::{sync::Arc, time::Duration};

pub use lines::Consoles;
use lines::{Entered, Far};
pub use picture::answer as picture;
use xapi_backend::hypervisor::{ConsoleKind, ConsolePlace};
use xapi_http::{Answer, HandlerRequest, page};
use xapi_ops::Xapi;
use xapi_schema::{
    ApiEnum, Ref, Result, RoleSet,
    classes::{Console, ConsoleProtocol, Pool, Vm, VmPowerState as State, console, host, pool, vm},
    errors,
};
use xapi_store::Read;

use super::{bare, failed, transfer::Caller};

/// Longest a client may take from the answer to its first byte.
const ARRIVAL: Duration = Duration::from_secs(60);

/// Answers `CONNECT`.
pub async fn raw(
    xapi: &Arc<Xapi>,
    consoles: &Arc<Consoles>,
    caller: Caller,
    request: HandlerRequest,
) -> Answer {
    match prepare(xapi, consoles, &caller, &request, Want::Bytes).await {
        Ok(session) => {
            session.begin(xapi.clone(), caller, request, None);
            Answer::take_over(None)
        }
        Err(answer) => {
            caller.end(xapi).await;
            answer
        }
    }
}

/// Answers `GET` with an upgrade.
pub async fn socket(
    xapi: &Arc<Xapi>,
    consoles: &Arc<Consoles>,
    caller: Caller,
    request: HandlerRequest,
) -> Answer {
    let prepared = prepare(xapi, consoles, &caller, &request, Want::Socket).await;
    let accepted = websocket::accept(&request.headers);
    match (prepared, accepted) {
        (Ok(session), Some(accepted)) => {
            session.begin(xapi.clone(), caller, request, Some(accepted.form));
            Answer::take_over(Some(accepted.headers))
        }
        (prepared, _) => {
            caller.end(xapi).await;
            prepared.err().unwrap_or_else(|| page(501, "/console without an upgrade to a WebSocket"))
        }
    }
}

/// What a client came for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Bytes,
    Socket,
    Picture,
}

/// A console somebody may look at.
struct Session {
    this: Ref<Console>,
    guest: Ref<Vm>,
    far: Far,
    /// Silence after which it is closed.
    idle: Option<Duration>,
    _entered: Entered,
}

/// The console a request names, and the VM it shows.
fn named(xapi: &Xapi, request: &HandlerRequest) -> Result<(Ref<Console>, Ref<Vm>)> {
    let snapshot = xapi.store.snapshot();
    let (guest, this) = match (request.query("uuid"), request.query("ref")) {
        (Some(uuid), _) => match snapshot.find_uuid::<Vm>(uuid) {
            Ok(guest) => (Some(guest), None),
            Err(_) => (None, Some(snapshot.find_uuid::<Console>(uuid)?)),
        },
        (None, Some(reference)) => {
            let (guest, this) = (Ref::<Vm>::new(reference), Ref::<Console>::new(reference));
            if snapshot.exists(&guest) { (Some(guest), None) } else { (None, Some(this)) }
        }
        (None, None) => return Err(errors::UUID_INVALID.with(["console", ""])),
    };
    match (this, guest) {
        (Some(this), _) => {
            let guest = snapshot.get(&this, console::VM)?;
            Ok((this, guest))
        }
        (None, guest) => {
            let guest = guest.unwrap_or_else(Ref::null);
            // Its screen, as graphical clients mean it.
            for this in snapshot.get(&guest, vm::consoles)? {
                if snapshot.get(&this, console::protocol)? == ConsoleProtocol::Rfb {
                    return Ok((this, guest));
                }
            }
            Err(errors::HANDLE_INVALID.with(["console", guest.as_str()]))
        }
    }
}

/// Checks everything in the order clients notice, and opens the far side.
async fn prepare(
    xapi: &Arc<Xapi>,
    consoles: &Arc<Consoles>,
    caller: &Caller,
    request: &HandlerRequest,
    want: Want,
) -> Result<Session, Answer> {
    let (this, guest) = named(xapi, request).map_err(|failure| failed(&failure))?;
    let snapshot = xapi.store.snapshot();
    let record = snapshot.record(&guest).map_err(|failure| failed(&failure))?.clone();
    let control = record.get(vm::is_control_domain);
    let session = &caller.session;
    let master = session.superuser || session.pool;
    if control && !master && !session.roles.iter().any(|role| RoleSet::POOL_ADMIN.contains(role)) {
        return Err(page(403, ""));
    }
    let here = record.get(vm::resident_on) == xapi.host;
    if record.get(vm::power_state) != State::Running || !here {
        let params = [guest.as_str(), "running", record.get(vm::power_state).as_str()].map(str::to_string);
        return Err(failed(&errors::VM_BAD_POWER_STATE.with(params)));
    }
    let pool = snapshot.all::<Pool>().into_iter().next().unwrap_or_else(Ref::null);
    let limited = snapshot.get(&pool, pool::limit_console_sessions).unwrap_or(false);
    // Over WebSockets nobody is counted by the original, so none are allowed then.
    if want == Want::Socket && limited {
        return Err(bare(503));
    }
    let most = if limited { 1 } else { lines::VIEWERS };
    let entered = consoles
        .enter(&guest, &session.user, most)
        .map_err(|users| page(503, &format!("This console is in use by {}.", users.join(", "))))?;
    let protocol = match want {
        // A line is drawn, too.
        Want::Picture => ConsoleProtocol::Rfb,
        _ => snapshot.get(&this, console::protocol).map_err(|failure| failed(&failure))?,
    };
    let far = open(xapi, consoles, &record, control, protocol).await?;
    let idle = if control {
        snapshot.get(&xapi.host, host::console_idle_timeout)
    } else {
        snapshot.get(&pool, pool::vm_console_idle_timeout)
    };
    let idle = idle.ok().and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
    Ok(Session { this, guest, far, idle: idle.map(Duration::from_secs), _entered: entered })
}

/// Opens what a console shows.
async fn open(
    xapi: &Arc<Xapi>,
    consoles: &Arc<Consoles>,
    record: &xapi_schema::Record,
    control: bool,
    protocol: ConsoleProtocol,
) -> Result<Far, Answer> {
    let uuid = record.get(vm::uuid);
    let hypervisor = &xapi.backends.hypervisor;
    let none = || page(404, "There is no such console.");
    let broken = |error: std::io::Error| {
        tracing::warn!(%error, vm = uuid, "a console could not be opened");
        match error.kind() {
            std::io::ErrorKind::ResourceBusy => page(503, "Another program of the host reads this console."),
            _ => page(500, &format!("The console could not be opened: {error}")),
        }
    };
    let graphical = protocol == ConsoleProtocol::Rfb;
    if protocol == ConsoleProtocol::Rdp {
        return Err(none());
    }
    if graphical && !control {
        let place = hypervisor.console(&uuid, ConsoleKind::Graphical).await;
        match place.map_err(|failure| failed(&failure))? {
            Some(ConsolePlace::Tcp(address)) => return Far::tcp(address).await.map_err(broken),
            Some(ConsolePlace::Socket(path)) => return Far::socket(&path).await.map_err(broken),
            // What has no screen is shown as text on one.
            _ => {}
        }
    }
    let domain = format!("{uuid} {}", record.get(vm::domid));
    if let Some(hub) = consoles.known(&uuid, &domain).await {
        return Ok(Far::text(hub, graphical, &record.get(vm::name_label)));
    }
    let place = match control {
        true => hypervisor.host_console().await,
        false => hypervisor.console(&uuid, ConsoleKind::Text).await,
    };
    let place = place.map_err(|failure| failed(&failure))?.ok_or_else(none)?;
    let hub = consoles.open(&uuid, domain, place).await.map_err(broken)?;
    Ok(Far::text(hub, graphical, &record.get(vm::name_label)))
}

impl Session {
    /// Relays once the client has its answer.
    fn begin(self, xapi: Arc<Xapi>, caller: Caller, request: HandlerRequest, form: Option<websocket::Form>) {
        tokio::spawn(async move {
            match tokio::time::timeout(ARRIVAL, request.upgrade.taken()).await {
                Ok(Ok(wire)) => {
                    let Session { this, guest, far, idle, _entered } = self;
                    let over = relay::left(&xapi, &this, &guest);
                    match form {
                        None => relay::run(wire, far, idle, over).await,
                        Some(form) => relay::run(websocket::bridge(wire, form), far, idle, over).await,
                    }
                }
                _ => tracing::debug!("a client of a console left before it began"),
            }
            caller.end(&xapi).await;
        });
    }
}
