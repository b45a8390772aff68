//! The xe command line: command table, rendering, thin protocol
