# Everything that can be wrong with storage.
{
  module.xennix = {
    enable = true;
    storage.suspendRepository = "nowhere";
    storage.repositories = {
      a = { type = "lvm"; default = true; };
      b = { type = "file"; default = true; };
      c = { type = "nfs"; };
      d = { type = "iso"; path = "/srv/iso"; default = true; adopted = true; };
      e = { type = "file"; path = "/e"; uuid = "5c9a3f2e-40aa-4c1c-9f8a-6d1b2e3c4d5e"; };
      f = { type = "file"; path = "/f"; uuid = "5c9a3f2e-40aa-4c1c-9f8a-6d1b2e3c4d5e"; };
      g = { type = "other"; };
    };
  };
}
