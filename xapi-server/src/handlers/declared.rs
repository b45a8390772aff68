//! Handlers and objects a configuration declares: which object a request is about, and what it does to it. The
//! decision is [`xapi_ops::declared`]'s. An object that is not there is left to the handler.

use xapi_http::HandlerRequest;
use xapi_ops::{
    Xapi,
    declared::{Access, check_handler},
    session::Session,
};
use xapi_schema::{ClassId, Result, http::Handler};
use xapi_store::{Read, Row, Snapshot};

use super::transfer::key;

/// Lets a request pass, or refuses it.
///
/// # Errors
/// OPERATION_BLOCKED [object, which option declares it].
pub fn check(xapi: &Xapi, session: &Session, handler: &Handler, request: &HandlerRequest) -> Result<()> {
    let snapshot = xapi.store.snapshot();
    let by = |class: ClassId, names: &[&str]| {
        names.iter().filter_map(|name| key(request, name)).find_map(|given| find(&snapshot, class, &given))
    };
    let (class, found, access) = match handler.name {
        "put_import_raw_vdi" => (ClassId::Vdi, by(ClassId::Vdi, &["vdi"]), Access::Writes),
        "get_export_raw_vdi" => (ClassId::Vdi, by(ClassId::Vdi, &["vdi"]), Access::Reads),
        "get_export" => (ClassId::Vm, by(ClassId::Vm, &["uuid", "ref"]), Access::Reads),
        "connect_console" | "connect_console_ws" | "get_vncsnapshot" => {
            let console = by(ClassId::Console, &["uuid", "ref"]);
            let guest = console.and_then(|row| {
                let vm = row.record.by_name("VM")?.as_str()?.to_string();
                snapshot.row(ClassId::Vm, &vm)
            });
            (ClassId::Vm, guest.or_else(|| by(ClassId::Vm, &["uuid", "ref"])), Access::Operates)
        }
        _ => return Ok(()),
    };
    match found {
        Some(row) => check_handler(&*snapshot, session, class, &row.reference, access),
        None => Ok(()),
    }
}

fn find<'a>(snapshot: &'a Snapshot, class: ClassId, given: &str) -> Option<&'a Row> {
    snapshot.row(class, given).or_else(|| snapshot.by_uuid(class, given))
}
