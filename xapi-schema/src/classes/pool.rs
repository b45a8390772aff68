//! `pool`: pool.

use crate::classes::prelude::*;

class! {
    Pool "pool" "pool" = table(Some(POOL_OP)).published("rio").not_by_name();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name_label: String = rw(POOL_OP).published("rio"), "Name label";
        name_description: String = rw(POOL_OP).published("rio"), "Name description";
        master: Ref<Host> = dynamic_ro(POOL_OP).published("rio"), "Master";
        default_SR: Ref<Sr> = rw(POOL_OP).published("rio"), "Default sr";
        suspend_image_SR: Ref<Sr> = rw(POOL_OP).published("rio"), "Suspend image sr";
        crash_dump_SR: Ref<Sr> = rw(POOL_OP).published("rio"), "Crash dump sr";
        other_config: Map<String, String> = rw(POOL_OP).published("rio").map_keys(&[("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP), ("EMPTY_FOLDERS", VM_OP)]), "Other config";
        ha_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("orlando"), "Ha enabled";
        ha_configuration: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("orlando"), "Ha configuration";
        ha_statefiles: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("orlando"), "Ha statefiles";
        ha_host_failures_to_tolerate: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).published("orlando"), "Ha host failures to tolerate";
        ha_plan_exists_for: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).published("orlando"), "Ha plan exists for";
        ha_allow_overcommit: bool = rw(POOL_OP).default(Default::Bool(false)).published("orlando"), "Ha allow overcommit";
        ha_overcommitted: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("orlando"), "Ha overcommitted";
        blobs: Map<String, Ref<Blob>> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("orlando"), "Blobs";
        tags: Vec<String> = rw(VM_OP).default(Default::Set(&[])).published("orlando"), "Tags";
        gui_config: Map<String, String> = rw(VM_OP).default(Default::Map(&[])).published("orlando"), "Gui config";
        health_check_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("dundee"), "Health check config";
        wlb_url: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("george"), "Wlb url";
        wlb_username: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("george"), "Wlb username";
        wlb_password: Ref<Secret> = dynamic_ro(POOL_OP).published("george").not_in_record().internal(), "Wlb password";
        wlb_enabled: bool = rw(POOL_OP.and_client_cert()).default(Default::Bool(false)).published("george"), "Wlb enabled";
        wlb_verify_cert: bool = rw(POOL_OP).default(Default::Bool(false)).published("george").deprecated("1.290.0"), "Wlb verify cert";
        redo_log_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("midnight-ride"), "Redo log enabled";
        redo_log_vdi: Ref<Vdi> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("midnight-ride"), "Redo log vdi";
        vswitch_controller: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("midnight-ride").deprecated("falcon"), "Vswitch controller";
        restrictions: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("midnight-ride"), "Restrictions";
        metadata_VDIs: Vec<Ref<Vdi>> = dynamic_ro(POOL_OP).published("boston").relation(ClassId::Vdi, "metadata_of_pool", Holds::Many, Holds::One), "Metadata vdis";
        ha_cluster_stack: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("dundee"), "Ha cluster stack";
        allowed_operations: Vec<PoolAllowedOperations> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Allowed operations";
        current_operations: Map<String, PoolAllowedOperations> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Current operations";
        guest_agent_config: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("dundee"), "Guest agent config";
        cpu_info: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("dundee"), "Cpu info";
        policy_no_vendor_device: bool = rw(POOL_OP).default(Default::Bool(false)).published("dundee").deprecated("24.14.0"), "Policy no vendor device";
        live_patching_disabled: bool = rw(POOL_OP).default(Default::Bool(false)).published("ely"), "Live patching disabled";
        igmp_snooping_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("inverness"), "Igmp snooping enabled";
        uefi_certificates: String = static_ro(POOL_OP).default(Default::Str("")).published("quebec").changed("22.16.0"), "Uefi certificates";
        custom_uefi_certificates: String = static_ro(POOL_OP).default(Default::Str("")).prototyped("24.0.0"), "Custom uefi certificates";
        is_psr_pending: bool = rw(POOL_OP).default(Default::Bool(false)).published("stockholm_psr"), "Is psr pending";
        tls_verification_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("1.290.0"), "Tls verification enabled";
        repositories: Vec<Ref<Repository>> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("1.301.0").plain_refs(), "Repositories";
        client_certificate_auth_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("1.318.0"), "Client certificate auth enabled";
        client_certificate_auth_name: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("1.318.0"), "Client certificate auth name";
        repository_proxy_url: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("21.3.0"), "Repository proxy url";
        repository_proxy_username: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("21.3.0"), "Repository proxy username";
        repository_proxy_password: Ref<Secret> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("21.3.0").changed("23.9.0"), "Repository proxy password";
        migration_compression: bool = rw(POOL_OP).default(Default::Bool(false)).prototyped("22.33.0"), "Migration compression";
        coordinator_bias: bool = rw(POOL_OP).default(Default::Bool(true)).prototyped("22.37.0").published("rio"), "Coordinator bias";
        local_auth_max_threads: i64 = static_ro(POOL_OP).default(Default::Int(8)).prototyped("23.27.0"), "Local auth max threads";
        ext_auth_max_threads: i64 = static_ro(POOL_OP).default(Default::Int(1)).prototyped("23.27.0"), "Ext auth max threads";
        ext_auth_cache_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(true)).prototyped("24.31.0"), "Ext auth cache enabled";
        ext_auth_cache_size: i64 = dynamic_ro(POOL_OP).default(Default::Int(50)).prototyped("24.31.0"), "Ext auth cache size";
        ext_auth_cache_expiry: i64 = dynamic_ro(POOL_OP).default(Default::Int(300)).prototyped("24.31.0"), "Ext auth cache expiry";
        telemetry_uuid: Ref<Secret> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).prototyped("23.9.0"), "Telemetry uuid";
        telemetry_frequency: TelemetryFrequency = dynamic_ro(POOL_OP).default(Default::Str("weekly")).prototyped("23.9.0"), "Telemetry frequency";
        telemetry_next_collection: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).prototyped("23.9.0"), "Telemetry next collection";
        last_update_sync: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).prototyped("23.18.0"), "Last update sync";
        update_sync_frequency: UpdateSyncFrequency = dynamic_ro(POOL_OP).default(Default::Str("weekly")).prototyped("23.18.0"), "Update sync frequency";
        update_sync_day: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).prototyped("23.18.0"), "Update sync day";
        update_sync_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).prototyped("23.18.0"), "Update sync enabled";
        recommendations: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).prototyped("24.19.1"), "Recommendations";
        license_server: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).prototyped("25.6.0"), "License server";
        ha_reboot_vm_on_internal_shutdown: bool = rw(POOL_OP).default(Default::Bool(true)).prototyped("25.16.0"), "Ha reboot vm on internal shutdown";
        limit_console_sessions: bool = rw(POOL_OP).default(Default::Bool(false)).prototyped("26.1.0"), "Limit console sessions";
        vm_console_idle_timeout: i64 = rw(POOL_OP).default(Default::Int(0)).prototyped("26.1.0"), "Vm console idle timeout";
        auto_update_vm_secureboot_certificates: bool = rw(POOL_OP).default(Default::Bool(false)).prototyped("26.16.1"), "Auto update vm secureboot certificates";
    }

    methods {
        join(master_address: String, master_username: String, master_password: String) = op(POOL_OP).published("rio").errors(&["JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS"]), "Join";
        join_force(master_address: String, master_username: String, master_password: String) = op(POOL_OP).published("rio"), "Join force";
        eject(host: Ref<Host>) = op(POOL_OP).published("rio").forwarding(&["host=param:host", "host=param:h", "host=pool_master"]).guards(&[&["pool", "eject"]]), "Eject";
        initial_auth() -> SecretText = op(POOL_OP).published("rio").hidden(), "Initial auth";
        exchange_certificates_on_join(uuid: String, certificate: String) -> Map<String, String> = op(POOL_OP).published("1.298.0").hidden(), "Exchange certificates on join";
        exchange_ca_certificates_on_join(import: Map<String, String>, export: Vec<Ref<Certificate>>) -> Map<String, String> = op(POOL_OP).published("1.320.0").hidden(), "Exchange ca certificates on join";
        emergency_transition_to_master() = op(POOL_OP).published("rio").sync().emergency().no_slave_forward(), "Emergency transition to master";
        emergency_reset_master(master_address: String) = op(POOL_OP).published("rio").sync().emergency().no_slave_forward(), "Emergency reset master";
        recover_slaves() -> Vec<Ref<Host>> = op(POOL_OP).published("rio"), "Recover slaves";
        hello(host_uuid: String, host_address: String) -> HelloReturn = op(POOL_OP).published("rio").hidden(), "Hello";
        is_slave(host: Ref<Host>) -> bool = op(POOL_ADMIN).published("rio").sync().emergency().no_slave_forward().hidden(), "Is slave";
        create_VLAN(device: String, network: Ref<Network>, VLAN: i64) -> Vec<Ref<Pif>> = op(POOL_OP).published("rio").errors(&["VLAN_TAG_INVALID"]), "Create vlan";
        management_reconfigure(network: Ref<Network>) = op(POOL_OP).published("inverness").errors(&["HA_IS_ENABLED", "PIF_NOT_PRESENT", "CANNOT_PLUG_BOND_SLAVE", "PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE", "PIF_HAS_NO_NETWORK_CONFIGURATION", "PIF_HAS_NO_V6_NETWORK_CONFIGURATION"]), "Management reconfigure";
        create_VLAN_from_PIF(pif: Ref<Pif>, network: Ref<Network>, VLAN: i64) -> Vec<Ref<Pif>> = op(POOL_OP).published("rio").errors(&["VLAN_TAG_INVALID"]), "Create vlan from pif";
        enable_ha(heartbeat_srs: Vec<Ref<Sr>>, configuration: Map<String, String>) = op(POOL_OP.and_client_cert()).published("miami").guards(&[&["pool", "ha_enable"]]), "Enable ha";
        disable_ha() = op(POOL_OP.and_client_cert()).published("miami").guards(&[&["pool", "ha_disable"]]), "Disable ha";
        sync_database() = op(POOL_OP).published("rio"), "Sync database";
        designate_new_master(host: Ref<Host>) = op(POOL_OP).published("miami").forwarding(&["host=param:host"]).guards(&[&["pool", "designate_new_master"]]), "Designate new master";
        ha_prevent_restarts_for(seconds: i64) = op(POOL_OP).published("orlando-update-1").sync(), "Ha prevent restarts for";
        ha_failover_plan_exists(n: i64) -> bool = op(POOL_OP).published("orlando").sync(), "Ha failover plan exists";
        ha_compute_max_host_failures_to_tolerate() -> i64 = op(POOL_OP).published("orlando").sync(), "Ha compute max host failures to tolerate";
        ha_compute_hypothetical_max_host_failures_to_tolerate(configuration: Map<Ref<Vm>, String>) -> i64 = op(READ_ONLY).published("orlando").sync(), "Ha compute hypothetical max host failures to tolerate";
        ha_compute_vm_failover_plan(failed_hosts: Vec<Ref<Host>>, failed_vms: Vec<Ref<Vm>>) -> Map<Ref<Vm>, Map<String, String>> = op(POOL_OP).published("orlando").sync(), "Ha compute vm failover plan";
        set_ha_host_failures_to_tolerate(self: Ref<Pool>, value: i64) = op(POOL_OP).published("orlando"), "Set ha host failures to tolerate";
        create_new_blob(pool: Ref<Pool>, name: String, mime_type: String, public: bool = opt(Default::Bool(false)).since("tampa")) -> Ref<Blob> = op(POOL_OP).published("orlando"), "Create new blob";
        ha_schedule_plan_recomputation() = op(NOBODY).published("orlando").pool_internal().hidden(), "Ha schedule plan recomputation";
        enable_binary_storage() = op(POOL_OP).published("orlando").hidden(), "Enable binary storage";
        disable_binary_storage() = op(POOL_OP).published("orlando").hidden(), "Disable binary storage";
        enable_external_auth(pool: Ref<Pool>, config: Map<String, String>, service_name: String, auth_type: String) = op(POOL_ADMIN).published("george").sync(), "Enable external auth";
        disable_external_auth(pool: Ref<Pool>, config: Map<String, String> = opt(Default::Map(&[]))) = op(POOL_ADMIN).published("george").sync(), "Disable external auth";
        external_auth_set_ldaps(pool: Ref<Pool>, ldaps: bool, force: bool = opt(Default::Bool(false))) = op(POOL_ADMIN).published("26.16.0").sync(), "External auth set ldaps";
        detect_nonhomogeneous_external_auth(pool: Ref<Pool>) = op(POOL_OP).published("george").sync(), "Detect nonhomogeneous external auth";
        initialize_wlb(wlb_url: String, wlb_username: String, wlb_password: String, xenserver_username: String, xenserver_password: String) = op(POOL_OP).published("george"), "Initialize wlb";
        deconfigure_wlb() = op(POOL_OP).published("george"), "Deconfigure wlb";
        send_wlb_configuration(config: Map<String, String>) = op(POOL_OP).published("george"), "Send wlb configuration";
        retrieve_wlb_configuration() -> Map<String, String> = op(READ_ONLY).published("george"), "Retrieve wlb configuration";
        retrieve_wlb_recommendations() -> Map<Ref<Vm>, Vec<String>> = op(READ_ONLY).published("george"), "Retrieve wlb recommendations";
        send_test_post(host: String, port: i64, body: String) -> String = op(POOL_ADMIN).published("george"), "Send test post";
        certificate_install(name: String, cert: String) = op(POOL_OP).published("george").deprecated("1.290.0"), "Certificate install";
        certificate_uninstall(name: String) = op(POOL_OP).published("george").deprecated("1.290.0"), "Certificate uninstall";
        certificate_list() -> Vec<String> = op(POOL_OP).published("george").deprecated("1.290.0"), "Certificate list";
        install_ca_certificate(name: String, cert: String) = op(POOL_OP.and_client_cert()).published("1.290.0").deprecated("26.13.0"), "Install ca certificate";
        uninstall_ca_certificate(name: String, force: bool = opt(Default::Bool(false)).since("24.35.0")) = op(POOL_OP.and_client_cert()).published("1.290.0").changed("24.35.0").deprecated("26.13.0"), "Uninstall ca certificate";
        crl_install(name: String, cert: String) = op(POOL_OP).published("george"), "Crl install";
        crl_uninstall(name: String) = op(POOL_OP).published("george"), "Crl uninstall";
        crl_list() -> Vec<String> = op(POOL_OP).published("george"), "Crl list";
        certificate_sync() = op(POOL_OP).published("george"), "Certificate sync";
        enable_tls_verification() = op(POOL_ADMIN).published("1.290.0").sync().forwarding(&["host=param:host"]).guards(&[&["pool", "tls_verification_enable"]]), "Enable tls verification";
        enable_redo_log(sr: Ref<Sr>) = op(POOL_OP).published("midnight-ride"), "Enable redo log";
        disable_redo_log() = op(POOL_OP).published("midnight-ride"), "Disable redo log";
        audit_log_append(line: String) = op(POOL_ADMIN).published("midnight-ride").pool_internal().hidden(), "Audit log append";
        set_vswitch_controller(address: String) = op(POOL_OP).published("midnight-ride").extended("cowley").deprecated("falcon"), "Set vswitch controller";
        test_archive_target(self: Ref<Pool>, config: Map<String, String>) -> String = op(POOL_OP).published("cowley").sync(), "Test archive target";
        enable_local_storage_caching(self: Ref<Pool>) = op(POOL_OP).published("cowley"), "Enable local storage caching";
        disable_local_storage_caching(self: Ref<Pool>) = op(POOL_OP).published("cowley"), "Disable local storage caching";
        get_license_state(self: Ref<Pool>) -> Map<String, String> = op(READ_ONLY).published("clearwater"), "Get license state";
        apply_edition(self: Ref<Pool>, edition: String) = op(POOL_OP).published("clearwater"), "Apply edition";
        enable_ssl_legacy(self: Ref<Pool>) = op(POOL_OP).published("dundee").deprecated("dundee").removed("stockholm"), "Enable ssl legacy";
        disable_ssl_legacy(self: Ref<Pool>) = op(POOL_OP).published("dundee").deprecated("stockholm"), "Disable ssl legacy";
        set_igmp_snooping_enabled(self: Ref<Pool>, value: bool) = op(POOL_OP).published("inverness"), "Set igmp snooping enabled";
        has_extension(self: Ref<Pool>, name: String) -> bool = op(POOL_ADMIN).published("dundee"), "Has extension";
        add_to_guest_agent_config(self: Ref<Pool>, key: String, value: String) = op(POOL_ADMIN).published("dundee"), "Add to guest agent config";
        remove_from_guest_agent_config(self: Ref<Pool>, key: String) = op(POOL_ADMIN).published("dundee"), "Remove from guest agent config";
        rotate_secret() = op(POOL_ADMIN).published("stockholm_psr").errors(&["INTERNAL_ERROR", "HOST_IS_SLAVE", "CANNOT_CONTACT_HOST", "HA_IS_ENABLED", "NOT_SUPPORTED_DURING_UPGRADE"]), "Rotate secret";
        set_repositories(self: Ref<Pool>, value: Vec<Ref<Repository>>) = op(POOL_OP.and_client_cert()).published("1.301.0"), "Set repositories";
        add_repository(self: Ref<Pool>, value: Ref<Repository>) = op(POOL_OP.and_client_cert()).published("1.301.0"), "Add repository";
        remove_repository(self: Ref<Pool>, value: Ref<Repository>) = op(POOL_OP.and_client_cert()).published("1.301.0"), "Remove repository";
        sync_updates(self: Ref<Pool>, force: bool, token: String = opt(Default::Str("")), token_id: String = opt(Default::Str("")), username: String = opt(Default::Str("")).since("25.7.0"), password: String = opt(Default::Str("")).since("25.7.0")) -> String = op(POOL_OP.and_client_cert()).published("1.329.0").changed("25.7.0"), "Sync updates";
        check_update_readiness(self: Ref<Pool>, requires_reboot: bool) -> Vec<Vec<String>> = op(POOL_OP.and_client_cert()).published("1.304.0"), "Check update readiness";
        enable_client_certificate_auth(self: Ref<Pool>, name: String) = op(POOL_OP.and_client_cert()).published("1.318.0"), "Enable client certificate auth";
        disable_client_certificate_auth(self: Ref<Pool>) = op(POOL_OP.and_client_cert()).published("1.318.0"), "Disable client certificate auth";
        configure_repository_proxy(self: Ref<Pool>, url: String, username: String, password: String) = op(POOL_OP.and_client_cert()).published("21.3.0"), "Configure repository proxy";
        disable_repository_proxy(self: Ref<Pool>) = op(POOL_OP.and_client_cert()).published("21.4.0"), "Disable repository proxy";
        set_uefi_certificates(self: Ref<Pool>, value: String) = op(POOL_ADMIN).published("22.16.0").deprecated("24.0.0"), "Set uefi certificates";
        set_custom_uefi_certificates(self: Ref<Pool>, value: String) = op(POOL_ADMIN).prototyped("24.0.0"), "Set custom uefi certificates";
        set_https_only(self: Ref<Pool>, value: bool) = op(POOL_OP).prototyped("22.27.0"), "Set https only";
        set_telemetry_next_collection(self: Ref<Pool>, value: DateTime) = op(POOL_ADMIN).prototyped("23.9.0"), "Set telemetry next collection";
        reset_telemetry_uuid(self: Ref<Pool>) = op(POOL_ADMIN).prototyped("23.9.0"), "Reset telemetry uuid";
        configure_update_sync(self: Ref<Pool>, update_sync_frequency: UpdateSyncFrequency, update_sync_day: i64) = op(POOL_OP).prototyped("23.18.0"), "Configure update sync";
        set_update_sync_enabled(self: Ref<Pool>, value: bool) = op(POOL_OP).prototyped("23.18.0"), "Set update sync enabled";
        set_local_auth_max_threads(self: Ref<Pool>, value: i64) = op(POOL_OP).prototyped("23.27.0").sync(), "Set local auth max threads";
        set_ext_auth_max_threads(self: Ref<Pool>, value: i64) = op(POOL_OP).prototyped("23.27.0").sync(), "Set ext auth max threads";
        set_ext_auth_cache_enabled(self: Ref<Pool>, value: bool) = op(POOL_OP).prototyped("24.31.0"), "Set ext auth cache enabled";
        set_ext_auth_cache_size(self: Ref<Pool>, value: i64) = op(POOL_OP).prototyped("24.31.0"), "Set ext auth cache size";
        set_ext_auth_cache_expiry(self: Ref<Pool>, value: i64) = op(POOL_OP).prototyped("24.31.0"), "Set ext auth cache expiry";
        get_guest_secureboot_readiness(self: Ref<Pool>) -> PoolGuestSecurebootReadiness = op(POOL_OP).prototyped("24.17.0").sync(), "Get guest secureboot readiness";
        enable_ssh(self: Ref<Pool>) = op(POOL_ADMIN).prototyped("25.13.0"), "Enable ssh";
        disable_ssh(self: Ref<Pool>) = op(POOL_ADMIN).prototyped("25.13.0"), "Disable ssh";
        set_ssh_enabled_timeout(self: Ref<Pool>, value: i64) = op(POOL_ADMIN).prototyped("25.21.0"), "Set ssh enabled timeout";
        set_console_idle_timeout(self: Ref<Pool>, value: i64) = op(POOL_ADMIN).prototyped("25.21.0"), "Set console idle timeout";
        set_ssh_auto_mode(self: Ref<Pool>, value: bool) = op(POOL_ADMIN).prototyped("25.27.0"), "Set ssh auto mode";
        install_trusted_certificate(self: Ref<Pool>, ca: bool, cert: String, purpose: Vec<CertificatePurpose>) = op(POOL_OP.and_client_cert()).prototyped("26.13.0").guards(&[&["pool", "copy_primary_host_certs"]]), "Install trusted certificate";
        uninstall_trusted_certificate(self: Ref<Pool>, certificate: Ref<Certificate>) = op(POOL_OP.and_client_cert()).prototyped("26.13.0").guards(&[&["pool", "copy_primary_host_certs"]]), "Uninstall trusted certificate";
        sync_trusted_certificates_from(self: Ref<Pool>, remote_pool: String, remote_session: Ref<Session>, remote_certificate: String, ca: bool) -> Vec<Ref<Certificate>> = op(POOL_OP.and_client_cert()).prototyped("26.16.0").guards(&[&["pool", "copy_primary_host_certs"]]), "Sync trusted certificates from";
        exchange_trusted_certificates_on_join(self: Ref<Pool>, ca: bool, import: Map<String, Vec<String>>, export: Vec<Ref<Certificate>>) -> Map<String, Vec<String>> = op(POOL_OP.and_client_cert()).prototyped("26.13.0").hidden().guards(&[&["pool", "copy_primary_host_certs"]]), "Exchange trusted certificates on join";
        exchange_crls_on_join(self: Ref<Pool>, import: Map<String, String>, export: Vec<String>) -> Map<String, String> = op(POOL_OP.and_client_cert()).prototyped("26.13.0").hidden().guards(&[&["pool", "exchange_crls_on_join"]]), "Exchange crls on join";
    }
}

api_enum! {
    CertificatePurpose "certificate_purpose" "certificate_purpose" {
        Licensing = "licensing" "licensing",
        Ldaps = "ldaps" "ldaps",
    }
}

api_enum! {
    HelloReturn "hello_return" "hello_return" {
        Ok = "ok" "ok",
        UnknownHost = "unknown_host" "unknown_host",
        CannotTalkBack = "cannot_talk_back" "cannot_talk_back",
    }
}

api_enum! {
    PoolAllowedOperations "pool_allowed_operations" "pool_allowed_operations" {
        HaEnable = "ha_enable" "ha_enable",
        HaDisable = "ha_disable" "ha_disable",
        ClusterCreate = "cluster_create" "cluster_create",
        DesignateNewMaster = "designate_new_master" "designate_new_master",
        ConfigureRepositories = "configure_repositories" "configure_repositories",
        SyncUpdates = "sync_updates" "sync_updates",
        SyncBundle = "sync_bundle" "sync_bundle",
        GetUpdates = "get_updates" "get_updates",
        ApplyUpdates = "apply_updates" "apply_updates",
        TlsVerificationEnable = "tls_verification_enable" "tls_verification_enable",
        CertRefresh = "cert_refresh" "cert_refresh",
        ExchangeCertificatesOnJoin = "exchange_certificates_on_join" "exchange_certificates_on_join",
        ExchangeCaCertificatesOnJoin = "exchange_ca_certificates_on_join" "exchange_ca_certificates_on_join",
        CopyPrimaryHostCerts = "copy_primary_host_certs" "copy_primary_host_certs",
        Eject = "eject" "eject",
        ExchangeCrlsOnJoin = "exchange_crls_on_join" "exchange_crls_on_join",
    }
}

api_enum! {
    PoolGuestSecurebootReadiness "pool_guest_secureboot_readiness" "pool_guest_secureboot_readiness" {
        Ready = "ready" "ready",
        ReadyNoDbx = "ready_no_dbx" "ready_no_dbx",
        NotReady = "not_ready" "not_ready",
    }
}

api_enum! {
    TelemetryFrequency "telemetry_frequency" "telemetry_frequency" {
        Daily = "daily" "daily",
        Weekly = "weekly" "weekly",
        Monthly = "monthly" "monthly",
    }
}

api_enum! {
    UpdateSyncFrequency "update_sync_frequency" "update_sync_frequency" {
        Daily = "daily" "daily",
        Weekly = "weekly" "weekly",
    }
}
