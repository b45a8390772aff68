{
  xennix.network = {
    names.eth0.mac = "52:54:00:12:34:56";
    management = { interfaces = [ "eth0" ]; address = "192.0.2.10/24"; gateway = "192.0.2.1"; dns = [ "192.0.2.53" ]; };
  };
}
