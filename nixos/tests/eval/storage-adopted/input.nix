# Repositories of a converted host keep their UUIDs and are only introduced.
{
  module.xennix = {
    enable = true;
    storage.suspendRepository = "local";
    storage.repositories = {
      local = { type = "lvm"; adopted = true; uuid = "0f4c9a1e-6f0f-2d7b-51e5-7f3a1f6c9a10"; deviceConfig.device = "/dev/disk/by-id/ata-EXAMPLE-part3"; default = true; };
      images = { type = "ext"; adopted = true; uuid = "1f4c9a1e-6f0f-2d7b-51e5-7f3a1f6c9a11"; device = "/dev/disk/by-id/ata-OTHER-part3"; };
      iso = { type = "iso"; adopted = true; uuid = "2f4c9a1e-6f0f-2d7b-51e5-7f3a1f6c9a12"; path = "/srv/iso"; };
    };
  };
}
