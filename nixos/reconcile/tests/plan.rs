//! The planner against any manifest and any history: what is applied is done, a run cut short converges, nothing is
//! removed that is still needed. The model refuses what a server would refuse.

#![allow(clippy::unwrap_used)]

mod model;

use proptest::prelude::*;
use xennix_manifest::{
    action::{Action, Kind},
    manifest::*,
    plan::plan,
    world::{Class, World, mark, marked, text},
};

fn uuid(kind: &str, at: usize) -> String {
    format!("{kind}-{at}")
}

prop_compose! {
    fn a_disk(vm: usize, position: usize)(
        size in 1u64..4, content in prop::option::of(0u8..2), keep: bool, read_only: bool, home in prop::option::of(0usize..2),
    ) -> Disk {
        let path = content.map(|n| format!("/image{n}"));
        Disk {
            name: format!("d{position}"),
            repository: home.map(|n| format!("r{n}")),
            read_only: read_only || path.is_some(),
            bootable: position == 0,
            uuid: uuid("disk", vm * 10 + position),
            adopted: false,
            position: position as u32,
            size: path.is_none().then_some(size << 30),
            path,
            keep,
        }
    }
}

prop_compose! {
    fn a_card(vm: usize, position: usize)(bridge in 0usize..3, locked: bool) -> Nic {
        Nic {
            name: format!("n{position}"),
            bridge: format!("xenbr{bridge}"),
            position: position as u32,
            mac: format!("52:54:00:00:0{vm}:0{position}"),
            locked,
            addresses: if locked { vec!["192.0.2.1".into(), "2001:db8::1".into()] } else { vec![] },
        }
    }
}

fn a_domain(at: usize) -> impl Strategy<Value = Domain> {
    let disks = (a_disk(at, 0), a_disk(at, 1), 0usize..3);
    let cards = (a_card(at, 0), a_card(at, 1), 0usize..3);
    let rules = (0u8..3, 0u8..3, any::<bool>(), any::<bool>(), 0u32..3);
    let shape = (1u64..4, 1u32..3, 0u8..4);
    (disks, cards, rules, shape).prop_map(move |(disks, cards, rules, shape)| Domain {
        name: format!("vm{at}"),
        uuid: uuid("vm", at),
        label: format!("VM {at}"),
        description: String::new(),
        kind: if shape.2 > 1 { DomainType::Hvm } else { DomainType::Pvh },
        auto_start: rules.2,
        start_order: rules.4,
        policy: [Policy::Locked, Policy::Power, Policy::Open][rules.0 as usize],
        on_remove: [OnRemove::Shutdown, OnRemove::Keep, OnRemove::Destroy][rules.1 as usize],
        restart_if_changed: rules.3,
        ephemeral: false,
        pci: vec![],
        extra_record: Default::default(),
        memory: shape.0 * 256,
        vcpus: Vcpus { count: 1, max: shape.1, weight: 256 },
        boot: match shape.2 {
            0 => Boot::Direct { kernel: "/k".into(), initrd: Some("/i".into()), cmdline: "quiet".into() },
            1 => Boot::Pvgrub {},
            2 => Boot::Uefi {},
            _ => Boot::Bios {},
        },
        disks: [disks.0, disks.1].into_iter().take(disks.2).collect(),
        networks: [cards.0, cards.1].into_iter().take(cards.2).collect(),
        option: format!("xennix.domains.vm{at}"),
    })
}

fn a_network(at: usize, mtu: u32) -> Network {
    Network {
        name: format!("xenbr{at}"),
        bridge: format!("xenbr{at}"),
        uuid: uuid("net", at),
        label: format!("net {at}"),
        description: String::new(),
        policy: Policy::Power,
        management: at == 0,
        mtu,
        option: format!("xennix.network.bridges.xenbr{at}"),
    }
}

fn a_repository(at: usize) -> Repository {
    Repository {
        name: format!("r{at}"),
        uuid: uuid("sr", at),
        label: format!("repository {at}"),
        description: String::new(),
        adopted: at == 1,
        create: at != 1,
        policy: Policy::Locked,
        kind: "file".into(),
        content_type: "user".into(),
        shared: false,
        default: at == 0,
        device_config: [("location".to_string(), format!("/srv/{at}"))].into(),
        option: format!("xennix.storage.repositories.r{at}"),
    }
}

prop_compose! {
    fn a_manifest()(
        domains in (a_domain(0), a_domain(1), a_domain(2)), present in prop::array::uniform3(any::<bool>()),
        networks in 0usize..4, mtu in prop_oneof![Just(1500u32), Just(9000)], lock: bool, remove_others: bool,
    ) -> Manifest {
        let all = [domains.0, domains.1, domains.2];
        Manifest {
            schema_version: SCHEMA_VERSION,
            host_uuid: "h".into(),
            pool: Names { name_label: "pool".into(), name_description: String::new() },
            host: Names::default(),
            networks: (0..networks).map(|at| a_network(at, mtu)).collect(),
            storage: vec![a_repository(0), a_repository(1)],
            domains: all.into_iter().zip(present).filter_map(|(one, there)| there.then_some(one)).collect(),
            policy: Rules { lock, remove_others, suspend_repository: Some("r0".into()) },
        }
    }
}

fn start() -> World {
    let mut world = model::fresh();
    world.files = [("/image0".to_string(), 1 << 20), ("/image1".to_string(), 2 << 20)].into();
    world
}

fn settle(world: &mut World, manifest: &Manifest) {
    let steps = plan(manifest, world);
    model::apply(world, &steps, usize::MAX);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_applied_is_done(history in prop::collection::vec(a_manifest(), 1..5)) {
        let mut world = start();
        for manifest in &history {
            settle(&mut world, manifest);
            let again = plan(manifest, &world);
            prop_assert!(again.is_empty(), "still to do:\n{again}");
        }
    }

    #[test]
    fn a_run_cut_short_converges(history in prop::collection::vec((a_manifest(), 0usize..40), 1..5)) {
        let mut world = start();
        for (manifest, cut) in &history {
            let steps = plan(manifest, &world);
            model::apply(&mut world, &steps, *cut);
        }
        let (last, _) = history.last().unwrap();
        settle(&mut world, last);
        let again = plan(last, &world);
        prop_assert!(again.is_empty(), "still to do:\n{again}");
    }

    /// Power is never taken from a guest that is not to be restarted, and what is to keep stays.
    #[test]
    fn guests_keep_what_they_have(first in a_manifest(), second in a_manifest()) {
        let mut world = start();
        settle(&mut world, &first);
        let before = world.clone();
        let steps = plan(&second, &world);
        for step in &steps.steps {
            match &step.action {
                Action::Stop { target } => {
                    let declared = second.domains.iter().find(|one| {
                        before.find(Class::Vm, &one.uuid).is_some_and(|(reference, _)| reference == target)
                    });
                    if let Some(declared) = declared {
                        prop_assert!(declared.restart_if_changed);
                        prop_assert_eq!(step.kind, Kind::Restart);
                    }
                }
                Action::Destroy { class: Class::Vdi, target } => {
                    let record = before.get(Class::Vdi, target).unwrap();
                    prop_assert_eq!(marked(record, mark::ON_REMOVE), Some("destroy"));
                }
                Action::Destroy { class: Class::Vm, target } => {
                    let record = before.get(Class::Vm, target).unwrap();
                    prop_assert_eq!(marked(record, mark::ON_REMOVE), Some("destroy"));
                }
                _ => {}
            }
        }
        model::apply(&mut world, &steps, usize::MAX);
        for domain in second.domains.iter() {
            if let Some((_, record)) = world.find(Class::Vm, &domain.uuid) {
                prop_assert_eq!(marked(record, mark::START), None, "{}", text(record, "name_label"));
            }
        }
    }
}

#[test]
fn a_stranger_is_left_alone_and_a_copy_is_no_declared_guest() {
    let mut world = start();
    let manifest: Manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        host_uuid: "h".into(),
        pool: Names::default(),
        host: Names::default(),
        networks: vec![],
        storage: vec![],
        domains: vec![],
        policy: Rules { lock: true, remove_others: false, suspend_repository: None },
    };
    let copy = serde_json::json!({
        "uuid": "u2", "name_label": "copy", "power_state": "Running", "VBDs": [], "VIFs": [],
        "other_config": {mark::ID: "vm-0", mark::OWN: "u1", mark::OPTION: "xennix.domains.vm0", mark::ON_REMOVE: "destroy"},
    });
    model::put(&mut world, Class::Vm, "vm:copy", copy);
    let stranger = serde_json::json!({"uuid": "u3", "name_label": "stranger", "power_state": "Running", "other_config": {}});
    model::put(&mut world, Class::Vm, "vm:stranger", stranger);
    assert!(plan(&manifest, &world).is_empty());
    let all = Manifest { policy: Rules { remove_others: true, ..manifest.policy.clone() }, ..manifest };
    let steps = plan(&all, &world);
    assert_eq!(steps.steps.len(), 2, "{steps}");
    assert!(steps.steps.iter().all(|step| matches!(step.action, Action::Stop { .. })));
}
