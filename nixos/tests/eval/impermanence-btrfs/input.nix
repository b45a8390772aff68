# A subvolume that is made anew.
{
  from = [ "impermanence" ];
  module = {
    xennix.impermanence = { enable = true; preset = "btrfs"; device = "/dev/disk/by-label/system"; };
    fileSystems."/persist" = { device = "/dev/disk/by-label/system"; fsType = "btrfs"; options = [ "subvol=persist" ]; neededForBoot = true; };
  };
}
