//! The xe command line: command table, rendering, thin protocol.
//!
//! Server half: [`serve`] runs one `POST /cli` exchange against an [`Api`]. Client half: [`client`].
//! Never here: the object database, domains, storage; everything goes through API calls.

pub mod protocol;
pub mod table;
