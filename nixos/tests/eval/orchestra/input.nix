# Xen Orchestra next to the toolstack, with its own certificate.
{
  module = { pkgs, ... }: {
    services.xapi = { enable = true; settings.root-password-file = "/run/keys/xapi-root"; };
    services.xen-orchestra = {
      enable = true;
      package = pkgs.example "xo";
      stateDir = "/var/lib/xo";
      user = "orchestra";
      settings.authentication.defaultTokenValidity = "30 days";
      openFirewall = true;
      redis = { create = true; socket = "/run/redis-xo/own.sock"; };
      http = { address = "0.0.0.0"; port = 443; tls = { enable = true; cert = "/var/lib/acme/xo/cert.pem"; key = "/var/lib/acme/xo/key.pem"; }; };
      connectLocal = true;
      adminPasswordFile = "/run/keys/xo-admin";
      rootPasswordFile = "/run/keys/xapi-root-of-xo";
    };
  };
}
