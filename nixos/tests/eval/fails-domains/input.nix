# Everything that can be wrong with guests.
{
  module.xennix = {
    enable = true;
    network.management = { interfaces = [ "eth0" ]; dhcp = true; };
    domains = {
      a = {
        memory = 512;
        uuid = "5c9a3f2e-40aa-4c1c-9f8a-6d1b2e3c4d5e";
        vcpus = { count = 4; max = 2; };
        disks = { none = { }; both = { size = 1; path = "/a"; }; strange = { size = 1; repository = "nowhere"; }; };
        networks = { x = { bridge = "nowhere"; mac = "52:54:00:12:34:56"; }; y = { mac = "52:54:00:12:34:56"; locked = true; }; };
      };
      b = { memory = 512; uuid = "5c9a3f2e-40aa-4c1c-9f8a-6d1b2e3c4d5e"; boot.kind = "iso"; store = "shared"; };
    };
  };
}
