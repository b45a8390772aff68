# Declared storage repositories. They are made, introduced and attached by the toolstack when the manifest is applied;
# here only what it needs for that: file systems, directories, the manifest's entries.
{ lib, config, ... }:
let
  inherit (lib) mkIf types;
  make = import ./make.nix lib;
  pure = import ../lib;
  cfg = config.xennix.storage;
  maybe = type: example: description: make.value (types.nullOr type) null example description;
  policies = types.enum [ "locked" "power" "open" ];
in
{
  options.xennix.storage = {
    enable = make.derived types.bool config.xennix.enable "config.xennix.enable" false "Whether XenNix declares storage repositories.";
    policy = make.choice [ "locked" "power" "open" ] "power" "What clients may do to declared repositories. `open` lets them change everything until the next switch.";
    paths = {
      iso = maybe make.kinds.absolute "/srv/iso" "Directory of images; becomes the ISO repository `iso`.";
      images = maybe make.kinds.absolute "/srv/images" "Directory of disk images; becomes the file repository `images`.";
      suspend = maybe make.kinds.absolute "/srv/suspend" "Directory for the memory of suspended guests; becomes the file repository `suspend`.";
    };
    suspendRepository = make.derived (types.nullOr types.str) (if cfg.paths.suspend != null then "suspend" else null)
      "\"suspend\" where paths.suspend is set" "local" "Repository that takes the memory of suspended guests; null leaves the pool's setting.";
    repositories = make.value
      (types.attrsOf (types.submodule {
        options = {
          enable = make.flag true "Whether this repository is declared.";
          type = make.required (types.enum (builtins.attrNames pure.storage.kinds)) "lvm"
            "Kind of storage. `zfs` and `btrfs` are directories on file systems you manage; `other` hands `xapiType` and `deviceConfig` through.";
          device = maybe types.str "/dev/disk/by-id/nvme-EXAMPLE-part3" "Disk or partition of `ext` and `lvm`. It is given up to the repository when that is first made.";
          path = maybe make.kinds.absolute "/tank/guests" "Directory of `file`, `zfs`, `btrfs` and `iso`.";
          server = maybe types.str "filer.example.org" "Server of `nfs` and `nfs-iso`.";
          serverPath = maybe make.kinds.absolute "/export/guests" "Exported path of `nfs` and `nfs-iso`.";
          default = make.flag false "Whether new disks go here when nobody says where.";
          shared = maybe types.bool true "Whether all hosts of the pool reach it; null: as its type suggests.";
          uuid = maybe make.kinds.uuid "5c9a3f2e-40aa-4c1c-9f8a-6d1b2e3c4d5e" "UUID; null derives one from the host's.";
          adopted = make.flag false "Whether it exists already, as on a converted host. It is then only introduced and attached, never made or formatted.";
          create = make.flag true "Whether the toolstack may make it when it is not there.";
          label = maybe types.str "Local storage" "Name for clients; null takes the option's.";
          description = make.value types.str "" "two mirrored SSDs" "Description for clients.";
          deviceConfig = make.value (types.attrsOf types.str) { } { nfsversion = "4.1"; } "Further keys of the device configuration.";
          xapiType = maybe types.str "lvmoiscsi" "Type the toolstack knows, for `other`.";
          policy = make.derived policies cfg.policy "config.xennix.storage.policy" "locked" "What clients may do to it.";
        };
      }))
      { }
      { local = { type = "lvm"; device = "/dev/disk/by-id/nvme-EXAMPLE-part3"; default = true; }; }
      "Repositories by name.";
  };

  config = mkIf cfg.enable {
    assertions = pure.assertions (pure.storage.checks cfg ++ [
      (pure.prelude.check "sr-unknown-suspend"
        (cfg.suspendRepository == null || (pure.storage.resolve cfg) ? ${cfg.suspendRepository})
        "`xennix.storage.suspendRepository` names no declared repository: ${toString cfg.suspendRepository}")
    ]);
    boot.supportedFilesystems = pure.storage.filesystems cfg;
    services.lvm.enable = mkIf (builtins.any (sr: sr.type == "lvm" || sr.type == "ext") (builtins.attrValues (pure.storage.resolve cfg))) true;
    systemd.tmpfiles.rules = map (path: "d ${path} 0750 root root -") (pure.storage.ownDirectories cfg);
  };
}
