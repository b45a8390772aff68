//! Passwords kept as Argon2 hashes in a file of the state directory: local root, and users of the
//! `file` directory service with their groups. An administrator's change of the file is noticed.

use std::{
    collections::BTreeMap,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use xapi_ops::session::{Directory, Entry, Grant, PasswordCheck, Refusal, WRONG};
use xapi_schema::errors;

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

impl User {
    fn sid<'a>(&'a self, name: &'a str) -> &'a str {
        self.sid.as_deref().unwrap_or(name)
    }

    fn entry(&self, name: &str) -> Entry {
        Entry {
            sid: self.sid(name).to_string(),
            name: name.to_string(),
            is_group: false,
            groups: self.groups.clone(),
        }
    }
}

type Users = BTreeMap<String, User>;

/// Users as they were when the file was last written.
#[derive(Debug, Default)]
struct Known {
    users: Users,
    written: Option<SystemTime>,
}

/// What `auth_type` calls this directory.
const KIND: &str = "file";

/// The open file.
pub struct PasswordFile {
    path: PathBuf,
    known: Mutex<Known>,
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
        let mut users = match read(&path) {
            Err(error) if is_absent(&error) => Users::new(),
            found => found?,
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
        let known = Mutex::new(Known { users, written: written(&path) });
        Ok((PasswordFile { path, known, decoy, places }, shown))
    }

    /// Looks at the users of now. A file that makes no sense is complained about and not taken.
    fn with<T>(&self, look: impl FnOnce(&Users) -> T) -> T {
        let mut known = self.known.lock().unwrap_or_else(|e| e.into_inner());
        let written = written(&self.path);
        if written != known.written {
            known.written = written;
            match read(&self.path) {
                Ok(users) => known.users = users,
                Err(error) => tracing::error!(%error, "the changed file of users is not taken"),
            }
        }
        look(&known.users)
    }

    fn user(&self, name: &str) -> Option<User> {
        self.with(|users| users.get(name).cloned())
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

fn read(path: &Path) -> Result<Users> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

fn is_absent(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::NotFound)
}

fn written(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|about| about.modified()).ok()
}

impl Directory for PasswordFile {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn join(&self) -> xapi_schema::Result<()> {
        match read(&self.path) {
            Ok(_) => Ok(()),
            Err(error) => Err(errors::AUTH_ENABLE_FAILED.with([format!("{error:#}")])),
        }
    }

    fn by_name(&self, name: &str) -> Option<Entry> {
        self.with(|users| match users.get(name) {
            Some(user) if !user.superuser => Some(user.entry(name)),
            _ => group(users, name),
        })
    }

    fn by_sid(&self, sid: &str) -> Option<Entry> {
        self.with(|users| {
            let mut found = users.iter().filter(|(name, user)| !user.superuser && user.sid(name) == sid);
            found.next().map(|(name, user)| user.entry(name)).or_else(|| group(users, sid))
        })
    }
}

/// A group is there when somebody is in it; its name is its identifier.
fn group(users: &Users, name: &str) -> Option<Entry> {
    let there = users.values().any(|user| user.groups.iter().any(|group| group == name));
    there.then(|| Entry { sid: name.into(), name: name.into(), is_group: true, groups: vec![] })
}

type Checked<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

impl PasswordCheck for PasswordFile {
    fn check<'a>(&'a self, user: &'a str, password: &'a str) -> Checked<'a, Grant> {
        Box::pin(async move {
            match self.verified(user, password).await {
                Some(User { superuser: true, .. }) => {
                    Ok(Grant { superuser: true, sid: String::new(), groups: vec![] })
                }
                Some(known) => {
                    let sid = known.sid(user).to_string();
                    Ok(Grant { superuser: false, sid, groups: known.groups })
                }
                None => Err(Refusal::Authentication(WRONG.into())),
            }
        })
    }

    fn directory(&self) -> Option<&dyn Directory> {
        Some(self)
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
            let mut changed = self.with(Users::clone);
            match changed.get_mut(user) {
                Some(known) => known.hash = hash,
                None => return Err(Refusal::Authorization("there is no such user".into())),
            }
            let text = serde_json::to_string_pretty(&changed).map_err(|e| failed(e.into()))?;
            state::write_private(&self.path, &text).map_err(failed)?;
            *self.known.lock().unwrap_or_else(|e| e.into_inner()) =
                Known { users: changed, written: written(&self.path) };
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path) -> PasswordFile {
        PasswordFile::open(dir, None).expect("the file opens").0
    }

    #[test]
    fn users_and_groups_are_found_by_name_and_identifier() {
        let dir = tempfile::tempdir().expect("a directory");
        let text = r#"{"root": {"hash": "x", "superuser": true},
                       "ann": {"hash": "x", "sid": "S-1", "groups": ["staff"]}}"#;
        std::fs::write(dir.path().join("users.json"), text).expect("the file is written");
        let file = open(dir.path());
        let ann = file.by_name("ann").expect("ann is there");
        assert_eq!((ann.sid.as_str(), ann.is_group), ("S-1", false));
        assert_eq!(file.by_sid("S-1"), Some(ann));
        assert!(file.by_name("staff").is_some_and(|entry| entry.is_group));
        assert_eq!(file.by_name("root"), None, "root is no user of the directory");
        assert_eq!(file.by_sid("nobody"), None);
    }

    #[test]
    fn a_changed_file_is_taken_and_a_senseless_one_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("users.json");
        let write = |text: &str, second: u64| {
            std::fs::write(&path, text).expect("the file is written");
            let file = std::fs::File::options().write(true).open(&path).expect("the file opens");
            let when = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second);
            file.set_modified(when).expect("the moment is set");
        };
        write(r#"{"root": {"hash": "x", "superuser": true}}"#, 1_000);
        let file = open(dir.path());
        assert_eq!(file.by_name("bob"), None);
        write(r#"{"root": {"hash": "x", "superuser": true}, "bob": {"hash": "x"}}"#, 2_000);
        assert!(file.by_name("bob").is_some());
        write("{", 3_000);
        assert!(file.by_name("bob").is_some(), "what was known before still is");
    }
}
