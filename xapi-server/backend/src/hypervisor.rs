//! [`Hypervisor`]: domains and their devices.
//!
//! A domain is named by the uuid of its VM. Nothing here decides whether an operation makes sense.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use xapi_schema::Result;

/// How a guest is virtualised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DomainKind {
    /// Full virtualisation with an emulated machine.
    Hvm,
    /// Paravirtual.
    Pv,
    /// Paravirtual in a hardware container.
    Pvh,
    /// A PV guest behind a shim in a PVH container.
    PvInPvh,
}

/// A disk or drive of a domain.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Disk {
    /// Position, 0 for the first.
    pub position: u32,
    /// uuid of the SR and location of the volume; `None` for an empty drive.
    pub volume: Option<(String, String)>,
    /// The guest may write.
    pub writable: bool,
    /// A CD drive.
    pub cd: bool,
    /// uuid of the VDI, by which guests know the disk again; empty for an empty drive.
    #[serde(default)]
    pub vdi: String,
    /// Type of the SR it is in.
    #[serde(default)]
    pub storage_type: String,
}

/// A network card of a domain.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Nic {
    /// Position, 0 for the first.
    pub position: u32,
    /// Hardware address.
    pub mac: String,
    /// Bridge it is put on.
    pub bridge: String,
    /// Bytes.
    pub mtu: i64,
    /// Kbit/s it may send, if there is a limit.
    #[serde(default)]
    pub rate: Option<i64>,
}

/// What a guest starts from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Boot {
    /// `VM.HVM_boot_params`: firmware and order.
    pub params: Vec<(String, String)>,
    /// `VM.NVRAM`.
    pub nvram: Vec<(String, String)>,
    /// `VM.PV_kernel`.
    pub kernel: String,
    /// `VM.PV_ramdisk`.
    pub ramdisk: String,
    /// `VM.PV_args`.
    pub args: String,
    /// `VM.PV_bootloader`.
    pub loader: String,
    /// `VM.PV_bootloader_args`.
    pub loader_args: String,
    /// `VM.PV_legacy_args`.
    pub legacy_args: String,
}

/// What else a VM's record says about its machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// What it starts from.
    pub boot: Boot,
    /// Bytes the balloon may shrink it to.
    pub memory_min: i64,
    /// `VM.HVM_shadow_multiplier`.
    pub shadow_multiplier: f64,
    /// `VM.VCPUs_params`: weight, cap, mask.
    pub vcpus_params: Vec<(String, String)>,
    /// `VM.bios_strings`.
    pub bios_strings: Vec<(String, String)>,
    /// `VM.generation_id`.
    pub generation_id: String,
    /// `VM.has_vendor_device`.
    pub vendor_device: bool,
    /// `VM.other_config`.
    pub other_config: Vec<(String, String)>,
    /// Its virtual TPM.
    #[serde(default)]
    pub tpm: Option<Tpm>,
}

/// A virtual TPM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tpm {
    /// uuid of the VTPM.
    pub uuid: String,
    /// What it keeps, in base64; nothing for a new one. Keys are in it: it is in no note.
    #[serde(skip)]
    pub contents: String,
}

/// A USB device of the host that a guest is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usb {
    /// Where it is plugged in: `1-2.3`.
    pub path: String,
    /// Its bus, as the kernel counts them.
    pub bus: u32,
    /// Its address there, another one each time it is plugged in.
    pub address: u32,
    /// The guest's port it is plugged into, from 1.
    pub port: u32,
}

/// Everything needed to build a domain.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DomainSpec {
    /// uuid of the VM.
    pub uuid: String,
    /// Name for people.
    pub name: String,
    /// How it is virtualised.
    pub kind: DomainKind,
    /// Bytes it may ever use.
    pub memory_max: i64,
    /// Bytes it starts with.
    pub memory_target: i64,
    /// Processors it may ever use.
    pub vcpus_max: i64,
    /// Processors it starts with.
    pub vcpus: i64,
    /// Disks and drives.
    pub disks: Vec<Disk>,
    /// Network cards.
    pub nics: Vec<Nic>,
    /// USB devices of the host it is given.
    #[serde(default)]
    pub usb: Vec<Usb>,
    /// `VM.platform`.
    pub platform: Vec<(String, String)>,
    /// Entries for the guest to read.
    pub xenstore_data: Vec<(String, String)>,
    /// The rest of the record.
    #[serde(default)]
    pub details: Details,
}

/// Positions of the devices of a domain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Devices {
    /// Disks and drives.
    pub disks: Vec<u32>,
    /// Network cards.
    pub nics: Vec<u32>,
    /// What is in its drives, as far as that is known: the VDI's uuid, empty for an empty drive.
    pub media: Vec<(u32, String)>,
}

/// What a new domain is like.
#[derive(Debug, Clone)]
pub struct Started {
    /// Number of the domain.
    pub domid: i64,
    /// Processor vendor and features it got.
    pub cpu_vendor: String,
    /// Feature words in hexadecimal.
    pub cpu_features: String,
    /// Device names by disk position, as the guest sees them.
    pub disks: Vec<(u32, String)>,
    /// Its agent has said all it will say as soon as it goes on; otherwise that comes as events.
    pub has_agent: bool,
}

/// What a domain is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activity {
    /// It runs.
    Running,
    /// It is stopped for the moment.
    Paused,
}

/// A domain there is.
#[derive(Debug, Clone)]
pub struct Domain {
    /// uuid of the VM.
    pub uuid: String,
    /// Number.
    pub domid: i64,
    /// What it is doing.
    pub activity: Activity,
    /// It was built and nobody has let it go on yet.
    pub fresh: bool,
    /// Bytes it uses.
    pub memory: i64,
}

/// Data of the agent in a guest. Every text is the guest's own and must not be trusted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentData {
    /// `VM_guest_metrics.os_version`.
    pub os_version: Vec<(String, String)>,
    /// `VM_guest_metrics.netbios_name`.
    pub netbios_name: Vec<(String, String)>,
    /// `VM_guest_metrics.PV_drivers_version`.
    pub drivers_version: Vec<(String, String)>,
    /// Some paravirtual frontend is connected.
    pub drivers_detected: bool,
    /// `VM_guest_metrics.networks`.
    pub networks: Vec<(String, String)>,
    /// Entries under `control`.
    pub other: Vec<(String, String)>,
    /// Disks can be plugged while it runs, if it says.
    pub hotplug_vbd: Option<bool>,
    /// Network cards can be plugged while it runs, if it says.
    pub hotplug_vif: Option<bool>,
}

/// What a guest did by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Happened {
    /// It powered itself off.
    Poweroff,
    /// It asked for a reboot.
    Reboot,
    /// It crashed.
    Crash,
    /// Its agent wrote something new.
    Agent,
    /// It uses this many bytes.
    Memory(i64),
    /// Its firmware's variables or its TPM changed.
    Firmware,
    /// It set its clock: seconds between its time and the host's.
    Clock(i64),
    /// There is a domain nobody here built.
    Appeared,
    /// Its domain is gone, and nobody here ended it.
    Vanished,
}

/// Something that happened to a domain without being asked for here.
#[derive(Debug, Clone, PartialEq)]
pub struct DomainEvent {
    /// uuid of the VM.
    pub uuid: String,
    /// What.
    pub what: Happened,
}

/// What a guest is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Power off.
    Poweroff,
    /// Reboot; the domain is gone afterwards and must be built again.
    Reboot,
    /// Prepare to be suspended.
    Suspend,
}

/// How a guest took a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It did what it was asked.
    Done,
    /// It never acknowledged.
    Ignored,
    /// It acknowledged and did not finish in time.
    TimedOut,
}

/// A way to see a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConsoleKind {
    /// Pictures, keyboard and mouse: RFB.
    Graphical,
    /// Text: what a terminal would show.
    Text,
}

/// Where a console is reached on this host.
#[derive(Debug)]
pub enum ConsolePlace {
    /// A server that speaks RFB on a local port.
    Tcp(std::net::SocketAddr),
    /// A server that speaks RFB on a local socket.
    Socket(std::path::PathBuf),
    /// A terminal.
    Terminal {
        /// The terminal.
        path: std::path::PathBuf,
        /// The file programs lock that read it.
        lock: Option<std::path::PathBuf>,
    },
    /// Text both ways, opened for whoever asked; closing it ends what is at the other end.
    Line(std::os::fd::OwnedFd),
}

/// Domains and their devices.
#[async_trait]
pub trait Hypervisor: Send + Sync + 'static {
    /// Builds a domain, paused.
    async fn build(&self, spec: DomainSpec) -> Result<Started>;
    /// Builds a domain from a memory image in a volume, paused.
    async fn restore(&self, spec: DomainSpec, image: (String, String)) -> Result<Started>;
    /// Nobody wants a build any more: one that waits for others fails soon, one that has begun goes on to its end.
    async fn give_up(&self, _uuid: &str) {}
    /// Writes the memory of a domain to a volume and ends it. Answers what is needed to restore it.
    async fn save(&self, uuid: &str, image: (String, String)) -> Result<String>;
    /// Stops a domain for the moment.
    async fn pause(&self, uuid: &str) -> Result<()>;
    /// Lets it go on.
    async fn unpause(&self, uuid: &str) -> Result<()>;
    /// Asks the guest and waits up to `seconds`.
    async fn ask(&self, uuid: &str, request: Request, seconds: u64) -> Result<Reply>;
    /// Ends a domain at once; one that is gone already is fine.
    async fn destroy(&self, uuid: &str) -> Result<()>;
    /// Moves the balloon.
    async fn set_memory_target(&self, uuid: &str, bytes: i64) -> Result<()>;
    /// Plugs or unplugs processors.
    async fn set_vcpus(&self, uuid: &str, count: i64) -> Result<()>;
    /// Plugs a disk; the answer is its device name in the guest.
    async fn plug_disk(&self, uuid: &str, disk: Disk) -> Result<String>;
    /// Unplugs a disk; `false` when the guest refuses.
    async fn unplug_disk(&self, uuid: &str, position: u32, force: bool) -> Result<bool>;
    /// Changes what is in a drive.
    async fn change_medium(&self, uuid: &str, disk: Disk) -> Result<()>;
    /// Plugs a network card.
    async fn plug_nic(&self, uuid: &str, nic: Nic) -> Result<()>;
    /// The card at this position is on another bridge from now on; the guest notices nothing.
    async fn move_nic(&self, uuid: &str, nic: Nic) -> Result<()>;
    /// Unplugs a network card.
    async fn unplug_nic(&self, uuid: &str, position: u32) -> Result<()>;
    /// Takes back the USB device that is plugged in at a path; one the guest does not have is fine.
    async fn unplug_usb(&self, uuid: &str, path: &str) -> Result<()>;
    /// Writes entries for the guest to read.
    async fn set_xenstore_data(&self, uuid: &str, data: Vec<(String, String)>) -> Result<()>;
    /// What the agent says; `None` while nothing is known.
    async fn agent(&self, uuid: &str) -> Result<Option<AgentData>>;
    /// Ends a domain that shall be built again at once. A toolstack that dies in between finds its uuid in
    /// [`Hypervisor::to_be_rebuilt`].
    async fn destroy_to_rebuild(&self, uuid: &str) -> Result<()> {
        self.destroy(uuid).await
    }
    /// Domains that were ended to be built again and were not.
    async fn to_be_rebuilt(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
    /// The volume holds all of a domain's memory. One that keeps its domain until then need not look.
    async fn is_whole(&self, image: (String, String)) -> Result<bool> {
        let _ = image;
        Ok(true)
    }
    /// How a domain that still occupies its place ended, if it did.
    async fn ended(&self, uuid: &str) -> Result<Option<Happened>> {
        let _ = uuid;
        Ok(None)
    }
    /// Writes the memory of a crashed domain to a file for later study.
    async fn dump_core(&self, uuid: &str) -> Result<()> {
        let _ = uuid;
        Err(xapi_schema::Failure::not_implemented("dump_core"))
    }
    /// Weight and cap of a running domain's processors; a cap of 0 is none.
    async fn set_schedule(&self, uuid: &str, weight: i64, cap: i64) -> Result<()> {
        let _ = (uuid, weight, cap);
        Ok(())
    }
    /// The devices a domain has; `None` when there is no domain, or nobody keeps a device but whoever plugged it.
    async fn devices(&self, uuid: &str) -> Result<Option<Devices>> {
        let _ = uuid;
        Ok(None)
    }
    /// Presses a magic SysRq key: one letter.
    async fn send_sysrq(&self, uuid: &str, key: &str) -> Result<()> {
        let _ = (uuid, key);
        Err(xapi_schema::Failure::not_implemented("send_sysrq"))
    }
    /// Pulls a trigger of the virtual machine: `nmi`, `reset`, `init`, `power`, `sleep`, `s3resume`.
    async fn send_trigger(&self, uuid: &str, trigger: &str) -> Result<()> {
        let _ = (uuid, trigger);
        Err(xapi_schema::Failure::not_implemented("send_trigger"))
    }
    /// The variables of a domain's firmware as `VM.NVRAM` keeps them under `EFI-variables`; `None` when there is
    /// nothing to be kept. A domain that has ended and still occupies its place answers, too.
    async fn firmware_variables(&self, uuid: &str) -> Result<Option<String>> {
        let _ = uuid;
        Ok(None)
    }
    /// What the TPM of this uuid keeps now, in base64: also of one whose domain has gone, until [`Hypervisor::forget_tpm`];
    /// `None` when there is nothing that is not in the record.
    async fn tpm_state(&self, tpm: &str) -> Result<Option<String>> {
        let _ = tpm;
        Ok(None)
    }
    /// What the TPM of this uuid kept is in the record now, or shall be lost. One that works still, or keeps something
    /// else by now, stays.
    async fn forget_tpm(&self, tpm: &str, kept: Option<&str>) -> Result<()> {
        let _ = (tpm, kept);
        Ok(())
    }
    /// uuids of TPMs that run, or keep what may not be in a record yet.
    async fn tpms(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
    /// Called once storage is attached after a start of the toolstack: what running domains use is opened
    /// again, what nobody uses is let go of.
    async fn settle(&self) -> Result<()> {
        Ok(())
    }
    /// Where a console of a domain is served; `None` when it has no such console.
    async fn console(&self, uuid: &str, kind: ConsoleKind) -> Result<Option<ConsolePlace>> {
        let _ = (uuid, kind);
        Ok(None)
    }
    /// A text console of the control domain, which asks who is there; `None` when it has none.
    async fn host_console(&self) -> Result<Option<ConsolePlace>> {
        Ok(None)
    }
    /// All domains but the control domain.
    async fn domains(&self) -> Result<Vec<Domain>>;
    /// What happens from now on.
    fn events(&self) -> broadcast::Receiver<DomainEvent>;
}
