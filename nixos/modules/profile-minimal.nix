# A small dom0: what a toolstack host does not need is off by default, and each of it can be had back.
{ lib, config, ... }:
let
  inherit (lib) mkDefault mkIf mkMerge types;
  make = import ./make.nix lib;
  cfg = config.xennix.profile;
in
{
  options.xennix.profile = {
    minimal = make.derived types.bool config.xennix.enable "config.xennix.enable" false "Whether to leave out what a dom0 does not need.";
    keepDocs = make.flag false "Whether manuals stay.";
    ssh = make.flag true "Whether sshd runs, for keys only.";
    firmware = make.flag true "Whether firmware for network cards and controllers is there.";
    timeSync = make.flag true "Whether the clock follows the network; certificates and guests depend on it.";
    collectGarbage = make.flag true "Whether old generations leave the store once a week after 30 days.";
    extraPackages = make.value (types.listOf types.package) [ ] (lib.literalExpression "[ pkgs.htop ]") "Further programs for all users.";
  };

  config = mkIf cfg.minimal (mkMerge [
    {
      environment.defaultPackages = mkDefault [ ];
      environment.systemPackages = cfg.extraPackages;
      environment.stub-ld.enable = mkDefault false;
      fonts.fontconfig.enable = mkDefault false;
      programs.command-not-found.enable = mkDefault false;
      services.udisks2.enable = mkDefault false;
      xdg.autostart.enable = mkDefault false;
      xdg.icons.enable = mkDefault false;
      xdg.mime.enable = mkDefault false;
      xdg.sounds.enable = mkDefault false;
      boot.enableContainers = mkDefault false;
      hardware.enableRedistributableFirmware = mkDefault cfg.firmware;
      services.timesyncd.enable = mkDefault cfg.timeSync;
    }
    (mkIf (!cfg.keepDocs) {
      documentation.enable = mkDefault false;
      documentation.nixos.enable = mkDefault false;
      documentation.man.enable = mkDefault false;
    })
    (mkIf cfg.ssh {
      services.openssh.enable = mkDefault true;
      services.openssh.settings.PasswordAuthentication = mkDefault false;
    })
    (mkIf cfg.collectGarbage {
      nix.gc.automatic = mkDefault true;
      nix.gc.options = mkDefault "--delete-older-than 30d";
    })
  ]);
}
