//! [`HostControl`]: the machine itself.

use async_trait::async_trait;
use xapi_schema::{Failure, Result};

/// What happens to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerAction {
    /// Off.
    Shutdown,
    /// Off and on again.
    Reboot,
}

/// What a power action ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// The machine, and this process with it.
    Machine,
    /// Nothing but this process, which stands for a machine that is not there.
    Process,
}

/// A device on the PCI bus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pci {
    /// Domain, bus, slot and function: `0000:00:1f.2`.
    pub address: String,
    /// Class, subclass and programming interface.
    pub class: u32,
    /// Vendor.
    pub vendor: u16,
    /// Device.
    pub device: u16,
    /// Vendor of the board.
    pub subsystem_vendor: u16,
    /// Board.
    pub subsystem_device: u16,
    /// Kind of device for people.
    pub class_name: String,
    /// Name of the vendor.
    pub vendor_name: String,
    /// Name of the device.
    pub device_name: String,
    /// Name of the board's vendor.
    pub subsystem_vendor_name: String,
    /// Name of the board.
    pub subsystem_device_name: String,
    /// Driver that has it; empty without.
    pub driver: String,
    /// Address of the device whose virtual function it is.
    pub physical_function: Option<String>,
    /// The machine's own screen is on it.
    pub boot_display: bool,
    /// How the control domain stands to it.
    pub access: Access,
}

/// Whether the control domain has a device, now and from the next boot on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Access {
    /// It has it.
    #[default]
    Enabled,
    /// It has it and won't.
    DisableOnReboot,
    /// It is kept for guests.
    Disabled,
    /// It is kept for guests until the next boot.
    EnableOnReboot,
}

/// A device on the USB bus.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usb {
    /// Bus and ports: `1-2.3`.
    pub path: String,
    /// Its bus, as the kernel counts them.
    pub bus: u32,
    /// Its address there, another one each time it is plugged in.
    pub address: u32,
    /// Vendor, four hexadecimal digits.
    pub vendor_id: String,
    /// Name of the vendor.
    pub vendor: String,
    /// Product, four hexadecimal digits.
    pub product_id: String,
    /// Name of the product.
    pub product: String,
    /// Serial number, empty without.
    pub serial: String,
    /// Version of USB.
    pub version: String,
    /// Mbit/s; -1 when unknown.
    pub speed: f64,
}

/// What is plugged into the machine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Devices {
    /// On the PCI bus: all of them.
    pub pci: Vec<Pci>,
    /// On the USB bus: those guests may have.
    pub usb: Vec<Usb>,
}

/// What a crash of the machine left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrashDump {
    /// Its name among the others.
    pub name: String,
    /// Unix time of the crash.
    pub time: i64,
    /// Bytes.
    pub size: i64,
}

/// The machine itself.
#[async_trait]
pub trait HostControl: Send + Sync + 'static {
    /// Shuts the machine down or restarts it; answers before it happens.
    async fn power(&self, action: PowerAction) -> Result<Ends>;
    /// Messages of the hypervisor.
    async fn dmesg(&self, clear: bool) -> Result<String>;
    /// The last lines of the system's log.
    async fn log(&self) -> Result<String>;
    /// Keys the hypervisor answers with reports in its log.
    async fn debug_keys(&self, keys: &str) -> Result<()> {
        let _ = keys;
        Err(Failure::not_implemented("host.send_debug_keys"))
    }
    /// Bytes of memory no domain uses.
    async fn memory_free(&self) -> Result<i64>;
    /// What is plugged in now; `None` for a machine that has no devices to tell of.
    async fn devices(&self) -> Result<Option<Devices>> {
        Ok(None)
    }
    /// What crashes left; `None` for a machine that cannot crash.
    async fn crash_dumps(&self) -> Result<Option<Vec<CrashDump>>> {
        Ok(None)
    }
    /// Removes one; one that is gone is fine.
    async fn remove_crash_dump(&self, name: &str) -> Result<()> {
        Err(Failure::internal(format!("{name}: there are no dumps here")))
    }
}
