# A root in memory.
{
  from = [ "impermanence" ];
  module = {
    xennix.impermanence = { enable = true; preset = "tmpfs"; persistPath = "/keep"; size = "25%"; extraDirectories = [ "/root" ]; extraFiles = [ "/etc/adjtime" ]; };
    fileSystems."/keep" = { device = "/dev/disk/by-label/keep"; fsType = "ext4"; neededForBoot = true; };
  };
}
