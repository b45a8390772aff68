//! The pool of one: pool, the root user, the telemetry secret.

use xapi_schema::{
    ClassId, DateTime, Map, Ref, Result, Value,
    classes::{Host, Pool, pool},
};
use xapi_store::{Read, Tx};

use super::{Pairs, Seed, restrictions};

/// Makes the pool if there is none and refreshes what depends on its hosts.
pub fn establish(tx: &mut Tx, seed: &Seed, this: &Ref<Host>, now: DateTime) -> Result<()> {
    if tx.count(ClassId::User) == 0 {
        let root = Value::map([("short_name", Value::str("root")), ("fullname", Value::str("superuser"))]);
        tx.create_value(ClassId::User, None, &root)?;
    }
    let pool = match tx.all::<Pool>().into_iter().next() {
        Some(known) => known,
        None => create(tx, this, now)?,
    };
    let info = &seed.hardware.cpu_info;
    let shared = ["features_hvm_host", "features_pv_host", "socket_count", "cpu_count", "vendor"];
    let cpu_info =
        shared.iter().filter_map(|key| Some((key.to_string(), info.get(key)?.to_string()))).collect();
    tx.set(&pool, pool::cpu_info, cpu_info)?;
    tx.set(&pool, pool::restrictions, Map(restrictions().0))
}

fn create(tx: &mut Tx, this: &Ref<Host>, now: DateTime) -> Result<Ref<Pool>> {
    let secret = Value::map([("value", Value::str(uuid::Uuid::new_v4().to_string()))]);
    let telemetry = tx.create_value(ClassId::Secret, None, &secret)?;
    // Between one and seven days from now, so that hosts do not all report at the same moment.
    let hours = i64::from(uuid::Uuid::new_v4().as_bytes()[0]) * 144 / 255;
    let next = DateTime::from_unix(now.unix() + 86_400 + hours * 3_600);
    let members = Value::map([
        ("master", Value::Str(this.text().clone())),
        ("ha_cluster_stack", Value::str("xhad")),
        ("other_config", Pairs::of(&[("memory-ratio-hvm", "0.25"), ("memory-ratio-pv", "0.25")]).value()),
        ("coordinator_bias", Value::Bool(true)),
        ("telemetry_uuid", Value::Str(telemetry)),
        ("telemetry_frequency", Value::str("weekly")),
        ("telemetry_next_collection", Value::Time(next)),
        ("update_sync_frequency", Value::str("weekly")),
        ("local_auth_max_threads", Value::Int(8)),
        ("ext_auth_max_threads", Value::Int(1)),
        ("ext_auth_cache_enabled", Value::Bool(false)),
        ("ext_auth_cache_size", Value::Int(50)),
        ("ext_auth_cache_expiry", Value::Int(300)),
        ("ha_reboot_vm_on_internal_shutdown", Value::Bool(true)),
    ]);
    tx.create_value(ClassId::Pool, None, &members).map(Ref::new)
}
