//! A server as simple as can be: what each action does to what is observed. Anything the real one would refuse is a
//! failed test: removing what is in use, changing a running guest's shape, making devices of what is not there.

use serde_json::{Value, json};
use xennix_manifest::{
    action::{Action, Plan},
    world::{Class, Record, World, mark, text},
};

/// A pool with a host, a network and a repository, as a fresh server has.
pub fn fresh() -> World {
    let mut world = World { host: "host:1".into(), ..World::default() };
    put(
        &mut world,
        Class::Host,
        "host:1",
        json!({"name_label": "h", "name_description": "", "other_config": {}}),
    );
    put(
        &mut world,
        Class::Pool,
        "pool:1",
        json!({"name_label": "", "name_description": "", "default_SR": "sr:1", "suspend_image_SR": "OpaqueRef:NULL",
               "other_config": {}}),
    );
    put(
        &mut world,
        Class::Network,
        "network:1",
        json!({"uuid": "n1", "name_label": "Pool-wide", "name_description": "", "bridge": "xenbr0", "MTU": "1500",
               "PIFs": ["pif:1"], "VIFs": [], "other_config": {}}),
    );
    put(
        &mut world,
        Class::Sr,
        "sr:1",
        json!({"uuid": "s1", "name_label": "Local", "name_description": "", "type": "ext", "content_type": "user",
               "other_config": {}}),
    );
    world
}

pub fn put(world: &mut World, class: Class, reference: &str, value: Value) {
    let Value::Object(record) = value else { panic!("no record") };
    world.objects.entry(class).or_default().insert(reference.into(), record);
}

fn config<'a>(world: &'a mut World, class: Class, target: &str) -> &'a mut Record {
    let record = world.objects.get_mut(&class).and_then(|all| all.get_mut(target));
    let record = record.unwrap_or_else(|| panic!("{class:?} {target} is not there"));
    record.entry("other_config").or_insert(json!({})).as_object_mut().unwrap()
}

fn record<'a>(world: &'a mut World, class: Class, target: &str) -> &'a mut Record {
    let found = world.objects.get_mut(&class).and_then(|all| all.get_mut(target));
    found.unwrap_or_else(|| panic!("{class:?} {target} is not there"))
}

fn halted(world: &World, vm: &str) -> bool {
    world.get(Class::Vm, vm).is_some_and(|vm| text(vm, "power_state") == "Halted")
}

/// Applies the first `limit` steps.
pub fn apply(world: &mut World, plan: &Plan, limit: usize) {
    for step in plan.steps.iter().take(limit) {
        act(world, &step.action);
    }
    world.just_booted = world.just_booted && limit < plan.steps.len();
}

pub fn act(world: &mut World, action: &Action) {
    match action {
        Action::Create { class, id, record } => create(world, *class, id, record),
        Action::Own { class, target } => {
            let uuid = text(record(world, *class, target), "uuid");
            config(world, *class, target).insert(mark::OWN.into(), json!(uuid));
        }
        Action::Release { class, target } => {
            config(world, *class, target).retain(|key, _| !mark::RELEASED.contains(&key.as_str()));
        }
        Action::Set { class, target, field, value } => {
            if *class == Class::Vm && field == "domain_type" {
                assert!(halted(world, target), "{field} of a running guest");
            }
            if let Some(named) = value.as_str().filter(|text| text.starts_with("id:")) {
                assert!(
                    Class::ALL.iter().any(|class| world.get(*class, named).is_some()),
                    "{named} is not there"
                );
            }
            record(world, *class, target).insert(field.clone(), value.clone());
        }
        Action::Put { class, target, key, value } => {
            let config = config(world, *class, target);
            match value {
                Some(value) => drop(config.insert(key.clone(), json!(value))),
                None => drop(config.remove(key)),
            }
        }
        Action::Memory { target, bytes } => {
            assert!(halted(world, target), "memory of a running guest");
            for field in ["memory_static_max", "memory_dynamic_max", "memory_dynamic_min"] {
                record(world, Class::Vm, target).insert(field.into(), json!(bytes));
            }
        }
        Action::Vcpus { target, count, max } => {
            assert!(halted(world, target), "processors of a running guest");
            record(world, Class::Vm, target).insert("VCPUs_max".into(), json!(max));
            record(world, Class::Vm, target).insert("VCPUs_at_startup".into(), json!(count));
        }
        Action::Attach { target, device_config } => {
            assert!(world.get(Class::Sr, target).is_some());
            let host = world.host.clone();
            let link = json!({"SR": target, "host": host, "device_config": device_config, "currently_attached": true});
            put(world, Class::Pbd, &format!("pbd:{target}"), link);
        }
        Action::Plug { target } => {
            record(world, Class::Pbd, target).insert("currently_attached".into(), json!(true));
        }
        Action::Grow { target, bytes } => {
            record(world, Class::Vdi, target).insert("virtual_size".into(), json!(bytes));
        }
        Action::Fill { target, .. } => {
            let used = world.of(Class::Vbd).any(|(_, vbd)| text(vbd, "VDI") == *target);
            assert!(!used, "a disk in use is overwritten");
            record(world, Class::Vdi, target);
        }
        Action::Destroy { class, target } => destroy(world, *class, target),
        Action::Start { target } => {
            assert!(halted(world, target), "started twice");
            record(world, Class::Vm, target).insert("power_state".into(), json!("Running"));
        }
        Action::Stop { target } => {
            assert!(!halted(world, target), "stopped twice");
            record(world, Class::Vm, target).insert("power_state".into(), json!("Halted"));
        }
    }
}

fn create(world: &mut World, class: Class, id: &str, given: &Record) {
    let target = format!("id:{id}");
    let mut record = given.clone();
    record.insert(
        "uuid".into(),
        json!(format!("uuid-{id}-{}", world.objects.values().map(|all| all.len()).sum::<usize>())),
    );
    let there = |class: Class, field: &str, world: &World| {
        let named = text(given, field);
        assert!(world.get(class, &named).is_some(), "{field} {named} is not there");
    };
    match class {
        Class::Vdi => there(Class::Sr, "SR", world),
        Class::Vbd | Class::Vif => {
            there(Class::Vm, "VM", world);
            let member = if class == Class::Vbd { (Class::Vdi, "VDI") } else { (Class::Network, "network") };
            there(member.0, member.1, world);
            assert!(halted(world, &text(given, "VM")), "a device of a running guest");
            let place = if class == Class::Vbd { "userdevice" } else { "device" };
            let taken = world.of(class).any(|(_, other)| {
                text(other, "VM") == text(given, "VM") && text(other, place) == text(given, place)
            });
            assert!(!taken, "{place} {} is taken", text(given, place));
        }
        Class::Vm => drop(record.insert("power_state".into(), json!("Halted"))),
        _ => {}
    }
    if class == Class::Sr {
        if text(given, "adopted") == "true" {
            record.insert("uuid".into(), given["uuid"].clone());
        } else {
            let link = json!({"SR": target, "host": world.host, "device_config": given["device_config"], "currently_attached": true});
            put(world, Class::Pbd, &format!("pbd:{target}"), link);
        }
    }
    let all = world.objects.entry(class).or_default();
    assert!(all.insert(target.clone(), record).is_none(), "{target} is made twice");
}

fn destroy(world: &mut World, class: Class, target: &str) {
    assert!(world.get(class, target).is_some(), "{target} is removed twice");
    let uses = |class: Class, field: &str| world.of(class).any(|(_, user)| text(user, field) == target);
    match class {
        Class::Vm => {
            assert!(halted(world, target), "a running guest is removed");
            for devices in [Class::Vbd, Class::Vif] {
                if let Some(all) = world.objects.get_mut(&devices) {
                    all.retain(|_, record| text(record, "VM") != target);
                }
            }
        }
        Class::Vbd | Class::Vif => {
            let vm = text(&world.get(class, target).unwrap().clone(), "VM");
            assert!(halted(world, &vm), "a device of a running guest is removed");
        }
        Class::Vdi => assert!(!uses(Class::Vbd, "VDI"), "a disk in use is removed"),
        Class::Network => assert!(!uses(Class::Vif, "network"), "a network in use is removed"),
        other => panic!("nothing removes a {other:?}"),
    }
    world.objects.get_mut(&class).unwrap().remove(target);
}
