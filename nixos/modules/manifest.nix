# What is declared, as the one document the reconciler reads, and the unit that applies it.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkIf types;
  make = import ./make.nix lib;
  pure = import ../lib;
  x = config.xennix;
  cfg = x.reconcile;
in
{
  options.xennix = {
    reconcile = {
      enable = make.derived types.bool config.services.xapi.enable "config.services.xapi.enable" false
        "Whether declared networks, repositories and guests are brought about after each switch.";
      package = make.derived types.package pkgs.xennix.reconcile "pkgs.xennix.reconcile" (lib.literalExpression "pkgs.xennix.reconcile")
        "The package with `bin/xennix-reconcile`.";
      dryRun = make.flag false "Whether to only print what would be done.";
      lock = make.flag true "Whether clients are kept from changing declared objects, as their `policy` says.";
      removeOthers = make.flag false "Whether guests that nothing declares are shut down, too. Without it only formerly declared ones are ever touched.";
    };
    manifest = lib.mkOption {
      type = types.raw;
      readOnly = true;
      internal = true;
      description = "What is declared, as data.";
    };
  };

  config = {
    xennix.manifest = pure.manifest.make {
      hostUuid = x.host.uuid;
      inherit (x) pool network storage domains;
      host = { inherit (x.host) nameLabel nameDescription; };
      policy = {
        inherit (cfg) lock removeOthers;
        suspendRepository = if x.storage.enable then x.storage.suspendRepository else null;
      };
    };
    environment = mkIf cfg.enable {
      etc."xennix/manifest.json".text = builtins.toJSON x.manifest;
      systemPackages = [ cfg.package ];
    };
    systemd.services.xennix-reconcile = mkIf cfg.enable {
      description = "Bring about what is declared";
      wantedBy = [ "multi-user.target" ];
      after = [ "xapi.service" ];
      requires = [ "xapi.service" ];
      restartTriggers = [ (builtins.toJSON x.manifest) ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = "${cfg.package}/bin/xennix-reconcile apply${pure.prelude.optionalString cfg.dryRun " --dry-run"} --wait 120 --boot-marker /run/xennix/guests-started --socket ${config.services.xapi.settings.socket} /etc/xennix/manifest.json";
      };
    };
    # `switch-to-configuration dry-activate` shows the plan of the new manifest.
    system.activationScripts.xennix-plan = mkIf cfg.enable {
      supportsDryActivation = true;
      text = ''
        if [ "''${NIXOS_ACTION-}" = dry-activate ]; then
          ${cfg.package}/bin/xennix-reconcile apply --dry-run --socket ${config.services.xapi.settings.socket} \
            ${pkgs.writeText "manifest.json" (builtins.toJSON x.manifest)} || true
        fi
      '';
    };
  };
}
