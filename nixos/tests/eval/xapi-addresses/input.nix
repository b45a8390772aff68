# Addresses straight in the settings win over `listen`.
{
  module.services.xapi = {
    enable = true;
    settings = { state-dir = "/srv/xapi"; http = "none"; https = "127.0.0.1:9443"; };
  };
}
