//! The hand-written commands, one file per noun.
//!
//! Each noun's `run` answers false for names it does not know; a name in the command table that no
//! noun knows is refused honestly.

mod help;

use crate::{
    fault::{Outcome, command},
    generated,
    run::Run,
};

pub use help::{Part, help};

/// Runs the command of a session that is open.
pub async fn run(run: &mut Run<'_>) -> Outcome {
    if generated::run(run).await? {
        return Ok(());
    }
    command(format!("The command '{}' is not implemented by this server", run.args.command))
}
