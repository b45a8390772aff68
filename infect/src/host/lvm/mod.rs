//! Volume groups from the text a physical volume carries: no tool, no device mapper, no lock, no write.

mod group;
mod label;
mod logical;
mod text;

pub use group::{Group, Logical, Physical, Segment, group};
pub use label::{Label, label};
pub use logical::LogicalMedium;
