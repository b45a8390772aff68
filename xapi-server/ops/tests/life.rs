//! The life of a VM on a simulated machine: what works, what fails half-way and is undone, what a guest
//! does by itself, what happens at the same time.

#![allow(clippy::unwrap_used)]

mod common;
mod life {
    mod cancel;
    mod cut;
}

use common::{Host, no, str};
use xapi_backend::{
    hypervisor::{Activity, DomainKind, DomainSpec, Happened},
    sim::Machine,
};
use xapi_schema::{Failure, Value};

fn broken() -> Failure {
    Failure::internal("injected")
}

#[tokio::test]
async fn a_vm_lives_and_dies() {
    let host = Host::new().await;
    let vm = host.vm("life").await;
    let disk = host.vdi("disk").await;
    let vbd = host.vbd(&vm, &disk).await;
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    assert_eq!(host.state(&vm).await, "Running");
    assert_eq!(host.text("VBD.get_device", [str(&vbd)]).await, "xvda");
    assert_eq!(host.err("VDI.destroy", [str(&disk)]).await.code, "VDI_IN_USE");
    for (call, state) in [
        ("VM.pause", "Paused"),
        ("VM.unpause", "Running"),
        ("VM.suspend", "Suspended"),
        ("VM.resume", "Running"),
        ("VM.clean_reboot", "Running"),
        ("VM.hard_reboot", "Running"),
        ("VM.clean_shutdown", "Halted"),
    ] {
        let more = if call == "VM.resume" { vec![no(), no()] } else { vec![] };
        host.ok(call, std::iter::once(str(&vm)).chain(more)).await;
        assert_eq!(host.state(&vm).await, state, "after {call}");
        host.assert_idle().await;
    }
    assert_eq!(host.get("VM", "domid", &vm).await, Value::Int(-1));
    assert_eq!(host.get("VM", "consoles", &vm).await, Value::set([]));
    host.ok("VM.destroy", [str(&vm)]).await;
    host.ok("VDI.destroy", [str(&disk)]).await;
    assert!(host.all("VBD").await.is_empty() && host.all("VDI").await.is_empty());
    let metrics = host.all("VM_metrics").await;
    assert_eq!(metrics.len(), 1, "only those of the control domain are left");
}

#[tokio::test]
async fn a_start_that_fails_leaves_a_halted_vm_and_no_marks() {
    let host = Host::new().await;
    let vm = host.vm("broken").await;
    let disk = host.vdi("disk").await;
    let vbd = host.vbd(&vm, &disk).await;
    host.levers.faults.fail_next("build", broken());
    assert_eq!(host.err("VM.start", [str(&vm), no(), no()]).await, broken());
    assert_eq!(host.state(&vm).await, "Halted");
    assert_eq!(host.get("VBD", "currently_attached", &vbd).await, no());
    assert_eq!(host.text("VM.get_resident_on", [str(&vm)]).await, "OpaqueRef:NULL");
    host.assert_idle().await;
    host.levers.faults.fail_next("unpause", broken());
    host.err("VM.start", [str(&vm), no(), no()]).await;
    assert!(host.xapi.backends.hypervisor.domains().await.unwrap().is_empty(), "no domain stays behind");
    assert!(host.all("message").await.is_empty(), "nothing says that it has started");
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    let [told] = &*host.all("message").await else { panic!("one message tells of it") };
    let record = host.ok("message.get_record", [str(told)]).await;
    assert_eq!(record.get("name"), Some(&str("VM_STARTED")));
}

#[tokio::test]
async fn a_suspend_that_fails_leaves_the_vm_running_and_no_image() {
    let host = Host::new().await;
    let vm = host.vm("s").await;
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    host.levers.faults.fail_next("save", broken());
    assert_eq!(host.err("VM.suspend", [str(&vm)]).await, broken());
    assert_eq!(host.state(&vm).await, "Running");
    assert!(host.all("VDI").await.is_empty(), "the image is gone");
    host.ok("VM.suspend", [str(&vm)]).await;
    host.levers.faults.fail_next("restore", broken());
    assert_eq!(host.err("VM.resume", [str(&vm), no(), no()]).await, broken());
    assert_eq!(host.state(&vm).await, "Suspended", "the image is what the VM is now");
    host.ok("VM.resume", [str(&vm), no(), no()]).await;
    assert!(host.all("VDI").await.is_empty());
}

#[tokio::test]
async fn a_copy_that_fails_leaves_no_disks() {
    let host = Host::new().await;
    let vm = host.vm("many").await;
    for n in 0..3 {
        let disk = host.vdi(&format!("disk{n}")).await;
        host.vbd(&vm, &disk).await;
    }
    for (call, fault) in
        [("VM.snapshot", "snapshot_volume"), ("VM.clone", "clone_volume"), ("VM.copy", "copy_volume")]
    {
        // The first disk is copied, the second one fails.
        let before = host.all("VDI").await;
        host.levers.faults.pass_next(match call {
            "VM.snapshot" => "snapshot_volume",
            "VM.clone" => "clone_volume",
            _ => "copy_volume",
        });
        host.levers.faults.fail_next(fault, broken());
        let more = match call {
            "VM.snapshot" => Value::set([]),
            "VM.copy" => str("OpaqueRef:NULL"),
            _ => Value::Nil,
        };
        let args = [str(&vm), str("copy")].into_iter().chain((more != Value::Nil).then_some(more));
        assert_eq!(host.err(call, args).await, broken(), "{call}");
        assert_eq!(host.all("VDI").await, before, "{call} left disks behind");
        assert_eq!(host.all("VM").await.len(), 2, "{call} left a VM behind");
        host.assert_idle().await;
    }
}

#[tokio::test]
async fn a_revert_brings_back_fields_and_bytes() {
    let host = Host::new().await;
    let vm = host.vm("before").await;
    let disk = host.vdi("disk").await;
    host.vbd(&vm, &disk).await;
    let sr = host.default_sr().await;
    let sr = host.text("SR.get_uuid", [str(&sr)]).await;
    let storage = host.xapi.backends.storage.clone();
    let location = host.text("VDI.get_location", [str(&disk)]).await;
    storage.write(&sr, &location, 0, b"before".to_vec()).await.unwrap();
    let snapshot = host.text("VM.snapshot", [str(&vm), str("snap"), Value::set([])]).await;
    storage.write(&sr, &location, 0, b"after!".to_vec()).await.unwrap();
    host.ok("VM.set_name_label", [str(&vm), str("after")]).await;
    host.ok("VM.set_VCPUs_max", [str(&vm), Value::Int(4)]).await;
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    host.ok("VM.revert", [str(&snapshot)]).await;
    assert_eq!(host.text("VM.get_name_label", [str(&vm)]).await, "before");
    assert_eq!(host.get("VM", "VCPUs_max", &vm).await, Value::Int(2));
    assert_eq!(host.state(&vm).await, "Halted");
    let vbds = host.get("VM", "VBDs", &vm).await;
    let now = host.text("VBD.get_VDI", [vbds.as_set().unwrap()[0].clone()]).await;
    assert_ne!(now, disk);
    let location = host.text("VDI.get_location", [str(&now)]).await;
    assert_eq!(storage.read(&sr, &location, 0, 6).await.unwrap(), b"before");
    assert_eq!(host.err("VDI.get_uuid", [str(&disk)]).await.code, "HANDLE_INVALID", "replaced");
    // A second revert works as the first did.
    host.ok("VM.revert", [str(&snapshot)]).await;
    host.assert_idle().await;
}

#[tokio::test]
async fn a_revert_that_fails_keeps_the_disks_of_the_vm() {
    let host = Host::new().await;
    let vm = host.vm("vm").await;
    let disk = host.vdi("disk").await;
    host.vbd(&vm, &disk).await;
    let snapshot = host.text("VM.snapshot", [str(&vm), str("snap"), Value::set([])]).await;
    let before = host.all("VDI").await;
    host.levers.faults.fail_next("clone_volume", broken());
    assert_eq!(host.err("VM.revert", [str(&snapshot)]).await.code, "VM_REVERT_FAILED");
    assert_eq!(host.all("VDI").await, before);
    host.ok("VM.start", [str(&vm), no(), no()]).await;
}

#[tokio::test]
async fn what_a_guest_does_by_itself_is_followed() {
    let host = Host::new().await;
    let vm = host.vm("guest").await;
    let uuid = host.text("VM.get_uuid", [str(&vm)]).await;
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    let domid = host.get("VM", "domid", &vm).await;
    host.levers.happen(&uuid, Happened::Reboot);
    for _ in 0..200 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        if host.get("VM", "domid", &vm).await != domid {
            break;
        }
    }
    assert_ne!(host.get("VM", "domid", &vm).await, domid, "a reboot is a new domain");
    host.until(&vm, "Running").await;
    host.levers.happen(&uuid, Happened::Poweroff);
    host.until(&vm, "Halted").await;
    assert!(host.xapi.backends.hypervisor.domains().await.unwrap().is_empty());
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    host.levers.happen(&uuid, Happened::Crash);
    host.until(&vm, "Halted").await;
}

#[tokio::test]
async fn an_agent_reports_addresses_after_a_while() {
    let host = Host::on(Machine { agent_delay: 100, ..Machine::default() }).await;
    let vm = host.vm("guest").await;
    let network = host.all("network").await.remove(0);
    host.vif(&vm, &network).await;
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    let metrics = host.text("VM.get_guest_metrics", [str(&vm)]).await;
    assert_eq!(host.get("VM_guest_metrics", "networks", &metrics).await, Value::map::<&str>([]));
    for _ in 0..200 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        if host.get("VM_guest_metrics", "networks", &metrics).await != Value::map::<&str>([]) {
            return;
        }
    }
    panic!("the agent never reported");
}

#[tokio::test]
async fn a_disk_is_not_given_to_two_running_vms() {
    let host = Host::new().await;
    let (first, second) = (host.vm("first").await, host.vm("second").await);
    let disk = host.vdi("shared by mistake").await;
    host.vbd(&first, &disk).await;
    host.vbd(&second, &disk).await;
    host.ok("VM.start", [str(&first), no(), no()]).await;
    assert_eq!(host.err("VM.start", [str(&second), no(), no()]).await.code, "VDI_IN_USE");
    assert_eq!(host.state(&second).await, "Halted");
    host.assert_idle().await;
}

#[tokio::test]
async fn memory_is_not_promised_twice() {
    let host = Host::new().await;
    let vm = host.vm("large").await;
    let gib = |n: i64| Value::Int(n << 30);
    host.ok("VM.set_memory_limits", [str(&vm), gib(1), gib(15), gib(15), gib(15)]).await;
    assert_eq!(host.err("VM.start", [str(&vm), no(), no()]).await.code, "HOST_NOT_ENOUGH_FREE_MEMORY");
    assert_eq!(host.state(&vm).await, "Halted");
    host.assert_idle().await;
}

#[tokio::test]
async fn what_died_while_the_toolstack_was_away_is_noticed() {
    let host = Host::new().await;
    let (dead, alive) = (host.vm("dead").await, host.vm("alive").await);
    for vm in [&dead, &alive] {
        host.ok("VM.start", [str(vm), no(), no()]).await;
    }
    let uuid = host.text("VM.get_uuid", [str(&dead)]).await;
    host.xapi.backends.hypervisor.destroy(&uuid).await.unwrap();
    xapi_ops::startup::run(&host.xapi, false).await;
    assert_eq!(host.state(&dead).await, "Halted");
    assert_eq!(host.state(&alive).await, "Running");
}

#[tokio::test]
async fn a_suspend_or_resume_that_was_cut_short_is_sorted_out_at_the_next_start() {
    use xapi_schema::{Ref, classes::vm};
    let host = Host::new().await;
    // The domain was saved and is gone, or still runs, when the toolstack dies.
    for saved in [true, false] {
        let (this, image) = (host.vm("cut").await, host.vdi("memory").await);
        host.ok("VM.start", [str(&this), no(), no()]).await;
        let (row, named) = (Ref::new(this.as_str()), Ref::new(image.as_str()));
        host.xapi.store.commit(move |tx| tx.set(&row, vm::suspend_VDI, named)).await.unwrap();
        let uuid = host.text("VM.get_uuid", [str(&this)]).await;
        if saved {
            let place = (String::new(), String::new());
            host.xapi.backends.hypervisor.save(&uuid, place).await.unwrap();
        }
        xapi_ops::startup::run(&host.xapi, false).await;
        if saved {
            assert_eq!(host.state(&this).await, "Suspended");
            assert_eq!(host.text("VM.get_suspend_VDI", [str(&this)]).await, image);
            host.ok("VM.resume", [str(&this), no(), no()]).await;
        }
        assert_eq!(host.state(&this).await, "Running");
        assert_eq!(host.text("VM.get_suspend_VDI", [str(&this)]).await, "OpaqueRef:NULL");
        assert!(host.all("VDI").await.is_empty(), "the image is gone");
        host.ok("VM.hard_shutdown", [str(&this)]).await;
    }
}

#[tokio::test]
async fn a_start_that_was_cut_short_leaves_no_disk_in_use() {
    use xapi_schema::{Ref, classes::vbd};
    let host = Host::new().await;
    let (vm, disk) = (host.vm("cut").await, host.vdi("disk").await);
    let device = host.vbd(&vm, &disk).await;
    // As a start does before there is a domain.
    let row = Ref::new(device.as_str());
    host.xapi.store.commit(move |tx| tx.set(&row, vbd::currently_attached, true)).await.unwrap();
    xapi_ops::startup::run(&host.xapi, false).await;
    assert_eq!(host.get("VBD", "currently_attached", &device).await, no());
    assert_eq!(host.state(&vm).await, "Halted");
    host.ok("VBD.destroy", [str(&device)]).await;
    host.ok("VDI.destroy", [str(&disk)]).await;
}

#[tokio::test]
async fn a_hypervisor_that_fails_at_a_start_is_asked_again() {
    let host = Host::new().await;
    let vm = host.vm("ended").await;
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    // It ended while no toolstack ran.
    let uuid = host.text("VM.get_uuid", [str(&vm)]).await;
    host.xapi.backends.hypervisor.destroy(&uuid).await.unwrap();
    host.levers.faults.fail_next("domains", xapi_schema::Failure::internal("xl list was aborted"));
    xapi_ops::startup::run(&host.xapi, false).await;
    assert_eq!(host.state(&vm).await, "Halted");
}

#[tokio::test]
async fn weight_and_cap_of_a_running_guest_reach_it() {
    let host = Host::new().await;
    let vm = host.vm("heavy").await;
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    let uuid = host.text("VM.get_uuid", [str(&vm)]).await;
    // What is taken away again is as if it had never been said.
    let changes = [
        ("VM.add_to_VCPUs_params", vec![str("weight"), str("512")], ("512", "0")),
        ("VM.remove_from_VCPUs_params", vec![str("weight")], ("256", "0")),
        ("VM.set_VCPUs_params", vec![Value::map([("cap", str("50"))])], ("256", "50")),
        ("VM.set_VCPUs_params", vec![Value::map::<&str>([])], ("256", "0")),
    ];
    for (call, args, (weight, cap)) in changes {
        host.ok(call, std::iter::once(str(&vm)).chain(args)).await;
        let params = host.levers.domain(&uuid).unwrap().details.vcpus_params;
        let has = |key: &str| params.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
        assert_eq!((has("weight"), has("cap")), (Some(weight), Some(cap)), "{call}");
    }
}

/// A domain as a start makes it.
fn built(uuid: &str) -> DomainSpec {
    DomainSpec {
        uuid: uuid.into(),
        name: "cut".into(),
        kind: DomainKind::Hvm,
        memory_max: 1 << 30,
        memory_target: 1 << 30,
        vcpus_max: 1,
        vcpus: 1,
        disks: vec![],
        nics: vec![],
        usb: vec![],
        platform: vec![],
        xenstore_data: vec![],
        details: Default::default(),
    }
}

#[tokio::test]
async fn a_guest_that_was_built_and_never_went_on_is_built_again() {
    use xapi_schema::{Ref, classes::vm};
    let host = Host::new().await;
    let hypervisor = host.xapi.backends.hypervisor.clone();
    // What became of it is written down, and then the toolstack dies: in a start, in a resume.
    for resumed in [false, true] {
        let vm = host.vm("cut").await;
        host.ok("VM.start", [str(&vm), no(), no()]).await;
        let uuid = host.text("VM.get_uuid", [str(&vm)]).await;
        hypervisor.destroy(&uuid).await.unwrap();
        let domid = hypervisor.build(built(&uuid)).await.unwrap().domid;
        if resumed {
            let (row, image) = (Ref::new(vm.as_str()), Ref::new(host.vdi("memory").await.as_str()));
            host.xapi.store.commit(move |tx| tx.set(&row, vm::suspend_VDI, image)).await.unwrap();
        }
        xapi_ops::startup::run(&host.xapi, false).await;
        assert_eq!(host.state(&vm).await, "Running");
        assert_eq!(host.get("VM", "domid", &vm).await, Value::Int(domid + 1));
        let domains = hypervisor.domains().await.unwrap();
        assert!(!domains.iter().find(|domain| domain.uuid == uuid).unwrap().fresh);
        assert_eq!(host.text("VM.get_suspend_VDI", [str(&vm)]).await, "OpaqueRef:NULL");
        assert!(host.all("VDI").await.is_empty(), "its memory image is used up");
        // One that somebody paused stays so.
        hypervisor.pause(&uuid).await.unwrap();
        xapi_ops::startup::run(&host.xapi, false).await;
        assert_eq!(host.state(&vm).await, "Paused");
        host.ok("VM.hard_shutdown", [str(&vm)]).await;
    }
}

#[tokio::test]
async fn a_guest_whose_memory_image_is_spent_goes_on() {
    use xapi_schema::{Ref, classes::vm};
    let host = Host::new().await;
    let hypervisor = host.xapi.backends.hypervisor.clone();
    let this = host.vm("cut").await;
    host.ok("VM.start", [str(&this), no(), no()]).await;
    let uuid = host.text("VM.get_uuid", [str(&this)]).await;
    hypervisor.destroy(&uuid).await.unwrap();
    let domid = hypervisor.build(built(&uuid)).await.unwrap().domid;
    let row = Ref::new(this.as_str());
    host.xapi
        .store
        .commit(move |tx| tx.set(&row, vm::suspend_VDI, Ref::new("OpaqueRef:spent")))
        .await
        .unwrap();
    xapi_ops::startup::run(&host.xapi, false).await;
    assert_eq!(host.state(&this).await, "Running");
    let domains = hypervisor.domains().await.unwrap();
    let domain = domains.iter().find(|domain| domain.uuid == uuid).unwrap();
    assert_eq!((domain.domid, domain.activity), (domid, Activity::Running), "its memory is nowhere else");
    assert_eq!(host.text("VM.get_suspend_VDI", [str(&this)]).await, "OpaqueRef:NULL");
}

#[tokio::test]
async fn what_a_tpm_keeps_goes_where_its_vm_goes() {
    let host = Host::new().await;
    let vm = host.vm("sealed").await;
    let unique = |yes| Value::Bool(yes);
    let others = host.all("secret").await.len();
    let chip = host.text("VTPM.create", [str(&vm), unique(false)]).await;
    let again = host.err("VTPM.create", [str(&vm), unique(false)]).await;
    assert_eq!((again.code.as_str(), &again.params[..]), ("VTPM_MAX_AMOUNT_REACHED", &["1".to_string()][..]));
    assert_eq!(host.text("VTPM.get_contents", [str(&chip)]).await, "");
    assert_eq!(host.err("VTPM.set_contents", [str(&chip), str("not base64!")]).await.code, "INTERNAL_ERROR");
    host.ok("VTPM.set_contents", [str(&chip), str("c2VhbGVk")]).await;
    assert_eq!(host.all("secret").await.len(), others + 1, "the secret of before is gone");

    let of = async |this: &str| match host.get("VM", "VTPMs", this).await {
        Value::Set(chips) => {
            assert_eq!(chips.len(), 1);
            chips[0].as_str().unwrap().to_string()
        }
        other => panic!("{other:?}"),
    };
    let twin = host.text("VM.clone", [str(&vm), str("twin")]).await;
    let copy = of(&twin).await;
    assert_eq!(host.text("VTPM.get_contents", [str(&copy)]).await, "c2VhbGVk");

    let snapshot = host.text("VM.snapshot", [str(&vm), str("then"), Value::set([])]).await;
    host.ok("VTPM.set_contents", [str(&chip), str("bGF0ZXI=")]).await;
    host.ok("VM.revert", [str(&snapshot)]).await;
    let chip = of(&vm).await;
    assert_eq!(host.text("VTPM.get_contents", [str(&chip)]).await, "c2VhbGVk");

    host.ok("VM.start", [str(&vm), no(), no()]).await;
    let running = host.err("VTPM.destroy", [str(&chip)]).await;
    assert_eq!(
        (running.code.as_str(), running.params[1].as_str()),
        ("VM_BAD_POWER_STATE", "halted;suspended")
    );
    host.ok("VM.hard_shutdown", [str(&vm)]).await;
    host.ok("VTPM.destroy", [str(&chip)]).await;
    host.ok("VM.destroy", [str(&twin)]).await;
    host.ok("VM.destroy", [str(&snapshot)]).await;
    assert!(host.all("VTPM").await.is_empty());
    assert_eq!(host.all("secret").await.len(), others, "nothing is kept of it");

    let alone = host.text("VTPM.create", [str(&vm), unique(true)]).await;
    host.ok("VTPM.set_contents", [str(&alone), str("b3du")]).await;
    let twin = host.text("VM.clone", [str(&vm), str("other")]).await;
    let copy = of(&twin).await;
    assert_eq!(host.text("VTPM.get_contents", [str(&copy)]).await, "", "a copy gets an empty one");
}

#[tokio::test]
async fn a_repository_that_cannot_be_attached_at_a_start_is_unplugged_and_told_of() {
    let host = Host::new().await;
    let before = host.all("PBD").await;
    let attached = async |wanted: bool| {
        let mut count = 0;
        for pbd in &before {
            count += usize::from(host.get("PBD", "currently_attached", pbd).await == Value::Bool(wanted));
        }
        count
    };
    assert_eq!(attached(false).await, 0);
    host.levers.faults.fail_next("attach", broken());
    xapi_ops::startup::run(&host.xapi, false).await;
    assert_eq!(attached(false).await, 1);
    let told = format!("{:?}", host.ok("message.get_all_records", []).await);
    assert_eq!(told.matches("PBD_PLUG_FAILED_ON_SERVER_START").count(), 1, "{told}");
    assert!(told.contains("could not be attached") && told.contains("injected"), "{told}");
    // The next start tries again.
    xapi_ops::startup::run(&host.xapi, false).await;
    assert_eq!(attached(false).await, 0);
}
