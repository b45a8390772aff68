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
    ACTIVATION_WHILE_NOT_FREE () "An activation key is only for hosts with the free edition.";
    ADDRESS_VIOLATES_LOCKING_CONSTRAINT ("address") "The address is not among those the locked VIF may use.";
    APPLY_GUIDANCE_FAILED ("ref") "A step required by the update could not be carried out on the host.";
    APPLY_LIVEPATCH_FAILED ("livepatch") "The live patch could not be loaded.";
    APPLY_UPDATES_FAILED ("ref") "Installing the updates on the host went wrong.";
    APPLY_UPDATES_IN_PROGRESS () "Some host of the pool is installing updates just now.";
    AUTH_ALREADY_ENABLED ("current auth_type", "current service_name") "The host has already joined a directory service.";
    AUTH_DISABLE_FAILED ("message") "The host could not leave its directory service.";
    AUTH_DISABLE_FAILED_PERMISSION_DENIED ("message") "The directory does not let this account remove the host.";
    AUTH_DISABLE_FAILED_WRONG_CREDENTIALS ("message") "The directory rejected the name or password given for leaving.";
    AUTH_ENABLE_FAILED ("message") "The host could not join the directory service.";
    AUTH_ENABLE_FAILED_DOMAIN_LOOKUP_FAILED ("message") "The domain to join could not be found by name.";
    AUTH_ENABLE_FAILED_INVALID_ACCOUNT ("message") "The account given for joining the domain is not usable.";
    AUTH_ENABLE_FAILED_INVALID_OU ("message") "The domain has no organisational unit of the given name.";
    AUTH_ENABLE_FAILED_INVALID_TRUSTED_CERTS ("message") "LDAPS cannot verify the domain controller with the certificates trusted here.";
    AUTH_ENABLE_FAILED_NO_SUPPORT_ENCRYPT_TYPE (undeclared) "Host and domain controller share no Kerberos encryption type.";
    AUTH_ENABLE_FAILED_NO_TRUSTED_CERTS ("message") "LDAPS was asked for, but no certificate for it is trusted.";
    AUTH_ENABLE_FAILED_PERMISSION_DENIED ("message") "The directory does not let this account add the host.";
    AUTH_ENABLE_FAILED_UNAVAILABLE ("message") "No domain controller answers.";
    AUTH_ENABLE_FAILED_WRONG_CREDENTIALS ("message") "The directory rejected the name or password given for joining.";
    AUTH_INVALID_TRUSTED_CERTS ("message") "The trusted certificates do not verify the domain controller.";
    AUTH_IS_DISABLED () "No directory service is in use on this host.";
    AUTH_NO_TRUSTED_CERTS ("message") "No trusted certificate with the purpose ldaps exists.";
    AUTH_SERVICE_ERROR ("message") "The directory service answered a query with an error.";
    AUTH_SETUP_TLS_CONNECTION ("message") "A TLS connection to the domain controller could not be made.";
    AUTH_SET_LDAPS_FAILED ("host", "message") "The host could not switch its directory connection.";
    AUTH_UNKNOWN_TYPE ("type") "This kind of directory service is not known.";
    BACKUP_SCRIPT_FAILED ("log") "The host backup ended with an error; see the log.";
    BALLOONING_DISABLED (undeclared) "Memory of this VM cannot be changed by ballooning.";
    BALLOONING_TIMEOUT_BEFORE_MIGRATION ("vm") "The guest did not shrink in time for the migration.";
    BLOCKED_REPO_URL ("url") "The repository's URL is on the block list.";
    BOOTLOADER_FAILED ("vm", "msg") "The bootloader of the PV guest ended with an error.";
    BOOT_DEVICE_PASSTHROUGH_DISALLOWED ("device") "Dom0 boots from this device, so no VM may have it.";
    BRIDGE_NAME_EXISTS ("bridge") "Another network already uses this bridge name.";
    BRIDGE_NOT_AVAILABLE ("bridge") "The bridge is not there on the host.";
    BUNDLE_REPOSITORY_ALREADY_EXISTS ("ref") "The pool has a bundle repository, and one is the limit.";
    BUNDLE_REPO_NOT_ENABLED () "Add the bundle repository to those in use before uploading.";
    BUNDLE_SYNC_FAILED () "The uploaded bundle could not be turned into a repository.";
    BUNDLE_UNPACK_FAILED ("error") "The uploaded bundle could not be unpacked.";
    CANNOT_ADD_TUNNEL_TO_BOND_SLAVE ("PIF") "Put the tunnel on the bond, not on one of its members.";
    CANNOT_ADD_TUNNEL_TO_SRIOV_LOGICAL ("PIF") "A tunnel cannot run over an SR-IOV logical PIF.";
    CANNOT_ADD_TUNNEL_TO_VLAN_ON_SRIOV_LOGICAL ("PIF") "A tunnel cannot run over a VLAN of an SR-IOV network.";
    CANNOT_ADD_VLAN_TO_BOND_SLAVE ("PIF") "Put the VLAN on the bond, not on one of its members.";
    CANNOT_CHANGE_PIF_PROPERTIES ("PIF") "Properties exist only on bonds and on NICs outside bonds.";
    CANNOT_CONTACT_HOST ("host") "The host does not answer on the management network.";
    CANNOT_CREATE_STATE_FILE () "None of the SRs can take the HA state file.";
    CANNOT_DESTROY_DISASTER_RECOVERY_TASK ("reason") "The recovery's SRs could not be removed.";
    CANNOT_DESTROY_SYSTEM_NETWORK ("network") "The toolstack needs this network itself.";
    CANNOT_ENABLE_REDO_LOG ("reason") "The redo log could not be set up.";
    CANNOT_EVACUATE_HOST ("errors") "Some VMs cannot leave the host.";
    CANNOT_FETCH_PATCH ("uuid") "The coordinator could not hand over the patch file.";
    CANNOT_FIND_OEM_BACKUP_PARTITION () "The host has no partition for backups.";
    CANNOT_FIND_PATCH () "The patch file is no longer there; upload it again.";
    CANNOT_FIND_STATE_PARTITION () "The partition with the host's settings is missing.";
    CANNOT_FIND_UPDATE () "The update image is no longer there; upload it again.";
    CANNOT_FORGET_SRIOV_LOGICAL ("PIF") "Remove the SR-IOV network rather than its logical PIF.";
    CANNOT_PLUG_BOND_SLAVE ("PIF") "A bond member comes up only together with the bond.";
    CANNOT_PLUG_VIF ("VIF") "The VIF could not be connected while the VM runs.";
    CANNOT_RESET_CONTROL_DOMAIN ("vm") "Dom0 cannot be marked as halted.";
    CANNOT_RESTART_DEVICE_MODEL ("ref") "Paused VMs on the host prevent replacing their device emulators.";
    CAN_NOT_PERIODIC_SYNC_UPDATES () "Scheduled synchronisation is impossible with the repositories in use.";
    CAN_NOT_SYNC_UPDATES () "The repositories in use cannot be synchronised on request.";
    CA_CERTIFICATE_EXPIRED (undeclared) "The CA certificate's validity is over.";
    CA_CERTIFICATE_INVALID (undeclared) "The text is not a PEM certificate of a CA.";
    CA_CERTIFICATE_NOT_VALID_YET (undeclared) "The CA certificate's validity lies in the future.";
    CERTIFICATE_ALREADY_EXISTS ("name") "The name is taken by an installed certificate.";
    CERTIFICATE_CORRUPT ("name") "The installed certificate file cannot be read.";
    CERTIFICATE_DOES_NOT_EXIST ("name") "There is no certificate of this name.";
    CERTIFICATE_LACKS_PURPOSE () "A pinned certificate needs at least one purpose.";
    CERTIFICATE_LIBRARY_CORRUPT () "The directory of trusted certificates is damaged.";
    CERTIFICATE_NAME_INVALID ("name") "This name will not do for a certificate file.";
    CERT_REFRESH_IN_PROGRESS (undeclared) "Internal certificates are being renewed just now.";
    CHANGE_PASSWORD_REJECTED ("msg") "The operating system refused the new password.";
    CLIENT_ERROR (undeclared) "The client's request was at fault.";
    CLUSTERED_SR_DEGRADED ("sr") "A clustered local SR makes restarting a host unsafe now.";
    CLUSTERING_DISABLED ("cluster_host") "Clustering is switched off on the host.";
    CLUSTERING_ENABLED ("cluster_host") "Clustering is switched on at the host and prevents this.";
    CLUSTER_ALREADY_EXISTS () "A pool can have one cluster only, and there is one.";
    CLUSTER_CREATE_IN_PROGRESS () "A cluster is being formed just now.";
    CLUSTER_DOES_NOT_HAVE_ONE_NODE ("number_of_nodes") "A cluster dissolves this way only with one host left.";
    CLUSTER_FORCE_DESTROY_FAILED ("cluster") "Not every host could be freed from the cluster.";
    CLUSTER_HAS_NO_CERTIFICATE (undeclared) "The cluster has no TLS certificate.";
    CLUSTER_HOST_IS_LAST ("cluster_host") "Dissolving the cluster is the way to free its last host.";
    CLUSTER_HOST_NOT_JOINED ("cluster_host") "The host has not entered the cluster yet.";
    CLUSTER_STACK_IN_USE ("cluster_stack") "The cluster software is needed at present.";
    CONFIGURE_REPOSITORIES_IN_PROGRESS () "Update repositories are being changed just now.";
    COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS ("device", "mac") "No NIC has both this name and this MAC.";
    COULD_NOT_IMPORT_DATABASE ("reason") "The database on the disk could not be loaded.";
    COULD_NOT_UPDATE_IGMP_SNOOPING_EVERYWHERE () "Multicast filtering could not be switched on some bridges.";
    CPU_FEATURE_MASKING_NOT_SUPPORTED ("details") "Features of this CPU cannot be masked.";
    CREATEREPO_FAILED (undeclared) "Metadata for the local repository could not be made.";
    CRL_ALREADY_EXISTS ("name") "The name is taken by an installed revocation list.";
    CRL_CORRUPT ("name") "The revocation list cannot be read.";
    CRL_DOES_NOT_EXIST ("name") "There is no revocation list of this name.";
    CRL_NAME_INVALID ("name") "This name will not do for a revocation list.";
    DB_UNIQUENESS_CONSTRAINT_VIOLATION ("table", "field", "value") "Another row already has this value in a unique field.";
    DEFAULT_SR_NOT_FOUND ("sr") "The pool's default SR points to nothing.";
    DESIGNATE_NEW_MASTER_IN_PROGRESS (undeclared) "Coordination is being handed to another host just now.";
    DEVICE_ALREADY_ATTACHED ("device") "Nothing to attach: the device is connected.";
    DEVICE_ALREADY_DETACHED ("device") "Nothing to detach: the device is not connected.";
    DEVICE_ALREADY_EXISTS ("device") "The VM has another device in this position.";
    DEVICE_ATTACH_TIMEOUT ("type", "ref") "The device did not come up in time.";
    DEVICE_DETACH_REJECTED ("type", "ref", "msg") "The guest would not give the device up.";
    DEVICE_DETACH_TIMEOUT ("type", "ref") "The guest did not release the device in time.";
    DEVICE_NOT_ATTACHED ("VBD") "The drive is not connected to a domain.";
    DISABLE_SSH_FAILED ("host") "SSH could not be stopped on the host.";
    DISABLE_SSH_PARTIALLY_FAILED ("hosts") "SSH could not be stopped on some hosts.";
    DISK_VBD_MUST_BE_READWRITE_FOR_HVM ("vbd") "An emulated disk cannot be read-only; change the drive's mode.";
    DOMAIN_BUILDER_ERROR ("function", "code", "message") "The domain could not be built.";
    DOMAIN_EXISTS ("vm", "domid") "A domain for this VM is left over on a host.";
    DUPLICATE_MAC_SEED ("seed") "Another VM derives its MACs from the same seed.";
    DUPLICATE_PIF_DEVICE_NAME ("device") "Two interfaces of the host would have the same name.";
    DUPLICATE_VM ("vm") "A VM with this identifier exists already.";
    ENABLE_SSH_FAILED ("host") "SSH could not be started on the host.";
    ENABLE_SSH_PARTIALLY_FAILED ("hosts") "SSH could not be started on some hosts.";
    EVENTS_LOST () "The event queue ran over; read all state afresh.";
    EVENT_FROM_TOKEN_PARSE_FAILURE ("token") "The event token is malformed; begin with an empty one.";
    EVENT_SUBSCRIPTION_PARSE_FAILURE ("subscription") "The event class or object filter is malformed.";
    EXTENSION_PROTOCOL_FAILURE (undeclared) "The API extension did not answer as it should.";
    FAILED_TO_START_EMULATOR ("vm", "name", "msg") "A helper process of the VM did not start.";
    FEATURE_REQUIRES_HVM ("details") "The VM uses a feature that only HVM guests have.";
    FEATURE_RESTRICTED () "The pool's restrictions exclude this feature.";
    FIELD_TYPE_ERROR ("field") "The field takes values of another type.";
    GET_HOST_UPDATES_FAILED ("ref") "The host could not tell which updates it needs.";
    GET_UPDATES_FAILED () "The list of available updates could not be made.";
    GET_UPDATES_IN_PROGRESS (undeclared) "The list of available updates is being made just now.";
    GPU_GROUP_CONTAINS_NO_PGPUS ("gpu_group") "No physical GPU is in the group.";
    GPU_GROUP_CONTAINS_PGPU ("pgpus") "Physical GPUs are still in the group.";
    GPU_GROUP_CONTAINS_VGPU ("vgpus") "Virtual GPUs are still in the group.";
    HANDLE_INVALID ("class", "handle") "The reference points to no object of this class.";
    HA_ABORT_NEW_MASTER ("reason") "The host does not accept the new coordinator at present.";
    HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE () "HA forbids bonding or unbonding the management interface.";
    HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED ("network") "A protected VM must not depend on a network missing elsewhere.";
    HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED ("SR") "A protected VM must not depend on an SR missing elsewhere.";
    HA_DISABLE_IN_PROGRESS () "HA is being stopped just now.";
    HA_ENABLE_IN_PROGRESS () "HA is being started just now.";
    HA_FAILED_TO_FORM_LIVESET () "The hosts did not find each other in time to start HA.";
    HA_HEARTBEAT_DAEMON_STARTUP_FAILED () "The HA daemon did not start on this host.";
    HA_HOST_CANNOT_ACCESS_STATEFILE () "The host cannot read or write the HA state file.";
    HA_HOST_CANNOT_SEE_PEERS ("host", "all", "subset") "The host misses HA heartbeats of some other hosts.";
    HA_HOST_IS_ARMED ("host") "HA may still fence the host, so this is not safe.";
    HA_IS_ENABLED () "Stop HA first; it does not go together with this.";
    HA_LOST_STATEFILE () "The host cannot reach its HA state file any more.";
    HA_NOT_ENABLED () "HA is not running in the pool.";
    HA_NOT_INSTALLED ("host") "The host lacks the HA software.";
    HA_NO_PLAN () "VMs could not be placed, as no other host is there.";
    HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN () "Afterwards HA could not repair as many host losses as promised.";
    HA_POOL_IS_ENABLED_BUT_HOST_IS_DISABLED () "HA is on in the pool, but not armed on this host.";
    HA_SHOULD_BE_FENCED ("host") "HA counts this host as lost, so it must restart.";
    HA_TOO_FEW_HOSTS () "The pool is too small for HA.";
    HOSTS_FAILED_TO_DISABLE_CACHING (undeclared) "IntelliCache could not be switched off on some hosts.";
    HOSTS_FAILED_TO_ENABLE_CACHING (undeclared) "IntelliCache could not be switched on at some hosts.";
    HOSTS_NOT_COMPATIBLE () "Host and pool do not fit together.";
    HOSTS_NOT_HOMOGENEOUS ("reason") "Host and pool differ in hardware or installed software.";
    HOST_BROKEN () "Failover on this host stopped half-way and must be repeated.";
    HOST_CANNOT_ATTACH_NETWORK ("host", "network") "The host has no way to bring up this network.";
    HOST_CANNOT_DESTROY_SELF ("host") "The coordinator's own row cannot be deleted.";
    HOST_CANNOT_READ_METRICS () "The host's measurements are not available.";
    HOST_CANNOT_SEE_SR (undeclared) "The host has no connection to the SR.";
    HOST_CD_DRIVE_EMPTY () "There is no disc in the host's drive.";
    HOST_DISABLED ("host") "The host takes no VMs, as it is disabled.";
    HOST_DISABLED_INDEFINITELY ("host") "The host stays disabled until someone enables it.";
    HOST_DISABLED_UNTIL_REBOOT ("host") "The host stays disabled until it has been rebooted.";
    HOST_DRIVER_NO_HARDWARE ("driver variant") "The host contains no device for this driver version.";
    HOST_EVACUATE_IN_PROGRESS ("host") "VMs are leaving the host just now.";
    HOST_EVACUATE_VM_NOT_HA_PROTECTED ("vm") "A VM outside HA protection might not find room elsewhere.";
    HOST_EVACUATION_IS_REQUIRED ("host") "Move all VMs away from the host first.";
    HOST_HAS_NO_MANAGEMENT_IP () "The management interface has no address.";
    HOST_HAS_RESIDENT_VMS ("host") "VMs are still on the host.";
    HOST_IN_EMERGENCY_MODE () "The member has lost its coordinator and can do little.";
    HOST_IN_USE ("host", "type", "ref") "Something on the host is still in use.";
    HOST_IS_LIVE ("host") "The host is running, so this is refused.";
    HOST_IS_SLAVE ("Master IP address") "Members do not answer this; ask the coordinator at the address given.";
    HOST_ITS_OWN_SLAVE () "The host takes itself for its coordinator; an emergency call repairs that.";
    HOST_MASTER_CANNOT_TALK_BACK ("ip") "The coordinator cannot reach this member at its address.";
    HOST_NAME_INVALID ("reason") "This is no proper hostname.";
    HOST_NOT_DISABLED () "The host must be disabled before this.";
    HOST_NOT_ENOUGH_FREE_MEMORY ("needed", "available") "Too few bytes of memory are free on the host.";
    HOST_NOT_ENOUGH_PCPUS ("vcpus", "pcpus") "The VM has more vCPUs than the host has CPUs.";
    HOST_NOT_LIVE () "The host is not running.";
    HOST_OFFLINE ("host") "The host has not been heard of lately.";
    HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY ("host") "Finish the steps the last update requires before enabling.";
    HOST_POWER_ON_MODE_DISABLED () "No way to switch the host on remotely is set.";
    HOST_STILL_BOOTING () "The host has not finished starting.";
    HOST_UNKNOWN_TO_MASTER ("host") "The coordinator has no row for this host.";
    HOST_XAPI_VERSION_HIGHER_THAN_COORDINATOR ("host_xapi_version") "The host's toolstack is newer than the coordinator's.";
    ILLEGAL_IN_FIPS_MODE (undeclared) "FIPS mode forbids this.";
    ILLEGAL_VBD_DEVICE ("vbd", "device") "A drive cannot be in this position.";
    IMPORT_ERROR ("msg") "The import went wrong.";
    IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND () "Disks of the imported VM are missing here.";
    IMPORT_ERROR_CANNOT_HANDLE_CHUNKED () "Imports by HTTP must not use chunked encoding.";
    IMPORT_ERROR_FAILED_TO_FIND_OBJECT ("id") "The import refers to an object that does not exist.";
    IMPORT_ERROR_PREMATURE_EOF () "The data ended before the import was complete.";
    IMPORT_ERROR_SOME_CHECKSUMS_FAILED () "Part of the imported data is damaged.";
    IMPORT_ERROR_UNEXPECTED_FILE ("filename_expected", "filename_found") "The archive has another file where one was due.";
    IMPORT_INCOMPATIBLE_VERSION () "The archive comes from a product version that does not fit.";
    INCOMPATIBLE_CLUSTER_STACK_ACTIVE ("cluster_stack") "Another cluster stack is in charge already.";
    INCOMPATIBLE_PIF_PROPERTIES () "Interfaces with different properties cannot be bonded.";
    INCOMPATIBLE_STATEFILE_SR ("SR type") "SRs of this type cannot hold the HA state file.";
    INTERFACE_HAS_NO_IP ("interface") "The interface has no address.";
    INTERNAL_ERROR ("message") "The toolstack met with a fault of its own.";
    INVALID_BASE_URL ("url") "The repository's URL is malformed.";
    INVALID_CIDR_ADDRESS_SPECIFIED ("parameter") "An address with prefix length was expected.";
    INVALID_CLUSTER_STACK ("cluster_stack") "No cluster stack of this name is known.";
    INVALID_DEVICE ("device") "This is no device position or name.";
    INVALID_EDITION ("edition") "No edition of this name exists here.";
    INVALID_FEATURE_STRING ("details") "The CPU feature words are malformed.";
    INVALID_GPGKEY_PATH ("gpgkey_path") "The signing key must be a file below the key directory.";
    INVALID_IP_ADDRESS_SPECIFIED ("parameter") "An IP address of the right kind was expected.";
    INVALID_NTP_CONFIG ("reason") "The time server settings make no sense.";
    INVALID_PATCH () "The file is not a patch.";
    INVALID_PATCH_WITH_LOG ("log") "The file is not a patch; the log says why.";
    INVALID_REPOMD_XML () "The repository's index cannot be read.";
    INVALID_REPOSITORY_DOMAIN_ALLOWLIST ("domains") "The list of permitted repository domains is malformed.";
    INVALID_REPOSITORY_PROXY_CREDENTIAL () "User and password of the proxy must come together, without newlines.";
    INVALID_REPOSITORY_PROXY_URL ("url") "The proxy's URL is malformed.";
    INVALID_UPDATE ("info") "The image does not contain a usable update.";
    INVALID_UPDATEINFO_XML () "The repository's update descriptions cannot be read.";
    INVALID_UPDATE_SYNC_DAY ("day") "The day does not suit the rhythm of synchronisation.";
    INVALID_VALUE ("field", "value") "The field or parameter cannot take this value.";
    IS_TUNNEL_ACCESS_PIF ("PIF") "This cannot be built on a tunnel's access PIF.";
    JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS () "The joining host coordinates a pool with members.";
    JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS () "The joining host still has a shared SR; forget it first.";
    JOINING_HOST_CANNOT_HAVE_RUNNING_OR_SUSPENDED_VMS () "Halt all VMs of the joining host first.";
    JOINING_HOST_CANNOT_HAVE_RUNNING_VMS () "Shut down what runs on the joining host first.";
    JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS () "Work on VMs of the joining host must finish first.";
    JOINING_HOST_CONNECTION_FAILED () "The joining host did not reach the coordinator.";
    JOINING_HOST_SERVICE_FAILED () "The coordinator's toolstack did not answer the joining host.";
    LICENCE_RESTRICTION ("feature") "The licence does not cover this feature.";
    LICENSE_CANNOT_DOWNGRADE_WHILE_IN_POOL () "A pool member cannot go back to a lesser licence.";
    LICENSE_CHECKOUT_ERROR ("code", "message") "The licence server did not grant the edition.";
    LICENSE_DOES_NOT_SUPPORT_POOLING () "The licence rules out pools with several hosts.";
    LICENSE_DOES_NOT_SUPPORT_XHA () "The licence rules out HA.";
    LICENSE_EXPIRED () "The licence has run out.";
    LICENSE_FILE_DEPRECATED () "Licence files of this kind are no longer taken.";
    LICENSE_HOST_POOL_MISMATCH () "Host and pool have different licences.";
    LICENSE_PROCESSING_ERROR () "The licence could not be read.";
    LOCATION_NOT_UNIQUE ("SR", "location") "The SR already has a disk at this location.";
    MAC_DOES_NOT_EXIST ("MAC") "No interface of the host has this MAC.";
    MAC_INVALID ("MAC") "This is no usable MAC.";
    MAC_STILL_EXISTS ("MAC") "The NIC with this MAC is still in the host.";
    MAP_DUPLICATE_KEY ("type", "param_name", "uuid", "key") "The map already has this key.";
    MEMORY_CONSTRAINT_VIOLATION ("constraint") "The memory bounds contradict each other.";
    MEMORY_CONSTRAINT_VIOLATION_MAXPIN ("reason") "This VM's memory is fixed, so its bounds must be equal.";
    MEMORY_CONSTRAINT_VIOLATION_ORDER () "Bounds must rise: static_min, dynamic_min, dynamic_max, static_max.";
    MESSAGE_DEPRECATED () "The method is out of date; call its successor.";
    MESSAGE_METHOD_UNKNOWN ("method") "There is no such method.";
    MESSAGE_PARAMETER_COUNT_MISMATCH ("method", "expected", "received") "The method takes another number of parameters.";
    MESSAGE_REMOVED () "The method is gone from the API.";
    MIRROR_FAILED ("vdi") "Mirroring of the disk to its destination broke down.";
    MISSING_CONNECTION_DETAILS () "Licence server address and port are needed.";
    MULTIPLE_UPDATE_REPOSITORIES_ENABLED () "Only one repository with update information may be in use.";
    NETWORK_ALREADY_CONNECTED ("network", "connected PIF") "The host has another PIF on this network.";
    NETWORK_CONTAINS_PIF ("pifs") "PIFs are still on the network.";
    NETWORK_CONTAINS_VIF ("vifs") "VIFs are still on the network.";
    NETWORK_HAS_INCOMPATIBLE_SRIOV_PIFS ("PIF", "network") "NICs of one SR-IOV network must be of the same kind.";
    NETWORK_HAS_INCOMPATIBLE_VLAN_ON_SRIOV_PIFS ("PIF", "network") "VLANs of one network must sit on the same SR-IOV kind.";
    NETWORK_INCOMPATIBLE_PURPOSES ("new_purpose", "conflicting_purpose") "The network has a purpose that excludes the new one.";
    NETWORK_INCOMPATIBLE_WITH_BOND ("network") "A bond cannot be put on this network.";
    NETWORK_INCOMPATIBLE_WITH_SRIOV ("network") "SR-IOV cannot be put on this network.";
    NETWORK_INCOMPATIBLE_WITH_TRUNKS ("network") "VIFs on this network cannot be VLAN trunks.";
    NETWORK_INCOMPATIBLE_WITH_TUNNEL ("network") "A tunnel cannot be put on this network.";
    NETWORK_INCOMPATIBLE_WITH_VLAN_ON_BRIDGE ("network") "An ordinary VLAN cannot be put on this network.";
    NETWORK_INCOMPATIBLE_WITH_VLAN_ON_SRIOV ("network") "A VLAN of an SR-IOV NIC cannot be put here.";
    NETWORK_SRIOV_ALREADY_ENABLED ("PIF") "SR-IOV is on at this NIC already.";
    NETWORK_SRIOV_DISABLE_FAILED ("PIF", "msg") "SR-IOV could not be switched off at the NIC.";
    NETWORK_SRIOV_ENABLE_FAILED ("PIF", "msg") "SR-IOV could not be switched on at the NIC.";
    NETWORK_SRIOV_INSUFFICIENT_CAPACITY ("network") "No virtual function of the SR-IOV network is free.";
    NETWORK_UNMANAGED ("network") "The administrator manages this network, not the toolstack.";
    NOT_ALLOWED_ON_OEM_EDITION ("command") "Embedded editions refuse this command.";
    NOT_ALLOWED_WHEN_NTP_IS_ENABLED ("host") "Switch NTP off before setting the clock.";
    NOT_IMPLEMENTED ("function") "This server does not implement the function.";
    NOT_IN_EMERGENCY_MODE () "This is only for members in emergency mode.";
    NOT_SUPPORTED_DURING_UPGRADE () "Hosts run different versions; finish the upgrade first.";
    NOT_SYSTEM_DOMAIN ("vm") "The VM is not a driver domain.";
    NOT_TRUSTED_CERTIFICATE ("ref") "The certificate is not one the pool was told to trust.";
    NO_CLUSTER_HOSTS_REACHABLE ("cluster") "No host of the cluster answers.";
    NO_COMPATIBLE_CLUSTER_HOST ("host") "The host takes no part in the cluster the SR needs.";
    NO_HOSTS_AVAILABLE () "No host can run the VM at present.";
    NO_LOCAL_STORAGE (undeclared) "The host has no local SR for this.";
    NO_MORE_REDO_LOGS_ALLOWED () "The pool cannot keep yet another redo log.";
    NO_REPOSITORIES_CONFIGURED () "The pool has no update repository.";
    NO_REPOSITORY_ENABLED () "No update repository is in use.";
    NVIDIA_SRIOV_MISCONFIGURED ("host", "device_name") "The NVIDIA GPU offers no virtual functions.";
    NVIDIA_TOOLS_ERROR ("host") "NVIDIA's software is missing or failed on the host.";
    OBJECT_NOLONGER_EXISTS () "The object was deleted in the meantime.";
    ONLY_ALLOWED_ON_OEM_EDITION ("command") "Only embedded editions know this command.";
    OPENVSWITCH_NOT_ACTIVE () "The host's networking is not run by Open vSwitch.";
    OPERATION_BLOCKED ("ref", "code") "An administrator has blocked this operation on the object.";
    OPERATION_NOT_ALLOWED ("reason") "The present state does not permit this.";
    OPERATION_PARTIALLY_FAILED ("operation") "Some objects did not follow the operation.";
    OTHER_OPERATION_IN_PROGRESS ("class", "object", "operation_type", "operation_ref") "Another operation holds the object.";
    OUT_OF_SPACE ("location") "No space is left in that place.";
    PATCH_ALREADY_APPLIED ("patch") "The host has this patch already.";
    PATCH_ALREADY_EXISTS ("uuid") "This patch was uploaded before.";
    PATCH_APPLY_FAILED ("output") "The patch script ended with an error.";
    PATCH_APPLY_FAILED_BACKUP_FILES_EXIST ("output") "Backup files of an earlier patch attempt are in the way.";
    PATCH_IS_APPLIED () "Some host has the patch, so it stays.";
    PATCH_PRECHECK_FAILED_ISO_MOUNTED ("patch") "Eject the guest tools image everywhere before patching.";
    PATCH_PRECHECK_FAILED_OUT_OF_SPACE ("patch", "found_space", "required_required") "The host lacks disk space for the patch.";
    PATCH_PRECHECK_FAILED_PREREQUISITE_MISSING ("patch", "prerequisite_patch_uuid_list") "Other patches have to be applied before this one.";
    PATCH_PRECHECK_FAILED_UNKNOWN_ERROR ("patch", "info") "The patch's own test failed.";
    PATCH_PRECHECK_FAILED_VM_RUNNING ("patch") "The patch wants no VM running on the host.";
    PATCH_PRECHECK_FAILED_WRONG_SERVER_BUILD ("patch", "found_build", "required_build") "The patch is for another build.";
    PATCH_PRECHECK_FAILED_WRONG_SERVER_VERSION ("patch", "found_version", "required_version") "The patch is for another product version.";
    PBD_EXISTS ("sr", "host", "pbd") "Host and SR are linked by a PBD already.";
    PERMISSION_DENIED ("message") "The caller may not do this.";
    PGPU_INSUFFICIENT_CAPACITY_FOR_VGPU ("pgpu", "vgpu_type") "The GPU has no room for another VGPU of this type.";
    PGPU_IN_USE_BY_VM ("VMs") "VMs are using the GPU.";
    PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP ("type", "group_types") "The GPU is of another kind than the group.";
    PIF_ALLOWS_UNPLUG ("PIF") "The PIF must not be unpluggable for this.";
    PIF_ALREADY_BONDED ("PIF") "The PIF is a bond member already.";
    PIF_BOND_MORE_THAN_ONE_IP () "At most one bond member may have an address.";
    PIF_BOND_NEEDS_MORE_MEMBERS () "A bond takes two PIFs at the least.";
    PIF_CANNOT_BOND_CROSS_HOST () "Bond members must be in the same host.";
    PIF_CONFIGURATION_ERROR ("PIF", "msg") "The host could not set the interface up.";
    PIF_DEVICE_NOT_FOUND () "The host has no NIC of this name.";
    PIF_DOES_NOT_ALLOW_UNPLUG ("PIF") "The PIF is marked to stay up.";
    PIF_HAS_FCOE_SR_IN_USE ("PIF", "SR") "An attached SR depends on FCoE over this PIF.";
    PIF_HAS_NO_NETWORK_CONFIGURATION ("PIF") "Give the PIF IPv4 settings first.";
    PIF_HAS_NO_V6_NETWORK_CONFIGURATION ("PIF") "Give the PIF IPv6 settings first.";
    PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE ("PIF") "The PIF's primary protocol differs from the management network's.";
    PIF_IS_MANAGEMENT_INTERFACE ("PIF") "Management traffic uses the PIF, so this is refused.";
    PIF_IS_NOT_PHYSICAL ("PIF") "Only a NIC in the machine will do.";
    PIF_IS_NOT_SRIOV_CAPABLE ("PIF") "The NIC does not know SR-IOV.";
    PIF_IS_PHYSICAL ("PIF") "The NIC is still in the machine.";
    PIF_IS_SRIOV_LOGICAL ("PIF") "The PIF is an SR-IOV logical PIF, which cannot be used here.";
    PIF_IS_VLAN ("PIF") "The PIF is a VLAN, which cannot be used here.";
    PIF_NOT_ATTACHED_TO_HOST ("pif", "host") "The PIF belongs to another host.";
    PIF_NOT_PRESENT ("host", "network") "The host is not connected to this network.";
    PIF_SRIOV_STILL_EXISTS ("PIF") "SR-IOV is still on at the PIF.";
    PIF_TUNNEL_STILL_EXISTS ("PIF") "A tunnel still runs over the PIF.";
    PIF_UNMANAGED ("PIF") "The toolstack does not manage this PIF.";
    PIF_VLAN_EXISTS ("PIF") "The PIF already has a VLAN with this tag.";
    PIF_VLAN_STILL_EXISTS ("PIF") "A VLAN still runs over the PIF.";
    POOL_AUTH_ALREADY_ENABLED ("host") "One host has joined a directory service already.";
    POOL_AUTH_DISABLE_FAILED ("host", "message") "One host could not leave its directory service.";
    POOL_AUTH_DISABLE_FAILED_INVALID_ACCOUNT ("host", "message") "The account given for leaving is not usable on one host.";
    POOL_AUTH_DISABLE_FAILED_PERMISSION_DENIED ("host", "message") "The directory does not let this account remove one host.";
    POOL_AUTH_DISABLE_FAILED_WRONG_CREDENTIALS ("host", "message") "One host's leaving failed by a wrong name or password.";
    POOL_AUTH_ENABLE_FAILED ("host", "message") "One host could not join the directory service.";
    POOL_AUTH_ENABLE_FAILED_DOMAIN_LOOKUP_FAILED ("host", "message") "One host could not find the domain by name.";
    POOL_AUTH_ENABLE_FAILED_DUPLICATE_HOSTNAME ("host", "message") "Two hosts of the pool have the same hostname.";
    POOL_AUTH_ENABLE_FAILED_INVALID_ACCOUNT ("host", "message") "The account given for joining is not usable on one host.";
    POOL_AUTH_ENABLE_FAILED_INVALID_OU ("host", "message") "One host found no such organisational unit.";
    POOL_AUTH_ENABLE_FAILED_INVALID_TRUSTED_CERTS ("host", "message") "One host cannot verify the domain controller with its trusted certificates.";
    POOL_AUTH_ENABLE_FAILED_NO_SUPPORT_ENCRYPT_TYPE ("host", "message") "One host shares no Kerberos encryption type with the domain controller.";
    POOL_AUTH_ENABLE_FAILED_NO_TRUSTED_CERTS ("host", "message") "One host trusts no certificate for LDAPS.";
    POOL_AUTH_ENABLE_FAILED_PERMISSION_DENIED ("host", "message") "The directory does not let this account add one host.";
    POOL_AUTH_ENABLE_FAILED_SETUP_TLS_CONNECTION ("host", "message") "One host got no TLS connection to the domain controller.";
    POOL_AUTH_ENABLE_FAILED_UNAVAILABLE ("host", "message") "One host found no domain controller that answers.";
    POOL_AUTH_ENABLE_FAILED_WRONG_CREDENTIALS ("host", "message") "One host's joining failed by a wrong name or password.";
    POOL_JOINING_EXTERNAL_AUTH_MISMATCH () "Joining host and pool use different directory services.";
    POOL_JOINING_HOST_CA_CERTIFICATES_CONFLICT () "Different CA certificates have the same name on host and pool.";
    POOL_JOINING_HOST_HAS_BONDS () "Remove the joining host's bonds first.";
    POOL_JOINING_HOST_HAS_NETWORK_SRIOVS () "Remove the joining host's SR-IOV networks first.";
    POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS () "Remove the joining host's VLANs, except for management, first.";
    POOL_JOINING_HOST_HAS_TUNNELS () "Remove the joining host's tunnels first.";
    POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH ("local", "remote") "Management runs on different VLANs at host and pool.";
    POOL_JOINING_HOST_MUST_HAVE_ONLY_ONE_IP_ON_CLUSTERING_NETWORK () "The joining host needs exactly one address on the cluster network.";
    POOL_JOINING_HOST_MUST_HAVE_PHYSICAL_MANAGEMENT_NIC () "The joining host must have management on a NIC.";
    POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION ("host_api_version", "master_api_version") "Joining host and coordinator serve different API versions.";
    POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA ("host_db_schema", "master_db_schema") "Joining host and coordinator have different database schemas.";
    POOL_JOINING_HOST_MUST_HAVE_SAME_PRODUCT_VERSION () "Joining host and coordinator run different product versions.";
    POOL_JOINING_HOST_MUST_ONLY_HAVE_PHYSICAL_PIFS () "The joining host has PIFs that are not NICs.";
    POOL_JOINING_HOST_TLS_VERIFICATION_MISMATCH () "Certificates are checked on one side only, host or pool.";
    POOL_JOINING_HOST_TRUSTED_CERTIFICATES_CONFLICT ("ref_in_pool", "ref_on_host") "Host and pool trust one certificate for different purposes.";
    POOL_JOINING_MASTER_CERTIFICATE_NOT_IN_POOL_BUNDLE ("master_uuid") "The coordinator's certificate is missing from what the pool handed out.";
    POOL_JOINING_POOL_BUNDLE_EMPTY_AFTER_IMPORT ("bundle_path") "No certificate of the pool arrived at the joining host.";
    POOL_JOINING_POOL_CANNOT_ENABLE_CLUSTERING_ON_VLAN_NETWORK ("vlan") "The pool's cluster uses a VLAN apart from management, so joining fails.";
    POOL_JOINING_SM_FEATURES_INCOMPATIBLE ("pool_sm_ref", "candidate_sm_ref") "A storage driver of the host lacks abilities the pool's has.";
    POOL_SECRET_ROTATION_PENDING (undeclared) "Finish the rotation of the pool secret first.";
    PROVISION_FAILED_OUT_OF_SPACE () "The disks of the template do not fit on the SR.";
    PROVISION_ONLY_ALLOWED_ON_TEMPLATE () "Only templates can be provisioned.";
    PUSB_VDI_CONFLICT ("PUSB", "VDI") "The USB device is in use as a disk.";
    PVS_CACHE_STORAGE_ALREADY_PRESENT ("site", "host") "Only one cache storage per host and site is possible.";
    PVS_CACHE_STORAGE_IS_IN_USE ("PVS_cache_storage") "A running proxy uses the cache storage.";
    PVS_PROXY_ALREADY_PRESENT ("proxies") "The VM's interface has a proxy already.";
    PVS_PROXY_PRESENT_ON_HIGHER_VIF_DEVICE ("device") "A proxy sits on an interface further up in the VM.";
    PVS_SERVER_ADDRESS_IN_USE ("address") "A server with this address is known already.";
    PVS_SITE_CONTAINS_RUNNING_PROXIES ("proxies") "Proxies of the site are still running.";
    PVS_SITE_CONTAINS_SERVERS ("servers") "Servers of the site are still recorded.";
    PVS_VIF_MUST_BE_FIRST_DEVICE () "Proxies work only on the VM's lowest-numbered interface.";
    RBAC_PERMISSION_DENIED ("permission", "message") "None of the user's roles includes this permission.";
    REDO_LOG_IS_ENABLED () "Stop the redo log first; it does not go together with this.";
    REPOSITORY_ALREADY_EXISTS ("ref") "A repository with this name or URL exists already.";
    REPOSITORY_CLEANUP_FAILED () "Local copies of the repository could not be deleted.";
    REPOSITORY_IS_IN_USE () "The pool still takes updates from the repository.";
    REPOSYNC_FAILED () "Packages could not be downloaded from the repository.";
    REPO_SHOULD_BE_SINGLE_ONE_ENABLED () "A repository of this kind must be the only one in use.";
    REQUIRED_PIF_IS_UNPLUGGED ("PIF") "An interface that must be up is down.";
    RESTORE_INCOMPATIBLE_VERSION () "The backup comes from an unsuitable version.";
    RESTORE_SCRIPT_FAILED ("log") "Restoring the host ended with an error; see the log.";
    RESTORE_TARGET_MGMT_IF_NOT_IN_BACKUP () "The backup does not know this host's management interface.";
    RESTORE_TARGET_MISSING_DEVICE ("device") "The backup has an interface this host lacks.";
    REVERT_ONLY_ALLOWED_ON_SNAPSHOT (undeclared) "One can go back to snapshots only.";
    ROLE_ALREADY_EXISTS () "The subject has this role already.";
    ROLE_NOT_FOUND () "The subject does not have this role, or it is unknown.";
    SERVER_CERTIFICATE_CHAIN_INVALID () "The chain is not a series of PEM certificates.";
    SERVER_CERTIFICATE_EXPIRED ("now", "not_after") "The server certificate's validity is over.";
    SERVER_CERTIFICATE_INVALID () "The text is not a PEM server certificate.";
    SERVER_CERTIFICATE_KEY_ALGORITHM_NOT_SUPPORTED ("algorithm_oid") "Keys of this algorithm cannot be used.";
    SERVER_CERTIFICATE_KEY_INVALID () "The text is not a PEM private key.";
    SERVER_CERTIFICATE_KEY_MISMATCH () "Certificate and private key do not belong together.";
    SERVER_CERTIFICATE_KEY_RSA_LENGTH_NOT_SUPPORTED ("length") "RSA keys must have 2048 to 4096 bits.";
    SERVER_CERTIFICATE_KEY_RSA_MULTI_NOT_SUPPORTED () "RSA keys with more than two primes cannot be used.";
    SERVER_CERTIFICATE_NOT_VALID_YET ("now", "not_before") "The server certificate's validity lies in the future.";
    SERVER_CERTIFICATE_SIGNATURE_NOT_SUPPORTED () "The certificate is signed with an algorithm that is not accepted.";
    SESSION_AUTHENTICATION_FAILED () "Name or password is wrong.";
    SESSION_AUTHORIZATION_FAILED ("username", "msg") "The user is known but may not log in.";
    SESSION_INVALID ("handle") "The session is unknown or has ended.";
    SESSION_NOT_REGISTERED ("handle") "The session has not subscribed to any events.";
    SET_CONSOLE_TIMEOUT_PARTIALLY_FAILED ("hosts") "Some hosts did not take the console time-out.";
    SET_SSH_AUTO_MODE_PARTIALLY_FAILED ("hosts") "Some hosts did not change SSH's automatic mode.";
    SET_SSH_TIMEOUT_PARTIALLY_FAILED ("hosts") "Some hosts did not take the SSH time-out.";
    SLAVE_REQUIRES_MANAGEMENT_INTERFACE () "A pool member cannot do without management.";
    SM_PLUGIN_COMMUNICATION_FAILURE ("sm") "The storage driver gave no intelligible answer.";
    SR_ATTACHED (undeclared) "Unplug the SR's PBDs first.";
    SR_ATTACH_FAILED ("sr") "The host could not attach the SR.";
    SR_BACKEND_FAILURE ("status", "stdout", "stderr") "The storage driver failed.";
    SR_DEVICE_IN_USE () "The device of the SR is occupied.";
    SR_DOES_NOT_SUPPORT_MIGRATION ("sr", "capabilities") "Disks cannot move live from or to this SR.";
    SR_FULL ("requested", "maximum") "The SR lacks room for what was asked.";
    SR_HAS_MULTIPLE_PBDS ("PBD") "More than one host is linked to the SR.";
    SR_HAS_NO_PBDS ("sr") "No host is linked to the SR.";
    SR_HAS_PBD ("sr") "A host is still linked to the SR.";
    SR_INDESTRUCTIBLE ("sr") "The SR is marked so that it cannot be destroyed.";
    SR_IS_CACHE_SR ("host") "A host uses the SR for IntelliCache.";
    SR_NOT_ATTACHED ("sr") "Attach the SR where it is needed first.";
    SR_NOT_EMPTY () "The SR still holds disks.";
    SR_NOT_SHARABLE ("sr", "host") "The SR serves a single host, and another one has it.";
    SR_NOT_SHARED (undeclared) "All hosts would need access to the SR.";
    SR_OPERATION_NOT_SUPPORTED ("sr") "The SR's driver cannot do this.";
    SR_REQUIRES_UPGRADE ("SR") "Upgrade the format of the SR first.";
    SR_SOURCE_SPACE_INSUFFICIENT ("sr") "The SR has no room for the snapshots migration makes.";
    SR_SUSPEND_SPACE_INSUFFICIENT ("sr") "The memory image does not fit on the SR.";
    SR_UNHEALTHY ("sr", "health", "fix") "The storage is not in a usable condition.";
    SR_UNKNOWN_DRIVER ("driver") "No storage driver of this name is installed.";
    SR_UUID_EXISTS ("uuid") "The identifier is taken by another SR.";
    SR_VDI_LOCKING_FAILED () "The disk's lock could not be had.";
    SSL_VERIFY_ERROR ("reason") "The peer's certificate did not pass the check.";
    SUBJECT_ALREADY_EXISTS () "This user or group has been added already.";
    SUBJECT_CANNOT_BE_RESOLVED () "The directory knows no such user or group.";
    SUSPEND_IMAGE_NOT_ACCESSIBLE ("vdi") "The memory image cannot be reached from the host.";
    SUSPEND_VDI_REPLACEMENT_IS_NOT_IDENTICAL (undeclared) "The new memory image differs from the old one.";
    SYNC_BUNDLE_IN_PROGRESS () "An uploaded bundle is being unpacked just now.";
    SYNC_UPDATES_IN_PROGRESS () "Update data is being downloaded just now.";
    SYSPREP ("vm", "message") "Windows sysprep could not be run in the guest.";
    SYSTEM_STATUS_MUST_USE_TAR_ON_OEM () "Embedded editions make status reports as tar only.";
    SYSTEM_STATUS_RETRIEVAL_FAILED ("reason") "The status report could not be made.";
    TASK_CANCELLED ("task") "The task was stopped on request.";
    TELEMETRY_NEXT_COLLECTION_TOO_LATE ("timestamp") "The time lies too far ahead for the telemetry rhythm.";
    TLS_CONNECTION_FAILED ("address", "port") "No TLS connection to this address could be made.";
    TLS_VERIFICATION_ENABLE_IN_PROGRESS (undeclared) "Certificate checks are being switched on just now.";
    TLS_VERIFICATION_NOT_ENABLED_IN_POOL () "Switch certificate checks on in the pool first.";
    TOO_BUSY () "The server has too much to do; try later.";
    TOO_MANY_GROUPS () "Take the VM out of its group before choosing another.";
    TOO_MANY_PENDING_TASKS () "Too many tasks are still at work.";
    TOO_MANY_STORAGE_MIGRATES ("number") "The host moves as many disks at once as it may.";
    TOO_MANY_VUSBS ("number") "The VM has as many USB devices as it may.";
    TRANSPORT_PIF_NOT_CONFIGURED ("PIF") "Give the transport PIF an address first.";
    TRUSTED_CERTIFICATE_ALREADY_EXISTS ("fingerprint") "A certificate with this fingerprint is trusted already.";
    TRUSTED_CERTIFICATE_EXPIRED ("now", "not_after") "The validity of the certificate to trust is over.";
    TRUSTED_CERTIFICATE_INVALID () "The text is not a PEM certificate to trust.";
    TRUSTED_CERTIFICATE_NOT_VALID_YET ("now", "not_before") "The validity of the certificate to trust lies in the future.";
    UNIMPLEMENTED_IN_SM_BACKEND ("message") "The storage driver has no code for this.";
    UNKNOWN_BOOTLOADER ("vm", "bootloader") "No host can run a bootloader of this name.";
    UPDATEINFO_HASH_MISMATCH () "The repository has changed since that checksum; list updates anew.";
    UPDATE_ALREADY_APPLIED ("update") "The host has this update already.";
    UPDATE_ALREADY_APPLIED_IN_POOL ("update") "Every host has this update already.";
    UPDATE_ALREADY_EXISTS ("uuid") "This update was introduced before.";
    UPDATE_APPLY_FAILED ("output") "The update script ended with an error.";
    UPDATE_IS_APPLIED () "Some host has the update, so it stays.";
    UPDATE_POOL_APPLY_FAILED ("hosts") "Some hosts could not install the update.";
    UPDATE_PRECHECK_FAILED_CONFLICT_PRESENT ("update", "conflict_update") "An update on the host excludes this one.";
    UPDATE_PRECHECK_FAILED_GPGKEY_NOT_IMPORTED ("update") "The host does not have the key that signs the update.";
    UPDATE_PRECHECK_FAILED_OUT_OF_SPACE ("update", "available_space", "required_space ") "The host lacks disk space for the update.";
    UPDATE_PRECHECK_FAILED_PREREQUISITE_MISSING ("update", "prerequisite_update") "Other updates have to be applied before this one.";
    UPDATE_PRECHECK_FAILED_UNKNOWN_ERROR ("update", "info") "The update's own test failed.";
    UPDATE_PRECHECK_FAILED_WRONG_SERVER_VERSION ("update", "installed_version", "required_version ") "The update is for another product version.";
    UPDATE_SYNCING_REMOTE_POOL_COORDINATOR_CONNECTION_FAILED () "The other pool's coordinator could not be reached for updates.";
    UPDATE_SYNCING_REMOTE_POOL_COORDINATOR_SERVICE_FAILED () "The other pool's coordinator could not serve updates.";
    USB_ALREADY_ATTACHED ("PUSB", "VM") "A VM has the USB device already.";
    USB_GROUP_CONFLICT ("USB_group") "The USB group is taken by another virtual device.";
    USB_GROUP_CONTAINS_NO_PUSBS ("usb_group") "No USB device is in the group.";
    USB_GROUP_CONTAINS_PUSB ("pusbs") "USB devices are still in the group.";
    USB_GROUP_CONTAINS_VUSB ("vusbs") "Virtual USB devices are still in the group.";
    USER_IS_NOT_LOCAL_SUPERUSER ("msg") "Reserved for root of this host.";
    UUID_INVALID ("type", "uuid") "No object of this class has this uuid.";
    V6D_FAILURE () "The licence daemon does not answer.";
    VALUE_NOT_SUPPORTED ("field", "value", "reason") "The field does not take this value here.";
    VBD_CDS_MUST_BE_READONLY () "CD drives are for reading only.";
    VBD_IS_EMPTY ("vbd") "There is no disc in the drive.";
    VBD_MISSING (undeclared) "The VM has no such drive.";
    VBD_NOT_EMPTY ("vbd") "There is a disc in the drive already.";
    VBD_NOT_REMOVABLE_MEDIA ("vbd") "Discs go in and out of CD drives only.";
    VBD_NOT_UNPLUGGABLE ("vbd") "The drive cannot be detached while the VM runs.";
    VBD_TRAY_LOCKED ("vbd") "The guest holds the disc tray shut.";
    VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE ("vcpu_max", "cores_per_socket") "Cores per socket do not divide VCPUs_max evenly.";
    VDI_CBT_ENABLED ("vdi") "Stop changed-block tracking on the disk first.";
    VDI_CONTAINS_METADATA_OF_THIS_POOL ("vdi", "pool") "The disk holds this pool's own database.";
    VDI_CONTENT_ID_MISSING (undeclared) "The disk has no mark that tells its contents.";
    VDI_COPY_FAILED () "The disk could not be copied.";
    VDI_HAS_RRDS ("vdi") "The disk holds the SR's statistics.";
    VDI_INCOMPATIBLE_TYPE ("vdi", "type") "Disks of this type are unfit for the operation.";
    VDI_IN_USE ("vdi", "operation") "The disk is attached or busy.";
    VDI_IO_ERROR (undeclared) "Reading or writing the disk failed.";
    VDI_IS_A_PHYSICAL_DEVICE ("vdi") "The disk is a real device, which cannot do this.";
    VDI_IS_ENCRYPTED ("vdi") "The disk is encrypted, which rules this out.";
    VDI_IS_NOT_ISO ("vdi", "type") "CD drives take disks from ISO SRs only.";
    VDI_IS_SHARABLE (undeclared) "Disks with several writers cannot do this.";
    VDI_LOCATION_MISSING ("sr", "location") "The SR has no disk at this location.";
    VDI_MISSING ("sr", "vdi") "The disk's contents are gone from the SR.";
    VDI_NEEDS_VM_FOR_MIGRATE ("vdi") "The disk moves only while a running VM has it.";
    VDI_NOT_AVAILABLE ("vdi") "The disk cannot be used at present.";
    VDI_NOT_IN_MAP ("vdi") "No destination SR is given for the disk.";
    VDI_NOT_MANAGED ("vdi") "The toolstack does not expose this disk for use.";
    VDI_NOT_SPARSE ("vdi") "The disk is not stored in a sparse format.";
    VDI_NO_CBT_METADATA ("vdi") "The disk has no changed-block records.";
    VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION () "The disk's on_boot setting rules this out.";
    VDI_READONLY ("vdi") "The disk is for reading only.";
    VDI_TOO_LARGE ("vdi", "maximum size") "The disk exceeds the greatest size possible.";
    VDI_TOO_SMALL ("vdi", "minimum size") "The disk is below the least size possible.";
    VGPU_DESTINATION_INCOMPATIBLE ("reason", "vgpu", "host") "No GPU of the destination can take over the VGPU.";
    VGPU_GUEST_DRIVER_LIMIT ("reason", "vm", "host") "The guest's graphics driver does not allow migration.";
    VGPU_SUSPENSION_NOT_SUPPORTED ("reason", "vgpu", "host") "The VGPU cannot be suspended, so the VM stays.";
    VGPU_TYPE_NOT_COMPATIBLE ("type") "VGPUs of these types cannot be in one VM.";
    VGPU_TYPE_NOT_COMPATIBLE_WITH_RUNNING_TYPE ("pgpu", "type", "running_type") "VGPUs running on the GPU exclude this type.";
    VGPU_TYPE_NOT_ENABLED ("type", "enabled_types") "The GPU does not permit this VGPU type.";
    VGPU_TYPE_NOT_SUPPORTED ("type", "supported_types") "The GPU cannot provide this VGPU type.";
    VGPU_TYPE_NO_LONGER_SUPPORTED ("type") "This VGPU type has been dropped.";
    VIF_IN_USE ("network", "VIF") "A running VM has a VIF on the network.";
    VIF_NOT_IN_MAP ("vif") "No destination network is given for the VIF.";
    VLAN_IN_USE ("device", "vlan") "The network already carries this VLAN on the device.";
    VLAN_TAG_INVALID ("VLAN") "The VLAN tag is out of range.";
    VMPP_ARCHIVE_MORE_FREQUENT_THAN_BACKUP () "Archiving cannot come oftener than backups.";
    VMPP_HAS_VM () "VMs are still under the policy.";
    VMSS_HAS_VM () "VMs are still under the snapshot schedule.";
    VMS_FAILED_TO_COOPERATE () "Guests did not free memory as asked.";
    VM_ASSIGNED_TO_PROTECTION_POLICY ("vm", "vmpp") "The VM is under a protection policy, which rules this out.";
    VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE ("vm", "vmss") "The VM is under a snapshot schedule, which rules this out.";
    VM_ATTACHED_TO_MORE_THAN_ONE_VDI_WITH_TIMEOFFSET_MARKED_AS_RESET_ON_BOOT ("vm") "Two disks reset on boot both carry a clock offset.";
    VM_BAD_POWER_STATE ("vm", "expected", "actual") "The VM's power state does not permit this.";
    VM_BIOS_STRINGS_ALREADY_SET () "The SMBIOS texts are set and cannot change.";
    VM_CALL_PLUGIN_RATE_LIMIT ("VM", "interval", "wait") "Plugin calls for the VM come too fast; wait.";
    VM_CANNOT_DELETE_DEFAULT_TEMPLATE ("vm") "Templates supplied with the product cannot be deleted.";
    VM_CHECKPOINT_RESUME_FAILED ("vm") "After the checkpoint the VM did not resume.";
    VM_CHECKPOINT_SUSPEND_FAILED ("vm") "For the checkpoint the VM did not suspend.";
    VM_CRASHED ("vm") "A crash of the guest got in the way.";
    VM_DUPLICATE_VBD_DEVICE ("vm", "vbd", "device") "Two drives of the VM have the same position.";
    VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT ("vm") "The guest did not react to the shutdown request.";
    VM_FAILED_SUSPEND_ACKNOWLEDGMENT ("vm") "The guest did not react to the suspend request.";
    VM_HALTED ("vm") "The guest powered itself off before the operation was done.";
    VM_HAS_CHECKPOINT ("vm") "A snapshot with memory keeps the VM from moving.";
    VM_HAS_NO_SUSPEND_VDI ("vm") "There is no memory image for the VM.";
    VM_HAS_PCI_ATTACHED ("vm") "A passed-through PCI device ties the VM to its host.";
    VM_HAS_SRIOV_VIF ("vm") "An SR-IOV interface ties the VM to its host.";
    VM_HAS_TOO_MANY_SNAPSHOTS ("vm") "The VM has too many snapshots to move its disks.";
    VM_HAS_VGPU ("vm") "A virtual GPU ties the VM to its host.";
    VM_HAS_VUSBS ("VM") "A USB device rules this out for the VM.";
    VM_HOST_INCOMPATIBLE_VERSION ("host", "vm") "The host's version is too old for the VM.";
    VM_HOST_INCOMPATIBLE_VERSION_MIGRATE ("host", "vm") "The VM cannot migrate to a host of an older version.";
    VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION ("host", "host_versions", "vm", "vm_version") "The host lacks the virtual hardware version the VM needs.";
    VM_HVM_REQUIRED ("vm") "Only HVM guests can do this.";
    VM_INCOMPATIBLE_WITH_THIS_HOST ("vm", "host", "reason") "The VM cannot run with this host's hardware.";
    VM_IS_IMMOBILE ("VM") "The VM is set up so that it cannot move.";
    VM_IS_PART_OF_AN_APPLIANCE ("vm", "appliance") "Recover the vApp of the VM as a whole.";
    VM_IS_PROTECTED ("vm") "HA protects the VM, so this needs care.";
    VM_IS_SNAPSHOT (undeclared) "Snapshots cannot do this.";
    VM_IS_TEMPLATE ("vm") "Templates cannot do this.";
    VM_IS_USING_NESTED_VIRT ("VM") "The guest runs a hypervisor itself, which rules this out.";
    VM_LACKS_FEATURE ("vm") "The guest has not announced the ability needed.";
    VM_MEMORY_SIZE_TOO_LOW ("vm") "The guest has too little memory to boot.";
    VM_MEMORY_TARGET_WAIT_TIMEOUT (undeclared) "The guest did not reach its memory target in time.";
    VM_MIGRATE_CONTACT_REMOTE_SERVICE_FAILED () "The destination host could not be reached.";
    VM_MIGRATE_FAILED ("vm", "source", "destination", "msg") "Migration of the VM broke down.";
    VM_MISSING_PV_DRIVERS ("vm") "The guest runs no PV drivers.";
    VM_NON_SUSPENDABLE ("vm", "reason") "The guest cannot be suspended.";
    VM_NOT_RESIDENT_HERE ("vm", "host") "The VM is on another host.";
    VM_NO_CRASHDUMP_SR ("vm") "No SR for core dumps is available to the VM.";
    VM_NO_EMPTY_CD_VBD ("vm") "All CD drives of the VM are occupied, or it has none.";
    VM_NO_SUSPEND_SR ("vm") "No SR for memory images is available to the VM.";
    VM_NO_VCPUS ("vm") "The VM has a vCPU count of zero.";
    VM_OLD_PV_DRIVERS ("vm", "major", "minor") "The guest's PV drivers are too old.";
    VM_PCI_BUS_FULL ("VM") "The VM's virtual PCI bus has no free slot.";
    VM_PV_DRIVERS_IN_USE ("vm") "The guest's PV drivers are loaded, which rules this out.";
    VM_REBOOTED ("vm") "A reboot of the guest got in the way.";
    VM_REQUIRES_GPU ("vm", "GPU_group") "No GPU of the group is there for the VM.";
    VM_REQUIRES_IOMMU ("host") "Passing devices through needs an active IOMMU on the host.";
    VM_REQUIRES_NETWORK ("vm", "network") "The host lacks a network the VM needs.";
    VM_REQUIRES_SR ("vm", "sr") "The host lacks an SR the VM needs.";
    VM_REQUIRES_VDI ("vm", "vdi") "The VM needs a disk that is not accessible.";
    VM_REQUIRES_VGPU ("vm", "GPU_group", "vGPU_type") "No GPU of the group has room for the VGPU.";
    VM_REQUIRES_VUSB ("vm", "USB_group") "The host lacks the USB device the VM needs.";
    VM_REVERT_FAILED ("vm", "snapshot") "The VM could not go back to the snapshot.";
    VM_SHUTDOWN_TIMEOUT ("vm", "timeout") "The guest did not finish powering off in time.";
    VM_SNAPSHOT_FAILED (undeclared) "No snapshot could be taken.";
    VM_SNAPSHOT_WITH_QUIESCE_FAILED ("vm") "The guest could not flush its file systems for the snapshot.";
    VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED ("vm", "error") "Flushing the guest's file systems is not possible.";
    VM_SNAPSHOT_WITH_QUIESCE_PLUGIN_DEOS_NOT_RESPOND ("vm") "The flush helper inside the guest is silent.";
    VM_SNAPSHOT_WITH_QUIESCE_TIMEOUT ("vm") "The guest did not flush its file systems in time.";
    VM_SUSPEND_TIMEOUT ("vm", "timeout") "The guest did not finish suspending in time.";
    VM_TOO_MANY_VCPUS ("vm") "The VM has more vCPUs than can be given.";
    VM_TO_IMPORT_IS_NOT_NEWER_VERSION ("vm", "existing_version", "version_to_import") "The VM here is at least as new as the one to import.";
    VM_UNSAFE_BOOT ("vm") "The VM might still run elsewhere, so it must not start.";
    VTPM_MAX_AMOUNT_REACHED ("amount") "The VM has as many TPMs as it may.";
    WLB_AUTHENTICATION_FAILED () "The WLB server rejected the name or password.";
    WLB_CONNECTION_REFUSED () "Nothing accepts connections at the WLB server's port.";
    WLB_CONNECTION_RESET () "The WLB server broke the connection off.";
    WLB_DISABLED () "WLB is configured but switched off.";
    WLB_INTERNAL_ERROR () "The WLB server met with a fault of its own.";
    WLB_MALFORMED_REQUEST () "The WLB server did not understand the request.";
    WLB_MALFORMED_RESPONSE ("method", "reason", "response") "The WLB server's answer makes no sense.";
    WLB_NOT_INITIALIZED () "The pool has no WLB server.";
    WLB_TIMEOUT ("configured_timeout") "The WLB server did not answer in time.";
    WLB_UNKNOWN_HOST () "The WLB server's name cannot be resolved.";
    WLB_URL_INVALID ("url") "This is no usable WLB server address.";
    WLB_XENSERVER_AUTHENTICATION_FAILED () "The pool rejected the login of the WLB server.";
    WLB_XENSERVER_CONNECTION_REFUSED () "The pool refused the WLB server's connection.";
    WLB_XENSERVER_MALFORMED_RESPONSE () "The pool's answer made no sense to the WLB server.";
    WLB_XENSERVER_TIMEOUT () "The pool did not answer the WLB server in time.";
    WLB_XENSERVER_UNKNOWN_HOST () "The WLB server cannot resolve the pool's name.";
    XAPI_HOOK_FAILED ("hook_name", "reason", "stdout", "exit_code") "A hook script ended with an error.";
    XENAPI_MISSING_PLUGIN ("name") "The host has no plugin of this name.";
    XENAPI_PLUGIN_FAILURE ("status", "stdout", "stderr") "The plugin ended with an error.";
    XEN_INCOMPATIBLE () "The running hypervisor does not fit the toolstack.";
    XEN_VSS_REQ_ERROR_ADDING_VOLUME_TO_SNAPSET_FAILED ("vm", "error_code") "VSS could not take a volume into the snapshot set.";
    XEN_VSS_REQ_ERROR_CREATING_SNAPSHOT ("vm", "error_code") "VSS could not make the snapshot set.";
    XEN_VSS_REQ_ERROR_CREATING_SNAPSHOT_XML_STRING ("vm", "error_code") "VSS could not describe the snapshot set as XML.";
    XEN_VSS_REQ_ERROR_INIT_FAILED ("vm", "error_code") "The VSS requester in the guest did not start.";
    XEN_VSS_REQ_ERROR_NO_VOLUMES_SUPPORTED ("vm", "error_code") "VSS found no volume it can snapshot.";
    XEN_VSS_REQ_ERROR_PREPARING_WRITERS ("vm", "error_code") "VSS writers did not get ready.";
    XEN_VSS_REQ_ERROR_PROV_NOT_LOADED ("vm", "error_code") "Windows inside the guest has not loaded the VSS provider.";
    XEN_VSS_REQ_ERROR_START_SNAPSHOT_SET_FAILED ("vm", "error_code") "VSS could not begin a snapshot set.";
    XMLRPC_UNMARSHAL_FAILURE ("expected", "received") "A parameter is not of the type the method takes.";
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
