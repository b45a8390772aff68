//! The old way to listen: one list of subscriptions per session, and `event.next` which blocks.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

use arcstr::ArcStr;
use xapi_schema::{Result, Value, classes::event, errors};

use super::{Subscription, Token, events_since, next_publication};
use crate::{Cx, Registry};

/// What a session listens to and how far it has heard.
#[derive(Debug, Clone)]
struct Listener {
    subscriptions: Vec<Subscription>,
    texts: Vec<String>,
    heard: u64,
}

/// By session reference; entries of ended sessions are dropped when the table grows.
static LISTENERS: LazyLock<Mutex<HashMap<ArcStr, Listener>>> = LazyLock::new(Mutex::default);

fn listeners() -> std::sync::MutexGuard<'static, HashMap<ArcStr, Listener>> {
    LISTENERS.lock().unwrap_or_else(|e| e.into_inner())
}

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(event::call::register, listen);
    on.on(event::call::unregister, unlisten);
    on.on(event::call::next, next);
    on.on(event::call::get_current_id, get_current_id);
}

async fn listen(cx: Cx, classes: Vec<String>) -> Result<()> {
    let new = Subscription::parse_all(&classes)?;
    let heard = cx.snapshot().generation();
    let mut listeners = listeners();
    if listeners.len() > 1_000 {
        listeners.retain(|session, _| cx.xapi.sessions.get(session).is_some());
    }
    let key = cx.session.reference.text().clone();
    let entry = listeners.entry(key).or_insert(Listener { subscriptions: vec![], texts: vec![], heard });
    entry.subscriptions.extend(new);
    entry.texts.extend(classes);
    Ok(())
}

async fn unlisten(cx: Cx, classes: Vec<String>) -> Result<()> {
    Subscription::parse_all(&classes)?;
    let mut listeners = listeners();
    if let Some(entry) = listeners.get_mut(cx.session.reference.text()) {
        entry.texts.retain(|text| !classes.iter().any(|gone| gone.eq_ignore_ascii_case(text)));
        entry.subscriptions = Subscription::parse_all(&entry.texts)?;
    }
    Ok(())
}

async fn next(cx: Cx) -> Result<Value> {
    let mut changes = cx.xapi.store.subscribe();
    loop {
        changes.mark_unchanged();
        let listener = listeners().get(cx.session.reference.text()).cloned();
        let Some(listener) = listener.filter(|l| !l.subscriptions.is_empty()) else {
            return Err(errors::SESSION_NOT_REGISTERED.with([cx.session.reference.as_str()]));
        };
        let snapshot = cx.snapshot();
        let events = events_since(&snapshot, &listener.subscriptions, Token::At(listener.heard))?;
        if let Some(entry) = listeners().get_mut(cx.session.reference.text()) {
            entry.heard = snapshot.generation();
        }
        if !events.is_empty() {
            let stamp = Value::str(format!("{:.3}", cx.clock().now()));
            return Ok(Value::set(events.into_iter().map(|event| stamped(event, &stamp))));
        }
        next_publication(&cx, &mut changes).await?;
    }
}

/// Here the time of an event is told.
fn stamped(event: Value, stamp: &Value) -> Value {
    let pairs = event.as_map().unwrap_or_default().iter().map(|(key, value)| {
        let value = if key == "timestamp" { stamp } else { value };
        (key.clone(), value.clone())
    });
    Value::Map(pairs.collect())
}

async fn get_current_id(cx: Cx) -> Result<i64> {
    Ok(cx.snapshot().generation() as i64)
}
