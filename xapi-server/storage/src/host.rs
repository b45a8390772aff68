//! The few other programs storage needs (mount, mkfs, lvm, iscsiadm), behind a trait so that what is decided from
//! their answers can be tested without them. Arguments only, never a shell.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use xapi_backend::program::{Output, Program};

/// Runs programs.
#[async_trait]
pub trait Host: Send + Sync + 'static {
    /// Runs a program to its end.
    ///
    /// # Errors
    /// It could not be started, or did not end in time; for people.
    async fn run(&self, program: &str, args: &[&str], environment: &[(&str, &str)])
    -> Result<Output, String>;

    /// Runs a program and takes everything but status 0 for a failure.
    ///
    /// # Errors
    /// Also what it said, for people.
    async fn succeed(&self, program: &str, args: &[&str]) -> Result<String, String> {
        let output = self.run(program, args, &[]).await?;
        if output.status == 0 {
            return Ok(output.stdout);
        }
        Err(format!("{program} failed with {}: {}", output.status, output.stderr.trim()))
    }
}

/// This machine.
#[derive(Debug, Default, Clone, Copy)]
pub struct System;

#[async_trait]
impl Host for System {
    async fn run(
        &self,
        program: &str,
        args: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Output, String> {
        // A volume group of thousands of volumes prints more than the usual megabyte; formatting takes its time.
        let mut child = Program::new(program).args(args).deadline(Duration::from_secs(300)).limit(64 << 20);
        for (name, value) in environment {
            child = child.variable(name, value);
        }
        child.run().await.map_err(|e| e.to_string())
    }
}

/// A host that answers from a list and notes what it was asked; for tests.
#[derive(Default)]
pub struct Script {
    answers: Mutex<Vec<(String, Output)>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    /// From now on command lines that begin like this are answered so; later lines win over earlier ones.
    pub fn answer(&self, begins: &str, status: i32, stdout: &str, stderr: &str) {
        let output = Output { status, stdout: stdout.into(), stderr: stderr.into() };
        lock(&self.answers).push((begins.into(), output));
    }

    /// Every command line so far.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.asked).clone()
    }
}

fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[async_trait]
impl Host for Script {
    async fn run(&self, program: &str, args: &[&str], _: &[(&str, &str)]) -> Result<Output, String> {
        let line = [&[program], args].concat().join(" ");
        lock(&self.asked).push(line.clone());
        let answers = lock(&self.answers);
        let found = answers.iter().rev().find(|(begins, _)| line.starts_with(begins.as_str()));
        found.map(|(_, output)| output.clone()).ok_or_else(|| format!("nobody answers {line:?}"))
    }
}
