//! Passwords kept as Argon2 hashes in a file of the state directory: local root, and users of the
//! `file` directory service with their groups.

use std::{
    collections::BTreeMap,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use xapi_ops::session::{Grant, PasswordCheck, Refusal};

use crate::{
    hash::{hash, verifies},
    state,
};

/// Password checks at a time: each takes memory and a core.
const PARALLEL: usize = 2;

/// One user.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    hash: String,
    /// Passes every check; otherwise a subject of the pool decides.
    #[serde(default)]
    superuser: bool,
    /// Subject identifier; the name when absent.
    #[serde(default)]
    sid: Option<String>,
    /// Subject identifiers of groups.
    #[serde(default)]
    groups: Vec<String>,
}

/// The open file.
pub struct PasswordFile {
    path: PathBuf,
    users: Mutex<BTreeMap<String, User>>,
    /// Verified for users that do not exist, so that they take as long.
    decoy: String,
    places: Arc<Semaphore>,
}

impl PasswordFile {
    /// Opens the file. A new one gets root with the password in `given`, or with a random one, which is
    /// answered so that it can be shown once.
    ///
    /// # Errors
    /// When a file can't be read or written.
    pub fn open(dir: &Path, given: Option<&Path>) -> Result<(PasswordFile, Option<String>)> {
        let path = dir.join("users.json");
        let mut users: BTreeMap<String, User> = match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).with_context(|| path.display().to_string())?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let mut shown = None;
        let wanted = match given {
            Some(file) => {
                let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
                Some(text.trim_end_matches(['\r', '\n']).to_string())
            }
            None if !users.contains_key("root") => {
                shown = Some(state::random_text(20)?);
                shown.clone()
            }
            None => None,
        };
        if let Some(password) = wanted {
            let keep = users.get("root").is_some_and(|user| verifies(&user.hash, &password));
            if !keep {
                users.insert(
                    "root".into(),
                    User { hash: hash(&password)?, superuser: true, sid: None, groups: vec![] },
                );
                state::write_private(&path, &serde_json::to_string_pretty(&users)?)?;
            }
        }
        let decoy = hash(&state::random_text(20)?)?;
        let places = Arc::new(Semaphore::new(PARALLEL));
        Ok((PasswordFile { path, users: Mutex::new(users), decoy, places }, shown))
    }

    fn user(&self, name: &str) -> Option<User> {
        self.users.lock().unwrap_or_else(|e| e.into_inner()).get(name).cloned()
    }

    async fn verified(&self, name: &str, password: &str) -> Option<User> {
        let user = self.user(name);
        let hash = user.as_ref().map_or_else(|| self.decoy.clone(), |user| user.hash.clone());
        let password = password.to_string();
        let _place = self.places.acquire().await.ok()?;
        let right = tokio::task::spawn_blocking(move || verifies(&hash, &password)).await.unwrap_or(false);
        user.filter(|_| right)
    }
}

type Checked<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

impl PasswordCheck for PasswordFile {
    fn check<'a>(&'a self, user: &'a str, password: &'a str) -> Checked<'a, Grant> {
        Box::pin(async move {
            match self.verified(user, password).await {
                Some(known) => {
                    let sid = if known.superuser {
                        String::new()
                    } else {
                        known.sid.unwrap_or_else(|| user.into())
                    };
                    let identifiers = std::iter::once(sid.clone()).chain(known.groups).collect();
                    Ok(Grant { superuser: known.superuser, sid, identifiers })
                }
                None => Err(Refusal::Authentication("Authentication failure".into())),
            }
        })
    }

    fn change<'a>(&'a self, user: &'a str, old: Option<&'a str>, new: &'a str) -> Checked<'a, ()> {
        Box::pin(async move {
            if let Some(old) = old
                && self.verified(user, old).await.is_none()
            {
                return Err(Refusal::Authentication("the old password is wrong".into()));
            }
            if new.is_empty() {
                return Err(Refusal::Authorization("the new password is empty".into()));
            }
            let failed = |error: anyhow::Error| Refusal::Authorization(error.to_string());
            let new = new.to_string();
            let hash = tokio::task::spawn_blocking(move || hash(&new))
                .await
                .map_err(|e| failed(e.into()))?
                .map_err(failed)?;
            let text = {
                let mut users = self.users.lock().unwrap_or_else(|e| e.into_inner());
                let mut changed = users.clone();
                match changed.get_mut(user) {
                    Some(known) => known.hash = hash,
                    None => return Err(Refusal::Authorization("there is no such user".into())),
                }
                let text = serde_json::to_string_pretty(&changed).map_err(|e| failed(e.into()))?;
                state::write_private(&self.path, &text).map_err(failed)?;
                *users = changed;
                text
            };
            drop(text);
            Ok(())
        })
    }
}
