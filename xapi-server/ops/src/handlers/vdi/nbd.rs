//! Where a disk can be read over NBD.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use xapi_schema::{
    Rec, Ref, Result, Value,
    classes::{Host, NetworkPurpose, Pif, Vdi, VdiNbdServerInfo, host, network, pbd, pif, sr, vdi},
};
use xapi_store::Read;

use crate::{Cx, Registry, transfer::assert_bytes};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vdi::call::get_nbd_info, get_nbd_info);
}

/// What a host offers at its addresses: with TLS, in the clear, or nothing.
///
/// Only an address of a plugged PIF counts, and only while one kind of purpose is given out in the whole pool.
pub fn purpose(read: &impl Read, home: &Ref<Host>, address: IpAddr) -> Option<NetworkPurpose> {
    let mut given: Vec<NetworkPurpose> = Vec::new();
    for this in read.all::<xapi_schema::classes::Network>() {
        given.extend(read.get(&this, network::purpose).unwrap_or_default());
    }
    let first = *given.first()?;
    if given.iter().any(|other| *other != first) {
        return None;
    }
    let pifs = read.get(home, host::PIFs).unwrap_or_default();
    let fits = |this: &Ref<Pif>| {
        let of = read.get(this, pif::network).and_then(|of| read.get(&of, network::purpose));
        of.is_ok_and(|of| of.contains(&first)) && addresses(read, this).contains(&address)
    };
    pifs.iter().any(fits).then_some(first)
}

/// Addresses of a plugged PIF, the older kind first.
fn addresses(read: &impl Read, this: &Ref<Pif>) -> Vec<IpAddr> {
    let Ok(record) = read.record(this) else { return Vec::new() };
    if !record.get(pif::currently_attached) {
        return Vec::new();
    }
    let four = record.get(pif::IP).parse::<Ipv4Addr>().ok().map(IpAddr::V4);
    let six = record.get(pif::IPv6);
    let six = six.iter().filter_map(|text| text.split('/').next()?.parse::<Ipv6Addr>().ok().map(IpAddr::V6));
    four.into_iter().chain(six).collect()
}

async fn get_nbd_info(cx: Cx, this: Ref<Vdi>) -> Result<Vec<Rec<VdiNbdServerInfo>>> {
    assert_bytes(&cx, &this)?;
    let snapshot = cx.snapshot();
    let record = snapshot.record(&this)?;
    let Some(service) = &cx.xapi.settings.nbd else { return Ok(Vec::new()) };
    let export = format!("/{}?session_id={}", record.get(vdi::uuid), cx.session.reference);
    let mut found = Vec::new();
    for link in snapshot.get(&record.get(vdi::SR), sr::PBDs)? {
        let Ok(link) = snapshot.record(&link) else { continue };
        let home = link.get(pbd::host);
        // The certificates of other hosts are theirs to tell.
        if !link.get(pbd::currently_attached) || home != *cx.host() {
            continue;
        }
        for card in snapshot.get(&home, host::PIFs)? {
            for address in addresses(&*snapshot, &card) {
                if purpose(&*snapshot, &home, address).is_none() {
                    continue;
                }
                found.push(Rec::map(Value::map([
                    ("exportname", Value::str(export.as_str())),
                    ("address", Value::str(address.to_string())),
                    ("port", Value::Int(service.port)),
                    ("cert", Value::str(cx.xapi.settings.certificate.as_str())),
                    ("subject", Value::str(service.subject.as_str())),
                ])));
            }
        }
    }
    Ok(found)
}
