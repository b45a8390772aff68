//! Observing a server and carrying a plan out, through the API and nothing else. Decides nothing: a step that fails
//! keeps the later steps of its option, and all removals, from being made; the next run starts from what is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    action::{Action, Plan, Step},
    client::{Client, Failure},
    manifest::Manifest,
    world::{Class, Record, World, mark, text},
};

/// What was not done.
#[derive(Debug)]
pub struct Undone {
    /// The step.
    pub step: Step,
    /// Why; nothing for steps that wait for one that failed.
    pub why: Option<anyhow::Error>,
}

/// Asks a server for all a plan depends on.
///
/// # Errors
/// No connection, or a failure of the API.
pub async fn observe(client: &Client, manifest: &Manifest, just_booted: bool) -> Result<World> {
    let mut world = World { just_booted, ..World::default() };
    for class in Class::ALL {
        let answer = client.call(&format!("{}.get_all_records", class.name()), []).await?;
        let records: BTreeMap<String, Record> =
            serde_json::from_value(answer).with_context(|| class.name().to_string())?;
        world.objects.insert(class, records);
    }
    world.host = this_host(client, &world).await?;
    for disk in manifest.domains.iter().flat_map(|domain| &domain.disks) {
        if let Some(path) = &disk.path
            && let Ok(about) = tokio::fs::metadata(path).await
            && about.is_file()
        {
            world.files.insert(path.clone(), about.len());
        }
    }
    Ok(world)
}

/// The host that answers.
async fn this_host(client: &Client, world: &World) -> Result<String> {
    let mut hosts = world.of(Class::Host).map(|(reference, _)| reference.clone());
    match (hosts.next(), hosts.next()) {
        (Some(only), None) => Ok(only),
        _ => {
            let session = client.call("session.get_this_host", [json!(client.session())]).await?;
            Ok(session.as_str().unwrap_or_default().to_string())
        }
    }
}

/// Carries a plan out; tells each step before it is made.
pub async fn apply(client: &Client, world: &World, plan: &Plan, mut tell: impl FnMut(&Step)) -> Vec<Undone> {
    let mut hands = Hands { client, host: world.host.clone(), made: BTreeMap::new() };
    let (mut undone, mut failed) = (Vec::new(), BTreeSet::new());
    for step in &plan.steps {
        let removes = matches!(step.action, Action::Destroy { .. } | Action::Release { .. });
        if failed.contains(&step.option) || removes && !failed.is_empty() {
            undone.push(Undone { step: step.clone(), why: None });
            continue;
        }
        tell(step);
        if let Err(why) = hands.act(&step.action).await {
            failed.insert(step.option.clone());
            undone.push(Undone { step: step.clone(), why: Some(why) });
        }
    }
    undone
}

struct Hands<'a> {
    client: &'a Client,
    host: String,
    /// References of what was made, by what the plan calls it.
    made: BTreeMap<String, String>,
}

impl Hands<'_> {
    fn reference(&self, target: &str) -> Result<String> {
        match target.strip_prefix("id:") {
            None => Ok(target.to_string()),
            Some(_) => self.made.get(target).cloned().with_context(|| format!("{target} was not made")),
        }
    }

    /// A value with references in the place of placeholders.
    fn resolved(&self, value: &Value) -> Result<Value> {
        match value {
            Value::String(text) if text.starts_with("id:") => self.reference(text).map(Value::String),
            other => Ok(other.clone()),
        }
    }

    async fn on(
        &self,
        class: Class,
        method: &str,
        target: &str,
        more: impl IntoIterator<Item = Value>,
    ) -> Result<Value> {
        let target = json!(self.reference(target)?);
        self.client.call(&format!("{}.{method}", class.name()), std::iter::once(target).chain(more)).await
    }

    async fn act(&mut self, action: &Action) -> Result<()> {
        match action {
            Action::Create { class, id, record } => {
                let made = self.create(*class, record).await?;
                self.made.insert(format!("id:{id}"), made);
            }
            Action::Own { class, target } => {
                let uuid = self.on(*class, "get_uuid", target, []).await?;
                self.put(*class, target, mark::OWN, Some(uuid.as_str().unwrap_or_default())).await?;
            }
            Action::Release { class, target } => {
                for key in mark::RELEASED {
                    self.put(*class, target, key, None).await?;
                }
            }
            Action::Set { class, target, field, value } => {
                let value = self.resolved(value)?;
                self.on(*class, &format!("set_{field}"), target, [value]).await?;
            }
            Action::Put { class, target, key, value } => {
                self.put(*class, target, key, value.as_deref()).await?
            }
            Action::Memory { target, bytes } => {
                let least = (*bytes).min(16 << 20);
                let limits = [least, *bytes, *bytes, *bytes].map(|one| json!(one));
                self.on(Class::Vm, "set_memory_limits", target, limits).await?;
            }
            Action::Vcpus { target, count, max } => self.vcpus(target, *count, *max).await?,
            Action::Attach { target, device_config } => {
                let record = json!({
                    "host": self.host, "SR": self.reference(target)?, "device_config": device_config,
                    "other_config": {},
                });
                let link = self.client.call("PBD.create", [record]).await?;
                self.client.call("PBD.plug", [link]).await?;
            }
            Action::Plug { target } => drop(self.on(Class::Pbd, "plug", target, []).await?),
            Action::Grow { target, bytes } => {
                drop(self.on(Class::Vdi, "resize", target, [json!(bytes)]).await?)
            }
            Action::Fill { target, path } => {
                self.client.fill(&self.reference(target)?, Path::new(path)).await?
            }
            Action::Destroy { class, target } => drop(self.on(*class, "destroy", target, []).await?),
            Action::Start { target } => {
                let started = self.on(Class::Vm, "start", target, [json!(false), json!(false)]).await;
                self.reached(started, target, "Running").await?;
            }
            Action::Stop { target } => {
                let stopped = self.on(Class::Vm, "shutdown", target, []).await;
                self.reached(stopped, target, "Halted").await?;
            }
        }
        Ok(())
    }

    async fn put(&self, class: Class, target: &str, key: &str, value: Option<&str>) -> Result<()> {
        self.on(class, "remove_from_other_config", target, [json!(key)]).await?;
        if let Some(value) = value {
            self.on(class, "add_to_other_config", target, [json!(key), json!(value)]).await?;
        }
        Ok(())
    }

    /// The number at start never exceeds the most there may be, on the way either.
    async fn vcpus(&self, target: &str, count: u32, max: u32) -> Result<()> {
        let now = self.on(Class::Vm, "get_VCPUs_at_startup", target, []).await?;
        let now: u32 = now
            .as_str()
            .map_or_else(|| now.as_u64().map(|n| n as u32), |text| text.parse().ok())
            .unwrap_or(1);
        if now > max {
            self.on(Class::Vm, "set_VCPUs_at_startup", target, [json!(count)]).await?;
        }
        self.on(Class::Vm, "set_VCPUs_max", target, [json!(max)]).await?;
        self.on(Class::Vm, "set_VCPUs_at_startup", target, [json!(count)]).await?;
        Ok(())
    }

    /// Somebody else may have brought a guest to where it should be.
    async fn reached(&self, outcome: Result<Value>, target: &str, wanted: &str) -> Result<()> {
        let Err(error) = outcome else { return Ok(()) };
        let raced = error.downcast_ref::<Failure>().is_some_and(|f| f.code() == "VM_BAD_POWER_STATE");
        let state = self.on(Class::Vm, "get_power_state", target, []).await?;
        if raced && state.as_str() == Some(wanted) { Ok(()) } else { Err(error) }
    }

    async fn create(&self, class: Class, record: &Record) -> Result<String> {
        let mut given = Record::new();
        for (field, value) in record {
            given.insert(field.clone(), self.resolved(value)?);
        }
        let of = |field: &str| given.get(field).cloned().unwrap_or_default();
        let made = match class {
            // Bridges of the system may have names a client could not choose.
            Class::Network => {
                let members =
                    ["name_label", "name_description", "MTU", "other_config", "bridge", "managed", "purpose"];
                self.client.call("network.pool_introduce", members.map(of)).await?
            }
            Class::Sr => self.repository(&given).await?,
            _ => self.client.call(&format!("{}.create", class.name()), [Value::Object(given)]).await?,
        };
        made.as_str()
            .map(str::to_string)
            .with_context(|| format!("{}.create answered no reference", class.name()))
    }

    async fn repository(&self, given: &Record) -> Result<Value> {
        let of = |field: &str| given.get(field).cloned().unwrap_or_default();
        let names = ["name_label", "name_description", "type", "content_type", "shared"].map(of);
        let made = if text(given, "adopted") == "true" {
            let args = std::iter::once(of("uuid")).chain(names).chain([json!({})]);
            self.client.call("SR.introduce", args).await?
        } else {
            let [label, description, kind, content, shared] = names;
            let args = [
                json!(self.host),
                of("device_config"),
                json!(0),
                label,
                description,
                kind,
                content,
                shared,
                json!({}),
            ];
            self.client.call("SR.create", args).await?
        };
        let reference = made.as_str().unwrap_or_default().to_string();
        for (key, value) in given.get("other_config").and_then(Value::as_object).into_iter().flatten() {
            self.put(Class::Sr, &reference, key, value.as_str()).await?;
        }
        Ok(made)
    }
}
