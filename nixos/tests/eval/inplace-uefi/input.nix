# A converted host with UEFI and NVMe.
{
  module = {
    xennix.enable = true;
    xennix.disks = { layout = "xcp-ng-inplace"; device = "/dev/nvme0n1"; allowUnstableDevice = true; };
    xennix.migrate.enable = true;
  };
}
