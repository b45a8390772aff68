//! `PIF`: A network interface of a host: a NIC, VLAN, bond, tunnel or SR-IOV end.

use crate::classes::prelude::*;

class! {
    Pif "PIF" "A network interface of a host: a NIC, VLAN, bond, tunnel or SR-IOV end" = table(Some(POOL_OP)).published("rio").tags(&["networking"]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the interface";
        device: String = static_ro(POOL_OP).published("rio"), "Name in dom0, such as eth0";
        network: Ref<Network> = static_ro(POOL_OP).published("rio").relation(ClassId::Network, "PIFs", Holds::One, Holds::Many), "Network the interface connects the host to";
        host: Ref<Host> = static_ro(POOL_OP).published("rio").relation(ClassId::Host, "PIFs", Holds::One, Holds::Many), "Host that has the interface";
        MAC: String = static_ro(POOL_OP).published("rio"), "Ethernet address of the interface";
        MTU: i64 = static_ro(POOL_OP).published("rio"), "Largest packet in bytes";
        VLAN: i64 = static_ro(POOL_OP).published("rio"), "Tag put on packets, -1 for none";
        device_name: String = rw(POOL_OP).published("rio").not_in_record().internal(), "Name in dom0 as first recorded";
        metrics: Ref<PifMetrics> = dynamic_ro(POOL_OP).published("rio"), "Link state and speed";
        physical: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("miami"), "True for a NIC in the machine";
        currently_attached: bool = dynamic_ro(POOL_OP).default(Default::Bool(true)).published("miami"), "True if the interface is up";
        ip_configuration_mode: IpConfigurationMode = dynamic_ro(POOL_OP).default(Default::Str("None")).published("miami"), "Where the IPv4 settings come from";
        IP: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami"), "IPv4 address, empty if none";
        netmask: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami"), "IPv4 network mask, dotted";
        gateway: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami"), "IPv4 address of the router";
        DNS: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami"), "Name servers, separated by commas";
        bond_slave_of: Ref<Bond> = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami").relation(ClassId::Bond, "slaves", Holds::One, Holds::Many), "Bond this interface is a member of";
        bond_master_of: Vec<Ref<Bond>> = dynamic_ro(POOL_OP).published("miami").relation(ClassId::Bond, "master", Holds::Many, Holds::One), "Bond whose combined interface this is";
        VLAN_master_of: Ref<Vlan> = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami"), "VLAN whose untagged end this is";
        VLAN_slave_of: Vec<Ref<Vlan>> = dynamic_ro(POOL_OP).published("miami").relation(ClassId::Vlan, "tagged_PIF", Holds::Many, Holds::One), "VLANs that run over this interface";
        management: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("miami"), "True if the API is served on this interface";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Free key-value pairs; some keys steer the toolstack";
        disallow_unplug: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("orlando"), "True if the interface must stay up";
        tunnel_access_PIF_of: Vec<Ref<Tunnel>> = dynamic_ro(POOL_OP).published("cowley").relation(ClassId::Tunnel, "access_PIF", Holds::Many, Holds::One), "Tunnel that this interface gives access to";
        tunnel_transport_PIF_of: Vec<Ref<Tunnel>> = dynamic_ro(POOL_OP).published("cowley").relation(ClassId::Tunnel, "transport_PIF", Holds::Many, Holds::One), "Tunnels whose packets run over this interface";
        ipv6_configuration_mode: Ipv6ConfigurationMode = dynamic_ro(POOL_OP).default(Default::Str("None")).published("tampa"), "Where the IPv6 settings come from";
        IPv6: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("tampa"), "IPv6 addresses with prefix length";
        ipv6_gateway: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("tampa"), "IPv6 address of the router";
        primary_address_type: PrimaryAddressType = dynamic_ro(POOL_OP).default(Default::Str("IPv4")).published("tampa"), "Which protocol supplies the management address";
        managed: bool = static_ro(POOL_OP).default(Default::Bool(true)).published("vgpu-productisation"), "True if the toolstack configures the interface";
        properties: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("creedence"), "Switches of the interface, such as gro";
        capabilities: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("dundee"), "What the hardware can do, such as fcoe or sriov";
        igmp_snooping_status: PifIgmpStatus = dynamic_ro(POOL_OP).default(Default::Str("unknown")).published("inverness"), "Whether its bridge filters multicast";
        sriov_physical_PIF_of: Vec<Ref<NetworkSriov>> = dynamic_ro(POOL_OP).published("kolkata").relation(ClassId::NetworkSriov, "physical_PIF", Holds::Many, Holds::One), "SR-IOV networks built on this NIC";
        sriov_logical_PIF_of: Vec<Ref<NetworkSriov>> = dynamic_ro(POOL_OP).published("kolkata").relation(ClassId::NetworkSriov, "logical_PIF", Holds::Many, Holds::One), "SR-IOV network whose logical end this is";
        PCI: Ref<Pci> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("kolkata"), "PCI device of the NIC, null if none";
    }

    methods {
        create_VLAN(device: String, network: Ref<Network>, host: Ref<Host>, VLAN: i64) -> Ref<Pif> = op(POOL_OP).published("rio").deprecated("miami").errors(&["VLAN_TAG_INVALID"]).forwarding(&["host=param:host"]), "Former way to add a VLAN; use VLAN.create";
        destroy(self: Ref<Pif>) = op(POOL_OP).published("rio").deprecated("miami").errors(&["PIF_IS_PHYSICAL"]).forwarding(&["host=field:PIF.host"]), "Former way to remove a VLAN's PIF; use VLAN.destroy";
        reconfigure_ip(self: Ref<Pif>, mode: IpConfigurationMode, IP: String, netmask: String, gateway: String, DNS: String) = op(POOL_OP).published("miami").errors(&["CLUSTERING_ENABLED"]).forwarding(&["host=field:PIF.host"]), "Change the IPv4 settings and apply them";
        reconfigure_ipv6(self: Ref<Pif>, mode: Ipv6ConfigurationMode, IPv6: String, gateway: String, DNS: String) = op(POOL_OP).published("tampa").errors(&["CLUSTERING_ENABLED"]).forwarding(&["host=field:PIF.host"]), "Change the IPv6 settings and apply them";
        set_primary_address_type(self: Ref<Pif>, primary_address_type: PrimaryAddressType) = op(POOL_OP).published("tampa").forwarding(&["host=field:PIF.host"]), "Choose the protocol that supplies the management address";
        scan(host: Ref<Host>) = op(POOL_OP).published("miami").forwarding(&["host=param:host"]), "Look for NICs on the host and add rows for new ones";
        introduce(host: Ref<Host>, MAC: String, device: String, managed: bool = opt(Default::Bool(true)).since("vgpu-productisation")) -> Ref<Pif> = op(POOL_OP).published("miami").forwarding(&["host=param:host"]), "Add a row for one NIC of the host";
        forget(self: Ref<Pif>) = op(POOL_OP).published("miami").errors(&["PIF_TUNNEL_STILL_EXISTS", "CLUSTERING_ENABLED"]).forwarding(&["host=field:PIF.host"]), "Drop the row of a NIC";
        unplug(self: Ref<Pif>) = op(POOL_OP).published("miami").errors(&["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN", "VIF_IN_USE", "PIF_DOES_NOT_ALLOW_UNPLUG", "PIF_HAS_FCOE_SR_IN_USE"]).forwarding(&["host=field:PIF.host"]), "Take the interface down";
        set_disallow_unplug(self: Ref<Pif>, value: bool) = op(POOL_OP).published("orlando").errors(&["OTHER_OPERATION_IN_PROGRESS", "CLUSTERING_ENABLED"]), "Forbid or allow taking the interface down";
        plug(self: Ref<Pif>) = op(POOL_OP).published("miami").errors(&["TRANSPORT_PIF_NOT_CONFIGURED"]).forwarding(&["host=field:PIF.host"]), "Bring the interface up";
        pool_introduce(device: String = req().since("miami"), network: Ref<Network> = req().since("miami"), host: Ref<Host> = req().since("miami"), MAC: String = req().since("miami"), MTU: i64 = req().since("miami"), VLAN: i64 = req().since("miami"), physical: bool = req().since("miami"), ip_configuration_mode: IpConfigurationMode = req().since("miami"), IP: String = req().since("miami"), netmask: String = req().since("miami"), gateway: String = req().since("miami"), DNS: String = req().since("miami"), bond_slave_of: Ref<Bond> = req().since("miami"), VLAN_master_of: Ref<Vlan> = req().since("miami"), management: bool = req().since("miami"), other_config: Map<String, String> = req().since("miami"), disallow_unplug: bool = opt(Default::Bool(false)).since("orlando"), ipv6_configuration_mode: Ipv6ConfigurationMode = opt(Default::Str("None")).since("boston"), IPv6: Vec<String> = opt(Default::Set(&[])).since("boston"), ipv6_gateway: String = opt(Default::Str("")).since("boston"), primary_address_type: PrimaryAddressType = opt(Default::Str("IPv4")).since("boston"), managed: bool = opt(Default::Bool(true)).since("vgpu-productisation"), properties: Map<String, String> = opt(Default::Map(&[])).since("creedence")) -> Ref<Pif> = op(POOL_OP).published("rio").hidden(), "Have the coordinator add a row for a member's interface";
        db_introduce(device: String, network: Ref<Network>, host: Ref<Host>, MAC: String, MTU: i64, VLAN: i64, physical: bool, ip_configuration_mode: IpConfigurationMode, IP: String, netmask: String, gateway: String, DNS: String, bond_slave_of: Ref<Bond>, VLAN_master_of: Ref<Vlan>, management: bool, other_config: Map<String, String>, disallow_unplug: bool = opt(Default::Bool(false)), ipv6_configuration_mode: Ipv6ConfigurationMode = opt(Default::Str("None")).since("boston"), IPv6: Vec<String> = opt(Default::Set(&[])).since("boston"), ipv6_gateway: String = opt(Default::Str("")).since("boston"), primary_address_type: PrimaryAddressType = opt(Default::Str("IPv4")).since("boston"), managed: bool = opt(Default::Bool(true)).since("vgpu-productisation"), properties: Map<String, String> = opt(Default::Map(&[])).since("creedence")) -> Ref<Pif> = op(POOL_OP).published("orlando"), "Add a row without touching the host's network";
        db_forget(self: Ref<Pif>) = op(POOL_OP).published("orlando"), "Drop the row without touching the host's network";
        set_property(self: Ref<Pif>, name: String, value: String) = op(POOL_OP).published("creedence").forwarding(&["host=field:PIF.host"]), "Change one switch of the interface";
    }
}

api_enum! {
    IpConfigurationMode "ip_configuration_mode" "Source of a host interface's IPv4 settings" {
        None = "None" "No IPv4 address",
        Dhcp = "DHCP" "A DHCP server on the network",
        Static = "Static" "Values set by the administrator",
    }
}

api_enum! {
    Ipv6ConfigurationMode "ipv6_configuration_mode" "Source of a host interface's IPv6 settings" {
        None = "None" "No IPv6 address",
        Dhcp = "DHCP" "A DHCPv6 server on the network",
        Static = "Static" "Values set by the administrator",
        Autoconf = "Autoconf" "Router announcements on the network",
    }
}

api_enum! {
    PifIgmpStatus "pif_igmp_status" "Multicast filtering of a bridge" {
        Enabled = "enabled" "Multicast goes only where asked for",
        Disabled = "disabled" "Multicast goes everywhere",
        Unknown = "unknown" "Cannot be told for this interface",
    }
}

api_enum! {
    PrimaryAddressType "primary_address_type" "Protocol preferred for management" {
        IPv4 = "IPv4" "Management goes by IPv4",
        IPv6 = "IPv6" "Management goes by IPv6",
    }
}
