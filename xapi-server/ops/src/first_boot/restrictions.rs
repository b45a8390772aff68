//! Features of the edition: every restriction key clients read, all lifted.
//!
//! Clients take an absent key as a restriction, so all are listed. Source: the published key list of the
//! original's editions and of its graphical clients.

use super::Pairs;

/// Keys of `pool.restrictions`, in order; the value is the same for every host of this edition.
const KEYS: &[&str] = &[
    "restrict_vlan",
    "restrict_qos",
    "restrict_pool_attached_storage",
    "restrict_netapp",
    "restrict_equalogic",
    "restrict_pooling",
    "enable_xha",
    "restrict_marathon",
    "restrict_email_alerting",
    "restrict_historical_performance",
    "restrict_wlb",
    "restrict_rbac",
    "restrict_dmc",
    "restrict_checkpoint",
    "restrict_cpu_masking",
    "restrict_connection",
    "platform_filter",
    "regular_nag_dialog",
    "restrict_vmpr",
    "restrict_vmss",
    "restrict_intellicache",
    "restrict_gpu",
    "restrict_dr",
    "restrict_vif_locking",
    "restrict_storage_xen_motion",
    "restrict_vgpu",
    "restrict_integrated_gpu_passthrough",
    "restrict_vss",
    "restrict_guest_agent_auto_update",
    "restrict_pci_device_for_auto_update",
    "restrict_xen_motion",
    "restrict_guest_ip_setting",
    "restrict_ad",
    "restrict_nested_virt",
    "restrict_live_patching",
    "restrict_set_vcpus_number_live",
    "restrict_pvs_proxy",
    "restrict_igmp_snooping",
    "restrict_rpu",
    "restrict_pool_size",
    "restrict_cbt",
    "restrict_usb_passthrough",
    "restrict_network_sriov",
    "restrict_corosync",
    "restrict_cluster_address",
    "restrict_zstd_export",
    "restrict_pool_secret_rotation",
    "restrict_certificate_verification",
    "restrict_updates",
    "restrict_internal_repo_access",
    "restrict_vtpm",
    "restrict_vm_groups",
    "restrict_vm_start",
    "restrict_vm_appliance_start",
];

/// Further keys the graphical clients read from `host.license_params`.
const CLIENT_KEYS: &[&str] = &[
    "restrict_vswitch_controller",
    "restrict_lab",
    "restrict_stage",
    "restrict_storagelink",
    "restrict_storagelink_site_recovery",
    "restrict_web_selfservice",
    "restrict_web_selfservice_manager",
    "restrict_hotfix_apply",
    "restrict_batch_hotfix_apply",
    "restrict_export_resource_data",
    "restrict_read_caching",
    "restrict_cifs",
    "restrict_health_check",
    "restrict_xcm",
    "restrict_vm_memory_introspection",
    "restrict_management_on_vlan",
    "restrict_ws_proxy",
    "restrict_ssl_legacy_switch",
    "restrict_corosync3",
];

fn lifted(key: &str) -> (String, String) {
    (key.to_string(), if key == "enable_xha" { "true" } else { "false" }.to_string())
}

/// `pool.restrictions`.
pub fn restrictions() -> Pairs {
    Pairs(KEYS.iter().map(|key| lifted(key)).collect())
}

/// `host.license_params`: the restrictions, what graphical clients add, and an expiry that never comes.
pub fn license_params() -> Pairs {
    let keys = KEYS.iter().chain(CLIENT_KEYS).map(|key| lifted(key));
    let rest = [
        ("expiry", "20991231T23:59:59Z"),
        ("grace", "no"),
        ("sku_type", "xcp-ng"),
        ("sku_marketing_name", "XCP-ng"),
    ];
    Pairs(keys.chain(rest.map(|(k, v)| (k.to_string(), v.to_string()))).collect())
}
