# Partition 2 was XCP-ng's backup and is the new root; its old root and its storage are never formatted.
{
  xennix.disks = {
    layout = "xcp-ng-inplace";
    device = "/dev/disk/by-id/ata-EXAMPLE";
    efi = false;
    keepOldRoot = true;
  };
  xennix.boot = {
    firmware = "bios";
    loader = "grub-foreign";
    foreignGrub.rootUuid = "2f1d9a9c-7a44-4a43-8e55-9f0c6f6e3a10";
  };
}
