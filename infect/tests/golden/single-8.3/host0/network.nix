# Networks as the old host had them: cards by hardware address, every bridge under its name.
{
  xennix.network = {
    policy = "open";
    names = {
      eth0 = { mac = "52:54:00:06:00:00"; };
      eth1 = { mac = "52:54:00:06:00:01"; };
      eth2 = { mac = "52:54:00:06:00:02"; };
      eth3 = { mac = "52:54:00:06:00:03"; };
    };
    bonds = {
      bond0 = { interfaces = [ "eth2" "eth3" ]; mode = "lacp"; hash = "layer3+4"; lacpRate = "slow"; };
    };
    management = {
      bridge = "xenbr0";
      address = "192.0.2.10/24";
      gateway = "192.0.2.1";
      dns = [ "192.0.2.53" "198.51.100.53" ];
      searchDomains = [ "example.net" ];
    };
    bridges = {
      xapi0 = {
        label = "Bond 2+3";
        uuid = "d12cc0b6-2d0f-5a8f-8448-91beba052570";
        interfaces = [ "bond0" ];
        mac = "52:54:00:06:00:02";
      };
      xapi1 = {
        label = "Production — VLAN 100";
        uuid = "22e22594-12d0-5bc5-8837-b777ecdc6acb";
        interfaces = [ "bond0" ];
        vlan = 100;
      };
      xenbr0 = {
        label = "Pool-wide network associated with eth0";
        uuid = "197118d5-04fa-5b53-b40f-a0f6794dd162";
        interfaces = [ "eth0" ];
      };
      xenbr1 = {
        label = "Pool-wide network associated with eth1";
        uuid = "c607b425-c3c6-54e8-86bd-32bc9c00e0a4";
        interfaces = [ "eth1" ];
        mtu = 9000;
        address = "198.51.100.10/24";
        routes = [{ destination = "203.0.113.0/24"; gateway = "198.51.100.1"; }];
      };
      xapi2 = {
        label = "Private <internal> \"net\" 100%";
        uuid = "b5ced607-64d6-5e5f-b10e-058870c315cc";
        private = true;
      };
      xenapi = {
        label = "Host internal management network";
        description = "link-local network between guests and the host";
        uuid = "b7843260-e002-55f1-b37e-19af0139f4a6";
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
