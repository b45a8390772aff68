//! What a guest does with a disk that was opened for it, over the socket its server offers.

use xapi_backend::storage::DataPath;

#[path = "../../../disk/tests/common/nbd.rs"]
pub mod nbd;

pub use nbd::Client;

/// A connection to an open disk.
pub fn connect(path: &DataPath) -> Client {
    match path {
        DataPath::Nbd { socket, export } => Client::connect(socket, export, &[]),
        other => panic!("no socket: {other:?}"),
    }
}
