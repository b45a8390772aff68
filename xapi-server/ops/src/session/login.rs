//! Opening and closing sessions.

use std::{future::Future, pin::Pin, sync::Arc};

use xapi_schema::{Ref, Result, Role, RoleSet, Value, classes, errors};
use xapi_store::Read;

use super::{Directory, Principal, Session, alert::FailedLogin, limits::make_room};
use crate::{Peer, Xapi, role};

/// What a password opened.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Passes every check.
    pub superuser: bool,
    /// Subject identifier, empty for local users.
    pub sid: String,
    /// Subject identifiers of its groups.
    pub groups: Vec<String>,
}

/// Why a password did not open anything; the text is what the client sees.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// Wrong name or password.
    Authentication(String),
    /// Right password, but this user may not log in.
    Authorization(String),
}

/// What a wrong name or password is answered with.
pub const WRONG: &str = "Authentication failure";

/// Checks passwords. Implemented by the server: PAM, a file of hashes, a directory.
pub trait PasswordCheck: Send + Sync + 'static {
    /// Checks one password; may take its time and must take the same time for unknown users.
    fn check<'a>(
        &'a self,
        user: &'a str,
        password: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Grant, Refusal>> + Send + 'a>>;

    /// The directory users other than the local superuser come from.
    fn directory(&self) -> Option<&dyn Directory> {
        None
    }

    /// Replaces the password of the local superuser.
    fn change<'a>(
        &'a self,
        user: &'a str,
        old: Option<&'a str>,
        new: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>>;
}

/// The arguments of `session.login_with_password`. The version is accepted and not looked at.
#[derive(Debug, Clone)]
pub struct LoginRequest {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
    /// Free text.
    pub originator: String,
}

/// Opens a session for a user.
///
/// # Errors
/// SESSION_AUTHENTICATION_FAILED [user, text], SESSION_AUTHORIZATION_FAILED [user, text],
/// RBAC_PERMISSION_DENIED for a subject without a role.
pub async fn login(xapi: &Arc<Xapi>, peer: &Peer, request: LoginRequest) -> Result<Ref<classes::Session>> {
    let LoginRequest { user, password, originator } = request;
    if peer.is_local() {
        return open(xapi, Session { user, originator, ..local() }, None).await;
    }
    let principal = Principal { peer: peer.clone(), user: user.clone() };
    let wait = xapi.sessions.backoff.wait(&principal, xapi.clock.now());
    if wait > 0.0 {
        tokio::time::sleep(std::time::Duration::from_secs_f64(wait)).await;
    }
    let lane = xapi.sessions.lane(peer, xapi.clock.now());
    // Never closed; if it were, everybody would go first.
    let turn = lane.acquire().await;
    let checked = match xapi.passwords.check(&user, &password).await {
        // Without a directory there are no users but local ones.
        Ok(grant) if !grant.superuser && joined(xapi).is_none() => Err(Refusal::Authentication(WRONG.into())),
        checked => checked,
    };
    drop(turn);
    match checked {
        Ok(grant) => {
            xapi.sessions.backoff.succeeded(&principal);
            let opened = admit(xapi, user, originator, grant).await?;
            xapi.sessions.note_came(peer);
            Ok(opened)
        }
        Err(refusal) => {
            let failure =
                FailedLogin { user: user.clone(), originator: originator.clone(), peer: peer.clone() };
            xapi.sessions.failed.note(failure, xapi.clock.date());
            xapi.sessions.backoff.failed(principal, xapi.clock.now());
            tracing::warn!(%peer, ?user, "login refused");
            tokio::time::sleep(std::time::Duration::from_secs_f64(xapi.settings.failed_login_delay)).await;
            Err(match refusal {
                Refusal::Authentication(text) => errors::SESSION_AUTHENTICATION_FAILED.with([user, text]),
                Refusal::Authorization(text) => errors::SESSION_AUTHORIZATION_FAILED.with([user, text]),
            })
        }
    }
}

async fn admit(
    xapi: &Arc<Xapi>,
    user: String,
    originator: String,
    grant: Grant,
) -> Result<Ref<classes::Session>> {
    if grant.superuser {
        return open(xapi, Session { user, originator, pool: false, ..local() }, None).await;
    }
    let (subject, roles) = subject_of(&*xapi.store.snapshot(), &grant.sid, &grant.groups)?;
    if subject.is_none() {
        return Err(errors::SESSION_AUTHORIZATION_FAILED.with([user, "no subject of this pool".to_string()]));
    }
    if roles.is_empty() {
        let text = "the subject has no role".to_string();
        return Err(errors::RBAC_PERMISSION_DENIED.with(["session.login_with_password".to_string(), text]));
    }
    let session = Session {
        superuser: false,
        pool: false,
        roles: role_set(roles),
        user,
        originator,
        sid: grant.sid,
        groups: grant.groups,
        ..local()
    };
    open(xapi, session, subject).await
}

/// The subject that lets a user in, if there is one, and the roles of all subjects it is.
fn subject_of(
    read: &impl Read,
    sid: &str,
    groups: &[String],
) -> Result<(Option<Ref<classes::Subject>>, Vec<Role>)> {
    let mut subject = None;
    let mut roles = Vec::new();
    for candidate in read.all::<classes::Subject>() {
        let identifier = read.get(&candidate, classes::subject::subject_identifier)?;
        if identifier == sid || groups.contains(&identifier) {
            let held = read.get(&candidate, classes::subject::roles)?;
            roles.extend(held.iter().filter_map(|r| role::of_reference(r.as_str())));
            // The user's own subject is the one shown; a group's will do otherwise.
            if subject.is_none() || identifier == sid {
                subject = Some(candidate);
            }
        }
    }
    Ok((subject, roles))
}

/// The directory this host has joined.
pub fn joined(xapi: &Xapi) -> Option<&dyn Directory> {
    let kind = xapi.store.snapshot().get(&xapi.host, classes::host::external_auth_type).ok()?;
    xapi.passwords.directory().filter(|directory| directory.kind() == kind)
}

/// Ends sessions of directory users who are no longer there or no longer subjects.
pub async fn revalidate(xapi: &Arc<Xapi>) {
    let sessions = xapi.sessions.all();
    for session in sessions.into_iter().filter(|session| !session.superuser && !session.sid.is_empty()) {
        let entry = joined(xapi).and_then(|directory| directory.by_sid(&session.sid));
        let still = entry.is_some_and(|entry| {
            let found = subject_of(&*xapi.store.snapshot(), &entry.sid, &entry.groups);
            found.is_ok_and(|(subject, _)| subject.is_some())
        });
        if !still {
            close(xapi, &session.reference).await;
        }
    }
}

/// The set of some roles. Roles are a ladder, so each stands for its own rung only.
pub(super) fn role_set(roles: impl IntoIterator<Item = Role>) -> RoleSet {
    roles.into_iter().fold(RoleSet::NOBODY, RoleSet::with)
}

fn local() -> Session {
    Session {
        reference: Ref::null(),
        superuser: true,
        pool: false,
        roles: RoleSet::NOBODY,
        user: String::new(),
        originator: String::new(),
        sid: String::new(),
        groups: Vec::new(),
        driver_of: None,
    }
}

/// Opens a session for a storage driver's work on an SR; to be closed when the driver has ended.
///
/// # Errors
/// A failure of the store.
pub async fn open_driver(xapi: &Arc<Xapi>, sr: &Ref<classes::Sr>) -> Result<Ref<classes::Session>> {
    let session = Session { originator: "SM".into(), driver_of: Some(sr.clone()), ..local() };
    open(xapi, session, None).await
}

/// Opens a session of local root, as the local socket gives without a password.
///
/// # Errors
/// A failure of the store.
pub async fn open_local(xapi: &Arc<Xapi>, originator: &str) -> Result<Ref<classes::Session>> {
    open(xapi, Session { user: "root".into(), originator: originator.into(), ..local() }, None).await
}

/// Opens a session of a pool member, which passes every check.
///
/// # Errors
/// SESSION_AUTHENTICATION_FAILED when the secret is not the pool's.
pub async fn open_pool(xapi: &Arc<Xapi>, secret: &str) -> Result<Ref<classes::Session>> {
    if !parse_pool_secret(&xapi.settings.pool_secret, secret) {
        return Err(errors::SESSION_AUTHENTICATION_FAILED.with(["pool", "wrong pool secret"]));
    }
    open(xapi, Session { pool: true, originator: "pool".into(), ..local() }, None).await
}

/// Whether a secret is the pool's, compared in constant time. An empty pool secret opens nothing.
pub fn parse_pool_secret(pool: &str, given: &str) -> bool {
    let differing = pool.bytes().zip(given.bytes()).fold(0u8, |all, (a, b)| all | (a ^ b));
    !pool.is_empty() && pool.len() == given.len() && differing == 0
}

/// A reference nobody can guess: 128 random bits in the shape of the others.
fn secret_reference() -> Result<Ref<classes::Session>> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| xapi_schema::Failure::internal(format!("no randomness: {e}")))?;
    Ok(Ref::new(format!("OpaqueRef:{}", uuid::Uuid::from_bytes(bytes))))
}

async fn open(
    xapi: &Arc<Xapi>,
    session: Session,
    subject: Option<Ref<classes::Subject>>,
) -> Result<Ref<classes::Session>> {
    let reference = secret_reference()?;
    let session = Arc::new(Session { reference: reference.clone(), ..session });
    let now = Value::Time(xapi.clock.date());
    let permissions = if session.superuser { vec![] } else { permissions(session.roles) };
    let members = Value::map([
        ("this_host", Value::Str(xapi.host.text().clone())),
        ("last_active", now.clone()),
        ("validation_time", now),
        ("pool", Value::Bool(session.pool)),
        ("is_local_superuser", Value::Bool(session.superuser)),
        ("subject", Value::Str(subject.unwrap_or_else(Ref::null).text().clone())),
        ("auth_user_sid", Value::str(session.sid.as_str())),
        ("auth_user_name", Value::str(session.user.as_str())),
        ("rbac_permissions", Value::set(permissions)),
        ("originator", Value::str(session.originator.as_str())),
        (
            "other_config",
            Value::map(session.driver_of.iter().map(|sr| ("_sm_session", Value::Str(sr.text().clone())))),
        ),
    ]);
    let text = reference.text().clone();
    make_room(xapi, &session).await;
    // Known before it is visible, so that nobody sees a record whose session is not valid yet.
    xapi.sessions.insert(session);
    let made =
        xapi.store.commit(move |tx| tx.create_value(classes::ClassId::Session, Some(text), &members)).await;
    if let Err(failure) = made {
        xapi.sessions.remove(reference.as_str());
        return Err(failure);
    }
    Ok(reference)
}

/// Names of all permissions some roles have, as the record lists them.
fn permissions(roles: RoleSet) -> Vec<Value> {
    let held = xapi_schema::schema().permissions().iter();
    held.filter(|p| p.roles.iter().any(|r| roles.contains(r)))
        .map(|p| Value::str(p.name.to_lowercase()))
        .collect()
}

/// Ends a session; unknown ones are fine.
pub async fn close(xapi: &Arc<Xapi>, reference: &Ref<classes::Session>) {
    xapi.sessions.remove(reference.as_str());
    let gone = reference.clone();
    let _ = xapi.store.commit(move |tx| if tx.exists(&gone) { tx.destroy(&gone) } else { Ok(()) }).await;
}
