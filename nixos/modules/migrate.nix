# The last half of a conversion: what the old system handed over becomes the new one's state, once, before the
# toolstack starts. A failure keeps the toolstack down and the start unconfirmed, so that the machine goes back.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkIf types;
  make = import ./make.nix lib;
  pure = import ../lib;
  cfg = config.xennix.migrate;
in
{
  options.xennix.migrate = {
    enable = make.flag false "Whether this host takes over from an XCP-ng it was converted from.";
    package = make.derived types.package pkgs.xennix.infect "pkgs.xennix.infect" (lib.literalExpression "pkgs.xennix.infect") "The package with `bin/infect`.";
    handoffDir = make.value make.kinds.absolute "/var/lib/xennix-handoff" "/old-state" "Directory with handoff.json and what it lists.";
  };

  config = mkIf cfg.enable {
    assertions = pure.assertions [
      (pure.prelude.check "migrate-without-xapi" config.services.xapi.enable
        "there is nothing to hand over to: set `services.xapi.enable = true`, or `xennix.migrate.enable = false`")
    ];
    systemd.services.xennix-migrate = {
      description = "Take over the state of the converted system";
      wantedBy = [ "multi-user.target" ];
      requiredBy = [ "xapi.service" ];
      before = [ "xapi.service" ];
      restartIfChanged = false;
      unitConfig.ConditionPathExists = [ "${cfg.handoffDir}/handoff.json" "!${cfg.handoffDir}/done" ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = "${cfg.package}/bin/infect import --handoff ${cfg.handoffDir} --state-dir ${config.services.xapi.settings.state-dir}";
        UMask = "0077";
      };
    };
  };
}
