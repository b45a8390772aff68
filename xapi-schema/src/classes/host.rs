//! `host`: host.

use crate::classes::prelude::*;

class! {
    Host "host" "host" = table(Some(POOL_OP)).published("rio");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        memory_overhead: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).published("rio").column("memory__overhead").tags(&["memory"]), "Memory overhead";
        allowed_operations: Vec<HostAllowedOperations> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Allowed operations";
        current_operations: Map<String, HostAllowedOperations> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Current operations";
        API_version_major: i64 = dynamic_ro(POOL_OP).published("rio").column("API_version__major"), "Api version major";
        API_version_minor: i64 = dynamic_ro(POOL_OP).published("rio").column("API_version__minor"), "Api version minor";
        API_version_vendor: String = dynamic_ro(POOL_OP).published("rio").column("API_version__vendor"), "Api version vendor";
        API_version_vendor_implementation: Map<String, String> = dynamic_ro(POOL_OP).published("rio").column("API_version__vendor_implementation"), "Api version vendor implementation";
        enabled: bool = dynamic_ro(POOL_OP).published("rio"), "Enabled";
        software_version: Map<String, String> = static_ro(POOL_OP).published("rio"), "Software version";
        other_config: Map<String, String> = rw(POOL_OP).published("rio").map_keys(&[("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP)]), "Other config";
        capabilities: Vec<String> = static_ro(POOL_OP).published("rio"), "Capabilities";
        cpu_configuration: Map<String, String> = dynamic_ro(POOL_OP).published("rio"), "Cpu configuration";
        sched_policy: String = dynamic_ro(POOL_OP).published("rio"), "Sched policy";
        supported_bootloaders: Vec<String> = dynamic_ro(POOL_OP).published("rio"), "Supported bootloaders";
        resident_VMs: Vec<Ref<Vm>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Vm, "resident_on", Holds::Many, Holds::One), "Resident vms";
        logging: Map<String, String> = rw(POOL_OP).published("rio"), "Logging";
        PIFs: Vec<Ref<Pif>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Pif, "host", Holds::Many, Holds::One).tags(&["networking"]), "Pifs";
        suspend_image_sr: Ref<Sr> = rw(POOL_OP).published("rio"), "Suspend image sr";
        crash_dump_sr: Ref<Sr> = rw(POOL_OP).published("rio"), "Crash dump sr";
        crashdumps: Vec<Ref<HostCrashdump>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::HostCrashdump, "host", Holds::Many, Holds::One), "Crashdumps";
        patches: Vec<Ref<HostPatch>> = dynamic_ro(POOL_OP).published("rio").deprecated("ely").relation(ClassId::HostPatch, "host", Holds::Many, Holds::One), "Patches";
        updates: Vec<Ref<PoolUpdate>> = dynamic_ro(POOL_OP).published("ely").relation(ClassId::PoolUpdate, "hosts", Holds::Many, Holds::Many), "Updates";
        PBDs: Vec<Ref<Pbd>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Pbd, "host", Holds::Many, Holds::One), "Pbds";
        host_CPUs: Vec<Ref<HostCpu>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::HostCpu, "host", Holds::Many, Holds::One), "Host cpus";
        cpu_info: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("midnight-ride"), "Cpu info";
        hostname: String = rw(POOL_OP).published("rio").tags(&["networking"]), "Hostname";
        address: String = rw(POOL_OP).published("rio").tags(&["networking"]), "Address";
        metrics: Ref<HostMetrics> = dynamic_ro(POOL_OP).published("rio"), "Metrics";
        license_params: Map<String, String> = dynamic_ro(POOL_OP).published("rio"), "License params";
        boot_free_mem: i64 = dynamic_ro(POOL_OP).published("rio").not_in_record().internal(), "Boot free mem";
        ha_statefiles: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("orlando"), "Ha statefiles";
        ha_network_peers: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("orlando"), "Ha network peers";
        blobs: Map<String, Ref<Blob>> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("orlando"), "Blobs";
        tags: Vec<String> = rw(VM_OP).default(Default::Set(&[])).published("orlando"), "Tags";
        external_auth_type: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("george"), "External auth type";
        external_auth_service_name: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("george"), "External auth service name";
        external_auth_configuration: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("george"), "External auth configuration";
        edition: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("midnight-ride"), "Edition";
        license_server: Map<String, String> = rw(POOL_OP).default(Default::Map(&[("address", Default::Str("localhost")), ("port", Default::Str("27000"))])).published("midnight-ride"), "License server";
        bios_strings: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("midnight-ride"), "Bios strings";
        power_on_mode: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("midnight-ride"), "Power on mode";
        power_on_config: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("midnight-ride"), "Power on config";
        local_cache_sr: Ref<Sr> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("cowley"), "Local cache sr";
        chipset_info: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("boston"), "Chipset info";
        PCIs: Vec<Ref<Pci>> = dynamic_ro(POOL_OP).published("boston").relation(ClassId::Pci, "host", Holds::Many, Holds::One), "Pcis";
        PGPUs: Vec<Ref<Pgpu>> = dynamic_ro(POOL_OP).published("boston").relation(ClassId::Pgpu, "host", Holds::Many, Holds::One), "Pgpus";
        PUSBs: Vec<Ref<Pusb>> = dynamic_ro(POOL_OP).published("inverness").relation(ClassId::Pusb, "host", Holds::Many, Holds::One), "Pusbs";
        ssl_legacy: bool = static_ro(POOL_OP).default(Default::Bool(true)).published("dundee").deprecated("stockholm"), "Ssl legacy";
        guest_VCPUs_params: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("tampa"), "Guest vcpus params";
        display: HostDisplay = rw(POOL_OP).default(Default::Str("enabled")).published("cream"), "Display";
        virtual_hardware_platform_versions: Vec<i64> = dynamic_ro(POOL_OP).default(Default::Set(&[Default::Int(0)])).published("cream"), "Virtual hardware platform versions";
        control_domain: Ref<Vm> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely"), "Control domain";
        updates_requiring_reboot: Vec<Ref<PoolUpdate>> = dynamic_ro(POOL_OP).published("ely").plain_refs(), "Updates requiring reboot";
        features: Vec<Ref<Feature>> = dynamic_ro(POOL_OP).published("falcon").relation(ClassId::Feature, "host", Holds::Many, Holds::One), "Features";
        iscsi_iqn: String = static_ro(POOL_OP).default(Default::Str("")).published("kolkata"), "Iscsi iqn";
        multipathing: bool = static_ro(POOL_OP).default(Default::Bool(false)).published("kolkata"), "Multipathing";
        uefi_certificates: String = static_ro(POOL_OP).default(Default::Str("")).published("quebec").deprecated("22.16.0"), "Uefi certificates";
        certificates: Vec<Ref<Certificate>> = dynamic_ro(POOL_OP).published("stockholm").relation(ClassId::Certificate, "host", Holds::Many, Holds::One), "Certificates";
        editions: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("stockholm"), "Editions";
        pending_guidances: Vec<UpdateGuidances> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("1.303.0"), "Pending guidances";
        tls_verification_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("1.313.0"), "Tls verification enabled";
        last_software_update: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).prototyped("22.20.0"), "Last software update";
        https_only: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).prototyped("22.27.0"), "Https only";
        recommended_guidances: Vec<UpdateGuidances> = dynamic_ro(POOL_OP).default(Default::Set(&[])).prototyped("23.18.0").removed("23.24.0").not_in_record().internal(), "Recommended guidances";
        latest_synced_updates_applied: LatestSyncedUpdatesAppliedState = dynamic_ro(POOL_OP).default(Default::Str("unknown")).prototyped("23.18.0"), "Latest synced updates applied";
        numa_affinity_policy: HostNumaAffinityPolicy = dynamic_ro(POOL_OP).default(Default::Str("default_policy")).prototyped("24.0.0"), "Numa affinity policy";
        pending_guidances_recommended: Vec<UpdateGuidances> = dynamic_ro(POOL_OP).default(Default::Set(&[])).prototyped("24.10.0"), "Pending guidances recommended";
        pending_guidances_full: Vec<UpdateGuidances> = dynamic_ro(POOL_OP).default(Default::Set(&[])).prototyped("24.10.0"), "Pending guidances full";
        last_update_hash: String = dynamic_ro(POOL_OP).default(Default::Str("")).prototyped("24.10.0"), "Last update hash";
        ssh_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(true)).prototyped("25.21.0"), "Ssh enabled";
        ssh_enabled_timeout: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).prototyped("25.21.0"), "Ssh enabled timeout";
        ssh_expiry: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).prototyped("25.21.0"), "Ssh expiry";
        console_idle_timeout: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).prototyped("25.21.0"), "Console idle timeout";
        ssh_auto_mode: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).prototyped("25.27.0"), "Ssh auto mode";
        max_cstate: String = dynamic_ro(POOL_OP).default(Default::Str("")).prototyped("26.0.0"), "Max cstate";
        secure_boot: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).prototyped("25.31.0"), "Secure boot";
        ntp_mode: HostNtpMode = dynamic_ro(POOL_OP).default(Default::Str("Factory")).prototyped("26.0.0"), "Ntp mode";
        ntp_custom_servers: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).prototyped("26.0.0"), "Ntp custom servers";
        timezone: String = dynamic_ro(POOL_OP).default(Default::Str("UTC")).prototyped("26.0.0"), "Timezone";
    }

    methods {
        disable(host: Ref<Host>, auto_enable: bool = opt(Default::Bool(true)).since("25.31.0")) = op(POOL_OP.and_client_cert()).published("rio").changed("25.31.0").forwarding(&["host=param:host"]), "Disable";
        enable(host: Ref<Host>) = op(POOL_OP.and_client_cert()).published("rio").forwarding(&["host=param:host"]).guards(&[&["host", "enable"]]), "Enable";
        shutdown(host: Ref<Host>) = op(POOL_OP).published("rio").forwarding(&["host=param:host"]).guards(&[&["host", "shutdown"]]), "Shutdown";
        reboot(host: Ref<Host>) = op(POOL_OP).published("rio").forwarding(&["host=param:host"]).guards(&[&["host", "reboot"]]), "Reboot";
        prepare_for_poweroff(host: Ref<Host>) = op(NOBODY).published("kolkata").hidden().forwarding(&["host=param:host"]), "Prepare for poweroff";
        dmesg(host: Ref<Host>) -> String = op(POOL_OP).published("rio").forwarding(&["host=param:host"]), "Dmesg";
        dmesg_clear(host: Ref<Host>) -> String = op(POOL_OP).published("rio").forwarding(&["host=param:host"]), "Dmesg clear";
        get_log(host: Ref<Host>) -> String = op(READ_ONLY).published("rio").forwarding(&["host=param:host"]), "Get log";
        send_debug_keys(host: Ref<Host>, keys: String) = op(POOL_ADMIN).published("rio").forwarding(&["host=param:host"]), "Send debug keys";
        bugreport_upload(host: Ref<Host>, url: String, options: Map<String, String>) = op(POOL_OP).published("rio").forwarding(&["host=param:host"]), "Bugreport upload";
        list_methods() -> Vec<String> = op(READ_ONLY).published("rio").sync(), "List methods";
        license_apply(host: Ref<Host>, contents: String) = op(POOL_OP).published("rio").deprecated("clearwater").removed("clearwater").errors(&["LICENSE_PROCESSING_ERROR"]), "License apply";
        license_add(host: Ref<Host>, contents: String) = op(POOL_OP).published("indigo").errors(&["LICENSE_PROCESSING_ERROR"]).forwarding(&["host=param:host"]), "License add";
        license_remove(host: Ref<Host>) = op(POOL_OP).published("indigo").forwarding(&["host=param:host"]), "License remove";
        create(uuid: String, name_label: String, name_description: String, hostname: String, address: String, external_auth_type: String = opt(Default::Str("")).since("george"), external_auth_service_name: String = opt(Default::Str("")).since("george"), external_auth_configuration: Map<String, String> = opt(Default::Map(&[])).since("george"), license_params: Map<String, String> = opt(Default::Map(&[])).since("midnight-ride"), edition: String = opt(Default::Str("")).since("midnight-ride"), license_server: Map<String, String> = opt(Default::Map(&[("address", Default::Str("localhost")), ("port", Default::Str("27000"))])).since("midnight-ride"), local_cache_sr: Ref<Sr> = opt(Default::Str("OpaqueRef:NULL")).since("cowley"), chipset_info: Map<String, String> = opt(Default::Map(&[])).since("boston"), ssl_legacy: bool = opt(Default::Bool(true)).since("dundee"), last_software_update: DateTime = opt(Default::Time("19700101T00:00:00Z")).since("dundee"), last_update_hash: String = opt(Default::Str("")).since("24.40.0"), ssh_enabled: bool = opt(Default::Bool(true)).since("25.21.0"), ssh_enabled_timeout: i64 = opt(Default::Int(0)).since("25.21.0"), ssh_expiry: DateTime = opt(Default::Time("19700101T00:00:00Z")).since("25.21.0"), console_idle_timeout: i64 = opt(Default::Int(0)).since("25.21.0"), ssh_auto_mode: bool = opt(Default::Bool(false)).since("25.27.0"), secure_boot: bool = opt(Default::Bool(false)).since("25.32.0"), software_version: Map<String, String> = opt(Default::Map(&[])).since("25.33.0"), https_only: bool = opt(Default::Bool(false)).since("25.39.0"), max_cstate: String = opt(Default::Str("")).since("26.0.0"), ntp_mode: HostNtpMode = opt(Default::Str("Factory")).since("26.0.0"), ntp_custom_servers: Vec<String> = opt(Default::Set(&[])).since("26.0.0"), timezone: String = opt(Default::Str("UTC")).since("26.0.0"), numa_affinity_policy: HostNumaAffinityPolicy = opt(Default::Str("default_policy")).since("26.0.0"), latest_synced_updates_applied: LatestSyncedUpdatesAppliedState = opt(Default::Set(&[])).since("26.0.0"), pending_guidances_full: Vec<UpdateGuidances> = opt(Default::Set(&[])).since("26.0.0"), pending_guidances_recommended: Vec<UpdateGuidances> = opt(Default::Set(&[])).since("26.0.0")) -> Ref<Host> = op(POOL_OP).published("rio").changed("24.40.0").changed("25.21.0").changed("25.38.0-next").hidden(), "Create";
        destroy(self: Ref<Host>) = op(POOL_OP).published("rio"), "Destroy";
        power_on(host: Ref<Host>) = op(POOL_OP).published("orlando").guards(&[&["host", "power_on"]]), "Power on";
        set_license_params(self: Ref<Host>, value: Map<String, String>) = op(NOBODY).published("orlando").pool_internal().hidden(), "Set license params";
        emergency_ha_disable(soft: bool = opt(Default::Bool(false)).since("ely")) = op(POOL_OP).published("orlando").sync().emergency().no_slave_forward(), "Emergency ha disable";
        ha_disarm_fencing(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Ha disarm fencing";
        preconfigure_ha(host: Ref<Host>, statefiles: Vec<Ref<Vdi>>, metadata_vdi: Ref<Vdi>, generation: String) = op(NOBODY).published("miami").pool_internal().hidden().forwarding(&["host=param:host"]), "Preconfigure ha";
        ha_join_liveset(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Ha join liveset";
        ha_disable_failover_decisions(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Ha disable failover decisions";
        ha_wait_for_shutdown_via_statefile(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Ha wait for shutdown via statefile";
        ha_stop_daemon(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Ha stop daemon";
        ha_release_resources(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Ha release resources";
        ha_xapi_healthcheck() -> bool = op(POOL_ADMIN).published("orlando").sync().emergency().no_slave_forward().hidden(), "Ha xapi healthcheck";
        local_assert_healthy() = op(NOBODY).published("miami").sync().errors(&["HOST_STILL_BOOTING", "HOST_HAS_NO_MANAGEMENT_IP", "HOST_MASTER_CANNOT_TALK_BACK", "HOST_UNKNOWN_TO_MASTER", "HOST_BROKEN", "LICENCE_RESTRICTION", "LICENSE_DOES_NOT_SUPPORT_POOLING", "HA_SHOULD_BE_FENCED", "HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR"]).pool_internal().emergency().no_slave_forward().hidden(), "Local assert healthy";
        request_backup(host: Ref<Host>, generation: i64, force: bool) = op(NOBODY).published("rio").sync().pool_internal().hidden().forwarding(&["host=param:host"]), "Request backup";
        request_config_file_sync(host: Ref<Host>, hash: String) = op(NOBODY).published("rio").sync().pool_internal().hidden().forwarding(&["host=param:host"]), "Request config file sync";
        propose_new_master(address: String, manual: bool) = op(NOBODY).published("miami").sync().pool_internal().emergency().no_slave_forward().hidden(), "Propose new master";
        commit_new_master(address: String) = op(NOBODY).published("miami").sync().pool_internal().emergency().no_slave_forward().hidden(), "Commit new master";
        abort_new_master(address: String) = op(NOBODY).published("miami").sync().pool_internal().emergency().no_slave_forward().hidden(), "Abort new master";
        get_data_sources(host: Ref<Host>) -> Vec<Rec<DataSource>> = op(READ_ONLY).published("orlando").sync().forwarding(&["host=param:host"]), "Get data sources";
        record_data_source(host: Ref<Host>, data_source: String) = op(POOL_OP).published("orlando").sync().forwarding(&["host=param:host"]), "Record data source";
        query_data_source(host: Ref<Host>, data_source: String) -> f64 = op(READ_ONLY).published("orlando").sync().forwarding(&["host=param:host"]), "Query data source";
        forget_data_source_archives(host: Ref<Host>, data_source: String) = op(POOL_OP).published("orlando").sync().forwarding(&["host=param:host"]), "Forget data source archives";
        assert_can_evacuate(host: Ref<Host>) = op(POOL_OP).published("miami"), "Assert can evacuate";
        get_vms_which_prevent_evacuation(self: Ref<Host>) -> Map<Ref<Vm>, Vec<String>> = op(READ_ONLY).published("orlando"), "Get vms which prevent evacuation";
        get_uncooperative_resident_VMs(self: Ref<Host>) -> Vec<Ref<Vm>> = op(READ_ONLY).published("midnight-ride").deprecated("tampa"), "Get uncooperative resident vms";
        get_uncooperative_domains(self: Ref<Host>) -> Vec<String> = op(NOBODY).published("midnight-ride").deprecated("tampa").pool_internal().hidden(), "Get uncooperative domains";
        evacuate(host: Ref<Host>, network: Ref<Network> = opt(Default::Str("OpaqueRef:NULL")).since("1.297.0"), evacuate_batch_size: i64 = opt(Default::Int(0)).since("23.27.0")) = op(POOL_OP.and_client_cert()).published("miami").extended("1.297.0").extended("23.27.0").guards(&[&["host", "evacuate"]]), "Evacuate";
        signal_networking_change() = op(NOBODY).published("miami").sync().pool_internal().emergency().no_slave_forward().hidden().tags(&["networking"]), "Signal networking change";
        notify(ty: String, params: String) = op(NOBODY).published("miami").pool_internal().hidden(), "Notify";
        syslog_reconfigure(host: Ref<Host>) = op(POOL_OP).published("miami").forwarding(&["host=param:host"]), "Syslog reconfigure";
        management_reconfigure(pif: Ref<Pif>) = op(POOL_OP).published("miami").forwarding(&["host=field:PIF.host"]).tags(&["networking"]), "Management reconfigure";
        local_management_reconfigure(interface: String) = op(POOL_OP).published("miami").sync().emergency().no_slave_forward(), "Local management reconfigure";
        management_disable() = op(POOL_OP).published("miami").sync().emergency().no_slave_forward().tags(&["networking"]), "Management disable";
        get_management_interface(host: Ref<Host>) -> Ref<Pif> = op(POOL_OP).published("tampa").tags(&["networking"]), "Get management interface";
        get_system_status_capabilities(host: Ref<Host>) -> String = op(READ_ONLY).published("miami").sync().emergency().no_slave_forward().forwarding(&["host=param:host"]), "Get system status capabilities";
        get_diagnostic_timing_stats(host: Ref<Host>, counts: bool = opt(Default::Bool(false)).since("25.33.0")) -> Map<String, String> = op(READ_ONLY).published("miami").sync().hidden().forwarding(&["host=param:host"]), "Get diagnostic timing stats";
        restart_agent(host: Ref<Host>) = op(POOL_OP).published("rio").forwarding(&["host=param:host"]), "Restart agent";
        shutdown_agent() = op(POOL_OP).published("orlando").sync().emergency().no_slave_forward(), "Shutdown agent";
        set_hostname_live(host: Ref<Host>, hostname: String) = op(POOL_OP).published("miami").sync().errors(&["HOST_NAME_INVALID"]).forwarding(&["host=param:host"]), "Set hostname live";
        is_in_emergency_mode() -> bool = op(READ_ONLY).published("miami").sync().emergency().no_slave_forward().hidden(), "Is in emergency mode";
        compute_free_memory(host: Ref<Host>) -> i64 = op(READ_ONLY).published("orlando").tags(&["memory"]), "Compute free memory";
        compute_memory_overhead(host: Ref<Host>) -> i64 = op(READ_ONLY).published("midnight-ride").tags(&["memory"]), "Compute memory overhead";
        tickle_heartbeat(host: Ref<Host>, stuff: Map<String, String>) -> Map<String, String> = op(NOBODY).published("orlando").sync().pool_internal().hidden(), "Tickle heartbeat";
        sync_data(host: Ref<Host>) = op(POOL_ADMIN).published("orlando").sync(), "Sync data";
        backup_rrds(host: Ref<Host>, delay: f64) = op(POOL_ADMIN).published("orlando").sync().forwarding(&["host=param:host"]), "Backup rrds";
        create_new_blob(host: Ref<Host>, name: String, mime_type: String, public: bool = opt(Default::Bool(false)).since("tampa")) -> Ref<Blob> = op(POOL_OP).published("orlando"), "Create new blob";
        call_plugin(host: Ref<Host>, plugin: String, fn: String, args: Map<String, String>) -> String = op(POOL_ADMIN).published("orlando").forwarding(&["host=param:host"]), "Call plugin";
        has_extension(host: Ref<Host>, name: String) -> bool = op(POOL_ADMIN).published("ely").forwarding(&["host=param:host"]), "Has extension";
        call_extension(host: Ref<Host>, call: String) -> Value = op(POOL_ADMIN).published("ely").sync().forwarding(&["host=param:host"]), "Call extension";
        get_servertime(host: Ref<Host>) -> DateTime = op(READ_ONLY).published("orlando").sync().forwarding(&["host=param:host"]), "Get servertime";
        get_server_localtime(host: Ref<Host>) -> DateTime = op(READ_ONLY).published("cowley").sync().forwarding(&["host=param:host"]), "Get server localtime";
        enable_binary_storage(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Enable binary storage";
        disable_binary_storage(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Disable binary storage";
        enable_external_auth(host: Ref<Host>, config: Map<String, String>, service_name: String, auth_type: String) = op(POOL_ADMIN).published("george").sync().forwarding(&["host=param:host"]), "Enable external auth";
        disable_external_auth(host: Ref<Host>, config: Map<String, String> = opt(Default::Map(&[])), force: bool = opt(Default::Bool(false)).since("26.2.0-next")) = op(POOL_ADMIN).published("george").sync().forwarding(&["host=param:host"]), "Disable external auth";
        external_auth_set_ldaps(host: Ref<Host>, ldaps: bool, force: bool = opt(Default::Bool(false))) = op(POOL_ADMIN).published("26.16.0").sync().forwarding(&["host=param:host"]), "External auth set ldaps";
        retrieve_wlb_evacuate_recommendations(self: Ref<Host>) -> Map<Ref<Vm>, Vec<String>> = op(READ_ONLY).published("george"), "Retrieve wlb evacuate recommendations";
        install_ca_certificate(host: Ref<Host>, name: String, cert: String) = op(NOBODY).published("1.290.0").pool_internal().hidden().forwarding(&["host=param:host"]), "Install ca certificate";
        uninstall_ca_certificate(host: Ref<Host>, name: String, force: bool = opt(Default::Bool(false)).since("24.35.0")) = op(NOBODY).published("1.290.0").changed("24.35.0").pool_internal().hidden().forwarding(&["host=param:host"]), "Uninstall ca certificate";
        certificate_list(host: Ref<Host>) -> Vec<String> = op(NOBODY).published("george").deprecated("1.290.0").pool_internal().hidden().forwarding(&["host=param:host"]), "Certificate list";
        crl_install(host: Ref<Host>, name: String, crl: String) = op(NOBODY).published("george").pool_internal().hidden().forwarding(&["host=param:host"]), "Crl install";
        crl_uninstall(host: Ref<Host>, name: String) = op(NOBODY).published("george").pool_internal().hidden().forwarding(&["host=param:host"]), "Crl uninstall";
        crl_list(host: Ref<Host>) -> Vec<String> = op(NOBODY).published("george").pool_internal().hidden().forwarding(&["host=param:host"]), "Crl list";
        certificate_sync(host: Ref<Host>) = op(NOBODY).published("george").pool_internal().hidden().forwarding(&["host=param:host"]), "Certificate sync";
        get_server_certificate(host: Ref<Host>) -> String = op(READ_ONLY).published("george").changed("inverness").forwarding(&["host=param:host"]), "Get server certificate";
        refresh_server_certificate(host: Ref<Host>) = op(POOL_ADMIN).published("1.307.0").forwarding(&["host=param:host", "host=param:h"]).guards(&[&["pool", "cert_refresh"]]), "Refresh server certificate";
        install_server_certificate(host: Ref<Host>, certificate: String, private_key: String, certificate_chain: String = opt(Default::Str(""))) = op(POOL_ADMIN).published("stockholm").forwarding(&["host=param:host"]), "Install server certificate";
        emergency_reset_server_certificate() = op(NOBODY).published("stockholm").sync().emergency().no_slave_forward(), "Emergency reset server certificate";
        reset_server_certificate(host: Ref<Host>) = op(POOL_ADMIN).published("1.290.0").forwarding(&["host=param:host"]), "Reset server certificate";
        update_pool_secret(host: Ref<Host>, pool_secret: SecretText) = op(NOBODY).published("midnight-ride").pool_internal().hidden().forwarding(&["host=param:host"]), "Update pool secret";
        update_master(host: Ref<Host>, master_address: String) = op(NOBODY).published("midnight-ride").pool_internal().hidden().forwarding(&["host=param:host"]), "Update master";
        attach_static_vdis(host: Ref<Host>, vdi_reason_map: Map<Ref<Vdi>, String>) = op(NOBODY).published("midnight-ride").pool_internal().hidden().forwarding(&["host=param:host"]), "Attach static vdis";
        detach_static_vdis(host: Ref<Host>, vdis: Vec<Ref<Vdi>>) = op(NOBODY).published("midnight-ride").pool_internal().hidden().forwarding(&["host=param:host"]), "Detach static vdis";
        set_localdb_key(host: Ref<Host>, key: String, value: String) = op(NOBODY).published("midnight-ride").pool_internal().hidden().forwarding(&["host=param:host"]), "Set localdb key";
        apply_edition(host: Ref<Host>, edition: String, force: bool = opt(Default::Bool(false)).since("clearwater")) = op(POOL_OP).published("midnight-ride").sync().forwarding(&["host=param:host"]), "Apply edition";
        refresh_pack_info(host: Ref<Host>) = op(POOL_OP).published("midnight-ride").deprecated("ely").forwarding(&["host=param:host"]), "Refresh pack info";
        set_power_on_mode(self: Ref<Host>, power_on_mode: String, power_on_config: Map<String, String>) = op(POOL_OP).published("cowley").changed("stockholm").changed("24.19.0"), "Set power on mode";
        set_cpu_features(host: Ref<Host>, features: String) = op(POOL_OP).published("midnight-ride").deprecated("dundee").removed("dundee").sync(), "Set cpu features";
        reset_cpu_features(host: Ref<Host>) = op(POOL_OP).published("midnight-ride").deprecated("dundee").removed("dundee").sync(), "Reset cpu features";
        reset_networking(host: Ref<Host>) = op(POOL_OP).published("boston").hidden(), "Reset networking";
        enable_local_storage_caching(host: Ref<Host>, sr: Ref<Sr>) = op(POOL_OP).published("cowley").sync().forwarding(&["host=param:host"]), "Enable local storage caching";
        disable_local_storage_caching(host: Ref<Host>) = op(POOL_OP).published("cowley").sync().forwarding(&["host=param:host"]), "Disable local storage caching";
        get_sm_diagnostics(host: Ref<Host>) -> String = op(POOL_OP).published("boston").sync().hidden().forwarding(&["host=param:host"]), "Get sm diagnostics";
        get_thread_diagnostics(host: Ref<Host>) -> String = op(POOL_OP).published("boston").sync().hidden().forwarding(&["host=param:host"]), "Get thread diagnostics";
        sm_dp_destroy(host: Ref<Host>, dp: String, allow_leak: bool) = op(POOL_OP).published("boston").sync().hidden().forwarding(&["host=param:host"]), "Sm dp destroy";
        sync_vlans(host: Ref<Host>) = op(POOL_OP).published("boston").sync().pool_internal().hidden(), "Sync vlans";
        sync_tunnels(host: Ref<Host>) = op(POOL_OP).published("boston").sync().pool_internal().hidden(), "Sync tunnels";
        sync_pif_currently_attached(host: Ref<Host>, bridges: Vec<String>) = op(POOL_OP).published("boston").sync().pool_internal().hidden(), "Sync pif currently attached";
        migrate_receive(host: Ref<Host>, network: Ref<Network>, options: Map<String, String>) -> Map<String, String> = op(VM_POWER_ADMIN).published("tampa"), "Migrate receive";
        declare_dead(host: Ref<Host>) = op(POOL_OP).published("clearwater"), "Declare dead";
        enable_display(host: Ref<Host>) -> HostDisplay = op(POOL_OP).published("cream").forwarding(&["host=param:host"]), "Enable display";
        disable_display(host: Ref<Host>) -> HostDisplay = op(POOL_OP).published("cream").forwarding(&["host=param:host"]), "Disable display";
        set_ssl_legacy(self: Ref<Host>, value: bool) = op(POOL_OP).published("dundee").changed("stockholm"), "Set ssl legacy";
        apply_guest_agent_config(host: Ref<Host>) = op(POOL_ADMIN).published("dundee").hidden().forwarding(&["host=param:host"]), "Apply guest agent config";
        mxgpu_vf_setup(host: Ref<Host>) = op(VM_OP).published("falcon").pool_internal().hidden().forwarding(&["host=param:host"]), "Mxgpu vf setup";
        nvidia_vf_setup(host: Ref<Host>, pf: Ref<Pci>, enable: bool) = op(VM_OP).published("quebec").pool_internal().hidden().forwarding(&["host=param:host"]), "Nvidia vf setup";
        allocate_resources_for_vm(self: Ref<Host>, vm: Ref<Vm>, live: bool) = op(VM_OP).published("inverness").hidden(), "Allocate resources for vm";
        set_iscsi_iqn(host: Ref<Host>, value: String) = op(POOL_OP).published("kolkata").forwarding(&["host=param:host"]), "Set iscsi iqn";
        set_multipathing(host: Ref<Host>, value: bool) = op(POOL_OP).published("kolkata").forwarding(&["host=param:host"]), "Set multipathing";
        write_uefi_certificates_to_disk(host: Ref<Host>) = op(NOBODY).published("22.16.0").pool_internal().hidden().forwarding(&["host=param:host"]), "Write uefi certificates to disk";
        set_uefi_certificates(host: Ref<Host>, value: String) = op(NOBODY).published("quebec").deprecated("22.16.0"), "Set uefi certificates";
        notify_accept_new_pool_secret(host: Ref<Host>, old_ps: SecretText, new_ps: SecretText) = op(NOBODY).published("stockholm_psr").hidden().forwarding(&["host=param:host"]), "Notify accept new pool secret";
        notify_send_new_pool_secret(host: Ref<Host>, old_ps: SecretText, new_ps: SecretText) = op(NOBODY).published("stockholm_psr").hidden().forwarding(&["host=param:host"]), "Notify send new pool secret";
        cleanup_pool_secret(host: Ref<Host>, old_ps: SecretText, new_ps: SecretText) = op(NOBODY).published("stockholm_psr").hidden().forwarding(&["host=param:host"]), "Cleanup pool secret";
        set_sched_gran(self: Ref<Host>, value: HostSchedGran) = op(NOBODY).published("1.271.0").forwarding(&["host=param:self"]), "Set sched gran";
        get_sched_gran(self: Ref<Host>) -> HostSchedGran = op(NOBODY).published("1.271.0").forwarding(&["host=param:self"]), "Get sched gran";
        set_numa_affinity_policy(self: Ref<Host>, value: HostNumaAffinityPolicy) = op(POOL_ADMIN).prototyped("24.0.0").forwarding(&["host=param:self"]), "Set numa affinity policy";
        emergency_disable_tls_verification() = op(NOBODY).published("1.290.0").sync().emergency().no_slave_forward(), "Emergency disable tls verification";
        emergency_reenable_tls_verification() = op(NOBODY).published("1.298.0").sync().emergency().no_slave_forward(), "Emergency reenable tls verification";
        cert_distrib_atom(host: Ref<Host>, command: String) -> String = op(NOBODY).published("1.295.0").pool_internal().hidden().forwarding(&["host=param:host"]), "Cert distrib atom";
        apply_updates(self: Ref<Host>, hash: String) -> Vec<Vec<String>> = op(POOL_OP.and_client_cert()).published("1.301.0"), "Apply updates";
        rescan_drivers(self: Ref<Host>) = op(POOL_ADMIN).prototyped("25.2.0").forwarding(&["host=param:self"]), "Rescan drivers";
        copy_primary_host_certs(host: Ref<Host>) = op(POOL_ADMIN).published("1.307.0").pool_internal().hidden().guards(&[&["pool", "copy_primary_host_certs"]]), "Copy primary host certs";
        set_https_only(self: Ref<Host>, value: bool) = op(POOL_OP).prototyped("22.27.0").forwarding(&["host=param:self"]), "Set https only";
        apply_recommended_guidances(self: Ref<Host>) = op(POOL_OP).prototyped("23.18.0").removed("23.25.0"), "Apply recommended guidances";
        emergency_clear_mandatory_guidance() = op(NOBODY).prototyped("24.10.0").sync().emergency().no_slave_forward(), "Emergency clear mandatory guidance";
        enable_ssh(self: Ref<Host>) = op(POOL_ADMIN).prototyped("25.13.0").forwarding(&["host=param:self"]), "Enable ssh";
        disable_ssh(self: Ref<Host>) = op(POOL_ADMIN).prototyped("25.13.0").forwarding(&["host=param:self"]), "Disable ssh";
        set_ssh_enabled_timeout(self: Ref<Host>, value: i64) = op(POOL_ADMIN).prototyped("25.21.0").forwarding(&["host=param:self"]), "Set ssh enabled timeout";
        set_console_idle_timeout(self: Ref<Host>, value: i64) = op(POOL_ADMIN).prototyped("25.21.0").forwarding(&["host=param:self"]), "Set console idle timeout";
        set_ssh_auto_mode(self: Ref<Host>, value: bool) = op(POOL_ADMIN).prototyped("25.27.0").forwarding(&["host=param:self"]), "Set ssh auto mode";
        get_tracked_user_agents(self: Ref<Host>) -> Map<String, String> = op(READ_ONLY).prototyped("25.34.0").forwarding(&["host=param:self"]), "Get tracked user agents";
        update_firewalld_service_status() = op(POOL_OP).prototyped("25.34.0").sync().pool_internal().emergency().no_slave_forward().hidden(), "Update firewalld service status";
        set_max_cstate(self: Ref<Host>, value: String) = op(POOL_OP).prototyped("26.0.0").forwarding(&["host=param:self"]), "Set max cstate";
        set_ntp_mode(self: Ref<Host>, value: HostNtpMode) = op(POOL_OP).prototyped("26.0.0").forwarding(&["host=param:self"]), "Set ntp mode";
        set_ntp_custom_servers(self: Ref<Host>, value: Vec<String>) = op(POOL_OP).prototyped("26.0.0").forwarding(&["host=param:self"]), "Set ntp custom servers";
        get_ntp_servers_status(self: Ref<Host>) -> Map<String, String> = op(READ_ONLY).prototyped("26.0.0").forwarding(&["host=param:self"]), "Get ntp servers status";
        set_timezone(self: Ref<Host>, value: String) = op(POOL_OP).prototyped("26.0.0").forwarding(&["host=param:self"]), "Set timezone";
        list_timezones(self: Ref<Host>) -> Vec<String> = op(READ_ONLY).prototyped("26.0.0").forwarding(&["host=param:self"]), "List timezones";
        get_ntp_synchronized(self: Ref<Host>) -> bool = op(READ_ONLY).prototyped("26.0.0").forwarding(&["host=param:self"]), "Get ntp synchronized";
        set_servertime(self: Ref<Host>, value: DateTime) = op(POOL_OP).prototyped("26.0.0").forwarding(&["host=param:self"]), "Set servertime";
    }
}

api_enum! {
    HostAllowedOperations "host_allowed_operations" "host_allowed_operations" {
        Provision = "provision" "provision",
        Evacuate = "evacuate" "evacuate",
        Shutdown = "shutdown" "shutdown",
        Reboot = "reboot" "reboot",
        PowerOn = "power_on" "power_on",
        VmStart = "vm_start" "vm_start",
        VmResume = "vm_resume" "vm_resume",
        VmMigrate = "vm_migrate" "vm_migrate",
        ApplyUpdates = "apply_updates" "apply_updates",
        Enable = "enable" "enable",
    }
}

api_enum! {
    HostDisplay "host_display" "host_display" {
        Enabled = "enabled" "enabled",
        DisableOnReboot = "disable_on_reboot" "disable_on_reboot",
        Disabled = "disabled" "disabled",
        EnableOnReboot = "enable_on_reboot" "enable_on_reboot",
    }
}

api_enum! {
    HostNtpMode "host_ntp_mode" "host_ntp_mode" {
        Dhcp = "DHCP" "DHCP",
        Custom = "Custom" "Custom",
        Factory = "Factory" "Factory",
        Disabled = "Disabled" "Disabled",
    }
}

api_enum! {
    HostNumaAffinityPolicy "host_numa_affinity_policy" "host_numa_affinity_policy" {
        Any = "any" "any",
        BestEffort = "best_effort" "best_effort",
        DefaultPolicy = "default_policy" "default_policy",
    }
}

api_enum! {
    HostSchedGran "host_sched_gran" "host_sched_gran" {
        Core = "core" "core",
        Cpu = "cpu" "cpu",
        Socket = "socket" "socket",
    }
}

api_enum! {
    LatestSyncedUpdatesAppliedState "latest_synced_updates_applied_state" "latest_synced_updates_applied_state" {
        Yes = "yes" "yes",
        No = "no" "no",
        Unknown = "unknown" "unknown",
    }
}
