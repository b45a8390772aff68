//! Addresses of a PIF: what clients configure, what the host is told, what it then really has.

use xapi_backend::network::{self as backend, Addresses, Addressing6};
use xapi_schema::{
    Record, Ref, Result,
    classes::{
        IpConfigurationMode as Mode, Ipv6ConfigurationMode as Mode6, Pif, PrimaryAddressType, host, network,
        pif,
    },
    errors,
};
use xapi_store::{Read, Tx};

use super::assert_managed;
use crate::{
    Cx,
    handlers::host::{
        management,
        way_back::{self, Addressing, Change},
    },
};

fn is_v4(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}

fn is_v6(text: &str) -> bool {
    text.parse::<std::net::Ipv6Addr>().is_ok()
}

fn is_cidr6(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    is_v6(address) && length.parse::<u8>().is_ok_and(|length| length <= 128)
}

/// DNS servers of one family replaced, those of the other kept.
fn servers(known: &str, given: &str, replaced: fn(&str) -> bool) -> String {
    let list = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_string).collect()
    };
    let kept = list(known).into_iter().filter(|server| !replaced(server));
    let all: Vec<String> = list(given).into_iter().chain(kept).collect();
    all.join(",")
}

/// What a bridge is told of IPv4. The default route is the business of one PIF of the host.
fn addressing(record: &Record, gateway: bool) -> backend::Addressing {
    match record.get(pif::ip_configuration_mode) {
        Mode::None => backend::Addressing::None,
        Mode::Dhcp if gateway => backend::Addressing::Dhcp,
        Mode::Dhcp => backend::Addressing::DhcpAddress,
        Mode::Static => {
            let dns = record.get(pif::DNS);
            let dns = dns.split(',').filter(|server| !server.is_empty()).map(str::to_string).collect();
            let way = if gateway { record.get(pif::gateway) } else { String::new() };
            backend::Addressing::Static(record.get(pif::IP), record.get(pif::netmask), way, dns)
        }
    }
}

fn addressing6(record: &Record, gateway: bool) -> Addressing6 {
    match record.get(pif::ipv6_configuration_mode) {
        Mode6::None => Addressing6::None,
        Mode6::Autoconf => Addressing6::Autoconf,
        Mode6::Dhcp => Addressing6::Dhcp,
        Mode6::Static => {
            let fixed = record.get(pif::IPv6).into_iter().filter(|text| !text.is_empty()).collect();
            Addressing6::Static(fixed, if gateway { record.get(pif::ipv6_gateway) } else { String::new() })
        }
    }
}

/// Does the default route of the host leave through this PIF: the one that says so, else management?
fn is_way_out(read: &impl Read, this: &Ref<Pif>) -> Result<bool> {
    let says = |p: &Ref<Pif>| {
        read.get(p, pif::other_config).is_ok_and(|all| all.get("defaultroute").is_some_and(|v| v == "true"))
    };
    let all = read.get(&read.get(this, pif::host)?, host::PIFs)?;
    if all.iter().any(says) { Ok(says(this)) } else { read.get(this, pif::management) }
}

/// Tells the host the addresses of a PIF that is up, and takes down what it then has.
///
/// # Errors
/// Those of the backend.
pub async fn apply(cx: &Cx, this: &Ref<Pif>) -> Result<()> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(this)?;
    if !record.get(pif::currently_attached) || !record.get(pif::managed) {
        return Ok(());
    }
    let bridge = snapshot.get(&record.get(pif::network), network::bridge)?;
    let gateway = is_way_out(&*snapshot, this)?;
    cx.xapi.backends.network.address(&bridge, &addressing(record, gateway)).await?;
    cx.xapi.backends.network.address_v6(&bridge, &addressing6(record, gateway)).await?;
    observe(cx, this).await
}

/// Writes what a PIF was leased or announced, and the host's address with it.
///
/// # Errors
/// Those of the backend and the store.
pub async fn observe(cx: &Cx, this: &Ref<Pif>) -> Result<()> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(this)?;
    let bridge = snapshot.get(&record.get(pif::network), network::bridge)?;
    let now = cx.xapi.backends.network.addresses(&bridge).await?;
    if !is_new(record, &now) && !is_news(&*snapshot, this)? {
        return Ok(());
    }
    let target = this.clone();
    cx.commit(move |tx| {
        write(tx, &target, &now)?;
        management::follow(tx, &target)
    })
    .await
}

/// Does the host's address differ from what its management PIF has?
fn is_news(read: &impl Read, this: &Ref<Pif>) -> Result<bool> {
    let home = read.get(this, pif::host)?;
    Ok(read.get(this, pif::management)?
        && read.get(&home, host::address)? != management::address(read, this)?)
}

/// Would the fields that follow the network change, where it is the network that decides?
fn is_new(record: &Record, now: &Addresses) -> bool {
    let leased = record.get(pif::ip_configuration_mode) == Mode::Dhcp;
    let announced = matches!(record.get(pif::ipv6_configuration_mode), Mode6::Autoconf | Mode6::Dhcp);
    (leased && fields4(now) != (record.get(pif::IP), record.get(pif::netmask), record.get(pif::gateway)))
        || (announced && fields6(now) != (record.get(pif::IPv6), record.get(pif::ipv6_gateway)))
}

fn fields4(now: &Addresses) -> (String, String, String) {
    let text = |address: Option<std::net::Ipv4Addr>| address.map(|a| a.to_string()).unwrap_or_default();
    (text(now.v4.map(|(ip, _)| ip)), text(now.v4.map(|(_, mask)| mask)), text(now.gateway))
}

fn fields6(now: &Addresses) -> (Vec<String>, String) {
    let all = now.v6.iter().map(|(address, length)| format!("{address}/{length}")).collect();
    (all, now.gateway6.map(|a| a.to_string()).unwrap_or_default())
}

fn write(tx: &mut Tx, this: &Ref<Pif>, now: &Addresses) -> Result<()> {
    if tx.get(this, pif::ip_configuration_mode)? == Mode::Dhcp {
        let (ip, netmask, gateway) = fields4(now);
        tx.set(this, pif::IP, ip)?;
        tx.set(this, pif::netmask, netmask)?;
        tx.set(this, pif::gateway, gateway)?;
    }
    if matches!(tx.get(this, pif::ipv6_configuration_mode)?, Mode6::Autoconf | Mode6::Dhcp) {
        let (addresses, gateway) = fields6(now);
        tx.set(this, pif::IPv6, addresses)?;
        tx.set(this, pif::ipv6_gateway, gateway)?;
    }
    Ok(())
}

pub(super) async fn reconfigure_ip(
    cx: Cx,
    this: Ref<Pif>,
    mode: Mode,
    ip: String,
    netmask: String,
    gateway: String,
    dns: String,
) -> Result<()> {
    assert_managed(&cx, &this)?;
    if mode == Mode::Static {
        for (name, value) in [("IP", &ip), ("netmask", &netmask)] {
            if value.is_empty() {
                return Err(errors::INVALID_IP_ADDRESS_SPECIFIED.with([name]));
            }
        }
    }
    for (name, value) in [("IP", &ip), ("netmask", &netmask), ("gateway", &gateway)] {
        if !value.is_empty() && !is_v4(value) {
            return Err(errors::INVALID_IP_ADDRESS_SPECIFIED.with([name]));
        }
    }
    let record = cx.snapshot().record(&this)?.clone();
    let v4 = record.get(pif::primary_address_type) == PrimaryAddressType::IPv4;
    if record.get(pif::management) && v4 && mode == Mode::None {
        return Err(errors::PIF_IS_MANAGEMENT_INTERFACE.with([&this]));
    }
    let dns = servers(&record.get(pif::DNS), &dns, is_v4);
    change(&cx, &this, move |tx, this| {
        tx.set(this, pif::ip_configuration_mode, mode)?;
        tx.set(this, pif::IP, ip)?;
        tx.set(this, pif::netmask, netmask)?;
        tx.set(this, pif::gateway, gateway)?;
        tx.set(this, pif::DNS, dns)
    })
    .await
}

pub(super) async fn reconfigure_ipv6(
    cx: Cx,
    this: Ref<Pif>,
    mode: Mode6,
    address: String,
    gateway: String,
    dns: String,
) -> Result<()> {
    assert_managed(&cx, &this)?;
    if !gateway.is_empty() && !is_v6(&gateway) {
        return Err(errors::INVALID_IP_ADDRESS_SPECIFIED.with(["gateway"]));
    }
    if mode == Mode6::Static && !is_cidr6(&address) {
        return Err(errors::INVALID_CIDR_ADDRESS_SPECIFIED.with(["IPv6"]));
    }
    let record = cx.snapshot().record(&this)?.clone();
    let v6 = record.get(pif::primary_address_type) == PrimaryAddressType::IPv6;
    if record.get(pif::management) && v6 && mode == Mode6::None {
        return Err(errors::PIF_IS_MANAGEMENT_INTERFACE.with([&this]));
    }
    let dns = servers(&record.get(pif::DNS), &dns, is_v6);
    change(&cx, &this, move |tx, this| {
        tx.set(this, pif::ipv6_configuration_mode, mode)?;
        tx.set(this, pif::IPv6, vec![address])?;
        tx.set(this, pif::ipv6_gateway, gateway)?;
        tx.set(this, pif::DNS, dns)
    })
    .await
}

/// Writes a configuration and applies it. One the host refuses is taken back, there and in the record; one that
/// cuts off whoever manages the host is taken back when it was asked to be ([`way_back`]).
async fn change(
    cx: &Cx,
    this: &Ref<Pif>,
    write: impl FnOnce(&mut Tx, &Ref<Pif>) -> Result<()> + Send + 'static,
) -> Result<()> {
    let before = cx.snapshot().record(this)?.clone();
    let (target, home, now) = (this.clone(), cx.host().clone(), cx.clock().date().unix());
    let (managed, known, uuid) =
        (before.get(pif::management), Addressing::of(&before), before.get(pif::uuid));
    cx.commit(move |tx| {
        if managed {
            way_back::note(tx, &home, now, Change::Addresses(uuid, known))?;
        }
        write(tx, &target)?;
        management::follow(tx, &target)
    })
    .await?;
    let outcome = match apply(cx, this).await {
        Ok(()) => Ok(()),
        Err(failure) => restore(cx, this, Addressing::of(&before)).await.and(Err(failure)),
    };
    if managed {
        way_back::guard(cx);
    }
    outcome
}

/// Gives a PIF the configuration it had.
///
/// # Errors
/// Those of the backend and the store.
pub async fn restore(cx: &Cx, this: &Ref<Pif>, before: Addressing) -> Result<()> {
    let target = this.clone();
    cx.commit(move |tx| {
        before.write(tx, &target)?;
        management::follow(tx, &target)
    })
    .await?;
    apply(cx, this).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_the_other_family_are_kept() {
        assert_eq!(servers("192.0.2.1,2001:db8::1", "192.0.2.9", is_v4), "192.0.2.9,2001:db8::1");
        assert_eq!(servers("192.0.2.1,2001:db8::1", "", is_v6), "192.0.2.1");
    }
}
