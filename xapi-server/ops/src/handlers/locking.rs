//! What a guest's card may send and receive: the locking mode of a VIF or its network, applied at its port.

use xapi_backend::network::Filter;
use xapi_schema::{
    Ref, Result,
    classes::{NetworkDefaultLockingMode, Vif, VifLockingMode, Vm, VmPowerState as State, network, vif, vm},
};
use xapi_store::Read;

use crate::Cx;

/// What applies to a VIF, its network's default included.
///
/// # Errors
/// HANDLE_INVALID.
pub fn rule(read: &impl Read, this: &Ref<Vif>) -> Result<Filter> {
    let record = read.record(this)?;
    let home = record.get(vif::network);
    Ok(match record.get(vif::locking_mode) {
        VifLockingMode::Unlocked => Filter::Open,
        VifLockingMode::Disabled => Filter::Closed,
        VifLockingMode::Locked => Filter::Locked {
            mac: record.get(vif::MAC),
            v4: record.get(vif::ipv4_allowed).iter().filter_map(|text| text.parse().ok()).collect(),
            v6: record.get(vif::ipv6_allowed).iter().filter_map(|text| text.parse().ok()).collect(),
        },
        VifLockingMode::NetworkDefault => match read.get(&home, network::default_locking_mode)? {
            NetworkDefaultLockingMode::Unlocked => Filter::Open,
            NetworkDefaultLockingMode::Disabled => Filter::Closed,
        },
    })
}

/// Port of a VIF on this host's bridge, while its VM has a domain.
///
/// # Errors
/// HANDLE_INVALID.
pub fn port(read: &impl Read, this: &Ref<Vif>) -> Result<Option<String>> {
    let record = read.record(this)?;
    let guest = read.record(&record.get(vif::VM))?;
    let there = matches!(guest.get(vm::power_state), State::Running | State::Paused);
    let domid = guest.get(vm::domid);
    Ok((there && domid >= 0).then(|| format!("vif{domid}.{}", record.get(vif::device))))
}

/// Applies the rule of a card that is attached.
///
/// # Errors
/// Those of the backend; a card that should be limited and is not must not go on.
pub async fn apply(cx: &Cx, this: &Ref<Vif>) -> Result<()> {
    let snapshot = cx.snapshot();
    if !snapshot.get(this, vif::currently_attached)? {
        return Ok(());
    }
    let Some(port) = port(&*snapshot, this)? else { return Ok(()) };
    cx.xapi.backends.network.filter(&port, &rule(&*snapshot, this)?).await
}

/// Applies the rules of all cards of a VM, before its processors run.
///
/// # Errors
/// As [`apply`].
pub async fn apply_all(cx: &Cx, guest: &Ref<Vm>) -> Result<()> {
    for this in cx.snapshot().get(guest, vm::VIFs)? {
        apply(cx, &this).await?;
    }
    Ok(())
}
