//! `Bond`: several PIFs of a host joined into one. What the primary member carried moves to the bond and back.

use xapi_schema::{
    ApiEnum, ClassId, Map, Ref, Result, Value,
    classes::{
        Bond, BondMode, Host, IpConfigurationMode, Ipv6ConfigurationMode, Network, Pif, Vif, bond, host,
        network, pif, tunnel, vif, vlan, vm,
    },
    errors,
};
use xapi_store::{Read, Tx};

use super::{network as link, pif as card, vif as guest_card, vlan as tagged};
use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(bond::call::create, create);
    on.on(bond::call::destroy, destroy);
    on.on(bond::call::set_mode, set_mode);
    on.on(bond::call::set_property, set_property);
}

/// Is a property one of the mode's, with a value it may have?
fn is_property(mode: BondMode, name: &str, value: &str) -> bool {
    if mode != BondMode::Lacp {
        return false;
    }
    match name {
        "hashing_algorithm" => ["src_mac", "tcpudp_ports"].contains(&value),
        "lacp-time" => ["slow", "fast"].contains(&value),
        "lacp-fallback-ab" => ["true", "false"].contains(&value),
        "lacp-aggregation-key" => value.parse::<i64>().is_ok(),
        _ => false,
    }
}

/// The properties that fit a mode, with the defaults of those nobody gave.
fn with_defaults(mode: BondMode, given: &Map<String, String>) -> Map<String, String> {
    let mut all: Map<String, String> =
        given.0.iter().filter(|(name, value)| is_property(mode, name, value)).cloned().collect();
    if mode == BondMode::Lacp {
        let defaults =
            [("hashing_algorithm", "tcpudp_ports"), ("lacp-time", "slow"), ("lacp-fallback-ab", "true")];
        for (name, value) in defaults {
            if all.get(name).is_none() {
                all.set(name.into(), value.into());
            }
        }
    }
    all
}

fn assert_property(mode: BondMode, name: &str, value: &str) -> Result<()> {
    if is_property(mode, name, value) {
        return Ok(());
    }
    Err(errors::INVALID_VALUE.with(["properties".to_string(), format!("{name} = {value}")]))
}

fn has_address(read: &impl Read, this: &Ref<Pif>) -> Result<bool> {
    let record = read.record(this)?;
    let v4 = record.get(pif::ip_configuration_mode) != IpConfigurationMode::None;
    Ok(v4 || record.get(pif::ipv6_configuration_mode) != Ipv6ConfigurationMode::None)
}

/// What a member must be like. The order of the checks is the original's.
fn assert_member(read: &impl Read, this: &Ref<Pif>) -> Result<()> {
    let record = read.record(this)?;
    if !record.get(pif::managed) {
        return Err(errors::PIF_UNMANAGED.with([this]));
    }
    if read.exists(&record.get(pif::bond_slave_of)) || !record.get(pif::bond_master_of).is_empty() {
        return Err(errors::PIF_ALREADY_BONDED.with([this]));
    }
    if read.exists(&record.get(pif::VLAN_master_of)) {
        return Err(errors::PIF_VLAN_EXISTS.with([record.get(pif::device_name)]));
    }
    if !record.get(pif::tunnel_access_PIF_of).is_empty() {
        return Err(errors::IS_TUNNEL_ACCESS_PIF.with([this]));
    }
    if !record.get(pif::sriov_logical_PIF_of).is_empty() {
        return Err(errors::PIF_IS_SRIOV_LOGICAL.with([this]));
    }
    Ok(())
}

/// Why these PIFs cannot become a bond on a network; answers their host.
fn check(
    read: &impl Read,
    wanted: &Ref<Network>,
    members: &[Ref<Pif>],
    mac: &str,
    mode: BondMode,
    properties: &Map<String, String>,
) -> Result<Ref<Host>> {
    let [first, ..] = members else { return Err(errors::PIF_BOND_NEEDS_MORE_MEMBERS.bare()) };
    let home = read.get(first, pif::host)?;
    if !read.get(wanted, network::managed)? {
        return Err(errors::NETWORK_UNMANAGED.with([wanted]));
    }
    for other in read.get(wanted, network::PIFs)? {
        if read.get(&other, pif::host)? == home {
            return Err(errors::NETWORK_ALREADY_CONNECTED.with([home.as_str(), other.as_str()]));
        }
    }
    if !mac.is_empty() && !guest_card::is_mac(mac) {
        return Err(errors::MAC_INVALID.with([mac]));
    }
    for (name, value) in &properties.0 {
        assert_property(mode, name, value)?;
    }
    let kind = read.get(first, pif::primary_address_type)?;
    for member in members {
        if read.get(member, pif::primary_address_type)? != kind {
            return Err(errors::PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE.with([member]));
        }
    }
    for member in members {
        assert_member(read, member)?;
    }
    for member in members {
        if read.get(member, pif::host)? != home {
            return Err(errors::PIF_CANNOT_BOND_CROSS_HOST.bare());
        }
    }
    let shared = read.get(first, pif::properties)?;
    for member in members {
        if read.get(member, pif::properties)? != shared {
            return Err(errors::INCOMPATIBLE_PIF_PROPERTIES.bare());
        }
    }
    let addressed = members.iter().map(|m| has_address(read, m)).collect::<Result<Vec<_>>>()?;
    if addressed.iter().filter(|has| **has).count() > 1 {
        return Err(errors::PIF_BOND_MORE_THAN_ONE_IP.bare());
    }
    Ok(home)
}

/// The member whose configuration the bond takes over.
fn primary(read: &impl Read, members: &[Ref<Pif>]) -> Result<Option<Ref<Pif>>> {
    for member in members {
        if read.get(member, pif::management)? {
            return Ok(Some(member.clone()));
        }
    }
    for member in members {
        if has_address(read, member)? {
            return Ok(Some(member.clone()));
        }
    }
    Ok(members.first().cloned())
}

/// The lowest `bond<n>` no PIF of the host has.
fn fresh_device(read: &impl Read, home: &Ref<Host>) -> Result<String> {
    let pifs = read.get(home, host::PIFs)?;
    let used = pifs.iter().map(|p| read.get(p, pif::device)).collect::<Result<Vec<_>>>()?;
    Ok((0..).map(|n| format!("bond{n}")).find(|name| !used.contains(name)).unwrap_or_default())
}

/// Moves what says how a PIF is reached to another one: addresses, management, protection.
fn move_configuration(tx: &mut Tx, from: &Ref<Pif>, to: &Ref<Pif>) -> Result<()> {
    let record = tx.record(from)?.clone();
    tx.set(to, pif::ip_configuration_mode, record.get(pif::ip_configuration_mode))?;
    tx.set(to, pif::IP, record.get(pif::IP))?;
    tx.set(to, pif::netmask, record.get(pif::netmask))?;
    tx.set(to, pif::gateway, record.get(pif::gateway))?;
    tx.set(to, pif::DNS, record.get(pif::DNS))?;
    tx.set(to, pif::ipv6_configuration_mode, record.get(pif::ipv6_configuration_mode))?;
    tx.set(to, pif::IPv6, record.get(pif::IPv6))?;
    tx.set(to, pif::ipv6_gateway, record.get(pif::ipv6_gateway))?;
    tx.set(to, pif::primary_address_type, record.get(pif::primary_address_type))?;
    tx.set(to, pif::management, record.get(pif::management))?;
    tx.set(to, pif::disallow_unplug, record.get(pif::disallow_unplug))?;
    tx.set(from, pif::ip_configuration_mode, IpConfigurationMode::None)?;
    for emptied in [pif::IP, pif::netmask, pif::gateway, pif::DNS, pif::ipv6_gateway] {
        tx.set(from, emptied, String::new())?;
    }
    tx.set(from, pif::ipv6_configuration_mode, Ipv6ConfigurationMode::None)?;
    tx.set(from, pif::IPv6, vec![])?;
    tx.set(from, pif::management, false)?;
    tx.set(from, pif::disallow_unplug, false)
}

/// Makes the VLANs and tunnels of a PIF those of another one; answers the new PIFs that were up before.
fn move_upper(tx: &mut Tx, from: &Ref<Pif>, to: &Ref<Pif>) -> Result<Vec<Ref<Pif>>> {
    let mut up = Vec::new();
    for old in tx.get(from, pif::VLAN_slave_of)? {
        let number = tx.get(&old, vlan::tag)?;
        let above = tx.get(&old, vlan::untagged_PIF)?;
        let record = tx.record(&above)?.clone();
        let home = record.get(pif::network);
        tx.destroy(&old)?;
        // The network lets only one PIF of a host in, so the old one goes first; its settings are in `record`.
        tx.destroy(&above)?;
        let (_, made) = tagged::create_rows(tx, to, number, &home)?;
        tx.set(&made, pif::ip_configuration_mode, record.get(pif::ip_configuration_mode))?;
        tx.set(&made, pif::IP, record.get(pif::IP))?;
        tx.set(&made, pif::netmask, record.get(pif::netmask))?;
        tx.set(&made, pif::gateway, record.get(pif::gateway))?;
        tx.set(&made, pif::DNS, record.get(pif::DNS))?;
        tx.set(&made, pif::management, record.get(pif::management))?;
        tx.set(&made, pif::disallow_unplug, record.get(pif::disallow_unplug))?;
        tx.set(&made, pif::other_config, record.get(pif::other_config))?;
        if record.get(pif::currently_attached) {
            up.push(made);
        }
    }
    for over in tx.get(from, pif::tunnel_transport_PIF_of)? {
        tx.set(&over, tunnel::transport_PIF, to.clone())?;
    }
    Ok(up)
}

/// Cards of guests on a network that run on this host or could run nowhere else.
fn bound_cards(read: &impl Read, wanted: &Ref<Network>, home: &Ref<Host>) -> Result<Vec<Ref<Vif>>> {
    let alone = read.all::<Host>().len() == 1;
    let mut found = Vec::new();
    for this in read.get(wanted, network::VIFs)? {
        let guest = read.get(&this, vif::VM)?;
        if alone || read.get(&guest, vm::resident_on)? == *home || read.get(&guest, vm::affinity)? == *home {
            found.push(this);
        }
    }
    Ok(found)
}

/// Puts guests' cards on another network, running ones included.
async fn move_cards(cx: &Cx, from: &Ref<Network>, to: &Ref<Network>, home: &Ref<Host>) -> Result<()> {
    for this in bound_cards(&*cx.snapshot(), from, home)? {
        guest_card::put_on(cx, &this, to).await?;
    }
    Ok(())
}

async fn create(
    cx: Cx,
    wanted: Ref<Network>,
    members: Vec<Ref<Pif>>,
    mac: String,
    mode: BondMode,
    properties: Map<String, String>,
) -> Result<Ref<Bond>> {
    let mut unique: Vec<Ref<Pif>> = Vec::new();
    for member in members {
        if !unique.contains(&member) {
            unique.push(member);
        }
    }
    let (members, target) = (unique, wanted.clone());
    let (this, master, home, up, was_up) = cx
        .commit(move |tx| {
            let home = check(tx, &target, &members, &mac, mode, &properties)?;
            let Some(leader) = primary(tx, &members)? else {
                return Err(errors::PIF_BOND_NEEDS_MORE_MEMBERS.bare());
            };
            let settings = with_defaults(mode, &properties);
            let (this, master) = create_rows(tx, &target, &home, &leader, &mac, mode, settings)?;
            let mut was_up = false;
            for member in &members {
                tx.set(member, pif::bond_slave_of, this.clone())?;
                was_up |= tx.get(member, pif::currently_attached)?;
            }
            move_configuration(tx, &leader, &master)?;
            let mut up = Vec::new();
            for member in &members {
                up.extend(move_upper(tx, member, &master)?);
                tx.set(member, pif::currently_attached, false)?;
            }
            Ok((this, master, home, up, was_up))
        })
        .await?;
    cx.progress(0.2).await;
    let outcome = realise(&cx, &this, &master, &wanted, &home, was_up, &up).await;
    if let Err(failure) = outcome {
        tracing::info!(%failure, "a bond could not be made and is undone");
        dissolve(&cx, &this).await?;
        return Err(failure);
    }
    Ok(this)
}

/// Writes the bond and its PIF.
fn create_rows(
    tx: &mut Tx,
    wanted: &Ref<Network>,
    home: &Ref<Host>,
    leader: &Ref<Pif>,
    mac: &str,
    mode: BondMode,
    properties: Map<String, String>,
) -> Result<(Ref<Bond>, Ref<Pif>)> {
    let record = tx.record(leader)?.clone();
    let device = fresh_device(tx, home)?;
    let metrics =
        tx.create_value(ClassId::PifMetrics, None, &Value::map([("carrier", Value::Bool(false))]))?;
    let own = if mac.is_empty() { record.get(pif::MAC) } else { mac.to_lowercase() };
    let members = Value::map([
        ("device", Value::str(device.as_str())),
        ("device_name", Value::str(device.as_str())),
        ("network", Value::Str(wanted.text().clone())),
        ("host", Value::Str(home.text().clone())),
        ("MAC", Value::str(own)),
        ("MTU", Value::Int(-1)),
        ("VLAN", Value::Int(-1)),
        ("metrics", Value::Str(metrics)),
        ("physical", Value::Bool(false)),
        ("managed", Value::Bool(true)),
        ("currently_attached", Value::Bool(false)),
        ("ip_configuration_mode", Value::str("None")),
        ("ipv6_configuration_mode", Value::str("None")),
        ("primary_address_type", Value::str(record.get(pif::primary_address_type).as_str())),
        ("igmp_snooping_status", Value::str("unknown")),
    ]);
    let master: Ref<Pif> = Ref::new(tx.create_value(ClassId::Pif, None, &members)?);
    tx.set(&master, pif::properties, record.get(pif::properties))?;
    let members = Value::map([
        ("master", Value::Str(master.text().clone())),
        ("primary_slave", Value::Str(leader.text().clone())),
        ("mode", Value::str(mode.as_str())),
        ("auto_update_mac", Value::Bool(mac.is_empty())),
    ]);
    let this: Ref<Bond> = Ref::new(tx.create_value(ClassId::Bond, None, &members)?);
    tx.set(&this, bond::properties, properties)?;
    Ok((this, master))
}

/// Makes a bond that is written come true on the host.
async fn realise(
    cx: &Cx,
    this: &Ref<Bond>,
    master: &Ref<Pif>,
    wanted: &Ref<Network>,
    home: &Ref<Host>,
    was_up: bool,
    up: &[Ref<Pif>],
) -> Result<()> {
    let networks = member_networks(cx, this)?;
    if was_up {
        link::bring_up(cx, wanted).await?;
        card::apply_addresses(cx, master).await?;
        cx.progress(0.4).await;
        for above in up {
            card::bring_up(cx, above).await?;
            card::apply_addresses(cx, above).await?;
        }
    }
    cx.progress(0.6).await;
    for from in &networks {
        move_cards(cx, from, wanted, home).await?;
    }
    cx.progress(0.8).await;
    let snapshot = cx.snapshot();
    for from in &networks {
        // The bond's bridge carries what theirs did; a bridge of guests that stay elsewhere is left.
        let bridge = snapshot.get(from, network::bridge)?;
        if let Err(failure) = cx.xapi.backends.network.bring_down(&bridge).await {
            tracing::warn!(%failure, bridge, "the bridge of a bond's member stays");
        }
    }
    let mtu = snapshot.get(wanted, network::MTU)?;
    let master = master.clone();
    cx.commit(move |tx| {
        for from in &networks {
            tx.set(from, network::MTU, mtu)?;
        }
        tx.set(&master, pif::MTU, mtu)
    })
    .await?;
    cx.progress(0.9).await;
    Ok(())
}

fn member_networks(cx: &Cx, this: &Ref<Bond>) -> Result<Vec<Ref<Network>>> {
    let snapshot = cx.snapshot();
    snapshot.get(this, bond::slaves)?.iter().map(|member| snapshot.get(member, pif::network)).collect()
}

async fn destroy(cx: Cx, this: Ref<Bond>) -> Result<()> {
    cx.snapshot().record(&this)?;
    dissolve(&cx, &this).await
}

/// Gives everything back to the primary member and removes the bond.
async fn dissolve(cx: &Cx, this: &Ref<Bond>) -> Result<()> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(this)?.clone();
    let (master, members) = (record.get(bond::master), record.get(bond::slaves));
    let was_up = snapshot.get(&master, pif::currently_attached)?;
    let home = snapshot.get(&master, pif::host)?;
    let joined = snapshot.get(&master, pif::network)?;
    let named = record.get(bond::primary_slave);
    let leader = if snapshot.exists(&named) { Some(named) } else { members.first().cloned() };
    let (target, from, heirs) = (this.clone(), master.clone(), members.clone());
    let heir = leader.clone();
    let up = cx
        .commit(move |tx| {
            for member in &heirs {
                tx.set(member, pif::bond_slave_of, Ref::null())?;
            }
            let Some(heir) = heir else { return Ok(vec![]) };
            move_configuration(tx, &from, &heir)?;
            let up = move_upper(tx, &from, &heir)?;
            tx.destroy(&target)?;
            card::remove(tx, &from)?;
            Ok(up)
        })
        .await?;
    cx.progress(0.4).await;
    if was_up {
        let bridge = cx.snapshot().get(&joined, network::bridge)?;
        // Cards are taken from the bond when its bridge goes, and guests move before it does.
        if let Some(leader) = &leader {
            let theirs = cx.snapshot().get(leader, pif::network)?;
            link::bring_up(cx, &theirs).await?;
            card::apply_addresses(cx, leader).await?;
            move_cards(cx, &joined, &theirs, &home).await?;
        }
        // So do VLANs: some bridges do not go while one is on them.
        for above in &up {
            card::bring_up(cx, above).await?;
            card::apply_addresses(cx, above).await?;
        }
        cx.xapi.backends.network.bring_down(&bridge).await?;
        for member in members.iter().filter(|member| Some(*member) != leader.as_ref()) {
            link::bring_up(cx, &cx.snapshot().get(member, pif::network)?).await?;
        }
    } else if let Some(leader) = &leader {
        let theirs = cx.snapshot().get(leader, pif::network)?;
        move_cards(cx, &joined, &theirs, &home).await?;
    }
    Ok(())
}

async fn set_mode(cx: Cx, this: Ref<Bond>, value: BondMode) -> Result<()> {
    let target = this.clone();
    cx.commit(move |tx| {
        let kept = tx.get(&target, bond::properties)?;
        tx.set(&target, bond::mode, value)?;
        tx.set(&target, bond::properties, with_defaults(value, &kept))
    })
    .await?;
    plug_again(&cx, &this).await
}

async fn set_property(cx: Cx, this: Ref<Bond>, name: String, value: String) -> Result<()> {
    assert_property(cx.snapshot().get(&this, bond::mode)?, &name, &value)?;
    let target = this.clone();
    cx.commit(move |tx| tx.update(&target, bond::properties, |all| all.set(name, value))).await?;
    plug_again(&cx, &this).await
}

async fn plug_again(cx: &Cx, this: &Ref<Bond>) -> Result<()> {
    let snapshot = cx.snapshot();
    let master = snapshot.get(this, bond::master)?;
    if !snapshot.get(&master, pif::currently_attached)? {
        return Ok(());
    }
    card::bring_up(cx, &master).await?;
    // A bond that was made anew has lost what stood on it.
    for over in snapshot.get(&master, pif::VLAN_slave_of)? {
        let above = snapshot.get(&over, vlan::untagged_PIF)?;
        if snapshot.get(&above, pif::currently_attached)? {
            card::bring_up(cx, &above).await?;
        }
    }
    Ok(())
}
