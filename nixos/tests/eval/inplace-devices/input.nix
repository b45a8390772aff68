# A converted host whose partitions are numbered otherwise.
{
  module = {
    xennix.enable = true;
    xennix.disks = {
      layout = "xcp-ng-inplace";
      device = "/dev/disk/by-id/ata-EXAMPLE";
      rootDevice = "/dev/disk/by-label/xennix-root";
      espDevice = "/dev/disk/by-label/BOOT-AB12CD";
      logsDevice = "/dev/disk/by-label/logs-ab12cd";
      swapDevice = "/dev/disk/by-label/swap-ab12cd";
      oldRootDevice = "/dev/disk/by-label/root-ab12cd";
      keepOldRoot = true;
    };
  };
}
