//! `host`: A physical machine of the pool that runs the hypervisor and dom0.

use crate::classes::prelude::*;

class! {
    Host "host" "A physical machine of the pool that runs the hypervisor and dom0" = table(Some(POOL_OP)).published("rio");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier, chosen at installation";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name shown to people; follows the hostname at first";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Free text telling what the host is for";
        memory_overhead: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).published("rio").column("memory__overhead").tags(&["memory"]), "Bytes the hypervisor takes for itself";
        allowed_operations: Vec<HostAllowedOperations> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Operations that could start on this host right now";
        current_operations: Map<String, HostAllowedOperations> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Operations under way, keyed by the task that runs each";
        API_version_major: i64 = dynamic_ro(POOL_OP).published("rio").column("API_version__major"), "First number of the API version served";
        API_version_minor: i64 = dynamic_ro(POOL_OP).published("rio").column("API_version__minor"), "Second number of the API version served";
        API_version_vendor: String = dynamic_ro(POOL_OP).published("rio").column("API_version__vendor"), "Maker of this API implementation";
        API_version_vendor_implementation: Map<String, String> = dynamic_ro(POOL_OP).published("rio").column("API_version__vendor_implementation"), "Extra facts about the API implementation, usually empty";
        enabled: bool = dynamic_ro(POOL_OP).published("rio"), "False while the host takes no new VMs";
        software_version: Map<String, String> = static_ro(POOL_OP).published("rio"), "Versions and build facts of the installed software";
        other_config: Map<String, String> = rw(POOL_OP).published("rio").map_keys(&[("folder", VM_OP), ("XenCenter.CustomFields.*", VM_OP)]), "Free key-value pairs; some keys steer the toolstack";
        capabilities: Vec<String> = static_ro(POOL_OP).published("rio"), "Guest types the hypervisor can run, one word each";
        cpu_configuration: Map<String, String> = dynamic_ro(POOL_OP).published("rio"), "Former map of CPU layout details, now mostly empty";
        sched_policy: String = dynamic_ro(POOL_OP).published("rio"), "Name of the hypervisor's CPU scheduler";
        supported_bootloaders: Vec<String> = dynamic_ro(POOL_OP).published("rio"), "Bootloaders this host has for PV guests";
        resident_VMs: Vec<Ref<Vm>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Vm, "resident_on", Holds::Many, Holds::One), "VMs with a domain on this host, dom0 included";
        logging: Map<String, String> = rw(POOL_OP).published("rio"), "Where logs go, notably syslog_destination";
        PIFs: Vec<Ref<Pif>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Pif, "host", Holds::Many, Holds::One).tags(&["networking"]), "Network interfaces of the host, real and derived";
        suspend_image_sr: Ref<Sr> = rw(POOL_OP).published("rio"), "SR where memory images of suspended VMs go";
        crash_dump_sr: Ref<Sr> = rw(POOL_OP).published("rio"), "SR where core dumps of crashed VMs go";
        crashdumps: Vec<Ref<HostCrashdump>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::HostCrashdump, "host", Holds::Many, Holds::One), "Dumps found from crashes of the host itself";
        patches: Vec<Ref<HostPatch>> = dynamic_ro(POOL_OP).published("rio").deprecated("ely").relation(ClassId::HostPatch, "host", Holds::Many, Holds::One), "Old-style patches on this host";
        updates: Vec<Ref<PoolUpdate>> = dynamic_ro(POOL_OP).published("ely").relation(ClassId::PoolUpdate, "hosts", Holds::Many, Holds::Many), "Update packages applied to this host";
        PBDs: Vec<Ref<Pbd>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Pbd, "host", Holds::Many, Holds::One), "Connections from this host to SRs";
        host_CPUs: Vec<Ref<HostCpu>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::HostCpu, "host", Holds::Many, Holds::One), "One record per logical CPU";
        cpu_info: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("midnight-ride"), "CPU model, counts and feature words";
        hostname: String = rw(POOL_OP).published("rio").tags(&["networking"]), "Network name of dom0";
        address: String = rw(POOL_OP).published("rio").tags(&["networking"]), "IP address other hosts use to reach this one";
        metrics: Ref<HostMetrics> = dynamic_ro(POOL_OP).published("rio"), "Memory and liveness of the host";
        license_params: Map<String, String> = dynamic_ro(POOL_OP).published("rio"), "Details of the licence, among them the restrict_ keys";
        boot_free_mem: i64 = dynamic_ro(POOL_OP).published("rio").not_in_record().internal(), "Bytes that were free when the toolstack first started";
        ha_statefiles: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("orlando"), "VDIs that serve this host as HA state files";
        ha_network_peers: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("orlando"), "Hosts this one hears over the HA heartbeat network";
        blobs: Map<String, Ref<Blob>> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("orlando"), "Binary objects attached to the host, by name";
        tags: Vec<String> = rw(VM_OP).default(Default::Set(&[])).published("orlando"), "Words users attach for sorting and searching";
        external_auth_type: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("george"), "Kind of directory in use, such as AD; empty without";
        external_auth_service_name: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("george"), "Directory or domain joined; empty without";
        external_auth_configuration: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("george"), "Settings of the directory connection, passwords left out";
        edition: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("midnight-ride"), "Name of the product edition applied";
        license_server: Map<String, String> = rw(POOL_OP).default(Default::Map(&[("address", Default::Str("localhost")), ("port", Default::Str("27000"))])).published("midnight-ride"), "Address and port of the licence server";
        bios_strings: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("midnight-ride"), "SMBIOS texts of the physical machine";
        power_on_mode: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("midnight-ride"), "How the host can be switched on remotely; empty if it cannot";
        power_on_config: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("midnight-ride"), "Address and credentials that the power-on mode needs";
        local_cache_sr: Ref<Sr> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("cowley"), "SR that holds IntelliCache files, null if caching is off";
        chipset_info: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("boston"), "Platform abilities, such as whether an IOMMU is active";
        PCIs: Vec<Ref<Pci>> = dynamic_ro(POOL_OP).published("boston").relation(ClassId::Pci, "host", Holds::Many, Holds::One), "PCI devices found in the machine";
        PGPUs: Vec<Ref<Pgpu>> = dynamic_ro(POOL_OP).published("boston").relation(ClassId::Pgpu, "host", Holds::Many, Holds::One), "GPUs found in the machine";
        PUSBs: Vec<Ref<Pusb>> = dynamic_ro(POOL_OP).published("inverness").relation(ClassId::Pusb, "host", Holds::Many, Holds::One), "USB devices plugged into the machine";
        ssl_legacy: bool = static_ro(POOL_OP).default(Default::Bool(true)).published("dundee").deprecated("stockholm"), "Former switch for old TLS protocols, now always false";
        guest_VCPUs_params: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("tampa"), "Scheduler defaults for guests that run here";
        display: HostDisplay = rw(POOL_OP).default(Default::Str("enabled")).published("cream"), "Whether the local console is on the physical screen, or will be";
        virtual_hardware_platform_versions: Vec<i64> = dynamic_ro(POOL_OP).default(Default::Set(&[Default::Int(0)])).published("cream"), "Virtual hardware versions that guests can be given here";
        control_domain: Ref<Vm> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely"), "VM row of this host's dom0";
        updates_requiring_reboot: Vec<Ref<PoolUpdate>> = dynamic_ro(POOL_OP).published("ely").plain_refs(), "Applied updates that wait for a reboot of the host";
        features: Vec<Ref<Feature>> = dynamic_ro(POOL_OP).published("falcon").relation(ClassId::Feature, "host", Holds::Many, Holds::One), "Experimental software features and their state";
        iscsi_iqn: String = static_ro(POOL_OP).default(Default::Str("")).published("kolkata"), "Name of this host as an iSCSI initiator";
        multipathing: bool = static_ro(POOL_OP).default(Default::Bool(false)).published("kolkata"), "True if storage is reached over several paths at once";
        uefi_certificates: String = static_ro(POOL_OP).default(Default::Str("")).published("quebec").deprecated("22.16.0"), "Former base64 archive of Secure Boot certificates";
        certificates: Vec<Ref<Certificate>> = dynamic_ro(POOL_OP).published("stockholm").relation(ClassId::Certificate, "host", Holds::Many, Holds::One), "TLS certificates the host presents";
        editions: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("stockholm"), "Editions that can be applied here";
        pending_guidances: Vec<UpdateGuidances> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("1.303.0"), "Mandatory steps left after an update";
        tls_verification_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("1.313.0"), "True if outgoing TLS connections check the peer's certificate";
        last_software_update: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).prototyped("22.20.0"), "When updates were last installed";
        https_only: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).prototyped("22.27.0"), "True if port 80 is closed to clients";
        recommended_guidances: Vec<UpdateGuidances> = dynamic_ro(POOL_OP).default(Default::Set(&[])).prototyped("23.18.0").removed("23.24.0").not_in_record().internal(), "Former list of advised steps after an update";
        latest_synced_updates_applied: LatestSyncedUpdatesAppliedState = dynamic_ro(POOL_OP).default(Default::Str("unknown")).prototyped("23.18.0"), "Whether the host has all updates the pool last synchronised";
        numa_affinity_policy: HostNumaAffinityPolicy = dynamic_ro(POOL_OP).default(Default::Str("default_policy")).prototyped("24.0.0"), "How VM memory is spread over the NUMA nodes";
        pending_guidances_recommended: Vec<UpdateGuidances> = dynamic_ro(POOL_OP).default(Default::Set(&[])).prototyped("24.10.0"), "Advised steps left after an update";
        pending_guidances_full: Vec<UpdateGuidances> = dynamic_ro(POOL_OP).default(Default::Set(&[])).prototyped("24.10.0"), "Steps left to make an update take full effect";
        last_update_hash: String = dynamic_ro(POOL_OP).default(Default::Str("")).prototyped("24.10.0"), "Checksum of the repository state last installed";
        ssh_enabled: bool = dynamic_ro(POOL_OP).default(Default::Bool(true)).prototyped("25.21.0"), "True if the SSH service runs";
        ssh_enabled_timeout: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).prototyped("25.21.0"), "Seconds SSH stays on once enabled, 0 for ever";
        ssh_expiry: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).prototyped("25.21.0"), "When SSH will be switched off again";
        console_idle_timeout: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).prototyped("25.21.0"), "Seconds before an idle console is closed, 0 for never";
        ssh_auto_mode: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).prototyped("25.27.0"), "True if SSH comes on only while the toolstack is down";
        max_cstate: String = dynamic_ro(POOL_OP).default(Default::Str("")).prototyped("26.0.0"), "Deepest CPU idle state allowed; empty or unlimited means no bound";
        secure_boot: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).prototyped("25.31.0"), "True if the host itself was started under Secure Boot";
        ntp_mode: HostNtpMode = dynamic_ro(POOL_OP).default(Default::Str("Factory")).prototyped("26.0.0"), "Where time servers come from";
        ntp_custom_servers: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).prototyped("26.0.0"), "Time servers used in mode Custom";
        timezone: String = dynamic_ro(POOL_OP).default(Default::Str("UTC")).prototyped("26.0.0"), "Time zone of dom0, as a tz database name";
    }

    methods {
        disable(host: Ref<Host>, auto_enable: bool = opt(Default::Bool(true)).since("25.31.0")) = op(POOL_OP.and_client_cert()).published("rio").changed("25.31.0").forwarding(&["host=param:host"]), "Keep new VMs off the host, for good unless auto_enable is set";
        enable(host: Ref<Host>) = op(POOL_OP.and_client_cert()).published("rio").forwarding(&["host=param:host"]).guards(&[&["host", "enable"]]), "Let the host take VMs again";
        shutdown(host: Ref<Host>) = op(POOL_OP).published("rio").forwarding(&["host=param:host"]).guards(&[&["host", "shutdown"]]), "Power the host off; it must be disabled";
        reboot(host: Ref<Host>) = op(POOL_OP).published("rio").forwarding(&["host=param:host"]).guards(&[&["host", "reboot"]]), "Restart the host; it must be disabled";
        prepare_for_poweroff(host: Ref<Host>) = op(NOBODY).published("kolkata").hidden().forwarding(&["host=param:host"]), "Tidy up before the operating system goes down";
        dmesg(host: Ref<Host>) -> String = op(POOL_OP).published("rio").forwarding(&["host=param:host"]), "Read the hypervisor's message buffer";
        dmesg_clear(host: Ref<Host>) -> String = op(POOL_OP).published("rio").forwarding(&["host=param:host"]), "Read and empty the hypervisor's message buffer; not implemented";
        get_log(host: Ref<Host>) -> String = op(READ_ONLY).published("rio").forwarding(&["host=param:host"]), "Read the host's log file; not implemented";
        send_debug_keys(host: Ref<Host>, keys: String) = op(POOL_ADMIN).published("rio").forwarding(&["host=param:host"]), "Hand debug keys to the hypervisor, output goes to its log";
        bugreport_upload(host: Ref<Host>, url: String, options: Map<String, String>) = op(POOL_OP).published("rio").forwarding(&["host=param:host"]), "Make a status report and send it to a URL";
        list_methods() -> Vec<String> = op(READ_ONLY).published("rio").sync(), "Name every API call; not implemented, see system.listMethods";
        license_apply(host: Ref<Host>, contents: String) = op(POOL_OP).published("rio").deprecated("clearwater").removed("clearwater").errors(&["LICENSE_PROCESSING_ERROR"]), "Former way to install a licence file";
        license_add(host: Ref<Host>, contents: String) = op(POOL_OP).published("indigo").errors(&["LICENSE_PROCESSING_ERROR"]).forwarding(&["host=param:host"]), "Install a base64-encoded licence file";
        license_remove(host: Ref<Host>) = op(POOL_OP).published("indigo").forwarding(&["host=param:host"]), "Take the licence off and fall back to the basic edition";
        create(uuid: String, name_label: String, name_description: String, hostname: String, address: String, external_auth_type: String = opt(Default::Str("")).since("george"), external_auth_service_name: String = opt(Default::Str("")).since("george"), external_auth_configuration: Map<String, String> = opt(Default::Map(&[])).since("george"), license_params: Map<String, String> = opt(Default::Map(&[])).since("midnight-ride"), edition: String = opt(Default::Str("")).since("midnight-ride"), license_server: Map<String, String> = opt(Default::Map(&[("address", Default::Str("localhost")), ("port", Default::Str("27000"))])).since("midnight-ride"), local_cache_sr: Ref<Sr> = opt(Default::Str("OpaqueRef:NULL")).since("cowley"), chipset_info: Map<String, String> = opt(Default::Map(&[])).since("boston"), ssl_legacy: bool = opt(Default::Bool(true)).since("dundee"), last_software_update: DateTime = opt(Default::Time("19700101T00:00:00Z")).since("dundee"), last_update_hash: String = opt(Default::Str("")).since("24.40.0"), ssh_enabled: bool = opt(Default::Bool(true)).since("25.21.0"), ssh_enabled_timeout: i64 = opt(Default::Int(0)).since("25.21.0"), ssh_expiry: DateTime = opt(Default::Time("19700101T00:00:00Z")).since("25.21.0"), console_idle_timeout: i64 = opt(Default::Int(0)).since("25.21.0"), ssh_auto_mode: bool = opt(Default::Bool(false)).since("25.27.0"), secure_boot: bool = opt(Default::Bool(false)).since("25.32.0"), software_version: Map<String, String> = opt(Default::Map(&[])).since("25.33.0"), https_only: bool = opt(Default::Bool(false)).since("25.39.0"), max_cstate: String = opt(Default::Str("")).since("26.0.0"), ntp_mode: HostNtpMode = opt(Default::Str("Factory")).since("26.0.0"), ntp_custom_servers: Vec<String> = opt(Default::Set(&[])).since("26.0.0"), timezone: String = opt(Default::Str("UTC")).since("26.0.0"), numa_affinity_policy: HostNumaAffinityPolicy = opt(Default::Str("default_policy")).since("26.0.0"), latest_synced_updates_applied: LatestSyncedUpdatesAppliedState = opt(Default::Set(&[])).since("26.0.0"), pending_guidances_full: Vec<UpdateGuidances> = opt(Default::Set(&[])).since("26.0.0"), pending_guidances_recommended: Vec<UpdateGuidances> = opt(Default::Set(&[])).since("26.0.0")) -> Ref<Host> = op(POOL_OP).published("rio").changed("24.40.0").changed("25.21.0").changed("25.38.0-next").hidden(), "Add a host row to the database";
        destroy(self: Ref<Host>) = op(POOL_OP).published("rio"), "Delete the row of a host that is gone for good";
        power_on(host: Ref<Host>) = op(POOL_OP).published("orlando").guards(&[&["host", "power_on"]]), "Switch a powered-off host on by its power_on_mode";
        set_license_params(self: Ref<Host>, value: Map<String, String>) = op(NOBODY).published("orlando").pool_internal().hidden(), "Store new licence details and recompute pool restrictions";
        emergency_ha_disable(soft: bool = opt(Default::Bool(false)).since("ely")) = op(POOL_OP).published("orlando").sync().emergency().no_slave_forward(), "Stop HA on this host alone when the pool is unreachable";
        ha_disarm_fencing(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Tell the HA daemon not to fence this host any more";
        preconfigure_ha(host: Ref<Host>, statefiles: Vec<Ref<Vdi>>, metadata_vdi: Ref<Vdi>, generation: String) = op(NOBODY).published("miami").pool_internal().hidden().forwarding(&["host=param:host"]), "Attach state files and write the HA configuration";
        ha_join_liveset(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Start the HA daemon and join the live set";
        ha_disable_failover_decisions(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Keep this host from being elected coordinator until it restarts";
        ha_wait_for_shutdown_via_statefile(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Wait until the state file says HA is being disabled";
        ha_stop_daemon(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Stop the HA daemon";
        ha_release_resources(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Detach state files and drop HA's local settings";
        ha_xapi_healthcheck() -> bool = op(POOL_ADMIN).published("orlando").sync().emergency().no_slave_forward().hidden(), "Answer the HA daemon's question whether the toolstack is well";
        local_assert_healthy() = op(NOBODY).published("miami").sync().errors(&["HOST_STILL_BOOTING", "HOST_HAS_NO_MANAGEMENT_IP", "HOST_MASTER_CANNOT_TALK_BACK", "HOST_UNKNOWN_TO_MASTER", "HOST_BROKEN", "LICENCE_RESTRICTION", "LICENSE_DOES_NOT_SUPPORT_POOLING", "HA_SHOULD_BE_FENCED", "HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR"]).pool_internal().emergency().no_slave_forward().hidden(), "Fail with the emergency reason unless the toolstack works normally";
        request_backup(host: Ref<Host>, generation: i64, force: bool) = op(NOBODY).published("rio").sync().pool_internal().hidden().forwarding(&["host=param:host"]), "Have a member fetch a copy of the database";
        request_config_file_sync(host: Ref<Host>, hash: String) = op(NOBODY).published("rio").sync().pool_internal().hidden().forwarding(&["host=param:host"]), "Have a member fetch changed configuration files";
        propose_new_master(address: String, manual: bool) = op(NOBODY).published("miami").sync().pool_internal().emergency().no_slave_forward().hidden(), "First phase of a coordinator change: ask the member to agree";
        commit_new_master(address: String) = op(NOBODY).published("miami").sync().pool_internal().emergency().no_slave_forward().hidden(), "Second phase of a coordinator change: carry it out";
        abort_new_master(address: String) = op(NOBODY).published("miami").sync().pool_internal().emergency().no_slave_forward().hidden(), "Give up an agreed coordinator change";
        get_data_sources(host: Ref<Host>) -> Vec<Rec<DataSource>> = op(READ_ONLY).published("orlando").sync().forwarding(&["host=param:host"]), "List the RRD data sources of the host";
        record_data_source(host: Ref<Host>, data_source: String) = op(POOL_OP).published("orlando").sync().forwarding(&["host=param:host"]), "Begin keeping history for one data source";
        query_data_source(host: Ref<Host>, data_source: String) -> f64 = op(READ_ONLY).published("orlando").sync().forwarding(&["host=param:host"]), "Read the newest value of one data source";
        forget_data_source_archives(host: Ref<Host>, data_source: String) = op(POOL_OP).published("orlando").sync().forwarding(&["host=param:host"]), "Delete the stored history of one data source";
        assert_can_evacuate(host: Ref<Host>) = op(POOL_OP).published("miami"), "Fail with all reasons unless every VM here can leave";
        get_vms_which_prevent_evacuation(self: Ref<Host>) -> Map<Ref<Vm>, Vec<String>> = op(READ_ONLY).published("orlando"), "Map each VM that cannot leave to its error";
        get_uncooperative_resident_VMs(self: Ref<Host>) -> Vec<Ref<Vm>> = op(READ_ONLY).published("midnight-ride").deprecated("tampa"), "Former list of VMs that ignore ballooning; answers none";
        get_uncooperative_domains(self: Ref<Host>) -> Vec<String> = op(NOBODY).published("midnight-ride").deprecated("tampa").pool_internal().hidden(), "Former list of domain uuids that ignore ballooning; answers none";
        evacuate(host: Ref<Host>, network: Ref<Network> = opt(Default::Str("OpaqueRef:NULL")).since("1.297.0"), evacuate_batch_size: i64 = opt(Default::Int(0)).since("23.27.0")) = op(POOL_OP.and_client_cert()).published("miami").extended("1.297.0").extended("23.27.0").guards(&[&["host", "evacuate"]]), "Migrate every VM away, some at a time";
        signal_networking_change() = op(NOBODY).published("miami").sync().pool_internal().emergency().no_slave_forward().hidden().tags(&["networking"]), "Tell the toolstack that the management address may have changed";
        notify(ty: String, params: String) = op(NOBODY).published("miami").pool_internal().hidden(), "Pass an internal notice to the host";
        syslog_reconfigure(host: Ref<Host>) = op(POOL_OP).published("miami").forwarding(&["host=param:host"]), "Apply the destinations in logging to the log daemon";
        management_reconfigure(pif: Ref<Pif>) = op(POOL_OP).published("miami").forwarding(&["host=field:PIF.host"]).tags(&["networking"]), "Make another PIF the management interface";
        local_management_reconfigure(interface: String) = op(POOL_OP).published("miami").sync().emergency().no_slave_forward(), "Change the management interface without the database";
        management_disable() = op(POOL_OP).published("miami").sync().emergency().no_slave_forward().tags(&["networking"]), "Stop serving the API over the network";
        get_management_interface(host: Ref<Host>) -> Ref<Pif> = op(POOL_OP).published("tampa").tags(&["networking"]), "Find the PIF that carries management traffic";
        get_system_status_capabilities(host: Ref<Host>) -> String = op(READ_ONLY).published("miami").sync().emergency().no_slave_forward().forwarding(&["host=param:host"]), "Describe in XML what a status report can include";
        get_diagnostic_timing_stats(host: Ref<Host>, counts: bool = opt(Default::Bool(false)).since("25.33.0")) -> Map<String, String> = op(READ_ONLY).published("miami").sync().hidden().forwarding(&["host=param:host"]), "Read durations of internal actions, or their counts";
        restart_agent(host: Ref<Host>) = op(POOL_OP).published("rio").forwarding(&["host=param:host"]), "Restart the toolstack; VMs keep running";
        shutdown_agent() = op(POOL_OP).published("orlando").sync().emergency().no_slave_forward(), "Stop the toolstack; VMs keep running";
        set_hostname_live(host: Ref<Host>, hostname: String) = op(POOL_OP).published("miami").sync().errors(&["HOST_NAME_INVALID"]).forwarding(&["host=param:host"]), "Change the hostname of the running dom0";
        is_in_emergency_mode() -> bool = op(READ_ONLY).published("miami").sync().emergency().no_slave_forward().hidden(), "Tell whether this member has lost its coordinator";
        compute_free_memory(host: Ref<Host>) -> i64 = op(READ_ONLY).published("orlando").tags(&["memory"]), "Work out the bytes left for new VMs";
        compute_memory_overhead(host: Ref<Host>) -> i64 = op(READ_ONLY).published("midnight-ride").tags(&["memory"]), "Work out the bytes the hypervisor takes for itself";
        tickle_heartbeat(host: Ref<Host>, stuff: Map<String, String>) -> Map<String, String> = op(NOBODY).published("orlando").sync().pool_internal().hidden(), "Report a member alive and exchange clock readings";
        sync_data(host: Ref<Host>) = op(POOL_ADMIN).published("orlando").sync(), "Copy the host's local data to the other hosts";
        backup_rrds(host: Ref<Host>, delay: f64) = op(POOL_ADMIN).published("orlando").sync().forwarding(&["host=param:host"]), "Send statistics archives to the coordinator after some seconds";
        create_new_blob(host: Ref<Host>, name: String, mime_type: String, public: bool = opt(Default::Bool(false)).since("tampa")) -> Ref<Blob> = op(POOL_OP).published("orlando"), "Attach an empty binary object to the host";
        call_plugin(host: Ref<Host>, plugin: String, fn: String, args: Map<String, String>) -> String = op(POOL_ADMIN).published("orlando").forwarding(&["host=param:host"]), "Run a function of a dom0 plugin and return its text";
        has_extension(host: Ref<Host>, name: String) -> bool = op(POOL_ADMIN).published("ely").forwarding(&["host=param:host"]), "Tell whether the host has an API extension of that name";
        call_extension(host: Ref<Host>, call: String) -> Value = op(POOL_ADMIN).published("ely").sync().forwarding(&["host=param:host"]), "Run an API extension on the host";
        get_servertime(host: Ref<Host>) -> DateTime = op(READ_ONLY).published("orlando").sync().forwarding(&["host=param:host"]), "Read the host's clock in UTC";
        get_server_localtime(host: Ref<Host>) -> DateTime = op(READ_ONLY).published("cowley").sync().forwarding(&["host=param:host"]), "Read the host's clock in its time zone";
        enable_binary_storage(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Let the host hold blob contents";
        disable_binary_storage(host: Ref<Host>) = op(NOBODY).published("orlando").pool_internal().hidden().forwarding(&["host=param:host"]), "Delete blob contents and take no more";
        enable_external_auth(host: Ref<Host>, config: Map<String, String>, service_name: String, auth_type: String) = op(POOL_ADMIN).published("george").sync().forwarding(&["host=param:host"]), "Join this host to a directory service";
        disable_external_auth(host: Ref<Host>, config: Map<String, String> = opt(Default::Map(&[])), force: bool = opt(Default::Bool(false)).since("26.2.0-next")) = op(POOL_ADMIN).published("george").sync().forwarding(&["host=param:host"]), "Leave the directory service on this host";
        external_auth_set_ldaps(host: Ref<Host>, ldaps: bool, force: bool = opt(Default::Bool(false))) = op(POOL_ADMIN).published("26.16.0").sync().forwarding(&["host=param:host"]), "Switch the directory connection to LDAPS or back";
        retrieve_wlb_evacuate_recommendations(self: Ref<Host>) -> Map<Ref<Vm>, Vec<String>> = op(READ_ONLY).published("george"), "Ask the WLB server where each VM should go";
        install_ca_certificate(host: Ref<Host>, name: String, cert: String) = op(NOBODY).published("1.290.0").pool_internal().hidden().forwarding(&["host=param:host"]), "Add a CA to those this host trusts";
        uninstall_ca_certificate(host: Ref<Host>, name: String, force: bool = opt(Default::Bool(false)).since("24.35.0")) = op(NOBODY).published("1.290.0").changed("24.35.0").pool_internal().hidden().forwarding(&["host=param:host"]), "Make this host stop trusting a CA";
        certificate_list(host: Ref<Host>) -> Vec<String> = op(NOBODY).published("george").deprecated("1.290.0").pool_internal().hidden().forwarding(&["host=param:host"]), "Former list of CA certificate files on this host";
        crl_install(host: Ref<Host>, name: String, crl: String) = op(NOBODY).published("george").pool_internal().hidden().forwarding(&["host=param:host"]), "Store a revocation list on this host";
        crl_uninstall(host: Ref<Host>, name: String) = op(NOBODY).published("george").pool_internal().hidden().forwarding(&["host=param:host"]), "Remove a revocation list from this host";
        crl_list(host: Ref<Host>) -> Vec<String> = op(NOBODY).published("george").pool_internal().hidden().forwarding(&["host=param:host"]), "List the revocation files on this host";
        certificate_sync(host: Ref<Host>) = op(NOBODY).published("george").pool_internal().hidden().forwarding(&["host=param:host"]), "Make certificates and revocation lists match the coordinator's";
        get_server_certificate(host: Ref<Host>) -> String = op(READ_ONLY).published("george").changed("inverness").forwarding(&["host=param:host"]), "Read the host's TLS certificate as PEM";
        refresh_server_certificate(host: Ref<Host>) = op(POOL_ADMIN).published("1.307.0").forwarding(&["host=param:host", "host=param:h"]).guards(&[&["pool", "cert_refresh"]]), "Issue a new pool-internal certificate for the host";
        install_server_certificate(host: Ref<Host>, certificate: String, private_key: String, certificate_chain: String = opt(Default::Str(""))) = op(POOL_ADMIN).published("stockholm").forwarding(&["host=param:host"]), "Use another TLS certificate, key and chain towards clients";
        emergency_reset_server_certificate() = op(NOBODY).published("stockholm").sync().emergency().no_slave_forward(), "Go back to a self-signed certificate, without the coordinator";
        reset_server_certificate(host: Ref<Host>) = op(POOL_ADMIN).published("1.290.0").forwarding(&["host=param:host"]), "Go back to a self-signed certificate";
        update_pool_secret(host: Ref<Host>, pool_secret: SecretText) = op(NOBODY).published("midnight-ride").pool_internal().hidden().forwarding(&["host=param:host"]), "Store a new pool secret on this host";
        update_master(host: Ref<Host>, master_address: String) = op(NOBODY).published("midnight-ride").pool_internal().hidden().forwarding(&["host=param:host"]), "Store a new coordinator address on this host";
        attach_static_vdis(host: Ref<Host>, vdi_reason_map: Map<Ref<Vdi>, String>) = op(NOBODY).published("midnight-ride").pool_internal().hidden().forwarding(&["host=param:host"]), "Attach VDIs now and at each boot";
        detach_static_vdis(host: Ref<Host>, vdis: Vec<Ref<Vdi>>) = op(NOBODY).published("midnight-ride").pool_internal().hidden().forwarding(&["host=param:host"]), "Stop attaching VDIs at boot";
        set_localdb_key(host: Ref<Host>, key: String, value: String) = op(NOBODY).published("midnight-ride").pool_internal().hidden().forwarding(&["host=param:host"]), "Write one key of the host's local settings";
        apply_edition(host: Ref<Host>, edition: String, force: bool = opt(Default::Bool(false)).since("clearwater")) = op(POOL_OP).published("midnight-ride").sync().forwarding(&["host=param:host"]), "Switch the host to another product edition";
        refresh_pack_info(host: Ref<Host>) = op(POOL_OP).published("midnight-ride").deprecated("ely").forwarding(&["host=param:host"]), "Former rescan of installed supplemental packs";
        set_power_on_mode(self: Ref<Host>, power_on_mode: String, power_on_config: Map<String, String>) = op(POOL_OP).published("cowley").changed("stockholm").changed("24.19.0"), "Choose how the host is switched on remotely";
        set_cpu_features(host: Ref<Host>, features: String) = op(POOL_OP).published("midnight-ride").deprecated("dundee").removed("dundee").sync(), "Former masking of CPU features";
        reset_cpu_features(host: Ref<Host>) = op(POOL_OP).published("midnight-ride").deprecated("dundee").removed("dundee").sync(), "Former undoing of CPU feature masks";
        reset_networking(host: Ref<Host>) = op(POOL_OP).published("boston").hidden(), "Purge every network row that belongs to the host";
        enable_local_storage_caching(host: Ref<Host>, sr: Ref<Sr>) = op(POOL_OP).published("cowley").sync().forwarding(&["host=param:host"]), "Use a local SR for IntelliCache; the host must be disabled";
        disable_local_storage_caching(host: Ref<Host>) = op(POOL_OP).published("cowley").sync().forwarding(&["host=param:host"]), "Stop using IntelliCache on the host";
        get_sm_diagnostics(host: Ref<Host>) -> String = op(POOL_OP).published("boston").sync().hidden().forwarding(&["host=param:host"]), "Describe the state of attached storage as text";
        get_thread_diagnostics(host: Ref<Host>) -> String = op(POOL_OP).published("boston").sync().hidden().forwarding(&["host=param:host"]), "Describe running threads as text";
        sm_dp_destroy(host: Ref<Host>, dp: String, allow_leak: bool) = op(POOL_OP).published("boston").sync().hidden().forwarding(&["host=param:host"]), "Detach and forget a storage datapath by name";
        sync_vlans(host: Ref<Host>) = op(POOL_OP).published("boston").sync().pool_internal().hidden(), "Give the host the VLANs its coordinator has";
        sync_tunnels(host: Ref<Host>) = op(POOL_OP).published("boston").sync().pool_internal().hidden(), "Give the host the tunnels its coordinator has";
        sync_pif_currently_attached(host: Ref<Host>, bridges: Vec<String>) = op(POOL_OP).published("boston").sync().pool_internal().hidden(), "Mark PIFs attached whose bridges are up";
        migrate_receive(host: Ref<Host>, network: Ref<Network>, options: Map<String, String>) -> Map<String, String> = op(VM_POWER_ADMIN).published("tampa"), "Prepare to receive a VM and return the destination data";
        declare_dead(host: Ref<Host>) = op(POOL_OP).published("clearwater"), "State that an unreachable host is off; its VMs become halted";
        enable_display(host: Ref<Host>) -> HostDisplay = op(POOL_OP).published("cream").forwarding(&["host=param:host"]), "Show the console on the physical screen from next boot";
        disable_display(host: Ref<Host>) -> HostDisplay = op(POOL_OP).published("cream").forwarding(&["host=param:host"]), "Free the graphics device from the console at next boot";
        set_ssl_legacy(self: Ref<Host>, value: bool) = op(POOL_OP).published("dundee").changed("stockholm"), "Former switch for old TLS protocols; only false is accepted";
        apply_guest_agent_config(host: Ref<Host>) = op(POOL_ADMIN).published("dundee").hidden().forwarding(&["host=param:host"]), "Pass the pool's guest agent settings to this host's VMs";
        mxgpu_vf_setup(host: Ref<Host>) = op(VM_OP).published("falcon").pool_internal().hidden().forwarding(&["host=param:host"]), "Set up the virtual functions of AMD GPUs";
        nvidia_vf_setup(host: Ref<Host>, pf: Ref<Pci>, enable: bool) = op(VM_OP).published("quebec").pool_internal().hidden().forwarding(&["host=param:host"]), "Turn virtual functions of an NVIDIA GPU on or off";
        allocate_resources_for_vm(self: Ref<Host>, vm: Ref<Vm>, live: bool) = op(VM_OP).published("inverness").hidden(), "Reserve memory and devices for a VM about to arrive";
        set_iscsi_iqn(host: Ref<Host>, value: String) = op(POOL_OP).published("kolkata").forwarding(&["host=param:host"]), "Change the iSCSI initiator name, on disk too";
        set_multipathing(host: Ref<Host>, value: bool) = op(POOL_OP).published("kolkata").forwarding(&["host=param:host"]), "Switch multipath storage access, on disk too";
        write_uefi_certificates_to_disk(host: Ref<Host>) = op(NOBODY).published("22.16.0").pool_internal().hidden().forwarding(&["host=param:host"]), "Put the pool's Secure Boot certificates into dom0's files";
        set_uefi_certificates(host: Ref<Host>, value: String) = op(NOBODY).published("quebec").deprecated("22.16.0"), "Former upload of Secure Boot certificates; refused";
        notify_accept_new_pool_secret(host: Ref<Host>, old_ps: SecretText, new_ps: SecretText) = op(NOBODY).published("stockholm_psr").hidden().forwarding(&["host=param:host"]), "Secret rotation, step 1: accept both secrets";
        notify_send_new_pool_secret(host: Ref<Host>, old_ps: SecretText, new_ps: SecretText) = op(NOBODY).published("stockholm_psr").hidden().forwarding(&["host=param:host"]), "Secret rotation, step 2: send only the new secret";
        cleanup_pool_secret(host: Ref<Host>, old_ps: SecretText, new_ps: SecretText) = op(NOBODY).published("stockholm_psr").hidden().forwarding(&["host=param:host"]), "Secret rotation, step 3: reject the old secret";
        set_sched_gran(self: Ref<Host>, value: HostSchedGran) = op(NOBODY).published("1.271.0").forwarding(&["host=param:self"]), "Choose the scheduling unit from the next boot on";
        get_sched_gran(self: Ref<Host>) -> HostSchedGran = op(NOBODY).published("1.271.0").forwarding(&["host=param:self"]), "Read the scheduling unit set for boot";
        set_numa_affinity_policy(self: Ref<Host>, value: HostNumaAffinityPolicy) = op(POOL_ADMIN).prototyped("24.0.0").forwarding(&["host=param:self"]), "Choose how VM memory is spread over NUMA nodes";
        emergency_disable_tls_verification() = op(NOBODY).published("1.290.0").sync().emergency().no_slave_forward(), "Stop checking peers' certificates, without the coordinator";
        emergency_reenable_tls_verification() = op(NOBODY).published("1.298.0").sync().emergency().no_slave_forward(), "Check peers' certificates again after an emergency";
        cert_distrib_atom(host: Ref<Host>, command: String) -> String = op(NOBODY).published("1.295.0").pool_internal().hidden().forwarding(&["host=param:host"]), "Run one step of the certificate distribution protocol";
        apply_updates(self: Ref<Host>, hash: String) -> Vec<Vec<String>> = op(POOL_OP.and_client_cert()).published("1.301.0"), "Install the synchronised updates; returns warnings";
        rescan_drivers(self: Ref<Host>) = op(POOL_ADMIN).prototyped("25.2.0").forwarding(&["host=param:self"]), "Look for multi-version drivers on the host afresh";
        copy_primary_host_certs(host: Ref<Host>) = op(POOL_ADMIN).published("1.307.0").pool_internal().hidden().guards(&[&["pool", "copy_primary_host_certs"]]), "Give a new member the trusted certificates of the coordinator";
        set_https_only(self: Ref<Host>, value: bool) = op(POOL_OP).prototyped("22.27.0").forwarding(&["host=param:self"]), "Close or open port 80 of the host";
        apply_recommended_guidances(self: Ref<Host>) = op(POOL_OP).prototyped("23.18.0").removed("23.25.0"), "Former way to carry out advised steps";
        emergency_clear_mandatory_guidance() = op(NOBODY).prototyped("24.10.0").sync().emergency().no_slave_forward(), "Drop mandatory steps, so that the host can be enabled";
        enable_ssh(self: Ref<Host>) = op(POOL_ADMIN).prototyped("25.13.0").forwarding(&["host=param:self"]), "Start the SSH service and leave automatic mode";
        disable_ssh(self: Ref<Host>) = op(POOL_ADMIN).prototyped("25.13.0").forwarding(&["host=param:self"]), "Stop the SSH service";
        set_ssh_enabled_timeout(self: Ref<Host>, value: i64) = op(POOL_ADMIN).prototyped("25.21.0").forwarding(&["host=param:self"]), "Set the seconds until SSH switches itself off, at most two days";
        set_console_idle_timeout(self: Ref<Host>, value: i64) = op(POOL_ADMIN).prototyped("25.21.0").forwarding(&["host=param:self"]), "Set the seconds until idle consoles close";
        set_ssh_auto_mode(self: Ref<Host>, value: bool) = op(POOL_ADMIN).prototyped("25.27.0").forwarding(&["host=param:self"]), "Tie SSH to the toolstack's health, or stop that";
        get_tracked_user_agents(self: Ref<Host>) -> Map<String, String> = op(READ_ONLY).prototyped("25.34.0").forwarding(&["host=param:self"]), "List client programs seen lately and their versions";
        update_firewalld_service_status() = op(POOL_OP).prototyped("25.34.0").sync().pool_internal().emergency().no_slave_forward().hidden(), "Open or close firewall ports to suit the running services";
        set_max_cstate(self: Ref<Host>, value: String) = op(POOL_OP).prototyped("26.0.0").forwarding(&["host=param:self"]), "Bound the idle depth of the CPUs: C0, C1 or unlimited";
        set_ntp_mode(self: Ref<Host>, value: HostNtpMode) = op(POOL_OP).prototyped("26.0.0").forwarding(&["host=param:self"]), "Choose where time servers come from";
        set_ntp_custom_servers(self: Ref<Host>, value: Vec<String>) = op(POOL_OP).prototyped("26.0.0").forwarding(&["host=param:self"]), "Name the time servers for mode Custom";
        get_ntp_servers_status(self: Ref<Host>) -> Map<String, String> = op(READ_ONLY).prototyped("26.0.0").forwarding(&["host=param:self"]), "Map each time server to how well it is reached";
        set_timezone(self: Ref<Host>, value: String) = op(POOL_OP).prototyped("26.0.0").forwarding(&["host=param:self"]), "Change the time zone of dom0";
        list_timezones(self: Ref<Host>) -> Vec<String> = op(READ_ONLY).prototyped("26.0.0").forwarding(&["host=param:self"]), "List time zone names that can be set";
        get_ntp_synchronized(self: Ref<Host>) -> bool = op(READ_ONLY).prototyped("26.0.0").forwarding(&["host=param:self"]), "Tell whether the clock follows a time server";
        set_servertime(self: Ref<Host>, value: DateTime) = op(POOL_OP).prototyped("26.0.0").forwarding(&["host=param:self"]), "Set the clock by hand while NTP is off";
    }
}

api_enum! {
    HostAllowedOperations "host_allowed_operations" "Operations that can be allowed or under way on a host" {
        Provision = "provision" "Creating disks for a new VM",
        Evacuate = "evacuate" "Moving every VM away",
        Shutdown = "shutdown" "Powering the machine off",
        Reboot = "reboot" "Restarting the machine",
        PowerOn = "power_on" "Being switched on remotely",
        VmStart = "vm_start" "Starting a VM here",
        VmResume = "vm_resume" "Resuming a VM here",
        VmMigrate = "vm_migrate" "Receiving or sending a VM",
        ApplyUpdates = "apply_updates" "Installing software updates",
        Enable = "enable" "Returning to service",
    }
}

api_enum! {
    HostDisplay "host_display" "Use of the physical screen by dom0" {
        Enabled = "enabled" "The console is on the screen",
        DisableOnReboot = "disable_on_reboot" "On the screen now, not after the next boot",
        Disabled = "disabled" "Dom0 does not own the graphics device",
        EnableOnReboot = "enable_on_reboot" "Off the screen now, back after the next boot",
    }
}

api_enum! {
    HostNtpMode "host_ntp_mode" "Origin of the time servers" {
        Dhcp = "DHCP" "Servers announced on the network",
        Custom = "Custom" "Servers listed by the administrator",
        Factory = "Factory" "Servers that ship with the product",
        Disabled = "Disabled" "No time synchronisation at all",
    }
}

api_enum! {
    HostNumaAffinityPolicy "host_numa_affinity_policy" "Placement of VM memory on NUMA nodes" {
        Any = "any" "All nodes are used alike",
        BestEffort = "best_effort" "As few nodes as the VM fits on",
        DefaultPolicy = "default_policy" "Whatever the product's default is",
    }
}

api_enum! {
    HostSchedGran "host_sched_gran" "What the hypervisor schedules as one unit" {
        Core = "core" "All threads of a core together",
        Cpu = "cpu" "Every logical CPU on its own",
        Socket = "socket" "All cores of a socket together",
    }
}

api_enum! {
    LatestSyncedUpdatesAppliedState "latest_synced_updates_applied_state" "Whether a host is up to date with the pool's repository" {
        Yes = "yes" "Nothing is left to install",
        No = "no" "Some updates are missing",
        Unknown = "unknown" "Cannot be told yet",
    }
}
