//! Passwords of the host's own administrator, checked by the system (PAM, service `xapi`).
//!
//! Only user 0 is let in this way: everybody else is a subject of the directory service. Built with the
//! feature `pam`, which needs the system's PAM library.

use std::{
    ffi::{OsStr, OsString},
    future::Future,
    pin::Pin,
    sync::Arc,
};

use nonstick::{
    AuthnFlags, AuthtokFlags, ConversationAdapter, Result as PamResult, Transaction, TransactionBuilder,
};
use tokio::sync::Semaphore;
use xapi_ops::session::{Grant, PasswordCheck, Refusal};

use crate::passwords::PasswordFile;

/// Name of the service; its rules stand in `/etc/pam.d/xapi`.
const SERVICE: &str = "xapi";
/// Checks at a time: modules may wait for seconds.
const PARALLEL: usize = 4;

/// The system for user 0, the file for everybody else.
pub struct Pam {
    file: PasswordFile,
    places: Arc<Semaphore>,
}

/// What is asked of the system.
enum Wish {
    /// Is this the password?
    Check,
    /// Make this the password.
    Change,
}

/// Answers every question with the name or the password.
struct Answers {
    user: String,
    password: String,
}

impl ConversationAdapter for Answers {
    fn prompt(&self, _: impl AsRef<OsStr>) -> PamResult<OsString> {
        Ok(OsString::from(&self.user))
    }
    fn masked_prompt(&self, _: impl AsRef<OsStr>) -> PamResult<OsString> {
        Ok(OsString::from(&self.password))
    }
    fn error_msg(&self, message: impl AsRef<OsStr>) {
        tracing::warn!(message = %message.as_ref().to_string_lossy(), "PAM");
    }
    fn info_msg(&self, message: impl AsRef<OsStr>) {
        tracing::info!(message = %message.as_ref().to_string_lossy(), "PAM");
    }
}

fn is_administrator(user: &str) -> bool {
    matches!(nix::unistd::User::from_name(user), Ok(Some(known)) if known.uid.is_root())
}

fn refused() -> Refusal {
    Refusal::Authentication("Authentication failure".into())
}

impl Pam {
    /// The system for user 0, this file for everybody else.
    pub fn new(file: PasswordFile) -> Pam {
        Pam { file, places: Arc::new(Semaphore::new(PARALLEL)) }
    }

    /// Runs a transaction on a thread that may block.
    async fn transaction(&self, user: &str, password: &str, wish: Wish) -> Result<(), Refusal> {
        let answers = Answers { user: user.to_string(), password: password.to_string() };
        let _place = self.places.acquire().await;
        let done = tokio::task::spawn_blocking(move || {
            let user = answers.user.clone();
            let builder = TransactionBuilder::new_with_service(SERVICE).username(user);
            let mut transaction = builder.build(answers.into_conversation())?;
            match wish {
                Wish::Check => {
                    transaction.authenticate(AuthnFlags::empty())?;
                    transaction.account_management(AuthnFlags::empty())
                }
                Wish::Change => transaction.change_authtok(AuthtokFlags::empty()),
            }
        });
        match done.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::info!(%error, "PAM refused a user");
                Err(refused())
            }
            Err(_) => Err(refused()),
        }
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

impl PasswordCheck for Pam {
    fn check<'a>(&'a self, user: &'a str, password: &'a str) -> Answer<'a, Grant> {
        if !is_administrator(user) {
            return self.file.check(user, password);
        }
        Box::pin(async move {
            self.transaction(user, password, Wish::Check).await?;
            Ok(Grant { superuser: true, sid: String::new(), groups: vec![] })
        })
    }

    fn directory(&self) -> Option<&dyn xapi_ops::session::Directory> {
        self.file.directory()
    }

    fn change<'a>(&'a self, user: &'a str, old: Option<&'a str>, new: &'a str) -> Answer<'a, ()> {
        if !is_administrator(user) {
            return self.file.change(user, old, new);
        }
        Box::pin(async move {
            if let Some(old) = old {
                self.check(user, old).await?;
            }
            self.transaction(user, new, Wish::Change).await
        })
    }
}
