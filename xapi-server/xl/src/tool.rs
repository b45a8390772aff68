//! The program `xl`: arguments only, with a deadline and a limit, never cut short because a caller went away.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use xapi_backend::program::{Error, Program};
use xapi_facts::Root;
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
    /// How many domains are built at once. With memory of the control domain's own set aside (`dom0_mem`), as is usual, xl
    /// itself knows no limit, and emulators that get no processor are given up after 10 s.
    pub at_once: usize,
    /// Variables of its environment, added to ours.
    pub variables: Vec<(&'static str, OsString)>,
}

/// The program itself where a distribution keeps one for each release of Xen and puts a script before it, which would cost
/// each call a shell; else the name.
fn program(root: &Root) -> PathBuf {
    let number = |name: &str| root.word(format!("sys/hypervisor/version/{name}"));
    let release = format!("usr/lib/xen-{}.{}/bin/xl", number("major"), number("minor"));
    if root.has(&release) { root.path(release) } else { "xl".into() }
}

impl Default for Xl {
    fn default() -> Xl {
        Xl {
            program: program(&Root::default()),
            quick: Duration::from_secs(60),
            slow: Duration::from_secs(300),
            stall: Duration::from_secs(180),
            at_once: std::thread::available_parallelism().map_or(1, usize::from),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_script_stands_before_the_program() {
        let dir = tempfile::tempdir().expect("a directory");
        let put = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        let root = Root::at(dir.path());
        put("usr/lib/xen-4.20/bin/xl", "");
        assert_eq!(program(&root), PathBuf::from("xl"));
        put("sys/hypervisor/version/major", "4\n");
        put("sys/hypervisor/version/minor", "20\n");
        assert_eq!(program(&root), dir.path().join("usr/lib/xen-4.20/bin/xl"));
        // Another release runs than is installed.
        put("sys/hypervisor/version/minor", "21\n");
        assert_eq!(program(&root), PathBuf::from("xl"));
    }
}
