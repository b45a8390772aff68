//! The xe command line: command table, rendering, thin protocol.
//!
//! Server half: [`serve`] runs one `POST /cli` exchange against an [`Api`].
//! Never here: the object database, domains, storage; everything goes through API calls.

pub mod api;
pub mod args;
pub mod client;
pub mod commands;
pub mod failure;
pub mod fault;
pub mod filter;
pub mod generated;
pub mod output;
pub mod protocol;
pub mod render;
pub mod run;
pub mod select;
pub mod server;
pub mod table;
pub mod tasks;
pub mod values;

pub use api::{Api, Boxed, Credentials, Login};
pub use server::serve;
