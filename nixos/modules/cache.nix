# dom0's store as a binary cache for its guests, reachable from their bridges only.
{ lib, config, pkgs, ... }:
let
  inherit (lib) mkIf types;
  make = import ./make.nix lib;
  pure = import ../lib;
  inherit (pure.prelude) mergeAll;
  cfg = config.xennix.cache;
  bridges = (pure.network.resolve config.xennix.network).bridges;
  fixed = builtins.filter (address: address != null) (map (name: bridges.${name}.address or null) cfg.bridges);
  bare = address: builtins.head (builtins.match "([^/]*).*" address);
  key = if cfg.signingKeyFile != null then cfg.signingKeyFile else "/var/lib/xennix-cache/secret-key";
in
{
  options.xennix.cache = {
    enable = make.flag false "Whether guests can take store paths from this host.";
    bridges = make.derived (types.listOf types.str) [ config.xennix.network.management.bridge ] "[ config.xennix.network.management.bridge ]" [ "xenbr1" ] "Bridges whose guests reach the cache.";
    address = make.derived (types.nullOr types.str) (if fixed == [ ] then null else bare (builtins.head fixed))
      "the first fixed address on `bridges`" "192.0.2.10" "Address to listen on.";
    port = make.value types.port 5000 8080 "Port to listen on.";
    signingKeyFile = make.value (types.nullOr make.kinds.absolute) null "/run/keys/cache" "Secret key that signs what is handed out; null makes one at first start.";
    keyName = make.derived types.str "${config.networking.hostName}-1" "networking.hostName and \"-1\"" "dom0-1" "Name of the key that is made.";
    publicKeys = make.value (types.listOf types.str) [ ] [ "dom0-1:AAAA" ] "Public halves of the signing key, for declared guests to trust; that of a key made here is in /var/lib/xennix-cache/secret-key.pub.";
    upstream = make.value (types.listOf types.str) [ ] [ "https://cache.example.org" ] "Caches this host itself takes from, before those it has anyway.";
    package = make.value (types.nullOr types.package) null (lib.literalExpression "pkgs.nix-serve-ng") "Server to use; null takes that of nixpkgs' module.";
  };

  config = mkIf cfg.enable {
    assertions = pure.assertions [
      (pure.prelude.check "cache-without-address" (cfg.address != null)
        "none of the cache's bridges has a fixed address: set `xennix.cache.address` to one of this host")
    ];
    warnings = pure.prelude.optional (cfg.publicKeys == [ ])
      "xennix.cache: guests take nothing they have no key for: set `xennix.cache.publicKeys` to what stands in ${key}.pub";
    services.nix-serve = {
      enable = true;
      bindAddress = mkIf (cfg.address != null) cfg.address;
      inherit (cfg) port;
      secretKeyFile = key;
      package = mkIf (cfg.package != null) cfg.package;
    };
    networking.firewall.interfaces = mergeAll (map (name: { ${name}.allowedTCPPorts = [ cfg.port ]; }) cfg.bridges);
    nix.settings.substituters = cfg.upstream;
    systemd.services.xennix-cache-key = mkIf (cfg.signingKeyFile == null) {
      description = "Make the key of the guests' cache";
      wantedBy = [ "multi-user.target" ];
      requiredBy = [ "nix-serve.service" ];
      before = [ "nix-serve.service" ];
      unitConfig.ConditionPathExists = "!${key}";
      path = [ pkgs.nix ];
      script = ''
        mkdir -p "$(dirname ${key})"
        (umask 077; nix --extra-experimental-features nix-command key generate-secret --key-name ${cfg.keyName} > ${key})
        nix --extra-experimental-features nix-command key convert-secret-to-public < ${key} > ${key}.pub
      '';
      serviceConfig = { Type = "oneshot"; RemainAfterExit = true; };
    };
  };
}
