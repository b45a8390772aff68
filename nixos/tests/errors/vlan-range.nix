# expects: A definition for option `xennix.network.bridges.x.vlan' is not of type
{ module = { xennix.network.enable = true; xennix.network.bridges.x = { interfaces = [ "eth0" ]; vlan = 4095; }; }; }
