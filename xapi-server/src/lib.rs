//! The toolstack daemon
