//! Settings of the pool that are checked before they are kept.

use xapi_schema::{
    ClassId, Ref, Result, Value,
    classes::{Host, Pool, Secret, UpdateSyncFrequency, host, pool},
    errors,
};
use xapi_store::{Read, Tx};

use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(pool::call::set_ext_auth_cache_enabled, set_ext_auth_cache_enabled);
    on.on(pool::call::set_ext_auth_cache_size, set_ext_auth_cache_size);
    on.on(pool::call::set_ext_auth_cache_expiry, set_ext_auth_cache_expiry);
    on.on(pool::call::set_console_idle_timeout, set_console_idle_timeout);
    on.on(pool::call::configure_update_sync, configure_update_sync);
    on.on(pool::call::configure_repository_proxy, configure_repository_proxy);
    on.on(pool::call::disable_repository_proxy, disable_repository_proxy);
    on.on(pool::call::reset_telemetry_uuid, reset_telemetry_uuid);
}

/// Nothing is remembered of a directory here, so there is nothing to forget.
async fn set_ext_auth_cache_enabled(cx: Cx, this: Ref<Pool>, value: bool) -> Result<()> {
    cx.commit(move |tx| tx.set(&this, pool::ext_auth_cache_enabled, value)).await
}

async fn set_ext_auth_cache_size(cx: Cx, this: Ref<Pool>, value: i64) -> Result<()> {
    if value < 0 {
        return Err(errors::INVALID_VALUE.with(["size".to_string(), value.to_string()]));
    }
    cx.commit(move |tx| tx.set(&this, pool::ext_auth_cache_size, value)).await
}

async fn set_ext_auth_cache_expiry(cx: Cx, this: Ref<Pool>, value: i64) -> Result<()> {
    if value <= 0 {
        return Err(errors::INVALID_VALUE.with(["expiry".to_string(), value.to_string()]));
    }
    cx.commit(move |tx| tx.set(&this, pool::ext_auth_cache_expiry, value)).await
}

/// The same on every host.
async fn set_console_idle_timeout(cx: Cx, this: Ref<Pool>, value: i64) -> Result<()> {
    cx.snapshot().record(&this)?;
    if value < 0 {
        return Err(errors::INVALID_VALUE.with(["console_timeout".to_string(), value.to_string()]));
    }
    cx.commit(move |tx| {
        let mut hosts = tx.all::<Host>().into_iter();
        hosts.try_for_each(|this| tx.set(&this, host::console_idle_timeout, value))
    })
    .await
}

async fn configure_update_sync(
    cx: Cx,
    this: Ref<Pool>,
    frequency: UpdateSyncFrequency,
    day: i64,
) -> Result<()> {
    let days = match frequency {
        UpdateSyncFrequency::Daily => 0..=0,
        UpdateSyncFrequency::Weekly => 0..=6,
    };
    if !days.contains(&day) {
        return Err(errors::INVALID_UPDATE_SYNC_DAY.with([day.to_string()]));
    }
    cx.commit(move |tx| {
        tx.set(&this, pool::update_sync_frequency, frequency)?;
        tx.set(&this, pool::update_sync_day, day)
    })
    .await
}

/// A proxy is an address of the web without a path, query or credentials of its own.
fn is_proxy(url: &str) -> bool {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|place| {
        let place = place.trim_end_matches('/');
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        !place.is_empty() && place.chars().all(fine)
    })
}

async fn configure_repository_proxy(
    cx: Cx,
    this: Ref<Pool>,
    url: String,
    user: String,
    password: String,
) -> Result<()> {
    if !is_proxy(&url) {
        return Err(errors::INVALID_REPOSITORY_PROXY_URL.with([url]));
    }
    let odd = |text: &str| text.contains(['\n', '\0']);
    if user.is_empty() != password.is_empty() || odd(&user) || odd(&password) {
        return Err(errors::INVALID_REPOSITORY_PROXY_CREDENTIAL.bare());
    }
    cx.commit(move |tx| {
        let secret = match password.as_str() {
            "" => Ref::null(),
            text => {
                let made = tx.create_value(ClassId::Secret, None, &Value::map([("value", Value::str(text))]));
                Ref::new(made?)
            }
        };
        forget_password(tx, &this)?;
        tx.set(&this, pool::repository_proxy_url, url)?;
        tx.set(&this, pool::repository_proxy_username, user)?;
        tx.set(&this, pool::repository_proxy_password, secret)
    })
    .await
}

fn forget_password(tx: &mut Tx, this: &Ref<Pool>) -> Result<()> {
    let old: Ref<Secret> = tx.get(this, pool::repository_proxy_password)?;
    if tx.exists(&old) { tx.destroy(&old) } else { Ok(()) }
}

async fn disable_repository_proxy(cx: Cx, this: Ref<Pool>) -> Result<()> {
    cx.commit(move |tx| {
        forget_password(tx, &this)?;
        tx.set(&this, pool::repository_proxy_url, String::new())?;
        tx.set(&this, pool::repository_proxy_username, String::new())?;
        tx.set(&this, pool::repository_proxy_password, Ref::null())
    })
    .await
}

async fn reset_telemetry_uuid(cx: Cx, this: Ref<Pool>) -> Result<()> {
    cx.commit(move |tx| {
        let old: Ref<Secret> = tx.get(&this, pool::telemetry_uuid)?;
        let fresh = Value::map([("value", Value::str(uuid::Uuid::new_v4().to_string()))]);
        let fresh = Ref::new(tx.create_value(ClassId::Secret, None, &fresh)?);
        tx.set(&this, pool::telemetry_uuid, fresh)?;
        if tx.exists(&old) { tx.destroy(&old) } else { Ok(()) }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::is_proxy;

    #[test]
    fn knows_a_proxy() {
        for fine in ["http://proxy:3128", "https://10.0.0.1", "http://[::1]:80/"] {
            assert!(is_proxy(fine), "{fine}");
        }
        for wrong in ["", "proxy:3128", "http://", "ftp://a", "http://a/b", "http://u:p@a", "http://a b"] {
            assert!(!is_proxy(wrong), "{wrong}");
        }
    }
}
