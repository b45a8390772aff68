# Open vSwitch carries bridges, VLANs and balance-slb.
{
  module.xennix = {
    enable = true;
    network = {
      backend = "openvswitch";
      policy = "open";
      management = { interfaces = [ "eth0" "eth1" ]; bond.mode = "balance-slb"; dhcp = true; };
      bridges.xapi2 = { interfaces = [ "eth2" ]; vlan = 30; };
    };
  };
}
