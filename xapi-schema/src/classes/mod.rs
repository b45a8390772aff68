//! The list of classes, in model order. A new class is one file here and one line below.

#![allow(non_upper_case_globals)] // field and method handles carry their wire names

/// What a class file needs in scope.
pub(crate) mod prelude {
    pub use super::*;
    pub use crate::class::{ImplicitNote, no_table, table};
    pub use crate::convert::Rec;
    pub use crate::field::{dynamic_ro, rw, static_ro};
    pub use crate::method::op;
    pub use crate::{ClassId, DateTime, Default, Holds, Map, ParamInfo, Ref, RoleSet, SecretText, Value};

    pub const NOBODY: RoleSet = RoleSet::NOBODY;
    pub const POOL_ADMIN: RoleSet = RoleSet::POOL_ADMIN;
    pub const POOL_OP: RoleSet = RoleSet::POOL_OP;
    pub const VM_POWER_ADMIN: RoleSet = RoleSet::VM_POWER_ADMIN;
    pub const VM_ADMIN: RoleSet = RoleSet::VM_ADMIN;
    pub const VM_OP: RoleSet = RoleSet::VM_OP;
    pub const READ_ONLY: RoleSet = RoleSet::READ_ONLY;

    /// A parameter that may be left off.
    pub const fn opt(default: Default) -> ParamInfo {
        ParamInfo::optional(default)
    }

    /// A required parameter.
    pub const fn req() -> ParamInfo {
        ParamInfo::required()
    }
}

macro_rules! class_list {
    ($($tag:ident $module:ident),* $(,)?) => {
        $(pub mod $module;)*
        pub use self::{$($module::$tag),*};

        /// Every class, in model order.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[allow(missing_docs)] // each is described in its file
        pub enum ClassId { $($tag),* }

        pub(crate) static CLASSES: [&crate::Class; [$(ClassId::$tag),*].len()] = [$(&$module::CLASS),*];
    };
}

class_list! {
    Session session,
    Auth auth,
    Subject subject,
    Role role,
    Task task,
    Event event,
    Pool pool,
    PoolPatch pool_patch,
    PoolUpdate pool_update,
    Vm vm,
    VmMetrics vm_metrics,
    VmGuestMetrics vm_guest_metrics,
    Vmpp vmpp,
    Vmss vmss,
    VmAppliance vm_appliance,
    DrTask dr_task,
    Host host,
    HostCrashdump host_crashdump,
    HostPatch host_patch,
    HostMetrics host_metrics,
    HostCpu host_cpu,
    Network network,
    Vif vif,
    VifMetrics vif_metrics,
    Pif pif,
    PifMetrics pif_metrics,
    Bond bond,
    Vlan vlan,
    Sm sm,
    Sr sr,
    SrStat sr_stat,
    ProbeResult probe_result,
    Lvhd lvhd,
    Vdi vdi,
    Vbd vbd,
    VbdMetrics vbd_metrics,
    Pbd pbd,
    Crashdump crashdump,
    Vtpm vtpm,
    Console console,
    User user,
    DataSource data_source,
    Blob blob,
    Message message,
    Secret secret,
    Tunnel tunnel,
    NetworkSriov network_sriov,
    Pci pci,
    Pgpu pgpu,
    GpuGroup gpu_group,
    Vgpu vgpu,
    VgpuType vgpu_type,
    PvsSite pvs_site,
    PvsServer pvs_server,
    PvsProxy pvs_proxy,
    PvsCacheStorage pvs_cache_storage,
    Feature feature,
    SdnController sdn_controller,
    VdiNbdServerInfo vdi_nbd_server_info,
    Pusb pusb,
    UsbGroup usb_group,
    Vusb vusb,
    Cluster cluster,
    ClusterHost cluster_host,
    Certificate certificate,
    Diagnostics diagnostics,
    Repository repository,
    Observer observer,
    VmGroup vm_group,
    HostDriver host_driver,
    DriverVariant driver_variant,
    Caller caller,
    RateLimit rate_limit,
}

pub use self::bond::BondMode;
pub use self::certificate::CertificateType;
pub use self::cluster::ClusterOperation;
pub use self::cluster_host::ClusterHostOperation;
pub use self::console::ConsoleProtocol;
pub use self::event::EventOperation;
pub use self::gpu_group::AllocationAlgorithm;
pub use self::host::{
    HostAllowedOperations, HostDisplay, HostNtpMode, HostNumaAffinityPolicy, HostSchedGran,
    LatestSyncedUpdatesAppliedState,
};
pub use self::message::Cls;
pub use self::network::{NetworkDefaultLockingMode, NetworkOperations, NetworkPurpose};
pub use self::network_sriov::SriovConfigurationMode;
pub use self::pci::PciDom0Access;
pub use self::pif::{IpConfigurationMode, Ipv6ConfigurationMode, PifIgmpStatus, PrimaryAddressType};
pub use self::pool::{
    CertificatePurpose, HelloReturn, PoolAllowedOperations, PoolGuestSecurebootReadiness, TelemetryFrequency,
    UpdateSyncFrequency,
};
pub use self::pool_patch::AfterApplyGuidance;
pub use self::pool_update::{LivepatchStatus, UpdateAfterApplyGuidance};
pub use self::pvs_proxy::PvsProxyStatus;
pub use self::repository::Origin;
pub use self::sdn_controller::SdnControllerProtocol;
pub use self::sm::ImageFormatType;
pub use self::sr::StorageOperations;
pub use self::sr_stat::SrHealth;
pub use self::task::{TaskAllowedOperations, TaskStatusType};
pub use self::tunnel::TunnelProtocol;
pub use self::vbd::{VbdMode, VbdOperations, VbdType};
pub use self::vdi::{OnBoot, VdiOperations, VdiType};
pub use self::vgpu_type::VgpuTypeImplementation;
pub use self::vif::{VifIpv4ConfigurationMode, VifIpv6ConfigurationMode, VifLockingMode, VifOperations};
pub use self::vm::{
    DomainType, OnCrashBehaviour, OnNormalExit, OnSoftrebootBehavior, UpdateGuidances, UpdateStatus,
    VmOperations, VmPowerState, VmSecurebootCertificatesState, VmSecurebootReadiness, VmUefiMode,
};
pub use self::vm_appliance::VmApplianceOperation;
pub use self::vm_group::PlacementPolicy;
pub use self::vm_guest_metrics::TristateType;
pub use self::vmpp::{VmppArchiveFrequency, VmppArchiveTargetType, VmppBackupFrequency, VmppBackupType};
pub use self::vmss::{VmssFrequency, VmssType};
pub use self::vtpm::{PersistenceBackend, VtpmOperations};
pub use self::vusb::VusbOperations;

/// Every enumeration, by name.
pub static ENUMS: [&crate::EnumDef; 75] = [
    <AfterApplyGuidance as crate::ApiEnum>::DEF,
    <AllocationAlgorithm as crate::ApiEnum>::DEF,
    <BondMode as crate::ApiEnum>::DEF,
    <CertificatePurpose as crate::ApiEnum>::DEF,
    <CertificateType as crate::ApiEnum>::DEF,
    <Cls as crate::ApiEnum>::DEF,
    <ClusterHostOperation as crate::ApiEnum>::DEF,
    <ClusterOperation as crate::ApiEnum>::DEF,
    <ConsoleProtocol as crate::ApiEnum>::DEF,
    <DomainType as crate::ApiEnum>::DEF,
    <EventOperation as crate::ApiEnum>::DEF,
    <HelloReturn as crate::ApiEnum>::DEF,
    <HostAllowedOperations as crate::ApiEnum>::DEF,
    <HostDisplay as crate::ApiEnum>::DEF,
    <HostNtpMode as crate::ApiEnum>::DEF,
    <HostNumaAffinityPolicy as crate::ApiEnum>::DEF,
    <HostSchedGran as crate::ApiEnum>::DEF,
    <ImageFormatType as crate::ApiEnum>::DEF,
    <IpConfigurationMode as crate::ApiEnum>::DEF,
    <Ipv6ConfigurationMode as crate::ApiEnum>::DEF,
    <LatestSyncedUpdatesAppliedState as crate::ApiEnum>::DEF,
    <LivepatchStatus as crate::ApiEnum>::DEF,
    <NetworkDefaultLockingMode as crate::ApiEnum>::DEF,
    <NetworkOperations as crate::ApiEnum>::DEF,
    <NetworkPurpose as crate::ApiEnum>::DEF,
    <OnBoot as crate::ApiEnum>::DEF,
    <OnCrashBehaviour as crate::ApiEnum>::DEF,
    <OnNormalExit as crate::ApiEnum>::DEF,
    <OnSoftrebootBehavior as crate::ApiEnum>::DEF,
    <Origin as crate::ApiEnum>::DEF,
    <PciDom0Access as crate::ApiEnum>::DEF,
    <PersistenceBackend as crate::ApiEnum>::DEF,
    <PifIgmpStatus as crate::ApiEnum>::DEF,
    <PlacementPolicy as crate::ApiEnum>::DEF,
    <PoolAllowedOperations as crate::ApiEnum>::DEF,
    <PoolGuestSecurebootReadiness as crate::ApiEnum>::DEF,
    <PrimaryAddressType as crate::ApiEnum>::DEF,
    <PvsProxyStatus as crate::ApiEnum>::DEF,
    <SdnControllerProtocol as crate::ApiEnum>::DEF,
    <SrHealth as crate::ApiEnum>::DEF,
    <SriovConfigurationMode as crate::ApiEnum>::DEF,
    <StorageOperations as crate::ApiEnum>::DEF,
    <TaskAllowedOperations as crate::ApiEnum>::DEF,
    <TaskStatusType as crate::ApiEnum>::DEF,
    <TelemetryFrequency as crate::ApiEnum>::DEF,
    <TristateType as crate::ApiEnum>::DEF,
    <TunnelProtocol as crate::ApiEnum>::DEF,
    <UpdateAfterApplyGuidance as crate::ApiEnum>::DEF,
    <UpdateGuidances as crate::ApiEnum>::DEF,
    <UpdateStatus as crate::ApiEnum>::DEF,
    <UpdateSyncFrequency as crate::ApiEnum>::DEF,
    <VbdMode as crate::ApiEnum>::DEF,
    <VbdOperations as crate::ApiEnum>::DEF,
    <VbdType as crate::ApiEnum>::DEF,
    <VdiOperations as crate::ApiEnum>::DEF,
    <VdiType as crate::ApiEnum>::DEF,
    <VgpuTypeImplementation as crate::ApiEnum>::DEF,
    <VifIpv4ConfigurationMode as crate::ApiEnum>::DEF,
    <VifIpv6ConfigurationMode as crate::ApiEnum>::DEF,
    <VifLockingMode as crate::ApiEnum>::DEF,
    <VifOperations as crate::ApiEnum>::DEF,
    <VmApplianceOperation as crate::ApiEnum>::DEF,
    <VmOperations as crate::ApiEnum>::DEF,
    <VmPowerState as crate::ApiEnum>::DEF,
    <VmSecurebootCertificatesState as crate::ApiEnum>::DEF,
    <VmSecurebootReadiness as crate::ApiEnum>::DEF,
    <VmUefiMode as crate::ApiEnum>::DEF,
    <VmppArchiveFrequency as crate::ApiEnum>::DEF,
    <VmppArchiveTargetType as crate::ApiEnum>::DEF,
    <VmppBackupFrequency as crate::ApiEnum>::DEF,
    <VmppBackupType as crate::ApiEnum>::DEF,
    <VmssFrequency as crate::ApiEnum>::DEF,
    <VmssType as crate::ApiEnum>::DEF,
    <VtpmOperations as crate::ApiEnum>::DEF,
    <VusbOperations as crate::ApiEnum>::DEF,
];

/// Releases with a code name, in order: code name, API version, product, date.
pub static RELEASES: &[(&str, (i64, i64), &str, &str)] = &[
    ("rio", (1, 1), "XenServer 4.0", "August 2007"),
    ("miami", (1, 2), "XenServer 4.1", "March 2008"),
    ("symc", (1, 2), "XenServer 4.1.1", ""),
    ("orlando", (1, 3), "XenServer 5.0", "September 2008"),
    ("orlando-update-1", (1, 3), "XenServer 5.0 Update 1", ""),
    ("", (1, 4), "Unreleased", ""),
    ("", (1, 5), "XenServer 5.0 update 3", "September 2008"),
    ("george", (1, 6), "XenServer 5.5", "June 2009"),
    ("midnight-ride", (1, 7), "XenServer 5.6", "May 2010"),
    ("cowley", (1, 8), "XenServer 5.6 FP1", "December 2010"),
    ("boston", (1, 9), "XenServer 6.0", "September 2011"),
    ("tampa", (1, 10), "XenServer 6.1", "September 2012"),
    ("clearwater", (2, 0), "XenServer 6.2", "June 2013"),
    ("vgpu-tech-preview", (2, 0), "XenServer 6.2 SP1 Tech-Preview", ""),
    ("vgpu-productisation", (2, 1), "XenServer 6.2 SP1", "December 2013"),
    ("clearwater-felton", (2, 2), "XenServer 6.2 SP1 Hotfix 4", "April 2014"),
    ("clearwater-whetstone", (2, 2), "XenServer 6.2 SP1 Hotfix 11", "October 2014"),
    ("creedence", (2, 3), "XenServer 6.5", "January 2015"),
    ("cream", (2, 4), "XenServer 6.5 SP1", "May 2015"),
    ("indigo", (2, 4), "XenServer 6.5 SP1 Hotfix 31", "December 2015"),
    ("dundee", (2, 5), "XenServer 7.0", "May 2016"),
    ("ely", (2, 6), "XenServer 7.1", "February 2017"),
    ("falcon", (2, 7), "XenServer 7.2", "May 2017"),
    ("inverness", (2, 8), "XenServer 7.3", "December 2017"),
    ("jura", (2, 9), "XenServer 7.4", "February 2018"),
    ("kolkata", (2, 10), "XenServer 7.5", "May 2018"),
    ("lima", (2, 11), "XenServer 7.6", "September 2018"),
    ("naples", (2, 12), "Citrix Hypervisor 8.0", "March 2019"),
    ("oslo", (2, 13), "Unreleased", ""),
    ("quebec", (2, 14), "Citrix Hypervisor 8.1", "December 2019"),
    ("stockholm", (2, 15), "Citrix Hypervisor 8.2", "June 2020"),
    ("stockholm_psr", (2, 15), "Citrix Hypervisor 8.2 Hotfix 2", "November 2020"),
    ("nile-preview", (2, 20), "XenServer 8 Preview", "August 2023"),
    ("nile", (2, 21), "XenServer 8", ""),
    ("orinoco", (2, 23), "XenServer 9", ""),
];

/// Numbered releases of the toolstack, ascending; all come after the named ones.
pub static NUMBERED_RELEASES: &[&str] = &[
    "1.250.0",
    "1.257.0",
    "1.271.0",
    "1.290.0",
    "1.294.0",
    "1.295.0",
    "1.297.0",
    "1.298.0",
    "1.301.0",
    "1.303.0",
    "1.304.0",
    "1.307.0",
    "1.313.0",
    "1.318.0",
    "1.320.0",
    "1.329.0",
    "21.2.0",
    "21.3.0",
    "21.4.0",
    "22.5.0",
    "22.12.0",
    "22.16.0",
    "22.19.0",
    "22.20.0",
    "22.26.0",
    "22.27.0",
    "22.33.0",
    "22.37.0",
    "23.1.0",
    "23.9.0",
    "23.14.0",
    "23.18.0",
    "23.24.0",
    "23.25.0",
    "23.27.0",
    "23.30.0",
    "24.0.0",
    "24.3.0",
    "24.10.0",
    "24.14.0",
    "24.15.0",
    "24.17.0",
    "24.19.0",
    "24.19.1",
    "24.20.0",
    "24.23.0",
    "24.28.0",
    "24.31.0",
    "24.35.0",
    "24.37.0",
    "24.40.0",
    "25.2.0",
    "25.6.0",
    "25.7.0",
    "25.8.0",
    "25.13.0",
    "25.15.0",
    "25.16.0",
    "25.17.0",
    "25.21.0",
    "25.22.0",
    "25.24.0",
    "25.27.0",
    "25.31.0",
    "25.34.0",
    "25.38.0-next",
    "26.0.0",
    "26.1.0",
    "26.2.0",
    "26.6.0",
    "26.13.0",
    "26.14.0",
    "26.15.0",
    "26.16.0",
    "26.16.1",
    "26.16.1-next",
    "26.17.0",
];
