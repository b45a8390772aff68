# Every key of the server's settings file.
{
  module = { pkgs, ... }: {
    services.xapi = {
      enable = true;
      package = pkgs.example "other-xapi";
      xePackage = null;
      path = [ (pkgs.example "tools") "/opt/xen" ];
      dataDir = "/persist/xennix";
      openFirewall = false;
      listen = { address = "2001:db8::10"; port = 8443; httpPort = null; };
      settings = {
        nbd = "0.0.0.0:10809";
        socket = "/run/xapi.sock";
        backend = "sim";
        network = "existing";
        storage = "sim";
        auth = "pam";
        data-path = "tapdisk";
        drivers = "none";
        run-dir = "/run/xennix-2";
        root-password-file = "/run/keys/xapi-root";
        first-boot = "/etc/xennix/first-boot.toml";
        log = "warn,audit=info";
      };
    };
    xennix.host = { uuid = "b9e6a9d0-7a0e-4c61-9f6e-2a3a3a1f0c55"; nameLabel = "rack 4"; nameDescription = "upper"; memory = 65536; };
    xennix.pool = { nameLabel = "laboratory"; nameDescription = "everything in the cellar"; };
  };
}
