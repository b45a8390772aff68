# The new root lies where the old system kept its backup. The old root and logs are only ever read, beside the new
# ones; the repository on the same disk is not mentioned, so nothing here can format it.
{
  xennix.disks = {
    layout = "xcp-ng-inplace";
    device = "/dev/disk/by-id/ata-SYNTH_DISK_POOL30";
    rootDevice = "/dev/disk/by-label/xennix-root";
    efi = false;
    logsDevice = "/dev/disk/by-label/logs-2bdaca";
    swapDevice = "/dev/disk/by-label/swap-2bdaca";
    oldRootDevice = "/dev/disk/by-label/root-2bdaca";
    keepOldRoot = true;
    keepOldLogs = true;
  };
  xennix.boot = {
    firmware = "bios";
    loader = "grub-foreign";
    foreignGrub = { directory = "/old/boot/grub"; rootUuid = "f561b5e2-e178-5942-a8d9-5abb76768af7"; };
  };
}
