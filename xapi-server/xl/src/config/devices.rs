//! Disks, network cards and other devices as xl reads them.

use xapi_backend::{
    hypervisor::{Disk, DomainKind, DomainSpec, Nic, Usb},
    storage::{DataPath, backend_failure},
};
use xapi_schema::{Failure, Result, errors};

use crate::tpm::socket;

use super::{
    CardScript, Place,
    text::{Config, sane},
};

/// Cards a virtual machine can have emulated.
const EMULATED_CARDS: u32 = 8;
/// Disk positions there are.
pub const POSITIONS: u32 = 255;

/// `a` to `z`, then `aa`...
fn letters(position: u32) -> String {
    let letter = |n: u32| char::from(b'a' + u8::try_from(n % 26).unwrap_or(0));
    if position < 26 {
        letter(position).into()
    } else {
        format!("{}{}", letter(position / 26 - 1), letter(position))
    }
}

/// The virtual device of a position: an emulated machine's first four are IDE disks.
pub fn vdev(position: u32, hvm: bool) -> String {
    let bus = if hvm && position < 4 { "hd" } else { "xvd" };
    format!("{bus}{}", letters(position))
}

/// The number of a virtual device in xenstore.
pub fn vdev_number(position: u32, hvm: bool) -> u32 {
    match (hvm, position) {
        (true, 0) => 768,
        (true, 1) => 832,
        (true, 2) => 5_632,
        (true, 3) => 5_696,
        (_, n) if n < 16 => 51_712 + 16 * n,
        (_, n) => (1 << 28) + 256 * n,
    }
}

/// The name clients are told: that of the paravirtual disk.
pub fn guest_device(position: u32) -> String {
    format!("xvd{}", letters(position))
}

/// A disk that is reached over a socket only.
pub fn no_socket() -> Failure {
    let told =
        "xl gives a guest no disk that is served over a socket: load the kernel module ublk_drv or nbd";
    backend_failure(46, "The VDI is not available", told)
}

/// A disk or drive.
///
/// # Errors
/// INVALID_VALUE for a position or a path that cannot be, SR_BACKEND_FAILURE_46 for one behind a socket.
pub fn disk_line(disk: &Disk, path: Option<&DataPath>, hvm: bool) -> Result<String> {
    if disk.position >= POSITIONS {
        return Err(errors::INVALID_VALUE.with(["userdevice".to_string(), disk.position.to_string()]));
    }
    let mut words = vec!["format=raw".to_string(), format!("vdev={}", vdev(disk.position, hvm))];
    words.push(format!("access={}", if disk.writable && !disk.cd { "rw" } else { "ro" }));
    if disk.cd && hvm {
        words.push("devtype=cdrom".into());
    }
    // The target comes last, because everything behind it belongs to it.
    let target = match path {
        None => None,
        Some(DataPath::Block(device)) => {
            words.push("backendtype=phy".into());
            Some(device.display().to_string())
        }
        Some(DataPath::File(file)) => {
            words.push("backendtype=qdisk".into());
            Some(file.display().to_string())
        }
        Some(DataPath::Nbd { .. }) => return Err(no_socket()),
    };
    if let Some(target) = target {
        words.push(format!("target={}", sane("target", &target)?));
    }
    Ok(words.join(","))
}

/// A network card.
///
/// # Errors
/// INVALID_VALUE for a bridge or an address that cannot be.
pub fn nic_line(spec: &DomainSpec, nic: &Nic, script: CardScript) -> Result<String> {
    let plain = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c))
    };
    if !plain(&nic.bridge) {
        return Err(errors::INVALID_VALUE.with(["bridge", &nic.bridge]));
    }
    if !plain(&nic.mac) {
        return Err(errors::INVALID_VALUE.with(["MAC", &nic.mac]));
    }
    let mut words =
        vec![format!("mac={}", nic.mac), format!("bridge={}", nic.bridge), format!("devid={}", nic.position)];
    if spec.kind == DomainKind::Hvm && nic.position < EMULATED_CARDS {
        let chosen = super::machine::platform(spec, "nic_type");
        let uefi = super::machine::is_uefi(spec);
        let model = match chosen {
            Some(model @ ("e1000" | "rtl8139")) => model,
            None if uefi => "e1000",
            None => "rtl8139",
            Some(other) => return Err(errors::INVALID_VALUE.with(["platform:nic_type", other])),
        };
        words.push("type=ioemu".into());
        words.push(format!("model={model}"));
    } else {
        words.push("type=vif".into());
    }
    words.extend(script(&nic.bridge).map(|script| format!("script={script}")));
    if nic.mtu > 0 {
        words.push(format!("mtu={}", nic.mtu));
    }
    if let Some(rate) = nic.rate {
        words.push(format!("rate={rate}KB/s"));
    }
    Ok(words.join(","))
}

/// The host's USB devices, behind a controller of their own that all guests have a driver for.
///
/// # Errors
/// VM_HVM_REQUIRED for a guest that has no emulated controller.
pub fn usb(spec: &DomainSpec, out: &mut Config) -> Result<()> {
    if spec.usb.is_empty() {
        return Ok(());
    }
    if spec.kind != DomainKind::Hvm {
        return Err(errors::VM_HVM_REQUIRED.with([&spec.uuid]));
    }
    out.list("usbctrl", vec!["type=devicemodel,version=2".into()])?;
    let line = |usb: &Usb| {
        format!("type=hostdev,hostbus={},hostaddr={},controller=0,port={}", usb.bus, usb.address, usb.port)
    };
    out.list("usbdev", spec.usb.iter().map(line).collect())
}

/// A TPM of version 2, which is a program beside the emulator: xl has no word for it, the emulator has.
///
/// # Errors
/// NOT_IMPLEMENTED for a guest without an emulator: one whose keys are sealed must not come up as if it had no TPM.
pub fn tpm(spec: &DomainSpec, place: &Place, out: &mut Config) -> Result<()> {
    let Some(tpm) = &spec.details.tpm else { return Ok(()) };
    if spec.kind != DomainKind::Hvm {
        return Err(Failure::not_implemented("a virtual TPM of a guest without an emulated machine"));
    }
    let socket = socket(&place.tpms, &tpm.uuid);
    // A comma would begin another setting.
    let socket = socket.display().to_string().replace(',', ",,");
    let words = [
        "-chardev",
        &format!("socket,id=tpm-socket,path={socket}"),
        "-tpmdev",
        "emulator,id=tpm,chardev=tpm-socket",
        "-device",
        "tpm-crb,tpmdev=tpm",
    ];
    out.list("device_model_args_hvm", words.map(String::from).to_vec())
}
