//! Addresses and routes of an interface: read, added, removed, moved. Knows links only by their number.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rtnetlink::{
    Handle, RouteMessageBuilder,
    packet_route::{
        address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope},
        route::{RouteAddress, RouteAttribute, RouteMessage},
    },
};
use xapi_backend::network::Addresses;
use xapi_schema::Result;

use crate::{failed, links::listed};

/// Addresses of an interface that reach beyond the link, with their prefix lengths.
///
/// # Errors
/// INTERNAL_ERROR when the kernel does not answer.
pub async fn of(handle: &Handle, index: u32) -> Result<Vec<(IpAddr, u8)>> {
    let messages = reaching(handle, index).await?;
    Ok(messages.iter().filter_map(|message| Some((local(message)?, message.header.prefix_len))).collect())
}

async fn reaching(handle: &Handle, index: u32) -> Result<Vec<AddressMessage>> {
    let messages =
        listed("addresses", || handle.address().get().set_link_index_filter(index).execute()).await?;
    Ok(messages.into_iter().filter(|message| message.header.scope == AddressScope::Universe).collect())
}

/// The address of this end; on point-to-point links the other attribute is the far end.
fn local(message: &AddressMessage) -> Option<IpAddr> {
    let find = |wanted: fn(&AddressAttribute) -> Option<IpAddr>| message.attributes.iter().find_map(wanted);
    find(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    })
    .or_else(|| {
        find(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    })
}

/// Adds an address; one that is there already is fine.
///
/// # Errors
/// INTERNAL_ERROR with the kernel's reason.
pub async fn add(handle: &Handle, index: u32, address: IpAddr, prefix: u8) -> Result<()> {
    let request = handle.address().add(index, address, prefix).replace().execute().await;
    request.map_err(|error| failed(&format!("{address}/{prefix} cannot be set"), error))
}

/// Removes the addresses of a family for which `unwanted` holds.
///
/// # Errors
/// INTERNAL_ERROR with the kernel's reason.
pub async fn remove(handle: &Handle, index: u32, unwanted: impl Fn(&IpAddr, u8) -> bool) -> Result<()> {
    for message in reaching(handle, index).await? {
        let Some(address) = local(&message).filter(|a| unwanted(a, message.header.prefix_len)) else {
            continue;
        };
        let gone = handle.address().del(message).execute().await;
        gone.map_err(|error| failed(&format!("{address} cannot be removed"), error))?;
    }
    Ok(())
}

/// Routes through an interface that were set by people or programs, not by the kernel itself.
async fn routes(handle: &Handle, index: u32) -> Result<Vec<RouteMessage>> {
    let mut found = Vec::new();
    for all in
        [RouteMessageBuilder::<Ipv4Addr>::new().build(), RouteMessageBuilder::<Ipv6Addr>::new().build()]
    {
        let all = listed("routes", || handle.route().get(all.clone()).execute()).await?;
        found.extend(all.into_iter().filter(|route| {
            route.attributes.iter().any(|a| matches!(a, RouteAttribute::Oif(on) if *on == index))
        }));
    }
    Ok(found)
}

fn gateway(route: &RouteMessage) -> Option<IpAddr> {
    route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(address)) => Some(IpAddr::V4(*address)),
        RouteAttribute::Gateway(RouteAddress::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    })
}

/// Default gateways through an interface.
///
/// # Errors
/// INTERNAL_ERROR when the kernel does not answer.
pub async fn gateways(handle: &Handle, index: u32) -> Result<Vec<IpAddr>> {
    let routes = routes(handle, index).await?;
    Ok(routes
        .iter()
        .filter(|route| route.header.destination_prefix_length == 0)
        .filter_map(gateway)
        .collect())
}

/// Makes `wanted` the default gateway of its family through an interface; `None` removes the family's gateway.
///
/// # Errors
/// INTERNAL_ERROR with the kernel's reason.
pub async fn set_gateway(handle: &Handle, index: u32, v6: bool, wanted: Option<IpAddr>) -> Result<()> {
    for route in routes(handle, index).await? {
        let default = route.header.destination_prefix_length == 0;
        if let Some(now) =
            gateway(&route).filter(|now| default && now.is_ipv6() == v6 && Some(*now) != wanted)
        {
            let gone = handle.route().del(route).execute().await;
            gone.map_err(|error| failed(&format!("the gateway {now} cannot be removed"), error))?;
        }
    }
    let Some(wanted) = wanted else { return Ok(()) };
    let route = match wanted {
        IpAddr::V4(wanted) => {
            RouteMessageBuilder::<Ipv4Addr>::new().gateway(wanted).output_interface(index).build()
        }
        IpAddr::V6(wanted) => {
            RouteMessageBuilder::<Ipv6Addr>::new().gateway(wanted).output_interface(index).build()
        }
    };
    let set = handle.route().add(route).replace().execute().await;
    set.map_err(|error| failed(&format!("the gateway {wanted} cannot be set"), error))
}

/// What an interface is reached by, as it was found.
pub struct Reach {
    addresses: Vec<AddressMessage>,
    gateways: Vec<IpAddr>,
}

impl Reach {
    /// # Errors
    /// INTERNAL_ERROR when the kernel does not answer.
    async fn of(handle: &Handle, index: u32) -> Result<Reach> {
        Ok(Reach { addresses: reaching(handle, index).await?, gateways: gateways(handle, index).await? })
    }

    fn has(&self, address: &IpAddr) -> bool {
        self.addresses.iter().any(|one| local(one).as_ref() == Some(address))
    }

    /// Gives an interface these addresses, each for as long as it was given to the one before, and then the gateways.
    ///
    /// # Errors
    /// INTERNAL_ERROR with the kernel's reason.
    pub async fn give(&self, handle: &Handle, index: u32) -> Result<()> {
        for one in &self.addresses {
            let Some(address) = local(one) else { continue };
            let mut request = handle.address().add(index, address, one.header.prefix_len).replace();
            let life = one.attributes.iter().filter(|a| matches!(a, AddressAttribute::CacheInfo(_)));
            request.message_mut().attributes.extend(life.cloned());
            let given = request.execute().await;
            given.map_err(|error| {
                failed(&format!("{address}/{} cannot be set", one.header.prefix_len), error)
            })?;
        }
        for gateway in &self.gateways {
            set_gateway(handle, index, gateway.is_ipv6(), Some(*gateway)).await?;
        }
        Ok(())
    }
}

/// Takes fixed IPv4 addresses off an interface, and the way out that came with them. Leased ones stay.
///
/// # Errors
/// INTERNAL_ERROR with the kernel's reason.
pub async fn take_fixed(handle: &Handle, index: u32) -> Result<Reach> {
    let mut all = Reach::of(handle, index).await?;
    all.addresses.retain(|one| {
        one.header.flags.contains(AddressHeaderFlags::Permanent)
            && local(one).is_some_and(|address| address.is_ipv4())
    });
    all.gateways.retain(|gateway| gateway.is_ipv4() && !all.addresses.is_empty());
    remove(handle, index, |address, _| all.has(address)).await?;
    if !all.gateways.is_empty() {
        set_gateway(handle, index, false, None).await?;
    }
    Ok(all)
}

/// Moves what makes an interface reachable to another one: addresses, then gateways. What cannot be moved is
/// put back, so that a host does not lose the way it is managed by.
///
/// # Errors
/// INTERNAL_ERROR with the kernel's reason.
pub async fn hand_over(handle: &Handle, from: u32, to: u32) -> Result<()> {
    let all = Reach::of(handle, from).await?;
    remove(handle, from, |_, _| true).await?;
    let mut outcome = all.give(handle, to).await;
    if outcome.is_err() {
        remove(handle, to, |address, _| all.has(address)).await?;
        if let Err(error) = all.give(handle, from).await {
            outcome = Err(error);
        }
    }
    outcome
}

/// What an interface's addresses are.
///
/// # Errors
/// INTERNAL_ERROR when the kernel does not answer.
pub async fn told(handle: &Handle, index: u32) -> Result<Addresses> {
    let mut told = Addresses::default();
    for (address, prefix) in of(handle, index).await? {
        match address {
            IpAddr::V4(address) if told.v4.is_none() => told.v4 = Some((address, netmask(prefix))),
            IpAddr::V4(_) => {}
            IpAddr::V6(address) => told.v6.push((address, prefix)),
        }
    }
    for gateway in gateways(handle, index).await? {
        match gateway {
            IpAddr::V4(gateway) => told.gateway = Some(gateway),
            IpAddr::V6(gateway) => told.gateway6 = Some(gateway),
        }
    }
    Ok(told)
}

/// The mask of a prefix length.
pub fn netmask(prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0))
}

/// The prefix length of a mask; `None` for one with holes.
pub fn prefix_length(mask: Ipv4Addr) -> Option<u8> {
    let bits = u32::from(mask);
    let length = bits.leading_ones();
    (bits.count_ones() == length).then(|| u8::try_from(length).unwrap_or(32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_lengths_agree() {
        for length in 0..=32 {
            assert_eq!(prefix_length(netmask(length)), Some(length));
        }
        assert_eq!(prefix_length(Ipv4Addr::new(255, 0, 255, 0)), None);
    }
}
