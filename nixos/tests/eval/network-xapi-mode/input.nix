# The toolstack's database owns the networks; only cards get their names.
{
  module.xennix = {
    enable = true;
    network = { mode = "xapi"; names.eth0.mac = "52:54:00:12:34:56"; };
    domains.any = { memory = 512; boot.kernel = "/boot/vmlinuz"; networks.lan.bridge = "xapi7"; };
  };
}
