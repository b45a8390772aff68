# The new root lies where the old system kept its backup. The old root and logs are only ever read, beside the new
# ones; the repository on the same disk is not mentioned, so nothing here can format it.
{
  xennix.disks = {
    layout = "xcp-ng-inplace";
    device = "/dev/disk/by-id/ata-SYNTH_DISK_POOL32";
    rootDevice = "/dev/disk/by-label/xennix-root";
    efi = true;
    espDevice = "/dev/disk/by-label/BOOT-9D552F";
    logsDevice = "/dev/disk/by-label/logs-9d552f";
    swapDevice = "/dev/disk/by-label/swap-9d552f";
    oldRootDevice = "/dev/disk/by-label/root-9d552f";
    keepOldRoot = true;
    keepOldLogs = true;
  };
  xennix.boot = { firmware = "uefi"; loader = "systemd-boot"; configurationLimit = 2; };
}
