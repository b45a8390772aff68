//! A VM's record as the description of a domain. Pure.

use xapi_backend::hypervisor::{Boot, Details, DomainKind, DomainSpec};
use xapi_schema::{
    Record, Ref, Result,
    classes::{DomainType, Vbd, Vif, Vm, vbd, vm},
};
use xapi_store::Read;

use crate::handlers::{pairs, vbd as device, vif as card, vtpm};

/// VBDs that become part of the domain: empty drives only for guests that can be given a medium later.
///
/// # Errors
/// HANDLE_INVALID.
pub fn disks(read: &impl Read, this: &Ref<Vm>) -> Result<Vec<Ref<Vbd>>> {
    let record = read.record(this)?;
    let hvm = record.get(vm::domain_type) == DomainType::Hvm;
    let wanted = |device: &Ref<Vbd>| read.get(device, vbd::empty).is_ok_and(|empty| !empty || hvm);
    Ok(record.get(vm::VBDs).into_iter().filter(wanted).collect())
}

/// Everything the hypervisor needs to build the domain of a VM.
///
/// # Errors
/// HANDLE_INVALID.
pub fn spec(read: &impl Read, this: &Ref<Vm>) -> Result<DomainSpec> {
    let record = read.record(this)?;
    let cards: Vec<Ref<Vif>> = record.get(vm::VIFs);
    Ok(DomainSpec {
        uuid: record.get(vm::uuid),
        name: record.get(vm::name_label),
        kind: match record.get(vm::domain_type) {
            DomainType::Pv => DomainKind::Pv,
            DomainType::Pvh => DomainKind::Pvh,
            DomainType::PvInPvh => DomainKind::PvInPvh,
            DomainType::Hvm | DomainType::Unspecified => DomainKind::Hvm,
        },
        memory_max: record.get(vm::memory_static_max),
        memory_target: record.get(vm::memory_dynamic_max),
        vcpus_max: record.get(vm::VCPUs_max),
        vcpus: record.get(vm::VCPUs_at_startup),
        disks: disks(read, this)?.iter().map(|disk| device::disk(read, disk)).collect::<Result<_>>()?,
        nics: cards.iter().map(|nic| card::nic(read, nic)).collect::<Result<_>>()?,
        // Where they are is asked of the machine at the last moment.
        usb: vec![],
        platform: pairs(record.get(vm::platform)),
        xenstore_data: pairs(record.get(vm::xenstore_data)),
        details: Details { tpm: vtpm::described(read, record)?, ..details(record) },
    })
}

fn details(record: &Record) -> Details {
    Details {
        boot: Boot {
            params: pairs(record.get(vm::HVM_boot_params)),
            nvram: pairs(record.get(vm::NVRAM)),
            kernel: record.get(vm::PV_kernel),
            ramdisk: record.get(vm::PV_ramdisk),
            args: record.get(vm::PV_args),
            loader: record.get(vm::PV_bootloader),
            loader_args: record.get(vm::PV_bootloader_args),
            legacy_args: record.get(vm::PV_legacy_args),
        },
        memory_min: record.get(vm::memory_dynamic_min),
        shadow_multiplier: record.get(vm::HVM_shadow_multiplier),
        vcpus_params: pairs(record.get(vm::VCPUs_params)),
        bios_strings: pairs(record.get(vm::bios_strings)),
        generation_id: record.get(vm::generation_id),
        vendor_device: record.get(vm::has_vendor_device),
        other_config: pairs(record.get(vm::other_config)),
        tpm: None,
    }
}
