//! `pool`: the group of hosts managed as one, with its shared settings.

use crate::classes::prelude::*;

class! {
    Pool "pool" "The group of hosts managed as one, with its shared settings" = table(Some(POOL_OP)).published("rio").not_by_name();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the pool";
        name_label: String = rw(POOL_OP).published("rio"), "Name shown to people, may be empty";
        name_description: String = rw(POOL_OP).published("rio"), "Free text telling what the pool is for";
        master: Ref<Host> = dynamic_ro(POOL_OP).published("rio"), "Host that coordinates the pool and owns the database";
        default_SR: Ref<Sr> = rw(POOL_OP).published("rio"), "SR where new disks go unless told otherwise";
        suspend_image_SR: Ref<Sr> = rw(POOL_OP).published("rio"), "SR preferred for memory images of suspended VMs";
        crash_dump_SR: Ref<Sr> = rw(POOL_OP).published("rio"), "SR preferred for core dumps of crashed VMs";
        other_config: Map<String, String> = rw(POOL_OP).published("rio").map_keys(&[("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP), ("EMPTY_FOLDERS", VM_OP)]), "Free key-value pairs; some keys steer the toolstack";
        ha_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("orlando"), "True if HA guards the pool";
        ha_configuration: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("orlando"), "Tuning of HA, such as its time-out";
        ha_statefiles: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("orlando"), "VDIs HA keeps its state files on";
        ha_host_failures_to_tolerate: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).published("orlando"), "How many host losses HA should be able to repair";
        ha_plan_exists_for: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).published("orlando"), "How many host losses HA can repair at present";
        ha_allow_overcommit: bool = rw(POOL_OP).default(Default::Bool(false)).published("orlando"), "True if actions that spoil the HA plan are let through";
        ha_overcommitted: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("orlando"), "True if the HA plan covers fewer losses than wanted";
        blobs: Map<String, Ref<Blob>> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("orlando"), "Binary objects attached to the pool, by name";
        tags: Vec<String> = rw(VM_OP).default(Default::Set(&[])).published("orlando"), "Words users attach for sorting and searching";
        gui_config: Map<String, String> = rw(VM_OP).default(Default::Map(&[])).published("orlando"), "Settings that graphical clients keep for themselves";
        health_check_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("dundee"), "Settings of the automatic health report service";
        wlb_url: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("george"), "Address of the WLB server, empty if none";
        wlb_username: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("george"), "Account used at the WLB server";
        wlb_password: Ref<Secret> = dynamic_ro(POOL_OP).published("george").not_in_record().internal(), "Secret with the password for the WLB server";
        wlb_enabled: bool = rw(POOL_OP.and_client_cert()).default(Default::Bool(false)).published("george"), "True if placement follows the WLB server's advice";
        wlb_verify_cert: bool = rw(POOL_OP).default(Default::Bool(false)).published("george").deprecated("1.290.0"), "Former switch for checking the WLB server's certificate";
        redo_log_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("midnight-ride"), "True if database changes also go to a redo log VDI";
        redo_log_vdi: Ref<Vdi> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("midnight-ride"), "VDI that holds the redo log, null if none";
        vswitch_controller: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("midnight-ride").deprecated("falcon"), "Former setting: where the vSwitches find their controller";
        restrictions: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("midnight-ride"), "Licence restrictions in force, the strictest of all hosts";
        metadata_VDIs: Vec<Ref<Vdi>> = dynamic_ro(POOL_OP).published("boston").relation(ClassId::Vdi, "metadata_of_pool", Holds::Many, Holds::One), "VDIs found with databases of other pools";
        ha_cluster_stack: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("dundee"), "Cluster software that HA runs on";
        allowed_operations: Vec<PoolAllowedOperations> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Operations that could start on the pool right now";
        current_operations: Map<String, PoolAllowedOperations> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Operations under way, keyed by the task that runs each";
        guest_agent_config: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("dundee"), "Settings handed to every guest agent";
        cpu_info: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("dundee"), "CPU features common to all hosts, and totals";
        policy_no_vendor_device: bool = rw(POOL_OP).default(Default::Bool(false)).published("dundee").deprecated("24.14.0"), "Former default for a new VM's has_vendor_device";
        live_patching_disabled: bool = rw(POOL_OP).default(Default::Bool(false)).published("ely"), "True if updates may not use live patches";
        igmp_snooping_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("inverness"), "True if the bridges forward multicast only where asked for";
        uefi_certificates: String = static_ro(POOL_OP).default(Default::Str("")).published("quebec").changed("22.16.0"), "Secure Boot certificates in effect, base64 of a tar file";
        custom_uefi_certificates: String = static_ro(POOL_OP).default(Default::Str("")).prototyped("24.0.0"), "Secure Boot certificates the administrator supplied, base64 of a tar file";
        is_psr_pending: bool = rw(POOL_OP).default(Default::Bool(false)).published("stockholm_psr"), "True if a rotation of the pool secret is unfinished";
        tls_verification_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("1.290.0"), "True if hosts check certificates on TLS connections";
        repositories: Vec<Ref<Repository>> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("1.301.0").plain_refs(), "Update repositories in use";
        client_certificate_auth_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("1.318.0"), "True if clients may log in by TLS certificate";
        client_certificate_auth_name: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("1.318.0"), "Host name that a client certificate must carry";
        repository_proxy_url: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("21.3.0"), "Proxy for downloads of updates, empty if none";
        repository_proxy_username: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("21.3.0"), "Account used at the update proxy";
        repository_proxy_password: Ref<Secret> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("21.3.0").changed("23.9.0"), "Secret with the password for the update proxy";
        migration_compression: bool = rw(POOL_OP).default(Default::Bool(false)).prototyped("22.33.0"), "True if migrations compress memory by default";
        coordinator_bias: bool = rw(POOL_OP).default(Default::Bool(true)).prototyped("22.37.0").published("rio"), "True if new VMs avoid the coordinator when others are equal";
        local_auth_max_threads: i64 = static_ro(POOL_OP).default(Default::Int(8)).prototyped("23.27.0"), "How many local password checks may run in parallel";
        ext_auth_max_threads: i64 = static_ro(POOL_OP).default(Default::Int(1)).prototyped("23.27.0"), "How many directory logins may run in parallel";
        ext_auth_cache_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(true)).prototyped("24.31.0"), "True if successful directory logins are remembered";
        ext_auth_cache_size: i64 = dynamic_ro(POOL_OP).default(Default::Int(50)).prototyped("24.31.0"), "Most directory logins remembered at a time";
        ext_auth_cache_expiry: i64 = dynamic_ro(POOL_OP).default(Default::Int(300)).prototyped("24.31.0"), "Seconds a directory login is remembered";
        telemetry_uuid: Ref<Secret> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).prototyped("23.9.0"), "Secret with the identifier that telemetry reports carry";
        telemetry_frequency: TelemetryFrequency = dynamic_ro(POOL_OP).default(Default::Str("weekly")).prototyped("23.9.0"), "How often telemetry is gathered";
        telemetry_next_collection: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).prototyped("23.9.0"), "Earliest time of the next telemetry run";
        last_update_sync: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).prototyped("23.18.0"), "When the repositories were last synchronised";
        update_sync_frequency: UpdateSyncFrequency = dynamic_ro(POOL_OP).default(Default::Str("weekly")).prototyped("23.18.0"), "How often the repositories are synchronised";
        update_sync_day: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).prototyped("23.18.0"), "Day of weekly synchronisation, 0 is Sunday";
        update_sync_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).prototyped("23.18.0"), "True if the repositories are synchronised on schedule";
        recommendations: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).prototyped("24.19.1"), "Advice to clients, such as sensible size limits";
        license_server: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).prototyped("25.6.0"), "Licence server used by default in the pool";
        ha_reboot_vm_on_internal_shutdown: bool = rw(POOL_OP).default(Default::Bool(true)).prototyped("25.16.0"), "True if HA restarts protected VMs that shut themselves down";
        limit_console_sessions: bool = rw(POOL_OP).default(Default::Bool(false)).prototyped("26.1.0"), "True if each console takes a single client";
        vm_console_idle_timeout: i64 = rw(POOL_OP).default(Default::Int(0)).prototyped("26.1.0"), "Seconds before an idle VM console is closed, 0 for never";
        auto_update_vm_secureboot_certificates: bool = rw(POOL_OP).default(Default::Bool(false)).prototyped("26.16.1"), "True if new VMs with outdated UEFI certificates are marked for renewal";
    }

    methods {
        join(master_address: String, master_username: String, master_password: String) = op(POOL_OP).published("rio").errors(&["JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS"]), "Make this host a member of the pool at that address";
        join_force(master_address: String, master_username: String, master_password: String) = op(POOL_OP).published("rio"), "Join a pool although some compatibility checks fail";
        eject(host: Ref<Host>) = op(POOL_OP).published("rio").forwarding(&["host=param:host", "host=param:h", "host=pool_master"]).guards(&[&["pool", "eject"]]), "Remove a host from the pool and reset it";
        initial_auth() -> SecretText = op(POOL_OP).published("rio").hidden(), "Give the pool secret to a joining host";
        exchange_certificates_on_join(uuid: String, certificate: String) -> Map<String, String> = op(POOL_OP).published("1.298.0").hidden(), "Trade pool-internal certificates with a joining host";
        exchange_ca_certificates_on_join(import: Map<String, String>, export: Vec<Ref<Certificate>>) -> Map<String, String> = op(POOL_OP).published("1.320.0").hidden(), "Trade CA certificates with a joining host";
        emergency_transition_to_master() = op(POOL_OP).published("rio").sync().emergency().no_slave_forward(), "Turn this cut-off member into the coordinator";
        emergency_reset_master(master_address: String) = op(POOL_OP).published("rio").sync().emergency().no_slave_forward(), "Point this cut-off member to another coordinator";
        recover_slaves() -> Vec<Ref<Host>> = op(POOL_OP).published("rio"), "Tell members in emergency mode who coordinates; returns those reached";
        hello(host_uuid: String, host_address: String) -> HelloReturn = op(POOL_OP).published("rio").hidden(), "Greet the coordinator after start and say this member is up";
        is_slave(host: Ref<Host>) -> bool = op(POOL_ADMIN).published("rio").sync().emergency().no_slave_forward().hidden(), "Tell whether the given host runs as a member";
        create_VLAN(device: String, network: Ref<Network>, VLAN: i64) -> Vec<Ref<Pif>> = op(POOL_OP).published("rio").errors(&["VLAN_TAG_INVALID"]), "Add a VLAN on the named device of every host";
        management_reconfigure(network: Ref<Network>) = op(POOL_OP).published("inverness").errors(&["HA_IS_ENABLED", "PIF_NOT_PRESENT", "CANNOT_PLUG_BOND_SLAVE", "PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE", "PIF_HAS_NO_NETWORK_CONFIGURATION", "PIF_HAS_NO_V6_NETWORK_CONFIGURATION"]), "Move management of all hosts to another network";
        create_VLAN_from_PIF(pif: Ref<Pif>, network: Ref<Network>, VLAN: i64) -> Vec<Ref<Pif>> = op(POOL_OP).published("rio").errors(&["VLAN_TAG_INVALID"]), "Add a VLAN on each host's counterpart of a PIF";
        enable_ha(heartbeat_srs: Vec<Ref<Sr>>, configuration: Map<String, String>) = op(POOL_OP.and_client_cert()).published("miami").guards(&[&["pool", "ha_enable"]]), "Start HA with state files on the given SRs";
        disable_ha() = op(POOL_OP.and_client_cert()).published("miami").guards(&[&["pool", "ha_disable"]]), "Stop HA on every host";
        sync_database() = op(POOL_OP).published("rio"), "Copy the database to the members at once";
        designate_new_master(host: Ref<Host>) = op(POOL_OP).published("miami").forwarding(&["host=param:host"]).guards(&[&["pool", "designate_new_master"]]), "Hand coordination over to a healthy member";
        ha_prevent_restarts_for(seconds: i64) = op(POOL_OP).published("orlando-update-1").sync(), "Hold back HA restarts for some seconds, 0 to resume";
        ha_failover_plan_exists(n: i64) -> bool = op(POOL_OP).published("orlando").sync(), "Tell whether HA could repair the loss of n hosts";
        ha_compute_max_host_failures_to_tolerate() -> i64 = op(POOL_OP).published("orlando").sync(), "Work out how many host losses could be repaired";
        ha_compute_hypothetical_max_host_failures_to_tolerate(configuration: Map<Ref<Vm>, String>) -> i64 = op(READ_ONLY).published("orlando").sync(), "The same computation for other restart priorities";
        ha_compute_vm_failover_plan(failed_hosts: Vec<Ref<Host>>, failed_vms: Vec<Ref<Vm>>) -> Map<Ref<Vm>, Map<String, String>> = op(POOL_OP).published("orlando").sync(), "Work out where VMs of failed hosts would restart";
        set_ha_host_failures_to_tolerate(self: Ref<Pool>, value: i64) = op(POOL_OP).published("orlando"), "Change how many host losses HA must cover";
        create_new_blob(pool: Ref<Pool>, name: String, mime_type: String, public: bool = opt(Default::Bool(false)).since("tampa")) -> Ref<Blob> = op(POOL_OP).published("orlando"), "Attach an empty binary object to the pool";
        ha_schedule_plan_recomputation() = op(NOBODY).published("orlando").pool_internal().hidden(), "Ask for a new HA plan soon";
        enable_binary_storage() = op(POOL_OP).published("orlando").hidden(), "Let every host hold blob contents";
        disable_binary_storage() = op(POOL_OP).published("orlando").hidden(), "Delete blob contents everywhere and take no more";
        enable_external_auth(pool: Ref<Pool>, config: Map<String, String>, service_name: String, auth_type: String) = op(POOL_ADMIN).published("george").sync(), "Join every host to a directory service";
        disable_external_auth(pool: Ref<Pool>, config: Map<String, String> = opt(Default::Map(&[]))) = op(POOL_ADMIN).published("george").sync(), "Leave the directory service on every host";
        external_auth_set_ldaps(pool: Ref<Pool>, ldaps: bool, force: bool = opt(Default::Bool(false))) = op(POOL_ADMIN).published("26.16.0").sync(), "Switch every host's directory connection to LDAPS or back";
        detect_nonhomogeneous_external_auth(pool: Ref<Pool>) = op(POOL_OP).published("george").sync(), "Fail if a host's directory settings differ from the coordinator's";
        initialize_wlb(wlb_url: String, wlb_username: String, wlb_password: String, xenserver_username: String, xenserver_password: String) = op(POOL_OP).published("george"), "Connect the pool with a WLB server";
        deconfigure_wlb() = op(POOL_OP).published("george"), "Drop the connection with the WLB server";
        send_wlb_configuration(config: Map<String, String>) = op(POOL_OP).published("george"), "Change settings kept by the WLB server";
        retrieve_wlb_configuration() -> Map<String, String> = op(READ_ONLY).published("george"), "Read settings kept by the WLB server";
        retrieve_wlb_recommendations() -> Map<Ref<Vm>, Vec<String>> = op(READ_ONLY).published("george"), "Ask the WLB server which VMs to move, and why";
        send_test_post(host: String, port: i64, body: String) -> String = op(POOL_ADMIN).published("george"), "Post text to an HTTPS server and return its reply";
        certificate_install(name: String, cert: String) = op(POOL_OP).published("george").deprecated("1.290.0"), "Former name of install_ca_certificate";
        certificate_uninstall(name: String) = op(POOL_OP).published("george").deprecated("1.290.0"), "Former name of uninstall_ca_certificate";
        certificate_list() -> Vec<String> = op(POOL_OP).published("george").deprecated("1.290.0"), "Former list of CA certificates in the pool";
        install_ca_certificate(name: String, cert: String) = op(POOL_OP.and_client_cert()).published("1.290.0").deprecated("26.13.0"), "Former way to trust a CA throughout the pool";
        uninstall_ca_certificate(name: String, force: bool = opt(Default::Bool(false)).since("24.35.0")) = op(POOL_OP.and_client_cert()).published("1.290.0").changed("24.35.0").deprecated("26.13.0"), "Former way to stop trusting a CA";
        crl_install(name: String, cert: String) = op(POOL_OP).published("george"), "Store a revocation list on every host";
        crl_uninstall(name: String) = op(POOL_OP).published("george"), "Remove a revocation list from every host";
        crl_list() -> Vec<String> = op(POOL_OP).published("george"), "List the revocation files of the pool";
        certificate_sync() = op(POOL_OP).published("george"), "Copy the coordinator's certificates and revocation lists to all members";
        enable_tls_verification() = op(POOL_ADMIN).published("1.290.0").sync().forwarding(&["host=param:host"]).guards(&[&["pool", "tls_verification_enable"]]), "Have every host check certificates; there is no way back";
        enable_redo_log(sr: Ref<Sr>) = op(POOL_OP).published("midnight-ride"), "Keep a redo log of database changes on an SR";
        disable_redo_log() = op(POOL_OP).published("midnight-ride"), "Stop the redo log, unless HA needs it";
        audit_log_append(line: String) = op(POOL_ADMIN).published("midnight-ride").pool_internal().hidden(), "Add a line to the coordinator's audit trail";
        set_vswitch_controller(address: String) = op(POOL_OP).published("midnight-ride").extended("cowley").deprecated("falcon"), "Former way to point the vSwitches to a controller";
        test_archive_target(self: Ref<Pool>, config: Map<String, String>) -> String = op(POOL_OP).published("cowley").sync(), "Former test of a VMPP archive location";
        enable_local_storage_caching(self: Ref<Pool>) = op(POOL_OP).published("cowley"), "Switch IntelliCache on at every host";
        disable_local_storage_caching(self: Ref<Pool>) = op(POOL_OP).published("cowley"), "Switch IntelliCache off at every host";
        get_license_state(self: Ref<Pool>) -> Map<String, String> = op(READ_ONLY).published("clearwater"), "Report the pool's edition and when it expires";
        apply_edition(self: Ref<Pool>, edition: String) = op(POOL_OP).published("clearwater"), "Switch every host to another product edition";
        enable_ssl_legacy(self: Ref<Pool>) = op(POOL_OP).published("dundee").deprecated("dundee").removed("stockholm"), "Former way to allow old TLS protocols";
        disable_ssl_legacy(self: Ref<Pool>) = op(POOL_OP).published("dundee").deprecated("stockholm"), "Former way to forbid old TLS protocols";
        set_igmp_snooping_enabled(self: Ref<Pool>, value: bool) = op(POOL_OP).published("inverness"), "Switch multicast filtering on all bridges";
        has_extension(self: Ref<Pool>, name: String) -> bool = op(POOL_ADMIN).published("dundee"), "Tell whether every host has an API extension of that name";
        add_to_guest_agent_config(self: Ref<Pool>, key: String, value: String) = op(POOL_ADMIN).published("dundee"), "Add one guest agent setting in the whole pool";
        remove_from_guest_agent_config(self: Ref<Pool>, key: String) = op(POOL_ADMIN).published("dundee"), "Drop one guest agent setting in the whole pool";
        rotate_secret() = op(POOL_ADMIN).published("stockholm_psr").errors(&["INTERNAL_ERROR", "HOST_IS_SLAVE", "CANNOT_CONTACT_HOST", "HA_IS_ENABLED", "NOT_SUPPORTED_DURING_UPGRADE"]), "Replace the pool secret on all hosts";
        set_repositories(self: Ref<Pool>, value: Vec<Ref<Repository>>) = op(POOL_OP.and_client_cert()).published("1.301.0"), "Choose which repositories updates come from";
        add_repository(self: Ref<Pool>, value: Ref<Repository>) = op(POOL_OP.and_client_cert()).published("1.301.0"), "Use one more repository for updates";
        remove_repository(self: Ref<Pool>, value: Ref<Repository>) = op(POOL_OP.and_client_cert()).published("1.301.0"), "Stop using a repository for updates";
        sync_updates(self: Ref<Pool>, force: bool, token: String = opt(Default::Str("")), token_id: String = opt(Default::Str("")), username: String = opt(Default::Str("")).since("25.7.0"), password: String = opt(Default::Str("")).since("25.7.0")) -> String = op(POOL_OP.and_client_cert()).published("1.329.0").changed("25.7.0"), "Download update data; returns the checksum of its state";
        check_update_readiness(self: Ref<Pool>, requires_reboot: bool) -> Vec<Vec<String>> = op(POOL_OP.and_client_cert()).published("1.304.0"), "List what stands in the way of updating, as errors";
        enable_client_certificate_auth(self: Ref<Pool>, name: String) = op(POOL_OP.and_client_cert()).published("1.318.0"), "Accept logins by client certificate with that name";
        disable_client_certificate_auth(self: Ref<Pool>) = op(POOL_OP.and_client_cert()).published("1.318.0"), "Refuse logins by client certificate";
        configure_repository_proxy(self: Ref<Pool>, url: String, username: String, password: String) = op(POOL_OP.and_client_cert()).published("21.3.0"), "Download updates through a proxy";
        disable_repository_proxy(self: Ref<Pool>) = op(POOL_OP.and_client_cert()).published("21.4.0"), "Download updates directly";
        set_uefi_certificates(self: Ref<Pool>, value: String) = op(POOL_ADMIN).published("22.16.0").deprecated("24.0.0"), "Former upload of Secure Boot certificates; refused";
        set_custom_uefi_certificates(self: Ref<Pool>, value: String) = op(POOL_ADMIN).prototyped("24.0.0"), "Upload the administrator's Secure Boot certificates, or clear them";
        set_https_only(self: Ref<Pool>, value: bool) = op(POOL_OP).prototyped("22.27.0"), "Close or open port 80 of every host";
        set_telemetry_next_collection(self: Ref<Pool>, value: DateTime) = op(POOL_ADMIN).prototyped("23.9.0"), "Set the earliest time of the next telemetry run";
        reset_telemetry_uuid(self: Ref<Pool>) = op(POOL_ADMIN).prototyped("23.9.0"), "Draw a new identifier for telemetry reports";
        configure_update_sync(self: Ref<Pool>, update_sync_frequency: UpdateSyncFrequency, update_sync_day: i64) = op(POOL_OP).prototyped("23.18.0"), "Set rhythm and day of scheduled synchronisation";
        set_update_sync_enabled(self: Ref<Pool>, value: bool) = op(POOL_OP).prototyped("23.18.0"), "Switch scheduled synchronisation on or off";
        set_local_auth_max_threads(self: Ref<Pool>, value: i64) = op(POOL_OP).prototyped("23.27.0").sync(), "Limit local password checks that run in parallel";
        set_ext_auth_max_threads(self: Ref<Pool>, value: i64) = op(POOL_OP).prototyped("23.27.0").sync(), "Limit directory logins that run in parallel";
        set_ext_auth_cache_enabled(self: Ref<Pool>, value: bool) = op(POOL_OP).prototyped("24.31.0"), "Remember successful directory logins, or stop and forget them";
        set_ext_auth_cache_size(self: Ref<Pool>, value: i64) = op(POOL_OP).prototyped("24.31.0"), "Limit how many directory logins are remembered";
        set_ext_auth_cache_expiry(self: Ref<Pool>, value: i64) = op(POOL_OP).prototyped("24.31.0"), "Set the seconds a directory login is remembered";
        get_guest_secureboot_readiness(self: Ref<Pool>) -> PoolGuestSecurebootReadiness = op(POOL_OP).prototyped("24.17.0").sync(), "Tell whether certificates for guests' Secure Boot are present";
        enable_ssh(self: Ref<Pool>) = op(POOL_ADMIN).prototyped("25.13.0"), "Start SSH on every host";
        disable_ssh(self: Ref<Pool>) = op(POOL_ADMIN).prototyped("25.13.0"), "Stop SSH on every host";
        set_ssh_enabled_timeout(self: Ref<Pool>, value: i64) = op(POOL_ADMIN).prototyped("25.21.0"), "Set every host's seconds until SSH switches off";
        set_console_idle_timeout(self: Ref<Pool>, value: i64) = op(POOL_ADMIN).prototyped("25.21.0"), "Set every host's seconds until idle consoles close";
        set_ssh_auto_mode(self: Ref<Pool>, value: bool) = op(POOL_ADMIN).prototyped("25.27.0"), "Tie SSH on every host to its toolstack's health";
        install_trusted_certificate(self: Ref<Pool>, ca: bool, cert: String, purpose: Vec<CertificatePurpose>) = op(POOL_OP.and_client_cert()).prototyped("26.13.0").guards(&[&["pool", "copy_primary_host_certs"]]), "Trust a CA or pinned certificate for the given purposes";
        uninstall_trusted_certificate(self: Ref<Pool>, certificate: Ref<Certificate>) = op(POOL_OP.and_client_cert()).prototyped("26.13.0").guards(&[&["pool", "copy_primary_host_certs"]]), "Stop trusting a certificate throughout the pool";
        sync_trusted_certificates_from(self: Ref<Pool>, remote_pool: String, remote_session: Ref<Session>, remote_certificate: String, ca: bool) -> Vec<Ref<Certificate>> = op(POOL_OP.and_client_cert()).prototyped("26.16.0").guards(&[&["pool", "copy_primary_host_certs"]]), "Take over the trusted certificates of another pool";
        exchange_trusted_certificates_on_join(self: Ref<Pool>, ca: bool, import: Map<String, Vec<String>>, export: Vec<Ref<Certificate>>) -> Map<String, Vec<String>> = op(POOL_OP.and_client_cert()).prototyped("26.13.0").hidden().guards(&[&["pool", "copy_primary_host_certs"]]), "Trade trusted certificates with a joining host";
        exchange_crls_on_join(self: Ref<Pool>, import: Map<String, String>, export: Vec<String>) -> Map<String, String> = op(POOL_OP.and_client_cert()).prototyped("26.13.0").hidden().guards(&[&["pool", "exchange_crls_on_join"]]), "Trade revocation lists with a joining host";
    }
}

api_enum! {
    CertificatePurpose "certificate_purpose" "Connections a trusted certificate is meant for" {
        Licensing = "licensing" "Connections to the licence server",
        Ldaps = "ldaps" "LDAPS connections to the directory",
    }
}

api_enum! {
    HelloReturn "hello_return" "Answer to a member's greeting" {
        Ok = "ok" "The member is known and reachable",
        UnknownHost = "unknown_host" "No host with that uuid is in the pool",
        CannotTalkBack = "cannot_talk_back" "The coordinator cannot reach the member's address",
    }
}

api_enum! {
    PoolAllowedOperations "pool_allowed_operations" "Operations that can be allowed or under way in a pool" {
        HaEnable = "ha_enable" "Starting HA throughout",
        HaDisable = "ha_disable" "Stopping HA throughout",
        ClusterCreate = "cluster_create" "Creating a cluster",
        DesignateNewMaster = "designate_new_master" "Handing coordination to another host",
        ConfigureRepositories = "configure_repositories" "Changing the update repositories",
        SyncUpdates = "sync_updates" "Downloading update data",
        SyncBundle = "sync_bundle" "Unpacking an uploaded update bundle",
        GetUpdates = "get_updates" "Computing which updates hosts need",
        ApplyUpdates = "apply_updates" "Installing updates on a host",
        TlsVerificationEnable = "tls_verification_enable" "Switching on certificate checks",
        CertRefresh = "cert_refresh" "Renewing the pool-internal certificates",
        ExchangeCertificatesOnJoin = "exchange_certificates_on_join" "Trading internal certificates with a joining host",
        ExchangeCaCertificatesOnJoin = "exchange_ca_certificates_on_join" "Trading CA certificates with a joining host",
        CopyPrimaryHostCerts = "copy_primary_host_certs" "Giving trusted certificates to a new member",
        Eject = "eject" "Removing a host",
        ExchangeCrlsOnJoin = "exchange_crls_on_join" "Trading revocation lists with a joining host",
    }
}

api_enum! {
    PoolGuestSecurebootReadiness "pool_guest_secureboot_readiness" "Whether guests of the pool can use Secure Boot" {
        Ready = "ready" "All certificates are there",
        ReadyNoDbx = "ready_no_dbx" "All but the revocation list are there",
        NotReady = "not_ready" "Needed certificates are absent",
    }
}

api_enum! {
    TelemetryFrequency "telemetry_frequency" "Rhythm of telemetry runs" {
        Daily = "daily" "Once a day",
        Weekly = "weekly" "Once a week",
        Monthly = "monthly" "Once a month",
    }
}

api_enum! {
    UpdateSyncFrequency "update_sync_frequency" "Rhythm of repository synchronisation" {
        Daily = "daily" "Every single day",
        Weekly = "weekly" "On one day of each week",
    }
}
