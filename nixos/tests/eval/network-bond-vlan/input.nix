# Management on a VLAN over an LACP bond, a second bond, and VLANs for guests on the same wires.
{
  module.xennix = {
    enable = true;
    network = {
      management = {
        interfaces = [ "eth0" "eth1" ];
        bridge = "xapi1";
        bond = { name = "bond0"; mode = "lacp"; hash = "layer3+4"; lacpRate = "fast"; };
        vlan = 20;
        dhcp = true;
        ipv6 = "dhcp";
        mac = "52:54:00:00:00:01";
      };
      bonds.bond1 = { enable = true; interfaces = [ "eth2" "eth3" ]; mode = "active-backup"; hash = "layer2"; lacpRate = "slow"; primary = "eth2"; mtu = 9000; };
      bridges = {
        xenbr1 = {
          enable = true;
          interfaces = [ "bond1" ];
          label = "storage";
          description = "between the filers";
          uuid = "5c9a3f2e-40aa-4c1c-9f8a-6d1b2e3c4d5e";
          mtu = 9000;
          mac = "52:54:00:00:00:02";
          policy = "locked";
          dhcp = true;
          ipv6 = "auto";
        };
        xapi2 = { interfaces = [ "bond0" ]; vlan = 30; };
        xapi3 = {
          interfaces = [ "bond0" ];
          vlan = 31;
          address = "198.51.100.2/24";
          gateway = null;
          dns = [ "198.51.100.53" ];
          searchDomains = [ "storage.example.org" ];
          ipv6 = "static";
          ipv6Address = "2001:db8:1::2/64";
          ipv6Gateway = "2001:db8:1::1";
          routes = [{ destination = "203.0.113.0/24"; gateway = "198.51.100.1"; }];
        };
        backstage.private = true;
        gone = { enable = false; interfaces = [ "eth9" ]; };
      };
    };
  };
}
