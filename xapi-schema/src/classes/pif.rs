//! `PIF`: PIF.

use crate::classes::prelude::*;

class! {
    Pif "PIF" "PIF" = table(Some(POOL_OP)).published("rio").tags(&["networking"]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        device: String = static_ro(POOL_OP).published("rio"), "Device";
        network: Ref<Network> = static_ro(POOL_OP).published("rio").relation(ClassId::Network, "PIFs", Holds::One, Holds::Many), "Network";
        host: Ref<Host> = static_ro(POOL_OP).published("rio").relation(ClassId::Host, "PIFs", Holds::One, Holds::Many), "Host";
        MAC: String = static_ro(POOL_OP).published("rio"), "Mac";
        MTU: i64 = static_ro(POOL_OP).published("rio"), "Mtu";
        VLAN: i64 = static_ro(POOL_OP).published("rio"), "Vlan";
        device_name: String = rw(POOL_OP).published("rio").not_in_record().internal(), "Device name";
        metrics: Ref<PifMetrics> = dynamic_ro(POOL_OP).published("rio"), "Metrics";
        physical: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("miami"), "Physical";
        currently_attached: bool = dynamic_ro(POOL_OP).default(Default::Bool(true)).published("miami"), "Currently attached";
        ip_configuration_mode: IpConfigurationMode = dynamic_ro(POOL_OP).default(Default::Str("None")).published("miami"), "Ip configuration mode";
        IP: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami"), "Ip";
        netmask: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami"), "Netmask";
        gateway: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami"), "Gateway";
        DNS: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami"), "Dns";
        bond_slave_of: Ref<Bond> = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami").relation(ClassId::Bond, "slaves", Holds::One, Holds::Many), "Bond slave of";
        bond_master_of: Vec<Ref<Bond>> = dynamic_ro(POOL_OP).published("miami").relation(ClassId::Bond, "master", Holds::Many, Holds::One), "Bond master of";
        VLAN_master_of: Ref<Vlan> = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami"), "Vlan master of";
        VLAN_slave_of: Vec<Ref<Vlan>> = dynamic_ro(POOL_OP).published("miami").relation(ClassId::Vlan, "tagged_PIF", Holds::Many, Holds::One), "Vlan slave of";
        management: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("miami"), "Management";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Other config";
        disallow_unplug: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("orlando"), "Disallow unplug";
        tunnel_access_PIF_of: Vec<Ref<Tunnel>> = dynamic_ro(POOL_OP).published("cowley").relation(ClassId::Tunnel, "access_PIF", Holds::Many, Holds::One), "Tunnel access pif of";
        tunnel_transport_PIF_of: Vec<Ref<Tunnel>> = dynamic_ro(POOL_OP).published("cowley").relation(ClassId::Tunnel, "transport_PIF", Holds::Many, Holds::One), "Tunnel transport pif of";
        ipv6_configuration_mode: Ipv6ConfigurationMode = dynamic_ro(POOL_OP).default(Default::Str("None")).published("tampa"), "Ipv6 configuration mode";
        IPv6: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("tampa"), "Ipv6";
        ipv6_gateway: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("tampa"), "Ipv6 gateway";
        primary_address_type: PrimaryAddressType = dynamic_ro(POOL_OP).default(Default::Str("IPv4")).published("tampa"), "Primary address type";
        managed: bool = static_ro(POOL_OP).default(Default::Bool(true)).published("vgpu-productisation"), "Managed";
        properties: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("creedence"), "Properties";
        capabilities: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("dundee"), "Capabilities";
        igmp_snooping_status: PifIgmpStatus = dynamic_ro(POOL_OP).default(Default::Str("unknown")).published("inverness"), "Igmp snooping status";
        sriov_physical_PIF_of: Vec<Ref<NetworkSriov>> = dynamic_ro(POOL_OP).published("kolkata").relation(ClassId::NetworkSriov, "physical_PIF", Holds::Many, Holds::One), "Sriov physical pif of";
        sriov_logical_PIF_of: Vec<Ref<NetworkSriov>> = dynamic_ro(POOL_OP).published("kolkata").relation(ClassId::NetworkSriov, "logical_PIF", Holds::Many, Holds::One), "Sriov logical pif of";
        PCI: Ref<Pci> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("kolkata"), "Pci";
    }

    methods {
        create_VLAN(device: String, network: Ref<Network>, host: Ref<Host>, VLAN: i64) -> Ref<Pif> = op(POOL_OP).published("rio").deprecated("miami").errors(&["VLAN_TAG_INVALID"]).forwarding(&["host=param:host"]), "Create vlan";
        destroy(self: Ref<Pif>) = op(POOL_OP).published("rio").deprecated("miami").errors(&["PIF_IS_PHYSICAL"]).forwarding(&["host=field:PIF.host"]), "Destroy";
        reconfigure_ip(self: Ref<Pif>, mode: IpConfigurationMode, IP: String, netmask: String, gateway: String, DNS: String) = op(POOL_OP).published("miami").errors(&["CLUSTERING_ENABLED"]).forwarding(&["host=field:PIF.host"]), "Reconfigure ip";
        reconfigure_ipv6(self: Ref<Pif>, mode: Ipv6ConfigurationMode, IPv6: String, gateway: String, DNS: String) = op(POOL_OP).published("tampa").errors(&["CLUSTERING_ENABLED"]).forwarding(&["host=field:PIF.host"]), "Reconfigure ipv6";
        set_primary_address_type(self: Ref<Pif>, primary_address_type: PrimaryAddressType) = op(POOL_OP).published("tampa").forwarding(&["host=field:PIF.host"]), "Set primary address type";
        scan(host: Ref<Host>) = op(POOL_OP).published("miami").forwarding(&["host=param:host"]), "Scan";
        introduce(host: Ref<Host>, MAC: String, device: String, managed: bool = opt(Default::Bool(true)).since("vgpu-productisation")) -> Ref<Pif> = op(POOL_OP).published("miami").forwarding(&["host=param:host"]), "Introduce";
        forget(self: Ref<Pif>) = op(POOL_OP).published("miami").errors(&["PIF_TUNNEL_STILL_EXISTS", "CLUSTERING_ENABLED"]).forwarding(&["host=field:PIF.host"]), "Forget";
        unplug(self: Ref<Pif>) = op(POOL_OP).published("miami").errors(&["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN", "VIF_IN_USE", "PIF_DOES_NOT_ALLOW_UNPLUG", "PIF_HAS_FCOE_SR_IN_USE"]).forwarding(&["host=field:PIF.host"]), "Unplug";
        set_disallow_unplug(self: Ref<Pif>, value: bool) = op(POOL_OP).published("orlando").errors(&["OTHER_OPERATION_IN_PROGRESS", "CLUSTERING_ENABLED"]), "Set disallow unplug";
        plug(self: Ref<Pif>) = op(POOL_OP).published("miami").errors(&["TRANSPORT_PIF_NOT_CONFIGURED"]).forwarding(&["host=field:PIF.host"]), "Plug";
        pool_introduce(device: String = req().since("miami"), network: Ref<Network> = req().since("miami"), host: Ref<Host> = req().since("miami"), MAC: String = req().since("miami"), MTU: i64 = req().since("miami"), VLAN: i64 = req().since("miami"), physical: bool = req().since("miami"), ip_configuration_mode: IpConfigurationMode = req().since("miami"), IP: String = req().since("miami"), netmask: String = req().since("miami"), gateway: String = req().since("miami"), DNS: String = req().since("miami"), bond_slave_of: Ref<Bond> = req().since("miami"), VLAN_master_of: Ref<Vlan> = req().since("miami"), management: bool = req().since("miami"), other_config: Map<String, String> = req().since("miami"), disallow_unplug: bool = opt(Default::Bool(false)).since("orlando"), ipv6_configuration_mode: Ipv6ConfigurationMode = opt(Default::Str("None")).since("boston"), IPv6: Vec<String> = opt(Default::Set(&[])).since("boston"), ipv6_gateway: String = opt(Default::Str("")).since("boston"), primary_address_type: PrimaryAddressType = opt(Default::Str("IPv4")).since("boston"), managed: bool = opt(Default::Bool(true)).since("vgpu-productisation"), properties: Map<String, String> = opt(Default::Map(&[])).since("creedence")) -> Ref<Pif> = op(POOL_OP).published("rio").hidden(), "Pool introduce";
        db_introduce(device: String, network: Ref<Network>, host: Ref<Host>, MAC: String, MTU: i64, VLAN: i64, physical: bool, ip_configuration_mode: IpConfigurationMode, IP: String, netmask: String, gateway: String, DNS: String, bond_slave_of: Ref<Bond>, VLAN_master_of: Ref<Vlan>, management: bool, other_config: Map<String, String>, disallow_unplug: bool = opt(Default::Bool(false)), ipv6_configuration_mode: Ipv6ConfigurationMode = opt(Default::Str("None")).since("boston"), IPv6: Vec<String> = opt(Default::Set(&[])).since("boston"), ipv6_gateway: String = opt(Default::Str("")).since("boston"), primary_address_type: PrimaryAddressType = opt(Default::Str("IPv4")).since("boston"), managed: bool = opt(Default::Bool(true)).since("vgpu-productisation"), properties: Map<String, String> = opt(Default::Map(&[])).since("creedence")) -> Ref<Pif> = op(POOL_OP).published("orlando"), "Db introduce";
        db_forget(self: Ref<Pif>) = op(POOL_OP).published("orlando"), "Db forget";
        set_property(self: Ref<Pif>, name: String, value: String) = op(POOL_OP).published("creedence").forwarding(&["host=field:PIF.host"]), "Set property";
    }
}

api_enum! {
    IpConfigurationMode "ip_configuration_mode" "ip_configuration_mode" {
        None = "None" "None",
        Dhcp = "DHCP" "DHCP",
        Static = "Static" "Static",
    }
}

api_enum! {
    Ipv6ConfigurationMode "ipv6_configuration_mode" "ipv6_configuration_mode" {
        None = "None" "None",
        Dhcp = "DHCP" "DHCP",
        Static = "Static" "Static",
        Autoconf = "Autoconf" "Autoconf",
    }
}

api_enum! {
    PifIgmpStatus "pif_igmp_status" "pif_igmp_status" {
        Enabled = "enabled" "enabled",
        Disabled = "disabled" "disabled",
        Unknown = "unknown" "unknown",
    }
}

api_enum! {
    PrimaryAddressType "primary_address_type" "primary_address_type" {
        IPv4 = "IPv4" "IPv4",
        IPv6 = "IPv6" "IPv6",
    }
}
