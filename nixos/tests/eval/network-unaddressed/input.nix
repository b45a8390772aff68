# A management bridge without an address draws a warning.
{ module.xennix = { enable = true; network.management.interfaces = [ "eth0" ]; }; }
