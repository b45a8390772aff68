# Xen Orchestra: settings, database, TLS and a connection to this host. The package is yours to give: nixpkgs has none.
{ lib, config, ... }:
let
  inherit (lib) mkDefault mkIf mkMerge types;
  make = import ./make.nix lib;
  pure = import ../lib;
  inherit (pure.prelude) optional;
  cfg = config.services.xen-orchestra;
  tls = cfg.http.tls;
  package = if cfg.package == null then "/run/no-xen-orchestra" else cfg.package;
in
{
  options.services.xen-orchestra = {
    enable = make.flag false "Whether Xen Orchestra runs here. In a guest it keeps dom0 small.";
    package = make.value (types.nullOr types.package) null (lib.literalExpression "inputs.xo.packages.x86_64-linux.default")
      "Package with `bin/xo-server`, and `bin/xo-cli` for `connectLocal`.";
    stateDir = make.value make.kinds.absolute "/var/lib/xo-server" "/persist/xo" "Directory of its data.";
    user = make.value make.kinds.name "xo" "orchestra" "User it runs as.";
    settings = make.value (types.attrsOf types.anything) { } { authentication.defaultTokenValidity = "30 days"; } "Settings of xo-server, by the keys of its TOML file; they win over those below.";
    openFirewall = make.flag false "Whether to open its port in the firewall.";
    redis = {
      create = make.flag true "Whether a Redis of its own is run.";
      socket = make.value make.kinds.absolute "/run/redis-xo/redis.sock" "/run/redis/redis.sock" "Socket of its Redis.";
    };
    http = {
      address = make.value types.str "127.0.0.1" "0.0.0.0" "Address to listen on.";
      port = make.value types.port 8443 443 "Port to listen on.";
      tls = {
        enable = make.flag true "Whether it speaks TLS.";
        cert = make.value (types.nullOr make.kinds.absolute) null "/var/lib/acme/xo/cert.pem" "Certificate; null lets it make its own.";
        key = make.value (types.nullOr make.kinds.absolute) null "/var/lib/acme/xo/key.pem" "Key of the certificate.";
      };
    };
    connectLocal = make.flag false "Whether this host's pool is added by itself, through the local toolstack.";
    adminPasswordFile = make.value (types.nullOr make.kinds.absolute) null "/run/keys/xo-admin" "File with the password of the first administrator and, for `connectLocal`, of its client.";
    rootPasswordFile = make.derived (types.nullOr make.kinds.absolute) config.services.xapi.settings.root-password-file
      "config.services.xapi.settings.root-password-file" "/run/keys/xapi-root" "File with the password `connectLocal` logs in to the toolstack with.";
  };

  config = mkIf cfg.enable (mkMerge [
    {
      assertions = pure.assertions [
        (pure.prelude.check "xo-without-package" (cfg.package != null)
          "nixpkgs has no Xen Orchestra: set `services.xen-orchestra.package` to a package that has `bin/xo-server`")
        (pure.prelude.check "xo-half-certificate" ((tls.cert == null) == (tls.key == null))
          "a certificate needs its key: set both `http.tls.cert` and `http.tls.key` of services.xen-orchestra, or neither")
        (pure.prelude.check "xo-connect-without-passwords" (!cfg.connectLocal || (cfg.adminPasswordFile != null && cfg.rootPasswordFile != null))
          "connecting needs passwords: set `services.xen-orchestra.adminPasswordFile` and `rootPasswordFile`, or `connectLocal = false`")
        (pure.prelude.check "xo-connect-without-xapi" (!cfg.connectLocal || config.services.xapi.enable)
          "there is no local toolstack to connect to: set `services.xapi.enable = true`, or `connectLocal = false`")
      ];
      users.users.${cfg.user} = { isSystemUser = true; group = cfg.user; home = cfg.stateDir; };
      users.groups.${cfg.user}.members = [ cfg.user ];
      services.xen-orchestra.settings = {
        http.listen = mkDefault [
          ({ hostname = cfg.http.address; inherit (cfg.http) port; }
            // pure.prelude.optionalAttrs tls.enable (
            if tls.cert != null then { inherit (tls) cert key; }
            else { autoCert = true; cert = "${cfg.stateDir}/cert.pem"; key = "${cfg.stateDir}/key.pem"; }
          ))
        ];
        redis.socket = mkDefault cfg.redis.socket;
        datadir = mkDefault "${cfg.stateDir}/data";
      };
      environment.etc."xo-server/config.toml".text = pure.toml.file cfg.settings;
      networking.firewall.allowedTCPPorts = mkIf cfg.openFirewall [ cfg.http.port ];
      systemd.services.xo-server = {
        description = "Xen Orchestra";
        wantedBy = [ "multi-user.target" ];
        after = [ "network-online.target" ] ++ optional cfg.redis.create "redis-xo.service";
        wants = [ "network-online.target" ];
        requires = optional cfg.redis.create "redis-xo.service";
        restartTriggers = [ (pure.toml.file cfg.settings) ];
        environment.HOME = cfg.stateDir;
        serviceConfig = {
          ExecStart = "${package}/bin/xo-server";
          WorkingDirectory = cfg.stateDir;
          User = cfg.user;
          Group = cfg.user;
          StateDirectory = mkIf (pure.prelude.hasPrefix "/var/lib/" cfg.stateDir) (pure.prelude.removePrefix "/var/lib/" cfg.stateDir);
          StateDirectoryMode = "0700";
          AmbientCapabilities = mkIf (cfg.http.port < 1024) "CAP_NET_BIND_SERVICE";
          SupplementaryGroups = mkIf cfg.redis.create "redis-xo";
          Restart = "on-failure";
          NoNewPrivileges = true;
          ProtectSystem = "full";
          ProtectHome = true;
        };
      };
    }
    (mkIf cfg.redis.create {
      services.redis.servers.xo = { enable = true; unixSocket = cfg.redis.socket; port = 0; };
    })
    (mkIf (cfg.connectLocal && cfg.adminPasswordFile != null && cfg.rootPasswordFile != null) {
      systemd.services.xen-orchestra-connect = {
        description = "Add this host's pool to Xen Orchestra";
        wantedBy = [ "multi-user.target" ];
        after = [ "xo-server.service" "xapi.service" ];
        requires = [ "xo-server.service" ];
        unitConfig.ConditionPathExists = "!${cfg.stateDir}/connected";
        environment.HOME = cfg.stateDir;
        script = ''
          ${package}/bin/xo-cli register --allowUnauthorized \
            ${if tls.enable then "https" else "http"}://${cfg.http.address}:${toString cfg.http.port} admin@admin.net "$(cat ${cfg.adminPasswordFile})"
          ${package}/bin/xo-cli server.add host=127.0.0.1:${toString config.services.xapi.listen.port} username=root \
            password="$(cat ${cfg.rootPasswordFile})" autoConnect=json:true allowUnauthorized=json:true
          touch ${cfg.stateDir}/connected
        '';
        serviceConfig = { Type = "oneshot"; RemainAfterExit = true; };
      };
    })
  ]);
}
