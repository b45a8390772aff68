//! The pure comparison: a manifest and what was observed to the steps between them.
//!
//! Order: guests that go, networks, storage, names, guests that stay (each by itself: what it needs is made before
//! what it was is removed), then what nobody needs any more. Nothing is removed that something left still uses.

mod card;
mod disk;
mod domain;
mod host;
mod removal;
mod storage;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    action::{Action, Kind, Note, Plan, Step},
    manifest::{Manifest, Policy},
    world::{Class, Record, World, is_ours, mark, marked, text},
};

/// Compares.
pub fn plan(manifest: &Manifest, world: &World) -> Plan {
    let mut planner =
        Planner { manifest, world, plan: Plan::default(), gone: BTreeSet::new(), known: BTreeMap::new() };
    planner.remove_guests();
    planner.networks();
    planner.repositories();
    planner.names();
    planner.guests();
    planner.remove_rest();
    planner.plan
}

/// A plan in the making.
struct Planner<'a> {
    manifest: &'a Manifest,
    world: &'a World,
    plan: Plan,
    /// References of what the steps so far remove.
    gone: BTreeSet<String>,
    /// Target of each declared object, by class and UUID of the manifest.
    known: BTreeMap<(Class, String), String>,
}

/// What later steps call an object that is not there yet.
fn placeholder(id: &str) -> String {
    format!("id:{id}")
}

/// Equal, as far as the API tells numbers and their texts apart.
fn same(record: &Record, field: &str, wanted: &Value) -> bool {
    match (record.get(field), wanted) {
        (Some(Value::Array(have)), Value::Array(want)) => {
            let sorted = |list: &[Value]| {
                let mut texts: Vec<String> = list.iter().map(Value::to_string).collect();
                texts.sort();
                texts
            };
            sorted(have) == sorted(want)
        }
        (Some(Value::Object(have)), Value::Object(want)) => have == want,
        (_, Value::String(want)) => text(record, field) == *want,
        (_, want) => {
            let want = want.to_string();
            text(record, field) == want
        }
    }
}

impl Planner<'_> {
    fn step(&mut self, kind: Kind, option: &str, what: impl Into<String>, action: Action) {
        if let Action::Destroy { target, .. } = &action {
            self.gone.insert(target.clone());
        }
        self.plan.steps.push(Step { kind, option: option.into(), what: what.into(), action });
    }

    fn wait(&mut self, option: &str, why: impl Into<String>) {
        self.plan.waiting.push(Note { option: option.into(), why: why.into() });
    }

    fn refuse(&mut self, option: &str, why: impl Into<String>) {
        self.plan.refused.push(Note { option: option.into(), why: why.into() });
    }

    /// The policy as it is enforced.
    fn policy(&self, declared: Policy) -> &'static str {
        if self.manifest.policy.lock { declared.text() } else { Policy::Open.text() }
    }

    /// The marks of a declared object.
    fn marks(&self, option: &str, id: &str, policy: Policy) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            (mark::OPTION, option.to_string()),
            (mark::ID, id.to_string()),
            (mark::POLICY, self.policy(policy).to_string()),
        ])
    }

    /// Makes an object and marks it.
    fn create(
        &mut self,
        class: Class,
        option: &str,
        id: &str,
        what: &str,
        mut record: Record,
        marks: &BTreeMap<&str, String>,
    ) -> String {
        let mut config = record.get("other_config").and_then(Value::as_object).cloned().unwrap_or_default();
        config.extend(marks.iter().map(|(key, value)| (key.to_string(), json!(value))));
        record.insert("other_config".into(), Value::Object(config));
        let target = placeholder(id);
        self.step(Kind::Create, option, what, Action::Create { class, id: id.into(), record });
        self.own(class, option, &target, Kind::Create);
        target
    }

    fn own(&mut self, class: Class, option: &str, target: &str, kind: Kind) {
        self.step(
            kind,
            option,
            format!("mark the {} as declared", class.name()),
            Action::Own { class, target: target.into() },
        );
    }

    /// Brings marks up to date.
    fn mark(
        &mut self,
        class: Class,
        option: &str,
        reference: &str,
        record: &Record,
        marks: &BTreeMap<&str, String>,
    ) {
        for (key, value) in marks {
            if marked(record, key) != Some(value) {
                let what = match *key {
                    mark::POLICY => format!("clients may now do to the {}: {value}", class.name()),
                    _ => format!("note {key} = {value} in the {}", class.name()),
                };
                let value = Some(value.clone());
                let action = Action::Put { class, target: reference.into(), key: key.to_string(), value };
                self.step(Kind::Lock, option, what, action);
            }
        }
        if marked(record, mark::OWN) != Some(&text(record, "uuid")) {
            self.own(class, option, reference, Kind::Lock);
        }
    }

    /// Writes the fields that differ.
    fn fields(
        &mut self,
        class: Class,
        option: &str,
        reference: &str,
        record: &Record,
        wanted: &[(&str, Value)],
    ) {
        for (field, value) in wanted {
            if !same(record, field, value) {
                self.set(class, option, reference, field, value.clone());
            }
        }
    }

    fn set(&mut self, class: Class, option: &str, reference: &str, field: &str, value: Value) {
        let what = format!("{}.{field} becomes {value}", class.name());
        let action = Action::Set { class, target: reference.into(), field: field.into(), value };
        self.step(Kind::Change, option, what, action);
    }

    fn put(&mut self, kind: Kind, class: Class, option: &str, target: &str, key: &str, value: Option<&str>) {
        let what = match value {
            Some(value) => format!("{}.other_config:{key} becomes {value:?}", class.name()),
            None => format!("{}.other_config:{key} goes", class.name()),
        };
        let action =
            Action::Put { class, target: target.into(), key: key.into(), value: value.map(str::to_string) };
        self.step(kind, option, what, action);
    }

    fn release(&mut self, class: Class, option: &str, target: &str) {
        let what = format!("leave the {} to the clients", class.name());
        self.step(Kind::Remove, option, what, Action::Release { class, target: target.into() });
    }

    /// Objects of a class with our marks, which are not copies.
    fn declared_before(&self, class: Class) -> Vec<(String, Record)> {
        let all = self.world.of(class).filter(|(_, record)| is_ours(record));
        let all = all.filter(|(_, record)| marked(record, mark::OPTION).is_some());
        all.map(|(reference, record)| (reference.clone(), record.clone())).collect()
    }

    /// Whether an object stands for something the manifest declares.
    fn wanted(&self, class: Class, reference: &str) -> bool {
        self.known.iter().any(|((of, _), target)| *of == class && target == reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_their_texts_are_one() {
        let Value::Object(record) = json!({"order": "3", "MTU": 1500, "set": ["b", "a"]}) else { return };
        assert!(same(&record, "order", &json!(3)));
        assert!(same(&record, "MTU", &json!(1500)));
        assert!(same(&record, "set", &json!(["a", "b"])));
        assert!(!same(&record, "order", &json!(4)));
    }
}
