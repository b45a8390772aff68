# expects: The option `services.xapi.settings.colour' does not exist
{ module = { services.xapi = { enable = true; settings.colour = "red"; }; }; }
