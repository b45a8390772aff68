//! [`Peer`]: where a call came from, as far as rights and limits depend on it.

use std::net::IpAddr;

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// The local socket, whose permissions make its users root.
    Local,
    /// A client on the network.
    Network(IpAddr),
}

impl Peer {
    /// True on the local socket.
    pub fn is_local(&self) -> bool {
        *self == Peer::Local
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Peer::Local => f.write_str("local socket"),
            Peer::Network(address) => address.fmt(f),
        }
    }
}
