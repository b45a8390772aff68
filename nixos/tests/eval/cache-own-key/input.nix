# A key and an address that were there before.
{
  module.xennix = {
    network.enable = true;
    network.management = { interfaces = [ "eth0" ]; dhcp = true; };
    cache = { enable = true; address = "192.0.2.10"; signingKeyFile = "/run/keys/cache"; };
  };
}
