//! The program `xl`: arguments only, with a deadline and a limit, never cut short because a caller went away.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use xapi_backend::program::{Error, Program};
use xapi_schema::{Failure, Result};

/// `xl`, and how long it may take.
#[derive(Debug, Clone)]
pub struct Xl {
    /// Name looked up in PATH, or a path.
    pub program: PathBuf,
    /// For what is quick: lists, pauses, settings.
    pub quick: Duration,
    /// For what builds, ends or plugs; libxl has limits of its own of about 40 s for each script.
    pub slow: Duration,
    /// For memory images: how long no byte may move.
    pub stall: Duration,
    /// Variables of its environment, added to ours.
    pub variables: Vec<(&'static str, OsString)>,
}

impl Default for Xl {
    fn default() -> Xl {
        Xl {
            program: "xl".into(),
            quick: Duration::from_secs(60),
            slow: Duration::from_secs(300),
            stall: Duration::from_secs(180),
            variables: vec![],
        }
    }
}

impl Xl {
    /// A command that is quick; answers what it printed.
    ///
    /// # Errors
    /// INTERNAL_ERROR in xl's words.
    pub async fn quick(&self, args: &[&str]) -> Result<String> {
        self.run(args, self.quick).await
    }

    /// A command that may take longer.
    ///
    /// # Errors
    /// As [`Xl::quick`].
    pub async fn slow(&self, args: &[&str]) -> Result<String> {
        self.run(args, self.slow).await
    }

    async fn run(&self, args: &[&str], deadline: Duration) -> Result<String> {
        let mut program = Program::new(&self.program).args(args.iter().copied()).deadline(deadline);
        for (name, value) in &self.variables {
            program = program.variable(name, value);
        }
        let what = args.first().copied().unwrap_or_default().to_string();
        // On its own: a caller who hangs up must not leave a domain half-made.
        let done = tokio::spawn(async move { program.succeed().await }).await;
        match done {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(error)) => Err(explain(&what, &error)),
            Err(error) => Err(Failure::internal(format!("xl {what}: {error}"))),
        }
    }
}

fn explain(what: &str, error: &Error) -> Failure {
    match error {
        Error::Failed { status: 134, .. } => Failure::internal(format!("xl {what} was aborted")),
        Error::Failed { status, told, .. } => {
            Failure::internal(format!("xl {what} failed with {status}: {told}"))
        }
        other => Failure::internal(format!("xl {what}: {other}")),
    }
}
