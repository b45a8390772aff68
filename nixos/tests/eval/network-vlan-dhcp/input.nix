# Management on a VLAN of a plain card, its address from DHCP; the same wire without a tag for guests.
{
  module.xennix = {
    enable = true;
    network = {
      names = { eth0.mac = "52:54:00:42:00:00"; eth1.mac = "52:54:00:42:00:01"; };
      management = { interfaces = [ "eth0" ]; bridge = "xapi0"; vlan = 42; dhcp = true; };
    };
  };
}
