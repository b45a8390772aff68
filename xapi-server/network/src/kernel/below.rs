//! What a bridge of the kernel stands on: a card, a VLAN, a bond, a tunnel. Never puts anything on a bridge and never takes
//! away what it did not make.

use std::net::IpAddr;

use rtnetlink::{LinkGre, LinkVlan, LinkVxlan, packet_route::link::GreIOFlags};
use xapi_backend::network::{Below, Link};
use xapi_schema::{Result, errors};

use super::{Kernel, NAME, change};
use crate::{
    bonds, ethtool, failed,
    links::{self, Interface},
};

/// Port of VXLAN as registered.
const VXLAN_PORT: u16 = 4789;

impl Kernel {
    /// Makes what a bridge stands on; answers the interface that is put on the bridge.
    pub(super) async fn make_below(&self, link: &Link) -> Result<Option<Interface>> {
        let mtu = size(link)?;
        match &link.below {
            Below::Nothing => Ok(None),
            Below::Device(device) => {
                let known = self.get(device).await?;
                ethtool::apply(device, &link.settings).await;
                self.ready(&known, mtu).await?;
                Ok(Some(known))
            }
            Below::Vlan { device, tag, .. } => {
                let under = self.get(device).await?;
                let tag =
                    u16::try_from(*tag).map_err(|_| errors::VLAN_TAG_INVALID.with([tag.to_string()]))?;
                let name = vlan_name(device, tag);
                let made =
                    self.ensure(&name, "vlan", || LinkVlan::new(&name, under.index, tag).build()).await?;
                self.ready(&under, None).await?;
                // A tagged frame is as large as what carries it allows.
                self.ready(&made, mtu.map(|mtu| mtu.min(under.mtu))).await?;
                Ok(Some(made))
            }
            Below::Bond { device, members, mode, properties } => {
                let made = self.bond(link, device, members, mode, properties).await?;
                self.ready(&made, mtu).await?;
                Ok(Some(made))
            }
            Below::Tunnel { device, protocol, key, local, remotes } => {
                let made = self.tunnel(device, protocol, *key, *local, remotes).await?;
                self.ready(&made, mtu).await?;
                Ok(Some(made))
            }
        }
    }

    /// A bond of cards. One with other settings is made anew, for the kernel changes most of them only of empty bonds.
    async fn bond(
        &self,
        link: &Link,
        device: &str,
        members: &[String],
        mode: &str,
        properties: &[(String, String)],
    ) -> Result<Interface> {
        let wanted: Vec<Interface> = {
            let all = self.all().await?;
            let one = |name: &String| {
                let found = all.iter().find(|known| known.name == *name).cloned();
                found.ok_or_else(|| failed(name, "there is no such network interface"))
            };
            members.iter().map(one).collect::<Result<_>>()?
        };
        let found = self.find(device).await?;
        if let Some(old) = found.filter(|known| known.kind == "bond") {
            let settings = self.places.sys.join("class/net").join(device).join("bonding");
            let has = |(name, wanted): &(&str, String)| {
                let told = std::fs::read_to_string(settings.join(name)).unwrap_or_default();
                told.split_whitespace().next() == Some(wanted)
            };
            if !bonds::settings(mode, properties).iter().all(has) {
                self.remove(&old).await?;
            }
        }
        let mac = links::mac_bytes(&link.mac);
        let made = self.ensure(device, "bond", || bonds::message(device, mode, properties, mac)).await?;
        if let Err(failure) = bonds::hear_no_echo(device, mode).await {
            self.remove(&made).await?;
            return Err(failure);
        }
        for member in &wanted {
            if member.controller == Some(made.index) {
                continue;
            }
            ethtool::apply(&member.name, &link.settings).await;
            // The kernel takes only members that are down.
            self.set(member, change().down()).await?;
            self.join(member, &made).await?;
            self.set(member, change().up()).await?;
        }
        for known in self.all().await? {
            if known.controller == Some(made.index) && !members.contains(&known.name) {
                self.leave(&known).await?;
            }
        }
        self.get(device).await
    }

    async fn tunnel(
        &self,
        device: &str,
        protocol: &str,
        key: u32,
        local: Option<IpAddr>,
        remotes: &[IpAddr],
    ) -> Result<Interface> {
        match (protocol, remotes) {
            ("vxlan", remotes) => {
                let message = || {
                    let mut new = LinkVxlan::new(device, key).port(VXLAN_PORT);
                    new = match local {
                        Some(IpAddr::V4(local)) => new.local(local),
                        Some(IpAddr::V6(local)) => new.local6(local),
                        None => new,
                    };
                    match remotes.first() {
                        Some(IpAddr::V4(remote)) => new.remote(*remote).build(),
                        Some(IpAddr::V6(remote)) => new.remote6(*remote).build(),
                        None => new.build(),
                    }
                };
                let made = self.ensure(device, "vxlan", message).await?;
                self.reach(&made, remotes).await?;
                Ok(made)
            }
            ("gre", [IpAddr::V4(remote)]) => {
                let message = || {
                    let keyed = GreIOFlags::Key;
                    let new = LinkGre::new_gretap(device).remote(*remote).iflags(keyed).oflags(keyed);
                    let new = new.ikey(key).okey(key);
                    match local {
                        Some(IpAddr::V4(local)) => new.local(local).build(),
                        _ => new.build(),
                    }
                };
                self.ensure(device, "gretap", message).await
            }
            ("gre", _) => {
                Err(failed(device, "a GRE tunnel of the kernel has exactly one IPv4 address at its end"))
            }
            (other, _) => Err(failed(device, format!("there are no tunnels of the kind {other:?}"))),
        }
    }

    /// Frames for everybody go to each far end of a VXLAN: the first came with the device, the others are
    /// entries for the address of all zeros.
    async fn reach(&self, made: &Interface, remotes: &[IpAddr]) -> Result<()> {
        for remote in remotes.iter().skip(1) {
            let entry = ["fdb", "append", "00:00:00:00:00:00", "dev", made.name.as_str(), "dst"];
            let told = xapi_backend::program::Program::new("bridge").args(entry).arg(remote.to_string());
            match told.succeed().await {
                Ok(_) => {}
                Err(error) if error.to_string().contains("File exists") => {}
                Err(error) => return Err(failed(&made.name, error)),
            }
        }
        Ok(())
    }
}

/// Largest frame that is asked for, if any is.
pub(super) fn size(link: &Link) -> Result<Option<u32>> {
    if link.mtu <= 0 {
        return Ok(None);
    }
    let mtu = u32::try_from(link.mtu)
        .map_err(|_| errors::INVALID_VALUE.with(["MTU".into(), link.mtu.to_string()]))?;
    Ok(Some(mtu))
}

/// Name of a tagged interface. The kernel's limit cuts the card's name, never the tag.
pub(crate) fn vlan_name(device: &str, tag: u16) -> String {
    let tag = format!(".{tag}");
    let kept: String = device.chars().take(NAME.saturating_sub(tag.len())).collect();
    format!("{kept}{tag}")
}
