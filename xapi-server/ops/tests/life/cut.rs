//! Starts that an earlier process did not see the end of.

use xapi_schema::{
    Ref,
    classes::{vbd, vif, vm},
};

use crate::{
    built,
    common::{Host, no, str},
};

/// A card of a VM on the first network there is.
async fn card(host: &Host, vm: &str) -> String {
    let network = host.all("network").await.swap_remove(0);
    host.vif(vm, &network).await
}

/// What a start writes before there is a domain.
async fn begin(host: &Host, vm: &str, device: Option<&str>, card: &str) {
    let (machine, card) = (Ref::new(vm), Ref::new(card));
    let device = device.map(Ref::new);
    let home = host.xapi.host.clone();
    let change = move |tx: &mut xapi_store::Tx| {
        tx.set(&machine, vm::scheduled_to_be_resident_on, home)?;
        tx.set(&card, vif::currently_attached, true)?;
        device.map_or(Ok(()), |device| tx.set(&device, vbd::currently_attached, true))
    };
    host.xapi.store.commit(change).await.unwrap();
}

#[tokio::test]
async fn everything_a_start_had_taken_is_free_again() {
    let host = Host::new().await;
    // There is a domain already, or none; there is a disk, or a card alone.
    for (domain, with_disk) in [(true, true), (true, false), (false, true), (false, false)] {
        let vm = host.vm("cut").await;
        let card = card(&host, &vm).await;
        let disk = if with_disk { Some(host.vdi("disk").await) } else { None };
        let device = match &disk {
            Some(disk) => Some(host.vbd(&vm, disk).await),
            None => None,
        };
        begin(&host, &vm, device.as_deref(), &card).await;
        let uuid = host.text("VM.get_uuid", [str(&vm)]).await;
        if domain {
            host.xapi.backends.hypervisor.build(built(&uuid)).await.unwrap();
        }
        xapi_ops::startup::run(&host.xapi, false).await;
        assert!(host.xapi.backends.hypervisor.domains().await.unwrap().is_empty());
        assert_eq!(host.state(&vm).await, "Halted");
        assert_eq!(host.get("VIF", "currently_attached", &card).await, no());
        assert_eq!(host.text("VM.get_scheduled_to_be_resident_on", [str(&vm)]).await, "OpaqueRef:NULL");
        if let (Some(device), Some(disk)) = (device, disk) {
            assert_eq!(host.get("VBD", "currently_attached", &device).await, no());
            host.ok("VBD.destroy", [str(&device)]).await;
            host.ok("VDI.destroy", [str(&disk)]).await;
        }
        host.ok("VIF.destroy", [str(&card)]).await;
        host.ok("VM.destroy", [str(&vm)]).await;
    }
}

#[tokio::test]
async fn a_suspended_vm_keeps_its_cards() {
    let host = Host::new().await;
    let vm = host.vm("kept").await;
    let card = card(&host, &vm).await;
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    host.ok("VM.suspend", [str(&vm)]).await;
    let before = host.ok("VIF.get_record", [str(&card)]).await;
    xapi_ops::startup::run(&host.xapi, false).await;
    assert_eq!(host.state(&vm).await, "Suspended");
    assert_eq!(host.ok("VIF.get_record", [str(&card)]).await, before);
    // What a resume had taken is free again.
    let (machine, home) = (Ref::new(vm.as_str()), host.xapi.host.clone());
    let change = move |tx: &mut xapi_store::Tx| tx.set(&machine, vm::scheduled_to_be_resident_on, home);
    host.xapi.store.commit(change).await.unwrap();
    xapi_ops::startup::run(&host.xapi, false).await;
    assert_eq!(host.text("VM.get_scheduled_to_be_resident_on", [str(&vm)]).await, "OpaqueRef:NULL");
    assert_eq!(host.state(&vm).await, "Suspended");
}
