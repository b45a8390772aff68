# The new root lies where the old system kept its backup. The old root and logs are only ever read, beside the new
# ones; the repository on the same disk is not mentioned, so nothing here can format it.
{
  xennix.disks = {
    layout = "xcp-ng-inplace";
    device = "/dev/disk/by-id/ata-SYNTH_DISK_POOL31";
    rootDevice = "/dev/disk/by-label/xennix-root";
    efi = false;
    logsDevice = "/dev/disk/by-label/logs-5493bc";
    swapDevice = "/dev/disk/by-label/swap-5493bc";
    oldRootDevice = "/dev/disk/by-label/root-5493bc";
    keepOldRoot = true;
    keepOldLogs = true;
  };
  xennix.boot = {
    firmware = "bios";
    loader = "grub-foreign";
    foreignGrub = { directory = "/old/boot/grub"; rootUuid = "5bac7c39-1486-5594-9e6b-2d441931cc35"; };
  };
}
