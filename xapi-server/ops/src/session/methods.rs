//! The methods of `session`.

use xapi_schema::{Ref, Result, classes, classes::session, errors};
use xapi_store::Read;

use super::{close, login};
use crate::{Cx, Registry};

/// Seconds a session may be idle.
const IDLE: i64 = 86_400;
/// `last_active` is refreshed no more often than this many seconds.
const REFRESH: i64 = 600;

/// Registers them. The four logins take no session and are answered by the dispatcher.
pub fn register(on: &mut Registry) {
    on.on(session::call::logout, logout);
    on.on(session::call::local_logout, logout);
    on.on(session::call::change_password, change_password);
    on.on(session::call::get_all_subject_identifiers, get_all_subject_identifiers);
    on.on(session::call::logout_subject_identifier, logout_subject_identifier);
}

async fn logout(cx: Cx) -> Result<()> {
    close(&cx.xapi, &cx.session.reference).await;
    Ok(())
}

async fn change_password(cx: Cx, old: String, new: String) -> Result<()> {
    if !cx.session.superuser {
        let text = format!("{} is not the local superuser", cx.session.user);
        return Err(errors::USER_IS_NOT_LOCAL_SUPERUSER.with([text]));
    }
    // Pool members act for somebody who has already been asked; everybody else must know the old one.
    let old = (!cx.session.pool).then_some(old.as_str());
    let user = if cx.session.user.is_empty() { "root" } else { &cx.session.user };
    cx.xapi.passwords.change(user, old, &new).await.map_err(|refusal| match refusal {
        super::Refusal::Authentication(text) | super::Refusal::Authorization(text) => {
            errors::CHANGE_PASSWORD_REJECTED.with([text])
        }
    })?;
    // Whoever came in with the old password has to know the new one.
    let own = &cx.session.reference;
    let others = cx.xapi.sessions.all().into_iter();
    for other in others.filter(|s| s.superuser && !s.pool && s.user == user && s.reference != *own) {
        close(&cx.xapi, &other.reference).await;
    }
    Ok(())
}

async fn get_all_subject_identifiers(cx: Cx) -> Result<Vec<String>> {
    let mut sids: Vec<String> =
        cx.xapi.sessions.all().iter().map(|s| s.sid.clone()).filter(|s| !s.is_empty()).collect();
    sids.sort();
    sids.dedup();
    Ok(sids)
}

async fn logout_subject_identifier(cx: Cx, sid: String) -> Result<()> {
    let own = cx.session.reference.clone();
    let matching = cx.xapi.sessions.all().into_iter().filter(|s| s.is_of(&sid) && s.reference != own);
    for session in matching.collect::<Vec<_>>() {
        close(&cx.xapi, &session.reference).await;
    }
    Ok(())
}

/// Notes that a session was used, unless that was noted a short while ago.
pub async fn touch(
    xapi: &std::sync::Arc<crate::Xapi>,
    peer: &crate::Peer,
    reference: &Ref<classes::Session>,
) {
    let now = xapi.clock.date();
    let last = xapi.store.snapshot().get(reference, session::last_active);
    if last.is_ok_and(|last| now.unix() - last.unix() >= REFRESH) {
        let reference = reference.clone();
        let _ = xapi.store.commit(move |tx| tx.set(&reference, session::last_active, now)).await;
        xapi.sessions.note_came(peer);
    }
}

/// Ends sessions that have been idle too long and run nothing; called by the collector.
pub async fn collect(xapi: &std::sync::Arc<crate::Xapi>) {
    let snapshot = xapi.store.snapshot();
    let now = xapi.clock.date().unix();
    for open in xapi.sessions.all() {
        let Ok(record) = snapshot.record(&open.reference) else { continue };
        let idle = now - record.get(session::last_active).unix();
        if idle > IDLE && record.get(session::tasks).is_empty() {
            close(xapi, &open.reference).await;
        }
    }
    login::revalidate(xapi).await;
    super::alert::report(xapi).await;
}

/// True for the logins, which the dispatcher sends to [`log_in`].
pub fn opens(message: &xapi_schema::Message) -> bool {
    message.class == xapi_schema::ClassId::Session && !message.session
}

/// Opens what the four logins open. `args` are typed.
///
/// # Errors
/// Those of [`login::login`] and [`login::open_pool`].
pub async fn log_in(
    xapi: &std::sync::Arc<crate::Xapi>,
    peer: &crate::Peer,
    method: &str,
    args: &[xapi_schema::Value],
) -> Result<Ref<classes::Session>> {
    let text = |at: usize| args.get(at).and_then(xapi_schema::Value::as_str).unwrap_or_default().to_string();
    match method {
        "login_with_password" => {
            let request = login::LoginRequest { user: text(0), password: text(1), originator: text(3) };
            login::login(xapi, peer, request).await
        }
        "slave_local_login_with_password" => {
            let request = login::LoginRequest { user: text(0), password: text(1), originator: String::new() };
            login::login(xapi, peer, request).await
        }
        "slave_login" => login::open_pool(xapi, &text(1)).await,
        _ => login::open_pool(xapi, &text(0)).await,
    }
}
