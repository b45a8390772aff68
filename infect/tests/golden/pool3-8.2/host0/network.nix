# Networks as the old host had them: cards by hardware address, every bridge under its name.
{
  xennix.network = {
    policy = "open";
    names = {
      eth0 = { mac = "52:54:00:05:00:00"; };
      eth1 = { mac = "52:54:00:05:00:01"; };
      eth2 = { mac = "52:54:00:05:00:02"; };
      eth3 = { mac = "52:54:00:05:00:03"; };
    };
    bonds = {
      bond0 = { interfaces = [ "eth2" "eth3" ]; mode = "lacp"; hash = "layer3+4"; lacpRate = "slow"; };
    };
    management = {
      bridge = "xenbr0";
      address = "192.0.2.21/24";
      gateway = "192.0.2.1";
      dns = [ "192.0.2.53" "198.51.100.53" ];
      searchDomains = [ "example.net" ];
    };
    bridges = {
      xapi0 = {
        label = "Bond 2+3";
        uuid = "d711c490-3726-52fb-bc1d-55cb9163482a";
        interfaces = [ "bond0" ];
        mac = "52:54:00:05:00:02";
      };
      xapi1 = {
        label = "Production — VLAN 100";
        uuid = "1fbb1ca2-3e28-5ade-a46c-7a92fcf15aa2";
        interfaces = [ "bond0" ];
        vlan = 100;
      };
      xenbr0 = {
        label = "Pool-wide network associated with eth0";
        uuid = "3acafb37-d7d7-521d-b521-fd600944f70f";
        interfaces = [ "eth0" ];
      };
      xenbr1 = {
        label = "Pool-wide network associated with eth1";
        uuid = "8e80ab51-e1e4-5b21-acac-58e583797d5e";
        interfaces = [ "eth1" ];
        mtu = 9000;
        address = "198.51.100.21/24";
        routes = [{ destination = "203.0.113.0/24"; gateway = "198.51.100.1"; }];
      };
      xapi2 = {
        label = "Private <internal> \"net\" 100%";
        uuid = "b05c9278-dce4-51e4-91f5-8da7314f6d35";
        private = true;
      };
      xenapi = {
        label = "Host internal management network";
        description = "link-local network between guests and the host";
        uuid = "9f480e1f-f85b-5d1e-a97c-08d7319ceaaf";
        private = true;
        address = "169.254.0.1/16";
      };
    };
  };
  systemd.network.links = {
    "10-eth1" = {
      linkConfig = { GenericSegmentationOffload = false; };
    };
  };
}
