{
  xennix.storage.repositories.local = {
    type = "lvm";
    adopted = true;
    uuid = "0f4c9a1e-6f0f-2d7b-51e5-7f3a1f6c9a10";
    label = "Local storage";
    deviceConfig.device = "/dev/disk/by-id/ata-EXAMPLE-part3";
    default = true;
  };
}
