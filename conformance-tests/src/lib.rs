//! Real clients and recorded answers, over the wire only: this crate links no part of the server.

pub mod nbd;
pub mod old_database;
pub mod rbac;
pub mod replay;
pub mod rpc;
pub mod server;
pub mod tools;
pub mod transfer;
pub mod wire;
