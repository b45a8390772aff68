//! Networks, and the names and settings of host and pool.

use serde_json::{Value, json};

use super::Planner;
use crate::{
    action::{Action, Kind},
    world::{Class, Record, key, mark, text},
};

impl Planner<'_> {
    pub(super) fn networks(&mut self) {
        for network in &self.manifest.networks {
            let option = network.option.as_str();
            let mut marks = self.marks(option, &network.uuid, network.policy);
            let by_bridge =
                || self.world.of(Class::Network).find(|(_, record)| text(record, "bridge") == network.bridge);
            let found = self.world.find(Class::Network, &network.uuid).or_else(by_bridge);
            let fields = [
                ("name_label", json!(network.label)),
                ("name_description", json!(network.description)),
                ("MTU", json!(network.mtu)),
            ];
            let target = match found {
                Some((reference, record)) => {
                    self.fields(Class::Network, option, reference, record, &fields);
                    self.mark(Class::Network, option, reference, record, &marks);
                    reference.clone()
                }
                None => {
                    let mut record: Record = fields.into_iter().map(|(k, v)| (k.to_string(), v)).collect();
                    record.insert("bridge".into(), json!(network.bridge));
                    // The bridge is the system's: the toolstack neither makes nor removes it.
                    record.insert("managed".into(), json!(false));
                    record.insert("purpose".into(), json!([]));
                    marks.insert(mark::MADE, "true".into());
                    let what = format!("make the network {:?} on {}", network.label, network.bridge);
                    self.create(Class::Network, option, &network.uuid, &what, record, &marks)
                }
            };
            self.known.insert((Class::Network, network.uuid.clone()), target);
        }
    }

    /// The network of a bridge, declared or not.
    pub(super) fn network_on(&self, bridge: &str) -> Option<String> {
        let declared = self.manifest.networks.iter().find(|one| one.bridge == bridge);
        let declared = declared.and_then(|one| self.known.get(&(Class::Network, one.uuid.clone())).cloned());
        declared.or_else(|| {
            let mut all = self.world.of(Class::Network);
            all.find(|(_, record)| text(record, "bridge") == bridge).map(|(reference, _)| reference.clone())
        })
    }

    pub(super) fn names(&mut self) {
        let host = self.world.host.clone();
        if let Some(record) = self.world.get(Class::Host, &host) {
            self.label(Class::Host, "xennix.host", &host, record, &self.manifest.host.clone());
        }
        let Some((pool, record)) = self.world.of(Class::Pool).next() else { return };
        let (pool, record) = (pool.clone(), record.clone());
        self.label(Class::Pool, "xennix.pool", &pool, &record, &self.manifest.pool.clone());
        let of_name = |planner: &Self, name: &str| {
            let repository = planner.manifest.repository(name)?;
            planner.known.get(&(Class::Sr, repository.uuid.clone())).cloned()
        };
        let default = self.manifest.storage.iter().find(|one| one.default);
        if let Some(sr) = default.and_then(|one| of_name(self, &one.name)) {
            let option = default.map(|one| one.option.clone()).unwrap_or_default();
            self.fields(Class::Pool, &option, &pool, &record, &[("default_SR", json!(sr))]);
        }
        let suspend = self.manifest.policy.suspend_repository.clone();
        if let Some(sr) = suspend.and_then(|name| of_name(self, &name)) {
            let wanted = [("suspend_image_SR", json!(sr))];
            self.fields(Class::Pool, "xennix.storage.suspendRepository", &pool, &record, &wanted);
        }
        let starts = self.manifest.domains.iter().any(|domain| domain.auto_start);
        if starts && key(&record, "other_config", "auto_poweron") != Some("true") {
            self.put(Kind::Change, Class::Pool, "xennix.domains", &pool, "auto_poweron", Some("true"));
        }
    }

    fn label(
        &mut self,
        class: Class,
        option: &str,
        target: &str,
        record: &Record,
        names: &crate::manifest::Names,
    ) {
        for (field, wanted) in
            [("name_label", &names.name_label), ("name_description", &names.name_description)]
        {
            if !wanted.is_empty() && text(record, field) != *wanted {
                let action = Action::Set {
                    class,
                    target: target.into(),
                    field: field.into(),
                    value: Value::String(wanted.clone()),
                };
                self.step(
                    Kind::Change,
                    option,
                    format!("{}.{field} becomes {wanted:?}", class.name()),
                    action,
                );
            }
        }
    }
}
