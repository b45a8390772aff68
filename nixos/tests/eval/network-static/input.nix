# A fixed address, names by hardware address, one bridge per card.
{
  module.xennix = {
    enable = true;
    network = {
      autoBridge = true;
      names = { eth0.mac = "52:54:00:12:34:56"; eth1.mac = "52:54:00:12:34:57"; };
      management = {
        enable = true;
        interfaces = [ "eth0" ];
        label = "Pool-wide network associated with eth0";
        address = "192.0.2.10/24";
        gateway = "192.0.2.1";
        dns = [ "192.0.2.53" "192.0.2.54" ];
        searchDomains = [ "example.org" ];
        ipv6 = "static";
        ipv6Address = "2001:db8::10/64";
        ipv6Gateway = "2001:db8::1";
        routes = [{ destination = "198.51.100.0/24"; gateway = "192.0.2.254"; }];
        mtu = 9000;
      };
    };
  };
}
