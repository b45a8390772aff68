//! Events: what changed since a client last looked.
//!
//! `event.from` is a fold over one snapshot: objects created, changed and destroyed after a token.
//! Nothing is queued, so a slow client costs nothing and misses nothing but intermediate states.

mod legacy;
mod subscription;
mod token;

pub use subscription::Subscription;
pub use token::Token;

use std::time::Duration;

use arcstr::{ArcStr, literal};
use xapi_schema::{Class, ClassId, Failure, Result, Value, classes::event, errors};
use xapi_store::{Read, Row, Snapshot};

use crate::{Cx, Registry};

/// Longest a call may wait; unusable timeouts mean this.
const LONGEST: f64 = 86_400.0;

/// Registers the methods of `event`.
pub fn register(on: &mut Registry) {
    on.on(event::call::from, from);
    on.on(event::call::inject, inject);
    legacy::register(on);
}

/// Waits until `cx`'s session ends or the store publishes something newer than `seen`.
///
/// # Errors
/// SESSION_INVALID once the session is gone.
async fn next_publication(cx: &Cx, changes: &mut tokio::sync::watch::Receiver<u64>) -> Result<()> {
    if changes.changed().await.is_err() {
        return Err(Failure::internal("the store has stopped"));
    }
    still_logged_in(cx)
}

fn still_logged_in(cx: &Cx) -> Result<()> {
    match cx.xapi.sessions.get(cx.session.reference.as_str()) {
        Some(_) => Ok(()),
        None => Err(errors::SESSION_INVALID.with([cx.session.reference.as_str()])),
    }
}

async fn from(cx: Cx, classes: Vec<String>, token: String, timeout: f64) -> Result<Value> {
    let wanted = Subscription::parse_all(&classes)?;
    let since = Token::parse(&token)?;
    let timeout = if timeout.is_finite() && (0.0..LONGEST).contains(&timeout) { timeout } else { LONGEST };
    let deadline = tokio::time::Instant::now() + Duration::from_secs_f64(timeout);
    let mut changes = cx.xapi.store.subscribe();
    loop {
        changes.mark_unchanged();
        let snapshot = cx.snapshot();
        let events = events_since(&snapshot, &wanted, since)?;
        if !events.is_empty() || tokio::time::Instant::now() >= deadline {
            return Ok(answer(&snapshot, events));
        }
        tokio::select! {
            published = next_publication(&cx, &mut changes) => published?,
            () = tokio::time::sleep_until(deadline) => still_logged_in(&cx)?,
        }
    }
}

fn answer(snapshot: &Snapshot, events: Vec<Value>) -> Value {
    let counts = Class::all().iter().filter(|class| class.in_database || class.gen_events).map(|class| {
        let count = snapshot.count(class.id) as i64;
        (ArcStr::from(class.name.to_lowercase()), Value::Count(count))
    });
    let counts: Vec<_> = counts.collect();
    Value::map([
        ("events", Value::set(events)),
        ("valid_ref_counts", Value::Map(counts.into())),
        ("token", Value::str(Token::at(snapshot.generation()).to_string())),
    ])
}

/// What happened, in the order clients rely on: messages, then creations, changes and destructions.
///
/// # Errors
/// EVENTS_LOST when the token is older than what is remembered.
fn events_since(snapshot: &Snapshot, wanted: &[Subscription], since: Token) -> Result<Vec<Value>> {
    let since = match since {
        Token::Beginning => 0,
        // Older than what is remembered, or of a state that was put back to an earlier one.
        Token::At(generation) if generation < snapshot.floor() || generation > snapshot.generation() => {
            return Err(errors::EVENTS_LOST.bare());
        }
        Token::At(generation) => generation,
    };
    let (mut messages, mut created, mut changed, mut destroyed) = (vec![], vec![], vec![], vec![]);
    for class in Class::all().iter().filter(|class| class.gen_events) {
        let matching = |reference: &str| wanted.iter().any(|s| s.matches(class.id, reference));
        if !wanted.iter().any(|s| s.covers(class.id)) {
            continue;
        }
        let name = ArcStr::from(class.name.to_lowercase());
        for row in snapshot.changed_since(class.id, since).filter(|row| matching(&row.reference)) {
            if row.created <= since {
                changed.push((row.modified, report(&name, literal!("mod"), row)));
            } else if class.id == ClassId::Message {
                messages.push((row.modified, report(&name, literal!("add"), row)));
            } else {
                created.push((row.created, report(&name, literal!("add"), row)));
            }
        }
        if since == 0 {
            continue; // nothing is destroyed for somebody who knows nothing
        }
        for tomb in snapshot.deleted_since(class.id, since) {
            if tomb.created <= since && matching(&tomb.reference) {
                let event = event(&name, literal!("del"), &tomb.reference, tomb.deleted, None);
                destroyed.push((tomb.deleted, event));
            }
        }
    }
    let mut all = Vec::with_capacity(messages.len() + created.len() + changed.len() + destroyed.len());
    for mut part in [messages, created, changed, destroyed] {
        part.sort_by_key(|(generation, _)| *generation);
        all.extend(part.into_iter().map(|(_, event)| event));
    }
    Ok(all)
}

fn report(class: &ArcStr, operation: ArcStr, row: &Row) -> Value {
    event(class, operation, &row.reference, row.modified, Some(Value::Record(row.record.clone())))
}

/// A full snapshot is made of thousands of these, so what is the same in all is shared.
fn event(
    class: &ArcStr,
    operation: ArcStr,
    reference: &ArcStr,
    generation: u64,
    snapshot: Option<Value>,
) -> Value {
    let members = [
        (literal!("id"), Value::str(generation.to_string())),
        (literal!("timestamp"), Value::Str(literal!("0.0"))),
        (literal!("class"), Value::Str(class.clone())),
        (literal!("operation"), Value::Str(operation)),
        (literal!("ref"), Value::Str(reference.clone())),
    ];
    Value::map(members.into_iter().chain(snapshot.map(|record| (literal!("snapshot"), record))))
}

/// Reports an object as changed; the token lets the caller wait until that report reaches it.
async fn inject(cx: Cx, class: String, reference: String) -> Result<String> {
    let Some(class) = Class::by_name(&class) else {
        return Err(errors::HANDLE_INVALID.with([class, reference]));
    };
    cx.commit(move |tx| {
        if tx.row(class.id, &reference).is_none() {
            return Err(errors::HANDLE_INVALID.with([class.name, reference.as_str()]));
        }
        let before = tx.base_generation();
        tx.touch(class.id, &reference)?;
        Ok(Token::At(before).to_string())
    })
    .await
}
