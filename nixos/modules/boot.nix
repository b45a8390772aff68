# Who starts Xen: systemd-boot (UEFI), limine (BIOS), or on a converted host the GRUB that stands there already,
# through our own tool.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkDefault mkForce mkIf mkMerge types;
  make = import ./make.nix lib;
  pure = import ../lib;
  cfg = config.xennix.boot;
  loader = if cfg.loader != "auto" then cfg.loader else if cfg.firmware == "uefi" then "systemd-boot" else "limine";
  limit = if cfg.configurationLimit == 0 then null else cfg.configurationLimit;
in
{
  options.xennix.boot = {
    enable = make.derived types.bool config.xennix.hypervisor.enable "config.xennix.hypervisor.enable" false
      "Whether XenNix chooses and sets up the boot loader.";
    package = make.derived types.package pkgs.xennix.boot "pkgs.xennix.boot" (lib.literalExpression "pkgs.xennix.boot")
      "The package with `bin/xennix-boot`.";
    firmware = make.derived (types.enum [ "uefi" "bios" ])
      (if pure.prelude.hasPrefix "bios" config.xennix.disks.layout || (config.xennix.disks.layout == pure.layouts.inPlace && !config.xennix.disks.efi) then "bios" else "uefi")
      "bios for a layout that starts so, else uefi" "bios"
      "Firmware of this machine.";
    loader = make.choice [ "auto" "systemd-boot" "limine" "grub-foreign" ] "auto"
      "Boot loader. `auto`: systemd-boot with UEFI, limine with BIOS. `grub-foreign`: entries in the GRUB of the system this host was converted from.";
    configurationLimit = make.value types.ints.unsigned 8 20 "Generations kept in the boot menu; 0 keeps all.";
    foreignGrub = {
      directory = make.value make.kinds.absolute "/old/boot/grub" "/boot/grub" "Directory of the foreign GRUB's grub.cfg and grubenv, mounted writable while entries change.";
      rootUuid = make.value (types.nullOr types.str) null "2f1d9a9c-7a44-4a43-8e55-9f0c6f6e3a10" "UUID of the file system with /nix/store, by which GRUB finds it.";
    };
    resolved = lib.mkOption {
      type = types.str;
      readOnly = true;
      internal = true;
      description = "The loader that was chosen.";
    };
  };

  config = mkMerge [
    { xennix.boot.resolved = if cfg.enable then loader else "none"; }
    (mkIf cfg.enable (mkMerge [
      {
        assertions = pure.assertions [
          (pure.prelude.check "boot-systemd-boot-needs-uefi" (loader != "systemd-boot" || cfg.firmware == "uefi")
            "systemd-boot needs UEFI: set `xennix.boot.loader = \"limine\"`, or `xennix.boot.firmware = \"uefi\"` if this machine has it")
          (pure.prelude.check "boot-grub-without-root" (loader != "grub-foreign" || cfg.foreignGrub.rootUuid != null)
            "GRUB has to find the store: set `xennix.boot.foreignGrub.rootUuid` to what `blkid -s UUID` says of the new root")
        ];
        # Whatever a mkDefault of nixpkgs would have chosen.
        boot.loader.grub.enable = mkDefault false;
      }
      (mkIf (loader == "systemd-boot") {
        boot.loader.systemd-boot = { enable = mkDefault true; configurationLimit = mkDefault limit; };
        boot.loader.efi.canTouchEfiVariables = mkDefault true;
      })
      (mkIf (loader == "limine") {
        boot.loader.limine = {
          enable = mkDefault true;
          maxGenerations = mkDefault limit;
          efiSupport = mkDefault (cfg.firmware == "uefi");
          biosSupport = mkDefault (cfg.firmware == "bios");
          biosDevice = mkIf (cfg.firmware == "bios" && config.xennix.disks.device != null) (mkDefault config.xennix.disks.device);
        };
      })
      (mkIf (loader == "grub-foreign") {
        # nixpkgs' Xen module takes no GRUB. It is told of systemd-boot, and the installer is ours: nothing of
        # systemd-boot is ever written.
        boot.loader.systemd-boot.enable = true;
        system.build.installBootLoader = mkForce (pkgs.writeShellScript "xennix-install-boot-entries" ''
          exec ${cfg.package}/bin/xennix-boot install \
            --grub ${cfg.foreignGrub.directory} \
            --root-uuid ${toString cfg.foreignGrub.rootUuid} \
            --limit ${toString cfg.configurationLimit} \
            "$1"
        '');
      })
    ]))
  ];
}
