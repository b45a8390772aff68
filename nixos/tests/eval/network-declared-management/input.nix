# The host's address on a declared bridge.
{
  module.xennix = {
    enable = true;
    network = {
      management = { dhcp = true; ipv6 = "auto"; };
      bridges.xenbr0.interfaces = [ "eth0" ];
    };
  };
}
