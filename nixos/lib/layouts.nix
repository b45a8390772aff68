# Disk layouts as trees for disko's `disko.devices`. Pure. The layout of an infected host mentions only what may be
# used; partitions that hold the old system or a storage repository are not in it, so nothing can format them.
{ prelude }:
let
  inherit (prelude) check optionalAttrs;

  ext4 = mountpoint: { type = "filesystem"; format = "ext4"; inherit mountpoint; };
  esp = size: {
    inherit size;
    type = "EF00";
    priority = 1;
    content = { type = "filesystem"; format = "vfat"; mountpoint = "/boot"; mountOptions = [ "umask=0077" ]; };
  };
  biosBoot = { size = "1M"; type = "EF02"; priority = 1; };
  swapPart = size: { inherit size; priority = 3; content.type = "swap"; };
  disk = device: partitions: { disk.main = { type = "disk"; inherit device; content = { type = "gpt"; inherit partitions; }; }; };
  swap = cfg: optionalAttrs (cfg.swap != null) { swap = swapPart cfg.swap; };
  # The rest of the disk stays free for a storage repository where `rootSize` is given.
  rootSize = cfg: if cfg.rootSize == null then "100%" else cfg.rootSize;
  root = cfg: content: { priority = 2; size = rootSize cfg; inherit content; };
  rest = cfg: optionalAttrs (cfg.rootSize != null) { storage = { priority = 4; size = "100%"; }; };

  lvm = cfg: {
    lvm_vg.system = { type = "lvm_vg"; lvs.root = { size = if cfg.rootSize == null then "20G" else cfg.rootSize; content = ext4 "/"; }; };
  };
in
rec {
  layouts = {
    efi-ext4 = cfg: disk cfg.device ({ esp = esp cfg.espSize; root = root cfg (ext4 "/"); } // swap cfg // rest cfg);
    bios-ext4 = cfg: disk cfg.device ({ bios = biosBoot; root = root cfg (ext4 "/"); } // swap cfg // rest cfg);
    efi-lvm = cfg:
      disk cfg.device ({ esp = esp cfg.espSize; system = { priority = 2; size = "100%"; content = { type = "lvm_pv"; vg = "system"; }; }; } // swap cfg)
      // lvm cfg;
    efi-zfs = cfg:
      disk cfg.device ({ esp = esp cfg.espSize; zfs = { priority = 2; size = "100%"; content = { type = "zfs"; pool = "system"; }; }; } // swap cfg)
      // {
        zpool.system = {
          type = "zpool";
          rootFsOptions = { mountpoint = "none"; compression = "lz4"; acltype = "posixacl"; xattr = "sa"; };
          datasets = {
            root = { type = "zfs_fs"; mountpoint = "/"; options.mountpoint = "legacy"; };
            nix = { type = "zfs_fs"; mountpoint = "/nix"; options.mountpoint = "legacy"; };
            persist = { type = "zfs_fs"; mountpoint = "/persist"; options.mountpoint = "legacy"; };
          };
        };
      };
    efi-btrfs = cfg: disk cfg.device ({
      esp = esp cfg.espSize;
      root = root cfg {
        type = "btrfs";
        subvolumes = {
          "/root".mountpoint = "/";
          "/nix" = { mountpoint = "/nix"; mountOptions = [ "noatime" ]; };
          "/persist".mountpoint = "/persist";
        };
      };
    } // swap cfg // rest cfg);
  };

  names = builtins.attrNames layouts;
  inPlace = "xcp-ng-inplace";

  # `disko.devices` of a layout.
  devices = cfg: if cfg.layout == "none" || cfg.layout == inPlace then { } else layouts.${cfg.layout} cfg;

  # Mounts of an infected host, by the partition numbers XCP-ng gave: 2 was its backup and is our root now, 4 the ESP,
  # 5 its logs, 6 swap. 1 (its root) is only ever read, 3 belongs to the storage repository and is not touched. Hosts
  # with a partition of their maker's, or without a repository, are numbered otherwise: their devices are named.
  partition = device: number:
    let digit = builtins.match ".*[0-9]" device != null;
    in if prelude.hasPrefix "/dev/disk/by-" device then "${device}-part${toString number}"
    else "${device}${if digit then "p" else ""}${toString number}";
  inPlaceMounts = cfg:
    let given = device: number: if device != null then device else partition cfg.device number;
    in if cfg.layout != inPlace then { fileSystems = { }; swapDevices = [ ]; } else {
      fileSystems = {
        "/" = { device = given cfg.rootDevice 2; fsType = "ext4"; };
      } // optionalAttrs cfg.efi {
        "/boot" = { device = given cfg.espDevice 4; fsType = "vfat"; options = [ "umask=0077" ]; };
      } // optionalAttrs cfg.keepOldLogs {
        "/var/log/xcp-ng" = { device = given cfg.logsDevice 5; fsType = "auto"; options = [ "ro" "nofail" ]; };
      } // optionalAttrs cfg.keepOldRoot {
        "/old" = { device = given cfg.oldRootDevice 1; fsType = "auto"; options = [ "ro" "nofail" "noexec" ]; };
      };
      swapDevices = [{ device = given cfg.swapDevice 6; }];
    };

  checks = cfg: [
    (check "disk-without-device" (cfg.layout == "none" || cfg.device != null)
      "the layout needs a disk: set `xennix.disks.device` to a path below /dev/disk/by-id, or `layout = \"none\"`")
    (check "disk-by-number" (cfg.device == null || builtins.match "/dev/(sd[a-z]+|nvme[0-9]+n[0-9]+|vd[a-z]+)" cfg.device == null || cfg.allowUnstableDevice)
      "${toString cfg.device} may be another disk after the next start: use its name below /dev/disk/by-id, or set `xennix.disks.allowUnstableDevice = true`")
  ];
}
