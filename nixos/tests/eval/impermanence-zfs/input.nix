# A dataset that goes back to its empty snapshot.
{
  from = [ "impermanence" ];
  module = {
    xennix.impermanence = { enable = true; preset = "zfs"; dataset = "tank/root@empty"; };
    fileSystems."/persist" = { device = "tank/persist"; fsType = "zfs"; neededForBoot = true; };
  };
}
