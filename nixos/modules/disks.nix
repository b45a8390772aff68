# Disk layouts: trees for disko where it is imported, plain mounts on a converted host.
{ lib, config, options, ... }:
let
  inherit (lib) mkIf mkMerge types;
  make = import ./make.nix lib;
  pure = import ../lib;
  cfg = config.xennix.disks;
  inPlace = cfg.layout == pure.layouts.inPlace;
  wanted = cfg.enable && cfg.layout != "none";
in
{
  options.xennix.disks = {
    enable = make.flag true "Whether `layout` is turned into partitions and mounts.";
    layout = make.choice ([ "none" pure.layouts.inPlace ] ++ pure.layouts.names) "none"
      "How the system's disk is divided. `xcp-ng-inplace` mounts what a converted host has and formats nothing.";
    device = make.value (types.nullOr types.str) null "/dev/disk/by-id/nvme-EXAMPLE" "The system's disk.";
    rootDevice = make.value (types.nullOr types.str) null "/dev/disk/by-label/xennix-root" "Root of a converted host, where it is not partition 2 of `device`.";
    espDevice = make.value (types.nullOr types.str) null "/dev/disk/by-label/BOOT-AB12CD" "EFI system partition of a converted host, where it is not partition 4 of `device`.";
    logsDevice = make.value (types.nullOr types.str) null "/dev/disk/by-label/logs-ab12cd" "Old logs of a converted host, where they are not partition 5 of `device`.";
    swapDevice = make.value (types.nullOr types.str) null "/dev/disk/by-label/swap-ab12cd" "Swap of a converted host, where it is not partition 6 of `device`.";
    oldRootDevice = make.value (types.nullOr types.str) null "/dev/disk/by-label/root-ab12cd" "Old root of a converted host, where it is not partition 1 of `device`.";
    allowUnstableDevice = make.flag false "Whether a name such as /dev/sda is accepted, which can be another disk after the next start.";
    efi = make.flag true "Whether a converted host has an EFI system partition.";
    espSize = make.value types.str "1G" "2G" "Size of the EFI system partition; each generation takes about 50 MB of it.";
    rootSize = make.value (types.nullOr types.str) null "40G" "Size of the system; the rest is left for a storage repository. Null: the system takes all (20G with LVM).";
    swap = make.value (types.nullOr types.str) null "4G" "Size of the swap partition; null makes none.";
    keepOldRoot = make.flag false "Whether the old system of a converted host is mounted read-only on /old.";
    keepOldLogs = make.flag true "Whether the logs of the old system of a converted host are mounted read-only on /var/log/xcp-ng.";
  };

  config = mkIf wanted (mkMerge [
    {
      assertions = pure.assertions (pure.layouts.checks cfg ++ [
        (pure.prelude.check "disk-without-disko" (inPlace || options ? disko)
          "the layout ${cfg.layout} is carried out by disko: import its module (xennix.lib.mkDom0 does), or set `xennix.disks.layout = \"none\"` and fileSystems yourself")
      ]);
    }
    (mkIf (inPlace && cfg.device != null) {
      inherit (pure.layouts.inPlaceMounts cfg) fileSystems swapDevices;
    })
    (if options ? disko then { disko.devices = mkIf (!inPlace && cfg.device != null) (pure.layouts.devices cfg); } else { })
  ]);
}
