//! What each message does.
//!
//! Takes a call that some transport has read, checks it (arguments, session, role), and answers it from
//! the tables or with a registered function, which works on the store and the backends' traits.
//!
//! Never here: sockets, processes, wire text, and the wall clock other than through [`Clock`].

pub mod audit;
mod auto;
mod clock;
mod cx;
pub mod declared;
mod devices;
mod dispatch;
pub mod event;
pub mod filter;
pub mod first_boot;
pub mod garbage;
pub mod guard;
mod handlers;
mod known;
mod meter;
pub mod metrics;
mod outside;
mod peer;
mod registry;
pub mod role;
pub mod rules;
pub mod session;
pub mod startup;
pub mod task;
pub mod transfer;
mod unfinished;
mod xapi;

pub use clock::{Clock, SystemClock};
pub use cx::Cx;
pub use dispatch::CallInfo;
pub use outside::{Outside, Pieces};
pub use peer::Peer;
pub use registry::{BoxFuture, Registry, unimplemented};
pub use xapi::{Agent, NbdService, Plugins, Settings, Xapi};
