//! Links as the kernel reports them. Reads only.

use futures_util::{TryStream, TryStreamExt};
use rtnetlink::{
    Handle,
    packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
};
use xapi_schema::Result;

use crate::failed;

/// A network interface.
#[derive(Debug, Clone, PartialEq)]
pub struct Interface {
    /// Number in the kernel.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Hardware address, lower case.
    pub mac: String,
    /// Bytes.
    pub mtu: u32,
    /// Switched on.
    pub up: bool,
    /// There is somebody at the other end.
    pub carrier: bool,
    /// Index of the bridge or bond it belongs to.
    pub controller: Option<u32>,
    /// Index of what it is built on.
    pub on: Option<u32>,
    /// `bridge`, `vlan`, `bond`, `veth` ...; empty for hardware.
    pub kind: String,
    /// What somebody wrote beside its name.
    pub alias: String,
}

/// How often a list is asked for that changes while it is read.
const TRIES: usize = 20;

/// A list of the kernel's. One that changed meanwhile is refused by it as busy, and asked for again.
///
/// # Errors
/// INTERNAL_ERROR when the kernel does not answer.
pub async fn listed<T, S>(what: &str, ask: impl Fn() -> S) -> Result<Vec<T>>
where
    S: TryStream<Ok = T, Error = rtnetlink::Error>,
{
    let mut tries = 0;
    loop {
        tries += 1;
        match ask().try_collect().await {
            Ok(all) => return Ok(all),
            Err(error) if tries < TRIES && is_busy(&error) => {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            Err(error) => return Err(failed(&format!("the kernel does not list {what}"), error)),
        }
    }
}

fn is_busy(error: &rtnetlink::Error) -> bool {
    const INTERRUPTED: i32 = 4;
    const BUSY: i32 = 16;
    matches!(error, rtnetlink::Error::NetlinkError(message) if [BUSY, INTERRUPTED].contains(&message.raw_code().abs()))
}

/// All interfaces there are.
///
/// # Errors
/// INTERNAL_ERROR when the kernel does not answer.
pub async fn all(handle: &Handle) -> Result<Vec<Interface>> {
    let messages: Vec<LinkMessage> = listed("links", || handle.link().get().execute()).await?;
    Ok(messages.iter().map(read).collect())
}

/// A hardware address as it is written.
pub fn mac(bytes: &[u8]) -> String {
    let parts: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    parts.join(":")
}

/// The bytes of a hardware address.
pub fn mac_bytes(text: &str) -> Option<Vec<u8>> {
    let bytes: Option<Vec<u8>> = text.split(':').map(|part| u8::from_str_radix(part, 16).ok()).collect();
    bytes.filter(|bytes| bytes.len() == 6)
}

fn read(message: &LinkMessage) -> Interface {
    let mut found = Interface {
        index: message.header.index,
        name: String::new(),
        mac: String::new(),
        mtu: 0,
        up: message.header.flags.contains(LinkFlags::Up),
        carrier: message.header.flags.contains(LinkFlags::LowerUp),
        controller: None,
        on: None,
        kind: String::new(),
        alias: String::new(),
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => found.name.clone_from(name),
            LinkAttribute::IfAlias(alias) => found.alias.clone_from(alias),
            LinkAttribute::Address(bytes) => found.mac = mac(bytes),
            LinkAttribute::Mtu(mtu) => found.mtu = *mtu,
            LinkAttribute::Controller(index) => found.controller = Some(*index),
            LinkAttribute::Link(index) => found.on = Some(*index),
            LinkAttribute::LinkInfo(infos) => {
                let kind = infos.iter().find_map(|info| match info {
                    LinkInfo::Kind(kind) => Some(kind_name(kind)),
                    _ => None,
                });
                found.kind = kind.unwrap_or_default();
            }
            _ => {}
        }
    }
    found
}

fn kind_name(kind: &InfoKind) -> String {
    kind.to_string()
}
