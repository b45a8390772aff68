# The toolstack daemon: every key of its settings file as a typed option, and its unit, which is the one other systems
# get (packaging/systemd) with this system's paths.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkDefault mkIf types;
  make = import ./make.nix lib;
  pure = import ../lib;
  inherit (pure.prelude) optional optionalAttrs optionals;
  cfg = config.services.xapi;
  settings = pure.toml.file cfg.settings;
  nullable = types.nullOr types.str;
  listening = address: port: if port == null then "none" else "${if builtins.match ".*:.*" address != null then "[${address}]" else address}:${toString port}";
  unit = builtins.readFile ../../packaging/systemd/xapi.service;
  xen = config.xennix.hypervisor.enable;
  tools = pure.tools.always
    // optionalAttrs (cfg.settings.storage != "sim") pure.tools.storage
    // optionalAttrs xen pure.tools.xen
    // (pure.tools.${cfg.settings.network} or { });
in
{
  options.services.xapi = {
    enable = make.derived types.bool config.xennix.enable "config.xennix.enable" true
      "Whether to run xapi, the toolstack daemon clients talk to.";
    package = make.derived types.package pkgs.xennix.xapi "pkgs.xennix.xapi" (lib.literalExpression "pkgs.xennix.xapi")
      "The package with `bin/xapi`.";
    xePackage = make.derived (types.nullOr types.package) pkgs.xennix.xe "pkgs.xennix.xe" null
      "The package with `bin/xe`, put on the path of all users; null leaves it out.";
    path = make.derived (types.listOf (types.either types.package types.str))
      (map (name: pkgs.${name}) (builtins.attrNames tools)
        # Besides its programs, those it keeps for itself: what processors can do for guests is told by one of them.
        ++ optionals xen [ config.virtualisation.xen.package "${config.virtualisation.xen.package}/libexec/xen" config.virtualisation.xen.qemu.package ])
      "what it starts with these settings"
      (lib.literalExpression "[ pkgs.lvm2 pkgs.util-linux ]")
      "Packages with the programs it starts: what is not there, it does without.";
    dataDir = make.value make.kinds.absolute "/var/lib/xennix" "/persist/xennix" "Directory of the server's state.";
    openFirewall = make.flag true "Whether to open the server's ports in the firewall.";
    listen = {
      address = make.value types.str "0.0.0.0" "192.0.2.10" "Address to listen on.";
      port = make.value (types.nullOr types.port) 443 8443 "Port for TLS; null listens on none.";
      httpPort = make.value (types.nullOr types.port) 80 null "Port in the clear; null listens on none.";
    };
    settings = make.value
      (types.submodule {
        options = {
          state-dir = make.derived types.str cfg.dataDir "config.services.xapi.dataDir" "/persist/xennix" "Directory of the state.";
          http = make.derived types.str (listening cfg.listen.address cfg.listen.httpPort) "from services.xapi.listen" "none"
            "Address and port in the clear, or `none`.";
          https = make.derived types.str (listening cfg.listen.address cfg.listen.port) "from services.xapi.listen" "none"
            "Address and port for TLS, or `none`.";
          nbd = make.value nullable null "0.0.0.0:10809" "Address and port that serves disks to backup programs, or `none`; null leaves it off.";
          socket = make.value types.str "/var/lib/xcp/xapi" "/run/xapi.sock" "Local socket; root needs no password there.";
          backend = make.choice [ "auto" "sim" "xl" ] "auto" "What to stand on: Xen where this is a dom0 (`auto`), Xen (`xl`), or the simulator (`sim`).";
          network = make.choice [ "existing" "kernel" "networkd" "openvswitch" ] "existing" "Who makes the bridges of a real host. `existing`: this configuration does, and the toolstack only uses them.";
          storage = make.choice [ "auto" "sim" "native" ] "auto" "Where disks are: as the backend (`auto`), simulated (`sim`), or this machine's real devices (`native`).";
          data-path = make.value nullable null "tapdisk" "How guests reach native disks: `ublk`, `kernel-nbd`, `nbd-socket` or `tapdisk` (which needs a package with `tap-ctl` in `path`); null takes the best way this host has.";
          drivers = make.value nullable null "/opt/xensource/sm" "Directory of storage drivers that are programs, or `none`; null leaves the server's default.";
          run-dir = make.value nullable null "/run/xennix-2" "Directory of what is open, emptied by a reboot; null leaves the server's default.";
          auth = make.choice [ "file" "pam" ] "file" "Who checks root's password: a file of the server's own, or the system.";
          root-password-file = make.value nullable null "/run/keys/xapi-root" "File holding the root password to set at start.";
          first-boot = make.value nullable null "/etc/xennix/first-boot.toml" "Seed of a new state directory: identity, hardware, templates.";
          log = make.value types.str "info" "warn,audit=info" "What to log.";
        };
      })
      { }
      { log = "warn,audit=info"; }
      "Settings of the server, by the keys of its TOML file.";
  };

  config = mkIf cfg.enable {
    environment.etc."xennix/xapi.toml".text = settings;
    environment.systemPackages = optional (cfg.xePackage != null) cfg.xePackage;
    # What `mount` needs for servers of files is found on the system's path only.
    system.fsPackages = optionals (cfg.settings.storage != "sim") [ pkgs.nfs-utils pkgs.cifs-utils ];
    # Nothing of the host looks into guests' disks.
    services.udev.packages = [ cfg.package ];
    networking.firewall.allowedTCPPorts = mkIf cfg.openFirewall
      (builtins.filter (port: port != null) [ cfg.listen.httpPort cfg.listen.port ]);
    security.pam.services = mkIf (cfg.settings.auth == "pam") { xapi.unixAuth = true; };
    systemd.services.xapi = {
      description = "XenNix toolstack daemon";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      # ovs-vswitchd.service is what others call openvswitch-switch.service.
      after = pure.unit.list "Unit" "After" unit ++ [ "ovs-vswitchd.service" ];
      requires = optional xen "xen-init-dom0.service";
      inherit (cfg) path;
      # The identity is the declared one, but a host that has one keeps it.
      preStart = ''
        (umask 077; mkdir -p ${cfg.settings.state-dir} "$(dirname ${cfg.settings.socket})")
        [ -s ${cfg.settings.state-dir}/host-uuid ] || (umask 077; printf %s ${config.xennix.host.uuid} > ${cfg.settings.state-dir}/host-uuid)
      '';
      restartTriggers = [ settings ];
      serviceConfig = builtins.mapAttrs (_: mkDefault) (removeAttrs (pure.unit.settings "Service" unit) [ "ExecStart" ]) // {
        ExecStart = "${cfg.package}/bin/xapi --config /etc/xennix/xapi.toml";
      };
    };
  };
}
