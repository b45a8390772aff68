# Everything that can be wrong with networks.
{
  module.xennix = {
    enable = true;
    network = {
      management = { interfaces = [ "eth0" ]; dhcp = true; address = "192.0.2.10"; };
      bonds = { empty = { }; slb = { interfaces = [ "eth3" "eth4" ]; mode = "balance-slb"; }; };
      bridges = {
        a-name-that-is-too-long.interfaces = [ "eth1" ];
        xenbr1.interfaces = [ "eth1" ];
        xenbr2 = { interfaces = [ "eth2" ]; vlan = 20; };
        xenbr3 = { interfaces = [ "eth2" ]; vlan = 20; gateway = "192.0.2.1"; };
        nowhere = { };
        crowded = { private = true; interfaces = [ "eth3" ]; };
      };
    };
  };
}
