# Behind a proxy that speaks TLS, on somebody else's Redis.
{
  module = { pkgs, ... }: {
    services.xen-orchestra = { enable = true; package = pkgs.example "xo"; stateDir = "/persist/xo"; http.tls.enable = false; redis.create = false; };
  };
}
