# The layout efi-zfs with all that can be said about it.
{
  from = [ "disko" ];
  module.xennix.disks = { enable = true; layout = "efi-zfs"; device = "/dev/disk/by-id/nvme-EXAMPLE"; espSize = "2G"; rootSize = "40G"; swap = "4G"; };
}
