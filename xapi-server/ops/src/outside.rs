//! [`Outside`]: other machines, as far as operations need them. The toolstack itself opens no socket.

use std::{io, time::Duration};

use bytes::Bytes;
use tokio::sync::mpsc;
use xapi_schema::Result;

use crate::BoxFuture;

/// What comes from another machine, piece by piece; an error ends it.
pub type Pieces = mpsc::Receiver<io::Result<Bytes>>;

/// The way to other machines.
pub trait Outside: Send + Sync {
    /// Does anybody listen at a port of a machine?
    fn listens(&self, machine: &str, port: u16, patience: Duration) -> BoxFuture<bool>;

    /// What is at a URL, `http` or `https`.
    ///
    /// # Errors
    /// IMPORT_ERROR [text].
    fn fetch(&self, url: &str) -> BoxFuture<Result<Pieces>>;
}
