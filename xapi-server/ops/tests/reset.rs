//! Disks that are at each start of their guest what they were when that was set: by whole lives of guests, with bytes.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Host, no, str};
use xapi_schema::{Failure, Value};

struct Disk<'a> {
    host: &'a Host,
    vm: String,
    vdi: String,
    sr: String,
    location: String,
}

impl Disk<'_> {
    async fn new(host: &Host) -> Disk<'_> {
        let (vm, vdi) = (host.vm("guest").await, host.vdi("disk").await);
        host.vbd(&vm, &vdi).await;
        let sr = host.text("SR.get_uuid", [str(&host.default_sr().await)]).await;
        let location = host.text("VDI.get_location", [str(&vdi)]).await;
        Disk { host, vm, vdi, sr, location }
    }

    /// What a guest writes, or somebody else.
    async fn write(&self, at: u64, bytes: &[u8]) {
        let storage = &self.host.xapi.backends.storage;
        storage.write(&self.sr, &self.location, at, bytes.to_vec()).await.unwrap();
    }

    async fn read(&self, at: u64, length: usize) -> Vec<u8> {
        self.host.xapi.backends.storage.read(&self.sr, &self.location, at, length).await.unwrap()
    }

    async fn on_boot(&self, value: &str) {
        self.host.ok("VDI.set_on_boot", [str(&self.vdi), str(value)]).await;
        assert_eq!(self.host.text("VDI.get_on_boot", [str(&self.vdi)]).await, value);
    }

    async fn start(&self) {
        self.host.ok("VM.start", [str(&self.vm), no(), no()]).await;
    }

    async fn stop(&self) {
        self.host.ok("VM.hard_shutdown", [str(&self.vm)]).await;
    }
}

fn none() -> Value {
    Value::map::<&str>([])
}

#[tokio::test]
async fn each_start_begins_where_it_was_set() {
    let host = Host::new().await;
    let disk = Disk::new(&host).await;
    disk.write(0, b"kept").await;
    disk.on_boot("reset").await;
    for _ in 0..2 {
        disk.start().await;
        assert_eq!(disk.read(0, 4).await, b"kept");
        disk.write(0, b"lost").await;
        disk.write(1 << 20, b"lost").await;
        // A guest that is resumed goes on with what it wrote.
        host.ok("VM.suspend", [str(&disk.vm)]).await;
        host.ok("VM.resume", [str(&disk.vm), no(), no()]).await;
        assert_eq!(disk.read(0, 4).await, b"lost");
        // One that boots again does not.
        host.ok("VM.hard_reboot", [str(&disk.vm)]).await;
        assert_eq!((disk.read(0, 4).await, disk.read(1 << 20, 4).await), (b"kept".to_vec(), vec![0; 4]));
        disk.write(0, b"lost").await;
        disk.stop().await;
        assert_eq!(disk.read(0, 4).await, b"lost", "it goes at the start, not before");
        // Said again, it stays what was meant the first time.
        disk.on_boot("reset").await;
    }
    disk.start().await;
    disk.write(0, b"last").await;
    disk.stop().await;
    disk.on_boot("persist").await;
    disk.start().await;
    assert_eq!(disk.read(0, 4).await, b"last");
    let refused = host.err("VDI.set_on_boot", [str(&disk.vdi), str("reset")]).await;
    assert_eq!(refused.code, "VDI_IN_USE");
    host.ok("VM.suspend", [str(&disk.vm)]).await;
    let refused = host.err("VDI.set_on_boot", [str(&disk.vdi), str("reset")]).await;
    assert_eq!((refused.code.as_str(), refused.params[1].as_str()), ("VM_BAD_POWER_STATE", "halted"));
    disk.stop().await;
    host.assert_idle().await;
}

#[tokio::test]
async fn what_fails_loses_nothing_and_says_so() {
    let host = Host::new().await;
    let disk = Disk::new(&host).await;
    disk.write(0, b"kept").await;
    let broken = Failure::internal("injected");
    host.levers.faults.fail_next("set_reset", broken.clone());
    assert_eq!(host.err("VDI.set_on_boot", [str(&disk.vdi), str("reset")]).await, broken);
    assert_eq!(host.text("VDI.get_on_boot", [str(&disk.vdi)]).await, "persist");
    disk.on_boot("reset").await;
    disk.write(0, b"lost").await;
    host.levers.faults.fail_next("begin_epoch", broken.clone());
    assert_eq!(host.err("VM.start", [str(&disk.vm), no(), no()]).await, broken);
    assert_eq!(host.state(&disk.vm).await, "Halted", "never on what was to go");
    assert_eq!(disk.read(0, 4).await, b"lost");
    disk.start().await;
    assert_eq!(disk.read(0, 4).await, b"kept");
    disk.stop().await;
    host.assert_idle().await;
}

#[tokio::test]
async fn twins_are_of_what_a_disk_goes_back_to() {
    let host = Host::new().await;
    let disk = Disk::new(&host).await;
    disk.write(0, b"kept").await;
    disk.on_boot("reset").await;
    let mode = "VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION";
    assert_eq!(host.err("VDI.snapshot", [str(&disk.vdi), none()]).await.code, mode);
    // Nothing to go back from: a clone is as good as its origin, and resets as it does.
    let clone = host.text("VDI.clone", [str(&disk.vdi), none()]).await;
    assert_eq!(host.text("VDI.get_on_boot", [str(&clone)]).await, "reset");
    disk.start().await;
    assert_eq!(host.err("VDI.clone", [str(&disk.vdi), none()]).await.code, mode, "its guest may write");
    disk.write(0, b"lost").await;
    disk.stop().await;
    assert_eq!(host.err("VDI.clone", [str(&disk.vdi), none()]).await.code, mode);
    disk.start().await;
    assert_eq!(disk.read(0, 4).await, b"kept");
    disk.stop().await;
    let other = Disk { vdi: clone.clone(), vm: host.vm("other").await, ..Disk::new(&host).await };
    host.vbd(&other.vm, &clone).await;
    let other = Disk { location: host.text("VDI.get_location", [str(&clone)]).await, ..other };
    for _ in 0..2 {
        other.start().await;
        assert_eq!(other.read(0, 4).await, b"kept");
        other.write(0, b"lost").await;
        other.stop().await;
    }
    host.ok("VDI.destroy", [str(&clone)]).await;
    host.ok("VDI.destroy", [str(&disk.vdi)]).await;
    host.assert_idle().await;
}
