# The layout efi-btrfs with all that can be said about it.
{
  from = [ "disko" ];
  module.xennix.disks = { enable = true; layout = "efi-btrfs"; device = "/dev/disk/by-id/nvme-EXAMPLE"; espSize = "2G"; rootSize = "40G"; swap = "4G"; };
}
