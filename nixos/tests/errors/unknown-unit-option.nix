# expects: The option `systemd.services.xapi.wantdBy' does not exist
{ module = { systemd.services.xapi.wantdBy = [ "multi-user.target" ]; }; }
