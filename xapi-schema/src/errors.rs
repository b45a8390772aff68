//! Every error code with its parameters and one sentence for a person.
//!
//! Codes and parameter names are facts of the API; the sentences are ours.

use crate::ErrorDef;

macro_rules! error_codes {
    ($($code:ident $params:tt $doc:literal;)*) => {
        $(#[doc = $doc]
        pub static $code: ErrorDef = ErrorDef { code: stringify!($code), params: error_codes!(@params $params), doc: $doc };)*

        /// All codes in order.
        pub static ALL: &[&ErrorDef] = &[$(&$code),*];
    };
    (@params (undeclared)) => { None };
    (@params ($($param:literal),*)) => { Some(&[$($param),*]) };
}

error_codes! {
    ACTIVATION_WHILE_NOT_FREE () "Activation while not free.";
    ADDRESS_VIOLATES_LOCKING_CONSTRAINT ("address") "Address violates locking constraint.";
    APPLY_GUIDANCE_FAILED ("ref") "Apply guidance failed.";
    APPLY_LIVEPATCH_FAILED ("livepatch") "Apply livepatch failed.";
    APPLY_UPDATES_FAILED ("ref") "Apply updates failed.";
    APPLY_UPDATES_IN_PROGRESS () "Apply updates in progress.";
    AUTH_ALREADY_ENABLED ("current auth_type", "current service_name") "Auth already enabled.";
    AUTH_DISABLE_FAILED ("message") "Auth disable failed.";
    AUTH_DISABLE_FAILED_PERMISSION_DENIED ("message") "Auth disable failed permission denied.";
    AUTH_DISABLE_FAILED_WRONG_CREDENTIALS ("message") "Auth disable failed wrong credentials.";
    AUTH_ENABLE_FAILED ("message") "Auth enable failed.";
    AUTH_ENABLE_FAILED_DOMAIN_LOOKUP_FAILED ("message") "Auth enable failed domain lookup failed.";
    AUTH_ENABLE_FAILED_INVALID_ACCOUNT ("message") "Auth enable failed invalid account.";
    AUTH_ENABLE_FAILED_INVALID_OU ("message") "Auth enable failed invalid ou.";
    AUTH_ENABLE_FAILED_INVALID_TRUSTED_CERTS ("message") "Auth enable failed invalid trusted certs.";
    AUTH_ENABLE_FAILED_NO_SUPPORT_ENCRYPT_TYPE (undeclared) "Auth enable failed no support encrypt type.";
    AUTH_ENABLE_FAILED_NO_TRUSTED_CERTS ("message") "Auth enable failed no trusted certs.";
    AUTH_ENABLE_FAILED_PERMISSION_DENIED ("message") "Auth enable failed permission denied.";
    AUTH_ENABLE_FAILED_UNAVAILABLE ("message") "Auth enable failed unavailable.";
    AUTH_ENABLE_FAILED_WRONG_CREDENTIALS ("message") "Auth enable failed wrong credentials.";
    AUTH_INVALID_TRUSTED_CERTS ("message") "Auth invalid trusted certs.";
    AUTH_IS_DISABLED () "Auth is disabled.";
    AUTH_NO_TRUSTED_CERTS ("message") "Auth no trusted certs.";
    AUTH_SERVICE_ERROR ("message") "Auth service error.";
    AUTH_SETUP_TLS_CONNECTION ("message") "Auth setup tls connection.";
    AUTH_SET_LDAPS_FAILED ("host", "message") "Auth set ldaps failed.";
    AUTH_UNKNOWN_TYPE ("type") "Auth unknown type.";
    BACKUP_SCRIPT_FAILED ("log") "Backup script failed.";
    BALLOONING_DISABLED (undeclared) "Ballooning disabled.";
    BALLOONING_TIMEOUT_BEFORE_MIGRATION ("vm") "Ballooning timeout before migration.";
    BLOCKED_REPO_URL ("url") "Blocked repo url.";
    BOOTLOADER_FAILED ("vm", "msg") "Bootloader failed.";
    BOOT_DEVICE_PASSTHROUGH_DISALLOWED ("device") "Boot device passthrough disallowed.";
    BRIDGE_NAME_EXISTS ("bridge") "Bridge name exists.";
    BRIDGE_NOT_AVAILABLE ("bridge") "Bridge not available.";
    BUNDLE_REPOSITORY_ALREADY_EXISTS ("ref") "Bundle repository already exists.";
    BUNDLE_REPO_NOT_ENABLED () "Bundle repo not enabled.";
    BUNDLE_SYNC_FAILED () "Bundle sync failed.";
    BUNDLE_UNPACK_FAILED ("error") "Bundle unpack failed.";
    CANNOT_ADD_TUNNEL_TO_BOND_SLAVE ("PIF") "Cannot add tunnel to bond slave.";
    CANNOT_ADD_TUNNEL_TO_SRIOV_LOGICAL ("PIF") "Cannot add tunnel to sriov logical.";
    CANNOT_ADD_TUNNEL_TO_VLAN_ON_SRIOV_LOGICAL ("PIF") "Cannot add tunnel to vlan on sriov logical.";
    CANNOT_ADD_VLAN_TO_BOND_SLAVE ("PIF") "Cannot add vlan to bond slave.";
    CANNOT_CHANGE_PIF_PROPERTIES ("PIF") "Cannot change pif properties.";
    CANNOT_CONTACT_HOST ("host") "Cannot contact host.";
    CANNOT_CREATE_STATE_FILE () "Cannot create state file.";
    CANNOT_DESTROY_DISASTER_RECOVERY_TASK ("reason") "Cannot destroy disaster recovery task.";
    CANNOT_DESTROY_SYSTEM_NETWORK ("network") "Cannot destroy system network.";
    CANNOT_ENABLE_REDO_LOG ("reason") "Cannot enable redo log.";
    CANNOT_EVACUATE_HOST ("errors") "Cannot evacuate host.";
    CANNOT_FETCH_PATCH ("uuid") "Cannot fetch patch.";
    CANNOT_FIND_OEM_BACKUP_PARTITION () "Cannot find oem backup partition.";
    CANNOT_FIND_PATCH () "Cannot find patch.";
    CANNOT_FIND_STATE_PARTITION () "Cannot find state partition.";
    CANNOT_FIND_UPDATE () "Cannot find update.";
    CANNOT_FORGET_SRIOV_LOGICAL ("PIF") "Cannot forget sriov logical.";
    CANNOT_PLUG_BOND_SLAVE ("PIF") "Cannot plug bond slave.";
    CANNOT_PLUG_VIF ("VIF") "Cannot plug vif.";
    CANNOT_RESET_CONTROL_DOMAIN ("vm") "Cannot reset control domain.";
    CANNOT_RESTART_DEVICE_MODEL ("ref") "Cannot restart device model.";
    CAN_NOT_PERIODIC_SYNC_UPDATES () "Can not periodic sync updates.";
    CAN_NOT_SYNC_UPDATES () "Can not sync updates.";
    CA_CERTIFICATE_EXPIRED (undeclared) "Ca certificate expired.";
    CA_CERTIFICATE_INVALID (undeclared) "Ca certificate invalid.";
    CA_CERTIFICATE_NOT_VALID_YET (undeclared) "Ca certificate not valid yet.";
    CERTIFICATE_ALREADY_EXISTS ("name") "Certificate already exists.";
    CERTIFICATE_CORRUPT ("name") "Certificate corrupt.";
    CERTIFICATE_DOES_NOT_EXIST ("name") "Certificate does not exist.";
    CERTIFICATE_LACKS_PURPOSE () "Certificate lacks purpose.";
    CERTIFICATE_LIBRARY_CORRUPT () "Certificate library corrupt.";
    CERTIFICATE_NAME_INVALID ("name") "Certificate name invalid.";
    CERT_REFRESH_IN_PROGRESS (undeclared) "Cert refresh in progress.";
    CHANGE_PASSWORD_REJECTED ("msg") "Change password rejected.";
    CLIENT_ERROR (undeclared) "Client error.";
    CLUSTERED_SR_DEGRADED ("sr") "Clustered sr degraded.";
    CLUSTERING_DISABLED ("cluster_host") "Clustering disabled.";
    CLUSTERING_ENABLED ("cluster_host") "Clustering enabled.";
    CLUSTER_ALREADY_EXISTS () "Cluster already exists.";
    CLUSTER_CREATE_IN_PROGRESS () "Cluster create in progress.";
    CLUSTER_DOES_NOT_HAVE_ONE_NODE ("number_of_nodes") "Cluster does not have one node.";
    CLUSTER_FORCE_DESTROY_FAILED ("cluster") "Cluster force destroy failed.";
    CLUSTER_HAS_NO_CERTIFICATE (undeclared) "Cluster has no certificate.";
    CLUSTER_HOST_IS_LAST ("cluster_host") "Cluster host is last.";
    CLUSTER_HOST_NOT_JOINED ("cluster_host") "Cluster host not joined.";
    CLUSTER_STACK_IN_USE ("cluster_stack") "Cluster stack in use.";
    CONFIGURE_REPOSITORIES_IN_PROGRESS () "Configure repositories in progress.";
    COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS ("device", "mac") "Could not find network interface with specified device name and mac address.";
    COULD_NOT_IMPORT_DATABASE ("reason") "Could not import database.";
    COULD_NOT_UPDATE_IGMP_SNOOPING_EVERYWHERE () "Could not update igmp snooping everywhere.";
    CPU_FEATURE_MASKING_NOT_SUPPORTED ("details") "Cpu feature masking not supported.";
    CREATEREPO_FAILED (undeclared) "Createrepo failed.";
    CRL_ALREADY_EXISTS ("name") "Crl already exists.";
    CRL_CORRUPT ("name") "Crl corrupt.";
    CRL_DOES_NOT_EXIST ("name") "Crl does not exist.";
    CRL_NAME_INVALID ("name") "Crl name invalid.";
    DB_UNIQUENESS_CONSTRAINT_VIOLATION ("table", "field", "value") "Db uniqueness constraint violation.";
    DEFAULT_SR_NOT_FOUND ("sr") "Default sr not found.";
    DESIGNATE_NEW_MASTER_IN_PROGRESS (undeclared) "Designate new master in progress.";
    DEVICE_ALREADY_ATTACHED ("device") "Device already attached.";
    DEVICE_ALREADY_DETACHED ("device") "Device already detached.";
    DEVICE_ALREADY_EXISTS ("device") "Device already exists.";
    DEVICE_ATTACH_TIMEOUT ("type", "ref") "Device attach timeout.";
    DEVICE_DETACH_REJECTED ("type", "ref", "msg") "Device detach rejected.";
    DEVICE_DETACH_TIMEOUT ("type", "ref") "Device detach timeout.";
    DEVICE_NOT_ATTACHED ("VBD") "Device not attached.";
    DISABLE_SSH_FAILED ("host") "Disable ssh failed.";
    DISABLE_SSH_PARTIALLY_FAILED ("hosts") "Disable ssh partially failed.";
    DISK_VBD_MUST_BE_READWRITE_FOR_HVM ("vbd") "Disk vbd must be readwrite for hvm.";
    DOMAIN_BUILDER_ERROR ("function", "code", "message") "Domain builder error.";
    DOMAIN_EXISTS ("vm", "domid") "Domain exists.";
    DUPLICATE_MAC_SEED ("seed") "Duplicate mac seed.";
    DUPLICATE_PIF_DEVICE_NAME ("device") "Duplicate pif device name.";
    DUPLICATE_VM ("vm") "Duplicate vm.";
    ENABLE_SSH_FAILED ("host") "Enable ssh failed.";
    ENABLE_SSH_PARTIALLY_FAILED ("hosts") "Enable ssh partially failed.";
    EVENTS_LOST () "Events lost.";
    EVENT_FROM_TOKEN_PARSE_FAILURE ("token") "Event from token parse failure.";
    EVENT_SUBSCRIPTION_PARSE_FAILURE ("subscription") "Event subscription parse failure.";
    EXTENSION_PROTOCOL_FAILURE (undeclared) "Extension protocol failure.";
    FAILED_TO_START_EMULATOR ("vm", "name", "msg") "Failed to start emulator.";
    FEATURE_REQUIRES_HVM ("details") "Feature requires hvm.";
    FEATURE_RESTRICTED () "Feature restricted.";
    FIELD_TYPE_ERROR ("field") "Field type error.";
    GET_HOST_UPDATES_FAILED ("ref") "Get host updates failed.";
    GET_UPDATES_FAILED () "Get updates failed.";
    GET_UPDATES_IN_PROGRESS (undeclared) "Get updates in progress.";
    GPU_GROUP_CONTAINS_NO_PGPUS ("gpu_group") "Gpu group contains no pgpus.";
    GPU_GROUP_CONTAINS_PGPU ("pgpus") "Gpu group contains pgpu.";
    GPU_GROUP_CONTAINS_VGPU ("vgpus") "Gpu group contains vgpu.";
    HANDLE_INVALID ("class", "handle") "Handle invalid.";
    HA_ABORT_NEW_MASTER ("reason") "Ha abort new master.";
    HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE () "Ha cannot change bond status of mgmt iface.";
    HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED ("network") "Ha constraint violation network not shared.";
    HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED ("SR") "Ha constraint violation sr not shared.";
    HA_DISABLE_IN_PROGRESS () "Ha disable in progress.";
    HA_ENABLE_IN_PROGRESS () "Ha enable in progress.";
    HA_FAILED_TO_FORM_LIVESET () "Ha failed to form liveset.";
    HA_HEARTBEAT_DAEMON_STARTUP_FAILED () "Ha heartbeat daemon startup failed.";
    HA_HOST_CANNOT_ACCESS_STATEFILE () "Ha host cannot access statefile.";
    HA_HOST_CANNOT_SEE_PEERS ("host", "all", "subset") "Ha host cannot see peers.";
    HA_HOST_IS_ARMED ("host") "Ha host is armed.";
    HA_IS_ENABLED () "Ha is enabled.";
    HA_LOST_STATEFILE () "Ha lost statefile.";
    HA_NOT_ENABLED () "Ha not enabled.";
    HA_NOT_INSTALLED ("host") "Ha not installed.";
    HA_NO_PLAN () "Ha no plan.";
    HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN () "Ha operation would break failover plan.";
    HA_POOL_IS_ENABLED_BUT_HOST_IS_DISABLED () "Ha pool is enabled but host is disabled.";
    HA_SHOULD_BE_FENCED ("host") "Ha should be fenced.";
    HA_TOO_FEW_HOSTS () "Ha too few hosts.";
    HOSTS_FAILED_TO_DISABLE_CACHING (undeclared) "Hosts failed to disable caching.";
    HOSTS_FAILED_TO_ENABLE_CACHING (undeclared) "Hosts failed to enable caching.";
    HOSTS_NOT_COMPATIBLE () "Hosts not compatible.";
    HOSTS_NOT_HOMOGENEOUS ("reason") "Hosts not homogeneous.";
    HOST_BROKEN () "Host broken.";
    HOST_CANNOT_ATTACH_NETWORK ("host", "network") "Host cannot attach network.";
    HOST_CANNOT_DESTROY_SELF ("host") "Host cannot destroy self.";
    HOST_CANNOT_READ_METRICS () "Host cannot read metrics.";
    HOST_CANNOT_SEE_SR (undeclared) "Host cannot see sr.";
    HOST_CD_DRIVE_EMPTY () "Host cd drive empty.";
    HOST_DISABLED ("host") "Host disabled.";
    HOST_DISABLED_INDEFINITELY ("host") "Host disabled indefinitely.";
    HOST_DISABLED_UNTIL_REBOOT ("host") "Host disabled until reboot.";
    HOST_DRIVER_NO_HARDWARE ("driver variant") "Host driver no hardware.";
    HOST_EVACUATE_IN_PROGRESS ("host") "Host evacuate in progress.";
    HOST_EVACUATE_VM_NOT_HA_PROTECTED ("vm") "Host evacuate vm not ha protected.";
    HOST_EVACUATION_IS_REQUIRED ("host") "Host evacuation is required.";
    HOST_HAS_NO_MANAGEMENT_IP () "Host has no management ip.";
    HOST_HAS_RESIDENT_VMS ("host") "Host has resident vms.";
    HOST_IN_EMERGENCY_MODE () "Host in emergency mode.";
    HOST_IN_USE ("host", "type", "ref") "Host in use.";
    HOST_IS_LIVE ("host") "Host is live.";
    HOST_IS_SLAVE ("Master IP address") "Host is slave.";
    HOST_ITS_OWN_SLAVE () "Host its own slave.";
    HOST_MASTER_CANNOT_TALK_BACK ("ip") "Host master cannot talk back.";
    HOST_NAME_INVALID ("reason") "Host name invalid.";
    HOST_NOT_DISABLED () "Host not disabled.";
    HOST_NOT_ENOUGH_FREE_MEMORY ("needed", "available") "Host not enough free memory.";
    HOST_NOT_ENOUGH_PCPUS ("vcpus", "pcpus") "Host not enough pcpus.";
    HOST_NOT_LIVE () "Host not live.";
    HOST_OFFLINE ("host") "Host offline.";
    HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY ("host") "Host pending mandatory guidance not empty.";
    HOST_POWER_ON_MODE_DISABLED () "Host power on mode disabled.";
    HOST_STILL_BOOTING () "Host still booting.";
    HOST_UNKNOWN_TO_MASTER ("host") "Host unknown to master.";
    HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR ("host_xapi_version") "Host xapi version higher than coordinator.";
    ILLEGAL_IN_FIPS_MODE (undeclared) "Illegal in fips mode.";
    ILLEGAL_VBD_DEVICE ("vbd", "device") "Illegal vbd device.";
    IMPORT_ERROR ("msg") "Import error.";
    IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND () "Import error attached disks not found.";
    IMPORT_ERROR_CANNOT_HANDLE_CHUNKED () "Import error cannot handle chunked.";
    IMPORT_ERROR_FAILED_TO_FIND_OBJECT ("id") "Import error failed to find object.";
    IMPORT_ERROR_PREMATURE_EOF () "Import error premature eof.";
    IMPORT_ERROR_SOME_CHECKSUMS_FAILED () "Import error some checksums failed.";
    IMPORT_ERROR_UNEXPECTED_FILE ("filename_expected", "filename_found") "Import error unexpected file.";
    IMPORT_INCOMPATIBLE_VERSION () "Import incompatible version.";
    INCOMPATIBLE_CLUSTER_STACK_ACTIVE ("cluster_stack") "Incompatible cluster stack active.";
    INCOMPATIBLE_PIF_PROPERTIES () "Incompatible pif properties.";
    INCOMPATIBLE_STATEFILE_SR ("SR type") "Incompatible statefile sr.";
    INTERFACE_HAS_NO_IP ("interface") "Interface has no ip.";
    INTERNAL_ERROR ("message") "Internal error.";
    INVALID_BASE_URL ("url") "Invalid base url.";
    INVALID_CIDR_ADDRESS_SPECIFIED ("parameter") "Invalid cidr address specified.";
    INVALID_CLUSTER_STACK ("cluster_stack") "Invalid cluster stack.";
    INVALID_DEVICE ("device") "Invalid device.";
    INVALID_EDITION ("edition") "Invalid edition.";
    INVALID_FEATURE_STRING ("details") "Invalid feature string.";
    INVALID_GPGKEY_PATH ("gpgkey_path") "Invalid gpgkey path.";
    INVALID_IP_ADDRESS_SPECIFIED ("parameter") "Invalid ip address specified.";
    INVALID_NTP_CONFIG ("reason") "Invalid ntp config.";
    INVALID_PATCH () "Invalid patch.";
    INVALID_PATCH_WITH_LOG ("log") "Invalid patch with log.";
    INVALID_REPOMD_XML () "Invalid repomd xml.";
    INVALID_REPOSITORY_DOMAIN_ALLOWLIST ("domains") "Invalid repository domain allowlist.";
    INVALID_REPOSITORY_PROXY_CREDENTIAL () "Invalid repository proxy credential.";
    INVALID_REPOSITORY_PROXY_URL ("url") "Invalid repository proxy url.";
    INVALID_UPDATE ("info") "Invalid update.";
    INVALID_UPDATEINFO_XML () "Invalid updateinfo xml.";
    INVALID_UPDATE_SYNC_DAY ("day") "Invalid update sync day.";
    INVALID_VALUE ("field", "value") "Invalid value.";
    IS_TUNNEL_ACCESS_PIF ("PIF") "Is tunnel access pif.";
    JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS () "Joining host cannot be master of other hosts.";
    JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS () "Joining host cannot contain shared srs.";
    JOINING_HOST_CANNOT_HAVE_RUNNING_OR_SUSPENDED_VMS () "Joining host cannot have running or suspended vms.";
    JOINING_HOST_CANNOT_HAVE_RUNNING_VMS () "Joining host cannot have running vms.";
    JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS () "Joining host cannot have vms with current operations.";
    JOINING_HOST_CONNECTION_FAILED () "Joining host connection failed.";
    JOINING_HOST_SERVICE_FAILED () "Joining host service failed.";
    LICENCE_RESTRICTION ("feature") "Licence restriction.";
    LICENSE_CANNOT_DOWNGRADE_WHILE_IN_POOL () "License cannot downgrade while in pool.";
    LICENSE_CHECKOUT_ERROR ("code", "message") "License checkout error.";
    LICENSE_DOES_NOT_SUPPORT_POOLING () "License does not support pooling.";
    LICENSE_DOES_NOT_SUPPORT_XHA () "License does not support xha.";
    LICENSE_EXPIRED () "License expired.";
    LICENSE_FILE_DEPRECATED () "License file deprecated.";
    LICENSE_HOST_POOL_MISMATCH () "License host pool mismatch.";
    LICENSE_PROCESSING_ERROR () "License processing error.";
    LOCATION_NOT_UNIQUE ("SR", "location") "Location not unique.";
    MAC_DOES_NOT_EXIST ("MAC") "Mac does not exist.";
    MAC_INVALID ("MAC") "Mac invalid.";
    MAC_STILL_EXISTS ("MAC") "Mac still exists.";
    MAP_DUPLICATE_KEY ("type", "param_name", "uuid", "key") "Map duplicate key.";
    MEMORY_CONSTRAINT_VIOLATION ("constraint") "Memory constraint violation.";
    MEMORY_CONSTRAINT_VIOLATION_MAXPIN ("reason") "Memory constraint violation maxpin.";
    MEMORY_CONSTRAINT_VIOLATION_ORDER () "Memory constraint violation order.";
    MESSAGE_DEPRECATED () "Message deprecated.";
    MESSAGE_METHOD_UNKNOWN ("method") "Message method unknown.";
    MESSAGE_PARAMETER_COUNT_MISMATCH ("method", "expected", "received") "Message parameter count mismatch.";
    MESSAGE_REMOVED () "Message removed.";
    MIRROR_FAILED ("vdi") "Mirror failed.";
    MISSING_CONNECTION_DETAILS () "Missing connection details.";
    MULTIPLE_UPDATE_REPOSITORIES_ENABLED () "Multiple update repositories enabled.";
    NETWORK_ALREADY_CONNECTED ("network", "connected PIF") "Network already connected.";
    NETWORK_CONTAINS_PIF ("pifs") "Network contains pif.";
    NETWORK_CONTAINS_VIF ("vifs") "Network contains vif.";
    NETWORK_HAS_INCOMPATIBLE_SRIOV_PIFS ("PIF", "network") "Network has incompatible sriov pifs.";
    NETWORK_HAS_INCOMPATIBLE_VLAN_ON_SRIOV_PIFS ("PIF", "network") "Network has incompatible vlan on sriov pifs.";
    NETWORK_INCOMPATIBLE_PURPOSES ("new_purpose", "conflicting_purpose") "Network incompatible purposes.";
    NETWORK_INCOMPATIBLE_WITH_BOND ("network") "Network incompatible with bond.";
    NETWORK_INCOMPATIBLE_WITH_SRIOV ("network") "Network incompatible with sriov.";
    NETWORK_INCOMPATIBLE_WITH_TRUNKS ("network") "Network incompatible with trunks.";
    NETWORK_INCOMPATIBLE_WITH_TUNNEL ("network") "Network incompatible with tunnel.";
    NETWORK_INCOMPATIBLE_WITH_VLAN_ON_BRIDGE ("network") "Network incompatible with vlan on bridge.";
    NETWORK_INCOMPATIBLE_WITH_VLAN_ON_SRIOV ("network") "Network incompatible with vlan on sriov.";
    NETWORK_SRIOV_ALREADY_ENABLED ("PIF") "Network sriov already enabled.";
    NETWORK_SRIOV_DISABLE_FAILED ("PIF", "msg") "Network sriov disable failed.";
    NETWORK_SRIOV_ENABLE_FAILED ("PIF", "msg") "Network sriov enable failed.";
    NETWORK_SRIOV_INSUFFICIENT_CAPACITY ("network") "Network sriov insufficient capacity.";
    NETWORK_UNMANAGED ("network") "Network unmanaged.";
    NOT_ALLOWED_ON_OEM_EDITION ("command") "Not allowed on oem edition.";
    NOT_ALLOWED_WHEN_NTP_IS_ENABLED ("host") "Not allowed when ntp is enabled.";
    NOT_IMPLEMENTED ("function") "Not implemented.";
    NOT_IN_EMERGENCY_MODE () "Not in emergency mode.";
    NOT_SUPPORTED_DURING_UPGRADE () "Not supported during upgrade.";
    NOT_SYSTEM_DOMAIN ("vm") "Not system domain.";
    NOT_TRUSTED_CERTIFICATE ("ref") "Not trusted certificate.";
    NO_CLUSTER_HOSTS_REACHABLE ("cluster") "No cluster hosts reachable.";
    NO_COMPATIBLE_CLUSTER_HOST ("host") "No compatible cluster host.";
    NO_HOSTS_AVAILABLE () "No hosts available.";
    NO_LOCAL_STORAGE (undeclared) "No local storage.";
    NO_MORE_REDO_LOGS_ALLOWED () "No more redo logs allowed.";
    NO_REPOSITORIES_CONFIGURED () "No repositories configured.";
    NO_REPOSITORY_ENABLED () "No repository enabled.";
    NVIDIA_SRIOV_MISCONFIGURED ("host", "device_name") "Nvidia sriov misconfigured.";
    NVIDIA_TOOLS_ERROR ("host") "Nvidia tools error.";
    OBJECT_NOLONGER_EXISTS () "Object nolonger exists.";
    ONLY_ALLOWED_ON_OEM_EDITION ("command") "Only allowed on oem edition.";
    OPENVSWITCH_NOT_ACTIVE () "Openvswitch not active.";
    OPERATION_BLOCKED ("ref", "code") "Operation blocked.";
    OPERATION_NOT_ALLOWED ("reason") "Operation not allowed.";
    OPERATION_PARTIALLY_FAILED ("operation") "Operation partially failed.";
    OTHER_OPERATION_IN_PROGRESS ("class", "object", "operation_type", "operation_ref") "Other operation in progress.";
    OUT_OF_SPACE ("location") "Out of space.";
    PATCH_ALREADY_APPLIED ("patch") "Patch already applied.";
    PATCH_ALREADY_EXISTS ("uuid") "Patch already exists.";
    PATCH_APPLY_FAILED ("output") "Patch apply failed.";
    PATCH_APPLY_FAILED_BACKUP_FILES_EXIST ("output") "Patch apply failed backup files exist.";
    PATCH_IS_APPLIED () "Patch is applied.";
    PATCH_PRECHECK_FAILED_ISO_MOUNTED ("patch") "Patch precheck failed iso mounted.";
    PATCH_PRECHECK_FAILED_OUT_OF_SPACE ("patch", "found_space", "required_required") "Patch precheck failed out of space.";
    PATCH_PRECHECK_FAILED_PREREQUISITE_MISSING ("patch", "prerequisite_patch_uuid_list") "Patch precheck failed prerequisite missing.";
    PATCH_PRECHECK_FAILED_UNKNOWN_ERROR ("patch", "info") "Patch precheck failed unknown error.";
    PATCH_PRECHECK_FAILED_VM_RUNNING ("patch") "Patch precheck failed vm running.";
    PATCH_PRECHECK_FAILED_WRONG_SERVER_BUILD ("patch", "found_build", "required_build") "Patch precheck failed wrong server build.";
    PATCH_PRECHECK_FAILED_WRONG_SERVER_VERSION ("patch", "found_version", "required_version") "Patch precheck failed wrong server version.";
    PBD_EXISTS ("sr", "host", "pbd") "Pbd exists.";
    PERMISSION_DENIED ("message") "Permission denied.";
    PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU ("pgpu", "vgpu_type") "Pgpu insufficient capacity for vgpu.";
    PGPU_IN_USE_BY_VM ("VMs") "Pgpu in use by vm.";
    PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP ("type", "group_types") "Pgpu not compatible with gpu group.";
    PIF_ALLOWS_UNPLUG ("PIF") "Pif allows unplug.";
    PIF_ALREADY_BONDED ("PIF") "Pif already bonded.";
    PIF_BOND_MORE_THAN_ONE_IP () "Pif bond more than one ip.";
    PIF_BOND_NEEDS_MORE_MEMBERS () "Pif bond needs more members.";
    PIF_CANNOT_BOND_CROSS_HOST () "Pif cannot bond cross host.";
    PIF_CONFIGURATION_ERROR ("PIF", "msg") "Pif configuration error.";
    PIF_DEVICE_NOT_FOUND () "Pif device not found.";
    PIF_DOES_NOT_ALLOW_UNPLUG ("PIF") "Pif does not allow unplug.";
    PIF_HAS_FCOE_SR_IN_USE ("PIF", "SR") "Pif has fcoe sr in use.";
    PIF_HAS_NO_NETWORK_CONFIGURATION ("PIF") "Pif has no network configuration.";
    PIF_HAS_NO_V6_NETWORK_CONFIGURATION ("PIF") "Pif has no v6 network configuration.";
    PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE ("PIF") "Pif incompatible primary address type.";
    PIF_IS_MANAGEMENT_INTERFACE ("PIF") "Pif is management interface.";
    PIF_IS_NOT_PHYSICAL ("PIF") "Pif is not physical.";
    PIF_IS_NOT_SRIOV_CAPABLE ("PIF") "Pif is not sriov capable.";
    PIF_IS_PHYSICAL ("PIF") "Pif is physical.";
    PIF_IS_SRIOV_LOGICAL ("PIF") "Pif is sriov logical.";
    PIF_IS_VLAN ("PIF") "Pif is vlan.";
    PIF_NOT_ATTACHED_TO_HOST ("pif", "host") "Pif not attached to host.";
    PIF_NOT_PRESENT ("host", "network") "Pif not present.";
    PIF_SRIOV_STILL_EXISTS ("PIF") "Pif sriov still exists.";
    PIF_TUNNEL_STILL_EXISTS ("PIF") "Pif tunnel still exists.";
    PIF_UNMANAGED ("PIF") "Pif unmanaged.";
    PIF_VLAN_EXISTS ("PIF") "Pif vlan exists.";
    PIF_VLAN_STILL_EXISTS ("PIF") "Pif vlan still exists.";
    POOL_AUTH_ALREADY_ENABLED ("host") "Pool auth already enabled.";
    POOL_AUTH_DISABLE_FAILED ("host", "message") "Pool auth disable failed.";
    POOL_AUTH_DISABLE_FAILED_INVALID_ACCOUNT ("host", "message") "Pool auth disable failed invalid account.";
    POOL_AUTH_DISABLE_FAILED_PERMISSION_DENIED ("host", "message") "Pool auth disable failed permission denied.";
    POOL_AUTH_DISABLE_FAILED_WRONG_CREDENTIALS ("host", "message") "Pool auth disable failed wrong credentials.";
    POOL_AUTH_ENABLE_FAILED ("host", "message") "Pool auth enable failed.";
    POOL_AUTH_ENABLE_FAILED_DOMAIN_LOOKUP_FAILED ("host", "message") "Pool auth enable failed domain lookup failed.";
    POOL_AUTH_ENABLE_FAILED_DUPLICATE_HOSTNAME ("host", "message") "Pool auth enable failed duplicate hostname.";
    POOL_AUTH_ENABLE_FAILED_INVALID_ACCOUNT ("host", "message") "Pool auth enable failed invalid account.";
    POOL_AUTH_ENABLE_FAILED_INVALID_OU ("host", "message") "Pool auth enable failed invalid ou.";
    POOL_AUTH_ENABLE_FAILED_INVALID_TRUSTED_CERTS ("host", "message") "Pool auth enable failed invalid trusted certs.";
    POOL_AUTH_ENABLE_FAILED_NO_SUPPORT_ENCRYPT_TYPE ("host", "message") "Pool auth enable failed no support encrypt type.";
    POOL_AUTH_ENABLE_FAILED_NO_TRUSTED_CERTS ("host", "message") "Pool auth enable failed no trusted certs.";
    POOL_AUTH_ENABLE_FAILED_PERMISSION_DENIED ("host", "message") "Pool auth enable failed permission denied.";
    POOL_AUTH_ENABLE_FAILED_SETUP_TLS_CONNECTION ("host", "message") "Pool auth enable failed setup tls connection.";
    POOL_AUTH_ENABLE_FAILED_UNAVAILABLE ("host", "message") "Pool auth enable failed unavailable.";
    POOL_AUTH_ENABLE_FAILED_WRONG_CREDENTIALS ("host", "message") "Pool auth enable failed wrong credentials.";
    POOL_JOINING_EXTERNAL_AUTH_MISMATCH () "Pool joining external auth mismatch.";
    POOL_JOINING_HOST_CA_CERTIFICATES_CONFLICT () "Pool joining host ca certificates conflict.";
    POOL_JOINING_HOST_HAS_BONDS () "Pool joining host has bonds.";
    POOL_JOINING_HOST_HAS_NETWORK_SRIOVS () "Pool joining host has network sriovs.";
    POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS () "Pool joining host has non management vlans.";
    POOL_JOINING_HOST_HAS_TUNNELS () "Pool joining host has tunnels.";
    POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH ("local", "remote") "Pool joining host management vlan does not match.";
    POOL_JOINING_HOST_MUST_HAVE_ONLY_ONE_IP_ON_CLUSTERING_NETWORK () "Pool joining host must have only one ip on clustering network.";
    POOL_JOINING_HOST_MUST_HAVE_PHYSICAL_MANAGEMENT_NIC () "Pool joining host must have physical management nic.";
    POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION ("host_api_version", "master_api_version") "Pool joining host must have same api version.";
    POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA ("host_db_schema", "master_db_schema") "Pool joining host must have same db schema.";
    POOL_JOINING_HOST_MUST_HAVE_SAME_PRODUCT_VERSION () "Pool joining host must have same product version.";
    POOL_JOINING_HOST_MUST_ONLY_HAVE_PHYSICAL_PIFS () "Pool joining host must only have physical pifs.";
    POOL_JOINING_HOST_TLS_VERIFICATION_MISMATCH () "Pool joining host tls verification mismatch.";
    POOL_JOINING_HOST_TRUSTED_CERTIFICATES_CONFLICT ("ref_in_pool", "ref_on_host") "Pool joining host trusted certificates conflict.";
    POOL_JOINING_MASTER_CERTIFICATE_NOT_IN_POOL_BUNDLE ("master_uuid") "Pool joining master certificate not in pool bundle.";
    POOL_JOINING_POOL_BUNDLE_EMPTY_AFTER_IMPORT ("bundle_path") "Pool joining pool bundle empty after import.";
    POOL_JOINING_POOL_CANNOT_ENABLE_CLUSTERING_ON_VLAN_NETWORK ("vlan") "Pool joining pool cannot enable clustering on vlan network.";
    POOL_JOINING_SM_FEATURES_INCOMPATIBLE ("pool_sm_ref", "candidate_sm_ref") "Pool joining sm features incompatible.";
    POOL_SECRET_ROTATION_PENDING (undeclared) "Pool secret rotation pending.";
    PROVISION_FAILED_OUT_OF_SPACE () "Provision failed out of space.";
    PROVISION_ONLY_ALLOWED_ON_TEMPLATE () "Provision only allowed on template.";
    PUSB_VDI_CONFLICT ("PUSB", "VDI") "Pusb vdi conflict.";
    PVS_CACHE_STORAGE_ALREADY_PRESENT ("site", "host") "Pvs cache storage already present.";
    PVS_CACHE_STORAGE_IS_IN_USE ("PVS_cache_storage") "Pvs cache storage is in use.";
    PVS_PROXY_ALREADY_PRESENT ("proxies") "Pvs proxy already present.";
    PVS_PROXY_PRESENT_ON_HIGHER_VIF_DEVICE ("device") "Pvs proxy present on higher vif device.";
    PVS_SERVER_ADDRESS_IN_USE ("address") "Pvs server address in use.";
    PVS_SITE_CONTAINS_RUNNING_PROXIES ("proxies") "Pvs site contains running proxies.";
    PVS_SITE_CONTAINS_SERVERS ("servers") "Pvs site contains servers.";
    PVS_VIF_MUST_BE_FIRST_DEVICE () "Pvs vif must be first device.";
    RBAC_PERMISSION_DENIED ("permission", "message") "Rbac permission denied.";
    REDO_LOG_IS_ENABLED () "Redo log is enabled.";
    REPOSITORY_ALREADY_EXISTS ("ref") "Repository already exists.";
    REPOSITORY_CLEANUP_FAILED () "Repository cleanup failed.";
    REPOSITORY_IS_IN_USE () "Repository is in use.";
    REPOSYNC_FAILED () "Reposync failed.";
    REPO_SHOULD_BE_SINGLE_ONE_ENABLED () "Repo should be single one enabled.";
    REQUIRED_PIF_IS_UNPLUGGED ("PIF") "Required pif is unplugged.";
    RESTORE_INCOMPATIBLE_VERSION () "Restore incompatible version.";
    RESTORE_SCRIPT_FAILED ("log") "Restore script failed.";
    RESTORE_TARGET_MGMT_IF_NOT_IN_BACKUP () "Restore target mgmt if not in backup.";
    RESTORE_TARGET_MISSING_DEVICE ("device") "Restore target missing device.";
    REVERT_ONLY_ALLOWED_ON_SNAPSHOT (undeclared) "Revert only allowed on snapshot.";
    ROLE_ALREADY_EXISTS () "Role already exists.";
    ROLE_NOT_FOUND () "Role not found.";
    SERVER_CERTIFICATE_CHAIN_INVALID () "Server certificate chain invalid.";
    SERVER_CERTIFICATE_EXPIRED ("now", "not_after") "Server certificate expired.";
    SERVER_CERTIFICATE_INVALID () "Server certificate invalid.";
    SERVER_CERTIFICATE_KEY_ALGORITHM_NOT_SUPPORTED ("algorithm_oid") "Server certificate key algorithm not supported.";
    SERVER_CERTIFICATE_KEY_INVALID () "Server certificate key invalid.";
    SERVER_CERTIFICATE_KEY_MISMATCH () "Server certificate key mismatch.";
    SERVER_CERTIFICATE_KEY_RSA_LENGTH_NOT_SUPPORTED ("length") "Server certificate key rsa length not supported.";
    SERVER_CERTIFICATE_KEY_RSA_MULTI_NOT_SUPPORTED () "Server certificate key rsa multi not supported.";
    SERVER_CERTIFICATE_NOT_VALID_YET ("now", "not_before") "Server certificate not valid yet.";
    SERVER_CERTIFICATE_SIGNATURE_NOT_SUPPORTED () "Server certificate signature not supported.";
    SESSION_AUTHENTICATION_FAILED () "Session authentication failed.";
    SESSION_AUTHORIZATION_FAILED ("username", "msg") "Session authorization failed.";
    SESSION_INVALID ("handle") "Session invalid.";
    SESSION_NOT_REGISTERED ("handle") "Session not registered.";
    SET_CONSOLE_TIMEOUT_PARTIALLY_FAILED ("hosts") "Set console timeout partially failed.";
    SET_SSH_AUTO_MODE_PARTIALLY_FAILED ("hosts") "Set ssh auto mode partially failed.";
    SET_SSH_TIMEOUT_PARTIALLY_FAILED ("hosts") "Set ssh timeout partially failed.";
    SLAVE_REQUIRES_MANAGEMENT_INTERFACE () "Slave requires management interface.";
    SM_PLUGIN_COMMUNICATION_FAILURE ("sm") "Sm plugin communication failure.";
    SR_ATTACHED (undeclared) "Sr attached.";
    SR_ATTACH_FAILED ("sr") "Sr attach failed.";
    SR_BACKEND_FAILURE ("status", "stdout", "stderr") "Sr backend failure.";
    SR_DEVICE_IN_USE () "Sr device in use.";
    SR_DOES_NOT_SUPPORT_MIGRATION ("sr", "capabilities") "Sr does not support migration.";
    SR_FULL ("requested", "maximum") "Sr full.";
    SR_HAS_MULTIPLE_PBDS ("PBD") "Sr has multiple pbds.";
    SR_HAS_NO_PBDS ("sr") "Sr has no pbds.";
    SR_HAS_PBD ("sr") "Sr has pbd.";
    SR_INDESTRUCTIBLE ("sr") "Sr indestructible.";
    SR_IS_CACHE_SR ("host") "Sr is cache sr.";
    SR_NOT_ATTACHED ("sr") "Sr not attached.";
    SR_NOT_EMPTY () "Sr not empty.";
    SR_NOT_SHARABLE ("sr", "host") "Sr not sharable.";
    SR_NOT_SHARED (undeclared) "Sr not shared.";
    SR_OPERATION_NOT_SUPPORTED ("sr") "Sr operation not supported.";
    SR_REQUIRES_UPGRADE ("SR") "Sr requires upgrade.";
    SR_SOURCE_SPACE_INSUFFICIENT ("sr") "Sr source space insufficient.";
    SR_SUSPEND_SPACE_INSUFFICIENT ("sr") "Sr suspend space insufficient.";
    SR_UNHEALTHY ("sr", "health", "fix") "Sr unhealthy.";
    SR_UNKNOWN_DRIVER ("driver") "Sr unknown driver.";
    SR_UUID_EXISTS ("uuid") "Sr uuid exists.";
    SR_VDI_LOCKING_FAILED () "Sr vdi locking failed.";
    SSL_VERIFY_ERROR ("reason") "Ssl verify error.";
    SUBJECT_ALREADY_EXISTS () "Subject already exists.";
    SUBJECT_CANNOT_BE_RESOLVED () "Subject cannot be resolved.";
    SUSPEND_IMAGE_NOT_ACCESSIBLE ("vdi") "Suspend image not accessible.";
    SUSPEND_VDI_REPLACEMENT_IS_NOT_IDENTICAL (undeclared) "Suspend vdi replacement is not identical.";
    SYNC_BUNDLE_IN_PROGRESS () "Sync bundle in progress.";
    SYNC_UPDATES_IN_PROGRESS () "Sync updates in progress.";
    SYSPREP ("vm", "message") "Sysprep.";
    SYSTEM_STATUS_MUST_USE_TAR_ON_OEM () "System status must use tar on oem.";
    SYSTEM_STATUS_RETRIEVAL_FAILED ("reason") "System status retrieval failed.";
    TASK_CANCELLED ("task") "Task cancelled.";
    TELEMETRY_NEXT_COLLECTION_TOO_LATE ("timestamp") "Telemetry next collection too late.";
    TLS_CONNECTION_FAILED ("address", "port") "Tls connection failed.";
    TLS_VERIFICATION_ENABLE_IN_PROGRESS (undeclared) "Tls verification enable in progress.";
    TLS_VERIFICATION_NOT_ENABLED_IN_POOL () "Tls verification not enabled in pool.";
    TOO_BUSY () "Too busy.";
    TOO_MANY_GROUPS () "Too many groups.";
    TOO_MANY_PENDING_TASKS () "Too many pending tasks.";
    TOO_MANY_STORAGE_MIGRATES ("number") "Too many storage migrates.";
    TOO_MANY_VUSBS ("number") "Too many vusbs.";
    TRANSPORT_PIF_NOT_CONFIGURED ("PIF") "Transport pif not configured.";
    TRUSTED_CERTIFICATE_ALREADY_EXISTS ("fingerprint") "Trusted certificate already exists.";
    TRUSTED_CERTIFICATE_EXPIRED ("now", "not_after") "Trusted certificate expired.";
    TRUSTED_CERTIFICATE_INVALID () "Trusted certificate invalid.";
    TRUSTED_CERTIFICATE_NOT_VALID_YET ("now", "not_before") "Trusted certificate not valid yet.";
    UNIMPLEMENTED_IN_SM_BACKEND ("message") "Unimplemented in sm backend.";
    UNKNOWN_BOOTLOADER ("vm", "bootloader") "Unknown bootloader.";
    UPDATEINFO_HASH_MISMATCH () "Updateinfo hash mismatch.";
    UPDATE_ALREADY_APPLIED ("update") "Update already applied.";
    UPDATE_ALREADY_APPLIED_IN_POOL ("update") "Update already applied in pool.";
    UPDATE_ALREADY_EXISTS ("uuid") "Update already exists.";
    UPDATE_APPLY_FAILED ("output") "Update apply failed.";
    UPDATE_IS_APPLIED () "Update is applied.";
    UPDATE_POOL_APPLY_FAILED ("hosts") "Update pool apply failed.";
    UPDATE_PRECHECK_FAILED_CONFLICT_PRESENT ("update", "conflict_update") "Update precheck failed conflict present.";
    UPDATE_PRECHECK_FAILED_GPGKEY_NOT_IMPORTED ("update") "Update precheck failed gpgkey not imported.";
    UPDATE_PRECHECK_FAILED_OUT_OF_SPACE ("update", "available_space", "required_space ") "Update precheck failed out of space.";
    UPDATE_PRECHECK_FAILED_PREREQUISITE_MISSING ("update", "prerequisite_update") "Update precheck failed prerequisite missing.";
    UPDATE_PRECHECK_FAILED_UNKNOWN_ERROR ("update", "info") "Update precheck failed unknown error.";
    UPDATE_PRECHECK_FAILED_WRONG_SERVER_VERSION ("update", "installed_version", "required_version ") "Update precheck failed wrong server version.";
    UPDATE_SYNCING_REMOTE_POOL_COORDINATOR_CONNECTION_FAILED () "Update syncing remote pool coordinator connection failed.";
    UPDATE_SYNCING_REMOTE_POOL_COORDINATOR_SERVICE_FAILED () "Update syncing remote pool coordinator service failed.";
    USB_ALREADY_ATTACHED ("PUSB", "VM") "Usb already attached.";
    USB_GROUP_CONFLICT ("USB_group") "Usb group conflict.";
    USB_GROUP_CONTAINS_NO_PUSBS ("usb_group") "Usb group contains no pusbs.";
    USB_GROUP_CONTAINS_PUSB ("pusbs") "Usb group contains pusb.";
    USB_GROUP_CONTAINS_VUSB ("vusbs") "Usb group contains vusb.";
    USER_IS_NOT_LOCAL_SUPERUSER ("msg") "User is not local superuser.";
    UUID_INVALID ("type", "uuid") "Uuid invalid.";
    V6D_FAILURE () "V6d failure.";
    VALUE_NOT_SUPPORTED ("field", "value", "reason") "Value not supported.";
    VBD_CDS_MUST_BE_READONLY () "Vbd cds must be readonly.";
    VBD_IS_EMPTY ("vbd") "Vbd is empty.";
    VBD_MISSING (undeclared) "Vbd missing.";
    VBD_NOT_EMPTY ("vbd") "Vbd not empty.";
    VBD_NOT_REMOVABLE_MEDIA ("vbd") "Vbd not removable media.";
    VBD_NOT_UNPLUGGABLE ("vbd") "Vbd not unpluggable.";
    VBD_TRAY_LOCKED ("vbd") "Vbd tray locked.";
    VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE ("vcpu_max", "cores_per_socket") "Vcpu max not cores per socket multiple.";
    VDI_CBT_ENABLED ("vdi") "Vdi cbt enabled.";
    VDI_CONTAINS_METADATA_OF_THIS_POOL ("vdi", "pool") "Vdi contains metadata of this pool.";
    VDI_CONTENT_ID_MISSING (undeclared) "Vdi content id missing.";
    VDI_COPY_FAILED () "Vdi copy failed.";
    VDI_HAS_RRDS ("vdi") "Vdi has rrds.";
    VDI_INCOMPATIBLE_TYPE ("vdi", "type") "Vdi incompatible type.";
    VDI_IN_USE ("vdi", "operation") "Vdi in use.";
    VDI_IO_ERROR (undeclared) "Vdi io error.";
    VDI_IS_A_PHYSICAL_DEVICE ("vdi") "Vdi is a physical device.";
    VDI_IS_ENCRYPTED ("vdi") "Vdi is encrypted.";
    VDI_IS_NOT_ISO ("vdi", "type") "Vdi is not iso.";
    VDI_IS_SHARABLE (undeclared) "Vdi is sharable.";
    VDI_LOCATION_MISSING ("sr", "location") "Vdi location missing.";
    VDI_MISSING ("sr", "vdi") "Vdi missing.";
    VDI_NEEDS_VM_FOR_MIGRATE ("vdi") "Vdi needs vm for migrate.";
    VDI_NOT_AVAILABLE ("vdi") "Vdi not available.";
    VDI_NOT_IN_MAP ("vdi") "Vdi not in map.";
    VDI_NOT_MANAGED ("vdi") "Vdi not managed.";
    VDI_NOT_SPARSE ("vdi") "Vdi not sparse.";
    VDI_NO_CBT_METADATA ("vdi") "Vdi no cbt metadata.";
    VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION () "Vdi on boot mode incompatible with operation.";
    VDI_READONLY ("vdi") "Vdi readonly.";
    VDI_TOO_LARGE ("vdi", "maximum size") "Vdi too large.";
    VDI_TOO_SMALL ("vdi", "minimum size") "Vdi too small.";
    VGPU_DESTINATION_INCOMPATIBLE ("reason", "vgpu", "host") "Vgpu destination incompatible.";
    VGPU_GUEST_DRIVER_LIMIT ("reason", "vm", "host") "Vgpu guest driver limit.";
    VGPU_SUSPENSION_NOT_SUPPORTED ("reason", "vgpu", "host") "Vgpu suspension not supported.";
    VGPU_TYPE_NOT_COMPATIBLE ("type") "Vgpu type not compatible.";
    VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE ("pgpu", "type", "running_type") "Vgpu type not compatible with running type.";
    VGPU_TYPE_NOT_ENABLED ("type", "enabled_types") "Vgpu type not enabled.";
    VGPU_TYPE_NOT_SUPPORTED ("type", "supported_types") "Vgpu type not supported.";
    VGPU_TYPE_NO_LONGER_SUPPORTED ("type") "Vgpu type no longer supported.";
    VIF_IN_USE ("network", "VIF") "Vif in use.";
    VIF_NOT_IN_MAP ("vif") "Vif not in map.";
    VLAN_IN_USE ("device", "vlan") "Vlan in use.";
    VLAN_TAG_INVALID ("VLAN") "Vlan tag invalid.";
    VMPP_ARCHIVE_MORE_FREQUENT_THAN_BACKUP () "Vmpp archive more frequent than backup.";
    VMPP_HAS_VM () "Vmpp has vm.";
    VMSS_HAS_VM () "Vmss has vm.";
    VMS_FAILED_TO_COOPERATE () "Vms failed to cooperate.";
    VM_ASSIGNED_TO_PROTECTION_POLICY ("vm", "vmpp") "Vm assigned to protection policy.";
    VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE ("vm", "vmss") "Vm assigned to snapshot schedule.";
    VM_ATTACHED_TO_MORE_THAN_ONE_VDI_WITH_TIMEOFFSET_MARKED_AS_RESET_ON_BOOT ("vm") "Vm attached to more than one vdi with timeoffset marked as reset on boot.";
    VM_BAD_POWER_STATE ("vm", "expected", "actual") "Vm bad power state.";
    VM_BIOS_STRINGS_ALREADY_SET () "Vm bios strings already set.";
    VM_CALL_PLUGIN_RATE_LIMIT ("VM", "interval", "wait") "Vm call plugin rate limit.";
    VM_CANNOT_DELETE_DEFAULT_TEMPLATE ("vm") "Vm cannot delete default template.";
    VM_CHECKPOINT_RESUME_FAILED ("vm") "Vm checkpoint resume failed.";
    VM_CHECKPOINT_SUSPEND_FAILED ("vm") "Vm checkpoint suspend failed.";
    VM_CRASHED ("vm") "Vm crashed.";
    VM_DUPLICATE_VBD_DEVICE ("vm", "vbd", "device") "Vm duplicate vbd device.";
    VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT ("vm") "Vm failed shutdown acknowledgment.";
    VM_FAILED_SUSPEND_ACKNOWLEDGMENT ("vm") "Vm failed suspend acknowledgment.";
    VM_HALTED ("vm") "Vm halted.";
    VM_HAS_CHECKPOINT ("vm") "Vm has checkpoint.";
    VM_HAS_NO_SUSPEND_VDI ("vm") "Vm has no suspend vdi.";
    VM_HAS_PCI_ATTACHED ("vm") "Vm has pci attached.";
    VM_HAS_SRIOV_VIF ("vm") "Vm has sriov vif.";
    VM_HAS_TOO_MANY_SNAPSHOTS ("vm") "Vm has too many snapshots.";
    VM_HAS_VGPU ("vm") "Vm has vgpu.";
    VM_HAS_VUSBS ("VM") "Vm has vusbs.";
    VM_HOST_INCOMPATIBLE_VERSION ("host", "vm") "Vm host incompatible version.";
    VM_HOST_INCOMPATIBLE_VERSION_MIGRATE ("host", "vm") "Vm host incompatible version migrate.";
    VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION ("host", "host_versions", "vm", "vm_version") "Vm host incompatible virtual hardware platform version.";
    VM_HVM_REQUIRED ("vm") "Vm hvm required.";
    VM_INCOMPATIBLE_WITH_THIS_HOST ("vm", "host", "reason") "Vm incompatible with this host.";
    VM_IS_IMMOBILE ("VM") "Vm is immobile.";
    VM_IS_PART_OF_AN_APPLIANCE ("vm", "appliance") "Vm is part of an appliance.";
    VM_IS_PROTECTED ("vm") "Vm is protected.";
    VM_IS_SNAPSHOT (undeclared) "Vm is snapshot.";
    VM_IS_TEMPLATE ("vm") "Vm is template.";
    VM_IS_USING_NESTED_VIRT ("VM") "Vm is using nested virt.";
    VM_LACKS_FEATURE ("vm") "Vm lacks feature.";
    VM_MEMORY_SIZE_TOO_LOW ("vm") "Vm memory size too low.";
    VM_MEMORY_TARGET_WAIT_TIMEOUT (undeclared) "Vm memory target wait timeout.";
    VM_MIGRATE_CONTACT_REMOTE_SERVICE_FAILED () "Vm migrate contact remote service failed.";
    VM_MIGRATE_FAILED ("vm", "source", "destination", "msg") "Vm migrate failed.";
    VM_MISSING_PV_DRIVERS ("vm") "Vm missing pv drivers.";
    VM_NON_SUSPENDABLE ("vm", "reason") "Vm non suspendable.";
    VM_NOT_RESIDENT_HERE ("vm", "host") "Vm not resident here.";
    VM_NO_CRASHDUMP_SR ("vm") "Vm no crashdump sr.";
    VM_NO_EMPTY_CD_VBD ("vm") "Vm no empty cd vbd.";
    VM_NO_SUSPEND_SR ("vm") "Vm no suspend sr.";
    VM_NO_VCPUS ("vm") "Vm no vcpus.";
    VM_OLD_PV_DRIVERS ("vm", "major", "minor") "Vm old pv drivers.";
    VM_PCI_BUS_FULL ("VM") "Vm pci bus full.";
    VM_PV_DRIVERS_IN_USE ("vm") "Vm pv drivers in use.";
    VM_REBOOTED ("vm") "Vm rebooted.";
    VM_REQUIRES_GPU ("vm", "GPU_group") "Vm requires gpu.";
    VM_REQUIRES_IOMMU ("host") "Vm requires iommu.";
    VM_REQUIRES_NETWORK ("vm", "network") "Vm requires network.";
    VM_REQUIRES_SR ("vm", "sr") "Vm requires sr.";
    VM_REQUIRES_VDI ("vm", "vdi") "Vm requires vdi.";
    VM_REQUIRES_VGPU ("vm", "GPU_group", "vGPU_type") "Vm requires vgpu.";
    VM_REQUIRES_VUSB ("vm", "USB_group") "Vm requires vusb.";
    VM_REVERT_FAILED ("vm", "snapshot") "Vm revert failed.";
    VM_SHUTDOWN_TIMEOUT ("vm", "timeout") "Vm shutdown timeout.";
    VM_SNAPSHOT_FAILED (undeclared) "Vm snapshot failed.";
    VM_SNAPSHOT_WITH_QUIESCE_FAILED ("vm") "Vm snapshot with quiesce failed.";
    VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED ("vm", "error") "Vm snapshot with quiesce not supported.";
    VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND ("vm") "Vm snapshot with quiesce plugin deos not respond.";
    VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT ("vm") "Vm snapshot with quiesce timeout.";
    VM_SUSPEND_TIMEOUT ("vm", "timeout") "Vm suspend timeout.";
    VM_TOO_MANY_VCPUS ("vm") "Vm too many vcpus.";
    VM_TO_IMPORT_IS_NOT_NEWER_VERSION ("vm", "existing_version", "version_to_import") "Vm to import is not newer version.";
    VM_UNSAFE_BOOT ("vm") "Vm unsafe boot.";
    VTPM_MAX_AMOUNT_REACHED ("amount") "Vtpm max amount reached.";
    WLB_AUTHENTICATION_FAILED () "Wlb authentication failed.";
    WLB_CONNECTION_REFUSED () "Wlb connection refused.";
    WLB_CONNECTION_RESET () "Wlb connection reset.";
    WLB_DISABLED () "Wlb disabled.";
    WLB_INTERNAL_ERROR () "Wlb internal error.";
    WLB_MALFORMED_REQUEST () "Wlb malformed request.";
    WLB_MALFORMED_RESPONSE ("method", "reason", "response") "Wlb malformed response.";
    WLB_NOT_INITIALIZED () "Wlb not initialized.";
    WLB_TIMEOUT ("configured_timeout") "Wlb timeout.";
    WLB_UNKNOWN_HOST () "Wlb unknown host.";
    WLB_URL_INVALID ("url") "Wlb url invalid.";
    WLB_XENSERVER_AUTHENTICATION_FAILED () "Wlb xenserver authentication failed.";
    WLB_XENSERVER_CONNECTION_REFUSED () "Wlb xenserver connection refused.";
    WLB_XENSERVER_MALFORMED_RESPONSE () "Wlb xenserver malformed response.";
    WLB_XENSERVER_TIMEOUT () "Wlb xenserver timeout.";
    WLB_XENSERVER_UNKNOWN_HOST () "Wlb xenserver unknown host.";
    XAPI_HOOK_FAILED ("hook_name", "reason", "stdout", "exit_code") "Xapi hook failed.";
    XENAPI_MISSING_PLUGIN ("name") "Xenapi missing plugin.";
    XENAPI_PLUGIN_FAILURE ("status", "stdout", "stderr") "Xenapi plugin failure.";
    XEN_INCOMPATIBLE () "Xen incompatible.";
    XEN_VSS_REQ_ERROR_ADDING_VOLUME_TO_SNAPSET_FAILED ("vm", "error_code") "Xen vss req error adding volume to snapset failed.";
    XEN_VSS_REQ_ERROR_CREATING_SNAPSHOT ("vm", "error_code") "Xen vss req error creating snapshot.";
    XEN_VSS_REQ_ERROR_CREATING_SNAPSHOT_XML_STRING ("vm", "error_code") "Xen vss req error creating snapshot xml string.";
    XEN_VSS_REQ_ERROR_INIT_FAILED ("vm", "error_code") "Xen vss req error init failed.";
    XEN_VSS_REQ_ERROR_NO_VOLUMES_SUPPORTED ("vm", "error_code") "Xen vss req error no volumes supported.";
    XEN_VSS_REQ_ERROR_PREPARING_WRITERS ("vm", "error_code") "Xen vss req error preparing writers.";
    XEN_VSS_REQ_ERROR_PROV_NOT_LOADED ("vm", "error_code") "Xen vss req error prov not loaded.";
    XEN_VSS_REQ_ERROR_START_SNAPSHOT_SET_FAILED ("vm", "error_code") "Xen vss req error start snapshot set failed.";
    XMLRPC_UNMARSHAL_FAILURE ("expected", "received") "Xmlrpc unmarshal failure.";
}

/// Names of messages the system writes, with their priority (1 highest to 5).
pub static ALERTS: &[(&str, i64)] = &[
    ("ALARM", 1),
    ("ALL_RUNNING_VMS_IN_ANTI_AFFINITY_GRP_ON_SINGLE_HOST", 3),
    ("BOND_STATUS_CHANGED", 3),
    ("CLUSTER_HOST_ENABLE_FAILED", 3),
    ("CLUSTER_HOST_FENCING", 2),
    ("CLUSTER_HOST_JOINING", 4),
    ("CLUSTER_HOST_LEAVING", 3),
    ("CLUSTER_QUORUM_APPROACHING_LOST", 2),
    ("EXTAUTH_INIT_IN_HOST_FAILED", 2),
    ("EXTAUTH_IN_POOL_IS_NON_HOMOGENEOUS", 2),
    ("FAILED_LOGIN_ATTEMPTS", 3),
    ("GRACE_LICENSE", 3),
    ("HA_HEARTBEAT_APPROACHING_TIMEOUT", 5),
    ("HA_HOST_FAILED", 3),
    ("HA_HOST_WAS_FENCED", 4),
    ("HA_NETWORK_BONDING_ERROR", 3),
    ("HA_POOL_DROP_IN_PLAN_EXISTS_FOR", 3),
    ("HA_POOL_OVERCOMMITTED", 3),
    ("HA_PROTECTED_VM_RESTART_FAILED", 2),
    ("HA_STATEFILE_APPROACHING_TIMEOUT", 5),
    ("HA_STATEFILE_LOST", 2),
    ("HA_XAPI_HEALTHCHECK_APPROACHING_TIMEOUT", 5),
    ("HOST_CLOCK_SKEW_DETECTED", 3),
    ("HOST_CLOCK_WENT_BACKWARDS", 1),
    ("HOST_CPU_FEATURES_DOWN", 3),
    ("HOST_CPU_FEATURES_UP", 5),
    ("HOST_INTERNAL_CERTIFICATE_EXPIRED", 1),
    ("HOST_INTERNAL_CERTIFICATE_EXPIRING_07", 1),
    ("HOST_INTERNAL_CERTIFICATE_EXPIRING_14", 2),
    ("HOST_INTERNAL_CERTIFICATE_EXPIRING_30", 3),
    ("HOST_SERVER_CERTIFICATE_EXPIRED", 1),
    ("HOST_SERVER_CERTIFICATE_EXPIRING_07", 1),
    ("HOST_SERVER_CERTIFICATE_EXPIRING_14", 2),
    ("HOST_SERVER_CERTIFICATE_EXPIRING_30", 3),
    ("HOST_SYNC_DATA_FAILED", 3),
    ("IP_CONFIGURED_PIF_CAN_UNPLUG", 3),
    ("LICENSE_DOES_NOT_SUPPORT_POOLING", 2),
    ("LICENSE_EXPIRED", 2),
    ("LICENSE_EXPIRES_SOON", 2),
    ("LICENSE_NOT_AVAILABLE", 2),
    ("LICENSE_SERVER_CONNECTED", 4),
    ("LICENSE_SERVER_UNAVAILABLE", 3),
    ("LICENSE_SERVER_UNREACHABLE", 2),
    ("LICENSE_SERVER_VERSION_OBSOLETE", 2),
    ("METADATA_LUN_BROKEN", 3),
    ("METADATA_LUN_HEALTHY", 4),
    ("MULTIPATH_PERIODIC_ALERT", 3),
    ("PBD_PLUG_FAILED_ON_SERVER_START", 3),
    ("PERIODIC_UPDATE_SYNC_FAILED", 3),
    ("POOL_CA_CERTIFICATE_EXPIRED", 1),
    ("POOL_CA_CERTIFICATE_EXPIRING_07", 1),
    ("POOL_CA_CERTIFICATE_EXPIRING_14", 2),
    ("POOL_CA_CERTIFICATE_EXPIRING_30", 3),
    ("POOL_CPU_FEATURES_DOWN", 5),
    ("POOL_CPU_FEATURES_UP", 5),
    ("POOL_MASTER_TRANSITION", 4),
    ("POOL_PINNED_CERTIFICATE_EXPIRED", 1),
    ("POOL_PINNED_CERTIFICATE_EXPIRING_07", 1),
    ("POOL_PINNED_CERTIFICATE_EXPIRING_14", 2),
    ("POOL_PINNED_CERTIFICATE_EXPIRING_30", 3),
    ("PVS_PROXY_NO_CACHE_SR_AVAILABLE", 3),
    ("PVS_PROXY_NO_SERVER_AVAILABLE", 3),
    ("PVS_PROXY_SETUP_FAILED", 3),
    ("PVS_PROXY_SR_OUT_OF_SPACE", 3),
    ("SM_GC_NO_SPACE", 3),
    ("TLS_VERIFICATION_EMERGENCY_DISABLED", 3),
    ("VBD_QOS_FAILED", 3),
    ("VCPU_QOS_FAILED", 3),
    ("VDI_CBT_METADATA_INCONSISTENT", 3),
    ("VDI_CBT_RESIZE_FAILED", 3),
    ("VDI_CBT_SNAPSHOT_FAILED", 3),
    ("VIF_QOS_FAILED", 3),
    ("VMPP_ARCHIVE_FAILED_0", 3),
    ("VMPP_ARCHIVE_LOCK_FAILED", 3),
    ("VMPP_ARCHIVE_MISSED_EVENT", 3),
    ("VMPP_ARCHIVE_SUCCEEDED", 5),
    ("VMPP_ARCHIVE_TARGET_MOUNT_FAILED", 3),
    ("VMPP_ARCHIVE_TARGET_UNMOUNT_FAILED", 3),
    ("VMPP_LICENSE_ERROR", 3),
    ("VMPP_SNAPSHOT_ARCHIVE_ALREADY_EXISTS", 3),
    ("VMPP_SNAPSHOT_FAILED", 3),
    ("VMPP_SNAPSHOT_LOCK_FAILED", 3),
    ("VMPP_SNAPSHOT_MISSED_EVENT", 3),
    ("VMPP_SNAPSHOT_SUCCEEDED", 5),
    ("VMPP_XAPI_LOGON_FAILURE", 3),
    ("VMSS_LICENSE_ERROR", 3),
    ("VMSS_SNAPSHOT_FAILED", 3),
    ("VMSS_SNAPSHOT_LOCK_FAILED", 3),
    ("VMSS_SNAPSHOT_MISSED_EVENT", 3),
    ("VMSS_SNAPSHOT_SUCCEEDED", 5),
    ("VMSS_XAPI_LOGON_FAILURE", 3),
    ("VM_CHECKPOINTED", 5),
    ("VM_CLONED", 5),
    ("VM_CRASHED", 2),
    ("VM_MIGRATED", 5),
    ("VM_PAUSED", 5),
    ("VM_REBOOTED", 5),
    ("VM_RESUMED", 5),
    ("VM_SECURE_BOOT_FAILED", 5),
    ("VM_SHUTDOWN", 5),
    ("VM_SNAPSHOTTED", 5),
    ("VM_SNAPSHOT_REVERTED", 5),
    ("VM_STARTED", 5),
    ("VM_SUSPENDED", 5),
    ("VM_UNPAUSED", 5),
    ("WLB_CONSULTATION_FAILED", 3),
    ("WLB_OPTIMIZATION_ALERT", 3),
    ("XAPI_STARTUP_BLOCKED_AS_VERSION_HIGHER_THAN_COORDINATOR", 2),
];

/// A code by its text.
pub fn find(code: &str) -> Option<&'static ErrorDef> {
    ALL.iter().copied().find(|def| def.code == code)
}
