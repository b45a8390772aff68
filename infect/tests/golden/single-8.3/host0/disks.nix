# The new root lies where the old system kept its backup. The old root and logs are only ever read, beside the new
# ones; the repository on the same disk is not mentioned, so nothing here can format it.
{
  xennix.disks = {
    layout = "xcp-ng-inplace";
    device = "/dev/disk/by-id/ata-SYNTH_DISK_SINGLE0";
    rootDevice = "/dev/disk/by-label/xennix-root";
    efi = true;
    espDevice = "/dev/disk/by-label/BOOT-253C90";
    logsDevice = "/dev/disk/by-label/logs-253c90";
    swapDevice = "/dev/disk/by-label/swap-253c90";
    oldRootDevice = "/dev/disk/by-label/root-253c90";
    keepOldRoot = true;
    keepOldLogs = true;
  };
  xennix.boot = { firmware = "uefi"; loader = "systemd-boot"; configurationLimit = 2; };
}
