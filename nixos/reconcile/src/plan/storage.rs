//! Storage repositories: made, introduced, attached; never formatted when adopted, never removed.

use serde_json::json;

use super::Planner;
use crate::{
    action::{Action, Kind},
    manifest::Repository,
    world::{Class, Record, key, text, truth},
};

impl Planner<'_> {
    pub(super) fn repositories(&mut self) {
        for repository in &self.manifest.storage {
            if let Some(target) = self.repository(repository) {
                self.known.insert((Class::Sr, repository.uuid.clone()), target);
            }
        }
    }

    fn repository(&mut self, repository: &Repository) -> Option<String> {
        let option = repository.option.as_str();
        let marks = self.marks(option, &repository.uuid, repository.policy);
        let fields =
            [("name_label", json!(repository.label)), ("name_description", json!(repository.description))];
        let found = self.world.find(Class::Sr, &repository.uuid).or_else(|| self.like(repository));
        let found = found.map(|(reference, record)| (reference.clone(), record.clone()));
        if let Some((reference, record)) = found {
            self.fields(Class::Sr, option, &reference, &record, &fields);
            self.mark(Class::Sr, option, &reference, &record, &marks);
            self.attach(repository, &reference);
            return Some(reference);
        }
        if !repository.adopted && !repository.create {
            self.refuse(option, "it is not there, and `create = false` forbids to make it");
            return None;
        }
        let mut record: Record = fields.into_iter().map(|(k, v)| (k.to_string(), v)).collect();
        record.insert("type".into(), json!(repository.kind));
        record.insert("content_type".into(), json!(repository.content_type));
        record.insert("shared".into(), json!(repository.shared));
        record.insert("device_config".into(), json!(repository.device_config));
        record.insert("adopted".into(), json!(repository.adopted));
        record.insert("uuid".into(), json!(repository.uuid));
        let verb = if repository.adopted { "introduce" } else { "make" };
        let what = format!("{verb} the {} repository {:?}", repository.kind, repository.label);
        let target = self.create(Class::Sr, option, &repository.uuid, &what, record, &marks);
        if repository.adopted {
            let device_config = repository.device_config.clone();
            let action = Action::Attach { target: target.clone(), device_config };
            self.step(Kind::Create, option, "attach it to this host", action);
        }
        Some(target)
    }

    /// The same storage under another name: what lies at one place is one repository.
    fn like(&self, repository: &Repository) -> Option<(&String, &Record)> {
        if repository.device_config.is_empty() {
            return None;
        }
        self.world.of(Class::Sr).find(|(reference, record)| {
            text(record, "type") == repository.kind
                && self.links(reference).any(|(_, link)| {
                    repository
                        .device_config
                        .iter()
                        .all(|(name, value)| key(link, "device_config", name) == Some(value))
                })
        })
    }

    /// PBDs of an SR on this host.
    fn links<'b>(&'b self, sr: &'b str) -> impl Iterator<Item = (&'b String, &'b Record)> {
        let host = self.world.host.as_str();
        let all = self.world.of(Class::Pbd);
        all.filter(move |(_, record)| text(record, "SR") == sr && text(record, "host") == host)
    }

    fn attach(&mut self, repository: &Repository, sr: &str) {
        let option = repository.option.as_str();
        let link = self.links(sr).next().map(|(reference, record)| (reference.clone(), record.clone()));
        match link {
            None => {
                let device_config = repository.device_config.clone();
                let action = Action::Attach { target: sr.into(), device_config };
                self.step(Kind::Change, option, "attach it to this host", action);
            }
            Some((reference, record)) => {
                let differ: Vec<&str> = repository
                    .device_config
                    .iter()
                    .filter(|(name, value)| key(&record, "device_config", name) != Some(value))
                    .map(|(name, _)| name.as_str())
                    .collect();
                // Passwords are replaced by references to secrets.
                let differ: Vec<&str> =
                    differ.into_iter().filter(|name| !name.contains("password")).collect();
                if !differ.is_empty() {
                    let why = format!("reached with another {}: detach it by hand first", differ.join(", "));
                    self.refuse(option, why);
                }
                if !truth(&record, "currently_attached") {
                    let action = Action::Plug { target: reference };
                    self.step(Kind::Change, option, "plug it", action);
                }
            }
        }
    }
}
