//! What a NixOS configuration declares, compared with what a server has, and brought about.
//!
//! [`manifest`] is the contract with the Nix half, [`world`] what was observed, [`plan`] the pure comparison,
//! [`apply`] carries a plan out through the API and nothing else. No part of this knows the server's crates: it
//! drives a XAPI over the wire.

pub mod action;
pub mod apply;
pub mod client;
pub mod manifest;
pub mod plan;
pub mod trust;
pub mod world;
