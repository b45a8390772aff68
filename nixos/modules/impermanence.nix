# A root that forgets: presets of what a dom0 has to keep.
{ lib, config, options, ... }:
let
  inherit (lib) mkDefault mkIf mkMerge types;
  make = import ./make.nix lib;
  pure = import ../lib;
  cfg = config.xennix.impermanence;
  keeps = {
    directories = [
      config.services.xapi.dataDir
      "/var/lib/xcp"
      "/var/lib/xennix-boot"
      "/var/lib/xen"
      "/var/lib/nixos"
      "/var/lib/systemd"
      "/var/log"
      "/etc/lvm"
    ] ++ cfg.extraDirectories;
    files = [
      "/etc/machine-id"
      "/etc/ssh/ssh_host_ed25519_key"
      "/etc/ssh/ssh_host_ed25519_key.pub"
      "/etc/ssh/ssh_host_rsa_key"
      "/etc/ssh/ssh_host_rsa_key.pub"
    ] ++ cfg.extraFiles;
  };
in
{
  options.xennix.impermanence = {
    enable = make.flag false "Whether the root file system starts empty each time.";
    preset = make.choice [ "tmpfs" "zfs" "btrfs" ] "tmpfs" "What the root is: memory, or a dataset or subvolume that is put back.";
    persistPath = make.value make.kinds.absolute "/persist" "/keep" "Where what is kept lives.";
    size = make.value types.str "2G" "25%" "Most memory a `tmpfs` root takes.";
    dataset = make.value types.str "system/root@blank" "tank/root@empty" "Snapshot a `zfs` root goes back to.";
    device = make.value (types.nullOr types.str) null "/dev/disk/by-label/system" "Device of a `btrfs` root.";
    extraDirectories = make.value (types.listOf types.str) [ ] [ "/root" ] "Further directories to keep.";
    extraFiles = make.value (types.listOf types.str) [ ] [ "/etc/adjtime" ] "Further files to keep.";
  };

  config = mkIf cfg.enable (mkMerge [
    {
      assertions = pure.assertions [
        (pure.prelude.check "impermanence-module" (options.environment ? persistence)
          "keeping files needs the impermanence module: import it, or set `xennix.impermanence.enable = false`")
        (pure.prelude.check "impermanence-persist" (config.fileSystems.${cfg.persistPath}.neededForBoot or false)
          "set `fileSystems.\"${cfg.persistPath}\".neededForBoot = true`: what is kept has to be there before services start")
        (pure.prelude.check "impermanence-btrfs-device" (cfg.preset != "btrfs" || cfg.device != null)
          "set `xennix.impermanence.device` to the device of the btrfs file system")
      ];
    }
    (mkIf (cfg.preset == "tmpfs") {
      fileSystems."/" = { device = mkDefault "none"; fsType = mkDefault "tmpfs"; options = [ "size=${cfg.size}" "mode=755" ]; };
    })
    (mkIf (cfg.preset == "zfs") {
      boot.initrd.systemd.services.xennix-forget = {
        description = "Put the root back to its empty snapshot";
        wantedBy = [ "initrd.target" ];
        after = [ "zfs-import.target" ];
        before = [ "sysroot.mount" ];
        unitConfig.DefaultDependencies = "no";
        serviceConfig.Type = "oneshot";
        script = "zfs rollback -r ${cfg.dataset}";
      };
    })
    (mkIf (cfg.preset == "btrfs" && cfg.device != null) {
      boot.initrd.systemd.services.xennix-forget = {
        description = "Put an empty subvolume in the place of the root";
        wantedBy = [ "initrd.target" ];
        after = [ "initrd-root-device.target" ];
        before = [ "sysroot.mount" ];
        unitConfig.DefaultDependencies = "no";
        serviceConfig.Type = "oneshot";
        # The last root is kept until the next start.
        script = ''
          mkdir -p /forget
          mount -t btrfs -o subvol=/ ${cfg.device} /forget
          if [ -e /forget/root ]; then
            [ ! -e /forget/root.last ] || btrfs subvolume delete --recursive /forget/root.last
            mv /forget/root /forget/root.last
          fi
          btrfs subvolume create /forget/root
          umount /forget
        '';
      };
    })
    (if options.environment ? persistence then {
      environment.persistence.${cfg.persistPath} = { hideMounts = mkDefault true; inherit (keeps) directories files; };
    } else { })
  ]);
}
