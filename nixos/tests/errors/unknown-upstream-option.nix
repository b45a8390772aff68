# expects: The option `boot.loader.systemd-boot.colour' does not exist
{ module = { boot.loader.systemd-boot.colour = "red"; }; }
