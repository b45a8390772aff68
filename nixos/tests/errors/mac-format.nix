# expects: A definition for option `xennix.network.names.eth0.mac' is not of type
{ module = { xennix.network.enable = true; xennix.network.names.eth0.mac = "52-54-00-12-34-56"; }; }
