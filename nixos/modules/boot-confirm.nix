# A new system has to prove itself: until it is confirmed the boot loader's default stays the old one, and a start
# that is not confirmed in time goes back by itself.
{ lib, config, ... }:
let
  inherit (lib) mkIf types;
  make = import ./make.nix lib;
  pure = import ../lib;
  inherit (pure.prelude) optional optionalAttrs optionals;
  cfg = config.xennix.boot.confirm;
  boot = config.xennix.boot;
  tool = "${boot.package}/bin/xennix-boot";
  loader = if boot.resolved == "grub-foreign" then "--grub ${boot.foreignGrub.directory}" else "--bootctl ${config.systemd.package}/bin/bootctl";
  checks = builtins.concatStringsSep " " (
    optionals (cfg.checks.xapi && config.services.xapi.enable) [ "--unit xapi.service" "--socket ${config.services.xapi.settings.socket}" ]
    ++ map (unit: "--unit ${unit}") cfg.checks.units
    ++ optional (cfg.reach != null) "--reach ${cfg.reach}"
  );
in
{
  options.xennix.boot.confirm = {
    enable = make.derived types.bool (boot.enable && builtins.elem boot.resolved [ "systemd-boot" "grub-foreign" ])
      "true where the boot loader can start an entry once"
      false
      "Whether a new generation is started once and becomes the default only when it proved healthy.";
    timeout = make.value types.ints.positive 600 300 "Seconds a start may take to be confirmed before the machine goes back to the last confirmed generation.";
    automatic = make.flag true "Whether healthy checks confirm by themselves. Without it somebody has to run `xennix-boot confirm` in time.";
    reach = make.value (types.nullOr types.str) null "192.0.2.1:53" "Address that (`HOST:PORT`) that must accept a TCP connection, such as a service behind the gateway.";
    checks = {
      xapi = make.flag true "Whether the toolstack must run and answer on its local socket.";
      units = make.value (types.listOf types.str) [ ] [ "sshd.service" ] "Further units that must be active.";
    };
  };

  config = mkIf cfg.enable {
    assertions = pure.assertions [
      (pure.prelude.check "confirm-needs-one-shot" (builtins.elem boot.resolved [ "systemd-boot" "grub-foreign" ])
        "${boot.resolved} can't start an entry just once: use systemd-boot, or set `xennix.boot.confirm.enable = false`")
    ];
    environment.systemPackages = [ boot.package ];
    # Where `no-confirm` goes; the toolstack's own directory, too.
    systemd.tmpfiles.rules = [ "d /run/xennix 0700 root root -" ];
    # After the loader was installed: the new generation is for one start, the default stays.
    boot.loader.systemd-boot.extraInstallCommands = mkIf (boot.resolved == "systemd-boot") ''
      ${tool} arm ${loader}
    '';
    systemd.services.xennix-boot-confirm = {
      description = "Confirm this generation or go back to the last confirmed one";
      wantedBy = [ "multi-user.target" ];
      after = optional config.services.xapi.enable "xapi.service";
      restartIfChanged = false;
      unitConfig = {
        ConditionPathExists = "!/run/xennix/no-confirm";
      } // optionalAttrs (boot.resolved == "grub-foreign") {
        # The old system is mounted without anything waiting for it.
        RequiresMountsFor = [ boot.foreignGrub.directory ];
      };
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        # What keeps the watch from its work is seen by people, and tried again.
        Restart = "on-failure";
        RestartSec = 10;
        StandardError = "journal+console";
        ExecStart = "${tool} watch ${loader} --timeout ${toString cfg.timeout}${pure.prelude.optionalString (!cfg.automatic) " --manual"} ${checks}";
        TimeoutStartSec = "infinity";
      };
    };
  };
}
